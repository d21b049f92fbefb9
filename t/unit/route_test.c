/*
 * route_test.c: what happens to mail for an address. Each row of the table is one address.
 */
#include "store_faults.h"

#include "route/route.h"

#define LINE(name, uid) name ":x:" uid ":100:n:.:\n"

static void put_domain(const struct scratch *s, const char *name, uid_t owner, const char *passwd)
{
	char path[300];

	put_folder(s, name, owner, 0700);
	(void)snprintf(path, sizeof path, "%s/passwd", name);
	put(s, path, passwd, owner, 0600);
}

/* Two accounts and all the kinds of domains that they can have. */
static void make_tree(const struct scratch *s)
{
	put_domain(s, "kvt.dk", ACCOUNT, LINE("abc", "60001") LINE("kvt", "60001") LINE("off", "60001"));
	put_folder(s, "kvt.dk/users", ACCOUNT, 0700);
	put(s, "kvt.dk/users/off", "receive = no\n", ACCOUNT, 0600);
	put(s, "kvt.dk/users/kvt", "retrieve = no\n", ACCOUNT, 0600);
	put_domain(s, "all.dk", ACCOUNT, LINE("abc", "60001") LINE("off", "60001") LINE("rest", "60001"));
	put(s, "all.dk/domain.conf", "fallback = rest\n", ACCOUNT, 0600);
	put_folder(s, "all.dk/users", ACCOUNT, 0700);
	put(s, "all.dk/users/off", "receive = no\n", ACCOUNT, 0600);
	put_domain(s, "shop.kvt.dk", STRANGER, LINE("abc", "60002"));
	put_domain(s, "own.kvt.dk", ACCOUNT, LINE("me", "60001"));
	put_domain(s, "nofall.dk", ACCOUNT, LINE("abc", "60001"));
	put(s, "nofall.dk/domain.conf", "fallback = gone\n", ACCOUNT, 0600);
	put_domain(s, "offfall.dk", ACCOUNT, LINE("abc", "60001") LINE("off", "60001"));
	put(s, "offfall.dk/domain.conf", "fallback = off\n", ACCOUNT, 0600);
	put_folder(s, "offfall.dk/users", ACCOUNT, 0700);
	put(s, "offfall.dk/users/off", "receive = no\n", ACCOUNT, 0600);
	put_domain(s, "badconf.dk", ACCOUNT, LINE("abc", "60001"));
	put(s, "badconf.dk/domain.conf", "\nfall = x\n", ACCOUNT, 0600);
	put_domain(s, "badline.dk", ACCOUNT, LINE("abc", "60001") "nonsense\n");
	put_domain(s, "empty.dk", ACCOUNT, "");
	put_domain(s, "cut.dk", ACCOUNT, LINE("abc", "60001") "ab");
	put_domain(s, "baduser.dk", ACCOUNT, LINE("abc", "60001"));
	put_folder(s, "baduser.dk/users", ACCOUNT, 0700);
	put(s, "baduser.dk/users/abc", "receive\n", ACCOUNT, 0600);
	put_domain(s, "group.dk", ACCOUNT, LINE("abc", "60001"));
	put_folder(s, "group.dk", ACCOUNT, 0770);
	put(s, "domains",
	    "kvt.dk account=kvt_dk sub_domains=yes\nkvt.org alias_of=kvt.dk\nshop.org alias_of=shop.kvt.dk\n"
	    "lost.org alias_of=missing.dk\nall.org alias_of=all.dk\nsub.all.org alias_of=kvt.dk\n"
	    "own.kvt.dk alias_of=all.dk\nbad.org alias_of=nonsense\n",
	    0, 0644);
}

struct row {
	const char *local, *domain;
	const char *ends; /* `user@domain`, a status, or (deferred) part of the sentence */
	const char *tag;
	bool by_fallback;
};

static const struct row rows[] = {
	/* users */
	{ "abc", "kvt.dk", "abc@kvt.dk", NULL, false },
	{ "ABC", "kvt.dk", "abc@kvt.dk", NULL, false },
	{ "kvt", "kvt.dk", "kvt@kvt.dk", NULL, false },
	{ "off", "kvt.dk", "5.2.1", NULL, false },
	{ "nosuch", "kvt.dk", "5.1.1", NULL, false },
	{ "ab", "kvt.dk", "5.1.1", NULL, false },
	{ "abcd", "kvt.dk", "5.1.1", NULL, false },
	/* tags */
	{ "abc+x", "kvt.dk", "abc@kvt.dk", "x", false },
	{ "abc+x+y", "kvt.dk", "abc@kvt.dk", "x+y", false },
	{ "abc+", "kvt.dk", "abc@kvt.dk", "", false },
	{ "Abc+X/../y", "kvt.dk", "abc@kvt.dk", "X/../y", false },
	{ "off+x", "kvt.dk", "5.2.1", "x", false },
	{ "nosuch+x", "kvt.dk", "5.1.1", "x", false },
	{ "+abc", "kvt.dk", "5.1.1", "abc", false },
	/* what can be no user's name */
	{ "", "kvt.dk", "which address of kvt.dk it is for is not known", NULL, false },
	{ "other+ x", "kvt.dk", "5.1.1", " x", false },
	{ "a b", "kvt.dk", "5.1.1", NULL, false },
	{ "j\303\270rgen", "kvt.dk", "5.1.1", NULL, false },
	{ "../kvt.dk/abc", "kvt.dk", "5.1.1", NULL, false },
	{ "abc.", "kvt.dk", "5.1.1", NULL, false },
	{ "abc@kvt.dk", "kvt.dk", "5.1.1", NULL, false },
	{ "abc%kvt.dk", "kvt.dk", "5.1.1", NULL, false },
	{ "abc:x", "kvt.dk", "5.1.1", NULL, false },
	{ "abc\n", "kvt.dk", "5.1.1", NULL, false },
	/* the fallback */
	{ "abc", "all.dk", "abc@all.dk", NULL, false },
	{ "off", "all.dk", "5.2.1", NULL, false },
	{ "nosuch", "all.dk", "rest@all.dk", NULL, true },
	{ "nosuch+x", "all.dk", "rest@all.dk", "x", true },
	{ "", "all.dk", "rest@all.dk", NULL, true },
	{ "a b", "all.dk", "rest@all.dk", NULL, true },
	{ "rest", "all.dk", "rest@all.dk", NULL, false },
	{ "abc", "nofall.dk", "abc@nofall.dk", NULL, false },
	{ "nosuch", "nofall.dk", "nofall.dk/domain.conf, line 1: `gone` leads nowhere", NULL, false },
	{ "nosuch", "offfall.dk", "offfall.dk/domain.conf, line 1: fallback = off: that one takes no mail",
	  NULL, false },
	{ "off", "offfall.dk", "5.2.1", NULL, false },
	/* sub-domains */
	{ "abc", "y.z.kvt.dk", "abc@kvt.dk", NULL, false },
	{ "nosuch", "sub.kvt.dk", "5.1.1", NULL, false },
	{ "abc", "shop.kvt.dk", "shop.kvt.dk is no domain of the account with uid 60001", NULL, false },
	{ "abc", "a.shop.kvt.dk", "a.shop.kvt.dk is no domain of the account", NULL, false },
	{ "abc", "xkvt.dk", "xkvt.dk is no domain of the account", NULL, false },
	{ "abc", "kvt.dk.evil.com", "is no domain of the account", NULL, false },
	{ "abc", "dk.org", "is no domain of the account", NULL, false },
	/* domain aliases; a folder counts before a line */
	{ "abc", "kvt.org", "abc@kvt.dk", NULL, false },
	{ "abc+t", "a.kvt.org", "abc@kvt.dk", "t", false },
	{ "nosuch", "kvt.org", "5.1.1", NULL, false },
	{ "nosuch", "all.org", "rest@all.dk", NULL, true },
	{ "kvt", "sub.all.org", "kvt@kvt.dk", NULL, false },
	{ "kvt", "x.sub.all.org", "kvt@kvt.dk", NULL, false },
	{ "me", "own.kvt.dk", "me@own.kvt.dk", NULL, false },
	{ "me", "x.own.kvt.dk", "me@own.kvt.dk", NULL, false },
	{ "abc", "shop.org", "is no domain of the account", NULL, false },
	{ "abc", "lost.org", "is no domain of the account", NULL, false },
	{ "abc", "bad.org", "domains, line 8: ", NULL, false },
	/* what cannot be read is not absence */
	{ "abc", "badline.dk", "abc@badline.dk", NULL, false },
	{ "nosuch", "badline.dk", "badline.dk/passwd, line 2: ", NULL, false },
	{ "abc", "empty.dk", "empty.dk/passwd is empty", NULL, false },
	{ "nosuch", "cut.dk", "cut.dk/passwd, line 2: ", NULL, false },
	{ "abc", "badconf.dk", "badconf.dk/domain.conf, line 2: ", NULL, false },
	{ "nosuch", "badconf.dk", "badconf.dk/domain.conf, line 2: ", NULL, false },
	{ "abc", "baduser.dk", "baduser.dk/users/abc, line 1: ", NULL, false },
	{ "abc", "group.dk", "group.dk has mode 0770", NULL, false },
	{ "abc", "x.group.dk", "group.dk has mode 0770", NULL, false },
};

/* Where r ends, as in a row. */
static const char *ends_in(const struct pv_route *r)
{
	static char text[400];

	if (r->refused)
		return r->status;
	assert_int_equal(r->count, 1);
	assert_int_equal(r->actions[0].kind, PV_ACTION_MAILBOX);
	(void)snprintf(text, sizeof text, "%s@%s", r->actions[0].of->user.s, r->folder.domain.s);
	return text;
}

static enum pv_class resolve(const struct pv_store *store, const char *local, const char *of,
			     struct pv_route *r, struct pv_error *e)
{
	const struct pv_route_query q = { .store = store,
					  .account = ACCOUNT,
					  .to = { local, strlen(local), domain(of) } };

	return pv_route_resolve(&q, r, e);
}

static void check_row(const struct pv_store *store, const struct row *row)
{
	unsigned before = open_descriptors();
	struct pv_route r;
	struct pv_error e;

	enum pv_class c = resolve(store, row->local, row->domain, &r, &e);
	if (c != PV_OK) {
		if (strchr(row->ends, ' ') == NULL)
			fail_msg("%s@%s: %s", row->local, row->domain, e.text);
		assert_deferred(c, &e, row->ends);
		assert_int_equal(open_descriptors(), before);
		return;
	}
	if (strcmp(ends_in(&r), row->ends) != 0 || r.by_fallback != row->by_fallback)
		fail_msg("%s@%s ends in %s, must be %s", row->local, row->domain, ends_in(&r), row->ends);
	assert_int_equal((r.tag == NULL), (row->tag == NULL));
	if (row->tag != NULL) {
		assert_int_equal(r.tag_len, strlen(row->tag));
		assert_memory_equal(r.tag, row->tag, r.tag_len);
	}
	assert_true(r.folder.fd >= 0);
	assert_int_equal(r.folder.uid, ACCOUNT);
	if (r.refused) {
		assert_true(r.text[0] != '\0');
		assert_null(strstr(r.text, row->local[0] != '\0' ? row->local : "@"));
	}
	pv_route_free(&r);
	assert_int_equal(open_descriptors(), before);
}

static void every_address_ends_where_the_table_says(void **state)
{
	const struct scratch *s = *state;
	struct pv_store store;

	make_tree(s);
	assert_int_equal(pv_store_open(s->path, &store, NULL), PV_OK);
	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++)
		check_row(&store, &rows[i]);
	pv_store_close(&store);
}

/* 126 labels: one look at `domains`, and no more than one call for each. */
static void a_deep_sub_domain_costs_little(void **state)
{
	const struct scratch *s = *state;
	struct pv_store store;
	struct pv_route r;
	char name[300] = "";

	make_tree(s);
	assert_int_equal(pv_store_open(s->path, &store, NULL), PV_OK);
	for (size_t i = 0; i + 8 < 253; i += 2)
		memcpy(name + i, "a.", 3);
	memcpy(name + strlen(name), "kvt.dk", 7);
	memset(&calls, 0, sizeof calls);
	assert_int_equal(resolve(&store, "abc", name, &r, NULL), PV_OK);
	assert_string_equal(ends_in(&r), "abc@kvt.dk");
	assert_in_range(calls.openat, 120, 135);
	assert_in_range(calls.read, 1, 3);
	pv_route_free(&r);
	pv_store_close(&store);
}

struct question {
	struct pv_store store;
	const struct row *row;
};

static enum pv_class resolve_once(void *ctx, bool *right_r, struct pv_error *e)
{
	const struct question *q = ctx;
	struct pv_route r;

	enum pv_class c = resolve(&q->store, q->row->local, q->row->domain, &r, e);
	if (c != PV_OK)
		return c;
	*right_r = strcmp(ends_in(&r), q->row->ends) == 0 && r.by_fallback == q->row->by_fallback;
	pv_route_free(&r);
	return c;
}

/* The rows that end in a mailbox or a refusal: a fault may defer them, and do nothing else. (Why somebody is
 * refused may be looked for in vain: there are words for that in the program.) */
static void every_failing_call_is_temporary(void **state)
{
	const struct scratch *s = *state;
	struct question q;
	unsigned faults = 0, passed;

	make_tree(s);
	assert_int_equal(pv_store_open(s->path, &q.store, NULL), PV_OK);
	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
		q.row = &rows[i];
		if (strchr(q.row->ends, ' ') == NULL)
			faults += each_fault(resolve_once, &q, &passed);
	}
	assert_true(faults > 1000);
	pv_store_close(&q.store);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
#define T(f) cmocka_unit_test_setup_teardown(f, scratch_make, scratch_remove)
		T(every_address_ends_where_the_table_says),
		T(a_deep_sub_domain_costs_little),
		T(every_failing_call_is_temporary),
	};

	return cmocka_run_group_tests_name("route", tests, NULL, NULL);
}
