/*
 * merge.h: the new sets of keys, from the plan and from what stands in the old ones.
 */
#ifndef PV_MAPS_MERGE_H
#define PV_MAPS_MERGE_H

#include "maps/plan.h"

/*
 * Fill in w->next (sorted) and the figures of the report. A domain of which more than 5 keys and more than 10
 * % would vanish keeps them, with a complaint, unless w->options say force, or that it is about to be
 * deleted. PV_TEMPORARY: no memory.
 */
enum pv_class pv_merge(struct pv_maps_work *w, struct pv_error *e);

#endif
