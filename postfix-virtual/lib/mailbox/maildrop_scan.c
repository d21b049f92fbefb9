#include "mailbox/maildrop_scan.h"

#include "base/file.h"
#include "mailbox/maildrop_hash.h"
#include "mailbox/maildrop_lines.h"
#include "mailbox/maildrop_walk.h"

#include <errno.h>

static const char from_line[] = "From ";
enum { FROM_LEN = sizeof from_line - 1, BEFORE = 64 };

/* Where a block of the file leaves the scan. */
enum state {
	LEADING,   /* in the empty lines at the start */
	DECIDING,  /* in the first bytes of a line that may be `>>From ` */
	FROM_LINE, /* in a From_ line, which is not sent */
	CONTENT,
};

struct scan {
	struct pv_records *records;
	const char *block; /* BEFORE bytes are readable before it, and are those of the file */
	uint64_t base;	   /* where the block stands in the file */
	enum state state;
	bool plain;		   /* one message: no From_ lines, no quoting */
	bool failed;		   /* out of memory */
	uint64_t begins;	   /* the content of the open message, behind its From_ line */
	uint64_t header;	   /* up to here it is known to be all header */
	bool in_body;		   /* ... and there it ends */
	uint64_t lf, crlf, quoted; /* in it so far: newlines, those behind a CR, quoted lines */
	uint64_t line;		   /* DECIDING: where the line begins */
	unsigned empty;		   /* ... how long the empty line before it is; 0: there is none */
	uint64_t greater;	   /* ... how many `>` it has */
	unsigned matched;	   /* ... and how many bytes of from_line */
};

void pv_records_free(struct pv_records *r)
{
	free(r->v);
	*r = (struct pv_records){ .v = NULL };
}

static struct pv_record *add_record(struct scan *s, uint64_t offset)
{
	struct pv_records *r = s->records;

	if (r->n == r->room) {
		size_t room = r->room == 0 ? 64 : r->room * 2;
		struct pv_record *v = reallocarray(r->v, room, sizeof *v);
		if (v == NULL) {
			s->failed = true;
			return NULL;
		}
		r->v = v;
		r->room = room;
	}
	r->v[r->n] = (struct pv_record){ .offset = offset };
	return &r->v[r->n++];
}

/* How long is the empty line that ends right before p? 0: there is none. */
static unsigned empty_before(const char *p)
{
	if (p[-1] != '\n')
		return 0;
	return p[-2] == '\n' ? 1 : p[-2] == '\r' && p[-3] == '\n' ? 2 : 0;
}

/* The open message ends before `end`, with an empty line of `empty` bytes. last: its last byte. */
static void end_message(struct scan *s, uint64_t end, unsigned empty, char last)
{
	struct pv_record *r = &s->records->v[s->records->n - 1];

	uint64_t len = end - s->begins;
	if (empty > 0 && len >= empty) {
		r->flags |= empty == 1 ? PV_RECORD_LF_END : PV_RECORD_CRLF_END;
		len -= empty;
		s->lf--;
		s->crlf -= empty == 2;
	}
	r->lines = s->lf;
	r->octets = len + (s->lf - s->crlf) - s->quoted;
	/* A missing newline at the end is sent all the same. */
	bool has_cr = last == '\r';
	if (empty == 0 && len > 0 && last != '\n') {
		r->lines++;
		r->octets += has_cr ? 1 : 2;
		s->crlf += has_cr;
	}
	r->flags |= (s->crlf > 0 ? PV_RECORD_CRLF : 0u) | (s->quoted > 0 ? PV_RECORD_QUOTED : 0u);
	s->lf = s->crlf = s->quoted = 0;
}

static uint32_t anchor_of(const char *p, size_t len)
{
	return (uint32_t)(pv_hash64(p, len) & 0xffffff);
}

/* A message begins where the line does that was decided on. */
static void begin_message(struct scan *s, const char *stop, bool has_from)
{
	if (s->records->n > 0 && s->state == DECIDING && has_from && s->begins != UINT64_MAX)
		end_message(s, s->line, s->empty, '\n');
	struct pv_record *r = add_record(s, s->line);
	if (r == NULL)
		return;
	bool here = s->line >= s->base;
	const char *p = here ? s->block + (s->line - s->base) : NULL;
	if (here && stop - p >= PV_RECORD_ANCHOR)
		r->anchor = anchor_of(p, PV_RECORD_ANCHOR);
	else
		r->flags |= PV_RECORD_LOOK;
	s->begins = s->header = s->line;
	s->in_body = false;
	if (has_from)
		r->flags |= PV_RECORD_FROM;
}

/* Is there an empty line in [p, stop)? p begins a line. */
static bool has_empty_line(const char *p, const char *stop)
{
	while (p < stop && *p != '\n' && !(*p == '\r' && stop - p > 1 && p[1] == '\n')) {
		const char *newline = memchr(p, '\n', (size_t)(stop - p));
		p = newline != NULL ? newline + 1 : stop;
	}
	return p < stop;
}

static const char status_name[] = "Status:";

/* A line that begins like a Status line, at p. Where the block does not hold it and the whole header before
 * it, it is looked at later. */
static void see_status(struct scan *s, const char *p, const char *stop)
{
	struct pv_record *r = &s->records->v[s->records->n - 1];
	size_t name = sizeof status_name - 1;

	if ((size_t)(stop - p) < name) {
		r->flags |= PV_RECORD_LOOK;
		return;
	}
	if (s->in_body || memcmp(p, status_name, name) != 0)
		return;
	const char *newline = memchr(p, '\n', (size_t)(stop - p));
	if (newline == NULL || s->header < s->base) {
		r->flags |= PV_RECORD_LOOK;
		return;
	}
	s->in_body = has_empty_line(s->block + (s->header - s->base), p);
	s->header = s->base + (uint64_t)(p - s->block);
	if (!s->in_body && memchr(p + name, 'R', (size_t)(newline - p) - name) != NULL)
		r->flags |= PV_RECORD_SEEN;
}

/* The line at p may begin a message. */
static void begin_deciding(struct scan *s, const char *p)
{
	s->line = s->base + (uint64_t)(p - s->block);
	s->empty = empty_before(p);
	s->greater = 0;
	s->matched = 0;
	s->state = DECIDING;
}

static const char *in_content(struct scan *s, const char *p, const char *stop)
{
	while (p < stop) {
		p = pv_skip_lines(p, stop, &s->lf, &s->crlf);
		if (p == stop)
			break;
		if (!s->plain && *p != 'S') {
			begin_deciding(s, p);
			break;
		}
		if (!s->plain)
			see_status(s, p, stop);
		p++; /* it is no newline */
	}
	return p;
}

/* What the line is, is known. from: it is a From_ line, quoted or not. */
static void decided(struct scan *s, bool from, const char *stop)
{
	bool first = s->begins == UINT64_MAX;

	if (from && s->greater == 0 && s->empty > 0) {
		begin_message(s, stop, true);
		s->state = FROM_LINE;
		return;
	}
	if (first)
		begin_message(s, stop, false);
	s->quoted += from && s->greater > 0;
	s->state = CONTENT;
}

static const char *in_deciding(struct scan *s, const char *p, const char *stop)
{
	while (p < stop && s->matched == 0 && *p == '>') {
		s->greater++;
		p++;
	}
	while (p < stop && s->matched < FROM_LEN && *p == from_line[s->matched]) {
		s->matched++;
		p++;
	}
	if (s->matched == FROM_LEN || p < stop)
		decided(s, s->matched == FROM_LEN, stop);
	return p;
}

static const char *in_from_line(struct scan *s, const char *p, const char *stop)
{
	const char *newline = memchr(p, '\n', (size_t)(stop - p));

	if (newline == NULL)
		return stop;
	s->begins = s->header = s->base + (uint64_t)(newline + 1 - s->block);
	s->state = CONTENT;
	return newline + 1;
}

/* Pass over empty lines. A CR is one only with its LF, which the next block may have. */
static const char *in_leading(struct scan *s, const char *p, const char *stop)
{
	while (p < stop && (*p == '\n' || (*p == '\r' && p[-1] != '\r')))
		p++;
	if (p == stop)
		return p;
	if (p[-1] == '\r')
		p--; /* it may be the byte before the block */
	begin_deciding(s, p);
	s->empty = 1;
	return p;
}

static void scan_block(struct scan *s, size_t len)
{
	const char *p = s->block, *stop = p + len;

	while (p < stop && !s->failed) {
		if (s->state == LEADING)
			p = in_leading(s, p, stop);
		else if (s->state == DECIDING)
			p = in_deciding(s, p, stop);
		else if (s->state == FROM_LINE)
			p = in_from_line(s, p, stop);
		else
			p = in_content(s, p, stop);
	}
}

/* The file ends. */
static void scan_end(struct scan *s, const char *stop)
{
	uint64_t end = s->base + (uint64_t)(stop - s->block);

	if (s->state == LEADING && stop[-1] == '\r') {
		begin_deciding(s, stop - 1);
		decided(s, false, stop);
	}
	if (s->state == DECIDING)
		decided(s, false, stop);
	if (s->state == FROM_LINE)
		s->begins = end;
	if (s->state != LEADING && !s->failed)
		end_message(s, end, s->plain || s->begins == end ? 0 : empty_before(stop), stop[-1]);
}

static enum pv_class fail_read(struct pv_error *e)
{
	return pv_fail_errno(e, PV_TEMPORARY, "4.3.0", errno, "read a mailbox");
}

enum pv_class pv_scan_anchor(int fd, uint64_t at, uint64_t end, uint32_t *anchor_r, struct pv_error *e)
{
	size_t len = end - at < PV_RECORD_ANCHOR ? (size_t)(end - at) : PV_RECORD_ANCHOR;
	char bytes[PV_RECORD_ANCHOR];

	ssize_t n = pv_read_all_at(fd, bytes, len, (off_t)at);
	if (n < 0)
		return fail_read(e);
	*anchor_r = anchor_of(bytes, (size_t)n);
	return PV_OK;
}

/* Does the header of the message say in a Status line that it was read? Returns 0, or -1 and errno. */
static int look_for_status(int fd, uint64_t end, struct pv_record *r, char *memory)
{
	size_t name = sizeof status_name - 1;
	struct pv_piece p;
	struct pv_walk w;
	int more = pv_walk_start(&w, fd, r, end, memory, NULL);

	while (more >= 0 && (more = pv_walk_next(&w, &p)) > 0 && !(p.begins && p.ends && p.len == 0))
		if (p.begins && p.len >= name && memcmp(p.s, status_name, name) == 0 &&
		    memchr(p.s + name, 'R', p.len - name) != NULL)
			r->flags |= PV_RECORD_SEEN;
	return more < 0 ? -1 : 0;
}

/* What the pass itself could not see, since a block ended there. */
static enum pv_class look_again(int fd, uint64_t to, struct pv_records *records, size_t first, char *memory,
				struct pv_error *e)
{
	for (size_t i = first; i < records->n; i++) {
		struct pv_record *r = &records->v[i];
		if ((r->flags & PV_RECORD_LOOK) == 0)
			continue;
		r->flags &= ~(unsigned)PV_RECORD_LOOK;
		uint64_t end = i + 1 < records->n ? records->v[i + 1].offset : to;
		uint32_t anchor = 0;
		enum pv_class c = pv_scan_anchor(fd, r->offset, to, &anchor, e);
		if (c != PV_OK)
			return c;
		r->anchor = anchor;
		if (look_for_status(fd, end, r, memory) != 0)
			return fail_read(e);
	}
	return PV_OK;
}

/* Scan all of it, into memory, which has room for PV_SCAN_BLOCK bytes behind the first BEFORE. */
static enum pv_class scan_file(struct scan *s, int fd, uint64_t from, uint64_t to, size_t block, char *memory,
			       struct pv_error *e)
{
	size_t len = 0;

	/* What stands before the first byte ends in an empty line. */
	memset(memory, '\n', BEFORE);
	s->block = memory + BEFORE;
	for (s->base = from; s->base + len < to;) {
		/* Two moves where the block is shorter than what is kept of it. */
		size_t keep = len < BEFORE ? len : BEFORE;
		memmove(memory, memory + keep, BEFORE - keep);
		memmove(memory + BEFORE - keep, memory + BEFORE + len - keep, keep);
		s->base += len;
		len = to - s->base < block ? (size_t)(to - s->base) : block;
		ssize_t n = pv_read_all_at(fd, memory + BEFORE, len, (off_t)s->base);
		if (n >= 0 && (size_t)n < len)
			errno = EIO; /* shorter than it was a moment ago */
		if (n < 0 || (size_t)n < len)
			return fail_read(e);
		scan_block(s, len);
	}
	scan_end(s, s->block + len);
	return s->failed ? pv_fail(e, PV_TEMPORARY, "4.3.0", "scan a mailbox: out of memory") : PV_OK;
}

enum pv_class pv_scan_mbox(int fd, uint64_t from, uint64_t to, size_t block, struct pv_records *r,
			   struct pv_error *e)
{
	struct scan s = { .records = r, .state = LEADING, .begins = UINT64_MAX };
	char *memory = malloc(BEFORE + PV_SCAN_BLOCK);
	size_t first = r->n;

	if (memory == NULL)
		return pv_fail(e, PV_TEMPORARY, "4.3.0", "scan a mailbox: out of memory");
	enum pv_class c = scan_file(&s, fd, from, to, block, memory, e);
	if (c == PV_OK)
		c = look_again(fd, to, r, first, memory, e);
	free(memory);
	return c;
}

enum pv_class pv_scan_message(int fd, uint64_t size, struct pv_record *r, struct pv_error *e)
{
	struct pv_records one = { .v = r, .n = 1, .room = 1 };
	struct scan s = { .records = &one, .state = CONTENT, .plain = true };
	char *memory = malloc(BEFORE + PV_SCAN_BLOCK);

	if (memory == NULL)
		return pv_fail(e, PV_TEMPORARY, "4.3.0", "scan a message: out of memory");
	enum pv_class c = scan_file(&s, fd, 0, size, PV_SCAN_BLOCK, memory, e);
	free(memory);
	return c;
}
