#include "mailbox/location.h"

#include "base/beneath.h"
#include "base/file.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <sys/stat.h>
#include <unistd.h>

void pv_location_free(struct pv_location *l)
{
	if (l->dirfd >= 0)
		(void)close(l->dirfd);
	free(l->path);
	*l = (struct pv_location){ .dirfd = -1 };
}

/* dir/sub/name in fresh memory; sub may be NULL. */
static char *join(const char *dir, const char *sub, const char *name)
{
	size_t size = strlen(dir) + (sub != NULL ? strlen(sub) + 1 : 0) + strlen(name) + 2;
	char *path = malloc(size);

	if (path != NULL)
		(void)snprintf(path, size, "%s/%s%s%s", dir, sub != NULL ? sub : "", sub != NULL ? "/" : "",
			       name);
	return path;
}

/* Finish *l from its path and folder. */
static enum pv_class take(struct pv_location *l, int dirfd, char *path, bool shared, struct pv_error *e)
{
	if (path == NULL) {
		if (dirfd >= 0)
			(void)close(dirfd);
		return pv_fail(e, PV_TEMPORARY, "4.3.0", "find a mailbox: out of memory");
	}
	*l = (struct pv_location){ .dirfd = dirfd, .path = path, .shared = shared };
	l->name = strrchr(path, '/') + 1;
	return PV_OK;
}

/* A mailbox's folder dir/sub (sub may be NULL) must be the account's and nobody else's to write. */
static enum pv_class check_folder(int fd, const char *dir, const char *sub, uid_t uid, struct pv_error *e)
{
	const char *slash = sub != NULL ? "/" : "";
	struct stat st;

	sub = sub != NULL ? sub : "";
	if (fstat(fd, &st) != 0)
		return pv_fail_errno(e, PV_TEMPORARY, "4.3.0", errno, "stat folder %s%s%s", dir, slash, sub);
	if (st.st_uid != uid)
		return pv_fail(e, PV_TEMPORARY, "4.3.5",
			       "folder %s%s%s belongs to uid %lu, must be uid %lu's: chown it", dir, slash,
			       sub, (unsigned long)st.st_uid, (unsigned long)uid);
	if ((st.st_mode & (S_IWGRP | S_IWOTH)) != 0)
		return pv_fail(
			e, PV_TEMPORARY, "4.3.5",
			"folder %s%s%s has mode %04o, must not be writable by group or others: chmod go-w it",
			dir, slash, sub, (unsigned)(st.st_mode & 07777));
	return PV_OK;
}

/* Is there something called `name` that belongs to uid? Whether it is fit to be a mailbox is
 * judged when it is opened: a symlink of the account's is found here and refused there. What cannot be looked
 * at just now is not taken for missing: the mail would go to another place. */
static enum pv_class exists(int dirfd, const char *path, const char *name, uid_t uid, bool *there_r,
			    struct pv_error *e)
{
	struct stat st;

	*there_r = fstatat(dirfd, name, &st, AT_SYMLINK_NOFOLLOW) == 0;
	if (!*there_r && errno != ENOENT)
		return pv_fail_errno(e, PV_TEMPORARY, "4.3.0", errno, "look for mailbox %s/%s", path, name);
	*there_r = *there_r && st.st_uid == uid;
	return PV_OK;
}

/* Both are cleaned of slashes at the end. */
bool pv_location_is_inside(const char *home, const char *account_home)
{
	size_t len = strlen(account_home);

	while (len > 1 && account_home[len - 1] == '/')
		len--;
	size_t home_len = strlen(home);
	bool goes_up =
		strstr(home, "/../") != NULL || (home_len >= 3 && strcmp(home + home_len - 3, "/..") == 0);
	return len > 1 && !goes_up && strncmp(home, account_home, len) == 0 &&
	       (home[len] == '\0' || home[len] == '/');
}

static int sync_below(int home_fd, const char *sub)
{
	int fd = pv_open_beneath(home_fd, sub, O_PATH | O_DIRECTORY, 0);
	int r = fd < 0 ? -1 : pv_dir_sync(fd);
	if (fd >= 0)
		(void)close(fd);
	return r;
}

/* Make the folders of mail_spool_home (all but its last component) below the home, 0700, and durable: the
 * mailbox in them is synced later, but that alone does not keep their names. */
static int make_folders(int home_fd, const char *below)
{
	char part[256], parent[256] = ".";

	for (const char *slash = strchr(below, '/'); slash != NULL; slash = strchr(slash + 1, '/')) {
		int n = snprintf(part, sizeof part, "%.*s", (int)(slash - below), below);
		if (n < 0 || (size_t)n >= sizeof part)
			return -1;
		bool made = mkdirat(home_fd, part, 0700) == 0;
		if (!made && errno != EEXIST)
			return -1;
		if (made && sync_below(home_fd, parent) != 0)
			return -1;
		memcpy(parent, part, sizeof parent);
	}
	return 0;
}

/* Open the folder of HOME/mail_spool_home; *fd_r is -1 where it does not exist and make is false. */
static enum pv_class open_home_folder(const struct pv_location_rules *rules, const char *home, bool make,
				      int *fd_r, struct pv_error *e)
{
	const char *slash = strrchr(rules->mail_spool_home, '/');
	char sub[256];

	*fd_r = -1;
	int n = snprintf(sub, sizeof sub, "%.*s", slash != NULL ? (int)(slash - rules->mail_spool_home) : 1,
			 slash != NULL ? rules->mail_spool_home : ".");
	if (n < 0 || (size_t)n >= sizeof sub)
		return pv_fail(e, PV_TEMPORARY, "4.3.5", "mail_spool_home is too long");
	int home_fd = openat(AT_FDCWD, home, O_PATH | O_DIRECTORY | O_CLOEXEC);
	if (home_fd < 0)
		return pv_fail_errno(e, PV_TEMPORARY, "4.3.5", errno, "open home %s", home);
	enum pv_class c = check_folder(home_fd, home, NULL, rules->uid, e);
	if (c == PV_OK) {
		int fd = pv_open_beneath(home_fd, sub, O_PATH | O_DIRECTORY, 0);
		if (fd < 0 && errno == ENOENT && make && make_folders(home_fd, rules->mail_spool_home) == 0)
			fd = pv_open_beneath(home_fd, sub, O_PATH | O_DIRECTORY, 0);
		if (fd < 0 && (errno != ENOENT || make))
			c = pv_fail_errno(e, PV_TEMPORARY, "4.3.5", errno, "open folder %s/%s", home, sub);
		if (fd >= 0 && (c = check_folder(fd, home, sub, rules->uid, e)) != PV_OK) {
			(void)close(fd);
			fd = -1;
		}
		*fd_r = fd;
	}
	(void)close(home_fd);
	return c;
}

/* HOME/mail_spool_home: where make is false, only if it exists. *found_r: *l is filled. */
static enum pv_class try_home(const struct pv_location_rules *rules, const char *home, bool make,
			      bool *found_r, struct pv_location *l, struct pv_error *e)
{
	const char *slash = strrchr(rules->mail_spool_home, '/');
	const char *name = slash != NULL ? slash + 1 : rules->mail_spool_home;
	int fd;

	*found_r = false;
	enum pv_class c = open_home_folder(rules, home, make && !rules->look_only, &fd, e);
	if (c != PV_OK || (fd < 0 && !make))
		return c;
	*found_r = make;
	if (!make)
		c = exists(fd, home, name, rules->uid, found_r, e);
	if (c != PV_OK || !*found_r) {
		(void)close(fd);
		return c;
	}
	return take(l, fd, join(home, NULL, rules->mail_spool_home), false, e);
}

/* mail_directory/name, if it is the account's. What may not be looked at is not there. */
static enum pv_class try_mail_directory(const struct pv_location_rules *rules, const char *name,
					bool *found_r, struct pv_location *l, struct pv_error *e)
{
	struct stat st;

	*found_r = false;
	if (rules->mail_directory[0] == '\0')
		return PV_OK;
	char *path = join(rules->mail_directory, NULL, name);
	if (path == NULL)
		return pv_fail(e, PV_TEMPORARY, "4.3.0", "find a mailbox: out of memory");
	/* One call for the usual case that nobody of that name has mail there. */
	int found = lstat(path, &st);
	int err = errno;
	if (found != 0 || st.st_uid != rules->uid) {
		free(path);
		if (found == 0 || err == ENOENT || err == ENOTDIR || err == EACCES || err == ELOOP)
			return PV_OK;
		return pv_fail_errno(e, PV_TEMPORARY, "4.3.0", err, "look for mailbox %s/%s",
				     rules->mail_directory, name);
	}
	int fd = openat(AT_FDCWD, rules->mail_directory, O_PATH | O_DIRECTORY | O_CLOEXEC);
	if (fd < 0 || fstat(fd, &st) != 0) {
		err = errno;
		free(path);
		if (fd >= 0)
			(void)close(fd);
		return pv_fail_errno(e, PV_TEMPORARY, "4.3.0", err, "open folder %s", rules->mail_directory);
	}
	*found_r = true;
	return take(l, fd, path, st.st_uid != rules->uid || (st.st_mode & (S_IWGRP | S_IWOTH)) != 0, e);
}

static enum pv_class open_spool(const struct pv_location_rules *rules, const struct pv_domain *d, int *fd_r,
				struct pv_error *e)
{
	bool spool_missing;

	*fd_r = pv_open_folder_in(rules->spool_directory, d->s, &spool_missing);
	if (*fd_r >= 0)
		return PV_OK;
	if (spool_missing)
		return pv_fail_errno(e, PV_TEMPORARY, "4.3.5", errno, "open spool_directory %s",
				     rules->spool_directory);
	return pv_fail_errno(e, PV_TEMPORARY, "4.3.5", errno, "open folder %s/%s", rules->spool_directory,
			     d->s);
}

static enum pv_class use_spool(const struct pv_location_rules *rules, const struct pv_domain *d,
			       const struct pv_user *u, struct pv_location *l, struct pv_error *e)
{
	int fd = -1;

	enum pv_class c = open_spool(rules, d, &fd, e);
	if (c != PV_OK)
		return c;
	if ((c = check_folder(fd, rules->spool_directory, d->s, rules->uid, e)) != PV_OK) {
		(void)close(fd);
		return c;
	}
	return take(l, fd, join(rules->spool_directory, d->s, u->s), false, e);
}

/* Does the user's mailbox in the spool exist? Then it is used where the home's is not there yet. A spool that
 * is missing or is no folder holds none. */
static enum pv_class spool_exists(const struct pv_location_rules *rules, const struct pv_domain *d,
				  const struct pv_user *u, bool *there_r, struct pv_error *e)
{
	bool spool_missing;

	*there_r = false;
	int fd = pv_open_folder_in(rules->spool_directory, d->s, &spool_missing);
	if (fd < 0 && (errno == ENOENT || errno == ENOTDIR || errno == ELOOP))
		return PV_OK;
	if (fd < 0)
		return pv_fail_errno(e, PV_TEMPORARY, "4.3.5", errno, "open folder %s/%s",
				     rules->spool_directory, d->s);
	enum pv_class c = exists(fd, rules->spool_directory, u->s, rules->uid, there_r, e);
	(void)close(fd);
	return c;
}

/* Is there a home to be searched? */
static enum pv_class judge_home(const struct pv_location_rules *rules, const struct pv_domain *d,
				const struct pv_user *u, const char *home, bool *has_r, struct pv_error *e)
{
	*has_r = home != NULL && home[0] == '/' && rules->mail_spool_home[0] != '\0';
	if (*has_r && rules->account_home == NULL)
		return pv_fail(e, PV_TEMPORARY, "4.3.5",
			       "%s@%s has the home %s, but the home of the account is not known: set HOME",
			       u->s, d->s, home);
	*has_r = *has_r && pv_location_is_inside(home, rules->account_home);
	return PV_OK;
}

/* What comes before the spool, if it exists: then *place_r and *l are filled. */
static enum pv_class find_existing(const struct pv_location_rules *rules, const struct pv_user *u,
				   const char *home, bool *found_r, enum pv_location_place *place_r,
				   struct pv_location *l, struct pv_error *e)
{
	enum pv_class c = PV_OK;

	*found_r = false;
	*place_r = PV_LOCATION_HOME;
	if (home != NULL && ((c = try_home(rules, home, false, found_r, l, e)) != PV_OK || *found_r))
		return c;
	*place_r = PV_LOCATION_MAIL_DIRECTORY;
	return try_mail_directory(rules, u->s, found_r, l, e);
}

enum pv_class pv_location_find(const struct pv_location_rules *rules, const struct pv_domain *d,
			       const struct pv_user *u, const char *home, struct pv_location *l,
			       struct pv_error *e)
{
	enum pv_location_place place;
	bool found = false, has_home;

	*l = (struct pv_location){ .dirfd = -1 };
	enum pv_class c = judge_home(rules, d, u, home, &has_home, e);
	if (c == PV_OK)
		c = find_existing(rules, u, has_home ? home : NULL, &found, &place, l, e);
	if (c != PV_OK || found)
		return c;
	bool in_spool = true;
	if (has_home && (c = spool_exists(rules, d, u, &in_spool, e)) != PV_OK)
		return c;
	if (!in_spool)
		return try_home(rules, home, true, &found, l, e);
	return use_spool(rules, d, u, l, e);
}

static bool is_folder(int dirfd, const char *name)
{
	struct stat st;

	return fstatat(dirfd, name, &st, AT_SYMLINK_NOFOLLOW) == 0 && S_ISDIR(st.st_mode);
}

enum pv_class pv_location_which(const struct pv_location_rules *rules, const struct pv_domain *d,
				const struct pv_user *u, const char *home, enum pv_location_place *place_r,
				bool *is_folder_r, struct pv_error *e)
{
	struct pv_location l = { .dirfd = -1 };
	bool found = false, has_home, in_spool = true;

	*is_folder_r = false;
	enum pv_class c = judge_home(rules, d, u, home, &has_home, e);
	if (c == PV_OK)
		c = find_existing(rules, u, has_home ? home : NULL, &found, place_r, &l, e);
	if (c == PV_OK && found)
		*is_folder_r = is_folder(l.dirfd, l.name);
	pv_location_free(&l);
	if (c != PV_OK || found)
		return c;
	if (has_home && (c = spool_exists(rules, d, u, &in_spool, e)) != PV_OK)
		return c;
	*place_r = in_spool ? PV_LOCATION_SPOOL : PV_LOCATION_HOME;
	char *path = in_spool ? join(rules->spool_directory, d->s, u->s) : NULL;
	if (in_spool && path == NULL)
		return pv_fail(e, PV_TEMPORARY, "4.3.0", "find a mailbox: out of memory");
	*is_folder_r = in_spool && is_folder(AT_FDCWD, path);
	free(path);
	return PV_OK;
}

enum pv_class pv_location_own(const struct pv_location_rules *rules, const struct pv_user *account,
			      struct pv_location *l, struct pv_error *e)
{
	bool found = false;
	enum pv_class c;

	*l = (struct pv_location){ .dirfd = -1 };
	bool has_home = rules->account_home != NULL && rules->account_home[0] == '/' &&
			rules->mail_spool_home[0] != '\0';
	if (has_home && ((c = try_home(rules, rules->account_home, false, &found, l, e)) != PV_OK || found))
		return c;
	if ((c = try_mail_directory(rules, account->s, &found, l, e)) != PV_OK || found)
		return c;
	if (!has_home)
		return pv_fail(e, PV_TEMPORARY, "4.3.5", "the account %s has no mailbox, and no home for one",
			       account->s);
	return try_home(rules, rules->account_home, true, &found, l, e);
}

/* Does the path `below` have a component that begins with a dot (`..` too), or an empty one? */
static bool has_hidden(const char *below)
{
	for (const char *p = below; p != NULL; p = strchr(p, '/')) {
		p += *p == '/';
		if (*p == '.' || *p == '/' || *p == '\0')
			return true;
	}
	return false;
}

/* The folder of `below`, in the folder base. Returns a descriptor, or -1 and errno. */
static int open_folder_of(int base, const char *below)
{
	const char *slash = strrchr(below, '/');
	char folder[PATH_MAX] = ".";

	if (slash != NULL)
		(void)snprintf(folder, sizeof folder, "%.*s", (int)(slash - below), below);
	return pv_open_beneath(base, folder, O_PATH | O_DIRECTORY, 0);
}

enum pv_class pv_location_below(const char *base, const char *path, uid_t uid, struct pv_location *l,
				struct pv_error *e)
{
	size_t len = strlen(base);
	char folder[PATH_MAX];

	*l = (struct pv_location){ .dirfd = -1 };
	while (len > 1 && base[len - 1] == '/')
		len--;
	if (strncmp(path, base, len) != 0 || path[len] != '/' || strlen(path) >= PATH_MAX ||
	    has_hidden(path + len + 1))
		return pv_fail(e, PV_TEMPORARY, "4.3.5",
			       "%s is no file below %s, or a part of its name begins with a dot", path, base);
	int top = openat(AT_FDCWD, base, O_PATH | O_DIRECTORY | O_CLOEXEC);
	int fd = top < 0 ? -1 : open_folder_of(top, path + len + 1);
	int err = errno;
	if (top >= 0)
		(void)close(top);
	if (fd < 0)
		return pv_fail_errno(e, PV_TEMPORARY, "4.3.5", err, "open the folder of %s", path);
	(void)snprintf(folder, sizeof folder, "%.*s", (int)(strrchr(path, '/') - path), path);
	enum pv_class c = check_folder(fd, folder, NULL, uid, e);
	if (c == PV_OK)
		return take(l, fd, strdup(path), false, e);
	(void)close(fd);
	return c;
}
