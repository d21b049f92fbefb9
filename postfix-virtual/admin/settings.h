/*
 * settings.h: settings of domain.conf and users/<user>, as a command shows them.
 */
#ifndef ADMIN_SETTINGS_H
#define ADMIN_SETTINGS_H

#include "place.h"

/* Put all that is set into the result: for u (NULL: for the domain); of what the domain says for him, with
 * file and line. */
enum pv_class put_settings(struct admin *a, const struct place *p, const struct pv_user *u,
			   struct pv_error *e);

/* Has each word behind the first an `=`? Else it is wrong usage. */
enum pv_class need_settings(struct admin *a, struct pv_error *e);

#endif
