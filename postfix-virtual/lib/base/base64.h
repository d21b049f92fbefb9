/*
 * base64.h: bytes as letters (RFC 4648, section 4), in one line, with padding.
 */
#ifndef PV_BASE64_H
#define PV_BASE64_H

#include "base/buffer.h"

void pv_base64_add(struct pv_buf *out, const void *data, size_t len);

/* Append what s[0..len) stands for. Returns false where it is not exactly what pv_base64_add() writes for
 * some bytes; a part may have been appended then. */
bool pv_base64_decode(const char *s, size_t len, struct pv_buf *out);

#endif
