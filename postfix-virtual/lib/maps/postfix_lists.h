/*
 * postfix_lists.h: what this host's Postfix takes mail for besides us, as its settings say it: mydestination,
 * relay_domains and virtual_mailbox_domains of every instance, word by word.
 */
#ifndef PV_POSTFIX_LISTS_H
#define PV_POSTFIX_LISTS_H

#include "store/store.h"

#include <limits.h>
#include <stdbool.h>
#include <stddef.h>

/* Cut the next word of a list, which may be empty, and move *rest behind it. A table may be `type:{...}` with
 * blanks between its braces. */
char *pv_postfix_cut_word(char **rest);

struct pv_postfix_place {
	size_t instance;     /* pv_conf_instance() */
	char dir[PATH_MAX];  /* its main.cf is here */
	const char *setting; /* static */
	bool parents;	     /* a word means its sub-domains too (parent_domain_matches_subdomains) */
};

/* Who is told; anything but PV_OK ends the visit. */
struct pv_postfix_visitor {
	/* A name, also `.name` and `!name`; from the setting itself or from a file that it names. */
	enum pv_class (*word)(void *ctx, const struct pv_postfix_place *at, const char *word,
			      struct pv_error *e);
	/* A table, `type:name`. */
	enum pv_class (*table)(void *ctx, const struct pv_postfix_place *at, const char *table,
			       struct pv_error *e);
	void *ctx;
};

/* Go through all lists of all instances: one run of postconf(1) for each instance. */
enum pv_class pv_postfix_lists_visit(const struct pv_store *s, const struct pv_postfix_visitor *v,
				     struct pv_error *e);

#endif
