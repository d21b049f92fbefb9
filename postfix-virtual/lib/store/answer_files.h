/*
 * answer_files.h: the two files of one who is answered for: the text, and the index of who was answered
 * (answered.h).
 *
 *     a responder NAME:  SPOOL/<domain>/.files/NAME.auto and NAME.auto.db
 *     USER's vacation:   SPOOL/<domain>/.files/USER.vacation and USER.vacation.db, or .vacation and
 *                        .vacation.db in a home that is his alone; the index is what turns it on
 */
#ifndef PV_ANSWER_FILES_H
#define PV_ANSWER_FILES_H

#include "store/answered.h"
#include "store/mail_conf.h"

#include <limits.h>

#define PV_ANSWER_FOLDER ".files"
#define PV_ANSWER_RESPONDER ".auto"
#define PV_ANSWER_VACATION ".vacation"
#define PV_ANSWER_INDEX ".db" /* behind the name of the text */
#define PV_ANSWER_DAILY 10    /* how often a responder answers the same sender within a day */

struct pv_answer_files {
	int dirfd;	      /* their folder; -1: it is not there */
	char where[PATH_MAX]; /* its path */
	struct pv_trust trust;
	char text[NAME_MAX + 1], index[NAME_MAX + 1];
};

/*
 * Open the folder of the text `dir`/`name`, as its account or its child. PV_OK: *f is to be closed, and must
 * stay where it is; dirfd -1: there is no such folder. PV_TEMPORARY: it is not to be trusted, cannot be
 * opened, or a name is too long.
 */
enum pv_class pv_answer_files_open(const char *dir, const char *name, uid_t account,
				   struct pv_answer_files *f, struct pv_error *e);
void pv_answer_files_close(struct pv_answer_files *f);

/* How often a sender is answered by a responder, or (days 0: likewise) by a vacation with that interval. */
struct pv_answered_rule pv_answer_rule(bool vacation, unsigned days);

/* Why a vacation that is on answers nobody on that day, by the dates of its user, or NULL. */
const char *pv_vacation_pause(const struct pv_user_conf *c, const struct pv_day *today);

#endif
