#include "change/change.h"

#include "change/alias_rename.h"
#include "change/depend.h"
#include "change/forward.h"
#include "change/full_names.h"
#include "change/user_aliases.h"
#include "change/user_view.h"
#include "store/alias_file.h"
#include "store/passwd_write.h"
#include "store/standard.h"

#include <errno.h>
#include <sys/stat.h>

enum pv_class pv_user_begin(struct pv_user_view *v, struct pv_change *c, const struct pv_address *a,
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

void pv_user_end(struct pv_user_view *v)
{
	pv_users_free(&v->users);
	pv_work_end(&v->work);
}

enum pv_class pv_user_take(struct pv_user_view *v, const struct pv_user_info **info_r, struct pv_error *e)
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

static enum pv_class carry_out(struct pv_user_view *v, enum pv_mark_kind kind, const char *what,
			       struct pv_error *e)
{
	v->work.mark.kind = kind;
	v->work.mark.user = v->a->user;
	return pv_work_carry_out(&v->work, what, e);
}

static enum pv_class refuse_name(struct pv_user_view *v, const struct pv_user *u, struct pv_error *e)
{
	if (pv_users_find(&v->users, u) != NULL)
		return pv_fail(e, PV_PERMANENT, "5.1.3", "%s@%s is there already", u->s, v->a->domain.s);
	enum pv_class c = pv_refuse_reserved(v->work.c->store, &v->entry, u, e);
	if (c == PV_OK)
		c = pv_refuse_collision(&v->work, u, e);
	return c == PV_OK ? pv_user_aliases_refuse(&v->work, u, e) : c;
}

static bool is_below(const char *path, const char *folder)
{
	size_t n = strlen(folder);

	while (n > 0 && folder[n - 1] == '/')
		n--;
	return strncmp(path, folder, n) == 0 && (path[n] == '\0' || path[n] == '/');
}

/* A home that delivery would pass over is better refused now. */
static enum pv_class refuse_home(struct pv_user_view *v, const char *home, struct pv_error *e)
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

static enum pv_class refuse_many(const struct pv_user_view *v, struct pv_error *e)
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

/* With match_full_name = yes a name is an address too. */
static enum pv_class refuse_full_name(const struct pv_user_view *v, const char *name, struct pv_error *e)
{
	return v->users.domain.match_full_name ? pv_full_name_refuse(&v->users, &v->a->domain, name, e)
					       : PV_OK;
}

/* Does a list of addresses lead to the user? */
static bool has_address(const struct pv_user_view *v, const char *list)
{
	struct pv_buf memory = PV_BUF_INIT(PV_ALIAS_FILE_MAX);
	const char *end = list + strlen(list);
	enum pv_class c = PV_OK;
	bool has = false;
	struct pv_target t;

	while (!has && pv_target_next(&list, end, &memory, &t, &c, NULL))
		has = c == PV_OK && t.kind == PV_TARGET_ADDRESS &&
		      pv_depend_is_address(v->work.c->store, &v->a->domain, v->a->user.s, t.text, t.len);
	pv_buf_free(&memory);
	return has;
}

/* What leads to a user who goes must lead somewhere else first. */
static enum pv_class refuse_needed(const struct pv_user_view *v, struct pv_error *e)
{
	for (size_t i = 0; i < v->users.count; i++) {
		const struct pv_user_info *u = &v->users.list[i];
		if (!pv_user_equal(&u->user, &v->a->user) && has_address(v, u->conf.forward))
			return pv_fail(e, PV_PERMANENT, "5.3.5",
				       "%s/users/%s, line %u: mail for %s@%s is sent on to %s, which would "
				       "lead nowhere "
				       "then: postfix-virtual user set %s@%s forward= first",
				       v->work.folder.path, u->user.s, u->conf.forward_line, u->user.s,
				       v->a->domain.s, v->text, u->user.s, v->a->domain.s);
	}
	return pv_depend_refuse(&v->work, v->a->user.s, true, e);
}

static enum pv_class check_add(struct pv_user_view *v, const char *home, struct pv_error *e)
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
	struct pv_user_view v;

	enum pv_class r = pv_user_begin(&v, c, a, e);
	if (r == PV_OK)
		r = check_add(&v, home, e);
	if (r == PV_OK)
		r = refuse_full_name(&v, o->name, e);
	if (r == PV_OK)
		r = pv_passwd_line(&a->user, o->hash, v.work.account.uid, v.work.account.gid, o->name, home,
				   &line, e);
	if (r == PV_OK) {
		memcpy(v.work.mark.line, line.s, line.len + 1);
		r = carry_out(&v, PV_MARK_USER_ADD, v.text, e);
	}
	pv_buf_free_zero(&line);
	pv_user_end(&v);
	return r;
}

enum pv_class pv_user_password(struct pv_change *c, const struct pv_address *a, const char *hash,
			       struct pv_error *e)
{
	struct pv_user_view v;

	enum pv_class r = pv_user_begin(&v, c, a, e);
	if (r == PV_OK)
		r = pv_user_take(&v, NULL, e);
	if (r == PV_OK && strlen(hash) >= sizeof v.work.mark.hash)
		r = pv_fail(e, PV_PERMANENT, "5.7.0", "the hash is too long");
	if (r == PV_OK) {
		(void)snprintf(v.work.mark.hash, sizeof v.work.mark.hash, "%s", hash);
		r = carry_out(&v, PV_MARK_USER_PASSWORD, v.text, e);
	}
	pv_user_end(&v);
	return r;
}

/* Now, not half way, is the time to find out that the file of secrets is damaged. */
static enum pv_class check_apop(const struct pv_user_view *v, bool *has_r, struct pv_error *e)
{
	return pv_apop_has(&v->work.folder, &v->work.account, v->work.c->store, &v->a->user, has_r, e);
}

enum pv_class pv_user_apop(struct pv_change *c, const struct pv_address *a, const char *secret,
			   struct pv_error *e)
{
	char what[sizeof((struct pv_user_view *)NULL)->text + sizeof " --off"];
	struct pv_user_view v;
	bool has = false;

	enum pv_class r = pv_user_begin(&v, c, a, e);
	if (r == PV_OK)
		r = pv_user_take(&v, NULL, e);
	if (r == PV_OK && secret == NULL)
		r = check_apop(&v, &has, e);
	c->already = r == PV_OK && secret == NULL && !has;
	if (r == PV_OK && !c->already) {
		(void)snprintf(v.work.mark.hash, sizeof v.work.mark.hash, "%s", secret != NULL ? secret : "");
		(void)snprintf(what, sizeof what, "%s%s", v.text, secret != NULL ? "" : " --off");
		r = carry_out(&v, PV_MARK_USER_APOP, what, e);
	}
	pv_user_end(&v);
	return r;
}

enum pv_class pv_user_rename(struct pv_change *c, const struct pv_address *a, const struct pv_user *to,
			     bool aliases, struct pv_error *e)
{
	char what[sizeof((struct pv_user_view *)NULL)->text + 1 + PV_USER_MAX + sizeof " --aliases"];
	struct pv_user_view v;
	bool has;

	enum pv_class r = pv_user_begin(&v, c, a, e);
	if (r == PV_OK)
		r = pv_user_take(&v, NULL, e);
	v.work.mark.to = *to;
	v.work.mark.aliases = aliases;
	if (r == PV_OK)
		r = refuse_name(&v, to, e);
	if (r == PV_OK && aliases)
		r = pv_alias_rename_refuse(&v.work, e);
	if (r == PV_OK)
		r = refuse_needed(&v, e);
	if (r == PV_OK)
		r = check_apop(&v, &has, e);
	if (r == PV_OK)
		r = pv_forward_check(c->store, e);
	if (r == PV_OK) {
		(void)snprintf(what, sizeof what, "%s %s%s", v.text, to->s, aliases ? " --aliases" : "");
		r = carry_out(&v, PV_MARK_USER_RENAME, what, e);
	}
	pv_user_end(&v);
	return r;
}

enum pv_class pv_user_enable(struct pv_change *c, const struct pv_address *a, bool on, struct pv_error *e)
{
	const struct pv_user_info *info;
	struct pv_user_view v;

	enum pv_class r = pv_user_begin(&v, c, a, e);
	if (r == PV_OK)
		r = pv_user_take(&v, &info, e);
	if (r == PV_OK && info->conf.receive == on && info->conf.retrieve == on)
		c->already = true;
	else if (r == PV_OK)
		r = carry_out(&v, on ? PV_MARK_USER_ENABLE : PV_MARK_USER_DISABLE, v.text, e);
	pv_user_end(&v);
	return r;
}

enum pv_class pv_user_delete(struct pv_change *c, const struct pv_address *a, struct pv_error *e)
{
	struct pv_user_view v;
	bool has;

	enum pv_class r = pv_user_begin(&v, c, a, e);
	if (r == PV_OK)
		r = pv_user_take(&v, NULL, e);
	if (r == PV_OK)
		r = refuse_needed(&v, e);
	if (r == PV_OK)
		r = check_apop(&v, &has, e);
	if (r == PV_OK)
		r = carry_out(&v, PV_MARK_USER_DELETE, v.text, e);
	pv_user_end(&v);
	return r;
}
