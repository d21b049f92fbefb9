/*
 * login.h: is this the right password? The one check for POP3, checkpassword and what else lets somebody in.
 *
 * For root, who opens nothing of the account's: a child becomes the account first, is limited in time, CPU
 * and memory (a hash is hostile input), and answers yes or no. For a user or domain that does not exist the
 * same work is done.
 */
#ifndef PV_AUTH_LOGIN_H
#define PV_AUTH_LOGIN_H

#include "auth/name.h"
#include "store/password.h"

#include <stdint.h>
#include <sys/types.h>

enum pv_login_verdict {
	PV_LOGIN_RIGHT,
	PV_LOGIN_WRONG,	 /* no such user or domain, another password, or none that could be right */
	PV_LOGIN_CLOSED, /* the password is right, but the user or the domain has retrieve = no, or he has
			    expired */
};

struct pv_login {
	enum pv_login_verdict verdict;
	uid_t uid; /* the owner of the domain's folder, and its group: who to become; valid unless WRONG */
	gid_t gid;
	bool weak; /* RIGHT: stored by a scheme that passwords are no longer stored by, or in plain text */
	char language[3]; /* of the user, else of the domain, else of the host: `en`, `da` */
	char text[256];	  /* CLOSED: what is said then, one line of printable ASCII */
};

/*
 * Check `password` of n (not PV_LOGIN_SYSTEM). PV_OK: *l says. PV_TEMPORARY: it cannot be known now: passwd
 * cannot be read, parsed or trusted, the child could not be started or took too long.
 */
enum pv_class pv_login_check(const struct pv_store *s, const struct pv_login_name *n, const char *password,
			     struct pv_login *l, struct pv_error *e);

/*
 * The same for APOP (RFC 1939, section 7): secret_r gets n's second secret, of the domain's file `apop`
 * (`user:secret` a line), empty where there is none: then *l is WRONG. RIGHT means only that there is a
 * secret: the caller compares the digest. Wipe secret_r.
 */
enum pv_class pv_login_apop(const struct pv_store *s, const struct pv_login_name *n,
			    char secret_r[PV_PASSWORD_RANDOM_SIZE], struct pv_login *l, struct pv_error *e);

/*
 * Wait until a refusal may be said: one second after began_ms (of pv_now_ms(): when the password came), or
 * wait_s if that is more; where that has passed already, the next of 2, 4, 8 ... seconds. So the time that
 * the check took does not show. stop: asked before each wait, and after each signal, whether to leave it;
 * NULL: never.
 */
void pv_login_hold(int64_t began_ms, unsigned wait_s, bool (*stop)(void));

#endif
