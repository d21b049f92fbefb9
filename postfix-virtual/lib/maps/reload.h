/*
 * reload.h: `postfix reload`, which makes Postfix's daemons read virtual_regexp anew (a pcre table is read
 * when a daemon starts). At most once in 10 s, however many changes come.
 */
#ifndef PV_MAPS_RELOAD_H
#define PV_MAPS_RELOAD_H

#include "base/error.h"
#include "store/store.h"

#include <stdbool.h>

/* Note in run_directory that a reload is due. Before the text is replaced: a kill in between must cost no
 * more than a reload too many. */
enum pv_class pv_reload_mark(const struct pv_store *s, struct pv_error *e);

/*
 * If one is due, reload Postfix, all its instances; where the last was less than 10 s ago, after waiting for
 * the rest of that time, unless another program does it meanwhile. Call it without the maps' lock.
 * *reloaded_r: it was done, by us or by that other. An instance that does not run needs none.
 */
enum pv_class pv_reload_if_due(const struct pv_store *s, bool *reloaded_r, struct pv_error *e);

#endif
