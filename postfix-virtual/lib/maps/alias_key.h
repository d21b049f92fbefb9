/*
 * alias_key.h: the name of an alias as an address: how a key can lead to it.
 */
#ifndef PV_MAPS_ALIAS_KEY_H
#define PV_MAPS_ALIAS_KEY_H

#include "address/address.h"

#define PV_LOCAL_MAX 64	       /* bytes of a local part (RFC 5321, section 4.5.3.1.1) */
#define PV_RICH_TARGETS_MAX 50 /* of an alias of the third kind */

enum pv_alias_kind {
	PV_ALIAS_PLAIN,	 /* what a user's name could be: it travels as one does */
	PV_ALIAS_TAGGED, /* such a name, a delimiter and a tag: likewise, with the tag behind the domain */
	PV_ALIAS_RICH,	 /* anything else: it does not travel, so the key leads to where the alias leads */
	PV_ALIAS_INNER,	 /* no address has it: only other aliases can lead there */
};

struct pv_alias_key {
	enum pv_alias_kind kind;
	struct pv_user user; /* the name, or what of it stands in front of the tag; not for a rich one */
	const char *tag;     /* into the name: the delimiter and what stands behind it; else "" */
	const char *why;     /* of an inner one: why no address has it */
};

/*
 * What is name, which is NUL-terminated and in lower case as far as it is ASCII? delimiters:
 * recipient_delimiter; `+` is one in any case, in inner addresses. PV_PERMANENT, reason and mend without a
 * place: Postfix would ask for it in other letters.
 */
enum pv_class pv_alias_key_read(const char *name, const char *delimiters, struct pv_alias_key *k,
				struct pv_error *e);

#endif
