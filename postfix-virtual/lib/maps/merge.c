#include "maps/merge.h"

#include "maps/entries.h"
#include "maps/report.h"

#include <errno.h>

enum { AHEAD = 8 }; /* so many keys before they are needed they are fetched from memory */
enum { VANISH_KEYS = 5, VANISH_PERCENT = 10 };

static struct pv_plan_domain *domain_of(const struct pv_maps_work *w, const char *key)
{
	const char *name = pv_key_domain(key);
	struct pv_plan_domain *d = pv_plan_get(&w->plan, name);

	return d != NULL ? d : pv_plan_get(&w->strays, name);
}

/* Does the key stay although nothing gives it any more? */
static bool stays(const struct pv_maps_work *w, enum pv_map m, const struct pv_plan_domain *d,
		  const char *key)
{
	/* An account's: all that have a domain are known. */
	if (m == PV_MAP_REFUSED && *pv_key_domain(key) == '\0')
		return false;
	if (d == NULL)
		return !w->plan.all;
	if (m == PV_MAP_SENDERS)
		return false;
	if (d->state == PV_PLAN_KEEP)
		return true;
	/* A refusal that goes lets a message in to be judged anew, and who is known to take no mail goes in
	 * any case. */
	return m != PV_MAP_REFUSED && d->grows_only && pv_keys_find(&d->refused, key) == NULL;
}

/* An old key in whose place no new one came. */
static enum pv_class lose(struct pv_maps_work *w, enum pv_map m, const char *key, struct pv_error *e)
{
	const struct pv_plan_domain *d = domain_of(w, key);

	if (stays(w, m, d, key))
		return PV_OK;
	const char *copy = pv_arena_add(&w->arena, key, strlen(key));
	if (copy == NULL)
		return pv_fail_errno(e, PV_TEMPORARY, "4.3.0", ENOMEM, "hold the keys that go");
	return pv_differences_add(&w->differences[m], copy, NULL, false, e);
}

static enum pv_class compare_sets(struct pv_maps_work *w, enum pv_map m, const struct pv_entries *new,
				  struct pv_error *e)
{
	struct pv_differences *to = &w->differences[m];
	enum pv_class c = PV_OK;
	struct pv_key old;
	size_t i = 0;

	pv_old_rewind(&w->old, m);
	bool more = pv_old_step(&w->old, m, &old);
	while (c == PV_OK && (more || i < new->count)) {
		const struct pv_entry *n = i < new->count ? &new->v[i] : NULL;
		int order = !more ? 1 : n == NULL ? -1 : strcmp(old.key, n->key);
		if (order < 0 || n == NULL)
			c = lose(w, m, old.key, e);
		else if (order > 0 || strcmp(old.value, n->value) != 0)
			c = pv_differences_add(to, n->key, n->value, order == 0, e);
		if (order == 0 && n != NULL && n->domain != NULL)
			n->domain->had++;
		if (order <= 0)
			more = pv_old_step(&w->old, m, &old);
		i += order >= 0;
	}
	return c;
}

static enum pv_class compare_map(struct pv_maps_work *w, enum pv_map m, struct pv_error *e)
{
	struct pv_entries new;

	enum pv_class c = pv_entries_take(w, m, &new, e);
	if (c == PV_OK)
		c = compare_sets(w, m, &new, e);
	pv_entries_free(&new);
	return c;
}

static enum pv_class limit_vanishing(struct pv_maps_work *w, struct pv_plan_domain *d, struct pv_error *e)
{
	struct pv_error why;

	if (w->options->force || d->meant || d->vanishing <= VANISH_KEYS ||
	    d->vanishing * 100 <= d->had * VANISH_PERCENT)
		return PV_OK;
	d->grows_only = d->is_limited = true;
	(void)pv_fail(
		&why, PV_TEMPORARY, "4.3.5",
		"%zu of the %zu addresses of %s would vanish, which is more than %d %%: they stay; if that "
		"is meant, run make-postfix-maps --force %s",
		d->vanishing, d->had, d->domain.s, VANISH_PERCENT, d->domain.s);
	return pv_report_complain(w->report, &d->domain, &why, e);
}

/* A domain of which there are addresses, and no folder, no line in `domains`, no key of its own. */
static enum pv_class find_strays(struct pv_maps_work *w, const struct pv_differences *of, struct pv_error *e)
{
	enum pv_class c = PV_OK;
	struct pv_domain d;

	for (size_t i = 0; c == PV_OK && i < of->count; i++) {
		/* Not asked of a key that comes: where all do, that is a look at each of a million. */
		const char *name = of->v[i].value == NULL ? pv_key_domain(of->v[i].key) : NULL;
		if (name == NULL || pv_plan_get(&w->plan, name) != NULL ||
		    pv_domain_parse(name, strlen(name), &d, NULL) != PV_OK)
			continue;
		c = pv_plan_add(&w->strays, &d, e);
		if (c == PV_OK)
			w->strays.domains[w->strays.count - 1].state = PV_PLAN_GONE;
	}
	pv_plan_sort(&w->strays);
	return c;
}

/* That its day is over was read, like no other reason for a key to go. */
static bool has_expired(const struct pv_plan_domain *d, const char *key)
{
	return pv_keys_find(&d->expired, key) != NULL;
}

/* Of domains that may only grow nothing goes. */
static void drop_losses(struct pv_maps_work *w, struct pv_differences *of)
{
	size_t to = 0;

	for (size_t i = 0; i < of->count; i++) {
		const struct pv_plan_domain *d = of->v[i].value != NULL ? NULL : domain_of(w, of->v[i].key);
		if (d == NULL || !d->is_limited || has_expired(d, of->v[i].key))
			of->v[to++] = of->v[i];
	}
	of->count = to;
}

static void count_losses(struct pv_maps_work *w, const struct pv_differences *of)
{
	for (size_t i = 0; i < of->count; i++) {
		struct pv_plan_domain *d = of->v[i].value != NULL ? NULL : domain_of(w, of->v[i].key);
		if (d == NULL)
			continue;
		d->had++;
		d->vanishing += !has_expired(d, of->v[i].key);
	}
}

static enum pv_class limit_plan(struct pv_maps_work *w, struct pv_plan *p, struct pv_error *e)
{
	enum pv_class c = PV_OK;

	for (size_t i = 0; c == PV_OK && i < p->count; i++)
		c = limit_vanishing(w, &p->domains[i], e);
	return c;
}

static enum pv_class limit_all(struct pv_maps_work *w, struct pv_error *e)
{
	struct pv_differences *of = &w->differences[PV_MAP_ADDRESSES];
	size_t before = w->report->complaint_count;

	enum pv_class c = find_strays(w, of, e);
	if (c != PV_OK)
		return c;
	count_losses(w, of);
	c = limit_plan(w, &w->plan, e);
	if (c == PV_OK)
		c = limit_plan(w, &w->strays, e);
	if (w->report->complaint_count > before)
		drop_losses(w, of);
	return c;
}

void pv_merge_count(struct pv_maps_work *w)
{
	struct pv_maps_report *r = w->report;

	r->keys = pv_old_count(&w->old, PV_MAP_ADDRESSES);
	for (enum pv_map m = 0; m < PV_MAP_COUNT; m++) {
		for (size_t i = 0; i < w->differences[m].count; i++) {
			const struct pv_difference *d = &w->differences[m].v[i];
			r->removed += d->value == NULL;
			r->changed += d->is_change;
			r->added += d->value != NULL && !d->is_change;
			if (m == PV_MAP_ADDRESSES && !d->is_change)
				r->keys += d->value != NULL ? 1 : (size_t)-1;
		}
	}
	for (size_t i = 0; i < w->plan.count; i++)
		r->domains += w->plan.domains[i].state == PV_PLAN_READ;
}

enum pv_class pv_merge(struct pv_maps_work *w, struct pv_error *e)
{
	/* The addresses first: they tell which domains may only grow. */
	enum pv_class c = compare_map(w, PV_MAP_ADDRESSES, e);

	if (c == PV_OK)
		c = limit_all(w, e);
	for (enum pv_map m = PV_MAP_ADDRESSES + 1; c == PV_OK && m < PV_MAP_COUNT; m++)
		c = compare_map(w, m, e);
	if (c == PV_OK)
		pv_merge_count(w);
	return c;
}

const char *pv_next_find(const struct pv_maps_work *w, enum pv_map m, const char *key)
{
	const struct pv_difference *d = pv_differences_find(&w->differences[m], key);

	return d != NULL ? d->value : pv_old_find(&w->old, m, key);
}

void pv_next_rewind(struct pv_maps_work *w, enum pv_map m)
{
	pv_old_rewind(&w->old, m);
	w->walk[m] = (struct pv_next_walk){ .at = 0 };
	w->walk[m].has_old = pv_old_step(&w->old, m, &w->walk[m].old);
}

bool pv_next_step(struct pv_maps_work *w, enum pv_map m, struct pv_key *k)
{
	const struct pv_differences *list = &w->differences[m];
	struct pv_next_walk *walk = &w->walk[m];

	if (walk->at + AHEAD < list->count) {
		__builtin_prefetch(list->v[walk->at + AHEAD].key);
		__builtin_prefetch(list->v[walk->at + AHEAD].value);
	}
	/* The string that was given out last is the table's, up to this step. */
	if (walk->given) {
		walk->given = false;
		walk->has_old = pv_old_step(&w->old, m, &walk->old);
	}
	for (;;) {
		const struct pv_difference *d = walk->at < list->count ? &list->v[walk->at] : NULL;
		int order = !walk->has_old ? 1 : d == NULL ? -1 : strcmp(walk->old.key, d->key);
		if (order < 0) {
			*k = walk->old;
			walk->given = true;
			return true;
		}
		if (d == NULL)
			return false;
		if (order == 0)
			walk->has_old = pv_old_step(&w->old, m, &walk->old);
		walk->at++;
		if (d->value != NULL) {
			*k = (struct pv_key){ d->key, d->value };
			return true;
		}
	}
}
