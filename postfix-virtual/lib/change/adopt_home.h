/*
 * adopt_home.h: the .forward and .qmail files in an account's home, read by a child that became the account.
 */
#ifndef PV_ADOPT_HOME_H
#define PV_ADOPT_HOME_H

#include "base/buffer.h"
#include "change/account.h"

#include <stdbool.h>

struct pv_home_file {
	const char *name;    /* whole */
	const char *user;    /* `abc` of .forward+abc--kvt.dk, .forward+abc, .qmail-abc; "": none */
	bool of_domain;	     /* .forward+USER--DOMAIN */
	const char *sub;     /* .forward+USER--SUB.DOMAIN: that sub-domain; else NULL */
	bool qmail;	     /* .qmail-USER; it may be `default` */
	const char *fault;   /* why local(8) would not believe it; NULL: it would */
	const char *command; /* its first line, of a file of the domain's; printable */
	bool is_user;	     /* `user` is a name that one of our users can have */
};

struct pv_home {
	struct pv_home_file *v; /* sorted by name */
	size_t count;
	bool has_forward; /* ~/.forward */
	struct pv_buf text;
};

/* prefix: what stood between the account's name and the user's in `account-prefix-user`; "": nothing. PV_OK
 * with no files where there is no home. To be freed in any case. */
enum pv_class pv_home_look(const struct pv_account *account, const struct pv_domain *d, const char *prefix,
			   struct pv_home *h, struct pv_error *e);
void pv_home_free(struct pv_home *h);

/* The text of a passwd for the users that the domain's .forward files name; each is locked. */
enum pv_class pv_home_passwd(const struct pv_home *h, const struct pv_account *account, struct pv_buf *out,
			     struct pv_error *e);

#endif
