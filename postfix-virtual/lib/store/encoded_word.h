/*
 * encoded_word.h: text beyond ASCII in a header field (RFC 2047).
 */
#ifndef PV_ENCODED_WORD_H
#define PV_ENCODED_WORD_H

#include "base/buffer.h"

/* Append s[0..len) as UTF-8: as it is where it is that, else as what it would be in ISO 8859-1, in which
 * files of 2002 are. Every control character but tab and newline becomes `?`. */
void pv_utf8_from_any(const char *s, size_t len, struct pv_buf *out);

/* Append s, UTF-8 in one line, as the value of an unstructured field or as a phrase: as it is where it is
 * ASCII, else as encoded words of at most 64 bytes, each on a line of its own (`\n ` between them). */
void pv_encoded_words_add(const char *s, size_t len, struct pv_buf *out);

/*
 * Append a whole unstructured field, `NAME: VALUE`, of a value that is UTF-8 in one line: folded at its
 * blanks, where a line would pass 78 bytes, and else as it is; or as encoded words. A word of more than 900
 * bytes is cut.
 */
void pv_header_field_add(const char *name, size_t name_len, const char *value, size_t len,
			 struct pv_buf *out);

/* Append as UTF-8 in one line what such a value says: encoded words in utf-8, us-ascii and iso-8859-1 are
 * decoded, others stay as they are. Every control character becomes `?`. */
void pv_encoded_words_read(const char *s, size_t len, struct pv_buf *out);

#endif
