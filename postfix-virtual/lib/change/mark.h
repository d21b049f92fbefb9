/*
 * mark.h: a change that is marked as begun: `state_directory/pending/<domain>`, written and synced before its
 * first step and removed after its last. Whoever finds one does the change's steps again: each
 * looks first whether it was done.
 *
 * It holds a password's hash: 0600, in a folder that is root's alone.
 */
#ifndef PV_MARK_H
#define PV_MARK_H

#include "change/account.h"
#include "store/passwd.h"

#include <limits.h>
#include <time.h>

enum pv_mark_kind {
	PV_MARK_DOMAIN_ADD,
	PV_MARK_DOMAIN_DELETE,
	PV_MARK_ADOPT,
	PV_MARK_USER_ADD,
	PV_MARK_USER_PASSWORD,
	PV_MARK_USER_APOP,
	PV_MARK_USER_HASH_ALL,
	PV_MARK_USER_RENAME,
	PV_MARK_USER_DISABLE,
	PV_MARK_USER_ENABLE,
	PV_MARK_USER_DELETE,
	PV_MARK_DOMAIN_SET,
	PV_MARK_DOMAIN_ALIAS,
	PV_MARK_DOMAIN_UNALIAS,
	PV_MARK_HOST_SET,
	PV_MARK_HOST_DELETE,
	PV_MARK_USER_SET,
	PV_MARK_ALIAS_ADD,
	PV_MARK_ALIAS_SET,
	PV_MARK_ALIAS_DELETE,
	PV_MARK_MAILBOX_CONVERT,
	PV_MARK_MAILBOX_REPAIR,
	PV_MARK_RESPONDER_SET,
	PV_MARK_RESPONDER_DELETE,
	PV_MARK_VACATION_ON,
	PV_MARK_VACATION_OFF,
	PV_MARK_VACATION_SET,
	PV_MARK_KINDS
};

#define PV_MARK_LINE_MAX (PV_PASSWD_LINE_MAX - 1)
#define PV_MARK_HISTORY_MAX 1900
#define PV_MARK_WORDS_MAX 1400
#define PV_MARK_EVENT_MAX 60
#define PV_MARK_SETTINGS_MAX 8000
#define PV_MARK_TARGETS_MAX 16000
#define PV_MARK_TEXT_MAX 420

/* An alias as it shall be. */
struct pv_mark_alias {
	char name[PV_MARK_TEXT_MAX + 1]; /* without quotes; "": none */
	char file[NAME_MAX + 1];	 /* in the domain's folder: `aliases` */
	char targets[PV_MARK_TARGETS_MAX + 1];
	char comment[PV_MARK_TEXT_MAX + 1];
	char expires[sizeof "2026-12-31"]; /* "": never */
};

/* Everything that the steps need, and nothing that may have changed since the checks. */
struct pv_mark {
	enum pv_mark_kind kind;
	struct pv_domain domain;
	struct pv_user user; /* len 0: a domain's change */
	struct pv_user to;   /* a user's new name; len 0: none */
	char account[PV_ACCOUNT_MAX + 1];
	uid_t uid;
	time_t when;
	bool sub_domains;
	bool unclear; /* what may be a hash is a password, too */
	bool aliases; /* those that lead to a user who is renamed shall lead to his new name */
	char line[PV_MARK_LINE_MAX +
		  1]; /* the user's line of passwd: the new one (add), else that of before */
	char hash[PV_MARK_LINE_MAX + 1];   /* a user's new hash; or secret for APOP, empty: none any more */
	char words[PV_MARK_WORDS_MAX + 1]; /* `name=value ...` of `domains`; or a host address's targets */
	char settings[PV_MARK_SETTINGS_MAX + 1]; /* `NAME=VALUE` of domain.conf or users/USER, a line each */
	struct pv_mark_alias alias;
	char *text; /* what a responder or a vacation answers with; NULL: none, or as it is */
	size_t text_len;
	bool no_key;			       /* the user or alias is to have no key afterwards */
	char event[PV_MARK_EVENT_MAX + 1];     /* its number, for hooks */
	char history[PV_MARK_HISTORY_MAX + 1]; /* its line there */
};

/* The words of a kind, as in the history: `user add`. */
const char *pv_mark_words(enum pv_mark_kind kind);

/* Does a change of this kind go without an account? (An alias has no folder that could be somebody's.) */
bool pv_mark_is_roots(enum pv_mark_kind kind);

/* dirfd: state_directory/pending. */
enum pv_class pv_mark_write(int dirfd, const struct pv_mark *m, struct pv_error *e);
/* PV_TEMPORARY: it cannot be read or is damaged; *found_r is false where there is none. Free *m in any case.
 */
enum pv_class pv_mark_read(int dirfd, const struct pv_domain *d, struct pv_mark *m, bool *found_r,
			   struct pv_error *e);
/* Overwrite all of it, and free its text. */
void pv_mark_free(struct pv_mark *m);
enum pv_class pv_mark_clear(int dirfd, const struct pv_domain *d, struct pv_error *e);

#endif
