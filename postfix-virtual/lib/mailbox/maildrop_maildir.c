#include "mailbox/maildrop_maildir.h"

#include "base/file.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <unistd.h>

static enum pv_class fail_io(const struct pv_maildrop *m, const char *what, struct pv_error *e)
{
	return pv_fail_errno(e, PV_TEMPORARY, "4.3.0", errno, "%s Maildir %s", what, m->where->path);
}

static enum pv_class refuse(const struct pv_maildrop *m, const char *why, struct pv_error *e)
{
	return pv_fail(e, PV_TEMPORARY, "4.3.5", "Maildir %s %s", m->where->path, why);
}

void pv_maildir_close(struct pv_maildir *d)
{
	if (d == NULL)
		return;
	for (int k = 0; k < 2; k++)
		if (d->folders[k] >= 0)
			(void)close(d->folders[k]);
	pv_maildir_list_free(&d->list);
	free(d);
}

/* Open a folder that must be the account's alone. */
static enum pv_class open_folder(const struct pv_maildrop *m, int dirfd, const char *name, int *fd_r,
				 struct pv_error *e)
{
	struct stat st;

	*fd_r = openat(dirfd, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	if (*fd_r < 0 && errno == ENOENT)
		return refuse(m, "has no cur or no new: it is none", e);
	if (*fd_r < 0 || fstat(*fd_r, &st) != 0)
		return fail_io(m, "open", e);
	if (st.st_uid != m->o.uid)
		return refuse(m, "belongs to another user: chown it to the domain's account", e);
	if ((st.st_mode & (S_IWGRP | S_IWOTH)) != 0)
		return refuse(m, "is writable by others: chmod 0700 it", e);
	return PV_OK;
}

static enum pv_class open_folders(const struct pv_maildrop *m, struct pv_error *e)
{
	int *folders = m->dir->folders;
	int top;

	enum pv_class c = open_folder(m, m->where->dirfd, m->where->name, &top, e);
	if (c == PV_OK)
		c = open_folder(m, top, "cur", &folders[0], e);
	if (c == PV_OK)
		c = open_folder(m, top, "new", &folders[1], e);
	if (top >= 0)
		(void)close(top);
	return c;
}

/* Take the names that the files have now. */
static int refresh(struct pv_maildir *d)
{
	struct pv_maildir_listing now;
	size_t k = 0;

	if (pv_maildir_list(d->folders, &now) != 0)
		return -1;
	for (size_t i = 0; i < d->list.n; i++) {
		struct pv_maildir_entry *x = &d->list.v[i];
		while (k < now.n && pv_maildir_compare(&now.v[k], x) < 0)
			k++;
		x->gone = k == now.n || pv_maildir_compare(&now.v[k], x) != 0 || now.v[k].inode != x->inode;
		if (x->gone)
			continue;
		char *name = x->name;
		x->name = now.v[k].name;
		now.v[k].name = name;
		x->in_new = now.v[k].in_new;
		k++;
	}
	pv_maildir_list_free(&now);
	return 0;
}

static int folder_of(const struct pv_maildir *d, const struct pv_maildir_entry *x)
{
	return d->folders[x->in_new];
}

/* Open the file of message i. Returns -1 and errno; ENOENT: there is no such message any more. */
static int open_entry(struct pv_maildrop *m, size_t i, struct stat *st)
{
	const int flags = O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY | O_CLOEXEC;
	struct pv_maildir_entry *x = &m->dir->list.v[i];

	errno = ENOENT;
	int fd = x->gone ? -1 : openat(folder_of(m->dir, x), x->name, flags);
	if (fd < 0 && errno == ENOENT && !x->gone) {
		if (refresh(m->dir) != 0)
			return -1;
		errno = ENOENT;
		fd = x->gone ? -1 : openat(folder_of(m->dir, x), x->name, flags);
	}
	if (fd < 0)
		return -1;
	if (fstat(fd, st) == 0) {
		if (S_ISREG(st->st_mode) && st->st_uid == m->o.uid && (uint64_t)st->st_ino == x->inode)
			return fd;
		errno = ENOENT;
	}
	int err = errno;
	(void)close(fd);
	errno = err;
	return -1;
}

enum pv_class pv_maildir_source(struct pv_maildrop *m, size_t i, struct pv_source *s, struct pv_error *e)
{
	struct stat st;

	int fd = open_entry(m, i, &st);
	if (fd < 0 && errno == ENOENT)
		return pv_fail(e, PV_TEMPORARY, "4.2.0",
			       "a message of Maildir %s was removed by another program", m->where->path);
	if (fd < 0)
		return fail_io(m, "open a message of", e);
	*s = (struct pv_source){ .r = &m->list.v[i], .fd = fd, .end = (uint64_t)st.st_size, .own = true };
	return PV_OK;
}

static bool is_seen(const struct pv_maildir_entry *x)
{
	const char *flags = x->name + x->base;

	return strncmp(flags, ":2,", 3) == 0 && strchr(flags, 'S') != NULL;
}

/* Read message i, which the index does not have. *there_r: it is one. */
static enum pv_class scan_entry(struct pv_maildrop *m, size_t i, bool *there_r, struct pv_error *e)
{
	struct stat st;

	int fd = open_entry(m, i, &st);
	*there_r = fd >= 0;
	if (fd < 0 && (errno == ENOENT || errno == ELOOP || errno == ENXIO || errno == EACCES))
		return PV_OK;
	if (fd < 0)
		return fail_io(m, "open a message of", e);
	enum pv_class c = pv_scan_message(fd, (uint64_t)st.st_size, &m->list.v[i], e);
	(void)close(fd);
	m->learnt++;
	return c;
}

/* Leave out what turned out to be no message. */
static void drop_entry(struct pv_maildrop *m, bool *done, size_t i)
{
	struct pv_maildir_listing *l = &m->dir->list;
	size_t behind = l->n - i - 1;

	free(l->v[i].name);
	memmove(&l->v[i], &l->v[i + 1], behind * sizeof *l->v);
	memmove(&m->list.v[i], &m->list.v[i + 1], behind * sizeof *m->list.v);
	memmove(&m->digests[i], &m->digests[i + 1], behind * sizeof *m->digests);
	memmove(&done[i], &done[i + 1], behind * sizeof *done);
	m->list.n = --l->n;
}

static enum pv_class fill(struct pv_maildrop *m, struct pv_error *e)
{
	size_t n = m->dir->list.n;
	bool *done = calloc(n + 1, sizeof *done);
	enum pv_class c = PV_OK;

	m->list = (struct pv_records){ .v = calloc(n + 1, sizeof *m->list.v), .n = n, .room = n };
	m->digests = calloc(n + 1, sizeof *m->digests);
	if (done == NULL || m->list.v == NULL || m->digests == NULL)
		c = pv_fail(e, PV_TEMPORARY, "4.3.0", "open Maildir %s: out of memory", m->where->path);
	if (c == PV_OK)
		pv_maildir_index_load(m, done);
	for (size_t i = 0; c == PV_OK && i < m->list.n;) {
		bool there = true;
		if (!done[i])
			c = scan_entry(m, i, &there, e);
		if (c == PV_OK && there)
			m->list.v[i].flags |= is_seen(&m->dir->list.v[i]) ? PV_RECORD_SEEN : 0u;
		if (there)
			i++;
		else
			drop_entry(m, done, i);
	}
	free(done);
	return c;
}

enum pv_class pv_maildir_open(struct pv_maildrop *m, struct pv_error *e)
{
	m->dir = calloc(1, sizeof *m->dir);
	if (m->dir == NULL)
		return pv_fail(e, PV_TEMPORARY, "4.3.0", "open Maildir %s: out of memory", m->where->path);
	m->dir->folders[0] = m->dir->folders[1] = -1;
	enum pv_class c = open_folders(m, e);
	if (c == PV_OK && pv_maildir_list(m->dir->folders, &m->dir->list) != 0)
		c = fail_io(m, "list", e);
	return c == PV_OK ? fill(m, e) : c;
}

/* Does the name of message i lead to its file? Returns 1 or 0; -1 and errno. */
static int is_there(struct pv_maildrop *m, size_t i)
{
	struct stat st;

	int fd = open_entry(m, i, &st);
	if (fd >= 0)
		(void)close(fd);
	return fd >= 0 ? 1 : errno == ENOENT ? 0 : -1;
}

/* Returns 0, or -1 and errno. What is gone already is removed. */
static int remove_entry(struct pv_maildrop *m, size_t i)
{
	const struct pv_maildir_entry *x = &m->dir->list.v[i];
	int there = is_there(m, i);

	if (there == 1 && unlinkat(folder_of(m->dir, x), x->name, 0) != 0)
		return -1;
	return there < 0 ? -1 : 0;
}

/* cur/BASE:2,FLAGS with S among the flags, which are sorted. */
static int mark_seen(struct pv_maildrop *m, size_t i)
{
	struct pv_maildir_entry *x = &m->dir->list.v[i];
	char name[NAME_MAX + 1];

	int there = is_there(m, i);
	if (there != 1)
		return there;
	const char *flags = strncmp(x->name + x->base, ":2,", 3) == 0 ? x->name + x->base + 3 : "";
	if (strchr(flags, 'S') != NULL)
		return 0;
	size_t before = 0;
	while (flags[before] != '\0' && flags[before] < 'S')
		before++;
	int n = snprintf(name, sizeof name, "%.*s:2,%.*sS%s", (int)x->base, x->name, (int)before, flags,
			 flags + before);
	errno = ENAMETOOLONG;
	if (n < 0 || (size_t)n >= sizeof name)
		return -1;
	return renameat(folder_of(m->dir, x), x->name, m->dir->folders[0], name);
}

enum pv_class pv_maildir_update(struct pv_maildrop *m, struct pv_error *e)
{
	size_t failed = 0;
	int err = 0;

	for (size_t i = 0; i < m->list.n; i++) {
		unsigned flags = m->list.v[i].flags;
		int r = 0;
		if ((flags & PV_RECORD_DELETED) != 0)
			r = remove_entry(m, i);
		else if (m->o.write_status && (flags & (PV_RECORD_READ | PV_RECORD_SEEN)) == PV_RECORD_READ)
			r = mark_seen(m, i);
		err = r != 0 && failed == 0 ? errno : err;
		failed += r != 0;
	}
	if (failed > 0)
		return pv_fail_errno(e, PV_TEMPORARY, "4.3.0", err,
				     "remove or mark %zu messages of Maildir %s", failed, m->where->path);
	for (int k = 0; k < 2; k++)
		if (fsync(m->dir->folders[k]) != 0)
			return fail_io(m, "sync", e);
	return PV_OK;
}
