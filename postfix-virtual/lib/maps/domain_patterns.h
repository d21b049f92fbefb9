/*
 * domain_patterns.h: the pattern aliases of one domain, from its `aliases`.
 */
#ifndef PV_MAPS_DOMAIN_PATTERNS_H
#define PV_MAPS_DOMAIN_PATTERNS_H

#include "maps/plan.h"
#include "maps/reader.h"

/*
 * Fill in d->patterns. One that is refused is left out, with a complaint that names file, line and column; a
 * file with too many of them is read no further. PV_TEMPORARY: no memory.
 */
enum pv_class pv_domain_patterns(struct pv_maps_work *w, struct pv_plan_domain *d,
				 const struct pv_slice *aliases, struct pv_error *e);

#endif
