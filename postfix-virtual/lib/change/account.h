/*
 * account.h: domain accounts: ordinary Unix accounts of this host.
 */
#ifndef PV_ACCOUNT_H
#define PV_ACCOUNT_H

#include "address/address.h"
#include "base/error.h"
#include "store/registry.h"

#include <limits.h>
#include <stdbool.h>
#include <sys/types.h>

struct pv_account {
	char name[PV_ACCOUNT_MAX + 1];
	uid_t uid;
	gid_t gid; /* its primary group */
	char home[PATH_MAX];
};

/* Look the account up, by uid or by name, in passwd(5). PV_PERMANENT: root, or a name that cannot stand in a
 * map's key, or a home that is no absolute path. *found_r tells whether there is such an account. */
enum pv_class pv_account_by_uid(uid_t uid, struct pv_account *a, bool *found_r, struct pv_error *e);
enum pv_class pv_account_by_name(const char *name, struct pv_account *a, bool *found_r, struct pv_error *e);

/* The name that is derived from a domain's: kvt.dk → kvt_dk, at most 32 bytes. */
void pv_account_derive(const struct pv_domain *d, char name[PV_ACCOUNT_MAX + 1]);

/* Is `name` one that we would give to an account: [a-z_][a-z0-9_-]*, at most 32 bytes? */
bool pv_account_name_is_good(const char *name);

/* Make a system account `name` without login, with a home of mode 0700 below /home, by useradd(8). first_uid:
 * its uid is the first from there on that no user and no group has; 0: as useradd chooses. PV_PERMANENT: the
 * name is not good, or no uid is free. PV_TEMPORARY: useradd failed; the sentence is its own. */
enum pv_class pv_account_create(const char *name, uid_t first_uid, struct pv_account *a, struct pv_error *e);

#endif
