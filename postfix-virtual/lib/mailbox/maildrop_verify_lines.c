/* An mbox, line by line. */
#include "mailbox/maildrop_verify_parts.h"

#include "base/file.h"
#include "mailbox/from_line.h"
#include "mailbox/maildrop_walk.h"

#include <errno.h>

enum { LINE_MAX_SEEN = 4096 };

struct lines {
	const struct pv_verifying *v;
	bool started;	  /* something stood there that is no empty line */
	bool empty;	  /* the line before is, or there is none */
	bool pending;	  /* a From_ line without a date: the next line tells what it is */
	uint64_t doubt;	  /* ... it begins there */
	uint64_t nul_at;  /* where NULs began that go on */
	uint64_t nul_len; /* 0: none */
};

static void end_nuls(struct lines *l)
{
	if (l->nul_len > 0)
		pv_find(l->v, PV_FINDING_NUL, l->nul_at, l->nul_len, NULL);
	l->nul_len = 0;
}

/* The NULs of a piece that begins at `at` in the file. */
static void look_for_nuls(struct lines *l, uint64_t at, const char *s, size_t len)
{
	const char *stop = s + len, *p = s;

	/* A run goes on in the next piece of a line at most. */
	while (p < stop && (p = memchr(p, '\0', (size_t)(stop - p))) != NULL) {
		const char *end = p;
		while (end < stop && *end == '\0')
			end++;
		uint64_t begins = at + (uint64_t)(p - s);
		if (l->nul_len > 0 && l->nul_at + l->nul_len != begins)
			end_nuls(l);
		if (l->nul_len == 0)
			l->nul_at = begins;
		l->nul_len += (uint64_t)(end - p);
		p = end;
	}
}

/* A line as it will be: without NULs, where these are taken out. Longer ones count by their beginning. */
struct seen {
	struct pv_piece p;
	char s[LINE_MAX_SEEN];
};

static const struct pv_piece *see(const struct lines *l, const struct pv_piece *p, struct seen *out)
{
	if (!l->v->o->remove_nuls || memchr(p->s, '\0', p->len) == NULL)
		return p;
	out->p = *p;
	out->p.s = out->s;
	out->p.len = 0;
	for (size_t i = 0; i < p->len && out->p.len < sizeof out->s; i++)
		if (p->s[i] != '\0')
			out->s[out->p.len++] = p->s[i];
	return &out->p;
}

/* An empty line, or NAME: what comes behind a From_ line. */
static bool is_header_line(const struct pv_piece *p)
{
	size_t n = 0;

	while (n < p->len && (unsigned char)p->s[n] > ' ' && p->s[n] != ':' && p->s[n] != 0x7f)
		n++;
	return p->len == 0 || (n > 0 && n < p->len && p->s[n] == ':');
}

static void settle(struct lines *l, const struct pv_piece *next)
{
	if (l->pending)
		pv_find(l->v,
			next != NULL && !is_header_line(next) ? PV_FINDING_DOUBTFUL : PV_FINDING_NO_DATE,
			l->doubt, 0, NULL);
	l->pending = false;
}

/* It begins a message, or may. */
static void look_at_from_line(struct lines *l, uint64_t at, const struct pv_piece *p, bool crlf)
{
	bool dated = p->ends && pv_from_line_parse(p->s, p->len, NULL);

	/* Nothing can be doubted about the first one. */
	if (!dated && !l->started)
		pv_find(l->v, PV_FINDING_NO_DATE, at, 0, NULL);
	l->pending = !dated && l->started;
	l->doubt = at;
	if (crlf)
		pv_find(l->v, PV_FINDING_CRLF_FROM, at, 0, NULL);
}

/* A line begins at `at`. crlf: it ends so. */
static void look_at_line(struct lines *l, uint64_t at, const struct pv_piece *as_it_stands, bool crlf)
{
	struct seen seen;
	const struct pv_piece *p = see(l, as_it_stands, &seen);
	bool from = p->len >= 5 && memcmp(p->s, "From ", 5) == 0;
	bool empty = p->ends && p->len == 0;

	end_nuls(l);
	settle(l, p);
	if (!l->started && !empty && !from)
		pv_find(l->v, PV_FINDING_NO_FROM, at, 0, NULL);
	if (from && l->started && !l->empty)
		pv_find(l->v, PV_FINDING_UNQUOTED, at, 0, NULL);
	else if (from)
		look_at_from_line(l, at, p, crlf);
	l->started = l->started || !empty;
	l->empty = empty;
}

static uint64_t walk_at(const struct pv_walk *w)
{
	return w->at - (w->to - w->from);
}

static int go_through(struct lines *l, int fd, uint64_t size, char *memory)
{
	const struct pv_record all = { .offset = 0 };
	struct pv_piece p;
	struct pv_walk w;

	int more = pv_walk_start(&w, fd, &all, size, memory, NULL);
	for (uint64_t at = 0; more >= 0 && (more = pv_walk_next(&w, &p)) > 0; at = walk_at(&w)) {
		if (p.begins)
			look_at_line(l, at, &p, p.ends && walk_at(&w) - at == p.len + 2);
		look_for_nuls(l, at, p.s, p.len);
	}
	settle(l, NULL);
	end_nuls(l);
	return more;
}

int pv_verify_lines(const struct pv_verifying *v, int fd, uint64_t size)
{
	struct lines l = { .v = v, .empty = true };
	char *memory = malloc(PV_SCAN_BLOCK), last = '\n';

	int r = memory != NULL ? go_through(&l, fd, size, memory) : -1;
	int err = errno;
	free(memory);
	errno = err;
	if (r == 0 && size > 0 && pv_read_all_at(fd, &last, 1, (off_t)size - 1) != 1)
		r = -1;
	if (r == 0 && last != '\n')
		pv_find(v, PV_FINDING_NO_NEWLINE, size, 0, NULL);
	return r;
}
