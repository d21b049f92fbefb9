/*
 * alias_ends.h: which aliases of a domain lead only to who takes no mail, so that mail for them is refused
 * before it is taken. It is sure of that, as a delivery is: what leads to anybody or anything else, or is
 * wrong, is not among them.
 */
#ifndef PV_MAPS_ALIAS_ENDS_H
#define PV_MAPS_ALIAS_ENDS_H

#include "maps/alias_key.h"
#include "maps/making.h"

/* What comes of the targets of an alias, and of theirs. */
struct pv_alias_ends {
	bool is_open;		 /* something that may take mail, or is wrong: the rest is not looked at */
	bool has_shut;		 /* somebody or something that takes none */
	enum pv_reader_text why; /* of the first of these */
	bool is_asked;		 /* one of these is a user whom the run is about */
	bool is_here;		 /* it holds on this walk alone: a loop, or too long a way */
	unsigned height;	 /* aliases behind it, on the longest way */
};

/* An entry of a file. */
struct pv_alias_name {
	const char *s; /* in lower case as far as it is ASCII; NUL-terminated */
	struct pv_place at;
	unsigned file;
	bool bad; /* something is wrong with it: its key leads to where that is said */
	struct pv_day expires;
	const char *targets;
	size_t targets_len;
	struct pv_alias_key key;
	bool is_shut;		 /* it leads only to who takes no mail: */
	enum pv_reader_text why; /* the first of these, */
	bool is_asked;		 /* and whether one is a user whom the run is about */
	/* Of the walks from alias to alias: the last that came here (0: none), whether it is below this one,
	 * whether ends hold for all others. */
	size_t walk;
	bool on_way, is_known;
	struct pv_alias_ends ends;
};

bool pv_alias_has_expired(const struct pv_making *m, const struct pv_alias_name *n);

/*
 * Fill in is_shut, why and is_asked of names[0..count), sorted by name, each there once. m->d->keys and
 * m->shut are those of the users. PV_TEMPORARY: no memory.
 */
enum pv_class pv_alias_ends_find(struct pv_making *m, struct pv_alias_name *names, size_t count,
				 struct pv_error *e);

#endif
