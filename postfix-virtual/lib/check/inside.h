/*
 * inside.h: what is looked at as a domain's account, in a child of its own.
 */
#ifndef PV_CHECK_INSIDE_H
#define PV_CHECK_INSIDE_H

#include "check/sayings.h"
#include "store/mail_conf.h"

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

/* A domain's users and root's limit for each: max_quota in `domains`. All zeros but domain: there is none, or
 * what the domain's files say cannot be read (which the maps' check tells). */
struct pv_allowance {
	const struct pv_subject *domain;
	unsigned long long bytes;
	bool is_read; /* conf is to be freed */
	struct pv_domain_conf conf;
	size_t more, none; /* users who have more, and no limit at all */
	struct pv_user first_more, first_none;
	unsigned long long bytes_more;	       /* of first_more */
	bool domain_says_more, none_by_domain; /* it is domain.conf's doing, not the user's file's */
};

/* The work of the child. */
enum pv_class pv_visit_account(void *ctx, int out_fd, struct pv_error *e);

/* Is there such a user in the account's domain d? */
bool pv_visit_has_user(const struct pv_visit *v, const struct pv_user *user, const struct pv_domain *d);

/* inside_limits.c: whose limit root's does not hold for. */
void pv_visit_allowance_start(const struct pv_subject *s, const struct pv_folder *f, struct pv_allowance *a);
void pv_visit_allowance_take(const struct pv_folder *f, const struct pv_user *u, struct pv_allowance *a);
/* Say what was found; frees. */
void pv_visit_allowance_end(struct pv_visit *v, struct pv_allowance *a);

/* Its parts: .forward files (inside_forward.c), and what is in the spool (inside_spool.c). */
void pv_visit_forwards(struct pv_visit *v);
void pv_visit_mailboxes(struct pv_visit *v);
void pv_visit_disks(struct pv_visit *v);

#endif
