/*
 * hooks.h: root's own programs that run after a change: `hooks/EVENT` in the configuration folder, and
 * `hooks/any` for every event, with the event in front of its arguments.
 *
 *     domain-add DOMAIN ACCOUNT        user-add ADDRESS           host-addresses-set NAME
 *     domain-alias ALIAS DOMAIN        user-rename ADDRESS NEW    host-addresses-delete NAME
 *     domain-set DOMAIN                user-password ADDRESS
 *     domain-delete DOMAIN             user-disable, user-enable, user-delete ADDRESS
 *     adopt DOMAIN                     user-hash-all DOMAIN
 *
 * What is to be run is noted in `state_directory/events` while the change is still marked as begun, and run
 * once nothing is locked any more, so that a hook may change the same domain. Who was killed in between
 * leaves the note, and the next program of root's runs it; a hook that was running then is run again.
 */
#ifndef PV_HOOKS_H
#define PV_HOOKS_H

#include "change/change.h"
#include "change/mark.h"

#define PV_HOOKS_FOLDER "hooks"

/* Note the event of a change that is made, if there is a hook for it. account: who owns the domain. What goes
 * wrong is a note for the administrator. Returns whether something was noted. */
bool pv_hooks_note(struct pv_change *c, const struct pv_mark *m, const char *account);

/* Run what is noted and nobody else is running: 30 s each, with what they say in the log and as notes. A hook
 * that is not root's alone is not run; nor is its failure more than a note. */
void pv_hooks_run(struct pv_change *c);

#endif
