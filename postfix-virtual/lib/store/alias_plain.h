/*
 * alias_plain.h: the quick way to what most targets of an alias or lines of a list are. For alias_target.c
 * alone.
 */
#ifndef PV_ALIAS_PLAIN_H
#define PV_ALIAS_PLAIN_H

#include "store/alias_file.h"

/*
 * Cut a name or an address in which nothing has to be read twice from *list, which is moved behind it, to a
 * comma, to the byte `stop` or to `end`. t->text is where it stands in the list, without a NUL behind it.
 * Returns false, with nothing done, for all else, be it right or wrong: that is read at leisure.
 */
bool pv_target_plain(const char **list, const char *end, char stop, struct pv_target *t);

#endif
