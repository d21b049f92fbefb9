/*
 * done.h: .NAME.done, the ids of the messages stored lately, so that the retry of a message whose delivery
 * was killed after it was safe does not store it twice.
 *
 * Kept are the last 1,024 and all younger than four hours. Each entry says when its message was appended: a
 * mailbox that is older than that was put back from a backup, and does not hold the message.
 */
#ifndef PV_DONE_H
#define PV_DONE_H

#include "mailbox/location.h"
#include "mailbox/mailbox.h"

enum { PV_DONE_KEPT = 1024, PV_DONE_SECONDS = 4 * 3600 };

struct pv_done {
	int fd;		    /* -1: none */
	struct pv_buf text; /* the file */
};

/* Read the file, or make it. Where that fails there is simply no memory of earlier messages: d->fd is -1. */
void pv_done_open(const struct pv_location *l, struct pv_done *d);
/* Was id stored in this mailbox, whose mtime is mtime_ns? */
bool pv_done_has(const struct pv_done *d, const unsigned char id[PV_ID_BYTES], int64_t mtime_ns);
/* Note id, appended at or after begun_ns. A failure is none: the mail is safe, only its retry might be stored
 * again. */
void pv_done_add(struct pv_done *d, const struct pv_location *l, const unsigned char id[PV_ID_BYTES],
		 int64_t begun_ns);
void pv_done_close(struct pv_done *d);

/* Now, by the clock that the kernel stamps files with, never after the mtime of what is written later. */
int64_t pv_done_now(void);

#endif
