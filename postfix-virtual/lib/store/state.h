/*
 * state.h: our own folders, run_directory and state_directory. Both are root's alone; no account can write in
 * them.
 */
#ifndef PV_STATE_H
#define PV_STATE_H

#include "base/error.h"

#include <sys/types.h>

/* Open the folder `path` (absolute), or `below` in it where that is not NULL; made with `mode` where missing,
 * but not its parents. It must be root's (the caller's) and writable by nobody else. *fd_r: usable with
 * *at(). */
enum pv_class pv_state_open(const char *path, const char *below, mode_t mode, int *fd_r, struct pv_error *e);

/* The same for one folder `name` in the folder dirfd, which is root's too; where: that one's path, for
 * sentences. */
enum pv_class pv_state_open_in(int dirfd, const char *where, const char *name, mode_t mode, int *fd_r,
			       struct pv_error *e);

#endif
