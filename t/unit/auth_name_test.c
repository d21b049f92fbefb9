/* auth_name_test.c: whom somebody means who logs in. */
#include "store_faults.h"

#include "auth/name.h"
#include "auth/server.h"

static const struct scratch *here;
static struct pv_store store;

/* A store with this virtual.conf. kvt.dk, and mail.org with the alias org.dk; both of ACCOUNT. */
static void open_with(const struct scratch *s, const char *conf)
{
	struct pv_error e;

	here = s;
	put_folder(s, "kvt.dk", ACCOUNT, 0700);
	put_folder(s, "mail.org", ACCOUNT, 0700);
	put_folder(s, "xn--blbr-roah.dk", ACCOUNT, 0700);
	put(s, "domains", "org.dk alias_of=mail.org\ngone.dk alias_of=nowhere.dk\n", 0, 0644);
	put(s, "virtual.conf", conf, 0, 0644);
	if (pv_store_open(s->path, &store, &e) != PV_OK)
		fail_msg("%s", e.text);
}

/* What a name means, as text: user@domain, `(user)` of the host's, or nobody. */
static const char *meaning(const struct pv_login_name *n)
{
	static char text[PV_USER_MAX + PV_DOMAIN_MAX + 2];

	if (n->kind == PV_LOGIN_NOBODY)
		return "nobody";
	if (n->kind == PV_LOGIN_SYSTEM)
		(void)snprintf(text, sizeof text, "(%s)", n->host_user);
	else
		(void)snprintf(text, sizeof text, "%s@%s", n->address.user.s, n->address.domain.s);
	return text;
}

static void assert_means(const char *typed, const char *server, const char *want)
{
	struct pv_login_name n;
	struct pv_domain d;
	struct pv_error e;

	if (server != NULL)
		d = domain(server);
	memset(&n, 'x', sizeof n);
	if (pv_login_name_parse(&store, typed, server != NULL ? &d : NULL, &n, &e) != PV_OK)
		fail_msg("%s: %s", typed, e.text);
	if (strcmp(meaning(&n), want) != 0)
		fail_msg("%s at %s: got %s, want %s", typed, server != NULL ? server : "-", meaning(&n),
			 want);
}

static void what_is_typed(void **state)
{
	static const struct {
		const char *typed, *server, *want;
	} table[] = {
		{ "abc@kvt.dk", NULL, "abc@kvt.dk" },
		{ "abc%kvt.dk", NULL, "abc@kvt.dk" },
		{ "ABC@KVT.dk", NULL, "abc@kvt.dk" },
		{ "abc@kvt.dk.", NULL, "abc@kvt.dk" },
		{ "abc@kvt.dk", "mail.org", "abc@kvt.dk" },
		{ "abc@mailhost.kvt.dk", NULL, "abc@kvt.dk" },
		{ "abc@a.b.c.kvt.dk", NULL, "abc@kvt.dk" },
		{ "abc@org.dk", NULL, "abc@mail.org" },
		{ "abc@pop.org.dk", NULL, "abc@mail.org" },
		{ "abc@bl\xc3\xa5"
		  "b\xc3\xa6r.dk",
		  NULL, "abc@xn--blbr-roah.dk" },
		{ "abc@BL\xc3\x85"
		  "B\xc3\x86R.dk",
		  NULL, "abc@xn--blbr-roah.dk" },
		{ "abc@other.dk", NULL,
		  "abc@other.dk" }, /* nobody knows it: the check will say so, as late */
		{ "abc@gone.dk", NULL, "abc@gone.dk" },
		{ "abc", NULL, "(abc)" },
		{ "Abc", NULL, "(Abc)" },
		{ "abc", "kvt.dk", "abc@kvt.dk" },
		{ "abc", "mail.org", "abc@mail.org" },
	};

	open_with(*state, "");
	for (size_t i = 0; i < sizeof table / sizeof *table; i++)
		assert_means(table[i].typed, table[i].server, table[i].want);
	pv_store_close(&store);
}

static void the_default_domain(void **state)
{
	static const struct {
		const char *conf, *typed, *server, *want;
	} table[] = {
		{ "default_domain = kvt.dk\n", "abc", NULL, "abc@kvt.dk" },
		{ "default_domain = org.dk\n", "abc", NULL, "abc@mail.org" },
		{ "default_domain = kvt.dk\n", "abc", "mail.org", "abc@mail.org" },
		{ "default_domain = kvt.dk\n", "abc@mail.org", NULL, "abc@mail.org" },
		/* It may be the host's own: then its users are. */
		{ "default_domain = host.dk\n", "abc", NULL, "(abc)" },
		{ "default_domain = host.dk\n", "abc@host.dk", NULL, "(abc)" },
		{ "default_domain = Host.dk\n", "abc%HOST.dk", "kvt.dk", "(abc)" },
		{ "default_domain = host.dk\n", "abc@pop.host.dk", NULL, "abc@pop.host.dk" },
		{ "default_domain = host.dk\nsystem_users = no\n", "abc", NULL, "nobody" },
		{ "default_domain = host.dk\nsystem_users = no\n", "abc@host.dk", NULL, "nobody" },
		{ "system_users = no\n", "abc", NULL, "nobody" },
		{ "system_users = no\n", "root", NULL, "nobody" },
		{ "system_users = no\n", "abc", "kvt.dk", "abc@kvt.dk" },
	};

	for (size_t i = 0; i < sizeof table / sizeof *table; i++) {
		open_with(*state, table[i].conf);
		assert_means(table[i].typed, table[i].server, table[i].want);
		pv_store_close(&store);
	}
}

static unsigned paths_seen;

/* Only the store's own folder is looked into, by the name of a domain or `domains`. */
static void assert_inside(int fd, const char *name)
{
	struct pv_domain d;

	paths_seen++;
	assert_int_equal(fd, store.dirfd);
	if (strcmp(name, "domains") != 0 &&
	    (pv_domain_parse(name, strlen(name), &d, NULL) != PV_OK || strcmp(d.s, name) != 0))
		fail_msg("opened: %s", name);
}

/* It means nobody, or it is a checked name; and nothing outside was looked at. */
static void try_hostile(const char *typed)
{
	const char *const servers[] = { NULL, "kvt.dk" };
	struct pv_login_name n;
	struct pv_error e;

	for (size_t i = 0; i < 2; i++) {
		struct pv_domain d;
		if (servers[i] != NULL)
			d = domain(servers[i]);
		memset(&n, 'x', sizeof n);
		on_path = assert_inside;
		enum pv_class c = pv_login_name_parse(&store, typed, servers[i] != NULL ? &d : NULL, &n, &e);
		on_path = NULL;
		if (c != PV_OK)
			fail_msg("%.60s: %s", typed, e.text);
		if (n.kind == PV_LOGIN_VIRTUAL) {
			struct pv_address a;
			const char *text = meaning(&n);
			assert_int_equal(pv_address_parse(text, strlen(text), &a, NULL), PV_OK);
		} else if (n.kind == PV_LOGIN_SYSTEM) {
			struct pv_user u;
			assert_int_equal(pv_user_parse(n.host_user, strlen(n.host_user), &u, NULL), PV_OK);
		} else {
			assert_int_equal(n.kind, PV_LOGIN_NOBODY);
			assert_int_equal(n.address.user.len + n.address.domain.len + n.host_user[0], 0);
		}
	}
}

/* Pieces of names, of which each pair makes one with each divider. */
static const char *const pieces[] = {
	"",
	".",
	"..",
	"../..",
	"/",
	"/etc/passwd",
	"kvt.dk/../mail.org",
	"%2f",
	"%2e%2e%2f",
	"%s%n",
	"%%",
	"abc",
	"abc.",
	".abc",
	"a..b",
	"-x",
	"abc.lock",
	".trash",
	"domains",
	"virtual.conf",
	"maps",
	"a b",
	" abc",
	"abc ",
	"a\tb",
	"a\nb",
	"a\rb",
	"a\x01"
	"b",
	"\x7f",
	"\xff\xfe",
	"\xc0\xae\xc0\xae",
	"kvt\xe3\x80\x82"
	"dk",
	"kvt\xef\xbc\x8e"
	"dk",
	"kvt\xef\xbd\xa1"
	"dk",
	"\xef\xbc\x8e\xef\xbc\x8e",
	"kvt.dk",
	"kvt.dk.",
	"kvt.dk..",
	".kvt.dk",
	"kvt..dk",
	"KVT.DK",
	"a@b",
	"a:b",
	"a\\b",
	"a*",
	"?",
	"~root",
	"$HOME",
	"`id`",
	"$(id)",
	";id",
	"|id",
	"\"abc\"",
	"'",
	"<abc>",
	"abc+tag",
	"root",
	"a,b",
	"[127.0.0.1]",
	"127.0.0.1",
	"::1",
	"xn--",
	"xn--a",
	"xn--blbr-roah.dk",
	"localhost",
	"kvt.dk.lock",
	"kvt.invalid",
	"1.2",
};

static void hostile_names_are_nobody_or_checked(void **state)
{
	static const char dividers[][2] = { "@", "%", "" };
	char typed[300];
	unsigned tried = 0;

	open_with(*state, "default_domain = host.dk\n");
	for (size_t i = 0; i < sizeof pieces / sizeof *pieces; i++)
		for (size_t k = 0; k < sizeof pieces / sizeof *pieces; k++)
			for (size_t d = 0; d < 3; d++, tried++) {
				(void)snprintf(typed, sizeof typed, "%s%s%s", pieces[i], dividers[d],
					       pieces[k]);
				try_hostile(typed);
			}
	assert_true(tried > 200);
	/* The test looks at something at all. */
	assert_true(paths_seen > 1000);
	pv_store_close(&store);
}

static void names_of_any_length(void **state)
{
	static const size_t lengths[] = { 1,   63,   64,   65,	 253,  254,  255,
					  256, 1022, 1023, 1024, 1025, 4096, 100000 };
	char *typed = malloc(200100);

	assert_non_null(typed);
	open_with(*state, "");
	for (size_t i = 0; i < sizeof lengths / sizeof *lengths; i++) {
		memset(typed, 'a', lengths[i]);
		typed[lengths[i]] = '\0';
		try_hostile(typed);
		memcpy(typed + lengths[i], "@kvt.dk", 8);
		try_hostile(typed);
		memcpy(typed, "abc@", 4);
		memset(typed + 4, 'a', lengths[i]);
		memcpy(typed + 4 + lengths[i], ".dk", 4);
		try_hostile(typed);
		for (size_t k = 0; k + 1 < lengths[i]; k += 2)
			memcpy(typed + k, k % 4 != 0 ? ".a" : "%n", 2);
		try_hostile(typed);
	}
	/* The longest user there is. */
	memset(typed, 'a', PV_USER_MAX);
	memcpy(typed + PV_USER_MAX, "@kvt.dk", 8);
	assert_means(typed, NULL, typed);
	free(typed);
	pv_store_close(&store);
}

static void some_hostile_names_and_what_they_mean(void **state)
{
	static const char *const nobody[] = {
		"",
		"@",
		"%",
		"@kvt.dk",
		"abc@",
		"a@b@kvt.dk",
		"a%b@kvt.dk",
		"abc@kvt.dk@",
		"../abc@kvt.dk",
		"abc@../kvt.dk",
		"abc@kvt",
		"abc@kvt.dk/x",
		"abc @kvt.dk",
		"abc@ kvt.dk",
		"abc.@kvt.dk",
		"abc%2f",
		"abc+tag@kvt.dk",
		"..",
		"/",
		" ",
		"abc.lock",
		"abc@virtual.conf",
		"abc@x.lock",
		"abc@\xff.dk",
		"\xc3\xa6@kvt.dk",
		"abc@kvt.dk..",
		"%s%n",
		"abc@%s%n",
	};

	open_with(*state, "");
	for (size_t i = 0; i < sizeof nobody / sizeof *nobody; i++)
		assert_means(nobody[i], NULL, "nobody");
	/* Full stops of other scripts are full stops in a domain (RFC 5895), and in no user's name. */
	assert_means("abc@kvt\xe3\x80\x82"
		     "dk",
		     NULL, "abc@kvt.dk");
	assert_means("abc@kvt\xef\xbc\x8e"
		     "dk",
		     NULL, "abc@kvt.dk");
	assert_means("abc@kvt\xef\xbd\xa1"
		     "dk",
		     NULL, "abc@kvt.dk");
	assert_means("a\xef\xbc\x8e"
		     "b@kvt.dk",
		     NULL, "nobody");
	pv_store_close(&store);
}

/* The domain of a server's address, as text; "-": none. */
static const char *server_of(const char *address)
{
	static struct pv_domain d;
	struct pv_error e;
	bool found;

	if (pv_login_server_domain_in(&store, path_of(here, "hosts"), address, &d, &found, &e) != PV_OK)
		fail_msg("%s: %s", address, e.text);
	return found ? d.s : "-";
}

static void the_domain_of_an_address(void **state)
{
	static const struct {
		const char *address, *want;
	} table[] = {
		{ "192.0.2.1", "kvt.dk" },
		{ "::ffff:192.0.2.1", "kvt.dk" },
		{ "192.0.2.2", "mail.org" },
		{ "2001:db8::1", "mail.org" },
		{ "2001:0db8:0:0::1", "mail.org" },
		{ "192.0.2.3", "-" },	   /* pop3_domains says a domain that is none */
		{ "192.0.2.4", "kvt.dk" }, /* the second name on its line */
		{ "192.0.2.5", "-" },
		{ "192.0.2.6", "mail.org" }, /* behind an alias, on its second line */
		{ "192.0.2.7", "-" },	     /* in a comment */
		{ "2001:db8::2", "kvt.dk" },
		{ "::ffff:192.0.2.4", "kvt.dk" },
		{ "127.0.0.1", "-" },
		{ "", "-" },
		{ "localhost", "-" },
		{ "192.0.2.1.1", "-" },
		{ "../../etc/passwd", "-" },
	};

	open_with(*state, "pop3_domains = 192.0.2.1=kvt.dk, 192.0.2.2=org.dk 2001:db8::1=mail.org,\n"
			  "  192.0.2.3=other.dk\n");
	put(*state, "hosts",
	    "127.0.0.1 localhost\n192.0.2.1 a.mail.org\n192.0.2.3 kvt.dk\n  192.0.2.4\thost pop.kvt.dk "
	    "mail.org # x\n"
	    "192.0.2.5 host.other.dk\n192.0.2.6 www.example.org\n192.0.2.6 pop.org.dk\n#192.0.2.7 kvt.dk\n"
	    "192.0.2.7 x # kvt.dk\nfe80::1%lo kvt.dk\n2001:db8::0:2 kvt.dk\nrubbish\n",
	    0, 0644);
	for (size_t i = 0; i < sizeof table / sizeof *table; i++)
		if (strcmp(server_of(table[i].address), table[i].want) != 0)
			fail_msg("%s: got %s, want %s", table[i].address, server_of(table[i].address),
				 table[i].want);
	assert_int_equal(unlinkat(here->fd, "hosts", 0), 0);
	assert_string_equal(server_of("192.0.2.4"), "-");
	assert_string_equal(server_of("192.0.2.1"), "kvt.dk");
	/* The real file, whatever it says. */
	struct pv_domain d;
	bool found;
	assert_int_equal(pv_login_server_domain(&store, "192.0.2.1", &d, &found, NULL), PV_OK);
	assert_true(found);
	pv_store_close(&store);
}

static enum pv_class name_once(void *ctx, bool *right_r, struct pv_error *e)
{
	struct pv_login_name n;

	enum pv_class c = pv_login_name_parse(&store, ctx, NULL, &n, e);
	*right_r = c == PV_OK && strcmp(meaning(&n), "abc@mail.org") == 0;
	return c;
}

static enum pv_class server_once(void *ctx, bool *right_r, struct pv_error *e)
{
	struct pv_domain d;
	bool found;

	enum pv_class c = pv_login_server_domain_in(&store, ctx, "192.0.2.6", &d, &found, e);
	*right_r = found && strcmp(d.s, "mail.org") == 0;
	return c;
}

static void what_cannot_be_read_is_temporary(void **state)
{
	struct pv_login_name n;
	struct pv_error e;
	char name[] = "abc@pop.org.dk";

	open_with(*state, "");
	put(*state, "hosts", "192.0.2.6 www.example.org pop.org.dk\n", 0, 0644);
	assert_true(with_every_fault(name_once, name) > 20);
	assert_true(with_every_fault(server_once, (void *)(uintptr_t)path_of(*state, "hosts")) > 30);
	put_folder(*state, "kvt.dk", ACCOUNT, 0770);
	assert_deferred(pv_login_name_parse(&store, "abc@kvt.dk", NULL, &n, &e), &e, "kvt.dk has mode 0770");
	put(*state, "domains", "x.dk alias_of=\n", 0, 0644);
	assert_deferred(pv_login_name_parse(&store, "abc@x.dk", NULL, &n, &e), &e, "domains, line 1");
	pv_store_close(&store);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
#define T(f) cmocka_unit_test_setup_teardown(f, scratch_make, scratch_remove)
		T(what_is_typed),
		T(the_default_domain),
		T(hostile_names_are_nobody_or_checked),
		T(names_of_any_length),
		T(some_hostile_names_and_what_they_mean),
		T(the_domain_of_an_address),
		T(what_cannot_be_read_is_temporary),
	};

	return cmocka_run_group_tests_name("auth_name", tests, NULL, NULL);
}
