/* The steps of a user's change, done by a child that became the account. Each looks first
 * whether it was done: a change that was killed is done again from its first step. */
#include "change/work.h"

#include "base/file.h"
#include "change/alias_rename.h"
#include "change/forward.h"
#include "change/passwd_place.h"
#include "store/passwd_write.h"
#include "store/trash.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <unistd.h>

static const uid_t same_uid = (uid_t)-1;
static const gid_t same_gid = (gid_t)-1;

enum pv_class pv_step_open_folder(const struct pv_step *s, int *fd_r, struct pv_error *e)
{
	const struct pv_trust trust = { .uid = s->account->uid, .where = "" };

	enum pv_class c = pv_dir_open(AT_FDCWD, s->where, &trust, fd_r, NULL, e);
	if (c == PV_OK && *fd_r < 0)
		c = pv_fail(e, PV_TEMPORARY, "4.3.5", "the folder %s is gone", s->where);
	return c;
}

static enum pv_class remake(struct pv_step *s, const struct pv_passwd_place *p, pv_passwd_maker *make,
			    const void *how, struct pv_error *e)
{
	const struct pv_trust trust = { .uid = s->account->uid, .where = p->where };
	struct pv_buf old = PV_BUF_INIT(PV_PASSWD_FILE_MAX), new = PV_BUF_INIT(PV_PASSWD_FILE_MAX);
	bool found;

	enum pv_class c = pv_file_load(p->fd, p->name, &trust, &old, &found, e);
	if (c == PV_OK && !found)
		c = pv_fail(e, PV_TEMPORARY, "4.3.5", "%s is missing: restore it", p->path);
	if (c == PV_OK)
		c = make(s, how, &old, p->path, &new, e);
	if (c == PV_OK)
		c = pv_edit_file(&s->edit, p->fd, p->where, p->name, &old, &new, 0600, same_uid, same_gid, e);
	pv_buf_free_zero(&old);
	pv_buf_free_zero(&new);
	return c;
}

enum pv_class pv_step_passwd(struct pv_step *s, int folder, pv_passwd_maker *make, const void *how,
			     struct pv_error *e)
{
	struct pv_passwd_place p;

	enum pv_class c = pv_passwd_place_open(folder, s->where, &p, e);
	if (c != PV_OK)
		return c;
	c = remake(s, &p, make, how, e);
	pv_passwd_place_close(&p);
	return c;
}

static enum pv_class make_edited(const struct pv_step *s, const void *how, const struct pv_buf *old,
				 const char *path, struct pv_buf *new, struct pv_error *e)
{
	bool found;

	return pv_passwd_change(old->s, old->len, path, s->account->uid, how, &found, new, e);
}

static enum pv_class change_passwd(struct pv_step *s, int folder, const struct pv_passwd_edit *edit,
				   struct pv_error *e)
{
	return pv_step_passwd(s, folder, make_edited, edit, e);
}

static struct pv_address address_of(const struct pv_step *s, const struct pv_user *u)
{
	return (struct pv_address){ .user = *u, .domain = s->mark->domain };
}

/* What was deleted 30 days ago goes for good; nothing depends on it. */
static void purge(const struct pv_step *s)
{
	const struct pv_trust trust = { .uid = s->account->uid, .where = "" };
	char path[PATH_MAX];
	size_t count;
	int fd;

	(void)snprintf(path, sizeof path, "%s/%s", s->store->conf.spool_directory, s->mark->domain.s);
	if (s->edit.dry || pv_dir_open(AT_FDCWD, path, &trust, &fd, NULL, NULL) != PV_OK || fd < 0)
		return;
	(void)pv_trash_purge(fd, path, time(NULL), false, &count, NULL);
	(void)close(fd);
}

/* The folder that the new line names as home, inside the account's own: mail would wait for it. */
static enum pv_class make_home(struct pv_step *s, struct pv_error *e)
{
	struct pv_passwd_entry p;

	enum pv_class c = pv_passwd_parse(s->mark->line, strlen(s->mark->line), s->account->uid, &p, e);
	if (c != PV_OK || *p.home != '/' || access(p.home, F_OK) == 0)
		return c;
	if (s->edit.dry) {
		pv_edit_note(&s->edit, "the folder %s would be made", p.home);
		return PV_OK;
	}
	if (mkdir(p.home, 0700) != 0)
		return pv_fail_errno(e, PV_TEMPORARY, "4.3.5", errno, "make the folder %s as account %s",
				     p.home, s->account->name);
	pv_edit_done(&s->edit);
	return PV_OK;
}

enum pv_class pv_step_user_add(struct pv_step *s, struct pv_error *e)
{
	const struct pv_passwd_edit edit = { .user = &s->mark->user, .insert = s->mark->line };
	const struct pv_address a = address_of(s, &s->mark->user);
	int folder;

	enum pv_class c = pv_step_open_folder(s, &folder, e);
	if (c != PV_OK)
		return c;
	c = make_home(s, e);
	if (c == PV_OK)
		c = change_passwd(s, folder, &edit, e);
	if (c == PV_OK)
		c = pv_forward_put(&s->edit, s->store, s->account, &a, s->mark->when, e);
	(void)close(folder);
	return c;
}

enum pv_class pv_step_user_password(struct pv_step *s, struct pv_error *e)
{
	const struct pv_passwd_edit edit = { .user = &s->mark->user, .hash = s->mark->hash };
	int folder;

	enum pv_class c = pv_step_open_folder(s, &folder, e);
	if (c != PV_OK)
		return c;
	c = change_passwd(s, folder, &edit, e);
	(void)close(folder);
	return c;
}

/* What is his goes along with him, or away. */
static enum pv_class move_his(struct pv_step *s, int folder, struct pv_error *e)
{
	enum pv_class c = pv_step_conf_move(s, folder, e);

	if (c == PV_OK)
		c = pv_step_vacation_move(s, e);
	if (c == PV_OK)
		c = pv_step_apop_move(s, folder, e);
	if (c == PV_OK)
		c = pv_step_mailbox_move(s, e);
	if (c == PV_OK)
		c = pv_step_imap_folders(s, e);
	return c;
}

enum pv_class pv_step_user_rename(struct pv_step *s, struct pv_error *e)
{
	const struct pv_passwd_edit edit = { .user = &s->mark->user, .rename = &s->mark->to };
	const struct pv_address from = address_of(s, &s->mark->user), to = address_of(s, &s->mark->to);
	int folder;

	enum pv_class c = pv_step_open_folder(s, &folder, e);
	if (c != PV_OK)
		return c;
	c = pv_forward_drop(&s->edit, s->store, s->account, &from, s->mark->when, e);
	if (c == PV_OK)
		c = change_passwd(s, folder, &edit, e);
	/* Meanwhile mail that they lead to him waits. */
	if (c == PV_OK)
		c = pv_step_aliases_rename(s, e);
	if (c == PV_OK)
		c = move_his(s, folder, e);
	if (c == PV_OK)
		c = pv_forward_put(&s->edit, s->store, s->account, &to, s->mark->when, e);
	(void)close(folder);
	return c;
}

enum pv_class pv_step_user_delete(struct pv_step *s, struct pv_error *e)
{
	const struct pv_passwd_edit edit = { .user = &s->mark->user, .remove = true };
	const struct pv_address a = address_of(s, &s->mark->user);
	int folder;

	enum pv_class c = pv_step_open_folder(s, &folder, e);
	if (c != PV_OK)
		return c;
	c = pv_forward_drop(&s->edit, s->store, s->account, &a, s->mark->when, e);
	if (c == PV_OK)
		c = change_passwd(s, folder, &edit, e);
	if (c == PV_OK)
		c = move_his(s, folder, e);
	purge(s);
	(void)close(folder);
	return c;
}

enum pv_class pv_step_domain_forwards(struct pv_step *s, struct pv_error *e)
{
	return pv_forward_drop_domain(&s->edit, s->store, s->account, &s->mark->domain, s->mark->when, e);
}
