/*
 * maildrop_flags.h: what is known about a message besides its text: in an mbox its fields Status and
 * X-Status, in a Maildir the letters behind `:2,` and the folder.
 */
#ifndef PV_MAILDROP_FLAGS_H
#define PV_MAILDROP_FLAGS_H

#include "base/buffer.h"

#include <stdbool.h>

enum {
	PV_FLAG_SEEN = 1,     /* Status R; S */
	PV_FLAG_OLD = 2,      /* Status O: no longer new; in cur/ */
	PV_FLAG_ANSWERED = 4, /* X-Status A; R */
	PV_FLAG_FLAGGED = 8,  /* X-Status F; F */
	PV_FLAG_DELETED = 16, /* X-Status D; T: to be removed by who expunges */
	PV_FLAG_DRAFT = 32,   /* X-Status T; D */
};

/* What the fields in this header say; up to its end or an empty line. A message with any flag is old too. */
unsigned pv_flags_of_header(const char *header, size_t len);

/* Of a Maildir's file with this name, in new/ or in cur/. */
unsigned pv_flags_of_name(const char *name, bool in_new);

/* Append to out, which is empty, the header with these flags. One that says the same already stays as it is,
 * byte for byte; else its Status and X-Status go, and new ones come last. Lines end as its first one does. */
void pv_flags_put(struct pv_buf *out, const char *header, size_t len, unsigned flags);

/* `:2,` and the letters, for the name of a file in cur/. */
void pv_flags_suffix(unsigned flags, char out[12]);

#endif
