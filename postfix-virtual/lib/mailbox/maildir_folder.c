#include "mailbox/maildir_parts.h"

#include "base/file.h"
#include "mailbox/done.h"

#include <errno.h>
#include <fcntl.h>
#include <unistd.h>

static const char *const parts[] = { "tmp", "new", "cur" };
enum { PARTS = sizeof parts / sizeof *parts };

static enum pv_class fail_io(const struct pv_maildir_box *b, const char *what, struct pv_error *e)
{
	bool full = errno == ENOSPC || errno == EDQUOT;

	return pv_fail_errno(e, PV_TEMPORARY, full ? "4.3.1" : "4.3.0", errno, "%s Maildir %s", what,
			     b->where->path);
}

static enum pv_class refuse(const struct pv_maildir_box *b, const char *part, const char *why,
			    struct pv_error *e)
{
	return pv_fail(e, PV_TEMPORARY, "4.3.5", "Maildir %s%s%s %s", b->where->path,
		       *part != '\0' ? "/" : "", part, why);
}

static const char *folder_fault(const struct stat *st, uid_t uid)
{
	if (!S_ISDIR(st->st_mode))
		return "is not a folder: move it away";
	if (st->st_uid != uid)
		return "belongs to another user: chown it to the domain's account";
	if ((st->st_mode & (S_IWGRP | S_IWOTH)) != 0)
		return "is writable by others: chmod 0700 it";
	return NULL;
}

static const char no_parts[] = "is a folder without cur, new and tmp: it is none";

const char *pv_maildir_fault(int dirfd, const char *name, uid_t uid)
{
	static const char *const in_parts[PARTS] = {
		"has a tmp that is not a folder of its account's alone: chown it, and chmod 0700 it",
		"has a new that is not a folder of its account's alone: chown it, and chmod 0700 it",
		"has a cur that is not a folder of its account's alone: chown it, and chmod 0700 it"
	};
	char path[2 * NAME_MAX];
	const char *fault;
	bool any = false;
	struct stat st;

	if (fstatat(dirfd, name, &st, AT_SYMLINK_NOFOLLOW) != 0)
		return NULL;
	fault = folder_fault(&st, uid);
	for (size_t i = 0; fault == NULL && i < PARTS; i++) {
		(void)snprintf(path, sizeof path, "%s/%s", name, parts[i]);
		if (fstatat(dirfd, path, &st, AT_SYMLINK_NOFOLLOW) != 0)
			continue; /* the next delivery makes it */
		any = true;
		fault = folder_fault(&st, uid) != NULL ? in_parts[i] : NULL;
	}
	return fault != NULL || any ? fault : no_parts;
}

/* A folder of the account's alone. */
static enum pv_class check_folder(const struct pv_maildir_box *b, int fd, const char *part,
				  struct pv_error *e)
{
	struct stat st;

	if (fstat(fd, &st) != 0)
		return fail_io(b, "stat", e);
	const char *fault = folder_fault(&st, b->uid);
	return fault == NULL ? PV_OK : refuse(b, part, fault, e);
}

/* Make a folder of mode 0700, whatever umask says. Returns 0 if it is there; -1 and errno. */
static int make_folder(int dirfd, const char *name)
{
	if (mkdirat(dirfd, name, 0700) != 0)
		return errno == EEXIST ? 0 : -1;
	return fchmodat(dirfd, name, 0700, 0);
}

/* Make what is missing of tmp, new and cur, which a restored backup may not have: they may have been empty.
 */
static enum pv_class complete(const struct pv_maildir_box *b, struct pv_error *e)
{
	bool there[PARTS], any = false, all = true;
	struct stat st;

	for (size_t i = 0; i < PARTS; i++) {
		there[i] = fstatat(b->top, parts[i], &st, AT_SYMLINK_NOFOLLOW) == 0;
		if (!there[i] && errno != ENOENT)
			return fail_io(b, "look into", e);
		any = any || there[i];
		all = all && there[i];
	}
	if (!any)
		return refuse(b, "", no_parts, e);
	for (size_t i = 0; i < PARTS; i++)
		if (!there[i] && make_folder(b->top, parts[i]) != 0)
			return fail_io(b, "make a folder in", e);
	return all || pv_dir_sync(b->top) == 0 ? PV_OK : fail_io(b, "sync", e);
}

int pv_maildir_make(int dirfd, const char *name)
{
	int fd = make_folder(dirfd, name) == 0
			 ? openat(dirfd, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC)
			 : -1;
	int r = fd < 0 ? -1 : 0;

	for (size_t i = 0; r == 0 && i < PARTS; i++)
		r = make_folder(fd, parts[i]);
	if (r == 0)
		r = fsync(fd);
	int err = errno;
	if (fd >= 0)
		(void)close(fd);
	errno = err;
	return r;
}

/* Make it beside its place, so that nobody ever sees a part of one. */
static int make_maildir(const struct pv_maildir_box *b)
{
	char making[NAME_MAX + 1];
	int n = snprintf(making, sizeof making, ".%s.making", b->where->name);

	errno = ENAMETOOLONG;
	if (n < 0 || (size_t)n >= sizeof making || pv_maildir_make(b->where->dirfd, making) != 0)
		return -1;
	/* Nothing but an empty folder gives way. */
	if (renameat(b->where->dirfd, making, b->where->dirfd, b->where->name) != 0)
		return -1;
	return pv_dir_sync(b->where->dirfd);
}

static int open_top(const struct pv_maildir_box *b)
{
	return openat(b->where->dirfd, b->where->name, O_PATH | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
}

static bool is_something_else(int err)
{
	return err == ENOTDIR || err == ELOOP;
}

int pv_maildir_take_times(struct pv_maildir_box *b)
{
	struct stat st[2];

	if (fstat(b->new, &st[0]) != 0 || fstatat(b->top, "cur", &st[1], AT_SYMLINK_NOFOLLOW) != 0)
		return -1;
	b->changed = 0;
	for (int k = 0; k < 2; k++) {
		int64_t when = pv_done_time(&st[k].st_mtim);
		b->changed = when > b->changed ? when : b->changed;
		b->times[k] = pv_maildir_time(&st[k]);
	}
	return 0;
}

/* Open a folder in it. PV_OK, and *fd_r is -1: it is missing. */
static enum pv_class open_part(const struct pv_maildir_box *b, const char *part, int flags, int *fd_r,
			       struct pv_error *e)
{
	*fd_r = openat(b->top, part, flags | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	if (*fd_r >= 0)
		return check_folder(b, *fd_r, part, e);
	if (is_something_else(errno))
		return refuse(b, part, "is not a folder: move it away", e);
	return errno == ENOENT ? PV_OK : fail_io(b, "open", e);
}

/* *all_r: none is missing. */
static enum pv_class open_parts(struct pv_maildir_box *b, bool *all_r, struct pv_error *e)
{
	enum pv_class c = PV_OK;

	*all_r = false;
	if (b->tmp < 0)
		c = open_part(b, "tmp", O_PATH, &b->tmp, e);
	if (c == PV_OK && b->new < 0)
		c = open_part(b, "new", O_RDONLY, &b->new, e);
	if (c != PV_OK || b->tmp < 0 || b->new < 0)
		return c;
	*all_r = pv_maildir_take_times(b) == 0;
	return *all_r || errno == ENOENT ? PV_OK : fail_io(b, "look into", e);
}

enum pv_class pv_maildir_open_folders(struct pv_maildir_box *b, bool make, bool *there_r, struct pv_error *e)
{
	bool all = false;

	*there_r = false;
	b->top = open_top(b);
	if (b->top < 0 && errno == ENOENT && make) {
		b->created = make_maildir(b) == 0;
		if (!b->created && !is_something_else(errno))
			return fail_io(b, "make", e);
		b->top = open_top(b);
	}
	if (b->top < 0 && (errno == ENOENT || is_something_else(errno)))
		return PV_OK;
	if (b->top < 0)
		return fail_io(b, "open", e);
	*there_r = true;
	enum pv_class c = check_folder(b, b->top, "", e);
	if (c == PV_OK)
		c = open_parts(b, &all, e);
	if (c != PV_OK || all)
		return c;
	if ((c = complete(b, e)) != PV_OK || (c = open_parts(b, &all, e)) != PV_OK || all)
		return c;
	errno = ENOENT;
	return fail_io(b, "open a folder of", e);
}
