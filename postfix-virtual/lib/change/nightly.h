/*
 * nightly.h: what is due each night, behind pv_change_finish_all(): what accounts deleted 30 days ago, the
 * history of 400 days ago, tables that a hand's edit left behind. (A due reload is for the program.)
 */
#ifndef PV_NIGHTLY_H
#define PV_NIGHTLY_H

#include "change/change.h"

struct pv_nightly {
	size_t removed;	   /* what was in the trash of accounts for 30 days */
	size_t lines;	   /* of the history that went */
	size_t domains;	   /* in the tables now */
	size_t keys;	   /* of `virtual` */
	size_t changed;	   /* lines of the tables that were not up to date */
	size_t complaints; /* domains that kept their old keys, folders that could not be cleared; each is a
			      note */
};

/*
 * Do all of it, whatever of it fails: each failure is a note. (c->dry: say what would be done.) PV_TEMPORARY:
 * another one is at work, or the tables could not be brought up to date.
 */
enum pv_class pv_nightly(struct pv_change *c, struct pv_nightly *n, struct pv_error *e);

#endif
