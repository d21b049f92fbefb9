/*
 * inside.h: for a child that became the account: the configuration folder and the domain's folder
 * opened anew, since it has none of root's descriptors.
 */
#ifndef PV_INSIDE_H
#define PV_INSIDE_H

#include "change/account.h"
#include "store/folder.h"

struct pv_inside {
	struct pv_store store;
	struct pv_folder folder;
};

/* dir: the configuration folder's path. PV_TEMPORARY: the folder of d is gone, or no longer the account's. To
 * be closed in any case. */
enum pv_class pv_inside_open(const char *dir, const struct pv_domain *d, const struct pv_account *account,
			     struct pv_inside *in, struct pv_error *e);
void pv_inside_close(struct pv_inside *in);

#endif
