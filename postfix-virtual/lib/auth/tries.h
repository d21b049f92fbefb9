/*
 * tries.h: wrong passwords, counted by address and by user for all processes of the host, so that guessing
 * costs time. run_directory/tries, root's, a table of fixed size by a keyed hash; what it holds decays.
 *
 * Nobody is refused because of what others did from elsewhere: an address that guessed too much is refused
 * for a while; a user who is guessed at from many addresses costs each of them a wait, the owner too, of 2 s
 * at most. Two keys that meet in one place can cost a wait, and never a refusal.
 */
#ifndef PV_AUTH_TRIES_H
#define PV_AUTH_TRIES_H

#include "auth/keyed.h"

#include <stdbool.h>
#include <sys/socket.h>

struct pv_tries {
	struct pv_keyed file; /* file.fd -1: not counted (the table cannot be opened): all is allowed */
};

/* Open the table, make it where it is missing or damaged. PV_TEMPORARY: it cannot be, and all is allowed.
 * Each process opens it itself: two that share a descriptor over fork(2) do not lock each other out. */
enum pv_class pv_tries_open(const struct pv_store *s, struct pv_tries *t, struct pv_error *e);
void pv_tries_close(struct pv_tries *t);

/* Before a check: may this address (IPv4, or the /64 of an IPv6 one) try `who` (as it was typed, or the
 * address it means) now? false: too many wrong ones came from it, and *wait_s_r says for how long it is
 * refused. Else *wait_s_r is how many seconds to hold the answer at least: 4 at most, for what others did 2.
 * A client of no IP address (or NULL) is never refused. */
bool pv_tries_allow(struct pv_tries *t, const struct sockaddr *client, const char *who, unsigned *wait_s_r);

/* After a check: it was wrong; it was right (which forgives this address its tries for `who`). */
void pv_tries_wrong(struct pv_tries *t, const struct sockaddr *client, const char *who);
void pv_tries_right(struct pv_tries *t, const struct sockaddr *client, const char *who);

#endif
