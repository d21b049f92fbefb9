/*
 * change.h: every change that an administrator can make, one function each.
 *
 * Each takes the domain's lock (for at most 20 s), finishes what a killed change of this domain left, checks,
 * marks the change as begun, does it in an order that never refuses a real user, writes the
 * history, brings the maps up to date, clears the mark. Each must run as root.
 *
 * Returns: PV_OK: done. PV_PERMANENT: refused, with the reason and the mend; nothing was changed.
 * PV_TEMPORARY: it failed; nothing was changed, or (c->begun) the next command finishes it.
 */
#ifndef PV_CHANGE_H
#define PV_CHANGE_H

#include "address/address.h"
#include "base/buffer.h"
#include "store/folder.h"
#include "store/mail_conf.h"
#include "store/password.h"
#include "store/registry.h"
#include "store/store.h"

#include <stdbool.h>
#include <time.h>

/* Who changes what, and what came of it. */
struct pv_change {
	const struct pv_store *store;
	const char *who;   /* for the history */
	const char *where; /* likewise: `local`, an address ... */
	bool dry;	   /* change nothing; say what would change in `diff` */

	bool begun;	     /* out: it failed half way, and the next command finishes it */
	bool already;	     /* out: there was nothing to do */
	struct pv_buf notes; /* out: sentences for the administrator, a line each */
	struct pv_buf diff;  /* out, if dry: unified diffs */
};

void pv_change_start(struct pv_change *c, const struct pv_store *s, const char *who, const char *where);
void pv_change_free(struct pv_change *c);

/*
 * Finish every change that is marked as begun, of any domain, and throw away what has been in the trash for
 * 30 days. What cannot be finished is a note and is tried again next time; a domain whose lock somebody holds
 * is passed over.
 */
void pv_change_finish_all(struct pv_change *c);

/* Domains. */

struct pv_domain_add {
	const char *account; /* who shall own it; NULL: the account whose name is derived from the domain's */
	bool create_account; /* make that account, if there is none */
	uid_t first_uid;     /* from which on it gets the first that is free; 0: as virtual.conf says */
	bool sub_domains;    /* also mail for every sub-domain */
	bool standard;	     /* a domain of Postfix's own kind, without mailboxes */
};

enum pv_class pv_domain_add(struct pv_change *c, const struct pv_domain *d, const struct pv_domain_add *o,
			    struct pv_error *e);

/* Settings, users and mail go to the trash, .forward files and keys away. The account stays. Of an alias its
 * line in `domains` goes. */
enum pv_class pv_domain_delete(struct pv_change *c, const struct pv_domain *d, struct pv_error *e);

/* Change what `domains` and domain.conf say of d: words `name=value`, nothing behind the `=` for the default.
 * All or none. */
enum pv_class pv_domain_set(struct pv_change *c, const struct pv_domain *d, char *const words[], size_t count,
			    struct pv_error *e);

/* Make d another name of target, which has the users. pv_domain_delete() undoes it. */
enum pv_class pv_domain_alias(struct pv_change *c, const struct pv_domain *d, const struct pv_domain *target,
			      struct pv_error *e);

/* The host's addresses in every domain (store/hosts.h); targets: `root, abuse@example.org`. */
enum pv_class pv_host_address_set(struct pv_change *c, const struct pv_user *name, const char *targets,
				  struct pv_error *e);
enum pv_class pv_host_address_delete(struct pv_change *c, const struct pv_user *name, struct pv_error *e);

struct pv_adopt {
	const char *account;	    /* whose the domain is; NULL: what the old site says */
	const char *virtualdomains; /* the path of qmail's file; NULL: none */

	/* Out, a line each: */
	struct pv_buf summary;
	struct pv_buf
		remove;	    /* `FILE:LINE: TEXT` of what stands in the way, in the order in which it may go */
	struct pv_buf todo; /* the same with what has to be done between, for people */
	struct pv_buf know; /* what else the administrator of such a site should know */
};

void pv_adopt_start(struct pv_adopt *o);
void pv_adopt_free(struct pv_adopt *o);

/*
 * Take over a domain as it stands on this host since 2002 (or with qmail's virtualdomains): its folder,
 * users, .forward files and mail stay, byte for byte. No table of the administrator's, and not main.cf, is
 * changed. Nothing to do: c->already, and the advice is given all the same.
 */
enum pv_class pv_domain_adopt(struct pv_change *c, const struct pv_domain *d, struct pv_adopt *o,
			      struct pv_error *e);

/* Users. */

struct pv_user_add {
	const char *name; /* a person's name; may be empty */
	const char *home; /* NULL: `.`, none */
	const char *hash; /* of the password */
};

enum pv_class pv_user_add(struct pv_change *c, const struct pv_address *a, const struct pv_user_add *o,
			  struct pv_error *e);
enum pv_class pv_user_password(struct pv_change *c, const struct pv_address *a, const char *hash,
			       struct pv_error *e);

/* Give a user a secret for APOP, or (NULL) take it away. */
enum pv_class pv_user_apop(struct pv_change *c, const struct pv_address *a, const char *secret,
			   struct pv_error *e);

/* How many passwords of a domain are what (enum pv_password_kind). */
struct pv_password_counts {
	size_t of[PV_PASSWORD_KINDS];
	size_t hashed; /* out: made a hash now, or in a dry run to be made */
};

/* Hash every password of d that stands there in plain text, in one replacement of passwd. unclear: also
 * those that may be hashes. */
enum pv_class pv_users_hash_all(struct pv_change *c, const struct pv_domain *d, bool unclear,
				struct pv_password_counts *n, struct pv_error *e);
/* Mailbox, password and settings go with the name. aliases: those that lead to him in the domain's own files
 * lead to the new name (alias_rename.h); else they are in the way. */
enum pv_class pv_user_rename(struct pv_change *c, const struct pv_address *a, const struct pv_user *to,
			     bool aliases, struct pv_error *e);
/* on = false: mail is refused and no login possible; the mailbox stays. */
enum pv_class pv_user_enable(struct pv_change *c, const struct pv_address *a, bool on, struct pv_error *e);
enum pv_class pv_user_delete(struct pv_change *c, const struct pv_address *a, struct pv_error *e);

/* Change the user's own settings, users/USER: words `name=value`, nothing behind the `=` for the default. All
 * or none. */
enum pv_class pv_user_set(struct pv_change *c, const struct pv_address *a, char *const words[], size_t count,
			  struct pv_error *e);

/* Responders: machines that answer whoever writes to an address, which need be no user's. text[0..len): a
 * whole message, see store/answer_text.h. */
enum pv_class pv_responder_set(struct pv_change *c, const struct pv_address *a, const char *text, size_t len,
			       struct pv_error *e);
enum pv_class pv_responder_delete(struct pv_change *c, const struct pv_address *a, struct pv_error *e);

/* Vacations of users. */

enum pv_vacation_turn { PV_VACATION_KEEP, PV_VACATION_ON, PV_VACATION_OFF };

struct pv_vacation {
	enum pv_vacation_turn turn;
	const char *text; /* a whole message, with a Subject; NULL: as it is */
	size_t text_len;
	/* The first and last day, as 2026-12-24, and after how many days the same sender is answered again;
	 * "": none, and the domain's number; NULL: as it is. */
	const char *from, *until, *days;
};

enum pv_class pv_vacation_set(struct pv_change *c, const struct pv_address *a, const struct pv_vacation *o,
			      struct pv_error *e);

/* Aliases. */

struct pv_alias_set {
	bool must_be_new;     /* refuse one that is there */
	char *const *targets; /* as typed, see change/alias_words.h */
	size_t target_count;  /* 0: those that it has */
	const char *comment;  /* NULL: the one that it has */
	const char *expires;  /* likewise; "": never */
	unsigned file;	      /* 0: the domain's own; 1, 2: of extra_aliases */
};

struct pv_alias_word;

enum pv_class pv_alias_set(struct pv_change *c, const struct pv_domain *d, const struct pv_alias_word *name,
			   const struct pv_alias_set *o, struct pv_error *e);
enum pv_class pv_alias_delete(struct pv_change *c, const struct pv_domain *d,
			      const struct pv_alias_word *name, unsigned file, struct pv_error *e);

/* Mailboxes. */

/* Make the user's mailbox a Maildir or an mbox, and note that in his settings; the old one goes to the trash.
 * c->already: it is one, and they say so. PV_TEMPORARY also while a POP3 session of his is open. */
enum pv_class pv_mailbox_format_set(struct pv_change *c, const struct pv_address *a,
				    enum pv_mailbox_format format, struct pv_error *e);

/* Mend what is wrong with the user's mailbox (mailbox/maildrop_verify.h), NUL bytes too where remove_nuls;
 * the mailbox of before goes to the trash. c->already: there is nothing to mend. PV_TEMPORARY also while a
 * POP3 session of his is open. */
enum pv_class pv_mailbox_mend(struct pv_change *c, const struct pv_address *a, bool remove_nuls,
			      struct pv_error *e);

#endif
