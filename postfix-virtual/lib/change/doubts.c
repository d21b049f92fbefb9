#include "change/doubts.h"

#include <string.h>

enum pv_class pv_doubts_find(const struct pv_work *w, struct pv_maps_report *r, struct pv_error *e)
{
	const struct pv_maps_options o = { .check = true };

	return pv_maps_update(w->c->store, &w->domain, 1, &o, r, e);
}

static bool has(const struct pv_maps_report *r, const struct pv_maps_complaint *c)
{
	for (size_t i = 0; i < r->complaint_count; i++)
		if (pv_domain_equal(&r->complaints[i].domain, &c->domain) &&
		    strcmp(r->complaints[i].error.text, c->error.text) == 0)
			return true;
	return false;
}

void pv_doubts_note_new(struct pv_work *w, const struct pv_maps_report *before)
{
	struct pv_maps_report after;
	struct pv_error why;

	if (pv_doubts_find(w, &after, &why) != PV_OK)
		pv_buf_addf(&w->c->notes, "what is deferred from now on could not be found out: %s\n",
			    why.text);
	for (size_t i = 0; i < after.complaint_count; i++)
		if (pv_domain_equal(&after.complaints[i].domain, &w->domain) &&
		    !has(before, &after.complaints[i]))
			pv_buf_addf(&w->c->notes, "mail is deferred from now on: %s\n",
				    after.complaints[i].error.text);
	pv_maps_report_free(&after);
}
