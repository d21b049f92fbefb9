/*
 * gather.h: read the domains of a plan, account by account, and make their keys.
 */
#ifndef PV_MAPS_GATHER_H
#define PV_MAPS_GATHER_H

#include "maps/plan.h"

/* Fill in account and keys of every domain with a folder whose state is PV_PLAN_READ. One that cannot be read
 * or parsed becomes PV_PLAN_KEEP, with a complaint. PV_TEMPORARY: no memory. */
enum pv_class pv_gather(struct pv_maps_work *w, struct pv_error *e);

/* The same for alias domains, once nothing changes the keys of their targets any more. */
enum pv_class pv_gather_aliases(struct pv_maps_work *w, struct pv_error *e);

#endif
