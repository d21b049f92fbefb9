/* store_alias_target_test.c: what an alias leads to, and the lines of a list that is included. */
#include "scratch.h"

#include "store/alias_file.h"

static const char *show_targets(const char *list, size_t len)
{
	static const char *const kinds[] = { "NAME", "USER", "ADDRESS", "INCLUDE", "COMMAND", "FILE" };
	static char all[4000];
	struct pv_buf out = PV_BUF_INIT(4000);
	const char *at = list;
	struct pv_target t;
	struct pv_error e;
	enum pv_class c;
	size_t n = 0;

	all[0] = '\0';
	while (pv_target_next(&at, list + len, &out, &t, &c, &e)) {
		assert_true(c == PV_OK || (c == PV_TEMPORARY && e.class == c));
		if (c == PV_OK)
			assert_int_equal(strlen(t.text), t.len);
		n += (size_t)snprintf(all + n, sizeof all - n, "%s%s%s", n > 0 ? "; " : "",
				      c == PV_OK ? kinds[t.kind] : "", c == PV_OK ? " " : "");
		n += (size_t)snprintf(all + n, sizeof all - n, "%s", c == PV_OK ? t.text : e.text);
	}
	assert_ptr_equal(at, list + len);
	assert_int_equal(c, PV_OK);
	pv_buf_free(&out);
	return all;
}

static void targets_are_cut(void **state)
{
	static const struct {
		const char *list, *targets;
	} table[] = {
		{ "", "" },
		{ " , ,", "" },
		{ "abc", "NAME abc" },
		{ "abc,def , ghi,", "NAME abc; NAME def; NAME ghi" },
		{ "Abc", "NAME Abc" },
		{ "\"joe who\", x", "NAME joe who; NAME x" },
		{ "\"a, b\"", "NAME a, b" },
		{ "\"a\\\"b\"", "NAME a\"b" },
		{ "a+b", "NAME a+b" },
		{ "\\joe", "USER joe" },
		{ "\\joe, joe@example.org", "USER joe; ADDRESS joe@example.org" },
		{ "\"\\joe\"", "USER joe" },
		{ "someone@example.org", "ADDRESS someone@example.org" },
		{ "root@localhost", "ADDRESS root@localhost" },
		{ "a.b+c=d/e'f!#$%&*-?^_`{|}~@Example.ORG",
		  "ADDRESS a.b+c=d/e'f!#$%&*-?^_`{|}~@Example.ORG" },
		{ "j\xc3\xb8rgen@example.org", "ADDRESS j\xc3\xb8rgen@example.org" },
		{ "\"someone@example.org\"", "ADDRESS someone@example.org" },
		{ "\"someone\"@example.org", "ADDRESS someone@example.org" },
		/* As RFC 5322 writes addresses. */
		{ "Joe Who <joe@example.org>", "ADDRESS joe@example.org" },
		{ "\"Who, Joe\" <joe@example.org>, x", "ADDRESS joe@example.org; NAME x" },
		{ "<joe@example.org>", "ADDRESS joe@example.org" },
		{ "joe@example.org (Joe, (at) home)", "ADDRESS joe@example.org" },
		{ "(Joe) joe", "NAME joe" },
		{ "<joe>", "NAME joe" },
		/* Files, commands, lists. */
		{ "/home/kvt/Mail/x", "FILE /home/kvt/Mail/x" },
		{ "/home/kvt/Mail/x/, a", "FILE /home/kvt/Mail/x/; NAME a" },
		{ "\"/home/my mail\"", "FILE /home/my mail" },
		{ "|/bin/x", "COMMAND /bin/x" },
		{ "|/bin/x a b, c", "COMMAND /bin/x a b; NAME c" },
		{ "\"|/bin/x a, b\"", "COMMAND /bin/x a, b" },
		{ "\"| /bin/x 'a b' \\\"c d\\\"\"", "COMMAND /bin/x 'a b' \"c d\"" },
		{ "|\"/bin/x a, b\"", "COMMAND /bin/x a, b" },
		{ "|/bin/x \"a, b\" 'c'", "COMMAND /bin/x \"a, b\" 'c'" },
		{ ":include:guests", "INCLUDE guests" },
		{ ":Include: /etc/virtual/kvt.dk/include/guests, a",
		  "INCLUDE /etc/virtual/kvt.dk/include/guests; NAME a" },
		{ "\":include:my guests\"", "INCLUDE my guests" },
		{ ":include:\"my guests\"", "INCLUDE my guests" },
		/* What is no target; those in front of it are. */
		{ "a b",
		  "`a b` is no target: a blank stands in it: write a comma between two targets, and quotes "
		  "around a name that has one" },
		{ "x, \"open", "NAME x; `\"open` is no target: a quote is not closed" },
		{ "(open", "`(open` is no target: a parenthesis is not closed" },
		{ "a\\b", "`a\\b` is no target: a backslash stands in it: write the name in quotes" },
		{ "\\", "`\\` is no target: a backslash stands in it: write the name in quotes" },
		{ "\\joe@example.org",
		  "`\\joe@example.org` is no target: behind the backslash must be the name of a user" },
		{ "\"\"", "`\"\"` is no target: it is empty" },
		{ "<>", "`<>` is no target: it is empty" },
		{ "(only a comment)", "`(only a comment)` is no target: it is empty" },
		{ "a <b", "`a <b` is no target: `<` and `>` do not fit together" },
		{ "a> b", "`a> b` is no target: `<` and `>` do not fit together" },
		{ "<a> <b>", "`<a> <b>` is no target: `<` and `>` do not fit together" },
		{ "<a> b", "`<a> b` is no target: something stands behind the `>`" },
		{ "a\x01z", "`a?z` is no target: a control character stands in it" },
		{ "\"|/bin/x a\nb\"", "`\"|/bin/x a?b\"` is no target: a control character stands in it" },
		{ "@example.org",
		  "`@example.org` is no target: what stands in front of the `@` is no plain name" },
		{ "\"a b\"@example.org",
		  "`\"a b\"@example.org` is no target: what stands in front of the `@` is no plain name" },
		{ "a@b@example.org",
		  "`a@b@example.org` is no target: what stands in front of the `@` is no plain name" },
		{ "-f@example.org",
		  "`-f@example.org` is no target: what stands in front of the `@` is no plain name" },
		{ "a@", "`a@` is no target: what stands behind the `@` is no domain" },
		{ "a@-x", "`a@-x` is no target: what stands behind the `@` is no domain" },
		{ "a@123", "`a@123` is no target: what stands behind the `@` is no domain" },
		{ "a@1.2.3.4", "`a@1.2.3.4` is no target: what stands behind the `@` is no domain" },
		{ "a@example..org",
		  "`a@example..org` is no target: what stands behind the `@` is no domain" },
		/* The way to a mailbox of somebody else's inside of this host. */
		{ "kvt_dk+a--kvt.dk@virtual.invalid", "`kvt_dk+a--kvt.dk@virtual.invalid` is no target: what "
						      "stands behind the `@` is no domain" },
		{ ":include:", "`:include:` is no target: nothing stands behind it" },
		{ "|", "`|` is no target: nothing stands behind it" },
		{ "\"| \"", "`\"| \"` is no target: nothing stands behind it" },
		{ ":fail: no such user",
		  "`:fail: no such user` is no target: only `:include:` begins with a colon" },
		{ "/home/my mail", "`/home/my mail` is no target: a blank or a quote stands in it: write "
				   "quotes around all of it" },
		{ "\"\\\\\"abc\" x\"", "NAME \\abc x" },
		{ "\\\"abc\" x\"",
		  "`\\\"abc\" x\"` is no target: a backslash stands in it: write the name in quotes" },
	};

	(void)state;
	for (size_t i = 0; i < sizeof table / sizeof *table; i++) {
		const char *got = show_targets(table[i].list, strlen(table[i].list));
		if (strcmp(got, table[i].targets) != 0)
			fail_msg("`%s`: `%s`, not `%s`", table[i].list, got, table[i].targets);
	}
	assert_string_equal(show_targets("a\0b", 3), "`a` is no target: a control character stands in it");
}

static void every_byte_of_a_target_is_judged(void **state)
{
	(void)state;
	for (int b = 1; b < 256; b++) {
		char quoted[12];
		bool escaped = b == '"' || b == '\\',
		     control = (b < 0x20 && b != '\t' && b != '\r') || b == 0x7f;
		(void)snprintf(quoted, sizeof quoted, "\"x%s%cy\"", escaped ? "\\" : "", b);
		struct pv_buf out = PV_BUF_INIT(1000);
		const char *at = quoted;
		struct pv_target t;
		enum pv_class c;
		assert_true(pv_target_next(&at, quoted + strlen(quoted), &out, &t, &c, NULL));
		if (b == '@') {
			assert_int_equal(t.kind, PV_TARGET_ADDRESS);
		} else {
			assert_int_equal(c, control ? PV_TEMPORARY : PV_OK);
			if (c == PV_OK) {
				assert_int_equal(t.kind, PV_TARGET_NAME);
				assert_int_equal(t.len, 3);
				assert_int_equal((unsigned char)t.text[1], b);
			}
		}
		pv_buf_free(&out);
	}
}

static void included_lists_are_read_by_lines(void **state)
{
	char text[] = "# members\n"
		      "a@example.org\n"
		      "\n"
		      "  b , c@example.org,\n"
		      "# between\n"
		      "Joe Who <d@example.org> \r\n"
		      "wrong one\n"
		      "e, \"open\n"
		      "f # no comment\n"
		      "g, # a comment\n"
		      ":include:more\n"
		      "last";
	static const struct {
		unsigned line;
		const char *text; /* NULL: wrong */
	} want[] = { { 2, "a@example.org" },
		     { 4, "b" },
		     { 4, "c@example.org" },
		     { 6, "d@example.org" },
		     { 7, NULL },
		     { 8, "e" },
		     { 8, NULL },
		     { 9, NULL },
		     { 10, "g" },
		     { 11, "more" },
		     { 12, "last" } };
	struct pv_buf out = PV_BUF_INIT(1000);
	const char *end = text + sizeof text - 1, *lasting[sizeof want / sizeof *want];
	char *at = text;
	struct pv_target t;
	unsigned line = 0, lasts = 0;
	enum pv_class c;
	size_t i = 0;

	(void)state;
	for (; pv_include_next(&at, end, &line, &out, &t, &c, NULL); i++) {
		assert_true(i < sizeof want / sizeof *want);
		assert_int_equal(line, want[i].line);
		assert_int_equal(c, want[i].text != NULL ? PV_OK : PV_TEMPORARY);
		if (c == PV_OK)
			assert_string_equal(t.text, want[i].text);
		lasting[i] = c == PV_OK && t.lasts ? t.text : NULL;
		lasts += lasting[i] != NULL;
	}
	assert_int_equal(i, sizeof want / sizeof *want);
	assert_ptr_equal(at, end);
	/* Those alone in a line, and they are good still. */
	assert_int_equal(lasts, 2);
	while (i-- > 0)
		if (lasting[i] != NULL)
			assert_string_equal(lasting[i], want[i].text);
	pv_buf_free(&out);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(targets_are_cut),
		cmocka_unit_test(every_byte_of_a_target_is_judged),
		cmocka_unit_test(included_lists_are_read_by_lines),
	};

	return cmocka_run_group_tests_name("store_alias_target", tests, NULL, NULL);
}
