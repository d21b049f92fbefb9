/*
 * place.h: a domain that a command only shows: its folder, and the account that owns it.
 */
#ifndef ADMIN_PLACE_H
#define ADMIN_PLACE_H

#include "admin.h"
#include "change/account.h"
#include "change/read.h"
#include "store/folder.h"

struct place {
	struct pv_folder folder;
	struct pv_account account;
};

/* PV_PERMANENT: it is no domain here, or an alias, or nobody's. close_place() must follow in any case. */
enum pv_class open_place(const struct admin *a, const struct pv_domain *d, struct place *p,
			 struct pv_error *e);
void close_place(struct place *p);

/* The user `name` of the domain d, whose users were read. PV_PERMANENT: there is none. */
enum pv_class need_user(const struct pv_users *users, const struct pv_user *name, const struct pv_domain *d,
			const struct pv_user_info **u_r, struct pv_error *e);

#endif
