/* Names that a user or an alias of a domain cannot have. */
#include "change/work.h"

#include "address/extension.h"
#include "change/read.h"
#include "maps/map.h"
#include "store/hosts.h"

/* The command gives the domain this name, too, beside those that it has. */
static enum pv_class fail_unless_own(const struct pv_registry_entry *entry, const struct pv_user *u,
				     const struct pv_host_address *h, struct pv_error *e)
{
	struct pv_buf words = PV_BUF_INIT(PV_ERROR_TEXT);

	pv_registry_format_own(entry, h->own, &words);
	enum pv_class c =
		pv_fail(e, PV_PERMANENT, "5.1.3",
			"%s@%s goes to the host's %s: to give it to the domain: postfix-virtual "
			"domain set %s",
			u->s, entry->domain.s, h->targets, words.s != NULL ? words.s : entry->domain.s);
	pv_buf_free(&words);
	return c;
}

enum pv_class pv_refuse_reserved(const struct pv_store *s, const struct pv_registry_entry *entry,
				 const struct pv_user *u, struct pv_error *e)
{
	const char *domain = entry->domain.s;
	enum pv_class c = PV_OK;
	struct pv_hosts hosts;

	if ((c = pv_hosts_load(s, &hosts, e)) != PV_OK)
		return c;
	const struct pv_host_address *h = pv_hosts_get(&hosts, u);
	if (h != NULL && h->own == 0)
		c = pv_fail(e, PV_PERMANENT, "5.1.3", "%s@%s goes to the host's %s: see %s/host-addresses",
			    u->s, domain, h->targets, s->dir);
	else if (h != NULL && (entry->own & h->own) == 0)
		c = fail_unless_own(entry, u, h, e);
	pv_hosts_free(&hosts);
	return c;
}

/* Is r a user of another domain of the same account, or an alias there (then it has a key)? */
static enum pv_class is_taken(const struct pv_work *w, const struct pv_extension_reading *r, bool *taken_r,
			      struct pv_error *e)
{
	char key[PV_USER_MAX + 1 + PV_DOMAIN_MAX + 1];
	struct pv_folder f;
	struct pv_users users;

	*taken_r = false;
	enum pv_class c = pv_folder_open(w->c->store, &r->domain, &f, e);
	if (c != PV_OK || f.fd < 0)
		return c;
	if (f.uid == w->folder.uid) {
		c = pv_users_read(&f, &w->account, &users, e);
		*taken_r = c == PV_OK && pv_users_find(&users, &r->user) != NULL;
		pv_users_free(&users);
		(void)snprintf(key, sizeof key, "%s@%s", r->user.s, r->domain.s);
		if (c == PV_OK && !*taken_r &&
		    pv_map_has(w->c->store, PV_MAP_ADDRESSES, key, taken_r, NULL) != PV_OK)
			*taken_r = false;
	}
	pv_folder_close(&f);
	return c;
}

enum pv_class pv_refuse_collision(const struct pv_work *w, const struct pv_user *u, struct pv_error *e)
{
	struct pv_extension_reading r;
	char extension[PV_EXTENSION_SIZE];
	bool taken = false;
	size_t from = 0;

	enum pv_class c = pv_extension_format(u, &w->domain, extension, e);
	if (c != PV_OK)
		return c;
	pv_extension_fold(extension, strlen(extension));
	while (pv_extension_next(extension, strlen(extension), &from, &r)) {
		if (!r.has_user || pv_domain_equal(&r.domain, &w->domain))
			continue;
		if ((c = is_taken(w, &r, &taken, e)) != PV_OK)
			return c;
		if (taken)
			return pv_fail(e, PV_PERMANENT, "5.1.3",
				       "%s@%s and %s@%s, both account %s's, are one name to Postfix (%s): "
				       "choose another",
				       u->s, w->domain.s, r.user.s, r.domain.s, w->account.name, extension);
	}
	return PV_OK;
}
