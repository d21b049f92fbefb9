/*
 * maps_pattern_test.c: which patterns an account may write, and what is said about the others: the column,
 * and what to write instead. Nothing is opened here.
 */
#include "scratch.h"

#include "maps/pattern.h"
#include "maps/pattern_judge.h"
#include "maps/pcre.h"
#include "store/alias_file.h"

#define A16 "aaaaaaaaaaaaaaaa"

static struct pv_pattern p;

static enum pv_class take(const char *entry, struct pv_error *e)
{
	enum pv_class c = pv_pattern_parse(entry, &p, e);

	return c == PV_OK ? pv_pattern_judge(&p, e) : c;
}

static void a_good_pattern_becomes_an_expression_of_safe_characters(void **state)
{
	static const struct {
		const char *entry, *expression, *target;
	} rows[] = {
		{ "/^sales-([a-z0-9]+)$/: sales", "sales-([a-z0-9]+)", "sales" },
		{ "/^sales-([a-z0-9]+)$/:x$1", "sales-([a-z0-9]+)", "x${1}" },
		{ "/^sales-([a-z0-9]+)$/ : x-${1}", "sales-([a-z0-9]+)", "x-${1}" },
		{ "/^abc$/: Sales", "abc", "sales" },
		{ "/^a.c$/: b", "a[a-z0-9._-]c", "b" },
		{ "/^a\\.c\\-d\\_$/: b", "a\\.c\\-d\\_", "b" },
		{ "/^x(?:a|b|)y$/: b", "x(?:a|b|)y", "b" },
		{ "/^list-([a-z]{2,8})-(bounce|owner)$/: ${2}-${1}", "list-([a-z]{2,8})-(bounce|owner)",
		  "${2}-${1}" },
		{ "/^x[0-9]{3}$/: x", "x[0-9]{3}", "x" },
		{ "/^x[0-9]{3,}a?b*$/: x", "x[0-9]{3,}a?b*", "x" },
		{ "/^x-[a-z.-]+$/: x", "x-[a-z.-]+", "x" },
		{ "/^x-[-a-z]+$/: x", "x-[-a-z]+", "x" },
		{ "/^([a-z.]+)-x$/: ${1}x", "([a-z.]+)-x", "${1}x" },
		{ "/^x-([a-z.]+)$/: a-${1}", "x-([a-z.]+)", "a-${1}" },
		{ "/^x$/: " A16 A16 A16 A16, "x", A16 A16 A16 A16 },
	};
	struct pv_error e;

	(void)state;
	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
		if (take(rows[i].entry, &e) != PV_OK)
			fail_msg("%s: %s", rows[i].entry, e.text);
		assert_string_equal(p.expression, rows[i].expression);
		assert_string_equal(p.target, rows[i].target);
	}
}

static void a_refused_pattern_is_told_the_column_and_the_mend(void **state)
{
	static const struct {
		const char *entry;
		int column;
		const char *says;
	} rows[] = {
		{ "/sales$/: s", 2, "begin with `^`" },
		{ "/^sales/: s", 8, "end in `$`" },
		{ "/^a$/: " A16 A16 A16 A16 "a", 8, "too long" },
		{ "/^sales$", 8, "ends in `$/`" },
		{ "/^$/: s", 3, "empty pattern" },
		{ "/^a|b$/: s", 4, "in a group only" },
		{ "/^(a$/: s", 3, "add the `)`" },
		{ "/^(a/: s", 3, "add the `)`" },
		{ "/^a)$/: s", 4, "closes no group" },
		{ "/^(?=a)b$/: s", 3, "looking around" },
		{ "/^(?!a)b$/: s", 3, "looking around" },
		{ "/^(?<=a)b$/: s", 3, "looking around" },
		{ "/^(?i)b$/: s", 3, "no flags" },
		{ "/^(?#x)b$/: s", 3, "comments" },
		{ "/^(?P<n>a)b$/: s", 3, "names" },
		{ "/^(?>a)b$/: s", 3, "only (...)" },
		{ "/^(?R)b$/: s", 3, "only (...)" },
		{ "/^(*ACCEPT)b$/: s", 3, "verbs" },
		{ "/^a\\Kb$/: s", 4, "of escapes only" },
		{ "/^a\\Qb\\E$/: s", 4, "of escapes only" },
		{ "/^(a)\\1$/: s", 6, "back references" },
		{ "/^a\\d$/: s", 4, "[0-9]" },
		{ "/^a\\w$/: s", 4, "[a-z0-9_]" },
		{ "/^a\\+b$/: s", 4, "before tag and domain" },
		{ "/^a+b+?$/: s", 7, "one repetition" },
		{ "/^a++b$/: s", 5, "one repetition" },
		{ "/^*a$/: s", 3, "nothing here that could be repeated" },
		{ "/^a{2}{3}$/: s", 7, "one repetition" },
		{ "/^a{65}$/: s", 4, "at most 64" },
		{ "/^a{3,2}$/: s", 4, "at most 64" },
		{ "/^a{0}$/: s", 4, "at most 64" },
		{ "/^a{,2}$/: s", 4, "at most 64" },
		{ "/^a@kvt.dk$/: s", 4, "the domain is added" },
		{ "/^a b$/: s", 4, "remove it" },
		{ "/^\"a\"$/: s", 3, "remove it" },
		{ "/^a%b$/: s", 4, "remove it" },
		{ "/^A$/: s", 3, "lower case" },
		{ "/^a^b$/: s", 4, "at the beginning only" },
		{ "/^a$b$/: s", 4, "at the end only" },
		{ "/^[^a]b$/: s", 4, "names the characters" },
		{ "/^[]b$/: s", 4, "without characters" },
		{ "/^[ab$/: s", 6, "remove it" },
		{ "/^[ab/: s", 3, "has no end" },
		{ "/^x[a-Z]$/: s", 7, "lower case" },
		{ "/^x[z-a]$/: s", 5, "range" },
		{ "/^x[a-9]$/: s", 5, "range" },
		{ "/^x[+-a]$/: s", 5, "remove it" },
		{ "/^x[.-_]$/: s", 5, "range" },
		{ "/^x[[:alpha:]]$/: s", 5, "remove it" },
		{ "/^abc$/i: s", 8, "no flags" },
		{ "/^abc$/", 8, "come `:`" },
		{ "/^abc$/:", 9, "leads nowhere" },
		{ "/^abc$/: s@other.dk", 11, "of its own domain" },
		{ "/^abc$/: s, t", 11, "one user" },
		{ "/^abc$/: |/bin/sh", 10, "not to a program" },
		{ "/^abc$/: /dev/null", 10, "not to a program" },
		{ "/^abc$/: :include:/x", 10, "not to a program" },
		{ "/^abc$/: s+t", 11, "a user's name" },
		{ "/^abc$/: $1", 10, "no such group" },
		{ "/^ab(c)$/: ${2}", 12, "no such group" },
		{ "/^ab(c)$/: $0", 12, "write ${1}" },
		{ "/^ab(c)$/: $$1", 12, "write ${1}" },
		{ "/^ab(c)$/: ${1", 12, "write ${1}" },
		{ "/^ab(c)?$/: ${1}", 13, "could be empty" },
		{ "/^ab(c|)$/: ${1}", 13, "could be empty" },
		{ "/^ab((c)|d)$/: ${2}", 16, "could be empty" },
		{ "/^ab([a-z.]+)$/: ${1}", 18, "begin with" },
		{ "/^ab([a-z-]+)$/: ${1}", 18, "begin with" },
		{ "/^ab([a-z.]+)$/: x.${1}", 20, "two dots" },
		{ "/^([a-z.]+)-x$/: ${1}", 18, "end in a dot" },
		{ "/^([a-z.]+)-x$/: ${1}.x", 22, "two dots" },
		{ "/^abc$/: .x", 10, "begin with" },
		{ "/^abc$/: x.", 10, "end in a dot" },
		{ "/^(.*)$/: x", 1, "any name" },
		{ "/^.+$/: x", 1, "any name" },
		{ "/^[a-z0-9]+$/: x", 1, "any name" },
		{ "/^.{5}$/: x", 1, "any name" },
		{ "/^(x|.{3,16})$/: x", 1, "any name" },
		{ "/^(a+)+x$/: x", 1, "too many steps" },
		{ "/^(a|a)*b$/: x", 1, "too many steps" },
		{ "/^(a*)*b$/: x", 1, "too many steps" },
		{ "/^x([a-z]*[a-z]*[a-z]*[a-z]*-)$/: x", 1, "too many steps" },
		{ "/^((x{64}){64}){64}$/: x", 1, "" },
		{ "/^\\.x$/: x", 1, "takes no name" },
		{ "/^a{64}b$/: x", 1, "takes no name" },
		{ "/^a\\.\\.b$/: x", 1, "takes no name" },
	};
	char column[32];
	int bad = 0;
	struct pv_error e;

	(void)state;
	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
		enum pv_class c = take(rows[i].entry, &e);
		if (c != PV_PERMANENT) {
			print_error("%s: class %d\n", rows[i].entry, (int)c);
			bad++;
			continue;
		}
		(void)snprintf(column, sizeof column, "column %d, at `", rows[i].column);
		if (strncmp(e.text, column, strlen(column)) != 0 || strstr(e.text, rows[i].says) == NULL)
			print_error("%s: %s\n", rows[i].entry, e.text), bad++;
	}
	assert_int_equal(bad, 0);
}

static void limits_of_length_depth_and_number_hold(void **state)
{
	char entry[1024];
	struct pv_error e;
	size_t n = 0;

	(void)state;
	(void)snprintf(entry, sizeof entry, "/^%0254d$/: x", 0);
	assert_int_equal(pv_pattern_parse(entry, &p, &e), PV_OK);
	(void)snprintf(entry, sizeof entry, "/^%0255d$/: x", 0);
	assert_int_equal(pv_pattern_parse(entry, &p, &e), PV_PERMANENT);
	assert_non_null(strstr(e.text, "at most 256"));
	for (int depth = 16; depth <= 17; depth++) {
		n = (size_t)snprintf(entry, sizeof entry, "/^");
		for (int i = 0; i < depth; i++)
			n += (size_t)snprintf(entry + n, sizeof entry - n, "(?:");
		n += (size_t)snprintf(entry + n, sizeof entry - n, "a");
		for (int i = 0; i < depth; i++)
			n += (size_t)snprintf(entry + n, sizeof entry - n, ")");
		(void)snprintf(entry + n, sizeof entry - n, "$/: x");
		assert_int_equal(pv_pattern_parse(entry, &p, &e), depth == 16 ? PV_OK : PV_PERMANENT);
	}
	assert_int_equal(take("/^(a)(b)(c)(d)(e)(f)(g)(h)(i)$/: ${9}", &e), PV_OK);
	assert_int_equal(take("/^(a)(b)(c)(d)(e)(f)(g)(h)(i)(j)$/: ${9}", &e), PV_PERMANENT);
}

/* Whatever was parsed, the parts of the tree say what PCRE2 says. */
static void samples_that_are_names_are_what_pcre2_takes(void **state)
{
	static const char *const entries[] = { "/^sales-([a-z0-9]+)$/: sales",
					       "/^x(a|b(c|d){2,3}|)y?[.-]z$/: b",
					       "/^((a|b)c)*-(?:[0-9]{1,3}){2}$/: x" };
	struct pv_random random = { 1 };
	struct pv_error e;

	(void)state;
	for (size_t i = 0; i < sizeof entries / sizeof *entries; i++) {
		char whole[512];
		struct pv_pcre *x = NULL;
		struct pv_buf s = PV_BUF_INIT(1024);
		assert_int_equal(take(entries[i], &e), PV_OK);
		int len = snprintf(whole, sizeof whole, "^%s$", p.expression);
		assert_int_equal(pv_pcre_compile(whole, (size_t)len, &x, NULL, &e), PV_OK);
		for (int n = 0; n < 1000; n++) {
			pv_buf_reset(&s);
			pv_pattern_sample(&p, n == 0 ? PV_SAMPLE_SHORT : PV_SAMPLE_ANY, &random, 1000, &s);
			if (pv_pcre_match(x, s.s, s.len) != PV_MATCH_YES)
				fail_msg("%s does not take %s", entries[i], s.s);
		}
		pv_buf_free(&s);
		pv_pcre_free(x);
	}
}

static void of_aliases_only_patterns_are_handed_out(void **state)
{
	static const char text[] = "# a comment\n"
				   "info: abc,\n"
				   "  /^not-a-pattern$/: it continues\n"
				   "\"a: /^b$/ \\\" \": abc\n"
				   "/^sales-\n"
				   "# between\n"
				   "  x$/: sales\n"
				   "\n"
				   "no colon here\n"
				   "/^b$/: c\n"
				   "last: abc";
	static const char *const want[] = { "/^sales- x$/: sales", "/^b$/: c" };
	struct pv_buf b = PV_BUF_INIT(1024);
	struct pv_alias_entry entry;
	struct pv_alias_file f;
	size_t at = 0, found = 0;
	struct pv_error e;

	(void)state;
	pv_buf_adds(&b, text);
	pv_alias_file_start(&f, "F", &b);
	for (;;) {
		enum pv_class c = pv_alias_next(&f, &at, &entry, &e);
		if (c != PV_OK) {
			assert_string_equal(e.text,
					    "F, line 9: `no colon here` has no `:`: write `name: target`, or "
					    "`/^pattern$/: user`");
			continue;
		}
		if (entry.name == NULL)
			break;
		if (entry.pattern == NULL)
			continue;
		assert_in_range(found, 0, 1);
		assert_int_equal(entry.line, found == 0 ? 5 : 10);
		assert_string_equal(entry.pattern, want[found++]);
	}
	assert_int_equal(found, 2);
	pv_alias_file_free(&f);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_good_pattern_becomes_an_expression_of_safe_characters),
		cmocka_unit_test(a_refused_pattern_is_told_the_column_and_the_mend),
		cmocka_unit_test(limits_of_length_depth_and_number_hold),
		cmocka_unit_test(samples_that_are_names_are_what_pcre2_takes),
		cmocka_unit_test(of_aliases_only_patterns_are_handed_out),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
