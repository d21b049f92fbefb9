/*
 * postfix.h: Postfix's own programs, started by absolute path with a clean environment and
 * without a shell.
 */
#ifndef PV_MAPS_POSTFIX_H
#define PV_MAPS_POSTFIX_H

#include "address/address.h"
#include "base/buffer.h"
#include "base/error.h"
#include "store/store.h"

#include <stdbool.h>
#include <stddef.h>

#define PV_POSTMAP "/usr/sbin/postmap"
#define PV_POSTCONF "/usr/sbin/postconf"

/* Is Postfix's program at `path` there? */
bool pv_postfix_has(const char *path);

/* pv_program_run(), with a sentence that says what to install where there is no such program. */
enum pv_class pv_postfix_run(const char *const argv[], const struct pv_buf *input, unsigned seconds,
			     struct pv_buf *out, struct pv_buf *err, int *status_r, struct pv_error *e);

/*
 * The same with the rule for postmap and postconf: any byte on its standard error is a failure, whatever the
 * exit status (postmap skips bad lines and exits 0). Exit status 1 with nothing on it is PV_OK:
 * `postmap -q` found nothing.
 */
enum pv_class pv_postfix_ask(const char *const argv[], const struct pv_buf *input, unsigned seconds,
			     struct pv_buf *out, struct pv_error *e);

/* What else this host's Postfix takes mail for. */
struct pv_postfix_domain {
	struct pv_domain domain;
	const char *setting; /* mydestination, relay_domains or virtual_mailbox_domains; static */
	size_t instance;     /* of which instance: pv_conf_instance() */
	bool itself;	     /* the domain */
	bool below;	     /* its sub-domains, all of them (relay_domains; pv_postfix_names_list() only) */
};

struct pv_postfix_domains {
	struct pv_postfix_domain *v; /* sorted by domain; a domain once */
	size_t count;
};

/*
 * Which of *domains[0..count) stand in mydestination, relay_domains or virtual_mailbox_domains of any
 * instance, be it as a word there, in a file or in a table named there: a question for each instance and one
 * for each table, however many domains there are. Without Postfix on this host: none.
 */
enum pv_class pv_postfix_domains_find(const struct pv_store *s, const struct pv_domain *const *domains,
				      size_t count, struct pv_postfix_domains *r, struct pv_error *e);
/* Where d stands, or NULL. */
const struct pv_postfix_domain *pv_postfix_domains_get(const struct pv_postfix_domains *r,
						       const struct pv_domain *d);

/*
 * All names of two labels or more in these lists of all instances. What cannot be listed, a regexp table
 * say, or a word with `!`, is told in *unlisted, a sentence and a newline each, and is no failure. Costs as
 * much as reading all these tables: to be asked only where it matters.
 */
enum pv_class pv_postfix_names_list(const struct pv_store *s, struct pv_postfix_domains *r,
				    struct pv_buf *unlisted, struct pv_error *e);

void pv_postfix_domains_free(struct pv_postfix_domains *r);

#endif
