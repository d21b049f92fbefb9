/*
 * forward_loop.h: users of a domain whose forwards lead round.
 */
#ifndef PV_FORWARD_LOOP_H
#define PV_FORWARD_LOOP_H

#include "change/user_view.h"

/* PV_PERMANENT: with forward = list the mail of v's user comes back to him, at once or by way of other users
 * of the domain. (A delivery would stop there; but nobody can have meant it.) */
enum pv_class pv_forward_loop_refuse(const struct pv_user_view *v, const char *list, struct pv_error *e);

#endif
