/*
 * maildrop_convert.h: make a Maildir of an mbox, or an mbox of a Maildir. Messages keep every byte and their
 * order, unique-ids stay, flags go along (maildrop_flags.h); an mbox's From_ lines become the times of files,
 * and these From_ lines, with the sender of Return-Path.
 *
 * The other one is built beside the mailbox, compared with it message by message, and synced; then the two
 * change places at once (renameat2(2)). So a kill leaves the old mailbox or the new one, whole. Deliveries
 * wait for the lock, and then find what there is.
 *
 *   .NAME.to-maildir  a folder: a Maildir that is being built. A file: the old mbox.
 *   .NAME.to-mbox     a file: an mbox that is being built. A folder: the old Maildir.
 */
#ifndef PV_MAILDROP_CONVERT_H
#define PV_MAILDROP_CONVERT_H

#include "mailbox/location.h"

#include <limits.h>

struct pv_convert_options {
	uid_t uid;		   /* the account: the mailbox must be its own */
	unsigned lock_deadline_ms; /* 20,000 */
	bool to_maildir;	   /* else to an mbox */
};

struct pv_converted {
	size_t messages;	/* that were converted; 0 where it was of that format, or there is none */
	char old[NAME_MAX + 1]; /* the old mailbox, in the mailbox's folder, to be moved to the trash by the
				   caller; "": none */
	bool again;  /* old is of an earlier conversion, and in the way: move it, and call once more */
	size_t left; /* files in the old Maildir that are no messages (another owner's, no regular files) */
};

/*
 * Convert the mailbox at `where`. The caller holds what keeps sessions out (POP3's session lock); other
 * readers of a Maildir must be kept away too. To be called again after a kill: that removes what was half
 * built, and finds the old mailbox.
 *
 * PV_OK: the mailbox is of the format that was asked for, or there is none, or *r says `again`. PV_TEMPORARY:
 * it is as it was: a lock could not be had, no room, a message cannot be read, another program changed it
 * meanwhile. PV_PERMANENT: it cannot be done: the folder is shared (no lock), the file system cannot let two
 * names change places, the Maildir has folders in it, which an mbox cannot hold.
 */
enum pv_class pv_mailbox_convert(const struct pv_location *where, const struct pv_convert_options *o,
				 struct pv_converted *r, struct pv_error *e);

#endif
