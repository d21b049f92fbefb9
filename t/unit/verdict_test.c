/*
 * verdict_test.c: what a program that ended means. (That each of the 256 statuses does what the manual says,
 * of a real program, is in t/whole/actions.py.)
 */
#include "scratch.h"

#include "../../virtual-deliver/verdict.h"

static void take(struct said *s, int fd, const char *text)
{
	said_take(s, fd, text, strlen(text));
}

static void what_it_said_is_kept_at_its_ends(void **state)
{
	struct said s = { .out_len = 0 };
	char block[300];

	(void)state;
	memset(block, 'x', sizeof block);
	take(&s, 1, "first\n");
	for (int i = 0; i < 20; i++)
		said_take(&s, 1, block, sizeof block);
	assert_int_equal(s.out_len, SAID_MAX);
	assert_memory_equal(s.out, "first\nxxx", 9);
	take(&s, 2, "gone\n");
	for (int i = 0; i < 20; i++)
		said_take(&s, 2, block, sizeof block);
	take(&s, 2, "\nthe end\n");
	assert_int_equal(s.err_len, SAID_MAX);
	assert_true(s.err_cut);
	assert_memory_equal(s.err + SAID_MAX - 12, "xxx\nthe end\n", 12);
	char large[3 * SAID_MAX];
	memset(large, 'y', sizeof large);
	said_take(&s, 2, large, sizeof large);
	assert_int_equal(s.err_len, SAID_MAX);
	assert_int_equal(s.err[0], 'y');
}

static void its_words_are_the_reason(void **state)
{
	static const struct {
		const char *out, *err, *reason;
	} rows[] = {
		{ "", "", "/p ended with status 9" },	{ "out\nmore\n", "", "/p: out" },
		{ "out\n", "one\ntwo\n", "/p: two" },	{ "out\n", "one\ntwo\n\n \n", "/p: two" },
		{ "out", "\n\n", "/p: out" },		{ "\nout\n", "", "/p ended with status 9" },
		{ "a\033[2Jb\r\nc", "", "/p: a?[2Jb" }, { "%s%n%d\n", "", "/p: %s%n%d" },
	};

	(void)state;
	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
		struct said s = { .out_len = 0 };
		struct pv_error e;
		take(&s, 1, rows[i].out);
		take(&s, 2, rows[i].err);
		assert_int_equal(said_fail("/p", PV_TEMPORARY, "4.3.0", 9, &s, &e), PV_TEMPORARY);
		assert_string_equal(e.text, rows[i].reason);
		assert_string_equal(e.status, "4.3.0");
	}
}

static void a_code_of_its_own_goes_before_the_status(void **state)
{
	static const struct {
		int status;
		const char *out, *err;
		enum pv_class class;
		const char *code, *text;
	} rows[] = {
		{ 75, "5.7.1 no\n", "", PV_PERMANENT, "5.7.1", "/p: no" },
		{ 75, "", "5.7.1 no\n", PV_PERMANENT, "5.7.1", "/p: no" },
		{ 100, "4.2.2 full\n", "", PV_TEMPORARY, "4.2.2", "/p: full" },
		{ 100, "4.2.2 full\n", "5.1.1 x\n", PV_TEMPORARY, "4.2.2", "/p: full" },
		{ 1, "4.999.999\tx\n", "", PV_TEMPORARY, "4.999.999", "/p: x" },
		{ 1, "5.1.1\n", "", PV_PERMANENT, "5.1.1", "/p: " },
		{ 100, "3.1.1 x\n", "", PV_PERMANENT, "5.3.0", "/p: 3.1.1 x" },
		{ 1, "55.1.1 x\n", "", PV_TEMPORARY, "4.3.0", "/p: 55.1.1 x" },
		{ 1, "5.1 x\n", "", PV_TEMPORARY, "4.3.0", "/p: 5.1 x" },
		{ 1, "5..1 x\n", "", PV_TEMPORARY, "4.3.0", "/p: 5..1 x" },
		{ 1, "5.1.1234 x\n", "", PV_TEMPORARY, "4.3.0", "/p: 5.1.1234 x" },
		{ 1, "5.1.1x\n", "", PV_TEMPORARY, "4.3.0", "/p: 5.1.1x" },
		{ 1, "5.1.\n", "", PV_TEMPORARY, "4.3.0", "/p: 5.1." },
		{ 1, "hello\n5.1.1 x\n", "", PV_TEMPORARY, "4.3.0", "/p: hello" },
		{ 67, "", "", PV_PERMANENT, "5.1.1", "/p ended with status 67" },
		{ 255, "", "", PV_TEMPORARY, "4.3.0", "/p ended with status 255" },
	};

	(void)state;
	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
		struct said s = { .out_len = 0 };
		struct pv_error e;
		take(&s, 1, rows[i].out);
		take(&s, 2, rows[i].err);
		if (command_verdict("/p", rows[i].status, &s, &e) != rows[i].class ||
		    strcmp(e.status, rows[i].code) != 0 || strcmp(e.text, rows[i].text) != 0)
			fail_msg("row %zu: %s %s", i, e.status, e.text);
	}
}

/* Of what was kept of them the first line is not the first that it wrote. */
static void long_errors_begin_with_no_code(void **state)
{
	struct said s = { .out_len = 0 };
	struct pv_error e;

	(void)state;
	take(&s, 2, "x\n");
	for (int i = 0; i < 200; i++)
		take(&s, 2, "5.7.1 no way\n");
	assert_int_equal(command_verdict("/p", 1, &s, &e), PV_TEMPORARY);
	assert_string_equal(e.status, "4.3.0");
}

static void a_filter_has_no_code_of_its_own(void **state)
{
	struct said s = { .out_len = 0 };
	struct pv_error e;

	(void)state;
	take(&s, 1, "5.1.1 this is a message\n");
	assert_int_equal(filter_verdict("/p", 1, &s, &e), PV_TEMPORARY);
	assert_string_equal(e.status, "4.3.0");
	assert_int_equal(filter_verdict("/p", 100, &s, &e), PV_PERMANENT);
	assert_string_equal(e.status, "5.7.1");
	assert_string_equal(e.text, "/p ended with status 100");
	take(&s, 2, "it is spam\n");
	assert_int_equal(filter_verdict("/p", 100, &s, &e), PV_PERMANENT);
	assert_string_equal(e.text, "/p: it is spam");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(what_it_said_is_kept_at_its_ends),
		cmocka_unit_test(its_words_are_the_reason),
		cmocka_unit_test(a_code_of_its_own_goes_before_the_status),
		cmocka_unit_test(long_errors_begin_with_no_code),
		cmocka_unit_test(a_filter_has_no_code_of_its_own),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
