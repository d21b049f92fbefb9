/* A Maildir of an mbox. */
#include "mailbox/maildrop_convert_parts.h"

#include "mailbox/from_line.h"
#include "mailbox/maildir_name.h"
#include "mailbox/maildir_parts.h"
#include "mailbox/maildrop_digest.h"
#include "mailbox/maildrop_flags.h"
#include "mailbox/plain.h"

#include <errno.h>
#include <fcntl.h>
#include <unistd.h>

enum { A_SECONDS_NAMES = 1000000 };

struct building {
	const struct pv_mailbox *box;
	struct pv_content whole; /* the mbox, as a content */
	struct pv_records list;	 /* its messages */
	int top, new, cur;	 /* the folders of the new one */
	int64_t second;		 /* in the last name; they never go back, so that the order stays */
	char *memory, *more;	 /* PV_SCAN_BLOCK bytes each */
};

static enum pv_class fail_io(const struct building *b, const char *what, struct pv_error *e)
{
	bool full = errno == ENOSPC || errno == EDQUOT || errno == EFBIG;

	return pv_fail_errno(e, PV_TEMPORARY, full ? "4.3.1" : "4.3.0", errno, "%s a Maildir of %s", what,
			     b->box->where->path);
}

/* A message, as it stands in the mbox. */
struct source {
	const struct pv_record *r;
	uint64_t from, to, end; /* behind its From_ line; in front of the empty line; where the next begins */
	time_t when;
	unsigned flags;
};

/* Where does the line end that begins at `at`? The first bytes of it are in memory. */
static int end_of_line(const struct building *b, uint64_t at, uint64_t end, size_t have, uint64_t *end_r)
{
	const char *newline = memchr(b->memory, '\n', have);
	char bytes[4096];

	for (at += have; newline == NULL && at < end;) {
		size_t want = end - at < sizeof bytes ? (size_t)(end - at) : sizeof bytes;
		ssize_t n = pread(b->box->fd, bytes, want, (off_t)at);
		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0)
			return -1;
		newline = memchr(bytes, '\n', (size_t)n);
		if (newline != NULL)
			*end_r = at + (uint64_t)(newline + 1 - bytes);
		at += (uint64_t)n;
		if (newline != NULL)
			return 0;
	}
	*end_r = newline != NULL ? at - have + (uint64_t)(newline + 1 - b->memory) : end;
	return 0;
}

/* Find out about message i. Returns 0, or -1 and errno. */
static int look_at(const struct building *b, size_t i, struct source *s)
{
	const struct pv_record *r = &b->list.v[i];

	*s = (struct source){ .r = r, .from = r->offset, .when = b->box->st.st_mtim.tv_sec };
	s->end = i + 1 < b->list.n ? r[1].offset : (uint64_t)b->box->st.st_size;
	s->to = s->end - ((r->flags & PV_RECORD_LF_END) != 0 ? 1u : 0u) -
		((r->flags & PV_RECORD_CRLF_END) != 0 ? 2u : 0u);
	size_t want = s->end - s->from < PV_SCAN_BLOCK ? (size_t)(s->end - s->from) : PV_SCAN_BLOCK;
	ssize_t n = pread(b->box->fd, b->memory, want, (off_t)s->from);
	if (n < 0)
		return -1;
	size_t first = 0;
	if ((r->flags & PV_RECORD_FROM) != 0) {
		if (end_of_line(b, s->from, s->end, (size_t)n, &s->from) != 0)
			return -1;
		first = s->from - r->offset < (uint64_t)n ? (size_t)(s->from - r->offset) : (size_t)n;
		(void)pv_from_line_parse(b->memory, first, &s->when);
	}
	if (s->to < s->from)
		s->to = s->from;
	s->flags = pv_flags_of_header(b->memory + first, (size_t)n - first);
	/* A header that is longer than the block. */
	if ((r->flags & PV_RECORD_SEEN) != 0)
		s->flags |= PV_FLAG_SEEN | PV_FLAG_OLD;
	return 0;
}

static enum pv_class compare(const struct building *b, const struct source *s, int fd, uint64_t size,
			     struct pv_error *e)
{
	struct pv_digest mine, theirs;
	struct pv_record copy = { .offset = 0 };

	enum pv_class c = pv_digest_message(b->box->fd, s->r, s->end, &mine, NULL, b->memory, NULL, e);
	if (c == PV_OK)
		c = pv_scan_message(fd, size, &copy, e);
	if (c == PV_OK)
		c = pv_digest_message(fd, &copy, size, &theirs, NULL, b->more, NULL, e);
	if (c == PV_OK && (mine.hash[0] != theirs.hash[0] || mine.hash[1] != theirs.hash[1]))
		return pv_fail(
			e, PV_TEMPORARY, "4.3.0",
			"the copy of the message at byte %llu of %s is another one: nothing was changed",
			(unsigned long long)s->r->offset, b->box->where->path);
	return c;
}

static enum pv_class fill_file(const struct building *b, const struct source *s, const struct pv_plain *p,
			       int fd, struct pv_error *e)
{
	const struct timespec times[2] = { { .tv_sec = s->when }, { .tv_sec = s->when } };

	if (fchmod(fd, 0600) != 0)
		return fail_io(b, "set the mode of a file in", e);
	if (pv_plain_write(p, fd) != 0)
		return fail_io(b, "write", e);
	if (futimens(fd, times) != 0)
		return fail_io(b, "set the time of a file in", e);
	return compare(b, s, fd, p->size, e);
}

static enum pv_class copy_message(struct building *b, size_t i, struct pv_error *e)
{
	char name[NAME_MAX + 1], suffix[12] = "";
	struct pv_plain p;
	struct source s;

	if (look_at(b, i, &s) != 0 || pv_plain_start_at(&p, &b->whole, s.from, s.to) != 0)
		return fail_io(b, "read a message for", e);
	b->second = s.when > b->second ? s.when : b->second;
	const struct timespec when = { .tv_sec = b->second + (time_t)(i / A_SECONDS_NAMES),
				       .tv_nsec = (long)(i % A_SECONDS_NAMES) * 1000 };
	pv_maildir_name(name, &when, NULL, p.size);
	if (s.flags != 0)
		pv_flags_suffix(s.flags, suffix);
	size_t len = strlen(name);
	(void)snprintf(name + len, sizeof name - len, "%s", suffix);
	int fd = openat(s.flags != 0 ? b->cur : b->new, name,
			O_RDWR | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);
	if (fd < 0)
		return fail_io(b, "make a file in", e);
	enum pv_class c = fill_file(b, &s, &p, fd, e);
	if (close(fd) != 0 && c == PV_OK)
		c = fail_io(b, "close a file in", e);
	return c;
}

/* --- all of it to the disk --- */

static int sync_file(void *ctx, int folder, const struct dirent *entry)
{
	int fd = openat(folder, entry->d_name, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);
	int r = fd < 0 ? -1 : fsync(fd);
	int err = errno;

	(void)ctx;
	if (fd >= 0)
		(void)close(fd);
	errno = err;
	return r;
}

/* Once for the file system, which is fast; then each file, which says whether that was so. */
static enum pv_class sync_all(const struct building *b, struct pv_error *e)
{
	static const char *const folders[] = { "new", "cur", "tmp" };

	if (syncfs(b->top) != 0)
		return fail_io(b, "sync", e);
	for (size_t i = 0; i < 3; i++) {
		int fd = openat(b->top, folders[i], O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
		int r = fd < 0 ? -1 : fsync(fd);
		int err = errno;
		if (fd >= 0)
			(void)close(fd);
		errno = err;
		if (r != 0 || pv_maildir_each(b->top, folders[i], sync_file, NULL) != 0)
			return fail_io(b, "sync", e);
	}
	return fsync(b->top) == 0 ? PV_OK : fail_io(b, "sync", e);
}

static enum pv_class open_new(struct building *b, const char *temp, struct pv_error *e)
{
	const int flags = O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC;

	if (pv_maildir_make(b->box->where->dirfd, temp) != 0)
		return fail_io(b, "make", e);
	b->top = openat(b->box->where->dirfd, temp, flags);
	b->new = b->top < 0 ? -1 : openat(b->top, "new", flags);
	b->cur = b->new < 0 ? -1 : openat(b->top, "cur", flags);
	return b->cur >= 0 ? PV_OK : fail_io(b, "open", e);
}

static void close_all(struct building *b)
{
	const int fds[] = { b->top, b->new, b->cur };

	for (size_t i = 0; i < 3; i++)
		if (fds[i] >= 0)
			(void)close(fds[i]);
	pv_records_free(&b->list);
	free(b->memory);
	free(b->more);
}

enum pv_class pv_build_maildir(const struct pv_mailbox *box, const char *temp, struct pv_converted *r,
			       struct pv_error *e)
{
	uint64_t size = (uint64_t)box->st.st_size;
	struct building b = { .box = box,
			      .whole = { .fd = box->fd, .dirfd = -1, .size = size },
			      .top = -1,
			      .new = -1,
			      .cur = -1,
			      .memory = malloc(PV_SCAN_BLOCK),
			      .more = malloc(PV_SCAN_BLOCK) };
	enum pv_class c = PV_OK;

	if (b.memory == NULL || b.more == NULL)
		c = pv_fail(e, PV_TEMPORARY, "4.3.0", "convert %s: out of memory", box->where->path);
	if (c == PV_OK)
		c = pv_scan_mbox(box->fd, 0, size, PV_SCAN_BLOCK, &b.list, e);
	if (c == PV_OK)
		c = open_new(&b, temp, e);
	for (size_t i = 0; c == PV_OK && i < b.list.n; i++)
		c = copy_message(&b, i, e);
	if (c == PV_OK)
		c = sync_all(&b, e);
	r->messages = b.list.n;
	close_all(&b);
	return c;
}
