/*
 * reload.h: `postfix reload`, which makes Postfix's daemons read virtual_regexp anew (a pcre table is read
 * when a daemon starts). At most once in 10 s, however many changes come.
 *
 * `run_directory/reload` says which virtual_regexp Postfix has read: a reload is due while another one is
 * there. So nothing is forgotten whoever is killed, and nothing is done twice.
 */
#ifndef PV_MAPS_RELOAD_H
#define PV_MAPS_RELOAD_H

#include "base/error.h"
#include "store/store.h"

#include <stdbool.h>

/* Note which virtual_regexp Postfix has read, if that is not known yet: the one that is there. To be called
 * before it is replaced, under the maps' lock. */
enum pv_class pv_reload_mark(const struct pv_store *s, struct pv_error *e);

/*
 * If one is due, reload Postfix, all its instances; where the last was less than 10 s ago, after waiting for
 * the rest of that time, unless another program does it meanwhile. Call it without any lock. Before it waits
 * it says so by waits(seconds) (may be NULL). *reloaded_r: an instance was told to, by us or by that other.
 * One that does not run needs none. PV_TEMPORARY: it stays due, and the next command tries again.
 */
enum pv_class pv_reload_if_due(const struct pv_store *s, void (*waits)(unsigned seconds), bool *reloaded_r,
			       struct pv_error *e);

/* Reload all instances that run, due or not, at once. *running_r: how many those are. */
enum pv_class pv_reload_now(const struct pv_store *s, unsigned *running_r, struct pv_error *e);

/* Reload the instance whose main.cf is in dir, if it runs. */
enum pv_class pv_reload_instance(const char *dir, bool *running_r, struct pv_error *e);

#endif
