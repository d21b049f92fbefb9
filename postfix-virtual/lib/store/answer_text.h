/*
 * answer_text.h: what a responder or a vacation answers with: a file that holds a whole message, header and
 * body, as an account wrote it.
 */
#ifndef PV_ANSWER_TEXT_H
#define PV_ANSWER_TEXT_H

#include "base/buffer.h"

#include <stdbool.h>

#define PV_ANSWER_TEXT_MAX ((size_t)64 << 10)

/* A file that was read. Strings are NULL where there is no such field; they lie in memory. Values are UTF-8
 * in one line, without control characters. */
struct pv_answer_text {
	const char *from, *reply_to, *subject;
	const char *fields;    /* other fields to be passed on, whole lines, ASCII; "" */
	const char *left_out;  /* the names of those that are not, with commas between; "" */
	bool has_mime_version; /* these stand in fields */
	bool has_type, has_encoding;
	bool has_words;	  /* the body is text in which words can be replaced */
	const char *body; /* UTF-8 unless has_type */
	size_t body_len;
	struct pv_buf memory;
};

/*
 * Read text: lines end with LF or CRLF; a `From ` line in front is passed over. Fields that would forge or
 * misdirect (Bcc, Return-Path, Received ...), and those that are made anew for each answer, are left out.
 * What is neither UTF-8 nor said to be something else counts as ISO 8859-1, in which files of 2002 are.
 * PV_TEMPORARY, with file, line and mend: too large, a NUL, no header, a line that is no field, a field twice
 * that may stand there once, a From or Reply-To in which letters beyond ASCII stand elsewhere than in a name.
 * Free *t in any case.
 */
enum pv_class pv_answer_text_read(const char *text, size_t len, const char *file, struct pv_answer_text *t,
				  struct pv_error *e);
void pv_answer_text_free(struct pv_answer_text *t);

/* For who is about to write such a file: the same, and it must be UTF-8, and have a Subject where that is
 * asked for. PV_PERMANENT. left_out may be NULL: see above; appended. */
enum pv_class pv_answer_text_check(const char *text, size_t len, const char *file, bool subject,
				   struct pv_buf *left_out, struct pv_error *e);

#endif
