/*
 * maildrop_hash.h: XXH3, as fast as memory. It tells messages apart and finds damage; it stops no forger.
 */
#ifndef PV_MAILDROP_HASH_H
#define PV_MAILDROP_HASH_H

#include <stddef.h>
#include <stdint.h>

uint64_t pv_hash64(const void *data, size_t len);

/* 128 bits, in pieces. */
struct pv_hash128 {
	_Alignas(64) unsigned char state[576];
};

void pv_hash128_start(struct pv_hash128 *h);
void pv_hash128_add(struct pv_hash128 *h, const void *data, size_t len);
void pv_hash128_finish(const struct pv_hash128 *h, uint64_t out[2]);

#endif
