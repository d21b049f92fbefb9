/*
 * mailbox.h: an mbox under its locks: opened, repaired after whoever was killed in it, and
 * appended to. (RFC 4155; quoting is mboxrd, see mboxrd.h.)
 *
 * Side files, all in the mailbox's folder, of mode 0600, and each may be missing, old or
 * newer than the mailbox at any time:
 *   NAME.lock      the dotlock that other mail programs look for
 *   .NAME.lock     its text, kept from delivery to delivery; NAME.lock is a second link to it
 *   .NAME.journal  what the delivery in progress means to write (journal.h)
 *   .NAME.spooled  the same, where it is too much for memory
 *   .NAME.done     ids of what was stored lately (done.h)
 */
#ifndef PV_MAILBOX_H
#define PV_MAILBOX_H

#include "base/error.h"
#include "mailbox/content.h"
#include "mailbox/location.h"

#include <stdbool.h>
#include <stdint.h>
#include <sys/stat.h>

#define PV_ID_BYTES 32 /* an id is a SHA-256 */

struct pv_mailbox {
	const struct pv_location *where; /* borrowed */
	uid_t uid;
	int fd;
	struct stat st; /* of fd, after both locks */
	bool created;	/* by us, and not yet known to be on the disk */
	bool is_folder; /* what stands at the path; then it could not be opened */
	bool locked_by_dotlock;
	int journal_fd; /* -1: none (a shared folder) */
	int done_fd;	/* of the last append; -1: none */
	int64_t doubt;	/* ids that done.h has from before this time prove nothing */
	char note[200]; /* something that an administrator should read in the log; "" if not */
};

/* What it is opened for. */
enum pv_mailbox_use {
	PV_TO_APPEND,
	PV_TO_REMOVE, /* or to rewrite: nothing will be appended, so that no journal is needed if none can be
		       * made */
	PV_TO_READ, /* as well; and the fcntl lock alone will do: who sees his mail on a full disk can remove
		       it */
};

struct pv_mailbox_options {
	uid_t uid;		   /* the account: the mailbox must be its own */
	unsigned lock_deadline_ms; /* 20,000 */
	bool fcntl_only;	   /* append without a dotlock where none can be made */
	enum pv_mailbox_use use;
};

/*
 * Open the mailbox at `where` (created with mode 0600 where it is missing), take the fcntl lock and the
 * dotlock, and repair what a killed delivery left.
 *
 * PV_TEMPORARY, with nothing changed: it is a symlink, a hard link, no regular file, executable, writable by
 * group or others, or another owner's; it lies on a network file system; a lock could not be had by
 * the deadline; the folder takes no dotlock and fcntl_only is off.
 */
enum pv_class pv_mailbox_open(const struct pv_location *where, const struct pv_mailbox_options *o,
			      struct pv_mailbox *m, struct pv_error *e);

enum pv_append_result {
	PV_APPENDED,
	PV_DUPLICATE, /* this id was stored before: nothing was written */
};

/*
 * Append content (a whole message as it shall stand in the file, From_ line first, the empty line last) and
 * make it durable. id: the message's, for a retry after a crash; NULL: it has none.
 *
 * PV_OK: *r tells; the bytes are on the disk. PV_TEMPORARY: the file is as it was, unless the failure was
 * fsync()'s: then the bytes stand there, and the next pv_mailbox_open() makes them durable.
 */
enum pv_class pv_mailbox_append(struct pv_mailbox *m, const struct pv_content *content,
				const unsigned char id[PV_ID_BYTES], enum pv_append_result *r,
				struct pv_error *e);

/* Asked before the first byte is written; not where the message was stored before. Anything but PV_OK ends
 * the delivery with that error. */
typedef enum pv_class pv_mailbox_may(void *ctx, const struct pv_mailbox *m, struct pv_error *e);

/* pv_mailbox_append(), if may(ctx, m) says so. */
enum pv_class pv_mailbox_append_if(struct pv_mailbox *m, const struct pv_content *content,
				   const unsigned char id[PV_ID_BYTES], pv_mailbox_may *may, void *ctx,
				   enum pv_append_result *r, struct pv_error *e);

/* Give both locks back and close. An empty mailbox that we made is removed again. PV_TEMPORARY: close()
 * reported an error. */
enum pv_class pv_mailbox_close(struct pv_mailbox *m, struct pv_error *e);

#endif
