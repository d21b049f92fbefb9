/*
 * show.h: what make-postfix-maps prints without changing anything: the proof of the expressions, and the
 * expression for a domain's users.
 */
#ifndef PV_SHOW_H
#define PV_SHOW_H

#include "maps/update.h"

/* What came of it, for the exit status; *e is filled where it is not PV_OK. */
struct pv_shown {
	enum pv_class class;
	size_t failed;	   /* domains whose expressions failed their proof */
	size_t complaints; /* were printed on standard error */
};

/* Prove the expressions of domains[0..count), or of all (NULL), and print a line for each domain; verbose:
 * the cases too. */
struct pv_shown pv_show_proof(const struct pv_store *s, const struct pv_domain *domains, size_t count,
			      bool verbose, struct pv_error *e);

/* Print the lines that name the users of d. */
struct pv_shown pv_show_expression(const struct pv_store *s, const struct pv_domain *d, enum pv_flavor flavor,
				   struct pv_error *e);

#endif
