/*
 * setup_plan.h: inside of change/: the parts of pv_setup_plan().
 */
#ifndef PV_SETUP_PLAN_H
#define PV_SETUP_PLAN_H

#include "change/setup.h"

/* What main.cf and master.cf of one instance shall say: it->edits, it->next. */
enum pv_class pv_setup_plan_words(const struct pv_store *s, struct pv_setup *p, struct pv_setup_instance *it,
				  struct pv_error *e);

/* What virtual.conf shall say of the main instance, which has been read: p->conf, p->diff. */
enum pv_class pv_setup_plan_conf(const struct pv_store *s, struct pv_setup *p, struct pv_error *e);

#endif
