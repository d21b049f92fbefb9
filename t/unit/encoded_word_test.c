/*
 * Text beyond ASCII in header fields: out as encoded words, and what others wrote back as UTF-8 in one line.
 */
#include "scratch.h"

#include "base/utf8.h"
#include "store/encoded_word.h"

static const struct {
	const char *sentence, *value, *text;
} to_read[] = {
	{ "plain text", "Hello there", "Hello there" },
	{ "folded text", "Hello\n there\r\n\tyou", "Hello there you" },
	{ "base64 in utf-8", "=?utf-8?B?UsO4ZA==?=",
	  "R\xc3\xb8"
	  "d" },
	{ "Q in utf-8", "=?UTF-8?q?R=C3=B8d_gr=c3=b8d?=",
	  "R\xc3\xb8"
	  "d gr\xc3\xb8"
	  "d" },
	{ "Q in iso-8859-1", "=?ISO-8859-1?Q?R=F8d?= one",
	  "R\xc3\xb8"
	  "d one" },
	{ "with a language", "=?utf-8*da?Q?R=C3=B8d?=",
	  "R\xc3\xb8"
	  "d" },
	{ "two words are one text", "=?utf-8?Q?a?= \n =?utf-8?Q?b?= c =?utf-8?Q?d?=", "ab c d" },
	{ "another charset stays", "=?koi8-r?B?UsO4ZA==?= x", "=?koi8-r?B?UsO4ZA==?= x" },
	{ "half a character in a word", "=?utf-8?Q?R=C3?=", "R?" },
	{ "an escape in a word", "=?utf-8?Q?=1B[2J=00=0A=0DBcc:_x?=", "?[2J???Bcc: x" },
	{ "no base64", "=?utf-8?B?UsO4Z?=", "=?utf-8?B?UsO4Z?=" },
	{ "no Q", "=?utf-8?Q?a=4?=", "=?utf-8?Q?a=4?=" },
	{ "Q that ends in =", "=?utf-8?Q?a=?=", "=?utf-8?Q?a=?=" },
	{ "another kind", "=?utf-8?X?aa?=", "=?utf-8?X?aa?=" },
	{ "a part too few", "=?utf-8?aaaa?=", "=?utf-8?aaaa?=" },
	{ "a part too many", "=?utf-8?Q?a?b?=", "=?utf-8?Q?a?b?=" },
	{ "empty", "", "" },
	{ "an empty word",
	  "=?utf-8?Q?"
	  "?= x",
	  " x" },
	{ "raw UTF-8",
	  "R\xc3\xb8"
	  "d",
	  "R\xc3\xb8"
	  "d" },
	{ "raw bytes",
	  "R\xf8"
	  "d\x01\x7f",
	  "R?d??" },
};

static void read_them(void **state)
{
	struct pv_buf b = PV_BUF_INIT(4096);

	(void)state;
	for (size_t i = 0; i < sizeof to_read / sizeof *to_read; i++) {
		pv_buf_reset(&b);
		pv_encoded_words_read(to_read[i].value, strlen(to_read[i].value), &b);
		if (strcmp(b.s, to_read[i].text) != 0)
			fail_msg("%s: `%s`", to_read[i].sentence, b.s);
	}
	pv_buf_reset(&b);
	pv_encoded_words_read("a\0b", 3, &b);
	assert_string_equal(b.s, "a?b");
	pv_buf_free(&b);
}

static void write_them(void **state)
{
	struct pv_buf b = PV_BUF_INIT(4096);

	(void)state;
	pv_encoded_words_add("Hello =?x?= there", 17, &b);
	assert_string_equal(b.s, "Hello =?x?= there");
	pv_buf_reset(&b);
	pv_encoded_words_add("R\xc3\xb8"
			     "d",
			     4, &b);
	assert_string_equal(b.s, "=?utf-8?B?UsO4ZA==?=");
	/* Against the contract: it ends all the same. */
	pv_buf_reset(&b);
	pv_encoded_words_add("\xff\xfe", 2, &b);
	assert_string_equal(b.s, "=?utf-8?B?/w==?=\n =?utf-8?B?/g==?=");
	pv_buf_free(&b);
}

/* Texts of every length, of characters of every length: no word is too long or ends within a character, and
 * they say the same again. */
static void there_and_back(void **state)
{
	static const char *const letters[] = { "a", "\xc3\xb8", "\xe2\x82\xac", "\xf0\x9f\x98\x80", " " };
	struct pv_buf text = PV_BUF_INIT(4096), words = PV_BUF_INIT(8192), back = PV_BUF_INIT(4096);
	uint64_t random = 1;

	(void)state;
	for (unsigned n = 1; n < 400; n++) {
		pv_buf_reset(&text);
		pv_buf_reset(&words);
		pv_buf_reset(&back);
		pv_buf_adds(&text, "\xc3\xa6");
		for (unsigned i = 0; i < n; i++)
			pv_buf_adds(&text, letters[next_random(&random) % 5]);
		pv_encoded_words_add(text.s, text.len, &words);
		for (const char *line = words.s; *line != '\0';) {
			size_t len = strcspn(line, "\n");
			assert_true(len <= 66);
			struct pv_buf one = PV_BUF_INIT(256);
			pv_encoded_words_read(line, len, &one);
			assert_null(memchr(one.s, '?', one.len));
			pv_buf_free(&one);
			line += len + (line[len] != '\0');
		}
		pv_encoded_words_read(words.s, words.len, &back);
		assert_string_equal(back.s, text.s);
	}
	pv_buf_free(&text);
	pv_buf_free(&words);
	pv_buf_free(&back);
}

static void field(const char *value, const char *want)
{
	struct pv_buf b = PV_BUF_INIT(8192);

	pv_header_field_add("Subject", 7, value, strlen(value), &b);
	assert_string_equal(b.s, want);
	pv_buf_free(&b);
}

#define TEN "123456789 "

static void fields(void **state)
{
	static char word[2000], want[2000];

	(void)state;
	field("", "Subject: \n");
	field("  Hello  there ", "Subject: Hello  there\n");
	field("R\xc3\xb8"
	      "d",
	      "Subject: =?utf-8?B?UsO4ZA==?=\n");
	field(TEN TEN TEN TEN TEN TEN TEN TEN TEN,
	      "Subject: " TEN TEN TEN TEN TEN TEN "123456789\n " TEN "123456789\n");
	/* Blanks within stay as many as they were. */
	field(TEN TEN TEN TEN TEN TEN TEN " " TEN,
	      "Subject: " TEN TEN TEN TEN TEN TEN "123456789\n  123456789\n");
	memset(word, 'w', sizeof word - 1);
	(void)snprintf(want, sizeof want, "Subject: %.900s\n", word);
	field(word, want);
	memcpy(word, "a ", 2);
	(void)snprintf(want, sizeof want, "Subject: a\n %.900s\n", word + 2);
	field(word, want);
}

static void from_any(void **state)
{
	struct pv_buf b = PV_BUF_INIT(4096);

	(void)state;
	pv_utf8_from_any("R\xc3\xb8"
			 "d\tx\n\x1b",
			 8, &b);
	assert_string_equal(b.s, "R\xc3\xb8"
				 "d\tx\n?");
	pv_buf_reset(&b);
	pv_utf8_from_any("R\xf8"
			 "d \xff\x80",
			 6, &b);
	assert_string_equal(b.s, "R\xc3\xb8"
				 "d \xc3\xbf\xc2\x80");
	assert_true(pv_utf8_is_valid(b.s, b.len));
	pv_buf_free(&b);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(read_them), cmocka_unit_test(write_them), cmocka_unit_test(there_and_back),
		cmocka_unit_test(fields),    cmocka_unit_test(from_any),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
