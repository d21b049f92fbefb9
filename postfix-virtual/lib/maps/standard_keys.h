/*
 * standard_keys.h: the keys of a standard Postfix virtual domain, from its file `virtual`.
 */
#ifndef PV_MAPS_STANDARD_KEYS_H
#define PV_MAPS_STANDARD_KEYS_H

#include "maps/plan.h"
#include "maps/reader.h"

/*
 * Add to d->keys (as yet empty): local@domain and @domain, with the targets as they stand in the file, but
 * for addresses that are the host's, whose keys the caller adds. Then d->keys is sorted. PV_TEMPORARY: the
 * file cannot be parsed, or a line leads to an address of the domain that is none.
 */
enum pv_class pv_standard_keys_add(struct pv_maps_work *w, struct pv_plan_domain *d,
				   const struct pv_registry_entry *says, const struct pv_slice *slice,
				   struct pv_error *e);

#endif
