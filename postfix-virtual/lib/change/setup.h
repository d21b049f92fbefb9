/*
 * setup.h: postfix-virtual and this host's Postfix: our words in main.cf and our service in master.cf of each
 * instance, our folders and empty tables; and all words out again.
 */
#ifndef PV_SETUP_H
#define PV_SETUP_H

#include "change/setup_record.h"

#include <limits.h>

/* One instance of Postfix. */
struct pv_setup_instance {
	char dir[PATH_MAX];
	bool listed; /* in postfix_config_directory; else an undo finds our words there all the same */
	bool gone;   /* likewise, and it has no main.cf any more */
	struct pv_postfix_config now;
	struct pv_setup_record record; /* of before */
	struct pv_setup_record next;   /* of afterwards; for an undo empty */
	struct pv_postfix_edits edits;
	char *values[PV_PARAMETERS]; /* what edits points to */
	char *service;		     /* likewise */
};

struct pv_setup {
	bool undo, refuse_texts;
	bool nothing;	  /* everything is as it should be */
	bool has_senders; /* a domain has a sender_transport */
	struct pv_setup_instance *instances;
	size_t count;
	struct pv_buf conf_before, conf; /* the text of virtual.conf, and the new one */
	bool conf_found, conf_changes;
	struct pv_buf diff;  /* of main.cf and master.cf of all instances, and of virtual.conf */
	struct pv_buf notes; /* sentences, a line each */
};

/* What an administrator wants. */
struct pv_setup_order {
	bool undo;
	bool refuse_texts; /* what an earlier setup was told stays in force */
};

/*
 * Find out what is to be done, and show it in p->diff. Nothing is changed. PV_PERMANENT, with the mend: no
 * Postfix, no lmdb or pcre in it, a foreign service `vlocal`, a map_directory that main.cf cannot hold.
 * To be freed in any case.
 */
enum pv_class pv_setup_plan(const struct pv_store *s, const struct pv_setup_order *order, struct pv_setup *p,
			    struct pv_error *e);

/* Do it: records, folders, tables, words, `postfix check`, reload. Where one instance cannot be changed, or
 * its check finds fault, all get their files back as they were. Must be root. */
enum pv_class pv_setup_apply(const struct pv_store *s, struct pv_setup *p, struct pv_error *e);

void pv_setup_free(struct pv_setup *p);

#endif
