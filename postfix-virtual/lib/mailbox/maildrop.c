#include "mailbox/maildrop.h"

#include "base/clock.h"
#include "base/file.h"
#include "mailbox/journal.h"
#include "mailbox/mailbox.h"
#include "mailbox/maildrop_index.h"
#include "mailbox/maildrop_maildir.h"
#include "mailbox/maildrop_parts.h"

#include <errno.h>
#include <fcntl.h>
#include <unistd.h>

/* X-UIDLs of a million messages, and no more. */
enum { X_UIDLS_MAX = 72 * 1000 * 1000 };

enum {
	APPEND_MS = 200, /* between the new time of a file and its new size */
	LOOK_MS = 20,	 /* so long a look holds, where the times look as they did: many DELE come at once */
};

enum pv_class pv_maildrop_break(struct pv_maildrop *m, struct pv_error *e)
{
	m->broken = true;
	return pv_fail(
		e, PV_TEMPORARY, "4.2.0",
		"mailbox %s was rewritten by another program during the session: nothing more of it is "
		"sent or removed",
		m->where->path);
}

enum pv_class pv_maildrop_need_block(struct pv_maildrop *m, struct pv_error *e)
{
	if (m->block == NULL)
		m->block = malloc(PV_MAILDROP_BLOCK);
	return m->block != NULL ? PV_OK : pv_fail(e, PV_TEMPORARY, "4.3.0", "read a mailbox: out of memory");
}

enum pv_class pv_source_open(struct pv_maildrop *m, size_t i, struct pv_source *s, struct pv_error *e)
{
	if (m->dir != NULL)
		return pv_maildir_source(m, i, s, e);
	*s = (struct pv_source){ .r = &m->list.v[i], .fd = m->fd };
	s->end = i + 1 < m->list.n ? m->list.v[i + 1].offset : (uint64_t)m->st.st_size;
	return PV_OK;
}

void pv_source_close(struct pv_source *s)
{
	if (s->own)
		(void)close(s->fd);
}

/* Open the mailbox once more, to read it without the locks. It is the one that is locked. */
static enum pv_class open_to_read(struct pv_maildrop *m, const struct pv_mailbox *box, struct pv_error *e)
{
	m->fd = openat(m->where->dirfd, m->where->name, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);
	if (m->fd < 0 || fstat(m->fd, &m->st) != 0)
		return pv_fail_errno(e, PV_TEMPORARY, "4.3.0", errno, "open mailbox %s", m->where->path);
	if (m->st.st_ino != box->st.st_ino || m->st.st_dev != box->st.st_dev)
		return pv_fail(e, PV_TEMPORARY, "4.2.0", "mailbox %s was replaced while it was opened",
			       m->where->path);
	return PV_OK;
}

/* The index has the messages up to byte `old` of a mailbox that has grown: from where must it be scanned? The
 * last message may go on. */
static enum pv_class find_tail(struct pv_maildrop *m, uint64_t old, uint64_t *from_r, struct pv_error *e)
{
	char around[3 + 5] = "";
	uint64_t size = (uint64_t)m->st.st_size;
	uint32_t anchor;

	*from_r = 0;
	if (m->list.n == 0)
		return PV_OK;
	/* The index is of no mailbox that is smaller than three bytes. */
	if (pv_read_all_at(m->fd, around, sizeof around, (off_t)old - 3) < 0)
		return pv_fail_errno(e, PV_TEMPORARY, "4.3.0", errno, "read mailbox %s", m->where->path);
	bool empty = around[2] == '\n' && (around[1] == '\n' || (around[1] == '\r' && around[0] == '\n'));
	if (empty && memcmp(around + 3, "From ", 5) == 0)
		*from_r = old;
	else
		*from_r = m->list.v[--m->list.n].offset;
	/* Anchors that went as far as the file did now go further. */
	for (size_t i = m->list.n; i > 0 && m->list.v[i - 1].offset + PV_RECORD_ANCHOR > old; i--) {
		struct pv_record *r = &m->list.v[i - 1];
		if (pv_scan_anchor(m->fd, r->offset, size, &anchor, e) != PV_OK)
			return PV_TEMPORARY;
		r->anchor = anchor;
	}
	return PV_OK;
}

/* With the locks held: what is in the mailbox? */
static enum pv_class take_snapshot(struct pv_maildrop *m, const struct pv_mailbox *box, struct pv_error *e)
{
	char tail[2];

	enum pv_class c = open_to_read(m, box, e);
	if (c != PV_OK)
		return c;
	m->seen = m->st;
	m->settled = pv_index_is_settled(&m->st);
	pv_index_clean(m->where);
	uint64_t from = pv_index_load(m);
	if (m->indexed)
		return PV_OK;
	if (from > 0)
		c = find_tail(m, from, &from, e);
	if (c == PV_OK)
		c = pv_scan_mbox(m->fd, from, (uint64_t)m->st.st_size, PV_SCAN_BLOCK, &m->list, e);
	if (c == PV_OK && pv_journal_anchor(m->fd, (uint64_t)m->st.st_size, &m->end_anchor, tail) != 0)
		c = pv_fail_errno(e, PV_TEMPORARY, "4.3.0", errno, "read mailbox %s", m->where->path);
	return c;
}

static enum pv_class open_mbox(struct pv_maildrop *m, struct pv_error *e)
{
	const struct pv_mailbox_options bo = { .uid = m->o.uid,
					       .lock_deadline_ms = m->o.lock_deadline_ms,
					       .use = PV_TO_READ };
	struct pv_mailbox box;

	enum pv_class c = pv_mailbox_open(m->where, &bo, &box, e);
	if (c != PV_OK)
		return c;
	c = take_snapshot(m, &box, e);
	enum pv_class closed = pv_mailbox_close(&box, c == PV_OK ? e : NULL);
	return c != PV_OK ? c : closed;
}

enum pv_class pv_maildrop_open(const struct pv_location *where, const struct pv_maildrop_options *o,
			       struct pv_maildrop **m_r, struct pv_error *e)
{
	enum pv_class c = PV_OK;
	struct stat st;

	struct pv_maildrop *m = calloc(1, sizeof *m);
	if (m == NULL)
		return pv_fail(e, PV_TEMPORARY, "4.3.0", "open mailbox %s: out of memory", where->path);
	*m = (struct pv_maildrop){
		.where = where, .o = *o, .fd = -1, .index_fd = -1, .x_uidls = PV_BUF_INIT(X_UIDLS_MAX)
	};
	bool has_folder = where->dirfd >= 0;
	if (has_folder && fstatat(where->dirfd, where->name, &st, AT_SYMLINK_NOFOLLOW) == 0)
		c = S_ISDIR(st.st_mode) ? pv_maildir_open(m, e) : open_mbox(m, e);
	else if (has_folder && errno != ENOENT)
		c = pv_fail_errno(e, PV_TEMPORARY, "4.3.0", errno, "look for mailbox %s", where->path);
	if (c == PV_OK) {
		*m_r = m;
		return c;
	}
	m->broken = true; /* nothing of it is worth an index */
	pv_maildrop_close(m);
	return c;
}

void pv_maildrop_close(struct pv_maildrop *m)
{
	if (m == NULL)
		return;
	if (m->dir != NULL)
		pv_maildir_index_save(m);
	else
		pv_index_save(m);
	pv_maildir_close(m->dir);
	if (m->index_fd >= 0)
		(void)close(m->index_fd);
	if (m->fd >= 0)
		(void)close(m->fd);
	pv_records_free(&m->list);
	free(m->digests);
	pv_buf_free(&m->x_uidls);
	free(m->block);
	free(m);
}

size_t pv_maildrop_count(const struct pv_maildrop *m)
{
	return m->list.n;
}

void pv_maildrop_message(const struct pv_maildrop *m, size_t i, struct pv_maildrop_message *out)
{
	const struct pv_record *r = &m->list.v[i];

	*out = (struct pv_maildrop_message){ .octets = r->octets,
					     .lines = r->lines,
					     .deleted = (r->flags & PV_RECORD_DELETED) != 0,
					     .read = (r->flags & (PV_RECORD_SEEN | PV_RECORD_READ)) != 0 };
}

void pv_maildrop_set_deleted(struct pv_maildrop *m, size_t i, bool deleted)
{
	m->list.v[i].flags &= ~(unsigned)PV_RECORD_DELETED;
	if (!deleted)
		return;
	m->list.v[i].flags |= PV_RECORD_DELETED;
	/* What is removed must be known by what it says now. The update asks again where that could not be
	 * read. */
	if (m->dir == NULL)
		(void)pv_maildrop_learn(m, i, NULL);
}

void pv_maildrop_set_read(struct pv_maildrop *m, size_t i)
{
	m->list.v[i].flags |= PV_RECORD_READ;
}

static bool same_time(const struct timespec *a, const struct timespec *b)
{
	return a->tv_sec == b->tv_sec && a->tv_nsec == b->tv_nsec;
}

static bool same_file(const struct stat *a, const struct stat *b)
{
	return a->st_ino == b->st_ino && a->st_dev == b->st_dev;
}

/* Look at the file at the path, which must be ours and no shorter. */
static enum pv_class look_at_file(struct pv_maildrop *m, struct stat *st, struct pv_error *e)
{
	if (fstatat(m->where->dirfd, m->where->name, st, AT_SYMLINK_NOFOLLOW) != 0)
		return errno == ENOENT ? pv_maildrop_break(m, e)
				       : pv_fail_errno(e, PV_TEMPORARY, "4.3.0", errno, "look for mailbox %s",
						       m->where->path);
	if (!same_file(st, &m->st) || st->st_size < m->st.st_size)
		return pv_maildrop_break(m, e);
	return PV_OK;
}

enum pv_class pv_maildrop_check_file(struct pv_maildrop *m, struct pv_error *e)
{
	struct pv_backoff wait = pv_backoff_start(APPEND_MS);
	uint64_t anchor;
	struct stat st;
	char tail[2];
	bool same;

	if (m->broken)
		return pv_maildrop_break(m, e);
	if (m->dir != NULL)
		return PV_OK;
	/* What was written in place may look the same at its ends. But who appends gives the file another
	 * time a moment before it is longer. */
	do {
		enum pv_class c = look_at_file(m, &st, e);
		if (c != PV_OK)
			return c;
		same = st.st_size == m->seen.st_size && same_time(&st.st_mtim, &m->seen.st_mtim) &&
		       same_time(&st.st_ctim, &m->seen.st_ctim);
	} while (!same && st.st_size == m->seen.st_size && pv_backoff_wait(&wait));
	if (same && (m->settled || pv_now_ms() - m->looked_ms < LOOK_MS))
		return PV_OK;
	if (!same && st.st_size == m->seen.st_size)
		return pv_maildrop_break(m, e);
	if (pv_journal_anchor(m->fd, (uint64_t)m->st.st_size, &anchor, tail) != 0)
		return pv_fail_errno(e, PV_TEMPORARY, "4.3.0", errno, "read mailbox %s", m->where->path);
	if (anchor != m->end_anchor)
		return pv_maildrop_break(m, e);
	m->seen = st;
	m->settled = pv_index_is_settled(&st);
	m->looked_ms = pv_now_ms();
	return PV_OK;
}

enum pv_class pv_maildrop_check(struct pv_maildrop *m, size_t i, struct pv_error *e)
{
	const struct pv_record *r = &m->list.v[i];
	struct pv_source source;
	uint32_t anchor = 0;

	enum pv_class c = pv_maildrop_check_file(m, e);
	if (c == PV_OK && m->dir != NULL) {
		c = pv_source_open(m, i, &source, e);
		if (c == PV_OK)
			pv_source_close(&source);
		return c;
	}
	if (c == PV_OK)
		c = pv_scan_anchor(m->fd, r->offset, (uint64_t)m->st.st_size, &anchor, e);
	if (c == PV_OK && anchor != r->anchor)
		c = pv_maildrop_break(m, e);
	return c;
}

enum pv_class pv_maildrop_update(struct pv_maildrop *m, struct pv_error *e)
{
	const unsigned wanted = PV_RECORD_DELETED | PV_RECORD_READ;
	bool nothing = true;

	for (size_t i = 0; i < m->list.n; i++) {
		struct pv_record *r = &m->list.v[i];
		if (!m->o.write_status) /* nor beside a deletion */
			r->flags &= ~(unsigned)PV_RECORD_READ;
		nothing = nothing && (r->flags & wanted) == 0;
	}
	if (nothing)
		return PV_OK;
	if (m->broken)
		return pv_maildrop_break(m, e);
	enum pv_class c = m->dir != NULL ? pv_maildir_update(m, e) : pv_mbox_update(m, e);
	/* Done, and not to be done again. */
	for (size_t i = 0; c == PV_OK && i < m->list.n; i++)
		m->list.v[i].flags &= PV_RECORD_KEPT;
	return c;
}
