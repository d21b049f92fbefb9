/*
 * maildrop_scan.h: where the messages of an mbox are, and how large each is as it is sent. One pass at the
 * speed of memory, without hashing.
 *
 * A message begins with a line `From ` (RFC 4155) at the start of the file or behind an empty line; a first
 * one that begins otherwise is a message too. Lines end in LF or CRLF, mixed as they come. The empty line
 * that ends a message is not part of it, nor are empty lines at the start of the file.
 */
#ifndef PV_MAILDROP_SCAN_H
#define PV_MAILDROP_SCAN_H

#include "base/error.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum {
	PV_SCAN_BLOCK = 256 * 1024, /* read at once: stays in the second cache */
	PV_RECORD_ANCHOR = 64,	    /* bytes from a message's start that tell whether it is still there */
};

enum {
	PV_RECORD_FROM = 1,	 /* begins with a From_ line */
	PV_RECORD_CRLF = 2,	 /* some lines end in CRLF */
	PV_RECORD_QUOTED = 4,	 /* some lines have a `>` of mboxrd's that is not sent */
	PV_RECORD_SEEN = 8,	 /* its Status has an R */
	PV_RECORD_LF_END = 16,	 /* an empty line ends it: LF */
	PV_RECORD_CRLF_END = 32, /* or CRLF */
	PV_RECORD_DIGEST = 64,	 /* its digest is known (maildrop_digest.h) */
	PV_RECORD_KEPT = 127,	 /* of these the index has those; the others are the session's */
	PV_RECORD_LOOK = 256,	 /* the scan's own: anchor and Status are still to be looked at */
	PV_RECORD_DELETED = 512, /* marked */
	PV_RECORD_READ = 1024,	 /* read in this session */
};

/* One message; also on the disk, in the index. Small, as there may be many, and the memory for them is what
 * opening an indexed mailbox costs: there is room for 256 terabytes, and for messages of one. */
struct pv_record {
	uint64_t offset : 48; /* of its first byte; it ends where the next begins */
	uint64_t flags : 16;
	uint64_t octets : 40; /* as in maildrop.h */
	uint64_t anchor : 24; /* checksum of its first bytes, as far as the file went */
	uint64_t lines;
};

struct pv_records {
	struct pv_record *v;
	size_t n, room;
};

/*
 * Add the messages in bytes [from, to) of the file to *r. from: 0, or where a message begins. block: how much
 * is read at once, PV_SCAN_BLOCK but in tests. PV_TEMPORARY: the file cannot be read, is shorter than `to`,
 * or there is no memory.
 */
enum pv_class pv_scan_mbox(int fd, uint64_t from, uint64_t to, size_t block, struct pv_records *r,
			   struct pv_error *e);

/* The same for a file that is one message, nothing in it quoted: fills octets, lines and flags of *r. */
enum pv_class pv_scan_message(int fd, uint64_t size, struct pv_record *r, struct pv_error *e);

/* The anchor of a message that begins at `at` in a file that ends at `end`. PV_TEMPORARY: it cannot be read.
 */
enum pv_class pv_scan_anchor(int fd, uint64_t at, uint64_t end, uint32_t *anchor_r, struct pv_error *e);

void pv_records_free(struct pv_records *r);

#endif
