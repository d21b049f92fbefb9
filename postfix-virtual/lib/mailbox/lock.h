/*
 * lock.h: both locks of an mbox: first the fcntl lock of its open file (F_OFD_SETLK: it excludes other
 * programs' POSIX locks, and is not lost when some other descriptor of the file is closed), then the dotlock.
 * Either that is busy makes both be dropped and tried again, so no order of others' can deadlock with ours.
 * No signal is used, and no child may be started while they are held.
 */
#ifndef PV_LOCK_H
#define PV_LOCK_H

#include "mailbox/location.h"

#include <sys/stat.h>

struct pv_lock {
	int fd;		/* the mailbox, O_RDWR */
	struct stat st; /* of it, taken while both locks were held */
	bool created;	/* by us: it was missing */
	bool is_folder; /* what stands at the path: then it is not locked */
	bool dotlock;	/* held */
};

struct pv_lock_options {
	uid_t uid; /* whose file it must be */
	unsigned deadline_ms;
	bool fcntl_only; /* be content where no dotlock can be made, since that is not allowed */
	bool to_read;	 /* be content whatever the reason is */
};

/* Why a file of that kind, owner and mode is no mailbox of uid's, and how that is mended: `is executable:
 * chmod 0600 it`, to follow its name. NULL: it may be one. shared: as in struct pv_location. */
const char *pv_mailbox_fault(const struct stat *st, uid_t uid, bool shared);

/* Open or create the mailbox and take both locks; see pv_mailbox_open() for what is refused. After success
 * the open file is the one at the path, and appends. On failure nothing is held, and a file that was made is
 * gone, unless another program holds the dotlock: it may have opened the empty file. */
enum pv_class pv_lock_take(const struct pv_location *l, const struct pv_lock_options *o, struct pv_lock *k,
			   struct pv_error *e);

/* Give both back. A created file that is still empty is removed first, if the dotlock is held. */
enum pv_class pv_lock_release(struct pv_lock *k, const struct pv_location *l, struct pv_error *e);

#endif
