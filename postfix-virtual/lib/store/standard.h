/*
 * standard.h: the addresses of a standard Postfix virtual domain (`postfix=yes` in `domains`):
 * /etc/virtual/<domain>/virtual, the account's, a line for each: `info  someone@example.org, root`, and
 * `@  someone@example.org` for all others.
 */
#ifndef PV_STANDARD_H
#define PV_STANDARD_H

#include "address/address.h"
#include "base/buffer.h"

#define PV_STANDARD_FILE "virtual"
#define PV_STANDARD_FILE_MAX ((size_t)4 << 20)

/* What a new domain's file holds: one with a comment alone is whole, an empty one is not. */
#define PV_STANDARD_HEAD "# address target, target: see postfix-virtual-files(5)\n"

enum {
	PV_STANDARD_LINES_MAX = 10000,
	PV_STANDARD_TARGETS_MAX = 100, /* of a line */
};

struct pv_standard_entry {
	struct pv_user local; /* len 0: all addresses that have no line */
	size_t at;	      /* of its targets, in text */
	unsigned line;
};

struct pv_standard {
	struct pv_standard_entry *list; /* sorted by local */
	size_t count;
	struct pv_buf text; /* of each entry `target, target` and a NUL */
};

/*
 * Parse a whole file (changed on the way) of domain d; `file` is for sentences. A target is an address, or
 * a local user's name. PV_TEMPORARY with file, line and mend, and nothing is taken: a name that is no user's
 * or stands there twice, no target, one that is none of these (a command, a file, a list, an address inside
 * of us), the address itself; too many lines or targets; a file that is empty or has no newline at its end.
 */
enum pv_class pv_standard_parse(struct pv_buf *text, const char *file, const struct pv_domain *d,
				struct pv_standard *s, struct pv_error *e);
void pv_standard_free(struct pv_standard *s);

/* The targets of an entry: `someone@example.org, root`. */
const char *pv_standard_targets(const struct pv_standard *s, const struct pv_standard_entry *entry);

/* The entry of `local`, or NULL. (That for all others is not looked at.) */
const struct pv_standard_entry *pv_standard_get(const struct pv_standard *s, const struct pv_user *local);

#endif
