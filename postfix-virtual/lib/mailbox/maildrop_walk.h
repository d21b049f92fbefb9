/*
 * maildrop_walk.h: a message line by line, as it is sent: without its From_ line, without the empty line that
 * ends it, mboxrd's `>` taken off, the line ends too.
 */
#ifndef PV_MAILDROP_WALK_H
#define PV_MAILDROP_WALK_H

#include "mailbox/maildrop_scan.h"

struct pv_walk {
	int fd;
	uint64_t at, end; /* of the file: the next byte to read; where the message ends */
	char *memory;	  /* borrowed */
	size_t from, to;  /* what of memory is not taken yet */
	bool in_line;	  /* what comes next is not the beginning of a line */
	bool quoted;	  /* lines may be */
};

/* A line, or a piece of one that is longer than the walk's memory. */
struct pv_piece {
	const char *s; /* until the next call */
	size_t len;
	bool begins, ends; /* the line, with this piece */
};

/* What of a file a walk has left in memory, for the next walk: messages that stand one behind the other are
 * then read in large pieces. All zeros: nothing. It is good for as long as the file is known not to change.
 */
struct pv_window {
	uint64_t base; /* of the file */
	size_t len;
};

/* Start on the message r, whose bytes end at `end` (with the empty line that ends it). memory: PV_SCAN_BLOCK
 * bytes, the walk's own from now on. window: of that file and that memory, or NULL. Returns 0, or -1 and
 * errno. */
int pv_walk_start(struct pv_walk *w, int fd, const struct pv_record *r, uint64_t end, char *memory,
		  struct pv_window *window);
/* 1: *p is the next piece; 0: the message has ended; -1 and errno: it cannot be read, or was cut. */
int pv_walk_next(struct pv_walk *w, struct pv_piece *p);
/* Instead of the next lines, bytes as they stand in the file, up to the end of the message. */
int pv_walk_raw(struct pv_walk *w, struct pv_piece *p);

#endif
