/* The step of a change that is one file of the domain's (next_text.h), and what goes along with a user. */
#include "change/work.h"

#include "base/file.h"
#include "change/next_text.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <unistd.h>

enum { CONF_MAX = 64 * 1024 };

static const uid_t same_uid = (uid_t)-1;
static const gid_t same_gid = (gid_t)-1;

/* A folder of the domain's and a name in it. */
struct spot {
	int fd; /* -1: there is no such folder */
	char where[PATH_MAX + sizeof "/users"];
	const char *name;
};

static enum pv_class open_users(struct pv_step *s, int folder, bool make, struct spot *p, struct pv_error *e)
{
	const struct pv_trust trust = { .uid = s->account->uid, .where = s->where };

	(void)snprintf(p->where, sizeof p->where, "%s/users", s->where);
	if (make && !s->edit.dry && mkdirat(folder, "users", 0700) == 0 && pv_dir_sync(folder) != 0)
		return pv_fail_errno(e, PV_TEMPORARY, "4.3.0", errno, "sync %s", s->where);
	return pv_dir_open(folder, "users", &trust, &p->fd, NULL, e);
}

/* Open the folder in which `file` lies. */
static enum pv_class open_spot(struct pv_step *s, int folder, const char *file, bool make, struct spot *p,
			       struct pv_error *e)
{
	const char *slash = strchr(file, '/');

	p->fd = -1;
	p->name = slash != NULL ? slash + 1 : file;
	if (slash != NULL)
		return open_users(s, folder, make, p, e);
	(void)snprintf(p->where, sizeof p->where, "%s", s->where);
	p->fd = fcntl(folder, F_DUPFD_CLOEXEC, 0);
	return p->fd >= 0 ? PV_OK : pv_fail_errno(e, PV_TEMPORARY, "4.3.0", errno, "open %s", s->where);
}

static void close_spot(struct spot *p)
{
	if (p->fd >= 0)
		(void)close(p->fd);
}

/* It would be replaced by a file, and what it leads to would be forgotten. */
static enum pv_class refuse_link(const struct spot *p, struct pv_error *e)
{
	struct stat st;

	if (p->fd >= 0 && fstatat(p->fd, p->name, &st, AT_SYMLINK_NOFOLLOW) == 0 && S_ISLNK(st.st_mode))
		return pv_fail(e, PV_PERMANENT, "5.3.5",
			       "%s/%s is a symlink: edit by hand what it leads to, or move that here",
			       p->where, p->name);
	return PV_OK;
}

static enum pv_class load(struct pv_step *s, const struct spot *p, struct pv_buf *text, bool *found_r,
			  struct pv_error *e)
{
	const struct pv_trust trust = { .uid = s->account->uid, .where = p->where };

	*found_r = false;
	return p->fd >= 0 ? pv_file_load(p->fd, p->name, &trust, text, found_r, e) : PV_OK;
}

static enum pv_class put(struct pv_step *s, const struct spot *p, const struct pv_buf *old,
			 const struct pv_buf *new, struct pv_error *e)
{
	return pv_edit_file(&s->edit, p->fd, p->where, p->name, old, new, 0600, same_uid, same_gid, e);
}

static enum pv_class change_spot(struct pv_step *s, const struct spot *p, struct pv_error *e)
{
	struct pv_buf old = PV_BUF_INIT(PV_NEXT_TEXT_MAX), new = PV_BUF_INIT(PV_NEXT_TEXT_MAX);
	char file[sizeof p->where + NAME_MAX + 1];
	bool found;

	(void)snprintf(file, sizeof file, "%s/%s", p->where, p->name);
	enum pv_class c = refuse_link(p, e);
	if (c == PV_OK)
		c = load(s, p, &old, &found, e);
	if (c == PV_OK)
		c = pv_next_text(s->mark, file, &old, &new, e);
	if (c == PV_OK)
		c = put(s, p, found ? &old : NULL, new.len > 0 ? &new : NULL, e);
	pv_buf_free(&old);
	pv_buf_free(&new);
	return c;
}

enum pv_class pv_step_text(struct pv_step *s, struct pv_error *e)
{
	char file[PV_NEXT_FILE_MAX];
	struct spot p;
	int folder;

	if (!pv_next_file(s->mark, file))
		return PV_OK;
	enum pv_class c = pv_step_open_folder(s, &folder, e);
	if (c != PV_OK)
		return c;
	c = open_spot(s, folder, file, true, &p, e);
	if (c == PV_OK)
		c = change_spot(s, &p, e);
	close_spot(&p);
	(void)close(folder);
	return c;
}

enum pv_class pv_step_conf_move(struct pv_step *s, int folder, struct pv_error *e)
{
	struct pv_buf old = PV_BUF_INIT(CONF_MAX);
	struct spot p = { .fd = -1, .name = s->mark->user.s };
	bool found = false;

	enum pv_class c = open_users(s, folder, false, &p, e);
	if (c == PV_OK)
		c = load(s, &p, &old, &found, e);
	if (c == PV_OK && found && s->mark->to.len > 0) {
		p.name = s->mark->to.s;
		c = put(s, &p, NULL, &old, e);
	}
	p.name = s->mark->user.s;
	if (c == PV_OK && found)
		c = put(s, &p, &old, NULL, e);
	pv_buf_free(&old);
	close_spot(&p);
	return c;
}
