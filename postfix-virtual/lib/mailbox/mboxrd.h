/*
 * mboxrd.h: the quoting of an mbox: every line that matches `^>*From ` gets one more `>`, so that it can be
 * taken away again exactly (RFC 4155's "mboxrd" variant).
 */
#ifndef PV_MBOXRD_H
#define PV_MBOXRD_H

#include "mailbox/content.h"

/* Where in a line the last piece ended. Start with PV_MBOXRD_INIT. */
struct pv_mboxrd {
	bool in_line;	  /* behind the part of a line that matters */
	uint64_t greater; /* `>` seen at the start of this line, and not yet written */
	unsigned matched; /* of "From ", likewise */
	int last;	  /* the byte written last; -1 before the first */
};

#define PV_MBOXRD_INIT                                                                                       \
	{                                                                                                    \
		.in_line = false, .greater = 0, .matched = 0, .last = -1                                     \
	}

/* Quote the next piece of a message, of any length, into out. Fails as pv_content_add() does. */
enum pv_class pv_mboxrd_add(struct pv_mboxrd *q, struct pv_content *out, const char *data, size_t len,
			    struct pv_error *e);

/* End the message: a newline where its last line has none, then one empty line. */
enum pv_class pv_mboxrd_finish(struct pv_mboxrd *q, struct pv_content *out, struct pv_error *e);

#endif
