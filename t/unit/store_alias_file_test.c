/* store_alias_file_test.c: a file of aliases is read as sendmail reads it, and a change touches its entry
 * alone. */
#include "scratch.h"

#include "base/clock.h"
#include "store/alias_file.h"

static void start(struct pv_alias_file *f, const char *text, size_t len)
{
	struct pv_buf b = PV_BUF_INIT(PV_ALIAS_FILE_MAX);

	pv_buf_add(&b, text, len);
	assert_int_equal(pv_buf_check(&b, "text", NULL), PV_OK);
	pv_alias_file_start(f, "F", &b);
	assert_int_equal(b.len, 0);
}

/* An entry as one line: `name|targets|comment|day|line|from-to`. */
static const char *show(const struct pv_alias_entry *entry)
{
	static char text[2000];
	const struct pv_day *d = &entry->expires;

	(void)snprintf(text, sizeof text, "%.*s|%.*s|%.*s|%u-%u-%u|%u|%zu-%zu", (int)entry->name_len,
		       entry->name, (int)entry->targets_len, entry->targets, (int)entry->comment_len,
		       entry->comment, d->year, d->month, d->day, entry->line, entry->from, entry->to);
	return text;
}

/* Of all entries of a text: what show() says, or the sentence, a line each. */
static const char *show_all(const char *text, size_t len)
{
	static char all[8000];
	struct pv_alias_entry entry;
	struct pv_alias_file f;
	struct pv_error e;
	size_t at = 0, n = 0;

	start(&f, text, len);
	all[0] = '\0';
	for (int i = 0; i < 100; i++) {
		enum pv_class c = pv_alias_next(&f, &at, &entry, &e);
		if (c == PV_OK && entry.name == NULL)
			break;
		assert_true(c == PV_OK || (c == PV_TEMPORARY && e.class == c));
		n += (size_t)snprintf(all + n, sizeof all - n, "%s\n", c == PV_OK ? show(&entry) : e.text);
	}
	pv_alias_file_free(&f);
	return all;
}

static void files_are_read_as_sendmail_reads_them(void **state)
{
	static const struct {
		const char *text, *entries;
	} table[] = {
		{ "", "" },
		{ "\n# c\n  \n   # indented\n", "" },
		{ "abc: def\n", "abc|def||0-0-0|1|0-9\n" },
		{ "abc: def", "abc|def||0-0-0|1|0-8\n" },
		{ "abc:def,ghi\n", "abc|def,ghi||0-0-0|1|0-12\n" },
		{ "ABC \t:  Def , Ghi  \n", "abc|Def , Ghi||0-0-0|1|0-20\n" },
		{ "abc: def\r\nxyz: a\r\n", "abc|def||0-0-0|1|0-10\nxyz|a||0-0-0|2|10-18\n" },
		/* Continuation: white space, with comments and blank lines between; or a backslash. */
		{ "abc: def,\n  ghi,\n\tjkl\nx: y\n",
		  "abc|def, ghi, jkl||0-0-0|1|0-22\nx|y||0-0-0|4|22-27\n" },
		{ "abc: def,\n# c\n\n  ghi\n\n# d\nx: y\n",
		  "abc|def, ghi||0-0-0|1|0-21\nx|y||0-0-0|7|26-31\n" },
		{ "abc:\n  def\n", "abc|def||0-0-0|1|0-11\n" },
		{ "abc\n  : def\n", "abc|def||0-0-0|1|0-12\n" },
		{ "abc: def, \\\nghi\nx: y\n", "abc|def, ghi||0-0-0|1|0-16\nx|y||0-0-0|3|16-21\n" },
		{ "abc: def, \\\r\n  ghi\r\n", "abc|def, ghi||0-0-0|1|0-20\n" },
		/* Quoted names. */
		{ "\"joe who\": joe\n", "joe who|joe||0-0-0|1|0-15\n" },
		{ "\"a:b\" : c\n", "a:b|c||0-0-0|1|0-10\n" },
		{ "\"a\\\"b\\\\c\": d\n", "a\"b\\c|d||0-0-0|1|0-13\n" },
		{ "a\"B c\"d: e\n", "ab cd|e||0-0-0|1|0-11\n" },
		{ "joe who: joe\n", "joe who|joe||0-0-0|1|0-13\n" },
		{ "\xc3\x86gir: a\n", "\xc3\x86gir|a||0-0-0|1|0-9\n" },
		{ "o'brien$x: a\n", "o'brien$x|a||0-0-0|1|0-13\n" },
		/* Comments that belong to an entry. */
		{ "#: expires=2026-12-31 the Christmas party\nparty: a\n",
		  "party|a|the Christmas party|2026-12-31|2|0-51\n" },
		{ "#: the  Christmas\n#:party expires=2026-12-31\nparty: a\n",
		  "party|a|the Christmas party|2026-12-31|3|0-54\n" },
		{ "#: far away\n\nx: a\n", "x|a||0-0-0|3|13-18\n" },
		{ "#: far away\n# between\nx: a\n", "x|a||0-0-0|3|22-27\n" },
		{ "# before\n#: mine\nx: a\n", "x|a|mine|0-0-0|3|9-22\n" },
		{ "#:\nx: a\n", "x|a||0-0-0|2|0-8\n" },
		{ "#: not an expires day\nx: a\n", "x|a|not an expires day|0-0-0|2|0-27\n" },
		{ "x: a\n#: of y\ny: b\n", "x|a||0-0-0|1|0-5\ny|b|of y|0-0-0|3|5-18\n" },
		{ "x: a\n#: inside\n  b\ny: c\n", "x|a b||0-0-0|1|0-19\ny|c||0-0-0|4|19-24\n" },
		{ "x: a \\\n#: inside\ny: c\n", "x|a||0-0-0|1|0-17\ny|c||0-0-0|3|17-22\n" },
		{ "#: of the first, which is wrong\nwrong\n#: b\nx: a\n",
		  "F, line 2: `wrong` has no `:`: write `name: target`, or `/^pattern$/: user`\n"
		  "x|a|b|0-0-0|4|38-48\n" },
		/* What is wrong is told with its line, and the next one is read. */
		{ "abc\nx: y\n", "F, line 1: `abc` has no `:`: write `name: target`, or `/^pattern$/: user`\n"
				 "x|y||0-0-0|2|4-9\n" },
		{ "abc:\nx: y\n",
		  "F, line 1: abc leads nowhere: write a target behind the `:`\nx|y||0-0-0|2|5-10\n" },
		{ "abc: , ,\n", "F, line 1: abc leads nowhere: write a target behind the `:`\n" },
		{ ": a\n", "F, line 1: there is no name in front of the `:`\n" },
		{ "\"\": a\n", "F, line 1: there is no name in front of the `:`\n" },
		{ "\"abc: a\nx: y\n",
		  "F, line 1: `\"abc: a` has a quote that is not closed\nx|y||0-0-0|2|8-13\n" },
		{ "a\\b: c\n",
		  "F, line 1: `a\\b: c` has a backslash in its name: write the name in quotes\n" },
		{ "a@kvt.dk: c\n", "F, line 1: the name has an `@`: write it without the domain\n" },
		{ "a\x01: c\n", "F, line 1: a control character stands in the name\n" },
		{ "\n  abc: x\ny: z\n",
		  "F, line 2: the line begins with white space, and there is no entry that it "
		  "continues\ny|z||0-0-0|3|10-15\n" },
		{ "#: expires=2026-02-30\nx: a\n",
		  "F, line 1: `expires=2026-02-30`: write a day like expires=2026-12-31\n" },
		{ "#: expires=\nx: a\n", "F, line 1: `expires=`: write a day like expires=2026-12-31\n" },
		{ "#: expires=2026-1-1\nx: a\n",
		  "F, line 1: `expires=2026-1-1`: write a day like expires=2026-12-31\n" },
		{ "#: a\n#: expires=2026-01-01 expires=2026-01-01\nx: a\n",
		  "F, line 2: expires= stands there twice: remove one\n" },
		/* Patterns are whole, as somebody else reads them. */
		{ "/^Sales-\n  x$/ : sales\n", "/^Sales- x$/ |sales||0-0-0|1|0-23\n" },
		{ "/no colon\n", "/no colon|||0-0-0|1|0-10\n" },
		{ "\"/^a$/\": b\n", "/^a$/|b||0-0-0|1|0-11\n" },
	};

	(void)state;
	for (size_t i = 0; i < sizeof table / sizeof *table; i++) {
		const char *got = show_all(table[i].text, strlen(table[i].text));
		if (strcmp(got, table[i].entries) != 0)
			fail_msg("`%s`:\n%s---\n%s", table[i].text, got, table[i].entries);
	}
	const char nul[] = "a: b\nc: d\0e\nf: g\n";
	assert_string_equal(show_all(nul, sizeof nul - 1),
			    "a|b||0-0-0|1|0-5\nF, line 2: the entry holds a NUL byte: restore the file\n"
			    "f|g||0-0-0|3|12-17\n");
}

/* What a domain of 2002 has in its file, read whole. */
static void a_file_of_2002_is_read(void **state)
{
	static const char text[] = "#\n"
				   "#\t@(#)aliases\t8.2 (Berkeley) 3/5/94\n"
				   "#\n"
				   "# Basic system aliases -- these MUST be present.\n"
				   "MAILER-DAEMON:\tpostmaster\n"
				   "postmaster:\troot\n"
				   "\n"
				   "# trap decode to catch security attacks\n"
				   "decode:\t\troot\n"
				   "root:\t\tclaus,\n"
				   "\t\t\"|/usr/local/bin/log -x\",\n"
				   "\t\t/home/kvt/Mail/root\n"
				   "majordomo: \"|/usr/lib/majordomo/wrapper majordomo\"\n"
				   "owner-list: claus\n"
				   "list: :include:/etc/virtual/kvt.dk/include/list\n"
				   "hans: \\hans, hans@example.org (at home)";

	(void)state;
	assert_string_equal(show_all(text, sizeof text - 1),
			    "mailer-daemon|postmaster||0-0-0|5|89-115\n"
			    "postmaster|root||0-0-0|6|115-132\n"
			    "decode|root||0-0-0|9|173-187\n"
			    "root|claus, \"|/usr/local/bin/log -x\", /home/kvt/Mail/root||0-0-0|10|187-251\n"
			    "majordomo|\"|/usr/lib/majordomo/wrapper majordomo\"||0-0-0|13|251-302\n"
			    "owner-list|claus||0-0-0|14|302-320\n"
			    "list|:include:/etc/virtual/kvt.dk/include/list||0-0-0|15|320-368\n"
			    "hans|\\hans, hans@example.org (at home)||0-0-0|16|368-407\n");
}

/* Ask so often that the index is made, and each way answers alike. */
enum { ASKED = 6 };

static void a_name_is_found(void **state)
{
	static const char text[] = "abc: first\n"
				   "\"Joe Who\": second\n"
				   "twice: a\n"
				   "ABCD: third\n"
				   "no colon\n"
				   "torn\n"
				   "torn2\n  :\n"
				   "more\n  words: x\n"
				   "\"a:b\": fourth\n"
				   "a: fifth\n"
				   "TWICE : b\n"
				   "/^pattern$/: x\n"
				   "\"/quoted/\": sixth\n"
				   "empty:\n"
				   "#: expires=never\n"
				   "bad: x\n"
				   "\\back: x\n"
				   "\"open: x\n"
				   "q\"uote\"d: seventh\n"
				   "last: eighth";
	static const struct {
		const char *name, *targets, *why; /* targets NULL: it is not there */
	} table[] = {
		{ "abc", "first", NULL },
		{ "ABC", "first", NULL },
		{ "aBcD", "third", NULL },
		{ "ab", NULL, NULL },
		{ "abcde", NULL, NULL },
		{ "abc:", NULL, NULL },
		{ "", NULL, NULL },
		{ " ", NULL, NULL },
		{ "joe who", "second", NULL },
		{ "\"joe who\"", NULL, NULL },
		{ "a:b", "fourth", NULL },
		{ "a", "fifth", NULL },
		{ "quoted", "seventh", NULL },
		{ "/quoted/", "sixth", NULL },
		{ "/^pattern$/", NULL, NULL },
		{ "#: expires=never", NULL, NULL },
		{ "back", NULL, NULL },
		{ "open", NULL, NULL },
		{ "open: x", NULL, NULL },
		{ "last", "eighth", NULL },
		{ "twice", NULL, "F, line 13: twice stands in line 3 already: join the two, or remove one" },
		{ "torn", NULL, "F, line 6: `torn` has no `:`" },
		{ "torn2", NULL, "F, line 7: torn2 leads nowhere" },
		{ "no colon", NULL, "F, line 5: `no colon` has no `:`" },
		/* What stands in its first line is not its name. */
		{ "more", NULL, "F, line 9: `more` has no `:`" },
		{ "more words", NULL, NULL },
		{ "empty", NULL, "F, line 16: empty leads nowhere" },
		{ "bad", NULL, "F, line 17: `expires=never`" },
	};

	(void)state;
	for (size_t i = 0; i < sizeof table / sizeof *table; i++) {
		struct pv_alias_file f;
		start(&f, text, sizeof text - 1);
		for (int k = 0; k < ASKED; k++) {
			struct pv_alias_entry entry;
			bool found;
			struct pv_error e = { .text = "" };
			enum pv_class c =
				pv_alias_find(&f, table[i].name, strlen(table[i].name), &entry, &found, &e);
			if (table[i].why != NULL) {
				if (c != PV_TEMPORARY || strstr(e.text, table[i].why) != e.text)
					fail_msg("%s, %d: class %d, `%s`", table[i].name, k, (int)c, e.text);
				assert_string_equal(e.status, "4.3.5");
				continue;
			}
			assert_int_equal(c, PV_OK);
			if (found != (table[i].targets != NULL))
				fail_msg("%s, %d: %d", table[i].name, k, found);
			if (!found)
				continue;
			assert_int_equal(entry.targets_len, strlen(table[i].targets));
			assert_memory_equal(entry.targets, table[i].targets, entry.targets_len);
			assert_null(entry.pattern);
		}
		assert_true(f.index != NULL || table[i].name[0] == '\0');
		pv_alias_file_free(&f);
	}
}

static void entries_live_as_long_as_the_file(void **state)
{
	struct pv_alias_entry first, other;
	struct pv_alias_file f;
	struct pv_buf text = PV_BUF_INIT(1 << 20);
	bool found;

	(void)state;
	for (int i = 0; i < 1000; i++)
		pv_buf_addf(&text, "#: number %d\n\"Name %d\": a,\n  b%d\n", i, i, i);
	pv_alias_file_start(&f, "F", &text);
	assert_int_equal(pv_alias_find(&f, "name 7", 6, &first, &found, NULL), PV_OK);
	for (int i = 0; i < 1000; i++) {
		char name[20];
		(void)snprintf(name, sizeof name, "name %d", i);
		assert_int_equal(pv_alias_find(&f, name, strlen(name), &other, &found, NULL), PV_OK);
		assert_true(found);
		assert_int_equal(other.line, 3 * i + 2);
	}
	assert_string_equal(show(&first), "name 7|a, b7|number 7|0-0-0|23|210-240");
	pv_alias_file_free(&f);
}

/* A file that may have lost a part is no reason to refuse mail. */
static void a_damaged_file_has_not_nobody(void **state)
{
	static const char text[] = "abc: x\n\0\0\0\0def: y\n";
	struct pv_alias_entry entry;
	struct pv_alias_file f;
	struct pv_error e;
	bool found;

	(void)state;
	start(&f, text, sizeof text - 1);
	for (int k = 0; k < ASKED; k++) {
		assert_int_equal(pv_alias_find(&f, "abc", 3, &entry, &found, &e), PV_OK);
		assert_true(found);
		assert_int_equal(pv_alias_find(&f, "def", 3, &entry, &found, &e), PV_TEMPORARY);
		assert_string_equal(e.text, "F, line 2: the line holds a NUL byte: restore the file");
	}
	pv_alias_file_free(&f);
}

static void names_have_a_limit(void **state)
{
	char text[PV_ALIAS_NAME_MAX + 20], name[PV_ALIAS_NAME_MAX + 2];
	struct pv_alias_entry entry;
	struct pv_alias_file f;
	struct pv_error e;
	size_t at = 0;
	bool found;

	(void)state;
	memset(name, 'n', sizeof name);
	(void)snprintf(text, sizeof text, "%.*s: x\n", PV_ALIAS_NAME_MAX, name);
	start(&f, text, strlen(text));
	for (int k = 0; k < ASKED; k++) {
		assert_int_equal(pv_alias_find(&f, name, PV_ALIAS_NAME_MAX, &entry, &found, &e), PV_OK);
		assert_true(found);
		assert_int_equal(pv_alias_find(&f, name, PV_ALIAS_NAME_MAX + 1, &entry, &found, &e), PV_OK);
		assert_false(found);
	}
	pv_alias_file_free(&f);
	(void)snprintf(text, sizeof text, "%.*s: x\n", PV_ALIAS_NAME_MAX + 1, name);
	start(&f, text, strlen(text));
	for (int k = 0; k < ASKED; k++) {
		assert_int_equal(pv_alias_find(&f, name, PV_ALIAS_NAME_MAX, &entry, &found, &e), PV_OK);
		assert_false(found);
	}
	assert_int_equal(pv_alias_next(&f, &at, &entry, &e), PV_TEMPORARY);
	assert_non_null(strstr(e.text, "has a name of more than 200 bytes"));
	pv_alias_file_free(&f);
}

/* Each of 255 bytes in a name: quoted by the change, found by the bytes themselves, and by no others. */
static void every_byte_may_stand_in_a_quoted_name(void **state)
{
	(void)state;
	for (int b = 1; b < 256; b++) {
		const char name[] = { 'x', (char)b, 'Y', '\0' };
		const struct pv_alias_change change = { .name = name, .targets = "abc", .comment = "" };
		struct pv_buf out = PV_BUF_INIT(1000);
		struct pv_alias_entry entry;
		struct pv_alias_file f;
		bool had, found;

		start(&f, "", 0);
		enum pv_class c = pv_alias_file_change(&f, &change, &out, &had, NULL);
		pv_alias_file_free(&f);
		assert_int_equal(c, b < 0x20 || b == 0x7f || b == '@' ? PV_PERMANENT : PV_OK);
		if (c != PV_OK)
			continue;
		assert_false(had);
		pv_alias_file_start(&f, "F", &out);
		for (int k = 0; k < ASKED; k++) {
			assert_int_equal(pv_alias_find(&f, name, 3, &entry, &found, NULL), PV_OK);
			if (!found)
				fail_msg("byte %d: %s", b, f.text.s);
			assert_int_equal(entry.name_len, 3);
			assert_int_equal(pv_alias_find(&f, "x", 1, &entry, &found, NULL), PV_OK);
			assert_false(found);
		}
		pv_alias_file_free(&f);
	}
}

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
	static const char text[] = "# members\n"
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
	const char *at = text, *end = text + sizeof text - 1;
	struct pv_target t;
	unsigned line = 0;
	enum pv_class c;
	size_t i = 0;

	(void)state;
	for (; pv_include_next(&at, end, &line, &out, &t, &c, NULL); i++) {
		assert_true(i < sizeof want / sizeof *want);
		assert_int_equal(line, want[i].line);
		assert_int_equal(c, want[i].text != NULL ? PV_OK : PV_TEMPORARY);
		if (c == PV_OK)
			assert_string_equal(t.text, want[i].text);
	}
	assert_int_equal(i, sizeof want / sizeof *want);
	assert_ptr_equal(at, end);
	pv_buf_free(&out);
}

static void changes_touch_their_entry_alone(void **state)
{
	static const struct {
		const char *text, *name, *targets, *comment, *day, *result;
		bool had;
	} table[] = {
		{ "", "abc", "x, y", "", "", "abc: x, y\n", false },
		{ "# mine\n\na: b\n", "abc", "x", "", "", "# mine\n\na: b\nabc: x\n", false },
		{ "a: b", "abc", "x", "", "", "a: b\nabc: x\n", false },
		{ "a: b", "abc", NULL, "", "", "a: b", false },
		{ "# c\nABC :\tx,\n  # d\n  y\n\n# e\nz: a\r\n", "abc", "n", "", "",
		  "# c\nabc: n\n\n# e\nz: a\r\n", true },
		{ "a: b\nabc: x\nc: d\n", "abc", NULL, "", "", "a: b\nc: d\n", true },
		{ "a: b\nabc: x", "abc", "y", "", "", "a: b\nabc: y\n", true },
		{ "a: b\nabc: x", "abc", NULL, "", "", "a: b\n", true },
		{ "abc: x\n", "abc", NULL, "", "", "", true },
		{ "a: b\n#: old\n#: expires=2020-01-01\nabc: x\n", "abc", "y", "new words", "2026-12-31",
		  "a: b\n#: expires=2026-12-31 new words\nabc: y\n", true },
		{ "#: old\nabc: x\n", "abc", "y", "", "", "abc: y\n", true },
		{ "# not its\n#: old\nabc: x\n", "abc", NULL, "", "", "# not its\n", true },
		{ "", "abc", "x", "", "2026-01-02", "#: expires=2026-01-02\nabc: x\n", false },
		{ "", "abc", "x", "a comment", "", "#: a comment\nabc: x\n", false },
		/* What stands last keeps its own, and takes nothing. */
		{ "a: b\n#: of nobody\n", "abc", "x", "", "", "a: b\n#: of nobody\n\nabc: x\n", false },
		{ "a: b\n#: of nobody", "abc", "x", "", "", "a: b\n#: of nobody\n\nabc: x\n", false },
		{ "a: b, \\\n", "abc", "x", "", "", "a: b, \\\n\nabc: x\n", false },
		{ "a: b, \\\r\n", "abc", "x", "", "", "a: b, \\\r\n\nabc: x\n", false },
		{ "a: b, \\", "abc", "x", "", "", "a: b, \\\n\nabc: x\n", false },
		{ "", "joe who", "x", "", "", "\"joe who\": x\n", false },
		{ "", "#a", "x", "", "", "\"#a\": x\n", false },
		{ "\"Joe Who\": y\n", "joe who", "x", "", "", "\"joe who\": x\n", true },
		/* What is wrong with an entry is no obstacle to mending it. */
		{ "abc:\n", "abc", "x", "", "", "abc: x\n", true },
		{ "abc\nd: e\n", "abc", "x", "", "", "abc: x\nd: e\n", true },
		{ "#: expires=never\nabc: x\n", "abc", "y", "", "", "abc: y\n", true },
		/* Patterns. */
		{ "/^a$/: b\n/^a/: c\n", "/^a$/", "d", "", "", "/^a$/: d\n/^a/: c\n", true },
		{ "/^a$/: b\n", "/^a$/", NULL, "", "", "", true },
		{ "/^a$/: b\n", "/^A$/", "c", "", "", "/^a$/: b\n/^A$/: c\n", false },
	};

	(void)state;
	for (size_t i = 0; i < sizeof table / sizeof *table; i++) {
		struct pv_alias_change change = { .name = table[i].name,
						  .targets = table[i].targets,
						  .comment = table[i].comment };
		struct pv_buf out = PV_BUF_INIT(4000);
		struct pv_error e = { .text = "" };
		struct pv_alias_file f;
		bool had;
		(void)pv_day_parse(table[i].day, strlen(table[i].day), &change.expires);
		start(&f, table[i].text, strlen(table[i].text));
		enum pv_class c = pv_alias_file_change(&f, &change, &out, &had, &e);
		if (c != PV_OK || had != table[i].had || strcmp(out.s, table[i].result) != 0)
			fail_msg("row %zu: class %d, %s, had %d:\n%s---\n%s", i, (int)c, e.text, had, out.s,
				 table[i].result);
		assert_string_equal(f.text.s, table[i].text);
		pv_alias_file_free(&f);
		pv_buf_free(&out);
	}
}

static void what_cannot_be_is_not_written(void **state)
{
	static const struct {
		const char *text, *name, *targets, *comment;
		enum pv_class class;
		const char *why;
	} table[] = {
		{ "", "", "x", "", PV_PERMANENT, "a name has 1 to 200 bytes" },
		{ "", "a@kvt.dk", "x", "", PV_PERMANENT, "`a@kvt.dk`: write the name without the domain" },
		{ "", "a\nb", "x", "", PV_PERMANENT, "a control character stands in the name" },
		{ "", "a", "", "", PV_PERMANENT, "write a target" },
		{ "", "a", " , ", "", PV_PERMANENT, "write a target" },
		{ "", "a", "b c", "", PV_PERMANENT, "`b c` is no target" },
		{ "", "a", "b, \"c", "", PV_PERMANENT, "a quote is not closed" },
		{ "", "a", "b\nc: d", "", PV_PERMANENT, "a control character stands in the targets" },
		{ "", "a", "|/bin/x \\", "", PV_PERMANENT, "a backslash at the end would join" },
		{ "", "a", "b", "x\ny: z", PV_PERMANENT, "a control character stands in the comment" },
		{ "", "a", "b", "expires=2026-01-01", PV_PERMANENT,
		  "a comment cannot have the word expires=" },
		{ "a: b\nA: c\n", "a", "d", "", PV_TEMPORARY, "F, line 2: a stands in line 1 already" },
		{ "a: b\nA: c\n", "a", NULL, "", PV_TEMPORARY, "F, line 2: a stands in line 1 already" },
		{ "/a/: b\n/a/: c\n", "/a/", NULL, "", PV_TEMPORARY,
		  "F, line 2: /a/ stands in line 1 already" },
	};

	(void)state;
	for (size_t i = 0; i < sizeof table / sizeof *table; i++) {
		const struct pv_alias_change change = { .name = table[i].name,
							.targets = table[i].targets,
							.comment = table[i].comment };
		struct pv_buf out = PV_BUF_INIT(4000);
		struct pv_error e = { .text = "" };
		struct pv_alias_file f;
		bool had;
		start(&f, table[i].text, strlen(table[i].text));
		enum pv_class c = pv_alias_file_change(&f, &change, &out, &had, &e);
		if (c != table[i].class || e.class != c || strstr(e.text, table[i].why) == NULL)
			fail_msg("row %zu: class %d, `%s`", i, (int)c, e.text);
		assert_int_equal(out.len, 0);
		pv_alias_file_free(&f);
		pv_buf_free(&out);
	}
}

/* Random files, random changes: the one entry is what was set, every other one says what it said. */
static void a_change_then_a_reading_gives_what_was_set(void **state)
{
	static const char *const pieces[] = {
		"a: b\n",     "c: d,\n  e\n",	    "# comment\n", "\n",
		"#: about\n", "\"q r\": s\n",	    "  more\n",	   "/^x$/: y\n",
		"no colon\n", "f: |/bin/x \\\ny\n", "G: \"h\"\n",  "\t# indented\n"
	};
	static const char *const names[] = { "a", "c", "q r", "f", "g", "new", "/^x$/" };
	uint64_t seed = 1;

	(void)state;
	for (int round = 0; round < 3000; round++) {
		struct pv_buf text = PV_BUF_INIT(4000), out = PV_BUF_INIT(4000), copy = PV_BUF_INIT(4000);
		struct pv_alias_change change = { .name = names[next_random(&seed) % 7], .comment = "c" };
		struct pv_alias_file before, after;
		struct pv_alias_entry x, y;
		bool had;
		change.targets = next_random(&seed) % 3 > 0 ? "t1, t2" : NULL;
		for (unsigned n = next_random(&seed) % 8; n > 0; n--)
			pv_buf_adds(&text, pieces[next_random(&seed) % 12]);
		pv_alias_file_start(&before, "F", &text);
		if (pv_alias_file_change(&before, &change, &out, &had, NULL) != PV_OK) {
			/* It stood there twice. */
			pv_alias_file_free(&before);
			pv_buf_free(&out);
			continue;
		}
		pv_buf_add(&copy, out.s, out.len);
		pv_alias_file_start(&after, "F", &out);
		size_t at = 0, at2 = 0, seen = 0;
		size_t len = strlen(change.name);
		for (;;) {
			enum pv_class c = pv_alias_next(&after, &at, &x, NULL), c2 = PV_OK;
			bool ours = c == PV_OK && x.name != NULL && x.name_len == len &&
				    memcmp(x.name, change.name, len) == 0;
			seen += ours;
			if (ours) {
				assert_int_equal(x.targets_len, 6);
				assert_memory_equal(x.targets, "t1, t2", 6);
				assert_memory_equal(copy.s + x.from, "#: c\n", 5);
				continue;
			}
			do
				c2 = pv_alias_next(&before, &at2, &y, NULL);
			while (c2 == PV_OK && y.name != NULL && y.name_len == len &&
			       memcmp(y.name, change.name, len) == 0);
			assert_int_equal(c, c2);
			if (c == PV_OK && x.name == NULL) {
				assert_null(y.name);
				break;
			}
			if (c == PV_OK) {
				assert_int_equal(x.to - x.from, y.to - y.from);
				assert_memory_equal(copy.s + x.from, before.text.s + y.from, x.to - x.from);
			}
		}
		assert_int_equal(seen, change.targets != NULL);
		pv_alias_file_free(&before);
		pv_alias_file_free(&after);
		pv_buf_free(&copy);
	}
}

static void ten_thousand_aliases_are_asked_quickly(void **state)
{
	struct pv_buf text = PV_BUF_INIT(PV_ALIAS_FILE_MAX);
	struct pv_alias_entry entry;
	struct pv_alias_file f;
	int64_t first = INT64_MAX, chain = INT64_MAX;
	char name[20];
	bool found;

	(void)state;
	for (int i = 0; i < 10000; i++)
		pv_buf_addf(&text, "alias%05d: alias%05d, someone%05d@example.org\n", i, i + 1, i);
	pv_alias_file_start(&f, "F", &text);
	/* The least of several: others are at work on the machine. */
	for (int round = 0; round < 20; round++) {
		free(f.index);
		f.index = NULL;
		f.finds = 0;
		int64_t began = pv_now_us();
		assert_int_equal(pv_alias_find(&f, "alias09999", 10, &entry, &found, NULL), PV_OK);
		int64_t took = pv_now_us() - began;
		first = took < first ? took : first;
		assert_true(found && f.index == NULL);
		f.finds = 0;
		began = pv_now_us();
		for (int i = 0; i < 50; i++) {
			(void)snprintf(name, sizeof name, "alias%05d", 9000 + i);
			assert_int_equal(pv_alias_find(&f, name, 10, &entry, &found, NULL), PV_OK);
			assert_true(found);
		}
		took = pv_now_us() - began;
		chain = took < chain ? took : chain;
	}
	print_message("one of 10000: %ld us, a chain of 50: %ld us\n", (long)first, (long)chain);
	assert_true(first < 3000);
	assert_true(chain < 20 * first);
	pv_alias_file_free(&f);
}

static unsigned fail_at, seen_allocations;

static bool fails(void)
{
	return ++seen_allocations == fail_at;
}

void *__real_malloc(size_t size);
void *__wrap_malloc(size_t size);
void *__wrap_malloc(size_t size)
{
	return fails() ? NULL : __real_malloc(size);
}

void *__real_realloc(void *p, size_t size);
void *__wrap_realloc(void *p, size_t size);
void *__wrap_realloc(void *p, size_t size)
{
	return fails() ? NULL : __real_realloc(p, size);
}

void *__real_calloc(size_t n, size_t size);
void *__wrap_calloc(size_t n, size_t size);
void *__wrap_calloc(size_t n, size_t size)
{
	return fails() ? NULL : __real_calloc(n, size);
}

/* Without memory: temporary, or (the index) the same answer. */
static void no_memory_is_temporary(void **state)
{
	static const char text[] = "#: words\n\"joe who\": a,\n  b\n/^x$/: y\n";
	const struct pv_alias_change change = { .name = "joe who",
						.targets = "c, \"d e\"",
						.comment = "words" };
	unsigned failed = 0;

	(void)state;
	for (unsigned nth = 1;; nth++) {
		struct pv_buf out = PV_BUF_INIT(1000);
		struct pv_alias_entry entry;
		struct pv_alias_file f;
		struct pv_error e = { .text = "" };
		bool found, had;
		size_t at = 0;

		start(&f, text, sizeof text - 1);
		fail_at = nth;
		seen_allocations = 0;
		enum pv_class c = PV_OK;
		for (int k = 0; c == PV_OK && k < ASKED; k++) {
			c = pv_alias_find(&f, "Joe Who", 7, &entry, &found, &e);
			if (c == PV_OK)
				assert_true(found && entry.targets_len == 4 && entry.comment_len == 5);
		}
		for (int k = 0; c == PV_OK && k < 2; k++)
			c = pv_alias_next(&f, &at, &entry, &e);
		if (c == PV_OK)
			c = pv_alias_file_change(&f, &change, &out, &had, &e);
		bool met = seen_allocations >= nth;
		fail_at = 0;
		assert_true(c == PV_OK || (c == PV_TEMPORARY && e.class == c && e.text[0] != '\0'));
		failed += c != PV_OK;
		pv_alias_file_free(&f);
		pv_buf_free(&out);
		if (!met) {
			assert_int_equal(c, PV_OK);
			break;
		}
	}
	assert_true(failed > 5);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(files_are_read_as_sendmail_reads_them),
		cmocka_unit_test(a_file_of_2002_is_read),
		cmocka_unit_test(a_name_is_found),
		cmocka_unit_test(entries_live_as_long_as_the_file),
		cmocka_unit_test(a_damaged_file_has_not_nobody),
		cmocka_unit_test(names_have_a_limit),
		cmocka_unit_test(every_byte_may_stand_in_a_quoted_name),
		cmocka_unit_test(targets_are_cut),
		cmocka_unit_test(every_byte_of_a_target_is_judged),
		cmocka_unit_test(included_lists_are_read_by_lines),
		cmocka_unit_test(changes_touch_their_entry_alone),
		cmocka_unit_test(what_cannot_be_is_not_written),
		cmocka_unit_test(a_change_then_a_reading_gives_what_was_set),
		cmocka_unit_test(ten_thousand_aliases_are_asked_quickly),
		cmocka_unit_test(no_memory_is_temporary),
	};

	return cmocka_run_group_tests_name("store_alias_file", tests, NULL, NULL);
}
