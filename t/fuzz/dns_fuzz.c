/*
 * dns_fuzz.c: what a name server sends, whatever it is, becomes records that are printable and within bounds,
 * or none; and a list of zones names zones on the lines of its text alone.
 *
 * fuzz-libs: -lresolv
 */
#include "check/dns.h"
#include "check/zones.h"
#include "t/fuzz/require.h"

#include <stdint.h>

static void require_printable(const char *s, size_t size)
{
	require(strnlen(s, size) < size);
	for (; *s != '\0'; s++)
		require(*s >= ' ' && *s <= '~');
}

static void parse(const uint8_t *data, size_t size, ns_type type)
{
	struct pv_dns_answer a;

	pv_dns_parse(data, size, type, &a);
	require(a.state != PV_DNS_FOUND || a.count > 0);
	require(a.count <= a.total && a.count <= PV_DNS_RECORDS);
	for (size_t i = 0; i < a.count; i++)
		require_printable(a.list[i].text, sizeof a.list[i].text);
	pv_dns_free(&a);
}

static void take_zone(void *ctx, const char *name, unsigned line)
{
	const unsigned *lines = ctx;

	require(*name != '\0' || *lines > 0);
	require(line >= 1 && line <= *lines);
}

static void take_include(void *ctx, const char *path)
{
	(void)ctx;
	require(strchr(path, '\n') == NULL);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const ns_type types[] = { ns_t_a, ns_t_aaaa, ns_t_mx, ns_t_ptr, ns_t_txt };
	unsigned lines = 1;

	for (size_t i = 0; i < sizeof types / sizeof *types; i++)
		parse(data, size, types[i]);
	char *text = malloc(size + 1);
	require(text != NULL);
	memcpy(text, data, size);
	text[size] = '\0';
	for (const char *p = text; *p != '\0'; p++)
		lines += *p == '\n';
	pv_zones_each(text, take_zone, take_include, &lines);
	free(text);
	return 0;
}
