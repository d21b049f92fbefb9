/*
 * conf_read.h: the texts of domain.conf and of one users/<user>, for root to show: read by a child that
 * became the account. Nothing in them is believed.
 */
#ifndef PV_CONF_READ_H
#define PV_CONF_READ_H

#include "change/account.h"
#include "store/folder.h"

struct pv_conf_texts {
	struct pv_buf domain, user; /* empty where there is no such file */
};

/* u NULL: the domain's alone. PV_TEMPORARY: a file cannot be read or trusted. Free *t in any case. */
enum pv_class pv_conf_read(const struct pv_store *s, const struct pv_folder *f,
			   const struct pv_account *account, const struct pv_user *u, struct pv_conf_texts *t,
			   struct pv_error *e);
void pv_conf_texts_free(struct pv_conf_texts *t);

#endif
