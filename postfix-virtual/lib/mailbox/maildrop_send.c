#include "mailbox/maildrop_parts.h"
#include "mailbox/maildrop_walk.h"

#include <errno.h>

enum { OUT = 128 * 1024 };

/* What goes to the sink, in large pieces. */
struct out {
	pv_maildrop_sink *sink;
	void *ctx;
	char *memory; /* OUT bytes */
	size_t len;
	uint64_t octets; /* put so far, the dots that are stuffed in aside */
};

static enum pv_class flush(struct out *o, struct pv_error *e)
{
	enum pv_class c = o->len > 0 ? o->sink(o->ctx, o->memory, o->len, e) : PV_OK;

	o->len = 0;
	return c;
}

/* One line, or a piece of one (RFC 1939, section 3). */
static enum pv_class put(struct out *o, const struct pv_piece *p, struct pv_error *e)
{
	enum pv_class c = PV_OK;

	if (o->len + p->len + 3 > OUT && (c = flush(o, e)) != PV_OK)
		return c;
	if (p->begins && p->len > 0 && p->s[0] == '.')
		o->memory[o->len++] = '.';
	if (p->len > OUT - 3) {
		if ((c = flush(o, e)) == PV_OK)
			c = o->sink(o->ctx, p->s, p->len, e);
	} else {
		memcpy(o->memory + o->len, p->s, p->len);
		o->len += p->len;
	}
	o->octets += p->len;
	if (p->ends) {
		o->memory[o->len++] = '\r';
		o->memory[o->len++] = '\n';
		o->octets += 2;
	}
	return c;
}

/* Put the header and `body_lines` lines. *whole_r: that was all there is. */
static enum pv_class put_message(struct pv_walk *w, uint64_t body_lines, struct out *o, bool *whole_r,
				 struct pv_error *e)
{
	bool in_body = false;
	struct pv_piece p;
	int more;

	*whole_r = false;
	while ((more = pv_walk_next(w, &p)) > 0) {
		if (in_body && p.begins && body_lines-- == 0)
			return flush(o, e);
		enum pv_class c = put(o, &p, e);
		if (c != PV_OK)
			return c;
		in_body = in_body || (p.begins && p.ends && p.len == 0);
	}
	if (more < 0)
		return pv_fail_errno(e, PV_TEMPORARY, "4.3.0", errno, "read a message");
	*whole_r = true;
	return flush(o, e);
}

enum pv_class pv_maildrop_send(struct pv_maildrop *m, size_t i, uint64_t body_lines, pv_maildrop_sink *sink,
			       void *ctx, struct pv_error *e)
{
	struct out o = { .sink = sink, .ctx = ctx };
	struct pv_source source;
	struct pv_walk w;
	bool whole;

	if (m->broken)
		return pv_maildrop_break(m, e);
	enum pv_class c = pv_maildrop_need_block(m, e);
	if (c != PV_OK || (c = pv_source_open(m, i, &source, e)) != PV_OK)
		return c;
	o.memory = m->block + PV_SCAN_BLOCK;
	if (pv_walk_start(&w, source.fd, source.r, source.end, m->block, NULL) != 0)
		c = pv_fail_errno(e, PV_TEMPORARY, "4.3.0", errno, "read a message");
	else
		c = put_message(&w, body_lines, &o, &whole, e);
	/* The client was told another size: somebody has written into the message. */
	if (c == PV_OK && whole && o.octets != source.r->octets)
		c = pv_maildrop_break(m, e);
	pv_source_close(&source);
	return c;
}
