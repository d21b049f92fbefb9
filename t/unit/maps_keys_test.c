/*
 * maps_keys_test.c: sets of keys, the text they are written to, and the diff of two texts.
 */
#include "scratch.h"

#include "maps/diff.h"
#include "maps/keys.h"
#include "maps/text.h"

static struct pv_keys keys_of(const char *const *pairs)
{
	struct pv_keys k = { 0 };

	for (; *pairs != NULL; pairs += 2)
		assert_int_equal(pv_keys_add(&k, pairs[0], pairs[1], NULL), PV_OK);
	return k;
}

static void a_sorted_set_finds_every_key_and_no_other(void **state)
{
	struct pv_keys k = { 0 };
	char names[300][8];

	(void)state;
	for (int i = 0; i < 300; i++) {
		(void)snprintf(names[i], sizeof names[i], "k%d", i * 7919 % 300);
		assert_int_equal(pv_keys_add(&k, names[i], "v", NULL), PV_OK);
	}
	pv_keys_sort(&k);
	for (size_t i = 1; i < k.count; i++)
		assert_true(strcmp(k.v[i - 1].key, k.v[i].key) < 0);
	for (int i = 0; i < 300; i++)
		assert_string_equal(pv_keys_find(&k, names[i])->key, names[i]);
	assert_null(pv_keys_find(&k, "k300"));
	assert_null(pv_keys_find(&k, "k"));
	assert_null(pv_keys_find(&k, ""));
	pv_keys_free(&k);
	assert_null(pv_keys_find(&k, "k1"));
}

static void squeeze_takes_out_what_has_no_value_and_keeps_the_order(void **state)
{
	const char *const pairs[] = { "a", "1", "b", "2", "c", "3", "d", "4", NULL };
	struct pv_keys k = keys_of(pairs);

	(void)state;
	k.v[0].value = NULL;
	k.v[2].value = NULL;
	pv_keys_squeeze(&k);
	assert_int_equal(k.count, 2);
	assert_string_equal(k.v[0].key, "b");
	assert_string_equal(k.v[1].key, "d");
	pv_keys_free(&k);
}

static void the_domain_of_a_key_stands_behind_its_last_at(void **state)
{
	(void)state;
	assert_string_equal(pv_key_domain("abc@kvt.dk"), "kvt.dk");
	assert_string_equal(pv_key_domain("@kvt.dk"), "kvt.dk");
	assert_string_equal(pv_key_domain("kvt.dk"), "kvt.dk");
	assert_string_equal(pv_key_domain("a@b@kvt.dk"), "kvt.dk");
	assert_string_equal(pv_key_domain("a@"), "");
}

static void an_arena_keeps_every_string_whole_whatever_its_length(void **state)
{
	struct pv_arena a = { NULL };
	const char *kept[400];
	char text[9000];

	(void)state;
	memset(text, 'x', sizeof text);
	for (size_t i = 0; i < 400; i++)
		assert_non_null(kept[i] = pv_arena_add(&a, text, i * 22));
	for (size_t i = 0; i < 400; i++)
		assert_int_equal(strlen(kept[i]), i * 22);
	assert_null(pv_arena_add(&a, text, SIZE_MAX));
	pv_arena_free(&a);
}

static void side_by_side_each_key_comes_once_with_the_side_it_is_on(void **state)
{
	const char *const left[] = { "a", "1", "b", "2", "d", "4", NULL };
	const char *const right[] = { "b", "9", "c", "3", "d", "4", "e", "5", NULL };
	struct pv_keys l = keys_of(left), r = keys_of(right);
	const struct pv_key *old, *new;
	char seen[64] = "";
	size_t i = 0, j = 0;

	(void)state;
	while (pv_keys_next(&l, &r, &i, &j, &old, &new))
		(void)snprintf(seen + strlen(seen), sizeof seen - strlen(seen), "%s%s ",
			       old != NULL ? old->key : "-", new != NULL ? new->key : "-");
	assert_string_equal(seen, "a- bb -c dd -e ");
	pv_keys_free(&l);
	pv_keys_free(&r);
}

/* --- the text --- */

static const char *const two[] = { "a@kvt.dk", "x", "b@kvt.dk", "y, z@example.org", NULL };

static void format_two(struct pv_buf *text)
{
	struct pv_keys k = keys_of(two);

	pv_text_format(text, "Own addresses", "/etc/postfix/virtual", &k);
	assert_int_equal(pv_buf_check(text, "text", NULL), PV_OK);
	pv_keys_free(&k);
}

static void a_text_is_read_back_as_it_was_written(void **state)
{
	struct pv_buf text = PV_BUF_INIT(4096);
	struct pv_keys k = { 0 };
	struct pv_error e;

	(void)state;
	format_two(&text);
	assert_non_null(strstr(text.s, "make-postfix-maps"));
	assert_non_null(strstr(text.s, "/etc/postfix/virtual"));
	assert_int_equal(pv_text_parse(&text, "virtual", &k, &e), PV_OK);
	assert_int_equal(k.count, 2);
	for (size_t i = 0; i < 2; i++) {
		assert_string_equal(k.v[i].key, two[2 * i]);
		assert_string_equal(k.v[i].value, two[2 * i + 1]);
	}
	pv_keys_free(&k);
	pv_buf_free(&text);
}

static void an_empty_set_has_a_text_too(void **state)
{
	struct pv_buf text = PV_BUF_INIT(4096);
	struct pv_keys k = { 0 };

	(void)state;
	pv_text_format(&text, "Own domains", "/etc/postfix/virtual", &k);
	assert_int_equal(pv_text_parse(&text, "virtual", &k, NULL), PV_OK);
	assert_int_equal(k.count, 0);
	pv_buf_free(&text);
}

/* Only the words of the first comment lines are free: nothing that is believed depends on them. */
static void no_text_with_one_byte_changed_below_its_head_is_believed(void **state)
{
	struct pv_buf good = PV_BUF_INIT(4096), bad = PV_BUF_INIT(4096);
	struct pv_keys k = { 0 };
	struct pv_error e;

	(void)state;
	format_two(&good);
	size_t head = (size_t)(strstr(good.s, "# checksum") - good.s);
	for (size_t at = head; at < good.len; at++) {
		for (unsigned bit = 0; bit < 8; bit++) {
			pv_buf_reset(&bad);
			pv_buf_add(&bad, good.s, good.len);
			bad.s[at] = (char)(bad.s[at] ^ (1 << bit));
			assert_int_equal(pv_text_parse(&bad, "virtual", &k, &e), PV_TEMPORARY);
			assert_non_null(strstr(e.text, "virtual"));
			pv_keys_free(&k);
		}
	}
	pv_buf_free(&good);
	pv_buf_free(&bad);
}

static void no_text_that_is_cut_short_is_believed(void **state)
{
	struct pv_buf good = PV_BUF_INIT(4096), bad = PV_BUF_INIT(4096);
	struct pv_keys k = { 0 };

	(void)state;
	format_two(&good);
	for (size_t len = 0; len < good.len; len++) {
		pv_buf_reset(&bad);
		pv_buf_add(&bad, good.s, len);
		assert_int_equal(pv_text_parse(&bad, "virtual", &k, NULL), PV_TEMPORARY);
		pv_keys_free(&k);
	}
	pv_buf_free(&good);
	pv_buf_free(&bad);
}

/* A right checksum over lines that this program does not write. */
static void lines_that_we_do_not_write_are_refused_under_a_right_checksum(void **state)
{
	static const char *const unsorted[] = { "b", "1", "a", "2", NULL };
	static const char *const twice[] = { "a", "1", "a", "2", NULL };
	static const char *const no_value[] = { "a", "", NULL };
	static const char *const no_key[] = { "", "x", NULL };
	static const char *const two_lines[] = { "a\nb", "x", NULL };
	static const char *const *const sets[] = { unsorted, twice, no_value, no_key, two_lines };

	(void)state;
	for (size_t i = 0; i < sizeof sets / sizeof *sets; i++) {
		struct pv_buf text = PV_BUF_INIT(4096);
		struct pv_keys k = keys_of(sets[i]), read = { 0 };
		pv_text_format(&text, "Own addresses", "/x", &k);
		assert_int_equal(pv_text_parse(&text, "virtual", &read, NULL), PV_TEMPORARY);
		pv_keys_free(&k);
		pv_keys_free(&read);
		pv_buf_free(&text);
	}
}

/* --- the diff --- */

static void a_diff_is_what_diff_u_prints(void **state)
{
	static const struct {
		const char *name, *old, *new, *diff;
	} rows[] = {
		{ "equal texts have none", "a\nb\n", "a\nb\n", "" },
		{ "a new file", NULL, "a\nb\n", "--- /dev/null\n+++ F\n@@ -0,0 +1,2 @@\n+a\n+b\n" },
		{ "all lines go", "a\nb\n", "", "--- F\n+++ F\n@@ -1,2 +0,0 @@\n-a\n-b\n" },
		{ "one line comes", "a\nc\n", "a\nb\nc\n", "--- F\n+++ F\n@@ -1,2 +1,3 @@\n a\n+b\n c\n" },
		{ "the old form of a line stands first", "a 2\nb\n", "a 1\nb\n",
		  "--- F\n+++ F\n@@ -1,2 +1,2 @@\n-a 2\n+a 1\n b\n" },
		{ "three lines around a change", "a\nb\nc\nd\ne\nf\ng\nh\ni\n", "a\nb\nc\nd\nf\ng\nh\ni\n",
		  "--- F\n+++ F\n@@ -2,7 +2,6 @@\n b\n c\n d\n-e\n f\n g\n h\n" },
		{ "six lines between two changes join them", "a\nb\nc\nd\ne\nf\ng\nh\n", "b\nc\nd\ne\nf\ng\n",
		  "--- F\n+++ F\n@@ -1,8 +1,6 @@\n-a\n b\n c\n d\n e\n f\n g\n-h\n" },
		{ "seven lines part them", "a\nb\nc\nd\ne\nf\ng\nh\ni\n", "b\nc\nd\ne\nf\ng\nh\n",
		  "--- F\n+++ F\n@@ -1,4 +1,3 @@\n-a\n b\n c\n d\n@@ -6,4 +5,3 @@\n f\n g\n h\n-i\n" },
	};

	(void)state;
	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
		struct pv_buf out = PV_BUF_INIT(4096);
		pv_diff(&out, "F", rows[i].old, rows[i].new);
		if (strcmp(out.s, rows[i].diff) != 0)
			fail_msg("%s:\n%s", rows[i].name, out.s);
		pv_buf_free(&out);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_sorted_set_finds_every_key_and_no_other),
		cmocka_unit_test(squeeze_takes_out_what_has_no_value_and_keeps_the_order),
		cmocka_unit_test(the_domain_of_a_key_stands_behind_its_last_at),
		cmocka_unit_test(an_arena_keeps_every_string_whole_whatever_its_length),
		cmocka_unit_test(side_by_side_each_key_comes_once_with_the_side_it_is_on),
		cmocka_unit_test(a_text_is_read_back_as_it_was_written),
		cmocka_unit_test(an_empty_set_has_a_text_too),
		cmocka_unit_test(no_text_with_one_byte_changed_below_its_head_is_believed),
		cmocka_unit_test(no_text_that_is_cut_short_is_believed),
		cmocka_unit_test(lines_that_we_do_not_write_are_refused_under_a_right_checksum),
		cmocka_unit_test(a_diff_is_what_diff_u_prints),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
