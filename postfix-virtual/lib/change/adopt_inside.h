/*
 * adopt_inside.h: inside of change/: what is known of a domain of 2002 that is taken over.
 */
#ifndef PV_ADOPT_INSIDE_H
#define PV_ADOPT_INSIDE_H

#include "change/adopt_home.h"
#include "change/old_lines.h"
#include "change/virtualdomains.h"
#include "change/work.h"

#include <sys/stat.h>

/* So many of a kind are named, the others counted: nobody reads thousands of sentences. */
enum { PV_ADOPT_NAMED = 20 };

/* The users that the domain's passwd names. */
struct pv_adopt_users {
	struct pv_user *v; /* sorted */
	size_t count;
	size_t passwords[PV_PASSWORD_KINDS];
};

struct pv_adopting {
	struct pv_work w;
	const struct pv_adopt *o;
	struct pv_old_lines lines;
	struct pv_virtualdomains virtualdomains;
	struct pv_registry_entry says; /* `domains` */
	bool there;		       /* the domain's folder */
	struct stat folder;
	char path[4096];	    /* its */
	char source[PV_ERROR_TEXT]; /* what named the account */
	char prefix[256];	    /* foo-bar- in front of a user: `bar` where foo is the account */
	bool bare;		    /* the users' files do not name the domain */
	bool sub_domains;	    /* wanted */
	struct pv_adopt_users users;
	struct pv_home home;
};

/* Which account, and whether with sub-domains (adopt_account.c). PV_PERMANENT: two sources contradict each
 * other, or none says anything. Needs lines, virtualdomains, says and folder. */
enum pv_class pv_adopt_decide(struct pv_adopting *a, struct pv_error *e);
/* Does the target lead to an account? Its longest front that is one: `foo-bar` of foo-bar-baz+x@y. */
bool pv_adopt_account_of(const char *target, struct pv_account *account);

/* Read and check passwd (adopt_files.c). PV_PERMANENT: lines that the maps would refuse; all of them are in
 * notes. */
enum pv_class pv_adopt_read_users(struct pv_adopting *a, struct pv_error *e);
bool pv_adopt_has_user(const struct pv_adopting *a, const char *name);

/* A line in notes for each mailbox that cannot be one of ours as it is (adopt_spool.c). */
enum pv_class pv_adopt_look_at_mail(const struct pv_adopting *a, struct pv_buf *notes, struct pv_error *e);

/* Fill in what the administrator is told (adopt_advice.c). */
enum pv_class pv_adopt_advise(const struct pv_adopting *a, struct pv_adopt *o, struct pv_error *e);

#endif
