/*
 * The From_ line of an mbox: made so that every reader finds its date, and read as it is written by others.
 */
#include "scratch.h"

#include "mailbox/from_line.h"

static void lines_are_made(void **state)
{
	static const struct {
		const char *sender, *want;
	} rows[] = {
		{ "s@example.org", "From s@example.org Fri Nov 20 09:56:12 2026\n" },
		{ "", "From MAILER-DAEMON Fri Nov 20 09:56:12 2026\n" },
		{ "\"a b\"@x.org", "From \"a_b\"@x.org Fri Nov 20 09:56:12 2026\n" },
		{ "a\nFrom b\t\x7f", "From a_From_b__ Fri Nov 20 09:56:12 2026\n" },
		{ "\xc3\xa6@x", "From \xc3\xa6@x Fri Nov 20 09:56:12 2026\n" },
	};
	struct pv_buf b = PV_BUF_INIT(10000);
	char sender[3000];
	time_t when;

	(void)state;
	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
		pv_buf_reset(&b);
		pv_from_line_add(&b, rows[i].sender, strlen(rows[i].sender), 1795168572);
		assert_string_equal(b.s, rows[i].want);
		assert_true(pv_from_line_parse(b.s, b.len, &when));
		assert_int_equal(when, 1795168572);
	}
	memset(sender, 'x', sizeof sender);
	pv_buf_reset(&b);
	pv_from_line_add(&b, sender, sizeof sender, 0);
	assert_int_equal(b.len, 5 + 1000 + strlen(" Thu Jan  1 00:00:00 1970\n"));
	assert_true(pv_from_line_parse(b.s, b.len, &when) && when == 0);
	pv_buf_free(&b);
}

static void lines_are_read(void **state)
{
	static const struct {
		const char *line;
		time_t when; /* -1: it is none */
	} rows[] = {
		{ "From a@b Fri Nov 20 09:56:12 2026\n", 1795168572 },
		{ "From a@b Fri Nov 20 09:56:12 2026\r\n", 1795168572 },
		{ "From a@b  Fri Nov 20 09:56:12 2026", 1795168572 },
		{ "From a@b Fri Nov 20 09:56:12 2026  \n", 1795168572 },
		{ "From - Fri Nov 20 09:56:12 2026\n", 1795168572 },
		{ "From \"a b\"@x Fri Nov 20 09:56:12 2026\n", 1795168572 },
		{ "From Fri Fri Nov 20 09:56:12 2026\n", 1795168572 },
		{ "From a@b Thu Jan  1 00:00:00 1970\n", 0 },
		{ "From a@b Fri Nov 20 09:56 2026\n", 1795168560 },
		{ "From a@b Fri Nov 20 09:56:12 2026 +0100\n", 1795164972 },
		{ "From a@b Fri Nov 20 09:56:12 2026 -0130\n", 1795173972 },
		{ "From a@b Fri Nov 20 09:56:12 +0100 2026\n", 1795164972 },
		{ "From a@b Fri Nov 20 09:56:12 CET 2026\n", 1795168572 },
		{ "From a@b Fri Nov 20 09:56:12 2026 GMT\n", 1795168572 },
		{ "From a@b Sat Feb 29 00:00:00 2020\n", 1582934400 },
		{ "From a@b\n", -1 },
		{ "From here on\n", -1 },
		{ "From Fri Nov 20 09:56:12 2026\n", -1 }, /* nobody sent it */
		{ "From  Fri Nov 20 09:56:12 2026\n", -1 },
		{ "From a@b Fri Nov 20 09:56:12\n", -1 },
		{ "From a@b Fri Nov 20 2026\n", -1 },
		{ "From a@b Fri Nov 32 09:56:12 2026\n", -1 },
		{ "From a@b Fri Nov 0 09:56:12 2026\n", -1 },
		{ "From a@b Fri Nov 20 24:00:00 2026\n", -1 },
		{ "From a@b Fri Nov 20 09:60:00 2026\n", -1 },
		{ "From a@b Fri Nox 20 09:56:12 2026\n", -1 },
		{ "From a@b Fro Nov 20 09:56:12 2026\n", -1 },
		{ "From a@b riS Nov 20 09:56:12 2026\n", -1 },
		{ "From a@b Fri Nov 20 09:56:12 26\n", -1 },
		{ "From a@b Fri Nov 20 09:56:12 1826\n", -1 },
		{ "From a@b Fri Nov 20 09:56:12 2026 +01\n", -1 },
		{ "From a@b Fri Nov 20 09:56:12 2026 said he\n", -1 },
		{ ">From a@b Fri Nov 20 09:56:12 2026\n", -1 },
		{ "from a@b Fri Nov 20 09:56:12 2026\n", -1 },
		{ "From", -1 },
		{ "From ", -1 },
		{ "", -1 },
	};
	char line[1 << 16];

	(void)state;
	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
		time_t when = -2;
		bool is = pv_from_line_parse(rows[i].line, strlen(rows[i].line), &when);
		if (is != (rows[i].when >= 0) || (is && when != rows[i].when))
			fail_msg("%s: %d %lld", rows[i].line, is, (long long)when);
		assert_int_equal(pv_from_line_parse(rows[i].line, strlen(rows[i].line), NULL), is);
	}
	static const char nul[] = "From a@b Fri Nov 20\0 09:56:12 2026\n";
	assert_false(pv_from_line_parse(nul, sizeof nul - 1, NULL));
	/* Blanks alone cost no more than bytes. */
	memset(line, ' ', sizeof line);
	memcpy(line, "From ", 5);
	assert_false(pv_from_line_parse(line, sizeof line, NULL));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(lines_are_made),
		cmocka_unit_test(lines_are_read),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
