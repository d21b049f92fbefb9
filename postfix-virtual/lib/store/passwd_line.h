/*
 * passwd_line.h: what the readers of passwd share about a single line. Only for store/.
 */
#ifndef PV_PASSWD_LINE_H
#define PV_PASSWD_LINE_H

#include "store/passwd.h"

/* A blank line, or a comment? */
bool pv_passwd_line_is_blank(const char *line, size_t len);

/* Bytes of the name at the front of a line, whatever follows it. */
size_t pv_passwd_line_key(const char *line, size_t len);

/* Compare such a name, in any case of letters, with u, in the order of the file: <0, 0, >0. */
int pv_passwd_line_compare(const char *key, size_t len, const struct pv_user *u);

/* pv_passwd_parse() for who wants to know only whether the line is good. */
enum pv_class pv_passwd_line_check(const char *line, size_t len, uid_t account, struct pv_error *e);

#endif
