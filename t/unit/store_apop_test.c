/* store_apop_test.c: the second secrets of a domain's users. */
#include "store_faults.h"

#include "store/apop.h"

static void who_has_which_secret(void **state)
{
	static const struct {
		const char *text, *user, *secret, *why; /* why: it is an error */
	} table[] = {
		{ "abc:k7wdm-q3xzt-8nfcu\n", "abc", "k7wdm-q3xzt-8nfcu", NULL },
		{ "abc:secret", "abc", "secret", NULL },
		{ "kvt:x\n\n# abc:no\nABC:secret\n", "abc", "secret", NULL },
		{ "abc:a:b\n", "abc", "a:b", NULL },
		{ "abc:12345678901234567890123\n", "abc", "12345678901234567890123", NULL },
		{ "kvt:x\n", "abc", "", NULL },
		{ "", "abc", "", NULL },
		{ "# abc:x\n", "abc", "", NULL },
		{ "abc:123456789012345678901234\n", "abc", "", "line 1: the secret of abc is not" },
		{ "abc:\n", "abc", "", "line 1: the secret of abc is not" },
		{ "abc:a b\n", "abc", "", "line 1: the secret of abc is not" },
		{ "abc:\xc3\xa6\n", "abc", "", "line 1: the secret of abc is not" },
		{ "kvt:x\nabc\n", "kvt", "", "line 2: it does not begin with a user's name and a colon" },
		{ "../x:y\n", "abc", "", "line 1: it does not begin" },
		{ ":x\n", "abc", "", "line 1: it does not begin" },
		{ "abc:x\nabc:y\n", "abc", "", "line 2: abc stands here twice" },
	};
	const struct scratch *s = *state;
	char secret[PV_PASSWORD_RANDOM_SIZE];
	struct pv_folder f;
	struct pv_error e;

	open_kvt(s, &f);
	struct pv_user nobody = user("abc");
	assert_int_equal(pv_apop_find(&f, &nobody, secret, &e), PV_OK);
	assert_string_equal(secret, "");
	for (size_t i = 0; i < sizeof table / sizeof *table; i++) {
		struct pv_user u = user(table[i].user);
		put(s, "kvt.dk/apop", table[i].text, ACCOUNT, 0600);
		memset(secret, 'x', sizeof secret);
		enum pv_class c = pv_apop_find(&f, &u, secret, &e);
		if (table[i].why != NULL)
			assert_deferred(c, &e, path_of(s, "kvt.dk/apop, "), table[i].why);
		else if (c != PV_OK)
			fail_msg("`%s`: %s", table[i].text, e.text);
		assert_string_equal(secret, table[i].secret);
	}
	pv_folder_close(&f);
}

static void no_error_shows_a_secret(void **state)
{
	static const char *const texts[] = { "abc:hidden word\n", "hidden\n", "..:hidden\n",
					     "abc:hidden\nabc:hidden\n", "abc:hiddenhiddenhiddenhidden\n" };
	const struct scratch *s = *state;
	char secret[PV_PASSWORD_RANDOM_SIZE];
	struct pv_user u = user("abc");
	struct pv_folder f;
	struct pv_error e;

	open_kvt(s, &f);
	for (size_t i = 0; i < sizeof texts / sizeof *texts; i++) {
		put(s, "kvt.dk/apop", texts[i], ACCOUNT, 0600);
		assert_int_equal(pv_apop_find(&f, &u, secret, &e), PV_TEMPORARY);
		if (strstr(e.text, "hidden") != NULL)
			fail_msg("%s", e.text);
	}
	pv_folder_close(&f);
}

static void the_file_must_be_the_accounts_alone(void **state)
{
	const struct scratch *s = *state;
	char secret[PV_PASSWORD_RANDOM_SIZE];
	struct pv_user u = user("abc");
	struct pv_folder f;
	struct pv_error e;

	open_kvt(s, &f);
	put(s, "kvt.dk/apop", "abc:x\n", ACCOUNT, 0640);
	assert_deferred(pv_apop_find(&f, &u, secret, &e), &e, "kvt.dk/apop has mode 0640", "chmod 0600");
	put(s, "kvt.dk/apop", "abc:x\n", ACCOUNT, 0604);
	assert_deferred(pv_apop_find(&f, &u, secret, &e), &e, "kvt.dk/apop has mode 0604");
	put(s, "kvt.dk/apop", "abc:x\n", STRANGER, 0600);
	assert_deferred(pv_apop_find(&f, &u, secret, &e), &e, "belongs to uid 60002");
	put(s, "kvt.dk/apop", "abc:x\n", ACCOUNT, 0400);
	assert_int_equal(pv_apop_find(&f, &u, secret, &e), PV_OK);
	assert_string_equal(secret, "x");
	pv_folder_close(&f);
}

static void a_line_is_set_and_removed(void **state)
{
	static const struct {
		const char *text, *user, *secret, *want, *why;
		bool found;
	} table[] = {
		{ "", "abc", "x", "abc:x\n", NULL, false },
		{ "kvt:y\n", "abc", "x", "abc:x\nkvt:y\n", NULL, false },
		{ "# head\nkvt:y\n\nABC:old\n", "abc", "x", "# head\n\nabc:x\nkvt:y\n", NULL, true },
		{ "abc:old\nkvt:y\n", "abc", NULL, "kvt:y\n", NULL, true },
		{ "abc:old\n", "abc", NULL, "", NULL, true },
		{ "kvt:y\n", "abc", NULL, "kvt:y\n", NULL, false },
		{ "xyz:1\nkvt:y\nabc:2\n", "def", "x", "abc:2\ndef:x\nkvt:y\nxyz:1\n", NULL, false },
		{ "kvt:y\nabc:2\nkvt:z\n", "def", "x", NULL, "user kvt stands there twice", false },
		{ "", "abc", NULL, "", NULL, false },
		{ "kvt:y", "abc", "x", NULL, "no newline at the end", false },
		{ "kvt\n", "abc", "x", NULL, "line 1: it does not begin", false },
		{ "kvt:y\nkvt:z\n", "abc", "x", NULL, "user kvt stands there twice", false },
	};

	(void)state;
	for (size_t i = 0; i < sizeof table / sizeof *table; i++) {
		struct pv_buf out = PV_BUF_INIT(1000);
		struct pv_user u = user(table[i].user);
		struct pv_error e;
		bool found;
		enum pv_class c = pv_apop_change(table[i].text, strlen(table[i].text), "F/apop", &u,
						 table[i].secret, &found, &out, &e);
		if (table[i].why != NULL) {
			assert_deferred(c, &e, "F/apop", table[i].why);
		} else {
			if (c != PV_OK || strcmp(out.s, table[i].want) != 0)
				fail_msg("`%s`: got `%s`", table[i].text, out.s);
			assert_int_equal(found, table[i].found);
		}
		pv_buf_free(&out);
	}
}

static void a_secret_that_could_not_be_read_is_not_written(void **state)
{
	static const char *const secrets[] = { "", "a b", "a\nb:c", "\xc3\xa6", "123456789012345678901234" };
	struct pv_user u = user("abc");

	(void)state;
	for (size_t i = 0; i < sizeof secrets / sizeof *secrets; i++) {
		struct pv_buf out = PV_BUF_INIT(1000);
		struct pv_error e;
		bool found;
		assert_int_equal(pv_apop_change("", 0, "F/apop", &u, secrets[i], &found, &out, &e),
				 PV_PERMANENT);
		assert_int_equal(out.len, 0);
		pv_buf_free(&out);
	}
}

static enum pv_class find_once(void *ctx, bool *right_r, struct pv_error *e)
{
	char secret[PV_PASSWORD_RANDOM_SIZE];
	struct pv_user u = user("abc");

	enum pv_class c = pv_apop_find(ctx, &u, secret, e);
	*right_r = strcmp(secret, "x") == 0;
	return c;
}

static enum pv_class change_once(void *ctx, bool *right_r, struct pv_error *e)
{
	struct pv_buf out = PV_BUF_INIT(1000);
	struct pv_user u = user("abc");
	bool found;

	(void)ctx;
	enum pv_class c = pv_apop_change("kvt:y\n", 6, "F", &u, "x", &found, &out, e);
	*right_r = strcmp(out.s, "abc:x\nkvt:y\n") == 0;
	pv_buf_free(&out);
	return c;
}

static void every_failing_call_is_temporary(void **state)
{
	struct pv_folder f;

	open_kvt(*state, &f);
	put(*state, "kvt.dk/apop", "abc:x\n", ACCOUNT, 0600);
	assert_true(with_every_fault(find_once, &f) > 15);
	assert_true(with_every_fault(change_once, NULL) > 6);
	pv_folder_close(&f);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
#define T(f) cmocka_unit_test_setup_teardown(f, scratch_make, scratch_remove)
		T(who_has_which_secret),
		T(no_error_shows_a_secret),
		T(a_line_is_set_and_removed),
		T(the_file_must_be_the_accounts_alone),
		T(a_secret_that_could_not_be_read_is_not_written),
		T(every_failing_call_is_temporary),
	};

	return cmocka_run_group_tests_name("store_apop", tests, NULL, NULL);
}
