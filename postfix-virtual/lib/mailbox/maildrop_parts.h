/*
 * maildrop_parts.h: what a maildrop is made of, for the files maildrop_*.c alone.
 */
#ifndef PV_MAILDROP_PARTS_H
#define PV_MAILDROP_PARTS_H

#include "base/buffer.h"
#include "mailbox/maildrop.h"
#include "mailbox/maildrop_scan.h"

#include <sys/stat.h>
#include <time.h>

/* A message's content without what mail programs add to it (maildrop_digest.h); also on the disk. */
struct pv_digest {
	uint64_t hash[2];
	uint32_t
		x_uidl; /* where in the maildrop's x_uidls its own unique-id begins, plus 1; 0: it has none */
	uint32_t nth;	/* of those with the same unique-id; 0: not counted yet */
};

struct pv_maildir;

struct pv_maildrop {
	const struct pv_location *where;
	struct pv_maildrop_options o;
	int fd;		     /* of the mbox; -1: it is missing, or a Maildir */
	struct stat st;	     /* of it, when it was scanned */
	struct stat seen;    /* when it was looked at last, and was found to have grown at most */
	bool settled;	     /* with this status it still is that */
	int64_t looked_ms;   /* else: when it was looked at, by pv_now_ms() */
	uint64_t end_anchor; /* checksum of its last bytes (journal.h) */
	struct pv_records list;
	struct pv_digest *digests; /* as many as messages; NULL: none yet */
	struct pv_buf x_uidls;	   /* each with its NUL */
	bool numbered;		   /* all digests are known, and equal ones are counted */
	bool broken;		   /* somebody rewrote the mailbox: nothing more is sent or removed */
	size_t learnt;		   /* digests that the index does not have */
	bool indexed;		   /* the index has these very messages */
	int index_fd;		   /* its digests are still to be read; -1: not */
	bool updated;		   /* and is no longer what was scanned */
	struct pv_maildir *dir;	   /* NULL: an mbox (maildrop_maildir.h) */
	char *block;		   /* PV_MAILDROP_BLOCK bytes to work in; NULL: none yet */
};

enum { PV_MAILDROP_BLOCK = PV_SCAN_BLOCK + 128 * 1024 };

/* From now on nothing is sent or removed. Returns PV_TEMPORARY and the sentence. */
enum pv_class pv_maildrop_break(struct pv_maildrop *m, struct pv_error *e);

/* See to it that there is m->block. */
enum pv_class pv_maildrop_need_block(struct pv_maildrop *m, struct pv_error *e);

/* The bytes of a message. */
struct pv_source {
	const struct pv_record *r;
	int fd;
	uint64_t end; /* of the message, in the file */
	bool own;     /* the descriptor is */
};

/* Where message i is read from. PV_OK: to be closed. */
enum pv_class pv_source_open(struct pv_maildrop *m, size_t i, struct pv_source *s, struct pv_error *e);
void pv_source_close(struct pv_source *s);

/* Has the mailbox been no more than appended to since it was scanned? PV_TEMPORARY: it is broken. */
enum pv_class pv_maildrop_check_file(struct pv_maildrop *m, struct pv_error *e);

/* See to it that there is room for digests, and those that the index has are there. */
enum pv_class pv_maildrop_start_learning(struct pv_maildrop *m, struct pv_error *e);

/* See to it that the digest of message i is known; of all messages. */
enum pv_class pv_maildrop_learn(struct pv_maildrop *m, size_t i, struct pv_error *e);
enum pv_class pv_maildrop_learn_all(struct pv_maildrop *m, struct pv_error *e);

/* pv_maildrop_update() for an mbox. */
enum pv_class pv_mbox_update(struct pv_maildrop *m, struct pv_error *e);

#endif
