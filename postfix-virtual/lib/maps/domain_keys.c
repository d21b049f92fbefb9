#include "maps/domain_keys.h"

#include "address/extension.h"
#include "maps/domain_patterns.h"
#include "maps/domain_settings.h"
#include "maps/report.h"
#include "maps/standard_keys.h"
#include "store/passwd.h"

#include <errno.h>
#include <limits.h>

#define KEY_MAX (PV_USER_MAX + 1 + PV_DOMAIN_MAX)

/* One domain on its way from files to keys. */
struct making {
	struct pv_maps_work *w;
	struct pv_plan_domain *d;
	const struct pv_registry_entry *says; /* `domains`, or its defaults */
	struct pv_some_users closed;	      /* users whose mail is not taken */
	size_t users;			      /* lines of passwd */
	char path[PATH_MAX];		      /* of the folder */
};

/* value lives as long as the run. */
static enum pv_class add_shared(struct making *m, const char *local, const char *value, struct pv_error *e)
{
	const char *const parts[] = { local, "@", m->d->domain.s };
	const char *k = pv_arena_join(&m->w->arena, parts, 3);

	if (k == NULL)
		return pv_fail_errno(e, PV_TEMPORARY, "4.3.0", ENOMEM, "hold the keys of %s", m->d->domain.s);
	return pv_keys_add(&m->d->keys, k, value, e);
}

static enum pv_class add_key(struct making *m, const char *local, const char *value, struct pv_error *e)
{
	const char *v = pv_arena_add(&m->w->arena, value, strlen(value));

	if (v == NULL)
		return pv_fail_errno(e, PV_TEMPORARY, "4.3.0", ENOMEM, "hold the keys of %s", m->d->domain.s);
	return add_shared(m, local, v, e);
}

static enum pv_class add_target(struct making *m, const char *local, const char *extension,
				struct pv_error *e)
{
	const char delimiter[] = { PV_DELIMITER, '\0' };
	const char *const parts[] = { m->d->account, delimiter, extension, "@" PV_MAP_TARGET_DOMAIN };
	const char *target = pv_arena_join(&m->w->arena, parts, 4);

	if (target == NULL)
		return pv_fail_errno(e, PV_TEMPORARY, "4.3.0", ENOMEM, "hold the keys of %s", m->d->domain.s);
	return add_shared(m, local, target, e);
}

static enum pv_class complain(struct making *m, const struct pv_error *why, struct pv_error *e)
{
	return pv_report_complain(m->w->report, &m->d->domain, why, e);
}

static bool is_closed(const struct pv_user_conf *conf, const struct pv_day *today)
{
	return !pv_user_conf_receives(conf, today);
}

static bool is_without(const struct making *m, const struct pv_user *u)
{
	const struct pv_maps_options *o = m->w->options;

	for (size_t i = 0; i < o->without_user_count; i++)
		if (pv_user_equal(&o->without_users[i].user, u) &&
		    pv_domain_equal(&o->without_users[i].domain, &m->d->domain))
			return true;
	return false;
}

/* Is the address the host's in this domain? Then a user of that name does not get its mail. */
static const struct pv_host_address *host_address(const struct making *m, const struct pv_user *u)
{
	const struct pv_host_address *h = pv_hosts_get(&m->w->hosts, u);

	return h != NULL && (h->own & m->says->own) == 0 ? h : NULL;
}

static enum pv_class add_user(void *ctx, const struct pv_passwd_entry *p, unsigned line, struct pv_error *e)
{
	struct making *m = ctx;
	char extension[PV_EXTENSION_SIZE];
	struct pv_error why;

	m->users++;
	if (host_address(m, &p->user) != NULL || pv_some_users_have(&m->closed, &p->user) ||
	    is_without(m, &p->user))
		return PV_OK;
	if (pv_extension_format(&p->user, &m->d->domain, extension, &why) == PV_OK)
		return add_target(m, p->user.s, extension, e);
	(void)pv_error_prefix(&why, "%s/passwd, line %u", m->path, line);
	why.class = PV_TEMPORARY;
	return complain(m, &why, e);
}

static enum pv_class read_passwd(struct making *m, const struct pv_slice *passwd, struct pv_error *e)
{
	char file[PATH_MAX + 8];

	(void)snprintf(file, sizeof file, "%s/passwd", m->path);
	enum pv_class c = pv_passwd_scan(passwd->s, passwd->len, file, m->d->uid, false, add_user, m, e);
	if (c != PV_OK)
		return c;
	pv_keys_sort(&m->d->keys);
	for (size_t i = 1; i < m->d->keys.count; i++)
		if (strcmp(m->d->keys.v[i - 1].key, m->d->keys.v[i].key) == 0)
			return pv_fail(e, PV_TEMPORARY, "4.3.5", "%s: the user of %s stands in it twice",
				       file, m->d->keys.v[i].key);
	if (m->says->max_users > 0 && m->users > m->says->max_users)
		return pv_fail(e, PV_TEMPORARY, "4.3.5",
			       "%s holds %zu users, `domains` allows %lu: delete some, or let root raise "
			       "max_users",
			       file, m->users, m->says->max_users);
	return PV_OK;
}

/* A fallback that leads nowhere would take in all mail and bounce or hold it: the key is not made, and
 * one that is there stays, as its mail can wait. */
static enum pv_class doubt_fallback(struct making *m, const struct pv_user *fallback, struct pv_error *e)
{
	char key[KEY_MAX + 1];
	struct pv_error why;

	(void)pv_fail(&why, PV_TEMPORARY, "4.3.5",
		      "%s/domain.conf: fallback = %s: there is no such user whose mail is received: name "
		      "another",
		      m->path, fallback->s);
	(void)snprintf(key, sizeof key, "@%s", m->d->domain.s);
	const char *old = pv_old_find(&m->w->old, PV_MAP_ADDRESSES, key);
	enum pv_class c = complain(m, &why, e);
	return c == PV_OK && old != NULL ? add_key(m, "", old, e) : c;
}

static enum pv_class add_fallback(struct making *m, const struct pv_user *fallback, struct pv_error *e)
{
	char key[KEY_MAX + 1], extension[PV_EXTENSION_MAX + 8];
	struct pv_error why;

	(void)snprintf(key, sizeof key, "%s@%s", fallback->s, m->d->domain.s);
	if (pv_keys_find(&m->d->keys, key) == NULL)
		return doubt_fallback(m, fallback, e);
	if (m->d->domain.len + 2 <= PV_EXTENSION_MAX) {
		(void)snprintf(extension, sizeof extension, "--%.*s", PV_EXTENSION_MAX, m->d->domain.s);
		return add_target(m, "", extension, e);
	}
	(void)pv_fail(&why, PV_TEMPORARY, "4.3.5",
		      "%s/domain.conf: the domain's name is too long for a fallback: remove it", m->path);
	return complain(m, &why, e);
}

static enum pv_class read_conf(struct making *m, const struct pv_domain_files *files, struct pv_error *e)
{
	struct pv_domain_conf conf;
	struct pv_user fallback;

	enum pv_class c = pv_domain_settings_conf(files, m->path, &conf, e);
	if (c == PV_OK && pv_user_parse(conf.fallback, strlen(conf.fallback), &fallback, NULL) == PV_OK)
		c = add_fallback(m, &fallback, e);
	pv_domain_conf_free(&conf);
	return c;
}

static enum pv_class add_host_addresses(struct making *m, struct pv_error *e)
{
	const struct pv_hosts *hosts = &m->w->hosts;
	enum pv_class c = PV_OK;

	for (size_t i = 0; c == PV_OK && i < hosts->count; i++)
		if ((hosts->list[i].own & m->says->own) == 0)
			c = add_shared(m, hosts->list[i].name.s, hosts->list[i].targets, e);
	return c;
}

/* The users, and a fallback, who must be one. */
static enum pv_class read_users(struct making *m, const struct pv_domain_files *files, struct pv_error *e)
{
	enum pv_class c = pv_domain_settings_users(files, m->path, is_closed, &m->closed, e);

	if (c == PV_OK)
		c = read_passwd(m, &files->passwd, e);
	return c == PV_OK ? read_conf(m, files, e) : c;
}

enum pv_class pv_domain_keys_make(struct pv_maps_work *w, struct pv_plan_domain *d,
				  const struct pv_domain_files *files, struct pv_error *e)
{
	struct making m = { .w = w, .d = d };
	struct pv_registry_entry defaults;

	(void)snprintf(m.path, sizeof m.path, "%s/%s", w->store->dir, d->domain.s);
	m.says = pv_registry_get(&w->registry, &d->domain);
	if (m.says == NULL) {
		pv_registry_default(&d->domain, &defaults);
		m.says = &defaults;
	}
	enum pv_class c = m.says->standard ? pv_standard_keys_add(w, d, m.says, &files->standard, e)
					   : read_users(&m, files, e);
	if (c == PV_OK)
		c = add_host_addresses(&m, e);
	if (c == PV_OK && !m.says->standard)
		c = pv_domain_patterns(w, d, &files->aliases, e);
	pv_keys_sort(&d->keys);
	pv_some_users_free(&m.closed);
	return c;
}

enum pv_class pv_domain_keys_alias(struct pv_maps_work *w, struct pv_plan_domain *d,
				   const struct pv_plan_domain *from, struct pv_error *e)
{
	struct making m = { .w = w, .d = d };
	enum pv_class c = PV_OK;
	char local[PV_USER_MAX + 1];

	for (size_t i = 0; c == PV_OK && i < from->keys.count; i++) {
		const struct pv_key *k = &from->keys.v[i];
		(void)snprintf(local, sizeof local, "%.*s", (int)strcspn(k->key, "@"), k->key);
		c = add_shared(&m, local, k->value, e);
	}
	pv_keys_sort(&d->keys);
	return c;
}
