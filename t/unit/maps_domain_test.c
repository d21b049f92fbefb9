/*
 * maps_domain_test.c: which keys a domain's files make, which names are refused, and which old
 * keys stay. Nothing is opened here: texts in, keys out.
 */
#include "scratch.h"

#include "maps/collide.h"
#include "maps/domain_keys.h"
#include "maps/merge.h"
#include "maps/reader_send.h"
#include "maps/report.h"
#include "store/conf.h"

static struct pv_maps_work work;
static struct pv_maps_options options;
static struct pv_maps_report report;
static struct pv_store store;
static struct pv_registry_entry said;

static char etc[] = "/etc/virtual";

static int start(void **state)
{
	(void)state;
	options = (struct pv_maps_options){ .force = false };
	store = (struct pv_store){ .dir = etc, .dirfd = -1 };
	pv_conf_defaults(&store.conf);
	pv_report_start(&report);
	work = (struct pv_maps_work){ .store = &store, .options = &options, .report = &report };
	work.plan.all = true;
	return 0;
}

static int stop(void **state)
{
	(void)state;
	for (enum pv_map m = 0; m < PV_MAP_COUNT; m++)
		pv_differences_free(&work.differences[m]);
	pv_plan_free(&work.plan);
	pv_plan_free(&work.strays);
	pv_arena_free(&work.arena);
	for (enum pv_map m = 0; m < PV_MAP_COUNT; m++)
		pv_keys_free(&work.old.keys[m]);
	pv_arena_free(&work.old.arena);
	pv_hosts_free(&work.hosts);
	pv_maps_report_free(&report);
	return 0;
}

/* Domains by name, sorted; all of account `acct`, uid 601. */
static void plan(const char *const *names, size_t count)
{
	struct pv_error e;

	pv_plan_free(&work.plan);
	work.plan.all = true;
	work.plan.domains = calloc(count, sizeof *work.plan.domains);
	assert_non_null(work.plan.domains);
	work.plan.count = count;
	for (size_t i = 0; i < count; i++) {
		struct pv_plan_domain *d = &work.plan.domains[i];
		assert_int_equal(pv_domain_parse(names[i], strlen(names[i]), &d->domain, &e), PV_OK);
		d->uid = 601;
		d->account = "acct";
	}
}

static void add_user_frame(struct pv_buf *b, const char *name, const char *text)
{
	struct pv_frame_head head = { .len = (uint32_t)(strlen(name) + 1 + strlen(text)),
				      .type = PV_FRAME_USER };

	pv_buf_add(b, &head, sizeof head);
	pv_buf_add(b, name, strlen(name) + 1);
	pv_buf_adds(b, text);
}

/* The keys of domains[0] from a passwd, domain.conf (NULL: none) and the settings of user `off`. */
static enum pv_class make(const char *passwd, const char *conf, const char *off, struct pv_error *e)
{
	struct pv_domain_files files = { .ok = true, .passwd = { passwd, strlen(passwd) } };
	struct pv_buf users = PV_BUF_INIT(4096);

	if (conf != NULL)
		files.conf = (struct pv_slice){ conf, strlen(conf) };
	if (off != NULL)
		add_user_frame(&users, off, "receive = no\n");
	add_user_frame(&users, "zzz", "retrieve = no\n");
	add_user_frame(&users, "expired", "expires = 2020-12-31\n");
	add_user_frame(&users, "valid", "expires = 9999-12-31\n");
	files.users = (struct pv_slice){ users.s, users.len };
	enum pv_class c = pv_domain_keys_make(&work, &work.plan.domains[0], &files, e);
	pv_buf_free(&users);
	return c;
}

/* All keys of a set as `key>value `. */
static const char *print(const struct pv_keys *k)
{
	static char text[8192];

	text[0] = '\0';
	for (size_t i = 0; i < k->count; i++)
		(void)snprintf(text + strlen(text), sizeof text - strlen(text), "%s>%s ", k->v[i].key,
			       k->v[i].value);
	return text;
}

#define LINE(user) user ":*:601:601:n:.:\n"

static void a_domains_files_make_exactly_these_keys(void **state)
{
	static const struct {
		const char *name, *passwd, *conf, *off, *keys;
	} rows[] = {
		{ "a user a key", LINE("b") LINE("a"), NULL, NULL,
		  "a@kvt.dk>acct+a--kvt.dk@virtual.invalid b@kvt.dk>acct+b--kvt.dk@virtual.invalid " },
		{ "receive = no makes none", LINE("a") LINE("b"), NULL, "a",
		  "b@kvt.dk>acct+b--kvt.dk@virtual.invalid " },
		{ "nor does a day that is over", LINE("expired") LINE("valid"), NULL, NULL,
		  "valid@kvt.dk>acct+valid--kvt.dk@virtual.invalid " },
		{ "a fallback makes the domain's own", LINE("a"), "fallback = a\n", NULL,
		  "@kvt.dk>acct+--kvt.dk@virtual.invalid a@kvt.dk>acct+a--kvt.dk@virtual.invalid " },
		{ "settings of somebody who is no user make none", LINE("a"), NULL, "x",
		  "a@kvt.dk>acct+a--kvt.dk@virtual.invalid " },
		{ "comments alone make none", "# user:hash\n", NULL, NULL, "" },
		{ "names are folded to lower case", LINE("ABC"), NULL, NULL,
		  "abc@kvt.dk>acct+abc--kvt.dk@virtual.invalid " },
	};
	static const char *const kvt[] = { "kvt.dk" };
	struct pv_error e;

	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
		start(state);
		plan(kvt, 1);
		if (make(rows[i].passwd, rows[i].conf, rows[i].off, &e) != PV_OK)
			fail_msg("%s: %s", rows[i].name, e.text);
		if (strcmp(print(&work.plan.domains[0].keys), rows[i].keys) != 0)
			fail_msg("%s: %s", rows[i].name, print(&work.plan.domains[0].keys));
		assert_int_equal(report.complaint_count, 0);
		stop(state);
	}
}

/* A standard domain of Postfix's: from `virtual` alone, and (in the last column) what is wrong with it. */
static void a_standard_domain_has_the_keys_of_its_file(void **state)
{
	static const struct {
		const char *text;
		unsigned own;
		unsigned long max_users;
		const char *keys, *why;
	} rows[] = {
		{ "b x@example.org, root\na b@kvt.dk\n", 0, 0,
		  "a@kvt.dk>b@kvt.dk b@kvt.dk>x@example.org, root ", NULL },
		{ "@ x@example.org\n", 0, 1, "@kvt.dk>x@example.org ", NULL },
		{ "# nobody\n", 0, 0, "", NULL },
		{ "abuse x@example.org\n", PV_OWN_ABUSE, 0, "abuse@kvt.dk>x@example.org ", NULL },
		{ "a b+tag@kvt.dk\nb root\n", 0, 0, "a@kvt.dk>b+tag@kvt.dk b@kvt.dk>root ", NULL },
		{ "a c@kvt.dk\n@ root\n", 0, 0, "@kvt.dk>root a@kvt.dk>c@kvt.dk ", NULL },
		{ "a root, B@Kvt.dk\n", 0, 0, NULL,
		  "virtual, line 1: B@kvt.dk is no address of this domain" },
		{ "# c\n@ b@kvt.dk\n", 0, 0, NULL, "virtual, line 2: b@kvt.dk is no address of this domain" },
		{ "a root\nb root\n", 0, 1, NULL, "virtual holds 2 addresses, `domains` allows 1" },
		{ "a |/bin/sh\n", 0, 0, NULL, "/etc/virtual/kvt.dk/virtual, line 1: " },
		{ "", 0, 0, NULL, "virtual is empty" },
	};
	static const char *const kvt[] = { "kvt.dk" };
	struct pv_registry_entry entry;
	struct pv_error e;

	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
		const struct pv_domain_files files = { .ok = true,
						       .standard = { rows[i].text, strlen(rows[i].text) } };
		start(state);
		plan(kvt, 1);
		pv_registry_default(&work.plan.domains[0].domain, &entry);
		entry.standard = true;
		entry.own = rows[i].own;
		entry.max_users = rows[i].max_users;
		work.registry = (struct pv_registry){ &entry, 1 };
		enum pv_class c = pv_domain_keys_make(&work, &work.plan.domains[0], &files, &e);
		work.registry = (struct pv_registry){ .count = 0 };
		if (c != (rows[i].why == NULL ? PV_OK : PV_TEMPORARY))
			fail_msg("row %zu: %s", i, c == PV_OK ? "taken" : e.text);
		if (c == PV_OK)
			assert_string_equal(print(&work.plan.domains[0].keys), rows[i].keys);
		else if (strstr(e.text, rows[i].why) == NULL)
			fail_msg("row %zu: %s", i, e.text);
		stop(state);
	}
}

static void what_cannot_be_parsed_fails_the_domain_with_file_and_line(void **state)
{
	static const struct {
		const char *passwd, *conf, *sentence;
	} rows[] = {
		{ "", NULL, "/etc/virtual/kvt.dk/passwd" },
		{ LINE("a") "b:*:601:601:n:.:", NULL, "/etc/virtual/kvt.dk/passwd" },
		{ LINE("a") "b:*:601\n", NULL, "/etc/virtual/kvt.dk/passwd, line 2" },
		{ "a:*:0:0:n:.:\n", NULL, "/etc/virtual/kvt.dk/passwd, line 1" },
		{ LINE("a@b"), NULL, "/etc/virtual/kvt.dk/passwd, line 1" },
		{ LINE("a") LINE("b") LINE("a"), NULL, "/etc/virtual/kvt.dk/passwd" },
		{ LINE("a") LINE("A"), NULL, "/etc/virtual/kvt.dk/passwd" },
		{ LINE("a"), "fallbak = a\n", "/etc/virtual/kvt.dk/domain.conf, line 1" },
	};
	static const char *const kvt[] = { "kvt.dk" };
	struct pv_error e;

	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
		start(state);
		plan(kvt, 1);
		assert_int_equal(make(rows[i].passwd, rows[i].conf, NULL, &e), PV_TEMPORARY);
		if (strstr(e.text, rows[i].sentence) == NULL)
			fail_msg("row %zu: %s", i, e.text);
		stop(state);
	}
}

static void a_fallback_that_gets_no_mail_makes_no_key_but_takes_none_away(void **state)
{
	static const char *const kvt[] = { "kvt.dk" };
	struct pv_error e;

	for (int had = 0; had < 2; had++) {
		start(state);
		plan(kvt, 1);
		if (had)
			assert_int_equal(pv_keys_add(&work.old.keys[PV_MAP_ADDRESSES], "@kvt.dk", "x", &e),
					 PV_OK);
		assert_int_equal(make(LINE("a") LINE("b"), "fallback = b\n", "b", &e), PV_OK);
		assert_string_equal(print(&work.plan.domains[0].keys),
				    had ? "@kvt.dk>x a@kvt.dk>acct+a--kvt.dk@virtual.invalid "
					  "b@kvt.dk>acct+b--kvt.dk@virtual.invalid "
					: "a@kvt.dk>acct+a--kvt.dk@virtual.invalid ");
		assert_int_equal(report.complaint_count, 1);
		assert_non_null(strstr(report.complaints[0].error.text, "domain.conf"));
		stop(state);
	}
}

static void the_hosts_addresses_are_the_hosts_unless_own_says_otherwise(void **state)
{
	static const struct {
		unsigned own;
		const char *keys;
	} rows[] = {
		{ 0, "abuse@kvt.dk>root, x@example.org hostmaster@kvt.dk>root postmaster@kvt.dk>root " },
		{ PV_OWN_POSTMASTER, "abuse@kvt.dk>root, x@example.org hostmaster@kvt.dk>root "
				     "postmaster@kvt.dk>acct+postmaster--kvt.dk@virtual.invalid " },
		{ PV_OWN_POSTMASTER | PV_OWN_ABUSE,
		  "hostmaster@kvt.dk>root postmaster@kvt.dk>acct+postmaster--kvt.dk@virtual.invalid " },
	};
	static const char *const kvt[] = { "kvt.dk" };
	static const char hosts[] = "postmaster root\nabuse root, x@example.org\nhostmaster root\n";
	struct pv_buf text = PV_BUF_INIT(4096);
	struct pv_error e;

	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
		start(state);
		plan(kvt, 1);
		pv_buf_reset(&text);
		pv_buf_adds(&text, hosts);
		if (pv_hosts_parse(&text, "host-addresses", &work.hosts, &e) != PV_OK)
			fail_msg("%s", e.text);
		pv_registry_default(&work.plan.domains[0].domain, &said);
		said.own = rows[i].own;
		work.registry = (struct pv_registry){ &said, 1 };
		assert_int_equal(make(LINE("postmaster"), NULL, NULL, &e), PV_OK);
		assert_string_equal(print(&work.plan.domains[0].keys), rows[i].keys);
		stop(state);
	}
	pv_buf_free(&text);
}

static void too_many_users_fail_the_domain(void **state)
{
	static const char *const kvt[] = { "kvt.dk" };
	struct pv_error e;

	(void)state;
	plan(kvt, 1);
	pv_registry_default(&work.plan.domains[0].domain, &said);
	said.max_users = 1;
	work.registry = (struct pv_registry){ &said, 1 };
	assert_int_equal(make(LINE("a"), NULL, NULL, &e), PV_OK);
	plan(kvt, 1);
	assert_int_equal(make(LINE("a") LINE("b"), NULL, NULL, &e), PV_TEMPORARY);
	assert_non_null(strstr(e.text, "max_users"));
}

static void a_name_of_247_bytes_is_refused_alone_and_one_of_246_is_not(void **state)
{
	char name[PV_DOMAIN_MAX + 1] = "";
	const char *const names[] = { name };
	struct pv_error e;

	(void)state;
	for (int i = 0; i < 10; i++)
		(void)snprintf(name + strlen(name), sizeof name - strlen(name), "%.*s.", i < 7 ? 29 : 10,
			       "abcdefghijabcdefghijabcdefghij");
	(void)snprintf(name + strlen(name), sizeof name - strlen(name), "dk"); /* 7*30 + 3*11 + 2 = 245 */
	name[3] = '.';							       /* labels of 3 and 25 */
	plan(names, 1);
	assert_int_equal(work.plan.domains[0].domain.len, 245);
	assert_int_equal(make(LINE("a"), NULL, NULL, &e), PV_OK);
	assert_int_equal(work.plan.domains[0].keys.count, 0);
	assert_int_equal(report.complaint_count, 1);
	assert_non_null(strstr(report.complaints[0].error.text, "passwd, line 1"));
	memmove(name, name + 2, strlen(name) - 1); /* 243: a--DOMAIN is 246 */
	plan(names, 1);
	assert_int_equal(make(LINE("a") LINE("bb"), NULL, NULL, &e), PV_OK);
	assert_int_equal(work.plan.domains[0].keys.count, 1);
	assert_int_equal(report.complaint_count, 2);
}

static void who_is_about_to_be_deleted_has_no_key(void **state)
{
	static const char *const kvt[] = { "kvt.dk" };
	struct pv_address gone;
	struct pv_error e;

	(void)state;
	plan(kvt, 1);
	assert_int_equal(pv_address_parse("a@kvt.dk", 8, &gone, &e), PV_OK);
	options.without_users = &gone;
	options.without_user_count = 1;
	assert_int_equal(make(LINE("a") LINE("b"), NULL, NULL, &e), PV_OK);
	assert_string_equal(print(&work.plan.domains[0].keys), "b@kvt.dk>acct+b--kvt.dk@virtual.invalid ");
}

/* --- names that are one to Postfix --- */

static void add_key(size_t domain, const char *key, const char *value)
{
	assert_int_equal(pv_keys_add(&work.plan.domains[domain].keys, key, value, NULL), PV_OK);
}

static void two_names_that_are_one_to_postfix_are_refused_but_the_older_stays(void **state)
{
	static const char *const names[] = { "b--c.dk", "c.dk" };
	static const char target[] = "acct+a--b--c.dk@virtual.invalid";
	static const struct {
		const char *name;
		bool left_old, right_old;
		size_t left, right, complaints;
	} rows[] = {
		{ "both new", false, false, 0, 0, 2 },
		{ "the left one was there", true, false, 1, 0, 1 },
		{ "the right one was there", false, true, 0, 1, 1 },
		{ "both were there", true, true, 1, 1, 2 },
	};
	struct pv_error e;

	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
		start(state);
		plan(names, 2);
		add_key(0, "a@b--c.dk", target);
		add_key(1, "a--b@c.dk", target);
		add_key(1, "x@c.dk", "acct+x--c.dk@virtual.invalid");
		struct pv_keys *old = &work.old.keys[PV_MAP_ADDRESSES];
		if (rows[i].right_old)
			assert_int_equal(pv_keys_add(old, "a--b@c.dk", target, &e), PV_OK);
		if (rows[i].left_old)
			assert_int_equal(pv_keys_add(old, "a@b--c.dk", target, &e), PV_OK);
		assert_int_equal(pv_collide(&work, &e), PV_OK);
		if (work.plan.domains[0].keys.count != rows[i].left ||
		    work.plan.domains[1].keys.count != rows[i].right + 1 ||
		    report.complaint_count != rows[i].complaints)
			fail_msg("%s: %zu %zu %zu", rows[i].name, work.plan.domains[0].keys.count,
				 work.plan.domains[1].keys.count, report.complaint_count);
		stop(state);
	}
}

static void equal_names_of_two_accounts_are_no_collision(void **state)
{
	static const char *const names[] = { "b--c.dk", "c.dk" };
	struct pv_error e;

	(void)state;
	plan(names, 2);
	add_key(0, "a@b--c.dk", "one+a--b--c.dk@virtual.invalid");
	add_key(1, "a--b@c.dk", "two+a--b--c.dk@virtual.invalid");
	assert_int_equal(pv_collide(&work, &e), PV_OK);
	assert_int_equal(report.complaint_count, 0);
}

/* --- what becomes of old keys --- */

/* Old keys u00@kvt.dk ... of which the first `gone` are not among the new ones. */
static void old_and_new(unsigned had, unsigned gone)
{
	char key[32];

	for (unsigned i = 0; i < had; i++) {
		(void)snprintf(key, sizeof key, "u%04u@kvt.dk", i);
		const char *k = pv_arena_add(&work.arena, key, strlen(key));
		assert_int_equal(pv_keys_add(&work.old.keys[PV_MAP_ADDRESSES], k, "old", NULL), PV_OK);
		if (i >= gone)
			add_key(0, k, "new");
	}
	assert_int_equal(pv_keys_add(&work.old.keys[PV_MAP_DOMAINS], "kvt.dk", "acct", NULL), PV_OK);
}

/* The keys that m will have; each must be found alone too. */
static struct pv_keys next_keys(enum pv_map m)
{
	struct pv_keys keys = { 0 };
	struct pv_key k;

	pv_next_rewind(&work, m);
	while (pv_next_step(&work, m, &k)) {
		assert_int_equal(pv_keys_add(&keys, k.key, k.value, NULL), PV_OK);
		assert_string_equal(pv_next_find(&work, m, k.key), k.value);
		if (keys.count > 1)
			assert_true(strcmp(keys.v[keys.count - 2].key, k.key) < 0);
	}
	return keys;
}

static void more_than_a_tenth_and_more_than_five_vanish_only_when_told(void **state)
{
	static const struct {
		unsigned had, gone;
		bool force, meant, stay;
	} rows[] = {
		{ 10, 5, false, false, false },	  { 10, 6, false, false, true },
		{ 10, 6, true, false, false },	  { 10, 6, false, true, false },
		{ 100, 10, false, false, false }, { 100, 11, false, false, true },
		{ 5, 5, false, false, false },	  { 6, 6, false, false, true },
	};
	static const char *const kvt[] = { "kvt.dk" };
	struct pv_error e;

	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
		start(state);
		plan(kvt, 1);
		options.force = rows[i].force;
		work.plan.domains[0].meant = rows[i].meant;
		old_and_new(rows[i].had, rows[i].gone);
		assert_int_equal(pv_merge(&work, &e), PV_OK);
		size_t want = rows[i].stay ? rows[i].had : rows[i].had - rows[i].gone;
		struct pv_keys next = next_keys(PV_MAP_ADDRESSES);
		if (next.count != want || report.complaint_count != rows[i].stay)
			fail_msg("row %zu: %zu keys, %zu complaints", i, next.count, report.complaint_count);
		/* What is new is new all the same. */
		for (size_t j = 0; j < want; j++)
			assert_string_equal(next.v[j].value,
					    rows[i].stay && j < rows[i].gone ? "old" : "new");
		pv_keys_free(&next);
		stop(state);
	}
}

static void a_domain_that_is_kept_or_not_asked_for_keeps_all_and_one_that_is_gone_loses_all(void **state)
{
	static const struct {
		const char *name;
		enum pv_plan_state state;
		bool planned, all, force, stays;
	} rows[] = {
		{ "kept", PV_PLAN_KEEP, true, true, true, true },
		{ "gone", PV_PLAN_GONE, true, true, true, false },
		{ "not asked for", PV_PLAN_READ, false, false, true, true },
		{ "unknown in a run for all", PV_PLAN_READ, false, true, true, false },
		{ "gone, and nobody said that it may", PV_PLAN_GONE, true, true, false, true },
	};
	static const char *const kvt[] = { "kvt.dk" };
	struct pv_error e;

	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
		start(state);
		plan(kvt, 1);
		options.force = rows[i].force;
		old_and_new(20, 20);
		work.plan.domains[0].state = rows[i].state;
		work.plan.all = rows[i].all;
		if (!rows[i].planned)
			work.plan.count = 0;
		assert_int_equal(pv_merge(&work, &e), PV_OK);
		struct pv_keys keys = next_keys(PV_MAP_ADDRESSES), domains = next_keys(PV_MAP_DOMAINS);
		if (keys.count != (rows[i].stays ? 20 : 0) || domains.count != rows[i].stays)
			fail_msg("%s: %zu keys, %zu domains", rows[i].name, keys.count, domains.count);
		pv_keys_free(&keys);
		pv_keys_free(&domains);
		work.plan.count = 1;
		stop(state);
	}
}

/* Neither folder nor line nor key of its own: it is in no plan. */
static void addresses_of_a_domain_that_nothing_else_knows_count_as_one_domains(void **state)
{
	static const char *const kvt[] = { "kvt.dk" };
	struct pv_error e;

	(void)state;
	plan(kvt, 1);
	assert_int_equal(pv_keys_add(&work.old.keys[PV_MAP_ADDRESSES], "a@few.dk", "old", NULL), PV_OK);
	for (char user[] = "a@many.dk"; user[0] < 'g'; user[0]++) {
		const char *k = pv_arena_add(&work.arena, user, strlen(user));
		assert_int_equal(pv_keys_add(&work.old.keys[PV_MAP_ADDRESSES], k, "old", NULL), PV_OK);
	}
	assert_int_equal(pv_merge(&work, &e), PV_OK);
	struct pv_keys keys = next_keys(PV_MAP_ADDRESSES);
	assert_int_equal(keys.count, 6);
	assert_null(pv_next_find(&work, PV_MAP_ADDRESSES, "a@few.dk"));
	assert_int_equal(report.complaint_count, 1);
	assert_string_equal(report.complaints[0].domain.s, "many.dk");
	pv_keys_free(&keys);
}

static void lines_are_counted_by_what_becomes_of_them(void **state)
{
	static const char *const kvt[] = { "kvt.dk" };
	struct pv_error e;

	(void)state;
	plan(kvt, 1);
	old_and_new(20, 2);
	add_key(0, "v@kvt.dk", "x");
	assert_int_equal(pv_merge(&work, &e), PV_OK);
	assert_int_equal(report.added, 2); /* one in virtual_refused, for the account */
	assert_int_equal(report.removed, 2);
	assert_int_equal(report.changed, 18);
	assert_int_equal(report.keys, 19);
}

#define DOMAIN_TEST(name) cmocka_unit_test_setup_teardown(name, start, stop)

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_domains_files_make_exactly_these_keys),
		cmocka_unit_test(a_standard_domain_has_the_keys_of_its_file),
		cmocka_unit_test(what_cannot_be_parsed_fails_the_domain_with_file_and_line),
		cmocka_unit_test(a_fallback_that_gets_no_mail_makes_no_key_but_takes_none_away),
		cmocka_unit_test(the_hosts_addresses_are_the_hosts_unless_own_says_otherwise),
		DOMAIN_TEST(too_many_users_fail_the_domain),
		DOMAIN_TEST(a_name_of_247_bytes_is_refused_alone_and_one_of_246_is_not),
		DOMAIN_TEST(who_is_about_to_be_deleted_has_no_key),
		cmocka_unit_test(two_names_that_are_one_to_postfix_are_refused_but_the_older_stays),
		DOMAIN_TEST(equal_names_of_two_accounts_are_no_collision),
		cmocka_unit_test(more_than_a_tenth_and_more_than_five_vanish_only_when_told),
		cmocka_unit_test(
			a_domain_that_is_kept_or_not_asked_for_keeps_all_and_one_that_is_gone_loses_all),
		DOMAIN_TEST(addresses_of_a_domain_that_nothing_else_knows_count_as_one_domains),
		DOMAIN_TEST(lines_are_counted_by_what_becomes_of_them),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
