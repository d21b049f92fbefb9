/*
 * store_message.h: put a message into a mailbox, be it an mbox or a Maildir: the one function that deliveries
 * call. A mailbox that exists is what it is; one that is missing is made in the format that is asked for.
 *
 * The content is the same for both, as it stands in an mbox: From_ line first, mboxrd's quoting (mboxrd.h),
 * an empty line last. Only under its lock is it certain what a mailbox is (it may be converted at this very
 * moment), and mboxrd's quoting can be taken off exactly: a Maildir gets the message without the three.
 */
#ifndef PV_STORE_MESSAGE_H
#define PV_STORE_MESSAGE_H

#include "mailbox/mailbox.h"
#include "mailbox/usage.h"

/* Asked under the mailbox's lock, as late as can be, before the first byte is written; anything but PV_OK
 * ends the delivery with that error. */
typedef enum pv_class pv_last_look(void *ctx, struct pv_error *e);

struct pv_store_options {
	uid_t uid;		   /* the account: the mailbox must be its own */
	unsigned lock_deadline_ms; /* 20,000 */
	bool fcntl_only;	   /* see mailbox.h */
	bool maildir;		   /* the format of a mailbox that is not there yet */
	struct pv_quota quota;	   /* all zeros: no limits, and nothing is counted */
	pv_last_look *last_look;   /* NULL: none */
	void *ctx;		   /* its own */
};

struct pv_stored {
	enum pv_append_result result;
	bool maildir;		     /* it is one */
	bool created;		     /* by us */
	struct pv_quota_state quota; /* as counted under the lock; zeros where it was a duplicate */
	char note[200];		     /* something that an administrator should read in the log; "" if not */
};

/*
 * Store content in the mailbox at `where` and make it durable. id: the message's, for a retry after a crash;
 * NULL: it has none.
 *
 * PV_OK: r->result tells; the message is on the disk, whole. It was checked in this order: stored before
 * (then PV_OK, whatever the quota says), last_look, quota.
 * PV_TEMPORARY: nothing was stored (but see pv_mailbox_append() for a failing fsync()); 4.2.2 where
 * r->quota.over says so, 4.3.1 where the disk is full. PV_PERMANENT: 5.2.2, only where quota.refuse is set
 * and r->quota.over tells which of our own limits was passed, counted anew in the mailbox itself. r->note may
 * be set whatever the class.
 */
enum pv_class pv_mailbox_store(const struct pv_location *where, const struct pv_store_options *o,
			       const struct pv_content *content, const unsigned char id[PV_ID_BYTES],
			       struct pv_stored *r, struct pv_error *e);

#endif
