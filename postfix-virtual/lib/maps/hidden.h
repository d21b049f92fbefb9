/*
 * hidden.h: lines of a domain's files that get no mail, since the address is the host's (host-addresses).
 */
#ifndef PV_MAPS_HIDDEN_H
#define PV_MAPS_HIDDEN_H

#include "maps/plan.h"

/* The host's address u in the domain of which `says` tells; NULL: it is the domain's own, or nobody's. */
const struct pv_host_address *pv_hidden_by(const struct pv_maps_work *w, const struct pv_registry_entry *says,
					   const struct pv_user *u);

/* Tell a run that checks that the line of such an address gets no mail, and the mend: a complaint about d.
 * PV_TEMPORARY: no memory. */
enum pv_class pv_hidden_complain(struct pv_maps_work *w, const struct pv_plan_domain *d,
				 const struct pv_registry_entry *says, const struct pv_host_address *h,
				 const char *file, unsigned line, struct pv_error *e);

#endif
