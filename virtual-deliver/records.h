/*
 * records.h: which actions of a message are done, so that a retry repeats none that cannot be taken back.
 *
 * SPOOL/<domain>/.files/.actions.done has the form of mailbox/done.h: an id for each action of each message,
 * at least the last 1,024 and all of the last four hours. Who is at work on a message holds a lock on one
 * byte far behind the file's end, chosen by its id: a retry that comes while the first try still runs waits
 * for it.
 */
#ifndef PV_RECORDS_H
#define PV_RECORDS_H

#include "mailbox/done.h"

struct records {
	int dirfd;	 /* SPOOL/<domain>/.files; -1: nothing is recorded */
	int fd;		 /* of .actions.done; holds the locks */
	char path[4096]; /* of .actions, for sentences */
	unsigned char message[PV_ID_BYTES];
	struct pv_location where;
};

/* Nothing is recorded, and nothing is known. */
void records_none(struct records *r);

/*
 * Open the records in `dirfd` (which is theirs from now on; `path` for sentences) for a message with this id.
 * PV_TEMPORARY: somebody else is at work on it, and was for deadline_ms; no room for one more record, so that
 * nothing may be done that needs one.
 */
enum pv_class records_open(struct records *r, int dirfd, const char *path,
			   const unsigned char message[PV_ID_BYTES], unsigned deadline_ms,
			   struct pv_error *e);
void records_close(struct records *r);

/*
 * Was this action done? `kind` and key name it; one that is seen to be is kept for another four hours. Where
 * nothing is recorded, no. PV_TEMPORARY: that cannot be known now.
 */
enum pv_class records_look(struct records *r, char kind, const char *key, size_t len, bool *done_r,
			   struct pv_error *e);
/* It is done. false and errno: that could not be noted. */
bool records_add(struct records *r, char kind, const char *key, size_t len);

#endif
