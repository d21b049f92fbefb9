/*
 * registry_write.h: changing the text of `domains` (see registry.h). From text to text.
 */
#ifndef PV_REGISTRY_WRITE_H
#define PV_REGISTRY_WRITE_H

#include "store/registry.h"

/*
 * Write to out what text becomes when the line of d says what `entry` says (NULL: nothing; the line goes).
 * The line keeps its place, a new one comes last; all other lines, comments and blank lines stay as they are.
 * PV_TEMPORARY: the text or the result is too large for memory.
 */
enum pv_class pv_registry_change(const char *text, size_t len, const struct pv_domain *d,
				 const struct pv_registry_entry *entry, struct pv_buf *out,
				 struct pv_error *e);

#endif
