/*
 * fold_case.h: letters of any script in the form in which case does not count (Unicode, section 3.13,
 * toCasefold): as Postfix folds an address before it asks a table for it.
 */
#ifndef PV_MAPS_FOLD_CASE_H
#define PV_MAPS_FOLD_CASE_H

#include "base/buffer.h"

#include <stdbool.h>

/* Append s[0..len) folded. Returns false where it is no UTF-8: nothing is appended. Ask pv_buf_check(). */
bool pv_fold_case(const char *s, size_t len, struct pv_buf *out);

#endif
