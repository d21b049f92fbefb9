/*
 * trail.h: how a decision came about, step by step, with the file and line that said so: for `explain`. A
 * delivery keeps none.
 */
#ifndef PV_TRAIL_H
#define PV_TRAIL_H

#include "base/buffer.h"

/* Steps as lines `FILE:LINE<TAB>SENTENCE\n`; FILE empty where no file said it, LINE 0 where it is about the
 * whole file. Both are printable. */
struct pv_trail {
	struct pv_buf steps;
};

/* Add a step. t may be NULL: nothing is done, and the arguments are not looked at. */
void pv_trail_add(struct pv_trail *t, const char *file, unsigned line, const char *fmt, ...)
	__attribute__((format(printf, 4, 5)));

#endif
