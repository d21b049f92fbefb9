/* Root's own files and folders: whose they are, and who may write in them. */
#include "check/checkup.h"

#include "change/change.h"
#include "store/folder.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <sys/vfs.h>
#include <unistd.h>

/* What statfs(2) calls them. */
enum { FS_NFS = 0x6969, FS_SMB = 0x517b };
#define FS_CIFS 0xff534d42u
#define FS_SMB2 0xfe534d42u

#define OTHERS_WRITE (S_IWGRP | S_IWOTH)
#define OTHERS_ANY (S_IRWXG | S_IRWXO)

/* What is expected of a path of ours. */
struct rule {
	const char *base, *below; /* below "": the folder itself */
	mode_t forbidden;
	unsigned depth; /* how far down the same holds for what is in it */
};

/* Give the file at dirfd/name a mode without these bits, if it is root's and is what was looked at. */
static enum pv_class mend_mode(int dirfd, const char *path, const struct stat *seen, mode_t mode,
			       struct pv_error *e)
{
	struct stat st;
	const char *name = strrchr(path, '/') + 1;

	int fd = openat(dirfd, name, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY | O_CLOEXEC);
	if (fd < 0)
		return pv_fail_errno(e, PV_TEMPORARY, NULL, errno, "open %s", path);
	enum pv_class c = PV_OK;
	if (fstat(fd, &st) != 0 || st.st_ino != seen->st_ino || st.st_dev != seen->st_dev || st.st_uid != 0)
		c = pv_fail(e, PV_TEMPORARY, NULL, "%s was replaced meanwhile", path);
	else if (fchmod(fd, mode) != 0)
		c = pv_fail_errno(e, PV_TEMPORARY, NULL, errno, "set the mode of %s", path);
	(void)close(fd);
	return c;
}

/* Judge one file; dirfd: the folder that it is in. */
static void judge(struct pv_checkup *u, int dirfd, const char *path, const struct stat *st, mode_t forbidden)
{
	mode_t mode = st->st_mode & 07777, bad = mode & (forbidden | S_ISUID | S_ISGID);
	struct pv_error e;

	if (S_ISLNK(st->st_mode))
		return;
	if (st->st_uid != 0 && u->said == NULL)
		pv_found(
			u, PV_CRITICAL, path,
			"it belongs to uid %lu and must be root's: look at what is in it, then chown root %s",
			(unsigned long)st->st_uid, path);
	if (bad == 0 || st->st_uid != 0)
		return;
	if (u->said == NULL) {
		pv_found(u, (bad & OTHERS_WRITE) != 0 ? PV_CRITICAL : PV_WARNING, path,
			 "its mode is %04o, which lets others at it: chmod %04o %s", (unsigned)mode,
			 (unsigned)(mode & ~bad), path);
		return;
	}
	if (!u->dry && mend_mode(dirfd, path, st, mode & ~bad, &e) != PV_OK)
		pv_buf_addf(u->said, "failed: %s\n", e.text);
	else
		pv_repaired(u, "chmod %04o %s", (unsigned)(mode & ~bad), path);
}

/* Judge what is in the folder fd, which is closed. */
static void judge_inside(struct pv_checkup *u, int fd, const char *where, mode_t forbidden, unsigned depth)
{
	char path[PATH_MAX];
	struct dirent *entry;
	struct stat st;

	DIR *dir = fdopendir(fd);
	if (dir == NULL) {
		(void)close(fd);
		return;
	}
	while ((entry = readdir(dir)) != NULL) {
		if (strcmp(entry->d_name, ".") == 0 || strcmp(entry->d_name, "..") == 0 ||
		    snprintf(path, sizeof path, "%s/%s", where, entry->d_name) >= (int)sizeof path ||
		    fstatat(dirfd(dir), entry->d_name, &st, AT_SYMLINK_NOFOLLOW) != 0)
			continue;
		judge(u, dirfd(dir), path, &st, forbidden);
		if (depth > 1 && S_ISDIR(st.st_mode) && st.st_uid == 0) {
			int below = openat(dirfd(dir), entry->d_name,
					   O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
			if (below >= 0)
				judge_inside(u, below, path, forbidden, depth - 1);
		}
	}
	(void)closedir(dir);
}

static void apply(struct pv_checkup *u, const struct rule *r)
{
	char path[PATH_MAX];
	struct stat st;

	if (snprintf(path, sizeof path, "%s%s%s", r->base, *r->below != '\0' ? "/" : "", r->below) >=
		    (int)sizeof path ||
	    lstat(path, &st) != 0)
		return;
	/* Root's paths may lead through a symlink of root's; the last component is judged by itself. */
	char *slash = strrchr(path, '/');
	*slash = '\0';
	int parent = open(slash == path ? "/" : path, O_PATH | O_DIRECTORY | O_CLOEXEC);
	*slash = '/';
	if (parent < 0)
		return;
	judge(u, parent, path, &st, r->forbidden);
	int fd = r->depth > 0 && S_ISDIR(st.st_mode) && st.st_uid == 0
			 ? openat(parent, slash + 1, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC)
			 : -1;
	if (fd >= 0)
		judge_inside(u, fd, path, r->forbidden, r->depth);
	(void)close(parent);
}

static void go_through(struct pv_checkup *u)
{
	const struct pv_conf *conf = &u->store->conf;
	const struct rule rules[] = {
		{ u->store->dir, "", OTHERS_WRITE, 0 },
		{ u->store->dir, "virtual.conf", OTHERS_WRITE, 0 },
		{ u->store->dir, "domains", OTHERS_WRITE, 0 },
		{ u->store->dir, "host-addresses", OTHERS_WRITE, 0 },
		{ u->store->dir, "programs", OTHERS_WRITE, 0 },
		{ u->store->dir, "hooks", OTHERS_WRITE, 2 },
		{ conf->map_directory, "", OTHERS_WRITE, 1 },
		{ conf->spool_directory, "", OTHERS_WRITE, 0 },
		{ conf->state_directory, "", OTHERS_ANY, 0 },
		{ conf->state_directory, "pending", OTHERS_ANY, 1 },
		{ conf->state_directory, "setup", OTHERS_WRITE, 1 },
		{ conf->state_directory, "history", OTHERS_WRITE, 1 },
		{ conf->run_directory, "", OTHERS_ANY, 0 },
		{ conf->delivery_program, "", OTHERS_WRITE, 0 },
	};

	for (size_t i = 0; i < sizeof rules / sizeof *rules; i++)
		apply(u, &rules[i]);
}

enum pv_class pv_check_files(struct pv_checkup *u, struct pv_error *e)
{
	(void)e;
	if (access(u->store->conf.delivery_program, X_OK) != 0)
		pv_found(u, PV_CRITICAL, u->store->conf.delivery_program,
			 "what delivers mail cannot be run (%s): make install, or say delivery_program in "
			 "%s/virtual.conf",
			 strerror(errno), u->store->dir);
	go_through(u);
	return PV_OK;
}

enum pv_class pv_repair_files(struct pv_checkup *u, struct pv_error *e)
{
	(void)e;
	go_through(u);
	return PV_OK;
}

/* A domain's folder for mail is root's to make and the account's to have. */
static void check_spool(struct pv_checkup *u, const struct pv_subject *s)
{
	char path[PATH_MAX];
	struct stat st;

	(void)snprintf(path, sizeof path, "%.3800s/%s", u->store->conf.spool_directory, s->domain.s);
	if (lstat(path, &st) != 0)
		pv_found(u, PV_CRITICAL, s->domain.s,
			 "its folder for mail %s cannot be used (%s), so its mail is deferred: install -d -m "
			 "0700 "
			 "-o %s %s",
			 path, strerror(errno), s->account.name, path);
	else if (!S_ISDIR(st.st_mode))
		pv_found(u, PV_CRITICAL, s->domain.s,
			 "%s is no folder, so its mail is deferred: move it away", path);
	else if (st.st_uid != s->account.uid)
		pv_found(u, PV_CRITICAL, s->domain.s,
			 "%s belongs to uid %lu, not to its account, so its mail is deferred: chown -R %s %s",
			 path, (unsigned long)st.st_uid, s->account.name, path);
	else if ((st.st_mode & OTHERS_WRITE) != 0)
		pv_found(u, PV_CRITICAL, s->domain.s,
			 "%s has mode %04o, so its mail is deferred: chmod go-w %s", path,
			 (unsigned)(st.st_mode & 07777), path);
}

/* Is there such a folder, may it be trusted, has its owner an account? */
static void check_folder(struct pv_checkup *u, const struct pv_subject *s)
{
	struct pv_account account;
	struct pv_folder f;
	struct pv_error e;
	bool found;

	if (pv_folder_open(u->store, &s->domain, &f, &e) != PV_OK) {
		pv_found(u, PV_CRITICAL, s->domain.s, "%s", e.text);
		return;
	}
	if (f.fd < 0) {
		pv_found(u, PV_CRITICAL, s->domain.s, "it is no domain here: postfix-virtual domain add %s",
			 s->domain.s);
		return;
	}
	if (pv_account_by_uid(f.uid, &account, &found, &e) != PV_OK)
		pv_found(u, PV_CRITICAL, s->domain.s, "%s", e.text);
	else if (!found)
		pv_found(u, PV_CRITICAL, s->domain.s,
			 "uid %lu, the owner of %s, is no account of this host: make one (useradd), or chown "
			 "the "
			 "folder",
			 (unsigned long)f.uid, f.path);
	pv_folder_close(&f);
}

enum pv_class pv_check_folders(struct pv_checkup *u, struct pv_error *e)
{
	(void)e;
	for (size_t i = 0; i < u->count; i++) {
		const struct pv_subject *s = &u->subjects[i];
		if (s->is_alias)
			continue;
		if (s->has_account)
			check_spool(u, s);
		else
			check_folder(u, s);
	}
	return PV_OK;
}

/* Marks of changes that were begun and not ended. */
enum pv_class pv_check_pending(struct pv_checkup *u, struct pv_error *e)
{
	char path[PATH_MAX];
	struct dirent *entry;
	struct pv_domain d;

	(void)snprintf(path, sizeof path, "%.3800s/pending", u->store->conf.state_directory);
	int fd = open(path, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	DIR *dir = fd >= 0 ? fdopendir(fd) : NULL;
	if (dir == NULL) {
		if (fd >= 0)
			(void)close(fd);
		return errno == ENOENT ? PV_OK : pv_fail_errno(e, PV_TEMPORARY, NULL, errno, "open %s", path);
	}
	while ((entry = readdir(dir)) != NULL)
		if (pv_domain_parse(entry->d_name, strlen(entry->d_name), &d, NULL) == PV_OK)
			pv_found(u, PV_WARNING, d.s,
				 "a change of it was begun and not ended (%s/%s): the next postfix-virtual "
				 "command of "
				 "root's finishes it, as postfix-virtual domain list",
				 path, d.s);
	(void)closedir(dir);
	return PV_OK;
}

enum pv_class pv_repair_pending(struct pv_checkup *u, struct pv_error *e)
{
	struct pv_change c;

	(void)e;
	if (!u->dry) {
		pv_change_start(&c, u->store, "root", "local");
		pv_change_finish_all(&c);
		pv_buf_add(u->said, c.notes.s, c.notes.len);
		pv_change_free(&c);
	}
	/* What could not be finished is found once more. */
	pv_repaired(u, "the changes that were begun are finished, as far as they can be");
	return PV_OK;
}

/* The disk of the mailboxes. */
enum pv_class pv_check_disk(struct pv_checkup *u, struct pv_error *e)
{
	const char *path = u->store->conf.spool_directory;
	struct statvfs v;
	struct statfs fs;

	if (statvfs(path, &v) != 0 || statfs(path, &fs) != 0) {
		if (errno != ENOENT)
			return pv_fail_errno(e, PV_TEMPORARY, NULL, errno, "look at the disk of %s", path);
		pv_found(u, PV_CRITICAL, path,
			 "the folder of the mailboxes is missing: postfix-virtual setup");
		return PV_OK;
	}
	unsigned type = (unsigned)fs.f_type;
	if (type == FS_NFS || type == FS_SMB || type == FS_CIFS || type == FS_SMB2)
		pv_found(u, PV_CRITICAL, path,
			 "it lies on a network file system, where locks cannot be trusted and deliveries are "
			 "deferred: "
			 "move it to a disk of this host");
	double used = (double)(v.f_blocks - v.f_bfree), room = used + (double)v.f_bavail;
	if (room > 0 && used > 0.9 * room)
		pv_found(
			u, v.f_bavail == 0 ? PV_CRITICAL : PV_WARNING, path,
			"its disk is over 90 %% full (%.0f MB are left): make room, or give it a larger disk",
			(double)v.f_bavail * (double)v.f_frsize / 1e6);
	double inodes = (double)v.f_files, left = (double)v.f_favail;
	if (inodes > 0 && left < 0.1 * inodes)
		pv_found(u, left < 1 ? PV_CRITICAL : PV_WARNING, path,
			 "over 90 %% of its disk's inodes are used (%.0f are left): remove files, or give it "
			 "a larger disk",
			 left);
	return PV_OK;
}
