/*
 * alias_scan.h: inside of alias_file: where entries lie in the text.
 */
#ifndef PV_ALIAS_SCAN_H
#define PV_ALIAS_SCAN_H

#include "store/alias_file.h"

/* An entry as it lies in the text; nothing of it was judged. */
struct pv_alias_raw {
	size_t from;	/* of the `#:` lines right above it; at where there are none */
	size_t at;	/* of its first byte */
	size_t eol;	/* of the newline that ends its first line */
	size_t to;	/* behind its last line */
	unsigned line;	/* of its first line */
	unsigned lines; /* how many lines it has */
	bool stray;	/* it begins with white space, and there is nothing that it could continue */
};

/* The next entry at or behind *at, which is the beginning of line *line (0 is the first) and is moved behind
 * it. Returns false at the end. */
bool pv_alias_raw_next(const struct pv_buf *text, size_t *at, unsigned *line, struct pv_alias_raw *raw);

/* How the name at s is read. */
enum pv_alias_name {
	PV_ALIAS_NAMED,
	PV_ALIAS_NO_COLON,
	PV_ALIAS_UNCLOSED,
	PV_ALIAS_BACKSLASH,
	PV_ALIAS_LONG
};

/* Read a name into out, without quotes and folded; *behind_r is the colon, or the end. Of a line without a
 * colon the name is the first word. */
enum pv_alias_name pv_alias_name_read(const char *s, const char *end, char out[PV_ALIAS_NAME_MAX],
				      size_t *len_r, const char **behind_r);

/* Is the folded name[0..len) the one of the entry? A pattern has none. */
bool pv_alias_raw_is(const struct pv_buf *text, const struct pv_alias_raw *raw, const char *name, size_t len);

/* Does an entry surely begin at `at`, the beginning of a line? The line begins like one, and the line in
 * front does not go on in it. A text ends in a NUL. */
bool pv_alias_is_entry(const char *text, size_t at);
/* Might the line at `at` be the first of a folded name's entry? Most are not, by the byte at which they part.
 */
bool pv_alias_may_be(const struct pv_buf *text, size_t at, const char *name, size_t len);

/*
 * Of a file that is looked through: bring that part of it into f->text in which the entry of a folded name
 * is, if there is one. It may become all of it. PV_TEMPORARY: it cannot be read.
 */
enum pv_class pv_alias_sift(struct pv_alias_file *f, const char *name, size_t len, struct pv_error *e);
/* Bring in all of it. */
enum pv_class pv_alias_hold(struct pv_alias_file *f, struct pv_error *e);

/*
 * The entry of a folded name: all of *raw, or *found_r is false. PV_TEMPORARY: it stands there twice. Uses
 * the index where there is one.
 */
enum pv_class pv_alias_raw_find(struct pv_alias_file *f, const char *name, size_t len,
				struct pv_alias_raw *raw, bool *found_r, struct pv_error *e);

/* A sentence about a line. Returns PV_TEMPORARY. */
enum pv_class pv_alias_fail(const struct pv_alias_file *f, unsigned line, struct pv_error *e, const char *fmt,
			    ...) __attribute__((format(printf, 4, 5)));

#ifdef PV_ANALYZER /* see error.h */
#define pv_alias_fail(f, line, e, ...) ((void)(pv_alias_fail)(f, line, e, __VA_ARGS__), PV_TEMPORARY)
#endif

#endif
