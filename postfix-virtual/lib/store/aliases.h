/*
 * aliases.h: `aliases` of a domain: entries `name: value, value` in the syntax of aliases(5). An entry that
 * begins with white space goes on with the one before; `#` begins a comment line.
 *
 * Used so far are the entries whose name is a pattern (`/^sales-([a-z0-9]+)$/: sales`); what a pattern may
 * be is judged in maps/pattern.h. All others are passed over.
 */
#ifndef PV_STORE_ALIASES_H
#define PV_STORE_ALIASES_H

#include "base/table.h"

/* Iterate over text, whose content is changed on the way. file: for sentences; borrowed. */
void pv_aliases_start(struct pv_lines *it, const char *file, struct pv_buf *text);

/*
 * The next entry that begins with `/`, as one line. PV_OK with l->text == NULL at the end. PV_TEMPORARY where
 * a line holds a NUL, or where an entry that is no pattern lacks its `:` (so that the file may be torn, or a
 * `/` is missing); the call after that goes on behind it.
 */
enum pv_class pv_aliases_next_pattern(struct pv_lines *it, struct pv_line *l, struct pv_error *e);

#endif
