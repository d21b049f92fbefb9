/*
 * maildrop_digest.h: which message is it? A hash (XXH3, 128 bits) of what it says, with lines that end in LF
 * and without what mail programs add on the way and in the mailbox: X-..., Status, Content-Length, Lines,
 * Return-Path, Delivered-To. The unique-id is made of it, and what is removed is known by it.
 */
#ifndef PV_MAILDROP_DIGEST_H
#define PV_MAILDROP_DIGEST_H

#include "mailbox/maildrop_parts.h"
#include "mailbox/maildrop_walk.h"

/*
 * Fill hash and x_uidl of *d for the message r, which ends at `end`. A valid X-UIDL (RFC 1939, section 7) is
 * appended to x_uidls (NULL: not asked for). memory, window: see pv_walk_start(). PV_TEMPORARY: it cannot be
 * read, or is shorter than it was.
 */
enum pv_class pv_digest_message(int fd, const struct pv_record *r, uint64_t end, struct pv_digest *d,
				struct pv_buf *x_uidls, char *memory, struct pv_window *window,
				struct pv_error *e);

#endif
