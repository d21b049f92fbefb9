/*
 * passwd_place.h: where a domain's passwd is written: in the domain's folder, or, where it is a symlink (as
 * from an account's home), where that leads. Replacing the link instead would leave the old passwords in the
 * file behind it.
 */
#ifndef PV_PASSWD_PLACE_H
#define PV_PASSWD_PLACE_H

#include "base/error.h"

#include <limits.h>

struct pv_passwd_place {
	int fd;			 /* the folder that holds the file */
	char where[PATH_MAX];	 /* its path */
	char name[NAME_MAX + 1]; /* of the file */
	char path[PATH_MAX + NAME_MAX + 2];
};

/* As the account. folder: the domain's, at the path `where`. PV_TEMPORARY: a link that leads to another, or
 * to no folder. To be closed if PV_OK. */
enum pv_class pv_passwd_place_open(int folder, const char *where, struct pv_passwd_place *p,
				   struct pv_error *e);
void pv_passwd_place_close(struct pv_passwd_place *p);

#endif
