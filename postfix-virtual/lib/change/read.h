/*
 * read.h: what the files of a domain say, for root: a child that became the account reads them,
 * and nothing that comes back is believed before it was parsed.
 */
#ifndef PV_READ_H
#define PV_READ_H

#include "change/account.h"
#include "store/mail_conf.h"
#include "store/passwd.h"

struct pv_user_info {
	struct pv_user user;
	const char *hash, *name, *home; /* into text */
	struct pv_user_conf conf;	/* users/<user> */
};

struct pv_users {
	struct pv_user_info *list; /* sorted by name */
	size_t count;
	struct pv_domain_conf domain; /* all defaults where it cannot be read: that is no user's fault */
	struct pv_buf text;
};

/* All users of the domain in folder f, which is `account`'s. PV_TEMPORARY with file, line and mend: a file
 * that cannot be read, trusted or parsed. Free *u in any case. */
enum pv_class pv_users_read(const struct pv_folder *f, const struct pv_account *account, struct pv_users *u,
			    struct pv_error *e);
const struct pv_user_info *pv_users_find(const struct pv_users *u, const struct pv_user *name);
void pv_users_free(struct pv_users *u);

/* Has the user a secret for APOP? */
enum pv_class pv_apop_has(const struct pv_folder *f, const struct pv_account *account,
			  const struct pv_store *s, const struct pv_user *u, bool *has_r, struct pv_error *e);

struct pv_mailbox_info {
	char path[4096];
	bool exists, is_maildir;
	unsigned long long bytes, messages;
};

/* Where the mailbox of a user is, and how large; with_messages: also how many are in it, which costs a pass
 * over an mbox. */
enum pv_class pv_mailbox_look(const struct pv_store *s, const struct pv_folder *f,
			      const struct pv_account *account, const struct pv_user_info *u,
			      bool with_messages, struct pv_mailbox_info *m, struct pv_error *e);

#endif
