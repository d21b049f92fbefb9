#include "store/folder.h"

#include "base/table.h"
#include "store/registry.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <unistd.h>

enum { TEXT_MAX = 64 * 1024 }; /* bytes of domain.conf, and of a file in users/ */

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

/* access: O_PATH, or O_RDONLY where that is allowed. */
static enum pv_class open_folder(const struct pv_store *s, const struct pv_domain *d, int access,
				 struct pv_folder *f, struct pv_error *e)
{
	const int flags = O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC;
	struct stat st;
	enum pv_class c;

	f->domain = *d;
	f->fd = -1;
	(void)snprintf(f->path, sizeof f->path, "%s/%s", s->dir, d->s);
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
	(void)snprintf(f->path, sizeof f->path, "%s/%s", s->dir, d->s);
	*found_r = fstatat(s->dirfd, d->s, &st, AT_SYMLINK_NOFOLLOW) == 0;
	if (!*found_r)
		return errno == ENOENT ? PV_OK : fail_open(errno, f->path, e);
	if (!S_ISDIR(st.st_mode))
		return fail_open(ENOTDIR, f->path, e);
	note_folder(f, &st);
	return check_folder(f, &st, e);
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

/* A setting of a small file: where its value goes, and how. */
struct setting {
	const char *name;
	enum pv_class (*set)(const struct pv_lines *it, const struct pv_line *l, const char *value, void *to,
			     struct pv_error *e);
	void *to;
};

static enum pv_class parse_setting(const struct pv_lines *it, struct pv_line *l, const struct setting *list,
				   size_t count, unsigned *seen, struct pv_error *e)
{
	char *name, *value;
	size_t i = 0;

	enum pv_class c = pv_line_setting(it, l, &name, &value, e);
	if (c != PV_OK)
		return c;
	while (i < count && strcmp(list[i].name, name) != 0)
		i++;
	if (i == count)
		return pv_line_fail(it, l, e, "there is no setting %.60s: remove the line", name);
	if ((*seen & 1U << i) != 0)
		return pv_line_fail(it, l, e, "%s stands here twice: remove one", name);
	*seen |= 1U << i;
	return list[i].set(it, l, value, list[i].to, e);
}

static enum pv_class parse_settings(struct pv_buf *text, const char *file, const struct setting *list,
				    size_t count, struct pv_error *e)
{
	unsigned seen = 0;
	struct pv_lines it;
	struct pv_line l;
	enum pv_class c;

	pv_lines_start(&it, file, text, true);
	while ((c = pv_lines_next(&it, &l, e)) == PV_OK && l.text != NULL)
		if ((c = parse_setting(&it, &l, list, count, &seen, e)) != PV_OK)
			break;
	return c;
}

static enum pv_class set_fallback(const struct pv_lines *it, const struct pv_line *l, const char *value,
				  void *to, struct pv_error *e)
{
	struct pv_domain_conf *c = to;

	if (value[0] == '\0')
		return PV_OK;
	if (pv_user_parse(value, strlen(value), &c->fallback, NULL) != PV_OK)
		return pv_line_fail(it, l, e,
				    "fallback = %.80s: write the name of a user of this domain, without `@`",
				    value);
	c->has_fallback = true;
	return PV_OK;
}

static enum pv_class set_switch(const struct pv_lines *it, const struct pv_line *l, const char *value,
				void *to, struct pv_error *e)
{
	if (!pv_parse_bool(value, to))
		return pv_line_fail(it, l, e, "`%.60s`: write yes or no", value);
	return PV_OK;
}

static enum pv_class set_language(const struct pv_lines *it, const struct pv_line *l, const char *value,
				  void *to, struct pv_error *e)
{
	if (value[0] != '\0' && strcmp(value, "en") != 0 && strcmp(value, "da") != 0)
		return pv_line_fail(it, l, e, "language = %.60s: write en or da", value);
	memcpy(to, value, strlen(value) + 1);
	return PV_OK;
}

static const struct pv_domain_conf domain_defaults = { .retrieve = true };

enum pv_class pv_domain_conf_parse(struct pv_buf *text, const char *file, struct pv_domain_conf *c,
				   struct pv_error *e)
{
	const struct setting list[] = { { "fallback", set_fallback, c },
					{ "retrieve", set_switch, &c->retrieve },
					{ "language", set_language, c->language } };

	*c = domain_defaults;
	return parse_settings(text, file, list, sizeof list / sizeof *list, e);
}

enum pv_class pv_domain_conf_load(const struct pv_folder *f, struct pv_domain_conf *c, struct pv_error *e)
{
	struct pv_buf text = PV_BUF_INIT(TEXT_MAX);
	char file[sizeof f->path + 16];
	bool found;

	*c = domain_defaults;
	enum pv_class class = pv_file_load(f->fd, "domain.conf", &f->trust, &text, &found, e);
	if (class == PV_OK && found) {
		(void)snprintf(file, sizeof file, "%s/domain.conf", f->path);
		class = pv_domain_conf_parse(&text, file, c, e);
	}
	pv_buf_free(&text);
	return class;
}

enum pv_class pv_user_conf_parse(struct pv_buf *text, const char *file, struct pv_user_conf *c,
				 struct pv_error *e)
{
	const struct setting list[] = { { "receive", set_switch, &c->receive },
					{ "retrieve", set_switch, &c->retrieve } };

	*c = (struct pv_user_conf){ .receive = true, .retrieve = true };
	return parse_settings(text, file, list, sizeof list / sizeof *list, e);
}

/* users/ itself is looked at only when there is a file in it: most users have none, and a delivery to them
 * costs one call here. */
static enum pv_class check_users(const struct pv_folder *f, struct pv_error *e)
{
	int fd;

	enum pv_class c = pv_dir_open(f->fd, "users", &f->trust, &fd, NULL, e);
	if (fd >= 0)
		(void)close(fd);
	return c;
}

enum pv_class pv_user_conf_load(const struct pv_folder *f, const struct pv_user *u, struct pv_user_conf *c,
				struct pv_error *e)
{
	struct pv_buf text = PV_BUF_INIT(TEXT_MAX);
	char name[sizeof u->s + 8], file[sizeof f->path + sizeof name + 1];
	bool found;

	*c = (struct pv_user_conf){ .receive = true, .retrieve = true };
	(void)snprintf(name, sizeof name, "users/%s", u->s);
	enum pv_class class = pv_file_load(f->fd, name, &f->trust, &text, &found, e);
	if (class == PV_OK && found)
		class = check_users(f, e);
	if (class == PV_OK && found) {
		(void)snprintf(file, sizeof file, "%s/%s", f->path, name);
		class = pv_user_conf_parse(&text, file, c, e);
	}
	pv_buf_free(&text);
	return class;
}
