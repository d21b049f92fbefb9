/*
 * maildir.h: a Maildir under the lock of deliveries: opened, repaired after whoever was killed in it, and
 * delivered into. Readers take no lock: what is in new/ is whole, and they may move and remove it at any
 * time.
 *
 * A message is written to tmp/NAME, synced, linked to new/NAME, and new/ is synced. Beside the Maildir, 0600:
 *   .NAME.maildir  the lock, and what is under way (maildir_state.h)
 *   .NAME.done     ids of what was stored lately (done.h), as for an mbox
 *   .NAME.making   a Maildir that is being made, for a moment
 *
 * What a kill leaves, wherever it comes: the next delivery finds the file's name in .NAME.maildir, and looks
 * whether it is in new/ or cur/. Only what was removed from there by a reader between the link and the note
 * of it, one system call later, with a kill between the two, is stored again.
 */
#ifndef PV_MAILDIR_H
#define PV_MAILDIR_H

#include "mailbox/maildir_state.h"
#include "mailbox/store_message.h"

/* Why a folder of that name, owner and mode is no Maildir of uid's, and how that is mended, to follow its
 * name (see pv_mailbox_fault()). NULL: mail can be delivered into it. */
const char *pv_maildir_fault(int dirfd, const char *name, uid_t uid);

struct pv_maildir_box {
	const struct pv_location *where; /* borrowed */
	uid_t uid;
	int lock;	   /* .NAME.maildir; -1: none (a shared folder) */
	int top, tmp, new; /* folders */
	int64_t changed;   /* when new/ or cur/ was changed last, as done.h counts */
	int64_t times[2];  /* of new/ and cur/ */
	bool created;
	struct pv_maildir_state state;
	char note[200]; /* something that an administrator should read in the log; "" if not */
};

struct pv_maildir_options {
	uid_t uid;		   /* the account: the Maildir must be its own */
	unsigned lock_deadline_ms; /* 20,000 */
	bool make;		   /* it, where nothing is at its place */
};

/*
 * Lock the Maildir at `where`, make which of its folders are missing (0700, synced), and repair what a killed
 * delivery left. *there_r: false where there is none: something else stands there, or (make is off) nothing;
 * then nothing is held and the class is PV_OK.
 *
 * PV_TEMPORARY: a folder has none of tmp, new and cur, is another owner's or writable by others; the
 * lock could not be had.
 */
enum pv_class pv_maildir_box_open(const struct pv_location *where, const struct pv_maildir_options *o,
				  struct pv_maildir_box *b, bool *there_r, struct pv_error *e);

/* pv_mailbox_store() into it. r->maildir and r->created are not touched. */
enum pv_class pv_maildir_box_store(struct pv_maildir_box *b, const struct pv_store_options *o,
				   const struct pv_content *content, const unsigned char id[PV_ID_BYTES],
				   struct pv_stored *r, struct pv_error *e);

void pv_maildir_box_close(struct pv_maildir_box *b);

#endif
