#include "base/hash.h"

static uint32_t rotate_right(uint32_t x, unsigned n)
{
	return x >> n | x << (32 - n);
}

static void sha256_block(uint32_t state[8], const unsigned char *p)
{
	static const uint32_t k[64] = {
		0x428a2f98, 0x71374491, 0xb5c0fbcf, 0xe9b5dba5, 0x3956c25b, 0x59f111f1, 0x923f82a4,
		0xab1c5ed5, 0xd807aa98, 0x12835b01, 0x243185be, 0x550c7dc3, 0x72be5d74, 0x80deb1fe,
		0x9bdc06a7, 0xc19bf174, 0xe49b69c1, 0xefbe4786, 0x0fc19dc6, 0x240ca1cc, 0x2de92c6f,
		0x4a7484aa, 0x5cb0a9dc, 0x76f988da, 0x983e5152, 0xa831c66d, 0xb00327c8, 0xbf597fc7,
		0xc6e00bf3, 0xd5a79147, 0x06ca6351, 0x14292967, 0x27b70a85, 0x2e1b2138, 0x4d2c6dfc,
		0x53380d13, 0x650a7354, 0x766a0abb, 0x81c2c92e, 0x92722c85, 0xa2bfe8a1, 0xa81a664b,
		0xc24b8b70, 0xc76c51a3, 0xd192e819, 0xd6990624, 0xf40e3585, 0x106aa070, 0x19a4c116,
		0x1e376c08, 0x2748774c, 0x34b0bcb5, 0x391c0cb3, 0x4ed8aa4a, 0x5b9cca4f, 0x682e6ff3,
		0x748f82ee, 0x78a5636f, 0x84c87814, 0x8cc70208, 0x90befffa, 0xa4506ceb, 0xbef9a3f7,
		0xc67178f2
	};
	uint32_t w[64], s[8];

	for (unsigned i = 0; i < 16; i++, p += 4)
		w[i] = (uint32_t)p[0] << 24 | (uint32_t)p[1] << 16 | (uint32_t)p[2] << 8 | p[3];
	for (unsigned i = 16; i < 64; i++) {
		uint32_t a = w[i - 15], b = w[i - 2];
		w[i] = w[i - 16] + w[i - 7] + (rotate_right(a, 7) ^ rotate_right(a, 18) ^ a >> 3) +
		       (rotate_right(b, 17) ^ rotate_right(b, 19) ^ b >> 10);
	}
	memcpy(s, state, sizeof s);
	/* The eight words move one place a round: instead of them, the place where they begin moves. */
	for (unsigned i = 0; i < 64; i++) {
		uint32_t *a = &s[-i & 7], *d = &s[(3 - i) & 7], *h = &s[(7 - i) & 7];
		uint32_t b = s[(1 - i) & 7], c = s[(2 - i) & 7];
		uint32_t x = s[(4 - i) & 7], f = s[(5 - i) & 7], g = s[(6 - i) & 7];
		uint32_t e1 = rotate_right(x, 6) ^ rotate_right(x, 11) ^ rotate_right(x, 25);
		uint32_t t1 = *h + e1 + ((x & f) ^ (~x & g)) + k[i] + w[i];
		uint32_t e0 = rotate_right(*a, 2) ^ rotate_right(*a, 13) ^ rotate_right(*a, 22);
		*d += t1;
		*h = t1 + e0 + ((*a & b) ^ (*a & c) ^ (b & c));
	}
	for (unsigned i = 0; i < 8; i++)
		state[i] += s[i];
}

void pv_sha256_start(struct pv_sha256 *h)
{
	static const uint32_t start[8] = { 0x6a09e667, 0xbb67ae85, 0x3c6ef372, 0xa54ff53a,
					   0x510e527f, 0x9b05688c, 0x1f83d9ab, 0x5be0cd19 };

	memcpy(h->state, start, sizeof start);
	h->bytes = 0;
}

void pv_sha256_add(struct pv_sha256 *h, const void *data, size_t len)
{
	const unsigned char *p = data;
	size_t have = h->bytes % 64;

	h->bytes += len;
	while (len > 0) {
		size_t take = 64 - have < len ? 64 - have : len;
		if (take == 64) {
			sha256_block(h->state, p);
		} else {
			memcpy(h->block + have, p, take);
			if (have + take == 64)
				sha256_block(h->state, h->block);
		}
		have = (have + take) % 64;
		p += take;
		len -= take;
	}
}

void pv_sha256_finish(struct pv_sha256 *h, unsigned char out[PV_SHA256_BYTES])
{
	static const unsigned char pad[64] = { 0x80 };
	uint64_t bits = h->bytes * 8;
	unsigned char length[8];

	for (unsigned i = 0; i < 8; i++)
		length[i] = (unsigned char)(bits >> (56 - 8 * i));
	size_t have = h->bytes % 64;
	pv_sha256_add(h, pad, have < 56 ? 56 - have : 120 - have);
	pv_sha256_add(h, length, sizeof length);
	for (unsigned i = 0; i < PV_SHA256_BYTES; i++)
		out[i] = (unsigned char)(h->state[i / 4] >> (24 - 8 * (i % 4)));
}

/* Inlined into the loop over a message, where v[] then lives in registers: a third of the instructions of a
 * whole delivery were spent here. */
#define IN_THE_LOOP static inline __attribute__((always_inline))

IN_THE_LOOP uint64_t rotate_left(uint64_t x, unsigned n)
{
	return x << n | x >> (64 - n);
}

IN_THE_LOOP void sip_round(uint64_t v[4])
{
	v[0] += v[1];
	v[2] += v[3];
	v[1] = rotate_left(v[1], 13) ^ v[0];
	v[3] = rotate_left(v[3], 16) ^ v[2];
	v[0] = rotate_left(v[0], 32) + v[3];
	v[2] += v[1];
	v[1] = rotate_left(v[1], 17) ^ v[2];
	v[3] = rotate_left(v[3], 21) ^ v[0];
	v[2] = rotate_left(v[2], 32);
}

IN_THE_LOOP void sip_word(uint64_t v[4], uint64_t m)
{
	v[3] ^= m;
	sip_round(v);
	sip_round(v);
	v[0] ^= m;
}

/* Written so that compilers see one load of a word in it. */
IN_THE_LOOP uint64_t load_word(const unsigned char *p)
{
	return (uint64_t)p[0] | (uint64_t)p[1] << 8 | (uint64_t)p[2] << 16 | (uint64_t)p[3] << 24 |
	       (uint64_t)p[4] << 32 | (uint64_t)p[5] << 40 | (uint64_t)p[6] << 48 | (uint64_t)p[7] << 56;
}

static void add_words(uint64_t state[4], const unsigned char *p, size_t count)
{
	uint64_t v[4];

	memcpy(v, state, sizeof v);
	for (; count > 0; count--, p += 8)
		sip_word(v, load_word(p));
	memcpy(state, v, sizeof v);
}

static void start(struct pv_sum *s, uint64_t k0, uint64_t k1)
{
	*s = (struct pv_sum){ .v = { k0 ^ 0x736f6d6570736575, k1 ^ 0x646f72616e646f6d,
				     k0 ^ 0x6c7967656e657261, k1 ^ 0x7465646279746573 } };
}

void pv_sum_start(struct pv_sum *s)
{
	/* The key of the reference test vectors: bytes 0 to 15. */
	start(s, 0x0706050403020100, 0x0f0e0d0c0b0a0908);
}

void pv_sum_start_keyed(struct pv_sum *s, const unsigned char key[PV_SUM_KEY])
{
	start(s, load_word(key), load_word(key + 8));
}

void pv_sum_add(struct pv_sum *s, const void *data, size_t len)
{
	const unsigned char *p = data;

	while (len > 0 && (s->bytes % 8 != 0 || len < 8)) {
		s->tail |= (uint64_t)*p++ << (8 * (s->bytes++ % 8));
		len--;
		if (s->bytes % 8 == 0) {
			sip_word(s->v, s->tail);
			s->tail = 0;
		}
	}
	size_t whole = len / 8 * 8;
	add_words(s->v, p, whole / 8);
	s->bytes += whole;
	if (len > whole)
		pv_sum_add(s, p + whole, len - whole);
}

uint64_t pv_sum_finish(const struct pv_sum *s)
{
	uint64_t v[4];

	memcpy(v, s->v, sizeof v);
	sip_word(v, s->tail | s->bytes << 56);
	v[2] ^= 0xff;
	for (unsigned i = 0; i < 4; i++)
		sip_round(v);
	return v[0] ^ v[1] ^ v[2] ^ v[3];
}
