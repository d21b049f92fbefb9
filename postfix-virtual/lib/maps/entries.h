/*
 * entries.h: all keys that a run made for one table, in order.
 */
#ifndef PV_MAPS_ENTRIES_H
#define PV_MAPS_ENTRIES_H

#include "maps/plan.h"

/* A key, and for which domain it was made; NULL: for an account. */
struct pv_entry {
	const char *key;
	const char *value;
	struct pv_plan_domain *domain;
};

struct pv_entries {
	struct pv_entry *v; /* sorted by key, each once */
	size_t count;
};

/* Move the keys that were made for m out of the plan; those of PV_MAP_REFUSED when what becomes of
 * PV_MAP_DOMAINS is known. PV_TEMPORARY: no memory. Free *to in any case. */
enum pv_class pv_entries_take(struct pv_maps_work *w, enum pv_map m, struct pv_entries *to,
			      struct pv_error *e);
void pv_entries_free(struct pv_entries *l);

#endif
