/*
 * maps_aliases_test.c: which keys aliases, full names, responders and fallbacks make, which addresses are
 * refused, and what is complained about. Nothing is opened here: texts in, keys out.
 */
#include "scratch.h"

#include "maps/alias_key.h"
#include "maps/domain_keys.h"
#include "maps/making.h"
#include "maps/reader_send.h"
#include "maps/report.h"
#include "store/conf.h"

#define T(user) "acct+" user "--kvt.dk@virtual.invalid "
#define USER(name, gecos) name ":*:601:601:" gecos ":.:\n"
#define LINE(name) USER(name, "n")
#define ALL ">acct+--kvt.dk@virtual.invalid "
#define KEPT "old@x "
#define ASKED "acct+--kvt.dk@virtual.invalid "

/* --- what the name of an alias is --- */

static void a_name_is_plain_tagged_rich_or_no_address(void **state)
{
	static const struct {
		const char *name, *delimiters,
			*is; /* the user and tag that it is, `rich`, or a part of why not */
	} rows[] = {
		{ "abc", "+", "abc" },
		{ "a-b_c.d", "+", "a-b_c.d" },
		{ "abc+tag", "+", "abc +tag" },
		{ "abc+a+b", "+", "abc +a+b" },
		{ "abc+tag", "-", "abc +tag" },
		{ "abc-tag", "-", "abc-tag" },
		{ "abc=tag", "-=", "abc =tag" },
		{ "abc=tag", "+", "rich" },
		{ "abc+a=b", "=", "abc +a=b" },
		{ "abc+", "+", "rich" },
		{ "+abc", "+", "rich" },
		{ "abc+a/b", "+", "rich" },
		{ "abc+a..b", "+", "a dot may stand between" },
		{ "o'c", "+", "rich" },
		{ "a$c?d*|`~^&{}/=", "+", "rich" },
		{ "news.lock", "+", "rich" },
		{ "bl\xc3\xa5"
		  "b\xc3\xa6r",
		  "+", "rich" },
		{ "bl\xc3\x85", "+", "`bl\\u00c5` is looked up in other letters: write `bl\\u00e5`" },
		{ "stra\xc3\x9f"
		  "e",
		  "+", "write `strasse`" },
		{ "\xe2\x84\xaa", "+", "write `k`" },
		{ "a\xff", "+", "not UTF-8" },
		{ "a b", "+", "in quotes only" },
		{ "a\"b", "+", "in quotes only" },
		{ "a@b", "+", "in quotes only" },
		{ "a,b", "+", "in quotes only" },
		{ "a%b", "+", "way to another host" },
		{ "b!a", "+", "way to another host" },
		{ ".a", "+", "a dot may stand between" },
		{ "a.", "+", "a dot may stand between" },
		{ "a..b", "+", "a dot may stand between" },
		{ "-a", "+", "begin with a `-`" },
		{ "#a", "+", "comment" },
		{ "a#", "+", "rich" },
		{ "", "+", "has 1 to 64 bytes" },
		{ "1234567890123456789012345678901234567890123456789012345678901234", "+",
		  "1234567890123456789012345678901234567890123456789012345678901234" },
		{ "'234567890123456789012345678901234567890123456789012345678901234", "+", "rich" },
		{ "'2345678901234567890123456789012345678901234567890123456789012345", "+",
		  "has 1 to 64 bytes" },
	};

	(void)state;
	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
		struct pv_alias_key k;
		struct pv_error e;
		char is[PV_ERROR_TEXT];
		if (pv_alias_key_read(rows[i].name, rows[i].delimiters, &k, &e) != PV_OK)
			(void)snprintf(is, sizeof is, "%s", e.text);
		else if (k.kind == PV_ALIAS_INNER)
			(void)snprintf(is, sizeof is, "%s", k.why);
		else if (k.kind == PV_ALIAS_RICH)
			(void)snprintf(is, sizeof is, "rich");
		else
			(void)snprintf(is, sizeof is, "%s%s%s", k.user.s, k.tag[0] != '\0' ? " " : "", k.tag);
		if (strstr(is, rows[i].is) == NULL ||
		    (strcmp(rows[i].is, "rich") == 0 && strcmp(is, "rich") != 0))
			fail_msg("%s: %s, want %s", rows[i].name, is, rows[i].is);
	}
}

/* --- domains --- */

static struct pv_maps_work work;
static struct pv_maps_options options;
static struct pv_maps_report report;
static struct pv_store store;
static struct pv_registry_entry said;
static struct pv_registry registry = { &said, 1 };
static char etc[] = "/etc/virtual";

static void start(const char *old)
{
	static const char hosts[] = "postmaster root\n";
	struct pv_buf text = PV_BUF_INIT(100);

	options = (struct pv_maps_options){ .force = false };
	store = (struct pv_store){ .dir = etc, .dirfd = -1 };
	pv_conf_defaults(&store.conf);
	pv_report_start(&report);
	work = (struct pv_maps_work){ .store = &store, .options = &options, .report = &report };
	assert_int_equal(pv_plan_add(&work.plan, &said.domain, NULL), PV_OK);
	work.plan.domains[0].uid = 601;
	work.plan.domains[0].account = "acct";
	work.registry = registry;
	pv_buf_adds(&text, hosts);
	assert_int_equal(pv_hosts_parse(&text, "host-addresses", &work.hosts, NULL), PV_OK);
	pv_buf_free(&text);
	if (old != NULL)
		assert_int_equal(pv_keys_add(&work.old.keys[PV_MAP_ADDRESSES], old, "old@x", NULL), PV_OK);
}

static void stop(void)
{
	pv_plan_free(&work.plan);
	pv_arena_free(&work.arena);
	pv_keys_free(&work.old.keys[PV_MAP_ADDRESSES]);
	pv_hosts_free(&work.hosts);
	pv_maps_report_free(&report);
}

static int make_domain(void **state)
{
	struct pv_domain d;

	(void)state;
	assert_int_equal(pv_domain_parse("kvt.dk", 6, &d, NULL), PV_OK);
	pv_registry_default(&d, &said);
	return 0;
}

/* What stands in the domain's folder; NULL: no such file. */
struct row {
	const char *name, *passwd, *conf, *aliases, *extra, *off, *gone, *old;
	const char *responders; /* with a slash between */
	const char *sends[6];	/* users, and what they have in their files, in turn */
	const char *keys;    /* without those of the host: `name>target `; a tab ends the row's other half: */
	const char *refused; /* `name>text ` */
	const char *complaint; /* a part of the only one; NULL: none */
};

static struct pv_slice slice_of(const char *s)
{
	return (struct pv_slice){ s, s != NULL ? strlen(s) : 0 };
}

static void add_user_frame(struct pv_buf *b, const char *name, const char *text)
{
	struct pv_frame_head head = { .len = (uint32_t)(strlen(name) + 1 + strlen(text)),
				      .type = PV_FRAME_USER };

	if (name == NULL)
		return;
	pv_buf_add(b, &head, sizeof head);
	pv_buf_add(b, name, strlen(name) + 1);
	pv_buf_adds(b, text);
}

static void make(const struct row *r)
{
	struct pv_buf users = PV_BUF_INIT(4096);
	struct pv_error e;

	if (r->off != NULL)
		add_user_frame(&users, r->off, "receive = no\n");
	if (r->gone != NULL)
		add_user_frame(&users, r->gone, "expires = 2001-01-01\n");
	for (size_t i = 0; i < 6 && r->sends[i] != NULL; i += 2)
		add_user_frame(&users, r->sends[i], r->sends[i + 1]);
	struct pv_domain_files files = { .ok = true,
					 .passwd = slice_of(r->passwd),
					 .conf = slice_of(r->conf),
					 .aliases = { slice_of(r->aliases), slice_of(r->extra) },
					 .users = { users.s, users.len } };
	char names[100] = "";
	if (r->responders != NULL) {
		(void)snprintf(names, sizeof names, "%s", r->responders);
		files.responders = (struct pv_slice){ names, strlen(names) + 1 };
		for (char *p = names; (p = strchr(p, '/')) != NULL;)
			*p++ = '\0';
	}
	if (pv_domain_keys_make(&work, &work.plan.domains[0], &files, &e) != PV_OK)
		fail_msg("%s: %s", r->name, e.text);
	pv_buf_free(&users);
}

/* All keys of a set as `name>value `, the host's aside. */
static const char *print(const struct pv_keys *k)
{
	static char text[8192];

	text[0] = '\0';
	for (size_t i = 0; i < k->count; i++) {
		const char *value = k->v[i].value;
		if (strncmp(value, "550 5.2.1 ", 10) == 0)
			value += 10;
		assert_string_equal(strchr(k->v[i].key, '@'), "@kvt.dk");
		if (strcmp(value, "root") != 0)
			(void)snprintf(text + strlen(text), sizeof text - strlen(text), "%.*s>%s ",
				       (int)strcspn(k->v[i].key, "@"), k->v[i].key, value);
	}
	return text;
}

static void check(const struct row *r)
{
	start(r->old);
	make(r);
	const struct pv_plan_domain *d = &work.plan.domains[0];
	if (strcmp(print(&d->keys), r->keys) != 0)
		fail_msg("%s:\n%s\nwant\n%s", r->name, print(&d->keys), r->keys);
	if (strcmp(print(&d->refused), r->refused != NULL ? r->refused : "") != 0)
		fail_msg("%s: refused: %s", r->name, print(&d->refused));
	if (report.complaint_count != (r->complaint != NULL))
		fail_msg("%s: %zu complaints: %s", r->name, report.complaint_count,
			 report.complaint_count > 0 ? report.complaints[0].error.text : "");
	if (r->complaint != NULL && strstr(report.complaints[0].error.text, r->complaint) == NULL)
		fail_msg("%s: %s", r->name, report.complaints[0].error.text);
	stop();
}

static void check_all(const struct row *rows, size_t count)
{
	for (size_t i = 0; i < count; i++)
		check(&rows[i]);
}

#define CHECK_ALL(rows) check_all(rows, sizeof(rows) / sizeof *(rows))
#define NO_MAIL "this mailbox takes no mail "
#define EXPIRED "this address is no longer in use "
#define OVER "#: expires=2001-01-01\n"

static void aliases_make_keys(void **state)
{
	static const struct row rows[] = {
		{ "a key as a user's", LINE("abc"), .aliases = "info: abc\n",
		  .keys = "abc>" T("abc") "info>" T("info") },
		{ "with a tag: of a user who takes no mail too", LINE("abc"), .aliases = "abc+tag: x@y.dk\n",
		  .off = "abc", .keys = "abc+tag>acct+abc--kvt.dk+tag@virtual.invalid ",
		  .refused = "abc+tag>DUNNO abc>" NO_MAIL },
		{ "whatever it leads to", LINE("abc"),
		  .aliases = "a: |/bin/x\nb: /file\nc: x@y.dk\nd: nosuch\n",
		  .keys = "a>" T("a") "abc>" T("abc") "b>" T("b") "c>" T("c") "d>" T("d") },
		{ "owner- and -request too", LINE("abc"), .aliases = "owner-l: abc\nl-request: abc\n",
		  .keys = "abc>" T("abc") "l-request>" T("l-request") "owner-l>" T("owner-l") },
		{ "capitals are folded", LINE("abc"), .aliases = "Info: abc\n",
		  .keys = "abc>" T("abc") "info>" T("info") },
		{ "the same name as a user's: one", LINE("abc"), .aliases = "abc: x@y.dk\n",
		  .keys = "abc>" T("abc") },
		{ "of a user who takes no mail: it goes before him", LINE("abc"), .aliases = "abc: x@y.dk\n",
		  .off = "abc", .keys = "abc>" T("abc") },
		{ "the host's stay the host's", LINE("abc"), .aliases = "postmaster: abc\n",
		  .keys = "abc>" T("abc") },
		{ "further files", LINE("abc"), "extra_aliases = more\n", "info: abc\n",
		  "info: |/x\nmore: abc\n", .keys = "abc>" T("abc") "info>" T("info") "more>" T("more") },
		{ "with a tag", LINE("abc"), .aliases = "abc+tag: x@y.dk\nlist+t: abc\n",
		  .keys = "abc+tag>acct+abc--kvt.dk+tag@virtual.invalid abc>" T(
			  "abc") "list+t>acct+list--kvt.dk+t@virtual.invalid " },
	};

	(void)state;
	CHECK_ALL(rows);
}

static void rich_names_lead_to_where_their_aliases_lead(void **state)
{
	static const struct row rows[] = {
		{ "a user", LINE("abc"), .aliases = "o'c: abc\n", .keys = "abc>" T("abc") "o'c>" T("abc") },
		{ "by his address", LINE("abc"), .aliases = "o'c: ABC@KVT.dk\n",
		  .keys = "abc>" T("abc") "o'c>" T("abc") },
		{ "a plain alias, wherever it stands", LINE("abc"), .aliases = "o'c: info\ninfo: abc\n",
		  .keys = "abc>" T("abc") "info>" T("info") "o'c>" T("info") },
		{ "several, each once", LINE("a") LINE("b"), .aliases = "o'c: b, a, b\n",
		  .keys = "a>" T("a") "b>" T("b") "o'c>acct+b--kvt.dk@virtual.invalid, " T("a") },
		{ "\\user, who is no alias", LINE("a"), .aliases = "o'c: \\a\n",
		  .keys = "a>" T("a") "o'c>" T("a") },
		{ "\\user, who is one", LINE("a"), .aliases = "a: x@y.dk\no'c: \\a\n",
		  .keys = "a>" T("a") "o'c>" ASKED, .complaint = "line 2: `a`: a name of other characters" },
		{ "letters beyond ASCII", LINE("a"), .aliases = "\xc3\xa6: a\n",
		  .keys = "a>" T("a") "\xc3\xa6>" T("a") },
		{ "that are not folded", LINE("a"), .aliases = "\xc3\x86: a\n", .keys = "a>" T("a"),
		  .complaint = "aliases, line 1: `\\u00c6` is looked up in other letters: write `\\u00e6`" },
		{ "another host's", LINE("a"), .aliases = "o'c: a, x@y.dk\n",
		  .keys = "a>" T("a") "o'c>" ASKED, .complaint = "line 1: `x@y.dk`: a name of other" },
		{ "a command", LINE("a"), .aliases = "o'c: \"|/bin/x\"\n", .keys = "a>" T("a") "o'c>" ASKED,
		  .complaint = "give it the name of a user or of a plain alias as its target" },
		{ "nobody", LINE("a"), .aliases = "o'c: b\n", .keys = "a>" T("a") "o'c>" ASKED,
		  .complaint = "line 1: `b`: " },
		{ "nobody any more: not where it led before", LINE("a"), .aliases = "o'c: b\n",
		  .old = "o'c@kvt.dk", .keys = "a>" T("a") "o'c>" ASKED, .complaint = "line 1: `b`: " },
		{ "who takes no mail", LINE("a"), .aliases = "o'c: a\n", .off = "a", .keys = "",
		  .refused = "a>" NO_MAIL "o'c>" NO_MAIL },
		{ "some who take none", LINE("a") LINE("b"), .aliases = "o'c: a, b\n", .off = "a",
		  .keys = "b>" T("b") "o'c>" T("b"), .refused = "a>" NO_MAIL },
		{ "the host's", LINE("a"), .aliases = "o'c: postmaster\n", .keys = "a>" T("a") "o'c>" ASKED,
		  .complaint = "`postmaster`" },
	};

	(void)state;
	CHECK_ALL(rows);
}

static void a_rich_name_has_fifty_targets_at_most(void **state)
{
	char passwd[4000] = "", aliases[2000];

	(void)state;
	for (int count = 50; count < 52; count++) {
		size_t n = 0, m = (size_t)snprintf(aliases, sizeof aliases, "o'c: ");
		for (int i = 0; i < count; i++) {
			n += (size_t)snprintf(passwd + n, sizeof passwd - n, LINE("u%02d"), i);
			m += (size_t)snprintf(aliases + m, sizeof aliases - m, "%su%02d", i > 0 ? ", " : "",
					      i);
		}
		(void)snprintf(aliases + m, sizeof aliases - m, "\n");
		start(NULL);
		make(&(struct row){ "many", passwd, .aliases = aliases });
		const struct pv_key *k = pv_keys_find(&work.plan.domains[0].keys, "o'c@kvt.dk");
		assert_non_null(k);
		assert_int_equal(strcmp(k->value, "acct+--kvt.dk@virtual.invalid") != 0, count == 50);
		assert_int_equal(report.complaint_count, count != 50);
		stop();
	}
}

/* So that its mail waits. What would have none if it were right has none. */
static void what_is_wrong_has_a_key_and_stops_no_other(void **state)
{
	static const struct row rows[] = {
		{ "twice", LINE("u"), .aliases = "a: u\nb: u\na: x@y.dk\n",
		  .keys = "a>" T("a") "b>" T("b") "u>" T("u"),
		  .complaint =
			  "/etc/virtual/kvt.dk/aliases, line 3: a stands in line 1 already: remove one" },
		{ "twice, and it had a key", LINE("u"), .aliases = "a: u\na: x@y.dk\n", .old = "a@kvt.dk",
		  .keys = "a>" T("a") "u>" T("u"), .complaint = "line 2" },
		{ "no target", LINE("u"), .aliases = "a:\nb: u\n",
		  .keys = "a>" T("a") "b>" T("b") "u>" T("u"),
		  .complaint = "aliases, line 1: a leads nowhere" },
		{ "a bad day", LINE("u"), .aliases = "#: expires=never\na: u\n",
		  .keys = "a>" T("a") "u>" T("u"), .complaint = "expires=never" },
		{ "of a user's name", LINE("a"), .aliases = "a:\n", .keys = "a>" T("a"),
		  .complaint = "line 1" },
		{ "no colon", LINE("u"), .aliases = "what is this\nb: u\n",
		  .keys = "b>" T("b") "u>" T("u") "what>" T("what"),
		  .complaint = "aliases, line 1: `what is this` has no `:`" },
		{ "no colon, and no name of an address", LINE("u"), .aliases = "b@kvt.dk u\n",
		  .keys = "u>" T("u"), .complaint = "has no `:`" },
		{ "a quote that is not closed: no name", LINE("u"), .aliases = "\"a: u\n",
		  .keys = "u>" T("u"), .complaint = "a quote" },
		{ "with a tag", LINE("u"), .aliases = "u+t:\n",
		  .keys = "u+t>acct+u--kvt.dk+t@virtual.invalid u>" T("u"), .complaint = "leads nowhere" },
		{ "rich, and twice", LINE("u"), .aliases = "o'c: u\no'c: u\n",
		  .keys = "o'c>" ASKED "u>" T("u"), .complaint = "line 1 already" },
		{ "of no address", LINE("u"), .aliases = "a%b:\n", .keys = "u>" T("u"),
		  .complaint = "leads nowhere" },
		{ "the host's", LINE("u"), .aliases = "postmaster:\n", .old = "postmaster@kvt.dk",
		  .keys = "u>" T("u"), .complaint = "leads nowhere" },
		{ "no target, and expired", LINE("u"), .aliases = OVER "a:\n", .keys = "u>" T("u"),
		  .refused = "a>" EXPIRED, .complaint = "leads nowhere" },
		{ "twice, both expired", LINE("u"), .aliases = OVER "a: u\n" OVER "a: u\n",
		  .keys = "u>" T("u"), .refused = "a>" EXPIRED, .complaint = "line 2 already" },
		{ "twice, one expired", LINE("u"), .aliases = OVER "a: u\na: u\n",
		  .keys = "a>" T("a") "u>" T("u"), .complaint = "line 2 already" },
		{ "rich, twice, the later one expired", LINE("u"), .aliases = "o'c: u\n" OVER "o'c: u\n",
		  .keys = "o'c>" ASKED "u>" T("u"), .complaint = "line 1 already" },
		{ "of a user who takes no mail: an alias goes before him", LINE("u"), .aliases = "u:\n",
		  .off = "u", .keys = "u>" T("u"), .complaint = "leads nowhere" },
		{ "no address, and nothing wrong", LINE("u"), .aliases = "a%b: u\nb: u\n",
		  .keys = "b>" T("b") "u>" T("u") },
	};

	(void)state;
	CHECK_ALL(rows);
}

/* Whether a line that cannot be read names an address nobody knows. */
static void an_unreadable_line_lets_no_key_go(void **state)
{
	static const struct {
		const char *aliases;
		bool grows_only;
	} rows[] = {
		{ "a: u\n", false },	    { "a:\n", false },	  { "a: u\na: u\n", false },
		{ "what is this\n", true }, { "\"a: u\n", true }, { " a: u\n", true },
	};

	(void)state;
	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
		start(NULL);
		make(&(struct row){ rows[i].aliases, LINE("u"), .aliases = rows[i].aliases });
		assert_int_equal(work.plan.domains[0].grows_only, rows[i].grows_only);
		stop();
	}
}

static void only_some_of_very_many_complaints_are_said_unless_asked_for(void **state)
{
	char aliases[1000];
	size_t n = 0;

	(void)state;
	for (int i = 0; i < 30; i++)
		n += (size_t)snprintf(aliases + n, sizeof aliases - n, "a%d:\n", i);
	for (int check = 0; check < 2; check++) {
		start(NULL);
		options.check = check;
		make(&(struct row){ "many", LINE("u"), .conf = "extra_aliases = x\n", .aliases = aliases,
				    .extra = "a%b: u\n" });
		assert_int_equal(report.complaint_count, check ? 30 : PV_MAKING_COMPLAINTS_MAX + 1);
		if (!check)
			assert_non_null(strstr(report.complaints[PV_MAKING_COMPLAINTS_MAX].error.text,
					       "--check kvt.dk"));
		stop();
	}
}

static void more_aliases_than_allowed_are_not_used(void **state)
{
	struct pv_buf aliases = PV_BUF_INIT(1 << 20);

	(void)state;
	for (int i = 0; i < PV_READER_ALIASES_LINES + 2; i++)
		pv_buf_addf(&aliases, "a%05d: u\n", i);
	start(NULL);
	make(&(struct row){ "too many", LINE("u"), .aliases = aliases.s });
	assert_int_equal(work.plan.domains[0].keys.count,
			 PV_READER_ALIASES_LINES + 2); /* the user, postmaster */
	assert_int_equal(report.complaint_count, 1);
	assert_non_null(
		strstr(report.complaints[0].error.text, "aliases, line 20001: a domain has at most 20000"));
	assert_true(work.plan.domains[0].grows_only);
	stop();
	pv_buf_free(&aliases);
}

static void full_names_lead_to_their_users(void **state)
{
	static const char conf[] = "match_full_name = yes\n";
	static const struct row rows[] = {
		{ "only where it is wanted", USER("joe", "Joe Who"), .keys = "joe>" T("joe") },
		{ "blanks become dots, letters small", USER("joe", " Joe  Who "), conf,
		  .keys = "joe.who>" T("joe") "joe>" T("joe") },
		{ "up to a comma", USER("joe", "Joe Who,Room 5"), conf,
		  .keys = "joe.who>" T("joe") "joe>" T("joe") },
		{ "letters beyond ASCII are folded", USER("j", "J\xc3\x98rgen"), conf,
		  .keys = "j>" T("j") "j\xc3\xb8rgen>" T("j") },
		{ "what no address can hold makes none", USER("joe", "Joe (Who)"), conf,
		  .keys = "joe>" T("joe") },
		{ "his own name makes no second", USER("joe", "Joe"), conf, .keys = "joe>" T("joe") },
		{ "a user goes before it", USER("a", "B") LINE("b"), conf,
		  .keys = "a>" T("a") "b>" T("b") "n>" T("b") },
		{ "an alias goes before it", USER("a", "B"), conf, .aliases = "b: x@y.dk\n",
		  .keys = "a>" T("a") "b>" T("b") },
		{ "the host goes before it", USER("a", "Postmaster"), conf, .keys = "a>" T("a") },
		{ "two of one name", USER("a", "Joe Who") USER("b", "joe.who"), conf,
		  .keys = "a>" T("a") "b>" T("b"),
		  .complaint = "passwd, line 2: b has the full name of a (line 1), so that joe.who@kvt.dk "
			       "would mean both" },
		{ "two of one name, and an alias of it", USER("a", "J") USER("b", "J"), conf,
		  .aliases = "j: a\n", .keys = "a>" T("a") "b>" T("b") "j>" T("j") },
		{ "an alias of that name whose last day is over goes not", USER("joe", "Joe Who"), conf,
		  .aliases = OVER "joe.who: x@y.dk\n", .keys = "joe.who>" T("joe") "joe>" T("joe") },
		{ "nor does one of other characters", USER("oc", "O'c"), conf, .aliases = OVER "o'c: oc\n",
		  .keys = "o'c>" T("oc") "oc>" T("oc") },
		{ "such an alias, and a user who takes no mail", USER("joe", "Joe Who"), conf, .off = "joe",
		  .aliases = OVER "joe.who: x@y.dk\n", .keys = "",
		  .refused = "joe.who>" NO_MAIL "joe>" NO_MAIL },
		{ "of a user who takes no mail", USER("joe", "Joe Who"), conf, .off = "joe", .keys = "",
		  .refused = "joe.who>" NO_MAIL "joe>" NO_MAIL },
	};

	(void)state;
	CHECK_ALL(rows);
}

static void responders_have_keys_of_their_own(void **state)
{
	static const struct row rows[] = {
		{ "of nobody else", LINE("u"), .responders = "info", .keys = "info>" T("info") "u>" T("u") },
		{ "that the child names twice", LINE("u"), .responders = "info/Info/info", .off = "u",
		  .keys = "info>" T("info"), .refused = "u>" NO_MAIL },
		{ "of a user", LINE("u"), .responders = "u", .keys = "u>" T("u") },
		{ "of an alias", LINE("u"), .responders = "a", .aliases = "a: u\n",
		  .keys = "a>" T("a") "u>" T("u") },
		{ "of the host's", LINE("u"), .responders = "postmaster", .keys = "u>" T("u") },
		{ "of a user who takes no mail", LINE("u"), .responders = "u", .off = "u", .keys = "",
		  .refused = "u>" NO_MAIL },
		{ "that is no name", LINE("u"), .responders = "a b", .keys = "u>" T("u") },
	};

	(void)state;
	CHECK_ALL(rows);
}

static void expired_aliases_are_refused(void **state)
{
	static const struct row rows[] = {
		{ "an alias", LINE("u"), .aliases = OVER "a: u\n", .keys = "u>" T("u"),
		  .refused = "a>" EXPIRED },
		{ "not yet", LINE("u"), .aliases = "#: expires=2999-01-01\na: u\n",
		  .keys = "a>" T("a") "u>" T("u") },
		{ "rich", LINE("u"), .aliases = OVER "o'c: u\n", .keys = "u>" T("u"),
		  .refused = "o'c>" EXPIRED },
		{ "with a tag: the user's as any other", LINE("u"),
		  .aliases = OVER "u+t: u\n" OVER "v+t: u\n", .keys = "u>" T("u"),
		  .refused = "v+t>" EXPIRED },
		{ "with a tag: another alias's too", LINE("u"), .aliases = "v: u\n" OVER "v+t: u\n",
		  .keys = "u>" T("u") "v>" T("v") },
		{ "with a tag: a full name's too", "u:*:601:601:Joe Who:.:\n", "match_full_name = yes\n",
		  OVER "joe.who+t: u\n", .keys = "joe.who>" T("u") "u>" T("u") },
		{ "with a tag of other characters", LINE("u"), .aliases = OVER "u+t'x: u\n",
		  .keys = "u>" T("u") },
		{ "with a tag: no responder's", LINE("u"), .aliases = OVER "i+t: u\n", .responders = "i",
		  .keys = "i>" T("i") "u>" T("u"), .refused = "i+t>" EXPIRED },
		{ "with a tag of one who has expired", LINE("u"), .aliases = OVER "u+t: u\n", .gone = "u",
		  .keys = "", .refused = "u+t>" EXPIRED "u>" EXPIRED },
		{ "of a user's name: he gets it", LINE("u"), .aliases = OVER "u: x@y.dk\n",
		  .keys = "u>" T("u") },
		{ "the first file decides", LINE("u"), "extra_aliases = x\n", OVER "a: u\n", "a: u\n",
		  .keys = "u>" T("u"), .refused = "a>" EXPIRED },
		{ "a user", LINE("u") LINE("v"), .gone = "u", .keys = "v>" T("v"), .refused = "u>" EXPIRED },
		{ "a user, and an alias that is not", LINE("u"), .aliases = "u: x@y.dk\n", .gone = "u",
		  .keys = "u>" T("u") },
	};

	(void)state;
	CHECK_ALL(rows);
}

static void an_alias_that_leads_only_to_who_takes_no_mail_is_refused(void **state)
{
	static const char full[] = "match_full_name = yes\n";
	static const struct row rows[] = {
		{ "a user", LINE("u"), .aliases = "a: u\n", .off = "u", .keys = "",
		  .refused = "a>" NO_MAIL "u>" NO_MAIL },
		{ "one whose day is over", LINE("u"), .aliases = "a: u\n", .gone = "u", .keys = "",
		  .refused = "a>" EXPIRED "u>" EXPIRED },
		{ "an alias whose day is over", LINE("u"), .aliases = "a: b\n" OVER "b: u\n",
		  .keys = "u>" T("u"), .refused = "a>" EXPIRED "b>" EXPIRED },
		{ "unless a user has its name", LINE("u"), .aliases = "a: u\n" OVER "u: x@y.dk\n",
		  .keys = "a>" T("a") "u>" T("u") },
		{ "several: what is said of the first", LINE("u") LINE("v"), .aliases = "a: v, u\n",
		  .off = "u", .gone = "v", .keys = "", .refused = "a>" EXPIRED "u>" NO_MAIL "v>" EXPIRED },
		{ "one of them takes mail", LINE("u") LINE("v"), .aliases = "a: u, v\n", .off = "u",
		  .keys = "a>" T("a") "v>" T("v"), .refused = "u>" NO_MAIL },
		{ "by two ways that meet", LINE("u"), .aliases = "a: b, c\nb: d\nc: d\nd: u\n", .off = "u",
		  .keys = "", .refused = "a>" NO_MAIL "b>" NO_MAIL "c>" NO_MAIL "d>" NO_MAIL "u>" NO_MAIL },
		{ "by way of other aliases", LINE("u"), .aliases = "a: b\nb: c\nc: u\n", .off = "u",
		  .keys = "", .refused = "a>" NO_MAIL "b>" NO_MAIL "c>" NO_MAIL "u>" NO_MAIL },
		{ "by way of one of other characters, and of none of an address's", LINE("u"),
		  .aliases = "a: o'c\nb: x%y\no'c: u\nx%y: u\n", .off = "u", .keys = "",
		  .refused = "a>" NO_MAIL "b>" NO_MAIL "o'c>" NO_MAIL "u>" NO_MAIL },
		{ "such a one leads to it", LINE("u"), .aliases = "a: u\no'c: a\n", .off = "u", .keys = "",
		  .refused = "a>" NO_MAIL "o'c>" NO_MAIL "u>" NO_MAIL },
		{ "by his address, a tag, \\user", LINE("u"),
		  .aliases = "a: U@KVT.dk\nb: u+x\nc: \\u\nd: \\u+x@kvt.dk\n", .off = "u",
		  .keys = "d>" T("d"), .refused = "a>" NO_MAIL "b>" NO_MAIL "c>" NO_MAIL "u>" NO_MAIL },
		{ "in the domain's other name", LINE("u"), .aliases = "a: u@kvt.org\nb: u@kvt.net\n",
		  .off = "u", .keys = "b>" T("b"), .refused = "a>" NO_MAIL "u>" NO_MAIL },
		{ "of a user's name, who takes mail: it goes before him", LINE("u") LINE("v"),
		  .aliases = "u: v\n", .off = "v", .keys = "", .refused = "u>" NO_MAIL "v>" NO_MAIL },
		{ "of one who takes none: what it leads to is said", LINE("u") LINE("v"), .aliases = "u: v\n",
		  .off = "u", .gone = "v", .keys = "", .refused = "u>" EXPIRED "v>" EXPIRED },
		{ "that leads to the user of its name", LINE("u") LINE("v"), .aliases = "u: u, v\nv: v\n",
		  .off = "v", .keys = "u>" T("u"), .refused = "v>" NO_MAIL },
		{ "in a ring, with users of both names", LINE("u") LINE("v"), .aliases = "u: v\nv: u\n",
		  .off = "u", .keys = "v>" T("v"), .refused = "u>" NO_MAIL },
		{ "in a ring with nobody", LINE("u"), .aliases = "a: b, u\nb: a, u\n", .off = "u",
		  .keys = "a>" T("a") "b>" T("b"), .refused = "u>" NO_MAIL },
		{ "anything beside him", LINE("u"),
		  .aliases = "a: u, x@y.dk\nb: u, |/x\nc: u, /x\nd: u, :include:l\ne: u, nobody\n"
			     "f: u, postmaster\n",
		  .off = "u", .keys = "a>" T("a") "b>" T("b") "c>" T("c") "d>" T("d") "e>" T("e") "f>" T("f"),
		  .refused = "u>" NO_MAIL },
		{ "but for a responder, who answers nobody then", LINE("u"), .aliases = "a: u, i\nb: i\n",
		  .off = "u", .responders = "I", .keys = "b>" T("b") "i>" T("i"),
		  .refused = "a>" NO_MAIL "u>" NO_MAIL },
		{ "a wrong one", LINE("u"), .aliases = "a: b\nb: u\nb: u\n", .off = "u",
		  .keys = "a>" T("a") "b>" T("b"), .refused = "u>" NO_MAIL, .complaint = "line 2 already" },
		{ "with a tag", LINE("u") LINE("v"), .aliases = "v+t: u\n", .off = "u", .keys = "v>" T("v"),
		  .refused = "u>" NO_MAIL "v+t>" NO_MAIL },
		{ "with a tag, to one whose day is over: it is no tag as any other", LINE("u") LINE("v"),
		  .aliases = "v+t: u\nv+t'x: u\n", .gone = "u", .keys = "v>" T("v"),
		  .refused = "u>" EXPIRED "v+t'x>" EXPIRED "v+t>" EXPIRED },
		{ "a full name", USER("joe", "Joe Who"), full, .aliases = "a: joe.who\nb: Joe.Who+x\n",
		  .off = "joe", .keys = "",
		  .refused = "a>" NO_MAIL "b>" NO_MAIL "joe.who>" NO_MAIL "joe>" NO_MAIL },
		{ "one that two have", USER("u", "J") USER("v", "J"), full, .aliases = "a: j\n", .off = "u",
		  .keys = "a>" T("a") "v>" T("v"), .refused = "u>" NO_MAIL, .complaint = "full name" },
		{ "no responder of its name", LINE("u"), .aliases = "a: u\n", .off = "u", .responders = "a",
		  .keys = "", .refused = "a>" NO_MAIL "u>" NO_MAIL },
		{ "where others get all that is unknown", LINE("u") LINE("v"), "fallback = v\n",
		  .aliases = "a: u\n", .off = "u", .keys = ALL "a>" T("a") "u>" T("u") "v>" T("v"),
		  .refused = "a>" NO_MAIL "u>" NO_MAIL },
		{ "it is no fallback", LINE("u"), "fallback = a\n", .aliases = "a: u\n", .off = "u",
		  .keys = "", .refused = "a>" NO_MAIL "u>" NO_MAIL, .complaint = "whose mail is received" },
	};
	struct pv_registry_entry both[2] = { said };

	(void)state;
	assert_int_equal(pv_domain_parse("kvt.org", 7, &both[1].domain, NULL), PV_OK);
	both[1].is_alias = true;
	both[1].alias_of = said.domain;
	registry = (struct pv_registry){ both, 2 };
	CHECK_ALL(rows);
	registry = (struct pv_registry){ &said, 1 };
}

/* A delivery follows a hundred aliases, and no more. */
static void a_way_of_a_hundred_aliases_is_followed(void **state)
{
	struct pv_buf aliases = PV_BUF_INIT(1 << 16);

	(void)state;
	for (int i = 0; i < 101; i++)
		pv_buf_addf(&aliases, "a%03d: a%03d\n", i, i + 1);
	pv_buf_adds(&aliases, "a101: u\n");
	start(NULL);
	make(&(struct row){ "long", LINE("u"), .aliases = aliases.s, .off = "u" });
	const struct pv_plan_domain *d = &work.plan.domains[0];
	assert_int_equal(d->keys.count, 3); /* postmaster's too */
	assert_non_null(pv_keys_find(&d->keys, "a001@kvt.dk"));
	assert_int_equal(d->refused.count, 101);
	assert_non_null(pv_keys_find(&d->refused, "a002@kvt.dk"));
	stop();
	pv_buf_free(&aliases);
}

static void many_rich_names_and_one_who_takes_no_mail(void **state)
{
	static const struct row row = { "the first has expired, the others lead to him",
					LINE("z"),
					.aliases = OVER "a'1: z\na'2: z\na'3: z\n",
					.off = "z",
					.keys = "",
					.refused =
						"a'1>" EXPIRED "a'2>" NO_MAIL "a'3>" NO_MAIL "z>" NO_MAIL };
	(void)state;
	check(&row);
}

static void a_fallback_takes_all_but_those_who_take_none(void **state)
{
	static const struct row rows[] = {
		{ "a user", LINE("u"), "fallback = u\n", .keys = ALL "u>" T("u") },
		{ "an alias", LINE("u"), "fallback = A\n", "a: u\n", .keys = ALL "a>" T("a") "u>" T("u") },
		{ "a user with a tag", LINE("u"), "fallback = u+x\n", .keys = ALL "u>" T("u") },
		{ "the host's", LINE("u"), "fallback = postmaster\n", .keys = ALL "u>" T("u") },
		{ "another domain's", LINE("u"), "fallback = x@y.dk\n", .keys = ALL "u>" T("u") },
		{ "the same name there", LINE("u"), "fallback = @y.dk\n", .keys = ALL "u>" T("u") },
		{ "a command", LINE("u"), "fallback = |/bin/x %u\n", .keys = ALL "u>" T("u") },
		{ "delete", LINE("u"), "fallback = delete\n", .keys = ALL "u>" T("u") },
		{ "a mailbox", LINE("u"), "fallback = /x/y\n", .keys = ALL "u>" T("u") },
		{ "postmaster for unknown ones", LINE("u"), "unknown_to = postmaster\n",
		  .keys = ALL "u>" T("u") },
		{ "nobody", LINE("u"), "\nfallback = v\n", .keys = "u>" T("u"),
		  .complaint = "/etc/virtual/kvt.dk/domain.conf, line 2: fallback = v: there is no such user "
			       "or alias" },
		{ "nobody any more", LINE("u"), "fallback = v\n", .old = "@kvt.dk",
		  .keys = ">" KEPT "u>" T("u"), .complaint = "line 1: fallback = v" },
		{ "itself", LINE("u"), "fallback = @kvt.dk\n", .keys = "u>" T("u"),
		  .complaint = "this domain itself" },
		{ "one who takes no mail", LINE("u"), "fallback = u\n", .off = "u", .keys = "",
		  .refused = "u>" NO_MAIL, .complaint = "whose mail is received" },
		{ "who takes no mail has a key, or it would get his", LINE("u") LINE("v"), "fallback = u\n",
		  .off = "v", .keys = ALL "u>" T("u") "v>" T("v"), .refused = "v>" NO_MAIL },
		{ "so have expired aliases, but for rich ones", LINE("u"), "fallback = u\n",
		  OVER "a: u\n" OVER "u+t: u\n" OVER "v+t: u\n" OVER "o'c: u\n",
		  .keys = ALL "a>" T("a") "u>" T("u") "v+t>acct+v--kvt.dk+t@virtual.invalid ",
		  .refused = "a>" EXPIRED "o'c>" EXPIRED "v+t>" EXPIRED },
	};

	(void)state;
	CHECK_ALL(rows);
	said.commands = false;
	check(&(struct row){ "commands=no", LINE("u"), "fallback = |/bin/x\n", .keys = "u>" T("u"),
			     .complaint = "commands=no" });
	said.commands = true;
}

static void a_domain_that_takes_no_mail_has_only_the_hosts_addresses(void **state)
{
	static const struct row rows[] = {
		{ "all", USER("u", "Joe Who"), "receive = no\nfallback = u\nmatch_full_name = yes\n",
		  "a: u\nu+t: u\no'c: u\n", .responders = "auto", .keys = "",
		  .refused = "a>" NO_MAIL "auto>" NO_MAIL "joe.who>" NO_MAIL "o'c>" NO_MAIL "u+t>" NO_MAIL
			     "u>" NO_MAIL },
		{ "why an alias is refused before stays", LINE("u"), "receive = no\n", OVER "a: u\n",
		  .keys = "", .refused = "a>" EXPIRED "u>" NO_MAIL },
	};
	(void)state;
	CHECK_ALL(rows);
	start(NULL);
	make(&rows[0]);
	assert_int_equal(work.plan.domains[0].keys.count, 1);
	assert_string_equal(work.plan.domains[0].keys.v[0].key, "postmaster@kvt.dk");
	stop();
}

/* One line of ASCII, however it is written, in the domain's language. */
static void senders_get_the_domains_own_text(void **state)
{
	static const struct {
		const char *conf, *text, *line;
	} rows[] = {
		{ "", NULL, "550 5.2.1 this mailbox takes no mail" },
		{ "language = da\n", NULL, "550 5.2.1 denne postkasse modtager ikke post" },
		{ "", "%u@%d is away\n", "550 5.2.1 u@kvt.dk is away" },
		{ "", "G\xc3\xb8r det\n\n igen \x01\n", "550 5.2.1 Goer det igen ?" },
		{ "", "100%% %x", "550 5.2.1 100% %x" },
	};
	char longest[400];

	(void)state;
	for (size_t i = 0; i <= sizeof rows / sizeof *rows; i++) {
		bool last = i == sizeof rows / sizeof *rows;
		struct pv_buf users = PV_BUF_INIT(100);
		add_user_frame(&users, "u", "receive = no\n");
		memset(longest, 'x', sizeof longest - 1);
		longest[sizeof longest - 1] = '\0';
		start(NULL);
		const struct pv_domain_files files = { .ok = true,
						       .passwd = slice_of(LINE("u")),
						       .conf = slice_of(last ? "" : rows[i].conf),
						       .users = { users.s, users.len },
						       .texts = { slice_of(last ? longest : rows[i].text) } };
		assert_int_equal(pv_domain_keys_make(&work, &work.plan.domains[0], &files, NULL), PV_OK);
		const struct pv_keys *refused = &work.plan.domains[0].refused;
		assert_int_equal(refused->count, 1);
		if (last)
			assert_int_equal(strlen(refused->v[0].value), sizeof "550 5.2.1 " - 1 + 200);
		else
			assert_string_equal(refused->v[0].value, rows[i].line);
		stop();
		pv_buf_free(&users);
	}
}

static void an_alias_domain_has_the_same_keys_and_refusals(void **state)
{
	struct pv_plan_domain other = { .account = "acct" };

	(void)state;
	start(NULL);
	make(&(struct row){ "one", LINE("u") LINE("v"), "fallback = u\n", "o'c: u\nu+t: u\n" OVER "a: u\n",
			    .off = "v" });
	const struct pv_plan_domain *d = &work.plan.domains[0];
	assert_int_equal(pv_domain_parse("kvt.org", 7, &other.domain, NULL), PV_OK);
	assert_int_equal(pv_domain_keys_alias(&work, &other, d, NULL), PV_OK);
	assert_int_equal(other.keys.count, d->keys.count);
	assert_int_equal(other.refused.count, 2);
	assert_string_equal(pv_keys_find(&other.keys, "o'c@kvt.org")->value,
			    pv_keys_find(&d->keys, "o'c@kvt.dk")->value);
	assert_string_equal(pv_keys_find(&other.keys, "u+t@kvt.org")->value,
			    "acct+u--kvt.dk+t@virtual.invalid");
	assert_non_null(pv_keys_find(&other.refused, "a@kvt.org"));
	pv_keys_free(&other.keys);
	pv_keys_free(&other.refused);
	pv_keys_free(&other.expired);
	stop();
}

/* A user who keeps no copy of what is sent on is to his mail what an alias is. */
static void forwards_only_to_who_takes_no_mail_are_refused(void **state)
{
#define TO(targets) "forward = " targets "\nkeep_copy = no\n"
	static const char full[] = "match_full_name = yes\n";
	static const struct row rows[] = {
		{ "to a user who takes none", LINE("u") LINE("v"), .off = "u",
		  .sends = { "v", TO("u@kvt.dk") }, .keys = "", .refused = "u>" NO_MAIL "v>" NO_MAIL },
		{ "to one whose day is over", LINE("u") LINE("v"), .gone = "u",
		  .sends = { "v", TO("U@KVT.dk") }, .keys = "", .refused = "u>" EXPIRED "v>" EXPIRED },
		{ "he keeps a copy", LINE("u") LINE("v"), .off = "u",
		  .sends = { "v", "forward = u@kvt.dk\n" }, .keys = "v>" T("v"), .refused = "u>" NO_MAIL },
		{ "to somebody else, too", LINE("u") LINE("v"), .off = "u",
		  .sends = { "v", TO("u@kvt.dk, x@y.dk") }, .keys = "v>" T("v"), .refused = "u>" NO_MAIL },
		{ "to nobody: that waits", LINE("u") LINE("v"), .off = "u",
		  .sends = { "v", TO("u@kvt.dk, nosuch@kvt.dk") }, .keys = "v>" T("v"),
		  .refused = "u>" NO_MAIL },
		{ "to himself, who gets it", LINE("u") LINE("v"), .off = "u",
		  .sends = { "v", TO("u@kvt.dk, v@kvt.dk") }, .keys = "v>" T("v"), .refused = "u>" NO_MAIL },
		{ "to one who sends it back", LINE("u") LINE("v") LINE("w"), .off = "u",
		  .sends = { "v", TO("w@kvt.dk"), "w", TO("v@kvt.dk, u@kvt.dk") },
		  .keys = "v>" T("v") "w>" T("w"), .refused = "u>" NO_MAIL },
		{ "by way of others, and an alias of theirs", LINE("u") LINE("v") LINE("w"), .off = "u",
		  .aliases = "a: v\nb: u, w\nc: v, x@y.dk\no'c: v\n",
		  .sends = { "v", TO("w@kvt.dk"), "w", TO("u+x@kvt.dk") }, .keys = "c>" T("c"),
		  .refused =
			  "a>" NO_MAIL "b>" NO_MAIL "o'c>" NO_MAIL "u>" NO_MAIL "v>" NO_MAIL "w>" NO_MAIL },
		{ "to an alias that has expired", LINE("v"), .aliases = OVER "a: v\n",
		  .sends = { "v", TO("a@kvt.dk") }, .keys = "", .refused = "a>" EXPIRED "v>" EXPIRED },
		{ "an alias of his name goes before him", LINE("u") LINE("v"), .aliases = "v: x@y.dk\n",
		  .off = "u", .sends = { "v", TO("u@kvt.dk") }, .keys = "v>" T("v"),
		  .refused = "u>" NO_MAIL },
		{ "one that leads to him, too", LINE("u") LINE("v"), .aliases = "v: v\nw: \\v\n", .off = "u",
		  .sends = { "v", TO("u@kvt.dk") }, .keys = "",
		  .refused = "u>" NO_MAIL "v>" NO_MAIL "w>" NO_MAIL },
		{ "a wrong alias of his name waits", LINE("u") LINE("v"), .aliases = "v:\n", .off = "u",
		  .sends = { "v", TO("u@kvt.dk") }, .keys = "v>" T("v"), .refused = "u>" NO_MAIL,
		  .complaint = "leads nowhere" },
		{ "an expired one counts for nothing", LINE("u") LINE("v"), .aliases = OVER "v: x@y.dk\n",
		  .off = "u", .sends = { "v", TO("u@kvt.dk") }, .keys = "",
		  .refused = "u>" NO_MAIL "v>" NO_MAIL },
		{ "by his full name", LINE("u") USER("v", "Joe Who"), full, .aliases = "a: joe.who\n",
		  .off = "u", .sends = { "v", TO("u@kvt.dk") }, .keys = "",
		  .refused = "a>" NO_MAIL "joe.who>" NO_MAIL "n>" NO_MAIL "u>" NO_MAIL "v>" NO_MAIL },
		{ "who takes all other names does not get it", LINE("u") LINE("v") LINE("w"),
		  "fallback = w\n", .off = "u", .sends = { "v", TO("u@kvt.dk") },
		  .keys = ALL "u>" T("u") "v>" T("v") "w>" T("w"), .refused = "u>" NO_MAIL "v>" NO_MAIL },
		{ "nobody is switched off", LINE("u") LINE("v"), .sends = { "v", TO("u@kvt.dk") },
		  .keys = "u>" T("u") "v>" T("v") },
		{ "a file of aliases that could not be read whole", LINE("u") LINE("v"),
		  .aliases = "\"a: u\n", .off = "u", .sends = { "v", TO("u@kvt.dk") }, .keys = "",
		  .refused = "u>" NO_MAIL "v>" NO_MAIL, .complaint = "quote" },
	};
#undef TO

	(void)state;
	CHECK_ALL(rows);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(forwards_only_to_who_takes_no_mail_are_refused),
		cmocka_unit_test(a_name_is_plain_tagged_rich_or_no_address),
		cmocka_unit_test(aliases_make_keys),
		cmocka_unit_test(rich_names_lead_to_where_their_aliases_lead),
		cmocka_unit_test(a_rich_name_has_fifty_targets_at_most),
		cmocka_unit_test(what_is_wrong_has_a_key_and_stops_no_other),
		cmocka_unit_test(an_unreadable_line_lets_no_key_go),
		cmocka_unit_test(only_some_of_very_many_complaints_are_said_unless_asked_for),
		cmocka_unit_test(more_aliases_than_allowed_are_not_used),
		cmocka_unit_test(full_names_lead_to_their_users),
		cmocka_unit_test(responders_have_keys_of_their_own),
		cmocka_unit_test(expired_aliases_are_refused),
		cmocka_unit_test(an_alias_that_leads_only_to_who_takes_no_mail_is_refused),
		cmocka_unit_test(a_way_of_a_hundred_aliases_is_followed),
		cmocka_unit_test(many_rich_names_and_one_who_takes_no_mail),
		cmocka_unit_test(a_fallback_takes_all_but_those_who_take_none),
		cmocka_unit_test(a_domain_that_takes_no_mail_has_only_the_hosts_addresses),
		cmocka_unit_test(senders_get_the_domains_own_text),
		cmocka_unit_test(an_alias_domain_has_the_same_keys_and_refusals),
	};

	return cmocka_run_group_tests(tests, make_domain, NULL);
}
