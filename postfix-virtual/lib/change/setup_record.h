/*
 * setup_record.h: what setup put into the configuration of an instance of Postfix, so that its undo takes out
 * exactly that: `state_directory/setup/postfix`, and `postfix.2` ... for further instances.
 */
#ifndef PV_SETUP_RECORD_H
#define PV_SETUP_RECORD_H

#include "change/postfix_config.h"
#include "store/store.h"

#define PV_RECORD_NAME 16 /* bytes of a record's name, the NUL included */

/* What setup may write into virtual.conf: settings of the main instance that others need to know. */
enum pv_setup_conf { PV_SETUP_MYHOSTNAME, PV_SETUP_DELIMITER, PV_SETUP_CONFS };

const char *pv_setup_conf_name(enum pv_setup_conf i);

struct pv_setup_record {
	bool found;
	char name[PV_RECORD_NAME];     /* of the file */
	char *dir;		       /* of the instance; NULL: written when there was but one */
	char *original[PV_PARAMETERS]; /* what stood there; NULL: nothing was said */
	char *written[PV_PARAMETERS];  /* what we made of it; NULL: left as it was */
	char *words[PV_PARAMETERS][2]; /* what of that is ours; NULL: the whole value */
	char *service;		       /* vlocal's line; NULL: it was there before */
	char *conf[PV_SETUP_CONFS];    /* that we wrote into virtual.conf; NULL: not */
};

/* All that are there, in the order of their names. The array is to be freed, and each record in it. */
enum pv_class pv_setup_records_read(const struct pv_store *s, struct pv_setup_record **list_r,
				    size_t *count_r, struct pv_error *e);
enum pv_class pv_setup_record_write(const struct pv_store *s, const struct pv_setup_record *r,
				    struct pv_error *e);
enum pv_class pv_setup_record_remove(const struct pv_store *s, const char *name, struct pv_error *e);
void pv_setup_record_free(struct pv_setup_record *r);

#endif
