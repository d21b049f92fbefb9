/*
 * plain.h: a message as it was before it was made fit for an mbox: without its From_ line, mboxrd's quoting
 * and the empty line at the end. What a Maildir holds.
 */
#ifndef PV_PLAIN_H
#define PV_PLAIN_H

#include "mailbox/content.h"

#include <stdbool.h>

/* A message in a content: its bytes [from, to), From_ line and empty line aside. */
struct pv_plain {
	const struct pv_content *in; /* borrowed */
	uint64_t from, to;
	uint64_t size; /* without the quoting */
};

/* Find the message in a content as pv_mailbox_store() takes it. Costs one pass. Returns 0, or -1 and errno.
 */
int pv_plain_start(struct pv_plain *p, const struct pv_content *c);

/* The same for bytes [from, to) of a content, where from is behind the From_ line and to in front of the
 * empty line. */
int pv_plain_start_at(struct pv_plain *p, const struct pv_content *c, uint64_t from, uint64_t to);

/* Write the message to fd, from its offset 0 on. Returns 0, or -1 and errno: fd may hold a part of it. */
int pv_plain_write(const struct pv_plain *p, int fd);

#endif
