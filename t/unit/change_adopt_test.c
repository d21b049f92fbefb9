/* change_adopt_test.c: what the files of an old site say: qmail's virtualdomains, and the rules of Postfix's
 * regexp and pcre tables. */
#include "scratch.h"

#include "change/old_lines.h"
#include "change/virtualdomains.h"

static struct pv_domain domain(const char *s)
{
	struct pv_domain d;

	assert_int_equal(pv_domain_parse(s, strlen(s), &d, NULL), PV_OK);
	return d;
}

/* The example file of every guide to qmail, in other words; # stands for a line that does not fit. */
#define EXAMPLE                                                                                              \
	"# who runs what\n"                                                                                  \
	"one.dk:anna\n"                                                                                      \
	".one.dk:anna-below\n"                                                                               \
	"own.one.dk:bo\n"                                                                                    \
	"kim@two.dk:carl\n"                                                                                  \
	"two.dk:\n"                                                                                          \
	"Three.DK: dora \n"                                                                                  \
	".dk:all-dk\n"                                                                                       \
	":rest\n"

static void the_longest_pattern_wins(void **state)
{
	static const struct {
		const char *domain, *prefix, *below;
		unsigned line, below_line;
	} table[] = {
		{ "one.dk", "anna", "anna-below", 2, 3 },	  /* a domain, and its wildcard */
		{ "x.one.dk", "anna-below", "anna-below", 3, 3 }, /* below it: with an extension */
		{ "own.one.dk", "bo", "anna-below", 4, 3 },	  /* longer than the wildcard */
		{ "two.dk", "", "all-dk", 6, 8 },		  /* empty: an exception */
		{ "three.dk", "dora", "all-dk", 7, 8 },		  /* any case, white space */
		{ "four.dk", "all-dk", "all-dk", 8, 8 },	  /* the wildcard of a whole zone */
		{ "five.org", "rest", "rest", 9, 9 },		  /* everything */
		{ "xone.dk", "all-dk", "all-dk", 8, 8 },	  /* no label is cut */
	};

	(void)state;
	for (size_t i = 0; i < sizeof table / sizeof *table; i++) {
		struct pv_buf text = PV_BUF_INIT(4096);
		struct pv_domain d = domain(table[i].domain);
		struct pv_virtualdomains v;
		pv_buf_adds(&text, EXAMPLE);
		assert_int_equal(pv_virtualdomains_parse(&text, "f", &d, &v, NULL), PV_OK);
		assert_string_equal(v.itself.prefix, table[i].prefix);
		assert_int_equal(v.itself.line, table[i].line);
		assert_string_equal(v.below.prefix, table[i].below);
		assert_int_equal(v.below.line, table[i].below_line);
		pv_virtualdomains_free(&v);
		pv_buf_free(&text);
	}
}

static void single_addresses_and_inner_domains_are_told(void **state)
{
	struct pv_buf text = PV_BUF_INIT(4096);
	struct pv_domain d = domain("two.dk");
	struct pv_virtualdomains v;

	(void)state;
	pv_buf_adds(&text, EXAMPLE "a.two.dk:x\n");
	assert_int_equal(pv_virtualdomains_parse(&text, "f", &d, &v, NULL), PV_OK);
	assert_non_null(strstr(v.notes.s, "f, line 5: kim@two.dk goes to carl"));
	assert_non_null(strstr(v.notes.s, "f, line 10: a.two.dk is a domain of its own"));
	assert_null(strstr(v.notes.s, "own.one.dk"));
	pv_virtualdomains_free(&v);
	pv_buf_free(&text);
}

static void a_line_without_a_colon_is_refused(void **state)
{
	struct pv_buf text = PV_BUF_INIT(4096);
	struct pv_domain d = domain("two.dk");
	struct pv_virtualdomains v;
	struct pv_error e;

	(void)state;
	pv_buf_adds(&text, "one.dk:a\ntwo.dk\n");
	assert_int_equal(pv_virtualdomains_parse(&text, "f", &d, &v, &e), PV_PERMANENT);
	assert_non_null(strstr(e.text, "f, line 2"));
	pv_virtualdomains_free(&v);
	pv_buf_free(&text);
}

static void locals_are_whole_names(void **state)
{
	static const struct {
		const char *text;
		bool has;
	} table[] = {
		{ "localhost\nTwo.dk\n", true },
		{ "xtwo.dk\ntwo.dk.x\n", false },
		{ "# two.dk\n", false },
		{ "", false },
	};

	(void)state;
	for (size_t i = 0; i < sizeof table / sizeof *table; i++) {
		struct pv_buf text = PV_BUF_INIT(4096);
		struct pv_domain d = domain("two.dk");
		pv_buf_adds(&text, table[i].text);
		assert_int_equal(pv_locals_have(&text, &d), table[i].has);
		pv_buf_free(&text);
	}
}

static const char *const probes[] = {
	"u@kvt.dk", "u@s.kvt.dk", "kvt.dk", "s.kvt.dk", "u@other.dk", "other.dk"
};
enum { U = 1, US = 2, D = 4, DS = 8, OU = 16, OD = 32, ALL = 63 };

/* Each line of a table, and what it matches: -1 for no rule. */
static void rules_match_as_in_postfix(void **state)
{
	static const struct {
		const char *line;
		int posix, pcre;
		const char *target;
	} table[] = {
		{ "/^(.+)@(.+\\.)?(kvt\\.dk)$/ kvt_dk+$1--$2$3", U | US, U | US, "kvt_dk+$1--$2$3" },
		{ "/^(.+\\.)?KVT\\.dk$/   x", US | D | DS, US | D | DS, "x" },
		{ "/^(.+\\.)?KVT\\.dk$/i x", 0, 0, "x" },
		{ "/^(.+)@kvt\\.dk$/ x y, z", U, U, "x y, z" },
		{ "%^u@(kvt|other)\\.dk$%\tx", U | OU, U | OU, "x" },
		{ "!/kvt/ x", OU | OD, OU | OD, "x" },
		{ "!!/kvt/ x", U | US | D | DS, U | US | D | DS, "x" },
		{ "/^u@\\w+\\.dk$/ x", U | OU, U | OU, "x" }, /* glibc knows \w too */
		{ "/(?=kvt)kvt\\.dk$/ x", -1, U | US | D | DS, "x" },
		{ "/a\\/b|^kvt/ x", D, D, "x" },
		{ "/kvt", -1, -1, NULL },
		{ "/(kvt/ x", -1, -1, NULL },
		{ "kvt.dk x", -1, -1, NULL },
	};

	(void)state;
	for (size_t i = 0; i < 2 * (sizeof table / sizeof *table); i++) {
		struct pv_old_rules r;
		const char *target;
		char line[256];
		uint64_t matched;
		int want = i % 2 != 0 ? table[i / 2].pcre : table[i / 2].posix;
		pv_old_rules_start(&r, i % 2 != 0, probes, 6);
		(void)snprintf(line, sizeof line, "%s", table[i / 2].line);
		bool is_rule = pv_old_rules_next(&r, line, &matched, &target);
		if (want < 0) {
			assert_false(is_rule);
			assert_null(target);
			continue;
		}
		assert_true(is_rule);
		assert_int_equal(matched & ALL, want);
		assert_string_equal(target, table[i / 2].target);
	}
}

static void blocks_nest(void **state)
{
	static const struct {
		const char *line;
		int matched; /* -1: no rule with a target */
	} table[] = {
		{ "if /kvt/", -1 }, { "/./ a", U | US | D | DS },
		{ "IF !/@/", -1 },  { "/./ b", D | DS },
		{ "endif", -1 },    { "/s/ c", US | DS },
		{ "endif", -1 },    { "/./ d", ALL },
		{ "if /(/", -1 },   { "/./ e", 0 },
		{ "endif", -1 },    { "endif", -1 },
		{ "/./ f", ALL },
	};

	(void)state;
	for (int pcre = 0; pcre < 2; pcre++) {
		struct pv_old_rules r;
		pv_old_rules_start(&r, pcre != 0, probes, 6);
		for (size_t i = 0; i < sizeof table / sizeof *table; i++) {
			const char *target;
			char line[64];
			uint64_t matched;
			(void)snprintf(line, sizeof line, "%s", table[i].line);
			(void)pv_old_rules_next(&r, line, &matched, &target);
			assert_int_equal(target == NULL ? -1 : (int)(matched & ALL), table[i].matched);
		}
	}
}

static void deep_blocks_let_nothing_through(void **state)
{
	char line[64] = "";
	struct pv_old_rules r;
	const char *target;
	uint64_t matched;

	(void)state;
	pv_old_rules_start(&r, true, probes, 6);
	for (int i = 0; i < 100; i++) {
		(void)snprintf(line, sizeof line, "if /./");
		assert_true(pv_old_rules_next(&r, line, &matched, &target));
	}
	(void)snprintf(line, sizeof line, "/./ x");
	assert_true(pv_old_rules_next(&r, line, &matched, &target));
	assert_true(r.depth < sizeof r.inside / sizeof *r.inside);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_longest_pattern_wins),
		cmocka_unit_test(single_addresses_and_inner_domains_are_told),
		cmocka_unit_test(a_line_without_a_colon_is_refused),
		cmocka_unit_test(locals_are_whole_names),
		cmocka_unit_test(rules_match_as_in_postfix),
		cmocka_unit_test(blocks_nest),
		cmocka_unit_test(deep_blocks_let_nothing_through),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
