#include "mailbox/journal.h"

#include "base/file.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <sys/uio.h>
#include <unistd.h>

/* On the disk, in the byte order of the machine: another one's magic does not match. */
struct record {
	uint64_t magic;
	uint32_t open; /* enum state; not in the checksum */
	uint32_t flags;
	uint64_t start, length, anchor;
	int64_t begun, doubt;
	uint32_t lead, reserved;
	unsigned char id[PV_ID_BYTES];
	uint64_t content_sum;
	uint64_t sum; /* over all before it, with open = 0 */
};

#define MAGIC 0x326c6e726a767001u /* .pvjrnl2 */
enum state { CLOSED, OPEN };
enum { HAS_ID = 1, SPOOLED = 2 };

static bool side_name(const struct pv_location *l, const char *what, char out[NAME_MAX + 1])
{
	int n = snprintf(out, NAME_MAX + 1, ".%s.%s", l->name, what);

	errno = ENAMETOOLONG;
	return n > 0 && n <= NAME_MAX;
}

static uint64_t record_sum(const struct record *r)
{
	struct record copy = *r;
	struct pv_sum sum;

	copy.open = 0;
	pv_sum_start(&sum);
	pv_sum_add(&sum, &copy, offsetof(struct record, sum));
	return pv_sum_finish(&sum);
}

int pv_journal_open(const struct pv_location *l)
{
	char name[NAME_MAX + 1];

	if (!side_name(l, "journal", name))
		return -1;
	return openat(l->dirfd, name, O_RDWR | O_CREAT | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC, 0600);
}

bool pv_journal_exists(const struct pv_location *l)
{
	char name[NAME_MAX + 1];
	int err = errno;

	bool exists = !side_name(l, "journal", name) ||
		      faccessat(l->dirfd, name, F_OK, AT_SYMLINK_NOFOLLOW) == 0 || errno != ENOENT;
	errno = err;
	return exists;
}

/* Give the unnamed temporary file its name. Needs /proc, or a kernel that allows AT_EMPTY_PATH. */
static int link_spooled(const struct pv_location *l, int fd)
{
	char name[NAME_MAX + 1], proc[40];

	if (!side_name(l, "spooled", name))
		return -1;
	(void)unlinkat(l->dirfd, name, 0);
	(void)snprintf(proc, sizeof proc, "/proc/self/fd/%d", fd);
	if (linkat(AT_FDCWD, proc, l->dirfd, name, AT_SYMLINK_FOLLOW) == 0)
		return 0;
	return linkat(fd, "", l->dirfd, name, AT_EMPTY_PATH);
}

static struct record make_record(const struct pv_journal *j, const struct pv_content *content)
{
	struct record r = { .magic = MAGIC,
			    .open = OPEN,
			    .flags = (j->has_id ? HAS_ID : 0u) | (content->fd >= 0 ? SPOOLED : 0u),
			    .start = j->start,
			    .length = j->length,
			    .anchor = j->anchor,
			    .begun = j->begun,
			    .doubt = j->doubt,
			    .lead = j->lead };

	if (j->has_id)
		memcpy(r.id, j->id, sizeof r.id);
	r.content_sum = pv_sum_finish(&content->sum);
	r.sum = record_sum(&r);
	return r;
}

/* Nothing came of it, but what the record knows of earlier appends stays. Its place is there, so a full disk
 * does not matter. */
static void close_record(int fd, struct record *r)
{
	r->open = CLOSED;
	ssize_t written = pwrite(fd, r, sizeof *r, 0);
	(void)written; /* half a record is none */
}

enum pv_class pv_journal_begin(int fd, const struct pv_location *l, const struct pv_journal *j,
			       const struct pv_content *content, struct pv_error *e)
{
	struct record r = make_record(j, content);
	size_t in_memory = content->fd < 0 ? content->memory.len : 0;
	/* writev(2) takes no const. */
	struct iovec v[2] = { { .iov_base = &r, .iov_len = sizeof r },
			      { .iov_base = content->memory.s, .iov_len = in_memory } };

	ssize_t n = pwritev(fd, v, 2, 0);
	if (n < 0 || (size_t)n != sizeof r + in_memory) {
		int err = n < 0 ? errno : ENOSPC;
		close_record(fd, &r);
		return pv_fail_errno(e, PV_TEMPORARY, err == ENOSPC || err == EDQUOT ? "4.3.1" : "4.3.0", err,
				     "write the journal of mailbox %s", l->path);
	}
	if (content->fd >= 0 && link_spooled(l, content->fd) != 0) {
		int err = errno;
		close_record(fd, &r);
		return pv_fail_errno(e, PV_TEMPORARY, "4.3.0", err,
				     "link the journal's content of mailbox %s", l->path);
	}
	return PV_OK;
}

void pv_journal_end(int fd, const struct pv_location *l, bool spooled)
{
	const uint32_t closed = CLOSED;
	char name[NAME_MAX + 1];

	/* As long as the file is there, somebody must come to remove it. */
	if (spooled && side_name(l, "spooled", name) && unlinkat(l->dirfd, name, 0) != 0 && errno != ENOENT)
		return;
	ssize_t written = pwrite(fd, &closed, sizeof closed, offsetof(struct record, open));
	(void)written; /* one that stays open is judged by the mailbox's bytes, like every other */
}

/* The content's checksum, of `size` bytes behind `at`; add_to: what to put them into as well, or NULL.
 * Returns 1 if there are that many, 0 if not, -1 where that cannot be known now. */
static int sum_content(int fd, off_t at, uint64_t size, struct pv_content *add_to, struct pv_sum *sum)
{
	char chunk[16384];

	pv_sum_start(sum);
	while (size > 0) {
		ssize_t n = pread(fd, chunk, size < sizeof chunk ? (size_t)size : sizeof chunk, at);
		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0 && (errno == ESPIPE || errno == EISDIR))
			return 0; /* no file of ours stands in its place */
		if (n <= 0)
			return (int)n;
		pv_sum_add(sum, chunk, (size_t)n);
		if (add_to != NULL && pv_content_add(add_to, chunk, (size_t)n, NULL) != PV_OK)
			return -1;
		size -= (uint64_t)n;
		at += n;
	}
	return 1;
}

/* Open .NAME.spooled as the content. It is not copied: there may be no room for that. */
static int open_spooled(const struct pv_location *l, struct pv_content *content)
{
	char name[NAME_MAX + 1];

	if (!side_name(l, "spooled", name))
		return 0;
	content->fd = openat(l->dirfd, name, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);
	if (content->fd >= 0)
		return 1;
	return errno == ENOENT || errno == ELOOP || errno == ENXIO || errno == EACCES ? 0 : -1;
}

/* Returns 1 if *content is what the record tells of, 0 if that is not to be had, -1 where that cannot be
 * known now. */
static int load_content(int fd, const struct pv_location *l, const struct record *r,
			struct pv_content *content)
{
	bool spooled = (r->flags & SPOOLED) != 0;
	uint64_t size = r->length - r->lead;
	int known = 1;

	pv_content_start(content, l->dirfd);
	if (spooled)
		known = open_spooled(l, content);
	else if (size > PV_CONTENT_MEMORY)
		known = 0;
	if (known == 1)
		known = spooled ? sum_content(content->fd, 0, size, NULL, &content->sum)
				: sum_content(fd, sizeof *r, size, content, &content->sum);
	content->size = size;
	return known == 1 && pv_sum_finish(&content->sum) != r->content_sum ? 0 : known;
}

static bool is_whole(const struct record *r)
{
	return r->magic == MAGIC && r->sum == record_sum(r) && r->lead <= 2 && r->length >= r->lead;
}

bool pv_journal_is_open(int fd)
{
	struct record r;

	return pread(fd, &r, sizeof r, 0) == (ssize_t)sizeof r && is_whole(&r) && r.open == OPEN;
}

enum pv_class pv_journal_load(int fd, const struct pv_location *l, struct pv_journal *j,
			      struct pv_content *content, bool *open_r, struct pv_error *e)
{
	struct record r;

	*open_r = false;
	*j = (struct pv_journal){ .start = 0 };
	ssize_t n = pread(fd, &r, sizeof r, 0);
	if (n >= 0 && (n != (ssize_t)sizeof r || !is_whole(&r)))
		return PV_OK;
	bool open = n >= 0 && r.open == OPEN, spooled = open && (r.flags & SPOOLED) != 0;
	int known = n < 0 ? -1 : open ? load_content(fd, l, &r, content) : 0;
	if (known < 0)
		(void)pv_fail_errno(e, PV_TEMPORARY, "4.3.0", errno, "read the journal of mailbox %s",
				    l->path);
	if (open && known != 1)
		pv_content_free(content);
	if (known < 0)
		return PV_TEMPORARY;
	if (open && known == 0)
		pv_journal_end(fd, l, spooled);
	*open_r = known == 1;
	*j = (struct pv_journal){ .start = r.start,
				  .length = r.length,
				  .anchor = r.anchor,
				  .begun = r.begun,
				  .doubt = r.doubt,
				  .lead = r.lead,
				  .spooled = spooled,
				  .has_id = (r.flags & HAS_ID) != 0 };
	memcpy(j->id, r.id, sizeof j->id);
	return PV_OK;
}

int pv_journal_anchor(int mailbox_fd, uint64_t start, uint64_t *anchor_r, char tail[2])
{
	char bytes[PV_JOURNAL_ANCHOR];
	size_t want = start < sizeof bytes ? (size_t)start : sizeof bytes, have = 0;
	struct pv_sum sum;

	while (have < want) {
		ssize_t n = pread(mailbox_fd, bytes + have, want - have, (off_t)(start - want + have));
		if (n < 0 && errno == EINTR)
			continue;
		if (n == 0)
			errno = EIO; /* shorter than it was a moment ago */
		if (n <= 0)
			return -1;
		have += (size_t)n;
	}
	pv_sum_start(&sum);
	pv_sum_add(&sum, bytes, have);
	*anchor_r = pv_sum_finish(&sum);
	tail[0] = have >= 2 ? bytes[have - 2] : '\0';
	tail[1] = have >= 1 ? bytes[have - 1] : '\0';
	return 0;
}

/* The bytes that the journal means to stand at `offset` behind its start. */
static ssize_t planned(const struct pv_journal *j, const struct pv_content *content, char *to, size_t len,
		       uint64_t offset)
{
	if (offset >= j->lead)
		return pv_content_read(content, to, len, offset - j->lead);
	size_t n = (size_t)(j->lead - offset) < len ? (size_t)(j->lead - offset) : len;
	memset(to, '\n', n);
	return (ssize_t)n;
}

/* How many bytes from the journal's start on are as planned, up to `limit`? -1 and errno on failure. */
static int64_t matching(int mailbox_fd, const struct pv_journal *j, const struct pv_content *content,
			uint64_t limit)
{
	char ours[16384], theirs[16384];
	uint64_t at = 0;

	while (at < limit) {
		size_t want = limit - at < sizeof ours ? (size_t)(limit - at) : sizeof ours;
		ssize_t a = planned(j, content, ours, want, at);
		ssize_t b = a > 0 ? pread(mailbox_fd, theirs, (size_t)a, (off_t)(j->start + at)) : a;
		if (b < 0 && errno == EINTR)
			continue;
		if (b < 0)
			return -1;
		size_t same = 0;
		while (same < (size_t)b && ours[same] == theirs[same])
			same++;
		at += same;
		if (b == 0 || same < (size_t)b)
			break;
	}
	return (int64_t)at;
}

enum pv_class pv_journal_judge(int mailbox_fd, uint64_t size, const struct pv_journal *j,
			       const struct pv_content *content, enum pv_verdict *verdict_r,
			       struct pv_error *e)
{
	uint64_t anchor, written = size - j->start;
	char tail[2];

	*verdict_r = PV_VERDICT_NOTHING;
	if (size < j->start)
		return PV_OK;
	if (pv_journal_anchor(mailbox_fd, j->start, &anchor, tail) != 0)
		return pv_fail_errno(e, PV_TEMPORARY, "4.3.0", errno, "read a mailbox");
	if (anchor != j->anchor)
		return PV_OK;
	if (written == 0) {
		*verdict_r = PV_VERDICT_UNTOUCHED;
		return PV_OK;
	}
	uint64_t limit = written < j->length ? written : j->length;
	int64_t same = matching(mailbox_fd, j, content, limit);
	if (same < 0)
		return pv_fail_errno(e, PV_TEMPORARY, "4.3.0", errno, "read a mailbox");
	if ((uint64_t)same < limit)
		*verdict_r = PV_VERDICT_FOREIGN;
	else
		*verdict_r = written < j->length ? PV_VERDICT_TORN : PV_VERDICT_STORED;
	return PV_OK;
}
