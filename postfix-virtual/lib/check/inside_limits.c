/* Root's limit for each user of a domain counts where the domain's files set any limit (route/user_limits.h),
 * so files that set none, or a higher one that does not count, are told of. */
#include "check/inside.h"

#include "store/size.h"

void pv_visit_allowance_start(const struct pv_subject *s, const struct pv_folder *f, struct pv_allowance *a)
{
	*a = (struct pv_allowance){ .domain = s };
	if (s->said == NULL || s->said->max_quota == 0)
		return;
	a->is_read = pv_domain_conf_load(f, &a->conf, NULL) == PV_OK;
	if (a->is_read)
		a->bytes = s->said->max_quota;
	else
		pv_domain_conf_free(&a->conf);
}

void pv_visit_allowance_take(const struct pv_folder *f, const struct pv_user *u, struct pv_allowance *a)
{
	struct pv_user_conf own;

	if (a->bytes == 0)
		return;
	if (pv_user_conf_load(f, u, &a->conf, &own, NULL) == PV_OK) {
		const struct pv_mail_conf *mail = &own.mail, *all = &a->conf.mail;
		if (mail->quota > a->bytes && a->more++ == 0) {
			a->first_more = *u;
			a->bytes_more = mail->quota;
			a->domain_says_more = mail->quota == all->quota;
		}
		bool is_limited = mail->quota != 0 || mail->quota_messages != 0 || a->conf.domain_quota != 0;
		if (!is_limited && a->none++ == 0) {
			a->first_none = *u;
			a->none_by_domain = all->quota == 0;
		}
	}
	pv_user_conf_free(&own);
}

static void tell(struct pv_visit *v, const struct pv_allowance *a, bool more)
{
	char had_text[64] = "", most_text[64] = "", mend[PV_USER_MAX + PV_DOMAIN_MAX + 16];
	struct pv_buf had = PV_BUF_ON(had_text, sizeof had_text - 1);
	struct pv_buf most = PV_BUF_ON(most_text, sizeof most_text - 1);
	const struct pv_user *u = more ? &a->first_more : &a->first_none;
	const char *d = a->domain->domain.s;

	pv_quota_format(a->bytes, &most);
	pv_quota_format(a->bytes_more, &had);
	if (more ? a->domain_says_more : a->none_by_domain)
		(void)snprintf(mend, sizeof mend, "domain set %s", d);
	else
		(void)snprintf(mend, sizeof mend, "user set %s@%s", u->s, d);
	if (more)
		pv_say(v->out, PV_WARNING, "users", d,
		       "%s has quota=%s (%zu in all), but max_quota=%s in %s/domains is what counts: "
		       "postfix-virtual %s quota=%s",
		       u->s, had.s, a->more, most.s, v->dir, mend, most.s);
	else
		pv_say(v->out, PV_WARNING, "users", d,
		       "no limit holds for %s (%zu in all), though max_quota=%s stands in %s/domains: "
		       "postfix-virtual %s quota=%s",
		       u->s, a->none, most.s, v->dir, mend, most.s);
}

void pv_visit_allowance_end(struct pv_visit *v, struct pv_allowance *a)
{
	if (a->more > 0)
		tell(v, a, true);
	if (a->none > 0)
		tell(v, a, false);
	if (a->is_read)
		pv_domain_conf_free(&a->conf);
}
