#include "store/folder_load.h"

#include <fcntl.h>
#include <stdint.h>
#include <unistd.h>

bool pv_path_is_plain(const char *path)
{
	bool any = false;

	for (const char *part = path; *part != '\0';) {
		size_t len = strcspn(part, "/");
		if (len == 0 || part[0] == '.' || len > 255)
			return false;
		any = true;
		part += len + (part[len] == '/');
	}
	return any;
}

/* Open dir/NAME step by step, without the last part; *last_r is that. A folder that may be written by others
 * is no way to a file. */
static enum pv_class open_parents(const struct pv_folder *f, const char *name, int *fd_r, bool *found_r,
				  struct pv_error *e)
{
	enum pv_class c = PV_OK;
	char part[256];
	int fd = f->fd;

	*found_r = true;
	for (const char *slash; c == PV_OK && *found_r && (slash = strchr(name, '/')) != NULL;
	     name = slash + 1) {
		int next = -1;
		(void)snprintf(part, sizeof part, "%.*s", (int)(slash - name), name);
		c = pv_dir_open(fd, part, &f->trust, &next, NULL, e);
		*found_r = next >= 0;
		if (fd != f->fd)
			(void)close(fd);
		fd = next;
	}
	*fd_r = fd;
	return c;
}

/* What came of a file. */
struct loaded {
	off_t most; /* bytes: what is larger is left open */
	struct pv_buf *text;
	bool found;
	int fd; /* open; -1: it is in text */
	off_t size;
};

static enum pv_class load(int dirfd, const char *name, const struct pv_trust *t, struct loaded *l,
			  struct pv_error *e)
{
	struct stat st;

	enum pv_class c = pv_file_open(dirfd, name, t, &l->fd, &st, e);
	l->found = l->fd >= 0;
	if (c != PV_OK || !l->found)
		return c;
	l->size = st.st_size;
	if (st.st_size > l->most)
		return PV_OK;
	c = pv_file_read_sized(l->fd, st.st_size, name, t, l->text, e);
	(void)close(l->fd);
	l->fd = -1;
	return c;
}

static enum pv_class load_inside(const struct pv_folder *f, const char *name, struct loaded *l,
				 struct pv_error *e)
{
	const char *slash = strrchr(name, '/');
	int fd;

	if (pv_folder_instead(f, name) != NULL)
		return pv_folder_file(f, name, l->text, &l->found, e);
	if (!pv_path_is_plain(name) || (slash != NULL && slash[1] == '\0'))
		return pv_fail(e, PV_TEMPORARY, "4.3.5",
			       "%.100s is no file below %s: write its name, without `..` or a leading dot",
			       name, f->path);
	enum pv_class c = open_parents(f, name, &fd, &l->found, e);
	if (c == PV_OK && l->found)
		c = load(fd, slash != NULL ? slash + 1 : name, &f->trust, l, e);
	if (fd >= 0 && fd != f->fd)
		(void)close(fd);
	return c;
}

/* dir/name, where dir is any folder: it and the file must be the account's or root's. */
static enum pv_class load_outside(const struct pv_folder *f, const char *path, struct loaded *l,
				  struct pv_error *e)
{
	const char *slash = strrchr(path, '/');
	char dir[4096];
	int fd;

	int n = snprintf(dir, sizeof dir, "%.*s", slash == path ? 1 : (int)(slash - path), path);
	if (n < 0 || (size_t)n >= sizeof dir)
		return pv_fail(e, PV_TEMPORARY, "4.3.5", "%.80s...: too long", path);
	const struct pv_trust trust = { .uid = f->uid, .where = dir };
	const struct pv_trust above = { .uid = trust.uid, .where = "" };
	enum pv_class c = pv_dir_open(AT_FDCWD, dir, &above, &fd, NULL, e);
	if (c != PV_OK || fd < 0)
		return c;
	c = load(fd, slash + 1, &trust, l, e);
	(void)close(fd);
	return c;
}

enum pv_class pv_folder_load(const struct pv_folder *f, const char *name, struct pv_buf *text, bool *found_r,
			     struct pv_error *e)
{
	struct loaded l = { .most = INT64_MAX, .text = text, .fd = -1 };

	enum pv_class c = load_inside(f, name, &l, e);
	*found_r = l.found;
	return c;
}

enum pv_class pv_folder_load_or_open(const struct pv_folder *f, const char *name, off_t most,
				     struct pv_buf *text, int *fd_r, off_t *size_r, bool *found_r,
				     struct pv_error *e)
{
	struct loaded l = { .most = most, .text = text, .fd = -1 };

	enum pv_class c = name[0] == '/' ? load_outside(f, name, &l, e) : load_inside(f, name, &l, e);
	*found_r = l.found;
	*fd_r = l.fd;
	*size_r = l.size;
	return c;
}

enum pv_class pv_folder_load_any(const struct pv_folder *f, const char *name, struct pv_buf *text,
				 bool *found_r, struct pv_error *e)
{
	off_t size;
	int fd;

	return pv_folder_load_or_open(f, name, INT64_MAX, text, &fd, &size, found_r, e);
}
