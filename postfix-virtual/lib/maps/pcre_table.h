/*
 * pcre_table.h: what Postfix's pcre_table(5) does with a text of `if`, `if !`, `endif` and `/expression/
 * result` lines: the first line that matches gives the result. Lines that we do not write are refused.
 */
#ifndef PV_MAPS_PCRE_TABLE_H
#define PV_MAPS_PCRE_TABLE_H

#include "base/buffer.h"

struct pv_pcre_table;

/*
 * Compile the lines, which must live as long as the table. PV_BUG: a line is not one of those, PCRE2 refuses
 * an expression, an `if` has no `endif`; *e names the line. PV_TEMPORARY: no memory. Free with
 * pv_pcre_table_free().
 */
enum pv_class pv_pcre_table_make(const char *lines, struct pv_pcre_table **t_r, struct pv_error *e);
/* NULL is fine. */
void pv_pcre_table_free(struct pv_pcre_table *t);

/*
 * Look key[0..len) up. PV_OK with *found_r and the result in *out (reset first). PV_BUG: an expression
 * reached a limit, where Postfix would answer too late or not at all.
 */
enum pv_class pv_pcre_table_ask(struct pv_pcre_table *t, const char *key, size_t len, struct pv_buf *out,
				bool *found_r, struct pv_error *e);

#endif
