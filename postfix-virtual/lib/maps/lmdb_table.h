/*
 * lmdb_table.h: a table of Postfix's type lmdb, read and changed while Postfix reads it.
 *
 * It is opened once, read as one state of its keys, and then changed, each time by one transaction: whoever
 * looks sees all old or all new keys, and so it is after a kill or a power cut. The caller holds a lock that
 * excludes our other writers; against postmap stands Postfix's own fcntl lock on the file, held from open to
 * close, so that what was read is still true when it is changed.
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

struct pv_table;

/*
 * Open the table at `path` (absolute, with .lmdb; borrowed), which is not created. PV_OK: *state_r tells what
 * was found; *t_r is the table where it is good, else NULL. PV_TEMPORARY: it cannot be opened, or its lock is
 * held for 20 s. writes: it may be changed. LMDB must not see a file twice in one process: close it first.
 */
enum pv_class pv_table_open(const char *path, bool writes, struct pv_table **t_r,
			    enum pv_table_state *state_r, struct pv_error *e);
void pv_table_close(struct pv_table *t);

/*
 * Reading, before the first pv_table_apply(). Strings are the table's own: those of a walk are valid until
 * the next step, others until pv_table_apply().
 */
size_t pv_table_count(struct pv_table *t);
size_t pv_table_bytes(struct pv_table *t);
/* The value of key, or NULL: it is not there, or the table is damaged (ask pv_table_judge()). */
const char *pv_table_get(struct pv_table *t, const char *key);
/* All keys in order: rewind, then step until it returns false: the end, or damage. */
void pv_table_rewind(struct pv_table *t);
bool pv_table_step(struct pv_table *t, struct pv_key *k);
/* What came of all reading so far: good or damaged. PV_TEMPORARY: it could not be read. */
enum pv_class pv_table_judge(const struct pv_table *t, enum pv_table_state *state_r, struct pv_error *e);

/*
 * Make those of the differences good that `which` names, in one transaction that is synced. PV_OK: *state_r
 * good: done; damaged: nothing was done, and the table has to be built anew. PV_TEMPORARY: a full disk, a
 * lock that is held for 20 s ...: the old keys stand.
 */
enum pv_class pv_table_apply(struct pv_table *t, const struct pv_differences *d, unsigned which,
			     enum pv_table_state *state_r, struct pv_error *e);

/* Gives the next pair, in the order of the keys; false: no more. */
typedef bool pv_table_source(void *ctx, struct pv_key *k);

/*
 * Make a table at `path`, where nothing is, that holds what next() gives, as postmap would, and sync it. It
 * is not whole before this returns PV_OK: build it under another name and rename it.
 */
enum pv_class pv_table_build(const char *path, pv_table_source *next, void *ctx, struct pv_error *e);

#endif
