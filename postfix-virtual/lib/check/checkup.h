/*
 * checkup.h: inside of check/: what a question is, what it knows, and how it says what it found.
 */
#ifndef PV_CHECKUP_H
#define PV_CHECKUP_H

#include "change/account.h"
#include "check/check.h"
#include "store/registry.h"

#include <limits.h>

#define PV_POSTFIX "/usr/sbin/postfix"

/* A domain that is looked at. */
struct pv_subject {
	struct pv_domain domain;
	const struct pv_registry_entry *said; /* its line in `domains`; NULL: none */
	bool is_alias;
	bool has_folder;	   /* it has one, be it to be trusted or not */
	bool is_claimed;	   /* Postfix takes its mail by a list of its own too; that was said */
	bool has_account;	   /* it has a folder that can be trusted, of an account that exists */
	struct pv_account account; /* valid if has_account */
	char folder[PATH_MAX];
};

struct pv_checkup {
	const struct pv_store *store;
	const struct pv_checkup_options *options;
	struct pv_registry registry;
	struct pv_subject *subjects; /* sorted by domain */
	size_t count;
	struct pv_findings *findings;
	const char *id; /* of the question under way */

	/* For a repair; NULL: only look. */
	struct pv_buf *said;
	bool dry;
};

/* The question fails with a class other than PV_OK: it could not be asked. */
typedef enum pv_class pv_question(struct pv_checkup *u, struct pv_error *e);

/* Say what was found. */
void pv_found(struct pv_checkup *u, enum pv_severity severity, const char *object, const char *fmt, ...)
	__attribute__((format(printf, 4, 5)));

/* The subject of that name, or NULL. */
const struct pv_subject *pv_subject_find(const struct pv_checkup *u, const struct pv_domain *d);
/* Append the domains of all subjects, a line each, with `before` in front of each. */
void pv_subjects_list(const struct pv_checkup *u, const char *before, struct pv_buf *out);

/* `the setting NAME (DIR/main.cf, line N)` where it stands there, else without a line. */
#define PV_PLACE_SIZE (PATH_MAX + 128)
void pv_setting_place(const char *dir, const char *name, char place[PV_PLACE_SIZE]);
/* The value of a setting of the instance in dir, expanded; without newline. */
enum pv_class pv_setting_value(const char *dir, const char *name, struct pv_buf *out, struct pv_error *e);
/* Where in the source of the table `type:name` (a word in the setting) the answer for key comes from: `FILE,
 * line N`, or, where that cannot be told, the table and the setting's place. key: as it was asked. */
void pv_table_place(const char *dir, const char *setting, const char *table, const char *key,
		    char place[PV_PLACE_SIZE]);

/* The questions. */

/* postfix_settings.c, received.c */
pv_question pv_check_running, pv_check_setup, pv_check_claimed, pv_check_settings, pv_check_received;
/* in_front.c */
pv_question pv_check_in_front;
/* caught.c */
pv_question pv_check_caught;
/* locks.c */
pv_question pv_check_locks;
/* tables.c, reload.c */
pv_question pv_check_maps, pv_check_tables, pv_check_reload, pv_check_needed;
/* files.c */
pv_question pv_check_files, pv_check_folders, pv_check_pending, pv_check_disk;
/* accounts.c */
pv_question pv_check_accounts;
/* queue.c */
pv_question pv_check_queue;
/* zones_check.c */
pv_question pv_check_zones;
/* network.c */
pv_question pv_check_network;

/* The repairs: of everything that the question of the same name would find. */
pv_question pv_repair_maps, pv_repair_reload, pv_repair_files, pv_repair_pending, pv_repair_accounts;

/* Note what a repair did, or would do. */
void pv_repaired(struct pv_checkup *u, const char *fmt, ...) __attribute__((format(printf, 2, 3)));

#endif
