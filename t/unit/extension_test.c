/* extension_test.c: `user--domain` there and back, every reading of it, and what local(8) folds. */
#include "scratch.h"

#include "address/extension.h"

/* All readings as one text: `user@domain(tag)|...`. */
static void render(const char *ext, size_t len, char *out, size_t size)
{
	struct pv_extension_reading r;
	size_t from = 0, n = 0;

	out[0] = '\0';
	while (pv_extension_next(ext, len, &from, &r)) {
		n += (size_t)snprintf(out + n, size - n, "%s@%s", r.has_user ? r.user.s : "", r.domain.s);
		if (r.tag_len != 0)
			n += (size_t)snprintf(out + n, size - n, "(%.*s)", (int)r.tag_len, r.tag);
		n += (size_t)snprintf(out + n, size - n, "|");
		assert_true(n < size);
	}
	assert_int_equal(from, len);
}

static void extensions_have_these_readings(void **state)
{
	static const struct {
		const char *ext, *want;
	} cases[] = {
		{ "abc--kvt.dk", "abc@kvt.dk|" },
		{ "ABC--KVT.DK", "abc@kvt.dk|" },
		{ "abc--kvt.dk+tag", "abc@kvt.dk(tag)|" },
		{ "abc+tag--kvt.dk", "abc@kvt.dk(tag)|" },
		{ "abc--kvt.dk+", "abc@kvt.dk|" },
		{ "abc--kvt.dk+a+b", "abc@kvt.dk(a+b)|" },
		{ "abc+a+b--kvt.dk", "abc@kvt.dk(a+b)|" },
		{ "abc--kvt.dk+x--y.dk", "abc@kvt.dk(x--y.dk)|abc--kvt.dk@y.dk(x)|" },
		{ "--catch.dk", "@catch.dk|" },
		{ "--catch.dk+tag", "@catch.dk(tag)|" },
		{ "a--b--c.dk", "a@b--c.dk|a--b@c.dk|" },
		{ "abc--xn--p1ai.dk", "abc@xn--p1ai.dk|abc--xn@p1ai.dk|" },
		{ "a---b.dk", "a-@b.dk|" },
		{ "a----b.dk", "a--@b.dk|" },
		{ "abc--sub.kvt.dk", "abc@sub.kvt.dk|" },
		{ "abc-kvt.dk", "" },
		{ "abc--dk", "" },
		{ "abc--", "" },
		{ "--", "" },
		{ "-", "" },
		{ "", "" },
		{ "---", "" },
		{ "abc", "" },
		{ "a b--kvt.dk", "" },
		{ "a/b--kvt.dk", "" },
		{ "../x--kvt.dk", "" },
		{ "abc--../kvt.dk", "" },
		{ "abc--kvt.dk/", "" },
		{ "abc--virtual.invalid", "" },
		{ "a.lock--kvt.dk", "" },
		{ "\xc3\xa6--kvt.dk", "" },
	};
	char out[500];

	(void)state;
	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
		render(cases[i].ext, strlen(cases[i].ext), out, sizeof out);
		if (strcmp(out, cases[i].want) != 0)
			fail_msg("`%s`: `%s`, not `%s`", cases[i].ext, out, cases[i].want);
	}
	render("abc--kvt.dk\0", 12, out, sizeof out);
	assert_string_equal(out, "");
}

/* A random name of letters that like to make trouble; false where it is none. */
static bool random_address(uint64_t *seed, struct pv_user *u, struct pv_domain *d)
{
	static const char user_letters[] = "ab-.-_9", domain_letters[] = "x-n-.a";
	char user[20], name[40];
	size_t user_len = 1 + next_random(seed) % 10, len = 0;

	for (size_t i = 0; i < user_len; i++)
		user[i] = user_letters[next_random(seed) % (sizeof user_letters - 1)];
	if (next_random(seed) % 2 == 0)
		len = (size_t)snprintf(name, sizeof name, "xn--");
	for (size_t more = len + 1 + next_random(seed) % 8; len < more; len++)
		name[len] = domain_letters[next_random(seed) % (sizeof domain_letters - 1)];
	memcpy(name + len, ".dk", 4);
	return pv_user_parse(user, user_len, u, NULL) == PV_OK &&
	       pv_domain_parse(name, len + 3, d, NULL) == PV_OK;
}

static void what_is_written_is_found_again(void **state)
{
	uint64_t seed = 4;
	unsigned found = 0, several = 0;
	struct pv_user u;
	struct pv_domain d;

	(void)state;
	for (int run = 0; run < 100000; run++) {
		char ext[PV_EXTENSION_SIZE + 4];
		struct pv_extension_reading r;
		size_t from = 0;
		unsigned equal = 0, all = 0;
		if (!random_address(&seed, &u, &d))
			continue;
		assert_int_equal(pv_extension_format(&u, &d, ext, NULL), PV_OK);
		if (run % 2)
			(void)snprintf(ext + strlen(ext), 4, "+t");
		for (; pv_extension_next(ext, strlen(ext), &from, &r); all++)
			equal += r.has_user && pv_user_equal(&r.user, &u) && pv_domain_equal(&r.domain, &d) &&
				 r.tag_len == (run % 2 ? 1U : 0U);
		if (equal != 1)
			fail_msg("%s: %u readings equal %s@%s", ext, equal, u.s, d.s);
		found++;
		several += all > 1;
	}
	assert_true(found > 10000 && several > 1000);
}

static void addresses_over_246_bytes_are_refused(void **state)
{
	char text[260], ext[PV_EXTENSION_SIZE];
	struct pv_user u;
	struct pv_domain d;
	struct pv_error e;

	(void)state;
	for (size_t i = 0; i < sizeof text; i++)
		text[i] = i % 50 == 49 ? '.' : 'a';
	for (size_t user_len = 1; user_len <= 64; user_len++)
		for (size_t domain_len = 170; domain_len <= 248; domain_len++) {
			if (text[domain_len - 1] == '.')
				continue;
			assert_int_equal(
				pv_user_parse("aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"
					      "aaaaaaaaaaaaaaaa",
					      user_len, &u, NULL),
				PV_OK);
			assert_int_equal(pv_domain_parse(text, domain_len, &d, NULL), PV_OK);
			bool fits = user_len + 2 + domain_len <= 246;
			enum pv_class c = pv_extension_format(&u, &d, ext, &e);
			assert_int_equal(c, fits ? PV_OK : PV_PERMANENT);
			if (fits)
				assert_int_equal(strlen(ext), user_len + 2 + domain_len);
			else
				assert_string_equal(e.status, "5.1.3");
		}
}

/* 1 MB of what looks like dividers: in time that grows with the length, not with its square. */
static void long_nonsense_is_read_quickly(void **state)
{
	static const char *const pieces[] = { "-", "--a", "+--", "a.", "--a.dk", "+", "a--b.dk+" };
	const size_t size = 1 << 20;
	char *text = malloc(size);
	clock_t before = clock();

	(void)state;
	assert_non_null(text);
	for (size_t p = 0; p < sizeof pieces / sizeof *pieces; p++) {
		struct pv_extension_reading r;
		size_t from = 0;
		for (size_t i = 0; i < size; i++)
			text[i] = pieces[p][i % strlen(pieces[p])];
		while (pv_extension_next(text, size, &from, &r))
			;
		assert_int_equal(from, size);
	}
	assert_true(clock() - before < 5 * CLOCKS_PER_SEC);
	free(text);
}

static void local_folds_every_byte_so(void **state)
{
	static const char kept[] = "0123456789abcdefghijklmnopqrstuvwxyz!@%-_=+:,./";

	(void)state;
	for (int byte = 0; byte < 256; byte++) {
		char c = (char)byte;
		pv_extension_fold(&c, 1);
		if (byte >= 'A' && byte <= 'Z')
			assert_int_equal(c, byte + 32);
		else if (byte != 0 && strchr(kept, byte) != NULL)
			assert_int_equal((unsigned char)c, byte);
		else
			assert_int_equal(c, '_');
	}
	char name[] = "O'Hara$x";
	pv_extension_fold(name, strlen(name));
	assert_string_equal(name, "o_hara_x");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(extensions_have_these_readings),
		cmocka_unit_test(what_is_written_is_found_again),
		cmocka_unit_test(addresses_over_246_bytes_are_refused),
		cmocka_unit_test(long_nonsense_is_read_quickly),
		cmocka_unit_test(local_folds_every_byte_so),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
