/*
 * privilege.h: the one way to stop being root.
 */
#ifndef PV_PRIVILEGE_H
#define PV_PRIVILEGE_H

#include "base/error.h"

#include <sys/types.h>

/*
 * Become uid and gid for good: supplementary groups, then group, then user, each of the
 * real, effective and saved ids, and all capabilities; then verify that they are what was asked for and that
 * root cannot be had back. PV_PERMANENT for uid or gid 0; PV_TEMPORARY where a call
 * fails: the caller must then end without touching anything.
 */
enum pv_class pv_become(uid_t uid, gid_t gid, struct pv_error *e);

#endif
