/*
 * postfix_config.h: main.cf and master.cf of this host's Postfix, read and changed by postconf(1).
 */
#ifndef PV_POSTFIX_CONFIG_H
#define PV_POSTFIX_CONFIG_H

#include "base/buffer.h"
#include "base/error.h"

#include <stdbool.h>
#include <sys/stat.h>

#define PV_VLOCAL "vlocal" /* our local(8) service */

/* The parameters that setup changes. */
enum pv_parameter {
	PV_ALIAS_MAPS,
	PV_ALIAS_DOMAINS,
	PV_TRANSPORT_MAPS,
	PV_RECIPIENT_LIMIT,
	PV_CONCURRENCY_LIMIT,
	PV_SENDER_TRANSPORTS,	   /* only where a domain has one */
	PV_RECIPIENT_RESTRICTIONS, /* only where setup was told to */
	PV_PARAMETERS
};

const char *pv_parameter_name(enum pv_parameter p);

/* What stands there. A string is NULL where nothing is said. To be freed. */
struct pv_postfix_config {
	char *value[PV_PARAMETERS]; /* as in main.cf */
	bool has_virtual_maps;	    /* the old name of virtual_alias_maps is set */
	char *service;		    /* vlocal's line of master.cf, its words with one blank between */
	char *myhostname;	    /* expanded */
	char *delimiter;	    /* recipient_delimiter, likewise: a set of characters, or empty */
};

/* What shall be changed. NULL, false: nothing. */
struct pv_postfix_edits {
	const char *value[PV_PARAMETERS];
	bool unset[PV_PARAMETERS];
	const char *service; /* a whole line */
	bool drop_service;
};

enum pv_class pv_postfix_config_read(const char *dir, struct pv_postfix_config *c, struct pv_error *e);
void pv_postfix_config_free(struct pv_postfix_config *c);

bool pv_postfix_edits_any(const struct pv_postfix_edits *edits);

/* Make the edits in the folder dir. The service comes before the words that lead to it, and goes after them.
 */
enum pv_class pv_postfix_config_edit(const char *dir, const struct pv_postfix_edits *edits,
				     struct pv_error *e);

/* Append the unified diff of what the edits do to main.cf and master.cf, which are made in copies: in
 * `work`/setup.preview, which is removed again and, where an earlier run was killed, first. work: a folder
 * that is root's alone; where it is not there yet it is made meanwhile. */
enum pv_class pv_postfix_config_diff(const char *dir, const char *work, const struct pv_postfix_edits *edits,
				     struct pv_buf *diff, struct pv_error *e);

/* main.cf and master.cf as they are. */
struct pv_postfix_files {
	struct pv_buf text[2];
	struct stat st[2];
};

enum pv_class pv_postfix_files_keep(const char *dir, struct pv_postfix_files *f, struct pv_error *e);
/* Make them again what they were, to the byte, if they are something else now. */
enum pv_class pv_postfix_files_put_back(const char *dir, const struct pv_postfix_files *f,
					struct pv_error *e);
void pv_postfix_files_free(struct pv_postfix_files *f);

/* `postfix check`. PV_PERMANENT, with its words, where it finds fault. */
enum pv_class pv_postfix_check(const char *dir, struct pv_error *e);

#endif
