/*
 * passwd_lines.h: in which line of a domain's passwd a byte stands, for who tells it to people. Nothing of it
 * is needed to find a user.
 */
#ifndef PV_PASSWD_LINES_H
#define PV_PASSWD_LINES_H

#include "store/folder.h"

/* All 0: nothing was counted yet. */
struct pv_passwd_lines {
	unsigned *before; /* [i]: the newlines in front of the i-th block */
	size_t blocks;
};

/*
 * The line of byte `at` of the folder's passwd (see pv_passwd_entry). The file is read once, and after that a
 * piece of it for each question, so that a list of many users costs little more than one of few. 0: it cannot
 * be read, or is shorter by now.
 */
unsigned pv_passwd_line_at(struct pv_passwd_lines *l, const struct pv_folder *f, off_t at);
void pv_passwd_lines_free(struct pv_passwd_lines *l);

#endif
