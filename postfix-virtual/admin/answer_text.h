/*
 * answer_text.h: the message that is answered with, as a command gets it.
 */
#ifndef ADMIN_ANSWER_TEXT_H
#define ADMIN_ANSWER_TEXT_H

#include "admin.h"

/*
 * Read --text-file or --file, or the standard input (NULL or `-`): a whole message, or with --subject the
 * text alone, which gets a header. PV_PERMANENT: it cannot be read, is too large, has no text.
 */
enum pv_class take_text(struct admin *a, struct pv_buf *out, struct pv_error *e);

#endif
