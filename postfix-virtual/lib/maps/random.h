/*
 * random.h: numbers for samples and near-misses, the same ones for the same seed. No secrets.
 */
#ifndef PV_MAPS_RANDOM_H
#define PV_MAPS_RANDOM_H

#include <stddef.h>
#include <stdint.h>

struct pv_random {
	uint64_t state;
};

/* The next number below limit (0 for 0), by Steele's splitmix. The bias is no matter here. */
static inline size_t pv_random_below(struct pv_random *r, size_t limit)
{
	uint64_t z = r->state += 0x9e3779b97f4a7c15U;

	z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9U;
	z = (z ^ (z >> 27)) * 0x94d049bb133111ebU;
	return limit == 0 ? 0 : (size_t)((z ^ (z >> 31)) % limit);
}

#endif
