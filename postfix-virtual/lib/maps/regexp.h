/*
 * regexp.h: `virtual_regexp`, the table of expressions: it turns an address below a domain, or one that a
 * pattern alias means, into an address of that domain. What comes out is looked up in the exact tables
 * again (pipemap), so an expression never makes an address that is not there.
 *
 * It names domains, never users, so it changes only where a domain's sub-domains or patterns do.
 */
#ifndef PV_MAPS_REGEXP_H
#define PV_MAPS_REGEXP_H

#include "maps/plan.h"

#define PV_REGEXP_NAME "virtual_regexp"

/*
 * Read the old text in map_directory into w->old_regexp and w->old_expressions. One that is missing or
 * damaged, or was changed by another hand, makes w->old.doubtful (the run must be one for all domains), the
 * latter two with a complaint. PV_TEMPORARY: it cannot be read.
 */
enum pv_class pv_regexp_load(struct pv_maps_work *w, struct pv_error *e);

/* Is d's part of the text as it must be, by `domains` and by d's patterns in the plan? d is in the tables. */
bool pv_regexp_keeps(const struct pv_maps_work *w, const struct pv_plan_domain *d);

/*
 * Make w->regexp, the new text, from the plan, `domains`, and (for what is not in the plan, or keeps its old
 * keys) the old text. Where it differs from the old one it is proved; an expression that
 * fails is replaced by that of before or left out, with a complaint about its domain. Comes after pv_merge().
 */
enum pv_class pv_regexp_make(struct pv_maps_work *w, struct pv_error *e);

/* Does `domains` give the domain its sub-domains? */
bool pv_regexp_has_sub_domains(const struct pv_maps_work *w, const char *name);

/*
 * Append those lines of w->regexp that turn an address below a domain into one of the domain, and no pattern:
 * an address that a pattern means may be an alias, which goes before it. PV_TEMPORARY: no memory.
 */
enum pv_class pv_regexp_sub_domains(const struct pv_maps_work *w, struct pv_buf *out, struct pv_error *e);

/* Append to the report's diff what would change in the text. */
enum pv_class pv_regexp_diff(struct pv_maps_work *w, struct pv_error *e);

void pv_regexp_free(struct pv_maps_work *w);

#endif
