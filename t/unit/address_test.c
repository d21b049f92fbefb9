/* address_test.c: the grammar of names, byte by byte, and what no accepted name may hold. */
#include "scratch.h"

#include "address/address.h"

static const char user_bytes[] = "abcdefghijklmnopqrstuvwxyz0123456789_.-";
static const char domain_bytes[] = "abcdefghijklmnopqrstuvwxyz0123456789.-";

static char folded(char c)
{
	return c >= 'A' && c <= 'Z' ? (char)(c + 32) : c;
}

static bool stands_in(char c, const char *set)
{
	return c != '\0' && strchr(set, c) != NULL;
}

static void users_of_the_grammar(void **state)
{
	static const struct {
		const char *text, *want; /* want NULL: refused */
	} cases[] = {
		{ "abc", "abc" },
		{ "a", "a" },
		{ "0", "0" },
		{ "_", "_" },
		{ "_x", "_x" },
		{ "ABC", "abc" },
		{ "a.b-c_d9", "a.b-c_d9" },
		{ "a--b", "a--b" },
		{ "a-", "a-" },
		{ "a.-.b", "a.-.b" },
		{ "lock", "lock" },
		{ "db", "db" },
		{ "a.lockx", "a.lockx" },
		{ "a.news", "a.news" },
		{ "a.lock.b", "a.lock.b" },
		{ "", NULL },
		{ ".", NULL },
		{ "..", NULL },
		{ "-", NULL },
		{ "-a", NULL },
		{ ".a", NULL },
		{ "a.", NULL },
		{ "a..b", NULL },
		{ "a...b", NULL },
		{ "a+b", NULL },
		{ "+", NULL },
		{ "a b", NULL },
		{ " a", NULL },
		{ "a ", NULL },
		{ "a\n", NULL },
		{ "a/b", NULL },
		{ "/a", NULL },
		{ "../a", NULL },
		{ "a@b", NULL },
		{ "a%b", NULL },
		{ "a!b", NULL },
		{ "a:b", NULL },
		{ "a,b", NULL },
		{ "a=b", NULL },
		{ "a'b", NULL },
		{ "a$b", NULL },
		{ "\"a\"", NULL },
		{ "a\\b", NULL },
		{ "\xc3\xa6", NULL },
		{ "a\xe2\x80\xa4\x62", NULL },
		{ "a.lock", NULL },
		{ "a.new", NULL },
		{ "a.tmp", NULL },
		{ "a.auto", NULL },
		{ "a.vacation", NULL },
		{ "a.db", NULL },
		{ "a.journal", NULL },
		{ "a.msg", NULL },
		{ "a.LOCK", NULL },
		{ "a.Vacation.Db", NULL },
	};

	(void)state;
	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
		struct pv_user u = { .s = "before" };
		struct pv_error e = { .text = "" };
		enum pv_class c = pv_user_parse(cases[i].text, strlen(cases[i].text), &u, &e);
		if (c != (cases[i].want != NULL ? PV_OK : PV_PERMANENT))
			fail_msg("`%s`: class %d, %s", cases[i].text, c, e.text);
		if (cases[i].want == NULL) {
			assert_string_equal(e.status, "5.1.3");
			assert_string_equal(u.s, "before");
			continue;
		}
		assert_string_equal(u.s, cases[i].want);
		assert_int_equal(u.len, strlen(cases[i].want));
	}
}

static void domains_of_the_grammar(void **state)
{
	static const struct {
		const char *text, *want;
	} cases[] = {
		{ "kvt.dk", "kvt.dk" },
		{ "KVT.DK", "kvt.dk" },
		{ "a.b", "a.b" },
		{ "y.z.kvt.dk", "y.z.kvt.dk" },
		{ "xn--bcher-kva.example", "xn--bcher-kva.example" },
		{ "a--b.dk", "a--b.dk" },
		{ "1.2.3.dk", "1.2.3.dk" },
		{ "3com.com", "3com.com" },
		{ "example.4u", "example.4u" },
		{ "confx.conf.dk", "confx.conf.dk" },
		{ "a.config", "a.config" },
		{ "invalid.dk", "invalid.dk" },
		{ "", NULL },
		{ ".", NULL },
		{ "..", NULL },
		{ "dk", NULL },
		{ "localhost", NULL },
		{ "kvt.dk.", NULL },
		{ ".kvt.dk", NULL },
		{ "kvt..dk", NULL },
		{ "-kvt.dk", NULL },
		{ "kvt-.dk", NULL },
		{ "kvt.-dk", NULL },
		{ "kvt.dk-", NULL },
		{ "kvt_a.dk", NULL },
		{ "kvt dk.dk", NULL },
		{ "kvt/a.dk", NULL },
		{ "../kvt.dk", NULL },
		{ "127.0.0.1", NULL },
		{ "[127.0.0.1]", NULL },
		{ "a.1", NULL },
		{ "b\xc3\xbc\x63her.example", NULL },
		{ "kvt\xe3\x80\x82\x64k", NULL },
		{ "kvt.conf", NULL },
		{ "kvt.lock", NULL },
		{ "virtual.invalid", NULL },
		{ "virtual.CONF", NULL },
		{ "a.b.invalid", NULL },
		{ "kvt.dk\n", NULL },
		{ "kvt.dk:x", NULL },
		{ "*.dk", NULL },
	};

	(void)state;
	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
		struct pv_domain d = { .s = "before" };
		struct pv_error e = { .text = "" };
		enum pv_class c = pv_domain_parse(cases[i].text, strlen(cases[i].text), &d, &e);
		if (c != (cases[i].want != NULL ? PV_OK : PV_PERMANENT))
			fail_msg("`%s`: class %d, %s", cases[i].text, c, e.text);
		if (cases[i].want == NULL) {
			assert_string_equal(e.status, "5.1.2");
			assert_string_equal(d.s, "before");
			continue;
		}
		assert_string_equal(d.s, cases[i].want);
		assert_int_equal(d.len, strlen(cases[i].want));
	}
}

static void lengths_have_limits(void **state)
{
	char text[400], error[PV_ERROR_TEXT];
	struct pv_user u;
	struct pv_domain d;
	struct pv_error e;

	(void)state;
	memset(text, 'a', sizeof text);
	for (size_t len = 0; len < sizeof text; len++)
		assert_int_equal(pv_user_parse(text, len, &u, &e) == PV_OK, len >= 1 && len <= 64);
	/* Labels: one of n bytes, then `.dk`. */
	for (size_t n = 1; n < 100; n++) {
		memset(text, 'a', n);
		memcpy(text + n, ".dk", 4);
		assert_int_equal(pv_domain_parse(text, n + 3, &d, &e) == PV_OK, n <= 63);
	}
	/* Domains: labels of 49 bytes, filled up to len. */
	for (size_t len = 240; len < sizeof text; len++) {
		for (size_t i = 0; i < len; i++)
			text[i] = i % 50 == 49 && i + 1 < len ? '.' : 'a';
		assert_int_equal(pv_domain_parse(text, len, &d, &e) == PV_OK, len <= 253);
		if (len <= 253)
			assert_int_equal(d.len, len);
	}
	(void)snprintf(error, sizeof error, "%s", e.text);
	assert_true(strlen(error) < 200); /* what is quoted is cut, so that the reason fits */
}

/* Every byte at every place of a name that is otherwise good. */
static void every_byte_at_every_place(void **state)
{
	static const char user[] = "abcdef", domain[] = "abc.def";
	struct pv_user u;
	struct pv_domain d;

	(void)state;
	for (size_t at = 0; at < strlen(user); at++)
		for (int byte = 0; byte < 256; byte++) {
			char text[] = "abcdef";
			text[at] = (char)byte;
			char c = folded((char)byte);
			bool good = stands_in(c, user_bytes) && !(at == 0 && (c == '.' || c == '-')) &&
				    !(at == 5 && c == '.');
			assert_int_equal(pv_user_parse(text, 6, &u, NULL) == PV_OK, good);
		}
	for (size_t at = 0; at < strlen(domain); at++)
		for (int byte = 0; byte < 256; byte++) {
			char text[] = "abc.def";
			text[at] = (char)byte;
			char c = folded((char)byte);
			bool edge = at == 0 || at == 2 || at == 4 || at == 6;
			bool dot_is_bad = at != 1 && at != 5 && at != 3;
			bool good = stands_in(c, domain_bytes) && !(edge && c == '-') &&
				    !(c == '.' && dot_is_bad) && (at != 3 || c == '.');
			assert_int_equal(pv_domain_parse(text, 7, &d, NULL) == PV_OK, good);
		}
}

/* Every two bytes as a whole name, and random longer ones: what is accepted keeps to the grammar. */
static void what_is_accepted_keeps_to_the_grammar(void **state)
{
	static const char alphabet[] = "aZ09_.-./@+ \0\n\xc3%";
	uint64_t seed = 3;
	struct pv_user u;
	struct pv_domain d;
	unsigned users = 0, domains = 0;

	(void)state;
	for (int run = 0; run < 400000; run++) {
		char text[12];
		size_t len = next_random(&seed) % (sizeof text + 1);
		for (size_t i = 0; i < len; i++)
			text[i] =
				run % 4 == 0
					? (char)next_random(&seed)
					: alphabet[next_random(&seed) % (run % 2 ? 7 : sizeof alphabet - 1)];
		if (pv_user_parse(text, len, &u, NULL) == PV_OK) {
			users++;
			assert_int_equal(strlen(u.s), len);
			assert_int_equal(strspn(u.s, user_bytes), len);
			assert_null(strstr(u.s, ".."));
			assert_null(strchr(u.s, '/'));
			assert_true(u.s[0] != '.' && u.s[0] != '-' && u.s[len - 1] != '.');
		}
		if (pv_domain_parse(text, len, &d, NULL) == PV_OK) {
			domains++;
			assert_int_equal(strlen(d.s), len);
			assert_int_equal(strspn(d.s, domain_bytes), len);
			assert_null(strstr(d.s, ".."));
			assert_non_null(strchr(d.s, '.'));
			assert_true(d.s[0] != '.' && d.s[0] != '-' && d.s[len - 1] != '.');
		}
	}
	assert_true(users > 1000 && domains > 1000);
}

static void addresses_are_divided_at_the_last_at(void **state)
{
	static const struct {
		const char *text, *user, *domain; /* user NULL: refused */
		const char *status;
	} cases[] = {
		{ "abc@kvt.dk", "abc", "kvt.dk", NULL },
		{ "ABC@KVT.DK", "abc", "kvt.dk", NULL },
		{ "a@b@kvt.dk", NULL, NULL, "5.1.3" },
		{ "kvt.dk", NULL, NULL, "5.1.3" },
		{ "@kvt.dk", NULL, NULL, "5.1.3" },
		{ "abc@", NULL, NULL, "5.1.2" },
		{ "@", NULL, NULL, "5.1.3" },
		{ "", NULL, NULL, "5.1.3" },
		{ "abc@kvt.dk@", NULL, NULL, "5.1.3" },
		{ "abc@dk", NULL, NULL, "5.1.2" },
		{ "\"other+ x\"@kvt.dk", NULL, NULL, "5.1.3" },
		{ "abc+tag@kvt.dk", NULL, NULL, "5.1.3" },
		{ "abc@[127.0.0.1]", NULL, NULL, "5.1.2" },
		{ "<abc@kvt.dk>", NULL, NULL, "5.1.3" },
		{ "abc@kvt.dk\n", NULL, NULL, "5.1.2" },
	};

	(void)state;
	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
		struct pv_address a;
		struct pv_error e;
		enum pv_class c = pv_address_parse(cases[i].text, strlen(cases[i].text), &a, &e);
		if (c != (cases[i].user != NULL ? PV_OK : PV_PERMANENT))
			fail_msg("`%s`: class %d", cases[i].text, c);
		if (c != PV_OK) {
			assert_string_equal(e.status, cases[i].status);
			continue;
		}
		assert_string_equal(a.user.s, cases[i].user);
		assert_string_equal(a.domain.s, cases[i].domain);
	}
}

static void a_nul_ends_nothing(void **state)
{
	struct pv_user u;
	struct pv_domain d;
	struct pv_address a;

	(void)state;
	assert_int_equal(pv_user_parse("abc\0", 4, &u, NULL), PV_PERMANENT);
	assert_int_equal(pv_user_parse("abc\0def", 7, &u, NULL), PV_PERMANENT);
	assert_int_equal(pv_domain_parse("kvt.dk\0.evil.com", 16, &d, NULL), PV_PERMANENT);
	assert_int_equal(pv_address_parse("abc\0@kvt.dk", 11, &a, NULL), PV_PERMANENT);
	assert_int_equal(pv_address_parse("abc@kvt.dk\0", 11, &a, NULL), PV_PERMANENT);
	/* And bytes behind len do not count. */
	assert_int_equal(pv_address_parse("abc@kvt.dkx", 10, &a, NULL), PV_OK);
	assert_string_equal(a.domain.s, "kvt.dk");
}

static struct pv_domain domain(const char *text)
{
	struct pv_domain d;

	assert_int_equal(pv_domain_parse(text, strlen(text), &d, NULL), PV_OK);
	return d;
}

static void sub_domains_are_told_from_lookalikes(void **state)
{
	static const struct {
		const char *sub, *parent;
		bool below;
	} cases[] = {
		{ "a.kvt.dk", "kvt.dk", true },	   { "y.z.kvt.dk", "kvt.dk", true },
		{ "kvt.dk", "kvt.dk", false },	   { "xkvt.dk", "kvt.dk", false },
		{ "x-kvt.dk", "kvt.dk", false },   { "kvt.dk", "a.kvt.dk", false },
		{ "kvt.dk.com", "kvt.dk", false }, { "a.kvt.dk", "kvt.de", false },
	};
	struct pv_domain up;

	(void)state;
	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
		struct pv_domain sub = domain(cases[i].sub), parent = domain(cases[i].parent);
		assert_int_equal(pv_domain_is_below(&sub, &parent), cases[i].below);
	}
	struct pv_domain d = domain("y.z.kvt.dk");
	assert_true(pv_domain_parent(&d, &up));
	assert_string_equal(up.s, "z.kvt.dk");
	assert_int_equal(up.len, 8);
	assert_true(pv_domain_parent(&up, &up));
	assert_string_equal(up.s, "kvt.dk");
	assert_false(pv_domain_parent(&up, &up));
	assert_string_equal(up.s, "kvt.dk");
}

static void equal_means_equal(void **state)
{
	struct pv_user a, b, c;
	struct pv_domain d = domain("kvt.dk"), e = domain("KVT.dk"), f = domain("kvt.d");

	(void)state;
	assert_int_equal(pv_user_parse("abc", 3, &a, NULL), PV_OK);
	assert_int_equal(pv_user_parse("ABC", 3, &b, NULL), PV_OK);
	assert_int_equal(pv_user_parse("abcd", 4, &c, NULL), PV_OK);
	assert_true(pv_user_equal(&a, &b) && !pv_user_equal(&a, &c) && !pv_user_equal(&c, &a));
	assert_true(pv_domain_equal(&d, &e) && !pv_domain_equal(&d, &f) && !pv_domain_equal(&f, &d));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(users_of_the_grammar),
		cmocka_unit_test(domains_of_the_grammar),
		cmocka_unit_test(lengths_have_limits),
		cmocka_unit_test(every_byte_at_every_place),
		cmocka_unit_test(what_is_accepted_keeps_to_the_grammar),
		cmocka_unit_test(addresses_are_divided_at_the_last_at),
		cmocka_unit_test(a_nul_ends_nothing),
		cmocka_unit_test(sub_domains_are_told_from_lookalikes),
		cmocka_unit_test(equal_means_equal),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
