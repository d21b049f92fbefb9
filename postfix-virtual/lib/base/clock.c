#include "base/clock.h"

int64_t pv_now_us(void)
{
	struct timespec t;

	(void)clock_gettime(CLOCK_MONOTONIC, &t);
	return (int64_t)t.tv_sec * 1000000 + t.tv_nsec / 1000;
}

int64_t pv_now_ms(void)
{
	return pv_now_us() / 1000;
}

struct pv_backoff pv_backoff_start(unsigned deadline_ms)
{
	return (struct pv_backoff){ .deadline_ms = pv_now_ms() + deadline_ms, .pause_ms = 1 };
}

bool pv_backoff_wait(struct pv_backoff *b)
{
	struct timespec t;

	if (pv_now_ms() >= b->deadline_ms)
		return false;
	/* The low digits of the clock are random enough: nobody gains by guessing them. Short pauses are
	 * likelier than long ones (r squared), since a lock that many wait for is free most of the time
	 * otherwise. */
	(void)clock_gettime(CLOCK_MONOTONIC, &t);
	int64_t r = (t.tv_nsec / 64) % 1024, whole_us = (int64_t)b->pause_ms * 1000;
	int64_t us = whole_us / 16 + whole_us * 15 / 16 * (r * r) / (1024 * 1024);
	t = (struct timespec){ .tv_sec = us / 1000000, .tv_nsec = us % 1000000 * 1000 };
	(void)nanosleep(&t, NULL);
	b->pause_ms = b->pause_ms * 2 > 25 ? 25 : b->pause_ms * 2;
	return true;
}
