/*
 * next_text.h: changes that are one file of the domain's, of which an entry gets another text: domain.conf,
 * users/<user>, a file of aliases. From text to text, so that what will be written can be judged before.
 */
#ifndef PV_NEXT_TEXT_H
#define PV_NEXT_TEXT_H

#include "change/mark.h"

#define PV_NEXT_TEXT_MAX ((size_t)8 << 20)
#define PV_NEXT_FILE_MAX (NAME_MAX + sizeof "users/")

/* The file that the change of m is about, relative to the domain's folder. Returns false: there is none. */
bool pv_next_file(const struct pv_mark *m, char name[PV_NEXT_FILE_MAX]);

/* What its text becomes by the change. PV_TEMPORARY, with file and line: the old one cannot be read. `file`
 * is for sentences. */
enum pv_class pv_next_text(const struct pv_mark *m, const char *file, const struct pv_buf *old,
			   struct pv_buf *new, struct pv_error *e);

#endif
