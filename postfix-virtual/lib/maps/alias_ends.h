/*
 * alias_ends.h: which aliases and forwards of a domain lead only to who takes no mail, so that mail for them
 * is refused before it is taken. It is sure of that, as a delivery is: what leads to anybody or anything
 * else, or is wrong, is not among them.
 */
#ifndef PV_MAPS_ALIAS_ENDS_H
#define PV_MAPS_ALIAS_ENDS_H

#include "maps/alias_key.h"
#include "maps/making.h"

/* An entry of a file. */
struct pv_alias_name {
	const char *s; /* in lower case as far as it is ASCII; NUL-terminated */
	struct pv_place at;
	unsigned file;
	bool bad; /* something is wrong with it: its key leads to where that is said */
	struct pv_day expires;
	struct pv_alias_key key;
	struct pv_way way;
	bool is_shut;		 /* it leads only to who takes no mail: */
	enum pv_reader_text why; /* the first of these, */
	bool is_asked;		 /* and whether a user whom the run is about is among them */
};

bool pv_alias_has_expired(const struct pv_making *m, const struct pv_alias_name *n);

/*
 * Fill in is_shut, why and is_asked of names[0..count), sorted by name, each there once, and of
 * m->forwarders. m->d->keys and m->shut are those of the users. PV_TEMPORARY: no memory.
 */
enum pv_class pv_alias_ends_find(struct pv_making *m, struct pv_alias_name *names, size_t count,
				 struct pv_error *e);

#endif
