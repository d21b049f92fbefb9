/*
 * maildrop_exchange.h: put what was built beside a mailbox in its place, all at once.
 */
#ifndef PV_MAILDROP_EXCHANGE_H
#define PV_MAILDROP_EXCHANGE_H

#include "mailbox/location.h"

#include <limits.h>
#include <sys/stat.h>

/*
 * Let the mailbox at `where` and `name`, in the same folder, change places, and sync the folder. The caller
 * holds the mailbox's locks. was: the mailbox's status when it was read: what comes out must be that file
 * and, where it is no folder, of that size, since who asks for no lock may have been there; else both change
 * back.
 *
 * PV_OK: old[] is `name`, where the old mailbox is now. PV_TEMPORARY: the mailbox is as it was; but where
 * old[] is not "", it is there: the folder could not be synced, or they could not change back. PV_PERMANENT:
 * the file system cannot do this.
 */
enum pv_class pv_exchange(const struct pv_location *where, const char *name, const struct stat *was,
			  char old[NAME_MAX + 1], struct pv_error *e);

#endif
