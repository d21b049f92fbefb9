#include "mailbox/maildrop_digest.h"

#include "mailbox/maildrop_hash.h"
#include "mailbox/maildrop_walk.h"

#include <errno.h>

enum { X_UIDL_LEN = PV_UIDL_SIZE - 1 };

/* Does the line begin with this field name and a colon? */
static bool is_field(const struct pv_piece *p, const char *name)
{
	size_t len = strlen(name);

	if (p->len <= len || strncasecmp(p->s, name, len) != 0)
		return false;
	while (len < p->len && (p->s[len] == ' ' || p->s[len] == '\t'))
		len++;
	return len < p->len && p->s[len] == ':';
}

/* Is it a field that says nothing about the message itself? */
static bool is_added(const struct pv_piece *p)
{
	static const char *const names[] = { "Status", "Content-Length", "Lines", "Return-Path",
					     "Delivered-To" };

	if (p->len < 2)
		return false;
	if ((p->s[0] == 'X' || p->s[0] == 'x') && p->s[1] == '-')
		return memchr(p->s, ':', p->len) != NULL;
	if (strchr("SsCcLlRrDd", p->s[0]) == NULL)
		return false;
	for (size_t i = 0; i < sizeof names / sizeof *names; i++)
		if (is_field(p, names[i]))
			return true;
	return false;
}

/* Take the value of an X-UIDL line, if it can be a unique-id. */
static void take_x_uidl(const struct pv_piece *p, struct pv_digest *d, struct pv_buf *to)
{
	const char *colon = memchr(p->s, ':', p->len);
	const char *s = colon + 1, *stop = p->s + p->len;

	while (s < stop && (*s == ' ' || *s == '\t'))
		s++;
	while (stop > s && (stop[-1] == ' ' || stop[-1] == '\t'))
		stop--;
	if (s == stop || stop - s > X_UIDL_LEN)
		return;
	for (const char *c = s; c < stop; c++)
		if (*c < 0x21 || *c > 0x7e)
			return;
	d->x_uidl = (uint32_t)to->len + 1;
	pv_buf_add(to, s, (size_t)(stop - s));
	pv_buf_addc(to, '\0');
}

struct header {
	struct pv_hash128 hash;
	struct pv_digest *d;
	struct pv_buf *x_uidls;
	bool added; /* the field is one that does not count */
};

/* Returns whether it was the empty line at the end of the header. */
static bool add_header_line(struct header *h, const struct pv_piece *p)
{
	if (p->begins && p->ends && p->len == 0) {
		pv_hash128_add(&h->hash, "\n", 1);
		return true;
	}
	bool folded = p->len > 0 && (p->s[0] == ' ' || p->s[0] == '\t');
	if (p->begins && !folded) {
		h->added = is_added(p);
		if (h->added && h->x_uidls != NULL && h->d->x_uidl == 0 && p->ends && is_field(p, "X-UIDL"))
			take_x_uidl(p, h->d, h->x_uidls);
	}
	if (h->added)
		return false;
	pv_hash128_add(&h->hash, p->s, p->len);
	if (p->ends)
		pv_hash128_add(&h->hash, "\n", 1);
	return false;
}

/* The body, where each line is as it stands in the file. */
static int add_raw_body(struct header *h, struct pv_walk *w)
{
	struct pv_piece p;
	char last = '\n';
	int more;

	while ((more = pv_walk_raw(w, &p)) > 0) {
		pv_hash128_add(&h->hash, p.s, p.len);
		last = p.s[p.len - 1];
	}
	if (last != '\n')
		pv_hash128_add(&h->hash, "\n", 1);
	return more;
}

static int add_body(struct header *h, struct pv_walk *w)
{
	struct pv_piece p;
	int more;

	while ((more = pv_walk_next(w, &p)) > 0) {
		pv_hash128_add(&h->hash, p.s, p.len);
		if (p.ends)
			pv_hash128_add(&h->hash, "\n", 1);
	}
	return more;
}

enum pv_class pv_digest_message(int fd, const struct pv_record *r, uint64_t end, struct pv_digest *d,
				struct pv_buf *x_uidls, char *memory, struct pv_window *window,
				struct pv_error *e)
{
	struct header h = { .d = d, .x_uidls = x_uidls };
	struct pv_piece p;
	struct pv_walk w;

	*d = (struct pv_digest){ .nth = 0 };
	pv_hash128_start(&h.hash);
	int more = pv_walk_start(&w, fd, r, end, memory, window);
	while (more >= 0 && (more = pv_walk_next(&w, &p)) > 0 && !add_header_line(&h, &p))
		;
	if (more > 0)
		more = (r->flags & (PV_RECORD_CRLF | PV_RECORD_QUOTED)) == 0 ? add_raw_body(&h, &w)
									     : add_body(&h, &w);
	if (more < 0)
		return pv_fail_errno(e, PV_TEMPORARY, "4.3.0", errno, "read a message");
	pv_hash128_finish(&h.hash, d->hash);
	return x_uidls != NULL ? pv_buf_check(x_uidls, "the unique-ids of a mailbox", e) : PV_OK;
}
