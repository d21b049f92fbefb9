/*
 * arena.h: strings and small structures that are freed all at once.
 */
#ifndef PV_ARENA_H
#define PV_ARENA_H

#include <stddef.h>

/* All 0: empty, and nothing was allocated. */
struct pv_arena {
	struct pv_arena_block *blocks;
};

void pv_arena_free(struct pv_arena *a);
/* A copy of s[0..len) with a NUL behind it, or NULL: no memory. */
const char *pv_arena_add(struct pv_arena *a, const char *s, size_t len);
/* The same of parts[0..count), one behind the other. */
const char *pv_arena_join(struct pv_arena *a, const char *const *parts, size_t count);
/* Room for a string of len bytes, behind which a NUL stands already, or NULL. */
char *pv_arena_string(struct pv_arena *a, size_t len);
/* size bytes of zeros, aligned for anything, or NULL. */
void *pv_arena_zalloc(struct pv_arena *a, size_t size);

#endif
