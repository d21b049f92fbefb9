/*
 * conf_words.h: what a change wants domain.conf or users/<user> to say: lines `NAME=VALUE`, with nothing
 * behind the `=` where the setting goes back to its default. Kept so in a mark, so that finishing a change
 * takes nothing else back. (Words of root's file `domains` are settings.h.)
 */
#ifndef PV_CONF_WORDS_H
#define PV_CONF_WORDS_H

#include "base/buffer.h"
#include "base/error.h"

#include <stdbool.h>
#include <stddef.h>

/* Which of the two files. */
enum pv_conf_file { PV_CONF_OF_DOMAIN, PV_CONF_OF_USER };

/* May the setting `name` (its first len bytes) stand in that file? */
bool pv_conf_has(enum pv_conf_file file, const char *name, size_t len);

/*
 * Check a word NAME=VALUE of the command line and append it, blanks around the value removed, as a line to
 * lines[size]. PV_PERMANENT with the mend: no `=`, no such setting in this file, given twice, a value that it
 * cannot have, a control character, too many.
 */
enum pv_class pv_conf_words_add(char *lines, size_t size, enum pv_conf_file file, const char *word,
				struct pv_error *e);

/* What the lines say of `name`: "" for the default; NULL: nothing. Copied to value[size]. */
const char *pv_conf_words_get(const char *lines, const char *name, char *value, size_t size);

/* Write to out what the text of the file becomes by these lines. Ask pv_buf_check() afterwards. */
enum pv_class pv_conf_words_apply(const char *text, size_t len, const char *lines, struct pv_buf *out,
				  struct pv_error *e);

/* The lines as people write them, each with a blank in front, quoted where a value has some: for the history.
 */
void pv_conf_words_show(const char *lines, struct pv_buf *out);

#endif
