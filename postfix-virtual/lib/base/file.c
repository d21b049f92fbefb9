#include "base/file.h"

#include "base/clock.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdbool.h>
#include <unistd.h>

/* One sentence for an owner or a mode that is not to be trusted; PV_OK if it is. */
static enum pv_class check_owner_mode(const struct stat *st, const struct pv_trust *t, const char *what,
				      const char *name, struct pv_error *e)
{
	if (st->st_uid != 0 && st->st_uid != t->uid)
		return pv_fail(e, PV_TEMPORARY, "4.3.5",
			       "%s %s/%s belongs to uid %lu, must be uid %lu's or root's: chown it", what,
			       t->where, name, (unsigned long)st->st_uid, (unsigned long)t->uid);
	if ((st->st_mode & (S_IWGRP | S_IWOTH)) != 0)
		return pv_fail(
			e, PV_TEMPORARY, "4.3.5",
			"%s %s/%s has mode %04o, must not be writable by group or others: chmod go-w it",
			what, t->where, name, (unsigned)(st->st_mode & 07777));
	return PV_OK;
}

enum pv_class pv_dir_open(int dirfd, const char *path, const struct pv_trust *t, int *fd_r, struct stat *st_r,
			  struct pv_error *e)
{
	struct stat st;

	*fd_r = -1;
	int fd = openat(dirfd, path, O_PATH | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	if (fd < 0 && errno == ENOENT)
		return PV_OK;
	if (fd < 0)
		return pv_fail_errno(e, PV_TEMPORARY, "4.3.5", errno, "open folder %s/%s", t->where, path);
	enum pv_class c = PV_OK;
	if (fstat(fd, &st) != 0)
		c = pv_fail_errno(e, pv_errno_class(errno), "4.3.0", errno, "stat folder %s/%s", t->where,
				  path);
	if (c == PV_OK)
		c = check_owner_mode(&st, t, "folder", path, e);
	if (c != PV_OK) {
		(void)close(fd);
		return c;
	}
	if (st_r != NULL)
		*st_r = st;
	*fd_r = fd;
	return PV_OK;
}

/* Is the open symlink one that may be followed? Then put its text into target. */
static enum pv_class check_symlink(int fd, const char *name, const struct pv_trust *t, char target[PATH_MAX],
				   struct pv_error *e)
{
	struct stat st;

	if (fstat(fd, &st) != 0)
		return pv_fail_errno(e, pv_errno_class(errno), "4.3.0", errno, "stat %s/%s", t->where, name);
	if (!S_ISLNK(st.st_mode))
		return pv_fail(e, PV_TEMPORARY, "4.3.0", "%s/%s changed while it was opened", t->where, name);
	if (st.st_uid != 0 && st.st_uid != t->uid)
		return pv_fail(e, PV_TEMPORARY, "4.3.5",
			       "symlink %s/%s belongs to uid %lu, must be uid %lu's or root's: remove it",
			       t->where, name, (unsigned long)st.st_uid, (unsigned long)t->uid);
	ssize_t n = readlinkat(fd, "", target, PATH_MAX);
	if (n < 0 || n == PATH_MAX)
		return pv_fail_errno(e, PV_TEMPORARY, "4.3.0", n < 0 ? errno : ENAMETOOLONG,
				     "read symlink %s/%s", t->where, name);
	target[n] = '\0';
	return PV_OK;
}

/* Open what the symlink `name` leads to, in one step: a second symlink there is refused. The
 * link is held open meanwhile, so that the one that was checked is the one that is followed. */
static enum pv_class open_linked(int dirfd, const char *name, const struct pv_trust *t, int flags, int *fd_r,
				 struct pv_error *e)
{
	char target[PATH_MAX], path[2 * PATH_MAX];

	int link_fd = openat(dirfd, name, O_PATH | O_NOFOLLOW | O_CLOEXEC);
	if (link_fd < 0)
		return pv_fail_errno(e, PV_TEMPORARY, "4.3.0", errno, "open symlink %s/%s", t->where, name);
	enum pv_class c = check_symlink(link_fd, name, t, target, e);
	(void)close(link_fd);
	if (c != PV_OK)
		return c;
	/* The link's text counts from the link's own folder. */
	const char *slash = target[0] == '/' ? NULL : strrchr(name, '/');
	int n = snprintf(path, sizeof path, "%.*s%s", slash == NULL ? 0 : (int)(slash + 1 - name), name,
			 target);
	if (n < 0 || (size_t)n >= sizeof path)
		return pv_fail(e, PV_TEMPORARY, "4.3.5", "follow symlink %s/%s: too long", t->where, name);
	*fd_r = openat(dirfd, path, flags | O_NOFOLLOW);
	if (*fd_r < 0 && errno == ELOOP)
		return pv_fail(e, PV_TEMPORARY, "4.3.5",
			       "symlink %s/%s leads to another symlink: let it lead to the file", t->where,
			       name);
	if (*fd_r < 0)
		return pv_fail_errno(e, PV_TEMPORARY, "4.3.5", errno, "follow symlink %s/%s", t->where, name);
	return PV_OK;
}

static enum pv_class check_regular(int fd, const struct pv_trust *t, const char *name, struct stat *st,
				   struct pv_error *e)
{
	if (fstat(fd, st) != 0)
		return pv_fail_errno(e, pv_errno_class(errno), "4.3.0", errno, "stat %s/%s", t->where, name);
	if (!S_ISREG(st->st_mode))
		return pv_fail(e, PV_TEMPORARY, "4.3.5",
			       "%s/%s is not a regular file: put a regular file in its place", t->where,
			       name);
	return check_owner_mode(st, t, "file", name, e);
}

enum pv_class pv_file_open(int dirfd, const char *name, const struct pv_trust *t, int *fd_r,
			   struct stat *st_r, struct pv_error *e)
{
	/* O_NONBLOCK: a FIFO opens at once, and is refused by its type. */
	const int flags = O_RDONLY | O_NONBLOCK | O_NOCTTY | O_CLOEXEC;
	struct stat st;
	enum pv_class c;

	*fd_r = -1;
	int fd = openat(dirfd, name, flags | O_NOFOLLOW);
	if (fd < 0 && errno == ENOENT)
		return PV_OK;
	if (fd < 0 && errno == ELOOP) {
		if ((c = open_linked(dirfd, name, t, flags, &fd, e)) != PV_OK)
			return c;
	}
	if (fd < 0)
		return pv_fail_errno(e, PV_TEMPORARY, "4.3.5", errno, "open %s/%s", t->where, name);
	if ((c = check_regular(fd, t, name, &st, e)) != PV_OK) {
		(void)close(fd);
		return c;
	}
	if (st_r != NULL)
		*st_r = st;
	*fd_r = fd;
	return PV_OK;
}

enum pv_class pv_file_read(int fd, const char *what, struct pv_buf *b, struct pv_error *e)
{
	for (;;) {
		size_t room = b->max - b->len;
		size_t want = b->cap > b->len + 4096 ? b->cap - b->len - 1 : 8192;
		/* One byte past the limit tells a file that fits from one that does not. */
		char extra = '\0';
		char *to = room == 0 ? &extra : pv_buf_reserve(b, want < room ? want : room);
		if (to == NULL)
			return pv_buf_check(b, what, e);
		ssize_t n = read(fd, to, room == 0 ? 1 : (want < room ? want : room));
		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return pv_fail_errno(e, pv_errno_class(errno), "4.3.0", errno, "read %s", what);
		if (n == 0)
			return PV_OK;
		if (room == 0)
			return pv_fail(e, PV_TEMPORARY, "4.3.5", "%s is larger than %zu bytes", what, b->max);
		pv_buf_grew(b, (size_t)n);
	}
}

enum pv_class pv_file_read_sized(int fd, off_t size, const char *name, const struct pv_trust *t,
				 struct pv_buf *b, struct pv_error *e)
{
	char what[PV_ERROR_TEXT];

	bool small = size > 0 && size < 65536 && (size_t)size < b->max - b->len;
	char *to = small ? pv_buf_reserve(b, (size_t)size + 1) : NULL;
	ssize_t n = to != NULL ? read(fd, to, (size_t)size + 1) : 0;
	if (n > 0)
		pv_buf_grew(b, (size_t)n);
	if (to != NULL && n == size)
		return PV_OK;
	(void)snprintf(what, sizeof what, "%s/%s", t->where, name);
	return pv_file_read(fd, what, b, e);
}

enum pv_class pv_file_load(int dirfd, const char *name, const struct pv_trust *t, struct pv_buf *b,
			   bool *found_r, struct pv_error *e)
{
	struct stat st;
	int fd;

	enum pv_class c = pv_file_open(dirfd, name, t, &fd, &st, e);
	*found_r = fd >= 0;
	if (c != PV_OK || fd < 0)
		return c;
	c = pv_file_read_sized(fd, st.st_size, name, t, b, e);
	(void)close(fd);
	return c;
}

/* offset -1: at the descriptor's position. */
static int write_all(int fd, const char *p, size_t len, off_t offset)
{
	while (len > 0) {
		ssize_t n = offset < 0 ? write(fd, p, len) : pwrite(fd, p, len, offset);
		if (n < 0 && errno == EINTR)
			continue;
		if (n == 0)
			errno = EIO;
		if (n <= 0)
			return -1;
		p += n;
		len -= (size_t)n;
		offset += offset < 0 ? 0 : n;
	}
	return 0;
}

int pv_write_all(int fd, const void *data, size_t len)
{
	return write_all(fd, data, len, -1);
}

int pv_write_all_at(int fd, const void *data, size_t len, off_t offset)
{
	return write_all(fd, data, len, offset);
}

/* offset -1: from the descriptor's position. */
static ssize_t read_all(int fd, char *to, size_t len, off_t offset)
{
	size_t have = 0;

	while (have < len) {
		ssize_t n = offset < 0 ? read(fd, to + have, len - have)
				       : pread(fd, to + have, len - have, offset + (off_t)have);
		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return -1;
		if (n == 0)
			break;
		have += (size_t)n;
	}
	return (ssize_t)have;
}

ssize_t pv_read_all(int fd, void *to, size_t len)
{
	return read_all(fd, to, len, -1);
}

ssize_t pv_read_all_at(int fd, void *to, size_t len, off_t offset)
{
	return read_all(fd, to, len, offset);
}

/* Open the file that is locked: nothing but a regular one. */
static enum pv_class open_lock(int dirfd, const char *name, int *fd_r, struct pv_error *e)
{
	struct stat st;

	int fd = openat(dirfd, name, O_RDWR | O_CREAT | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY | O_CLOEXEC, 0600);
	if (fd < 0)
		return pv_fail_errno(e, PV_TEMPORARY, "4.3.0", errno, "open lock file %s", name);
	enum pv_class c = PV_OK;
	if (fstat(fd, &st) != 0)
		c = pv_fail_errno(e, PV_TEMPORARY, "4.3.0", errno, "stat lock file %s", name);
	else if (!S_ISREG(st.st_mode))
		c = pv_fail(e, PV_TEMPORARY, "4.3.5", "lock file %s is not a regular file: remove it", name);
	if (c != PV_OK)
		(void)close(fd);
	else
		*fd_r = fd;
	return c;
}

enum pv_class pv_lock_file(int dirfd, const char *name, unsigned deadline_ms, int *fd_r, struct pv_error *e)
{
	struct flock whole = { .l_type = F_WRLCK, .l_whence = SEEK_SET };
	struct pv_backoff wait = pv_backoff_start(deadline_ms);
	int fd = -1;

	*fd_r = -1;
	enum pv_class c = open_lock(dirfd, name, &fd, e);
	if (c != PV_OK)
		return c;
	while (fcntl(fd, F_OFD_SETLK, &whole) != 0) {
		int err = errno;
		if (err == EINTR)
			continue;
		bool held = err == EAGAIN || err == EACCES;
		if (held && pv_backoff_wait(&wait))
			continue;
		(void)close(fd);
		if (!held)
			return pv_fail_errno(e, PV_TEMPORARY, "4.3.0", err, "lock %s", name);
		return pv_fail(e, PV_TEMPORARY, "4.3.0", "lock %s: another program has held it for %u ms",
			       name, deadline_ms);
	}
	*fd_r = fd;
	return PV_OK;
}
