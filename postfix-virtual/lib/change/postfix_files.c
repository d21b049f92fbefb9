#include "base/file.h"
#include "change/postfix_config.h"
#include "change/state.h"
#include "maps/diff.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <unistd.h>

enum { CONFIG_MAX = 4 << 20 };

#define LOCK_NAME "setup.preview.lock"

static const char *const files[] = { "main.cf", "master.cf" };

static enum pv_class load(const char *dir, const char *name, struct pv_buf *text, struct pv_error *e)
{
	const struct pv_trust trust = { .uid = geteuid(), .where = dir };
	bool found = false;

	int fd = open(dir, O_PATH | O_DIRECTORY | O_CLOEXEC);
	if (fd < 0)
		return pv_fail_errno(e, PV_TEMPORARY, NULL, errno, "open %s", dir);
	enum pv_class c = pv_file_load(fd, name, &trust, text, &found, e);
	(void)close(fd);
	if (c == PV_OK && !found)
		c = pv_fail(e, PV_PERMANENT, NULL, "%s/%s is missing", dir, name);
	return c;
}

static enum pv_class copy(const char *dir, const char *to, struct pv_buf texts[2], struct pv_error *e)
{
	enum pv_class c = PV_OK;

	int fd = open(to, O_PATH | O_DIRECTORY | O_CLOEXEC);
	if (fd < 0)
		return pv_fail_errno(e, PV_TEMPORARY, NULL, errno, "open %s", to);
	for (size_t i = 0; c == PV_OK && i < 2; i++) {
		c = load(dir, files[i], &texts[i], e);
		if (c == PV_OK)
			c = pv_file_replace(fd, files[i], texts[i].s, texts[i].len, 0600, (uid_t)-1,
					    (gid_t)-1, e);
	}
	(void)close(fd);
	return c;
}

static enum pv_class compare(const char *dir, const char *changed, const struct pv_buf texts[2],
			     struct pv_buf *diff, struct pv_error *e)
{
	enum pv_class c = PV_OK;
	char path[PATH_MAX];

	for (size_t i = 0; c == PV_OK && i < 2; i++) {
		struct pv_buf new = PV_BUF_INIT(CONFIG_MAX);
		c = load(changed, files[i], &new, e);
		(void)snprintf(path, sizeof path, "%s/%s", dir, files[i]);
		if (c == PV_OK)
			pv_diff(diff, path, texts[i].s, new.s);
		pv_buf_free(&new);
	}
	return c == PV_OK ? pv_buf_check(diff, "the diff", e) : c;
}

/* Empty and remove a folder of copies. postconf(1) leaves temporary files of its own when it is killed. */
static void remove_preview(const char *path)
{
	int fd = open(path, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	DIR *d = fd >= 0 ? fdopendir(fd) : NULL;
	struct dirent *entry;

	while (d != NULL && (entry = readdir(d)) != NULL)
		if (strcmp(entry->d_name, ".") != 0 && strcmp(entry->d_name, "..") != 0)
			(void)unlinkat(fd, entry->d_name, 0);
	if (d != NULL)
		(void)closedir(d);
	else if (fd >= 0)
		(void)close(fd);
	(void)rmdir(path);
}

/* Make the folder for the copies. *lock_r is held as long as it is ours, or -1; *made_r: `work` is ours too.
 */
static enum pv_class make_preview(const char *work, char *path, size_t size, int *lock_r, bool *made_r,
				  struct pv_error *e)
{
	int fd;

	*lock_r = -1;
	*made_r = mkdir(work, 0700) == 0;
	enum pv_class c = pv_state_open(work, NULL, 0700, &fd, e);
	if (c != PV_OK)
		return c;
	c = pv_lock_file(fd, LOCK_NAME, PV_LOCK_DEADLINE_MS, lock_r, e);
	(void)close(fd);
	if (c != PV_OK)
		return c;
	(void)snprintf(path, size, "%s/setup.preview", work);
	remove_preview(path);
	return mkdir(path, 0700) == 0
		       ? PV_OK
		       : pv_fail_errno(e, PV_TEMPORARY, NULL, errno, "make the folder %s", path);
}

/* Nothing is changed by a preview: a folder that was made for it alone goes again. */
static void remove_work(const char *work)
{
	char lock[PATH_MAX];

	(void)snprintf(lock, sizeof lock, "%s/" LOCK_NAME, work);
	(void)unlink(lock);
	(void)rmdir(work);
}

enum pv_class pv_postfix_config_diff(const char *dir, const char *work, const struct pv_postfix_edits *edits,
				     struct pv_buf *diff, struct pv_error *e)
{
	struct pv_buf texts[2] = { PV_BUF_INIT(CONFIG_MAX), PV_BUF_INIT(CONFIG_MAX) };
	char path[PATH_MAX];
	bool made;
	int lock;

	enum pv_class c = make_preview(work, path, sizeof path, &lock, &made, e);
	if (c == PV_OK) {
		c = copy(dir, path, texts, e);
		if (c == PV_OK)
			c = pv_postfix_config_edit(path, edits, e);
		if (c == PV_OK)
			c = compare(dir, path, texts, diff, e);
		remove_preview(path);
	}
	for (size_t i = 0; i < 2; i++)
		pv_buf_free(&texts[i]);
	if (made)
		remove_work(work);
	if (lock >= 0)
		(void)close(lock);
	return c;
}

enum pv_class pv_postfix_files_keep(const char *dir, struct pv_postfix_files *f, struct pv_error *e)
{
	char path[PATH_MAX];

	*f = (struct pv_postfix_files){ { PV_BUF_INIT(CONFIG_MAX), PV_BUF_INIT(CONFIG_MAX) },
					{ { .st_mode = 0 } } };
	for (size_t i = 0; i < 2; i++) {
		(void)snprintf(path, sizeof path, "%s/%s", dir, files[i]);
		enum pv_class c = load(dir, files[i], &f->text[i], e);
		if (c == PV_OK && stat(path, &f->st[i]) != 0)
			c = pv_fail_errno(e, PV_TEMPORARY, NULL, errno, "stat %s", path);
		if (c != PV_OK)
			return c;
	}
	return PV_OK;
}

enum pv_class pv_postfix_files_put_back(const char *dir, const struct pv_postfix_files *f, struct pv_error *e)
{
	enum pv_class c = PV_OK;

	int fd = open(dir, O_PATH | O_DIRECTORY | O_CLOEXEC);
	if (fd < 0)
		return pv_fail_errno(e, PV_TEMPORARY, NULL, errno, "open %s", dir);
	for (size_t i = 0; c == PV_OK && i < 2; i++) {
		struct pv_buf now = PV_BUF_INIT(CONFIG_MAX);
		bool same = load(dir, files[i], &now, NULL) == PV_OK && now.len == f->text[i].len &&
			    memcmp(now.s, f->text[i].s, now.len) == 0;
		if (!same)
			c = pv_file_replace(fd, files[i], f->text[i].s, f->text[i].len,
					    f->st[i].st_mode & 07777, f->st[i].st_uid, f->st[i].st_gid, e);
		pv_buf_free(&now);
	}
	(void)close(fd);
	return c != PV_OK ? pv_error_prefix(e, "%s", dir) : PV_OK;
}

void pv_postfix_files_free(struct pv_postfix_files *f)
{
	pv_buf_free(&f->text[0]);
	pv_buf_free(&f->text[1]);
}
