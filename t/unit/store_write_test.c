/* store_write_test.c: from text to text: passwd, domains, users/<user>, host-addresses. */
#include "scratch.h"

#include "store/hosts.h"
#include "store/passwd_write.h"
#include "store/registry_write.h"

enum { ACCOUNT = 60001 };

static struct pv_user user(const char *s)
{
	struct pv_user u;

	assert_int_equal(pv_user_parse(s, strlen(s), &u, NULL), PV_OK);
	return u;
}

#define LINE(name) name ":*:60001:60001:" name "name:.:\n"

static void passwd_is_edited(void **state)
{
	static const struct {
		const char *what, *text, *user, *rename, *hash, *insert;
		bool remove, found;
		const char *result;
	} table[] = {
		{ "insert keeps the order", LINE("a") LINE("c"), "b", NULL, NULL,
		  "b:*:60001:60001:bname:.:", false, false, LINE("a") LINE("b") LINE("c") },
		{ "what was unsorted is sorted", LINE("c") LINE("a"), "b", NULL, NULL,
		  "b:*:60001:60001:bname:.:", false, false, LINE("a") LINE("b") LINE("c") },
		{ "names are compared, not lines", LINE("a-b") LINE("a.b") LINE("a0"), "a", NULL, NULL,
		  "a:*:60001:60001:aname:.:", false, false, LINE("a") LINE("a-b") LINE("a.b") LINE("a0") },
		{ "comments and blank lines go to the top", LINE("b") "# two\n\n" LINE("a") "  # three\n",
		  "a", NULL, "X", NULL, false, true,
		  "# two\n\n  # three\na:X:60001:60001:aname:.:\n" LINE("b") },
		{ "a second insert changes nothing", LINE("a"), "a", NULL, NULL,
		  "a:other:60001:60001::.:", false, true, LINE("a") },
		{ "a hash", LINE("a") LINE("b"), "b", NULL, "$y$x", NULL, false, true,
		  LINE("a") "b:$y$x:60001:60001:bname:.:\n" },
		{ "the rest of a line stays as it is", "a:*:60001:60001: A, B ;:/x/ :/bin/sh\n", "a", NULL,
		  "h", NULL, false, true, "a:h:60001:60001: A, B ;:/x/ :/bin/sh\n" },
		{ "removal", LINE("a") LINE("b"), "a", NULL, NULL, NULL, true, true, LINE("b") },
		{ "removal of who is not there", LINE("a"), "b", NULL, NULL, NULL, true, false, LINE("a") },
		{ "removal of the last leaves a whole file", LINE("a"), "a", NULL, NULL, NULL, true, true,
		  PV_PASSWD_HEAD },
		{ "rename moves the line", LINE("a") LINE("b"), "a", "c", NULL, NULL, false, true,
		  LINE("b") "c:*:60001:60001:aname:.:\n" },
		{ "rename of who is not there", LINE("b"), "a", "c", NULL, NULL, false, false, LINE("b") },
		{ "names are folded", "Abc:*:60001:60001::.:\n", "abc", NULL, "h", NULL, false, true,
		  "abc:h:60001:60001::.:\n" },
	};

	(void)state;
	for (size_t i = 0; i < sizeof table / sizeof *table; i++) {
		struct pv_user u = user(table[i].user), to = user("x");
		struct pv_passwd_edit edit = { .user = &u,
					       .hash = table[i].hash,
					       .insert = table[i].insert,
					       .remove = table[i].remove };
		struct pv_buf out = PV_BUF_INIT(4096);
		struct pv_error e = { .text = "" };
		bool found = !table[i].found;
		if (table[i].rename != NULL) {
			to = user(table[i].rename);
			edit.rename = &to;
		}
		if (pv_passwd_change(table[i].text, strlen(table[i].text), "passwd", ACCOUNT, &edit, &found,
				     &out, &e) != PV_OK)
			fail_msg("%s: %s", table[i].what, e.text);
		if (strcmp(out.s, table[i].result) != 0 || found != table[i].found)
			fail_msg("%s: found %d, text:\n%s", table[i].what, found, out.s);
		pv_buf_free(&out);
	}
}

/* Every edit is refused, and nothing is dropped: not even the bad line. */
static void a_bad_passwd_is_not_edited(void **state)
{
	static const struct {
		const char *text, *says;
		enum pv_class class;
	} table[] = {
		{ LINE("a") "junk\n" LINE("b"), "passwd, line 2", PV_TEMPORARY },
		{ LINE("a") "b:*:60002:60001::.:\n", "passwd, line 2", PV_TEMPORARY },
		{ LINE("a") "b:*:60001:60001::.\n", "passwd, line 2", PV_TEMPORARY },
		{ LINE("a") "b:*:60001:60001::.:", "no newline", PV_TEMPORARY },
		{ LINE("a") LINE("b") LINE("a"), "twice", PV_TEMPORARY },
		{ LINE("a") "../x:*:60001:60001::.:\n", "passwd, line 2", PV_TEMPORARY },
		{ LINE("a") LINE("b"), "is there already", PV_PERMANENT },
	};
	struct pv_user a = user("a"), b = user("b");

	(void)state;
	for (size_t i = 0; i < sizeof table / sizeof *table; i++) {
		const struct pv_passwd_edit edit = { .user = &a, .rename = &b };
		struct pv_buf out = PV_BUF_INIT(4096);
		struct pv_error e = { .text = "" };
		bool found;
		assert_int_equal(pv_passwd_change(table[i].text, strlen(table[i].text), "passwd", ACCOUNT,
						  &edit, &found, &out, &e),
				 table[i].class);
		if (strstr(e.text, table[i].says) == NULL)
			fail_msg("`%s` is not in `%s`", table[i].says, e.text);
		assert_int_equal(out.len, 0);
		pv_buf_free(&out);
	}
}

/* Random edits, and a model: the file is the set of users, always sorted. */
static void random_edits_agree_with_a_set(void **state)
{
	struct pv_buf text = PV_BUF_INIT(65536);
	bool model[40] = { false };
	uint64_t seed = 1;

	(void)state;
	pv_buf_adds(&text, "# head\n");
	for (int round = 0; round < 3000; round++) {
		struct pv_buf out = PV_BUF_INIT(65536), want = PV_BUF_INIT(65536);
		char name[8], line[64];
		unsigned n = next_random(&seed) % 40;
		bool removes = next_random(&seed) % 2 == 0, found;
		(void)snprintf(name, sizeof name, "u%02u", n);
		(void)snprintf(line, sizeof line, "%s:*:60001:60001::.:", name);
		struct pv_user u = user(name);
		const struct pv_passwd_edit edit = { .user = &u,
						     .insert = removes ? NULL : line,
						     .remove = removes };
		assert_int_equal(
			pv_passwd_change(text.s, text.len, "passwd", ACCOUNT, &edit, &found, &out, NULL),
			PV_OK);
		assert_int_equal(found, model[n]);
		model[n] = !removes;
		pv_buf_adds(&want, "# head\n");
		for (unsigned i = 0; i < 40; i++)
			if (model[i])
				pv_buf_addf(&want, "u%02u:*:60001:60001::.:\n", i);
		assert_string_equal(out.s, want.s);
		pv_buf_free(&want);
		pv_buf_free(&text);
		text = out;
	}
	pv_buf_free(&text);
}

static void a_line_for_passwd_is_checked(void **state)
{
	static const struct {
		const char *name, *home;
		enum pv_class class;
	} table[] = {
		{ "A Name, Esq.", ".", PV_OK },
		{ "", "/home/account", PV_OK },
		{ "\xc3\xa6", ".", PV_OK },
		{ "a:b", ".", PV_PERMANENT },
		{ "a\nb:*:0:0::.:", ".", PV_PERMANENT },
		{ "a\x7f", ".", PV_PERMANENT },
		{ "", "", PV_PERMANENT },
		{ "", "home", PV_PERMANENT },
		{ "", "/a/../b", PV_PERMANENT },
		{ "", "/a/..", PV_PERMANENT },
		{ "", "/a/..b", PV_OK },
		{ "", "/a:b", PV_PERMANENT },
		{ "", "/a\n", PV_PERMANENT },
		{ "", "..", PV_PERMANENT },
	};
	struct pv_user a = user("a");

	(void)state;
	for (size_t i = 0; i < sizeof table / sizeof *table; i++) {
		struct pv_buf out = PV_BUF_INIT(PV_PASSWD_LINE_MAX);
		struct pv_passwd_entry p;
		enum pv_class c =
			pv_passwd_line(&a, "*", ACCOUNT, 60001, table[i].name, table[i].home, &out, NULL);
		if (c != table[i].class)
			fail_msg("name `%s`, home `%s`: class %d", table[i].name, table[i].home, (int)c);
		/* What we write, we read. */
		if (c == PV_OK)
			assert_int_equal(pv_passwd_parse(out.s, out.len, ACCOUNT, &p, NULL), PV_OK);
		pv_buf_free(&out);
	}
}

static void domains_is_edited(void **state)
{
	static const struct {
		const char *text, *result; /* of giving kvt.dk the line `kvt.dk account=x` */
		const char *without;	   /* of taking its line out */
	} table[] = {
		{ "", "kvt.dk account=x\n", "" },
		{ "# c\na.dk commands=no\n", "# c\na.dk commands=no\nkvt.dk account=x\n",
		  "# c\na.dk commands=no\n" },
		{ "a.dk\nkvt.dk account=y\nz.dk\n", "a.dk\nkvt.dk account=x\nz.dk\n", "a.dk\nz.dk\n" },
		{ "kvt.dk account=y\n  commands=no\n# c\n\tmax_users=3\nz.dk\n  own=abuse\n",
		  "kvt.dk account=x\n# c\nz.dk\n  own=abuse\n", "# c\nz.dk\n  own=abuse\n" },
		{ "KVT.dk account=y", "kvt.dk account=x\n", "" },
		{ "xkvt.dk a\nkvt.dk.eu b", "xkvt.dk a\nkvt.dk.eu b\nkvt.dk account=x\n",
		  "xkvt.dk a\nkvt.dk.eu b\n" },
	};
	struct pv_domain d;

	(void)state;
	assert_int_equal(pv_domain_parse("kvt.dk", 6, &d, NULL), PV_OK);
	for (size_t i = 0; i < sizeof table / sizeof *table; i++) {
		struct pv_buf out = PV_BUF_INIT(4096);
		struct pv_registry_entry r;
		pv_registry_default(&d, &r);
		(void)snprintf(r.account, sizeof r.account, "x");
		assert_int_equal(pv_registry_change(table[i].text, strlen(table[i].text), &d, &r, &out, NULL),
				 PV_OK);
		assert_string_equal(out.s, table[i].result);
		pv_buf_reset(&out);
		assert_int_equal(
			pv_registry_change(table[i].text, strlen(table[i].text), &d, NULL, &out, NULL),
			PV_OK);
		assert_string_equal(out.s, table[i].without);
		pv_buf_free(&out);
	}
}

static void parse_hosts(const char *text, struct pv_hosts *h, enum pv_class want, struct pv_error *e)
{
	struct pv_buf b = PV_BUF_INIT(65536);

	pv_buf_adds(&b, text);
	enum pv_class c = pv_hosts_parse(&b, "host-addresses", h, e);
	if (c != want)
		fail_msg("`%s`: class %d, %s", text, (int)c, c != PV_OK ? e->text : "");
	pv_buf_free(&b);
}

static void host_addresses_are_read(void **state)
{
	struct pv_user u = user("abuse");
	struct pv_error e;
	struct pv_hosts h;

	(void)state;
	parse_hosts("# c\nWebmaster www\npostmaster  root,,a@b.dk ,c\n\nabuse desk\n  postmaster\n", &h,
		    PV_OK, &e);
	assert_int_equal(h.count, 3);
	assert_string_equal(h.list[0].name.s, "abuse");
	assert_string_equal(h.list[0].targets, "desk, postmaster");
	assert_string_equal(h.list[1].targets, "root, a@b.dk, c");
	assert_string_equal(h.list[2].name.s, "webmaster");
	assert_ptr_equal(pv_hosts_get(&h, &u), &h.list[0]);
	u = user("nobody");
	assert_null(pv_hosts_get(&h, &u));
	pv_hosts_free(&h);
	parse_hosts("", &h, PV_OK, &e);
	assert_int_equal(h.count, 0);
	assert_null(pv_hosts_get(&h, &u));
	pv_hosts_free(&h);
}

static void bad_host_addresses_are_refused(void **state)
{
	static const struct {
		const char *text, *says;
	} table[] = {
		{ "postmaster\n", "line 1" },	       { "a@b.dk root\n", "line 1" },
		{ "abuse root\nabuse x\n", "line 2" }, { "abuse |/bin/sh\n", "line 1" },
		{ "abuse \"x y\"@b.dk\n", "line 1" },  { "abuse :include:/etc/x\n", "line 1" },
		{ "abuse /var/mail/x\n", "line 1" },   { "abuse -x\n", "line 1" },
		{ "abuse a..b@c.dk\n", "line 1" },     { "abuse a@b\n", "line 1" },
		{ "abuse a@b.dk@c.dk\n", "line 1" },
	};

	(void)state;
	for (size_t i = 0; i < sizeof table / sizeof *table; i++) {
		struct pv_error e = { .text = "" };
		struct pv_hosts h;
		parse_hosts(table[i].text, &h, PV_TEMPORARY, &e);
		assert_non_null(strstr(e.text, "host-addresses"));
		assert_non_null(strstr(e.text, table[i].says));
		assert_null(h.list);
	}
}

static void many_host_addresses_are_held(void **state)
{
	struct pv_buf text = PV_BUF_INIT(65536);
	struct pv_error e;
	struct pv_hosts h;

	(void)state;
	for (int i = 0; i < 100; i++)
		pv_buf_addf(&text, "name%03d root\n", 99 - i);
	parse_hosts(text.s, &h, PV_OK, &e);
	assert_int_equal(h.count, 100);
	assert_string_equal(h.list[7].name.s, "name007");
	pv_hosts_free(&h);
	pv_buf_free(&text);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(passwd_is_edited),
		cmocka_unit_test(a_bad_passwd_is_not_edited),
		cmocka_unit_test(random_edits_agree_with_a_set),
		cmocka_unit_test(a_line_for_passwd_is_checked),
		cmocka_unit_test(domains_is_edited),
		cmocka_unit_test(host_addresses_are_read),
		cmocka_unit_test(bad_host_addresses_are_refused),
		cmocka_unit_test(many_host_addresses_are_held),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
