/* hash_test.c: known answers of SHA-256 (FIPS 180-4) and SipHash-2-4, in one piece and in every other. */
#include "scratch.h"

#include "base/hash.h"

static void sha256_hex(const void *data, size_t len, char hex[65])
{
	struct pv_sha256 h;
	unsigned char out[PV_SHA256_BYTES];

	pv_sha256_start(&h);
	pv_sha256_add(&h, data, len);
	pv_sha256_finish(&h, out);
	for (size_t i = 0; i < sizeof out; i++)
		(void)snprintf(hex + 2 * i, 3, "%02x", out[i]);
}

static void sha256_gives_the_known_answers(void **state)
{
	static const struct {
		const char *text, *want;
	} cases[] = {
		{ "", "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855" },
		{ "abc", "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad" },
		{ "abcdbcdecdefdefgefghfghighijhijkijkljklmklmnlmnomnopnopq",
		  "248d6a61d20638b8e5c026930c3e6039a33ce45964ff2167f6ecedd419db06c1" },
		{ "abcdefghbcdefghicdefghijdefghijkefghijklfghijklmghijklmnhijklmnoijklmnopjklmnopqklmnopqr"
		  "lmnopqrsmnopqrstnopqrstu",
		  "cf5b16a778af8380036ce59e7b0492370b249b11e8f07a51afac45037afee9d1" },
	};
	char hex[65];

	(void)state;
	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
		sha256_hex(cases[i].text, strlen(cases[i].text), hex);
		assert_string_equal(hex, cases[i].want);
	}
}

static void sha256_of_a_million_letters(void **state)
{
	char *a = malloc(1000000), hex[65];

	(void)state;
	assert_non_null(a);
	memset(a, 'a', 1000000);
	sha256_hex(a, 1000000, hex);
	free(a);
	assert_string_equal(hex, "cdc76e5c9914fb9281a1c7e284d73e67f1809a48a497200e046d39ccc7112cd0");
}

static uint64_t keyed(const unsigned char key[PV_SUM_KEY], const char *text)
{
	struct pv_sum s;

	pv_sum_start_keyed(&s, key);
	pv_sum_add(&s, text, strlen(text));
	return pv_sum_finish(&s);
}

static void a_key_of_ones_own_gives_other_answers(void **state)
{
	unsigned char key[PV_SUM_KEY];
	uint64_t reference, seen[PV_SUM_KEY];

	(void)state;
	for (unsigned i = 0; i < sizeof key; i++)
		key[i] = (unsigned char)i;
	/* The key of the known answers. */
	assert_true(keyed(key, "") == 0x726fdb47dd0e0e31);
	reference = keyed(key, "abc");
	for (unsigned i = 0; i < sizeof key; i++) {
		key[i] ^= 1;
		seen[i] = keyed(key, "abc");
		key[i] ^= 1;
		assert_true(seen[i] != reference);
		for (unsigned k = 0; k < i; k++)
			assert_true(seen[i] != seen[k]);
	}
	assert_true(keyed(key, "abc") == reference);
}

/* The first, middle and last of the reference's 64 answers: input bytes 0, 1, 2 ... of length N. */
static void siphash_gives_the_known_answers(void **state)
{
	static const struct {
		size_t len;
		uint64_t want;
	} cases[] = {
		{ 0, 0x726fdb47dd0e0e31 },  { 1, 0x74f839c593dc67fd },	{ 2, 0x0d6c8009d9a94f5a },
		{ 7, 0xab0200f58b01d137 },  { 8, 0x93f5f5799a932462 },	{ 15, 0xa129ca6149be45e5 },
		{ 16, 0x3f2acc7f57c29bdb }, { 63, 0x958a324ceb064572 },
	};
	unsigned char data[64];

	(void)state;
	for (unsigned i = 0; i < sizeof data; i++)
		data[i] = (unsigned char)i;
	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
		struct pv_sum s;
		pv_sum_start(&s);
		pv_sum_add(&s, data, cases[i].len);
		assert_true(pv_sum_finish(&s) == cases[i].want);
	}
}

static void pieces_give_what_the_whole_gives(void **state)
{
	unsigned char data[700], whole[PV_SHA256_BYTES], pieces[PV_SHA256_BYTES];
	uint64_t seed = 2;

	(void)state;
	for (size_t i = 0; i < sizeof data; i++)
		data[i] = (unsigned char)next_random(&seed);
	for (int run = 0; run < 3000; run++) {
		struct pv_sha256 a, b;
		struct pv_sum c, d;
		size_t len = next_random(&seed) % sizeof data;
		pv_sha256_start(&a), pv_sha256_start(&b), pv_sum_start(&c), pv_sum_start(&d);
		pv_sha256_add(&a, data, len), pv_sum_add(&c, data, len);
		for (size_t at = 0, n; at < len; at += n) {
			n = next_random(&seed) % (run % 2 ? 9 : 150);
			n = n > len - at ? len - at : n;
			pv_sha256_add(&b, data + at, n), pv_sum_add(&d, data + at, n);
		}
		pv_sha256_finish(&a, whole), pv_sha256_finish(&b, pieces);
		assert_memory_equal(whole, pieces, sizeof whole);
		assert_true(pv_sum_finish(&c) == pv_sum_finish(&d));
	}
}

static void finish_of_a_sum_may_be_asked_on_the_way(void **state)
{
	struct pv_sum s;

	(void)state;
	pv_sum_start(&s);
	pv_sum_add(&s, "abc", 3);
	uint64_t first = pv_sum_finish(&s);
	assert_true(first == pv_sum_finish(&s));
	pv_sum_add(&s, "d", 1);
	assert_true(first != pv_sum_finish(&s));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(sha256_gives_the_known_answers),
		cmocka_unit_test(sha256_of_a_million_letters),
		cmocka_unit_test(siphash_gives_the_known_answers),
		cmocka_unit_test(a_key_of_ones_own_gives_other_answers),
		cmocka_unit_test(pieces_give_what_the_whole_gives),
		cmocka_unit_test(finish_of_a_sum_may_be_asked_on_the_way),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
