/*
 * report.h: how the parts of this room add to a struct pv_maps_report.
 */
#ifndef PV_MAPS_REPORT_H
#define PV_MAPS_REPORT_H

#include "maps/update.h"

void pv_report_start(struct pv_maps_report *r);
/* Add a complaint about d (NULL: the host). PV_TEMPORARY: no memory. */
enum pv_class pv_report_complain(struct pv_maps_report *r, const struct pv_domain *d,
				 const struct pv_error *why, struct pv_error *e);
/* The bytes of `FILE, line N` in front of a sentence, and *line_r; of `FILE`, and line 0, where there is no
 * line. */
size_t pv_report_place(const char *sentence, size_t *file_len_r, unsigned *line_r);
/* Put the complaints into the order of the domains, and, where `by_place`, in it of files and lines; others
 * stay as they came. */
void pv_report_sort(struct pv_maps_report *r, bool by_place);
/* Tell the caller how far it is, if it wants to know. */
void pv_progress(const struct pv_maps_options *o, enum pv_progress what, size_t done, size_t total);

#endif
