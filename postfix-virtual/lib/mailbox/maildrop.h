/*
 * maildrop.h: a mailbox as a POP3 session sees it (RFC 1939): numbered messages of one moment, to be listed,
 * sent, marked and, at the end, removed. The same for mbox and Maildir; which of them it is, the mailbox
 * tells.
 *
 * A snapshot: mail that comes later is not in it, and is not lost by it. The mailbox's locks are held while
 * it is opened and while it is updated, and not in between.
 *
 * Beside the mailbox, 0600: `.NAME.index`, what was found in it the last time. It may be missing, old or
 * wrong at any time: that costs a scan, and nothing is ever removed because of it.
 */
#ifndef PV_MAILDROP_H
#define PV_MAILDROP_H

#include "base/error.h"
#include "mailbox/location.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define PV_UIDL_SIZE 71 /* 70 characters of 0x21 to 0x7e (RFC 1939, section 7), and the NUL */
#define PV_ALL_LINES UINT64_MAX

struct pv_maildrop; /* opaque; of pv_maildrop_open(), freed by pv_maildrop_close() */

struct pv_maildrop_options {
	uid_t uid;		   /* the account: the mailbox must be its own */
	unsigned lock_deadline_ms; /* how long to wait for the mailbox's locks */
	bool fcntl_only;	   /* see mailbox.h */
	bool write_status;	   /* at the update, note in each message that was sent that it was read */
};

/* A message of the snapshot, for STAT and LIST. */
struct pv_maildrop_message {
	uint64_t octets; /* as it is sent: lines end in CRLF, the `>` of quoting and dot-stuffing aside */
	uint64_t lines;
	bool deleted; /* marked */
	bool read;    /* its Status says so, or pv_maildrop_set_read() did */
};

/*
 * Open the mailbox at `where` (borrowed), repair what a killed delivery left, and take the snapshot. A
 * mailbox that is missing or empty has no messages; nothing is made. Any file is taken: one that does not
 * begin with From_, has no final newline, holds NULs or CRLF, or ends torn. PV_TEMPORARY: the file is not fit
 * to be a mailbox (see pv_mailbox_open()), cannot be read, or its locks could not be had by the deadline.
 */
enum pv_class pv_maildrop_open(const struct pv_location *where, const struct pv_maildrop_options *o,
			       struct pv_maildrop **m_r, struct pv_error *e);

size_t pv_maildrop_count(const struct pv_maildrop *m);

/* Message i, from 0 to count - 1, here and below. */
void pv_maildrop_message(const struct pv_maildrop *m, size_t i, struct pv_maildrop_message *out);

/*
 * The unique-id of message i (RFC 1939, section 7): from its content without what mail programs add (lines
 * X-..., Status, Content-Length, Lines, Return-Path, Delivered-To), so that it stays the same when the
 * mailbox is moved, converted or read by others; `-2`, `-3` behind that of the second and third equal
 * message; the X-UIDL that it came with, where it did with one. PV_TEMPORARY: the mailbox cannot be read, or
 * is no longer what was scanned.
 */
enum pv_class pv_maildrop_uidl(struct pv_maildrop *m, size_t i, char out[PV_UIDL_SIZE], struct pv_error *e);

/* Before anything of message i is sent: is it still there as it was scanned? PV_TEMPORARY: somebody rewrote
 * the mailbox; from then on nothing is sent or removed. */
enum pv_class pv_maildrop_check(struct pv_maildrop *m, size_t i, struct pv_error *e);

/* Takes the bytes of a message in pieces; what it returns ends the sending, if it is not PV_OK. */
typedef enum pv_class pv_maildrop_sink(void *ctx, const char *data, size_t len, struct pv_error *e);

/*
 * Send message i, its header and the first body_lines lines of its body (PV_ALL_LINES: all; the empty line
 * between is always sent), as RFC 1939, section 3, wants it on the wire: CRLF at the end of each line, the
 * last one too, a dot in front of each line that begins with one, and no line with the final dot. mboxrd's
 * quoting is taken off. PV_TEMPORARY: the sink failed, or the mailbox cannot be read or was cut under us: the
 * session must end without the final dot.
 */
enum pv_class pv_maildrop_send(struct pv_maildrop *m, size_t i, uint64_t body_lines, pv_maildrop_sink *sink,
			       void *ctx, struct pv_error *e);

/* Marks; they mean nothing before pv_maildrop_update(). */
void pv_maildrop_set_deleted(struct pv_maildrop *m, size_t i, bool deleted);
void pv_maildrop_set_read(struct pv_maildrop *m, size_t i);

/*
 * The UPDATE state: remove what is marked as deleted and, with write_status, note what was read; under the
 * mailbox's locks, whole or not at all, durable. A message is removed only where the very bytes of the
 * snapshot stand; what came meanwhile stays. PV_TEMPORARY: some or all of what was marked is still there,
 * nothing else was touched, and no temporary file is left.
 */
enum pv_class pv_maildrop_update(struct pv_maildrop *m, struct pv_error *e);

/* Forget it all. NULL is fine. */
void pv_maildrop_close(struct pv_maildrop *m);

#endif
