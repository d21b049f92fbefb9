/*
 * route_large_test.c: large files of aliases, long ways, many members, and what a plain delivery costs.
 */
#include "route_world.h"

#include "base/clock.h"

enum { ALIASES = 10000, MEMBERS = 5000 };

/* Write a file of the account's, made by a function that adds to a buffer. */
static void put_made(const struct scratch *s, const char *path, void (*make)(struct pv_buf *out))
{
	struct pv_buf text = PV_BUF_INIT(8 << 20);

	make(&text);
	assert_false(text.failed);
	world_folders(s, path);
	(void)unlinkat(s->fd, path, 0);
	scratch_write(s, path, text.s, text.len);
	assert_int_equal(fchownat(s->fd, path, ACCOUNT, ACCOUNT, 0), 0);
	pv_buf_free(&text);
}

static void open_world(const struct scratch *s, struct pv_store *store)
{
	assert_int_equal(pv_store_open(s->path, store, NULL), PV_OK);
}

/* Resolve, in milliseconds. */
static double time_of(const struct pv_store *store, const char *local, struct pv_route *r)
{
	const struct world_row row = { .local = local };
	struct pv_error e = { .text = "" };

	int64_t begun = pv_now_us();
	if (world_resolve(store, &row, NULL, r, &e) != PV_OK)
		fail_msg("%s: %s", local, e.text);
	return (double)(pv_now_us() - begun) / 1000;
}

static void add_aliases(struct pv_buf *out)
{
	for (unsigned i = 0; i < ALIASES; i++)
		pv_buf_addf(out, "name%u: abc\n", i);
	for (unsigned i = 0; i < 50; i++)
		pv_buf_addf(out, "chain%u: chain%u\n", i, i + 1);
	pv_buf_adds(out, "chain50: abc\nlist: :include:members\n");
}

static void add_members(struct pv_buf *out)
{
	for (unsigned i = 0; i < MEMBERS; i++)
		pv_buf_addf(out, "member%u@example%u.org\n", i, i % 100);
}

static void large_files_are_quick(void **state)
{
	const struct scratch *s = *state;
	struct pv_store store;
	struct pv_route r;

	world_begin(s);
	put_made(s, "kvt.dk/aliases", add_aliases);
	put_made(s, "kvt.dk/include/members", add_members);
	open_world(s, &store);
	double one = time_of(&store, "name9999", &r);
	assert_int_equal(r.count, 1);
	pv_route_free(&r);
	double chain = time_of(&store, "chain0", &r);
	assert_int_equal(r.count, 1);
	assert_string_equal(r.actions[0].of->user.s, "abc");
	pv_route_free(&r);
	double list = time_of(&store, "list", &r);
	assert_int_equal(r.count, MEMBERS);
	assert_string_equal(r.actions[0].text, "member0@example0.org");
	assert_string_equal(r.actions[MEMBERS - 1].text, "member4999@example99.org");
	pv_route_free(&r);
	print_message("# of %d aliases one: %.2f ms; a chain of 50: %.2f ms; a list of %d: %.2f ms\n",
		      ALIASES, one, chain, MEMBERS, list);
	/* Far more than it takes: what is quadratic takes seconds. */
	assert_true(one < 200 && chain < 300 && list < 500);
	pv_store_close(&store);
}

/* `link 1` leads to `link 2` ... and the last to abc. */
static unsigned links;

static void add_links(struct pv_buf *out)
{
	for (unsigned i = 1; i < links; i++)
		pv_buf_addf(out, "link%u: link%u\n", i, i + 1);
	pv_buf_addf(out, "link%u: abc\n", links);
}

static void add_diamonds(struct pv_buf *out)
{
	for (unsigned i = 0; i < 80; i++)
		pv_buf_addf(out, "a%u: b%u, c%u\nb%u: a%u\nc%u: a%u\n", i, i, i, i, i + 1, i, i + 1);
	pv_buf_adds(out, "a80: abc\n");
}

static void a_way_may_be_long_but_not_endless(void **state)
{
	static const struct world_row good = { .local = "link1", .ends = "abc" },
				      bad = { .local = "link1",
					      .defers = "is the 101th step from an address" },
				      deep = { .local = "a0", .defers = "step from an address" },
				      wide = { .local = "a40", .ends = "abc" };
	const struct scratch *s = *state;
	struct pv_store store;

	world_begin(s);
	open_world(s, &store);
	links = PV_ROUTE_DEPTH_MAX;
	put_made(s, "kvt.dk/aliases", add_links);
	world_check_row(&store, "a hundred", &good);
	links++;
	put_made(s, "kvt.dk/aliases", add_links);
	world_check_row(&store, "one more", &bad);
	/* Each name is followed once, though two lead to it: else it would be 2^40 ways. */
	put_made(s, "kvt.dk/aliases", add_diamonds);
	world_check_row(&store, "diamonds", &wide);
	world_check_row(&store, "more of them than steps", &deep);
	pv_store_close(&store);
}

/* Two users who forward to the same two, and so on. */
static void forwards_that_meet_again_are_followed_once(void **state)
{
	static const struct world_row row = { .local = "a0", .ends = "abc" };
	struct pv_buf passwd = PV_BUF_INIT(1 << 20);
	const struct scratch *s = *state;
	struct pv_store store;
	char path[64], text[128];

	world_begin(s);
	for (char side = 'a'; side <= 'b'; side++)
		for (unsigned i = 0; i < 40; i++) {
			pv_buf_addf(&passwd, "%c%u:x:60001:60001:n:.:\n", side, i);
			(void)snprintf(path, sizeof path, "kvt.dk/users/%c%u", side, i);
			(void)snprintf(text, sizeof text,
				       "forward = %s%u@kvt.dk%s%u@kvt.dk\nkeep_copy = no\n", "a", i + 1,
				       ", b", i + 1);
			put(s, path, i < 39 ? text : "forward = abc@kvt.dk\nkeep_copy = no\n", ACCOUNT, 0600);
		}
	pv_buf_adds(&passwd, WORLD_PASSWD);
	put(s, "kvt.dk/passwd", passwd.s, ACCOUNT, 0600);
	pv_buf_free(&passwd);
	open_world(s, &store);
	world_check_row(&store, "2^39 ways", &row);
	pv_store_close(&store);
}

/* Each of them in three ways, of which the first stands at a comma. */
static void add_members_again(struct pv_buf *out)
{
	for (unsigned i = 0; i < MEMBERS; i++)
		pv_buf_addf(out, "Member%u@example%u.org, <MEMBER%u@Example%u.Org>\nmember%u@example%u.org\n",
			    i, i % 100, i, i % 100, i, i % 100);
}

static void nobody_gets_two_copies_in_whatever_case(void **state)
{
	const struct scratch *s = *state;
	struct pv_store store;
	struct pv_route r;

	world_begin(s);
	put(s, "kvt.dk/aliases", "list: :include:all, :include:again\n", ACCOUNT, 0600);
	put_made(s, "kvt.dk/include/all", add_members_again);
	put_made(s, "kvt.dk/include/again", add_members);
	open_world(s, &store);
	(void)time_of(&store, "list", &r);
	assert_int_equal(r.count, MEMBERS);
	assert_string_equal(r.actions[0].text, "Member0@example0.org");
	assert_string_equal(r.actions[MEMBERS - 1].text, "Member4999@example99.org");
	assert_int_equal(r.actions[MEMBERS - 1].line, 2 * MEMBERS - 1);
	pv_route_free(&r);
	pv_store_close(&store);
}

static void add_too_many(struct pv_buf *out)
{
	for (unsigned i = 0; i <= PV_ROUTE_ACTIONS_MAX; i++)
		pv_buf_addf(out, "m%u@example.org\n", i);
}

static void there_may_be_too_many_members(void **state)
{
	static const struct world_row row = { .local = "list", .defers = "more than 20000 addresses" };
	const struct scratch *s = *state;
	struct pv_store store;

	world_begin(s);
	put(s, "kvt.dk/aliases", "list: :include:all\n", ACCOUNT, 0600);
	put_made(s, "kvt.dk/include/all", add_too_many);
	open_world(s, &store);
	world_check_row(&store, "too many", &row);
	pv_store_close(&store);
}

/* Users of the domain as members: each costs a look into passwd. */
static void add_users(struct pv_buf *out)
{
	for (unsigned i = 0; i < MEMBERS; i++)
		pv_buf_addf(out, "u%04u:x:60001:60001:n:.:\n", i);
}

static void add_user_names(struct pv_buf *out)
{
	for (unsigned i = 0; i < MEMBERS; i++)
		pv_buf_addf(out, "u%04u\n", i);
}

static void a_list_of_all_users_is_quick(void **state)
{
	const struct scratch *s = *state;
	struct pv_store store;
	struct pv_route r;

	world_begin(s);
	put(s, "kvt.dk/aliases", "all: :include:all\n", ACCOUNT, 0600);
	put_made(s, "kvt.dk/passwd", add_users);
	put_made(s, "kvt.dk/include/all", add_user_names);
	open_world(s, &store);
	double all = time_of(&store, "all", &r);
	assert_int_equal(r.count, MEMBERS);
	print_message("# a list of %d users: %.1f ms\n", MEMBERS, all);
	assert_true(all < 3000);
	pv_route_free(&r);
	pv_store_close(&store);
}

/* What nobody has costs no more than finding that out. */
static void a_plain_delivery_costs_few_calls(void **state)
{
	static const struct world_row row = { .local = "abc" };
	const struct scratch *s = *state;
	struct pv_store store;
	struct pv_route r;

	world_begin(s);
	open_world(s, &store);
	memset(&calls, 0, sizeof calls);
	assert_int_equal(world_resolve(&store, &row, NULL, &r, NULL), PV_OK);
	/* The folder, and four in it: passwd, and domain.conf, aliases and users/abc, which are not there.
	 * Whether they are could be seen in a listing: that takes three calls, and longer. */
	assert_int_equal(calls.openat, 5);
	assert_int_equal(calls.fstat, 2);
	assert_int_equal(calls.fstatat, 1); /* SPOOL/kvt.dk/.files */
	assert_int_equal(calls.pread, 1);
	assert_int_equal(calls.close, 1);
	assert_int_equal(calls.open + calls.read, 0);
	pv_route_free(&r);
	pv_store_close(&store);
}

/* And what is there is read once. */
static void each_file_is_read_once(void **state)
{
	static const struct world_row row = { .local = "one" };
	static const struct world_file list = { "kvt.dk/include/l", "abc\n" };
	const struct scratch *s = *state;
	struct pv_store store;
	struct pv_route r;

	world_begin(s);
	put(s, "kvt.dk/domain.conf", "quota = 5M\n", ACCOUNT, 0600);
	put(s, "kvt.dk/users/abc", "quota = 7M\n", ACCOUNT, 0600);
	put(s, "kvt.dk/aliases",
	    "one: two, x@example.org, y@example.net, :include:l\ntwo: abc, z@example.org, |/bin/x, "
	    ":include:l\n",
	    ACCOUNT, 0600);
	world_put(s, &list);
	open_world(s, &store);
	memset(&calls, 0, sizeof calls);
	assert_int_equal(world_resolve(&store, &row, NULL, &r, NULL), PV_OK);
	assert_int_equal(r.count, 5);
	/* The folder, domain.conf, aliases, passwd twice, users/ and users/abc, domains, include/ and
	 * include/l. */
	assert_int_equal(calls.openat, 10);
	pv_route_free(&r);
	pv_store_close(&store);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
#define T(f) cmocka_unit_test_setup_teardown(f, scratch_make, scratch_remove)
		T(large_files_are_quick),
		T(a_way_may_be_long_but_not_endless),
		T(forwards_that_meet_again_are_followed_once),
		T(nobody_gets_two_copies_in_whatever_case),
		T(there_may_be_too_many_members),
		T(a_list_of_all_users_is_quick),
		T(a_plain_delivery_costs_few_calls),
		T(each_file_is_read_once),
	};

	return cmocka_run_group_tests_name("route: large", tests, NULL, NULL);
}
