/* change_words_test.c: lists in main.cf: words put in and taken out, and nothing else. */
#include "scratch.h"

#include "change/words.h"

static const char *without(const char *value, const char *word)
{
	static char text[1024];
	struct pv_buf out = PV_BUF_INIT(sizeof text - 1);

	pv_words_without(value, word, &out);
	memcpy(text, out.s, out.len + 1);
	pv_buf_free(&out);
	return text;
}

static void a_word_goes_and_the_rest_stays(void **state)
{
	static const struct {
		const char *value, *word, *result;
	} table[] = {
		{ "", "a", "" },
		{ "a", "a", "" },
		{ "a, b, c", "a", "b, c" },
		{ "a, b, c", "b", "a, c" },
		{ "a, b, c", "c", "a, b" },
		{ "a b,c", "d", "a b,c" },
		{ "a,  b\t,c", "b", "a\t,c" },
		{ "b b b", "b", "" },
		{ "ab, b", "b", "ab" },
		{ "x:{a, b}, a", "a", "x:{a, b}" },
		{ "inline:{v=w:}, hash:/x", "inline:{v=w:}", "hash:/x" },
		{ "p:{a:{x, y},b:z} q", "q", "p:{a:{x, y},b:z}" },
		{ "a, b", "", "a, b" },
		{ "check x:y, b", "check x:y", "b" },
		{ "a check, x:{y z},b", "check x:{y z}", "a,b" },
		{ "check x:z, check x:y check", "check x:y", "check x:z check" },
		{ "a a b", "a b", "a" },
		{ "check", "check x:y", "check" },
	};

	(void)state;
	for (size_t i = 0; i < sizeof table / sizeof *table; i++)
		assert_string_equal(without(table[i].value, table[i].word), table[i].result);
}

static void words_are_found_whole(void **state)
{
	(void)state;
	assert_true(pv_words_have("a, b", "b"));
	assert_false(pv_words_have("ab", "b"));
	assert_false(pv_words_have("x:{a, b}", "b"));
	assert_true(pv_words_have("x:{a, b}", "x:{a, b}"));
	assert_false(pv_words_have("", ""));
	assert_true(pv_words_have("a, check x, b", "check x"));
	assert_false(pv_words_have("check, a, x", "check x"));
	assert_false(pv_words_have("a, check", "check x"));
	/* Braces that nobody closes end with the text. */
	assert_true(pv_words_have("a {b, c", "{b, c"));
}

static void separators_do_not_matter(void **state)
{
	(void)state;
	assert_true(pv_words_equal("a, b", "a b,"));
	assert_true(pv_words_equal("", " ,"));
	assert_false(pv_words_equal("a b", "b a"));
	assert_false(pv_words_equal("a", "a b"));
	assert_false(pv_words_equal("a b", "a"));
	assert_false(pv_words_equal("a{b,c}", "a{b c}"));
}

static void names_are_expanded(void **state)
{
	static const struct {
		const char *value, *result;
	} table[] = {
		{ "$m", "X, Y" },
		{ "a, $m", "a, X, Y" },
		{ "${m} b", "X, Y b" },
		{ "$(m)", "X, Y" },
		{ "$mm, hash:$m", "$mm, hash:$m" },
		{ "", "" },
		{ "a", "a" },
	};

	(void)state;
	for (size_t i = 0; i < sizeof table / sizeof *table; i++) {
		struct pv_buf out = PV_BUF_INIT(256);
		pv_words_expand(table[i].value, "m", "X, Y", &out);
		assert_string_equal(out.s, table[i].result);
		pv_buf_free(&out);
	}
}

static void a_service_line_is_squeezed_by_blanks_alone(void **state)
{
	struct pv_buf out = PV_BUF_INIT(256);

	(void)state;
	pv_words_squeeze("  v  unix\t- -o a=b,c  -o {x = y}\n", &out);
	assert_string_equal(out.s, "v unix - -o a=b,c -o {x = y}");
	pv_buf_free(&out);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_word_goes_and_the_rest_stays),
		cmocka_unit_test(words_are_found_whole),
		cmocka_unit_test(separators_do_not_matter),
		cmocka_unit_test(names_are_expanded),
		cmocka_unit_test(a_service_line_is_squeezed_by_blanks_alone),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
