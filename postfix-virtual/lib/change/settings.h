/*
 * settings.h: what a change wants `domains` to say of a domain, as words `max_users=50 own=`. (Nothing behind
 * the `=`: the default.) Kept so in a mark, so that finishing a change takes nothing else back.
 */
#ifndef PV_SETTINGS_H
#define PV_SETTINGS_H

#include "store/registry.h"

/* Set all words in r. PV_PERMANENT, with the mend: r is as it was. */
enum pv_class pv_settings_apply(struct pv_registry_entry *r, const char *words, struct pv_error *e);

/* Do words set `name`? */
bool pv_settings_have(const char *words, const char *name);

#endif
