/*
 * store_registry_test.c: `domains`: what root may say of a domain, and what is said about the rest.
 */
#include "store_faults.h"

#include "store/registry.h"
#include "store/size.h"

/* The scratch folder as a configuration folder, with this `domains`. */
static void open_with(const struct scratch *s, const char *text, struct pv_store *store)
{
	struct pv_error e;

	if (text != NULL)
		put(s, "domains", text, 0, 0644);
	if (pv_store_open(s->path, store, &e) != PV_OK)
		fail_msg("%s", e.text);
}

/* What domains says of `name`, as a line; "" where it is all defaults, NULL where it is an error (in *e). */
static const char *find(const struct scratch *s, const char *text, const char *name, struct pv_error *e)
{
	static char line[1000];
	struct pv_buf out = PV_BUF_INIT(sizeof line - 1);
	struct pv_registry_entry r;
	struct pv_store store;
	bool found;

	open_with(s, text, &store);
	struct pv_domain d = domain(name);
	enum pv_class c = pv_registry_find(&store, &d, &r, &found, e);
	pv_store_close(&store);
	if (c != PV_OK)
		return NULL;
	assert_string_equal(r.domain.s, name);
	pv_registry_format(&r, &out);
	if (!found)
		assert_int_equal(out.len, 0);
	memcpy(line, out.s, out.len + 1);
	pv_buf_free(&out);
	return line;
}

static void no_file_says_nothing(void **state)
{
	struct pv_error e;

	assert_string_equal(find(*state, NULL, "kvt.dk", &e), "");
	assert_string_equal(find(*state, "", "kvt.dk", &e), "");
	assert_string_equal(find(*state, "# kvt.dk account=x\n", "kvt.dk", &e), "");
}

static void a_line_is_read_and_written_back(void **state)
{
	static const struct {
		const char *text, *name, *line;
	} table[] = {
		{ "kvt.dk account=kvt_dk sub_domains=yes max_users=50 max_quota=500M commands=no "
		  "own=postmaster,abuse\n",
		  "kvt.dk",
		  "kvt.dk account=kvt_dk sub_domains=yes max_users=50 max_quota=500M commands=no "
		  "own=postmaster,abuse" },
		{ "kvt.dk own=webmaster,abuse,postmaster commands=off account=a-b.c_9\n", "kvt.dk",
		  "kvt.dk account=a-b.c_9 commands=no own=postmaster,abuse,webmaster" },
		{ "KVT.dk\n\tsub_domains=yes\n# a comment\n  max_users=1\n", "kvt.dk",
		  "kvt.dk sub_domains=yes max_users=1" },
		{ "kvt.dk\n", "kvt.dk", "" },
		{ "kvt.dk sub_domains=no max_users=0 max_quota=NOQUOTA commands=yes\n", "kvt.dk", "" },
		{ "kvt.org alias_of=KVT.dk\n", "kvt.org", "kvt.org alias_of=kvt.dk" },
		{ "a.dk max_users=1\nb.dk max_users=2\nc.dk max_users=3", "b.dk", "b.dk max_users=2" },
		{ "a.dk max_users=1\nb.dk max_users=2\nc.dk max_users=3", "c.dk", "c.dk max_users=3" },
		{ "a.dk max_users=1\nb.dk max_users=2\n", "x.a.dk", "" },
		{ "x.a.dk max_users=1\n", "a.dk", "" },
		{ "a.dk max_quota=1500\n", "a.dk", "a.dk max_quota=1500" },
		{ "a.dk max_quota=1500kb\n", "a.dk", "a.dk max_quota=1500K" },
		{ "a.dk max_quota=2000MB\n", "a.dk", "a.dk max_quota=2G" },
		{ "a.dk postfix=yes sender_transport=out-2:[192.0.2.1]:587\n", "a.dk",
		  "a.dk sender_transport=out-2:[192.0.2.1]:587 postfix=yes" },
		{ "a.dk sender_transport=slow_9\n", "a.dk", "a.dk sender_transport=slow_9" },
		{ "a.dk sender_transport=relay:\n", "a.dk", "a.dk sender_transport=relay:" },
		{ "a.dk postfix=no\n", "a.dk", "" },
		/* Only the line of the domain is judged. */
		{ "! nonsense\nb.dk x=y\na.dk max_users=7\nb.dk\n", "a.dk", "a.dk max_users=7" },
	};
	struct pv_error e;

	for (size_t i = 0; i < sizeof table / sizeof *table; i++) {
		const char *line = find(*state, table[i].text, table[i].name, &e);
		if (line == NULL)
			fail_msg("`%s`: %s", table[i].text, e.text);
		assert_string_equal(line, table[i].line);
		if (table[i].line[0] != '\0')
			assert_string_equal(find(*state, table[i].line, table[i].name, &e), table[i].line);
	}
}

static void a_bad_line_defers(void **state)
{
	static const struct {
		const char *text, *line, *why;
	} table[] = {
		{ "kvt.dk sub_domains\n", "line 1", "expected name=value, found `sub_domains`" },
		{ "#\n\nkvt.dk account=\n", "line 3", "write the name of an account" },
		{ "kvt.dk account=-x\n", "line 1", "write the name of an account" },
		{ "kvt.dk account=a/b\n", "line 1", "write the name of an account" },
		{ "kvt.dk account=abcdefghijklmnopqrstuvwxyz1234567\n", "line 1", "write the name" },
		{ "kvt.dk sub_domains=maybe\n", "line 1", "write yes or no" },
		{ "kvt.dk commands=\n", "line 1", "write yes or no" },
		{ "kvt.dk max_users=-1\n", "line 1", "write a number" },
		{ "kvt.dk max_users=1000000001\n", "line 1", "write a number" },
		{ "kvt.dk max_quota=1T\n", "line 1", "write a size" },
		{ "kvt.dk own=root\n", "line 1", "write postmaster" },
		{ "kvt.dk own=\n", "line 1", "write postmaster" },
		{ "kvt.dk own=abuse,,webmaster\n", "line 1", "write postmaster" },
		{ "kvt.dk sender_transport=\n", "line 1", "write a service of master.cf" },
		{ "kvt.dk sender_transport=:[192.0.2.1]\n", "line 1", "write a service of master.cf" },
		{ "kvt.dk sender_transport=-v:x\n", "line 1", "write a service of master.cf" },
		{ "kvt.dk sender_transport=a.b\n", "line 1", "write a service of master.cf" },
		{ "kvt.dk sender_transport=smtp:a,b\n", "line 1", "write a service of master.cf" },
		{ "kvt.dk sender_transport=smtp:$x\n", "line 1", "write a service of master.cf" },
		{ "kvt.dk postfix=2\n", "line 1", "write yes or no" },
		{ "kvt.dk nonsense=1\n", "line 1", "there is no setting nonsense" },
		{ "kvt.dk =1\n", "line 1", "there is no setting" },
		{ "kvt.dk max_users=1 max_users=1\n", "line 1", "stands here twice" },
		{ "kvt.dk max_users=1\nkvt.org\nKVT.DK max_users=1\n", "line 3", "has a line further up" },
		{ "kvt.dk alias_of=kvt.dk\n", "line 1", "is an alias of itself" },
		{ "kvt.dk alias_of=kvt\n", "line 1", "write the domain" },
		{ "kvt.dk alias_of=kvt.org commands=no\n", "line 1", "must stand alone" },
		{ "kvt.dk account=x alias_of=kvt.org\n", "line 1", "must stand alone" },
	};
	const struct scratch *s = *state;
	struct pv_error e;

	for (size_t i = 0; i < sizeof table / sizeof *table; i++) {
		if (find(s, table[i].text, "kvt.dk", &e) != NULL)
			fail_msg("taken: `%s`", table[i].text);
		assert_deferred(PV_TEMPORARY, &e, s->path, "/domains, ", table[i].line, table[i].why);
		assert_string_equal(e.status, "4.3.5");
	}
}

static void a_word_is_set_and_unset(void **state)
{
	static const struct {
		const char *name, *value, *line, *why;
	} table[] = {
		{ "max_users", "50", "kvt.dk max_users=50", NULL },
		{ "max_users", "x", "kvt.dk max_users=50", "max_users=x: write a number" },
		{ "own", "abuse", "kvt.dk max_users=50 own=abuse", NULL },
		{ "own", "webmaster", "kvt.dk max_users=50 own=webmaster", NULL },
		{ "own", "postmaster,root", "kvt.dk max_users=50 own=webmaster", "write postmaster" },
		{ "commands", "no", "kvt.dk max_users=50 commands=no own=webmaster", NULL },
		{ "max_users", "", "kvt.dk commands=no own=webmaster", NULL },
		{ "commands", "", "kvt.dk own=webmaster", NULL },
		{ "own", "", "", NULL },
		{ "account", "kvt_dk", "kvt.dk account=kvt_dk", NULL },
		{ "account", "", "", NULL },
		{ "sub_domains", "maybe", "", "write yes or no" },
		{ "sub_domains", "on", "kvt.dk sub_domains=yes", NULL },
		{ "postfix", "yes", "kvt.dk sub_domains=yes postfix=yes", NULL },
		{ "postfix", "", "kvt.dk sub_domains=yes", NULL },
		{ "sender_transport", "smtp:[192.0.2.1]",
		  "kvt.dk sub_domains=yes sender_transport=smtp:[192.0.2.1]", NULL },
		{ "sender_transport", "x", "kvt.dk sub_domains=yes sender_transport=x", NULL },
		{ "sender_transport", "", "kvt.dk sub_domains=yes", NULL },
		{ "max_quota", "1G", "kvt.dk sub_domains=yes max_quota=1G", NULL },
		{ "Max_quota", "1G", "kvt.dk sub_domains=yes max_quota=1G",
		  "there is no setting `Max_quota`; possible are: account, sub_domains" },
		{ "", "1G", "kvt.dk sub_domains=yes max_quota=1G", "there is no setting ``" },
	};
	struct pv_buf out = PV_BUF_INIT(1000);
	struct pv_registry_entry r;
	struct pv_domain d = domain("kvt.dk");
	struct pv_error e;

	(void)state;
	pv_registry_default(&d, &r);
	for (size_t i = 0; i < sizeof table / sizeof *table; i++) {
		enum pv_class c = pv_registry_set(&r, table[i].name, table[i].value, &e);
		assert_int_equal(c, table[i].why == NULL ? PV_OK : PV_PERMANENT);
		if (table[i].why != NULL && strstr(e.text, table[i].why) == NULL)
			fail_msg("row %zu: %s", i, e.text);
		pv_buf_truncate(&out, 0);
		pv_registry_format(&r, &out);
		assert_string_equal(out.s, table[i].line);
	}
	pv_buf_free(&out);
}

static void domains_must_be_roots(void **state)
{
	const struct scratch *s = *state;
	struct pv_error e;

	put(s, "domains", "kvt.dk\n", ACCOUNT, 0644);
	assert_null(find(s, NULL, "kvt.dk", &e));
	assert_deferred(PV_TEMPORARY, &e, "domains belongs to uid 60001");
	put(s, "domains", "kvt.dk\n", 0, 0666);
	assert_null(find(s, NULL, "kvt.dk", &e));
	assert_deferred(PV_TEMPORARY, &e, "domains has mode 0666");
}

static void the_nearest_alias_counts(void **state)
{
	static const char text[] = "shop.kvt.org alias_of=shop.dk\nkvt.org alias_of=kvt.dk\n"
				   "deep.shop.kvt.org alias_of=deep.dk\nx.shop.kvt.org "
				   "sub_domains=yes\nbad.org alias_of=x\nkvt.dk\n";
	static const struct {
		const char *name, *found, *target;
	} table[] = {
		{ "kvt.org", "kvt.org", "kvt.dk" },
		{ "a.b.kvt.org", "kvt.org", "kvt.dk" },
		{ "shop.kvt.org", "shop.kvt.org", "shop.dk" },
		{ "y.x.shop.kvt.org", "shop.kvt.org", "shop.dk" },
		{ "kvt.dk", NULL, NULL },
		{ "a.kvt.dk", NULL, NULL },
		{ "a.deep.shop.kvt.org", "deep.shop.kvt.org", "deep.dk" },
		{ "xkvt.org", NULL, NULL },
		{ "a.xkvt.org", NULL, NULL },
		{ "kvt.org.uk", NULL, NULL },
	};
	const struct scratch *s = *state;
	struct pv_registry_entry r;
	struct pv_store store;
	struct pv_error e;
	bool found;

	open_with(s, text, &store);
	for (size_t i = 0; i < sizeof table / sizeof *table; i++) {
		struct pv_domain d = domain(table[i].name);
		assert_int_equal(pv_registry_alias(&store, &d, &r, &found, &e), PV_OK);
		if (found != (table[i].found != NULL))
			fail_msg("%s", table[i].name);
		if (found) {
			assert_string_equal(r.domain.s, table[i].found);
			assert_string_equal(r.alias_of.s, table[i].target);
		}
	}
	struct pv_domain d = domain("a.bad.org");
	assert_deferred(pv_registry_alias(&store, &d, &r, &found, &e), &e, "line 5");
	pv_store_close(&store);
}

static void the_whole_file_is_sorted_and_checked(void **state)
{
	static const struct {
		const char *text, *why;
	} bad[] = {
		{ "b.dk\nnonsense\n", "line 2: `nonsense` is not a domain" },
		{ "b.dk\nc.dk max_users=x\n", "line 2" },
		{ "b.dk\na.dk\nB.dk max_users=1\n", "b.dk has two lines" },
		{ "a.dk alias_of=b.dk\nb.dk alias_of=c.dk\n", "write alias_of=c.dk" },
	};
	const struct scratch *s = *state;
	struct pv_registry r;
	struct pv_store store;
	struct pv_error e;

	open_with(s, "b.dk max_users=2\nc.dk alias_of=b.dk\na.dk max_users=1\n", &store);
	struct pv_domain a = domain("a.dk"), c = domain("c.dk"), d = domain("d.dk");
	assert_int_equal(pv_registry_load(&store, &r, &e), PV_OK);
	assert_int_equal(r.count, 3);
	assert_string_equal(r.entries[0].domain.s, "a.dk");
	assert_string_equal(r.entries[2].domain.s, "c.dk");
	assert_int_equal(pv_registry_get(&r, &a)->max_users, 1);
	assert_string_equal(pv_registry_get(&r, &c)->alias_of.s, "b.dk");
	assert_null(pv_registry_get(&r, &d));
	pv_registry_free(&r);
	assert_null(pv_registry_get(&r, &a));
	for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
		put(s, "domains", bad[i].text, 0, 0644);
		assert_deferred(pv_registry_load(&store, &r, &e), &e, bad[i].why);
		assert_null(r.entries);
	}
	assert_int_equal(unlinkat(s->fd, "domains", 0), 0);
	assert_int_equal(pv_registry_load(&store, &r, &e), PV_OK);
	assert_int_equal(r.count, 0);
	pv_registry_free(&r);
	pv_store_close(&store);
}

static void quotas(void **state)
{
	static const struct {
		const char *text;
		bool good;
		unsigned long long bytes;
	} table[] = {
		{ "0", true, 0 },
		{ "1", true, 1 },
		{ "NOQUOTA", true, 0 },
		{ "noquota", true, 0 },
		{ "1K", true, 1000 },
		{ "1k", true, 1000 },
		{ "10MB", true, 10000000 },
		{ "10mb", true, 10000000 },
		{ "3G", true, 3000000000ULL },
		{ "4611686018G", true, 4611686018000000000ULL },
		{ "4611686019G", false, 0 },
		{ "99999999999999999999", false, 0 },
		{ "", false, 0 },
		{ "K", false, 0 },
		{ "-1", false, 0 },
		{ "+1", false, 0 },
		{ " 1", false, 0 },
		{ "1 K", false, 0 },
		{ "1KK", false, 0 },
		{ "1B", false, 0 },
		{ "1KBB", false, 0 },
		{ "1T", false, 0 },
		{ "1.5G", false, 0 },
	};

	(void)state;
	for (size_t i = 0; i < sizeof table / sizeof *table; i++) {
		unsigned long long bytes = 0;
		if (pv_quota_parse(table[i].text, &bytes) != table[i].good || bytes != table[i].bytes)
			fail_msg("`%s`: %llu", table[i].text, bytes);
	}
}

static void quotas_are_written_as_they_are_read(void **state)
{
	static const struct {
		unsigned long long bytes;
		const char *text;
	} table[] = { { 0, "NOQUOTA" },
		      { 1, "1" },
		      { 1500, "1500" },
		      { 1000, "1K" },
		      { 50000000, "50M" },
		      { 1500000, "1500K" },
		      { 3000000000000ULL, "3000G" } };

	(void)state;
	for (size_t i = 0; i < sizeof table / sizeof *table; i++) {
		struct pv_buf out = PV_BUF_INIT(100);
		unsigned long long bytes;
		pv_quota_format(table[i].bytes, &out);
		assert_string_equal(out.s, table[i].text);
		assert_true(pv_quota_parse(out.s, &bytes));
		assert_int_equal(bytes, table[i].bytes);
		pv_buf_free(&out);
	}
}

static enum pv_class find_once(void *ctx, bool *right_r, struct pv_error *e)
{
	struct pv_domain d = domain("a.kvt.org");
	struct pv_registry_entry r;
	bool found;

	enum pv_class c = pv_registry_alias(ctx, &d, &r, &found, e);
	*right_r = c == PV_OK && found && strcmp(r.alias_of.s, "kvt.dk") == 0;
	return c;
}

static enum pv_class load_once(void *ctx, bool *right_r, struct pv_error *e)
{
	struct pv_registry r;

	enum pv_class c = pv_registry_load(ctx, &r, e);
	*right_r = c == PV_OK && r.count == 2;
	pv_registry_free(&r);
	return c;
}

static void every_failing_call_is_temporary(void **state)
{
	struct pv_store store;

	open_with(*state, "kvt.org alias_of=kvt.dk\nkvt.dk\n", &store);
	assert_true(with_every_fault(find_once, &store) > 20);
	assert_true(with_every_fault(load_once, &store) > 20);
	pv_store_close(&store);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
#define T(f) cmocka_unit_test_setup_teardown(f, scratch_make, scratch_remove)
		T(no_file_says_nothing),
		T(a_line_is_read_and_written_back),
		T(a_bad_line_defers),
		T(a_word_is_set_and_unset),
		T(domains_must_be_roots),
		T(the_nearest_alias_counts),
		T(the_whole_file_is_sorted_and_checked),
		T(quotas),
		T(quotas_are_written_as_they_are_read),
		T(every_failing_call_is_temporary),
	};

	return cmocka_run_group_tests_name("store_registry", tests, NULL, NULL);
}
