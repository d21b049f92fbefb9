/*
 * seen.h: a set of words, for where a resolution has been.
 */
#ifndef PV_SEEN_H
#define PV_SEEN_H

#include "base/arena.h"

#include <stdbool.h>
#include <stdint.h>

enum { PV_SEEN_FEW = 16 };

/* All 0: empty. */
struct pv_seen {
	const char
		*few[PV_SEEN_FEW]; /* the table while it is small, so that a plain delivery allocates none */
	const char **many;	   /* the table afterwards */
	size_t room, count;
	uint64_t seed;
};

/*
 * Put word into the set, which keeps a pointer to it. *had_r: one like it was there. Returns false without
 * memory.
 */
bool pv_seen_word(struct pv_seen *s, const char *word, bool *had_r);
/* The same of `kind` with key behind it, of which the arena gets a copy. */
bool pv_seen_add(struct pv_seen *s, struct pv_arena *a, char kind, const char *key, bool *had_r);
void pv_seen_free(struct pv_seen *s);

/* A sum of word[0..len), which `seed` is the beginning of; two words that differ only in bits that `fold` has
 * may have the same. */
uint64_t pv_seen_hash(uint64_t seed, uint64_t fold, const char *word, size_t len);
/* Such a beginning. Who makes up the words of a list must not find out which of them meet in one place: so it
 * is what the kernel gave this process alone. */
uint64_t pv_seen_seed(void);

#endif
