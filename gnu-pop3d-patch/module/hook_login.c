/*
 * hook_login.c: who logs in, and whether the password is right. GNU asks by mu_get_auth() for the user and by
 * mu_authenticate() for the password; by APOP it fetches a secret first.
 */
#include "auth/session.h"
#include "base/log.h"
#include "hooks.h"
#include "session.h"
#include "texts.h"
#include "wire.h"

#include <errno.h>
#include <grp.h>
#include <mailutils/md5.h>
#include <unistd.h>

enum {
	TRIES_MAX = 3,	   /* in one connection */
	SYSTEM_HOLD_S = 3, /* PAM answers later for some names than for others */
	HOLD_MAX_S = 8,
};

static bool in_real; /* GNU's own functions call each other */

/* --- answers that tell nothing by their time --- */

/* 1, 2, 4 ... seconds by the tries of this connection; at least what the table of all connections says. */
static unsigned hold_seconds(unsigned table_s)
{
	unsigned s = vp.tries < 3 ? 1u << vp.tries : HOLD_MAX_S;

	if (vp.store.conf.system_users && s < SYSTEM_HOLD_S)
		s = SYSTEM_HOLD_S;
	return s > table_s ? s : table_s;
}

static const char *who_is_tried(void)
{
	static char address[PV_USER_MAX + PV_DOMAIN_MAX + 2];

	if (vp.name.kind != PV_LOGIN_VIRTUAL)
		return vp.typed;
	(void)snprintf(address, sizeof address, "%s@%s", vp.name.address.user.s, vp.name.address.domain.s);
	return address;
}

/* Of a name that a client typed no blank is left, so that it cannot look like another part of the line. */
static void log_refusal(const char *why)
{
	char name[sizeof vp.typed];

	(void)snprintf(name, sizeof name, "%s", vp.typed);
	pv_printable(name, strlen(name));
	for (char *p = name; *p != '\0'; p++)
		if (*p == ' ')
			*p = '?';
	pv_log(PV_LOG_WARNING, "refused login of %.200s from %s: %s", name, vp.client_text, why);
}

static const struct sockaddr *client(void)
{
	return (const struct sockaddr *)&vp.client;
}

/* The password was wrong, or so it is said. Returns GNU's code for it. */
static int refuse(const char *why, const char *text, unsigned table_s)
{
	log_refusal(why);
	vp_session_say(text);
	pv_login_hold(vp.asked_ms, hold_seconds(table_s), vp_wire_is_stopped);
	if (++vp.tries >= TRIES_MAX)
		vp.ending = true;
	return MU_ERR_AUTH_FAILURE;
}

static int refuse_unavailable(const char *op, const struct pv_error *e)
{
	vp_session_log(op, e);
	return refuse("unavailable", vp_session_text(e, VP_TEXT_UNAVAILABLE), 0);
}

/* --- the check --- */

/* What is common to all ways of logging in: may this address try; was it right; count it. check() fills
 * vp.login; MU_ERR_AUTH_FAILURE is wrong, 0 right. */
static int try_login(enum pv_class (*check)(const void *what, struct pv_error *e), const void *what)
{
	struct pv_tries tries;
	struct pv_error e;
	unsigned wait_s = 0;

	if (pv_tries_open(&vp.store, &tries, &e) != PV_OK)
		vp_session_log("count wrong passwords", &e);
	if (!pv_tries_allow(&tries, client(), who_is_tried(), &wait_s)) {
		pv_tries_close(&tries);
		return refuse("too many wrong passwords", VP_TEXT_TOO_MANY_TRIES, 0);
	}
	enum pv_class c = check(what, &e);
	if (c == PV_OK && vp.login.verdict == PV_LOGIN_WRONG)
		pv_tries_wrong(&tries, client(), who_is_tried());
	else if (c == PV_OK)
		pv_tries_right(&tries, client(), who_is_tried());
	pv_tries_close(&tries);
	if (c != PV_OK)
		return refuse_unavailable("check a login", &e);
	if (vp.login.verdict == PV_LOGIN_WRONG)
		return refuse("wrong password", VP_TEXT_WRONG, wait_s);
	(void)snprintf(vp.language, sizeof vp.language, "%s",
		       vp.login.language[0] != '\0' ? vp.login.language : vp.store.conf.language);
	if (vp.login.verdict == PV_LOGIN_RIGHT)
		return 0;
	char text[300];
	(void)snprintf(text, sizeof text, "[AUTH] %s", vp.login.text);
	return refuse("closed", text, wait_s);
}

static enum pv_class check_password(const void *password, struct pv_error *e)
{
	return pv_login_check(&vp.store, &vp.name, password, &vp.login, e);
}

struct system_try {
	struct mu_auth_data *auth;
	const char *password;
};

static enum pv_class check_system(const void *what, struct pv_error *e)
{
	const struct system_try *t = what;

	(void)e;
	in_real = true;
	int r = t->auth->uid != 0 ? vp_real.mu_authenticate(t->auth, t->password) : MU_ERR_AUTH_FAILURE;
	in_real = false;
	vp.login = (struct pv_login){ .verdict = r == 0 ? PV_LOGIN_RIGHT : PV_LOGIN_WRONG };
	return PV_OK;
}

static enum pv_class check_nobody(const void *what, struct pv_error *e)
{
	(void)what;
	(void)e;
	vp.login = (struct pv_login){ .verdict = PV_LOGIN_WRONG };
	return PV_OK;
}

/* --- GNU's questions --- */

static bool parse_name(const char *typed, struct pv_error *e)
{
	(void)snprintf(vp.typed, sizeof vp.typed, "%s", typed);
	vp.who = VP_NOBODY;
	return pv_login_name_parse(&vp.store, typed, vp.has_server_domain ? &vp.server_domain : NULL,
				   &vp.name, e) == PV_OK;
}

static int make_auth(struct mu_auth_data **auth)
{
	const char *name = vp.name.kind == PV_LOGIN_VIRTUAL ? who_is_tried() : vp.typed;

	return mu_auth_data_alloc(auth, name, "*", 65534, 65534, "", "/nonexistent", "/bin/false",
				  "/nonexistent", 0);
}

VP_EXPORT int mu_get_auth(struct mu_auth_data **auth, enum mu_auth_key_type type, const void *key)
{
	struct pv_error e;

	if (!vp_session_is_on() || in_real || type != mu_auth_key_name)
		return vp_real.mu_get_auth(auth, type, key);
	if (!parse_name(key, &e))
		return refuse_unavailable("read a login's name", &e);
	/* Whether somebody exists is not told before his password was looked at. */
	if (vp.name.kind != PV_LOGIN_SYSTEM)
		return make_auth(auth);
	in_real = true;
	int r = vp_real.mu_get_auth(auth, type, vp.name.host_user);
	in_real = false;
	if (r != 0)
		vp.name.kind = PV_LOGIN_NOBODY;
	return r != 0 ? make_auth(auth) : 0;
}

VP_EXPORT int mu_authenticate(struct mu_auth_data *auth, const char *password)
{
	const struct system_try t = { .auth = auth, .password = vp.password };

	if (!vp_session_is_on() || in_real)
		return vp_real.mu_authenticate(auth, password);
	int r = MU_ERR_AUTH_FAILURE;
	if (vp.name.kind == PV_LOGIN_SYSTEM)
		r = try_login(check_system, &t);
	else if (vp.name.kind == PV_LOGIN_VIRTUAL)
		r = try_login(check_password, vp.password);
	else
		r = try_login(check_nobody, NULL);
	vp.who = r == 0 && vp.name.kind == PV_LOGIN_SYSTEM ? VP_SYSTEM : VP_NOBODY;
	/* GNU gives up the uid next, and who is not root keeps the groups that he has. */
	if (vp.who == VP_SYSTEM && setgroups(0, NULL) != 0) {
		vp_session_say(VP_TEXT_UNAVAILABLE);
		r = MU_ERR_AUTH_FAILURE;
	}
	/* vp_rehash() needs it still. */
	if (r != 0 || vp.who == VP_SYSTEM)
		explicit_bzero(vp.password, sizeof vp.password);
	return r;
}

/* --- APOP: the gate has the digest; GNU asks its database for the secret --- */

static const char apop_database; /* its address is the database */

static bool digest_matches(const char *secret)
{
	struct mu_md5_ctx ctx;
	unsigned char digest[16];
	unsigned char different = 0;
	char hex[33];

	mu_md5_init_ctx(&ctx);
	mu_md5_process_bytes(vp.challenge, strlen(vp.challenge), &ctx);
	mu_md5_process_bytes(secret, strlen(secret), &ctx);
	mu_md5_finish_ctx(&ctx, digest);
	for (size_t i = 0; i < sizeof digest; i++)
		(void)snprintf(hex + 2 * i, 3, "%02x", digest[i]);
	for (size_t i = 0; i < sizeof hex - 1; i++)
		different |= (unsigned char)(hex[i] ^ vp.apop_digest[i]);
	return different == 0;
}

static enum pv_class check_apop(const void *what, struct pv_error *e)
{
	char *secret = *(char *const *)what;

	if (vp.name.kind != PV_LOGIN_VIRTUAL)
		return check_nobody(NULL, e);
	enum pv_class c = pv_login_apop(&vp.store, &vp.name, secret, &vp.login, e);
	if (c == PV_OK && (secret[0] == '\0' || !digest_matches(secret)))
		vp.login.verdict = PV_LOGIN_WRONG;
	return c;
}

VP_EXPORT int mu_dbm_create(char *name, mu_dbm_file_t *db, int safety)
{
	if (!vp_session_is_on())
		return vp_real.mu_dbm_create(name, db, safety);
	*db = (mu_dbm_file_t)(uintptr_t)&apop_database;
	return 0;
}

static bool is_apop(mu_dbm_file_t db)
{
	return (uintptr_t)db == (uintptr_t)&apop_database;
}

VP_EXPORT int mu_dbm_safety_check(mu_dbm_file_t db)
{
	return is_apop(db) ? 0 : vp_real.mu_dbm_safety_check(db);
}

VP_EXPORT int mu_dbm_open(mu_dbm_file_t db, int flags, int mode)
{
	return is_apop(db) ? 0 : vp_real.mu_dbm_open(db, flags, mode);
}

VP_EXPORT void mu_dbm_destroy(mu_dbm_file_t *db)
{
	if (!is_apop(*db))
		vp_real.mu_dbm_destroy(db);
	else
		*db = NULL;
}

VP_EXPORT int mu_dbm_fetch(mu_dbm_file_t db, struct mu_dbm_datum const *key, struct mu_dbm_datum *ret)
{
	char typed[sizeof vp.typed];
	struct pv_error e;

	if (!is_apop(db))
		return vp_real.mu_dbm_fetch(db, key, ret);
	char *secret = calloc(1, PV_PASSWORD_RANDOM_SIZE);
	if (secret == NULL || key->mu_dsize >= sizeof typed)
		return free(secret), MU_ERR_NOENT;
	memcpy(typed, key->mu_dptr, key->mu_dsize);
	typed[key->mu_dsize] = '\0';
	vp.apop_right = false;
	if (!parse_name(typed, &e))
		(void)refuse_unavailable("read a login's name", &e);
	else
		vp.apop_right = try_login(check_apop, &secret) == 0;
	if (!vp.apop_right) {
		explicit_bzero(secret, PV_PASSWORD_RANDOM_SIZE);
		free(secret);
		return MU_ERR_NOENT;
	}
	ret->mu_dptr = secret;
	ret->mu_dsize = strlen(secret);
	return 0;
}

VP_EXPORT void mu_dbm_datum_free(struct mu_dbm_datum *datum)
{
	if (!vp_session_is_on()) {
		vp_real.mu_dbm_datum_free(datum);
		return;
	}
	explicit_bzero(datum->mu_dptr, datum->mu_dsize);
	free(datum->mu_dptr);
	datum->mu_dptr = NULL;
}

VP_EXPORT struct mu_auth_data *mu_get_auth_by_name(const char *name)
{
	struct mu_auth_data *auth = NULL;

	if (!vp_session_is_on() || in_real)
		return vp_real.mu_get_auth_by_name(name);
	return vp.apop_right && make_auth(&auth) == 0 ? auth : NULL;
}
