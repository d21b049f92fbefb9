/*
 * fold.h: letters beyond ASCII that become letters of ASCII where case does not count (Unicode,
 * CaseFolding.txt, status C and F): the Kelvin sign is a k, a long s an s, a sharp s two of them, and there
 * are ligatures.
 *
 * Postfix's smtpd folds a recipient before it asks for it, its cleanup daemon afterwards does not. In an
 * exact table that makes no difference, since it folds what it is asked for; an expression has to know it.
 */
#ifndef PV_MAPS_FOLD_H
#define PV_MAPS_FOLD_H

#include "base/buffer.h"

#include <stdbool.h>

/* Is there a byte that is none of ASCII's? */
bool pv_fold_needed(const char *s, size_t len);

/* Append s[0..len) with each such letter as what it folds to; all else, capitals too, stays. */
void pv_fold(const char *s, size_t len, struct pv_buf *out);

/*
 * Append an expression for all spellings of s[0..len), which holds [a-z0-9._-] (of a stretch of over 6
 * letters that could be one ligature or sharp s after the other only those without them). It can stand beside
 * others.
 */
void pv_fold_quote(const char *s, size_t len, struct pv_buf *out);

/* Append an expression for one letter out of `set`, what stands in a class of letters a-z or some of them, or
 * one beyond ASCII that folds to letters of it. */
void pv_fold_class(const char *set, struct pv_buf *out);

#endif
