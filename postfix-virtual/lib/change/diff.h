/*
 * diff.h: unified diffs for people, by diff(1).
 */
#ifndef PV_DIFF_H
#define PV_DIFF_H

#include "base/buffer.h"
#include "base/error.h"

/*
 * Append the unified diff from old to new (NULL: no such file) of the file at `path` to *out. Control
 * characters, which would speak to a terminal, become `?`. PV_TEMPORARY: diff(1) is missing or failed.
 */
enum pv_class pv_diff(const char *path, const char *old, size_t old_len, const char *new, size_t new_len,
		      struct pv_buf *out, struct pv_error *e);

#endif
