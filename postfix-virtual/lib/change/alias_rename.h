/*
 * alias_rename.h: the aliases that lead to a user who gets another name, so that they go on leading to him:
 * in the file aliases, and in those of extra_aliases that lie in the domain's folder.
 */
#ifndef PV_ALIAS_RENAME_H
#define PV_ALIAS_RENAME_H

#include "change/work.h"

/*
 * Could they follow w->mark.user to w->mark.to? Asked as the account. PV_PERMANENT, with file, line and mend:
 * there is an alias of the old name or the new one, so that it cannot be told what leads to the user; or a
 * file cannot be replaced.
 */
enum pv_class pv_alias_rename_refuse(const struct pv_work *w, struct pv_error *e);

/* The step, as the account: each such target names the new one (abc, abc+tag, \abc, abc@ any name of the
 * domain's). Done again it is nothing. */
enum pv_class pv_step_aliases_rename(struct pv_step *s, struct pv_error *e);

#endif
