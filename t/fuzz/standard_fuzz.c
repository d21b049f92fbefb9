/*
 * standard_fuzz.c: whatever stands in the file of a standard domain, what is taken holds plain addresses
 * alone, and reads back as the same.
 *
 * fuzz-max-len: 16384
 */
#include "store/standard.h"
#include "t/fuzz/require.h"

#include <stdint.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static bool is_plain(char c)
{
	return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
	       (c != '\0' && strchr("._+=-@, ", c) != NULL);
}

static void check_targets(const char *s)
{
	require(*s != '\0' && *s != ',' && *s != ' ');
	for (const char *p = s; *p != '\0'; p++)
		require(is_plain(*p));
	for (const char *at = s; (at = strchr(at, '@')) != NULL;) {
		size_t len = strcspn(++at, ",");
		require(len < 8 || strncmp(at + len - 8, ".invalid", 8) != 0);
	}
}

static void write_back(const struct pv_standard *s, struct pv_buf *out)
{
	pv_buf_adds(out, "#\n");
	for (size_t i = 0; i < s->count; i++)
		pv_buf_addf(out, "%s %s\n", s->list[i].local.len == 0 ? "@" : s->list[i].local.s,
			    pv_standard_targets(s, &s->list[i]));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct pv_buf text = PV_BUF_INIT(1 << 20), again = PV_BUF_INIT(1 << 20);
	struct pv_standard s, t;
	struct pv_domain d;

	require(pv_domain_parse("std.dk", 6, &d, NULL) == PV_OK);
	pv_buf_add(&text, data, size);
	if (pv_standard_parse(&text, "fuzz", &d, &s, NULL) == PV_OK) {
		for (size_t i = 0; i < s.count; i++) {
			check_targets(pv_standard_targets(&s, &s.list[i]));
			require(i == 0 || strcmp(s.list[i - 1].local.s, s.list[i].local.s) < 0);
			require(s.list[i].local.len == 0 ||
				pv_standard_get(&s, &s.list[i].local) == &s.list[i]);
		}
		write_back(&s, &again);
		require(pv_standard_parse(&again, "again", &d, &t, NULL) == PV_OK && t.count == s.count);
		for (size_t i = 0; i < s.count; i++)
			require(strcmp(pv_standard_targets(&s, &s.list[i]),
				       pv_standard_targets(&t, &t.list[i])) == 0);
		pv_standard_free(&s);
		pv_standard_free(&t);
	}
	pv_buf_free(&text);
	pv_buf_free(&again);
	return 0;
}
