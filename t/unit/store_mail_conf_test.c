/*
 * store_mail_conf_test.c: domain.conf and users/USER.
 */
#include "store_faults.h"

#include "store/mail_conf.h"

static void domain_conf(void **state)
{
	static const struct {
		const char *text, *fallback, *why;
		bool closed;
		const char *language;
	} table[] = {
		{ "retrieve = no\n", "", NULL, true, NULL },
		{ "retrieve = yes\nlanguage = da\n", "", NULL, false, "da" },
		{ "language = en\nfallback = kvt\n", "kvt", NULL, false, "en" },
		{ "language =\n", "", NULL, false, "" },
		{ "language = dansk\n", NULL, "line 1: language = dansk: write en or da", false, NULL },
		{ "language = DA\n", NULL, "line 1: language = DA", false, NULL },
		{ "retrieve = perhaps\n", NULL, "line 1: retrieve = perhaps: write yes or no", false, NULL },
		{ "retrieve = no\nretrieve = no\n", NULL, "line 2: retrieve stands here twice", false, NULL },
		{ "", "", NULL, false, NULL },
		{ "# fallback = x\n", "", NULL, false, NULL },
		{ "fallback = kvt\n", "kvt", NULL, false, NULL },
		{ "fallback=KVT", "KVT", NULL, false, NULL },
		{ "fallback =\n", "", NULL, false, NULL },
		{ "fallback = kvt@kvt.dk\n", "kvt@kvt.dk", NULL, false, NULL },
		{ "\nfallback = a b\n", NULL, "line 2: fallback = a b", false, NULL },
		{ "fallback = ../x\n", NULL, "line 1", false, NULL },
		{ "fallback = a\nfallback = a\n", NULL, "line 2: fallback stands here twice", false, NULL },
		{ "catch_all = a\n", NULL, "line 1: there is no setting catch_all", false, NULL },
		{ "fallback\n", NULL, "line 1: expected `name = value`", false, NULL },
	};
	const struct scratch *s = *state;
	struct pv_domain_conf c;
	struct pv_folder f;
	struct pv_error e;

	open_kvt(s, &f);
	assert_int_equal(pv_domain_conf_load(&f, &c, &e), PV_OK);
	assert_string_equal(c.fallback, "");
	assert_true(c.retrieve);
	assert_string_equal(c.mail.language, "");
	for (size_t i = 0; i < sizeof table / sizeof *table; i++) {
		put(s, "kvt.dk/domain.conf", table[i].text, ACCOUNT, 0600);
		enum pv_class class = pv_domain_conf_load(&f, &c, &e);
		if (table[i].why != NULL) {
			assert_deferred(class, &e, path_of(s, "kvt.dk/domain.conf, "), table[i].why);
			pv_domain_conf_free(&c);
			continue;
		}
		if (class != PV_OK)
			fail_msg("`%s`: %s", table[i].text, e.text);
		assert_string_equal(c.fallback, table[i].fallback);
		assert_int_equal(c.retrieve, !table[i].closed);
		assert_string_equal(c.mail.language, table[i].language != NULL ? table[i].language : "");
		pv_domain_conf_free(&c);
	}
	put(s, "kvt.dk/domain.conf", "", STRANGER, 0600);
	assert_deferred(pv_domain_conf_load(&f, &c, &e), &e, "kvt.dk/domain.conf belongs to uid 60002");
	pv_folder_close(&f);
}

static void user_conf(void **state)
{
	static const struct {
		const char *text, *why;
		bool receive, retrieve;
	} table[] = {
		{ "", NULL, true, true },
		{ "receive = no\n", NULL, false, true },
		{ "retrieve = no\n", NULL, true, false },
		{ "receive = no\nretrieve = no\n", NULL, false, false },
		{ "receive = yes\n", NULL, true, true },
		{ "receive =\n", "line 1: receive = : write yes or no", false, false },
		{ "receive = perhaps\n", "line 1: receive = perhaps: write yes or no", false, false },
		{ "receive = no\nreceive = no\n", "line 2: receive stands here twice", false, false },
		{ "fallback = a\n", "line 1: there is no setting fallback", false, false },
	};
	const struct scratch *s = *state;
	struct pv_user u = user("abc");
	struct pv_user_conf c;
	struct pv_folder f;
	struct pv_error e;

	open_kvt(s, &f);
	assert_int_equal(pv_user_conf_load(&f, &u, NULL, &c, &e), PV_OK);
	assert_true(c.receive && c.retrieve);
	put_folder(s, "kvt.dk/users", ACCOUNT, 0700);
	for (size_t i = 0; i < sizeof table / sizeof *table; i++) {
		put(s, "kvt.dk/users/abc", table[i].text, ACCOUNT, 0600);
		enum pv_class class = pv_user_conf_load(&f, &u, NULL, &c, &e);
		if (table[i].why != NULL) {
			assert_deferred(class, &e, path_of(s, "kvt.dk/users/abc, "), table[i].why);
			pv_user_conf_free(&c);
			continue;
		}
		if (class != PV_OK)
			fail_msg("`%s`: %s", table[i].text, e.text);
		assert_int_equal(c.receive, table[i].receive);
		assert_int_equal(c.retrieve, table[i].retrieve);
		pv_user_conf_free(&c);
	}
	pv_folder_close(&f);
}

static void users_must_be_the_accounts(void **state)
{
	const struct scratch *s = *state;
	struct pv_user u = user("abc");
	struct pv_user_conf c;
	struct pv_folder f;
	struct pv_error e;

	open_kvt(s, &f);
	put_folder(s, "kvt.dk/users", ACCOUNT, 0700);
	put(s, "kvt.dk/users/abc", "receive = no\n", STRANGER, 0600);
	assert_deferred(pv_user_conf_load(&f, &u, NULL, &c, &e), &e, "users/abc belongs to uid 60002");
	put(s, "kvt.dk/users/abc", "receive = no\n", ACCOUNT, 0600);
	put_folder(s, "kvt.dk/users", ACCOUNT, 0770);
	assert_deferred(pv_user_conf_load(&f, &u, NULL, &c, &e), &e, "users has mode 0770");
	put_folder(s, "kvt.dk/users", STRANGER, 0700);
	assert_deferred(pv_user_conf_load(&f, &u, NULL, &c, &e), &e, "users belongs to uid 60002");
	assert_int_equal(renameat(s->fd, "kvt.dk/users", s->fd, "kvt.dk/elsewhere"), 0);
	put_symlink(s, "kvt.dk/users", "elsewhere", ACCOUNT);
	assert_deferred(pv_user_conf_load(&f, &u, NULL, &c, &e), &e, "users");
	put(s, "kvt.dk/users", "", ACCOUNT, 0600);
	assert_deferred(pv_user_conf_load(&f, &u, NULL, &c, &e), &e, "users");
	pv_folder_close(&f);
}

static void most_users_cost_one_call(void **state)
{
	struct pv_user u = user("abc");
	struct pv_user_conf c;
	struct pv_folder f;

	open_kvt(*state, &f);
	memset(&calls, 0, sizeof calls);
	assert_int_equal(pv_user_conf_load(&f, &u, NULL, &c, NULL), PV_OK);
	assert_int_equal(calls.openat, 1);
	assert_int_equal(calls.fstat + calls.open + calls.read + calls.close, 0);
	pv_folder_close(&f);
}

static void unknown_to_is_the_domains_or_the_hosts(void **state)
{
	struct pv_domain_conf c;
	struct pv_store store;
	struct pv_error e;

	put(*state, "virtual.conf", "unknown_to = postmaster\n", 0, 0644);
	const struct scratch *s = *state;
	if (pv_store_open(s->path, &store, &e) != PV_OK)
		fail_msg("%s", e.text);
	pv_domain_conf_defaults(&c);
	assert_true(pv_unknown_to_postmaster(&store, &c));
	c.unknown_to = PV_UNKNOWN_REFUSE;
	assert_false(pv_unknown_to_postmaster(&store, &c));
	pv_store_close(&store);
	put(s, "virtual.conf", "", 0, 0644);
	assert_int_equal(pv_store_open(s->path, &store, &e), PV_OK);
	assert_false(pv_unknown_to_postmaster(&store, &c));
	c.unknown_to = PV_UNKNOWN_HOST;
	assert_false(pv_unknown_to_postmaster(&store, &c));
	c.unknown_to = PV_UNKNOWN_POSTMASTER;
	assert_true(pv_unknown_to_postmaster(&store, &c));
	pv_store_close(&store);
}

static enum pv_class conf_once(void *ctx, bool *right_r, struct pv_error *e)
{
	struct pv_user u = user("abc");
	struct pv_domain_conf dc;
	struct pv_user_conf uc;

	pv_user_conf_defaults(NULL, &uc);
	enum pv_class c = pv_domain_conf_load(ctx, &dc, e);
	if (c == PV_OK)
		c = pv_user_conf_load(ctx, &u, &dc, &uc, e);
	*right_r = c == PV_OK && strcmp(dc.fallback, "kvt") == 0 && !uc.receive;
	pv_user_conf_free(&uc);
	pv_domain_conf_free(&dc);
	return c;
}

static void every_failing_call_is_temporary(void **state)
{
	const struct scratch *s = *state;
	struct pv_folder f;

	open_kvt(s, &f);
	put(s, "kvt.dk/domain.conf", "fallback = kvt\n", ACCOUNT, 0600);
	put_folder(s, "kvt.dk/users", ACCOUNT, 0700);
	put(s, "kvt.dk/users/abc", "receive = no\n", ACCOUNT, 0600);
	assert_true(with_every_fault(conf_once, &f) > 30);
	pv_folder_close(&f);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
#define T(f) cmocka_unit_test_setup_teardown(f, scratch_make, scratch_remove)
		T(unknown_to_is_the_domains_or_the_hosts),
		T(domain_conf),
		T(user_conf),
		T(users_must_be_the_accounts),
		T(most_users_cost_one_call),
		T(every_failing_call_is_temporary),
	};

	return cmocka_run_group_tests_name("store_mail_conf", tests, NULL, NULL);
}
