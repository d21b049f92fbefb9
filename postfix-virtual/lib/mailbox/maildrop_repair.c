/* Mending an mbox: a copy of it with what is missing, put in its place. */
#include "mailbox/maildrop_verify_parts.h"

#include "base/file.h"
#include "mailbox/from_line.h"
#include "mailbox/mailbox.h"
#include "mailbox/maildrop_exchange.h"

#include <errno.h>
#include <fcntl.h>
#include <unistd.h>

enum { BLOCK = 256 * 1024 };

/* At a place of the old file something is put in, or left out. In the order of the file. */
struct edit {
	uint64_t at, cut;
	const char *put; /* not owned */
};

struct mending {
	const struct pv_verifying *v;
	const struct pv_mailbox *box;
	char temp[NAME_MAX + 1];
	struct edit *edits;
	size_t n, room;
	bool no_memory;
	char *from_line; /* for a message that has none */
	int fd;		 /* the new file */
	uint64_t size;	 /* of it, so far */
	char *block;
};

static enum pv_class fail_io(const struct mending *m, const char *what, struct pv_error *e)
{
	bool full = errno == ENOSPC || errno == EDQUOT || errno == EFBIG;

	return pv_fail_errno(e, PV_TEMPORARY, full ? "4.3.1" : "4.3.0", errno, "%s mailbox %s", what,
			     m->v->where->path);
}

static void add_edit(struct mending *m, uint64_t at, uint64_t cut, const char *put)
{
	if (m->n == m->room) {
		size_t room = m->room == 0 ? 64 : m->room * 2;
		struct edit *v = reallocarray(m->edits, room, sizeof *v);
		if (v == NULL) {
			m->no_memory = true;
			return;
		}
		m->edits = v;
		m->room = room;
	}
	m->edits[m->n++] = (struct edit){ .at = at, .cut = cut, .put = put };
}

static void plan_edit(void *ctx, const struct pv_finding *f)
{
	struct mending *m = ctx;

	if (!f->mended)
		return;
	if (f->kind == PV_FINDING_NO_FROM)
		add_edit(m, f->offset, 0, ""); /* the line is made later */
	else if (f->kind == PV_FINDING_UNQUOTED || f->kind == PV_FINDING_DOUBTFUL)
		add_edit(m, f->offset, 0, ">");
	else if (f->kind == PV_FINDING_NUL)
		add_edit(m, f->offset, f->length, "");
	else if (f->kind == PV_FINDING_NO_NEWLINE)
		add_edit(m, f->offset, 0, "\n\n");
}

/* Findings come by line, and NULs behind what their line is: by place they may be in another order. */
static int compare_edits(const void *a, const void *b)
{
	const struct edit *x = a, *y = b;

	return x->at != y->at ? (x->at < y->at ? -1 : 1) : x->cut < y->cut ? -1 : x->cut > y->cut;
}

/* Look through the file once more, for what is to be done, and with the sink of our own. Returns 0, or -1. */
static int look_through(struct mending *m, int fd, uint64_t size, pv_finding_sink *sink)
{
	struct pv_verified counted = { .exists = true };
	const struct pv_verifying v = {
		.where = m->v->where, .o = m->v->o, .sink = sink, .ctx = m, .r = &counted
	};

	return pv_verify_lines(&v, fd, size);
}

/* The From_ line for a message at `at`. */
static enum pv_class make_from_line(struct mending *m, struct edit *x, struct pv_error *e)
{
	struct pv_buf line = PV_BUF_INIT(4096);
	const char *sender = "";

	ssize_t n = pv_read_all_at(m->box->fd, m->block, BLOCK, (off_t)x->at);
	if (n < 0)
		return fail_io(m, "read", e);
	size_t len = pv_from_line_sender(m->block, (size_t)n, &sender);
	pv_from_line_add(&line, sender, len, m->box->st.st_mtim.tv_sec);
	enum pv_class c = pv_buf_check(&line, "a From_ line", e);
	if (c == PV_OK)
		m->from_line = strdup(line.s);
	pv_buf_free(&line);
	if (c == PV_OK && m->from_line == NULL)
		c = pv_fail(e, PV_TEMPORARY, "4.3.0", "repair %s: out of memory", m->v->where->path);
	x->put = m->from_line;
	return c;
}

static enum pv_class put(struct mending *m, const char *s, size_t len, struct pv_error *e)
{
	if (len > 0 && pv_write_all_at(m->fd, s, len, (off_t)m->size) != 0)
		return fail_io(m, "write a mended copy of", e);
	m->size += len;
	return PV_OK;
}

static enum pv_class copy(struct mending *m, uint64_t from, uint64_t to, struct pv_error *e)
{
	enum pv_class c = PV_OK;

	while (c == PV_OK && from < to) {
		size_t want = to - from < BLOCK ? (size_t)(to - from) : BLOCK;
		ssize_t n = pv_read_all_at(m->box->fd, m->block, want, (off_t)from);
		if (n >= 0 && (size_t)n < want)
			errno = EIO;
		if (n < 0 || (size_t)n < want)
			return fail_io(m, "read", e);
		c = put(m, m->block, want, e);
		from += want;
	}
	return c;
}

static enum pv_class copy_all(struct mending *m, struct pv_error *e)
{
	enum pv_class c = PV_OK;
	uint64_t at = 0;

	for (size_t i = 0; c == PV_OK && i < m->n; i++) {
		struct edit *x = &m->edits[i];
		c = copy(m, at, x->at, e);
		if (c == PV_OK && x->cut == 0 && *x->put == '\0')
			c = make_from_line(m, x, e);
		if (c == PV_OK)
			c = put(m, x->put, strlen(x->put), e);
		at = x->at + x->cut;
	}
	return c == PV_OK ? copy(m, at, (uint64_t)m->box->st.st_size, e) : c;
}

static void count_left(void *ctx, const struct pv_finding *f)
{
	struct mending *m = ctx;

	m->n += f->mended;
}

/* Is there nothing left to mend in the copy? */
static enum pv_class check_copy(struct mending *m, struct pv_error *e)
{
	size_t planned = m->n;

	m->n = 0;
	int r = look_through(m, m->fd, m->size, count_left);
	size_t left = m->n;
	m->n = planned;
	if (r != 0)
		return fail_io(m, "read the mended copy of", e);
	if (left > 0)
		return pv_fail(e, PV_TEMPORARY, "4.3.0",
			       "the mended copy of %s is not in order: nothing was changed",
			       m->v->where->path);
	return PV_OK;
}

static enum pv_class build(struct mending *m, struct pv_error *e)
{
	const struct stat *st = &m->box->st;
	enum pv_class c = PV_OK;

	m->block = malloc(BLOCK);
	if (m->block == NULL)
		return pv_fail(e, PV_TEMPORARY, "4.3.0", "repair %s: out of memory", m->v->where->path);
	m->fd = openat(m->v->where->dirfd, m->temp, O_RDWR | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);
	if (m->fd < 0 || fchmod(m->fd, st->st_mode & 0777) != 0)
		c = fail_io(m, "make a copy of", e);
	if (c == PV_OK)
		c = copy_all(m, e);
	if (c == PV_OK)
		c = check_copy(m, e);
	if (c == PV_OK && fsync(m->fd) != 0)
		c = fail_io(m, "sync a copy of", e);
	if (m->fd >= 0 && close(m->fd) != 0 && c == PV_OK)
		c = fail_io(m, "close a copy of", e);
	return c;
}

/* A copy that an earlier repair has left: half made, if the mailbox still is to be mended; else it is the old
 * mailbox, and for the caller. */
static enum pv_class clean(struct mending *m, struct pv_error *e)
{
	struct stat st;

	if (fstatat(m->v->where->dirfd, m->temp, &st, AT_SYMLINK_NOFOLLOW) != 0)
		return errno == ENOENT ? PV_OK : fail_io(m, "look for a copy of", e);
	if (m->n == 0)
		(void)snprintf(m->v->r->old, sizeof m->v->r->old, "%s", m->temp);
	else if (unlinkat(m->v->where->dirfd, m->temp, 0) != 0)
		return fail_io(m, "remove an old copy of", e);
	return PV_OK;
}

static enum pv_class mend(struct mending *m, struct pv_error *e)
{
	if (look_through(m, m->box->fd, (uint64_t)m->box->st.st_size, plan_edit) != 0)
		return fail_io(m, "read", e);
	if (m->no_memory)
		return pv_fail(e, PV_TEMPORARY, "4.3.0", "repair %s: out of memory", m->v->where->path);
	if (m->n > 0)
		qsort(m->edits, m->n, sizeof *m->edits, compare_edits);
	enum pv_class c = clean(m, e);
	if (c != PV_OK || m->n == 0)
		return c;
	c = build(m, e);
	if (c == PV_OK)
		c = pv_exchange(m->v->where, m->temp, &m->box->st, m->v->r->old, e);
	if (m->v->r->old[0] == '\0')
		(void)unlinkat(m->v->where->dirfd, m->temp, 0);
	return c;
}

enum pv_class pv_mend_mbox(const struct pv_verifying *v, const struct pv_mailbox *box, struct pv_error *e)
{
	struct mending m = { .v = v, .box = box, .fd = -1 };

	if (v->where->shared)
		return pv_fail(e, PV_PERMANENT, "4.3.5",
			       "%s lies in a folder that others may write to: it cannot be repaired there",
			       v->where->path);
	int n = snprintf(m.temp, sizeof m.temp, ".%s.repairing", v->where->name);
	if (n < 0 || (size_t)n >= sizeof m.temp)
		return pv_fail(e, PV_PERMANENT, "4.3.5", "the name of %s is too long", v->where->path);
	enum pv_class c = mend(&m, e);
	free(m.edits);
	free(m.from_line);
	free(m.block);
	return c;
}
