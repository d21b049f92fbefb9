/*
 * words.h: values of main.cf(5) that are lists: words with commas or white space between, where
 * `{` and `}` hold together what is inside.
 */
#ifndef PV_WORDS_H
#define PV_WORDS_H

#include "base/buffer.h"

#include <stdbool.h>

/* The next word of *p, which is moved behind it. Returns false at the end. */
bool pv_words_next(const char **p, const char **word_r, size_t *len_r);

/* Does the word stand in value? It may be several, with a blank between, which then must stand in a row. */
bool pv_words_have(const char *value, const char *word);

/* Append value without every occurrence of word (likewise); what stands between the others stays as it is. */
void pv_words_without(const char *value, const char *word, struct pv_buf *out);

/* Are the words of a and b the same, in the same order? */
bool pv_words_equal(const char *a, const char *b);

/* Append value with every word `$name`, `${name}` or `$(name)` replaced by text. */
void pv_words_expand(const char *value, const char *name, const char *text, struct pv_buf *out);

/* Append a line of master.cf(5), where commas divide nothing, with one blank between its words. */
void pv_words_squeeze(const char *line, struct pv_buf *out);

#endif
