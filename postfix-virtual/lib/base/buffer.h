/*
 * buffer.h: the one growable string of this project.
 *
 * Invariants, true after every call: s is never NULL; s[len] is a NUL that is not
 * counted; len <= max. The content is binary: NULs may stand in it.
 *
 * An append that would pass max, or for which there is no memory, changes nothing
 * but the mark `failed`, and every later append does nothing. So a writer appends
 * piece after piece and asks once, at the end, with pv_buf_check().
 */
#ifndef PV_BUFFER_H
#define PV_BUFFER_H

#include "base/error.h"

#include <stdbool.h>
#include <stddef.h>

struct pv_buf {
	char *s;
	size_t len;
	size_t cap; /* bytes that s has; 0 while it is the shared empty string */
	size_t max; /* upper limit of len */
	char *lent; /* memory that is not ours to free; NULL: none */
	bool failed;
};

extern char pv_buf_empty[1];

/* A buffer that may grow to `limit` bytes. No memory is taken before the first append. */
#define PV_BUF_INIT(limit)                                                                                   \
	{                                                                                                    \
		.s = pv_buf_empty, .len = 0, .cap = 0, .max = (limit), .failed = false                       \
	}

/* The same, beginning in the char array `memory`, whose first byte is NUL and which outlives it: no
 * allocation before more is needed. */
#define PV_BUF_ON(memory, limit)                                                                             \
	{                                                                                                    \
		.s = (memory), .len = 0, .cap = sizeof(memory), .max = (limit), .lent = (memory),            \
		.failed = false                                                                              \
	}

/* Free the memory; the buffer is empty again and may be used on. */
void pv_buf_free(struct pv_buf *b);
/* Overwrite the whole memory with zeros, then free it: for secrets. Growing leaves copies behind, so
 * a secret needs a pv_buf_reserve() of its largest size first. */
void pv_buf_free_zero(struct pv_buf *b);
/* Forget content and `failed`, keep the memory. */
void pv_buf_reset(struct pv_buf *b);
/* Make len shorter (a longer one is ignored). */
void pv_buf_truncate(struct pv_buf *b, size_t len);
/* Make room for `more` bytes behind s[len). Returns a pointer to them, or NULL (`failed` is set).
 * After writing there, add what was written to len with pv_buf_grew(). */
char *pv_buf_reserve(struct pv_buf *b, size_t more);
void pv_buf_grew(struct pv_buf *b, size_t more);

/* What is appended must not lie in b itself: growing moves it. */
void pv_buf_add(struct pv_buf *b, const void *data, size_t len);
void pv_buf_adds(struct pv_buf *b, const char *str);
void pv_buf_addc(struct pv_buf *b, char c);
void pv_buf_addf(struct pv_buf *b, const char *fmt, ...) __attribute__((format(printf, 2, 3)));

/* PV_OK if every append since the last reset worked, else PV_TEMPORARY with a sentence that
 * names `what` (it is too large, or memory ran out). */
enum pv_class pv_buf_check(const struct pv_buf *b, const char *what, struct pv_error *e);

#endif
