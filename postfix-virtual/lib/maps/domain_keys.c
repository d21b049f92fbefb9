#include "maps/domain_keys.h"

#include "maps/making.h"
#include "maps/standard_keys.h"
#include "store/passwd.h"

#include <errno.h>

/* What users/<user> says of him, as pv_some_users has it: why no mail for him is taken. */
static int why_closed(void *ctx, const struct pv_user *u, const struct pv_user_conf *conf,
		      const struct pv_day *today)
{
	struct pv_making *m = ctx;

	if (!conf->receive)
		return PV_READER_NO_MAIL + 1;
	if (pv_user_conf_expired(conf, today))
		return PV_READER_EXPIRED + 1;
	pv_making_note_forwards(m, u, conf);
	return 0;
}

static bool is_without(const struct pv_making *m, const struct pv_user *u)
{
	const struct pv_maps_options *o = m->w->options;

	for (size_t i = 0; i < o->without_user_count; i++)
		if (pv_user_equal(&o->without_users[i].user, u) &&
		    pv_domain_equal(&o->without_users[i].domain, &m->d->domain))
			return true;
	return false;
}

/* The users, on the way through passwd. */
struct reading {
	struct pv_making *m;
	char file[PATH_MAX + 8];
	size_t users; /* lines */
};

static enum pv_class add_user(void *ctx, const struct pv_passwd_entry *p, unsigned line, struct pv_error *e)
{
	struct reading *r = ctx;
	struct pv_making *m = r->m;
	const struct pv_place at = { r->file, line };
	const char *target;

	r->users++;
	if (pv_making_is_hosts(m, &p->user) || is_without(m, &p->user))
		return PV_OK;
	enum pv_class c = pv_making_target(m, &p->user, "", &at, &target, e);
	if (c != PV_OK || target == NULL)
		return c;
	int closed = pv_some_users_get(&m->closed, &p->user);
	if (m->conf.match_full_name)
		c = pv_making_note_name(m, p, line, target, closed, e);
	if (c == PV_OK && closed != 0)
		return pv_making_shut(m, p->user.s, target, (enum pv_reader_text)(closed - 1), e);
	return c == PV_OK ? pv_making_add(m, p->user.s, target, e) : c;
}

static enum pv_class read_passwd(struct pv_making *m, struct pv_error *e)
{
	const struct pv_slice *passwd = &m->files->passwd;
	struct reading r;

	r.m = m;
	r.users = 0;
	(void)snprintf(r.file, sizeof r.file, "%s/passwd", m->path);
	enum pv_class c = pv_passwd_scan(passwd->s, passwd->len, r.file, m->d->uid, false, add_user, &r, e);
	if (c == PV_OK)
		c = pv_making_settle(m, e);
	if (c != PV_OK)
		return c;
	const struct pv_keys *keys = &m->d->keys;
	for (size_t i = 1; i < keys->count; i++)
		if (strcmp(keys->v[i - 1].key, keys->v[i].key) == 0)
			return pv_fail(e, PV_TEMPORARY, "4.3.5", "%s: the user of %s stands in it twice",
				       r.file, keys->v[i].key);
	if (m->says->max_users > 0 && r.users > m->says->max_users)
		return pv_fail(e, PV_TEMPORARY, "4.3.5",
			       "%s holds %zu users, `domains` allows %lu: delete some, or let root raise "
			       "max_users",
			       r.file, r.users, m->says->max_users);
	return PV_OK;
}

static enum pv_class add_host_addresses(struct pv_making *m, struct pv_error *e)
{
	const struct pv_hosts *hosts = &m->w->hosts;
	enum pv_class c = PV_OK;

	for (size_t i = 0; c == PV_OK && i < hosts->count; i++)
		if ((hosts->list[i].own & m->says->own) == 0)
			c = pv_making_add(m, hosts->list[i].name.s, hosts->list[i].targets, e);
	return c == PV_OK ? pv_making_settle(m, e) : c;
}

/* What could not be read may hold any name. */
static enum pv_class take_doubts(struct pv_making *m, struct pv_error *e)
{
	enum pv_class c = PV_OK;
	struct pv_error why;

	for (size_t i = 0; c == PV_OK && i < m->files->doubt_count; i++) {
		pv_slice_error(&m->files->doubts[i], &why);
		c = pv_making_complain(m, &why, e);
		m->d->grows_only = true;
	}
	return c;
}

/* A line that could not be read may be one of the patterns that there were. */
static enum pv_class keep_patterns(struct pv_making *m, struct pv_error *e)
{
	const struct pv_expression *old = pv_expressions_get(&m->w->old_expressions, m->d->domain.s);
	struct pv_strings *now = &m->d->patterns;
	enum pv_class c = PV_OK;

	for (size_t i = 0; old != NULL && c == PV_OK && i < old->patterns.count; i++) {
		size_t k = 0;
		while (k < now->count && strcmp(now->v[k], old->patterns.v[i]) != 0)
			k++;
		if (k == now->count)
			c = pv_strings_add(now, old->patterns.v[i], e);
	}
	return c;
}

/* All names of the domain's own. */
static enum pv_class make_names(struct pv_making *m, struct pv_error *e)
{
	enum pv_class c = take_doubts(m, e);

	if (c == PV_OK)
		c = pv_making_aliases(m, e);
	if (c == PV_OK && m->d->grows_only)
		c = keep_patterns(m, e);
	if (c == PV_OK)
		c = pv_making_full_names(m, e);
	pv_making_tags(m);
	if (c == PV_OK)
		c = pv_making_responders(m, e);
	if (c == PV_OK && m->conf.receive)
		c = pv_making_fallback(m, e);
	return c == PV_OK ? pv_making_refused(m, e) : c;
}

/* A file of settings cannot be parsed. Whoever looks for all that is wrong looks on. */
static enum pv_class look_on(struct pv_making *m, enum pv_class c, struct pv_error *why, struct pv_error *e)
{
	if (c == PV_OK)
		return PV_OK;
	if (c == PV_TEMPORARY && m->w->options->check)
		return pv_making_complain(m, why, e);
	*e = *why;
	return c;
}

static enum pv_class read_files(struct pv_making *m, struct pv_error *e)
{
	struct pv_error why;

	enum pv_class c = look_on(m, pv_domain_settings_conf(m->files, m->path, &m->conf, &why), &why, e);
	/* For all domains of a run the same, also about midnight. */
	if (!pv_day_is_set(&m->w->today))
		m->w->today = pv_day_today();
	m->today = m->w->today;
	if (c == PV_OK)
		c = look_on(m,
			    pv_domain_settings_users(m->files, m->path, why_closed, m, &m->today, &m->closed,
						     &why),
			    &why, e);
	pv_making_sort_forwarders(m);
	if (c == PV_OK)
		c = read_passwd(m, e);
	return c == PV_OK ? make_names(m, e) : c;
}

enum pv_class pv_domain_keys_make(struct pv_maps_work *w, struct pv_plan_domain *d,
				  const struct pv_domain_files *files, struct pv_error *e)
{
	struct pv_making m = { .w = w, .d = d, .files = files };
	struct pv_registry_entry defaults;

	pv_domain_conf_defaults(&m.conf);
	(void)snprintf(m.path, sizeof m.path, "%s/%s", w->store->dir, d->domain.s);
	m.says = pv_registry_get(&w->registry, &d->domain);
	if (m.says == NULL) {
		pv_registry_default(&d->domain, &defaults);
		m.says = &defaults;
	}
	pv_making_start(&m);
	enum pv_class c = m.says->standard ? pv_standard_keys_add(w, d, m.says, &files->standard, e)
					   : read_files(&m, e);
	if (c == PV_OK)
		c = add_host_addresses(&m, e);
	pv_making_free(&m);
	return c;
}

static enum pv_class copy_keys(struct pv_maps_work *w, const struct pv_plan_domain *d,
			       const struct pv_keys *from, struct pv_keys *to, struct pv_error *e)
{
	enum pv_class c = PV_OK;
	char local[PV_USER_MAX + 1];

	for (size_t i = 0; c == PV_OK && i < from->count; i++) {
		(void)snprintf(local, sizeof local, "%.*s", (int)strcspn(from->v[i].key, "@"),
			       from->v[i].key);
		const char *const parts[] = { local, "@", d->domain.s };
		const char *key = pv_arena_join(&w->arena, parts, 3);
		c = key != NULL ? pv_keys_add(to, key, from->v[i].value, e)
				: pv_fail_errno(e, PV_TEMPORARY, "4.3.0", ENOMEM, "hold the keys of %s",
						d->domain.s);
	}
	pv_keys_sort(to);
	return c;
}

enum pv_class pv_domain_keys_alias(struct pv_maps_work *w, struct pv_plan_domain *d,
				   const struct pv_plan_domain *from, struct pv_error *e)
{
	enum pv_class c = copy_keys(w, d, &from->keys, &d->keys, e);

	d->grows_only = from->grows_only;
	d->is_wide = from->is_wide;
	if (c == PV_OK)
		c = copy_keys(w, d, &from->refused, &d->refused, e);
	if (c == PV_OK)
		c = copy_keys(w, d, &from->expired, &d->expired, e);
	return c == PV_OK ? copy_keys(w, d, &from->followers, &d->followers, e) : c;
}
