#include "store/trash.h"

#include "base/file.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <unistd.h>

enum { DEPTH_MAX = 32, SAME_NAME_MAX = 100 };

static enum pv_class fail(struct pv_error *e, const char *verb, const char *where, const char *name)
{
	return pv_fail_errno(e, PV_TEMPORARY, "4.3.0", errno, "%s %s/%s", verb, where, name);
}

static enum pv_class open_trash(int dirfd, const char *where, bool make, int *fd_r, struct pv_error *e)
{
	*fd_r = -1;
	if (make && mkdirat(dirfd, PV_TRASH_FOLDER, 0700) == 0 && pv_dir_sync(dirfd) != 0)
		return fail(e, "sync", where, ".");
	int fd = openat(dirfd, PV_TRASH_FOLDER, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	/* Something else of that name is none of ours. */
	if (fd < 0 && (errno == ENOENT || errno == ENOTDIR || errno == ELOOP) && !make)
		return PV_OK;
	if (fd < 0)
		return fail(e, "open", where, PV_TRASH_FOLDER);
	*fd_r = fd;
	return PV_OK;
}

/* Two things of one name may be deleted within one second: the second gets a number. */
static int rename_into(int dirfd, int trash, const char *path, const char *name, const char *stamp)
{
	char to[NAME_MAX + 1];

	for (int i = 0; i < SAME_NAME_MAX; i++) {
		int n = i == 0 ? snprintf(to, sizeof to, "%s.%s", name, stamp)
			       : snprintf(to, sizeof to, "%s.%d.%s", name, i, stamp);
		if (n < 0 || (size_t)n >= sizeof to) {
			errno = ENAMETOOLONG;
			return -1;
		}
		if (renameat2(dirfd, path, trash, to, RENAME_NOREPLACE) == 0)
			return 0;
		if (errno != EEXIST)
			return -1;
	}
	return -1;
}

enum pv_class pv_trash_put(int dirfd, const char *where, const char *name, time_t now, bool *moved_r,
			   struct pv_error *e)
{
	return pv_trash_put_as(dirfd, where, name, name, now, moved_r, e);
}

enum pv_class pv_trash_put_as(int dirfd, const char *where, const char *path, const char *name, time_t now,
			      bool *moved_r, struct pv_error *e)
{
	struct stat st;
	struct tm utc;
	char stamp[32];
	int trash;

	*moved_r = false;
	if (fstatat(dirfd, path, &st, AT_SYMLINK_NOFOLLOW) != 0)
		return errno == ENOENT ? PV_OK : fail(e, "stat", where, path);
	if (gmtime_r(&now, &utc) == NULL || strftime(stamp, sizeof stamp, "%Y%m%dT%H%M%SZ", &utc) == 0)
		return pv_fail(e, PV_BUG, "4.3.0", "a date that cannot be written");
	enum pv_class c = open_trash(dirfd, where, true, &trash, e);
	if (c != PV_OK)
		return c;
	if (rename_into(dirfd, trash, path, name, stamp) != 0)
		c = fail(e, "move to the trash:", where, path);
	else
		*moved_r = true;
	if (c == PV_OK && (fsync(trash) != 0 || pv_dir_sync(dirfd) != 0))
		c = fail(e, "sync", where, PV_TRASH_FOLDER);
	(void)close(trash);
	return c;
}

bool pv_trash_time(const char *name, time_t *when_r)
{
	struct tm utc = { .tm_sec = 0 };
	const char *stamp = strrchr(name, '.');

	if (stamp == NULL || strlen(stamp + 1) != 16)
		return false;
	const char *end = strptime(stamp + 1, "%Y%m%dT%H%M%SZ", &utc);
	if (end == NULL || *end != '\0')
		return false;
	*when_r = timegm(&utc);
	return *when_r != (time_t)-1;
}

/* A tree that is being removed. What lies too deep, for as many folders cannot be open at once, is moved up
 * into `top` under a name that counts as old, and removed from there. */
struct removal {
	int top;
	const char *where;
	unsigned moved; /* names of the kind below that were given away */
};

static void deep_name(unsigned n, char name[48])
{
	(void)snprintf(name, 48, "deep-%u.19700101T000000Z", n);
}

static enum pv_class move_up(struct removal *r, int dirfd, const char *name, struct pv_error *e)
{
	char to[48];

	do
		deep_name(r->moved++, to);
	while (renameat2(dirfd, name, r->top, to, RENAME_NOREPLACE) != 0 && errno == EEXIST);
	return faccessat(dirfd, name, F_OK, AT_SYMLINK_NOFOLLOW) == 0 ? fail(e, "remove", r->where, name)
								      : PV_OK;
}

/* Its owner may have closed it to himself. */
static int open_to_empty(int dirfd, const char *name)
{
	const int flags = O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC;
	struct stat st;

	int fd = openat(dirfd, name, flags);
	if (fd >= 0 && fstat(fd, &st) == 0 && (st.st_mode & 0300) != 0300)
		(void)fchmod(fd, 0700);
	if (fd >= 0 || errno != EACCES || fstatat(dirfd, name, &st, AT_SYMLINK_NOFOLLOW) != 0 ||
	    !S_ISDIR(st.st_mode))
		return fd;
	return fchmodat(dirfd, name, 0700, 0) == 0 ? openat(dirfd, name, flags) : -1;
}

static enum pv_class remove_below(struct removal *r, int fd, int depth, struct pv_error *e);

/* A folder is emptied first; anything else, a symlink too, is itself removed. */
static enum pv_class remove_entry(struct removal *r, int dirfd, const char *name, int depth,
				  struct pv_error *e)
{
	if (unlinkat(dirfd, name, 0) == 0 || errno == ENOENT)
		return PV_OK;
	if (errno != EISDIR && errno != EPERM)
		return fail(e, "remove", r->where, name);
	if (depth >= DEPTH_MAX)
		return move_up(r, dirfd, name, e);
	int fd = open_to_empty(dirfd, name);
	if (fd < 0)
		return fail(e, "open", r->where, name);
	enum pv_class c = remove_below(r, fd, depth + 1, e);
	if (c == PV_OK && unlinkat(dirfd, name, AT_REMOVEDIR) != 0)
		c = fail(e, "remove", r->where, name);
	return c;
}

/* Remove every entry of the folder fd, which is closed. */
static enum pv_class remove_below(struct removal *r, int fd, int depth, struct pv_error *e)
{
	enum pv_class first = PV_OK;
	struct dirent *entry;

	DIR *dir = fdopendir(fd);
	if (dir == NULL) {
		enum pv_class c = fail(e, "read", r->where, "a folder in it");
		(void)close(fd);
		return c;
	}
	while ((entry = readdir(dir)) != NULL) {
		if (strcmp(entry->d_name, ".") == 0 || strcmp(entry->d_name, "..") == 0)
			continue;
		enum pv_class c =
			remove_entry(r, dirfd(dir), entry->d_name, depth, first == PV_OK ? e : NULL);
		if (first == PV_OK)
			first = c;
	}
	(void)closedir(dir);
	return first;
}

enum pv_class pv_tree_remove(int dirfd, const char *where, const char *name, struct pv_error *e)
{
	struct removal r = { .top = dirfd, .where = where };
	char deep[48];

	enum pv_class c = remove_entry(&r, dirfd, name, 0, e);
	for (unsigned i = 0; c == PV_OK && i < r.moved; i++) {
		deep_name(i, deep);
		c = remove_entry(&r, dirfd, deep, 0, e);
	}
	return c;
}

enum pv_class pv_trash_purge(int dirfd, const char *where, time_t now, bool dry, size_t *count_r,
			     struct pv_error *e)
{
	enum pv_class first = PV_OK;
	struct dirent *entry;
	time_t when;
	int fd;

	*count_r = 0;
	enum pv_class c = open_trash(dirfd, where, false, &fd, e);
	if (c != PV_OK || fd < 0)
		return c;
	DIR *dir = fdopendir(fd);
	if (dir == NULL) {
		c = fail(e, "read", where, PV_TRASH_FOLDER);
		(void)close(fd);
		return c;
	}
	while ((entry = readdir(dir)) != NULL) {
		if (!pv_trash_time(entry->d_name, &when) || now - when < PV_TRASH_DAYS * 86400)
			continue;
		c = dry ? PV_OK : pv_tree_remove(fd, where, entry->d_name, first == PV_OK ? e : NULL);
		*count_r += c == PV_OK;
		if (first == PV_OK)
			first = c;
	}
	(void)closedir(dir);
	return first;
}
