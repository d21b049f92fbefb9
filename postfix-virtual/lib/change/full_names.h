/*
 * full_names.h: where match_full_name = yes, no two users of a domain may have one name.
 */
#ifndef PV_FULL_NAMES_H
#define PV_FULL_NAMES_H

#include "change/read.h"

/* PV_PERMANENT: two users have one name; the sentence names both. */
enum pv_class pv_full_names_refuse(const struct pv_users *u, const struct pv_domain *d, struct pv_error *e);

/* PV_PERMANENT: one of them has the name that a new one shall have. */
enum pv_class pv_full_name_refuse(const struct pv_users *u, const struct pv_domain *d, const char *name,
				  struct pv_error *e);

#endif
