/*
 * done.h: .NAME.done, the ids of the messages stored lately, so that the retry of a message whose delivery
 * was killed after it was safe does not store it twice.
 *
 * Kept are at least the last 1,024 and all younger than four hours. The file is a number of buckets of 256
 * entries, by the first bits of the id, so that looking one up costs the same however busy the mailbox is; it
 * starts with one bucket and doubles. Each entry says when its message was appended: a mailbox that is older
 * than that may have been put back from a backup, and then does not hold the message.
 *
 * Times here are counted in units of 1/32768 s since 1970: whole seconds would hide what is put back in the
 * second in which it was stored.
 */
#ifndef PV_DONE_H
#define PV_DONE_H

#include "mailbox/location.h"
#include "mailbox/mailbox.h"

#include <time.h>

enum { PV_DONE_KEPT = 1024, PV_DONE_SECONDS = 4 * 3600, PV_DONE_BUCKET = 256, PV_DONE_UNITS = 32768 };

struct pv_done_entry {
	uint64_t id;   /* the first eight bytes of the message's */
	uint64_t when; /* 48 bits: a time at which its append had not begun yet; 16 bits that tell a whole
			* entry from what a power cut left; 0: a free place */
};

struct pv_done {
	int fd;		  /* -1: none */
	uint32_t buckets; /* in the file; a power of two */
	uint32_t bucket;  /* the one that was read */
	int64_t newest;	  /* the last time in it, be its entry whole or not; 0: none */
	struct pv_done_entry entries[PV_DONE_BUCKET];
};

/*
 * Open the file (make it), read the bucket of id, and say whether id was noted. Then the append began at or
 * after *when_r, and the mailbox's mtime was not before it. d->fd is -1 and errno set where the file cannot
 * be used: there is no memory of earlier messages then, for the moment or, if pv_done_is_unusable(), for
 * ever.
 */
bool pv_done_find(const struct pv_location *l, const unsigned char id[PV_ID_BYTES], int64_t *when_r,
		  struct pv_done *d);
/* Note id, appended at or after `when`. false and errno: it could not be noted; the mail is safe all the
 * same, only its retry might be stored again. */
bool pv_done_add(struct pv_done *d, const unsigned char id[PV_ID_BYTES], int64_t when);
/* Does this errno value mean that something else stands in the file's place, rather than that a call failed?
 */
bool pv_done_is_unusable(int err);
void pv_done_close(struct pv_done *d);

/* Now, by the clock that the kernel stamps files with: never after the mtime of what is written later. */
int64_t pv_done_now(void);
/* The same count for a file's time. */
int64_t pv_done_time(const struct timespec *t);

#endif
