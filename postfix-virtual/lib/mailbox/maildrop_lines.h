/*
 * maildrop_lines.h: the inner loop of the scan: counting lines, and stopping at those that may mean
 * something.
 */
#ifndef PV_MAILDROP_LINES_H
#define PV_MAILDROP_LINES_H

#include <stdint.h>

/*
 * Count the newlines in [p, stop), and those that stand behind a CR, up to the first line that begins like
 * `From `, `>From `, `>>` or `Status:`, or where stop comes too soon to tell. Returns where that begins, or
 * stop. At least one byte before p is readable, and tells whether a line begins at p.
 */
const char *pv_skip_lines(const char *p, const char *stop, uint64_t *lf, uint64_t *crlf);

#endif
