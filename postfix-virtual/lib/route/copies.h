/*
 * copies.h: the addresses that a route sends copies to, each of them once, in whatever case: nobody tells
 * `Joe@` from `joe@`.
 */
#ifndef PV_COPIES_H
#define PV_COPIES_H

#include "route/route.h"

#include <stdint.h>

enum { PV_COPIES_FEW = 16 };

/* All 0: empty. A place holds the number of an action, from 1, and in its upper half a part of the sum of
 * that action's text. */
struct pv_copies {
	uint32_t few[PV_COPIES_FEW]; /* the table while it is small */
	uint32_t *many;		     /* the table afterwards */
	size_t room, count;
	uint64_t seed;
};

/*
 * Note `address`, which becomes the text of r->actions[r->count]. *had_r: it was noted for an action before,
 * and is not now. Returns false without memory.
 */
bool pv_copies_add(struct pv_copies *s, const struct pv_route *r, const char *address, size_t len,
		   bool *had_r);
void pv_copies_free(struct pv_copies *s);

#endif
