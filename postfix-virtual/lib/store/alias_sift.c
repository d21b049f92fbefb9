/* A large file of aliases, through a window: whether a name has an entry in it, and the lines around that. */
#include "store/alias_lines.h"
#include "store/alias_scan.h"

#include "base/file.h"

#include <errno.h>
#include <unistd.h>

enum {
	WINDOW = 32 * 1024,
	LOOKS_MAX = 4, /* what so many looks cost, to hold it and look at all costs too */
};

/* The window begins where an entry surely begins, so that what stands above another one is in it. */
struct sift {
	struct pv_alias_file *f;
	const char *name; /* folded */
	size_t len;
	off_t at;	/* where the window lies in the file */
	unsigned lines; /* in front of it */
	size_t used;	/* bytes in it */
	size_t judged;	/* of them, lines that were looked at */
	bool ended;	/* it reaches to the file's end */
	bool unsure;	/* only all of the file can tell */
	char *window;
};

/* What somebody writes anew in place says nothing of what will be in it. */
static enum pv_class check_length(const struct pv_alias_file *f, off_t seen, struct pv_error *e)
{
	return seen >= f->size
		       ? PV_OK
		       : pv_fail(e, PV_TEMPORARY, "4.3.0", "%s became shorter while it was read", f->file);
}

/* Read on. A NUL is somebody else's to judge. */
static enum pv_class fill(struct sift *s, struct pv_error *e)
{
	ssize_t n = pv_read_all_at(s->f->fd, s->window + s->used, WINDOW - s->used, s->at + (off_t)s->used);

	if (n < 0)
		return pv_fail_errno(e, pv_errno_class(errno), "4.3.0", errno, "read %s", s->f->file);
	s->ended = (size_t)n < WINDOW - s->used;
	s->unsure = s->unsure || memchr(s->window + s->used, '\0', (size_t)n) != NULL;
	s->used += (size_t)n;
	s->window[s->used] = '\0';
	return s->ended ? check_length(s->f, s->at + (off_t)s->used, e) : PV_OK;
}

/* The last beginning of a line in front of `before` at which an entry surely begins; 0: there is none, or the
 * window's own. */
static size_t last_entry(const struct sift *s, size_t before)
{
	while (before > 0) {
		const char *newline = memrchr(s->window, '\n', before - 1);
		before = newline != NULL ? (size_t)(newline + 1 - s->window) : 0;
		if (before > 0 && pv_alias_is_entry(s->window, before))
			break;
	}
	return before;
}

/* The first such behind `at`; `end`: there is none up to there. */
static size_t next_entry(const struct sift *s, size_t at, size_t end)
{
	const char *newline;

	while (at < end && (newline = memchr(s->window + at, '\n', end - at)) != NULL) {
		at = (size_t)(newline + 1 - s->window);
		if (at < end && pv_alias_is_entry(s->window, at))
			return at;
	}
	return end;
}

/* Keep the lines around it, as long as the file: words of an entry lie in them. */
static void take(struct sift *s, const struct pv_buf *window, size_t at)
{
	struct pv_alias_file *f = s->f;
	size_t from = at > 0 ? last_entry(s, at) : 0, len = next_entry(s, at, window->len) - from;
	char *copy = f->text.len == 0 ? pv_arena_zalloc(&f->strings, len + 1) : NULL;

	if (copy == NULL) { /* a second one, or no memory */
		s->unsure = true;
		return;
	}
	memcpy(copy, s->window + from, len);
	f->text = (struct pv_buf){ .s = copy, .len = len, .cap = len + 1, .max = len, .lent = copy };
	f->lines_before = s->lines + pv_alias_lines_count(window, 0, from);
}

/* Look at the lines in front of `end`. */
static void judge(struct sift *s, size_t end)
{
	const struct pv_buf window = { .s = s->window, .len = end };
	struct pv_alias_lines lines;
	size_t at;

	pv_alias_lines_start(&lines, &window, s->name[0]);
	lines.at = s->judged;
	while (!s->unsure && pv_alias_lines_next(&lines, &at))
		if (pv_alias_may_be(&window, at, s->name, s->len))
			take(s, &window, at);
	s->judged = end;
}

/* Move the window on to `to`. */
static void move(struct sift *s, size_t to)
{
	const struct pv_buf window = { .s = s->window, .len = to };

	s->lines += pv_alias_lines_count(&window, 0, to);
	s->at += (off_t)to;
	s->used -= to;
	s->judged -= to;
	memmove(s->window, s->window + to, s->used + 1);
}

static enum pv_class look_through(struct sift *s, struct pv_error *e)
{
	for (;;) {
		enum pv_class c = fill(s, e);
		if (c != PV_OK || s->unsure)
			return c;
		if (s->ended) {
			judge(s, s->used);
			return PV_OK;
		}
		/* What begins last may go on behind the window; the one in front of it is kept, since its
		 * lines may be the next one's. */
		size_t end = last_entry(s, s->used), keep = last_entry(s, end);
		if (keep < WINDOW / 2) {
			s->unsure = true;
			return PV_OK;
		}
		judge(s, end);
		move(s, keep);
	}
}

static void forget(struct pv_alias_file *f)
{
	f->text = (struct pv_buf)PV_BUF_INIT(PV_ALIAS_FILE_MAX);
	f->lines_before = 0;
}

enum pv_class pv_alias_hold(struct pv_alias_file *f, struct pv_error *e)
{
	forget(f);
	if (f->size >= 0 && (size_t)f->size < PV_ALIAS_FILE_MAX)
		(void)pv_buf_reserve(&f->text, (size_t)f->size + 4096);
	enum pv_class c = pv_file_read(f->fd, f->file, &f->text, e);
	if (c == PV_OK)
		c = check_length(f, (off_t)f->text.len, e);
	if (c != PV_OK)
		return c;
	(void)close(f->fd);
	f->in_pieces = false;
	return PV_OK;
}

enum pv_class pv_alias_sift(struct pv_alias_file *f, const char *name, size_t len, struct pv_error *e)
{
	char window[WINDOW + 1];
	struct sift s = { .f = f, .name = name, .len = len, .window = window };

	if (++f->looks > LOOKS_MAX || f->size > (off_t)PV_ALIAS_FILE_MAX)
		return pv_alias_hold(f, e);
	forget(f);
	enum pv_class c = look_through(&s, e);
	return c == PV_OK && s.unsure ? pv_alias_hold(f, e) : c;
}
