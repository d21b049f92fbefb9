/*
 * verdict.h: what a program that ended means for the message: its exit status, and what it said.
 */
#ifndef PV_VERDICT_H
#define PV_VERDICT_H

#include "base/error.h"

#include <stdbool.h>

enum { SAID_MAX = 512 };

/* The beginning of what it wrote to its standard output, and the end of what it wrote to the error. */
struct said {
	char out[SAID_MAX], err[SAID_MAX];
	size_t out_len, err_len;
	bool err_cut; /* it wrote more */
};

/* The next piece of what it wrote to descriptor 1 or 2. */
void said_take(struct said *s, int fd, const char *data, size_t len);
/* Fail with the last line of its errors, or the first of its output, or else its status. */
enum pv_class said_fail(const char *program, enum pv_class class, const char *code, int status,
			const struct said *said, struct pv_error *e);

/*
 * What does the status of a command mean, by sysexits(3) as local(8) reads them, and qmail's? PV_OK for 0
 * and 99. PV_PERMANENT: 64 to 70, 72 to 74, 76 to 78, 100; or what it wrote begins with an enhanced status
 * code `5.`, which is taken over, as one that begins with `4.` is. PV_TEMPORARY: 71, 75, 111 and everything
 * else. The sentence is said_fail()'s.
 */
enum pv_class command_verdict(const char *program, int status, const struct said *said, struct pv_error *e);
/* Likewise of a filter: PV_PERMANENT and 5.7.1 for 67, 77 and 100 only. 0 and 99 are not for here. Its output
 * is the message, or a part of it: only its errors are words about it. */
enum pv_class filter_verdict(const char *program, int status, const struct said *said, struct pv_error *e);

#endif
