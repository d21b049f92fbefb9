/* error_test.c: sentences are printable, of one line, never too long; classes travel. */
#include "scratch.h"

#include "base/error.h"

static void untrusted_bytes_become_question_marks(void **state)
{
	(void)state;
	for (int byte = 1; byte < 256; byte++) {
		struct pv_error e = { .class = PV_OK };
		bool printable = byte >= 0x20 && byte <= 0x7e;
		char want[] = { 'a', printable ? (char)byte : '?', 'b', '\0' };
		assert_int_equal(pv_fail(&e, PV_PERMANENT, "5.1.1", "a%cb", byte), PV_PERMANENT);
		assert_string_equal(e.text, want);
	}
}

static void a_long_sentence_ends_in_dots(void **state)
{
	static char word[PV_ERROR_TEXT + 10];

	(void)state;
	for (size_t len = PV_ERROR_TEXT - 6; len < PV_ERROR_TEXT + 4; len++) {
		struct pv_error e;
		memset(word, 'x', len);
		word[len] = '\0';
		(void)pv_fail(&e, PV_TEMPORARY, NULL, "%s", word);
		assert_int_equal(strlen(e.text), len < PV_ERROR_TEXT ? len : PV_ERROR_TEXT - 1);
		assert_string_equal(e.text + strlen(e.text) - 3, len < PV_ERROR_TEXT ? "xxx" : "...");
	}
}

static void the_cause_that_does_not_fit_is_marked_too(void **state)
{
	struct pv_error e;
	char word[PV_ERROR_TEXT - 4];

	(void)state;
	memset(word, 'x', sizeof word - 1);
	word[sizeof word - 1] = '\0';
	(void)pv_fail_errno(&e, PV_TEMPORARY, NULL, ENOSPC, "%s", word);
	assert_int_equal(strlen(e.text), PV_ERROR_TEXT - 1);
	assert_string_equal(e.text + PV_ERROR_TEXT - 4, "...");
	(void)pv_fail(&e, PV_TEMPORARY, NULL, "%s", word);
	(void)pv_error_prefix(&e, "%s", word);
	assert_string_equal(e.text + PV_ERROR_TEXT - 4, "...");
}

static void errno_is_put_into_words(void **state)
{
	struct pv_error e;

	(void)state;
	assert_int_equal(pv_fail_errno(&e, PV_TEMPORARY, "4.3.0", ENOSPC, "write %s", "x"), PV_TEMPORARY);
	assert_string_equal(e.text, "write x: No space left on device");
	assert_string_equal(e.status, "4.3.0");
	assert_int_equal(e.class, PV_TEMPORARY);
}

static void a_status_that_is_too_long_is_cut(void **state)
{
	struct pv_error e;

	(void)state;
	(void)pv_fail(&e, PV_TEMPORARY, "4.3.0-and-much-more", "x");
	assert_string_equal(e.status, "4.3.0-and-m");
	(void)pv_fail(&e, PV_TEMPORARY, NULL, "x");
	assert_string_equal(e.status, "");
}

static void without_an_error_the_class_still_comes(void **state)
{
	(void)state;
	assert_int_equal(pv_fail(NULL, PV_BUG, NULL, "%s", "x"), PV_BUG);
	assert_int_equal(pv_fail_errno(NULL, PV_PERMANENT, "5.0.0", EIO, "x"), PV_PERMANENT);
}

static void only_our_own_mistakes_are_bugs(void **state)
{
	(void)state;
	for (int err = 1; err < 134; err++) {
		bool ours = err == EBADF || err == EFAULT || err == EINVAL;
		assert_int_equal(pv_errno_class(err), ours ? PV_BUG : PV_TEMPORARY);
	}
}

static void a_prefix_keeps_class_and_status(void **state)
{
	struct pv_error e;

	(void)state;
	(void)pv_fail(&e, PV_PERMANENT, "5.1.3", "the reason");
	assert_int_equal(pv_error_prefix(&e, "%s, line %d", "a\nb", 7), PV_PERMANENT);
	assert_string_equal(e.text, "a?b, line 7: the reason");
	assert_string_equal(e.status, "5.1.3");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(untrusted_bytes_become_question_marks),
		cmocka_unit_test(a_long_sentence_ends_in_dots),
		cmocka_unit_test(the_cause_that_does_not_fit_is_marked_too),
		cmocka_unit_test(errno_is_put_into_words),
		cmocka_unit_test(a_status_that_is_too_long_is_cut),
		cmocka_unit_test(without_an_error_the_class_still_comes),
		cmocka_unit_test(only_our_own_mistakes_are_bugs),
		cmocka_unit_test(a_prefix_keeps_class_and_status),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
