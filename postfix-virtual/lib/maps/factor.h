/*
 * factor.h: one expression that takes exactly the words of a list, with what they begin with in common
 * written once: `(?:a(?:bc|nna)|kvt)`.
 */
#ifndef PV_MAPS_FACTOR_H
#define PV_MAPS_FACTOR_H

#include "base/buffer.h"

enum pv_flavor {
	PV_FLAVOR_PCRE,	 /* pcre_table(5) */
	PV_FLAVOR_REGEXP /* regexp_table(5), POSIX: its groups all capture */
};

/*
 * Append the expression for words[0..count), at least one, sorted by their bytes, each once, of the
 * characters [a-z0-9._-]. It can stand beside others, as a choice has a group of its own; in_group: the
 * caller puts a group around it, which will do. Returns how many capturing groups it has (PCRE: none).
 */
size_t pv_factor(const char *const *words, size_t count, enum pv_flavor flavor, bool in_group,
		 struct pv_buf *out);

/* Append s[0..len) so that it stands for itself. */
void pv_factor_quote(const char *s, size_t len, struct pv_buf *out);

#endif
