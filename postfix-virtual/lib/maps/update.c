#include "maps/update.h"

#include "base/file.h"
#include "maps/caught.h"
#include "maps/collide.h"
#include "maps/diff.h"
#include "maps/dovecot.h"
#include "maps/few.h"
#include "maps/gather.h"
#include "maps/install.h"
#include "maps/merge.h"
#include "maps/regexp.h"
#include "maps/report.h"
#include "maps/sent_on.h"
#include "maps/text.h"
#include "maps/user_expression.h"

#include <fcntl.h>
#include <limits.h>
#include <unistd.h>

static void format_map(struct pv_maps_work *w, enum pv_map m, bool is_new, struct pv_buf *out)
{
	struct pv_buf head = PV_BUF_INIT(PV_MAP_TEXT_MAX);
	struct pv_keys keys = { 0 };
	struct pv_key k;
	enum pv_class c = PV_OK;

	/* Nothing is written, so the old keys are copies that stay where they are. */
	if (is_new)
		pv_next_rewind(w, m);
	else
		pv_old_rewind(&w->old, m);
	while (c == PV_OK && (is_new ? pv_next_step(w, m, &k) : pv_old_step(&w->old, m, &k)))
		c = pv_keys_add(&keys, k.key, k.value, NULL);
	pv_map_head(w->store, m, &head);
	pv_text_format_below(out, head.s, &keys);
	out->failed |= c != PV_OK || head.failed;
	pv_keys_free(&keys);
	pv_buf_free(&head);
}

static enum pv_class load_text(const struct pv_store *s, const char *name, struct pv_buf *text, bool *found_r,
			       struct pv_error *e)
{
	const struct pv_trust trust = { geteuid(), s->conf.map_directory };

	*found_r = false;
	int dirfd = open(s->conf.map_directory, O_PATH | O_DIRECTORY | O_CLOEXEC);
	if (dirfd < 0)
		return PV_OK;
	enum pv_class c = pv_file_load(dirfd, name, &trust, text, found_r, e);
	(void)close(dirfd);
	return c;
}

static enum pv_class diff_text(struct pv_maps_work *w, const char *name, const char *old,
			       const struct pv_buf *new, struct pv_error *e)
{
	char path[PATH_MAX];

	(void)snprintf(path, sizeof path, "%s/%s", w->store->conf.map_directory, name);
	enum pv_class c = pv_buf_check(new, path, e);
	if (c != PV_OK)
		return c;
	pv_diff(&w->report->diff, path, old, new->s);
	return pv_buf_check(&w->report->diff, "the diff", e);
}

static enum pv_class diff_map(struct pv_maps_work *w, enum pv_map m, struct pv_error *e)
{
	struct pv_buf old = PV_BUF_INIT(PV_MAP_TEXT_MAX), new = PV_BUF_INIT(PV_MAP_TEXT_MAX);
	bool found;

	enum pv_class c = load_text(w->store, pv_map_name(m), &old, &found, e);
	/* A text that was dropped since it is large: what matters is what becomes of the table. */
	if (c == PV_OK && !found && w->old.state[m] == PV_TABLE_GOOD) {
		format_map(w, m, false, &old);
		found = true;
	}
	if (c == PV_OK) {
		format_map(w, m, true, &new);
		c = diff_text(w, pv_map_name(m), found ? old.s : NULL, &new, e);
	}
	pv_buf_free(&old);
	pv_buf_free(&new);
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
	bool writes = !w->options->check && !w->options->dry_run;

	enum pv_class c = pv_registry_load(w->store, &w->registry, e);
	if (c == PV_OK)
		c = pv_hosts_load(w->store, &w->hosts, e);
	if (c == PV_OK)
		c = pv_old_maps_load(w->store, writes, &w->old, w->report, e);
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
	if (c == PV_OK && w->options->expression != NULL && count == 1)
		return pv_user_expression(w, &domains[0], w->options->expression->flavor,
					  w->options->expression->out, e);
	if (c == PV_OK)
		c = pv_regexp_make(w, e);
	if (c == PV_OK)
		c = pv_sent_on_check(w, e);
	return c == PV_OK ? pv_caught_check(w, e) : c;
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

enum pv_class pv_maps_update(const struct pv_store *s, const struct pv_domain *domains, size_t count,
			     const struct pv_maps_options *options, struct pv_maps_report *r,
			     struct pv_error *e)
{
	struct pv_maps_work w = { .store = s, .options = options, .report = r };
	bool writes = !options->check && !options->dry_run;
	enum pv_class c = PV_OK;
	bool done = false;
	int lock = -1;

	pv_report_start(r);
	/* An answer from before the lock would undo what another has written meanwhile. */
	if (writes)
		c = pv_install_lock(s, &lock, e);
	if (c == PV_OK && writes && options->only_user_count > 0 && count == 1)
		c = pv_few_update(&w, &domains[0], &done, e);
	if (c == PV_OK && !done)
		c = compute(&w, domains, count, e);
	if (c == PV_OK && !done)
		c = finish(&w, e);
	/* Of what is about to be deleted the files are still there: the run behind the deletion sees to it.
	 */
	if (c == PV_OK && writes && options->without_user_count + options->without_domain_count == 0)
		c = pv_dovecot_update(&w, e);
	pv_report_sort(r, options->check);
	pv_work_clear(&w);
	if (lock >= 0)
		(void)close(lock);
	return c;
}

enum pv_class pv_maps_update_logins(const struct pv_store *s, const struct pv_domain *d,
				    struct pv_maps_report *r, struct pv_error *e)
{
	const struct pv_maps_options options = { .dry_run = false };
	struct pv_maps_work w = { .store = s, .options = &options, .report = r, .is_few = true };
	int lock = -1;

	pv_report_start(r);
	enum pv_class c = pv_install_lock(s, &lock, e);
	if (c == PV_OK)
		c = pv_registry_load_about(s, d, &w.registry, e);
	if (c == PV_OK)
		c = pv_plan_make(&w, d, 1, e);
	if (c == PV_OK)
		c = pv_dovecot_update(&w, e);
	pv_report_sort(r, false);
	pv_work_clear(&w);
	if (lock >= 0)
		(void)close(lock);
	return c;
}
