#include "maps/update.h"

#include "maps/collide.h"
#include "maps/diff.h"
#include "maps/gather.h"
#include "maps/install.h"
#include "maps/merge.h"
#include "maps/regexp.h"
#include "maps/report.h"
#include "maps/text.h"

#include <limits.h>
#include <unistd.h>

static enum pv_class diff_map(struct pv_maps_work *w, enum pv_map m, struct pv_error *e)
{
	struct pv_buf text = PV_BUF_INIT(PV_TEXT_MAX);
	char path[PATH_MAX];

	(void)snprintf(path, sizeof path, "%s/%s", w->store->conf.map_directory, pv_map_name(m));
	pv_map_format(w->store, m, &w->next[m], &text);
	enum pv_class c = pv_buf_check(&text, path, e);
	if (c == PV_OK) {
		pv_diff(&w->report->diff, path, w->old.has_text[m] ? w->old.text[m].s : NULL, text.s);
		c = pv_buf_check(&w->report->diff, "the diff", e);
	}
	pv_buf_free(&text);
	return c;
}

/* With too few of the old keys left to go by, a run for some domains must become one for all. */
static enum pv_class make_plan(struct pv_maps_work *w, const struct pv_domain *domains, size_t count,
			       struct pv_error *e)
{
	return pv_plan_make(w, w->old.doubtful ? NULL : domains, count, e);
}

static enum pv_class compute(struct pv_maps_work *w, const struct pv_domain *domains, size_t count,
			     struct pv_error *e)
{
	enum pv_class c = pv_registry_load(w->store, &w->registry, e);

	if (c == PV_OK)
		c = pv_hosts_load(w->store, &w->hosts, e);
	if (c == PV_OK)
		c = pv_old_maps_load(w->store, &w->old, w->report, e);
	if (c == PV_OK)
		c = pv_regexp_load(w, e);
	if (c == PV_OK)
		c = make_plan(w, domains, count, e);
	if (c == PV_OK)
		c = pv_gather(w, e);
	if (c == PV_OK)
		c = pv_collide(w, e);
	if (c == PV_OK)
		c = pv_gather_aliases(w, e);
	if (c == PV_OK)
		c = pv_merge(w, e);
	return c == PV_OK ? pv_regexp_make(w, e) : c;
}

static enum pv_class finish(struct pv_maps_work *w, struct pv_error *e)
{
	enum pv_class c = PV_OK;

	if (w->options->check)
		return PV_OK;
	if (!w->options->dry_run)
		return pv_install(w, e);
	for (enum pv_map m = 0; c == PV_OK && m < PV_MAP_COUNT; m++)
		c = diff_map(w, m, e);
	return c == PV_OK ? pv_regexp_diff(w, e) : c;
}

static void free_work(struct pv_maps_work *w)
{
	for (enum pv_map m = 0; m < PV_MAP_COUNT; m++)
		pv_keys_free(&w->next[m]);
	pv_regexp_free(w);
	pv_plan_free(&w->plan);
	pv_arena_free(&w->arena);
	pv_old_maps_free(&w->old);
	pv_hosts_free(&w->hosts);
	pv_registry_free(&w->registry);
}

enum pv_class pv_maps_update(const struct pv_store *s, const struct pv_domain *domains, size_t count,
			     const struct pv_maps_options *options, struct pv_maps_report *r,
			     struct pv_error *e)
{
	struct pv_maps_work w = { .store = s, .options = options, .report = r };
	bool writes = !options->check && !options->dry_run;
	enum pv_class c = PV_OK;
	int lock = -1;

	pv_report_start(r);
	/* An answer from before the lock would undo what another has written meanwhile. */
	if (writes)
		c = pv_install_lock(s, &lock, e);
	if (c == PV_OK)
		c = compute(&w, domains, count, e);
	if (c == PV_OK)
		c = finish(&w, e);
	pv_report_sort(r);
	free_work(&w);
	if (lock >= 0)
		(void)close(lock);
	return c;
}
