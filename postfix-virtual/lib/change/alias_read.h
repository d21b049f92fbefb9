/*
 * alias_read.h: the aliases of a domain, for root: a child that became the account reads the files, and
 * nothing that comes back is believed before it was parsed.
 */
#ifndef PV_ALIAS_READ_H
#define PV_ALIAS_READ_H

#include "change/account.h"
#include "store/alias_file.h"

enum {
	PV_ALIAS_FILES = 3
}; /* the domain's own, then extra_aliases, in the order in which they are searched */

struct pv_aliases {
	struct pv_domain_conf conf; /* domain.conf, which names the others */
	struct pv_alias_file files[PV_ALIAS_FILES];
	char names[PV_ALIAS_FILES][NAME_MAX + 1]; /* in the domain's folder; "": there is no such one, or it
						     lies elsewhere: conf says */
	char paths[PV_ALIAS_FILES][PATH_MAX + NAME_MAX + 2]; /* for sentences; "": there is no such one */
};

/* PV_TEMPORARY with file, line and mend: a file that cannot be read or trusted. A file that is missing counts
 * as empty. Free *a in any case. */
enum pv_class pv_aliases_read(const struct pv_store *s, const struct pv_folder *f,
			      const struct pv_account *account, struct pv_aliases *a, struct pv_error *e);
void pv_aliases_free(struct pv_aliases *a);

#endif
