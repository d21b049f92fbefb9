#include "maps/dovecot.h"

#include "base/file.h"
#include "maps/gather.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <limits.h>
#include <unistd.h>

enum { FILE_MODE = 0640, FOLDER_MODE = 0750 };

#define TEXT_MAX ((size_t)256 << 20)

/* The folder with the files, and whose they are. */
struct dovecot {
	struct pv_maps_work *w;
	int dirfd; /* -1: there is none, and none is wanted */
	gid_t group;
	char path[PATH_MAX];
};

static enum pv_class fail(const struct dovecot *v, const char *what, const char *name, struct pv_error *e)
{
	return pv_fail_errno(e, PV_TEMPORARY, "4.3.0", errno, "%s %s%s%s", what, v->path,
			     *name != '\0' ? "/" : "", name);
}

/* Who shall read them? Returns false where nobody is there. */
static bool find_group(const struct pv_store *s, gid_t *group_r)
{
	const char *name = s->conf.dovecot_group;
	const struct group *g = geteuid() == 0 && *name != '\0' ? getgrnam(name) : NULL;

	if (g != NULL)
		*group_r = g->gr_gid;
	return g != NULL;
}

/* Dovecot's processes are not in Postfix's group: they must be able to pass map_directory, in which nothing
 * is for everybody. */
static enum pv_class open_way(struct dovecot *v, int maps, struct pv_error *e)
{
	struct stat st;

	if (fstat(maps, &st) != 0)
		return fail(v, "look at the folder of", "", e);
	if ((st.st_mode & S_IXOTH) != 0 || (st.st_gid == v->group && (st.st_mode & S_IXGRP) != 0))
		return PV_OK;
	if (fchmodat(maps, ".", (st.st_mode & 07777) | S_IXOTH, 0) != 0)
		return fail(v, "open the folder of", "", e);
	return PV_OK;
}

static enum pv_class make_folder(struct dovecot *v, int maps, struct pv_error *e)
{
	struct stat st;

	if (mkdirat(maps, PV_DOVECOT_FOLDER, 0700) != 0 && errno != EEXIST)
		return fail(v, "make folder", "", e);
	if (fstatat(maps, PV_DOVECOT_FOLDER, &st, AT_SYMLINK_NOFOLLOW) != 0)
		return fail(v, "look at", "", e);
	if (!S_ISDIR(st.st_mode) || (st.st_gid == v->group && (st.st_mode & 07777) == FOLDER_MODE))
		return PV_OK; /* what is no folder is refused by who opens it */
	if (fchownat(maps, PV_DOVECOT_FOLDER, (uid_t)-1, v->group, AT_SYMLINK_NOFOLLOW) != 0 ||
	    fchmodat(maps, PV_DOVECOT_FOLDER, FOLDER_MODE, 0) != 0)
		return fail(v, "give to Dovecot:", "", e);
	return PV_OK;
}

static enum pv_class open_folder(struct dovecot *v, bool wanted, struct pv_error *e)
{
	const char *where = v->w->store->conf.map_directory;
	const struct pv_trust trust = { geteuid(), where };
	int maps;

	v->dirfd = -1;
	(void)snprintf(v->path, sizeof v->path, "%s/" PV_DOVECOT_FOLDER, where);
	enum pv_class c = pv_dir_open(AT_FDCWD, where, &trust, &maps, NULL, e);
	if (c != PV_OK || maps < 0)
		return c;
	if (wanted)
		c = make_folder(v, maps, e);
	if (c == PV_OK)
		c = pv_dir_open(maps, PV_DOVECOT_FOLDER, &trust, &v->dirfd, NULL, e);
	if (c == PV_OK && wanted)
		c = open_way(v, maps, e);
	(void)close(maps);
	return c;
}

static enum pv_class drop(struct dovecot *v, const char *name, struct pv_error *e)
{
	struct stat st;

	if (fstatat(v->dirfd, name, &st, AT_SYMLINK_NOFOLLOW) != 0 && errno == ENOENT)
		return PV_OK;
	v->w->report->touched = true;
	enum pv_class c = pv_file_remove(v->dirfd, name, e);
	return c == PV_OK ? PV_OK : pv_error_prefix(e, "%s", v->path);
}

/* What a killed writer left, beside a file that need not be written. */
static enum pv_class drop_leftover(struct dovecot *v, const char *name, struct pv_error *e)
{
	char temp[PV_DOMAIN_MAX + 8];

	(void)snprintf(temp, sizeof temp, ".%s.new", name);
	return drop(v, temp, e);
}

/* Is the file there as it should be? *st_r: how it is; all 0: not there. */
static bool is_same(const struct dovecot *v, const char *name, const struct pv_buf *new, struct stat *st_r)
{
	const struct pv_trust trust = { geteuid(), v->path };
	struct pv_buf old = PV_BUF_INIT(TEXT_MAX);
	bool found = false;

	if (fstatat(v->dirfd, name, st_r, AT_SYMLINK_NOFOLLOW) != 0)
		*st_r = (struct stat){ .st_size = 0 };
	if (!S_ISREG(st_r->st_mode) || st_r->st_gid != v->group || (st_r->st_mode & 07777) != FILE_MODE ||
	    st_r->st_size != (off_t) new->len)
		return false;
	bool same = pv_file_load(v->dirfd, name, &trust, &old, &found, NULL) == PV_OK && found &&
		    old.len == new->len &&memcmp(old.s, new->s, old.len) == 0;
	pv_buf_free_zero(&old);
	return same;
}

/* Dovecot takes a file of the same size and the same second for the same: two passwords that are changed
 * within a second would leave it with the first. */
static enum pv_class set_date(const struct pv_new_file *f, const struct stat *old, struct pv_error *e)
{
	struct timespec times[2] = { { .tv_nsec = UTIME_OMIT }, { .tv_sec = time(NULL) } };

	if (times[1].tv_sec <= old->st_mtime)
		times[1].tv_sec = old->st_mtime + 1;
	if (futimens(f->fd, times) == 0)
		return PV_OK;
	return pv_fail_errno(e, PV_TEMPORARY, "4.3.0", errno, "set the date of %s", f->temp);
}

static enum pv_class replace(struct dovecot *v, const char *name, const struct pv_buf *new,
			     const struct stat *old, struct pv_error *e)
{
	struct pv_new_file f;

	enum pv_class c = pv_file_begin(v->dirfd, name, FILE_MODE, (uid_t)-1, v->group, &f, e);
	if (c != PV_OK)
		return c;
	c = pv_file_write(&f, new->s, new->len, e);
	if (c == PV_OK)
		c = set_date(&f, old, e);
	if (c == PV_OK)
		return pv_file_commit(&f, e);
	pv_file_abandon(&f);
	return c;
}

static enum pv_class write_file(struct dovecot *v, const char *name, const struct pv_buf *new,
				struct pv_error *e)
{
	struct stat old;

	if (is_same(v, name, new, &old))
		return drop_leftover(v, name, e);
	v->w->report->touched = true;
	enum pv_class c = replace(v, name, new, &old, e);
	return c == PV_OK ? PV_OK : pv_error_prefix(e, "%s", v->path);
}

static enum pv_class take_domain(void *ctx, struct pv_plan_domain *d, gid_t group,
				 const struct pv_domain_files *files, struct pv_error *e)
{
	struct pv_buf text = PV_BUF_INIT(TEXT_MAX);
	struct dovecot *v = ctx;
	struct pv_error why;

	enum pv_class c = pv_dovecot_lines(v->w, d, group, files, &text, &why);
	if (c == PV_OK)
		c = write_file(v, d->domain.s, &text, e);
	else
		c = pv_plan_keep(v->w, d, &why, e);
	pv_buf_free_zero(&text);
	return c;
}

/* An alias has the users of its target, and so its file. */
static enum pv_class write_link(struct dovecot *v, const char *name, const char *target, struct pv_error *e)
{
	char temp[PV_DOMAIN_MAX + 8], old[PV_DOMAIN_MAX + 2];

	ssize_t n = readlinkat(v->dirfd, name, old, sizeof old);
	if (n == (ssize_t)strlen(target) && memcmp(old, target, (size_t)n) == 0)
		return drop_leftover(v, name, e);
	enum pv_class c = drop_leftover(v, name, e);
	if (c != PV_OK)
		return c;
	(void)snprintf(temp, sizeof temp, ".%s.new", name);
	v->w->report->touched = true;
	if (symlinkat(target, v->dirfd, temp) != 0)
		return fail(v, "make the link", temp, e);
	if (renameat(v->dirfd, temp, v->dirfd, name) != 0 || pv_dir_sync(v->dirfd) != 0) {
		c = fail(v, "put into place", name, e);
		(void)unlinkat(v->dirfd, temp, 0);
	}
	return c;
}

/* A domain that only stands in one of Postfix's lists too has its users still. */
static bool has_folder(const struct dovecot *v, const struct pv_plan_domain *d)
{
	struct stat st;

	return !d->meant &&
	       (fstatat(v->w->store->dirfd, d->domain.s, &st, AT_SYMLINK_NOFOLLOW) == 0 || errno != ENOENT);
}

static bool is_standard(const struct dovecot *v, const struct pv_domain *d)
{
	const struct pv_registry_entry *r = pv_registry_get(&v->w->registry, d);

	return r != NULL && r->standard;
}

/* What no file is made for, and aliases. */
static enum pv_class finish_domain(struct dovecot *v, const struct pv_plan_domain *d, struct pv_error *e)
{
	const char *name = d->domain.s;

	if (d->state == PV_PLAN_GONE && !has_folder(v, d))
		return drop(v, name, e);
	if (d->state != PV_PLAN_READ)
		return PV_OK;
	const struct pv_domain *of = d->is_alias ? &v->w->plan.domains[d->target].domain : &d->domain;
	if (is_standard(v, of))
		return drop(v, name, e);
	return d->is_alias ? write_link(v, name, of->s, e) : PV_OK;
}

/* Does the name, of a file or of what was to become one, belong to a domain that stays? */
static bool is_kept(const struct dovecot *v, const char *name)
{
	const struct pv_plan_domain *d = pv_plan_get(&v->w->plan, name);

	return d != NULL && (d->state != PV_PLAN_GONE || has_folder(v, d));
}

/* Is it a name of ours that may go? keep: the files of domains that stay. */
static bool may_go(const struct dovecot *v, const char *name, bool keep)
{
	size_t len = strlen(name);
	struct pv_domain d;

	if (name[0] == '.')
		return len > sizeof "..new" - 1 && strcmp(name + len - 4, ".new") == 0;
	return pv_domain_parse(name, len, &d, NULL) == PV_OK && !(keep && is_kept(v, name));
}

static enum pv_class sweep(struct dovecot *v, bool keep, struct pv_error *e)
{
	enum pv_class c = PV_OK;
	struct dirent *entry;

	int fd = openat(v->dirfd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	DIR *dir = fd >= 0 ? fdopendir(fd) : NULL;
	if (dir == NULL) {
		c = fail(v, "list", "", e);
		if (fd >= 0)
			(void)close(fd);
		return c;
	}
	while (c == PV_OK && (entry = readdir(dir)) != NULL)
		if (may_go(v, entry->d_name, keep))
			c = drop(v, entry->d_name, e);
	(void)closedir(dir);
	return c;
}

static enum pv_class write_all(struct dovecot *v, struct pv_error *e)
{
	struct pv_maps_work *w = v->w;

	enum pv_class c = pv_gather_logins(w, take_domain, v, e);
	for (size_t i = 0; c == PV_OK && i < w->plan.count; i++)
		c = finish_domain(v, &w->plan.domains[i], e);
	return c == PV_OK && w->plan.all ? sweep(v, true, e) : c;
}

/* Nobody reads them any more: what was left would let old passwords in where somebody does again. */
static enum pv_class remove_all(struct dovecot *v, struct pv_error *e)
{
	enum pv_class c = sweep(v, false, e);

	if (c == PV_OK && rmdir(v->path) != 0 && errno != ENOTEMPTY && errno != EEXIST)
		c = fail(v, "remove", "", e);
	return c;
}

enum pv_class pv_dovecot_update(struct pv_maps_work *w, struct pv_error *e)
{
	struct dovecot v = { .w = w };

	bool wanted = find_group(w->store, &v.group);
	enum pv_class c = open_folder(&v, wanted, e);
	if (c == PV_OK && v.dirfd >= 0)
		c = wanted ? write_all(&v, e) : remove_all(&v, e);
	if (v.dirfd >= 0)
		(void)close(v.dirfd);
	return c;
}
