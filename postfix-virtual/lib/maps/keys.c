#include "maps/keys.h"

#include "base/sort.h"

#include <errno.h>

enum { MERGE_FEW = 8 };
#include <stdint.h>

void pv_keys_free(struct pv_keys *k)
{
	free(k->v);
	*k = (struct pv_keys){ 0 };
}

enum pv_class pv_keys_add(struct pv_keys *k, const char *key, const char *value, struct pv_error *e)
{
	if (k->count == k->cap) {
		size_t cap = k->cap == 0 ? 16 : k->cap * 2;
		struct pv_key *v = reallocarray(k->v, cap, sizeof *v);
		if (v == NULL)
			return pv_fail_errno(e, PV_TEMPORARY, "4.3.0", errno, "hold %zu keys", cap);
		k->v = v;
		k->cap = cap;
	}
	k->v[k->count++] = (struct pv_key){ key, value };
	return PV_OK;
}

static int compare(const void *a, const void *b)
{
	const struct pv_key *x = a, *y = b;

	return strcmp(x->key, y->key);
}

static bool is_sorted(const struct pv_keys *k)
{
	for (size_t i = 1; i < k->count; i++)
		if (strcmp(k->v[i - 1].key, k->v[i].key) > 0)
			return false;
	return true;
}

void pv_keys_sort(struct pv_keys *k)
{
	/* So is what comes from a file that is. */
	if (!is_sorted(k))
		pv_sort(k->v, k->count, sizeof *k->v, compare);
}

/* Put the last pair where it belongs among those in front of it, which are sorted. */
static void place_last(struct pv_keys *k)
{
	const struct pv_key last = k->v[k->count - 1];
	size_t low = 0, high = k->count - 1;

	while (low < high) {
		size_t middle = low + (high - low) / 2;
		if (strcmp(last.key, k->v[middle].key) < 0)
			high = middle;
		else
			low = middle + 1;
	}
	memmove(k->v + low + 1, k->v + low, (k->count - 1 - low) * sizeof *k->v);
	k->v[low] = last;
}

enum pv_class pv_keys_merge(struct pv_keys *k, const struct pv_keys *more, struct pv_error *e)
{
	const bool few = more->count <= MERGE_FEW;
	enum pv_class c = PV_OK;

	for (size_t i = 0; c == PV_OK && i < more->count; i++) {
		c = pv_keys_add(k, more->v[i].key, more->v[i].value, e);
		if (c == PV_OK && few)
			place_last(k);
	}
	if (c == PV_OK && !few)
		pv_keys_sort(k);
	return c;
}

const struct pv_key *pv_keys_find(const struct pv_keys *k, const char *key)
{
	const struct pv_key wanted = { key, NULL };

	if (k->count == 0)
		return NULL;
	return bsearch(&wanted, k->v, k->count, sizeof *k->v, compare);
}

void pv_keys_squeeze(struct pv_keys *k)
{
	size_t to = 0;

	for (size_t i = 0; i < k->count; i++)
		if (k->v[i].value != NULL)
			k->v[to++] = k->v[i];
	k->count = to;
}

const char *pv_key_domain(const char *key)
{
	const char *at = strrchr(key, '@');

	return at == NULL ? key : at + 1;
}

void pv_differences_free(struct pv_differences *d)
{
	free(d->v);
	*d = (struct pv_differences){ 0 };
}

enum pv_class pv_differences_add(struct pv_differences *d, const char *key, const char *value, bool is_change,
				 struct pv_error *e)
{
	if (d->count == d->cap) {
		size_t cap = d->cap == 0 ? 16 : d->cap * 2;
		struct pv_difference *v = reallocarray(d->v, cap, sizeof *v);
		if (v == NULL)
			return pv_fail_errno(e, PV_TEMPORARY, "4.3.0", errno, "hold %zu keys", cap);
		d->v = v;
		d->cap = cap;
	}
	d->v[d->count++] = (struct pv_difference){ key, value, is_change };
	return PV_OK;
}

static int compare_differences(const void *a, const void *b)
{
	const struct pv_difference *x = a, *y = b;

	return strcmp(x->key, y->key);
}

void pv_differences_sort(struct pv_differences *d)
{
	pv_sort(d->v, d->count, sizeof *d->v, compare_differences);
}

const struct pv_difference *pv_differences_find(const struct pv_differences *d, const char *key)
{
	const struct pv_difference wanted = { .key = key };

	if (d->count == 0)
		return NULL;
	return bsearch(&wanted, d->v, d->count, sizeof *d->v, compare_differences);
}
