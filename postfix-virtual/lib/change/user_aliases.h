/*
 * user_aliases.h: what the aliases of a domain say of a name that becomes a user's.
 */
#ifndef PV_USER_ALIASES_H
#define PV_USER_ALIASES_H

#include "change/work.h"

/* PV_PERMANENT, with file and line, where an alias or the fallback writes to the file that would be the
 * mailbox of u: he would find the mail of others in it, and theirs would be deferred. An alias of the name,
 * which goes before the user, is a note; so is a file that cannot be read. */
enum pv_class pv_user_aliases_refuse(const struct pv_work *w, const struct pv_user *u, struct pv_error *e);

#endif
