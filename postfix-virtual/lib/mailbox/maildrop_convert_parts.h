/*
 * maildrop_convert_parts.h: the two halves of a conversion, for maildrop_convert.c alone.
 */
#ifndef PV_MAILDROP_CONVERT_PARTS_H
#define PV_MAILDROP_CONVERT_PARTS_H

#include "mailbox/mailbox.h"
#include "mailbox/maildir.h"
#include "mailbox/maildrop_convert.h"

/* Build the Maildir `temp` (which is not there) of the mbox, which is open with its locks: durable, and
 * compared. PV_TEMPORARY: a part of it may stand there. */
enum pv_class pv_build_maildir(const struct pv_mailbox *box, const char *temp, struct pv_converted *r,
			       struct pv_error *e);

/* Build the mbox `temp` (which is not there) of the Maildir, which is open with its lock. Likewise. */
enum pv_class pv_build_mbox(const struct pv_maildir_box *box, const char *temp, struct pv_converted *r,
			    struct pv_error *e);

#endif
