/*
 * trash.h: what was deleted and can still be had back for 30 days: `.trash/NAME.20261120T105612Z`
 * in the folder where NAME was, so that one rename moves it, whatever its size.
 *
 * What lies in a domain's folder is the account's: call these as the account there.
 */
#ifndef PV_TRASH_H
#define PV_TRASH_H

#include "base/error.h"

#include <stdbool.h>
#include <stddef.h>
#include <time.h>

#define PV_TRASH_FOLDER ".trash"
#define PV_TRASH_DAYS 30

/*
 * Move `name` (a file or a folder) in the folder dirfd into its trash, made 0700 where it is missing, and
 * sync both. *moved_r: false where there is no `name`. PV_TEMPORARY: it stands where it was.
 */
enum pv_class pv_trash_put(int dirfd, const char *where, const char *name, time_t now, bool *moved_r,
			   struct pv_error *e);

/* The same for what stands at `path` below dirfd; in the trash it is called `name`. */
enum pv_class pv_trash_put_as(int dirfd, const char *where, const char *path, const char *name, time_t now,
			      bool *moved_r, struct pv_error *e);

/* Remove for good what has been in the trash of the folder dirfd for over 30 days (dry: count it only). What
 * cannot be removed stays, and is the error; the others go. *count_r: how many went. */
enum pv_class pv_trash_purge(int dirfd, const char *where, time_t now, bool dry, size_t *count_r,
			     struct pv_error *e);

/* When was the entry `name` of a trash put there? Returns false where its name does not say. */
bool pv_trash_time(const char *name, time_t *when_r);

/* Remove `name` in dirfd with everything below it, however deep, without following a symlink. */
enum pv_class pv_tree_remove(int dirfd, const char *where, const char *name, struct pv_error *e);

#endif
