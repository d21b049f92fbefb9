/*
 * keys.h: a set of `key value` pairs, the lines of one of Postfix's tables.
 *
 * The strings are borrowed: they lie in a text that was parsed in place, or in an arena.
 */
#ifndef PV_MAPS_KEYS_H
#define PV_MAPS_KEYS_H

#include "address/address.h"
#include "base/arena.h"
#include "base/error.h"

#include <stdbool.h>
#include <stddef.h>

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
/* Add all of `more` to a sorted set, which stays so. PV_TEMPORARY: no memory. */
enum pv_class pv_keys_merge(struct pv_keys *k, const struct pv_keys *more, struct pv_error *e);
/* In a sorted set: the pair, or NULL. */
const struct pv_key *pv_keys_find(const struct pv_keys *k, const char *key);
/* Remove every pair of a sorted set whose value is NULL; the order stays. */
void pv_keys_squeeze(struct pv_keys *k);

/* The domain of a key: what stands behind the last `@`, or all of it where there is none. */
const char *pv_key_domain(const char *key);

/* What has to be done to a table, so that it holds what it should. */
struct pv_difference {
	const char *key;
	const char *value; /* NULL: the key goes */
	bool is_change;	   /* the key is there already, with another value */
};

struct pv_differences {
	struct pv_difference *v; /* sorted by key, each key once */
	size_t count, cap;
};

void pv_differences_free(struct pv_differences *d);
/* PV_TEMPORARY: no memory. */
enum pv_class pv_differences_add(struct pv_differences *d, const char *key, const char *value, bool is_change,
				 struct pv_error *e);
void pv_differences_sort(struct pv_differences *d);
/* The difference that concerns key, or NULL. */
const struct pv_difference *pv_differences_find(const struct pv_differences *d, const char *key);

#endif
