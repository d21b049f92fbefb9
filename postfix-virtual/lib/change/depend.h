/*
 * depend.h: what leads to a name of a domain: it would lead nowhere if that went, and may go round if that is
 * changed.
 */
#ifndef PV_DEPEND_H
#define PV_DEPEND_H

#include "change/work.h"
#include "store/alias_file.h"

/*
 * PV_PERMANENT, with file, line and mend, where an alias, an included list or the fallback of w's domain
 * leads to `name`. as_user: it is a user who goes, so that `\name` counts too. Where w->mark.aliases says
 * that the domain's own files of aliases follow him, they do not count.
 */
enum pv_class pv_depend_refuse(const struct pv_work *w, const char *name, bool as_user, struct pv_error *e);

/* Does a target name the user or alias `name` of domain d: as name, name+tag, or an address at any of d's
 * names? \name: only as_user. What is behind the name is *rest_r. */
bool pv_depend_is_name(const struct pv_store *s, const struct pv_domain *d, const char *name, bool as_user,
		       const struct pv_target *t, const char **rest_r);

/* Is there a file in w's domain that leads anywhere? Most domains have none; so no child need be asked. */
bool pv_depend_is_possible(const struct pv_work *w);

/* Is text the address of `name` in the domain, also with a tag, by an alias of the domain or below it? */
bool pv_depend_is_address(const struct pv_store *store, const struct pv_domain *domain, const char *name,
			  const char *text, size_t len);

#define PV_LEADERS_MAX 200

/*
 * The aliases of w's domain that lead to the name, directly or through others, as the files are now: each
 * with a NUL behind it, at most PV_LEADERS_MAX + 1. They are the account's word. PV_TEMPORARY: a file cannot
 * be read.
 */
enum pv_class pv_depend_leaders(const struct pv_work *w, const char *name, struct pv_buf *names,
				struct pv_error *e);
/* The same of them all: PV_PERMANENT, with its name, where one that works now would not, once w->mark is
 * carried out. What cannot be found out is a note (leaders.c). */
enum pv_class pv_depend_refuse_broken(struct pv_work *w, const char *name, struct pv_error *e);

#endif
