/*
 * hash.h: SHA-256 (FIPS 180-4) for names that must not collide, and SipHash-2-4 for
 * checksums of our own side files. musl has neither, and virtual-deliver links nothing else.
 */
#ifndef PV_HASH_H
#define PV_HASH_H

#include <stddef.h>
#include <stdint.h>

#define PV_SHA256_BYTES 32

struct pv_sha256 {
	uint32_t state[8];
	uint64_t bytes;
	unsigned char block[64];
};

void pv_sha256_start(struct pv_sha256 *h);
void pv_sha256_add(struct pv_sha256 *h, const void *data, size_t len);
void pv_sha256_finish(struct pv_sha256 *h, unsigned char out[PV_SHA256_BYTES]);

/* SipHash-2-4 in pieces, 64 bits. With a fixed key it finds damage, and stops no forger; with a secret one
 * nobody can choose what meets in a table. */
struct pv_sum {
	uint64_t v[4];
	uint64_t bytes;
	uint64_t tail; /* the bytes that do not fill a word yet */
};

#define PV_SUM_KEY 16 /* bytes of a key */

void pv_sum_start(struct pv_sum *s);
void pv_sum_start_keyed(struct pv_sum *s, const unsigned char key[PV_SUM_KEY]);
void pv_sum_add(struct pv_sum *s, const void *data, size_t len);
uint64_t pv_sum_finish(const struct pv_sum *s);

#endif
