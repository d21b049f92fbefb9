/* maps_fold_test.c: letters beyond ASCII: what they fold to, and that an expression takes all spellings and
 * no more. */
#include "scratch.h"

#include "maps/fold.h"
#include "maps/fold_case.h"
#include "maps/pcre.h"

static void letters_fold(void **state)
{
	static const char *const rows[][2] = {
		{ "abc", "abc" },
		{ "\xe2\x84\xaavt", "kvt" },
		{ "\xc5\xbf\xc3\x9f\xe1\xba\x9e", "sssss" },
		{ "\xef\xac\x80\xef\xac\x81\xef\xac\x82\xef\xac\x83\xef\xac\x84\xef\xac\x85\xef\xac\x86",
		  "fffiflffifflstst" },
		{ "\xef\xac\x87", "\xef\xac\x87" },
		{ "\xc3\xa6K", "\xc3\xa6K" },
		{ "\xe2\x84", "\xe2\x84" },
	};

	(void)state;
	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
		struct pv_buf out = PV_BUF_INIT(100);
		pv_fold(rows[i][0], strlen(rows[i][0]), &out);
		assert_string_equal(out.s, rows[i][1]);
		assert_int_equal(pv_fold_needed(rows[i][0], strlen(rows[i][0])), i != 0);
		pv_buf_free(&out);
	}
}

/* As Postfix does it: t/postfix/folding.py asks it about every letter. */
static void case_folds_in_any_script(void **state)
{
	static const char *const rows[][2] = {
		{ "abc.9'$", "abc.9'$" },
		{ "ABC", "abc" },
		{ "bl\xc3\xa5"
		  "b\xc3\xa6r",
		  "bl\xc3\xa5"
		  "b\xc3\xa6r" },
		{ "BL\xc3\x85"
		  "B\xc3\x86R",
		  "bl\xc3\xa5"
		  "b\xc3\xa6r" },
		{ "stra\xc3\x9f"
		  "e",
		  "strasse" },
		{ "\xce\xa3\xcf\x82", "\xcf\x83\xcf\x83" },
		{ "\xe2\x84\xaa", "k" },
		{ "", "" },
		{ "a\xff", NULL },
		{ "\xe2\x84", NULL },
		{ "\xed\xa0\x80", NULL },
	};

	(void)state;
	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
		struct pv_buf out = PV_BUF_INIT(100);
		bool is_utf8 = pv_fold_case(rows[i][0], strlen(rows[i][0]), &out);
		assert_int_equal(is_utf8, rows[i][1] != NULL);
		assert_string_equal(out.s, is_utf8 ? rows[i][1] : "");
		pv_buf_free(&out);
	}
}

static struct pv_pcre *compile(struct pv_buf *text)
{
	struct pv_pcre *x;

	pv_buf_adds(text, "$");
	assert_false(text->failed);
	assert_int_equal(pv_pcre_compile(text->s, text->len, &x, NULL, NULL), PV_OK);
	pv_buf_free(text);
	return x;
}

/* A text of the letters that matter; spelled: with those beyond ASCII among them. */
static size_t random_text(uint64_t *seed, bool spelled, char *out)
{
	static const char *const parts[] = { "k",
					     "s",
					     "f",
					     "i",
					     "l",
					     "t",
					     "a",
					     ".",
					     "-",
					     "\xe2\x84\xaa",
					     "\xc5\xbf",
					     "\xc3\x9f",
					     "\xef\xac\x80",
					     "\xef\xac\x83",
					     "\xef\xac\x81",
					     "\xef\xac\x86" };
	size_t count = 1 + next_random(seed) % 5, n = 0;

	for (size_t i = 0; i < count; i++)
		n += (size_t)snprintf(out + n, 8, "%s", parts[next_random(seed) % (spelled ? 16 : 9)]);
	return n;
}

static void an_expression_takes_all_spellings_and_no_more(void **state)
{
	uint64_t seed = 7;
	size_t hits = 0;

	(void)state;
	for (int run = 0; run < 3000; run++) {
		struct pv_buf text = PV_BUF_INIT(1 << 16), folded = PV_BUF_INIT(200);
		char plain[80], other[80];
		size_t len = random_text(&seed, false, plain);
		pv_buf_addc(&text, '^');
		pv_fold_quote(plain, len, &text);
		struct pv_pcre *x = compile(&text);
		for (int i = 0; i < 100; i++) {
			size_t n = random_text(&seed, true, other);
			pv_buf_reset(&folded);
			pv_fold(other, n, &folded);
			bool want = folded.len == len && memcmp(folded.s, plain, len) == 0;
			if ((pv_pcre_match(x, other, n) == PV_MATCH_YES) != want)
				fail_msg("`%s` and `%s`: %s", plain, other, want ? "not taken" : "taken");
			hits += want;
		}
		pv_pcre_free(x);
		pv_buf_free(&folded);
	}
	assert_true(hits > 100);
}

static void a_class_takes_what_folds_to_its_letters(void **state)
{
	static const struct {
		const char *set, *taken, *refused;
	} rows[] = {
		{ "a-z0-9", "\xe2\x84\xaa\xc5\xbf\xc3\x9f\xef\xac\x84k7", "\xc3\xa6" },
		{ "abs", "\xc5\xbf\xc3\x9f\xe1\xba\x9e", "\xe2\x84\xaa" },
		{ "k", "\xe2\x84\xaak", "\xc5\xbf" },
		{ "fl_-", "\xef\xac\x80\xef\xac\x82\xef\xac\x84-", "\xef\xac\x81" },
		{ "0123456789", "42", "\xc5\xbf" },
	};

	(void)state;
	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
		struct pv_buf text = PV_BUF_INIT(1 << 12);
		pv_buf_addc(&text, '^');
		pv_fold_class(rows[i].set, &text);
		pv_buf_addc(&text, '+');
		struct pv_pcre *x = compile(&text);
		assert_int_equal(pv_pcre_match(x, rows[i].taken, strlen(rows[i].taken)), PV_MATCH_YES);
		assert_int_equal(pv_pcre_match(x, rows[i].refused, strlen(rows[i].refused)), PV_MATCH_NO);
		pv_pcre_free(x);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(letters_fold),
		cmocka_unit_test(case_folds_in_any_script),
		cmocka_unit_test(an_expression_takes_all_spellings_and_no_more),
		cmocka_unit_test(a_class_takes_what_folds_to_its_letters),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
