/*
 * domain_keys.h: the keys of one domain, from its files and the host's. Nothing is opened here.
 */
#ifndef PV_MAPS_DOMAIN_KEYS_H
#define PV_MAPS_DOMAIN_KEYS_H

#include "maps/plan.h"
#include "maps/reader.h"

/*
 * Make d->keys (sorted) from what was read of d, whose account is known:
 *
 *     user@domain   account+user--domain@virtual.invalid   for each user whose `receive` is not no
 *     abuse@domain  the host's                             unless `own=` says otherwise
 *     @domain       account+--domain@virtual.invalid       where there is a fallback
 *
 * or, for a standard domain of Postfix's, those of its file `virtual` in place of the first and the last.
 *
 * PV_OK: they are made, but for names that were refused (complaints). PV_TEMPORARY: a file cannot be
 * parsed; *e names file, line, reason and mend. files is changed on the way.
 */
enum pv_class pv_domain_keys_make(struct pv_maps_work *w, struct pv_plan_domain *d,
				  const struct pv_domain_files *files, struct pv_error *e);

/* Make the keys of an alias domain: those of `from`, with the same targets. */
enum pv_class pv_domain_keys_alias(struct pv_maps_work *w, struct pv_plan_domain *d,
				   const struct pv_plan_domain *from, struct pv_error *e);

#endif
