/*
 * mail_settings.h: inside of mail_conf: the one table of what may stand in domain.conf and users/<user>.
 */
#ifndef PV_MAIL_SETTINGS_H
#define PV_MAIL_SETTINGS_H

#include "store/mail_conf.h"

#define PV_MAIL_SETTINGS_MAX 40
#define PV_NO_PLACE ((size_t)-1)

/* Put value (changed on the way; strings point into it) to *to. PV_PERMANENT: only what to write instead, as
 * in `write yes or no`. */
typedef enum pv_class pv_mail_set(char *value, void *to, struct pv_error *e);

/* Where [i] of pv_mail_settings() goes, and how. */
struct pv_mail_place {
	pv_mail_set *set;
	size_t in_domain, in_user; /* offsets in pv_domain_conf and pv_user_conf; or PV_NO_PLACE */
};

extern const struct pv_mail_place pv_mail_places[];
extern const size_t pv_mail_place_count;

/* The number of a setting that may stand in users/<user> (or in domain.conf); pv_mail_place_count: none. */
size_t pv_mail_setting_find(const char *name, bool of_user);

/* The parsers of values. */
pv_mail_set pv_mail_set_switch, pv_mail_set_command, pv_mail_set_quota, pv_mail_set_count,
	pv_mail_set_percent, pv_mail_set_days, pv_mail_set_interval, pv_mail_set_format,
	pv_mail_set_over_quota, pv_mail_set_unknown_to, pv_mail_set_language, pv_mail_set_day,
	pv_mail_set_fallback, pv_mail_set_forward, pv_mail_set_alias_files;

#endif
