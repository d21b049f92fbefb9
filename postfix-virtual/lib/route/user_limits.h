/*
 * user_limits.h: what the limits of a user say about a message for him.
 */
#ifndef PV_USER_LIMITS_H
#define PV_USER_LIMITS_H

#include "mailbox/usage.h"
#include "route/route.h"

/*
 * The limits of a's user (PV_ACTION_MAILBOX) for mailbox/usage.h, as his settings have them: what the age of
 * a message adds (over_quota_days) is not in them. to: the recipient, since what comes to postmaster always
 * goes in. folder[size]: becomes the domain's folder in the spool, which *q points to.
 */
void pv_user_limits_of(const struct pv_store *s, const struct pv_route *r, const struct pv_recipient *to,
		       const struct pv_action *a, char *folder, size_t size, struct pv_quota *q);

#endif
