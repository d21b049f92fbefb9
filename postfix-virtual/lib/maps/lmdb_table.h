/*
 * lmdb_table.h: a table of Postfix's type lmdb, changed while Postfix reads it.
 *
 * Changes are one transaction: whoever looks sees all old or all new keys, and so it is after a
 * kill or a power cut. The caller holds a lock that excludes our other writers; against postmap and readers
 * stands Postfix's own fcntl lock on the file.
 */
#ifndef PV_MAPS_LMDB_TABLE_H
#define PV_MAPS_LMDB_TABLE_H

#include "maps/keys.h"

enum pv_table_state {
	PV_TABLE_GOOD,
	PV_TABLE_MISSING,
	PV_TABLE_DAMAGED, /* not LMDB's, cut short, or not written as Postfix does */
};

enum {			 /* which differences pv_table_apply() makes good */
       PV_TABLE_ADD = 1, /* new keys, and new values of keys that are there */
       PV_TABLE_REMOVE = 2,
};

/*
 * Read all keys of the table at `path` (absolute, with .lmdb) into *keys, sorted, with their strings in *a.
 * PV_OK: *state_r tells what was found; keys only where it is good. PV_TEMPORARY: it could not be read.
 */
enum pv_class pv_table_read(const char *path, struct pv_arena *a, struct pv_keys *keys,
			    enum pv_table_state *state_r, struct pv_error *e);

/*
 * Make the table at `path` hold what `want` (sorted) holds, as far as `which` says, in one transaction that
 * is synced. Nothing is written where nothing differs. PV_OK: *state_r good: done; otherwise nothing was
 * done, and the table has to be built anew. PV_TEMPORARY: a full disk, a lock that is held for 20 s ...: the
 * old keys stand.
 */
enum pv_class pv_table_apply(const char *path, const struct pv_keys *want, unsigned which,
			     enum pv_table_state *state_r, struct pv_error *e);

#endif
