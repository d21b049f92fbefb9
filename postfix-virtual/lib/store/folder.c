#include "store/folder.h"

#include "store/registry.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <unistd.h>

static enum pv_class check_folder(const struct pv_folder *f, const struct stat *st, struct pv_error *e)
{
	if (st->st_uid == 0)
		return pv_fail(e, PV_TEMPORARY, "4.3.5",
			       "folder %s belongs to root, must be the domain's account's: chown it",
			       f->path);
	if ((st->st_mode & (S_IWGRP | S_IWOTH)) != 0)
		return pv_fail(
			e, PV_TEMPORARY, "4.3.5",
			"folder %s has mode %04o, must not be writable by group or others: chmod go-w it",
			f->path, (unsigned)(st->st_mode & 07777));
	return PV_OK;
}

static enum pv_class fail_open(int err, const char *path, struct pv_error *e)
{
	if (err == ENOTDIR || err == ELOOP)
		return pv_fail(
			e, PV_TEMPORARY, "4.3.5",
			"%s is not a folder: a domain's settings are a folder there, not a symlink or a "
			"file",
			path);
	return pv_fail_errno(e, pv_errno_class(err), "4.3.5", err, "open folder %s", path);
}

/* What the folder's inode says of it. */
static void note_folder(struct pv_folder *f, const struct stat *st)
{
	f->uid = st->st_uid;
	f->gid = st->st_gid;
	f->changed = st->st_ctim;
	f->trust = (struct pv_trust){ .uid = st->st_uid, .where = f->path };
}

/* By hand: a run for all domains does this twice for each. */
static void name_folder(struct pv_folder *f, const char *dir)
{
	size_t len = strnlen(dir, sizeof f->path - sizeof f->domain.s - 1);

	memcpy(f->path, dir, len);
	f->path[len] = '/';
	memcpy(f->path + len + 1, f->domain.s, f->domain.len + 1u);
}

static const struct pv_instead *instead_of(const struct pv_store *s, const struct pv_domain *d)
{
	return s->instead != NULL && pv_domain_equal(&s->instead->domain, d) ? s->instead : NULL;
}

/* access: O_PATH, or O_RDONLY where that is allowed. */
static enum pv_class open_folder(const struct pv_store *s, const struct pv_domain *d, int access,
				 struct pv_folder *f, struct pv_error *e)
{
	const int flags = O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC;
	struct stat st;
	enum pv_class c;

	f->domain = *d;
	f->fd = -1;
	f->instead = instead_of(s, d);
	name_folder(f, s->dir);
	int fd = openat(s->dirfd, d->s, access | flags);
	if (fd < 0 && errno == EACCES && access != O_PATH)
		fd = openat(s->dirfd, d->s, O_PATH | flags);
	if (fd < 0)
		return errno == ENOENT ? PV_OK : fail_open(errno, f->path, e);
	if (fstat(fd, &st) != 0)
		c = pv_fail_errno(e, pv_errno_class(errno), "4.3.0", errno, "stat folder %s", f->path);
	else
		c = check_folder(f, &st, e);
	if (c != PV_OK) {
		(void)close(fd);
		return c;
	}
	f->fd = fd;
	note_folder(f, &st);
	return PV_OK;
}

enum pv_class pv_folder_open(const struct pv_store *s, const struct pv_domain *d, struct pv_folder *f,
			     struct pv_error *e)
{
	return open_folder(s, d, O_PATH, f, e);
}

enum pv_class pv_folder_open_to_list(const struct pv_store *s, const struct pv_domain *d, struct pv_folder *f,
				     struct pv_error *e)
{
	return open_folder(s, d, O_RDONLY, f, e);
}

enum pv_class pv_folder_look(const struct pv_store *s, const struct pv_domain *d, struct pv_folder *f,
			     bool *found_r, struct pv_error *e)
{
	struct stat st;

	f->domain = *d;
	f->fd = -1;
	f->instead = instead_of(s, d);
	name_folder(f, s->dir);
	*found_r = fstatat(s->dirfd, d->s, &st, AT_SYMLINK_NOFOLLOW) == 0;
	if (!*found_r)
		return errno == ENOENT ? PV_OK : fail_open(errno, f->path, e);
	if (!S_ISDIR(st.st_mode))
		return fail_open(ENOTDIR, f->path, e);
	note_folder(f, &st);
	return check_folder(f, &st, e);
}

const struct pv_buf *pv_folder_instead(const struct pv_folder *f, const char *name)
{
	const struct pv_instead *i = f->instead;

	while (i != NULL && strcmp(i->name, name) != 0)
		i = i->next;
	return i != NULL ? i->text : NULL;
}

enum pv_class pv_folder_file(const struct pv_folder *f, const char *name, struct pv_buf *text, bool *found_r,
			     struct pv_error *e)
{
	const struct pv_buf *instead = pv_folder_instead(f, name);

	if (instead == NULL)
		return pv_file_load(f->fd, name, &f->trust, text, found_r, e);
	pv_buf_add(text, instead->s, instead->len);
	*found_r = text->len > 0;
	return pv_buf_check(text, name, e);
}

void pv_folder_close(struct pv_folder *f)
{
	if (f->fd >= 0)
		(void)close(f->fd);
	f->fd = -1;
}

enum pv_class pv_folder_behind(const struct pv_store *s, const struct pv_domain *d, struct pv_folder *f,
			       struct pv_error *e)
{
	struct pv_registry_entry alias;
	struct pv_domain at = *d;
	bool has_alias;

	enum pv_class c = pv_folder_open(s, d, f, e);
	if (c != PV_OK || f->fd >= 0)
		return c;
	if ((c = pv_registry_alias(s, d, &alias, &has_alias, e)) != PV_OK)
		return c;
	/* From d up to the nearest that has a folder, or that is an alias. */
	for (;;) {
		if (has_alias && pv_domain_equal(&at, &alias.domain))
			return pv_folder_open(s, &alias.alias_of, f, e);
		if (!pv_domain_parent(&at, &at))
			return PV_OK;
		c = pv_folder_open(s, &at, f, e);
		if (c != PV_OK || f->fd >= 0)
			return c;
	}
}

/* A list that grows. */
struct list {
	struct pv_domain *domains;
	size_t count, room;
};

static bool add(struct list *l, const struct pv_domain *d)
{
	if (l->count == l->room) {
		size_t room = l->room == 0 ? 64 : l->room * 2;
		struct pv_domain *domains = reallocarray(l->domains, room, sizeof *domains);
		if (domains == NULL)
			return false;
		l->domains = domains;
		l->room = room;
	}
	l->domains[l->count++] = *d;
	return true;
}

/* Is it the folder of a domain? A symlink counts: opening it says what is wrong. Names that are not
 * as we write them are not found by pv_folder_open() either. */
static bool is_domain(int fd, const struct dirent *entry, struct pv_domain *d)
{
	struct stat st;

	if (pv_domain_parse(entry->d_name, strlen(entry->d_name), d, NULL) != PV_OK ||
	    strcmp(entry->d_name, d->s) != 0)
		return false;
	if (entry->d_type != DT_UNKNOWN)
		return entry->d_type == DT_DIR || entry->d_type == DT_LNK;
	/* What cannot be looked at counts too, for the same reason. */
	return fstatat(fd, entry->d_name, &st, AT_SYMLINK_NOFOLLOW) != 0 || S_ISDIR(st.st_mode) ||
	       S_ISLNK(st.st_mode);
}

/* Returns 0, or an errno value. */
static int read_entries(DIR *dir, struct list *l)
{
	struct dirent *entry;
	struct pv_domain d;

	for (;;) {
		errno = 0;
		if ((entry = readdir(dir)) == NULL)
			return errno;
		if (is_domain(dirfd(dir), entry, &d) && !add(l, &d))
			return ENOMEM;
	}
}

static int compare(const void *a, const void *b)
{
	const struct pv_domain *x = a, *y = b;

	return strcmp(x->s, y->s);
}

enum pv_class pv_folder_list(const struct pv_store *s, struct pv_domain **list_r, size_t *count_r,
			     struct pv_error *e)
{
	struct list l = { .domains = NULL };

	int fd = openat(s->dirfd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (fd < 0)
		return pv_fail_errno(e, PV_TEMPORARY, "4.3.5", errno, "open folder %s", s->dir);
	DIR *dir = fdopendir(fd);
	int err = dir != NULL ? read_entries(dir, &l) : errno;
	if (dir != NULL)
		(void)closedir(dir);
	else
		(void)close(fd);
	if (err != 0) {
		free(l.domains);
		return pv_fail_errno(e, PV_TEMPORARY, "4.3.0", err, "read folder %s", s->dir);
	}
	if (l.count > 0)
		qsort(l.domains, l.count, sizeof *l.domains, compare);
	*list_r = l.domains;
	*count_r = l.count;
	return PV_OK;
}
