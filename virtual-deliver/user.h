/*
 * user.h: a message into the mailbox of a user: his size limit, his filter, his quota, or the agent that
 * stores in our place.
 */
#ifndef PV_USER_H
#define PV_USER_H

#include "delivery.h"

/* The mailbox of a's user, to be freed. */
enum pv_class user_find_mailbox(struct delivery *d, const struct pv_action *a, struct pv_location *l,
				struct pv_error *e);

/*
 * Do all that a says, and count what came of it. PV_PERMANENT: 5.3.4 it is larger than he takes, 5.2.2 his
 * mailbox is full and his domain wants that refused, 5.4.6 he had it before, what a filter or an agent
 * refuses. PV_TEMPORARY: anything else; 4.2.2 his mailbox is full.
 */
enum pv_class user_deliver(struct delivery *d, const struct pv_action *a, struct pv_error *e);

#endif
