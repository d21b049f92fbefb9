/*
 * purge.h: what accounts deleted 30 days ago: `.trash` in a domain's folder, in its spool folder, in the
 * account's home, and beside the mailboxes in homes. A child that became the account removes it.
 */
#ifndef PV_PURGE_H
#define PV_PURGE_H

#include "change/change.h"

/* All accounts, one after another, at most 30 s each. What cannot be removed is a note and counts in
 * *complaints. Returns how many things went (c->dry: would go). */
size_t pv_purge_accounts(struct pv_change *c, size_t *complaints);

#endif
