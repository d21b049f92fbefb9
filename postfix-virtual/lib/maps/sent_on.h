/*
 * sent_on.h: addresses that a domain sends mail on to, and that are another one's of this host: does anybody
 * have them? The children that read the domains name them; only who has all keys can say.
 */
#ifndef PV_MAPS_SENT_ON_H
#define PV_MAPS_SENT_ON_H

#include "maps/plan.h"
#include "maps/reader.h"

/* Note what the child has named of d. */
enum pv_class pv_sent_on_note(struct pv_maps_work *w, const struct pv_plan_domain *d,
			      const struct pv_domain_files *files, struct pv_error *e);

/*
 * Complain of each that no key of the new tables takes, and no other table in virtual_alias_maps; what takes
 * no mail just now is known, and no complaint. Where Postfix's other tables cannot be asked nothing is said.
 * Comes after pv_regexp_make(), in a run that checks.
 */
enum pv_class pv_sent_on_check(struct pv_maps_work *w, struct pv_error *e);

#endif
