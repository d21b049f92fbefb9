/*
 * conf_check.h: settings of domain.conf and users/<user> that are well written, and cannot be all the same.
 */
#ifndef PV_CONF_CHECK_H
#define PV_CONF_CHECK_H

#include "change/work.h"
#include "store/mail_conf.h"

/*
 * lines: as of conf_words.h. PV_PERMANENT, with the mend: a program that the account cannot execute, or may
 * not by root's word; a quota above what root allows (entry); a day that is over.
 */
enum pv_class pv_conf_refuse(const struct pv_work *w, const struct pv_registry_entry *entry,
			     const char *lines, struct pv_error *e);

/* u: what the user's file will say in all, once it has the lines. PV_PERMANENT: they name a day of the
 * vacation, and its last one would be before its first. */
enum pv_class pv_conf_refuse_days(const char *lines, const struct pv_user_conf *u, struct pv_error *e);

#endif
