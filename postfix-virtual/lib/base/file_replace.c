/* The one way to replace a file, and to remove one. */
#include "base/file.h"

#include "base/hash.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdbool.h>
#include <sys/syscall.h>
#include <unistd.h>

#define EXCHANGE 2U /* RENAME_EXCHANGE; Debian's musl has no renameat2() */

int pv_dir_sync(int dirfd)
{
	int fd = openat(dirfd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (fd < 0)
		return -1;
	int r = fsync(fd);
	int saved = errno;
	(void)close(fd);
	errno = saved;
	return r;
}

/* `.NAME.new`. A name that is as long as a name may be leaves no room for that: its checksum stands for
 * its end. */
static void name_temp(const char *name, char temp[NAME_MAX + 1])
{
	struct pv_sum sum;

	if (strlen(name) + sizeof ".new" <= NAME_MAX) {
		(void)snprintf(temp, NAME_MAX + 1, ".%.*s.new", NAME_MAX - 5, name);
		return;
	}
	pv_sum_start(&sum);
	pv_sum_add(&sum, name, strlen(name));
	(void)snprintf(temp, NAME_MAX + 1, ".%.200s.%016llx.new", name,
		       (unsigned long long)pv_sum_finish(&sum));
}

enum pv_class pv_file_begin(int dirfd, const char *name, mode_t mode, uid_t uid, gid_t gid,
			    struct pv_new_file *f, struct pv_error *e)
{
	const char *failed = NULL;

	*f = (struct pv_new_file){ .dirfd = dirfd, .fd = -1, .name = name };
	name_temp(name, f->temp);
	if (unlinkat(dirfd, f->temp, 0) != 0 && errno != ENOENT)
		return pv_fail_errno(e, PV_TEMPORARY, "4.3.0", errno, "remove the old %s", f->temp);
	f->fd = openat(dirfd, f->temp, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);
	if (f->fd < 0)
		return pv_fail_errno(e, PV_TEMPORARY, "4.3.0", errno, "create %s", f->temp);
	if ((uid != (uid_t)-1 || gid != (gid_t)-1) && fchown(f->fd, uid, gid) != 0)
		failed = "change the owner of";
	else if (fchmod(f->fd, mode) != 0)
		failed = "change the mode of";
	if (failed == NULL)
		return PV_OK;
	enum pv_class c = pv_fail_errno(e, PV_TEMPORARY, "4.3.0", errno, "%s %s", failed, f->temp);
	pv_file_abandon(f);
	return c;
}

enum pv_class pv_file_write(struct pv_new_file *f, const void *data, size_t len, struct pv_error *e)
{
	if (pv_write_all(f->fd, data, len) == 0)
		return PV_OK;
	return pv_fail_errno(e, PV_TEMPORARY, "4.3.0", errno, "write %s", f->temp);
}

void pv_file_clean(int dirfd, const char *name)
{
	char temp[NAME_MAX + 1];

	name_temp(name, temp);
	(void)unlinkat(dirfd, temp, 0);
}

void pv_file_abandon(struct pv_new_file *f)
{
	if (f->fd < 0)
		return;
	(void)close(f->fd);
	f->fd = -1;
	(void)unlinkat(f->dirfd, f->temp, 0);
}

/* Give f's temporary file the name. over: only where there is a file of that name; with an exchange, what was
 * removed a moment ago does not come back. Returns 0, or -1 and errno (ENOENT). */
static int take_place(const struct pv_new_file *f, bool over)
{
	if (!over)
		return renameat(f->dirfd, f->temp, f->dirfd, f->name);
	long r = syscall(SYS_renameat2, f->dirfd, f->temp, f->dirfd, f->name, EXCHANGE);
	/* A file system that knows no exchange. */
	if (r != 0 && (errno == EINVAL || errno == ENOSYS))
		return faccessat(f->dirfd, f->name, F_OK, AT_SYMLINK_NOFOLLOW) == 0
			       ? renameat(f->dirfd, f->temp, f->dirfd, f->name)
			       : -1;
	if (r == 0)
		(void)unlinkat(f->dirfd, f->temp, 0);
	return r == 0 ? 0 : -1;
}

static enum pv_class commit(struct pv_new_file *f, bool over, bool *there_r, struct pv_error *e)
{
	const char *failed = fsync(f->fd) != 0 ? "sync" : NULL;
	int err = errno;

	if (close(f->fd) != 0 && failed == NULL) {
		failed = "close";
		err = errno;
	}
	f->fd = -1;
	if (failed == NULL && take_place(f, over) != 0) {
		failed = "rename";
		err = errno;
	}
	*there_r = !(over && failed != NULL && err == ENOENT);
	if (failed != NULL) {
		(void)unlinkat(f->dirfd, f->temp, 0);
		return !*there_r ? PV_OK
				 : pv_fail_errno(e, PV_TEMPORARY, "4.3.0", err, "%s %s", failed, f->temp);
	}
	if (pv_dir_sync(f->dirfd) != 0)
		return pv_fail_errno(e, PV_TEMPORARY, "4.3.0", errno, "sync the folder of %s", f->name);
	return PV_OK;
}

enum pv_class pv_file_commit(struct pv_new_file *f, struct pv_error *e)
{
	bool there;

	return commit(f, false, &there, e);
}

enum pv_class pv_file_commit_over(struct pv_new_file *f, bool *there_r, struct pv_error *e)
{
	return commit(f, true, there_r, e);
}

enum pv_class pv_file_replace(int dirfd, const char *name, const void *data, size_t len, mode_t mode,
			      uid_t uid, gid_t gid, struct pv_error *e)
{
	struct pv_new_file f;

	enum pv_class c = pv_file_begin(dirfd, name, mode, uid, gid, &f, e);
	if (c != PV_OK)
		return c;
	c = pv_file_write(&f, data, len, e);
	if (c == PV_OK)
		return pv_file_commit(&f, e);
	pv_file_abandon(&f);
	return c;
}

enum pv_class pv_file_remove(int dirfd, const char *name, struct pv_error *e)
{
	/* Where it is gone already, an earlier call may have failed to make that durable. */
	if (unlinkat(dirfd, name, 0) != 0 && errno != ENOENT)
		return pv_fail_errno(e, PV_TEMPORARY, "4.3.0", errno, "remove %s", name);
	if (pv_dir_sync(dirfd) != 0)
		return pv_fail_errno(e, PV_TEMPORARY, "4.3.0", errno, "sync the folder of %s", name);
	return PV_OK;
}
