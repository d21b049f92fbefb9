#include "maps/plan.h"

#include "base/sort.h"
#include "maps/postfix.h"
#include "maps/regexp.h"
#include "maps/report.h"
#include "store/conf.h"
#include "store/folder.h"

#include <errno.h>
#include <limits.h>

static int compare(const void *a, const void *b)
{
	const struct pv_plan_domain *x = a, *y = b;

	return strcmp(x->domain.s, y->domain.s);
}

enum pv_class pv_plan_add(struct pv_plan *p, const struct pv_domain *d, struct pv_error *e)
{
	/* Full at each power of two. */
	if ((p->count & (p->count - 1)) == 0) {
		struct pv_plan_domain *v =
			reallocarray(p->domains, p->count == 0 ? 1 : p->count * 2, sizeof *v);
		if (v == NULL)
			return pv_fail_errno(e, PV_TEMPORARY, "4.3.0", errno, "hold %zu domains",
					     p->count + 1);
		p->domains = v;
	}
	p->domains[p->count++] = (struct pv_plan_domain){ .domain = *d };
	return PV_OK;
}

void pv_plan_sort(struct pv_plan *p)
{
	size_t to = 0;

	pv_sort(p->domains, p->count, sizeof *p->domains, compare);
	for (size_t i = 0; i < p->count; i++)
		if (to == 0 || compare(&p->domains[to - 1], &p->domains[i]) != 0)
			p->domains[to++] = p->domains[i];
	p->count = to;
}

struct pv_plan_domain *pv_plan_get(const struct pv_plan *p, const char *s)
{
	size_t low = 0, high = p->count;

	while (low < high) {
		size_t middle = low + (high - low) / 2;
		int order = strcmp(s, p->domains[middle].domain.s);
		if (order == 0)
			return &p->domains[middle];
		if (order < 0)
			high = middle;
		else
			low = middle + 1;
	}
	return NULL;
}

enum pv_class pv_plan_keep(struct pv_maps_work *w, struct pv_plan_domain *d, const struct pv_error *why,
			   struct pv_error *e)
{
	d->state = PV_PLAN_KEEP;
	return pv_report_complain(w->report, &d->domain, why, e);
}

/* Domains that stood in the old table, so that one without a folder is seen to be gone. Both are sorted. */
static enum pv_class add_old(struct pv_maps_work *w, struct pv_error *e)
{
	enum pv_class c = PV_OK;
	struct pv_domain d;
	struct pv_key k;
	size_t i = 0;

	pv_plan_sort(&w->plan);
	const size_t count = w->plan.count;
	pv_old_rewind(&w->old, PV_MAP_DOMAINS);
	while (c == PV_OK && pv_old_step(&w->old, PV_MAP_DOMAINS, &k)) {
		while (i < count && strcmp(w->plan.domains[i].domain.s, k.key) < 0)
			i++;
		if (i < count && strcmp(w->plan.domains[i].domain.s, k.key) == 0)
			continue;
		if (pv_domain_parse(k.key, strlen(k.key), &d, NULL) == PV_OK)
			c = pv_plan_add(&w->plan, &d, e);
	}
	return c;
}

static enum pv_class add_all(struct pv_maps_work *w, struct pv_error *e)
{
	struct pv_domain *list = NULL;
	size_t count = 0;

	enum pv_class c = pv_folder_list(w->store, &list, &count, e);
	for (size_t i = 0; c == PV_OK && i < count; i++)
		c = pv_plan_add(&w->plan, &list[i], e);
	free(list);
	for (size_t i = 0; c == PV_OK && i < w->registry.count; i++) {
		const struct pv_registry_entry *r = &w->registry.entries[i];
		if (r->is_alias)
			c = pv_plan_add(&w->plan, &r->domain, e);
		if (c == PV_OK && r->is_alias)
			c = pv_plan_add(&w->plan, &r->alias_of, e);
	}
	return c == PV_OK ? add_old(w, e) : c;
}

/* The domains that were asked for, what they are aliases of, and then all aliases of either. */
static enum pv_class add_asked(struct pv_maps_work *w, const struct pv_domain *domains, size_t count,
			       struct pv_error *e)
{
	enum pv_class c = PV_OK;

	for (size_t i = 0; c == PV_OK && i < count; i++) {
		const struct pv_registry_entry *r = pv_registry_get(&w->registry, &domains[i]);
		c = pv_plan_add(&w->plan, &domains[i], e);
		if (c == PV_OK && r != NULL && r->is_alias)
			c = pv_plan_add(&w->plan, &r->alias_of, e);
	}
	pv_plan_sort(&w->plan);
	const struct pv_plan asked = w->plan;
	struct pv_plan grown = { 0 };
	for (size_t i = 0; c == PV_OK && i < asked.count; i++)
		c = pv_plan_add(&grown, &asked.domains[i].domain, e);
	for (size_t i = 0; c == PV_OK && i < w->registry.count; i++) {
		const struct pv_registry_entry *r = &w->registry.entries[i];
		if (r->is_alias && pv_plan_get(&asked, r->alias_of.s) != NULL)
			c = pv_plan_add(&grown, &r->domain, e);
	}
	free(asked.domains);
	w->plan = grown;
	return c;
}

static bool is_without(const struct pv_maps_options *o, const struct pv_domain *d)
{
	for (size_t i = 0; i < o->without_domain_count; i++)
		if (pv_domain_equal(&o->without_domains[i], d))
			return true;
	return false;
}

/* What `domains` says of a domain without a folder. */
static void find_target(struct pv_maps_work *w, struct pv_plan_domain *d)
{
	const struct pv_registry_entry *r = pv_registry_get(&w->registry, &d->domain);
	const struct pv_plan_domain *target;

	d->state = PV_PLAN_GONE;
	if (r == NULL || !r->is_alias || (target = pv_plan_get(&w->plan, r->alias_of.s)) == NULL)
		return;
	d->is_alias = true;
	d->target = (size_t)(target - w->plan.domains);
}

static bool is_asked(const struct pv_plan *p, const struct pv_domain *d)
{
	for (size_t i = 0; i < p->asked_count; i++)
		if (pv_domain_equal(&p->asked[i], d))
			return true;
	return false;
}

/* A name that was mistyped must not pass for a domain that was cleared away. */
static enum pv_class judge_absent(struct pv_maps_work *w, const struct pv_plan_domain *d, struct pv_error *e)
{
	struct pv_error why;

	if (!w->options->must_exist || !is_asked(&w->plan, &d->domain) ||
	    pv_old_find(&w->old, PV_MAP_DOMAINS, d->domain.s) != NULL)
		return PV_OK;
	(void)pv_fail(&why, PV_TEMPORARY, "4.3.5",
		      "%s is no domain here: %s/%s is missing, and `domains` has no alias_of for it",
		      d->domain.s, w->store->dir, d->domain.s);
	return pv_report_complain(w->report, &d->domain, &why, e);
}

static enum pv_class judge(struct pv_maps_work *w, struct pv_plan_domain *d, struct pv_error *e)
{
	const struct pv_registry_entry *r = pv_registry_get(&w->registry, &d->domain);
	struct pv_folder f;
	struct pv_error why;
	bool found;

	d->state = PV_PLAN_GONE;
	d->meant = is_without(w->options, &d->domain);
	if (d->meant)
		return PV_OK;
	if (pv_folder_look(w->store, &d->domain, &f, &found, &why) != PV_OK)
		return pv_plan_keep(w, d, &why, e);
	if (!found) {
		find_target(w, d);
		return d->is_alias ? PV_OK : judge_absent(w, d, e);
	}
	d->state = PV_PLAN_READ;
	d->uid = f.uid;
	if (r == NULL || !r->is_alias)
		return PV_OK;
	(void)pv_fail(&why, PV_TEMPORARY, "4.3.5",
		      "%s/domains makes %s an alias of %s, but it has a folder, which is used: remove one",
		      w->store->dir, d->domain.s, r->alias_of.s);
	return pv_report_complain(w->report, &d->domain, &why, e);
}

/* An alias is what its target is. Targets are never aliases: `domains` was checked. */
static enum pv_class judge_alias(struct pv_maps_work *w, struct pv_plan_domain *d, struct pv_error *e)
{
	const struct pv_plan_domain *target = &w->plan.domains[d->target];
	struct pv_error why;

	d->state = target->state;
	d->meant = target->meant;
	if (target->state != PV_PLAN_GONE || target->meant)
		return PV_OK;
	(void)pv_fail(&why, PV_TEMPORARY, "4.3.5",
		      "%s/domains makes %s an alias of %s, which has no folder: make that domain, or remove "
		      "the line",
		      w->store->dir, d->domain.s, target->domain.s);
	return pv_report_complain(w->report, &d->domain, &why, e);
}

/* A domain for which Postfix takes mail by another way too gets no keys of ours. */
static enum pv_class refuse_postfix_domains(struct pv_maps_work *w, struct pv_error *e)
{
	struct pv_plan *p = &w->plan;
	struct pv_postfix_domains theirs = { 0 };
	struct pv_error why;
	char dir[PATH_MAX];

	const struct pv_domain **all = reallocarray(NULL, p->count == 0 ? 1 : p->count, sizeof *all);
	if (all == NULL)
		return pv_fail_errno(e, PV_TEMPORARY, "4.3.0", errno, "hold %zu domains", p->count);
	for (size_t i = 0; i < p->count; i++)
		all[i] = &p->domains[i].domain;
	enum pv_class c = pv_postfix_domains_find(w->store, all, p->count, &theirs, &why);
	free(all);
	if (c != PV_OK)
		c = pv_report_complain(w->report, NULL, &why, e);
	for (size_t i = 0; c == PV_OK && i < p->count; i++) {
		struct pv_plan_domain *d = &p->domains[i];
		const struct pv_postfix_domain *at = pv_postfix_domains_get(&theirs, &d->domain);
		if (at == NULL || d->state == PV_PLAN_GONE)
			continue;
		(void)pv_conf_instance(&w->store->conf, at->instance, dir, sizeof dir);
		(void)pv_fail(
			&why, PV_TEMPORARY, "4.3.5",
			"%s stands in %s of Postfix too: remove it there (postconf -c %s -e \"%s=...\")",
			d->domain.s, at->setting, dir, at->setting);
		d->state = PV_PLAN_GONE;
		c = pv_report_complain(w->report, &d->domain, &why, e);
	}
	pv_postfix_domains_free(&theirs);
	return c;
}

enum pv_class pv_plan_make(struct pv_maps_work *w, const struct pv_domain *domains, size_t count,
			   struct pv_error *e)
{
	struct pv_plan *p = &w->plan;

	enum pv_class c = domains == NULL ? add_all(w, e) : add_asked(w, domains, count, e);
	p->all = domains == NULL;
	p->asked = domains;
	p->asked_count = p->all ? 0 : count;
	pv_plan_sort(p);
	for (size_t i = 0; c == PV_OK && i < p->count; i++)
		c = judge(w, &p->domains[i], e);
	for (size_t i = 0; c == PV_OK && i < p->count; i++)
		if (p->domains[i].is_alias)
			c = judge_alias(w, &p->domains[i], e);
	/* That a domain which has its keys came to stand there too is for a run for all to find. */
	return c == PV_OK && !w->is_few ? refuse_postfix_domains(w, e) : c;
}

void pv_plan_free(struct pv_plan *p)
{
	for (size_t i = 0; i < p->count; i++) {
		pv_keys_free(&p->domains[i].keys);
		pv_keys_free(&p->domains[i].refused);
		pv_keys_free(&p->domains[i].expired);
		pv_keys_free(&p->domains[i].followers);
		pv_strings_free(&p->domains[i].patterns);
	}
	free(p->domains);
	*p = (struct pv_plan){ 0 };
}

void pv_work_clear(struct pv_maps_work *w)
{
	for (enum pv_map m = 0; m < PV_MAP_COUNT; m++)
		pv_differences_free(&w->differences[m]);
	pv_regexp_free(w);
	pv_plan_free(&w->plan);
	pv_plan_free(&w->strays);
	free(w->sent_on);
	pv_arena_free(&w->arena);
	pv_old_maps_free(&w->old);
	pv_hosts_free(&w->hosts);
	pv_registry_free(&w->registry);
}
