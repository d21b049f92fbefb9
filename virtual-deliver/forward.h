/*
 * forward.h: the message is sent to other addresses, all of them by one call of sendmail.
 */
#ifndef PV_FORWARD_H
#define PV_FORWARD_H

#include "delivery.h"

/*
 * Send it on to the targets of actions[0..count), which are all PV_ACTION_FORWARD. The owner of a list is the
 * sender of its copies, and so has a call of its own. PV_TEMPORARY: a call failed; those before it were
 * recorded.
 */
enum pv_class forward_all(struct delivery *d, const struct pv_action *actions, size_t count,
			  struct pv_error *e);

#endif
