#include "mailbox/plain.h"

#include "base/file.h"

#include <errno.h>
#include <unistd.h>

static const char from_line[] = "From ";
enum { FROM_LEN = sizeof from_line - 1, CHUNK = 64 * 1024 };

/* Where the bytes go: into a file, or they are only counted. Gathered, since a hostile message has many short
 * lines that are quoted. */
struct sink {
	int fd; /* -1: counted */
	uint64_t at;
	size_t gathered;
	char bytes[CHUNK];
};

static int flush(struct sink *to)
{
	size_t len = to->gathered;

	to->gathered = 0;
	if (len > 0 && pv_write_all_at(to->fd, to->bytes, len, (off_t)(to->at - len)) != 0)
		return -1;
	return 0;
}

static int put(struct sink *to, const char *data, size_t len)
{
	bool fits = to->gathered + len <= sizeof to->bytes;

	if (to->fd >= 0 && !fits && flush(to) != 0)
		return -1;
	if (to->fd >= 0 && len > sizeof to->bytes) {
		if (pv_write_all_at(to->fd, data, len, (off_t)to->at) != 0)
			return -1;
	} else if (to->fd >= 0 && len > 0) {
		memcpy(to->bytes + to->gathered, data, len);
		to->gathered += len;
	}
	to->at += len;
	return 0;
}

/* The start of a line of which not enough is known yet: some `>`, then a part of "From ". */
struct held {
	bool in_line; /* behind the part that matters */
	uint64_t greater;
	unsigned matched;
};

/* Write what was held back. quoted: it is mboxrd's, so one `>` goes. */
static int release(struct held *h, bool quoted, struct sink *to)
{
	static const char many[64] = ">>>>>>>>>>>>>>>>>>>>>>>>>>>>>>>>>>>>>>>>>>>>>>>>>>>>>>>>>>>>>>>>";

	for (uint64_t left = h->greater - (quoted ? 1 : 0); left > 0;) {
		size_t n = left < sizeof many ? (size_t)left : sizeof many;
		if (put(to, many, n) != 0)
			return -1;
		left -= n;
	}
	int r = put(to, from_line, h->matched);
	*h = (struct held){ .in_line = true };
	return r;
}

/* Go on with the start of a line. Returns how many bytes of data were taken; -1 and errno. */
static ssize_t take_start(struct held *h, const char *data, size_t len, struct sink *to)
{
	size_t i = 0;

	while (i < len && h->matched == 0 && data[i] == '>') {
		h->greater++;
		i++;
	}
	while (h->greater > 0 && i < len && h->matched < FROM_LEN && data[i] == from_line[h->matched]) {
		h->matched++;
		i++;
	}
	if (i == len && h->matched < FROM_LEN)
		return (ssize_t)i;
	return release(h, h->matched == FROM_LEN, to) == 0 ? (ssize_t)i : -1;
}

/* Pass data on; lines that begin with a `>` are looked at. */
static int unquote(struct held *h, const char *data, size_t len, struct sink *to)
{
	const char *p = data, *stop = data + len, *run = data;

	while (p < stop) {
		if (!h->in_line && (*p == '>' || h->greater > 0)) {
			if (put(to, run, (size_t)(p - run)) != 0)
				return -1;
			ssize_t n = take_start(h, p, (size_t)(stop - p), to);
			if (n < 0)
				return -1;
			run = p += n;
			continue;
		}
		const char *newline = memchr(p, '\n', (size_t)(stop - p));
		h->in_line = newline == NULL;
		p = newline != NULL ? newline + 1 : stop;
	}
	return put(to, run, (size_t)(p - run));
}

/* In memory all of it is one piece. */
static int copy_memory(const struct pv_plain *p, struct held *h, struct sink *to)
{
	return unquote(h, p->in->memory.s + p->from, (size_t)(p->to - p->from), to);
}

static int copy_file(const struct pv_plain *p, struct held *h, struct sink *to)
{
	char chunk[CHUNK];

	for (uint64_t at = p->from; at < p->to;) {
		size_t want = p->to - at < sizeof chunk ? (size_t)(p->to - at) : sizeof chunk;
		ssize_t n = pv_content_read(p->in, chunk, want, at);
		if (n < 0 && errno == EINTR)
			continue;
		if (n == 0)
			errno = EIO;
		if (n <= 0 || unquote(h, chunk, (size_t)n, to) != 0)
			return -1;
		at += (uint64_t)n;
	}
	return 0;
}

/* fd -1: count only. */
static int copy(const struct pv_plain *p, int fd, uint64_t *size_r)
{
	struct held h = { .in_line = false };
	struct sink to;

	to.fd = fd;
	to.at = to.gathered = 0;
	int r = p->in->fd < 0 ? copy_memory(p, &h, &to) : copy_file(p, &h, &to);
	if (r == 0 && h.greater > 0)
		r = release(&h, false, &to);
	*size_r = to.at;
	return r == 0 ? flush(&to) : r;
}

int pv_plain_start_at(struct pv_plain *p, const struct pv_content *c, uint64_t from, uint64_t to)
{
	*p = (struct pv_plain){ .in = c, .from = from, .to = to };
	return copy(p, -1, &p->size);
}

int pv_plain_start(struct pv_plain *p, const struct pv_content *c)
{
	/* A From_ line has a sender, of which 1,000 bytes are kept, and a date. */
	char top[2048];
	uint64_t to = c->size;

	ssize_t n = pv_content_read(c, top, sizeof top, 0);
	if (n < 0)
		return -1;
	const char *newline = memchr(top, '\n', (size_t)n);
	bool has_from = newline != NULL && n > FROM_LEN && memcmp(top, from_line, FROM_LEN) == 0;
	uint64_t from = has_from ? (uint64_t)(newline + 1 - top) : 0;
	if (to > from && pv_content_read(c, top, 1, to - 1) == 1 && top[0] == '\n')
		to--;
	return pv_plain_start_at(p, c, from, to);
}

int pv_plain_write(const struct pv_plain *p, int fd)
{
	uint64_t size;

	return copy(p, fd, &size);
}
