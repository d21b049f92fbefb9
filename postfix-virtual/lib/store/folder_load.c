#include "store/folder_load.h"

#include <fcntl.h>
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

enum pv_class pv_folder_load(const struct pv_folder *f, const char *name, struct pv_buf *text, bool *found_r,
			     struct pv_error *e)
{
	const char *slash = strrchr(name, '/');
	int fd;

	*found_r = false;
	if (pv_folder_instead(f, name) != NULL)
		return pv_folder_file(f, name, text, found_r, e);
	if (!pv_path_is_plain(name) || (slash != NULL && slash[1] == '\0'))
		return pv_fail(e, PV_TEMPORARY, "4.3.5",
			       "%.100s is no file below %s: write its name, without `..` or a leading dot",
			       name, f->path);
	enum pv_class c = open_parents(f, name, &fd, found_r, e);
	if (c == PV_OK && *found_r)
		c = pv_file_load(fd, slash != NULL ? slash + 1 : name, &f->trust, text, found_r, e);
	if (fd >= 0 && fd != f->fd)
		(void)close(fd);
	return c;
}

/* dir/name, where dir is any folder: it and the file must be the account's or root's. */
static enum pv_class load_outside(const struct pv_folder *f, const char *path, struct pv_buf *text,
				  bool *found_r, struct pv_error *e)
{
	const char *slash = strrchr(path, '/');
	char dir[4096];
	int fd;

	*found_r = false;
	int n = snprintf(dir, sizeof dir, "%.*s", slash == path ? 1 : (int)(slash - path), path);
	if (n < 0 || (size_t)n >= sizeof dir)
		return pv_fail(e, PV_TEMPORARY, "4.3.5", "%.80s...: too long", path);
	const struct pv_trust trust = { .uid = f->uid, .where = dir };
	const struct pv_trust above = { .uid = trust.uid, .where = "" };
	enum pv_class c = pv_dir_open(AT_FDCWD, dir, &above, &fd, NULL, e);
	if (c != PV_OK || fd < 0)
		return c;
	c = pv_file_load(fd, slash + 1, &trust, text, found_r, e);
	(void)close(fd);
	return c;
}

enum pv_class pv_folder_load_any(const struct pv_folder *f, const char *name, struct pv_buf *text,
				 bool *found_r, struct pv_error *e)
{
	return name[0] == '/' ? load_outside(f, name, text, found_r, e)
			      : pv_folder_load(f, name, text, found_r, e);
}
