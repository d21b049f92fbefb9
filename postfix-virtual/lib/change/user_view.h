/*
 * user_view.h: inside of change/: what every change of a user looks at first.
 */
#ifndef PV_USER_VIEW_H
#define PV_USER_VIEW_H

#include "change/read.h"
#include "change/work.h"

struct pv_user_view {
	struct pv_work work;
	const struct pv_address *a;
	struct pv_users users;
	struct pv_registry_entry entry;
	char text[PV_USER_MAX + 1 + PV_DOMAIN_MAX + 1]; /* user@domain, for sentences */
};

/* Begin the change, and read the users of the domain. PV_PERMANENT where it has none of its own: it is an
 * alias, a standard domain of Postfix's, or none. pv_user_end() must follow in any case. */
enum pv_class pv_user_begin(struct pv_user_view *v, struct pv_change *c, const struct pv_address *a,
			    struct pv_error *e);
void pv_user_end(struct pv_user_view *v);

/* The user of the change into the mark, with his line of before, which tells where his mailbox is;
 * PV_PERMANENT where there is no such user. info_r may be NULL. */
enum pv_class pv_user_take(struct pv_user_view *v, const struct pv_user_info **info_r, struct pv_error *e);

#endif
