#include "route/route.h"

#include "store/mail_conf.h"

/* One of another account is none. */
enum pv_class pv_route_domain(const struct pv_store *s, uid_t account, const struct pv_domain *d,
			      struct pv_folder *f, struct pv_error *e)
{
	enum pv_class c = pv_folder_behind(s, d, f, e);

	if (c == PV_OK && f->fd >= 0 && f->uid != account)
		pv_folder_close(f);
	return c;
}

/* The local part up to its tag, which goes into *r. */
static size_t cut_tag(const struct pv_recipient *to, const char *delimiters, struct pv_route *r)
{
	size_t len = 0;

	while (len < to->local_len && (to->local[len] == '\0' || strchr(delimiters, to->local[len]) == NULL))
		len++;
	if (len < to->local_len) {
		r->tag = to->local + len + 1;
		r->tag_len = to->local_len - len - 1;
	}
	return len;
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

	enum pv_class c = pv_user_conf_load(&r->folder, &r->entry.user, NULL, &conf, e);
	*receives_r = c == PV_OK && pv_user_conf_receives(&conf, NULL);
	pv_user_conf_free(&conf);
	if (c == PV_OK)
		r->kind = PV_ROUTE_MAILBOX;
	return c;
}

/* The fallback's mailbox. One that cannot work is a wrong setting, not a wrong recipient: it defers. */
static enum pv_class settle_fallback(struct pv_route *r, const char *name, struct pv_error *e)
{
	bool found = false, receives;
	struct pv_user u;

	enum pv_class c = PV_OK;
	if (pv_user_parse(name, strlen(name), &u, NULL) == PV_OK)
		c = pv_passwd_find(&r->folder, &u, &r->entry, &found, e);
	if (c != PV_OK)
		return c;
	if (!found)
		return pv_fail(e, PV_TEMPORARY, "4.3.5",
			       "%s/domain.conf: fallback = %.80s: there is no such user: make him, or change "
			       "the line",
			       r->folder.path, name);
	if ((c = settle_user(r, &receives, e)) != PV_OK)
		return c;
	if (!receives)
		return pv_fail(e, PV_TEMPORARY, "4.3.5",
			       "%s/domain.conf: fallback = %s: that user is disabled: enable him, or change "
			       "the line",
			       r->folder.path, u.s);
	r->by_fallback = true;
	return PV_OK;
}

/* Nobody has that name: the fallback's mailbox, or a refusal. */
static enum pv_class settle_unknown(struct pv_route *r, struct pv_error *e)
{
	struct pv_domain_conf conf;

	enum pv_class c = pv_domain_conf_load(&r->folder, &conf, e);
	if (c == PV_OK && conf.fallback[0] == '\0')
		refuse(r, "5.1.1", "no such user here");
	else if (c == PV_OK)
		c = settle_fallback(r, conf.fallback, e);
	pv_domain_conf_free(&conf);
	return c;
}

/* What cannot be a user's name is nobody's, and is not looked for in a file. */
static enum pv_class find_user(const char *name, size_t len, struct pv_route *r, bool *found_r,
			       struct pv_error *e)
{
	struct pv_user user;

	*found_r = false;
	if (pv_user_parse(name, len, &user, NULL) != PV_OK)
		return PV_OK;
	return pv_passwd_find(&r->folder, &user, &r->entry, found_r, e);
}

/* As Postfix does: the whole name first, then the name without its tag. */
static enum pv_class settle(const struct pv_store *s, const struct pv_recipient *to, struct pv_route *r,
			    struct pv_error *e)
{
	bool found, receives;

	enum pv_class c = find_user(to->local, to->local_len, r, &found, e);
	if (c == PV_OK && !found) {
		size_t len = cut_tag(to, s->conf.recipient_delimiter, r);
		if (len < to->local_len)
			c = find_user(to->local, len, r, &found, e);
	}
	if (c != PV_OK)
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
		c = settle(s, to, r, e);
	if (c != PV_OK)
		pv_route_free(r);
	return c;
}

void pv_route_free(struct pv_route *r)
{
	pv_folder_close(&r->folder);
}
