/*
 * file.h: the one way to open a settings file, to read it, and to replace it.
 *
 * Everything is relative to a folder descriptor that the caller holds; `name` is one
 * path component, never a path (only the readers take `folder/name`, where the caller trusts
 * that folder). Descriptors are close-on-exec.
 */
#ifndef PV_FILE_H
#define PV_FILE_H

#include "base/buffer.h"
#include "base/error.h"

#include <limits.h>
#include <sys/stat.h>
#include <sys/types.h>

/* Whose files are believed. */
struct pv_trust {
	uid_t uid;	   /* this account's, and root's always */
	const char *where; /* the folder's path, for sentences; borrowed */
};

/*
 * Open the folder at `path` (absolute, or relative to dirfd) without following a
 * symlink in its last component. The folder must belong to root or t->uid and be
 * writable by nobody else: not by group or others.
 *
 * PV_OK: *fd_r is an O_PATH-like descriptor usable with the *at() calls, *st_r (may be
 * NULL) its status; *fd_r is -1 where there is no such folder. PV_TEMPORARY: it could not be
 * opened, or is not to be trusted; the sentence names path, reason and mend.
 */
enum pv_class pv_dir_open(int dirfd, const char *path, const struct pv_trust *t, int *fd_r, struct stat *st_r,
			  struct pv_error *e);

/*
 * Open the file `name` in folder dirfd for reading. Accepted is a regular file of t->uid
 * or root that neither group nor others may write; or one symlink, owned likewise, that
 * leads to such a file (not to a second symlink; folders on the way may be symlinks).
 * A FIFO or a device is opened without waiting, and refused: nothing blocks here.
 *
 * PV_OK: *fd_r is open, *st_r (may be NULL) its status; or *fd_r is -1: no such file.
 * PV_TEMPORARY: cannot be opened, or is not to be trusted.
 */
enum pv_class pv_file_open(int dirfd, const char *name, const struct pv_trust *t, int *fd_r,
			   struct stat *st_r, struct pv_error *e);

/* Append everything from fd's position on to b (up to b->max: more is an error). */
enum pv_class pv_file_read(int fd, const char *what, struct pv_buf *b, struct pv_error *e);
/* The same of a file whose size fstat() just said: it usually comes with one read. `name` as it was opened.
 */
enum pv_class pv_file_read_sized(int fd, off_t size, const char *name, const struct pv_trust *t,
				 struct pv_buf *b, struct pv_error *e);

/* pv_file_open(), pv_file_read(), close(). *found_r says whether there was such a file (where
 * the class is PV_OK; else b may hold a part of it). */
enum pv_class pv_file_load(int dirfd, const char *name, const struct pv_trust *t, struct pv_buf *b,
			   bool *found_r, struct pv_error *e);

/* Write all of data at fd's position. Returns 0, or -1 with errno set (a short write is
 * carried on with, so an error may leave a part). */
int pv_write_all(int fd, const void *data, size_t len);
/* The same from offset on; the position stays. */
int pv_write_all_at(int fd, const void *data, size_t len, off_t offset);

/* Read len bytes from fd's position on, fewer where the file ends. Returns how many, or -1 and errno. */
ssize_t pv_read_all(int fd, void *to, size_t len);
/* The same from offset on; the position stays. */
ssize_t pv_read_all_at(int fd, void *to, size_t len, off_t offset);

/* fsync() a folder; where dirfd is O_PATH it is opened once more. Returns 0, or -1 and errno. */
int pv_dir_sync(int dirfd);

/*
 * Replace `name` in dirfd as a whole or not at all: `.NAME.new` by O_EXCL, owner and mode
 * set, all bytes written, fsync, rename, fsync of the folder. A `.NAME.new` that a killed
 * writer left is removed first, so the caller holds a lock that excludes other writers.
 * uid or gid (uid_t)-1: as they come out. On any failure the old file stands as it was and
 * no temporary is left; the one exception is a failing fsync of the folder, after which the
 * new file stands but may not survive a power cut: PV_TEMPORARY as well.
 */
enum pv_class pv_file_replace(int dirfd, const char *name, const void *data, size_t len, mode_t mode,
			      uid_t uid, gid_t gid, struct pv_error *e);

/* The same in pieces, for what is too large to be held: begin, write ..., commit. */
struct pv_new_file {
	int dirfd;
	int fd; /* of the temporary file; -1: none */
	const char *name;
	char temp[NAME_MAX + 1];
};

/* dirfd and name must live as long as *f. After PV_OK either pv_file_commit() or pv_file_abandon() must
 * follow, after a failure nothing. */
enum pv_class pv_file_begin(int dirfd, const char *name, mode_t mode, uid_t uid, gid_t gid,
			    struct pv_new_file *f, struct pv_error *e);
enum pv_class pv_file_write(struct pv_new_file *f, const void *data, size_t len, struct pv_error *e);
/* Fails as pv_file_replace() does; *f is done with in either case. */
enum pv_class pv_file_commit(struct pv_new_file *f, struct pv_error *e);
/* The same where a file `name` is still there. PV_OK with *there_r false: it was removed, and stays so. */
enum pv_class pv_file_commit_over(struct pv_new_file *f, bool *there_r, struct pv_error *e);
/* Remove the temporary file for `name` that a killed writer left, where there is one. For who holds the lock
 * that excludes writers. */
void pv_file_clean(int dirfd, const char *name);
/* Leave the old file as it is, and no temporary. */
void pv_file_abandon(struct pv_new_file *f);

/* Remove `name` and sync the folder. A file that is not there is no error (the folder is synced then too). */
enum pv_class pv_file_remove(int dirfd, const char *name, struct pv_error *e);

/*
 * Take an exclusive lock (F_OFD_SETLK) on the whole regular file `name` in dirfd, which is
 * created (0600) where it is missing and never removed. Tried again after 1, 2, 4 ... 25 ms until
 * deadline_ms milliseconds have passed: then PV_TEMPORARY. Released by close(*fd_r).
 */
enum pv_class pv_lock_file(int dirfd, const char *name, unsigned deadline_ms, int *fd_r, struct pv_error *e);

#endif
