/*
 * domain_conf.h: the part of a domain's change that is domain.conf.
 */
#ifndef PV_DOMAIN_CONF_H
#define PV_DOMAIN_CONF_H

#include "change/work.h"

/*
 * Judge w->mark.settings; entry: what `domains` says of the domain afterwards. *same_r: the file says so
 * already. PV_PERMANENT, with the mend: what pv_conf_refuse() refuses; a fallback that leads nowhere, or
 * back; two users with one full name where that counts.
 */
enum pv_class pv_domain_conf_refuse(struct pv_work *w, const struct pv_registry_entry *entry, bool *same_r,
				    struct pv_error *e);

#endif
