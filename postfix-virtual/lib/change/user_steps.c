/* The steps of a user's change, done by a child that became the account. Each looks first
 * whether it was done: a change that was killed is done again from its first step. */
#include "change/work.h"

#include "base/file.h"
#include "change/forward.h"
#include "change/inside.h"
#include "change/passwd_place.h"
#include "mailbox/mailbox.h"
#include "route/place.h"
#include "store/passwd_write.h"
#include "store/trash.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <unistd.h>

enum { MAILBOX_LOCK_MS = 20000 };

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

static enum pv_class edit_passwd(struct pv_step *s, const struct pv_passwd_place *p,
				 const struct pv_passwd_edit *edit, struct pv_error *e)
{
	const struct pv_trust trust = { .uid = s->account->uid, .where = p->where };
	struct pv_buf old = PV_BUF_INIT(PV_PASSWD_FILE_MAX), new = PV_BUF_INIT(PV_PASSWD_FILE_MAX);
	bool found;

	enum pv_class c = pv_file_load(p->fd, p->name, &trust, &old, &found, e);
	if (c == PV_OK && !found)
		c = pv_fail(e, PV_TEMPORARY, "4.3.5", "%s is missing: restore it", p->path);
	if (c == PV_OK)
		c = pv_passwd_change(old.s, old.len, p->path, s->account->uid, edit, &found, &new, e);
	if (c == PV_OK)
		c = pv_edit_file(&s->edit, p->fd, p->where, p->name, &old, &new, 0600, same_uid, same_gid, e);
	pv_buf_free_zero(&old);
	pv_buf_free_zero(&new);
	return c;
}

static enum pv_class change_passwd(struct pv_step *s, int folder, const struct pv_passwd_edit *edit,
				   struct pv_error *e)
{
	struct pv_passwd_place p;

	enum pv_class c = pv_passwd_place_open(folder, s->where, &p, e);
	if (c != PV_OK)
		return c;
	c = edit_passwd(s, &p, edit, e);
	pv_passwd_place_close(&p);
	return c;
}

static struct pv_address address_of(const struct pv_step *s, const struct pv_user *u)
{
	return (struct pv_address){ .user = *u, .domain = s->mark->domain };
}

/* Where the user's mailbox is, by the passwd line of before the change. */
static enum pv_class find_mailbox(const struct pv_step *s, struct pv_location *l, struct pv_error *e)
{
	struct pv_passwd_entry p;
	struct pv_inside in;

	enum pv_class c = pv_inside_open(s->store->dir, &s->mark->domain, s->account, &in, e);
	if (c == PV_OK)
		c = pv_passwd_parse(s->mark->line, strlen(s->mark->line), s->account->uid, &p, e);
	if (c == PV_OK)
		c = pv_place_find(&in.store, &in.folder, &p, s->account->home, l, e);
	pv_inside_close(&in);
	return c;
}

/* A dotlock that a killed command of ours left: a link to .NAME.lock (see mailbox/dotlock.h). */
static enum pv_class drop_dotlock(const struct pv_location *l, const char *text_name, struct pv_error *e)
{
	char name[PV_USER_MAX + sizeof ".lock"];
	struct stat text, lock;

	(void)snprintf(name, sizeof name, "%.*s.lock", PV_USER_MAX, l->name);
	if (fstatat(l->dirfd, text_name, &text, AT_SYMLINK_NOFOLLOW) != 0 ||
	    fstatat(l->dirfd, name, &lock, AT_SYMLINK_NOFOLLOW) != 0 || text.st_ino != lock.st_ino ||
	    text.st_dev != lock.st_dev)
		return PV_OK;
	return pv_file_remove(l->dirfd, name, e);
}

/* What lies beside a mailbox that is gone: each may be missing, and is worth nothing alone. */
static enum pv_class drop_side_files(const struct pv_location *l, struct pv_error *e)
{
	static const char *const ends[] = { "journal", "spooled", "done", "index", "lock" };
	char name[NAME_MAX + 1];
	enum pv_class c = PV_OK;

	for (size_t i = 0; c == PV_OK && i < sizeof ends / sizeof *ends; i++) {
		(void)snprintf(name, sizeof name, ".%.*s.%s", PV_USER_MAX, l->name, ends[i]);
		if (strcmp(ends[i], "lock") == 0)
			c = drop_dotlock(l, name, e);
		if (c == PV_OK && faccessat(l->dirfd, name, F_OK, AT_SYMLINK_NOFOLLOW) == 0)
			c = pv_file_remove(l->dirfd, name, e);
	}
	return c;
}

/* The folder of l, for sentences. */
static void folder_of(const struct pv_location *l, char *out, size_t size)
{
	(void)snprintf(out, size, "%.*s", (int)(l->name - l->path - 1), l->path);
}

static enum pv_class move_locked(struct pv_step *s, const struct pv_location *l, struct pv_error *e)
{
	const char *to = s->mark->to.s;
	char where[PATH_MAX];
	bool moved = true;

	folder_of(l, where, sizeof where);
	if (s->mark->to.len == 0) {
		enum pv_class c = pv_trash_put(l->dirfd, where, l->name, s->mark->when, &moved, e);
		if (c == PV_OK && moved)
			pv_edit_note(&s->edit, "%s is in %s/%s for %d days", l->path, where, PV_TRASH_FOLDER,
				     PV_TRASH_DAYS);
		return c;
	}
	if (renameat2(l->dirfd, l->name, l->dirfd, to, RENAME_NOREPLACE) != 0)
		return pv_fail_errno(e, PV_TEMPORARY, "4.3.0", errno, "rename %s to %s", l->path, to);
	return pv_dir_sync(l->dirfd) == 0 ? PV_OK
					  : pv_fail_errno(e, PV_TEMPORARY, "4.3.0", errno, "sync %s", where);
}

/* Move it under its locks: a delivery in progress ends first, and one that waits looks for the mailbox again.
 * Opening it also repairs what a killed delivery left, so that no journal is needed any more. */
static enum pv_class move_mbox(struct pv_step *s, const struct pv_location *l, struct pv_error *e)
{
	const struct pv_mailbox_options o = { .uid = s->account->uid,
					      .lock_deadline_ms = MAILBOX_LOCK_MS,
					      .fcntl_only = s->store->conf.fcntl_only };
	struct pv_mailbox m;

	enum pv_class c = pv_mailbox_open(l, &o, &m, e);
	if (c != PV_OK)
		return c;
	c = move_locked(s, l, e);
	enum pv_class closed = pv_mailbox_close(&m, c == PV_OK ? e : NULL);
	if (c == PV_OK)
		pv_edit_done(&s->edit);
	if (c == PV_OK)
		c = closed;
	return c == PV_OK ? drop_side_files(l, e) : c;
}

/* Is it the mailbox of the account itself, which a user with the account's home only shares? */
static bool is_account_own(const struct pv_step *s, const struct stat *st)
{
	char path[PATH_MAX];
	struct stat own;

	int n = snprintf(path, sizeof path, "%s/%s", s->account->home, s->store->conf.mail_spool_home);
	return n > 0 && (size_t)n < sizeof path && stat(path, &own) == 0 && own.st_ino == st->st_ino &&
	       own.st_dev == st->st_dev;
}

static enum pv_class move_found(struct pv_step *s, const struct pv_location *l, struct pv_error *e)
{
	struct stat st;

	if (fstatat(l->dirfd, l->name, &st, AT_SYMLINK_NOFOLLOW) != 0)
		return errno == ENOENT ? drop_side_files(l, e)
				       : pv_fail_errno(e, PV_TEMPORARY, "4.3.0", errno, "stat %s", l->path);
	if (l->shared) {
		pv_edit_note(&s->edit, "%s stays where it is: its folder is not the account's", l->path);
		return PV_OK;
	}
	if (s->mark->to.len == 0 && is_account_own(s, &st)) {
		pv_edit_note(&s->edit, "%s stays where it is: it is the account's own mailbox", l->path);
		return PV_OK;
	}
	/* A mailbox that is not named after the user (in a home) is the renamed user's too. */
	if (s->mark->to.len > 0 && strcmp(l->name, s->mark->user.s) != 0)
		return PV_OK;
	if (s->edit.dry) {
		pv_edit_note(&s->edit, "%s would be %s", l->path,
			     s->mark->to.len > 0 ? "renamed" : "moved to the trash");
		return PV_OK;
	}
	return move_mbox(s, l, e);
}

static enum pv_class move_mailbox(struct pv_step *s, struct pv_error *e)
{
	struct pv_location l;

	enum pv_class c = find_mailbox(s, &l, e);
	if (c != PV_OK)
		return c;
	c = move_found(s, &l, e);
	pv_location_free(&l);
	return c;
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
	if (c == PV_OK)
		c = pv_step_conf_move(s, folder, e);
	if (c == PV_OK)
		c = pv_step_vacation_move(s, e);
	if (c == PV_OK)
		c = pv_step_apop_move(s, folder, e);
	if (c == PV_OK)
		c = move_mailbox(s, e);
	if (c == PV_OK)
		c = pv_step_imap_folders(s, e);
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
		c = pv_step_conf_move(s, folder, e);
	if (c == PV_OK)
		c = pv_step_vacation_move(s, e);
	if (c == PV_OK)
		c = pv_step_apop_move(s, folder, e);
	if (c == PV_OK)
		c = move_mailbox(s, e);
	if (c == PV_OK)
		c = pv_step_imap_folders(s, e);
	purge(s);
	(void)close(folder);
	return c;
}

enum pv_class pv_step_domain_forwards(struct pv_step *s, struct pv_error *e)
{
	return pv_forward_drop_domain(&s->edit, s->store, s->account, &s->mark->domain, s->mark->when, e);
}
