/*
 * user_limits.h: what the limits of a user say about a message for him.
 */
#ifndef PV_USER_LIMITS_H
#define PV_USER_LIMITS_H

#include "mailbox/usage.h"
#include "route/route.h"

/*
 * The limits of a's user (PV_ACTION_MAILBOX) for mailbox/usage.h, as his settings and root have them: what
 * the age of a message adds (over_quota_days) is not in them. to: the recipient, since what comes to
 * postmaster always goes in. folder[size]: becomes the domain's folder in the spool, which *q points to.
 * PV_TEMPORARY as below.
 */
enum pv_class pv_user_limits_of(const struct pv_store *s, const struct pv_route *r,
				const struct pv_recipient *to, const struct pv_action *a, char *folder,
				size_t size, struct pv_quota *q, struct pv_error *e);

/*
 * Where the files of domain d set any limit (*q is not all zeros): no more bytes than root allows, by
 * max_quota in `domains`. Without one nothing is read: a delivery shall not pay for what most domains do not
 * have. PV_TEMPORARY, 4.3.5 with file and line: what root allows cannot be read.
 */
enum pv_class pv_user_limits_cap(const struct pv_store *s, const struct pv_domain *d, struct pv_quota *q,
				 struct pv_error *e);

#endif
