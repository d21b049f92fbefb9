/*
 * maildrop_match.h: which messages of a mailbox, scanned once more under its locks, are those of a snapshot?
 */
#ifndef PV_MAILDROP_MATCH_H
#define PV_MAILDROP_MATCH_H

#include "mailbox/maildrop_parts.h"

/*
 * For each message of m that is marked as deleted (or read, with write_status) set the same mark on its like
 * among `fresh`, the messages in fd now, a file of `st`. *in_place_r: the file is the snapshot's, with
 * nothing but new mail behind it. *lost_r: how many that are marked as deleted were not found.
 *
 * Found is a message whose bytes stand where they stood; or, in a file that was rewritten, the only one with
 * its digest, if it was the only one in the snapshot. Among equal messages that moved none is chosen.
 *
 * PV_TEMPORARY: the file cannot be read.
 */
enum pv_class pv_match(struct pv_maildrop *m, int fd, const struct stat *st, struct pv_records *fresh,
		       bool *in_place_r, size_t *lost_r, struct pv_error *e);

#endif
