#include "maps/merge.h"

#include "maps/report.h"

enum { VANISH_KEYS = 5, VANISH_PERCENT = 10 };

/* What becomes of an old key of this domain, if no new one takes its place? */
static bool stays(const struct pv_maps_work *w, const struct pv_plan_domain *d)
{
	if (d == NULL)
		return !w->plan.all;
	return d->state == PV_PLAN_KEEP || d->grows_only;
}

static bool is_new(const struct pv_plan_domain *d, const char *key)
{
	return d != NULL && d->state == PV_PLAN_READ && pv_keys_find(&d->keys, key) != NULL;
}

static void count_vanishing(struct pv_maps_work *w)
{
	const struct pv_keys *old = &w->old.keys[PV_MAP_ADDRESSES];

	for (size_t i = 0; i < old->count; i++) {
		struct pv_plan_domain *d = pv_plan_get(&w->plan, pv_key_domain(old->v[i].key));
		if (d == NULL || d->state == PV_PLAN_KEEP)
			continue;
		d->had++;
		d->vanishing += !is_new(d, old->v[i].key);
	}
}

static enum pv_class limit_vanishing(struct pv_maps_work *w, struct pv_plan_domain *d, struct pv_error *e)
{
	struct pv_error why;

	if (w->options->force || d->meant || d->vanishing <= VANISH_KEYS ||
	    d->vanishing * 100 <= d->had * VANISH_PERCENT)
		return PV_OK;
	d->grows_only = true;
	(void)pv_fail(
		&why, PV_TEMPORARY, "4.3.5",
		"%zu of the %zu addresses of %s would vanish, which is more than %d %%: they stay; if that "
		"is meant, run make-postfix-maps --force %s",
		d->vanishing, d->had, d->domain.s, VANISH_PERCENT, d->domain.s);
	return pv_report_complain(w->report, &d->domain, &why, e);
}

static enum pv_class add_old(struct pv_maps_work *w, enum pv_map m, struct pv_error *e)
{
	const struct pv_keys *old = &w->old.keys[m];
	enum pv_class c = PV_OK;

	for (size_t i = 0; c == PV_OK && i < old->count; i++) {
		const struct pv_key *k = &old->v[i];
		const struct pv_plan_domain *d = pv_plan_get(&w->plan, pv_key_domain(k->key));
		bool replaced =
			m == PV_MAP_ADDRESSES ? is_new(d, k->key) : d != NULL && d->state == PV_PLAN_READ;
		if (stays(w, d) && !replaced)
			c = pv_keys_add(&w->next[m], k->key, k->value, e);
	}
	return c;
}

static enum pv_class add_new(struct pv_maps_work *w, struct pv_error *e)
{
	enum pv_class c = PV_OK;

	for (size_t i = 0; i < w->plan.count; i++) {
		const struct pv_plan_domain *d = &w->plan.domains[i];
		if (d->state != PV_PLAN_READ)
			continue;
		if (c == PV_OK)
			c = pv_keys_add(&w->next[PV_MAP_DOMAINS], d->domain.s, d->account, e);
		for (size_t j = 0; c == PV_OK && j < d->keys.count; j++)
			c = pv_keys_add(&w->next[PV_MAP_ADDRESSES], d->keys.v[j].key, d->keys.v[j].value, e);
		w->report->domains++;
	}
	return c;
}

static void count_lines(struct pv_maps_work *w, enum pv_map m)
{
	const struct pv_key *old, *new;
	size_t i = 0, j = 0;

	while (pv_keys_next(&w->old.keys[m], &w->next[m], &i, &j, &old, &new)) {
		w->report->added += old == NULL;
		w->report->removed += new == NULL;
		w->report->changed += old != NULL && new != NULL &&strcmp(old->value, new->value) != 0;
	}
}

enum pv_class pv_merge(struct pv_maps_work *w, struct pv_error *e)
{
	enum pv_class c = PV_OK;

	count_vanishing(w);
	for (size_t i = 0; c == PV_OK && i < w->plan.count; i++)
		c = limit_vanishing(w, &w->plan.domains[i], e);
	for (enum pv_map m = 0; c == PV_OK && m < PV_MAP_COUNT; m++)
		c = add_old(w, m, e);
	if (c == PV_OK)
		c = add_new(w, e);
	for (enum pv_map m = 0; c == PV_OK && m < PV_MAP_COUNT; m++) {
		pv_keys_sort(&w->next[m]);
		count_lines(w, m);
	}
	w->report->keys = w->next[PV_MAP_ADDRESSES].count;
	return c;
}
