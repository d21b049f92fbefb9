/*
 * gather.h: read the domains of a plan, account by account, and make their keys.
 */
#ifndef PV_MAPS_GATHER_H
#define PV_MAPS_GATHER_H

#include "maps/plan.h"
#include "maps/readers.h"

/* Fill in account and keys of every domain with a folder whose state is PV_PLAN_READ. One that cannot be read
 * or parsed becomes PV_PLAN_KEEP, with a complaint. PV_TEMPORARY: no memory. */
enum pv_class pv_gather(struct pv_maps_work *w, struct pv_error *e);

/* What came of one domain, whose group is its account's; *files is good. */
typedef enum pv_class pv_gather_each(void *ctx, struct pv_plan_domain *d, gid_t group,
				     const struct pv_domain_files *files, struct pv_error *e);

/* Read them for their logins, but for standard domains of Postfix's, and call each() for those that could be
 * read. */
enum pv_class pv_gather_logins(struct pv_maps_work *w, pv_gather_each *each, void *ctx, struct pv_error *e);

/* The keys of alias domains, once nothing changes the keys of their targets any more. */
enum pv_class pv_gather_aliases(struct pv_maps_work *w, struct pv_error *e);

#endif
