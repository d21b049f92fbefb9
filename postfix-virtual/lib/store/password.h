/*
 * password.h: passwords: hashed by yescrypt, checked in every scheme of crypt(3).
 * Needs libcrypt: for the administrator's programs and the login, not for virtual-deliver.
 */
#ifndef PV_PASSWORD_H
#define PV_PASSWORD_H

#include "base/error.h"

#include <stdbool.h>
#include <stddef.h>

#define PV_PASSWORD_MAX 511	   /* bytes of a password (crypt(3)) */
#define PV_PASSWORD_HASH_SIZE 384  /* a buffer for a hash */
#define PV_PASSWORD_RANDOM_SIZE 24 /* a buffer for pv_password_random() */

/*
 * Hash `plain` with yescrypt and a fresh salt into hash. PV_PERMANENT: it is empty, or longer than
 * 511 bytes, or holds a control character. PV_TEMPORARY: no randomness, no memory.
 */
enum pv_class pv_password_hash(const char *plain, char hash[PV_PASSWORD_HASH_SIZE], struct pv_error *e);

/*
 * Is `plain` the password whose hash is `stored`? The time does not depend on where they differ.
 * Never true for a stored password that is empty, `x`, begins with `*` or `!`, or has a scheme that
 * this host does not know. plain_text: a stored password that is no hash is compared as it is.
 * PV_TEMPORARY: no memory, or a hash that gives no result. A hash may ask for minutes of work: call it where
 * that is limited.
 */
enum pv_class pv_password_check(const char *stored, const char *plain, bool plain_text, bool *match_r,
				struct pv_error *e);

/* Is `stored` kept in a way in which passwords should no longer be kept: any but yescrypt, gost-yescrypt,
 * scrypt, bcrypt and sha512crypt; plain text too. */
bool pv_password_is_weak(const char *stored);

/* Is s, whole, the hash of some password in a scheme that this host knows? */
bool pv_password_is_hash(const char *s);

/* Does checking a password against this hash take less than about half a second? For who lets a
 * login server do it that serves others too. False for what is no hash. */
bool pv_password_is_light(const char *hash);

/* What stands in the second field of a passwd file. */
enum pv_password_kind {
	PV_PASSWORD_EMPTY,
	PV_PASSWORD_LOCKED, /* `x`, or it begins with `*` or `!` */
	PV_PASSWORD_HASHED,
	PV_PASSWORD_UNCLEAR, /* like a hash, but it may be a password: 13 letters and digits (DES), `_`, `$`
				or
				`{` in front */
	PV_PASSWORD_PLAIN,
	PV_PASSWORD_KINDS
};

enum pv_password_kind pv_password_kind(const char *stored);

/* A new password that can be read out on the telephone: three groups of five out of 32
 * characters that nobody confuses (75 bits). PV_TEMPORARY: no randomness. */
enum pv_class pv_password_random(char out[PV_PASSWORD_RANDOM_SIZE], struct pv_error *e);

#endif
