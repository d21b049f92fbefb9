/*
 * registry.h: `domains`, root's decisions about domains, a line each where there is one to
 * say: `kvt.dk account=kvt_dk sub_domains=yes max_users=50 max_quota=500M commands=no
 * own=postmaster,abuse sender_transport=smtp:[192.0.2.1]`, `kvt.com postfix=yes` or `kvt.org
 * alias_of=kvt.dk`.
 */
#ifndef PV_REGISTRY_H
#define PV_REGISTRY_H

#include "address/address.h"
#include "store/store.h"

enum { /* addresses that are the host's unless `own=` gives them to the domain */
       PV_OWN_POSTMASTER = 1,
       PV_OWN_ABUSE = 2,
       PV_OWN_WEBMASTER = 4,
};

#define PV_ACCOUNT_MAX 32 /* bytes of an account's name (useradd(8)) */
#define PV_TRANSPORT_MAX 255

struct pv_registry_entry {
	struct pv_domain domain;
	bool is_alias;
	struct pv_domain alias_of;		     /* valid if is_alias */
	char account[PV_ACCOUNT_MAX + 1];	     /* "": not said; the owner of the folder it must be */
	bool sub_domains;			     /* no */
	bool commands;				     /* yes */
	unsigned own;				     /* PV_OWN_* */
	unsigned long max_users;		     /* 0: no limit */
	unsigned long long max_quota;		     /* bytes; 0: no limit */
	bool standard;				     /* no; `postfix=yes`: a domain of Postfix's own kind */
	char sender_transport[PV_TRANSPORT_MAX + 1]; /* "": as the host's mail leaves */
};

/* An entry that says nothing about d. */
void pv_registry_default(const struct pv_domain *d, struct pv_registry_entry *r);

/* Set the word `name` (`max_users`) of r to what `value` says, or, where that is empty, to its default.
 * PV_PERMANENT with the mend: there is no such word, or no such value. */
enum pv_class pv_registry_set(struct pv_registry_entry *r, const char *name, const char *value,
			      struct pv_error *e);

/*
 * Read what `domains` says of d (defaults where it says nothing; *found_r tells). Only the line of d is
 * judged. PV_TEMPORARY with file, line and mend for a line that cannot be parsed, a second line for
 * d, an alias of itself, an alias with settings (an alias has those of its target).
 */
enum pv_class pv_registry_find(const struct pv_store *s, const struct pv_domain *d,
			       struct pv_registry_entry *r, bool *found_r, struct pv_error *e);

/*
 * The line with `alias_of` that is nearest to d: its own, or else that of the nearest parent that has one.
 * One pass over the file, however many labels d has. *found_r tells; the errors are those of
 * pv_registry_find().
 */
enum pv_class pv_registry_alias(const struct pv_store *s, const struct pv_domain *d,
				struct pv_registry_entry *r, bool *found_r, struct pv_error *e);

struct pv_registry {
	struct pv_registry_entry *entries; /* sorted by domain */
	size_t count;
};

/* Read and check the whole file: also alias of an alias, and duplicates. */
enum pv_class pv_registry_load(const struct pv_store *s, struct pv_registry *r, struct pv_error *e);
/* The same for the lines of d and of its aliases alone: the others are passed over, whatever they say. */
enum pv_class pv_registry_load_about(const struct pv_store *s, const struct pv_domain *d,
				     struct pv_registry *r, struct pv_error *e);
const struct pv_registry_entry *pv_registry_get(const struct pv_registry *r, const struct pv_domain *d);
void pv_registry_free(struct pv_registry *r);

/* The line for r, without a newline, in the order above; empty where r is all defaults. */
void pv_registry_format(const struct pv_registry_entry *r, struct pv_buf *out);
/* Append `DOMAIN own=...`, as `domain set` takes it: the host's addresses that r's domain has for itself, and
 * those of own (PV_OWN_*). */
void pv_registry_format_own(const struct pv_registry_entry *r, unsigned own, struct pv_buf *out);

#endif
