/*
 * setup_record.h: what setup put into Postfix's configuration, so that its undo takes out exactly that:
 * `state_directory/setup/postfix`.
 */
#ifndef PV_SETUP_RECORD_H
#define PV_SETUP_RECORD_H

#include "change/postfix_config.h"
#include "store/store.h"

struct pv_setup_record {
	bool found;
	char *original[PV_PARAMETERS]; /* what stood there; NULL: nothing was said */
	char *written[PV_PARAMETERS];  /* what we made of it; NULL: left as it was */
	char *words[PV_PARAMETERS][2]; /* what of that is ours; NULL: the whole value */
	char *service;		       /* vlocal's line; NULL: it was there before */
	char *myhostname;	       /* that we wrote into virtual.conf; NULL: not */
};

enum pv_class pv_setup_record_read(const struct pv_store *s, struct pv_setup_record *r, struct pv_error *e);
enum pv_class pv_setup_record_write(const struct pv_store *s, const struct pv_setup_record *r,
				    struct pv_error *e);
enum pv_class pv_setup_record_remove(const struct pv_store *s, struct pv_error *e);
void pv_setup_record_free(struct pv_setup_record *r);

#endif
