/*
 * sort_test.c: what qsort() would make of it, whether it is in order already or not.
 */
#include "scratch.h"

#include "base/sort.h"

static size_t compared;

static int compare(const void *a, const void *b)
{
	const int *x = a, *y = b;

	compared++;
	return (*x > *y) - (*x < *y);
}

static void every_order_of_up_to_six_is_sorted(void **state)
{
	(void)state;
	for (size_t count = 0; count <= 6; count++)
		for (unsigned order = 0; order < 46656; order++) { /* 6 digits to the base 6 */
			int v[7] = { 0 }, sum = 0;
			unsigned rest = order;
			for (size_t i = 0; i < count; i++, rest /= 6)
				sum += v[i] = (int)(rest % 6);
			v[count] = -1;
			pv_sort(v, count, sizeof *v, compare);
			for (size_t i = 0; i < count; i++)
				sum -= v[i];
			assert_int_equal(sum, 0);
			assert_int_equal(v[count], -1);
			for (size_t i = 1; i < count; i++)
				assert_true(v[i - 1] <= v[i]);
		}
}

static void what_is_in_order_costs_one_look(void **state)
{
	int v[1000];

	(void)state;
	for (int i = 0; i < 1000; i++)
		v[i] = i / 2;
	compared = 0;
	pv_sort(v, 1000, sizeof *v, compare);
	assert_int_equal(compared, 999);
}

static void nothing_at_all_is_sorted(void **state)
{
	(void)state;
	pv_sort(NULL, 0, sizeof(int), compare);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_order_of_up_to_six_is_sorted),
		cmocka_unit_test(what_is_in_order_costs_one_look),
		cmocka_unit_test(nothing_at_all_is_sorted),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
