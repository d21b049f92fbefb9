/*
 * address.h: the checked names. Only this room makes them; no other room builds a path, a
 * map key or a header from a string that is not one of these.
 *
 * The fields are read freely and written nowhere else.
 */
#ifndef PV_ADDRESS_H
#define PV_ADDRESS_H

#include "base/error.h"

#include <stdbool.h>
#include <stddef.h>

#define PV_USER_MAX 64	     /* bytes of a user's name */
#define PV_DOMAIN_MAX 253    /* bytes of a domain (RFC 1035, section 2.3.4, less the root) */
#define PV_EXTENSION_MAX 246 /* local part + `--` + domain: `.forward+` and it make a file name (255) */
#define PV_DELIMITER '+'     /* recipient_delimiter of our own local(8) service */

/* A user of a domain: [a-z0-9_][a-z0-9._-]*, lower case. */
struct pv_user {
	unsigned char len;
	char s[PV_USER_MAX + 1];
};

/* A domain: A-labels in lower case, two or more. */
struct pv_domain {
	unsigned char len;
	char s[PV_DOMAIN_MAX + 1];
};

/* What stands in place of a domain where a change is the host's: `host-addresses`, a name that no domain can
 * have, since it has one label. Good for the name of a lock, a mark and a history, and for nothing else. */
extern const struct pv_domain pv_domain_host;

struct pv_address {
	struct pv_user user;
	struct pv_domain domain;
};

/*
 * Check s[0..len) as a user's name and fold it to lower case. Refused (PV_PERMANENT, 5.1.3): empty,
 * over 64 bytes, bytes outside the grammar, `..`, a dot at the end, and names that end like
 * a file of ours or of another mail program: .lock .new .tmp .auto .vacation .db .journal .msg.
 */
enum pv_class pv_user_parse(const char *s, size_t len, struct pv_user *u, struct pv_error *e);

/*
 * Check s[0..len) as a domain and fold it to lower case: labels of 1 to 63 letters, digits and inner
 * hyphens, two or more, the last one not all digits; not below `.conf`, `.lock`, `.invalid`; no dot at the
 * end. PV_PERMANENT, 5.1.2, otherwise. A U-label is not taken here: see idn.h.
 */
enum pv_class pv_domain_parse(const char *s, size_t len, struct pv_domain *d, struct pv_error *e);

/* user@domain, both as above; the last `@` divides. */
enum pv_class pv_address_parse(const char *s, size_t len, struct pv_address *a, struct pv_error *e);

bool pv_user_equal(const struct pv_user *a, const struct pv_user *b);
bool pv_domain_equal(const struct pv_domain *a, const struct pv_domain *b);

/* Is `sub` a sub-domain of `parent` (not parent itself)? */
bool pv_domain_is_below(const struct pv_domain *sub, const struct pv_domain *parent);

/* Put the parent of d (one label less) into *up. Returns false when it would have one label. */
bool pv_domain_parent(const struct pv_domain *d, struct pv_domain *up);

#endif
