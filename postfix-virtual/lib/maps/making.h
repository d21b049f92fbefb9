/*
 * making.h: inside of maps/, for the files domain_*.c: one domain on its way from its files to its keys.
 */
#ifndef PV_MAPS_MAKING_H
#define PV_MAPS_MAKING_H

#include "maps/domain_settings.h"
#include "maps/plan.h"
#include "maps/reader.h"
#include "store/passwd.h"

#include <limits.h>

/* A user's full name, as an address. */
struct pv_full_name {
	const char *local;
	struct pv_user user;
	unsigned line;
	const char *target;
	int closed;    /* as in pv_some_users */
	bool is_exact; /* a delivery finds it by this address, not only Postfix */
};

/* What comes of targets, and of theirs. */
struct pv_ends {
	bool is_open;		 /* something that may take mail, or is wrong: the rest is not looked at */
	bool has_shut;		 /* somebody or something that takes none */
	enum pv_reader_text why; /* of the first of these */
	bool is_asked;		 /* one on the way is a user whom the run is about */
	bool is_here;		 /* it holds on this walk alone: a loop, or too long a way */
	unsigned height;	 /* aliases and forwards behind it, on the longest way */
};

/* Targets, and what walks over them have to remember (alias_ends.h): the last that came here (0: none),
 * whether it is below this one, whether ends hold for all others. */
struct pv_way {
	const char *targets;
	size_t targets_len;
	const struct pv_user *user; /* whose forwards they are; NULL: an alias's */
	size_t walk;
	bool on_way, is_known;
	struct pv_ends ends;
};

/* A user whose mail goes where his forwards lead, and nowhere else. */
struct pv_forwarder {
	struct pv_user user;
	struct pv_way way;
	bool is_shut;		 /* they lead only to who takes no mail: */
	enum pv_reader_text why; /* the first of these, */
	bool is_asked;		 /* and whether a user whom the run is about is among them */
};

/* An address that is the domain's and takes no mail. */
struct pv_shut {
	const char *key;
	const char *target; /* where a key would lead; NULL: none can */
	enum pv_reader_text why;
	bool by_alias; /* one whose last day is over: a full name counts all the same */
	bool is_asked; /* an alias that leads to a user whom the run is about */
};

struct pv_making {
	struct pv_maps_work *w;
	struct pv_plan_domain *d;
	const struct pv_domain_files *files;
	const struct pv_registry_entry *says; /* `domains`, or its defaults */
	/* `account+`, `--domain@virtual.invalid` and `@domain`: what is between them is a name. */
	char before[PV_ACCOUNT_MAX + 2], behind[PV_DOMAIN_MAX + sizeof "--@" PV_MAP_TARGET_DOMAIN],
		at[PV_DOMAIN_MAX + 2];
	struct pv_domain_conf conf;
	struct pv_day today;
	struct pv_some_users closed; /* users whose mail is not taken */
	struct pv_keys fresh;	     /* not yet in d->keys, none of them twice */
	struct pv_shut *shut;
	size_t shut_count, shut_sorted; /* those in front can be looked up */
	bool catches_all;		/* there is a key for all other names */
	bool has_tags;			/* the files of aliases name one like user+tag */
	size_t complaints;		/* about lines: pv_making_blame() */
	size_t patterns, bad_patterns;
	bool patterns_over; /* no more of them are looked at */
	struct pv_full_name *full_names;
	size_t full_name_count;
	bool full_names_sorted;
	struct pv_forwarder *forwarders;
	size_t forwarder_count;
	bool forwarders_failed; /* no memory for all of them */
	char path[PATH_MAX];	/* of the folder */
};

enum { PV_MAKING_COMPLAINTS_MAX = 10 }; /* more is no mistake of somebody's hand */

/* --- making.c. All: PV_TEMPORARY: no memory. --- */

/* Fill in before, behind and at; d is there. */
void pv_making_start(struct pv_making *m);

/* Where something stands, for complaints. */
struct pv_place {
	const char *file;
	unsigned line;
};

/* The target account+user--domain+tag, in the arena; tag: a delimiter and what stands behind it, or "". NULL
 * in *target_r, with a complaint: user and domain are too long. */
enum pv_class pv_making_target(struct pv_making *m, const struct pv_user *u, const char *tag,
			       const struct pv_place *at, const char **target_r, struct pv_error *e);
/* Add local@domain, which is not there yet; value lives as long as the run. */
enum pv_class pv_making_add(struct pv_making *m, const char *local, const char *value, struct pv_error *e);
/* local@domain is the domain's, and takes no mail. An address that is added goes before one that is shut. */
enum pv_class pv_making_shut(struct pv_making *m, const char *local, const char *target,
			     enum pv_reader_text why, struct pv_error *e);
/* The same by an alias whose last day is over. */
enum pv_class pv_making_shut_alias(struct pv_making *m, const char *local, const char *target,
				   struct pv_error *e);
/* The same by an alias that leads only to who takes none: it goes before a user of its name, who may have a
 * key in d->keys. That has no value then, until the caller takes it out (pv_keys_squeeze()). */
enum pv_class pv_making_close(struct pv_making *m, const char *local, const char *target,
			      enum pv_reader_text why, bool is_asked, struct pv_error *e);
/* Something about local is wrong: it keeps the key that it had, if it had one. */
enum pv_class pv_making_keep(struct pv_making *m, const char *local, struct pv_error *e);
/* What was added comes into d->keys, sorted. */
enum pv_class pv_making_settle(struct pv_making *m, struct pv_error *e);
/* The value of local@domain in d->keys, or NULL. */
const char *pv_making_get(const struct pv_making *m, const char *local);
/* Is it shut? Where it is so twice, not by the alias. */
const struct pv_shut *pv_making_find_shut(const struct pv_making *m, const char *local);
/* Is the address the host's in this domain? Then nobody of that name gets its mail. */
bool pv_making_is_hosts(const struct pv_making *m, const struct pv_user *u);
/* A complaint about the domain. */
enum pv_class pv_making_complain(struct pv_making *m, struct pv_error *why, struct pv_error *e);
/* One about a line: where there are very many only the first are said, but for a run that checks. */
enum pv_class pv_making_blame(struct pv_making *m, struct pv_error *why, struct pv_error *e);
void pv_making_free(struct pv_making *m);

/* domain_patterns.c: a pattern alias, as one line. One that is refused is left out, with a complaint that
 * names file, line and column; of too many the rest is not looked at. */
enum pv_class pv_making_pattern(struct pv_making *m, const struct pv_place *at, const char *pattern,
				struct pv_error *e);
/* domain_names.c: remember the full name of a user, who has that target. */
enum pv_class pv_making_note_name(struct pv_making *m, const struct pv_passwd_entry *p, unsigned line,
				  const char *target, int closed, struct pv_error *e);
/* The only user who has this full name (in lower case), or NULL; *several_r: more than one have it. */
const struct pv_full_name *pv_making_find_full_name(struct pv_making *m, const char *local, bool *several_r);

/* domain_forwards.c: remember a user's forwards, if he keeps no copy of what is sent on. */
void pv_making_note_forwards(struct pv_making *m, const struct pv_user *u, const struct pv_user_conf *conf);
/* When all are remembered. */
void pv_making_sort_forwarders(struct pv_making *m);
/* His, or NULL. */
struct pv_forwarder *pv_making_find_forwards(struct pv_making *m, const struct pv_user *u);
/* Those whose forwards are shut take no mail: out of d->keys. */
enum pv_class pv_making_close_forwarders(struct pv_making *m, struct pv_error *e);

/* --- the names, in this order --- */

/* domain_aliases.c: of the files of aliases. d->keys: the users. */
enum pv_class pv_making_aliases(struct pv_making *m, struct pv_error *e);
/* domain_names.c: full names, and responders with neither user nor alias. */
enum pv_class pv_making_full_names(struct pv_making *m, struct pv_error *e);
/* domain_refused.c: an alias user+tag that has expired is a tag as any other of the user, alias or full name
 * that is there; a responder, or who gets all that is unknown, takes none of them over. */
void pv_making_tags(struct pv_making *m);
enum pv_class pv_making_responders(struct pv_making *m, struct pv_error *e);
/* domain_fallback.c: all others. */
enum pv_class pv_making_fallback(struct pv_making *m, struct pv_error *e);
/* domain_refused.c: those that take no mail: d->refused, and keys where others get all that is unknown. */
enum pv_class pv_making_refused(struct pv_making *m, struct pv_error *e);

#endif
