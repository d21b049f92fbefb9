#include "check/checkup.h"

#include "maps/caught.h"
#include "maps/report.h"

static enum pv_class say(void *ctx, const struct pv_domain *d, const char *sentence, struct pv_error *e)
{
	struct pv_checkup *u = ctx;
	const struct pv_subject *s = pv_subject_find(u, d);

	(void)e;
	if (s != NULL && !s->is_alias)
		pv_found(u, PV_WARNING, d->s, "%s", sentence);
	return PV_OK;
}

/* That the tables themselves are not as they should be is another question's. */
enum pv_class pv_check_caught(struct pv_checkup *u, struct pv_error *e)
{
	const struct pv_maps_options options = { .dry_run = true };
	struct pv_maps_report report;
	struct pv_maps_work w = { .store = u->store, .options = &options, .report = &report };

	pv_report_start(&report);
	enum pv_class c = pv_old_maps_load(u->store, false, &w.old, &report, e);
	if (c == PV_OK)
		c = pv_caught_find(&w, say, u, e);
	pv_work_clear(&w);
	pv_maps_report_free(&report);
	return c;
}
