/*
 * size.h: sizes as people write them: 5M, 500k, 50MB, 5000000, NOQUOTA. A K is 1,000 bytes, as in vpopmail.
 */
#ifndef PV_SIZE_H
#define PV_SIZE_H

#include "base/buffer.h"

#include <stdbool.h>

/* Digits with an optional K, M or G (also k, m, g, with a B behind), or NOQUOTA (0: no limit). Returns false
 * where it is none. */
bool pv_quota_parse(const char *s, unsigned long long *bytes_r);

/* Write it in the largest unit that loses nothing: 500M; 0: NOQUOTA. */
void pv_quota_format(unsigned long long bytes, struct pv_buf *out);

#endif
