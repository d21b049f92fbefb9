/* table_test.c: lines, settings, words and numbers, as in the header; made-up and hostile files. */
#include "scratch.h"

#include "base/clock.h"
#include "base/table.h"

#define TEXT(literal) (literal), sizeof(literal) - 1

/* Read a whole file into one line of text: `NUMBER:ENTRY|...`, `NUMBER!` for an error. */
static void render(const char *text, size_t len, bool joins, char *out, size_t size)
{
	struct pv_buf b = PV_BUF_INIT(1 << 20);
	struct pv_lines it;
	struct pv_line l;
	struct pv_error e;
	size_t n = 0;

	pv_buf_add(&b, text, len);
	pv_lines_start(&it, "F", &b, joins);
	out[0] = '\0';
	for (;;) {
		enum pv_class c = pv_lines_next(&it, &l, &e);
		if (c == PV_OK && l.text == NULL)
			break;
		if (c == PV_OK)
			assert_int_equal(strlen(l.text), l.len);
		else
			assert_int_equal(c, PV_TEMPORARY);
		n += (size_t)snprintf(out + n, size - n, c == PV_OK ? "%u:%s|" : "%u!", l.no,
				      c == PV_OK ? l.text : "");
		assert_true(n < size);
	}
	pv_buf_free(&b);
}

static void files_are_read_as_written(void **state)
{
	static const struct {
		const char *name, *text;
		size_t len;
		bool joins;
		const char *want;
	} cases[] = {
		{ "nothing", TEXT(""), true, "" },
		{ "only newlines", TEXT("\n\n\n"), true, "" },
		{ "one line", TEXT("a\n"), false, "1:a|" },
		{ "no final newline", TEXT("a\nb"), false, "1:a|2:b|" },
		{ "no final newline, joined", TEXT("a\n b"), true, "1:a b|" },
		{ "comments and blanks", TEXT("# x\n\n  # y\n \t\na\n"), false, "5:a|" },
		{ "white space around", TEXT("  a b \t\n"), false, "1:a b|" },
		{ "CRLF", TEXT("a\r\nb\r\n\r\n"), false, "1:a|2:b|" },
		{ "CRLF, joined", TEXT("a =\r\n b,\r\n\tc\r\nd = e\r\n"), true, "1:a = b, c|4:d = e|" },
		{ "blank first is an entry of its own without joins", TEXT("a\n b\n"), false, "1:a|2:b|" },
		{ "continuation", TEXT("a\n b\n\tc\nd\n"), true, "1:a b c|4:d|" },
		{ "continuation behind a comment", TEXT("a\n# x\n b\n"), true, "1:a b|" },
		{ "continuation behind an indented comment", TEXT("a\n  # x\n b\n"), true, "1:a b|" },
		{ "continuation behind a blank line", TEXT("a\n\n b\nc\n"), true, "1:a b|4:c|" },
		{ "continuation first", TEXT(" a\n b\n"), true, "1:a b|" },
		{ "continuation behind a first comment", TEXT("# x\n a\nb\n"), true, "2:a|3:b|" },
		{ "comment at the end", TEXT("a\n# x"), true, "1:a|" },
		{ "a `#` inside is text", TEXT("a # b\n"), true, "1:a # b|" },
		{ "NUL", TEXT("a\nb\0c\nd\n"), false, "1:a|2!3:d|" },
		{ "NUL first", TEXT("\0\na\n"), false, "1!2:a|" },
		{ "NUL last", TEXT("a\n\0"), false, "1:a|2!" },
		{ "NUL in a continuation", TEXT("a\n b\0\nc\n"), true, "1!3:c|" },
		{ "NUL in a comment", TEXT("# a\0\nb\n"), false, "1!2:b|" },
		{ "NULs behind a comment: a hole that a power cut left", TEXT("a\n# b\0\0\0\0\0\0"), false,
		  "1:a|2!" },
		{ "NUL in a comment between joined lines", TEXT("a\n# x\0\n b\nc\n"), true, "1!4:c|" },
		{ "8-bit", TEXT("\xc3\xa6=\xff\n"), true, "1:\xc3\xa6=\xff|" },
	};
	char out[200];

	(void)state;
	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
		render(cases[i].text, cases[i].len, cases[i].joins, out, sizeof out);
		if (strcmp(out, cases[i].want) != 0)
			fail_msg("%s: `%s`, not `%s`", cases[i].name, out, cases[i].want);
	}
}

static void a_file_without_memory_has_no_lines(void **state)
{
	struct pv_buf b = PV_BUF_INIT(10);
	struct pv_lines it;
	struct pv_line l;

	(void)state;
	pv_lines_start(&it, "F", &b, true);
	assert_int_equal(pv_lines_next(&it, &l, NULL), PV_OK);
	assert_null(l.text);
	assert_int_equal(pv_lines_next(&it, &l, NULL), PV_OK);
	assert_null(l.text);
}

/* Neither one line of 1 MB nor 100,000 continuations cost more than their bytes: twice
 * the bytes, about twice the time, not four times. Counted in CPU work, so that a busy machine
 * does not matter: the limit is far above what is needed and far below quadratic. */
static void long_lines_are_read_whole(void **state)
{
	const size_t size = 1 << 20;
	struct pv_buf b = PV_BUF_INIT(4 << 20);
	struct pv_lines it;
	struct pv_line l;

	(void)state;
	for (size_t i = 0; i < size; i++)
		pv_buf_addc(&b, 'x');
	pv_buf_adds(&b, "\nlast");
	pv_lines_start(&it, "F", &b, false);
	assert_int_equal(pv_lines_next(&it, &l, NULL), PV_OK);
	assert_int_equal(l.len, size);
	assert_int_equal(pv_lines_next(&it, &l, NULL), PV_OK);
	assert_string_equal(l.text, "last");
	pv_buf_reset(&b);
	pv_buf_adds(&b, "a =");
	for (int i = 0; i < 200000; i++)
		pv_buf_adds(&b, "\n # x\n b");
	clock_t before = clock();
	pv_lines_start(&it, "F", &b, true);
	assert_int_equal(pv_lines_next(&it, &l, NULL), PV_OK);
	assert_int_equal(l.len, 3 + 2 * 200000);
	assert_true(clock() - before < 5 * CLOCKS_PER_SEC);
	pv_buf_free(&b);
}

static void settings_are_split(void **state)
{
	static const struct {
		const char *line, *name, *value; /* name NULL: an error */
	} cases[] = {
		{ "a = b", "a", "b" },
		{ "a=b", "a", "b" },
		{ "a =", "a", "" },
		{ "a=", "a", "" },
		{ "a = b = c", "a", "b = c" },
		{ "a_9\t=\tb c", "a_9", "b c" },
		{ "a == b", "a", "= b" },
		{ "a", NULL, NULL },
		{ "= b", NULL, NULL },
		{ "a b = c", NULL, NULL },
		{ "A = c", NULL, NULL },
		{ "a-b = c", NULL, NULL },
		{ "\xc3\xa6 = c", NULL, NULL },
	};

	(void)state;
	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
		struct pv_buf b = PV_BUF_INIT(100);
		struct pv_lines it;
		struct pv_line l;
		struct pv_error e;
		char *name, *value;
		pv_buf_addf(&b, "#\n%s\n", cases[i].line);
		pv_lines_start(&it, "F", &b, true);
		assert_int_equal(pv_lines_next(&it, &l, &e), PV_OK);
		if (cases[i].name != NULL) {
			assert_int_equal(pv_line_setting(&it, &l, &name, &value, &e), PV_OK);
			assert_string_equal(name, cases[i].name);
			assert_string_equal(value, cases[i].value);
		} else {
			assert_int_equal(pv_line_setting(&it, &l, &name, &value, &e), PV_TEMPORARY);
			assert_memory_equal(e.text, "F, line 2: ", 11);
			assert_string_equal(e.status, "4.3.5");
		}
		pv_buf_free(&b);
	}
}

static void words_are_cut(void **state)
{
	char text[] = " \ta  b\r\n\tc\v\f d";
	char *at = text;

	(void)state;
	assert_string_equal(pv_word(&at), "a");
	assert_string_equal(pv_word(&at), "b");
	assert_string_equal(pv_word(&at), "c");
	assert_string_equal(pv_word(&at), "d");
	assert_null(pv_word(&at));
	assert_null(pv_word(&at));
}

static void complaints_name_file_and_line(void **state)
{
	struct pv_lines it = { .file = "/etc/x" };
	struct pv_line l = { .no = 42 };
	struct pv_error e;
	char flood[3000];

	(void)state;
	assert_int_equal(pv_line_fail(&it, &l, &e, "`%s`", "a\nb"), PV_TEMPORARY);
	assert_string_equal(e.text, "/etc/x, line 42: `a?b`");
	/* The sentence that is made longer may be the one that is in *e. */
	assert_int_equal(pv_line_fail(&it, &l, &e, "%s", e.text), PV_TEMPORARY);
	assert_string_equal(e.text, "/etc/x, line 42: /etc/x, line 42: `a?b`");
	memset(flood, 'x', sizeof flood - 1);
	flood[sizeof flood - 1] = '\0';
	(void)pv_line_fail(&it, &l, &e, "%s", flood);
	assert_int_equal(strlen(e.text), PV_ERROR_TEXT - 1);
}

static void switches_have_eight_words(void **state)
{
	static const struct {
		const char *word;
		int want; /* -1: none */
	} cases[] = { { "yes", 1 }, { "no", 0 },  { "true", 1 }, { "false", 0 }, { "on", 1 },
		      { "off", 0 }, { "1", 1 },	  { "0", 0 },	 { "YES", 1 },	 { "No", 0 },
		      { "", -1 },   { "y", -1 },  { "2", -1 },	 { "yes ", -1 }, { "yess", -1 },
		      { "01", -1 }, { "-1", -1 }, { "ye", -1 } };

	(void)state;
	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
		bool value = cases[i].want != 1;
		assert_int_equal(pv_parse_bool(cases[i].word, &value), cases[i].want >= 0);
		if (cases[i].want >= 0)
			assert_int_equal(value, cases[i].want);
	}
}

static void numbers_keep_their_limit(void **state)
{
	static const struct {
		const char *text;
		unsigned long max;
		bool good;
		unsigned long want;
	} cases[] = {
		{ "0", 0, true, 0 },
		{ "1", 0, false, 0 },
		{ "9", 5, false, 0 },
		{ "5", 5, true, 5 },
		{ "6", 5, false, 0 },
		{ "10", 9, false, 0 },
		{ "10", 10, true, 10 },
		{ "007", 7, true, 7 },
		{ "008", 7, false, 0 },
		{ "4294967295", 4294967295, true, 4294967295 },
		{ "4294967296", 4294967295, false, 0 },
		{ "18446744073709551615", ULONG_MAX, true, ULONG_MAX },
		{ "18446744073709551616", ULONG_MAX, false, 0 },
		{ "99999999999999999999999", ULONG_MAX, false, 0 },
		{ "", 9, false, 0 },
		{ "-1", 9, false, 0 },
		{ "+1", 9, false, 0 },
		{ " 1", 9, false, 0 },
		{ "1 ", 9, false, 0 },
		{ "1x", 9, false, 0 },
		{ "0x1", 9, false, 0 },
		{ "1.", 9, false, 0 },
	};

	(void)state;
	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
		unsigned long value = 12345;
		bool good = pv_parse_number(cases[i].text, strlen(cases[i].text), cases[i].max, &value);
		if (good != cases[i].good)
			fail_msg("`%s` of at most %lu: %d", cases[i].text, cases[i].max, good);
		if (good)
			assert_int_equal(value, cases[i].want);
	}
}

/* Every number of up to three digits against every limit of up to 130. */
static void numbers_agree_with_arithmetic(void **state)
{
	char text[12];

	(void)state;
	for (unsigned long n = 0; n < 1000; n++)
		for (unsigned long max = 0; max < 130; max++) {
			unsigned long value;
			int len = snprintf(text, sizeof text, "%lu", n);
			bool good = pv_parse_number(text, (size_t)len, max, &value);
			assert_int_equal(good, n <= max);
			if (good)
				assert_int_equal(value, n);
		}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(files_are_read_as_written),
		cmocka_unit_test(a_file_without_memory_has_no_lines),
		cmocka_unit_test(long_lines_are_read_whole),
		cmocka_unit_test(settings_are_split),
		cmocka_unit_test(words_are_cut),
		cmocka_unit_test(complaints_name_file_and_line),
		cmocka_unit_test(switches_have_eight_words),
		cmocka_unit_test(numbers_keep_their_limit),
		cmocka_unit_test(numbers_agree_with_arithmetic),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
