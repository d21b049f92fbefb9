/*
 * loop.h: a message that was here before.
 */
#ifndef PV_LOOP_H
#define PV_LOOP_H

#include "delivery.h"

/*
 * For header_start(): judge a Delivered-To that came with the message. ctx is the delivery.
 * PV_PERMANENT, 5.4.6: it means the very address that this delivery is for. One that means a user whose
 * mailbox would be written to is noted: where that is all there is to do, it is a loop too.
 */
enum pv_class loop_check(void *ctx, const char *value, size_t len, struct pv_error *e);

/* Did u's mailbox have the message before? */
bool loop_had(const struct delivery *d, const struct pv_user *u);
enum pv_class loop_fail(const struct delivery *d, struct pv_error *e);

#endif
