#include "mailbox/maildrop_walk.h"

#include "base/file.h"

#include <errno.h>

static const char from_line[] = "From ";
enum { FROM_LEN = sizeof from_line - 1, SMALL = 4096 };

/* Fill memory behind what is left in it. Returns false and errno where the file is shorter than it was. */
static bool refill(struct pv_walk *w)
{
	memmove(w->memory, w->memory + w->from, w->to - w->from);
	w->to -= w->from;
	w->from = 0;
	size_t room = PV_SCAN_BLOCK - w->to;
	size_t want = w->end - w->at < room ? (size_t)(w->end - w->at) : room;
	ssize_t n = pv_read_all_at(w->fd, w->memory + w->to, want, (off_t)w->at);
	if (n >= 0 && (size_t)n < want)
		errno = EIO;
	if (n < 0 || (size_t)n < want)
		return false;
	w->at += want;
	w->to += want;
	return true;
}

static bool skip_from_line(struct pv_walk *w)
{
	for (;;) {
		const char *newline = memchr(w->memory + w->from, '\n', w->to - w->from);
		w->from = newline != NULL ? (size_t)(newline + 1 - w->memory) : w->to;
		if (newline != NULL || w->at == w->end)
			return true;
		if (!refill(w))
			return false;
	}
}

/* See to it that all of a message is in the window; false and errno: the file is shorter than it was. */
static bool look_at(struct pv_window *window, int fd, const struct pv_record *r, uint64_t end, char *memory)
{
	if (window->len > 0 && r->offset >= window->base && end <= window->base + window->len)
		return true;
	ssize_t n = pv_read_all_at(fd, memory, PV_SCAN_BLOCK, (off_t)r->offset);
	*window = (struct pv_window){ .base = r->offset, .len = n > 0 ? (size_t)n : 0 };
	if (n >= 0 && (uint64_t)n < end - r->offset)
		errno = EIO;
	return n >= 0 && (uint64_t)n >= end - r->offset;
}

/* Take the bytes of the message from where they are, or read them. */
static bool fill(struct pv_walk *w, const struct pv_record *r, uint64_t end, struct pv_window *window)
{
	if (window != NULL && end - r->offset <= PV_SCAN_BLOCK) {
		if (!look_at(window, w->fd, r, end, w->memory))
			return false;
		w->from = (size_t)(r->offset - window->base);
		w->to = (size_t)(w->end - window->base);
		w->at = w->end;
		return true;
	}
	if (window != NULL)
		window->len = 0;
	return refill(w);
}

int pv_walk_start(struct pv_walk *w, int fd, const struct pv_record *r, uint64_t end, char *memory,
		  struct pv_window *window)
{
	*w = (struct pv_walk){ .fd = fd, .at = r->offset, .end = end, .memory = memory };
	w->quoted = (r->flags & PV_RECORD_QUOTED) != 0;
	unsigned empty = (r->flags & PV_RECORD_LF_END) != 0	? 1
			 : (r->flags & PV_RECORD_CRLF_END) != 0 ? 2
								: 0;
	if (end - r->offset >= empty)
		w->end -= empty;
	return fill(w, r, end, window) && ((r->flags & PV_RECORD_FROM) == 0 || skip_from_line(w)) ? 0 : -1;
}

/* A line of nothing but `>` to the end of memory: what comes behind them? 1: `From `; 0; -1 and errno. */
static int is_quoted_behind(const struct pv_walk *w, size_t matched)
{
	char bytes[SMALL];
	uint64_t at = w->at;

	while (at < w->end) {
		size_t want = w->end - at < sizeof bytes ? (size_t)(w->end - at) : sizeof bytes;
		ssize_t n = pv_read_all_at(w->fd, bytes, want, (off_t)at);
		if (n <= 0)
			return n < 0 ? -1 : 0;
		for (ssize_t i = 0; i < n; i++) {
			if (matched == 0 && bytes[i] == '>')
				continue;
			if (bytes[i] != from_line[matched])
				return 0;
			if (++matched == FROM_LEN)
				return 1;
		}
		at += (uint64_t)n;
	}
	return 0;
}

/* Does the line at p, `len` bytes of which are in memory, begin with `>From `, `>>From ` ...? -1 and errno.
 */
static int is_quoted(const struct pv_walk *w, const char *p, size_t len, bool whole)
{
	size_t i = 0;

	while (i < len && p[i] == '>')
		i++;
	size_t have = len - i < FROM_LEN ? len - i : FROM_LEN;
	if (i == 0 || memcmp(p + i, from_line, have) != 0)
		return 0;
	return have == FROM_LEN ? 1 : whole ? 0 : is_quoted_behind(w, have);
}

int pv_walk_next(struct pv_walk *w, struct pv_piece *p)
{
	const char *newline = memchr(w->memory + w->from, '\n', w->to - w->from);

	if (newline == NULL && w->at < w->end) {
		size_t seen = w->to - w->from;
		if (!refill(w))
			return -1;
		newline = memchr(w->memory + seen, '\n', w->to - seen);
	}
	const char *s = w->memory + w->from;
	size_t len = newline != NULL ? (size_t)(newline - s) : w->to - w->from;
	if (newline == NULL && len == 0 && !w->in_line)
		return 0;
	p->begins = !w->in_line;
	p->ends = newline != NULL || w->at == w->end;
	w->from += len + (newline != NULL);
	if (p->begins && w->quoted && len > 0 && *s == '>') {
		int quoted = is_quoted(w, s, len, p->ends);
		if (quoted < 0)
			return -1;
		s += quoted;
		len -= (size_t)quoted;
	}
	/* A CR belongs to the line's end; at the end of a piece nobody knows yet. */
	if (len > 0 && s[len - 1] == '\r') {
		len--;
		w->from -= !p->ends;
	}
	p->s = s;
	p->len = len;
	w->in_line = !p->ends;
	return 1;
}

int pv_walk_raw(struct pv_walk *w, struct pv_piece *p)
{
	if (w->from == w->to && w->at < w->end && !refill(w))
		return -1;
	*p = (struct pv_piece){ .s = w->memory + w->from, .len = w->to - w->from };
	w->from = w->to;
	return p->len > 0;
}
