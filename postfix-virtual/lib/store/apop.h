/*
 * apop.h: the second secrets of a domain's users, for APOP (RFC 1939, section 7):
 * `/etc/virtual/<domain>/apop`, `user:secret` a line; the account's, 0600, since APOP needs them unencrypted.
 * Blank lines and comments are passed over.
 */
#ifndef PV_STORE_APOP_H
#define PV_STORE_APOP_H

#include "store/folder.h"
#include "store/password.h"

/*
 * The secret of u in the folder's file, as the account. Empty: he has none, or there is no file.
 * PV_TEMPORARY: the file cannot be read or trusted, others may read it, or a line is no `user:secret` (a
 * user's name; 1 to 23 printable characters), or u stands there twice.
 */
enum pv_class pv_apop_find(const struct pv_folder *f, const struct pv_user *u,
			   char secret_r[PV_PASSWORD_RANDOM_SIZE], struct pv_error *e);

/*
 * Write to out what text (the whole file; empty where there is none) becomes when u's secret is `secret`
 * (NULL: his line goes): comments and blank lines first, then the users sorted by name. *found_r: u had a
 * line. `file` is for sentences. PV_PERMANENT: the secret is none. PV_TEMPORARY: as pv_apop_find(), or no
 * newline at the end.
 */
enum pv_class pv_apop_change(const char *text, size_t len, const char *file, const struct pv_user *u,
			     const char *secret, bool *found_r, struct pv_buf *out, struct pv_error *e);

#endif
