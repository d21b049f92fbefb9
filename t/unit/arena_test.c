/* arena_test.c: what was put into an arena stays as it was, wherever it lies, until all of it goes. */
#include "scratch.h"

#include "base/arena.h"

#include <stdalign.h>

static size_t allocations, largest;
static unsigned fail_after; /* allocations that work; 0: all do */

void *__real_malloc(size_t size);
void *__wrap_malloc(size_t size);

void *__wrap_malloc(size_t size)
{
	allocations++;
	largest = size > largest ? size : largest;
	if (fail_after != 0 && allocations > fail_after) {
		errno = ENOMEM;
		return NULL;
	}
	return __real_malloc(size);
}

static void start(unsigned fail)
{
	allocations = largest = 0;
	fail_after = fail;
}

static void strings_of_every_length_stay_whole(void **state)
{
	struct pv_arena a = { NULL };
	const char *kept[400];
	char text[9000];

	(void)state;
	start(0);
	memset(text, 'x', sizeof text);
	for (size_t i = 0; i < 400; i++)
		assert_non_null(kept[i] = pv_arena_add(&a, text, i * 22));
	for (size_t i = 0; i < 400; i++)
		assert_int_equal(strlen(kept[i]), i * 22);
	assert_null(pv_arena_add(&a, text, SIZE_MAX));
	assert_null(pv_arena_add(&a, text, SIZE_MAX - 1));
	assert_null(pv_arena_zalloc(&a, SIZE_MAX - 8));
	const char *const parts[] = { "abc", "", "@", "kvt.dk" };
	assert_string_equal(pv_arena_join(&a, parts, 4), "abc@kvt.dk");
	assert_string_equal(pv_arena_join(&a, parts, 0), "");
	assert_string_equal(pv_arena_add(&a, NULL, 0), "");
	pv_arena_free(&a);
	assert_null(a.blocks);
	pv_arena_free(&a);
}

static void nuls_are_bytes_like_others(void **state)
{
	struct pv_arena a = { NULL };

	(void)state;
	const char *s = pv_arena_add(&a, "a\0b", 3);
	assert_memory_equal(s, "a\0b", 4);
	pv_arena_free(&a);
}

/* Structures between strings: each is zeros, aligned, and overlaps nothing. */
static void zeros_are_aligned_for_anything(void **state)
{
	struct pv_arena a = { NULL };
	unsigned char *zeros[300];
	const char *strings[300];

	(void)state;
	for (size_t i = 0; i < 300; i++) {
		strings[i] = pv_arena_add(&a, "a string", i % 9);
		zeros[i] = pv_arena_zalloc(&a, i);
		assert_non_null(zeros[i]);
		assert_int_equal((uintptr_t)zeros[i] % alignof(max_align_t), 0);
		for (size_t k = 0; k < i; k++)
			assert_int_equal(zeros[i][k], 0);
		memset(zeros[i], (int)i & 0xff, i);
	}
	for (size_t i = 0; i < 300; i++) {
		assert_memory_equal(strings[i], "a string", i % 9);
		assert_int_equal(strings[i][i % 9], 0);
		for (size_t k = 0; k < i; k++)
			assert_int_equal(zeros[i][k], i & 0xff);
	}
	pv_arena_free(&a);
}

/* A large string does not cost the rest of the block that is being filled. */
static void large_strings_lie_apart(void **state)
{
	static char large[100000];
	struct pv_arena a = { NULL };

	(void)state;
	memset(large, 'l', sizeof large);
	assert_non_null(pv_arena_add(&a, "first", 5));
	start(0);
	for (int i = 0; i < 20; i++) {
		assert_non_null(pv_arena_add(&a, large, sizeof large));
		assert_non_null(pv_arena_add(&a, "small", 5));
	}
	assert_int_equal(allocations, 20);
	assert_in_range(largest, sizeof large, sizeof large + 100);
	pv_arena_free(&a);
}

/* A block at least a quarter of which would be left empty is not begun; blocks double, so that a million
 * strings are few allocations. */
static void many_strings_are_few_allocations(void **state)
{
	struct pv_arena a = { NULL };

	(void)state;
	start(0);
	for (int i = 0; i < 1000000; i++)
		assert_non_null(pv_arena_add(&a, "abc@kvt.dk", 10));
	assert_in_range(allocations, 10, 30);
	pv_arena_free(&a);
}

static void no_memory_is_a_null_and_harms_nothing(void **state)
{
	static char large[5000];
	const char *const parts[] = { large, "x" };

	(void)state;
	memset(large, 'l', sizeof large - 1);
	for (unsigned i = 1; i < 4; i++) {
		struct pv_arena a = { NULL };
		unsigned failed = 0;
		start(i);
		const char *first = pv_arena_add(&a, "first", 5);
		for (int k = 0; k < 10; k++) {
			failed += pv_arena_add(&a, large, sizeof large - 1) == NULL;
			failed += pv_arena_join(&a, parts, 2) == NULL;
			failed += pv_arena_zalloc(&a, 5000) == NULL;
		}
		assert_true(failed > 20);
		assert_string_equal(first, "first");
		assert_non_null(pv_arena_add(&a, "small", 5));
		start(0);
		assert_string_equal(pv_arena_add(&a, large, sizeof large - 1), large);
		pv_arena_free(&a);
	}
	start(0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(strings_of_every_length_stay_whole),
		cmocka_unit_test(nuls_are_bytes_like_others),
		cmocka_unit_test(zeros_are_aligned_for_anything),
		cmocka_unit_test(large_strings_lie_apart),
		cmocka_unit_test(many_strings_are_few_allocations),
		cmocka_unit_test(no_memory_is_a_null_and_harms_nothing),
	};

	return cmocka_run_group_tests_name("arena", tests, NULL, NULL);
}
