/*
 * virtualdomains.h: qmail's control/virtualdomains: `pattern:prefix`, by which mail for a domain belongs to
 * the account that the prefix begins with.
 *
 * A pattern is a domain, `.domain` (what is below it), an address, or empty (everything). The longest one
 * wins; an empty prefix is an exception, as if the domain were local. control/locals goes before all of it.
 */
#ifndef PV_VIRTUALDOMAINS_H
#define PV_VIRTUALDOMAINS_H

#include "address/address.h"
#include "base/buffer.h"

#include <stdbool.h>

struct pv_virtualdomain {
	unsigned line; /* 0: no line fits */
	char text[512];
	char prefix[256]; /* `foo`, `foo-bar`; empty: an exception */
};

struct pv_virtualdomains {
	struct pv_virtualdomain itself; /* for any user of the domain */
	struct pv_virtualdomain below;	/* for any user of a sub-domain that has no line of its own */
	struct pv_buf notes; /* single addresses that lead elsewhere, sub-domains with lines of their own */
};

/* What the text of such a file says of d. file: for sentences. The text is changed. PV_PERMANENT, with file
 * and line: a line without a colon. To be freed in any case. */
enum pv_class pv_virtualdomains_parse(struct pv_buf *text, const char *file, const struct pv_domain *d,
				      struct pv_virtualdomains *v, struct pv_error *e);
void pv_virtualdomains_free(struct pv_virtualdomains *v);

/* Does the text of control/locals hold d? The text is changed. */
bool pv_locals_have(struct pv_buf *text, const struct pv_domain *d);

/* pv_virtualdomains_parse() of the file at this path, which must be root's. PV_PERMANENT also where d stands
 * in `locals` beside it, where no line fits, and where the one that fits is an exception. */
enum pv_class pv_virtualdomains_read(const char *path, const struct pv_domain *d, struct pv_virtualdomains *v,
				     struct pv_error *e);

#endif
