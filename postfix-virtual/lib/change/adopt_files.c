/* The passwd of a domain that is taken over: read as it stands, by who may read it, and judged line by line.
 */
#include "change/adopt_inside.h"

#include "base/file.h"
#include "base/table.h"
#include "store/passwd_write.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <unistd.h>

static const struct pv_child_limits limits = { .seconds = 30, .cpu_seconds = 10 };

struct request {
	char dir[PATH_MAX], name[NAME_MAX + 1];
	uid_t uid;
};

static enum pv_class send_file(void *ctx, int out_fd, struct pv_error *e)
{
	const struct request *r = ctx;
	const struct pv_trust trust = { .uid = r->uid, .where = r->dir };
	struct pv_buf text = PV_BUF_INIT(PV_PASSWD_FILE_MAX);
	bool found;

	int fd = open(r->dir, O_PATH | O_DIRECTORY | O_CLOEXEC);
	if (fd < 0)
		return pv_fail_errno(e, PV_TEMPORARY, "4.3.5", errno, "open %s", r->dir);
	enum pv_class c = pv_file_load(fd, r->name, &trust, &text, &found, e);
	if (c == PV_OK && !found)
		c = pv_fail(e, PV_TEMPORARY, "4.3.5", "%s/%s is missing: restore it", r->dir, r->name);
	if (c == PV_OK && pv_write_all(out_fd, text.s, text.len) != 0)
		c = pv_fail_errno(e, PV_TEMPORARY, "4.3.0", errno, "write to a pipe");
	pv_buf_free_zero(&text);
	(void)close(fd);
	return c;
}

static enum pv_class read_as_account(const struct pv_adopting *a, const char *dir, const char *name,
				     struct pv_buf *text, struct pv_error *e)
{
	struct request r = { .uid = a->w.account.uid };

	(void)snprintf(r.dir, sizeof r.dir, "%s", dir);
	(void)snprintf(r.name, sizeof r.name, "%s", name);
	return pv_child_run(a->w.account.uid, a->w.account.gid, &limits, send_file, &r, text, e);
}

/* A symlink in root's folder: only its text is looked at here, the file by the account. */
static enum pv_class read_behind_link(const struct pv_adopting *a, int folder, struct pv_buf *text,
				      struct pv_error *e)
{
	char target[PATH_MAX];

	ssize_t n = readlinkat(folder, "passwd", target, sizeof target - 1);
	if (n < 0)
		return pv_fail_errno(e, PV_TEMPORARY, "4.3.0", errno, "read the symlink %s/passwd", a->path);
	target[n] = '\0';
	char *slash = strrchr(target, '/');
	if (*target != '/' || slash == target || strlen(slash + 1) > NAME_MAX)
		return pv_fail(e, PV_PERMANENT, "5.3.5",
			       "%s/passwd is a symlink to `%s`: let it lead to a whole path, from `/` on",
			       a->path, target);
	*slash = '\0';
	return read_as_account(a, target, slash + 1, text, e);
}

static bool account_can_read(const struct stat *st, const struct pv_account *a)
{
	return st->st_uid == a->uid   ? (st->st_mode & S_IRUSR) != 0
	       : st->st_gid == a->gid ? (st->st_mode & S_IRGRP) != 0
				      : (st->st_mode & S_IROTH) != 0;
}

/* The folder is still root's, where no account can put anything: root may open what is in it. */
static enum pv_class read_in_roots_folder(const struct pv_adopting *a, struct pv_buf *text,
					  struct pv_error *e)
{
	const struct pv_account *account = &a->w.account;
	const struct pv_trust trust = { .uid = account->uid, .where = a->path };
	enum pv_class c = PV_OK;
	struct stat st;
	bool found;

	int fd = openat(a->w.c->store->dirfd, a->w.domain.s, O_PATH | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	if (fd < 0)
		return pv_fail_errno(e, PV_TEMPORARY, "4.3.0", errno, "open %s", a->path);
	if (fstatat(fd, "passwd", &st, AT_SYMLINK_NOFOLLOW) != 0)
		c = pv_fail_errno(e, PV_PERMANENT, "5.3.5", errno, "%s/passwd", a->path);
	else if (S_ISLNK(st.st_mode))
		c = read_behind_link(a, fd, text, e);
	else if (!account_can_read(&st, account))
		c = pv_fail(e, PV_PERMANENT, "5.3.5",
			    "%s/passwd cannot be read by account %s: chown %s %s/passwd", a->path,
			    account->name, account->name, a->path);
	else
		c = pv_file_load(fd, "passwd", &trust, text, &found, e);
	(void)close(fd);
	return c;
}

/* Every line that the maps would refuse, so that all are mended at once. */
static size_t complain(struct pv_adopting *a, const char *text, size_t len, struct pv_error *first)
{
	struct pv_buf copy = PV_BUF_INIT(PV_PASSWD_FILE_MAX);
	struct pv_passwd_entry entry;
	struct pv_error why;
	struct pv_lines it;
	struct pv_line l;
	size_t bad = 0;

	pv_buf_add(&copy, text, len);
	pv_lines_start(&it, "passwd", &copy, false);
	while (pv_lines_next(&it, &l, NULL) == PV_OK && l.text != NULL) {
		/* White space at the end counts: the reader takes it away. */
		if (pv_passwd_parse(l.text, l.len, a->w.account.uid, &entry, &why) == PV_OK)
			continue;
		if (bad++ == 0)
			(void)pv_fail(first, PV_PERMANENT, "5.3.5", "%s/passwd, line %u: %s", a->path, l.no,
				      why.text);
		pv_buf_addf(&a->w.c->notes, "%s/passwd, line %u: %s\n", a->path, l.no, why.text);
	}
	pv_buf_free_zero(&copy);
	return bad;
}

static enum pv_class take_user(void *ctx, const struct pv_passwd_entry *p, unsigned line, struct pv_error *e)
{
	struct pv_adopt_users *u = ctx;

	(void)line;
	/* Full at each power of two. */
	if ((u->count & (u->count - 1)) == 0) {
		struct pv_user *v = reallocarray(u->v, u->count == 0 ? 1 : 2 * u->count, sizeof *v);
		if (v == NULL)
			return pv_fail(e, PV_TEMPORARY, "4.3.0", "no memory for the users of a domain");
		u->v = v;
	}
	u->passwords[pv_password_kind(p->hash)]++;
	u->v[u->count++] = p->user;
	return PV_OK;
}

static int compare(const void *a, const void *b)
{
	const struct pv_user *x = a, *y = b;

	return strcmp(x->s, y->s);
}

static enum pv_class judge(struct pv_adopting *a, const struct pv_buf *text, struct pv_error *e)
{
	char file[sizeof a->path + sizeof "/passwd"];
	size_t notes = a->w.c->notes.len;
	struct pv_error first;

	(void)snprintf(file, sizeof file, "%s/passwd", a->path);
	size_t bad = complain(a, text->s, text->len, &first);
	if (bad > 1)
		return pv_fail(e, PV_PERMANENT, "5.3.5",
			       "%zu lines of %s must be mended first: nothing was changed", bad, file);
	if (bad == 1) {
		pv_buf_truncate(&a->w.c->notes, notes);
		*e = first;
		return PV_PERMANENT;
	}
	enum pv_class c =
		pv_passwd_scan(text->s, text->len, file, a->w.account.uid, false, take_user, &a->users, e);
	if (a->users.count > 1)
		qsort(a->users.v, a->users.count, sizeof *a->users.v, compare);
	return c;
}

enum pv_class pv_adopt_read_users(struct pv_adopting *a, struct pv_error *e)
{
	struct pv_buf text = PV_BUF_INIT(PV_PASSWD_FILE_MAX);

	enum pv_class c = a->folder.st_uid == 0 ? read_in_roots_folder(a, &text, e)
						: read_as_account(a, a->path, "passwd", &text, e);
	if (c == PV_OK)
		c = judge(a, &text, e);
	/* What is wrong with the file stays wrong until somebody mends it. */
	if (c == PV_TEMPORARY && strcmp(e->status, "4.3.5") == 0) {
		c = PV_PERMANENT;
		e->class = c;
	}
	pv_buf_free_zero(&text);
	return c;
}

bool pv_adopt_has_user(const struct pv_adopting *a, const char *name)
{
	struct pv_user u;

	return pv_user_parse(name, strlen(name), &u, NULL) == PV_OK && a->users.count > 0 &&
	       bsearch(&u, a->users.v, a->users.count, sizeof u, compare) != NULL;
}
