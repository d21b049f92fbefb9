/* What an IMAP server keeps for a user beside the mailbox: it goes where the user goes. */
#include "change/work.h"

#include "base/file.h"
#include "maps/dovecot.h"
#include "store/trash.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <sys/stat.h>
#include <unistd.h>

/* A user's folders, from the folder of the domain in the spool. */
struct folders {
	int spool;
	char where[PATH_MAX]; /* of the spool, for sentences */
	char path[PV_USER_MAX + sizeof ".imap/"];
	char trash[PV_USER_MAX + sizeof "imap-"]; /* what they are called there */
};

static void name_folders(const struct pv_user *u, struct folders *f)
{
	(void)snprintf(f->path, sizeof f->path, PV_DOVECOT_HOMES "/%s", u->s);
	(void)snprintf(f->trash, sizeof f->trash, "imap-%s", u->s);
}

static enum pv_class discard(struct pv_step *s, const struct folders *f, struct pv_error *e)
{
	bool moved;

	enum pv_class c = pv_trash_put_as(f->spool, f->where, f->path, f->trash, s->mark->when, &moved, e);
	if (c != PV_OK || !moved)
		return c;
	pv_edit_done(&s->edit);
	pv_edit_note(&s->edit, "%s/%s is in %s/%s for %d days", f->where, f->path, f->where, PV_TRASH_FOLDER,
		     PV_TRASH_DAYS);
	return PV_OK;
}

/* What stands under the new name is nobody's: he was no user until now. */
static enum pv_class rename_folders(struct pv_step *s, const struct folders *from, struct pv_error *e)
{
	struct folders to = *from;

	name_folders(&s->mark->to, &to);
	enum pv_class c = discard(s, &to, e);
	if (c != PV_OK)
		return c;
	if (renameat2(from->spool, from->path, to.spool, to.path, RENAME_NOREPLACE) != 0)
		return pv_fail_errno(e, PV_TEMPORARY, "4.3.0", errno, "rename %s/%s to %s", from->where,
				     from->path, to.path);
	pv_edit_done(&s->edit);
	int fd = openat(from->spool, PV_DOVECOT_HOMES, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	if (fd < 0 || fsync(fd) != 0)
		c = pv_fail_errno(e, PV_TEMPORARY, "4.3.0", errno, "sync %s/" PV_DOVECOT_HOMES, from->where);
	if (fd >= 0)
		(void)close(fd);
	return c;
}

enum pv_class pv_step_imap_folders(struct pv_step *s, struct pv_error *e)
{
	const struct pv_trust trust = { .uid = s->account->uid, .where = "" };
	struct folders f;
	struct stat st;

	(void)snprintf(f.where, sizeof f.where, "%s/%s", s->store->conf.spool_directory, s->mark->domain.s);
	name_folders(&s->mark->user, &f);
	enum pv_class c = pv_dir_open(AT_FDCWD, f.where, &trust, &f.spool, NULL, e);
	if (c != PV_OK || f.spool < 0)
		return c;
	if (fstatat(f.spool, f.path, &st, AT_SYMLINK_NOFOLLOW) != 0)
		; /* he never used IMAP, or it was done before a kill */
	else if (s->edit.dry)
		pv_edit_note(&s->edit, "%s/%s would be %s", f.where, f.path,
			     s->mark->to.len > 0 ? "renamed" : "moved to the trash");
	else
		c = s->mark->to.len > 0 ? rename_folders(s, &f, e) : discard(s, &f, e);
	(void)close(f.spool);
	return c;
}
