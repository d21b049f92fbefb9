#include "route/walk.h"

/* --- our own lines of `domains`, read when they are first asked for --- */

static enum pv_class read_registry(struct pv_walk *w, struct pv_error *e)
{
	if (w->registry_read)
		return PV_OK;
	enum pv_class c = pv_registry_load_about(w->q->store, &w->r->folder.domain, &w->registry, e);
	w->registry_read = c == PV_OK;
	return c;
}

static enum pv_class own_line(struct pv_walk *w, struct pv_registry_entry *line, struct pv_error *e)
{
	enum pv_class c = read_registry(w, e);

	if (c != PV_OK)
		return c;
	const struct pv_registry_entry *own = pv_registry_get(&w->registry, &w->r->folder.domain);
	if (own != NULL)
		*line = *own;
	else
		pv_registry_default(&w->r->folder.domain, line);
	return PV_OK;
}

enum pv_class pv_walk_may_command(struct pv_walk *w, bool *may_r, struct pv_error *e)
{
	struct pv_registry_entry line;

	enum pv_class c = own_line(w, &line, e);
	*may_r = c == PV_OK && line.commands;
	return c;
}

/* --- which domain is meant --- */

/* A sub-domain is ours where it stands for our folder, and such addresses are wanted: else the name in front
 * may be another host's. */
static enum pv_class is_own_below(struct pv_walk *w, const struct pv_domain *d, bool *own_r,
				  struct pv_error *e)
{
	struct pv_registry_entry line;
	struct pv_folder f;

	enum pv_class c = own_line(w, &line, e);
	if (c != PV_OK || !line.sub_domains)
		return c;
	if ((c = pv_folder_behind(w->q->store, d, &f, e)) != PV_OK)
		return c;
	*own_r = f.fd >= 0 && pv_domain_equal(&f.domain, &w->r->folder.domain);
	pv_folder_close(&f);
	return PV_OK;
}

enum pv_class pv_walk_is_own(struct pv_walk *w, const struct pv_domain *d, bool *own_r, struct pv_error *e)
{
	const struct pv_domain *ours = &w->r->folder.domain;

	*own_r = pv_domain_equal(d, ours);
	if (*own_r)
		return PV_OK;
	if (pv_domain_is_below(d, ours))
		return is_own_below(w, d, own_r, e);
	enum pv_class c = read_registry(w, e);
	for (size_t i = 0; c == PV_OK && !*own_r && i < w->registry.count; i++) {
		const struct pv_registry_entry *line = &w->registry.entries[i];
		*own_r = pv_domain_equal(d, &line->domain);
		if (pv_domain_is_below(d, &line->domain))
			c = is_own_below(w, d, own_r, e);
	}
	return c;
}

/* Is it d, or below it, in whatever case? */
static bool is_within(const char *s, size_t len, const struct pv_domain *d)
{
	if (len < d->len || (len > d->len && s[len - d->len - 1] != '.'))
		return false;
	return strncasecmp(s + len - d->len, d->s, d->len) == 0;
}

bool pv_walk_is_foreign(const struct pv_walk *w, const char *domain, size_t len)
{
	if (!w->registry_read || is_within(domain, len, &w->r->folder.domain))
		return false;
	for (size_t i = 0; i < w->registry.count; i++)
		if (is_within(domain, len, &w->registry.entries[i].domain))
			return false;
	return true;
}

/* --- whether mail may leave --- */

/* Is it a domain of this host: one with a folder, a line in `domains`, or a sub-domain of such a one? */
static enum pv_class is_hosted(struct pv_walk *w, const struct pv_domain *d, bool *hosted_r,
			       struct pv_error *e)
{
	struct pv_registry_entry line;
	struct pv_domain at = *d;
	struct pv_folder f;

	do {
		enum pv_class c = pv_registry_find(w->q->store, &at, &line, hosted_r, e);
		if (c != PV_OK)
			return c;
		bool has_folder = false;
		/* Whatever is wrong with the folder, it is the host's. */
		if (!*hosted_r && pv_folder_look(w->q->store, &at, &f, &has_folder, NULL) != PV_OK)
			has_folder = true;
		*hosted_r = *hosted_r || has_folder;
		if (*hosted_r && !pv_domain_equal(&at, d) && !line.is_alias)
			*hosted_r = line.sub_domains;
		if (*hosted_r)
			return PV_OK;
	} while (pv_domain_parent(&at, &at));
	return PV_OK;
}

enum pv_class pv_walk_may_forward(struct pv_walk *w, struct pv_step *at, const char *domain,
				  struct pv_error *e)
{
	struct pv_domain d;
	bool hosted = false, had = false;

	if (w->r->conf.forward_outside)
		return PV_OK;
	if (pv_domain_parse(domain, strlen(domain), &d, NULL) == PV_OK) {
		if (!pv_seen_add(&w->seen, &w->r->arena, 'd', d.s, &had))
			return pv_walk_no_memory(e);
		/* The first one that may not ends the walk. */
		if (had)
			return PV_OK;
		enum pv_class c = is_hosted(w, &d, &hosted, e);
		if (c != PV_OK)
			return c;
	}
	if (hosted)
		return PV_OK;
	return pv_step_fail(at, e, "%.100s is no domain of this host, and %s has forward_outside = no",
			    domain, w->domain_conf);
}

/* --- the host's addresses --- */

enum pv_class pv_walk_is_hosts(struct pv_walk *w, const char *name, size_t len, bool *is_r,
			       struct pv_error *e)
{
	struct pv_registry_entry line;
	struct pv_user user;

	*is_r = false;
	if (pv_user_parse(name, len, &user, NULL) != PV_OK)
		return PV_OK;
	enum pv_class c = own_line(w, &line, e);
	if (c == PV_OK && !w->hosts_read) {
		c = pv_hosts_load(w->q->store, &w->hosts, e);
		w->hosts_read = c == PV_OK;
	}
	if (c != PV_OK)
		return c;
	const struct pv_host_address *host = pv_hosts_get(&w->hosts, &user);
	*is_r = host != NULL && (host->own & line.own) == 0;
	return PV_OK;
}
