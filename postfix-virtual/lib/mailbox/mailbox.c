#include "mailbox/mailbox.h"

#include "base/descriptor.h"
#include "base/file.h"
#include "mailbox/done.h"
#include "mailbox/find.h"
#include "mailbox/journal.h"
#include "mailbox/lock.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/uio.h>
#include <unistd.h>

static enum pv_class fail_io(struct pv_error *e, const struct pv_mailbox *m, const char *what)
{
	bool full = errno == ENOSPC || errno == EDQUOT || errno == EFBIG;

	return pv_fail_errno(e, PV_TEMPORARY, full ? "4.3.1" : "4.3.0", errno, "%s mailbox %s", what,
			     m->where->path);
}

/* Make the mailbox's bytes durable; where its name is new or may be, that too. */
static enum pv_class sync_mailbox(struct pv_mailbox *m, bool name_too, struct pv_error *e)
{
	if (fsync(m->fd) != 0)
		return fail_io(e, m, "sync");
	if (name_too && pv_dir_sync(m->where->dirfd) != 0)
		return fail_io(e, m, "sync the folder of");
	return PV_OK;
}

/* Write lead newlines and the content from `start` on. In the usual case one system call. */
static int write_planned(int fd, const struct pv_journal *j, const struct pv_content *c)
{
	char newlines[2] = "\n\n", chunk[65536];
	uint64_t done = 0;

	if (c->fd < 0) {
		struct iovec v[2] = { { .iov_base = newlines, .iov_len = j->lead },
				      { .iov_base = c->memory.s, .iov_len = c->memory.len } };
		ssize_t n = pwritev(fd, v, 2, (off_t)j->start);
		if (n < 0 && errno != EINTR)
			return -1;
		done = n > 0 ? (uint64_t)n : 0;
	}
	if (done < j->lead &&
	    pv_write_all_at(fd, newlines, j->lead - (size_t)done, (off_t)(j->start + done)) != 0)
		return -1;
	if (done < j->lead)
		done = j->lead;
	while (done < j->length) {
		ssize_t n = pv_content_read(c, chunk, sizeof chunk, done - j->lead);
		if (n < 0 && errno == EINTR)
			continue;
		if (n == 0)
			errno = EIO;
		if (n <= 0 || pv_write_all_at(fd, chunk, (size_t)n, (off_t)(j->start + done)) != 0)
			return -1;
		done += (uint64_t)n;
	}
	return 0;
}

/* The message of an interrupted delivery is safe: its retry must find its id. Without a usable .done there is
 * no memory; but one that cannot be written just now is a reason to come again. */
static enum pv_class note_done(const struct pv_mailbox *m, const struct pv_journal *j, struct pv_error *e)
{
	struct pv_done done;
	bool noted = true;
	int64_t when;

	if (!j->has_id)
		return PV_OK;
	if (!pv_done_find(m->where, j->id, &when, &done))
		noted = done.fd >= 0 ? pv_done_add(&done, j->id, j->begun) : pv_done_is_unusable(errno);
	pv_done_close(&done);
	return noted ? PV_OK : fail_io(e, m, "note an id for");
}

/* Is the open file still the one at the path? A backup that was put back meanwhile takes no lock. */
static bool is_at_path(const struct pv_mailbox *m)
{
	struct stat st;

	return fstatat(m->where->dirfd, m->where->name, &st, AT_SYMLINK_NOFOLLOW) == 0 &&
	       st.st_ino == m->st.st_ino && st.st_dev == m->st.st_dev;
}

/* All of the last append stands in the mailbox, but nobody knows whether it reached the disk. Writing the
 * same bytes once more makes a page dirty again whose first write failed. */
static enum pv_class finish_stored(struct pv_mailbox *m, const struct pv_journal *j,
				   const struct pv_content *c, struct pv_error *e)
{
	/* The mailbox is open for appending, where an offset counts for nothing. */
	if (fcntl(m->fd, F_SETFL, 0) != 0 || write_planned(m->fd, j, c) != 0 ||
	    fcntl(m->fd, F_SETFL, O_APPEND) != 0)
		return fail_io(e, m, "write again the end of");
	enum pv_class r = sync_mailbox(m, true, e);
	return r == PV_OK ? note_done(m, j, e) : r;
}

static enum pv_class cut_torn(struct pv_mailbox *m, const struct pv_journal *j, struct pv_error *e)
{
	if (ftruncate(m->fd, (off_t)j->start) != 0)
		return fail_io(e, m, "cut a torn message off");
	m->st.st_size = (off_t)j->start;
	(void)snprintf(m->note, sizeof m->note,
		       "cut a message that an interrupted delivery left half written");
	return PV_OK;
}

/* Somebody else has written or rewritten the mailbox since. If the message is in it all the same, its retry
 * is none. */
static enum pv_class look_elsewhere(struct pv_mailbox *m, const struct pv_journal *j,
				    const struct pv_content *c, enum pv_verdict verdict, struct pv_error *e)
{
	enum pv_class r = PV_OK;
	bool found = false;

	if (verdict == PV_VERDICT_FOREIGN)
		(void)snprintf(m->note, sizeof m->note,
			       "another program wrote behind an interrupted delivery: nothing is cut");
	if (j->has_id && m->st.st_size > 0)
		r = pv_find_message(m->fd, (uint64_t)m->st.st_size, c, &found, e);
	if (r == PV_OK && found && (r = sync_mailbox(m, true, e)) == PV_OK)
		r = note_done(m, j, e);
	return r;
}

/* What the last delivery left open. */
static enum pv_class repair(struct pv_mailbox *m, const struct pv_journal *j,
			    const struct pv_content *content, struct pv_error *e)
{
	enum pv_verdict verdict;

	enum pv_class c = pv_journal_judge(m->fd, (uint64_t)m->st.st_size, j, content, &verdict, e);
	if (c != PV_OK || verdict == PV_VERDICT_UNTOUCHED)
		return c;
	if (verdict == PV_VERDICT_STORED)
		return finish_stored(m, j, content, e);
	if (verdict == PV_VERDICT_TORN)
		return cut_torn(m, j, e);
	return look_elsewhere(m, j, content, verdict, e);
}

/* Before anything is read, appended or rewritten: what did the last delivery leave? */
static enum pv_class recover(struct pv_mailbox *m, struct pv_error *e)
{
	int64_t mtime = pv_done_time(&m->st.st_mtim);
	struct pv_content content;
	struct pv_journal j;
	bool open;

	enum pv_class c = pv_journal_load(m->journal_fd, m->where, &j, &content, &open, e);
	if (c == PV_OK && open) {
		c = repair(m, &j, &content, e);
		if (c == PV_OK)
			pv_journal_end(m->journal_fd, m->where, j.spooled);
		pv_content_free(&content);
	}
	/* A mailbox that is new, or older than the last delivery (put back from a backup): what we noted
	 * until now says nothing about it. */
	m->doubt = m->created || j.begun > mtime ? pv_done_now() : j.doubt;
	return c;
}

enum pv_class pv_mailbox_open(const struct pv_location *where, const struct pv_mailbox_options *o,
			      struct pv_mailbox *m, struct pv_error *e)
{
	const struct pv_lock_options lo = { .uid = o->uid,
					    .deadline_ms = o->lock_deadline_ms,
					    .fcntl_only = o->fcntl_only,
					    .to_read = o->use == PV_TO_READ };
	struct pv_lock k;

	*m = (struct pv_mailbox){ .where = where, .uid = o->uid, .fd = -1, .journal_fd = -1, .done_fd = -1 };
	enum pv_class c = pv_lock_take(where, &lo, &k, e);
	m->is_folder = k.is_folder;
	if (c != PV_OK)
		return c;
	m->fd = k.fd;
	m->st = k.st;
	m->created = k.created;
	m->locked_by_dotlock = k.dotlock;
	/* What a rewrite that was killed has left. A delivery has no call to spare for it. */
	if (k.dotlock && o->use != PV_TO_APPEND)
		pv_file_clean(where->dirfd, where->name);
	/* In a folder that others may write to, no side file is made or believed. */
	if (!where->shared) {
		m->journal_fd = pv_journal_open(where);
		if (m->journal_fd >= 0)
			c = recover(m, e);
		else if (o->use == PV_TO_APPEND || pv_journal_exists(where))
			c = fail_io(e, m, "open the journal of");
	}
	if (c != PV_OK)
		(void)pv_mailbox_close(m, NULL);
	return c;
}

/* After a failed write: take back what of it stands there, by the rule of every other start. */
static void roll_back(struct pv_mailbox *m, const struct pv_journal *j, const struct pv_content *c)
{
	enum pv_verdict verdict;
	struct stat st;

	if (fstat(m->fd, &st) != 0 ||
	    pv_journal_judge(m->fd, (uint64_t)st.st_size, j, c, &verdict, NULL) != PV_OK)
		return;
	/* All of it can only stand there when the last write said less than it did. */
	bool ours = verdict == PV_VERDICT_TORN ||
		    (verdict == PV_VERDICT_STORED && (uint64_t)st.st_size == j->start + j->length);
	if (ours && ftruncate(m->fd, (off_t)j->start) != 0)
		return;
	if ((ours || verdict == PV_VERDICT_UNTOUCHED) && m->journal_fd >= 0)
		pv_journal_end(m->journal_fd, m->where, j->spooled);
}

/* How many newlines are missing before the next From_ line? */
static uint32_t missing_newlines(uint64_t size, const char tail[2])
{
	if (size == 0 || (tail[1] == '\n' && (tail[0] == '\n' || size == 1)))
		return 0;
	return tail[1] == '\n' ? 1 : 2;
}

static enum pv_class plan(struct pv_mailbox *m, const struct pv_content *content, const unsigned char *id,
			  struct pv_journal *j, struct pv_error *e)
{
	char tail[2] = { 0, 0 };

	*j = (struct pv_journal){ .start = (uint64_t)m->st.st_size,
				  .begun = pv_done_now(),
				  .doubt = m->doubt,
				  .spooled = content->fd >= 0,
				  .has_id = id != NULL };
	if (id != NULL)
		memcpy(j->id, id, sizeof j->id);
	if (pv_journal_anchor(m->fd, j->start, &j->anchor, tail) != 0)
		return fail_io(e, m, "read the end of");
	j->lead = missing_newlines(j->start, tail);
	j->length = j->lead + content->size;
	return PV_OK;
}

static enum pv_class write_and_sync(struct pv_mailbox *m, const struct pv_journal *j,
				    const struct pv_content *content, struct pv_error *e)
{
	if (write_planned(m->fd, j, content) != 0) {
		enum pv_class c = fail_io(e, m, "write to");
		roll_back(m, j, content);
		return c;
	}
	/* A failed sync is not tried again: the kernel may have forgotten the bytes. The journal stays open.
	 */
	enum pv_class c = sync_mailbox(m, m->created || m->st.st_size == 0, e);
	if (c == PV_OK && !is_at_path(m))
		return pv_fail(e, PV_TEMPORARY, "4.2.0",
			       "mailbox %s was replaced by another file, in spite of our locks",
			       m->where->path);
	return c;
}

/* Was this message stored before? *done is opened for what comes after. A note that may be newer than the
 * mailbox is believed only if the message is there. */
static enum pv_class was_stored(struct pv_mailbox *m, const struct pv_content *content,
				const unsigned char id[PV_ID_BYTES], struct pv_done *done, bool *was_r,
				struct pv_error *e)
{
	int64_t when;

	*was_r = false;
	bool noted = pv_done_find(m->where, id, &when, done);
	if (!noted && done->fd < 0 && !pv_done_is_unusable(errno))
		return fail_io(e, m, "read the ids of");
	if (!noted || m->created)
		return PV_OK;
	if (when > m->doubt && when <= pv_done_time(&m->st.st_mtim)) {
		*was_r = true;
		return PV_OK;
	}
	return pv_find_message(m->fd, (uint64_t)m->st.st_size, content, was_r, e);
}

static enum pv_class write_message(struct pv_mailbox *m, const struct pv_content *content,
				   const unsigned char *id, struct pv_done *done, struct pv_error *e)
{
	struct pv_journal j;

	enum pv_class c = plan(m, content, id, &j, e);
	if (c == PV_OK && m->journal_fd >= 0)
		c = pv_journal_begin(m->journal_fd, m->where, &j, content, e);
	if (c == PV_OK)
		c = write_and_sync(m, &j, content, e);
	if (c != PV_OK)
		return c;
	m->st.st_size = (off_t)(j.start + j.length);
	/* Not noted just now: the next delivery finds the journal open, and notes it. */
	bool noted = !j.has_id || done->fd < 0 || pv_done_add(done, j.id, j.begun);
	if (m->journal_fd >= 0 && noted)
		pv_journal_end(m->journal_fd, m->where, j.spooled);
	return PV_OK;
}

enum pv_class pv_mailbox_append_if(struct pv_mailbox *m, const struct pv_content *content,
				   const unsigned char id[PV_ID_BYTES], pv_mailbox_may *may, void *ctx,
				   enum pv_append_result *r, struct pv_error *e)
{
	struct pv_done done;
	enum pv_class c = PV_OK;
	bool before = false;

	done.fd = -1;
	if (id != NULL && !m->where->shared)
		c = was_stored(m, content, id, &done, &before, e);
	*r = before ? PV_DUPLICATE : PV_APPENDED;
	if (c == PV_OK && !before && may != NULL)
		c = may(ctx, m, e);
	if (c == PV_OK && !before)
		c = write_message(m, content, id, &done, e);
	pv_close_both(m->done_fd, -1);
	m->done_fd = done.fd;
	return c;
}

enum pv_class pv_mailbox_append(struct pv_mailbox *m, const struct pv_content *content,
				const unsigned char id[PV_ID_BYTES], enum pv_append_result *r,
				struct pv_error *e)
{
	return pv_mailbox_append_if(m, content, id, NULL, NULL, r, e);
}

enum pv_class pv_mailbox_close(struct pv_mailbox *m, struct pv_error *e)
{
	struct pv_lock k = {
		.fd = m->fd, .st = m->st, .created = m->created, .dotlock = m->locked_by_dotlock
	};

	pv_close_both(m->journal_fd, m->done_fd);
	m->journal_fd = m->done_fd = m->fd = -1;
	return pv_lock_release(&k, m->where, e);
}
