/*
 * depend.h: what leads to a name of a domain that is to be taken away, and would lead nowhere then.
 */
#ifndef PV_DEPEND_H
#define PV_DEPEND_H

#include "change/work.h"

/*
 * PV_PERMANENT, with file, line and mend, where an alias, an included list or the fallback of w's domain
 * leads to `name`. as_user: it is a user who goes, so that `\name` counts too.
 */
enum pv_class pv_depend_refuse(const struct pv_work *w, const char *name, bool as_user, struct pv_error *e);

#endif
