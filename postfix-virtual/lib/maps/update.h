/*
 * update.h: bring Postfix's tables in map_directory up to date with the domains' files.
 *
 *     virtual          abc@kvt.dk   kvt_dk+abc--kvt.dk@virtual.invalid
 *     virtual_domains  kvt.dk       kvt_dk
 *
 * Each is a text file (sorted, with a checksum) and a table built from it. Whatever kills this, a
 * table holds all of its old or all of its new keys. What cannot be read keeps its old keys.
 */
#ifndef PV_MAPS_UPDATE_H
#define PV_MAPS_UPDATE_H

#include "address/address.h"
#include "base/buffer.h"
#include "base/error.h"
#include "maps/factor.h"
#include "store/store.h"

#include <stdbool.h>
#include <stddef.h>

struct pv_proof;

/* What to do with the proof of each domain's expressions (maps/proof.h); why NULL: it holds. */
struct pv_maps_prove {
	void (*say)(void *ctx, const struct pv_proof *p, const struct pv_error *why);
	void *ctx;
};

/* Where the expression for a domain's users goes, and for which kind of table it is (maps/user_expression.h).
 */
struct pv_maps_expression {
	enum pv_flavor flavor;
	struct pv_buf *out;
};

enum pv_progress {
	PV_PROGRESS_READ,  /* domains */
	PV_PROGRESS_PROVE, /* domains, their expressions */
	PV_PROGRESS_WRITE, /* keys, into texts and tables */
};

struct pv_maps_options {
	bool dry_run; /* write nothing; report.diff holds what would change in the texts */
	bool check;   /* write nothing and make no diff: only read and judge everything */
	bool force;   /* let any share of a domain's keys vanish */
	const struct pv_maps_prove *prove; /* prove the expressions of all domains of the run; with check */
	const struct pv_maps_expression *expression; /* of the only domain that is named; with check */
	bool must_exist; /* complain about a domain that has no folder, no alias_of and no keys */

	/*
	 * The change is about these users of one domain (the only one that is named) and nothing else: only
	 * their keys go, and of what else its files newly give. So the time that it takes does not depend on
	 * how much is in the tables. It is a hint: where something is missing, damaged or doubtful,
	 * everything is looked at. Not for a dry run or a check. Borrowed.
	 */
	const struct pv_user *only_users;
	size_t only_user_count;

	/* Called now and then, with how much of what is done. */
	void (*progress)(void *ctx, enum pv_progress what, size_t done, size_t total);
	void *progress_ctx;

	/* What is about to be deleted and still stands in the files: no key leads to it, however many keys a
	 * domain loses by that. The caller
	 * deletes it next; a full run by somebody else in between would bring the keys back, so where that
	 * matters call pv_maps_update() once more after the deletion. Borrowed. */
	const struct pv_address *without_users;
	size_t without_user_count;
	const struct pv_domain *without_domains;
	size_t without_domain_count;
};

/* One thing that could not be read, or was refused. The keys that it concerns are as they were. */
struct pv_maps_complaint {
	struct pv_domain domain; /* len 0: it concerns the host, not one domain */
	struct pv_error error;	 /* `FILE, line N: reason: mend`, in one sentence */
};

struct pv_maps_report {
	struct pv_maps_complaint *complaints; /* in the order of the domains */
	size_t complaint_count;
	size_t domains;			/* read and in the tables now, alias domains included */
	size_t keys;			/* of `virtual` now */
	size_t added, removed, changed; /* lines of both texts */
	bool unproved;			/* the new expressions could not be proved: those of before stay */
	bool touched;			/* something was written, also where it failed later */
	struct pv_buf diff;		/* unified, as of diff -u; for dry_run */
};

/*
 * Bring the tables up to date for domains[0..count), and for the alias domains that lead to them; all
 * others keep their keys. domains == NULL: for all domains, and those without a folder or a line in
 * `domains` go. Must be root, but for check and dry_run, which read what they may. One caller at a time:
 * a lock in run_directory, for at most 20 s.
 *
 * PV_OK: the tables are as up to date as can be; look at r->complaint_count: each domain there kept
 * the keys that it had (a program then exits 75). Otherwise nothing is known to have changed for the better:
 * PV_TEMPORARY (the lock, `domains`, a full disk, postmap ...). *r is valid in either case and must be
 * freed with pv_maps_report_free().
 *
 * Where virtual_regexp changed a reload is due: call pv_reload_if_due() next, without any lock.
 */
enum pv_class pv_maps_update(const struct pv_store *s, const struct pv_domain *domains, size_t count,
			     const struct pv_maps_options *options, struct pv_maps_report *r,
			     struct pv_error *e);

/* Bring only what Dovecot reads (dovecot.h) up to date for d, whose passwords have changed: no key depends on
 * them. The errors are those of pv_maps_update(). */
enum pv_class pv_maps_update_logins(const struct pv_store *s, const struct pv_domain *d,
				    struct pv_maps_report *r, struct pv_error *e);

/* The first complaint about d, or NULL. */
const struct pv_error *pv_maps_complaint_about(const struct pv_maps_report *r, const struct pv_domain *d);
void pv_maps_report_free(struct pv_maps_report *r);

#endif
