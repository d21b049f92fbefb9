/*
 * pcre.h: one expression, compiled as Postfix's pcre_table(5) does without flags, and tried with limits.
 */
#ifndef PV_MAPS_PCRE_H
#define PV_MAPS_PCRE_H

#include "base/error.h"

#include <stddef.h>

struct pv_pcre;

enum pv_match { PV_MATCH_NO, PV_MATCH_YES, PV_MATCH_TOO_MUCH };

/* What an honest expression needs for an address is a hundredth of this. */
enum { PV_PCRE_STEPS = 20000, PV_PCRE_DEPTH = 2000, PV_PCRE_HEAP_KIB = 2048 };

/*
 * Compile s[0..len). PV_PERMANENT: PCRE2 refuses it; *at_r (may be NULL) is the place in s, *e has PCRE2's
 * reason. PV_TEMPORARY: no memory. Free with pv_pcre_free().
 */
enum pv_class pv_pcre_compile(const char *s, size_t len, struct pv_pcre **r, size_t *at_r,
			      struct pv_error *e);
/*
 * Match r with what `with` matches with, some 20 KiB that each expression has of its own otherwise. with must
 * not be freed while r is used; pv_pcre_group() is about the last match of any of those that share.
 */
void pv_pcre_share(struct pv_pcre *r, const struct pv_pcre *with);
/* NULL is fine. */
void pv_pcre_free(struct pv_pcre *r);

/* Does s[0..len) match? PV_MATCH_TOO_MUCH: one of the limits was reached first. */
enum pv_match pv_pcre_match(struct pv_pcre *r, const char *s, size_t len);
/* Group n of the last match (0: all of it), as a part of that s; "" where it took no part. */
void pv_pcre_group(const struct pv_pcre *r, const char *s, unsigned n, const char **start_r, size_t *len_r);

#endif
