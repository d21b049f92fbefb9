#include "compose.h"

#include "loop.h"
#include "mailbox/from_line.h"

#include <errno.h>
#include <time.h>
#include <unistd.h>

enum {
	HOP_MAX = 64 * 1024,	    /* what the hop put on top is shorter */
	TOP_MAX = 16 * 1024 * 1024, /* its addresses are as long as they are */
};

/* Read up to len bytes from standard input; 0 at its end. */
static enum pv_class read_input(void *to, size_t len, size_t *got_r, struct pv_error *e)
{
	ssize_t n;

	do
		n = read(STDIN_FILENO, to, len);
	while (n < 0 && errno == EINTR);
	if (n < 0)
		return pv_fail_errno(e, PV_TEMPORARY, "4.3.0", errno, "read the message");
	*got_r = (size_t)n;
	return PV_OK;
}

enum pv_class compose_read_first(struct delivery *d, struct pv_error *e)
{
	enum pv_class c;
	size_t got;

	while (d->input.len < COMPOSE_FIRST_MAX) {
		size_t want =
			d->input.cap > d->input.len + 8192 ? d->input.cap - d->input.len - 1 : 256 * 1024;
		if (want > COMPOSE_FIRST_MAX - d->input.len)
			want = COMPOSE_FIRST_MAX - d->input.len;
		char *to = pv_buf_reserve(&d->input, want);
		if (to == NULL)
			return pv_buf_check(&d->input, "the message", e);
		if ((c = read_input(to, want, &got, e)) != PV_OK)
			return c;
		if (got == 0) {
			d->input_ended = true;
			break;
		}
		pv_buf_grew(&d->input, got);
	}
	hop_parse(d->input.s, d->input.len < HOP_MAX ? d->input.len : HOP_MAX, &d->hop);
	return PV_OK;
}

/* An address in a header line of ours: whatever it was, it stays on the line. */
static void add_address(struct pv_buf *out, const char *s, size_t len)
{
	for (size_t i = 0; i < len; i++)
		pv_buf_addc(out, (unsigned char)s[i] < ' ' || s[i] == 0x7f ? '?' : s[i]);
}

/* The From_ line, and Return-Path. */
static void add_sender(const struct hop *h, struct message *m, struct pv_buf *top)
{
	pv_from_line_add(top, h->sender.s, h->sender.len, time(NULL));
	m->return_path_at = top->len;
	pv_buf_adds(top, "Return-Path: <");
	add_address(top, h->sender.s, h->sender.len);
	pv_buf_adds(top, ">\n");
}

static enum pv_class finish_top(struct message *m, struct pv_buf *top, struct pv_error *e)
{
	enum pv_class c = pv_buf_check(top, "the header", e);

	if (c == PV_OK)
		c = pv_content_add(&m->content, top->s, top->len, e);
	pv_buf_free(top);
	return c;
}

static enum pv_class write_top(struct delivery *d, struct pv_error *e)
{
	struct pv_buf top = PV_BUF_INIT(TOP_MAX);
	const struct hop *h = &d->hop;

	add_sender(h, &d->message, &top);
	pv_buf_adds(&top, "X-Original-To: ");
	if (h->original.len > 0)
		add_address(&top, h->original.s, h->original.len);
	else
		pv_buf_adds(&top, d->recipient.address);
	pv_buf_addc(&top, '\n');
	d->message.delivered_to_at = top.len;
	pv_buf_adds(&top, "Delivered-To: ");
	pv_buf_adds(&top, d->recipient.address);
	pv_buf_addc(&top, '\n');
	return finish_top(&d->message, &top, e);
}

enum pv_class compose_filtered_top(const struct delivery *d, struct message *m, struct pv_error *e)
{
	struct pv_buf top = PV_BUF_INIT(TOP_MAX);

	add_sender(&d->hop, m, &top);
	return finish_top(m, &top, e);
}

enum pv_class compose_message(struct delivery *d, int dirfd, struct pv_error *e)
{
	enum pv_class c;
	size_t got = 1;

	message_start(&d->message, dirfd);
	header_start(&d->header, &d->message.content, loop_check, d);
	if ((c = write_top(d, e)) != PV_OK)
		return c;
	c = header_add(&d->header, d->input.s + d->hop.length, d->input.len - d->hop.length, e);
	/* The rest of a large message, piece by piece through the same memory, behind what the hop's slices
	 * point to. */
	char *piece = d->input.s + d->hop.length;
	while (c == PV_OK && !d->input_ended && got > 0) {
		c = read_input(piece, d->input.len - d->hop.length, &got, e);
		if (c == PV_OK && got > 0)
			c = header_add(&d->header, piece, got, e);
	}
	if (c == PV_OK)
		c = header_finish(&d->header, e);
	return c == PV_OK ? pv_content_finish(&d->message.content, e) : c;
}
