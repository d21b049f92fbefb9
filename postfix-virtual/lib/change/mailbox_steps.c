/* The steps of a change on a user's mailbox, done by a child that became the account. */
#include "change/work.h"

#include "base/file.h"
#include "change/inside.h"
#include "mailbox/mailbox.h"
#include "mailbox/maildir.h"
#include "mailbox/maildrop_convert.h"
#include "mailbox/maildrop_verify.h"
#include "route/place.h"
#include "store/passwd_write.h"
#include "store/trash.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <unistd.h>

enum { MAILBOX_LOCK_MS = 20000 };

/* Where the user's mailbox is, by the passwd line of before the change. */
static enum pv_class find(const struct pv_step *s, struct pv_location *l, struct pv_error *e)
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

/* The folder of l, for sentences. */
static void folder_of(const struct pv_location *l, char *out, size_t size)
{
	(void)snprintf(out, size, "%.*s", (int)(l->name - l->path - 1), l->path);
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
	static const char *const ends[] = {
		"journal", "spooled", "done", "index", "making", "maildir", "lock"
	};
	char name[NAME_MAX + 1], where[PATH_MAX];
	enum pv_class c = PV_OK;
	struct stat st;

	folder_of(l, where, sizeof where);
	for (size_t i = 0; c == PV_OK && i < sizeof ends / sizeof *ends; i++) {
		(void)snprintf(name, sizeof name, ".%.*s.%s", PV_USER_MAX, l->name, ends[i]);
		if (strcmp(ends[i], "lock") == 0)
			c = drop_dotlock(l, name, e);
		if (c == PV_OK && fstatat(l->dirfd, name, &st, AT_SYMLINK_NOFOLLOW) == 0)
			c = S_ISDIR(st.st_mode) ? pv_tree_remove(l->dirfd, where, name, e)
						: pv_file_remove(l->dirfd, name, e);
	}
	return c;
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

/* The same of a Maildir. *there_r: it is one. */
static enum pv_class move_maildir(struct pv_step *s, const struct pv_location *l, bool *there_r,
				  struct pv_error *e)
{
	const struct pv_maildir_options o = { .uid = s->account->uid, .lock_deadline_ms = MAILBOX_LOCK_MS };
	struct pv_maildir_box b;

	enum pv_class c = pv_maildir_box_open(l, &o, &b, there_r, e);
	if (c != PV_OK || !*there_r)
		return c;
	c = move_locked(s, l, e);
	if (c == PV_OK)
		pv_edit_done(&s->edit);
	if (c == PV_OK)
		c = drop_side_files(l, e);
	pv_maildir_box_close(&b);
	return c;
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
	bool is_maildir;
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
	enum pv_class c = move_maildir(s, l, &is_maildir, e);
	return c == PV_OK && !is_maildir ? move_mbox(s, l, e) : c;
}

enum pv_class pv_step_mailbox_move(struct pv_step *s, struct pv_error *e)
{
	struct pv_location l;

	enum pv_class c = find(s, &l, e);
	if (c != PV_OK)
		return c;
	c = move_found(s, &l, e);
	pv_location_free(&l);
	return c;
}

/* --- another format --- */

static bool to_maildir(const struct pv_step *s)
{
	return strcmp(s->mark->words, "maildir") == 0;
}

/* The old one, which stands beside it under another name. */
static enum pv_class put_away(struct pv_step *s, const struct pv_location *l, const char *old,
			      const char *what, struct pv_error *e)
{
	char where[PATH_MAX];
	bool moved;

	folder_of(l, where, sizeof where);
	enum pv_class c = pv_trash_put_as(l->dirfd, where, old, l->name, s->mark->when, &moved, e);
	if (c == PV_OK && moved)
		pv_edit_note(&s->edit, "the %s of before is in %s/%s for %d days", what, where,
			     PV_TRASH_FOLDER, PV_TRASH_DAYS);
	return c;
}

static enum pv_class convert(struct pv_step *s, const struct pv_location *l, struct pv_error *e)
{
	const struct pv_convert_options o = { .uid = s->account->uid,
					      .lock_deadline_ms = MAILBOX_LOCK_MS,
					      .to_maildir = to_maildir(s) };
	struct pv_converted r = { .again = true };
	enum pv_class c = PV_OK;

	while (c == PV_OK && r.again) {
		c = pv_mailbox_convert(l, &o, &r, e);
		if (c == PV_OK && r.old[0] != '\0') {
			pv_edit_done(&s->edit);
			c = put_away(s, l, r.old, to_maildir(s) ? "mbox" : "Maildir", e);
		}
	}
	if (c == PV_OK && r.messages > 0)
		pv_edit_note(&s->edit, "%s has %zu message%s now", l->path, r.messages,
			     r.messages == 1 ? "" : "s");
	if (c == PV_OK && r.left > 0)
		pv_edit_note(&s->edit, "%zu files that are no messages stay with the old one", r.left);
	return c;
}

enum pv_class pv_step_mailbox_convert(struct pv_step *s, struct pv_error *e)
{
	struct pv_location l;

	enum pv_class c = find(s, &l, e);
	if (c != PV_OK)
		return c;
	if (s->edit.dry)
		pv_edit_note(&s->edit, "%s would be made %s", l.path,
			     to_maildir(s) ? "a Maildir" : "an mbox");
	else
		c = convert(s, &l, e);
	pv_location_free(&l);
	return c == PV_OK ? pv_step_text(s, e) : c;
}

/* --- damage --- */

static void tell_finding(void *ctx, const struct pv_finding *f)
{
	struct pv_step *s = ctx;
	const char *what = s->edit.dry ? (f->mended ? "would be mended" : "would stay")
				       : (f->mended ? "mended" : "not mended");

	if (f->name != NULL)
		pv_edit_note(&s->edit, "%s: %s: %s", what, f->name, pv_finding_text(f->kind));
	else
		pv_edit_note(&s->edit, "%s, at byte %llu: %s", what, (unsigned long long)f->offset,
			     pv_finding_text(f->kind));
}

static enum pv_class repair(struct pv_step *s, const struct pv_location *l, struct pv_error *e)
{
	const struct pv_verify_options o = { .uid = s->account->uid,
					     .lock_deadline_ms = MAILBOX_LOCK_MS,
					     .remove_nuls = *s->mark->words != '\0' };
	struct pv_verified v;

	enum pv_class c = s->edit.dry ? pv_mailbox_verify(l, &o, tell_finding, s, &v, e)
				      : pv_mailbox_repair(l, &o, tell_finding, s, &v, e);
	if (c != PV_OK || s->edit.dry)
		return c;
	if (v.mended > 0 || v.old[0] != '\0')
		pv_edit_done(&s->edit);
	return v.old[0] != '\0' ? put_away(s, l, v.old, "mailbox", e) : PV_OK;
}

enum pv_class pv_step_mailbox_repair(struct pv_step *s, struct pv_error *e)
{
	struct pv_location l;

	enum pv_class c = find(s, &l, e);
	if (c != PV_OK)
		return c;
	c = repair(s, &l, e);
	pv_location_free(&l);
	return c;
}
