/*
 * readers.h: the children that read the files of all domains: several accounts side by side, each by one
 * child at a time, which reads a row of its domains.
 *
 * An account that stops, slows or kills its child costs the others nothing: who is silent does not count
 * among those that are at work, and is ended when its time is over.
 */
#ifndef PV_MAPS_READERS_H
#define PV_MAPS_READERS_H

#include "maps/reader.h"

enum {
	PV_READERS_AT_WORK = 6, /* children that send */
	PV_READERS_AT_WORK_LOGINS = 2,
	PV_READERS_MAX = 32, /* with those that are silent */
	PV_READERS_SILENT_MS = 250,
	PV_READERS_ROW = 6000, /* domains for one child, at most */

	/* The time of one child, and that of all of an account's: so much, and more for each of its domains.
	 */
	PV_READERS_SECONDS = 8,
	PV_READERS_CPU_SECONDS = 5,
	PV_READERS_MS_PER_DOMAIN = 2,
	PV_READERS_CHECK_SECONDS = 120, /* in place of either, for PV_READER_CHECK */
};

/* Bytes of one child, and of all that is held at once (what is being looked at comes on top). */
#define PV_READERS_CHILD_MAX (PV_READER_DOMAIN_MAX + PV_READER_ENOUGH)
#define PV_READERS_CHILD_MAX_LOGINS (PV_READER_LOGINS_MAX + PV_READER_ENOUGH)
#define PV_READERS_MEMORY ((size_t)85 << 20) /* more than those at work hold, of either kind */

/* An account and its domains. */
struct pv_readers_account {
	struct pv_reader_account ids;
	const struct pv_domain *const *domains;
	const bool *standard; /* [i]: domains[i] is a standard domain of Postfix's; NULL: none is */
	size_t count;
	/* Of pv_readers_run() alone. */
	size_t next;	  /* the first domain that no child has read */
	int64_t spent_ms; /* by children that ended */
};

/* What came of domains[domain] of accounts[account]: files->ok, or pv_files_error() says why not. */
typedef enum pv_class pv_readers_each(void *ctx, size_t account, size_t domain,
				      const struct pv_domain_files *files, struct pv_error *e);

/*
 * Read everything, and call each() once for every domain, a domain's slices being valid during that call.
 * Once a child of an account ended badly, the account's domains behind that are not tried. PV_TEMPORARY: no
 * memory, or each() failed.
 */
enum pv_class pv_readers_run(const struct pv_store *s, enum pv_reader_purpose purpose,
			     struct pv_readers_account *accounts, size_t count, pv_readers_each *each,
			     void *ctx, struct pv_error *e);

#endif
