#include "auth/name.h"

#include "address/idn.h"
#include "store/folder.h"

enum { TYPED_MAX = 1024 }; /* bytes; a domain in UTF-8 may be longer than in A-labels, and not by so much */

static enum pv_class nobody(struct pv_login_name *n)
{
	*n = (struct pv_login_name){ .kind = PV_LOGIN_NOBODY };
	return PV_OK;
}

/* The host's own user, who may have capitals in his name. */
static enum pv_class system_user(const struct pv_store *s, const char *user, size_t len,
				 struct pv_login_name *n)
{
	struct pv_user checked;

	if (!s->conf.system_users || pv_user_parse(user, len, &checked, NULL) != PV_OK)
		return nobody(n);
	n->kind = PV_LOGIN_SYSTEM;
	memcpy(n->host_user, user, len);
	return PV_OK;
}

static bool is_default(const struct pv_store *s, const struct pv_domain *d)
{
	return strcasecmp(s->conf.default_domain, d->s) == 0;
}

/* user in the domain typed. */
static enum pv_class user_in(const struct pv_store *s, const char *user, size_t len,
			     const struct pv_domain *typed, struct pv_login_name *n, struct pv_error *e)
{
	struct pv_folder f;

	if (pv_user_parse(user, len, &n->address.user, NULL) != PV_OK)
		return nobody(n);
	enum pv_class c = pv_folder_behind(s, typed, &f, e);
	if (c != PV_OK)
		return c;
	bool ours = f.fd >= 0;
	pv_folder_close(&f);
	if (!ours && is_default(s, typed))
		return system_user(s, user, len, n);
	n->kind = PV_LOGIN_VIRTUAL;
	n->address.domain = ours ? f.domain : *typed;
	return PV_OK;
}

enum pv_class pv_login_name_parse(const struct pv_store *s, const char *typed, const struct pv_domain *server,
				  struct pv_login_name *n, struct pv_error *e)
{
	struct pv_domain d;

	*n = (struct pv_login_name){ .kind = PV_LOGIN_NOBODY };
	size_t len = strnlen(typed, TYPED_MAX);
	if (len == TYPED_MAX)
		return nobody(n);
	size_t user = len;
	while (user > 0 && typed[user - 1] != '@' && typed[user - 1] != '%')
		user--;
	if (user > 0)
		return pv_idn_domain(typed + user, &d, NULL) == PV_OK ? user_in(s, typed, user - 1, &d, n, e)
								      : nobody(n);
	if (server != NULL)
		return user_in(s, typed, len, server, n, e);
	if (pv_domain_parse(s->conf.default_domain, strlen(s->conf.default_domain), &d, NULL) == PV_OK)
		return user_in(s, typed, len, &d, n, e);
	return system_user(s, typed, len, n);
}
