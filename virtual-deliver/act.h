/*
 * act.h: what the route says is done, in the order of a delivery: filters and mailboxes, files and commands;
 * when all of these are done, forwards; then answers.
 */
#ifndef PV_ACT_H
#define PV_ACT_H

#include "delivery.h"

/* Can what is to be done be undone, or done again, without anybody noticing? That is one mailbox, and nothing
 * but it; then no records are needed. */
bool act_is_plain(const struct delivery *d);

/*
 * Do it; d->message is composed. Each failure ends its own action, and the others are done; forwards only
 * where nothing is left to be tried again. What was done is recorded, so that a retry of the message does not
 * repeat it. PV_OK: all is done. PV_PERMANENT: all is done but what was refused. PV_TEMPORARY: something is
 * left.
 */
enum pv_class act(struct delivery *d, struct pv_error *e);

/* Print a line for each action instead. */
void act_say(struct delivery *d);

#endif
