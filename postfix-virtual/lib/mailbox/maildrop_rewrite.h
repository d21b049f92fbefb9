/*
 * maildrop_rewrite.h: write an mbox anew without the messages that are marked as deleted, as a whole or not
 * at all, under its locks.
 */
#ifndef PV_MAILDROP_REWRITE_H
#define PV_MAILDROP_REWRITE_H

#include "mailbox/mailbox.h"
#include "mailbox/maildrop_parts.h"

/*
 * box: open, with its locks; list: its messages, scanned under them. What is not a message, and what is
 * appended without a lock meanwhile, is kept. A message that is marked as read gets `Status: RO`; all other
 * bytes stay what they are. memory: PV_MAILDROP_BLOCK bytes. PV_TEMPORARY: the mailbox is as it was (or,
 * where the folder could not be synced, it may be after a power cut), and no temporary file is left.
 */
enum pv_class pv_mbox_rewrite(const struct pv_mailbox *box, const struct pv_records *list, char *memory,
			      struct pv_error *e);

/* Cut off what is behind `size`, which no other program may have written. was: where the file ends. */
enum pv_class pv_mbox_truncate(const struct pv_mailbox *box, uint64_t size, uint64_t was, struct pv_error *e);

#endif
