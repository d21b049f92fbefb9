/*
 * location.h: which file is the mailbox of a user. One function for delivery and for
 * POP3, so that both always mean the same file.
 */
#ifndef PV_LOCATION_H
#define PV_LOCATION_H

#include "address/address.h"
#include "base/error.h"

#include <stdbool.h>
#include <sys/types.h>

/* Where to search, from virtual.conf and about the account. All strings are borrowed. */
struct pv_location_rules {
	const char *spool_directory; /* /var/spool/virtual */
	const char *mail_directory;  /* /var/mail; empty: not searched */
	const char *mail_spool_home; /* Mail/mailbox, below a home; empty: not searched */
	const char *account_home;    /* the account's own home; NULL: not known */
	uid_t uid;		     /* the account */
	bool look_only;		     /* make nothing: see struct pv_location, dirfd */
};

struct pv_location {
	int dirfd; /* the folder, O_PATH; owned by this struct; -1: it is not there, which look_only leaves so
		    */
	char *path;	  /* of the mailbox, absolute, for logs and ids; owned */
	const char *name; /* last component, into path */
	bool shared;	  /* others may write in the folder (/var/mail): no lock or side file may be
			   * made there */
};

/*
 * Find the mailbox of u@d: the first of these that exists and belongs to the account:
 * HOME/mail_spool_home, mail_directory/u, spool_directory/d/u; where none exists, the first that
 * `home` names, else the one in the spool. home is what passwd says; NULL where it names
 * nobody's own place (`.`, empty, relative, another user's too: see pv_passwd_home_is_shared()).
 * A home that lies outside the account's counts as none.
 *
 * Nothing is created but the folder of mail_spool_home (0700) in an existing home. PV_OK: *l is to be
 * freed. PV_TEMPORARY: a folder is missing, is not the account's, may be written by others, or is
 * a symlink.
 */
enum pv_class pv_location_find(const struct pv_location_rules *rules, const struct pv_domain *d,
			       const struct pv_user *u, const char *home, struct pv_location *l,
			       struct pv_error *e);

enum pv_location_place {
	PV_LOCATION_HOME,	    /* HOME/mail_spool_home */
	PV_LOCATION_MAIL_DIRECTORY, /* mail_directory/u */
	PV_LOCATION_SPOOL,	    /* spool_directory/d/u */
};

/*
 * Which of them pv_location_find() would find; *is_folder_r: a folder stands there, so a Maildir. It makes
 * nothing, and for a user without a home it is two system calls. PV_TEMPORARY: likewise.
 */
enum pv_class pv_location_which(const struct pv_location_rules *rules, const struct pv_domain *d,
				const struct pv_user *u, const char *home, enum pv_location_place *place_r,
				bool *is_folder_r, struct pv_error *e);

/* The account's own mailbox, for its mail that is no domain's: account_home/mail_spool_home or
 * mail_directory/account, by the same rules. */
enum pv_class pv_location_own(const struct pv_location_rules *rules, const struct pv_user *account,
			      struct pv_location *l, struct pv_error *e);

/*
 * The file or Maildir at `path`, absolute and without a slash at its end, which an alias names (`/file`). It
 * must lie below the folder `base` (absolute; only base itself may be reached through a symlink), in a folder
 * that exists and is the account's. PV_TEMPORARY, 4.3.5: it does not, a component begins with a dot, or a
 * folder is not to be trusted.
 */
enum pv_class pv_location_below(const char *base, const char *path, uid_t uid, struct pv_location *l,
				struct pv_error *e);

/* Is the absolute path `home` the account's own home, or a folder in it? */
bool pv_location_is_inside(const char *home, const char *account_home);

void pv_location_free(struct pv_location *l);

#endif
