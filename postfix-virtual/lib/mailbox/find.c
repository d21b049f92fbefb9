#include "mailbox/find.h"

#include <errno.h>
#include <unistd.h>

/* Lines of a file or of a content, read in blocks. A line longer than the buffer comes in pieces. */
struct reader {
	int fd; /* -1: of content */
	const struct pv_content *content;
	uint64_t at, size; /* the next byte to read into buf; the end */
	size_t from, to;   /* what is left in buf */
	bool failed;
	char buf[8192];
};

static void reader_start(struct reader *r, int fd, const struct pv_content *c, uint64_t at, uint64_t size)
{
	r->fd = fd;
	r->content = c;
	r->at = at;
	r->size = size;
	r->from = r->to = 0;
	r->failed = false;
}

static void refill(struct reader *r)
{
	memmove(r->buf, r->buf + r->from, r->to - r->from);
	r->to -= r->from;
	r->from = 0;
	while (r->to < sizeof r->buf && r->at < r->size) {
		size_t want = sizeof r->buf - r->to;
		if (want > r->size - r->at)
			want = (size_t)(r->size - r->at);
		ssize_t n = r->fd >= 0 ? pread(r->fd, r->buf + r->to, want, (off_t)r->at)
				       : pv_content_read(r->content, r->buf + r->to, want, r->at);
		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0) {
			r->failed = n < 0;
			r->size = r->at;
			break;
		}
		r->at += (uint64_t)n;
		r->to += (size_t)n;
	}
}

/* The next line, its newline included, or a piece of a long one. Returns its length; 0 at the end. */
static size_t next_line(struct reader *r, const char **line_r)
{
	char *newline = memchr(r->buf + r->from, '\n', r->to - r->from);

	if (newline == NULL) {
		refill(r);
		newline = memchr(r->buf, '\n', r->to);
	}
	*line_r = r->buf + r->from;
	size_t len = newline != NULL ? (size_t)(newline + 1 - *line_r) : r->to - r->from;
	r->from += len;
	return len;
}

/* Where the line that next_line() gave last begins. */
static uint64_t line_offset(const struct reader *r, size_t len)
{
	return r->at - (r->to - r->from) - len;
}

static bool is_empty_line(const char *line, size_t len)
{
	/* The analyzer does not see that refill() filled what next_line() gives. */
	return len == 1 && line[0] == '\n'; /* NOLINT(clang-analyzer-core.UndefinedBinaryOperatorResult) */
}

static bool is_from_line(const char *line, size_t len)
{
	return len >= 5 && memcmp(line, "From ", 5) == 0;
}

/* Compare the rest of both, behind equal headers, up to the empty lines at the end of the message. */
static bool same_body(struct reader *ours, struct reader *theirs)
{
	const char *a, *b;

	for (;;) {
		size_t la = next_line(ours, &a), lb = next_line(theirs, &b);
		if (la == 0) {
			while (is_empty_line(b, lb))
				lb = next_line(theirs, &b);
			return lb == 0 || is_from_line(b, lb);
		}
		if (la == lb && memcmp(a, b, la) == 0)
			continue;
		/* Ours may end in one empty line more than theirs. */
		return is_empty_line(a, la) && next_line(ours, &a) == 0 && (lb == 0 || is_from_line(b, lb));
	}
}

/* Does the message at theirs's position, behind its From_ line, equal ours? Header lines of theirs that ours
 * has not are passed over.
 */
static bool same_message(struct reader *ours, struct reader *theirs)
{
	const char *a, *b;
	size_t la, lb;

	do {
		if ((la = next_line(ours, &a)) == 0)
			return false;
		do {
			if ((lb = next_line(theirs, &b)) == 0 ||
			    (is_empty_line(b, lb) && !is_empty_line(a, la)))
				return false;
		} while (la != lb || memcmp(a, b, la) != 0);
	} while (!is_empty_line(a, la));
	return same_body(ours, theirs);
}

enum pv_class pv_find_message(int mailbox_fd, uint64_t size, const struct pv_content *content, bool *found_r,
			      struct pv_error *e)
{
	struct reader all, theirs, ours;
	const char *line;
	bool at_start = true; /* of a line */
	size_t len;

	*found_r = false;
	reader_start(&ours, -1, content, 0, content->size);
	size_t first = next_line(&ours, &line);
	if (!is_from_line(line, first) || line[first - 1] != '\n')
		return PV_OK;
	reader_start(&all, mailbox_fd, NULL, 0, size);
	while (!*found_r && (len = next_line(&all, &line)) > 0) {
		bool from = at_start && is_from_line(line, len) && line[len - 1] == '\n';
		at_start = line[len - 1] == '\n';
		if (!from)
			continue;
		reader_start(&theirs, mailbox_fd, NULL, line_offset(&all, 0), size);
		reader_start(&ours, -1, content, first, content->size);
		*found_r = same_message(&ours, &theirs);
		if (theirs.failed || ours.failed)
			all.failed = true;
	}
	if (all.failed)
		return pv_fail_errno(e, PV_TEMPORARY, "4.3.0", errno, "read a mailbox");
	return PV_OK;
}
