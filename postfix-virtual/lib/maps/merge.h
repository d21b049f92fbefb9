/*
 * merge.h: the new sets of keys, as differences to the old ones.
 */
#ifndef PV_MAPS_MERGE_H
#define PV_MAPS_MERGE_H

#include "maps/plan.h"

/*
 * Fill in w->differences from the plan and the old keys, and the figures of the report; the keys in the plan
 * are gone then. A domain of which more than 5 keys and more than 10 % would vanish keeps them, with a
 * complaint, unless w->options say force, or that it is about to be deleted. PV_TEMPORARY: no memory.
 */
enum pv_class pv_merge(struct pv_maps_work *w, struct pv_error *e);

/* The figures of the report, from w->differences. */
void pv_merge_count(struct pv_maps_work *w);

/* The value that key will have, or NULL. */
const char *pv_next_find(const struct pv_maps_work *w, enum pv_map m, const char *key);
/* All new keys in order, as pv_old_step() gives the old ones; not during a walk through those. */
void pv_next_rewind(struct pv_maps_work *w, enum pv_map m);
bool pv_next_step(struct pv_maps_work *w, enum pv_map m, struct pv_key *k);

#endif
