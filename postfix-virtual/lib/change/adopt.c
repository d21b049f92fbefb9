/* A domain that is there since 2002 becomes one of ours: what it takes, and nothing more. */
#include "change/adopt_inside.h"

#include "base/file.h"
#include "change/state.h"
#include "maps/update.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <unistd.h>

void pv_adopt_start(struct pv_adopt *o)
{
	/* A line for each old line of a table, of which there may be one for each user. */
	*o = (struct pv_adopt){ .summary = PV_BUF_INIT(4096),
				.remove = PV_BUF_INIT(64 << 20),
				.todo = PV_BUF_INIT(64 << 20),
				.know = PV_BUF_INIT(64 << 20) };
}

void pv_adopt_free(struct pv_adopt *o)
{
	pv_buf_free(&o->summary);
	pv_buf_free(&o->remove);
	pv_buf_free(&o->todo);
	pv_buf_free(&o->know);
}

/* A folder that is made needs its users at once: those whom the account's files name. */
enum pv_class pv_step_adopt(struct pv_step *s, struct pv_error *e)
{
	struct pv_buf passwd = PV_BUF_INIT(PV_PASSWD_LINE_MAX * (size_t)100000);
	struct pv_home home = { .text = PV_BUF_INIT(0) };
	enum pv_class c = PV_OK;
	struct stat st;

	if (fstatat(s->store->dirfd, s->mark->domain.s, &st, AT_SYMLINK_NOFOLLOW) != 0 &&
	    s->account->uid != 0) {
		c = pv_home_look(s->account, &s->mark->domain, "", &home, e);
		if (c == PV_OK)
			c = pv_home_passwd(&home, s->account, &passwd, e);
		s->passwd = &passwd;
	}
	if (c == PV_OK)
		c = pv_step_domain_make(s, e);
	s->passwd = NULL;
	pv_home_free(&home);
	pv_buf_free(&passwd);
	return c;
}

static enum pv_class check_writable(const char *path, const struct stat *st, struct pv_error *e)
{
	if (!S_ISDIR(st->st_mode))
		return pv_fail(e, PV_PERMANENT, "5.3.5",
			       "%s is no folder: a domain's files lie in one, which may not be a symlink",
			       path);
	if ((st->st_mode & (S_IWGRP | S_IWOTH)) != 0)
		return pv_fail(e, PV_PERMANENT, "5.3.5",
			       "%s has mode %04o, others could write in it: chmod go-w %s", path,
			       (unsigned)(st->st_mode & 07777), path);
	return PV_OK;
}

static enum pv_class look_at_folder(struct pv_adopting *a, struct pv_error *e)
{
	const struct pv_store *s = a->w.c->store;

	(void)snprintf(a->path, sizeof a->path, "%s/%s", s->dir, a->w.domain.s);
	if (fstatat(s->dirfd, a->w.domain.s, &a->folder, AT_SYMLINK_NOFOLLOW) == 0) {
		a->there = true;
		return check_writable(a->path, &a->folder, e);
	}
	return errno == ENOENT ? PV_OK
			       : pv_fail_errno(e, PV_TEMPORARY, "4.3.0", errno, "look at %s", a->path);
}

/* The mail of before lies there, and stays: the account must be able to go on with it. */
static enum pv_class look_at_spool(const struct pv_adopting *a, bool *there_r, struct pv_error *e)
{
	char path[PATH_MAX];
	struct stat st;

	*there_r = false;
	(void)snprintf(path, sizeof path, "%s/%s", a->w.c->store->conf.spool_directory, a->w.domain.s);
	if (lstat(path, &st) != 0)
		return errno == ENOENT ? PV_OK
				       : pv_fail_errno(e, PV_TEMPORARY, "4.3.0", errno, "look at %s", path);
	enum pv_class c = check_writable(path, &st, e);
	if (c == PV_OK && st.st_uid != 0 && st.st_uid != a->w.account.uid)
		c = pv_fail(e, PV_PERMANENT, "5.3.5",
			    "%s belongs to uid %lu, and the domain to %s: chown it with what is in it", path,
			    (unsigned long)st.st_uid, a->w.account.name);
	*there_r = c == PV_OK && st.st_uid == a->w.account.uid;
	return c;
}

static enum pv_class read_virtualdomains(struct pv_adopting *a, struct pv_error *e)
{
	if (a->o->virtualdomains == NULL)
		return PV_OK;
	return pv_virtualdomains_read(a->o->virtualdomains, &a->w.domain, &a->virtualdomains, e);
}

/* Nothing old is here: that is a new domain. */
static enum pv_class refuse_new(const struct pv_adopting *a, struct pv_error *e)
{
	if (a->there || a->lines.count > 0 || a->o->virtualdomains != NULL)
		return PV_OK;
	return pv_fail(e, PV_PERMANENT, "5.1.2",
		       "nothing on this host is about %s: make it with postfix-virtual domain add %s",
		       a->w.domain.s, a->w.domain.s);
}

static enum pv_class look_at_users(struct pv_adopting *a, struct pv_error *e)
{
	enum pv_class c = pv_home_look(&a->w.account, &a->w.domain, a->prefix, &a->home, e);

	return c == PV_OK && a->there ? pv_adopt_read_users(a, e) : c;
}

static enum pv_class examine(struct pv_adopting *a, struct pv_error *e)
{
	const struct pv_domain *d = &a->w.domain;
	bool found;

	enum pv_class c = pv_domain_refuse_name(a->w.c, d, e);
	if (c == PV_OK)
		c = pv_registry_find(a->w.c->store, d, &a->says, &found, e);
	if (c == PV_OK && a->says.standard)
		c = pv_fail(e, PV_PERMANENT, "5.1.2",
			    "%s is one of Postfix's own kind by `postfix=yes` in %s/domains: take that word "
			    "out first",
			    d->s, a->w.c->store->dir);
	if (c == PV_OK)
		c = look_at_folder(a, e);
	if (c == PV_OK)
		c = pv_old_lines_find(a->w.c->store, d, &a->lines, e);
	if (c == PV_OK)
		c = read_virtualdomains(a, e);
	if (c == PV_OK)
		c = refuse_new(a, e);
	if (c == PV_OK)
		c = pv_adopt_decide(a, e);
	return c == PV_OK ? look_at_users(a, e) : c;
}

/* Would the maps change? */
static enum pv_class maps_are_old(const struct pv_adopting *a, bool *old_r, struct pv_error *e)
{
	const struct pv_maps_options o = { .dry_run = true };
	struct pv_maps_report report;

	enum pv_class c = pv_maps_update(a->w.c->store, &a->w.domain, 1, &o, &report, e);
	*old_r = c != PV_OK || report.diff.len > 0;
	pv_maps_report_free(&report);
	return c;
}

static enum pv_class is_done(const struct pv_adopting *a, bool *done_r, struct pv_error *e)
{
	bool spool, old = true;

	enum pv_class c = look_at_spool(a, &spool, e);
	*done_r = false;
	if (c != PV_OK || !a->there || a->folder.st_uid != a->w.account.uid || !spool ||
	    (a->sub_domains && !a->says.sub_domains))
		return c;
	c = maps_are_old(a, &old, e);
	*done_r = c == PV_OK && !old;
	return c;
}

static enum pv_class carry_out(struct pv_adopting *a, struct pv_error *e)
{
	char what[PV_DOMAIN_MAX + PV_ACCOUNT_MAX + 64];

	a->w.mark.kind = PV_MARK_ADOPT;
	a->w.mark.sub_domains = a->sub_domains;
	(void)snprintf(what, sizeof what, "%s account=%s%s", a->w.domain.s, a->w.account.name,
		       a->sub_domains ? " sub_domains=yes" : "");
	return pv_work_carry_out(&a->w, what, e);
}

static enum pv_class begin(struct pv_adopting *a, struct pv_change *c, const struct pv_domain *d,
			   struct pv_error *e)
{
	enum pv_class r = pv_work_lock(&a->w, c, d, PV_LOCK_DEADLINE_MS, e);

	/* A folder of root's is what `adopt` is for: pv_work_begin() would refuse it. */
	return r == PV_OK && !c->dry ? pv_work_finish_marked(&a->w, e) : r;
}

static void finish(struct pv_adopting *a)
{
	pv_home_free(&a->home);
	free(a->users.v);
	pv_virtualdomains_free(&a->virtualdomains);
	pv_old_lines_free(&a->lines);
	pv_work_end(&a->w);
}

enum pv_class pv_domain_adopt(struct pv_change *c, const struct pv_domain *d, struct pv_adopt *o,
			      struct pv_error *e)
{
	struct pv_adopting a = { .o = o,
				 .lines = { .notes = PV_BUF_INIT(0) },
				 .virtualdomains = { .notes = PV_BUF_INIT(0) },
				 .home = { .text = PV_BUF_INIT(0) } };

	if (geteuid() != 0)
		return pv_fail(e, PV_PERMANENT, "5.7.0", "only root can do this: try sudo");
	enum pv_class r = begin(&a, c, d, e);
	if (r == PV_OK)
		r = examine(&a, e);
	if (r == PV_OK)
		r = is_done(&a, &c->already, e);
	if (r == PV_OK && !c->already)
		r = carry_out(&a, e);
	if (r == PV_OK)
		r = pv_adopt_advise(&a, o, e);
	finish(&a);
	return r;
}
