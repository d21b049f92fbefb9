/*
 * domain_fuzz.c: whatever stands in a domain's files: its keys are its own, each once, in order, in the
 * letters in which they are looked up; they lead to its account's inner addresses alone; and what is said to
 * a sender is one line.
 *
 * Input: passwd, domain.conf, aliases, a file of extra_aliases, the settings of user `u`, responders and two
 * texts, with a byte 0x01 between. fuzz-libs: -llmdb -lidn2 -lunistring -lcrypt -ljansson -lpcre2-8 -lresolv
 */
#include "maps/domain_keys.h"
#include "maps/fold_case.h"
#include "maps/reader_send.h"
#include "maps/report.h"
#include "store/conf.h"
#include "t/fuzz/require.h"

#include <stdint.h>

enum { PARTS = 8, LIMIT = 1 << 16 };

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void divide(const char *s, size_t len, struct pv_slice parts[PARTS])
{
	for (size_t i = 0; i < PARTS; i++) {
		const char *end = i + 1 < PARTS ? memchr(s, '\1', len) : NULL;
		size_t n = end != NULL ? (size_t)(end - s) : len;
		parts[i] = (struct pv_slice){ n > 0 ? s : NULL, n };
		s += n + (end != NULL);
		len -= n + (end != NULL);
	}
}

/* local@kvt.dk, as it is looked up, and as it can stand in a text. */
static void check_key(const char *key)
{
	struct pv_buf folded = PV_BUF_INIT(1000);
	const char *at = strchr(key, '@');

	require(at != NULL && strcmp(at, "@kvt.dk") == 0 && at - key <= 64);
	require(key[0] != '#' && key[0] != '-' && strcspn(key, " \t\r\n\"\\!%,;:()<>[]") == strlen(key));
	for (const char *p = key; *p != '\0'; p++)
		require((unsigned char)*p > 0x20 && *p != 0x7f);
	require(pv_fold_case(key, strlen(key), &folded) && strcmp(folded.s, key) == 0);
	pv_buf_free(&folded);
}

/* account+name--kvt.dk+tag@virtual.invalid, perhaps several. */
static void check_value(const char *value)
{
	static const char inner[] = "abcdefghijklmnopqrstuvwxyz0123456789._+=#~-";

	if (strcmp(value, "root") == 0)
		return;
	for (const char *p = value; *p != '\0'; p += strspn(p, ", ")) {
		size_t len = strspn(p, inner);
		require(strncmp(p, "acct+", 5) == 0 && memmem(p, len, "--kvt.dk", 8) != NULL);
		p += len;
		require(strncmp(p, "@virtual.invalid", 16) == 0);
		p += 16;
		require(*p == '\0' || strncmp(p, ", ", 2) == 0);
	}
}

static void check_reply(const char *reply)
{
	if (strcmp(reply, "DUNNO") == 0)
		return;
	require(strncmp(reply, "550 5.2.1 ", 10) == 0 && strlen(reply) <= 210);
	for (const char *p = reply; *p != '\0'; p++)
		require(*p >= 0x20 && *p < 0x7f);
}

static void check_keys(const struct pv_keys *k, void (*check)(const char *value))
{
	for (size_t i = 0; i < k->count; i++) {
		check_key(k->v[i].key);
		check(k->v[i].value);
		require(i == 0 || strcmp(k->v[i - 1].key, k->v[i].key) < 0);
	}
}

static void make(const struct pv_slice parts[PARTS], bool checks)
{
	static char etc[] = "/nowhere", host[] = "postmaster root\n";
	const struct pv_maps_options options = { .check = checks };
	struct pv_buf hosts = PV_BUF_INIT(100), user = PV_BUF_INIT(2 * LIMIT);
	struct pv_store store = { .dir = etc, .dirfd = -1 };
	struct pv_maps_report report;
	struct pv_error e;

	pv_report_start(&report);
	pv_conf_defaults(&store.conf);
	struct pv_maps_work w = { .store = &store, .options = &options, .report = &report };
	struct pv_plan_domain d = { .uid = 601, .account = "acct" };
	require(pv_domain_parse("kvt.dk", 6, &d.domain, NULL) == PV_OK);
	pv_buf_adds(&hosts, host);
	require(pv_hosts_parse(&hosts, "hosts", &w.hosts, NULL) == PV_OK);
	const struct pv_frame_head head = { .len = (uint32_t)(2 + parts[4].len), .type = PV_FRAME_USER };
	pv_buf_add(&user, &head, sizeof head);
	pv_buf_add(&user, "u", 2);
	pv_buf_add(&user, parts[4].s, parts[4].len);
	const struct pv_domain_files files = { .ok = true,
					       .passwd = parts[0],
					       .conf = parts[1],
					       .aliases = { parts[2], parts[3] },
					       .users = { user.s, user.len },
					       .responders = parts[5],
					       .texts = { parts[6], parts[7] } };
	if (pv_domain_keys_make(&w, &d, &files, &e) == PV_OK) {
		check_keys(&d.keys, check_value);
		check_keys(&d.refused, check_reply);
	} else {
		require(e.class == PV_TEMPORARY);
	}
	pv_keys_free(&d.keys);
	pv_keys_free(&d.refused);
	pv_keys_free(&d.expired);
	pv_keys_free(&d.followers);
	pv_strings_free(&d.patterns);
	pv_hosts_free(&w.hosts);
	pv_arena_free(&w.arena);
	pv_maps_report_free(&report);
	pv_buf_free(&hosts);
	pv_buf_free(&user);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct pv_slice parts[PARTS];

	if (size > LIMIT)
		return 0;
	divide((const char *)data, size, parts);
	if (parts[0].s != NULL)
		make(parts, size % 2);
	return 0;
}
