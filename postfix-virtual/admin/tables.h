/*
 * tables.h: what this host's Postfix makes of a recipient, asked as its cleanup daemon asks: by form of the
 * key first (the whole address, the address without its tag, the domain alone), then by table.
 */
#ifndef ADMIN_TABLES_H
#define ADMIN_TABLES_H

#include "route/route.h"

#define TABLES_TARGET_MAX 1024
#define TABLES_KEY_MAX 3000

struct tables_answer {
	char target[TABLES_TARGET_MAX]; /* what a table gives for it, as it stands there; "": none does */
	char key[TABLES_KEY_MAX];	/* the key that was found */
	char table[TABLES_TARGET_MAX];	/* in which table: `lmdb:/etc/virtual/maps/virtual` */
	bool by_expression;		/* that is virtual_regexp: pattern aliases, and the sub-domains */
	bool passes_tag;   /* the key had no tag, and Postfix puts that of the address behind the target */
	bool ours_missing; /* virtual_alias_maps of main.cf does not name our tables; they were asked alone */
};

/* Ask about `to`. PV_TEMPORARY: Postfix would defer it too: a table that cannot be opened ... */
enum pv_class tables_ask(const struct pv_store *s, const struct pv_recipient *to, struct tables_answer *r,
			 struct pv_error *e);

/*
 * Ask what Postfix says to a client about `to` before it looks for it, where `setup --refuse-texts` has put
 * the restriction into main.cf: r->target is the reply, `550 5.2.1 ...`, of virtual_refused; "": none.
 */
enum pv_class tables_ask_refused(const struct pv_store *s, const struct pv_recipient *to,
				 struct tables_answer *r, struct pv_error *e);

#endif
