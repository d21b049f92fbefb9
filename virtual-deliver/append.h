/*
 * append.h: a message at its place: a user's mailbox, the account's own, a file of an alias's.
 */
#ifndef PV_APPEND_H
#define PV_APPEND_H

#include "delivery.h"
#include "mailbox/store_message.h"

/*
 * Store m at `where`, and count it. quota: NULL: no limits. As pv_mailbox_store(); its note was logged.
 */
enum pv_class append_message(struct delivery *d, const struct pv_location *where, struct message *m,
			     bool maildir, const struct pv_quota *quota, struct pv_stored *stored,
			     struct pv_error *e);

/* What an alias names by its path: an mbox or, with a slash at its end, a Maildir. */
enum pv_class append_to_file(struct delivery *d, const struct pv_action *a, struct pv_error *e);

#endif
