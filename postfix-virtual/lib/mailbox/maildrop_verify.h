/*
 * maildrop_verify.h: what is wrong with a mailbox, and mending it.
 *
 * An mbox: everything that makes programs differ about where a message begins, and what a crash leaves.
 * Whether Content-Length agrees is no question: nobody here believes it. A Maildir: what is in it and is no
 * message, and what is left over.
 */
#ifndef PV_MAILDROP_VERIFY_H
#define PV_MAILDROP_VERIFY_H

#include "mailbox/location.h"

#include <limits.h>

enum pv_finding_kind {
	/* of an mbox; offset says where */
	PV_FINDING_TORN,       /* a delivery was cut off: half a message at the end; length: its bytes */
	PV_FINDING_NO_FROM,    /* its first message begins without a From_ line */
	PV_FINDING_UNQUOTED,   /* in a message a line begins with `From `, behind one that is not empty */
	PV_FINDING_DOUBTFUL,   /* a line begins with `From ` behind an empty line, and has no date: some
				* programs   begin a message there, others do not; what follows looks like text
				*/
	PV_FINDING_NO_DATE,    /* the same, but what follows looks like a header */
	PV_FINDING_CRLF_FROM,  /* a From_ line ends in CRLF */
	PV_FINDING_NUL,	       /* bytes that are NUL; length: how many */
	PV_FINDING_NO_NEWLINE, /* its last line has no end */
	/* of a Maildir; name says which */
	PV_FINDING_NO_FOLDER,	/* tmp, new or cur is missing */
	PV_FINDING_STRAY,	/* in new/ or cur/, and no message: a folder, a symlink, a hidden file */
	PV_FINDING_OWNER,	/* a file that is another account's: no message either */
	PV_FINDING_UNREADABLE,	/* a message that its account cannot read */
	PV_FINDING_TWICE,	/* a message that is in new/ and in cur/, or in one under two names */
	PV_FINDING_LEFT_IN_TMP, /* in tmp/, and nobody has touched it for 36 hours */
	PV_FINDING_KINDS,
};

struct pv_finding {
	enum pv_finding_kind kind;
	uint64_t offset, length; /* in an mbox */
	const char *name;	 /* in a Maildir, below it; NULL: none. Until the sink returns */
	bool mended;		 /* pv_mailbox_repair() mends it (or has) */
};

/* What that kind means, and what to do where repair does nothing about it: one sentence without a full stop.
 */
const char *pv_finding_text(enum pv_finding_kind kind);

/* Called for each finding, by offset (in a Maildir: by folder). */
typedef void pv_finding_sink(void *ctx, const struct pv_finding *f);

struct pv_verify_options {
	uid_t uid;		   /* the account: the mailbox must be its own */
	unsigned lock_deadline_ms; /* 20,000 */
	bool remove_nuls; /* repair: take NUL bytes out. They are the only bytes that it ever takes away; a
			   * message may hold some by right */
};

struct pv_verified {
	bool exists, maildir;
	size_t messages, findings, mended; /* mended: of the findings, those that repair mends */
	uint64_t bytes;
	char old[NAME_MAX + 1]; /* repair: where the mailbox is as it was, in its folder, for the caller to
				 * move to the trash;
				 * "": it was not changed */
};

/* Look, under the mailbox's lock, and change nothing. PV_TEMPORARY: it cannot be opened (see pv_lock_take())
 * or read. */
enum pv_class pv_mailbox_verify(const struct pv_location *where, const struct pv_verify_options *o,
				pv_finding_sink *sink, void *ctx, struct pv_verified *r, struct pv_error *e);

/*
 * Mend what can be mended without losing a byte of any message; sink gets what was found, as before. The new
 * mbox is built beside the old one and put in its place at once; a kill leaves the one or the other, and
 * `old` is found when it is called again. In a Maildir: folders are made, what a delivery has left is
 * finished, tmp/ is emptied of what nobody has touched.
 */
enum pv_class pv_mailbox_repair(const struct pv_location *where, const struct pv_verify_options *o,
				pv_finding_sink *sink, void *ctx, struct pv_verified *r, struct pv_error *e);

#endif
