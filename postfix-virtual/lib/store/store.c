#include "store/store.h"

#include "store/conf.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <unistd.h>

enum {
	LINKS_MAX = 16, /* symlinks on the way to the folder */
	DIR_MAX = 300,	/* bytes of its path: sentences name files below it, and have room for 640 bytes */
};

/* A path on which root goes from folder to folder. */
struct walk {
	const char *path; /* as it was asked for */
	char rest[PATH_MAX];
	int fd; /* the folder that was reached */
	struct stat st;
	unsigned links;
};

/* May this process believe its environment? */
static bool is_ordinary_user(void)
{
	uid_t uid, euid, suid;
	gid_t gid, egid, sgid;

	if (getresuid(&uid, &euid, &suid) != 0 || getresgid(&gid, &egid, &sgid) != 0)
		return false;
	return uid != 0 && uid == euid && uid == suid && gid == egid && gid == sgid;
}

static const char *default_dir(void)
{
	const char *dir = getenv("VIRTUAL_CONFIG");

	return dir != NULL && dir[0] != '\0' && is_ordinary_user() ? dir : PV_DEFAULT_DIRECTORY;
}

/* dir as an absolute path without slashes at its end, in new memory. NULL: errno is set. */
static char *absolute(const char *dir)
{
	char cwd[PATH_MAX] = "";

	if (dir[0] != '/') {
		if (getcwd(cwd, sizeof cwd) == NULL)
			return NULL;
		if (cwd[0] != '/') {
			errno = ENOENT; /* below no root that we can see */
			return NULL;
		}
	}
	size_t before = strlen(cwd), len = strlen(dir);
	char *path = malloc(before + len + 2);
	if (path == NULL)
		return NULL;
	(void)snprintf(path, before + len + 2, "%s%s%s", cwd, before > 0 ? "/" : "", dir);
	for (size_t end = strlen(path); end > 1 && path[end - 1] == '/'; end--)
		path[end - 1] = '\0';
	return path;
}

static enum pv_class fail_open(int err, const char *path, struct pv_error *e)
{
	if (err == ENOENT)
		return pv_fail(e, PV_TEMPORARY, "4.3.5",
			       "folder %s is missing: run `postfix-virtual setup`, or name another by -c",
			       path);
	return pv_fail_errno(e, pv_errno_class(err), "4.3.5", err, "open folder %s", path);
}

/* Put the target of the symlink fd in front of what is still to be walked. */
static enum pv_class follow(struct walk *w, int fd, const struct stat *st, const char *name,
			    struct pv_error *e)
{
	char target[PATH_MAX], rest[PATH_MAX];

	if (st->st_uid != 0)
		return pv_fail(e, PV_TEMPORARY, "4.3.5",
			       "symlink `%s` on the way to %s belongs to uid %lu, must be root's: remove it",
			       name, w->path, (unsigned long)st->st_uid);
	if (++w->links > LINKS_MAX)
		return fail_open(ELOOP, w->path, e);
	ssize_t n = readlinkat(fd, "", target, sizeof target - 1);
	if (n < 0)
		return pv_fail_errno(e, pv_errno_class(errno), "4.3.0", errno, "read symlink `%s`", name);
	target[n] = '\0';
	int need = snprintf(rest, sizeof rest, "%s/%s", target, w->rest);
	if (need < 0 || (size_t)need >= sizeof rest)
		return fail_open(ENAMETOOLONG, w->path, e);
	memcpy(w->rest, rest, (size_t)need + 1);
	if (target[0] != '/')
		return PV_OK;
	int top = openat(AT_FDCWD, "/", O_PATH | O_DIRECTORY | O_CLOEXEC);
	if (top < 0)
		return fail_open(errno, "/", e);
	(void)close(w->fd);
	w->fd = top;
	return PV_OK;
}

static enum pv_class check_step(const struct walk *w, const struct stat *st, const char *name,
				struct pv_error *e)
{
	if (!S_ISDIR(st->st_mode))
		return fail_open(ENOTDIR, w->path, e);
	if (st->st_uid != 0)
		return pv_fail(e, PV_TEMPORARY, "4.3.5",
			       "folder `%s` on the way to %s belongs to uid %lu, must be root's: chown it",
			       name, w->path, (unsigned long)st->st_uid);
	if ((st->st_mode & (S_IWGRP | S_IWOTH)) != 0 && (st->st_mode & S_ISVTX) == 0)
		return pv_fail(e, PV_TEMPORARY, "4.3.5",
			       "folder `%s` on the way to %s has mode %04o, must not be writable by group or "
			       "others: chmod go-w it",
			       name, w->path, (unsigned)(st->st_mode & 07777));
	return PV_OK;
}

/* Go on to `name` in the folder that was reached. */
static enum pv_class step(struct walk *w, const char *name, struct pv_error *e)
{
	struct stat st;
	enum pv_class c;

	int fd = openat(w->fd, name, O_PATH | O_NOFOLLOW | O_CLOEXEC);
	if (fd < 0)
		return fail_open(errno, w->path, e);
	if (fstat(fd, &st) != 0)
		c = pv_fail_errno(e, pv_errno_class(errno), "4.3.0", errno, "stat folder `%s`", name);
	else if (S_ISLNK(st.st_mode))
		c = follow(w, fd, &st, name, e);
	else if ((c = check_step(w, &st, name, e)) == PV_OK) {
		(void)close(w->fd);
		w->fd = fd;
		w->st = st;
		return PV_OK;
	}
	(void)close(fd);
	return c;
}

/* Cut the first component from w->rest. Returns false where there is none. */
static bool take_component(struct walk *w, char name[NAME_MAX + 2])
{
	char *start = w->rest + strspn(w->rest, "/");
	size_t len = strcspn(start, "/");
	size_t keep = len <= NAME_MAX ? len : NAME_MAX + 1; /* one too many is refused by the kernel */

	memcpy(name, start, keep);
	name[keep] = '\0';
	memmove(w->rest, start + len, strlen(start + len) + 1);
	return len > 0;
}

/* Open `path` as root: nobody else may have a say in where it leads. */
static enum pv_class walk_as_root(const char *path, int *fd_r, struct stat *st_r, struct pv_error *e)
{
	struct walk w = { .path = path };
	char name[NAME_MAX + 2];

	w.fd = openat(AT_FDCWD, "/", O_PATH | O_DIRECTORY | O_CLOEXEC);
	if (w.fd < 0)
		return fail_open(errno, "/", e);
	(void)snprintf(w.rest, sizeof w.rest, "%s", path);
	enum pv_class c = step(&w, ".", e);
	while (c == PV_OK && take_component(&w, name))
		c = step(&w, name, e);
	if (c != PV_OK) {
		(void)close(w.fd);
		return c;
	}
	*fd_r = w.fd;
	*st_r = w.st;
	return PV_OK;
}

static enum pv_class open_as_account(const char *path, int *fd_r, struct stat *st_r, struct pv_error *e)
{
	int fd = openat(AT_FDCWD, path, O_PATH | O_DIRECTORY | O_CLOEXEC);

	if (fd < 0)
		return fail_open(errno, path, e);
	if (fstat(fd, st_r) != 0) {
		int err = errno;
		(void)close(fd);
		return pv_fail_errno(e, pv_errno_class(err), "4.3.0", err, "stat folder %s", path);
	}
	*fd_r = fd;
	return PV_OK;
}

/* Open s->dir and decide whose files in it are believed. */
static enum pv_class open_dir(struct pv_store *s, struct pv_error *e)
{
	uid_t me = geteuid();
	struct stat st = { .st_uid = (uid_t)-1 };

	enum pv_class c = me == 0 ? walk_as_root(s->dir, &s->dirfd, &st, e)
				  : open_as_account(s->dir, &s->dirfd, &st, e);
	if (c != PV_OK)
		return c;
	if (st.st_uid != 0 && st.st_uid != me)
		return pv_fail(e, PV_TEMPORARY, "4.3.5",
			       "folder %s belongs to uid %lu, must be root's or uid %lu's: chown it", s->dir,
			       (unsigned long)st.st_uid, (unsigned long)me);
	if ((st.st_mode & (S_IWGRP | S_IWOTH)) != 0)
		return pv_fail(
			e, PV_TEMPORARY, "4.3.5",
			"folder %s has mode %04o, must not be writable by group or others: chmod go-w it",
			s->dir, (unsigned)(st.st_mode & 07777));
	s->trust = (struct pv_trust){ .uid = st.st_uid, .where = s->dir };
	return PV_OK;
}

static enum pv_class load_conf(struct pv_store *s, struct pv_error *e)
{
	char file[PATH_MAX];
	bool found;

	enum pv_class c = pv_file_load(s->dirfd, "virtual.conf", &s->trust, &s->conf.text, &found, e);
	if (c != PV_OK || !found)
		return c;
	(void)snprintf(file, sizeof file, "%s/virtual.conf", s->dir);
	return pv_conf_parse(&s->conf, file, e);
}

enum pv_class pv_store_open(const char *dir, struct pv_store *s, struct pv_error *e)
{
	*s = (struct pv_store){ .dirfd = -1 };
	pv_conf_defaults(&s->conf);
	if (dir == NULL)
		dir = default_dir();
	if (dir[0] == '\0')
		return pv_fail(e, PV_TEMPORARY, "4.3.5", "the configuration folder's name is empty");
	s->dir = absolute(dir);
	if (s->dir == NULL)
		return pv_fail_errno(e, PV_TEMPORARY, "4.3.0", errno, "find folder %s", dir);
	enum pv_class c = PV_OK;
	if (strlen(s->dir) > DIR_MAX)
		c = pv_fail(e, PV_TEMPORARY, "4.3.5",
			    "folder %.60s... has a path of more than %d bytes: use a shorter one", s->dir,
			    DIR_MAX);
	if (c == PV_OK)
		c = open_dir(s, e);
	if (c == PV_OK)
		c = load_conf(s, e);
	if (c != PV_OK)
		pv_store_close(s);
	s->dir_is_default = s->dir != NULL && strcmp(s->dir, PV_DEFAULT_DIRECTORY) == 0;
	return c;
}

void pv_store_close(struct pv_store *s)
{
	if (s->dirfd >= 0)
		(void)close(s->dirfd);
	free(s->dir);
	pv_buf_free(&s->conf.text);
	*s = (struct pv_store){ .dirfd = -1 };
	pv_conf_defaults(&s->conf);
}
