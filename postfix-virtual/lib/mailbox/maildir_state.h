/*
 * maildir_state.h: .NAME.maildir beside a Maildir: the lock that deliveries take, and what they must know of
 * each other: which message is under way, and how full the Maildir was after the last one.
 *
 * Like a journal it proves nothing: it may be missing, old, or from another backup than the Maildir.
 */
#ifndef PV_MAILDIR_STATE_H
#define PV_MAILDIR_STATE_H

#include "mailbox/mailbox.h"
#include "mailbox/usage.h"

#include <limits.h>

enum pv_maildir_step {
	PV_MAILDIR_IDLE,   /* nothing is under way */
	PV_MAILDIR_WRITES, /* tmp/NAME is, or is to be, written, and may be linked into new/ */
	PV_MAILDIR_LINKED, /* it was linked there */
};

struct pv_maildir_state {
	int64_t begun; /* the last delivery, as done.h counts: no later than the time of new/ after it */
	int64_t doubt; /* what .NAME.done has from before this time is not to be believed unseen */
	bool counted;  /* usage is what was there after the last delivery, when new/ and cur/ had these times
			*/
	struct pv_usage usage;
	int64_t times[2]; /* of new/ and cur/, ns */
	enum pv_maildir_step step;
	bool has_id; /* the message under way */
	unsigned char id[PV_ID_BYTES];
	char name[NAME_MAX + 1]; /* its file; "": none */
};

/* Make the file where it is missing, and lock it. PV_TEMPORARY: it cannot be made (4.3.1: no room), or others
 * held it until the deadline (4.2.0). The lock ends with close(*fd_r). */
enum pv_class pv_maildir_lock(const struct pv_location *l, unsigned deadline_ms, int *fd_r,
			      struct pv_error *e);

/* Read it. One that is torn, foreign or empty is all zeros. Returns 0, or -1 and errno. */
int pv_maildir_state_read(int fd, struct pv_maildir_state *s);
/* Read that of the Maildir `name` in dirfd, without its lock; zeros where there is none to be had. */
void pv_maildir_state_look(int dirfd, const char *name, struct pv_maildir_state *s);
/* Write all of it; not synced. Returns 0, or -1 and errno: then it counts as torn. */
int pv_maildir_state_write(int fd, const struct pv_maildir_state *s);
/* Only the step. */
int pv_maildir_state_step(int fd, enum pv_maildir_step step);

/* A file's mtime, as `times` has them. */
int64_t pv_maildir_time(const struct stat *st);

#endif
