/*
 * session.h: who is logged in: one session for each mailbox (RFC 1939, section 8: exclusive access), not too
 * many for one address, not too often for one user, and when a user was seen last. For root, before it
 * becomes the account: run_directory/sessions is locked in ranges of bytes by a keyed hash, so a killed
 * process leaves nothing behind.
 */
#ifndef PV_AUTH_SESSION_H
#define PV_AUTH_SESSION_H

#include "address/address.h"
#include "store/store.h"

#include <stdbool.h>
#include <sys/socket.h>
#include <time.h>

/* Take the session of a; it lasts until close(*fd_r) or the end of the process (it is not inherited by
 * programs, but shared by forked children). *free_r is false, and *fd_r -1: another one holds it. */
enum pv_class pv_session_take(const struct pv_store *s, const struct pv_address *a, int *fd_r, bool *free_r,
			      struct pv_error *e);

/* Take one of pop3_sessions_per_address places of the client's address (IPv4, or an IPv6 /64), likewise. */
enum pv_class pv_session_place(const struct pv_store *s, const struct sockaddr *client, int *fd_r,
			       bool *free_r, struct pv_error *e);

/*
 * Note that a logged in now: the time of state_directory/seen/DOMAIN/USER, an empty file of root's, written
 * where it is not of today (UTC). *early_r, where login_delay is set: the last login was less than that ago
 * (the time is then written at each login). PV_TEMPORARY: it cannot be noted; the login goes on.
 */
enum pv_class pv_session_seen(const struct pv_store *s, const struct pv_address *a, bool *early_r,
			      struct pv_error *e);

/*
 * u of d was deleted (to NULL), or renamed to `to`; d was deleted (u NULL): what was noted goes, or goes
 * along. *done_r: there was something. PV_TEMPORARY: it stands as it was.
 */
enum pv_class pv_session_forget(const struct pv_store *s, const struct pv_domain *d, const struct pv_user *u,
				const struct pv_user *to, bool *done_r, struct pv_error *e);

/* When a was seen last; 0: never, or before this was noted. */
enum pv_class pv_session_last(const struct pv_store *s, const struct pv_address *a, time_t *when_r,
			      struct pv_error *e);

#endif
