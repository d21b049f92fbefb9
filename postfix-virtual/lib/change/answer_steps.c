/* The files of responders and vacations, as the account: SPOOL/<domain>/.files. Each step looks first whether
 * it was done. */
#include "change/work.h"

#include "base/file.h"
#include "change/inside.h"
#include "route/place.h"
#include "store/answer_files.h"
#include "store/answer_text.h"
#include "store/trash.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <unistd.h>

#define FILE_NAME_MAX (PV_USER_MAX + sizeof PV_ANSWER_VACATION PV_ANSWER_INDEX)

/* The folder of the files, and that of the domain in the spool, in which it lies. */
struct files {
	int spool, fd; /* fd -1: there is no such folder */
	char spool_path[PATH_MAX - 16], where[PATH_MAX];
	struct pv_trust trust;
	int lock; /* against deliveries that note something; -1: none */
};

static enum pv_class open_spool(const struct pv_step *s, struct files *f, struct pv_error *e)
{
	const struct pv_trust trust = { .uid = s->account->uid, .where = "" };

	(void)snprintf(f->spool_path, sizeof f->spool_path, "%s/%s", s->store->conf.spool_directory,
		       s->mark->domain.s);
	(void)snprintf(f->where, sizeof f->where, "%s/" PV_ANSWER_FOLDER, f->spool_path);
	f->trust = (struct pv_trust){ .uid = s->account->uid, .where = f->where };
	return pv_dir_open(AT_FDCWD, f->spool_path, &trust, &f->spool, NULL, e);
}

static enum pv_class make_folder(struct pv_step *s, struct files *f, struct pv_error *e)
{
	if (s->edit.dry) {
		pv_edit_note(&s->edit, "the folder %s would be made", f->where);
		return PV_OK;
	}
	if (f->spool < 0)
		return pv_fail(e, PV_TEMPORARY, "4.3.5", "the folder %s is gone", f->spool_path);
	if (mkdirat(f->spool, PV_ANSWER_FOLDER, 0700) != 0 && errno != EEXIST)
		return pv_fail_errno(e, PV_TEMPORARY, "4.3.5", errno, "make the folder %s", f->where);
	if (pv_dir_sync(f->spool) != 0)
		return pv_fail_errno(e, PV_TEMPORARY, "4.3.0", errno, "sync %s", f->spool_path);
	return pv_dir_open(f->spool, PV_ANSWER_FOLDER, &f->trust, &f->fd, NULL, e);
}

/* close_files() must follow in any case. */
static enum pv_class open_files(struct pv_step *s, bool make, struct files *f, struct pv_error *e)
{
	f->spool = f->fd = f->lock = -1;
	enum pv_class c = open_spool(s, f, e);
	if (c == PV_OK && f->spool >= 0)
		c = pv_dir_open(f->spool, PV_ANSWER_FOLDER, &f->trust, &f->fd, NULL, e);
	if (c == PV_OK && f->fd < 0 && make)
		c = make_folder(s, f, e);
	if (c == PV_OK && f->fd >= 0 && !s->edit.dry)
		c = pv_answered_lock(f->fd, &f->lock, e);
	return c;
}

static void close_files(struct files *f)
{
	const int all[] = { f->lock, f->fd, f->spool };

	for (size_t i = 0; i < sizeof all / sizeof *all; i++)
		if (all[i] >= 0)
			(void)close(all[i]);
}

/* --- the text --- */

/* A symlink would be replaced by a file, and what it leads to would be forgotten. */
static enum pv_class refuse_link(const struct files *f, const char *name, struct pv_error *e)
{
	struct stat st;

	if (f->fd >= 0 && fstatat(f->fd, name, &st, AT_SYMLINK_NOFOLLOW) == 0 && S_ISLNK(st.st_mode))
		return pv_fail(e, PV_PERMANENT, "5.3.5",
			       "%s/%s is a symlink: edit by hand what it leads to, or move that here",
			       f->where, name);
	return PV_OK;
}

static enum pv_class put_text(struct pv_step *s, const struct files *f, const char *name, struct pv_error *e)
{
	struct pv_buf old = PV_BUF_INIT(PV_ANSWER_TEXT_MAX * 16), new = PV_BUF_INIT(PV_ANSWER_TEXT_MAX);
	bool found = false;

	pv_buf_add(&new, s->mark->text, s->mark->text_len);
	enum pv_class c = pv_buf_check(&new, name, e);
	if (c == PV_OK)
		c = refuse_link(f, name, e);
	if (c == PV_OK && f->fd >= 0)
		c = pv_file_load(f->fd, name, &f->trust, &old, &found, e);
	if (c == PV_OK)
		c = pv_edit_file(&s->edit, f->fd, f->where, name, found ? &old : NULL, &new, 0600, (uid_t)-1,
				 (gid_t)-1, e);
	pv_buf_free(&old);
	pv_buf_free(&new);
	return c;
}

/* --- a file goes to the trash, or to another name --- */

static enum pv_class discard(struct pv_step *s, const struct files *f, const char *name, struct pv_error *e)
{
	char path[sizeof PV_ANSWER_FOLDER + NAME_MAX + 1];
	struct stat st;
	bool moved;

	if (fstatat(f->fd, name, &st, AT_SYMLINK_NOFOLLOW) != 0)
		return errno == ENOENT
			       ? PV_OK
			       : pv_fail_errno(e, PV_TEMPORARY, "4.3.0", errno, "stat %s/%s", f->where, name);
	if (s->edit.dry) {
		pv_edit_note(&s->edit, "%s/%s would be moved to the trash", f->where, name);
		return PV_OK;
	}
	(void)snprintf(path, sizeof path, PV_ANSWER_FOLDER "/%s", name);
	enum pv_class c = pv_trash_put_as(f->spool, f->spool_path, path, name, s->mark->when, &moved, e);
	if (c != PV_OK || !moved)
		return c;
	pv_edit_done(&s->edit);
	pv_edit_note(&s->edit, "%s/%s is in %s/%s for %d days", f->where, name, f->spool_path,
		     PV_TRASH_FOLDER, PV_TRASH_DAYS);
	return PV_OK;
}

static enum pv_class move(struct pv_step *s, const struct files *f, const char *from, const char *to,
			  struct pv_error *e)
{
	struct stat st;

	if (fstatat(f->fd, from, &st, AT_SYMLINK_NOFOLLOW) != 0)
		return errno == ENOENT
			       ? PV_OK
			       : pv_fail_errno(e, PV_TEMPORARY, "4.3.0", errno, "stat %s/%s", f->where, from);
	if (s->edit.dry) {
		pv_edit_note(&s->edit, "%s/%s would be renamed to %s", f->where, from, to);
		return PV_OK;
	}
	/* What stands under the new name is nobody's: he was no user until now. */
	enum pv_class c = discard(s, f, to, e);
	if (c != PV_OK)
		return c;
	if (renameat2(f->fd, from, f->fd, to, RENAME_NOREPLACE) != 0)
		return pv_fail_errno(e, PV_TEMPORARY, "4.3.0", errno, "rename %s/%s to %s", f->where, from,
				     to);
	pv_edit_done(&s->edit);
	return pv_dir_sync(f->fd) == 0 ? PV_OK
				       : pv_fail_errno(e, PV_TEMPORARY, "4.3.0", errno, "sync %s", f->where);
}

/* --- responders --- */

enum pv_class pv_step_responder(struct pv_step *s, struct pv_error *e)
{
	char name[FILE_NAME_MAX], index[FILE_NAME_MAX];
	bool set = s->mark->kind == PV_MARK_RESPONDER_SET;
	struct files f;

	(void)snprintf(name, sizeof name, "%s" PV_ANSWER_RESPONDER, s->mark->user.s);
	(void)snprintf(index, sizeof index, "%s" PV_ANSWER_RESPONDER PV_ANSWER_INDEX, s->mark->user.s);
	enum pv_class c = open_files(s, set, &f, e);
	if (c == PV_OK && set) {
		c = put_text(s, &f, name, e);
	} else if (c == PV_OK && f.fd >= 0) {
		c = discard(s, &f, name, e);
		if (c == PV_OK)
			c = discard(s, &f, index, e);
	}
	close_files(&f);
	return c;
}

/* --- vacations --- */

/* A damaged index would answer nobody, and is put right by turning the vacation on. */
static enum pv_class turn_on(struct pv_step *s, const struct files *f, const char *index, struct pv_error *e)
{
	const struct pv_answered a = { .dirfd = f->fd, .name = index, .trust = &f->trust };
	struct pv_error why;
	bool found = false;
	size_t count;

	enum pv_class c = f->fd >= 0 ? pv_answered_count(&a, &count, &found, &why) : PV_OK;
	if (c == PV_OK && found)
		return PV_OK;
	if (c != PV_OK)
		pv_edit_note(&s->edit, "%s; it is made anew", why.text);
	if (s->edit.dry) {
		pv_edit_note(&s->edit, "%s/%s would be made, empty", f->where, index);
		return PV_OK;
	}
	c = pv_file_replace(f->fd, index, "", 0, 0600, (uid_t)-1, (gid_t)-1, e);
	pv_edit_done(&s->edit);
	return c;
}

static enum pv_class turn_off(struct pv_step *s, int dirfd, const char *where, const char *index,
			      struct pv_error *e)
{
	if (faccessat(dirfd, index, F_OK, AT_SYMLINK_NOFOLLOW) != 0 && errno == ENOENT)
		return PV_OK;
	if (s->edit.dry) {
		pv_edit_note(&s->edit, "%s/%s would be removed", where, index);
		return PV_OK;
	}
	enum pv_class c = pv_file_remove(dirfd, index, e);
	if (c == PV_OK)
		pv_edit_done(&s->edit);
	pv_file_clean(dirfd, index);
	return c;
}

/* Open the user's home, where it is his alone; *fd_r -1: he has none such. */
static enum pv_class open_home(const struct pv_step *s, char home[PATH_MAX], int *fd_r, struct pv_error *e)
{
	const struct pv_trust trust = { .uid = s->account->uid, .where = "" };
	struct pv_passwd_entry p = { .home = "" };
	struct pv_inside in;
	bool own = false;

	*fd_r = -1;
	enum pv_class c = pv_inside_open(s->store->dir, &s->mark->domain, s->account, &in, e);
	if (c == PV_OK)
		c = pv_passwd_parse(s->mark->line, strlen(s->mark->line), s->account->uid, &p, e);
	if (c == PV_OK)
		c = pv_place_own_home(&in.folder, &p.user, p.home, s->account->home, &own, e);
	if (c == PV_OK && own && (size_t)snprintf(home, PATH_MAX, "%s", p.home) < PATH_MAX)
		c = pv_dir_open(AT_FDCWD, home, &trust, fd_r, NULL, e);
	pv_inside_close(&in);
	return c;
}

/* The files of a vacation in his home: the index goes, or (to_trash) both. */
static enum pv_class leave_home(struct pv_step *s, bool to_trash, struct pv_error *e)
{
	static const char *const names[] = { PV_ANSWER_VACATION PV_ANSWER_INDEX, PV_ANSWER_VACATION };
	char home[PATH_MAX];
	bool moved;
	int fd, lock = -1;

	enum pv_class c = open_home(s, home, &fd, e);
	if (c != PV_OK || fd < 0)
		return c;
	bool any = faccessat(fd, names[0], F_OK, AT_SYMLINK_NOFOLLOW) == 0 ||
		   (to_trash && faccessat(fd, names[1], F_OK, AT_SYMLINK_NOFOLLOW) == 0);
	if (any && !s->edit.dry)
		c = pv_answered_lock(fd, &lock, e);
	if (c == PV_OK && any && !to_trash)
		c = turn_off(s, fd, home, names[0], e);
	for (size_t i = 0; c == PV_OK && any && to_trash && i < sizeof names / sizeof *names; i++) {
		if (s->edit.dry) {
			pv_edit_note(&s->edit, "%s/%s would be moved to the trash", home, names[i]);
			continue;
		}
		c = pv_trash_put(fd, home, names[i], s->mark->when, &moved, e);
		if (c == PV_OK && moved)
			pv_edit_done(&s->edit);
	}
	if (lock >= 0)
		(void)close(lock);
	(void)close(fd);
	return c;
}

/* Text, settings, and last the switch: nobody is answered with the text of before. */
enum pv_class pv_step_vacation(struct pv_step *s, struct pv_error *e)
{
	char name[FILE_NAME_MAX], index[FILE_NAME_MAX];
	bool on = s->mark->kind == PV_MARK_VACATION_ON, off = s->mark->kind == PV_MARK_VACATION_OFF;
	struct files f;

	(void)snprintf(name, sizeof name, "%s" PV_ANSWER_VACATION, s->mark->user.s);
	(void)snprintf(index, sizeof index, "%s" PV_ANSWER_VACATION PV_ANSWER_INDEX, s->mark->user.s);
	enum pv_class c = open_files(s, on || s->mark->text != NULL, &f, e);
	if (c == PV_OK && s->mark->text != NULL)
		c = put_text(s, &f, name, e);
	if (c == PV_OK)
		c = pv_step_text(s, e);
	if (c == PV_OK && on)
		c = turn_on(s, &f, index, e);
	if (c == PV_OK && off && f.fd >= 0)
		c = turn_off(s, f.fd, f.where, index, e);
	if (c == PV_OK && off)
		c = leave_home(s, false, e);
	close_files(&f);
	return c;
}

enum pv_class pv_step_vacation_move(struct pv_step *s, struct pv_error *e)
{
	/* The switch first: a text without it does nothing. */
	static const char *const ends[] = { PV_ANSWER_VACATION PV_ANSWER_INDEX, PV_ANSWER_VACATION };
	char from[FILE_NAME_MAX], to[FILE_NAME_MAX];
	struct files f;

	enum pv_class c = open_files(s, false, &f, e);
	for (size_t i = 0; c == PV_OK && f.fd >= 0 && i < sizeof ends / sizeof *ends; i++) {
		(void)snprintf(from, sizeof from, "%s%s", s->mark->user.s, ends[i]);
		(void)snprintf(to, sizeof to, "%s%s", s->mark->to.s, ends[i]);
		c = s->mark->to.len > 0 ? move(s, &f, from, to, e) : discard(s, &f, from, e);
		if (!s->edit.dry)
			pv_file_clean(f.fd, from);
	}
	close_files(&f);
	/* A home stays the renamed user's. */
	return c == PV_OK && s->mark->to.len == 0 ? leave_home(s, true, e) : c;
}
