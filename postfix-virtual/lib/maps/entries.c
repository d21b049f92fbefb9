#include "maps/entries.h"

#include "maps/inner.h"
#include "maps/merge.h"

#include <errno.h>
#include <stdint.h>

/* Keys of a million entries lie all over the memory: what tells most of them apart is sorted beside them. */
struct head {
	uint64_t first, second; /* the first 16 bytes of the key, so that they order as bytes do */
	const struct pv_entry *of;
};

static uint64_t eight_bytes(const char *s, size_t len)
{
	unsigned char bytes[8] = { 0 };
	uint64_t n = 0;

	memcpy(bytes, s, len < 8 ? len : 8);
	for (size_t i = 0; i < 8; i++)
		n = n << 8 | bytes[i];
	return n;
}

static inline int compare(const struct head *x, const struct head *y)
{
	if (x->first != y->first)
		return x->first < y->first ? -1 : 1;
	if (x->second != y->second)
		return x->second < y->second ? -1 : 1;
	return strcmp(x->of->key, y->of->key);
}

/* Merge v[0..half) and v[half..count), each in order; spare has room for the first of them. */
static void merge(struct head *v, size_t half, size_t count, struct head *spare)
{
	size_t left = 0, right = half, to = 0;

	memcpy(spare, v, half * sizeof *v);
	while (left < half && right < count)
		v[to++] = compare(&spare[left], &v[right]) <= 0 ? spare[left++] : v[right++];
	memcpy(v + to, spare + left, (half - left) * sizeof *v);
}

/* qsort() cannot know the comparison, which costs more than all else there, nor what is in order already. */
static void sort_heads(struct head *v, size_t count, struct head *spare)
{
	const size_t half = count / 2;

	if (count < 2)
		return;
	sort_heads(v, half, spare);
	sort_heads(v + half, count - half, spare);
	if (compare(&v[half - 1], &v[half]) > 0)
		merge(v, half, count, spare);
}

static enum pv_class sort_entries(struct pv_entries *l, struct pv_error *e)
{
	struct head *heads = reallocarray(NULL, l->count + 1, sizeof *heads);
	struct head *spare = reallocarray(NULL, l->count / 2 + 1, sizeof *spare);

	if (heads == NULL || spare == NULL) {
		free(heads);
		free(spare);
		return pv_fail_errno(e, PV_TEMPORARY, "4.3.0", ENOMEM, "sort %zu keys", l->count);
	}
	for (size_t i = 0; i < l->count; i++) {
		size_t len = strlen(l->v[i].key), rest = len > 8 ? len - 8 : 0;
		heads[i] = (struct head){ eight_bytes(l->v[i].key, len),
					  rest > 0 ? eight_bytes(l->v[i].key + 8, rest) : 0, &l->v[i] };
	}
	sort_heads(heads, l->count, spare);
	free(spare);
	struct pv_entry *sorted = reallocarray(NULL, l->count + 1, sizeof *sorted);
	if (sorted == NULL) {
		free(heads);
		return pv_fail_errno(e, PV_TEMPORARY, "4.3.0", errno, "sort %zu keys", l->count);
	}
	for (size_t i = 0; i < l->count; i++)
		sorted[i] = *heads[i].of;
	free(heads);
	free(l->v);
	l->v = sorted;
	return PV_OK;
}

/* Where one domain's keys come from two sources, or an account's from each of its domains. */
static void drop_doubles(struct pv_entries *l)
{
	size_t to = 0;

	for (size_t i = 0; i < l->count; i++)
		if (to == 0 || strcmp(l->v[to - 1].key, l->v[i].key) != 0)
			l->v[to++] = l->v[i];
	l->count = to;
}

/* Are its keys in m made anew? Those of senders come from `domains` alone, which was read: an account whose
 * own files cannot be keeps nothing of root's from counting. */
static bool is_made(const struct pv_plan_domain *d, enum pv_map m)
{
	return d->state == PV_PLAN_READ || (d->state == PV_PLAN_KEEP && m == PV_MAP_SENDERS);
}

static size_t count_made(const struct pv_plan_domain *d, enum pv_map m)
{
	if (!is_made(d, m))
		return 0;
	return m == PV_MAP_ADDRESSES ? d->keys.count : m == PV_MAP_REFUSED ? d->refused.count : 1;
}

static size_t count_all(const struct pv_maps_work *w, enum pv_map m)
{
	/* No more accounts than domains. */
	size_t n = m == PV_MAP_REFUSED
			   ? pv_old_count(&w->old, PV_MAP_DOMAINS) + w->differences[PV_MAP_DOMAINS].count
			   : 0;

	for (size_t i = 0; i < w->plan.count; i++)
		n += count_made(&w->plan.domains[i], m);
	return n;
}

static enum pv_class no_memory(const char *what, struct pv_error *e)
{
	return pv_fail_errno(e, PV_TEMPORARY, "4.3.0", ENOMEM, "hold the %s", what);
}

/* Mail of d, and of its aliases, leaves by a service of its own where root said so. */
static enum pv_class add_sender(struct pv_maps_work *w, struct pv_plan_domain *d, struct pv_entries *to,
				struct pv_error *e)
{
	const struct pv_domain *owner = d->is_alias ? &w->plan.domains[d->target].domain : &d->domain;
	const struct pv_registry_entry *entry = pv_registry_get(&w->registry, owner);
	char key[PV_DOMAIN_MAX + 2], value[PV_TRANSPORT_MAX + 2];

	if (entry == NULL || entry->sender_transport[0] == '\0')
		return PV_OK;
	int key_len = snprintf(key, sizeof key, "@%s", d->domain.s);
	/* Without a colon it would be the next host, not the service. */
	int len = snprintf(value, sizeof value, "%s%s", entry->sender_transport,
			   strchr(entry->sender_transport, ':') == NULL ? ":" : "");
	const char *k = pv_arena_add(&w->arena, key, (size_t)key_len);
	const char *v = pv_arena_add(&w->arena, value, (size_t)len);
	if (k == NULL || v == NULL)
		return no_memory("senders", e);
	to->v[to->count++] = (struct pv_entry){ k, v, d };
	return PV_OK;
}

/* All accounts that will have a domain. Most domains in a row are of one. */
static enum pv_class add_accounts(struct pv_maps_work *w, struct pv_entries *to, struct pv_error *e)
{
	const char *last = "";
	struct pv_key k;

	pv_next_rewind(w, PV_MAP_DOMAINS);
	while (pv_next_step(w, PV_MAP_DOMAINS, &k)) {
		if (strcmp(k.value, last) == 0)
			continue;
		const char *const parts[] = { k.value, PV_INNER_KEY };
		const char *key = pv_arena_join(&w->arena, parts, 2);
		last = pv_arena_add(&w->arena, k.value, strlen(k.value));
		if (key == NULL || last == NULL)
			return no_memory("accounts", e);
		to->v[to->count++] = (struct pv_entry){ key, PV_INNER_REFUSAL, NULL };
	}
	return PV_OK;
}

/* Of a domain whose addresses stay although its files do not give them none is refused newly. */
static void add_refused(struct pv_maps_work *w, struct pv_plan_domain *d, struct pv_entries *to)
{
	for (size_t i = 0; i < d->refused.count; i++) {
		const struct pv_key *k = &d->refused.v[i];
		if (!d->is_limited || pv_old_find(&w->old, PV_MAP_REFUSED, k->key) != NULL)
			to->v[to->count++] = (struct pv_entry){ k->key, k->value, d };
	}
	pv_keys_free(&d->refused);
}

static void add_addresses(struct pv_plan_domain *d, struct pv_entries *to)
{
	for (size_t i = 0; i < d->keys.count; i++)
		to->v[to->count++] = (struct pv_entry){ d->keys.v[i].key, d->keys.v[i].value, d };
	pv_keys_free(&d->keys);
}

static enum pv_class take_domain(struct pv_maps_work *w, enum pv_map m, struct pv_plan_domain *d,
				 struct pv_entries *to, struct pv_error *e)
{
	switch (m) {
	case PV_MAP_ADDRESSES:
		add_addresses(d, to);
		return PV_OK;
	case PV_MAP_DOMAINS:
		to->v[to->count++] = (struct pv_entry){ d->domain.s, d->account, d };
		return PV_OK;
	case PV_MAP_SENDERS:
		return add_sender(w, d, to, e);
	case PV_MAP_REFUSED:
		add_refused(w, d, to);
		return PV_OK;
	case PV_MAP_COUNT:
		break;
	}
	return PV_OK;
}

enum pv_class pv_entries_take(struct pv_maps_work *w, enum pv_map m, struct pv_entries *to,
			      struct pv_error *e)
{
	size_t room = count_all(w, m);
	enum pv_class c = PV_OK;

	*to = (struct pv_entries){ .v = reallocarray(NULL, room + 1, sizeof *to->v) };
	if (to->v == NULL)
		return pv_fail_errno(e, PV_TEMPORARY, "4.3.0", errno, "hold %zu keys", room);
	for (size_t i = 0; c == PV_OK && i < w->plan.count; i++)
		if (is_made(&w->plan.domains[i], m))
			c = take_domain(w, m, &w->plan.domains[i], to, e);
	if (c == PV_OK && m == PV_MAP_REFUSED)
		c = add_accounts(w, to, e);
	if (c == PV_OK)
		c = sort_entries(to, e);
	if (c == PV_OK && m == PV_MAP_REFUSED)
		drop_doubles(to);
	return c;
}

void pv_entries_free(struct pv_entries *l)
{
	free(l->v);
	*l = (struct pv_entries){ NULL, 0 };
}
