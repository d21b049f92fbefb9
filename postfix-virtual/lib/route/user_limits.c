#include "route/user_limits.h"

#include "store/registry.h"

static bool is_for_postmaster(const struct pv_recipient *to, const struct pv_action *a)
{
	static const char postmaster[] = "postmaster";
	const size_t len = sizeof postmaster - 1;

	return strcmp(a->of->user.s, postmaster) == 0 ||
	       (to->local_len >= len && strncasecmp(to->local, postmaster, len) == 0 &&
		(to->local_len == len || to->local[len] == PV_DELIMITER));
}

static bool is_limited(const struct pv_quota *q)
{
	return pv_quota_asks(q) || q->domain_bytes != 0;
}

enum pv_class pv_user_limits_cap(const struct pv_store *s, const struct pv_domain *d, struct pv_quota *q,
				 struct pv_error *e)
{
	struct pv_registry_entry entry;
	bool found;

	if (!is_limited(q))
		return PV_OK;
	enum pv_class c = pv_registry_find(s, d, &entry, &found, e);
	if (c == PV_OK && entry.max_quota != 0 && (q->bytes == 0 || q->bytes > entry.max_quota))
		q->bytes = entry.max_quota;
	return c;
}

enum pv_class pv_user_limits_of(const struct pv_store *s, const struct pv_route *r,
				const struct pv_recipient *to, const struct pv_action *a, char *folder,
				size_t size, struct pv_quota *q, struct pv_error *e)
{
	const struct pv_mail_conf *conf = &a->of->conf.mail;

	*q = (struct pv_quota){ .bytes = conf->quota,
				.messages = conf->quota_messages,
				.domain_bytes = r->conf.domain_quota };
	if (!is_limited(q))
		return PV_OK;
	(void)snprintf(folder, size, "%s/%s", s->conf.spool_directory, r->folder.domain.s);
	q->domain_folder = folder;
	q->exempt = is_for_postmaster(to, a);
	q->refuse = conf->over_quota_refuse;
	return pv_user_limits_cap(s, &r->folder.domain, q, e);
}
