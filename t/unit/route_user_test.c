/*
 * route_user_test.c: users and their settings, full names, the fallback, and who answers by himself.
 */
#include "route_world.h"

#include "store/full_name.h"

static const struct world worlds[] = {
	{ "receive = no, and a day of expiry that is over: refused, and not swallowed by the fallback",
	  { { "kvt.dk/domain.conf", "fallback = bob\n" }, { "kvt.dk/users/abc", "expires = 2999-12-31\n" } },
	  { { "off", .refused = "5.2.1 this mailbox takes no mail" },
	    { "off+x", .refused = "5.2.1 this mailbox takes no mail" },
	    { "old", .refused = "5.2.1 this address is no longer in use" },
	    { "abc", .ends = "abc", .name = "abc" },
	    { "nosuch", .ends = "bob" } } },
	{ "a domain that takes no mail refuses all of it",
	  { { "kvt.dk/domain.conf", "receive = no\nfallback = bob\n" },
	    { "kvt.dk/aliases", "sales: abc\n" } },
	  { { "abc", .refused = "5.2.1" },
	    { "sales", .refused = "5.2.1" },
	    { "nosuch", .refused = "5.2.1" },
	    { "abc", .refused = "5.2.1", .domain = "kvt.org" } } },
	{ "a full name means its user, where that is switched on",
	  { { "kvt.dk/domain.conf", "match_full_name = yes\n" },
	    { "kvt.dk/aliases", "a.b.c: bob\nstaff: joe.who, bob\n" } },
	  { { "joe.who", .ends = "joe" },
	    { "JOE.Who", .ends = "joe" },
	    { "joe.who+t", .ends = "joe", .name = "joe" },
	    { "a.b.c", .ends = "bob" },
	    { "staff", .ends = "joe, bob" },
	    { "bob", .ends = "bob" },
	    { "old.one", .refused = "5.2.1" },
	    { "joe..who", .refused = "5.1.1" },
	    { "joewho", .refused = "5.1.1" },
	    { "joe who", .refused = "5.1.1" } } },
	{ "without the switch it means nobody",
	  { { NULL, NULL } },
	  { { "joe.who", .refused = "5.1.1" }, { "a.b.c", .refused = "5.1.1" } } },
	{ "a user's name goes before a full name; two with one full name defer",
	  { { "kvt.dk/domain.conf", "match_full_name = yes\nfallback = bob\n" },
	    { "kvt.dk/passwd",
	      "abc:x:60001:60001:bob:.:\nbob:x:60001:60001:Joe  Who, room 2:.:\n"
	      "joe:x:60001:60001:J\303\270rgen \303\205:.:\njoe.h:x:60001:60001:Joe H. Who:.:\n"
	      "x1:x:60001:60001:Tom T:.:\nx2:x:60001:60001:tom.t:.:\nx3:x:60001:60001:  :.:\n" } },
	  { { "bob", .ends = "bob" },
	    { "joe.who", .ends = "bob" },
	    { "j\303\270rgen.\303\205", .ends = "joe" },
	    { "joe.h.who", .ends = "joe.h" },
	    { "tom.t",
	      .defers = "kvt.dk/passwd, line 6: x2 has the full name of x1, so that tom.t@ means both" },
	    { "nosuch", .ends = "bob" },
	    { "", .ends = "bob" } } },
	{ "a line that cannot be read may be the one",
	  { { "kvt.dk/domain.conf", "match_full_name = yes\n" },
	    { "kvt.dk/passwd", "abc:x:60001:60001:Tom O'Neil:.:\nnonsense\n" } },
	  { { "tom.o'neil", .ends = "abc" },
	    { "j\303\270e", .defers = "kvt.dk/passwd, line 2: " },
	    { "tom.t", .defers = "kvt.dk/passwd, line 2: " } } },
	{ "forwards, with and without a copy",
	  { { "kvt.dk/users/abc", "forward = x@example.org, bob@kvt.dk\n" },
	    { "kvt.dk/users/joe", "forward = x@example.org\nkeep_copy = no\n" },
	    { "kvt.dk/aliases", "both: abc, joe\nlist: joe\nowner-list: bob\n" } },
	  { { "abc", .ends = "bob, abc, >x@example.org" },
	    { "joe", .ends = ">x@example.org" },
	    { "joe+t", .ends = ">x@example.org" },
	    { "both", .ends = "bob, abc, >x@example.org" },
	    { "list", .ends = ">x@example.org by owner-list@kvt.dk" } } },
	{ "forwards that lead back",
	  { { "kvt.dk/users/abc", "forward = abc@kvt.dk\nkeep_copy = no\n" },
	    { "kvt.dk/users/joe", "forward = bob@kvt.org\nkeep_copy = no\n" },
	    { "kvt.dk/users/bob", "forward = joe@kvt.dk\nkeep_copy = no\n" },
	    { "kvt.dk/aliases", "al: joe\n" } },
	  { { "abc", .ends = "abc" },
	    { "joe", .ends = "joe" },
	    { "bob", .ends = "bob" },
	    { "al", .ends = "joe" } } },
	{ "forwards to a list of nobody",
	  { { "kvt.dk/users/abc", "forward = empty@kvt.dk\nkeep_copy = no\n" },
	    { "kvt.dk/aliases", "empty: :include:empty\n" },
	    { "kvt.dk/include/empty", "" } },
	  { { "abc", .defers = "kvt.dk: what abc stands for leads to nobody" } } },
	{ "forwards that lead nowhere, outside, or to who takes none",
	  { { "kvt.dk/users/abc", "\nforward = gone@kvt.dk\n" },
	    { "kvt.dk/users/joe", "forward = off@kvt.dk\nkeep_copy = no\n" },
	    { "kvt.dk/users/bob", "forward = x@example.org\n" },
	    { "kvt.dk/domain.conf", "forward_outside = no\n" } },
	  { { "abc", .defers = "kvt.dk/users/abc, line 2: `gone` leads nowhere" },
	    { "joe", .refused = "5.2.1" },
	    { "bob", .defers = "kvt.dk/users/bob, line 1: example.org is no domain of this host" } } },
	{ "no fallback: refused",
	  { { "kvt.dk/domain.conf", "fallback =\n" } },
	  { { "nosuch", .refused = "5.1.1" }, { "", .defers = "which address of kvt.dk it is for" } } },
	{ "the fallback user@domain",
	  { { "kvt.dk/domain.conf", "fallback = other+x@example.org\n" } },
	  { { "nosuch", .ends = ">other+x@example.org" },
	    { "a b", .ends = ">other+x@example.org" },
	    { "abc", .ends = "abc" },
	    { "off", .refused = "5.2.1" },
	    { "nosuch", .ends = ">other+x@example.org", .domain = "kvt.org" } } },
	{ "the fallback user@domain, in a domain that stands for ours",
	  { { "kvt.dk/domain.conf", "fallback = bob@kvt.org\n" }, { "kvt.dk/aliases", "bob: joe\n" } },
	  { { "nosuch", .ends = "joe", .name = "" } } },
	{ "the fallback @domain: the same name there",
	  { { "kvt.dk/domain.conf", "fallback = @example.org\n" } },
	  { { "nosuch", .ends = ">nosuch@example.org" },
	    { "No.Such+t", .ends = ">No.Such+t@example.org" },
	    { "a b", .ends = ">\"a b\"@example.org" },
	    { "a\"b\\c", .ends = ">\"a\\\"b\\\\c\"@example.org" },
	    { "a@b", .ends = ">\"a@b\"@example.org" },
	    { ".a", .ends = ">\".a\"@example.org" },
	    { "-f", .ends = ">-f@example.org" },
	    { "j\303\270rgen", .ends = ">j\303\270rgen@example.org" },
	    { "", .defers = "which address of kvt.dk it is for is not known" },
	    { "a\nb", .refused = "5.1.1" },
	    { "a\x7f", .refused = "5.1.1 no such user here" },
	    { "abc", .ends = "abc" } } },
	{ "the fallback @domain leads back here",
	  { { "kvt.dk/domain.conf", "\nfallback = @a.kvt.dk\n" } },
	  { { "nosuch",
	      .defers = "kvt.dk/domain.conf, line 2: fallback = @a.kvt.dk: that is this domain itself" },
	    { "abc", .ends = "abc" } } },
	{ "the fallback is an account: an alias, or a user",
	  { { "kvt.dk/domain.conf", "fallback = rest\n" },
	    { "kvt.dk/aliases", "rest: bob, x@example.org\n" },
	    { "spool/kvt.dk/.files/rest.auto", "x" } },
	  { { "nosuch", .ends = "bob, >x@example.org" },
	    { "rest", .ends = "bob, >x@example.org, auto:rest" } } },
	{ "a fallback that cannot work defers",
	  { { "kvt.dk/domain.conf", "fallback = off\n" } },
	  { { "nosuch", .defers = "kvt.dk/domain.conf, line 1: fallback = off: that one takes no mail" },
	    { "off", .refused = "5.2.1" },
	    { "abc", .ends = "abc" } } },
	{ "a fallback that is nobody defers",
	  { { "kvt.dk/domain.conf", "# x\n\nfallback = gone\n" } },
	  { { "nosuch", .defers = "kvt.dk/domain.conf, line 3: `gone` leads nowhere" },
	    { "abc", .ends = "abc" } } },
	{ "the fallback is one of the host's addresses",
	  { { "kvt.dk/domain.conf", "fallback = postmaster\n" } },
	  { { "nosuch", .ends = ">postmaster@kvt.dk" } } },
	{ "the fallback |command with its tokens",
	  { { "kvt.dk/domain.conf", "fallback = |/usr/bin/x -d %d -f %f to:%u 100%%\n" } },
	  { { "nosuch", .ends = "|/usr/bin/x|-d|kvt.dk|-f|s@example.org|to:nosuch|100%" },
	    { "No+t", .ends = "|/usr/bin/x|-d|kvt.dk|-f|s@example.org|to:No+t|100%" },
	    { "$(id) `x` %f", .ends = "|/usr/bin/x|-d|kvt.dk|-f|s@example.org|to:$(id) `x` %f|100%" },
	    { "x", .ends = "|/usr/bin/x|-d|kvt.dk|-f||to:x|100%", .sender = "" },
	    { "x", .ends = "|/usr/bin/x|-d|kvt.dk|-f|oQ/tmp %u@x|to:x|100%", .sender = "oQ/tmp %u@x" },
	    { "x", .defers = "an address begins with `-`", .sender = "-oQ/tmp %u@x" },
	    { "", .ends = "|/usr/bin/x|-d|kvt.dk|-f|s@example.org|to:|100%" },
	    { "a\nb", .refused = "5.1.1" },
	    { "abc", .ends = "abc" },
	    { "off", .refused = "5.2.1" } } },
	{ "commands = no holds for the fallback too",
	  { { "kvt.dk/domain.conf", "fallback = |/bin/x\n" }, { "domains", "kvt.dk commands=no\n" } },
	  { { "nosuch", .defers = "kvt.dk/domain.conf, line 1: |/bin/x: TOP/domains has commands=no" },
	    { "abc", .ends = "abc" } } },
	{ "and for programs of users, wherever they stand",
	  { { "kvt.dk/domain.conf", "\ndeliver_with = /bin/y\n" },
	    { "kvt.dk/users/bob", "quota = 5M\nfilter = /bin/x\n" },
	    { "domains", "kvt.dk commands=no\n" } },
	  { { "abc", .defers = "kvt.dk/domain.conf, line 2: deliver_with of abc: TOP/domains has "
			       "commands=no for kvt.dk: take it out" },
	    { "bob", .defers = "kvt.dk/users/bob, line 2: filter of bob: TOP/domains has commands=no" } } },
	{ "fallback = delete",
	  { { "kvt.dk/domain.conf", "fallback = delete\n" } },
	  { { "nosuch", .ends = "delete" }, { "off", .refused = "5.2.1" }, { "abc", .ends = "abc" } } },
	{ "the fallback is a file",
	  { { "kvt.dk/domain.conf", "fallback = TOP/spool/kvt.dk/unknown/\n" } },
	  { { "nosuch", .ends = "TOP/spool/kvt.dk/unknown/" } } },
	{ "the fallback is a file elsewhere",
	  { { "kvt.dk/domain.conf", "fallback = TOP/spool/kvt.dk/abc\n" } },
	  { { "nosuch",
	      .defers =
		      "kvt.dk/domain.conf, line 1: TOP/spool/kvt.dk/abc is where the mail of the user" } } },
	{ "unknown_to = postmaster: the domain's",
	  { { "kvt.dk/domain.conf", "unknown_to = postmaster\n" },
	    { "kvt.dk/aliases", "postmaster: bob\n" } },
	  { { "nosuch", .ends = "bob" }, { "abc", .ends = "abc" }, { "off", .refused = "5.2.1" } } },
	{ "unknown_to = postmaster: else the host's",
	  { { "kvt.dk/domain.conf", "unknown_to = postmaster\nforward_outside = no\n" } },
	  { { "nosuch", .ends = ">postmaster" }, { "postmaster", .ends = ">postmaster" } } },
	{ "unknown_to = postmaster: the host's, where the domain's takes no mail",
	  { { "kvt.dk/domain.conf", "unknown_to = postmaster\n" },
	    { "kvt.dk/aliases", "postmaster: off\n" } },
	  { { "nosuch", .ends = ">postmaster" } } },
	{ "unknown_to = postmaster in virtual.conf, unless the domain says otherwise",
	  { { "virtual.conf", "spool_directory = TOP/spool\nunknown_to = postmaster\n" } },
	  { { "nosuch", .ends = ">postmaster" },
	    { "nosuch", .ends = ">postmaster", .domain = "plain.dk" } } },
	{ "a fallback goes before unknown_to",
	  { { "kvt.dk/domain.conf", "unknown_to = postmaster\nfallback = bob\n" } },
	  { { "nosuch", .ends = "bob" } } },
	{ "responders: of a user, an alias, another name for one, and of nobody else",
	  { { "kvt.dk/aliases",
	      "sales: bob\ninfo: sales\nall: sales, abc\nmany: info, joe\nsupport: x@example.org\n"
	      "two: only\nboth: bob, only+t\n" },
	    { "kvt.dk/domain.conf", "fallback = bob\nmatch_full_name = yes\n" },
	    { "spool/kvt.dk/.files/abc.auto", "x" },
	    { "spool/kvt.dk/.files/sales.auto", "x" },
	    { "spool/kvt.dk/.files/joe.auto", "x" },
	    { "spool/kvt.dk/.files/off.auto", "x" },
	    { "spool/kvt.dk/.files/only.auto", "x" },
	    { "spool/kvt.dk/.files/support.auto", "x" } },
	  { { "abc", .ends = "abc, auto:abc" },
	    { "abc+t", .ends = "abc, auto:abc" },
	    { "ABC", .ends = "abc, auto:abc" },
	    { "sales", .ends = "bob, auto:sales" },
	    { "info", .ends = "bob, auto:sales" },
	    { "all", .ends = "bob, abc" },
	    { "many", .ends = "bob, joe" },
	    { "joe.who", .ends = "joe, auto:joe" },
	    { "off", .refused = "5.2.1" },
	    { "only", .ends = "auto:only" },
	    { "only+t", .ends = "auto:only" },
	    { "two", .ends = "auto:only" },
	    { "both", .ends = "bob, auto:only" },
	    { "support", .ends = ">x@example.org, auto:support" },
	    { "nosuch", .ends = "bob" },
	    { "../kvt.dk/.files/abc", .ends = "bob" },
	    { "bob", .ends = "bob" } } },
	{ "vacations: a text and an index",
	  { { "kvt.dk/aliases", "team: abc, bob, joe\n" },
	    { "kvt.dk/users/joe", "forward = x@example.org\nkeep_copy = no\n" },
	    { "spool/kvt.dk/.files/abc.vacation", "x" },
	    { "spool/kvt.dk/.files/abc.vacation.db", "" },
	    { "spool/kvt.dk/.files/bob.vacation", "x" },
	    { "spool/kvt.dk/.files/joe.vacation", "x" },
	    { "spool/kvt.dk/.files/joe.vacation.db", "x" },
	    { "spool/kvt.dk/.files/off.vacation", "x" },
	    { "spool/kvt.dk/.files/off.vacation.db", "x" } },
	  { { "abc", .ends = "abc, vacation:abc" },
	    { "bob", .ends = "bob" },
	    { "joe", .ends = ">x@example.org, vacation:joe" },
	    { "team", .ends = "abc, bob, >x@example.org, vacation:abc, vacation:joe" },
	    { "off", .refused = "5.2.1" } } },
	{ "an index is enough: who writes no text is answered for with a built-in one",
	  { { "spool/kvt.dk/.files/abc.vacation.db", "" } },
	  { { "abc", .ends = "abc, vacation:abc" } } },
	{ "vacations in a home: his own, inside the account's",
	  { { "kvt.dk/passwd", "abc:x:60001:60001:n:TOP/home/abc:\nbob:x:60001:60001:n:TOP/home/two:\n"
			       "joe:x:60001:60001:n:TOP/home/two/:\nout:x:60001:60001:n:TOP/outside:\n" },
	    { "home/abc/.vacation", "x" },
	    { "home/abc/.vacation.db", "" },
	    { "home/two/.vacation", "x" },
	    { "home/two/.vacation.db", "" },
	    { "outside/.vacation", "x" },
	    { "outside/.vacation.db", "" } },
	  { { "abc", .ends = "abc, vacation:abc" },
	    { "bob", .ends = "bob" },
	    { "joe", .ends = "joe" },
	    { "out", .ends = "out" } } },
};

static void everybody_gets_what_the_table_says(void **state)
{
	world_check_all(*state, worlds, sizeof worlds / sizeof *worlds, false);
}

static void every_failing_call_is_temporary(void **state)
{
	world_check_all(*state, worlds, sizeof worlds / sizeof *worlds, true);
}

/* A mailbox comes with the settings of its user, over those of his domain; also of one who forwards to
 * himself. */
static void a_mailbox_has_its_settings(void **state)
{
	static const struct world_file files[] = {
		{ "kvt.dk/domain.conf", "quota = 5M\nlanguage = da\n" },
		{ "kvt.dk/users/abc", "quota = 7M\n" },
		{ "kvt.dk/users/joe", "quota = 9M\nforward = joe@kvt.dk\nkeep_copy = no\n" },
		{ "kvt.dk/aliases", "all: abc, bob, joe\n" },
	};
	static const struct world_row row = { .local = "all" };
	static const uint64_t quotas[] = { 7000000, 5000000, 9000000 };
	const struct scratch *s = *state;
	struct pv_store store;
	struct pv_route r;

	world_begin(s);
	for (size_t i = 0; i < sizeof files / sizeof *files; i++)
		world_put(s, &files[i]);
	assert_int_equal(pv_store_open(s->path, &store, NULL), PV_OK);
	assert_int_equal(world_resolve(&store, &row, NULL, &r, NULL), PV_OK);
	assert_int_equal(r.count, 3);
	for (size_t i = 0; i < 3; i++) {
		assert_int_equal(r.actions[i].of->conf.mail.quota, quotas[i]);
		assert_string_equal(r.actions[i].of->conf.mail.language, "da");
	}
	assert_string_equal(r.actions[2].of->name, "Joe Who");
	assert_string_equal(r.actions[2].of->home, ".");
	const struct pv_user joe = user("joe"), off = user("off");
	assert_ptr_equal(pv_route_mailbox_of(&r, &joe), &r.actions[2]);
	assert_null(pv_route_mailbox_of(&r, &off));
	pv_route_free(&r);
	pv_store_close(&store);
}

/* Where the account's home is not known, what may lie in it defers, and nothing else. */
static void the_home_may_be_unknown(void **state)
{
	static const struct world_file files[] = {
		{ "kvt.dk/aliases", "a: TOP/home/Mail/x\nb: TOP/spool/kvt.dk/x\n" },
		{ "kvt.dk/passwd", "abc:x:60001:60001:n:TOP/home/abc:\n" },
		{ "home/abc/.vacation", "x" },
		{ "home/abc/.vacation.db", "" },
	};
	const struct scratch *s = *state;
	struct pv_route_query q = { .account = ACCOUNT, .to = { "a", 1, domain("kvt.dk") } };
	struct pv_store store;
	struct pv_error e;
	struct pv_route r;

	world_begin(s);
	for (size_t i = 0; i < sizeof files / sizeof *files; i++)
		world_put(s, &files[i]);
	assert_int_equal(pv_store_open(s->path, &store, NULL), PV_OK);
	q.store = &store;
	enum pv_class c = pv_route_resolve(&q, &r, &e);
	assert_deferred(c, &e, "kvt.dk/aliases, line 1: ", "the home of the account is not known");
	q.to.local = "b";
	assert_int_equal(pv_route_resolve(&q, &r, NULL), PV_OK);
	pv_route_free(&r);
	q.to = (struct pv_recipient){ "abc", 3, domain("kvt.dk") };
	assert_int_equal(pv_route_resolve(&q, &r, NULL), PV_OK);
	assert_int_equal(r.count, 1);
	pv_route_free(&r);
	pv_store_close(&store);
}

/* The trail has file, line and sentence of each step. */
static void the_way_is_told(void **state)
{
	static const struct world_file files[] = {
		{ "kvt.dk/domain.conf", "\nfallback = rest\n" },
		{ "kvt.dk/aliases", "# x\nrest: joe, :include:l\nowner-rest: bob\n" },
		{ "kvt.dk/include/l", "\nx@example.org\n" },
		{ "kvt.dk/users/joe", "forward = y@example.org\n" },
	};
	static const struct world_row row = { .local = "nosuch", .domain = "kvt.org" };
	static const char *const steps[] = {
		"TOP/kvt.dk:0\tkvt.org stands for kvt.dk\n",
		"TOP/kvt.dk/domain.conf:2\tnobody has that name: fallback = rest\n",
		"TOP/kvt.dk/aliases:2\talias rest: joe, :include:l\n",
		"TOP/kvt.dk/passwd:3\tjoe is a user\n",
		"TOP/kvt.dk/users/joe:1\tjoe has forward = y@example.org, and keeps a copy\n",
		"TOP/kvt.dk/aliases:3\tcopies for rest outside are sent by owner-rest@kvt.dk\n",
		"TOP/kvt.dk/users/joe:1\ta copy goes to y@example.org\n",
		"TOP/kvt.dk/include/l:0\tthe list l\n",
		"TOP/kvt.dk/include/l:2\ta copy goes to x@example.org\n",
	};
	const struct scratch *s = *state;
	struct pv_buf want = PV_BUF_INIT(1 << 16);
	struct pv_trail trail = { .steps = PV_BUF_INIT(1 << 16) };
	struct pv_store store;
	struct pv_route r;
	char memory[1024];

	world_begin(s);
	for (size_t i = 0; i < sizeof files / sizeof *files; i++)
		world_put(s, &files[i]);
	for (size_t i = 0; i < sizeof steps / sizeof *steps; i++)
		pv_buf_adds(&want, world_text(steps[i], memory, sizeof memory));
	assert_int_equal(pv_store_open(s->path, &store, NULL), PV_OK);
	assert_int_equal(world_resolve(&store, &row, &trail, &r, NULL), PV_OK);
	assert_string_equal(trail.steps.s, want.s);
	pv_route_free(&r);
	pv_store_close(&store);
	pv_buf_free(&trail.steps);
	pv_buf_free(&want);
}

/* A passwd of u0000 to u4999 behind a comment and a blank line, from number `first` on, the others behind
 * them; lines[i]: where ui stands. */
static void put_many(const struct scratch *s, unsigned first, unsigned lines[5000])
{
	struct pv_buf passwd = PV_BUF_INIT(1 << 20);
	unsigned line = 2;

	pv_buf_adds(&passwd, "# users\n\n");
	for (unsigned n = 0; n < 5000; n++) {
		unsigned i = (first + n) % 5000;
		pv_buf_adds(&passwd, i == 4998 ? "#\n" : "");
		line += i == 4998;
		pv_buf_addf(&passwd, "u%04u:x:60001:60001:Full %u:.:\n", i, i);
		lines[i] = ++line;
	}
	put(s, "kvt.dk/passwd", passwd.s, ACCOUNT, 0600);
	pv_buf_free(&passwd);
}

/* A user's line is told, wherever he stands in a large file, sorted or not. */
static void the_line_of_a_user_is_told(void **state)
{
	static const struct world_file files[] = {
		{ "kvt.dk/domain.conf", "match_full_name = yes\n" },
		{ "kvt.dk/aliases", "all: u4999, u0000, full.2500, u2499, \\u0001, u4998\n" },
		{ "kvt.dk/users/u4998", "receive = no\n" },
		{ "kvt.dk/users/u0001", "expires = 2020-02-29\n" },
	};
	static const struct {
		unsigned user;
		const char *says;
	} steps[] = { { 4999, "u4999 is a user" },
		      { 0, "u0000 is a user" },
		      { 2500, "full.2500 is the full name of u2500" },
		      { 2500, "u2500 is a user" },
		      { 2499, "u2499 is a user" },
		      { 1, "u0001 is a user, but expired" },
		      { 4998, "u4998 is a user, but takes no mail: receive = no" } };
	static const struct world_row row = { .local = "all" };
	static unsigned lines[5000];
	const struct scratch *s = *state;
	char want[200];

	world_begin(s);
	for (size_t i = 0; i < sizeof files / sizeof *files; i++)
		world_put(s, &files[i]);
	for (unsigned first = 0; first < 5000; first += 2500) {
		struct pv_trail trail = { .steps = PV_BUF_INIT(1 << 16) };
		struct pv_store store;
		struct pv_route r;
		put_many(s, first, lines);
		assert_int_equal(pv_store_open(s->path, &store, NULL), PV_OK);
		assert_int_equal(world_resolve(&store, &row, &trail, &r, NULL), PV_OK);
		for (size_t i = 0; i < sizeof steps / sizeof *steps; i++) {
			(void)snprintf(want, sizeof want, "/kvt.dk/passwd:%u\t%s\n", lines[steps[i].user],
				       steps[i].says);
			if (strstr(trail.steps.s, want) == NULL)
				fail_msg("no step `%s` in\n%s", want, trail.steps.s);
		}
		pv_route_free(&r);
		pv_store_close(&store);
		pv_buf_free(&trail.steps);
	}
}

/* What a full name makes. */
static void full_names_are_folded(void **state)
{
	static const struct {
		const char *name, *folded;
	} rows[] = {
		{ "Joe Who", "joe.who" },
		{ "  Joe \t Who  ", "joe.who" },
		{ "Joe H. Who", "joe.h.who" },
		{ "Joe Who,room 2,12345", "joe.who" },
		{ "joe", "joe" },
		{ "O'Neil", "o'neil" },
		{ ". .", "" },
		{ "", "" },
		{ ",x", "" },
		{ "a@b", "" },
		{ "Joe (home)", "" },
		{ "a\"b", "" },
	};
	char out[PV_FULL_NAME_SIZE], long_name[2 * PV_FULL_NAME_SIZE];

	(void)state;
	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
		assert_int_equal(pv_full_name_fold(rows[i].name, out), strlen(rows[i].folded));
		assert_string_equal(out, rows[i].folded);
	}
	for (size_t len = PV_FULL_NAME_SIZE - 3; len < PV_FULL_NAME_SIZE + 3; len++) {
		memset(long_name, 'a', len);
		long_name[len] = '\0';
		assert_int_equal(pv_full_name_fold(long_name, out), len < PV_FULL_NAME_SIZE ? len : 0);
		long_name[len - 2] = ' ';
		assert_int_equal(pv_full_name_fold(long_name, out), len < PV_FULL_NAME_SIZE ? len : 0);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
#define T(f) cmocka_unit_test_setup_teardown(f, scratch_make, scratch_remove)
		T(everybody_gets_what_the_table_says),
		T(every_failing_call_is_temporary),
		T(a_mailbox_has_its_settings),
		T(the_home_may_be_unknown),
		T(the_way_is_told),
		T(the_line_of_a_user_is_told),
		T(full_names_are_folded),
	};

	return cmocka_run_group_tests_name("route: users", tests, NULL, NULL);
}
