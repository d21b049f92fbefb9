/*
 * domain_settings.h: what domain.conf and the files in users/ say, as a child sent them (reader.h).
 */
#ifndef PV_MAPS_DOMAIN_SETTINGS_H
#define PV_MAPS_DOMAIN_SETTINGS_H

#include "maps/reader.h"
#include "store/mail_conf.h"

/* Some users of a domain, sorted, and what it is about each. */
struct pv_some_user {
	struct pv_user user;
	int what; /* not 0 */
};

struct pv_some_users {
	struct pv_some_user *list;
	size_t count;
};

/* Parse domain.conf; no file: the defaults. path: the domain's folder, for sentences. Free *conf in any case.
 */
enum pv_class pv_domain_settings_conf(const struct pv_domain_files *files, const char *path,
				      struct pv_domain_conf *conf, struct pv_error *e);

/* What it is about the user u; 0: nothing. */
typedef int pv_user_what(void *ctx, const struct pv_user *u, const struct pv_user_conf *conf,
			 const struct pv_day *today);

/* The users of whose settings what() is not 0, which is told what day it is. Free *some in any case.
 * PV_TEMPORARY: a file cannot be parsed, or no memory. */
enum pv_class pv_domain_settings_users(const struct pv_domain_files *files, const char *path,
				       pv_user_what *what, void *ctx, const struct pv_day *today,
				       struct pv_some_users *some, struct pv_error *e);
/* What it is about u; 0: nothing. */
int pv_some_users_get(const struct pv_some_users *some, const struct pv_user *u);
void pv_some_users_free(struct pv_some_users *some);

#endif
