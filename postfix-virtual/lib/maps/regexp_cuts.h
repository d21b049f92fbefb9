/*
 * regexp_cuts.h: which names below a domain with sub-domains are not its sub-domains: domains of their own,
 * and what Postfix takes mail for by another way.
 */
#ifndef PV_MAPS_REGEXP_CUTS_H
#define PV_MAPS_REGEXP_CUTS_H

#include "maps/plan.h"

/*
 * Fill in the cuts of each expression in `l` that has sub-domains. A run for all finds them anew; one for
 * some domains goes by the old text, and by what it knows of those domains. Strings are kept in w->arena.
 */
enum pv_class pv_regexp_cuts(struct pv_maps_work *w, struct pv_expressions *l, struct pv_error *e);

/* Is the domain in `virtual_domains` after this run? */
bool pv_regexp_in_tables(const struct pv_maps_work *w, const char *domain);

#endif
