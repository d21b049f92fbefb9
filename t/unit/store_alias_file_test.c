/* store_alias_file_test.c: a file of aliases is read as sendmail reads it, and a change touches its entry
 * alone. */
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
		{ "abc\n  : def\n",
		  "F, line 1: `abc` has no `:`: write `name: target`, or `/^pattern$/: user`\n" },
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
		{ "/^Sales-\n  x$/ : sales\n", "/^Sales- x$/|sales||0-0-0|1|0-23\n" },
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

/* The second half of the questions is asked of the index. */
static void spend(struct pv_alias_file *f, int k)
{
	if (k == ASKED / 2)
		f->spent = SIZE_MAX / 2;
}

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
				   "\\\nsecond: x\n"
				   "\"open: x\n"
				   "\"Joe Jr\" joe\n"
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
		{ "\\", NULL, NULL },
		{ "second", NULL, NULL },
		{ "open", NULL, NULL },
		{ "open: x", NULL, NULL },
		{ "last", "eighth", NULL },
		{ "twice", NULL, "F, line 13: twice stands in line 3 already: join the two, or remove one" },
		{ "torn", NULL, "F, line 6: `torn` has no `:`" },
		{ "torn2", NULL, "F, line 7: `torn2` has no `:`" },
		/* A colon that was forgotten: mail for `no` is not for nobody. */
		{ "no", NULL, "F, line 5: `no colon` has no `:`" },
		{ "no colon", NULL, NULL },
		{ "colon", NULL, NULL },
		{ "joe jr", NULL, "F, line 23: `\"Joe Jr\" joe` has no `:`" },
		{ "joe jr joe", NULL, NULL },
		/* The colon must stand in the first line. */
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
			spend(&f, k);
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
		spend(&f, k);
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
		spend(&f, k);
		assert_int_equal(pv_alias_find(&f, name, PV_ALIAS_NAME_MAX, &entry, &found, &e), PV_OK);
		assert_true(found);
		assert_int_equal(pv_alias_find(&f, name, PV_ALIAS_NAME_MAX + 1, &entry, &found, &e), PV_OK);
		assert_false(found);
	}
	pv_alias_file_free(&f);
	(void)snprintf(text, sizeof text, "%.*s: x\n", PV_ALIAS_NAME_MAX + 1, name);
	start(&f, text, strlen(text));
	for (int k = 0; k < ASKED; k++) {
		spend(&f, k);
		assert_int_equal(pv_alias_find(&f, name, PV_ALIAS_NAME_MAX, &entry, &found, &e), PV_OK);
		assert_false(found);
	}
	assert_int_equal(pv_alias_next(&f, &at, &entry, &e), PV_TEMPORARY);
	assert_non_null(strstr(e.text, "has a name of more than 200 bytes"));
	pv_alias_file_free(&f);
}

/* Others are at work on the machine: their time does not count. */
static int64_t cpu_us(void)
{
	struct timespec t;

	assert_int_equal(clock_gettime(CLOCK_THREAD_CPUTIME_ID, &t), 0);
	return (int64_t)t.tv_sec * 1000000 + t.tv_nsec / 1000;
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
	/* The least of several: the caches are shared with others. */
	for (int round = 0; round < 20; round++) {
		free(f.index);
		f.index = NULL;
		f.spent = 0;
		int64_t began = cpu_us();
		assert_int_equal(pv_alias_find(&f, "alias09999", 10, &entry, &found, NULL), PV_OK);
		int64_t took = cpu_us() - began;
		first = took < first ? took : first;
		assert_true(found && f.index == NULL);
		f.spent = 0;
		began = cpu_us();
		for (int i = 0; i < 50; i++) {
			(void)snprintf(name, sizeof name, "alias%05d", 9000 + i);
			assert_int_equal(pv_alias_find(&f, name, 10, &entry, &found, NULL), PV_OK);
			assert_true(found);
		}
		took = cpu_us() - began;
		chain = took < chain ? took : chain;
	}
	print_message("one of 10000: %ld us, a chain of 50: %ld us\n", (long)first, (long)chain);
	assert_true(first < 3000);
	/* Fifty passes would be fifty times as much. */
	assert_true(chain < 35 * first);
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
			spend(&f, k);
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
		cmocka_unit_test(ten_thousand_aliases_are_asked_quickly),
		cmocka_unit_test(no_memory_is_temporary),
	};

	return cmocka_run_group_tests_name("store_alias_file", tests, NULL, NULL);
}
