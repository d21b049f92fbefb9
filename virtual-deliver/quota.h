/*
 * quota.h: what a user's limits say about the message in hand, and what he and its sender are told.
 */
#ifndef PV_QUOTA_H
#define PV_QUOTA_H

#include "delivery.h"
#include "mailbox/store_message.h"

/* His limits, for pv_mailbox_store(). PV_TEMPORARY, 4.3.5: he has some, and what root allows cannot be read.
 */
enum pv_class quota_of(struct delivery *d, const struct pv_action *a, struct pv_quota *q, struct pv_error *e);

/* Larger than he takes? PV_PERMANENT, 5.3.4, in the domain's words. */
enum pv_class quota_check_size(struct delivery *d, const struct pv_action *a, struct pv_error *e);

/* The store said that it is full: say so in the domain's words, with its class and code. */
enum pv_class quota_explain(struct delivery *d, const struct pv_action *a, struct pv_error *e);

/* A message was stored. His mailbox is nearly full now, or his domain is: tell him, once a week. What fails
 * is logged only. */
void quota_warn(struct delivery *d, const struct pv_action *a, const struct pv_location *where,
		const struct pv_quota *q, const struct pv_stored *stored);
/* The store said that it is full: tell him likewise, since large messages may never bring a mailbox to the
 * percent that warns. */
void quota_warn_of_no_room(struct delivery *d, const struct pv_action *a, const struct pv_location *where,
			   const struct pv_quota *q, const struct pv_stored *stored);

#endif
