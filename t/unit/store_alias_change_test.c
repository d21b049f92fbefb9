/* store_alias_change_test.c: a change of a file of aliases touches its entry alone. */
#include "scratch.h"

#include "store/alias_file.h"

static void start(struct pv_alias_file *f, const char *text, size_t len)
{
	struct pv_buf b = PV_BUF_INIT(PV_ALIAS_FILE_MAX);

	pv_buf_add(&b, text, len);
	assert_int_equal(pv_buf_check(&b, "text", NULL), PV_OK);
	pv_alias_file_start(f, "F", &b);
	assert_int_equal(b.len, 0);
}

/* Ask so often that the index is made, and each way answers alike. */
enum { ASKED = 6 };

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
		{ "abc : x\n", "abc ", "y", "", "", "abc : x\n\"abc \": y\n", false },
		/* What is wrong with an entry is no obstacle to mending it. */
		{ "abc:\n", "abc", "x", "", "", "abc: x\n", true },
		{ "abc\nd: e\n", "abc", "x", "", "", "abc: x\nd: e\n", true },
		{ "#: expires=never\nabc: x\n", "abc", "y", "", "", "abc: y\n", true },
		/* Patterns. */
		{ "/^a$/: b\n/^a/: c\n", "/^a$/", "d", "", "", "/^a$/: d\n/^a/: c\n", true },
		{ "/^a$/: b\n", "/^a$/", NULL, "", "", "", true },
		{ "/^a/:b/: c\n", "/^a/", "d", "", "", "/^a/:b/: c\n/^a/: d\n", false },
		{ "/^a/ :b/: c\n/^a/: d\n", "/^a/", NULL, "", "", "/^a/ :b/: c\n", true },
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
		{ "", "/a", "x", "", PV_PERMANENT, "a pattern ends with a slash" },
		{ "", "/", "x", "", PV_PERMANENT, "a pattern ends with a slash" },
		{ "", "/a/ ", "x", "", PV_PERMANENT, "a pattern ends with a slash" },
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

/* Targets that are abc become xyz. */
static enum pv_class swap_abc(void *ctx, const struct pv_target *t, struct pv_buf *out)
{
	(void)ctx;
	if (t->kind == PV_TARGET_NAME && strcmp(t->text, "abc") == 0)
		pv_buf_adds(out, "xyz");
	else if (t->kind == PV_TARGET_USER && strcmp(t->text, "abc") == 0)
		pv_buf_adds(out, "\\xyz");
	return PV_OK;
}

static void targets_are_swapped_and_nothing_else(void **state)
{
	static const struct {
		const char *text, *result;
	} table[] = {
		{ "", "" },
		{ "# abc\nx: def, abcd\n", "# abc\nx: def, abcd\n" },
		{ "x: abc", "x: xyz\n" },
		{ "# abc\na:abc\n\nb:  def,abc ,  \\abc\nc: d\n",
		  "# abc\na: xyz\n\nb: def,xyz,  \\xyz\nc: d\n" },
		{ "x: a,\n  abc,\n\n# between\n  c\ny: z", "x: a, xyz, c\ny: z" },
		{ "#: expires=2099-12-31 a party\nx: \"abc\", Joe <abc>, abc (him)\n",
		  "#: expires=2099-12-31 a party\nx: xyz, xyz, xyz\n" },
		{ "\"a b\": abc\n/^s-(.*)$/ : abc\n/^t$/: def\n",
		  "\"a b\": xyz\n/^s-(.*)$/: xyz\n/^t$/: def\n" },
		{ "x: |abc, /abc, :include:abc, \"|abc\"\n", "x: |abc, /abc, :include:abc, \"|abc\"\n" },
		{ "bad abc\nx: \"abc\ny: abc\n", "bad abc\nx: \"abc\ny: xyz\n" },
		{ "\"/a\": abc\n\"/b/\": def\n", "\"/a\": xyz\n\"/b/\": def\n" },
		{ "w: def\nx: abc, y\\ \nz: w\n", NULL },
	};

	(void)state;
	for (size_t i = 0; i < sizeof table / sizeof *table; i++) {
		struct pv_buf out = PV_BUF_INIT(1000);
		struct pv_alias_file f;
		struct pv_error e;
		start(&f, table[i].text, strlen(table[i].text));
		enum pv_class c = pv_alias_file_swap(&f, swap_abc, NULL, &out, &e);
		assert_int_equal(c, table[i].result != NULL ? PV_OK : PV_PERMANENT);
		if (c != PV_OK)
			assert_non_null(strstr(e.text, "F, line 2: a backslash"));
		if (c == PV_OK && strcmp(out.s, table[i].result) != 0)
			fail_msg("row %zu: `%s`", i, out.s);
		pv_alias_file_free(&f);
		pv_buf_free(&out);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_byte_may_stand_in_a_quoted_name),
		cmocka_unit_test(changes_touch_their_entry_alone),
		cmocka_unit_test(targets_are_swapped_and_nothing_else),
		cmocka_unit_test(what_cannot_be_is_not_written),
		cmocka_unit_test(a_change_then_a_reading_gives_what_was_set),
	};

	return cmocka_run_group_tests_name("store_alias_change", tests, NULL, NULL);
}
