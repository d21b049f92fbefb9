#include "maps/few.h"

#include "address/extension.h"
#include "maps/collide.h"
#include "maps/gather.h"
#include "maps/install.h"
#include "maps/merge.h"
#include "maps/regexp.h"

#include <errno.h>

#define TARGET_MAX (PV_ACCOUNT_MAX + 1 + PV_EXTENSION_MAX + 1 + sizeof PV_MAP_TARGET_DOMAIN)

/* What is looked at, and whether that is enough. */
struct few {
	struct pv_maps_work *w;
	const struct pv_domain *domain;
	const char *account; /* to whom it leads in the tables */
	bool fit;
};

static enum pv_class add_difference(struct few *f, enum pv_map m, const char *key, const char *value,
				    bool is_change, struct pv_error *e)
{
	const char *copy = pv_arena_add(&f->w->arena, key, strlen(key));

	if (copy == NULL)
		return pv_fail_errno(e, PV_TEMPORARY, "4.3.0", ENOMEM, "hold the keys of %s", f->domain->s);
	return pv_differences_add(&f->w->differences[m], copy, value, is_change, e);
}

/* All domains that are looked at have their keys, and lead to one account. */
static void look_at_domains(struct few *f)
{
	struct pv_maps_work *w = f->w;

	f->account = pv_old_find(&w->old, PV_MAP_DOMAINS, f->domain->s);
	f->fit = f->account != NULL;
	for (size_t i = 0; f->fit && i < w->plan.count; i++) {
		const struct pv_plan_domain *d = &w->plan.domains[i];
		const char *account = pv_old_find(&w->old, PV_MAP_DOMAINS, d->domain.s);
		f->fit = d->state == PV_PLAN_READ && account != NULL && strcmp(account, f->account) == 0;
	}
}

/* Without a look at the files: the key goes if it is the one that this user has. */
static enum pv_class remove_key(struct few *f, const struct pv_user *u, const struct pv_domain *d,
				struct pv_error *e)
{
	char key[PV_MAP_KEY_SIZE], target[TARGET_MAX + 1], extension[PV_EXTENSION_SIZE];

	(void)snprintf(key, sizeof key, "%s@%s", u->s, d->s);
	const char *old = pv_old_find(&f->w->old, PV_MAP_ADDRESSES, key);
	if (old == NULL)
		return PV_OK;
	f->fit = pv_extension_format(u, f->domain, extension, NULL) == PV_OK;
	if (!f->fit)
		return PV_OK;
	(void)snprintf(target, sizeof target, "%s%c%s@" PV_MAP_TARGET_DOMAIN, f->account, PV_DELIMITER,
		       extension);
	f->fit = strcmp(old, target) == 0;
	return f->fit ? add_difference(f, PV_MAP_ADDRESSES, key, NULL, false, e) : PV_OK;
}

/* What the files give now, and the table m does not. */
static enum pv_class add_keys(struct few *f, enum pv_map m, const struct pv_keys *keys, struct pv_error *e)
{
	struct pv_differences *to = &f->w->differences[m];
	enum pv_class c = PV_OK;

	for (size_t i = 0; c == PV_OK && i < keys->count; i++) {
		const struct pv_key *k = &keys->v[i];
		const char *old = pv_old_find(&f->w->old, m, k->key);
		if (old == NULL || strcmp(old, k->value) != 0)
			c = pv_differences_add(to, k->key, k->value, old != NULL, e);
	}
	return c;
}

/* Is it the address of one of them, which drop_keys() looks at? */
static bool is_asked(const struct few *f, const char *key)
{
	const struct pv_maps_options *o = f->w->options;
	size_t len = strcspn(key, "@");

	for (size_t i = 0; i < o->only_user_count; i++)
		if (o->only_users[i].len == len && memcmp(o->only_users[i].s, key, len) == 0)
			return true;
	return false;
}

/* Of the users in question: what the table has and the files do not give. Where a line cannot be read that
 * may be about one of them, his address stays, unless it is known to take no mail. */
static enum pv_class drop_keys(struct few *f, enum pv_map m, const struct pv_plan_domain *d,
			       struct pv_error *e)
{
	const struct pv_keys *keys = m == PV_MAP_ADDRESSES ? &d->keys : &d->refused;
	const struct pv_maps_options *o = f->w->options;
	char key[PV_MAP_KEY_SIZE];
	enum pv_class c = PV_OK;

	for (size_t i = 0; c == PV_OK && i < o->only_user_count; i++) {
		(void)snprintf(key, sizeof key, "%s@%s", o->only_users[i].s, d->domain.s);
		if (pv_keys_find(keys, key) != NULL || pv_old_find(&f->w->old, m, key) == NULL)
			continue;
		if (m == PV_MAP_REFUSED || !d->grows_only || pv_keys_find(&d->refused, key) != NULL)
			c = add_difference(f, m, key, NULL, false, e);
	}
	return c;
}

/* What comes of aliases that lead only to the users in question: who takes no mail any more, and who takes
 * some again. */
static enum pv_class drop_followers(struct few *f, enum pv_map m, const struct pv_plan_domain *d,
				    struct pv_error *e)
{
	const struct pv_keys *from = m == PV_MAP_ADDRESSES ? &d->followers : &d->keys;
	const struct pv_keys *stay = m == PV_MAP_ADDRESSES ? &d->keys : &d->refused;
	size_t count = pv_old_count(&f->w->old, m) > 0 ? from->count : 0;
	enum pv_class c = PV_OK;

	for (size_t i = 0; c == PV_OK && i < count; i++) {
		const char *key = from->v[i].key;
		if (pv_keys_find(stay, key) == NULL && !is_asked(f, key) &&
		    pv_old_find(&f->w->old, m, key) != NULL)
			c = add_difference(f, m, key, NULL, false, e);
	}
	return c;
}

static enum pv_class read_files(struct few *f, struct pv_error *e)
{
	struct pv_maps_work *w = f->w;

	enum pv_class c = pv_regexp_load(w, e);
	if (c == PV_OK)
		c = pv_gather(w, e);
	if (c == PV_OK)
		c = pv_collide(w, e);
	if (c == PV_OK)
		c = pv_gather_aliases(w, e);
	f->fit = !w->old.doubtful;
	for (size_t i = 0; c == PV_OK && i < w->plan.count; i++)
		f->fit = f->fit && !w->plan.domains[i].is_wide;
	return c;
}

static enum pv_class compare_files(struct few *f, struct pv_error *e)
{
	static const enum pv_map maps[] = { PV_MAP_ADDRESSES, PV_MAP_REFUSED };
	struct pv_maps_work *w = f->w;

	enum pv_class c = read_files(f, e);
	for (size_t i = 0; c == PV_OK && f->fit && i < w->plan.count; i++) {
		const struct pv_plan_domain *d = &w->plan.domains[i];
		if (d->state != PV_PLAN_READ)
			continue;
		f->fit = strcmp(d->account, f->account) == 0 && pv_regexp_keeps(w, d);
		for (size_t m = 0; c == PV_OK && m < 2; m++) {
			c = add_keys(f, maps[m], maps[m] == PV_MAP_ADDRESSES ? &d->keys : &d->refused, e);
			if (c == PV_OK)
				c = drop_keys(f, maps[m], d, e);
			if (c == PV_OK)
				c = drop_followers(f, maps[m], d, e);
		}
	}
	return c;
}

/* Whatever is wrong with the files, who is deleted goes; but an alias of that name, if there is one, stays.
 */
static enum pv_class remove_users(struct few *f, struct pv_error *e)
{
	const struct pv_maps_options *o = f->w->options;
	size_t complaints = f->w->report->complaint_count;
	char key[PV_MAP_KEY_SIZE];

	enum pv_class c = read_files(f, e);
	f->w->report->complaint_count = complaints;
	for (size_t i = 0; i < f->w->plan.count; i++)
		for (size_t j = 0; c == PV_OK && f->fit && j < o->without_user_count; j++) {
			const struct pv_plan_domain *d = &f->w->plan.domains[i];
			(void)snprintf(key, sizeof key, "%s@%s", o->without_users[j].user.s, d->domain.s);
			if (d->state != PV_PLAN_READ || pv_keys_find(&d->keys, key) == NULL)
				c = remove_key(f, &o->without_users[j].user, &d->domain, e);
		}
	return c;
}

static enum pv_class find_differences(struct few *f, struct pv_error *e)
{
	struct pv_maps_work *w = f->w;
	enum pv_table_state state = PV_TABLE_GOOD;

	enum pv_class c = pv_registry_load_about(w->store, f->domain, &w->registry, e);
	if (c == PV_OK)
		c = pv_hosts_load(w->store, &w->hosts, e);
	if (c == PV_OK)
		c = pv_plan_make(w, f->domain, 1, e);
	if (c != PV_OK)
		return c;
	look_at_domains(f);
	if (f->fit)
		c = w->options->without_user_count > 0 ? remove_users(f, e) : compare_files(f, e);
	for (enum pv_map m = 0; c == PV_OK && m < PV_MAP_COUNT; m++) {
		c = pv_table_judge(w->old.table[m], &state, e);
		f->fit = f->fit && state == PV_TABLE_GOOD;
	}
	pv_differences_sort(&w->differences[PV_MAP_ADDRESSES]);
	pv_differences_sort(&w->differences[PV_MAP_REFUSED]);
	return c;
}

enum pv_class pv_few_update(struct pv_maps_work *w, const struct pv_domain *d, bool *done_r,
			    struct pv_error *e)
{
	struct few f = { .w = w, .domain = d };
	size_t complaints = w->report->complaint_count;

	w->is_few = true;
	enum pv_class c = pv_old_maps_open(w->store, &w->old, &f.fit, e);
	if (c == PV_OK && f.fit)
		c = find_differences(&f, e);
	*done_r = f.fit;
	if (c == PV_OK && f.fit) {
		pv_merge_count(w);
		return pv_install(w, e);
	}
	if (c == PV_OK) {
		pv_work_clear(w);
		w->report->complaint_count = complaints;
	}
	w->is_few = false;
	return c;
}
