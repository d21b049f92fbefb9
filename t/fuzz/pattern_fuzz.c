/*
 * pattern_fuzz.c: whatever an account writes as a pattern alias: it is refused, or the lines that it makes
 * can be proved; and what is read as the text of virtual_regexp never leads outside of it.
 *
 * Input: a byte that chooses, then the entry, or the lines.
 * fuzz-libs: -lpcre2-8 -llmdb -lidn2 -lunistring -lcrypt -ljansson -lresolv
 * fuzz-max-len: 400
 */
#include "maps/pattern_judge.h"
#include "maps/pcre_table.h"
#include "maps/proof.h"
#include "t/fuzz/require.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* Whatever comes out is one plain address of the domain. */
static void check_result(const struct pv_buf *got, const char *target)
{
	const char *at = strchr(got->s, '@');

	require(at != NULL && strcmp(at, "@kvt.dk") == 0);
	size_t len = (size_t)(at - got->s);
	require(pv_pattern_is_name(got->s, len) || (len > PV_USER_MAX && strchr(target, '$') != NULL));
}

static void try_samples(const struct pv_pattern *p, struct pv_pcre_table *t, struct pv_random *random)
{
	struct pv_buf key = PV_BUF_INIT(1000), got = PV_BUF_INIT(65536);
	struct pv_error e;
	bool found;

	for (int i = 0; i < 50; i++) {
		pv_buf_reset(&key);
		pv_pattern_sample(p, i < PV_SAMPLE_ANY ? (enum pv_sample)i : PV_SAMPLE_ANY, random, 100,
				  &key);
		pv_buf_adds(&key, "@kvt.dk");
		require(pv_pcre_table_ask(t, key.s, key.len, &got, &found, &e) == PV_OK);
		if (found)
			check_result(&got, p->target);
	}
	pv_buf_free(&key);
	pv_buf_free(&got);
}

static void try_entry(const char *entry)
{
	struct pv_expression x = { .domain = "kvt.dk" };
	struct pv_buf lines = PV_BUF_INIT(65536);
	struct pv_pattern p, again;
	struct pv_pcre_table *t = NULL;
	struct pv_random random = { 1 };
	struct pv_error e;

	if (pv_pattern_parse(entry, &p, &e) != PV_OK || pv_pattern_judge(&p, &e) != PV_OK) {
		require(strncmp(e.text, "column ", 7) == 0);
		return;
	}
	require(pv_pattern_parse(p.source, &again, &e) == PV_OK);
	require(strcmp(again.expression, p.expression) == 0 && strcmp(again.target, p.target) == 0);
	require(pv_strings_add(&x.patterns, p.source, &e) == PV_OK);
	require(pv_expression_format(&x, "+", &lines, &e) == PV_OK);
	require(pv_pcre_table_make(lines.s, &t, &e) == PV_OK);
	try_samples(&p, t, &random);
	pv_pcre_table_free(t);
	pv_strings_free(&x.patterns);
	pv_buf_free(&lines);
}

static void try_lines(const char *lines)
{
	struct pv_expressions l = { 0 };

	if (pv_expressions_read(lines, &l))
		for (size_t i = 0; i < l.count; i++)
			require(l.v[i].block >= lines &&
				l.v[i].block + l.v[i].block_len <= lines + strlen(lines));
	pv_expressions_free(&l);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	if (size == 0)
		return 0;
	char *text = malloc(size + 2);
	if (text == NULL)
		return 0;
	memcpy(text + 1, data + 1, size - 1);
	text[size] = '\0';
	if (data[0] % 4 == 0) {
		try_lines(text + 1);
	} else {
		text[0] = '/';
		try_entry(text);
	}
	free(text);
	return 0;
}
