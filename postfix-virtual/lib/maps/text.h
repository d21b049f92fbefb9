/*
 * text.h: the text of a table: comment lines, a line with the checksum of all that follows it,
 * then `key<TAB>value` sorted by key.
 */
#ifndef PV_MAPS_TEXT_H
#define PV_MAPS_TEXT_H

#include "base/buffer.h"
#include "base/file.h"
#include "base/hash.h"
#include "maps/keys.h"

#include <stdint.h>

#define PV_MAP_TEXT_MAX ((size_t)1 << 30) /* bytes; limit of a buffer for a text */

/* The comment lines on top: who wrote it, and where own lines belong. own: a path; what: `Own
 * addresses`. */
void pv_text_head(struct pv_buf *out, const char *what, const char *own);

/* Head, checksum and keys (sorted). Ask pv_buf_check() of out. */
void pv_text_format(struct pv_buf *out, const char *what, const char *own, const struct pv_keys *keys);
/* The same below a head that is there already. */
void pv_text_format_below(struct pv_buf *out, const char *head, const struct pv_keys *keys);

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

/* A text that lies in a file, as pv_text_look() finds it without holding it in memory. */
struct pv_text_look {
	bool found;
	bool good;	     /* the checksum in it is that of its lines */
	bool has_head;	     /* its comment lines are those that it would get now */
	uint64_t sum;	     /* of its lines; where it is good */
	size_t size;	     /* bytes of the file */
	struct pv_error why; /* where it is found and not good */
};

/* Look at `name` in dirfd. head: from pv_text_head(). PV_TEMPORARY: it cannot be read. */
enum pv_class pv_text_look(int dirfd, const char *name, const struct pv_trust *trust, const char *head,
			   struct pv_text_look *r, struct pv_error *e);

/* Makes a text line by line, as pv_text_format() does: into a file, or only for its checksum. */
struct pv_text_writer {
	struct pv_new_file *file; /* NULL: only the checksum */
	struct pv_buf piece;
	struct pv_sum sum;
	off_t sum_at;
	enum pv_class c; /* of what was done so far */
	struct pv_error *e;
};

/* file: from pv_file_begin(), or NULL; the caller commits or abandons it. Lines are added in the order of
 * their keys. A failure is kept (first *e, which must live on) and comes out at the end. */
void pv_text_begin(struct pv_text_writer *t, struct pv_new_file *file, const char *head, struct pv_error *e);
void pv_text_add(struct pv_text_writer *t, const struct pv_key *k);
/* The checksum of the lines goes into *sum_r. */
enum pv_class pv_text_end(struct pv_text_writer *t, uint64_t *sum_r);

#endif
