#include "change/change.h"

#include "address/extension.h"
#include "change/forward.h"
#include "change/read.h"
#include "change/work.h"
#include "store/hosts.h"
#include "store/passwd_write.h"
#include "store/standard.h"

#include <errno.h>
#include <sys/stat.h>

/* What all checks look at. */
struct view {
	struct pv_work work;
	const struct pv_address *a;
	struct pv_users users;
	struct pv_registry_entry entry;
	char text[PV_USER_MAX + 1 + PV_DOMAIN_MAX + 1]; /* user@domain, for sentences */
};

static enum pv_class begin(struct view *v, struct pv_change *c, const struct pv_address *a,
			   struct pv_error *e)
{
	bool found;

	v->a = a;
	v->users = (struct pv_users){ .text = PV_BUF_INIT(0) };
	(void)snprintf(v->text, sizeof v->text, "%s@%s", a->user.s, a->domain.s);
	enum pv_class r = pv_work_begin(&v->work, c, &a->domain, false, e);
	if (r == PV_OK)
		r = pv_registry_find(c->store, &a->domain, &v->entry, &found, e);
	if (r == PV_OK && v->entry.is_alias)
		r = pv_fail(e, PV_PERMANENT, "5.1.2", "%s is an alias of %s: its users are there",
			    a->domain.s, v->entry.alias_of.s);
	if (r == PV_OK && v->entry.standard)
		r = pv_fail(e, PV_PERMANENT, "5.1.2",
			    "%s is a standard domain of Postfix's, without users: its addresses are lines of "
			    "%s/%s/" PV_STANDARD_FILE "; after an edit run make-postfix-maps %s",
			    a->domain.s, c->store->dir, a->domain.s, a->domain.s);
	if (r == PV_OK)
		r = pv_work_need_domain(&v->work, e);
	if (r == PV_OK)
		r = pv_users_read(&v->work.folder, &v->work.account, &v->users, e);
	return r;
}

static void end(struct view *v)
{
	pv_users_free(&v->users);
	pv_work_end(&v->work);
}

/* The user's line of before, which tells where its mailbox is; PV_PERMANENT where there is no such user. */
static enum pv_class take_line(struct view *v, const struct pv_user_info **info_r, struct pv_error *e)
{
	const struct pv_account *account = &v->work.account;
	struct pv_buf line = PV_BUF_INIT(PV_MARK_LINE_MAX);

	const struct pv_user_info *info = pv_users_find(&v->users, &v->a->user);
	if (info == NULL)
		return pv_fail(e, PV_PERMANENT, "5.1.1", "%s is no user here: postfix-virtual user list %s",
			       v->text, v->a->domain.s);
	/* By hand anything may stand in a home; what is no path leads to no mailbox. */
	const char *home = *info->home == '/' && strstr(info->home, "/..") == NULL ? info->home : ".";
	enum pv_class c = pv_passwd_line(&info->user, "*", account->uid, account->gid, "", home, &line, e);
	if (c == PV_OK)
		memcpy(v->work.mark.line, line.s, line.len + 1);
	pv_buf_free(&line);
	v->work.mark.user = v->a->user;
	if (info_r != NULL)
		*info_r = info;
	return c;
}

static enum pv_class carry_out(struct view *v, enum pv_mark_kind kind, const char *what, struct pv_error *e)
{
	v->work.mark.kind = kind;
	v->work.mark.user = v->a->user;
	return pv_work_carry_out(&v->work, what, e);
}

/* Addresses that the host keeps for itself. */
static enum pv_class refuse_reserved(struct view *v, const struct pv_user *u, struct pv_error *e)
{
	const struct pv_store *s = v->work.c->store;
	enum pv_class c = PV_OK;
	struct pv_hosts hosts;

	if ((c = pv_hosts_load(s, &hosts, e)) != PV_OK)
		return c;
	const struct pv_host_address *h = pv_hosts_get(&hosts, u);
	if (h != NULL && (v->entry.own & h->own) == 0) {
		if (h->own != 0)
			c = pv_fail(e, PV_PERMANENT, "5.1.3",
				    "%s@%s goes to the host's %s: to give it to the domain, write `%s "
				    "own=%s` into "
				    "%s/domains",
				    u->s, v->a->domain.s, h->targets, v->a->domain.s, u->s, s->dir);
		else
			c = pv_fail(e, PV_PERMANENT, "5.1.3",
				    "%s@%s goes to the host's %s: see %s/host-addresses", u->s,
				    v->a->domain.s, h->targets, s->dir);
	}
	pv_hosts_free(&hosts);
	return c;
}

/* Is r a user of another domain of the same account? */
static enum pv_class is_taken(struct view *v, const struct pv_extension_reading *r, bool *taken_r,
			      struct pv_error *e)
{
	struct pv_folder f;
	struct pv_users users;

	*taken_r = false;
	enum pv_class c = pv_folder_open(v->work.c->store, &r->domain, &f, e);
	if (c != PV_OK || f.fd < 0)
		return c;
	if (f.uid == v->work.folder.uid) {
		c = pv_users_read(&f, &v->work.account, &users, e);
		*taken_r = c == PV_OK && pv_users_find(&users, &r->user) != NULL;
		pv_users_free(&users);
	}
	pv_folder_close(&f);
	return c;
}

/* `a--b` of c.dk and `a` of b--c.dk would have one .forward file. */
static enum pv_class refuse_collision(struct view *v, const struct pv_user *u, struct pv_error *e)
{
	struct pv_extension_reading r;
	char extension[PV_EXTENSION_SIZE];
	bool taken = false;
	size_t from = 0;

	enum pv_class c = pv_extension_format(u, &v->a->domain, extension, e);
	if (c != PV_OK)
		return c;
	pv_extension_fold(extension, strlen(extension));
	while (pv_extension_next(extension, strlen(extension), &from, &r)) {
		if (!r.has_user || pv_domain_equal(&r.domain, &v->a->domain))
			continue;
		if ((c = is_taken(v, &r, &taken, e)) != PV_OK)
			return c;
		if (taken)
			return pv_fail(e, PV_PERMANENT, "5.1.3",
				       "%s@%s and %s@%s, both account %s's, are one name to Postfix (%s): "
				       "choose another",
				       u->s, v->a->domain.s, r.user.s, r.domain.s, v->work.account.name,
				       extension);
	}
	return PV_OK;
}

static enum pv_class refuse_name(struct view *v, const struct pv_user *u, struct pv_error *e)
{
	if (pv_users_find(&v->users, u) != NULL)
		return pv_fail(e, PV_PERMANENT, "5.1.3", "%s@%s is there already", u->s, v->a->domain.s);
	enum pv_class c = refuse_reserved(v, u, e);
	return c == PV_OK ? refuse_collision(v, u, e) : c;
}

static bool is_below(const char *path, const char *folder)
{
	size_t n = strlen(folder);

	while (n > 0 && folder[n - 1] == '/')
		n--;
	return strncmp(path, folder, n) == 0 && (path[n] == '\0' || path[n] == '/');
}

/* A home that delivery would pass over is better refused now. */
static enum pv_class refuse_home(struct view *v, const char *home, struct pv_error *e)
{
	const struct pv_account *account = &v->work.account;

	if (strcmp(home, ".") == 0)
		return PV_OK;
	if (home[0] == '/' && !is_below(home, account->home))
		return pv_fail(e, PV_PERMANENT, "5.3.5",
			       "the home %s is not inside %s, the home of account %s", home, account->home,
			       account->name);
	for (size_t i = 0; i < v->users.count; i++)
		if (strcmp(v->users.list[i].home, home) == 0)
			return pv_fail(e, PV_PERMANENT, "5.3.5", "the home %s is user %s's already", home,
				       v->users.list[i].user.s);
	return PV_OK;
}

static enum pv_class refuse_many(const struct view *v, struct pv_error *e)
{
	if (v->entry.max_users != 0 && v->users.count >= v->entry.max_users)
		return pv_fail(
			e, PV_PERMANENT, "5.2.2",
			"%s has %zu users, and max_users=%lu stands in %s/domains: root can raise it with "
			"postfix-virtual domain set %s max_users=%zu",
			v->a->domain.s, v->users.count, v->entry.max_users, v->work.c->store->dir,
			v->a->domain.s, v->users.count + 1);
	return PV_OK;
}

/* The .forward file will stand there. Root only looks at it. */
static enum pv_class refuse_account_home(const struct pv_account *a, struct pv_error *e)
{
	struct stat st;

	if (stat(a->home, &st) != 0)
		return pv_fail_errno(e, PV_PERMANENT, "5.3.5", errno,
				     "the home %s of account %s: make it, mode 0700, and chown it to %s",
				     a->home, a->name, a->name);
	if (!S_ISDIR(st.st_mode) || (st.st_uid != a->uid && st.st_uid != 0) || (st.st_mode & 022) != 0)
		return pv_fail(
			e, PV_PERMANENT, "5.3.5",
			"the home %s of account %s must be a folder, its own, and writable by nobody else: "
			"chown %s, chmod go-w it",
			a->home, a->name, a->name);
	return PV_OK;
}

static enum pv_class check_add(struct view *v, const char *home, struct pv_error *e)
{
	enum pv_class c = refuse_name(v, &v->a->user, e);

	if (c == PV_OK)
		c = refuse_home(v, home, e);
	if (c == PV_OK)
		c = refuse_many(v, e);
	if (c == PV_OK)
		c = pv_forward_check(v->work.c->store, e);
	return c == PV_OK ? refuse_account_home(&v->work.account, e) : c;
}

enum pv_class pv_user_add(struct pv_change *c, const struct pv_address *a, const struct pv_user_add *o,
			  struct pv_error *e)
{
	const char *home = o->home != NULL ? o->home : ".";
	struct pv_buf line = PV_BUF_INIT(PV_PASSWD_LINE_MAX);
	struct view v;

	enum pv_class r = begin(&v, c, a, e);
	if (r == PV_OK)
		r = check_add(&v, home, e);
	if (r == PV_OK)
		r = pv_passwd_line(&a->user, o->hash, v.work.account.uid, v.work.account.gid, o->name, home,
				   &line, e);
	if (r == PV_OK) {
		memcpy(v.work.mark.line, line.s, line.len + 1);
		r = carry_out(&v, PV_MARK_USER_ADD, v.text, e);
	}
	pv_buf_free_zero(&line);
	end(&v);
	return r;
}

enum pv_class pv_user_password(struct pv_change *c, const struct pv_address *a, const char *hash,
			       struct pv_error *e)
{
	struct view v;

	enum pv_class r = begin(&v, c, a, e);
	if (r == PV_OK)
		r = take_line(&v, NULL, e);
	if (r == PV_OK && strlen(hash) >= sizeof v.work.mark.hash)
		r = pv_fail(e, PV_PERMANENT, "5.7.0", "the hash is too long");
	if (r == PV_OK) {
		(void)snprintf(v.work.mark.hash, sizeof v.work.mark.hash, "%s", hash);
		r = carry_out(&v, PV_MARK_USER_PASSWORD, v.text, e);
	}
	end(&v);
	return r;
}

/* Now, not half way, is the time to find out that the file of secrets is damaged. */
static enum pv_class check_apop(const struct view *v, bool *has_r, struct pv_error *e)
{
	return pv_apop_has(&v->work.folder, &v->work.account, v->work.c->store, &v->a->user, has_r, e);
}

enum pv_class pv_user_apop(struct pv_change *c, const struct pv_address *a, const char *secret,
			   struct pv_error *e)
{
	char what[sizeof((struct view *)NULL)->text + sizeof " --off"];
	struct view v;
	bool has = false;

	enum pv_class r = begin(&v, c, a, e);
	if (r == PV_OK)
		r = take_line(&v, NULL, e);
	if (r == PV_OK && secret == NULL)
		r = check_apop(&v, &has, e);
	c->already = r == PV_OK && secret == NULL && !has;
	if (r == PV_OK && !c->already) {
		(void)snprintf(v.work.mark.hash, sizeof v.work.mark.hash, "%s", secret != NULL ? secret : "");
		(void)snprintf(what, sizeof what, "%s%s", v.text, secret != NULL ? "" : " --off");
		r = carry_out(&v, PV_MARK_USER_APOP, what, e);
	}
	end(&v);
	return r;
}

enum pv_class pv_user_rename(struct pv_change *c, const struct pv_address *a, const struct pv_user *to,
			     struct pv_error *e)
{
	char what[sizeof((struct view *)NULL)->text + 1 + PV_USER_MAX + 1];
	struct view v;
	bool has;

	enum pv_class r = begin(&v, c, a, e);
	if (r == PV_OK)
		r = take_line(&v, NULL, e);
	if (r == PV_OK)
		r = refuse_name(&v, to, e);
	if (r == PV_OK)
		r = check_apop(&v, &has, e);
	if (r == PV_OK)
		r = pv_forward_check(c->store, e);
	if (r == PV_OK) {
		v.work.mark.to = *to;
		(void)snprintf(what, sizeof what, "%s %s", v.text, to->s);
		r = carry_out(&v, PV_MARK_USER_RENAME, what, e);
	}
	end(&v);
	return r;
}

enum pv_class pv_user_enable(struct pv_change *c, const struct pv_address *a, bool on, struct pv_error *e)
{
	const struct pv_user_info *info;
	struct view v;

	enum pv_class r = begin(&v, c, a, e);
	if (r == PV_OK)
		r = take_line(&v, &info, e);
	if (r == PV_OK && info->conf.receive == on && info->conf.retrieve == on)
		c->already = true;
	else if (r == PV_OK)
		r = carry_out(&v, on ? PV_MARK_USER_ENABLE : PV_MARK_USER_DISABLE, v.text, e);
	end(&v);
	return r;
}

enum pv_class pv_user_delete(struct pv_change *c, const struct pv_address *a, struct pv_error *e)
{
	struct view v;
	bool has;

	enum pv_class r = begin(&v, c, a, e);
	if (r == PV_OK)
		r = take_line(&v, NULL, e);
	if (r == PV_OK)
		r = check_apop(&v, &has, e);
	if (r == PV_OK)
		r = carry_out(&v, PV_MARK_USER_DELETE, v.text, e);
	end(&v);
	return r;
}
