#include "route/user_limits.h"

static bool is_for_postmaster(const struct pv_recipient *to, const struct pv_action *a)
{
	static const char postmaster[] = "postmaster";
	const size_t len = sizeof postmaster - 1;

	return strcmp(a->user.s, postmaster) == 0 ||
	       (to->local_len >= len && strncasecmp(to->local, postmaster, len) == 0 &&
		(to->local_len == len || to->local[len] == PV_DELIMITER));
}

void pv_user_limits_of(const struct pv_store *s, const struct pv_route *r, const struct pv_recipient *to,
		       const struct pv_action *a, char *folder, size_t size, struct pv_quota *q)
{
	const struct pv_mail_conf *conf = &a->conf->mail;

	*q = (struct pv_quota){ .bytes = conf->quota,
				.messages = conf->quota_messages,
				.domain_bytes = r->conf.domain_quota };
	if (q->bytes == 0 && q->messages == 0 && q->domain_bytes == 0)
		return;
	(void)snprintf(folder, size, "%s/%s", s->conf.spool_directory, r->folder.domain.s);
	q->domain_folder = folder;
	q->exempt = is_for_postmaster(to, a);
	q->refuse = conf->over_quota_refuse;
}
