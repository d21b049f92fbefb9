#include "mailbox/lock.h"

#include "base/clock.h"
#include "mailbox/dotlock.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/sysmacros.h>
#include <sys/vfs.h>
#include <unistd.h>

/* What statfs(2) calls them; musl has no header with these. */
enum { FS_NFS = 0x6969, FS_SMB = 0x517b };
#define FS_CIFS 0xff534d42u
#define FS_SMB2 0xfe534d42u

static enum pv_class refuse(struct pv_error *e, const char *path, const char *why)
{
	return pv_fail(e, PV_TEMPORARY, "4.3.5", "mailbox %s %s", path, why);
}

const char *pv_mailbox_fault(const struct stat *st, uid_t uid, bool shared)
{
	/* Debian keeps /var/mail/user writable by the group of that folder. */
	mode_t forbidden = shared ? S_IWOTH : S_IWGRP | S_IWOTH;

	if (!S_ISREG(st->st_mode))
		return "is not a regular file: move it away";
	if (st->st_uid != uid)
		return "belongs to another user: chown it to the domain's account";
	if (st->st_nlink > 1)
		return "has a second hard link: copy it and remove the links";
	if ((st->st_mode & (S_IXUSR | S_IXGRP | S_IXOTH | S_ISUID | S_ISGID)) != 0)
		return "is executable: chmod 0600 it";
	if ((st->st_mode & forbidden) != 0)
		return "is writable by others: chmod 0600 it";
	return NULL;
}

static enum pv_class check_file(const struct stat *st, const struct pv_location *l, uid_t uid,
				struct pv_error *e)
{
	const char *fault = pv_mailbox_fault(st, uid, l->shared);

	return fault == NULL ? PV_OK : refuse(e, l->path, fault);
}

/* Open the mailbox, or make it. A file that is neither is refused by what it turned out to be. */
static enum pv_class open_file(const struct pv_location *l, uid_t uid, struct pv_lock *k, struct pv_error *e)
{
	/* O_APPEND: whoever writes without any lock between our fstat() and our write is not overwritten. */
	const int flags = O_RDWR | O_APPEND | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY | O_CLOEXEC;

	k->created = false;
	k->fd = openat(l->dirfd, l->name, flags);
	if (k->fd < 0 && errno == ENOENT) {
		k->fd = openat(l->dirfd, l->name, flags | O_CREAT | O_EXCL, 0600);
		k->created = k->fd >= 0;
		if (k->fd < 0 && errno == EEXIST)
			k->fd = openat(l->dirfd, l->name, flags);
	}
	k->is_folder = k->fd < 0 && errno == EISDIR;
	if (k->fd < 0 && errno == ELOOP)
		return refuse(e, l->path, "is a symlink: put a file in its place");
	if (k->fd < 0)
		return pv_fail_errno(e, PV_TEMPORARY, errno == ENOSPC || errno == EDQUOT ? "4.3.1" : "4.3.0",
				     errno, "open mailbox %s", l->path);
	/* umask may have taken bits away that we want, and only an own new file is changed. */
	if (k->created && fchmod(k->fd, 0600) != 0)
		return pv_fail_errno(e, PV_TEMPORARY, "4.3.0", errno, "set the mode of mailbox %s", l->path);
	if (fstat(k->fd, &k->st) != 0)
		return pv_fail_errno(e, PV_TEMPORARY, "4.3.0", errno, "stat mailbox %s", l->path);
	return check_file(&k->st, l, uid, e);
}

static enum pv_class check_file_system(const struct pv_lock *k, const struct pv_location *l,
				       struct pv_error *e)
{
	struct statfs fs;

	/* What lies on a block device is on no network; anything else has a device number without a major
	 * one. */
	if (major(k->st.st_dev) != 0)
		return PV_OK;
	if (fstatfs(k->fd, &fs) != 0)
		return pv_fail_errno(e, PV_TEMPORARY, "4.3.0", errno, "statfs mailbox %s", l->path);
	unsigned type = (unsigned)fs.f_type;
	if (type == FS_NFS || type == FS_SMB || type == FS_CIFS || type == FS_SMB2)
		return refuse(
			e, l->path,
			"lies on a network file system, where mbox locks do not hold: keep it on a local "
			"disk, or as a Maildir");
	return PV_OK;
}

/*
 * Close what this try opened. A file that it made goes again only where no dotlock was in the way: whoever
 * holds that may have the file open by now, and would write to one that has no name.
 */
static void drop(struct pv_lock *k, const struct pv_location *l, bool locked_by_others)
{
	struct flock whole = { .l_type = F_WRLCK, .l_whence = SEEK_SET };
	struct stat st;

	if (k->fd < 0)
		return;
	/* The lock may be held already: taking it again is no error. */
	if (k->created && !locked_by_others && fcntl(k->fd, F_OFD_SETLK, &whole) == 0 &&
	    fstat(k->fd, &st) == 0 && st.st_size == 0 && !pv_dotlock_exists(l))
		(void)unlinkat(l->dirfd, l->name, 0);
	(void)close(k->fd);
	k->fd = -1;
}

enum attempt { TAKEN, AGAIN, FAILED };

/* Is the open file the one at the path? Then *k has its status of this moment. */
static bool is_at_path(const struct pv_location *l, struct pv_lock *k)
{
	struct stat now;

	if (fstatat(l->dirfd, l->name, &now, AT_SYMLINK_NOFOLLOW) != 0 || now.st_ino != k->st.st_ino ||
	    now.st_dev != k->st.st_dev)
		return false;
	k->st = now;
	return true;
}

static enum attempt fail_dotlock(const struct pv_location *l, struct pv_error *e)
{
	bool full = errno == ENOSPC || errno == EDQUOT;

	(void)pv_fail_errno(e, PV_TEMPORARY, full ? "4.3.1" : "4.3.5", errno,
			    "make the dotlock of mailbox %s (fcntl_only = yes would do without)", l->path);
	return FAILED;
}

/* With the fcntl lock held: the dotlock. */
static enum attempt take_dotlock(const struct pv_location *l, const struct pv_lock_options *o,
				 struct pv_lock *k, struct pv_error *e)
{
	errno = EACCES;
	enum pv_dotlock_result r = l->shared ? PV_DOTLOCK_IMPOSSIBLE : pv_dotlock_take(l, false);
	/* Only who holds the fcntl lock of the file at the path may judge whether it is stale. */
	if (r == PV_DOTLOCK_BUSY && is_at_path(l, k))
		r = pv_dotlock_take(l, true);
	if (r == PV_DOTLOCK_BUSY)
		return AGAIN;
	if (r == PV_DOTLOCK_IMPOSSIBLE && !o->to_read &&
	    (!o->fcntl_only || (errno != EACCES && errno != EPERM && errno != EROFS)))
		return fail_dotlock(l, e);
	k->dotlock = r == PV_DOTLOCK_TAKEN;
	/* Until now a program that knows only the dotlock may have appended, or put another file there. */
	enum attempt a = !is_at_path(l, k)			     ? AGAIN
			 : check_file(&k->st, l, o->uid, e) == PV_OK ? TAKEN
								     : FAILED;
	if (a != TAKEN && k->dotlock)
		pv_dotlock_release(l);
	k->dotlock = k->dotlock && a == TAKEN;
	return a;
}

/* One try for both locks. */
static enum attempt take_both(const struct pv_location *l, const struct pv_lock_options *o, struct pv_lock *k,
			      struct pv_error *e)
{
	struct flock whole = { .l_type = F_WRLCK, .l_whence = SEEK_SET };

	if (open_file(l, o->uid, k, e) != PV_OK || check_file_system(k, l, e) != PV_OK)
		return FAILED;
	if (fcntl(k->fd, F_OFD_SETLK, &whole) != 0) {
		if (errno == EAGAIN || errno == EACCES || errno == EINTR)
			return AGAIN;
		(void)pv_fail_errno(e, PV_TEMPORARY, "4.3.0", errno, "lock mailbox %s", l->path);
		return FAILED;
	}
	return take_dotlock(l, o, k, e);
}

enum pv_class pv_lock_take(const struct pv_location *l, const struct pv_lock_options *o, struct pv_lock *k,
			   struct pv_error *e)
{
	struct pv_backoff wait = pv_backoff_start(o->deadline_ms);

	*k = (struct pv_lock){ .fd = -1 };
	for (;;) {
		enum attempt a = take_both(l, o, k, e);
		if (a == TAKEN)
			return PV_OK;
		drop(k, l, a == AGAIN);
		if (a == FAILED)
			return PV_TEMPORARY;
		if (!pv_backoff_wait(&wait))
			return pv_fail(e, PV_TEMPORARY, "4.2.0",
				       "mailbox %s is locked by another program for more than %u ms", l->path,
				       o->deadline_ms);
	}
}

enum pv_class pv_lock_release(struct pv_lock *k, const struct pv_location *l, struct pv_error *e)
{
	struct stat st;

	if (k->created && k->dotlock && fstat(k->fd, &st) == 0 && st.st_size == 0 && is_at_path(l, k))
		(void)unlinkat(l->dirfd, l->name, 0);
	if (k->dotlock)
		pv_dotlock_release(l);
	k->dotlock = false;
	int fd = k->fd;
	k->fd = -1;
	if (close(fd) != 0)
		return pv_fail_errno(e, PV_TEMPORARY, "4.3.0", errno, "close mailbox %s", l->path);
	return PV_OK;
}
