/*
 * plan.h: which domains a run is about, whose they are, and what becomes of their keys.
 */
#ifndef PV_MAPS_PLAN_H
#define PV_MAPS_PLAN_H

#include "maps/expression.h"
#include "maps/map.h"
#include "store/hosts.h"
#include "store/mail_conf.h"
#include "store/registry.h"

#include <sys/types.h>

enum pv_plan_state {
	PV_PLAN_READ, /* its keys are made anew */
	PV_PLAN_KEEP, /* it could not be read: its old keys stay */
	PV_PLAN_GONE, /* no folder, and no alias of a domain that has one */
};

struct pv_plan_domain {
	struct pv_domain domain;
	enum pv_plan_state state;
	bool is_alias;		    /* of domains[target] */
	size_t target;		    /* valid if is_alias */
	uid_t uid;		    /* the folder's owner; not for an alias */
	const char *account;	    /* the name of uid; NULL: not known (yet) */
	struct pv_keys keys;	    /* of `virtual`; sorted */
	struct pv_keys refused;	    /* of `virtual_refused`; sorted */
	struct pv_keys expired;	    /* those of them whose day is over; sorted */
	struct pv_keys followers;   /* those that are aliases of users whom the run is about; sorted */
	struct pv_strings patterns; /* pattern aliases; not for an alias */
	size_t had, vanishing;	    /* old keys, and those of them that are not in keys */
	bool meant;		    /* the caller is about to delete it: it may lose all keys */
	bool grows_only; /* old keys stay beside the new ones: a line that may name one is unreadable, or */
	bool is_wide;	 /* one user's change may change keys of other names (few.h) */
	bool is_limited; /* too many would vanish */
};

struct pv_plan {
	struct pv_plan_domain *domains; /* sorted by name */
	size_t count;
	const struct pv_domain *asked; /* those that the caller named; borrowed */
	size_t asked_count;
	bool all; /* a domain that is not in the plan is gone; otherwise it is not touched */
};

/* Where a walk through the new keys is (merge.h). */
struct pv_next_walk {
	size_t at; /* in the differences */
	struct pv_key old;
	bool has_old, given;
};

/* An address that mail of a domain is sent on to, and what says so. */
struct pv_sent_on {
	const struct pv_domain *from;
	const char *address, *place; /* in the arena */
};

/* What every part of a run works on. */
struct pv_maps_work {
	const struct pv_store *store;
	const struct pv_maps_options *options;
	struct pv_registry registry;
	struct pv_hosts hosts;
	struct pv_old_maps old;
	struct pv_arena arena; /* the new keys */
	struct pv_day today;   /* asked for once */
	struct pv_plan plan;
	struct pv_plan strays; /* domains that have old addresses and nothing else; pv_merge() finds them */
	struct pv_differences differences[PV_MAP_COUNT]; /* what makes the new sets out of the old ones */
	struct pv_next_walk walk[PV_MAP_COUNT];
	bool is_few;		  /* only some users of one domain are looked at (few.h) */
	struct pv_buf regexp;	  /* the new text of virtual_regexp */
	struct pv_buf old_regexp; /* the old one; old_expressions point into it */
	struct pv_expressions old_expressions;
	struct pv_sent_on *sent_on; /* of a run that checks: sent_on.h */
	size_t sent_on_count, sent_on_room;
	struct pv_maps_report *report;
};

/* Free everything that a run has found out. */
void pv_work_clear(struct pv_maps_work *w);

/* Make the plan for domains[0..count), or for all (NULL). Needs registry and old. */
enum pv_class pv_plan_make(struct pv_maps_work *w, const struct pv_domain *domains, size_t count,
			   struct pv_error *e);
void pv_plan_free(struct pv_plan *p);

/* Add a domain at the end; then sort: by name, each once. PV_TEMPORARY: no memory. */
enum pv_class pv_plan_add(struct pv_plan *p, const struct pv_domain *d, struct pv_error *e);
void pv_plan_sort(struct pv_plan *p);

/* The domain whose name is s (as it stands in a key), or NULL. */
struct pv_plan_domain *pv_plan_get(const struct pv_plan *p, const char *s);

/* Keep d's old keys, and complain. PV_TEMPORARY: no memory. */
enum pv_class pv_plan_keep(struct pv_maps_work *w, struct pv_plan_domain *d, const struct pv_error *why,
			   struct pv_error *e);

#endif
