#include "maps/collide.h"

#include "address/extension.h"
#include "maps/report.h"

#include <errno.h>

#define KEY_MAX (PV_USER_MAX + 1 + PV_DOMAIN_MAX)

/* Keys to take out when all have been looked at: until then each must be seen by its pair. */
struct drops {
	struct pv_key **v;
	size_t count;
};

static enum pv_class drop(struct drops *d, struct pv_key *k, struct pv_error *e)
{
	struct pv_key **v = reallocarray(d->v, d->count + 1, sizeof *v);

	if (v == NULL)
		return pv_fail_errno(e, PV_TEMPORARY, "4.3.0", errno, "hold %zu keys", d->count + 1);
	d->v = v;
	d->v[d->count++] = k;
	return PV_OK;
}

static bool is_old(const struct pv_maps_work *w, const char *key, const char *target)
{
	const char *value = pv_old_find(&w->old, PV_MAP_ADDRESSES, key);

	return value != NULL && strcmp(value, target) == 0;
}

/* Does key lead to target, now (the domain is being read) or since the last run? */
static bool leads_to(const struct pv_maps_work *w, const char *key, const char *target)
{
	const struct pv_plan_domain *d = pv_plan_get(&w->plan, pv_key_domain(key));
	bool is_new = d != NULL && d->state == PV_PLAN_READ;

	if (d != NULL && d->state == PV_PLAN_GONE)
		return false;
	if (!is_new)
		return is_old(w, key, target);
	const struct pv_key *k = pv_keys_find(&d->keys, key);
	return k != NULL && strcmp(k->value, target) == 0;
}

/* k and `other` have one target. */
static enum pv_class settle(struct pv_maps_work *w, const struct pv_plan_domain *d, struct pv_key *k,
			    const char *other, struct drops *drops, struct pv_error *e)
{
	struct pv_error why;
	bool was = is_old(w, k->key, k->value), other_was = is_old(w, other, k->value);

	if (was && !other_was)
		return PV_OK;
	(void)pv_fail(&why, PV_TEMPORARY, "4.3.5",
		      "%s/%s: %s and %s are one name to Postfix (%s): rename one of them", w->store->dir,
		      d->domain.s, k->key, other, k->value);
	enum pv_class c = was ? PV_OK : drop(drops, k, e);
	return c == PV_OK ? pv_report_complain(w->report, &d->domain, &why, e) : c;
}

/* Try every other way to read the target of k. */
static enum pv_class check_key(struct pv_maps_work *w, const struct pv_plan_domain *d, struct pv_key *k,
			       struct drops *drops, struct pv_error *e)
{
	const char *extension = strchr(k->value, PV_DELIMITER);
	const char *first = extension == NULL ? NULL : strstr(extension, "--");
	struct pv_extension_reading r;
	char other[KEY_MAX + 1];
	size_t from = 0;

	/* Nearly every name: there is one `--` in it, and one way to read it. */
	if (first == NULL || strstr(first + 1, "--") == NULL || k->key[0] == '@')
		return PV_OK;
	size_t len = strcspn(extension + 1, "@");
	while (pv_extension_next(extension + 1, len, &from, &r)) {
		(void)snprintf(other, sizeof other, "%s@%s", r.has_user ? r.user.s : "", r.domain.s);
		if (strcmp(other, k->key) != 0 && leads_to(w, other, k->value))
			return settle(w, d, k, other, drops, e);
	}
	return PV_OK;
}

enum pv_class pv_collide(struct pv_maps_work *w, struct pv_error *e)
{
	struct pv_plan *p = &w->plan;
	struct drops drops = { NULL, 0 };
	enum pv_class c = PV_OK;

	for (size_t i = 0; i < p->count; i++) {
		struct pv_plan_domain *d = &p->domains[i];
		if (d->state != PV_PLAN_READ || d->is_alias)
			continue;
		for (size_t j = 0; c == PV_OK && j < d->keys.count; j++)
			c = check_key(w, d, &d->keys.v[j], &drops, e);
	}
	for (size_t i = 0; i < drops.count; i++)
		drops.v[i]->value = NULL;
	for (size_t i = 0; drops.count > 0 && i < p->count; i++)
		pv_keys_squeeze(&p->domains[i].keys);
	free(drops.v);
	return c;
}
