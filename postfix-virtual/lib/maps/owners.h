/*
 * owners.h: the host's accounts by their uid.
 */
#ifndef PV_MAPS_OWNERS_H
#define PV_MAPS_OWNERS_H

#include "base/error.h"
#include "maps/keys.h"

#include <stdbool.h>
#include <sys/types.h>

struct pv_owner {
	uid_t uid;
	gid_t gid;
	const char *name;
};

struct pv_owners {
	struct pv_owner *list; /* sorted by uid; empty where each is asked for by itself */
	size_t count, cap;
	struct pv_arena arena; /* the names */
};

/* From so many accounts on, all that the host lists are read at once: each getpwuid(3) reads half of
 * passwd(5). */
enum { PV_OWNERS_MANY = 32 };

/* Get ready to be asked for so many accounts. Free with pv_owners_free(). */
void pv_owners_load(struct pv_owners *o, size_t accounts);
void pv_owners_free(struct pv_owners *o);

/* PV_OK: *found_r tells whether there is such an account, and *r is it (its name is valid until the next
 * call, or pv_owners_free()). PV_TEMPORARY: the host's name service does not answer. */
enum pv_class pv_owners_get(const struct pv_owners *o, uid_t uid, struct pv_owner *r, bool *found_r,
			    struct pv_error *e);

#endif
