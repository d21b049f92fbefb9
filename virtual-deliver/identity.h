/*
 * identity.h: what names a message: the queue id of its queue file, and the id by which a retry is known.
 */
#ifndef PV_IDENTITY_H
#define PV_IDENTITY_H

#include "header.h"
#include "hop.h"
#include "mailbox/mailbox.h"
#include "store/store.h"

#define QUEUE_ID_MAX 32

/*
 * The queue id in the message's first field, where that is a Received; "" where it is not. *this_host_r: it
 * was written by a Postfix of this host, so that no two messages can have the same.
 */
void identity_queue_id(const struct pv_conf *conf, const struct hop *h, const struct pv_buf *received,
		       char queue_id[QUEUE_ID_MAX + 1], bool *this_host_r);

/*
 * SHA-256 over the mailbox's path, the lines that the hop put on top (not the From_ line: its date changes
 * from try to try), the whole first Received, Message-ID and size. Only meaningful if *this_host_r was true.
 */
void identity_make(const char *mailbox, const struct hop *h, const struct header *m,
		   unsigned char id[PV_ID_BYTES]);

#endif
