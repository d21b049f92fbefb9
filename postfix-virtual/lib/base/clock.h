/*
 * clock.h: deadlines on the monotonic clock, and the waiting between two tries.
 */
#ifndef PV_CLOCK_H
#define PV_CLOCK_H

#include <stdbool.h>
#include <stdint.h>

/* Milliseconds since some fixed moment; never goes back. */
int64_t pv_now_ms(void);
/* Microseconds of the same clock. */
int64_t pv_now_us(void);

/* The pauses between two tries for a lock: at most 1, 2, 4, 8, 16, 25, 25 ... ms, each shortened at random,
 * to a sixteenth at the least, so that several who wait do not come at one moment. */
struct pv_backoff {
	int64_t deadline_ms; /* on pv_now_ms()'s clock */
	unsigned pause_ms;
};

struct pv_backoff pv_backoff_start(unsigned deadline_ms);
/* Sleep once. Returns false, without sleeping, when the deadline has passed. */
bool pv_backoff_wait(struct pv_backoff *b);

#endif
