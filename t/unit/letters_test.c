/*
 * Bytes as letters, and UTF-8: what is exactly right, and nothing else.
 */
#include "scratch.h"

#include "base/base64.h"
#include "base/utf8.h"

static const struct {
	const char *text, *letters;
} pairs[] = { /* RFC 4648, section 10 */
	      { "", "" },
	      { "f", "Zg==" },
	      { "fo", "Zm8=" },
	      { "foo", "Zm9v" },
	      { "foob", "Zm9vYg==" },
	      { "fooba", "Zm9vYmE=" },
	      { "foobar", "Zm9vYmFy" }
};

static void both_ways(void **state)
{
	struct pv_buf b = PV_BUF_INIT(4096);

	(void)state;
	for (size_t i = 0; i < sizeof pairs / sizeof *pairs; i++) {
		pv_buf_reset(&b);
		pv_base64_add(&b, pairs[i].text, strlen(pairs[i].text));
		assert_string_equal(b.s, pairs[i].letters);
		pv_buf_reset(&b);
		assert_true(pv_base64_decode(pairs[i].letters, strlen(pairs[i].letters), &b));
		assert_string_equal(b.s, pairs[i].text);
	}
	pv_buf_free(&b);
}

static void every_byte(void **state)
{
	struct pv_buf letters = PV_BUF_INIT(4096), back = PV_BUF_INIT(4096);
	unsigned char all[256];

	(void)state;
	for (unsigned i = 0; i < sizeof all; i++)
		all[i] = (unsigned char)(255 - i);
	for (size_t n = 0; n <= sizeof all; n++) {
		pv_buf_reset(&letters);
		pv_buf_reset(&back);
		pv_base64_add(&letters, all, n);
		assert_int_equal(letters.len, (n + 2) / 3 * 4);
		assert_true(pv_base64_decode(letters.s, letters.len, &back));
		assert_int_equal(back.len, n);
		assert_memory_equal(back.s, all, n);
	}
	pv_buf_free(&letters);
	pv_buf_free(&back);
}

static void no_base64(void **state)
{
	static const char *const bad[] = { "Z",	   "Zg",   "Zg=",  "Zh==", "Zm9=", "=g==",	 "Zg==Zg==",
					   "Z===", "====", "Zm9 ", "Zm-v", "Zm_v", "Zm9v\n\n\n", "Zm\x80v" };
	struct pv_buf b = PV_BUF_INIT(64);

	(void)state;
	for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
		if (pv_base64_decode(bad[i], strlen(bad[i]), &b))
			fail_msg("`%s` was taken", bad[i]);
	assert_false(pv_base64_decode("Zm\0v", 4, &b));
	pv_buf_free(&b);
}

static const struct {
	const char *s;
	size_t next; /* of its first character; 0: not valid */
} characters[] = {
	{ "a", 1 },
	{ "\x7f", 1 },
	{ "\xc3\xb8", 2 },
	{ "\xe2\x82\xac", 3 },
	{ "\xf0\x9f\x98\x80", 4 },
	{ "\xf4\x8f\xbf\xbf", 4 },
	{ "\xef\xbf\xbf", 3 },
	{ "\xed\x9f\xbf", 3 },
	{ "\x80", 0 },
	{ "\xc3", 0 },
	{ "\xc3(", 0 },
	{ "\xc0\xaf", 0 },
	{ "\xc1\xbf", 0 },
	{ "\xe0\x9f\xbf", 0 },
	{ "\xed\xa0\x80", 0 },
	{ "\xf0\x8f\xbf\xbf", 0 },
	{ "\xf4\x90\x80\x80", 0 },
	{ "\xf8\x88\x80\x80", 0 },
	{ "\xe2\x82", 0 },
	{ "\xff", 0 },
	{ "\xf0\x9f\x98", 0 },
};

static void utf8(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof characters / sizeof *characters; i++) {
		const char *s = characters[i].s;
		size_t next = pv_utf8_next(s, strlen(s));
		if (next != characters[i].next || pv_utf8_is_valid(s, strlen(s)) != (next > 0))
			fail_msg("row %zu: %zu", i, next);
	}
	assert_int_equal(pv_utf8_next("", 0), 0);
	assert_true(pv_utf8_is_valid("", 0));
	assert_true(pv_utf8_is_valid("a\0b", 3));
	assert_true(pv_utf8_is_valid("r\xc3\xb8"
				     "d",
				     4));
	assert_false(pv_utf8_is_valid("r\xf8"
				      "d",
				      3));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(both_ways),
		cmocka_unit_test(every_byte),
		cmocka_unit_test(no_base64),
		cmocka_unit_test(utf8),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
