#include "base/beneath.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdbool.h>
#include <stdint.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

/* musl has no header for openat2(2). */
#ifndef SYS_openat2
#define SYS_openat2 437
#endif
struct how {
	uint64_t flags, mode, resolve;
};
enum { NO_SYMLINKS = 0x04, BENEATH = 0x08 };

/* Components, none of them empty or `..`: openat2(2) would let `a/..` pass, which stays below. */
static bool is_plain(const char *path)
{
	for (;;) {
		size_t len = strcspn(path, "/");
		if (len == 0 || (len == 2 && memcmp(path, "..", 2) == 0))
			return false;
		if (path[len] == '\0')
			return true;
		path += len + 1;
	}
}

/* openat() of one component that is no symlink. O_PATH would open the link itself, and O_DIRECTORY
 * call it "not a folder". */
static int open_one(int at, const char *name, int flags, mode_t mode)
{
	struct stat st;

	int fd = openat(at, name, flags | O_NOFOLLOW | O_CLOEXEC, mode);
	if (fd < 0 && errno != ENOTDIR)
		return -1;
	if (fd >= 0 && (flags & O_PATH) == 0)
		return fd;
	int err = errno;
	if (fstatat(at, name, &st, AT_SYMLINK_NOFOLLOW) == 0 && S_ISLNK(st.st_mode)) {
		if (fd >= 0)
			(void)close(fd);
		fd = -1;
		err = ELOOP;
	}
	errno = err;
	return fd;
}

/* The same by hand, where there is no openat2(2). */
static int by_components(int dirfd, const char *path, int flags, mode_t mode)
{
	char name[NAME_MAX + 1];
	int at = dirfd;

	for (;;) {
		size_t len = strcspn(path, "/");
		bool last = path[len] == '\0';
		int fd = -1;
		errno = ENAMETOOLONG;
		if (len <= NAME_MAX) {
			memcpy(name, path, len);
			name[len] = '\0';
			fd = open_one(at, name, last ? flags : O_PATH | O_DIRECTORY, mode);
		}
		int err = errno;
		if (at != dirfd)
			(void)close(at);
		errno = err;
		if (fd < 0 || last)
			return fd;
		at = fd;
		path += len + 1;
	}
}

int pv_open_beneath(int dirfd, const char *path, int flags, mode_t mode)
{
	struct how how = { .flags = (uint64_t)(unsigned)(flags | O_CLOEXEC),
			   .mode = (flags & O_CREAT) != 0 ? mode : 0,
			   .resolve = NO_SYMLINKS | BENEATH };

	if (!is_plain(path)) {
		errno = EXDEV;
		return -1;
	}
	long fd = syscall(SYS_openat2, dirfd, path, &how, sizeof how);
	if (fd < 0 && (errno == ENOSYS || errno == EPERM))
		return by_components(dirfd, path, flags, mode);
	return (int)fd;
}

int pv_open_folder_in(const char *dir, const char *name, bool *dir_missing_r)
{
	struct how how = { .flags = O_PATH | O_DIRECTORY | O_CLOEXEC, .resolve = NO_SYMLINKS };
	char path[1024];

	*dir_missing_r = false;
	int n = snprintf(path, sizeof path, "%s/%s", dir, name);
	if (is_plain(name) && strchr(name, '/') == NULL && n > 0 && (size_t)n < sizeof path) {
		long fd = syscall(SYS_openat2, AT_FDCWD, path, &how, sizeof how);
		if (fd >= 0)
			return (int)fd;
	}
	/* A symlink on the way, or no openat2(): in two steps. */
	int top = openat(AT_FDCWD, dir, O_PATH | O_DIRECTORY | O_CLOEXEC);
	*dir_missing_r = top < 0;
	if (top < 0)
		return -1;
	int fd = pv_open_beneath(top, name, O_PATH | O_DIRECTORY, 0);
	int err = errno;
	(void)close(top);
	errno = err;
	return fd;
}
