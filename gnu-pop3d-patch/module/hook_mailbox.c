/*
 * hook_mailbox.c: the mailbox: opened as the account, after the process has become it for good.
 */
#include "auth/session.h"
#include "base/clock.h"
#include "base/log.h"
#include "base/privilege.h"
#include "hooks.h"
#include "rehash.h"
#include "route/place.h"
#include "session.h"
#include "texts.h"

#include <limits.h>
#include <mailutils/url.h>
#include <pwd.h>
#include <unistd.h>

enum { LOCK_DEADLINE_MS = 10000, SESSION_DEADLINE_MS = 1000 };

static const char mailbox; /* its address is the mailbox */
static mu_url_t url;	   /* GNU writes it into a log line that nobody sees */
static int session_fd = -1;

static bool is_ours(mu_mailbox_t m)
{
	return (uintptr_t)m == (uintptr_t)&mailbox;
}

/* --- opening --- */

/* A client that comes again at once finds its last session ending still: so wait a moment. */
static enum pv_class take_session(bool *is_free, struct pv_error *e)
{
	struct pv_backoff wait = pv_backoff_start(SESSION_DEADLINE_MS);
	enum pv_class c;

	do
		c = pv_session_take(&vp.store, &vp.name.address, &session_fd, is_free, e);
	while (c == PV_OK && !*is_free && pv_backoff_wait(&wait));
	return c;
}

/* Before QUIT is answered: who has read the answer may log in again. */
static void end_session(void)
{
	if (session_fd >= 0)
		(void)close(session_fd);
	session_fd = -1;
}

/* As root: nobody else is in it, and it is not too soon. */
static bool may_begin(struct pv_error *e)
{
	bool is_free = true, early = false;

	if (take_session(&is_free, e) != PV_OK) {
		vp_session_log("take a session", e);
		vp_session_say(VP_TEXT_UNAVAILABLE);
		return false;
	}
	if (!is_free) {
		vp_session_say(VP_TEXT_IN_USE);
		return false;
	}
	if (pv_session_seen(&vp.store, &vp.name.address, &early, e) != PV_OK)
		vp_session_log("note a login", e);
	if (early) {
		vp_session_say(VP_TEXT_DELAY);
		end_session();
	}
	return !early;
}

static enum pv_class find_place(const char *home, struct pv_location *where, struct pv_error *e)
{
	const struct pv_address *a = &vp.name.address;
	struct pv_passwd_entry p;
	struct pv_folder f;
	bool found;

	enum pv_class c = pv_folder_open(&vp.store, &a->domain, &f, e);
	if (c != PV_OK)
		return c;
	if (f.fd < 0 || f.uid != vp.login.uid)
		c = pv_fail(e, PV_TEMPORARY, NULL, "the folder of domain %s has just changed", a->domain.s);
	if (c == PV_OK)
		c = pv_passwd_find(&f, &a->user, &p, &found, e);
	if (c == PV_OK && !found)
		c = pv_fail(e, PV_TEMPORARY, NULL, "%s@%s has just gone", a->user.s, a->domain.s);
	if (c == PV_OK)
		c = pv_place_look(&vp.store, &f, &p, home, where, e);
	pv_folder_close(&f);
	return c;
}

/* As the account. */
static enum pv_class open_drop(const char *home, struct pv_error *e)
{
	static struct pv_location where; /* for as long as the maildrop */
	const struct pv_maildrop_options o = { .uid = vp.login.uid,
					       .lock_deadline_ms = LOCK_DEADLINE_MS,
					       .fcntl_only = vp.store.conf.fcntl_only,
					       .write_status = vp.store.conf.write_status };

	enum pv_class c = find_place(home, &where, e);
	if (c == PV_OK)
		c = pv_maildrop_open(&where, &o, &vp.drop, e);
	if (c != PV_OK)
		return c;
	vp.count = pv_maildrop_count(vp.drop);
	vp.flags = calloc(vp.count + 1, sizeof *vp.flags);
	if (vp.flags == NULL || mu_url_create(&url, where.path) != 0)
		return pv_fail(e, PV_TEMPORARY, NULL, "no memory for a session");
	return PV_OK;
}

/* Become the account for good, then open. After that this process can serve nobody else. */
static enum pv_class begin(struct pv_error *e)
{
	const struct passwd *account = getpwuid(vp.login.uid);
	char home[PATH_MAX] = "";

	if (account != NULL && account->pw_dir[0] == '/' && strlen(account->pw_dir) < sizeof home)
		(void)snprintf(home, sizeof home, "%s", account->pw_dir);
	vp.ending = true;
	enum pv_class c = pv_become(vp.login.uid, vp.login.gid, e);
	if (c == PV_OK)
		c = open_drop(home[0] != '\0' ? home : NULL, e);
	vp.ending = c != PV_OK;
	return c;
}

static void log_login(const char *name)
{
	if (strcmp(vp.store.conf.login_log, "all") == 0)
		pv_log(PV_LOG_INFO, "login of %s from %s", name, vp.client_text);
}

static int open_ours(mu_mailbox_t *m)
{
	char name[PV_USER_MAX + PV_DOMAIN_MAX + 2];
	struct pv_error e;

	(void)snprintf(name, sizeof name, "%s@%s", vp.name.address.user.s, vp.name.address.domain.s);
	if (!may_begin(&e))
		return MU_ERR_LOCK_CONFLICT;
	vp_rehash();
	if (begin(&e) != PV_OK) {
		bool busy = strcmp(e.status, "4.2.0") == 0;
		vp_session_log(busy ? "open a mailbox in use" : "open a mailbox", &e);
		vp_session_say(busy ? VP_TEXT_IN_USE : VP_TEXT_MAILBOX);
		return MU_ERR_LOCK_CONFLICT;
	}
	log_login(name);
	vp.who = VP_VIRTUAL;
	*m = (mu_mailbox_t)(uintptr_t)&mailbox;
	return 0;
}

/* One of the host's own users: GNU would set the uid alone, and keep root's groups. Group mail stays, which
 * may make locks beside the mailboxes of /var/mail. */
static bool become_system_user(const char *name)
{
	struct pv_error e;
	const struct passwd *p = getpwnam(name);

	vp.ending = true;
	if (p == NULL || pv_become(p->pw_uid, getegid() != 0 ? getegid() : p->pw_gid, &e) != PV_OK) {
		if (p != NULL)
			vp_session_log("become a user", &e);
		vp_session_say(VP_TEXT_UNAVAILABLE);
		return false;
	}
	vp.ending = false;
	log_login(name);
	return true;
}

VP_EXPORT int manlock_open_mailbox(mu_mailbox_t *m, const char *name, int is_url, int flags)
{
	if (!vp_session_is_on())
		return vp_real.manlock_open_mailbox(m, name, is_url, flags);
	if (vp.who != VP_SYSTEM)
		return open_ours(m);
	if (!become_system_user(vp.name.host_user))
		return MU_ERR_LOCK_CONFLICT;
	int r = vp_real.manlock_open_mailbox(m, name, is_url, flags);
	vp.ending = r != 0;
	return r;
}

/* --- the open mailbox --- */

VP_EXPORT int manlock_unlock(mu_mailbox_t m)
{
	return is_ours(m) ? 0 : vp_real.manlock_unlock(m);
}

VP_EXPORT int manlock_touchlock(mu_mailbox_t m)
{
	return m == NULL || is_ours(m) ? 0 : vp_real.manlock_touchlock(m);
}

VP_EXPORT int mu_mailbox_messages_count(mu_mailbox_t m, size_t *count)
{
	if (!is_ours(m))
		return vp_real.mu_mailbox_messages_count(m, count);
	*count = vp.count;
	return 0;
}

VP_EXPORT int mu_mailbox_get_message(mu_mailbox_t m, size_t number, mu_message_t *message)
{
	if (!is_ours(m))
		return vp_real.mu_mailbox_get_message(m, number, message);
	if (number < 1 || number > vp.count)
		return MU_ERR_NOENT;
	*message = (mu_message_t)(void *)&vp.flags[number - 1];
	return 0;
}

VP_EXPORT int mu_mailbox_get_size(mu_mailbox_t m, mu_off_t *size)
{
	if (!is_ours(m))
		return vp_real.mu_mailbox_get_size(m, size);
	*size = 0;
	return 0;
}

VP_EXPORT int mu_mailbox_get_url(mu_mailbox_t m, mu_url_t *to)
{
	if (!is_ours(m))
		return vp_real.mu_mailbox_get_url(m, to);
	*to = url;
	return 0;
}

/* The session sees a snapshot, whatever comes. */
VP_EXPORT int mu_mailbox_is_updated(mu_mailbox_t m)
{
	return is_ours(m) ? 1 : vp_real.mu_mailbox_is_updated(m);
}

/* expunge: QUIT was said; without it nothing is removed (RFC 1939, section 6). */
VP_EXPORT int mu_mailbox_flush(mu_mailbox_t m, int expunge)
{
	struct pv_error e;

	if (!is_ours(m))
		return vp_real.mu_mailbox_flush(m, expunge);
	if (!expunge || pv_maildrop_update(vp.drop, &e) == PV_OK)
		return 0;
	vp_session_log("remove messages", &e);
	vp_session_say(VP_TEXT_NOT_REMOVED);
	return MU_ERR_FAILURE;
}

VP_EXPORT int mu_mailbox_close(mu_mailbox_t m)
{
	return is_ours(m) ? 0 : vp_real.mu_mailbox_close(m);
}

VP_EXPORT void mu_mailbox_destroy(mu_mailbox_t *m)
{
	if (!is_ours(*m)) {
		vp_real.mu_mailbox_destroy(m);
		return;
	}
	pv_maildrop_close(vp.drop);
	end_session();
	vp.drop = NULL;
	vp.who = VP_NOBODY;
	*m = NULL;
}
