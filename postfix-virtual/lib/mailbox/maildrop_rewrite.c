#include "mailbox/maildrop_rewrite.h"

#include "base/file.h"
#include "mailbox/maildrop_walk.h"

#include <errno.h>
#include <fcntl.h>
#include <unistd.h>

struct rewriting {
	const struct pv_mailbox *box;
	struct pv_new_file to;
	char *memory; /* PV_SCAN_BLOCK bytes, to read a header in */
	char *out;    /* what is to be written next: many small messages make one large write */
	size_t len;
	uint64_t at; /* up to where the old file is copied or left out */
};

enum { OUT = PV_MAILDROP_BLOCK - PV_SCAN_BLOCK };

static enum pv_class fail_io(const struct pv_mailbox *box, const char *what, struct pv_error *e)
{
	return pv_fail_errno(e, PV_TEMPORARY, "4.3.0", errno, "%s mailbox %s", what, box->where->path);
}

static enum pv_class fail_foreign(const struct pv_mailbox *box, struct pv_error *e)
{
	return pv_fail(e, PV_TEMPORARY, "4.2.0",
		       "mailbox %s was changed by another program in spite of our locks: nothing is removed",
		       box->where->path);
}

static enum pv_class flush(struct rewriting *w, struct pv_error *e)
{
	enum pv_class c = pv_file_write(&w->to, w->out, w->len, e);

	w->len = 0;
	return c;
}

/* Copy the old file's bytes from where we are up to `end`. */
static enum pv_class copy_to(struct rewriting *w, uint64_t end, struct pv_error *e)
{
	enum pv_class c;

	while (w->at < end) {
		if (w->len == OUT && (c = flush(w, e)) != PV_OK)
			return c;
		size_t room = OUT - w->len, want = end - w->at < room ? (size_t)(end - w->at) : room;
		ssize_t n = pv_read_all_at(w->box->fd, w->out + w->len, want, (off_t)w->at);
		if (n >= 0 && (size_t)n < want)
			errno = EIO;
		if (n < 0 || (size_t)n < want)
			return fail_io(w->box, "read", e);
		w->len += want;
		w->at += want;
	}
	return PV_OK;
}

/* What of a header gives way to the new Status line. */
struct status {
	uint64_t cut[2]; /* from, to: the old line; where there is none, the end of the header */
	bool crlf;	 /* lines end so */
	bool open;	 /* the line before has no end */
};

/* Up to where it has come in the file. */
static uint64_t walk_at(const struct pv_walk *w)
{
	return w->at - (w->to - w->from);
}

static bool is_status(const struct pv_piece *p)
{
	return p->len >= 7 && strncasecmp(p->s, "Status:", 7) == 0;
}

/* Returns 0, or -1 and errno. */
static int find_status(const struct rewriting *w, const struct pv_record *r, uint64_t end, struct status *s)
{
	struct pv_record as_it_stands = *r;
	bool in_status = false, found = false;
	struct pv_piece p;
	struct pv_walk walk;
	char last = '\n';

	as_it_stands.flags &= ~(unsigned)PV_RECORD_QUOTED;
	int more = pv_walk_start(&walk, w->box->fd, &as_it_stands, end, w->memory, NULL);
	uint64_t begins = walk_at(&walk);
	*s = (struct status){ .crlf = false };
	for (; more >= 0 && (more = pv_walk_next(&walk, &p)) > 0; begins = walk_at(&walk)) {
		if (p.begins && p.ends && p.len == 0)
			break;
		if (p.begins && !(p.len > 0 && (p.s[0] == ' ' || p.s[0] == '\t')))
			in_status = !found && is_status(&p);
		if (in_status && !found)
			s->cut[0] = begins;
		found = found || in_status;
		if (in_status)
			s->cut[1] = walk_at(&walk);
		s->crlf = p.ends && walk_at(&walk) - begins == p.len + 2;
	}
	if (!found) {
		s->cut[0] = s->cut[1] = begins;
		if (more == 0 && pv_read_all_at(w->box->fd, &last, 1, (off_t)begins - 1) != 1)
			more = -1;
		s->open = last != '\n';
	}
	return more < 0 ? -1 : 0;
}

/* Copy a message up to behind its Status, which becomes `RO`: read, and no longer new. */
static enum pv_class write_status(struct rewriting *w, const struct pv_record *r, uint64_t end,
				  struct pv_error *e)
{
	char line[24];
	struct status s;

	if (find_status(w, r, end, &s) != 0)
		return fail_io(w->box, "read", e);
	enum pv_class c = copy_to(w, s.cut[0], e);
	if (c != PV_OK)
		return c;
	const char *newline = s.crlf ? "\r\n" : "\n";
	int n = snprintf(line, sizeof line, "%sStatus: RO%s", s.open ? newline : "", newline);
	w->at = s.cut[1];
	if (w->len + (size_t)n > OUT && (c = flush(w, e)) != PV_OK)
		return c;
	memcpy(w->out + w->len, line, (size_t)n);
	w->len += (size_t)n;
	return PV_OK;
}

static enum pv_class copy_all(struct rewriting *w, const struct pv_records *list, struct pv_error *e)
{
	uint64_t end = (uint64_t)w->box->st.st_size;
	enum pv_class c = PV_OK;
	struct stat st;

	for (size_t i = 0; c == PV_OK && i < list->n; i++) {
		const struct pv_record *r = &list->v[i];
		uint64_t behind = i + 1 < list->n ? r[1].offset : end;
		if ((r->flags & (PV_RECORD_DELETED | PV_RECORD_READ)) == 0)
			continue;
		c = copy_to(w, r->offset, e);
		if ((r->flags & PV_RECORD_DELETED) != 0)
			w->at = behind;
		else if (c == PV_OK && (r->flags & PV_RECORD_SEEN) == 0)
			c = write_status(w, r, behind, e);
	}
	/* Who asks no lock may have appended. */
	for (; c == PV_OK; end = (uint64_t)st.st_size) {
		c = copy_to(w, end, e);
		if (c == PV_OK)
			c = flush(w, e);
		if (c == PV_OK && fstat(w->box->fd, &st) != 0)
			c = fail_io(w->box, "stat", e);
		if (c != PV_OK || (uint64_t)st.st_size == end)
			break;
		if ((uint64_t)st.st_size < end)
			c = fail_foreign(w->box, e);
	}
	return c;
}

/* Is the file that we hold the one at the path? */
static enum pv_class check_path(const struct pv_mailbox *box, struct pv_error *e)
{
	struct stat st;

	if (fstatat(box->where->dirfd, box->where->name, &st, AT_SYMLINK_NOFOLLOW) != 0)
		return errno == ENOENT ? fail_foreign(box, e) : fail_io(box, "look for", e);
	return st.st_ino == box->st.st_ino && st.st_dev == box->st.st_dev ? PV_OK : fail_foreign(box, e);
}

enum pv_class pv_mbox_rewrite(const struct pv_mailbox *box, const struct pv_records *list, char *memory,
			      struct pv_error *e)
{
	struct rewriting w = { .box = box, .memory = memory, .out = memory + PV_SCAN_BLOCK };
	const struct stat *st = &box->st;

	enum pv_class c = pv_file_begin(box->where->dirfd, box->where->name, st->st_mode & 07777, st->st_uid,
					st->st_gid, &w.to, e);
	if (c != PV_OK)
		return c;
	c = copy_all(&w, list, e);
	if (c == PV_OK)
		c = check_path(box, e);
	if (c == PV_OK)
		return pv_file_commit(&w.to, e);
	pv_file_abandon(&w.to);
	return c;
}

enum pv_class pv_mbox_truncate(const struct pv_mailbox *box, uint64_t size, uint64_t was, struct pv_error *e)
{
	struct stat st;

	enum pv_class c = check_path(box, e);
	if (c == PV_OK && fstat(box->fd, &st) != 0)
		c = fail_io(box, "stat", e);
	if (c == PV_OK && (uint64_t)st.st_size != was)
		c = fail_foreign(box, e);
	if (c == PV_OK && ftruncate(box->fd, (off_t)size) != 0)
		c = fail_io(box, "truncate", e);
	if (c == PV_OK && fsync(box->fd) != 0)
		c = fail_io(box, "sync", e);
	return c;
}
