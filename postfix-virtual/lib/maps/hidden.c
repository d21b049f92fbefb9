#include "maps/hidden.h"

#include "maps/report.h"

const struct pv_host_address *pv_hidden_by(const struct pv_maps_work *w, const struct pv_registry_entry *says,
					   const struct pv_user *u)
{
	const struct pv_host_address *h = pv_hosts_get(&w->hosts, u);

	return h != NULL && (h->own & says->own) == 0 ? h : NULL;
}

/* No table tells of it: the address has its key, and that leads to the host's. */
enum pv_class pv_hidden_complain(struct pv_maps_work *w, const struct pv_plan_domain *d,
				 const struct pv_registry_entry *says, const struct pv_host_address *h,
				 const char *file, unsigned line, struct pv_error *e)
{
	struct pv_buf mend = PV_BUF_INIT(PV_ERROR_TEXT);
	struct pv_error why;

	if (!w->options->check)
		return PV_OK;
	if (h->own == 0) {
		pv_buf_addf(&mend, "take the name out of %s/host-addresses", w->store->dir);
	} else {
		pv_buf_adds(&mend, "let root give the domain the name: postfix-virtual domain set ");
		pv_registry_format_own(says, h->own, &mend);
	}
	(void)pv_fail(&why, PV_TEMPORARY, "4.3.5",
		      "%s, line %u: mail for %s@%s goes to the host's %.80s, and does not come here: take "
		      "this line "
		      "out, or %s",
		      file, line, h->name.s, d->domain.s, h->targets, mend.s != NULL ? mend.s : "");
	pv_buf_free(&mend);
	return pv_report_complain(w->report, &d->domain, &why, e);
}
