/*
 * extension.h: `user--domain`, the form in which a virtual address travels as the address
 * extension of the domain's account (`account+user--domain`), both ways.
 *
 * The way back is not unique (`a--b--c.dk`), so it gives every reading, and the caller
 * keeps those whose domain it knows: one is the answer, two are an error.
 */
#ifndef PV_EXTENSION_H
#define PV_EXTENSION_H

#include "address/address.h"

/* A buffer for pv_extension_format(). */
#define PV_EXTENSION_SIZE (PV_EXTENSION_MAX + 1)

/* Write `user--domain`. PV_PERMANENT where it is longer than 246 bytes: Postfix could not
 * find the .forward file of that name. */
enum pv_class pv_extension_format(const struct pv_user *u, const struct pv_domain *d,
				  char out[PV_EXTENSION_SIZE], struct pv_error *e);

struct pv_extension_reading {
	bool has_user;	     /* false for `--domain`: a catch-all */
	struct pv_user user; /* valid if has_user */
	struct pv_domain domain;
	const char *tag;   /* into the input: what stood behind a delimiter */
	size_t tag_len;	   /* 0: no tag */
	bool tag_in_front; /* user+tag--domain: only the tables of 2002 write that */
};

/*
 * Find the next reading of ext[0..len) at or behind *from (0 at first), which is moved on. Both
 * `user--domain+tag` (propagate_unmatched_extensions) and `user+tag--domain` (the form of 2002) are
 * read. Returns false at the end. A reading has a valid domain and a valid or empty user.
 */
bool pv_extension_next(const char *ext, size_t len, size_t *from, struct pv_extension_reading *r);

/*
 * What Postfix's local(8) makes of a name in a .forward file's name and in the environment of a
 * command: every byte outside [0-9A-Za-z!@%-_=+:,./] becomes `_`, letters are folded. Two names
 * with equal results are one name to it. In place.
 */
void pv_extension_fold(char *s, size_t len);

#endif
