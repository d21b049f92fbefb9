/*
 * alias_check.h: aliases that are well written, and cannot be all the same.
 */
#ifndef PV_ALIAS_CHECK_H
#define PV_ALIAS_CHECK_H

#include "change/alias_words.h"
#include "change/work.h"

/* Judge the alias in w's mark, but for where it leads. PV_PERMANENT, with the mend: no address can have that
 * name, or no key lead to it; a program that the account cannot execute; a pattern that takes too much. */
enum pv_class pv_alias_refuse(const struct pv_work *w, const struct pv_alias_word *name, struct pv_error *e);

/* The same of its files, which are known to lie where they may: PV_PERMANENT: the folder of one is missing,
 * or is not to be trusted. */
enum pv_class pv_alias_refuse_files(const struct pv_work *w, struct pv_error *e);

#endif
