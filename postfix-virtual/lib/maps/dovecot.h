/*
 * dovecot.h: the users of each domain for Dovecot: `map_directory/dovecot/DOMAIN`, a file of its driver
 * passwd-file; an alias domain's is a symlink to its target's. Readable by root and dovecot_group alone,
 * since the hashes are in it. Dovecot reads a file again when it has changed.
 *
 *     abc:{CRYPT}$y$j9T$...:601:100::/var/spool/virtual/kvt.dk/.imap/abc::user=abc@kvt.dk
 *         userdb_mail=mbox:~/mail:INBOX=/var/spool/virtual/kvt.dk/abc          (one line)
 */
#ifndef PV_MAPS_DOVECOT_H
#define PV_MAPS_DOVECOT_H

#include "maps/plan.h"
#include "maps/reader.h"

#define PV_DOVECOT_FOLDER "dovecot" /* in map_directory */
#define PV_DOVECOT_HOMES ".imap"    /* in a domain's spool: USER, his other folders and what Dovecot keeps */

/*
 * Bring the files of the plan's domains up to date, under the lock of the tables: what changed is replaced as
 * a whole. A domain that cannot be read, or was not, keeps its file; those of domains that are gone go, in a
 * run for all domains whoever's they were. Where there is no dovecot_group: no file, and what was there goes.
 * PV_TEMPORARY: a file cannot be written; each is the old or the new one.
 */
enum pv_class pv_dovecot_update(struct pv_maps_work *w, struct pv_error *e);

/*
 * The text of d's file (dovecot_lines.c): a line for each user who can log in. group: of d's account. Who
 * cannot be written is a complaint. PV_TEMPORARY: a file cannot be parsed; wipe out in any case.
 */
enum pv_class pv_dovecot_lines(struct pv_maps_work *w, const struct pv_plan_domain *d, gid_t group,
			       const struct pv_domain_files *files, struct pv_buf *out, struct pv_error *e);

#endif
