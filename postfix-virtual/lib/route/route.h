/*
 * route.h: what happens to mail for an address. One function, which reads and never writes, so that a
 * delivery, the maps and `explain` cannot disagree.
 *
 *     recipient -> domain alias or sub-domain -> receive off? -> aliases (nested; own file, then the extra
 * ones)
 *               -> user, or full name -> fallback -> refuse;
 *     for a user: forwards, responder, vacation, mailbox
 */
#ifndef PV_ROUTE_H
#define PV_ROUTE_H

#include "base/arena.h"
#include "route/trail.h"
#include "store/mail_conf.h"
#include "store/passwd.h"

enum {
	PV_ROUTE_DEPTH_MAX = 100, /* aliases that lead to aliases */
	PV_ROUTE_ACTIONS_MAX = 20000,
};

/* The recipient as it came: the local part may be anything (a catch-all gets mail for it). */
struct pv_recipient {
	const char *local; /* local part, unquoted; borrowed; may be empty: unknown */
	size_t local_len;
	struct pv_domain domain;
};

/* In the order in which a delivery does them. */
enum pv_action_kind {
	PV_ACTION_MAILBOX,  /* into the mailbox of `user`, by the settings `conf` */
	PV_ACTION_FILE,	    /* append to the mbox `text`; to the Maildir `text`, where that ends in a slash */
	PV_ACTION_COMMAND,  /* give it to `argv` */
	PV_ACTION_DISCARD,  /* nothing: `fallback = delete` */
	PV_ACTION_FORWARD,  /* send it to the address `text` */
	PV_ACTION_RESPOND,  /* answer with SPOOL/<domain>/.files/<text>.auto */
	PV_ACTION_VACATION, /* answer for `user`, if a vacation of his is on */
};

/* A user who was met on the way. */
struct pv_route_user {
	struct pv_user user;
	const char *home, *name; /* what passwd says of him: his home, his full name */
	unsigned line;		 /* of passwd; 0 where no trail is kept */
	struct pv_user_conf conf;
	struct pv_route_user *next;
};

/* A list that was included. */
struct pv_route_list {
	struct pv_buf text;
	struct pv_route_list *next;
};

struct pv_action {
	enum pv_action_kind kind;
	unsigned line;			/* what said so: of file */
	const struct pv_route_user *of; /* whose it is; NULL: nobody's */
	/* An address (FORWARD; as in an SMTP command, or a local name of the host's), a path (FILE), NAME of
	 * NAME.auto (RESPOND), the path of his text, which may be missing, and whose index is the same with
	 * `.db` behind it (VACATION).
	 */
	const char *text;
	const char *const *argv; /* NULL at the end; tokens are replaced */
	/* The envelope sender of this copy: owner-NAME of a list; NULL: the message's own. */
	const char *owner;
	const char *file;
};

struct pv_route {
	struct pv_folder folder;    /* of the domain that the recipient's domain stands for; fd >= 0 */
	struct pv_domain_conf conf; /* of that domain */
	bool refused;		    /* with status and text; there are no actions */
	char status[PV_ERROR_STATUS];
	char text[400];
	struct pv_action *actions; /* sorted by kind, else in the order of the files; one of each target */
	size_t count, room;
	bool by_fallback;
	struct pv_user
		name;	 /* the user or alias that the local part means, without its tag; len 0: neither */
	const char *tag; /* what stood behind the delimiter, into recipient->local; NULL: none */
	size_t tag_len;
	struct pv_arena arena;	     /* what the actions point to */
	struct pv_route_user *users; /* likewise */
	struct pv_route_list *lists;
};

struct pv_route_query {
	const struct pv_store *store;
	uid_t account;
	/* The account's home, which few mail needs: asked for then. NULL, or NULL from it: not known, and a
	 * file below it defers. */
	const char *(*account_home)(void *ctx);
	void *ctx;
	struct pv_recipient to;
	const char *sender;	/* the envelope sender, for %f; NULL: not known */
	struct pv_trail *trail; /* NULL: none */
};

/*
 * Which domain of ours does d stand for: itself, the target of its alias_of, or the nearest
 * parent that is one. PV_OK: f is open and belongs to `account`, or f->fd is -1: none of
 * account's. PV_TEMPORARY: a folder, or `domains`, cannot be read or trusted.
 */
enum pv_class pv_route_domain(const struct pv_store *s, uid_t account, const struct pv_domain *d,
			      struct pv_folder *f, struct pv_error *e);

/*
 * Resolve. PV_OK: *r is filled (pv_route_free()); it must stay where it is. PV_TEMPORARY, 4.3.5, nothing to
 * free: the domain is no domain of this account, or a file that is involved cannot be read, parsed or
 * trusted; a target that leads nowhere, a loop (the sentence names file and line): a wrong file, not a wrong
 * recipient.
 */
enum pv_class pv_route_resolve(const struct pv_route_query *q, struct pv_route *r, struct pv_error *e);
void pv_route_free(struct pv_route *r);

/* The action that puts the message into a mailbox of u's, or NULL. */
const struct pv_action *pv_route_mailbox_of(const struct pv_route *r, const struct pv_user *u);

#endif
