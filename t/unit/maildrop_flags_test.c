/*
 * Flags of a message, in an mbox's fields and in a Maildir's letters.
 */
#include "scratch.h"

#include "mailbox/maildrop_flags.h"

enum {
	S = PV_FLAG_SEEN | PV_FLAG_OLD,
	O = PV_FLAG_OLD,
	A = PV_FLAG_ANSWERED,
	F = PV_FLAG_FLAGGED,
	T = PV_FLAG_DELETED,
	D = PV_FLAG_DRAFT
};

static void fields_tell(void **state)
{
	static const struct {
		const char *header;
		unsigned flags;
	} rows[] = {
		{ "", 0 },
		{ "A: b\n", 0 },
		{ "A: b\nStatus: RO\n", S },
		{ "Status: R\nA: b\n", S },
		{ "Status:O\n", O },
		{ "status: RO\n", 0 }, /* sessions do not know it either */
		{ "Status: OR\r\n", S },
		{ "Status: \n", 0 },
		{ "X-Status: A\n", A | O },
		{ "Status: RO\nX-Status: AFDT\n", S | A | F | T | D },
		{ "X-Status: R\n", 0 },
		{ "Status: AFDT\n", 0 },
		{ "Subject: Status: RO\n", 0 },
		{ "A: b\n\nStatus: RO\n", 0 },
		{ "A: b\r\n\r\nStatus: RO\n", 0 },
		{ "Status: RO", S },
	};

	(void)state;
	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++)
		if (pv_flags_of_header(rows[i].header, strlen(rows[i].header)) != rows[i].flags)
			fail_msg("%s", rows[i].header);
}

static void names_tell(void **state)
{
	static const struct {
		const char *name;
		bool in_new;
		unsigned flags;
	} rows[] = {
		{ "1.a.h", true, 0 },	   { "1.a.h", false, O },
		{ "1.a.h:2,", false, O },  { "1.a.h:2,S", false, S },
		{ "1.a.h:2,S", true, S },  { "1.a.h:2,DFRST", false, S | A | F | T | D },
		{ "1.a.h:2,P", false, O }, { "1.a.h:1,S", false, O },
		{ "1.a.SFR", false, O },
	};
	char suffix[12];

	(void)state;
	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++)
		if (pv_flags_of_name(rows[i].name, rows[i].in_new) != rows[i].flags)
			fail_msg("%s", rows[i].name);
	for (unsigned flags = 0; flags < 64; flags++) {
		pv_flags_suffix(flags, suffix);
		unsigned want = flags | PV_FLAG_OLD; /* it is for files in cur/ */
		assert_int_equal(pv_flags_of_name(suffix, false), want);
	}
	pv_flags_suffix(63, suffix);
	assert_string_equal(suffix, ":2,DFRST");
}

static void headers_are_changed(void **state)
{
	static const struct {
		const char *header;
		unsigned flags;
		const char *want;
	} rows[] = {
		{ "A: b\n", 0, "A: b\n" },
		{ "A: b\n", S, "A: b\nStatus: RO\n" },
		{ "A: b\n", O, "A: b\nStatus: O\n" },
		{ "A: b\n", F | O, "A: b\nStatus: O\nX-Status: F\n" },
		{ "X-Status: F\nA: b\n", F | O, "X-Status: F\nA: b\n" },
		{ "A: b\n", S | T | D | A | F, "A: b\nStatus: RO\nX-Status: TFAD\n" },
		/* What says the same stays, however it says it. */
		{ "Status: OR\nA: b\n", S, "Status: OR\nA: b\n" },
		{ "Status: R\nA: b\n", S, "Status: R\nA: b\n" },
		{ "Status:\n x\nA: b\n", 0, "Status:\n x\nA: b\n" },
		{ "Status: RO\nA: b\n", 0, "A: b\n" },
		{ "Status: RO\n folded\nA: b\n also\n", 0, "A: b\n also\n" },
		{ "A: b\nStatus: O\nX-Status: F\nC: d\n", S, "A: b\nC: d\nStatus: RO\n" },
		{ "A: b\r\nC: d\r\n", S, "A: b\r\nC: d\r\nStatus: RO\r\n" },
		{ "A: b", S, "A: b\nStatus: RO\n" },
		{ "", S, "Status: RO\n" },
		{ "A: b\n\nStatus: RO\n", S, "A: b\nStatus: RO\n\nStatus: RO\n" },
	};
	struct pv_buf b = PV_BUF_INIT(1000);

	(void)state;
	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
		pv_buf_reset(&b);
		pv_flags_put(&b, rows[i].header, strlen(rows[i].header), rows[i].flags);
		assert_string_equal(b.s, rows[i].want);
		assert_int_equal(pv_flags_of_header(b.s, b.len), rows[i].flags);
	}
	pv_buf_free(&b);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(fields_tell),
		cmocka_unit_test(names_tell),
		cmocka_unit_test(headers_are_changed),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
