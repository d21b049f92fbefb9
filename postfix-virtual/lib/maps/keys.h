/*
 * keys.h: a set of `key value` pairs, the lines of one of Postfix's tables.
 *
 * The strings are borrowed: they lie in a text that was parsed in place, or in an arena.
 */
#ifndef PV_MAPS_KEYS_H
#define PV_MAPS_KEYS_H

#include "address/address.h"
#include "base/error.h"

#include <stdbool.h>
#include <stddef.h>

/* Strings that live until the whole arena is freed. */
struct pv_arena {
	struct pv_arena_block *blocks;
};

void pv_arena_free(struct pv_arena *a);
/* A copy of s[0..len) with a NUL behind it, or NULL: no memory. */
const char *pv_arena_add(struct pv_arena *a, const char *s, size_t len);

struct pv_key {
	const char *key;
	const char *value;
};

struct pv_keys {
	struct pv_key *v;
	size_t count, cap;
};

void pv_keys_free(struct pv_keys *k);
/* PV_TEMPORARY: no memory. */
enum pv_class pv_keys_add(struct pv_keys *k, const char *key, const char *value, struct pv_error *e);
/* By the bytes of the key, as `LC_ALL=C sort` and LMDB do. */
void pv_keys_sort(struct pv_keys *k);
/* In a sorted set: the pair, or NULL. */
const struct pv_key *pv_keys_find(const struct pv_keys *k, const char *key);
/* Remove every pair of a sorted set whose value is NULL; the order stays. */
void pv_keys_squeeze(struct pv_keys *k);

/* The domain of a key: what stands behind the last `@`, or all of it where there is none. */
const char *pv_key_domain(const char *key);

/*
 * Go through two sorted sets side by side, key by key: only in old (new_r NULL), only in new (old_r NULL), or
 * in both. Start with *i = *j = 0. Returns false at the end.
 */
bool pv_keys_next(const struct pv_keys *old, const struct pv_keys *new, size_t *i, size_t *j,
		  const struct pv_key **old_r, const struct pv_key **new_r);

#endif
