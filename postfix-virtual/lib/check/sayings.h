/*
 * sayings.h: how a child tells what it found: lines of text, which the parent reads again and believes no
 * further than that somebody shall look.
 */
#ifndef PV_SAYINGS_H
#define PV_SAYINGS_H

#include "check/checkup.h"

#define PV_SAYINGS_MAX ((size_t)4 << 20)

/* In the child: append a finding. */
void pv_say(struct pv_buf *out, enum pv_severity severity, const char *id, const char *object,
	    const char *fmt, ...) __attribute__((format(printf, 5, 6)));

/* In the parent: add what was said, as far as its id is one of `ids` (NULL at the end) and it was not said
 * before. In a repair the lines are what was done. */
void pv_sayings_take(struct pv_checkup *u, const struct pv_buf *said, const char *const ids[]);

#endif
