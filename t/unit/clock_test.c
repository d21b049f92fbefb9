/* clock_test.c: the clock never goes back; pauses double, stay below 25 ms, and end. */
#include "scratch.h"

#include "base/clock.h"

static struct timespec slept[64];
static unsigned sleeps;

int __wrap_nanosleep(const struct timespec *t, struct timespec *left);

/* Nothing sleeps in this test; how long it would have is noted. */
int __wrap_nanosleep(const struct timespec *t, struct timespec *left)
{
	(void)left;
	if (sleeps < sizeof slept / sizeof *slept)
		slept[sleeps] = *t;
	sleeps++;
	return 0;
}

static void the_clock_never_goes_back(void **state)
{
	int64_t before = pv_now_us();

	(void)state;
	for (int i = 0; i < 10000; i++) {
		int64_t now = pv_now_us();
		assert_true(now >= before);
		before = now;
	}
	int64_t ms = pv_now_ms();
	assert_true(ms >= before / 1000 && ms <= pv_now_us() / 1000);
}

static void pauses_grow_to_25_ms_with_jitter(void **state)
{
	static const unsigned want_ms[] = { 1, 2, 4, 8, 16, 25, 25, 25 };
	bool differ = false;

	(void)state;
	for (int run = 0; run < 200; run++) {
		struct pv_backoff b = pv_backoff_start(60000);
		sleeps = 0;
		for (size_t i = 0; i < sizeof want_ms / sizeof *want_ms; i++) {
			assert_true(pv_backoff_wait(&b));
			assert_int_equal(slept[i].tv_sec, 0);
			assert_true(slept[i].tv_nsec >= (long)want_ms[i] * 62000);
			assert_true(slept[i].tv_nsec <= (long)want_ms[i] * 1000000);
			differ = differ || slept[i].tv_nsec != (long)want_ms[i] * 1000000;
		}
	}
	assert_true(differ);
}

static void after_the_deadline_nothing_sleeps(void **state)
{
	struct pv_backoff b = pv_backoff_start(0);

	(void)state;
	sleeps = 0;
	assert_false(pv_backoff_wait(&b));
	b = pv_backoff_start(1000);
	b.deadline_ms = pv_now_ms() - 1;
	assert_false(pv_backoff_wait(&b));
	assert_int_equal(sleeps, 0);
}

static void a_far_deadline_does_not_wrap_around(void **state)
{
	struct pv_backoff b = pv_backoff_start(UINT32_MAX);

	(void)state;
	assert_true(b.deadline_ms > pv_now_ms() + INT32_MAX);
	assert_true(pv_backoff_wait(&b));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_clock_never_goes_back),
		cmocka_unit_test(pauses_grow_to_25_ms_with_jitter),
		cmocka_unit_test(after_the_deadline_nothing_sleeps),
		cmocka_unit_test(a_far_deadline_does_not_wrap_around),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
