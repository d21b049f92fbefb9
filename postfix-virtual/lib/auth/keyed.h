/*
 * keyed.h: what tries.c and session.c share: a file of fixed size in run_directory that begins with a secret
 * key, so that nobody outside can choose which of its places two names meet in. Only for auth/.
 */
#ifndef PV_AUTH_KEYED_H
#define PV_AUTH_KEYED_H

#include "base/hash.h"
#include "store/store.h"

#include <sys/socket.h>

#define PV_KEYED_HEAD 64 /* bytes at the front: magic, size, key, checksum */

struct pv_keyed {
	int fd; /* -1: not open */
	unsigned char key[PV_SUM_KEY];
};

/*
 * Open the file `name` in run_directory, which then has `size` bytes behind its head. Where it is missing or
 * damaged (its size, its head) it is made anew, with another key and zeros behind it. Each call gives an open
 * file description of its own, as OFD locks need. PV_TEMPORARY: it cannot be; k->fd is -1.
 */
enum pv_class pv_keyed_open(const struct pv_store *s, const char *name, off_t size, struct pv_keyed *k,
			    struct pv_error *e);

/* Lock len bytes at `at` (F_WRLCK), or let go of them (F_UNLCK). Tried until deadline_ms has passed; 0:
 * once. Returns 0, EAGAIN where somebody else holds them, or another errno value. */
int pv_keyed_lock(int fd, short type, off_t at, off_t len, unsigned deadline_ms);

/* What addresses are told apart by: IPv4 whole, also where it is mapped into IPv6; of IPv6 the /64. */
struct pv_client {
	unsigned char bytes[9];
	unsigned len; /* 0: it is no address of either kind, or NULL */
};

void pv_client_of(const struct sockaddr *address, struct pv_client *c);

#endif
