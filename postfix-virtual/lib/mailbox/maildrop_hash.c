#include "mailbox/maildrop_hash.h"

/* Without optimization the header does not compile: what it must inline is called through pointers. */
#if defined __GNUC__ && !defined __clang__
#pragma GCC optimize("O3")
#endif
#define XXH_INLINE_ALL
#include <xxhash.h>

_Static_assert(sizeof(XXH3_state_t) <= sizeof(struct pv_hash128), "room for a state of XXH3");

uint64_t pv_hash64(const void *data, size_t len)
{
	return XXH3_64bits(data, len);
}

void pv_hash128_start(struct pv_hash128 *h)
{
	(void)XXH3_128bits_reset((XXH3_state_t *)(void *)h->state);
}

void pv_hash128_add(struct pv_hash128 *h, const void *data, size_t len)
{
	(void)XXH3_128bits_update((XXH3_state_t *)(void *)h->state, data, len);
}

void pv_hash128_finish(const struct pv_hash128 *h, uint64_t out[2])
{
	XXH128_hash_t hash = XXH3_128bits_digest((const XXH3_state_t *)(const void *)h->state);

	out[0] = hash.low64;
	out[1] = hash.high64;
}
