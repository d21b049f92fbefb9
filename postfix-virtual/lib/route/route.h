/*
 * route.h: what happens to mail for an address. One function, which reads and never
 * writes, so that a delivery, the maps and `explain` cannot disagree.
 *
 *     recipient → domain alias, or sub-domain → user → receive off? → fallback → refuse
 */
#ifndef PV_ROUTE_H
#define PV_ROUTE_H

#include "store/folder.h"
#include "store/passwd.h"

/* The recipient as it came: the local part may be anything (a catch-all gets mail for it). */
struct pv_recipient {
	const char *local; /* local part, unquoted; borrowed; may be empty: unknown */
	size_t local_len;
	struct pv_domain domain;
};

enum pv_route_kind {
	PV_ROUTE_MAILBOX, /* into the mailbox of entry.user */
	PV_ROUTE_REFUSE,  /* with status and text */
};

struct pv_route {
	enum pv_route_kind kind;
	struct pv_folder folder;      /* of the domain that the recipient's domain stands for; fd >= 0 */
	struct pv_passwd_entry entry; /* valid for PV_ROUTE_MAILBOX */
	bool by_fallback;
	const char *tag; /* what stood behind the delimiter, into recipient->local; NULL: none */
	size_t tag_len;
	char status[PV_ERROR_STATUS]; /* for PV_ROUTE_REFUSE */
	char text[200];
};

/*
 * Which domain of ours does d stand for: itself, the target of its alias_of, or the nearest
 * parent that is one. PV_OK: f is open and belongs to `account`, or f->fd is -1: none of
 * account's. PV_TEMPORARY: a folder, or `domains`, cannot be read or trusted.
 */
enum pv_class pv_route_domain(const struct pv_store *s, uid_t account, const struct pv_domain *d,
			      struct pv_folder *f, struct pv_error *e);

/*
 * Resolve `to` for account. PV_OK: *r is filled and owns r->folder (pv_route_free()).
 * PV_TEMPORARY: the domain is no domain of this account (the maps may be ahead or behind), or one of the
 * files involved cannot be read, parsed or trusted.
 */
enum pv_class pv_route_resolve(const struct pv_store *s, uid_t account, const struct pv_recipient *to,
			       struct pv_route *r, struct pv_error *e);
void pv_route_free(struct pv_route *r);

#endif
