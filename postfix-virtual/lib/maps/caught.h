/*
 * caught.h: domains that take mail for all names, and so for those too that take none. It is refused when it
 * was taken already, and goes back to a sender who may be forged, unless Postfix asks `virtual_refused` while
 * the client waits (`setup --refuse-texts`).
 */
#ifndef PV_MAPS_CAUGHT_H
#define PV_MAPS_CAUGHT_H

#include "maps/plan.h"

typedef enum pv_class pv_caught_each(void *ctx, const struct pv_domain *d, const char *sentence,
				     struct pv_error *e);

/*
 * Call each() for every such domain of the new tables (of the old ones, where w has no differences), with
 * reason and mend; for none where every instance of Postfix's asks. PV_TEMPORARY: postconf cannot be asked,
 * or what each() said.
 */
enum pv_class pv_caught_find(struct pv_maps_work *w, pv_caught_each *each, void *ctx, struct pv_error *e);

/* Complain of them, in a run that checks; where Postfix cannot be asked, of none. */
enum pv_class pv_caught_check(struct pv_maps_work *w, struct pv_error *e);

/* Does a restriction of the instance of Postfix whose folder dir is ask virtual_refused? */
enum pv_class pv_caught_asks(const struct pv_store *s, const char *dir, bool *asks_r, struct pv_error *e);

#endif
