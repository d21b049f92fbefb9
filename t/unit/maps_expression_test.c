/*
 * maps_expression_test.c: the lines of virtual_regexp: what is written for a domain, how it is read back and
 * nested, and that the proof sees whatever is wrong with them. Nothing is opened here.
 */
#include "scratch.h"

#include "maps/expression.h"
#include "maps/factor.h"
#include "maps/pcre.h"
#include "maps/pcre_table.h"
#include "maps/proof.h"
#include "maps/user_expression.h"

#include <regex.h>

#define LABEL "[a-z0-9]+(?:-+[a-z0-9]+)*\\."
#define USER "[a-z0-9_][a-z0-9_-]*(?:\\.[a-z0-9_-]+)*"
#define TAG "(?:[+][a-z0-9_+=#~-]*(?:\\.[a-z0-9_+=#~-]+)*)?"

/* One text from start to end. */
static struct pv_expressions l;
static struct pv_buf blocks, lines;
static size_t *starts;

static int start(void **state)
{
	(void)state;
	l = (struct pv_expressions){ 0 };
	blocks = lines = (struct pv_buf)PV_BUF_INIT(1 << 24);
	starts = NULL;
	return 0;
}

static int stop(void **state)
{
	(void)state;
	pv_expressions_free(&l);
	pv_buf_free(&blocks);
	pv_buf_free(&lines);
	free(starts);
	return 0;
}

static size_t nested; /* lines.len without the lines for letters beyond ASCII */

/* A domain; cuts and patterns: lists with NULL at the end, or NULL. */
static void add(const char *domain, bool sub_domains, const char *const *cuts, const char *const *patterns)
{
	struct pv_error e;

	assert_int_equal(pv_expressions_add(&l, domain, &e), PV_OK);
	struct pv_expression *x = &l.v[l.count - 1];
	x->sub_domains = sub_domains;
	for (; cuts != NULL && *cuts != NULL; cuts++)
		assert_int_equal(pv_strings_add(&x->cuts, *cuts, &e), PV_OK);
	for (; patterns != NULL && *patterns != NULL; patterns++)
		assert_int_equal(pv_strings_add(&x->patterns, *patterns, &e), PV_OK);
}

static void format_as(const struct pv_nest_shape *shape)
{
	struct pv_error e;

	pv_expressions_sort(&l);
	starts = calloc(l.count + 1, sizeof *starts);
	assert_non_null(starts);
	for (size_t i = 0; i < l.count; i++) {
		assert_int_equal(pv_expression_format(&l.v[i], "+", &blocks, &e), PV_OK);
		starts[i + 1] = blocks.len;
	}
	assert_int_equal(pv_expressions_nest(&l, &blocks, starts, shape, &lines, &e), PV_OK);
	nested = lines.len;
	assert_int_equal(pv_expressions_fold(&l, "+", &lines, &e), PV_OK);
	assert_false(lines.failed);
}

static void format(void)
{
	format_as(NULL);
}

static const char *const cuts[] = { "shop.kvt.dk", "www.kvt.dk", NULL };
static const char *const patterns[] = { "/^sales-([a-z0-9]+)$/: sales", "/^x(a|b)(c)$/: ${2}-${1}", NULL };

static void a_domain_has_these_lines(void **state)
{
	add("kvt.dk", true, cuts, patterns);
	format();
	pv_buf_truncate(&lines, nested);
	assert_string_equal(lines.s, "# kvt.dk: its sub-domains\n"
				     "# not: shop.kvt.dk\n"
				     "# not: www.kvt.dk\n"
				     "if /\\.kvt\\.dk$/\n"
				     "if !/(?:^|[@.])(?:shop|www)\\.kvt\\.dk$/\n"
				     "/^(?:" LABEL ")+kvt\\.dk$/ kvt.dk\n"
				     "/^(" USER ")" TAG "@(?:" LABEL ")+kvt\\.dk$/ ${1}@kvt.dk\n"
				     "endif\n"
				     "endif\n"
				     "# kvt.dk: pattern aliases\n"
				     "# /^sales-([a-z0-9]+)$/: sales\n"
				     "# /^x(a|b)(c)$/: ${2}-${1}\n"
				     "if /^[a-z0-9_][a-z0-9._-]{0,63}@kvt\\.dk$/\n"
				     "if !/\\.[.@]/\n"
				     "/^sales-([a-z0-9]+)@kvt\\.dk$/ sales@kvt.dk\n"
				     "/^x(a|b)(c)@kvt\\.dk$/ ${2}-${1}@kvt.dk\n"
				     "endif\n"
				     "endif\n");
	(void)state;
}

static void delimiters_are_the_hosts_as_far_as_no_user_has_them(void **state)
{
	static const struct {
		const char *delimiters, *part;
	} rows[] = {
		{ "+", "(?:[+][a" }, { "=+", "(?:[=+][a" }, { "-+", "(?:[+][a" },
		{ "-", ")*)@(" },    { "-_.", ")*)@(" },
	};
	struct pv_error e;

	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
		start(state);
		add("kvt.dk", true, NULL, NULL);
		assert_int_equal(pv_expression_format(&l.v[0], rows[i].delimiters, &lines, &e), PV_OK);
		if (strstr(lines.s, rows[i].part) == NULL)
			fail_msg("%s: %s", rows[i].delimiters, lines.s);
		stop(state);
	}
}

static void what_was_written_is_read_back(void **state)
{
	struct pv_expressions again = { 0 };

	(void)state;
	add("kvt.dk", true, cuts, patterns);
	add("kvt.org", true, NULL, NULL);
	add("only.dk", false, NULL, patterns);
	format();
	assert_true(pv_expressions_read(lines.s, &again));
	assert_int_equal(again.count, l.count);
	for (size_t i = 0; i < l.count; i++) {
		assert_string_equal(again.v[i].domain, l.v[i].domain);
		assert_int_equal(again.v[i].sub_domains, l.v[i].sub_domains);
		assert_true(pv_strings_equal(&again.v[i].cuts, &l.v[i].cuts));
		assert_true(pv_strings_equal(&again.v[i].patterns, &l.v[i].patterns));
		assert_int_equal(again.v[i].block_len, starts[i + 1] - starts[i]);
		assert_memory_equal(again.v[i].block, blocks.s + starts[i], again.v[i].block_len);
	}
	pv_expressions_free(&again);
	/* Cut off anywhere within a block, it is not believed; those behind are not read. */
	for (size_t n = 1; n < nested; n++) {
		char *part = strndup(lines.s, n);
		if (pv_expressions_read(part, &again))
			assert_true(n >= 6 && strcmp(part + n - 6, "endif\n") == 0);
		pv_expressions_free(&again);
		free(part);
	}
}

/* What came of a proof. */
struct outcome {
	size_t proved, failed;
	char why[PV_ERROR_TEXT];
};

static enum pv_class said(void *ctx, size_t i, const struct pv_proof *p, const struct pv_error *why,
			  struct pv_error *e)
{
	struct outcome *o = ctx;

	(void)i, (void)p, (void)e;
	o->proved += why == NULL;
	o->failed += why != NULL;
	if (why != NULL)
		(void)snprintf(o->why, sizeof o->why, "%s", why->text);
	return PV_OK;
}

static enum pv_class prove(const char *text, struct outcome *o, struct pv_error *e)
{
	bool *changed = calloc(l.count + 1, sizeof *changed);
	const struct pv_proof_job job = { .l = &l,
					  .blocks = &blocks,
					  .starts = starts,
					  .lines = text,
					  .changed = changed,
					  .delimiters = "+",
					  .said = said,
					  .ctx = o };

	assert_non_null(changed);
	for (size_t i = 0; i < l.count; i++)
		changed[i] = true;
	*o = (struct outcome){ 0 };
	enum pv_class c = pv_prove(&job, e);
	free(changed);
	return c;
}

/* The text with `from` replaced by `to`, at the nth place (0: the first; -1: everywhere). */
static char *replace(const char *text, const char *from, const char *to, int nth)
{
	struct pv_buf out = PV_BUF_INIT(1 << 24);
	const char *at = text, *found;

	for (int i = 0; (found = strstr(at, from)) != NULL; i++) {
		bool chosen = nth < 0 || i == nth;
		pv_buf_add(&out, at, (size_t)(found - at));
		pv_buf_adds(&out, chosen ? to : from);
		at = found + strlen(from);
	}
	pv_buf_adds(&out, at);
	assert_string_not_equal(out.s, text);
	char *r = strdup(out.s);
	pv_buf_free(&out);
	return r;
}

static void the_proof_sees_every_kind_of_wrong_expression(void **state)
{
	static const struct {
		const char *what, *from, *to;
		int nth;
	} rows[] = {
		{ "dots that are any byte", "kvt\\.dk$/", "kvt.dk$/", -1 },
		{ "no beginning", "/^(?:" LABEL ")+kvt", "/(?:" LABEL ")+kvt", 0 },
		{ "no beginning of an address", "/^(" USER, "/(" USER, 0 },
		{ "any label", "@(?:" LABEL ")+kvt", "@.+\\.kvt", 0 },
		{ "empty labels", "@(?:" LABEL ")+kvt", "@[a-z0-9.-]*\\.kvt", 0 },
		{ "hyphens at an end", "@(?:" LABEL ")+kvt", "@(?:[a-z0-9-]+\\.)+kvt", 0 },
		{ "any name", "/^(" USER ")", "/^([^@]+)", 0 },
		{ "two dots", "/^(" USER ")", "/^([a-z0-9_][a-z0-9._-]*)", 0 },
		{ "a hyphen first", "/^(" USER ")", "/^([a-z0-9_-]+(?:\\.[a-z0-9_-]+)*)", 0 },
		{ "an empty name", "/^(" USER ")", "/^((?:" USER ")?)", 0 },
		{ "a percent sign", "/^(" USER ")", "/^([a-z0-9_%][a-z0-9_%-]*(?:\\.[a-z0-9_-]+)*)", 0 },
		{ "an exclamation mark", "/^(" USER ")", "/^([a-z0-9_][a-z0-9_!-]*(?:\\.[a-z0-9_-]+)*)", 0 },
		{ "quotes", "/^(" USER ")", "/^([\"a-z0-9_][\"a-z0-9_-]*(?:\\.[a-z0-9_-]+)*)", 0 },
		{ "bytes above ASCII", "/^(" USER ")",
		  "/^([a-z0-9_\\x80-\\xff][a-z0-9_-]*(?:\\.[a-z0-9_-]+)*)", 0 },
		{ "any tag", TAG "@", "(?:[+][^@]*)?@", 0 },
		{ "a tag with quotes", TAG "@", "(?:[+][^@ ]*)?@", 0 },
		{ "no tag", TAG "@", "@", 0 },
		{ "the tag kept", "(" USER ")" TAG, "(" USER TAG ")", 0 },
		{ "short names only", "/^(" USER ")", "/^([a-z0-9_][a-z0-9_-]{0,9}(?:\\.[a-z0-9_-]+)*)", 0 },
		{ "one level only", "@(?:" LABEL ")+kvt", "@(?:" LABEL ")kvt", 0 },
		{ "lower case only", "/^(" USER ")", "/^(?-i)(" USER ")", 0 },
		{ "another's domain", "${1}@kvt.dk", "${1}@kvt.org", 0 },
		{ "the wrong group", "${1}@kvt.dk", "${2}@kvt.dk", 0 },
		{ "two addresses", "${1}@kvt.dk", "${1}@kvt.dk,a@kvt.dk", 0 },
		{ "no domain", "${1}@kvt.dk", "${1}", 0 },
		{ "the bare one to another", "$/ kvt.dk", "$/ kvt.org", 0 },
		{ "what is cut out comes in", "(?:shop|www)", "(?:shop|ww)", 0 },
		{ "more is cut out", "(?:^|[@.])(?:shop", "(?:x|y|shop", 0 },
		{ "its bare name comes in", "(?:^|[@.])(?:s", "[@.](?:s", 0 },
		{ "a guard for another domain", "if /\\.kvt\\.dk$/", "if /\\.kvt\\.org$/", 0 },
		{ "a guard turned over", "if /\\.kvt\\.dk$/", "if !/\\.kvt\\.dk$/", 0 },
		{ "an endif too many", "endif\n", "endif\nendif\n", 0 },
		{ "an endif too few", "endif\n", "", 0 },
		{ "flags", "kvt\\.dk$/ kvt.dk", "kvt\\.dk$/i kvt.dk", 0 },
		{ "a line before all others", "# kvt.dk: its", "/^(.+)@(.+)$/ ${1}@kvt.dk\n# kvt.dk: its",
		  0 },
		{ "too many steps", "/^(" USER ")", "/^((?:[a-z0-9_-]*)*[a-z0-9_]*(?:\\.[a-z0-9_-]+)*)", 0 },
		{ "no expression", "/^(" USER ")", "/^((" USER ")", 0 },
		{ "a pattern that takes more", "sales-([a-z0-9]+)@", "sales-?([a-z0-9]+)@", 0 },
		{ "a pattern that takes less", "sales-([a-z0-9]+)@", "sales-([a-f0-9]+)@", 0 },
		{ "a pattern that leads elsewhere", "$/ sales@kvt.dk", "$/ sales@kvt.org", 0 },
		{ "groups exchanged", "${2}-${1}@kvt.dk", "${1}-${2}@kvt.dk", 0 },
	};
	struct outcome o;
	struct pv_error e;
	int unseen = 0;

	(void)state;
	add("kvt.dk", true, cuts, patterns);
	add("kvt.org", false, NULL, patterns);
	format();
	assert_int_equal(prove(lines.s, &o, &e), PV_OK);
	if (o.failed != 0)
		fail_msg("the true text: %s", o.why);
	assert_int_equal(o.proved, 2);
	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
		char *broken = replace(lines.s, rows[i].from, rows[i].to, rows[i].nth);
		enum pv_class c = prove(broken, &o, &e);
		if (c == PV_OK && o.failed == 0) {
			print_error("not seen: %s\n", rows[i].what);
			unseen++;
		}
		free(broken);
	}
	assert_int_equal(unseen, 0);
}

/* Names that end alike, that contain each other, and that lie below each other. */
static char *random_domain(struct pv_random *r)
{
	static const char *const ends[] = { "dk", "com", "co.uk", "kvt.dk", "vt.dk", "a.kvt.dk" };
	char name[64];
	size_t n = 0, labels = 1 + pv_random_below(r, 2);

	while (labels-- > 0) {
		for (size_t i = 1 + pv_random_below(r, 3); i > 0; i--)
			name[n++] = "abkvt1"[pv_random_below(r, 6)];
		name[n++] = '.';
	}
	(void)snprintf(name + n, sizeof name - n, "%s", ends[pv_random_below(r, 6)]);
	return strdup(name);
}

static int compare(const void *a, const void *b)
{
	const char *const *x = a, *const *y = b;

	return strcmp(*x, *y);
}

static bool is_below(const char *name, const char *domain)
{
	size_t n = strlen(name), d = strlen(domain);

	return n > d + 1 && name[n - d - 1] == '.' && strcmp(name + n - d, domain) == 0;
}

static void however_many_domains_are_nested_each_is_proved(void **state)
{
	static const size_t counts[] = { 1, 2, 12, 13, 14, 60 };
	struct pv_random r = { 4 };
	struct outcome o;
	struct pv_error e;
	char *names[60];

	for (size_t n = 0; n < sizeof counts / sizeof *counts; n++) {
		size_t count = 0;
		start(state);
		for (size_t i = 0; i < counts[n]; i++)
			names[i] = random_domain(&r);
		qsort(names, counts[n], sizeof *names, compare);
		for (size_t i = 0; i < counts[n]; i++) {
			if (i > 0 && strcmp(names[i], names[i - 1]) == 0)
				continue;
			add(names[i], i % 3 != 0, NULL, i % 3 == 0 || i % 4 == 0 ? patterns : NULL);
			count++;
		}
		for (size_t i = 0; i < l.count; i++)
			for (size_t j = 0; j < l.count; j++)
				if (l.v[i].sub_domains && is_below(l.v[j].domain, l.v[i].domain))
					assert_int_equal(pv_strings_add(&l.v[i].cuts, l.v[j].domain, &e),
							 PV_OK);
		format();
		assert_int_equal(prove(lines.s, &o, &e), PV_OK);
		if (o.failed > 0)
			fail_msg("%zu domains: %s\n%s", count, o.why, lines.s);
		assert_int_equal(o.proved, count);
		stop(state);
		for (size_t i = 0; i < counts[n]; i++)
			free(names[i]);
	}
	start(state);
}

/* Add count names to l, each once, some of them below others and some with pattern aliases, in the order of
 * the lines of a text. */
static void add_random(struct pv_random *r, size_t count)
{
	char *names[200];
	struct pv_error e;

	for (size_t i = 0; i < count; i++)
		names[i] = random_domain(r);
	qsort(names, count, sizeof *names, compare);
	for (size_t i = 0; i < count; i++) {
		const char *kept = pv_arena_add(&l.arena, names[i], strlen(names[i]));
		assert_non_null(kept);
		if (i == 0 || strcmp(names[i], names[i - 1]) != 0)
			add(kept, i % 3 != 0, NULL, i % 3 == 0 ? patterns : NULL);
	}
	for (size_t i = 0; i < count; i++)
		free(names[i]);
	for (size_t i = 0; i < l.count; i++)
		for (size_t j = 0; j < l.count; j++)
			if (l.v[i].sub_domains && is_below(l.v[j].domain, l.v[i].domain))
				assert_int_equal(pv_strings_add(&l.v[i].cuts, l.v[j].domain, &e), PV_OK);
}

/* A branch that is all of its node must not be divided for ever. */
static void a_tree_of_any_shape_ends_and_is_proved(void **state)
{
	static const size_t numbers[] = { 0, 1, 2, 3, 4, 7, 30 };
	struct pv_random r = { 5 };
	struct outcome o;
	struct pv_error e;

	for (size_t round = 0; round < 400; round++) {
		const struct pv_nest_shape shape = { 0, 1 + pv_random_below(&r, 5),
						     numbers[pv_random_below(&r, 7)] };
		struct pv_expressions again = { 0 };
		start(state);
		add_random(&r, 1 + pv_random_below(&r, round % 20 == 0 ? 200 : 24));
		format_as(&shape);
		assert_true(pv_expressions_read(lines.s, &again));
		assert_int_equal(again.count, l.count);
		for (size_t i = 0; i < l.count; i++)
			assert_int_equal(again.v[i].block_len, starts[i + 1] - starts[i]);
		pv_expressions_free(&again);
		if (round % 25 == 1) {
			assert_int_equal(prove(lines.s, &o, &e), PV_OK);
			if (o.failed > 0)
				fail_msg("%zu domains: %s\n%s", l.count, o.why, lines.s);
		}
		stop(state);
	}
	start(state);
}

static void a_list_of_words_becomes_one_expression(void **state)
{
	static const struct {
		const char *words[8];
		const char *pcre, *posix;
		size_t groups;
	} rows[] = {
		{ { "kvt" }, "kvt", "kvt", 0 },
		{ { "abc", "kvt" }, "(?:abc|kvt)", "(abc|kvt)", 1 },
		{ { "abc", "anna", "kvt" }, "(?:a(?:bc|nna)|kvt)", "(a(bc|nna)|kvt)", 2 },
		{ { "a", "ab", "abc" }, "a(?:b(?:c)?)?", "", 0 },
		{ { "a1", "a2", "a3" }, "a[123]", "a[123]", 0 },
		{ { "a-", "a.", "a1" }, "a[-.1]", "a[-.1]", 0 },
		{ { "a.b", "a.c" }, "a\\.[bc]", "a\\.[bc]", 0 },
	};

	(void)state;
	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
		struct pv_buf pcre = PV_BUF_INIT(1000), posix = PV_BUF_INIT(1000);
		size_t n = 0;
		while (n < 8 && rows[i].words[n] != NULL)
			n++;
		(void)pv_factor(rows[i].words, n, PV_FLAVOR_PCRE, false, &pcre);
		size_t groups = pv_factor(rows[i].words, n, PV_FLAVOR_REGEXP, false, &posix);
		if (rows[i].posix[0] != '\0') {
			assert_string_equal(pcre.s, rows[i].pcre);
			assert_string_equal(posix.s, rows[i].posix);
			assert_int_equal(groups, rows[i].groups);
		}
		pv_buf_free(&pcre);
		pv_buf_free(&posix);
	}
}

static bool is_listed(char *const *users, size_t count, const char *s, size_t len)
{
	for (size_t i = 0; i < count; i++)
		if (strlen(users[i]) == len && strncmp(users[i], s, len) == 0)
			return true;
	return false;
}

/* What lines `/^...$/ target` of the POSIX kind take, by regcomp() itself. */
static bool posix_takes(const char *text, const char *key)
{
	bool takes = false;

	for (const char *p = text; *p != '\0' && !takes; p = strchr(p, '\n') + 1) {
		char *expression = strndup(p + 1, (size_t)(strstr(p, "$/ ") - p));
		regex_t x;
		assert_int_equal(regcomp(&x, expression, REG_EXTENDED | REG_ICASE), 0);
		takes = regexec(&x, key, 0, NULL, 0) == 0;
		regfree(&x);
		free(expression);
	}
	return takes;
}

static size_t random_users(struct pv_random *r, char **users, size_t count)
{
	static const char bytes[] = "ab1.-_";
	size_t to = 0;

	for (size_t i = 0; i < count; i++) {
		char name[16];
		size_t n = 0, len = 1 + pv_random_below(r, 6);
		while (n < len)
			name[n++] = bytes[pv_random_below(r, sizeof bytes - 1)];
		name[n] = '\0';
		users[i] = strdup(name);
	}
	qsort(users, count, sizeof *users, compare);
	for (size_t i = 0; i < count; i++) {
		if (to > 0 && strcmp(users[to - 1], users[i]) == 0)
			free(users[i]);
		else
			users[to++] = users[i];
	}
	return to;
}

/* For random lists: every word of up to three bytes of the alphabet, and each user with one change. */
static void the_language_of_a_users_expression_is_the_list(void **state)
{
	static const char bytes[] = "ab1.-_c";
	struct pv_random r = { 3 };
	struct pv_error e;
	size_t asked = 0;

	for (int round = 0; round < 60; round++) {
		char *users[600];
		size_t count = random_users(&r, users, round < 50 ? 1 + pv_random_below(&r, 30) : 600);
		struct pv_user_lines u = { .domain = "k-t.dk",
					   .users = (const char *const *)users,
					   .count = count,
					   .before = "acct+",
					   .behind = "--k-t.dk" };
		struct pv_buf posix = PV_BUF_INIT(1 << 20), got = PV_BUF_INIT(1000);
		struct pv_pcre_table *t = NULL;
		start(state);
		assert_int_equal(pv_user_lines_format(&u, &lines, &e), PV_OK);
		u.flavor = PV_FLAVOR_REGEXP;
		assert_int_equal(pv_user_lines_format(&u, &posix, &e), PV_OK);
		assert_int_equal(pv_pcre_table_make(lines.s, &t, &e), PV_OK);
		for (size_t i = 0; i < 400 + count; i++) {
			char key[64], want[64];
			size_t n = 0;
			if (i < count) {
				n = (size_t)snprintf(key, sizeof key, "%s", users[i]);
			} else if (i % 2 == 0) {
				for (size_t len = pv_random_below(&r, 4); n < len;)
					key[n++] = bytes[pv_random_below(&r, sizeof bytes - 1)];
			} else {
				n = (size_t)snprintf(key, sizeof key, "%s",
						     users[pv_random_below(&r, count)]);
				key[pv_random_below(&r, n)] = bytes[pv_random_below(&r, sizeof bytes - 1)];
			}
			bool listed = is_listed(users, count, key, n), found = false;
			(void)snprintf(want, sizeof want, "acct+%.*s--k-t.dk", (int)n, key);
			(void)snprintf(key + n, sizeof key - n, "@k-t.dk");
			assert_int_equal(pv_pcre_table_ask(t, key, strlen(key), &got, &found, &e), PV_OK);
			if (found != listed || (found && strcmp(got.s, want) != 0))
				fail_msg("%s: found %d, listed %d: %s\n%s", key, found, listed, got.s,
					 lines.s);
			if ((round < 50 || i % 50 == 0) && posix_takes(posix.s, key) != listed)
				fail_msg("%s: listed %d\n%s", key, listed, posix.s);
			asked++;
		}
		pv_pcre_table_free(t);
		pv_buf_free(&posix);
		pv_buf_free(&got);
		for (size_t i = 0; i < count; i++)
			free(users[i]);
		stop(state);
	}
	assert_true(asked > 20000);
	start(state);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(a_domain_has_these_lines, start, stop),
		cmocka_unit_test_setup_teardown(delimiters_are_the_hosts_as_far_as_no_user_has_them, start,
						stop),
		cmocka_unit_test_setup_teardown(what_was_written_is_read_back, start, stop),
		cmocka_unit_test_setup_teardown(the_proof_sees_every_kind_of_wrong_expression, start, stop),
		cmocka_unit_test_setup_teardown(however_many_domains_are_nested_each_is_proved, start, stop),
		cmocka_unit_test_setup_teardown(a_tree_of_any_shape_ends_and_is_proved, start, stop),
		cmocka_unit_test(a_list_of_words_becomes_one_expression),
		cmocka_unit_test_setup_teardown(the_language_of_a_users_expression_is_the_list, start, stop),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
