/*
 * text.h: the text of a table: comment lines, a line with the checksum of all that follows it,
 * then `key<TAB>value` sorted by key.
 */
#ifndef PV_MAPS_TEXT_H
#define PV_MAPS_TEXT_H

#include "base/buffer.h"
#include "maps/keys.h"

#define PV_TEXT_MAX ((size_t)1 << 30) /* bytes; limit of a buffer for a text */

/* The comment lines on top: who wrote it, and where own lines belong. own: a path; what: `Own
 * addresses`. */
void pv_text_head(struct pv_buf *out, const char *what, const char *own);

/* Head, checksum and keys (sorted). Ask pv_buf_check() of out. */
void pv_text_format(struct pv_buf *out, const char *what, const char *own, const struct pv_keys *keys);

/*
 * Read a text that pv_text_format() wrote. The keys point into it: NULs are put in. PV_TEMPORARY with
 * file, reason and mend: no checksum, a wrong one, a line that is no pair, keys that are not
 * sorted. `file` is for sentences.
 */
enum pv_class pv_text_parse(struct pv_buf *text, const char *file, struct pv_keys *keys, struct pv_error *e);

/*
 * The same frame around other lines than pairs: head, checksum, lines. And the way back: a pointer to the
 * lines in text, or NULL where the checksum is missing or wrong.
 */
void pv_text_wrap(struct pv_buf *out, const char *what, const char *own, const struct pv_buf *lines);
const char *pv_text_unwrap(struct pv_buf *text);

#endif
