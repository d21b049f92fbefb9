/*
 * maps_keys_test.c: sets of keys, the text they are written to, and the diff of two texts.
 */
#include "scratch.h"

#include "base/file.h"
#include "maps/diff.h"
#include "maps/entries.h"
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

/* Domains with keys that differ early, late, in their length alone, and above 0x7f. */
static void fill_plan(struct pv_maps_work *w, size_t domains, uint64_t *random)
{
	static const char *const fronts[] = { "", "a", "user", "a.name.of.some.length", "\xc3\xa6" };
	char name[32], key[64];
	struct pv_domain d;

	for (size_t i = 0; i < domains; i++) {
		int len = snprintf(name, sizeof name, "d%zu.dk", i);
		assert_int_equal(pv_domain_parse(name, (size_t)len, &d, NULL), PV_OK);
		assert_int_equal(pv_plan_add(&w->plan, &d, NULL), PV_OK);
		struct pv_plan_domain *of = &w->plan.domains[i];
		of->state = PV_PLAN_READ;
		for (size_t n = next_random(random) % 9; n > 0; n--) {
			len = snprintf(key, sizeof key, "%s%u@%s", fronts[next_random(random) % 5],
				       next_random(random) % 4000, name);
			const char *copy = pv_arena_add(&w->arena, key, (size_t)len);
			assert_int_equal(pv_keys_add(&of->keys, copy, copy, NULL), PV_OK);
		}
		pv_keys_sort(&of->keys);
	}
}

static void all_keys_of_a_table_come_in_order_each_with_its_value_and_domain(void **state)
{
	uint64_t random = 1;

	(void)state;
	for (size_t domains = 0; domains < 200; domains++) {
		struct pv_maps_work w = { 0 };
		struct pv_entries all;
		size_t count = 0;
		fill_plan(&w, domains, &random);
		for (size_t i = 0; i < domains; i++)
			count += w.plan.domains[i].keys.count;
		assert_int_equal(pv_entries_take(&w, PV_MAP_ADDRESSES, &all, NULL), PV_OK);
		assert_int_equal(all.count, count);
		for (size_t i = 0; i < all.count; i++) {
			assert_ptr_equal(all.v[i].key, all.v[i].value);
			assert_string_equal(pv_key_domain(all.v[i].key), all.v[i].domain->domain.s);
			assert_true(i == 0 || strcmp(all.v[i - 1].key, all.v[i].key) <= 0);
		}
		pv_entries_free(&all);
		pv_plan_free(&w.plan);
		pv_arena_free(&w.arena);
	}
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

static void a_sorted_list_of_differences_finds_every_key_and_no_other(void **state)
{
	static const char *const keys[] = { "c", "a", "d", "b" };
	struct pv_differences d = { 0 };

	(void)state;
	assert_null(pv_differences_find(&d, "a"));
	for (size_t i = 0; i < 4; i++)
		assert_int_equal(pv_differences_add(&d, keys[i], i == 2 ? NULL : keys[i], i == 3, NULL),
				 PV_OK);
	pv_differences_sort(&d);
	for (size_t i = 0; i < 4; i++)
		assert_ptr_equal(pv_differences_find(&d, keys[i])->key, keys[i]);
	assert_null(pv_differences_find(&d, "d")->value);
	assert_true(pv_differences_find(&d, "b")->is_change);
	assert_null(pv_differences_find(&d, "bb"));
	pv_differences_free(&d);
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

/* --- the text in a file --- */

static void put_file(const struct scratch *s, const struct pv_buf *text)
{
	assert_int_equal(
		pv_file_replace(s->fd, "virtual", text->s, text->len, 0600, (uid_t)-1, (gid_t)-1, NULL),
		PV_OK);
}

static struct pv_text_look look_at(const struct scratch *s, const char *head)
{
	const struct pv_trust trust = { geteuid(), s->path };
	struct pv_text_look r;
	struct pv_error e;

	if (pv_text_look(s->fd, "virtual", &trust, head, &r, &e) != PV_OK)
		fail_msg("%s", e.text);
	return r;
}

/* Some hundred thousand lines: several pieces of every kind. */
static void a_text_that_is_written_in_pieces_is_the_one_that_is_written_at_once(void **state)
{
	struct pv_buf head = PV_BUF_INIT(4096), once = PV_BUF_INIT((size_t)64 << 20);
	struct pv_buf pieces = PV_BUF_INIT((size_t)64 << 20);
	const struct scratch *s = *state;
	const struct pv_trust trust = { geteuid(), s->path };
	struct pv_arena a = { NULL };
	struct pv_keys keys = { 0 };
	struct pv_text_writer t;
	struct pv_new_file file;
	uint64_t sum, again;
	struct pv_error e;
	bool found;
	char line[64];

	pv_text_head(&head, "Own addresses", "/x");
	for (unsigned i = 0; i < 150000; i++) {
		(void)snprintf(line, sizeof line, "user%07u@kvt.dk", i);
		const char *k = pv_arena_add(&a, line, strlen(line));
		assert_int_equal(pv_keys_add(&keys, k, k, &e), PV_OK);
	}
	pv_text_format_below(&once, head.s, &keys);
	assert_int_equal(pv_file_begin(s->fd, "virtual", 0600, (uid_t)-1, (gid_t)-1, &file, &e), PV_OK);
	pv_text_begin(&t, &file, head.s, &e);
	for (size_t i = 0; i < keys.count; i++)
		pv_text_add(&t, &keys.v[i]);
	assert_int_equal(pv_text_end(&t, &sum), PV_OK);
	assert_int_equal(pv_file_commit(&file, &e), PV_OK);
	assert_int_equal(pv_file_load(s->fd, "virtual", &trust, &pieces, &found, &e), PV_OK);
	assert_int_equal(pieces.len, once.len);
	assert_memory_equal(pieces.s, once.s, once.len);
	struct pv_text_look look = look_at(s, head.s);
	assert_true(look.found && look.good && look.has_head);
	assert_int_equal(look.size, once.len);
	assert_int_equal(look.sum, sum);
	assert_false(look_at(s, "# another head\n").has_head);
	pv_text_begin(&t, NULL, "", &e);
	for (size_t i = 0; i < keys.count; i++)
		pv_text_add(&t, &keys.v[i]);
	assert_int_equal(pv_text_end(&t, &again), PV_OK);
	assert_int_equal(again, sum);
	/* A byte in the last piece, and one that makes it shorter. */
	once.s[once.len - 3] = 'X';
	put_file(s, &once);
	assert_false(look_at(s, head.s).good);
	pv_buf_truncate(&pieces, pieces.len - 1);
	put_file(s, &pieces);
	assert_false(look_at(s, head.s).good);
	pv_keys_free(&keys);
	pv_arena_free(&a);
	pv_buf_free(&head);
	pv_buf_free(&once);
	pv_buf_free(&pieces);
}

/* What pv_text_parse() believes and what pv_text_look() does must be the same. */
static void a_look_believes_no_changed_and_no_cut_text_either(void **state)
{
	struct pv_buf good = PV_BUF_INIT(4096), bad = PV_BUF_INIT(4096);
	const struct scratch *s = *state;

	format_two(&good);
	size_t head = (size_t)(strstr(good.s, "# checksum") - good.s);
	put_file(s, &good);
	assert_true(look_at(s, "").good);
	for (size_t at = head; at < good.len; at++) {
		pv_buf_reset(&bad);
		pv_buf_add(&bad, good.s, good.len);
		bad.s[at] = (char)(bad.s[at] ^ (1 << at % 8));
		put_file(s, &bad);
		struct pv_text_look r = look_at(s, "");
		if (!r.found || r.good || strstr(r.why.text, "virtual") == NULL)
			fail_msg("byte %zu: %s", at, bad.s);
	}
	for (size_t len = 0; len < good.len; len++) {
		pv_buf_reset(&bad);
		pv_buf_add(&bad, good.s, len);
		put_file(s, &bad);
		assert_false(look_at(s, "").good);
	}
	pv_buf_reset(&bad);
	pv_buf_add(&bad, good.s, good.len);
	pv_buf_add(&bad, "\0", 1);
	put_file(s, &bad);
	assert_false(look_at(s, "").good);
	assert_int_equal(unlinkat(s->fd, "virtual", 0), 0);
	assert_false(look_at(s, "").found);
	pv_buf_free(&good);
	pv_buf_free(&bad);
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
		cmocka_unit_test(all_keys_of_a_table_come_in_order_each_with_its_value_and_domain),
		cmocka_unit_test(squeeze_takes_out_what_has_no_value_and_keeps_the_order),
		cmocka_unit_test(the_domain_of_a_key_stands_behind_its_last_at),
		cmocka_unit_test(a_sorted_list_of_differences_finds_every_key_and_no_other),
		cmocka_unit_test(a_text_is_read_back_as_it_was_written),
		cmocka_unit_test(an_empty_set_has_a_text_too),
		cmocka_unit_test(no_text_with_one_byte_changed_below_its_head_is_believed),
		cmocka_unit_test(no_text_that_is_cut_short_is_believed),
		cmocka_unit_test(lines_that_we_do_not_write_are_refused_under_a_right_checksum),
		cmocka_unit_test_setup_teardown(
			a_text_that_is_written_in_pieces_is_the_one_that_is_written_at_once, scratch_make,
			scratch_remove),
		cmocka_unit_test_setup_teardown(a_look_believes_no_changed_and_no_cut_text_either,
						scratch_make, scratch_remove),
		cmocka_unit_test(a_diff_is_what_diff_u_prints),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
