#include "route/route.h"

#include "store/registry.h"

/* The folder of d, if it is account's. One of another account is none. */
static enum pv_class open_own(const struct pv_store *s, uid_t account, const struct pv_domain *d,
			      struct pv_folder *f, bool *exists_r, struct pv_error *e)
{
	enum pv_class c = pv_folder_open(s, d, f, e);

	*exists_r = c == PV_OK && f->fd >= 0;
	if (*exists_r && f->uid != account)
		pv_folder_close(f);
	return c;
}

enum pv_class pv_route_domain(const struct pv_store *s, uid_t account, const struct pv_domain *d,
			      struct pv_folder *f, struct pv_error *e)
{
	struct pv_registry_entry alias;
	struct pv_domain at = *d;
	bool exists, has_alias;

	enum pv_class c = open_own(s, account, d, f, &exists, e);
	if (c != PV_OK || exists)
		return c;
	if ((c = pv_registry_alias(s, d, &alias, &has_alias, e)) != PV_OK)
		return c;
	/* From d up to the nearest that has a folder, or that is an alias. */
	for (;;) {
		if (has_alias && pv_domain_equal(&at, &alias.domain))
			return open_own(s, account, &alias.alias_of, f, &exists, e);
		if (!pv_domain_parent(&at, &at))
			return PV_OK;
		c = open_own(s, account, &at, f, &exists, e);
		if (c != PV_OK || exists)
			return c;
	}
}

/* The local part without its tag, which goes into *r. */
static size_t cut_tag(const struct pv_recipient *to, struct pv_route *r)
{
	const char *delimiter = memchr(to->local, PV_DELIMITER, to->local_len);

	if (delimiter == NULL)
		return to->local_len;
	r->tag = delimiter + 1;
	r->tag_len = (size_t)(to->local + to->local_len - r->tag);
	return (size_t)(delimiter - to->local);
}

static void refuse(struct pv_route *r, const char *status, const char *text)
{
	r->kind = PV_ROUTE_REFUSE;
	(void)snprintf(r->status, sizeof r->status, "%s", status);
	(void)snprintf(r->text, sizeof r->text, "%s", text);
}

/* A user of the domain: may he get mail? */
static enum pv_class settle_user(struct pv_route *r, bool *receives_r, struct pv_error *e)
{
	struct pv_user_conf conf;

	enum pv_class c = pv_user_conf_load(&r->folder, &r->entry.user, &conf, e);
	*receives_r = c == PV_OK && conf.receive;
	if (c == PV_OK)
		r->kind = PV_ROUTE_MAILBOX;
	return c;
}

/* Nobody has that name: the fallback's mailbox, or a refusal. A fallback that cannot work is a wrong
 * setting, not a wrong recipient: it defers. */
static enum pv_class settle_unknown(struct pv_route *r, struct pv_error *e)
{
	struct pv_domain_conf conf;
	bool found, receives;

	enum pv_class c = pv_domain_conf_load(&r->folder, &conf, e);
	if (c != PV_OK)
		return c;
	if (!conf.has_fallback) {
		refuse(r, "5.1.1", "no such user here");
		return PV_OK;
	}
	if ((c = pv_passwd_find(&r->folder, &conf.fallback, &r->entry, &found, e)) != PV_OK)
		return c;
	if (!found)
		return pv_fail(
			e, PV_TEMPORARY, "4.3.5",
			"%s/domain.conf: fallback = %s: there is no such user: make him, or change the line",
			r->folder.path, conf.fallback.s);
	if ((c = settle_user(r, &receives, e)) != PV_OK)
		return c;
	if (!receives)
		return pv_fail(e, PV_TEMPORARY, "4.3.5",
			       "%s/domain.conf: fallback = %s: that user is disabled: enable him, or change "
			       "the line",
			       r->folder.path, conf.fallback.s);
	r->by_fallback = true;
	return PV_OK;
}

static enum pv_class settle(const struct pv_recipient *to, struct pv_route *r, struct pv_error *e)
{
	size_t len = cut_tag(to, r);
	struct pv_user user;
	bool found = false, receives;
	enum pv_class c;

	/* What cannot be a user's name is nobody's, and is not looked for in a file. */
	if (pv_user_parse(to->local, len, &user, NULL) == PV_OK &&
	    (c = pv_passwd_find(&r->folder, &user, &r->entry, &found, e)) != PV_OK)
		return c;
	if (!found)
		return settle_unknown(r, e);
	if ((c = settle_user(r, &receives, e)) == PV_OK && !receives)
		refuse(r, "5.2.1", "this mailbox takes no mail");
	return c;
}

enum pv_class pv_route_resolve(const struct pv_store *s, uid_t account, const struct pv_recipient *to,
			       struct pv_route *r, struct pv_error *e)
{
	r->by_fallback = false;
	r->tag = NULL;
	r->tag_len = 0;
	r->status[0] = r->text[0] = '\0';
	enum pv_class c = pv_route_domain(s, account, &to->domain, &r->folder, e);
	if (c == PV_OK && r->folder.fd < 0)
		return pv_fail(
			e, PV_TEMPORARY, "4.3.5",
			"%s is no domain of the account with uid %lu: run make-postfix-maps, or give the "
			"folder %s/%s back to it",
			to->domain.s, (unsigned long)account, s->dir, to->domain.s);
	if (c == PV_OK)
		c = settle(to, r, e);
	if (c != PV_OK)
		pv_route_free(r);
	return c;
}

void pv_route_free(struct pv_route *r)
{
	pv_folder_close(&r->folder);
}
