/*
 * few.h: the short way of a run, where a change is about some users of one domain: only their keys are looked
 * up and changed, however many there are.
 */
#ifndef PV_MAPS_FEW_H
#define PV_MAPS_FEW_H

#include "maps/plan.h"

/*
 * Bring the keys of w->options->only_users, and of aliases that lead to them alone, in d and in its alias
 * domains up to date, and add what the files of d newly give; under the lock. Users that are in without_users
 * too lose their keys whatever is wrong with the files. PV_OK: *done_r true: it is done, or the complaint
 * about d in the report says why not. *done_r false: nothing was done, *w is as before, and the long way must
 * be gone: a table is missing or damaged, a text damaged, the domain not in the tables yet, a key another one
 * than was expected, or the domain has names that depend on other users (aliases of other characters than a
 * user's name, full names).
 */
enum pv_class pv_few_update(struct pv_maps_work *w, const struct pv_domain *d, bool *done_r,
			    struct pv_error *e);

#endif
