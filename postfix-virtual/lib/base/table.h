/*
 * table.h: the readers of text files: lines, and `name = value` as in Postfix's main.cf(5).
 *
 * They work on text that is in memory already, and tell the number of the line on
 * which each entry begins, so that a complaint names file and line.
 */
#ifndef PV_TABLE_H
#define PV_TABLE_H

#include "base/buffer.h"
#include "base/error.h"

#include <stdbool.h>
#include <stddef.h>

/* An entry: one line, or with continuation lines several. text is NUL-terminated. */
struct pv_line {
	char *text;
	size_t len;
	unsigned no; /* of its first line, from 1 */
};

struct pv_lines {
	const char *file; /* for sentences; borrowed */
	char *next, *end;
	const char *nul; /* the first NUL at or behind next, or NULL */
	unsigned no;
	bool joins; /* a line that begins with white space continues the one before */
};

/*
 * Iterate over b, whose content is changed on the way (NULs are put in). Blank lines and
 * lines whose first visible character is `#` are passed over; white space at the end of a
 * line is removed. joins: as in main.cf, for registry and settings; not for passwd.
 */
void pv_lines_start(struct pv_lines *it, const char *file, struct pv_buf *b, bool joins);

/* The next entry. PV_OK with l->text == NULL at the end. PV_TEMPORARY where a line holds a NUL
 * (a comment too); the call after that goes on behind it. */
enum pv_class pv_lines_next(struct pv_lines *it, struct pv_line *l, struct pv_error *e);

/*
 * Split an entry `name = value` in place; value may be empty. PV_TEMPORARY with file and
 * line where there is no `=` or no name, or where name has characters outside [a-z0-9_].
 */
enum pv_class pv_line_setting(const struct pv_lines *it, struct pv_line *l, char **name_r, char **value_r,
			      struct pv_error *e);

/* Cut the next word (white space around it) from *p, in place. NULL at the end. */
char *pv_word(char **p);

/* A sentence about an entry: `FILE, line N: ...`. Returns PV_TEMPORARY: what cannot be parsed defers. */
enum pv_class pv_line_fail(const struct pv_lines *it, const struct pv_line *l, struct pv_error *e,
			   const char *fmt, ...) __attribute__((format(printf, 4, 5)));

#ifdef PV_ANALYZER /* see error.h */
#define pv_line_fail(it, l, e, ...) ((void)(pv_line_fail)(it, l, e, __VA_ARGS__), PV_TEMPORARY)
#endif

/* yes, no, true, false, on, off, 1, 0. Returns false where it is none of these. */
bool pv_parse_bool(const char *s, bool *value_r);

/* A decimal number of at most max. Returns false for anything else: empty, signs, blanks, too large. */
bool pv_parse_number(const char *s, size_t len, unsigned long max, unsigned long *value_r);

/*
 * Write to out what text becomes when the entry whose first word `is_ours(word, len, ctx)` says `line` (one
 * line without its newline; NULL: it goes). It keeps its place, a new one comes last; all other lines,
 * comments and blank lines stay as they are. Ask pv_buf_check() afterwards.
 */
void pv_lines_change(const char *text, size_t len,
		     bool (*is_ours)(const char *word, size_t len, const void *ctx), const void *ctx,
		     const char *line, struct pv_buf *out);

#endif
