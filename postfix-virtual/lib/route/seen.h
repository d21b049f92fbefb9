/*
 * seen.h: a set of words, for where a resolution has been.
 */
#ifndef PV_SEEN_H
#define PV_SEEN_H

#include "base/arena.h"

#include <stdbool.h>

enum { PV_SEEN_FEW = 16 };

/* All 0: empty. */
struct pv_seen {
	const char
		*few[PV_SEEN_FEW]; /* the table while it is small, so that a plain delivery allocates none */
	const char **many;	   /* the table afterwards */
	size_t room, count;
};

/*
 * Put `kind` with key behind it into the set. *had_r: it was there. The copy is the arena's. Returns false
 * without memory.
 */
bool pv_seen_add(struct pv_seen *s, struct pv_arena *a, char kind, const char *key, bool *had_r);
void pv_seen_free(struct pv_seen *s);

#endif
