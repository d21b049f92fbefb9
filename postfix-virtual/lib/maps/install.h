/*
 * install.h: put new sets of keys in force: folder, lock, texts, tables, in an order in which no
 * real user is ever refused.
 */
#ifndef PV_MAPS_INSTALL_H
#define PV_MAPS_INSTALL_H

#include "maps/plan.h"

/* Take the lock in run_directory (made if it is missing) that excludes every other writer, and remove what a
 * killed one left. Released by close(*lock_r). PV_TEMPORARY: held for 20 s by another, or cannot be made. */
enum pv_class pv_install_lock(const struct pv_store *s, int *lock_r, struct pv_error *e);

/* Write w->next into map_directory. PV_TEMPORARY: something failed; each text and each table is
 * the old or the new one, and the next run mends what is missing. */
enum pv_class pv_install(struct pv_maps_work *w, struct pv_error *e);

#endif
