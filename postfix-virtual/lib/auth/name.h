/*
 * name.h: whom somebody means who logs in: `user@domain`, `user%domain`, or `user` alone.
 */
#ifndef PV_AUTH_NAME_H
#define PV_AUTH_NAME_H

#include "address/address.h"
#include "store/store.h"

enum pv_login_kind {
	PV_LOGIN_VIRTUAL, /* a user of a domain, both of which may exist or not */
	PV_LOGIN_SYSTEM,  /* a name without a domain, for the host's own users */
	PV_LOGIN_NOBODY,  /* cannot be anybody; is refused like a wrong password, and as late */
};

struct pv_login_name {
	enum pv_login_kind kind;
	struct pv_address address;	 /* PV_LOGIN_VIRTUAL: behind aliases of domains */
	char host_user[PV_USER_MAX + 1]; /* PV_LOGIN_SYSTEM: as it was typed */
};

/*
 * The domain that the address of the server to which a client connected stands for: as pop3_domains in
 * virtual.conf says, else as /etc/hosts does: the name of the address there, or the nearest domain above it,
 * that is a domain of ours (an alias of one leads to its target). address: as inet_ntop(3) writes it; an IPv4
 * address mapped into IPv6 counts as itself. *found_r tells. PV_TEMPORARY: a file cannot be read.
 */
enum pv_class pv_login_server_domain(const struct pv_store *s, const char *address, struct pv_domain *d,
				     bool *found_r, struct pv_error *e);

/*
 * Whom does `typed` mean? server: the domain of the server's address, or NULL.
 *   user@domain, user%domain (the last of them divides): the domain, the target of its alias_of, or, for a
 *     host's name (joe@mailhost.kvt.dk), the nearest domain above it that is one; U-labels are taken
 *   user: in `server`; else in default_domain; else, with system_users, the host's own user
 *   user@default_domain where that is no domain of ours: the host's own user
 * PV_OK for every string, however hostile: PV_LOGIN_NOBODY. PV_TEMPORARY: `domains` or a folder cannot be
 * read or trusted.
 */
enum pv_class pv_login_name_parse(const struct pv_store *s, const char *typed, const struct pv_domain *server,
				  struct pv_login_name *n, struct pv_error *e);

#endif
