/*
 * diff.h: what a change would do to a text, as `diff -u` shows it.
 */
#ifndef PV_MAPS_DIFF_H
#define PV_MAPS_DIFF_H

#include "base/buffer.h"

/*
 * Append the unified diff from old to new (NUL-terminated texts; old NULL: no such file yet) of the file
 * `path`; nothing where they are equal. Always right, and as short as can be where both are sorted, as the
 * texts of tables are. Ask pv_buf_check() of out.
 */
void pv_diff(struct pv_buf *out, const char *path, const char *old, const char *new);

#endif
