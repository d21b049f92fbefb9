#include "header.h"

void header_start(struct header *h, struct pv_content *out, header_delivered_to *delivered_to, void *ctx)
{
	*h = (struct header){ .out = out,
			      .delivered_to = delivered_to,
			      .ctx = ctx,
			      .quote = PV_MBOXRD_INIT,
			      .state = HEADER_LINE_START,
			      .line = PV_BUF_INIT(HEADER_FIELD_MAX),
			      .value = PV_BUF_INIT(HEADER_FIELD_MAX),
			      .received = PV_BUF_INIT(HEADER_FIELD_MAX),
			      .message_id = PV_BUF_INIT(HEADER_FIELD_MAX) };
}

void header_free(struct header *h)
{
	pv_buf_free(&h->line);
	pv_buf_free(&h->value);
	pv_buf_free(&h->received);
	pv_buf_free(&h->message_id);
}

static bool is_name_byte(char c)
{
	return c > 32 && c < 127 && c != ':';
}

/* Which field does this line begin? Returns false where it is no header line (RFC 5322, section 2.2).
 * *value_r is where its value begins. */
static bool field_of(const char *line, size_t len, enum header_field *field_r, size_t *value_r)
{
	static const struct {
		const char *name;
		enum header_field field;
	} known[] = { { "Return-Path", FIELD_RETURN_PATH },
		      { "Delivered-To", FIELD_DELIVERED_TO },
		      { "Received", FIELD_RECEIVED },
		      { "Message-ID", FIELD_MESSAGE_ID } };
	size_t n = 0;

	while (n < len && is_name_byte(line[n]))
		n++;
	size_t colon = n;
	while (colon < len && (line[colon] == ' ' || line[colon] == '\t'))
		colon++;
	if (n == 0 || colon == len || line[colon] != ':')
		return false;
	*field_r = FIELD_OTHER;
	*value_r = colon + 1;
	for (size_t i = 0; i < sizeof known / sizeof *known; i++)
		if (n == strlen(known[i].name) && strncasecmp(line, known[i].name, n) == 0)
			*field_r = known[i].field;
	return true;
}

/* Unfold and trim the value in place. */
static void unfold(struct pv_buf *b)
{
	size_t from = 0, to = 0;

	while (from < b->len && strchr(" \t\r\n", b->s[from]) != NULL && b->s[from] != '\0')
		from++;
	for (; from < b->len; from++)
		if (b->s[from] != '\n' && b->s[from] != '\r')
			b->s[to++] = b->s[from];
	while (to > 0 && (b->s[to - 1] == ' ' || b->s[to - 1] == '\t'))
		to--;
	pv_buf_truncate(b, to);
}

/* The field that was being read is complete. */
static enum pv_class end_field(struct header *h, struct pv_error *e)
{
	enum pv_class c = PV_OK;

	bool whole = !h->value.failed && !h->cut;
	if (whole && h->field == FIELD_DELIVERED_TO) {
		unfold(&h->value);
		c = h->delivered_to(h->ctx, h->value.s, h->value.len, e);
	} else if (whole && h->field == FIELD_RECEIVED) {
		pv_buf_add(&h->received, h->value.s, h->value.len);
	} else if (whole && h->field == FIELD_MESSAGE_ID && h->message_id.len == 0) {
		unfold(&h->value);
		pv_buf_add(&h->message_id, h->value.s, h->value.len);
	}
	h->field = FIELD_OTHER;
	return c;
}

static enum pv_class pass(struct header *h, const char *data, size_t len, struct pv_error *e)
{
	return pv_mboxrd_add(&h->quote, h->out, data, len, e);
}

/* The line begins a field, or is none. */
static enum pv_class begin_field(struct header *h, const char *line, size_t len, struct pv_error *e)
{
	size_t value = 0;

	enum pv_class c = end_field(h, e);
	if (c != PV_OK)
		return c;
	bool first = !h->any;
	h->any = true;
	if (!field_of(line, len, &h->field, &value)) {
		/* A message without any header: its text must not become one. */
		if (first) {
			h->state = HEADER_BODY;
			c = pass(h, "\n", 1, e);
		}
		return c;
	}
	/* Only a Received on top of everything names the queue file that is delivered. */
	if (h->field == FIELD_RECEIVED && !first)
		h->field = FIELD_OTHER;
	h->cut = false;
	pv_buf_reset(&h->value);
	if (h->field != FIELD_OTHER)
		pv_buf_add(&h->value, line + (h->field == FIELD_RECEIVED ? 0 : value),
			   len - (h->field == FIELD_RECEIVED ? 0 : value));
	return PV_OK;
}

/* One line of the header, its newline included if it has one. */
static enum pv_class take_line(struct header *h, const char *line, size_t len, struct pv_error *e)
{
	enum pv_class c = PV_OK;

	if (line[0] == '\n' || (line[0] == '\r' && len == 2 && line[1] == '\n')) {
		h->state = HEADER_BODY;
		c = end_field(h, e);
	} else if (h->any && (line[0] == ' ' || line[0] == '\t')) {
		if (h->field != FIELD_OTHER)
			pv_buf_add(&h->value, line, len);
	} else {
		c = begin_field(h, line, len, e);
	}
	/* There is one Return-Path, and the delivery writes it (RFC 5321, section 4.4). */
	if (c != PV_OK || h->field == FIELD_RETURN_PATH)
		return c;
	return pass(h, line, len, e);
}

/* The line is longer than is read: its beginning tells which field it is, the rest is passed on. Returns how
 * many bytes of data were taken. */
static size_t begin_long(struct header *h, const char *data, enum pv_class *c_r, struct pv_error *e)
{
	size_t take = HEADER_FIELD_MAX - h->line.len;

	pv_buf_add(&h->line, data, take);
	*c_r = pv_buf_check(&h->line, "a header line", e);
	if (*c_r == PV_OK)
		*c_r = take_line(h, h->line.s, h->line.len, e);
	pv_buf_reset(&h->line);
	h->cut = true;
	if (h->state != HEADER_BODY)
		h->state = HEADER_LONG_LINE;
	return take;
}

/* A piece of a line, with its newline if `ends`. */
static enum pv_class add_piece(struct header *h, const char *data, size_t len, bool ends, struct pv_error *e)
{
	enum pv_class c;

	if (h->state == HEADER_LONG_LINE) {
		if (ends)
			h->state = HEADER_LINE_START;
		return h->field == FIELD_RETURN_PATH ? PV_OK : pass(h, data, len, e);
	}
	if (ends && h->line.len == 0)
		return take_line(h, data, len, e);
	pv_buf_add(&h->line, data, len);
	if ((c = pv_buf_check(&h->line, "a header line", e)) != PV_OK || !ends)
		return c;
	c = take_line(h, h->line.s, h->line.len, e);
	pv_buf_reset(&h->line);
	return c;
}

enum pv_class header_add(struct header *h, const char *data, size_t len, struct pv_error *e)
{
	const char *p = data, *stop = data + len;
	enum pv_class c = PV_OK;

	h->size += len;
	while (c == PV_OK && p < stop && h->state != HEADER_BODY) {
		const char *newline = memchr(p, '\n', (size_t)(stop - p));
		size_t n = (size_t)((newline != NULL ? newline + 1 : stop) - p);
		if (h->state == HEADER_LINE_START && h->line.len + n > HEADER_FIELD_MAX)
			n = begin_long(h, p, &c, e);
		else
			c = add_piece(h, p, n, newline != NULL, e);
		p += n;
	}
	if (c == PV_OK && p < stop)
		c = pass(h, p, (size_t)(stop - p), e);
	return c;
}

enum pv_class header_finish(struct header *h, struct pv_error *e)
{
	enum pv_class c = PV_OK;

	if (h->line.len > 0)
		c = take_line(h, h->line.s, h->line.len, e);
	if (c == PV_OK && h->state != HEADER_BODY)
		c = end_field(h, e);
	if (c == PV_OK)
		c = pv_mboxrd_finish(&h->quote, h->out, e);
	/* A header that the message did not end gets its own empty line, and the message another: with one
	 * for both, GNU mailutils takes the next message for the body of this one. */
	return c == PV_OK && h->state != HEADER_BODY ? pv_content_add(h->out, "\n", 1, e) : c;
}
