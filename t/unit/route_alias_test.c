/*
 * route_alias_test.c: aliases, lists, and where their targets lead.
 */
#include "route_world.h"

static const struct world worlds[] = {
	{ "an alias goes before a user of that name",
	  { { "kvt.dk/aliases", "abc: bob\nsales: abc, bob\n" } },
	  { { "abc", .ends = "bob" },
	    { "ABC", .ends = "bob" },
	    { "sales", .ends = "bob" },
	    { "Sales", .ends = "bob" },
	    { "bob", .ends = "bob" },
	    { "sale", .refused = "5.1.1" },
	    { "sales", .ends = "bob", .domain = "kvt.org" },
	    { "sales", .ends = "bob", .domain = "a.b.kvt.dk" } } },
	{ "a name that leads back to itself means the user",
	  { { "kvt.dk/aliases",
	      "abc: abc, bob\njoe: team\nteam: joe, bob\nbob: \\bob, x@example.org\nself: \\self\n" } },
	  { { "abc", .ends = "abc, bob, >x@example.org" },
	    { "joe", .ends = "joe, bob, >x@example.org" },
	    { "bob", .ends = "bob, >x@example.org" },
	    { "self", .defers = "kvt.dk/aliases, line 5: `self` leads nowhere: kvt.dk has no user" } } },
	{ "any other loop defers with its chain",
	  { { "kvt.dk/aliases", "a: b\nb: c, abc\nc: a\none: one\nteam: joe, bob\njoe: team\n" } },
	  { { "a", .defers = "kvt.dk/aliases, line 3: a loop: a -> b -> c -> a" },
	    { "c", .defers = "kvt.dk/aliases, line 2: a loop: c -> a -> b -> c" },
	    { "one", .defers = "kvt.dk/aliases, line 4: a loop: one -> one" },
	    { "team", .defers = "kvt.dk/aliases, line 6: a loop: team -> joe -> team" },
	    { "joe", .ends = "joe, bob" } } },
	{ "a tag: the whole name first, as an alias, then as a user, then without it",
	  { { "kvt.dk/aliases", "abc+lists: bob\nsales: abc\nx: abc+y, joe+z\nbob+abc: abc+lists\n" } },
	  { { "abc+lists", .ends = "bob" },
	    { "abc+other", .ends = "abc", .name = "abc" },
	    { "sales+q", .ends = "abc", .name = "sales" },
	    { "sales+", .ends = "abc" },
	    { "x", .ends = "abc, joe" },
	    { "bob+abc", .ends = "bob" },
	    { "bob+abc+d", .ends = "bob" },
	    { "nosuch+abc", .refused = "5.1.1" },
	    { "+sales", .refused = "5.1.1" } } },
	{ "the own file, then the extra ones: the first with the name wins",
	  { { "kvt.dk/aliases", "one: abc\n" },
	    { "kvt.dk/domain.conf", "extra_aliases = more, TOP/kvt.dk/last\n" },
	    { "kvt.dk/more", "one: bob\ntwo: bob\nabc: joe\n" },
	    { "kvt.dk/last", "one: joe\ntwo: joe\nthree: two, one\n" } },
	  { { "one", .ends = "joe" },
	    { "two", .ends = "bob" },
	    { "three", .ends = "bob, joe" },
	    { "abc", .ends = "joe" },
	    { "four", .refused = "5.1.1" } } },
	{ "an extra file that is missing defers what it could have, and nothing before it",
	  { { "kvt.dk/aliases", "one: \\bob\n" }, { "kvt.dk/domain.conf", "extra_aliases = more\n" } },
	  { { "one", .ends = "bob" },
	    { "two", .defers = "kvt.dk/domain.conf: extra_aliases: there is no file more" },
	    { "abc", .defers = "there is no file more" } } },
	{ "an extra file of somebody else's is not believed",
	  { { "kvt.dk/domain.conf", "extra_aliases = TOP/other/aliases\n" }, { "other", NULL } },
	  { { "abc", .defers = "there is no file TOP/other/aliases" } } },
	{ "an expired alias is refused, and not swallowed by the fallback",
	  { { "kvt.dk/aliases",
	      "#: expires=2020-01-31 the party\nparty: abc\n#: expires=2999-12-31\nlong: abc\n"
	      "all: party, bob\nonly: party\n#: expires=2020-01-31\njoe: bob\n" },
	    { "kvt.dk/domain.conf", "fallback = bob\n" } },
	  { { "party", .refused = "5.2.1" },
	    { "party+x", .refused = "5.2.1 this address is no longer" },
	    { "long", .ends = "abc" },
	    { "all", .ends = "bob" },
	    { "only", .refused = "5.2.1" },
	    { "joe", .ends = "joe" },
	    { "nosuch", .ends = "bob" } } },
	{ "who takes no mail is left out of a list; a list of such is refused",
	  { { "kvt.dk/aliases",
	      "team: off, abc, old\nnone: off, old\ngone: old\nout: \\off, x@example.org\n" } },
	  { { "team", .ends = "abc" },
	    { "none", .refused = "5.2.1 this mailbox takes" },
	    { "gone", .refused = "5.2.1 this address is no longer" },
	    { "out", .ends = ">x@example.org" } } },
	{ "targets that lead nowhere defer with file and line",
	  { { "kvt.dk/aliases",
	      "a: abc,\n  gone\nb: \"never here\"\nc: \\gone\nd: gone@kvt.org\ne: x@@example.org\n"
	      "f: abc, gone@kvt.dk\ng: x@exa(mple.org\n" } },
	  { { "a",
	      .defers = "kvt.dk/aliases, line 1: `gone` leads nowhere: kvt.dk has no alias and no user" },
	    { "b", .defers = "kvt.dk/aliases, line 3: `never here` leads nowhere" },
	    { "c", .defers = "kvt.dk/aliases, line 4: `gone` leads nowhere: kvt.dk has no user" },
	    { "d", .defers = "kvt.dk/aliases, line 5: `gone` leads nowhere" },
	    { "e", .defers = "kvt.dk/aliases, line 6: " },
	    { "f", .defers = "kvt.dk/aliases, line 7: `gone` leads nowhere" },
	    { "g", .defers = "kvt.dk/aliases, line 8: " } } },
	{ "an address in a domain that stands for ours is a name; all others are sent out",
	  { { "kvt.dk/aliases",
	      "a: abc@kvt.dk\nb: abc@KVT.org\nc: bob@a.kvt.dk, bob@x.kvt.org\n"
	      "d: x@example.org, abc@plain.dk, abc@sub.plain.dk, root@localhost\n"
	      "e: \\abc@kvt.dk\nf: joe+t@kvt.dk\nabc: bob\ng: \"a b\"@kvt.dk\nh: <X@Example.ORG>\n" },
	    { "kvt.dk/domain.conf", "\n" } },
	  { { "a", .ends = "bob" },
	    { "b", .ends = "bob" },
	    { "c", .ends = "bob" },
	    { "d", .ends = ">x@example.org, >abc@plain.dk, >abc@sub.plain.dk, >root@localhost" },
	    { "e", .defers = "kvt.dk/aliases, line 5: " },
	    { "f", .ends = "joe" },
	    { "g", .defers = "kvt.dk/aliases, line 8: " },
	    { "h", .ends = ">X@Example.ORG" } } },
	{ "a sub-domain is ours only where sub-domains are switched on",
	  { { "domains", "kvt.org alias_of=kvt.dk\n" },
	    { "kvt.dk/aliases", "a: bob@a.kvt.dk, bob@x.kvt.org\n" } },
	  { { "a", .ends = ">bob@a.kvt.dk, >bob@x.kvt.org" } } },
	{ "names that the host has for all domains are sent to it",
	  { { "host-addresses", "postmaster root\nabuse root\nbob root\n" },
	    { "domains", "kvt.dk own=abuse\n" },
	    { "kvt.dk/aliases",
	      "a: postmaster\nb: abuse\nc: bob\nd: postmaster@kvt.dk, abc\nwebmaster: postmaster\n" } },
	  { { "a", .ends = ">postmaster@kvt.dk" },
	    { "b", .defers = "`abuse` leads nowhere" },
	    { "c", .ends = "bob" },
	    { "d", .ends = "abc, >postmaster@kvt.dk" },
	    { "webmaster", .ends = ">postmaster@kvt.dk" },
	    { "postmaster", .refused = "5.1.1" } } },
	{ "forward_outside = no: domains of this host alone",
	  { { "kvt.dk/aliases",
	      "a: abc@plain.dk\nb: abc, x@example.org\nc: x@sub.plain.dk\nd: x@other.plain.dk\n"
	      "e: postmaster\nf: root@localhost\ng: x@plain.dk, y@PLAIN.dk\n" },
	    { "kvt.dk/domain.conf", "forward_outside = no\n" } },
	  { { "a", .ends = ">abc@plain.dk" },
	    { "b", .defers = "kvt.dk/aliases, line 2: example.org is no domain of this host" },
	    { "c", .ends = ">x@sub.plain.dk" },
	    { "d", .defers = "other.plain.dk is no domain of this host" },
	    { "e", .ends = ">postmaster@kvt.dk" },
	    { "f", .defers = "localhost is no domain of this host" },
	    { "g", .ends = ">x@plain.dk, >y@PLAIN.dk" } } },
	{ "each target once, sorted by what is done",
	  { { "kvt.dk/aliases", "a: x@example.org, abc, |/bin/one, X@Example.ORG, bob, abc, b, |/bin/one, "
				"|/bin/One\nb: bob, abc\n" } },
	  { { "a", .ends = "abc, bob, |/bin/one, |/bin/One, >x@example.org" } } },
	{ "a command is split without a shell",
	  { { "kvt.dk/aliases",
	      "a: \"|/usr/bin/x -a 'b c' %d %%\"\nb: |/bin/x\nc: \"|/bin/x $HOME\"\nd: \"|x\"\n"
	      "e: \"|/bin/x > /tmp/y\"\n" } },
	  { { "a", .ends = "|/usr/bin/x|-a|b c|kvt.dk|%" },
	    { "b", .ends = "|/bin/x" },
	    { "c", .defers = "kvt.dk/aliases, line 3: " },
	    { "d", .defers = "kvt.dk/aliases, line 4: " },
	    { "e", .defers = "kvt.dk/aliases, line 5: " } } },
	{ "commands = no in root's file forbids them, and nothing else",
	  { { "domains", "kvt.dk commands=no\n" }, { "kvt.dk/aliases", "a: abc, |/bin/x\nb: abc\n" } },
	  { { "a", .defers = "kvt.dk/aliases, line 1: |/bin/x: TOP/domains has commands=no for kvt.dk" },
	    { "b", .ends = "abc" } } },
	{ "a file lies below HOME/Mail or in the domain's spool, and is no user's",
	  { { "kvt.dk/aliases", "a: TOP/home/Mail/archive\nb: TOP/spool/kvt.dk/archive/\nc: "
				"TOP/home/other\nd: TOP/spool/plain.dk/x\n"
				"e: TOP/home/Mail/.x/y\nf: TOP/home/Mail/../x\ng: TOP/spool/kvt.dk/abc\nh: "
				"TOP/spool/kvt.dk/abc/new/\n"
				"i: TOP/spool/kvt.dk/abc.lock\nj: TOP/home/Mail/x.lock\nk: "
				"TOP/home/Mail/\nl: TOP/home/Mail/a//b\n"
				"m: /etc/shadow\nn: TOP/spool/kvt.dk/.files/x\no: TOP/home/Mail/A/b c/\np: "
				"TOP/home/Mailx/y\nq: TOP/homeXMail/y\n" } },
	  { { "a", .ends = "TOP/home/Mail/archive" },
	    { "b", .ends = "TOP/spool/kvt.dk/archive/" },
	    { "c", .defers = "kvt.dk/aliases, line 3: TOP/home/other lies neither below TOP/home/Mail nor" },
	    { "d", .defers = "line 4: TOP/spool/plain.dk/x lies neither" },
	    { "e", .defers = "line 5: TOP/home/Mail/.x/y: no part of it may begin with a dot" },
	    { "f", .defers = "line 6: TOP/home/Mail/../x: no part" },
	    { "g", .defers = "line 7: TOP/spool/kvt.dk/abc is where the mail of the user abc lies" },
	    { "h", .defers = "line 8: TOP/spool/kvt.dk/abc/new/ is where" },
	    { "i", .defers = "line 9: TOP/spool/kvt.dk/abc.lock: no part" },
	    { "j", .defers = "line 10: TOP/home/Mail/x.lock: no part" },
	    { "k", .defers = "line 11: TOP/home/Mail/: no part" },
	    { "l", .defers = "line 12: " },
	    { "m", .defers = "line 13: /etc/shadow lies neither" },
	    { "n", .defers = "line 14: " },
	    { "o", .defers = "line 15: " },
	    { "p", .defers = "line 16: TOP/home/Mailx/y lies neither" },
	    { "q", .defers = "line 17: TOP/homeXMail/y lies neither" } } },
	{ "a list lies in include/, and holds addresses and other lists",
	  { { "kvt.dk/aliases",
	      "a: :include:guests\nb: :include:TOP/kvt.dk/include/guests\nc: :include:../passwd\n"
	      "d: :include:/etc/passwd\ne: :include:.hidden\nf: :include:gone\ng: :include:more/deep\n"
	      "h: :include:cmd\ni: :include:loop\nj: :include:empty\nk: :include:empty, abc\n"
	      "l: :include:bad\nm: :include:file\n" },
	    { "kvt.dk/include/guests", "# who\nabc\n\nx@example.org, \\bob\n" },
	    { "kvt.dk/include/more/deep", ":include:guests\njoe\n" },
	    { "kvt.dk/include/cmd", "abc\n\"|/bin/x\"\n" },
	    { "kvt.dk/include/file", "TOP/home/Mail/x\n" },
	    { "kvt.dk/include/loop", "abc\n:include:loop\n" },
	    { "kvt.dk/include/empty", "# nobody yet\n" },
	    { "kvt.dk/include/bad", "abc\nbob\ngone\n" },
	    { "kvt.dk/include/.hidden", "abc\n" } },
	  { { "a", .ends = "abc, bob, >x@example.org" },
	    { "b", .ends = "abc, bob, >x@example.org" },
	    { "c", .defers = "kvt.dk/aliases, line 3: :include:../passwd: lists lie in TOP/kvt.dk/include" },
	    { "d", .defers = "kvt.dk/aliases, line 4: :include:/etc/passwd: lists lie in" },
	    { "e", .defers = "kvt.dk/aliases, line 5: :include:.hidden: lists lie in" },
	    { "f",
	      .defers = "kvt.dk/aliases, line 6: :include:gone: there is no file TOP/kvt.dk/include/gone" },
	    { "g", .ends = "abc, bob, joe, >x@example.org" },
	    { "h", .defers = "include/cmd, line 2: `/bin/x`: a list holds no command" },
	    { "i", .defers = "include/loop, line 2: a loop: i -> TOP/kvt.dk/include/loop -> "
			     "TOP/kvt.dk/include/loop" },
	    { "j", .defers = "kvt.dk/aliases, line 10: j leads to nobody" },
	    { "k", .ends = "abc" },
	    { "l", .defers = "include/bad, line 3: `gone` leads nowhere" },
	    { "m", .defers = "include/file, line 1: `TOP/home/Mail/x`: a list holds no file" } } },
	{ "the owner of a list sends its copies",
	  { { "kvt.dk/aliases",
	      "list: x@example.org, abc, inner, sub\nowner-list: bob\ninner: y@example.org\n"
	      "sub: z@example.org\nowner-sub: bob\nplain: x@example.org\n"
	      "inc: :include:l\nowner-inc: bob\nabc: abc, w@example.org\n\"odd name\": x@example.org\n"
	      "\"owner-odd name\": bob\nfwd: joe\nowner-joe: bob\n"
	      "#: expires=2020-01-31\nowner-past: bob\npast: x@example.org\n" },
	    { "kvt.dk/users/joe", "forward = u@example.org\n" },
	    { "kvt.dk/include/l", "v@example.org\n" } },
	  { { "list",
	      .ends = "abc, >x@example.org by owner-list@kvt.dk, >w@example.org by owner-list@kvt.dk, "
		      ">y@example.org by owner-list@kvt.dk, >z@example.org by owner-sub@kvt.dk" },
	    { "plain", .ends = ">x@example.org" },
	    { "inc", .ends = ">v@example.org by owner-inc@kvt.dk" },
	    { "list", .ends = "abc, >x@example.org, >w@example.org, >y@example.org, >z@example.org",
	      .sender = "" },
	    { "owner-list", .ends = "bob" },
	    { "past", .ends = ">x@example.org" },
	    { "odd name", .ends = ">x@example.org by \"owner-odd name\"@kvt.dk" },
	    { "fwd", .ends = "joe, >u@example.org" } } },
	{ "names that only an alias can have; patterns are none",
	  { { "kvt.dk/aliases", "\"j\303\270rgen\": abc\n\"o'neil\": bob\n\"a b\": joe\n/^sales-(.*)$/: "
				"abc\n\"x@y\": abc\n" } },
	  { { "j\303\270rgen", .ends = "abc" },
	    { "o'neil", .ends = "bob" },
	    { "O'NEIL", .ends = "bob" },
	    { "a b", .ends = "joe" },
	    { "/^sales-(.*)$/", .refused = "5.1.1" },
	    { "sales-1", .refused = "5.1.1" },
	    { "x@y", .defers = "kvt.dk/aliases, line 5: " },
	    { "a\nb", .refused = "5.1.1" } } },
	{ "a line whose name cannot be read may be the one that is looked for",
	  { { "kvt.dk/aliases", "sales: abc\n\"team: bob\n" } },
	  { { "sales", .ends = "abc" },
	    { "joe", .ends = "joe" },
	    { "team", .defers = "kvt.dk/aliases, line 2: a quote is not closed" },
	    { "nosuch", .defers = "kvt.dk/aliases, line 2: a quote is not closed" } } },
	{ "likewise one that continues nothing, where a fallback would take it",
	  { { "kvt.dk/aliases", " sales: abc\njoe: abc\n" }, { "kvt.dk/domain.conf", "fallback = bob\n" } },
	  { { "joe", .ends = "abc" },
	    { "sales", .defers = "kvt.dk/aliases, line 1: it begins with white space" } } },
	{ "likewise one with a backslash",
	  { { "kvt.dk/aliases", "sal\\es: abc\n" } },
	  { { "sales", .defers = "kvt.dk/aliases, line 1: a backslash stands in the name" } } },
	{ "an alias with a tag that has expired is a tag again, or refused where nobody has the name",
	  { { "kvt.dk/aliases",
	      "#: expires=2020-01-31\nabc+old: bob\n#: expires=2020-01-31\nnosuch+old: bob\n" },
	    { "kvt.dk/domain.conf", "fallback = joe\n" } },
	  { { "abc+old", .ends = "abc" }, { "nosuch+old", .refused = "5.2.1" } } },
	{ "one that leads to users who take no mail has not expired: nobody else gets its mail",
	  { { "kvt.dk/aliases",
	      "abc+old: old\nabc+off: off\nabc+deep: deep\n#: expires=2020-01-31\ndeep: bob\n" },
	    { "kvt.dk/domain.conf", "fallback = joe\n" } },
	  { { "abc+old", .refused = "5.2.1 this address is no longer" },
	    { "abc+off", .refused = "5.2.1 this mailbox takes" },
	    { "abc+deep", .refused = "5.2.1 this address is no longer" } } },
	{ "tokens of a command are about the recipient",
	  { { "kvt.dk/aliases", "a: \"|/bin/x %u@%d\"\nb: \"|/bin/sh -c 'x %u'\"\n" } },
	  { { "a+t", .ends = "|/bin/x|a+t@kvt.dk" },
	    { "b", .defers = "kvt.dk/aliases, line 2: %f or %u stands where a program may be read" } } },
	{ "an entry that is wrong defers its own mail alone",
	  { { "kvt.dk/aliases", "a: \"abc\nb: bob\nb: joe\nc: abc\nd:\n" } },
	  { { "a", .defers = "kvt.dk/aliases, line 1: " },
	    { "b", .defers = "kvt.dk/aliases, line " },
	    { "c", .ends = "abc" },
	    { "d", .defers = "kvt.dk/aliases, line 5" },
	    { "joe", .ends = "joe" } } },
};

static void every_alias_leads_where_the_table_says(void **state)
{
	world_check_all(*state, worlds, sizeof worlds / sizeof *worlds, false);
}

static void every_failing_call_is_temporary(void **state)
{
	world_check_all(*state, worlds, sizeof worlds / sizeof *worlds, true);
}

/* Files of others, or that others may write. */
static void what_is_not_to_be_trusted_defers(void **state)
{
	static const struct {
		const char *file;
		uid_t owner;
		mode_t mode;
		const char *local, *says;
	} rows[] = {
		{ "kvt.dk/aliases", STRANGER, 0600, "abc", "kvt.dk/aliases belongs to uid 60002" },
		{ "kvt.dk/aliases", ACCOUNT, 0660, "abc", "kvt.dk/aliases has mode 0660" },
		{ "kvt.dk/include/l", STRANGER, 0600, "list", "belongs to uid 60002" },
		{ "kvt.dk/include/l", ACCOUNT, 0602, "list", "has mode 0602" },
		{ "kvt.dk/include", ACCOUNT, 0770, "list", "has mode 0770" },
		{ "kvt.dk/include", STRANGER, 0700, "list", "belongs to uid 60002" },
		{ "kvt.dk/domain.conf", STRANGER, 0600, "abc", "kvt.dk/domain.conf belongs to uid 60002" },
		{ "extra", STRANGER, 0755, "nosuch", "extra belongs to uid 60002" },
		{ "extra", ACCOUNT, 0777, "nosuch", "extra has mode 0777" },
		{ "extra/a", STRANGER, 0644, "nosuch", "extra/a belongs to uid 60002" },
	};
	static const struct world_file files[] = {
		{ "kvt.dk/aliases", "list: :include:l\n" },
		{ "kvt.dk/include/l", "abc\n" },
		{ "kvt.dk/domain.conf", "extra_aliases = TOP/extra/a\n" },
		{ "extra/a", "x: abc\n" },
	};
	const struct scratch *s = *state;
	struct pv_store store;

	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
		const struct world_row bad = { rows[i].local, .defers = rows[i].says };
		world_begin(s);
		for (size_t k = 0; k < sizeof files / sizeof *files; k++)
			world_put(s, &files[k]);
		assert_int_equal(fchownat(s->fd, rows[i].file, rows[i].owner, rows[i].owner, 0), 0);
		assert_int_equal(fchmodat(s->fd, rows[i].file, rows[i].mode, 0), 0);
		assert_int_equal(pv_store_open(s->path, &store, NULL), PV_OK);
		world_check_row(&store, rows[i].file, &bad);
		pv_store_close(&store);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
#define T(f) cmocka_unit_test_setup_teardown(f, scratch_make, scratch_remove)
		T(every_alias_leads_where_the_table_says),
		T(every_failing_call_is_temporary),
		T(what_is_not_to_be_trusted_defers),
	};

	return cmocka_run_group_tests_name("route: aliases", tests, NULL, NULL);
}
