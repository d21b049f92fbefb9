/*
 * collide.h: two addresses of an account that would be one name to Postfix:
 * `a` in `b--c.dk` and `a--b` in `c.dk` are both `a--b--c.dk`.
 */
#ifndef PV_MAPS_COLLIDE_H
#define PV_MAPS_COLLIDE_H

#include "maps/plan.h"

/*
 * Take the keys of such pairs out of the plan, each with a complaint; but one that is in the old
 * tables already stays, since its mail would be refused otherwise. PV_TEMPORARY: no memory.
 */
enum pv_class pv_collide(struct pv_maps_work *w, struct pv_error *e);

#endif
