/*
 * doubts.h: what make-postfix-maps --check finds in a domain, before a change and after it.
 */
#ifndef PV_DOUBTS_H
#define PV_DOUBTS_H

#include "change/work.h"
#include "maps/update.h"

/* What is wrong with w's domain now. PV_TEMPORARY as pv_maps_update(); pv_maps_report_free() in any case. */
enum pv_class pv_doubts_find(const struct pv_work *w, struct pv_maps_report *r, struct pv_error *e);
/* Once the change is carried out: a note for each line of the domain's files that mail is deferred for
 * now, and was not before. */
void pv_doubts_note_new(struct pv_work *w, const struct pv_maps_report *before);

#endif
