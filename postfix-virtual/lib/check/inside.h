/*
 * inside.h: what is looked at as a domain's account, in a child of its own.
 */
#ifndef PV_CHECK_INSIDE_H
#define PV_CHECK_INSIDE_H

#include "check/sayings.h"

/* The account, and those of its domains that are looked at. */
struct pv_visit {
	const char *dir; /* the configuration folder */
	const struct pv_account *account;
	const struct pv_subject *const *domains;
	size_t count;
	bool is_root;	  /* who asks */
	bool repair, dry; /* mend modes instead of asking */

	/* In the child. */
	const struct pv_store *store;
	struct pv_buf *out;
	char **names; /* `user--domain` of every user, sorted */
	size_t name_count, name_room;
	bool has_homes; /* some user's mailbox may be in the home */
};

/* The work of the child. */
enum pv_class pv_visit_account(void *ctx, int out_fd, struct pv_error *e);

/* Is there such a user in the account's domain d? */
bool pv_visit_has_user(const struct pv_visit *v, const struct pv_user *user, const struct pv_domain *d);

/* Its parts: .forward files (inside_forward.c), and what is in the spool (inside_spool.c). */
void pv_visit_forwards(struct pv_visit *v);
void pv_visit_mailboxes(struct pv_visit *v);
void pv_visit_disks(struct pv_visit *v);

#endif
