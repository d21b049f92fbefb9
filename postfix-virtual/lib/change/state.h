/*
 * state.h: the locks of who changes something, in run_directory.
 */
#ifndef PV_CHANGE_STATE_H
#define PV_CHANGE_STATE_H

#include "address/address.h"
#include "store/state.h"
#include "store/store.h"

#define PV_LOCK_DEADLINE_MS 20000

/* The lock that everyone holds who changes d: `run_directory/<domain>.lock`. No domain ends in
 * `.lock`, so no lock of a domain is another's file. Released by close(*fd_r). */
enum pv_class pv_state_lock_domain(const struct pv_store *s, const struct pv_domain *d, unsigned deadline_ms,
				   int *fd_r, struct pv_error *e);

/* Remove the file of that lock, which the caller holds; who waited for it takes a new one. For names that are
 * no domain (any more): a name that was mistyped shall leave nothing behind. */
void pv_state_drop_lock(const struct pv_store *s, const struct pv_domain *d);

/* The lock around `domains` and the host's own set-up. Taken after a domain's. */
enum pv_class pv_state_lock_host(const struct pv_store *s, int *fd_r, struct pv_error *e);

/* Held by who does what is due each night. PV_TEMPORARY at once where somebody does. */
enum pv_class pv_state_lock_nightly(const struct pv_store *s, int *fd_r, struct pv_error *e);

#endif
