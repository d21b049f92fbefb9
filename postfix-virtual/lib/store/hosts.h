/*
 * hosts.h: `host-addresses`: who on this host gets the addresses that every domain must
 * have (RFC 2142), a line each: `postmaster root` or `abuse abuse-desk@example.org, root`.
 * Where there is no such file, postmaster and abuse of every domain are the host's postmaster.
 */
#ifndef PV_HOSTS_H
#define PV_HOSTS_H

#include "address/address.h"
#include "store/store.h"

#define PV_HOST_TARGETS_MAX 1024 /* bytes of a list of targets */

struct pv_host_address {
	struct pv_user name; /* postmaster, abuse, webmaster, or another user's name */
	unsigned own;	     /* the PV_OWN_* bit that takes it from the host; 0: none does */
	char targets[PV_HOST_TARGETS_MAX +
		     1]; /* `root` or `root, abuse@example.org`: a map's value as it is */
};

struct pv_hosts {
	struct pv_host_address *list; /* sorted by name */
	size_t count;
};

/*
 * Read host-addresses. PV_TEMPORARY with file, line and mend: it is not to be trusted, a name that is no
 * user's, a name twice, no target, a target that is neither a local name nor an address.
 */
enum pv_class pv_hosts_load(const struct pv_store *s, struct pv_hosts *h, struct pv_error *e);
void pv_hosts_free(struct pv_hosts *h);

/* The entry for `name`, or NULL. */
const struct pv_host_address *pv_hosts_get(const struct pv_hosts *h, const struct pv_user *name);

/* The same from text (changed on the way); `file` is for sentences. */
enum pv_class pv_hosts_parse(struct pv_buf *text, const char *file, struct pv_hosts *h, struct pv_error *e);

/*
 * Write to out what the text of host-addresses becomes when `name` leads to `targets` (NULL: its line goes).
 * A file that is not there (text NULL) says what pv_hosts_load() takes for it. PV_PERMANENT: the targets are
 * none.
 */
enum pv_class pv_hosts_change(const struct pv_buf *text, const struct pv_user *name, const char *targets,
			      struct pv_buf *out, struct pv_error *e);

#endif
