/*
 * recipient.h: for whom the message is: the argument in the .forward file, or else the Delivered-To that
 * local(8) or pipe(8) put on top of it.
 */
#ifndef PV_RECIPIENT_H
#define PV_RECIPIENT_H

#include "hop.h"
#include "route/route.h"

struct recipient {
	bool own;		/* mail of the account itself: no virtual recipient at all */
	struct pv_user account; /* valid if own */
	/* Valid if not own. The local part without quotes and with its tag: an alias may have that name. */
	struct pv_recipient to;
	/* The original envelope recipient, for Delivered-To and the log: X-Original-To where its domain
	 * stands for the same domain of ours (a sender can forge the line), else the address that was meant.
	 */
	char address[512];
	char unquoted[4096]; /* for recipient_find(): the local part of Delivered-To, or of the argument */
	char plain[512];     /* likewise: of the original recipient */
	char tagged[256];    /* likewise: user and tag; a tag for which it has no room does not count */
};

/*
 * argument: user@domain, or NULL. PV_TEMPORARY: there is no recipient; it contradicts EXTENSION in the
 * environment (which is no more than a check: local(8) filters it); `user--domain` can be read in two ways,
 * or names no domain of account's.
 */
enum pv_class recipient_find(const struct pv_store *s, uid_t account, const char *argument,
			     const struct hop *h, struct recipient *r, struct pv_error *e);

#endif
