/*
 * place.h: from a user to his mailbox: one function for delivery, for POP3 and for every change, so that they
 * always mean the same file.
 */
#ifndef PV_PLACE_H
#define PV_PLACE_H

#include "mailbox/location.h"
#include "store/passwd.h"

/*
 * Find the mailbox of p, a user of the domain in folder f, by the search order of pv_location_find(). A home
 * that another user of the domain has too is no mailbox's place. account_home: the account's own home; NULL:
 * not known (only wrong where p has an absolute home). PV_OK: *l is to be freed. PV_TEMPORARY: as
 * pv_location_find(), or passwd cannot be read.
 */
enum pv_class pv_place_find(const struct pv_store *s, const struct pv_folder *f,
			    const struct pv_passwd_entry *p, const char *account_home, struct pv_location *l,
			    struct pv_error *e);

/* Which place that is, see pv_location_which(); home: p's, where it is nobody else's, or NULL. */
enum pv_class pv_place_which(const struct pv_store *s, const struct pv_folder *f,
			     const struct pv_passwd_entry *p, const char *home, const char *account_home,
			     enum pv_location_place *place_r, bool *is_folder_r, struct pv_error *e);

/* The same to read it: no folder is made. Where the mailbox's folder is missing, l->dirfd is -1. */
enum pv_class pv_place_look(const struct pv_store *s, const struct pv_folder *f,
			    const struct pv_passwd_entry *p, const char *account_home, struct pv_location *l,
			    struct pv_error *e);

/* Is `home`, which passwd says of u, a folder in the account's own home (NULL: not known) that no other user
 * has? */
enum pv_class pv_place_own_home(const struct pv_folder *f, const struct pv_user *u, const char *home,
				const char *account_home, bool *own_r, struct pv_error *e);

/*
 * The file or, with a slash at the end of its path, the Maildir that an alias or a fallback of the domain d
 * names: below the domain's folder of the spool, or Mail in the account's home (NULL: not known). Nothing is
 * made. PV_OK: *l is to be freed. PV_TEMPORARY, 4.3.5: as pv_location_below().
 */
enum pv_class pv_place_file(const struct pv_store *s, const struct pv_domain *d, uid_t uid,
			    const char *account_home, const char *path, struct pv_location *l,
			    struct pv_error *e);

/* The account's own mailbox, see pv_location_own(). */
enum pv_class pv_place_own(const struct pv_store *s, uid_t uid, const struct pv_user *account,
			   const char *account_home, struct pv_location *l, struct pv_error *e);

#endif
