/*
 * alias_lines.h: inside of alias_file: which lines of a file can begin an entry of some name, by their first
 * byte alone, many lines at a time. A delivery asks that of every file of its domain.
 */
#ifndef PV_ALIAS_LINES_H
#define PV_ALIAS_LINES_H

#include "base/buffer.h"

struct pv_alias_lines {
	const struct pv_buf *text; /* borrowed */
	size_t at;		   /* up to where it was looked at */
	char first;		   /* byte of the folded name */
};

/* Begin at the beginning. */
void pv_alias_lines_start(struct pv_alias_lines *l, const struct pv_buf *text, char first);

/* Where the next line begins that has that byte first, in either case, or a quote or backslash: *at_r.
 * Returns false at the end. */
bool pv_alias_lines_next(struct pv_alias_lines *l, size_t *at_r);

/* The newlines in text[from..to). */
unsigned pv_alias_lines_count(const struct pv_buf *text, size_t from, size_t to);

#endif
