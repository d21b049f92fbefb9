#include "mailbox/mboxrd.h"

static const char from_line[] = "From ";
enum { FROM_LEN = sizeof from_line - 1 };

/* Write the held back start of a line: some `>`, then a part of "From ". */
static enum pv_class release(struct pv_mboxrd *q, struct pv_content *out, struct pv_error *e)
{
	static const char many[64] = ">>>>>>>>>>>>>>>>>>>>>>>>>>>>>>>>>>>>>>>>>>>>>>>>>>>>>>>>>>>>>>>>";
	enum pv_class c = PV_OK;

	while (c == PV_OK && q->greater > 0) {
		size_t n = q->greater < sizeof many ? (size_t)q->greater : sizeof many;
		c = pv_content_add(out, many, n, e);
		q->greater -= n;
		q->last = '>';
	}
	if (c == PV_OK && q->matched > 0) {
		c = pv_content_add(out, from_line, q->matched, e);
		q->last = (unsigned char)from_line[q->matched - 1];
	}
	q->matched = 0;
	return c;
}

/* Go on with a line whose start lay in earlier pieces. Returns how many bytes of data were taken. */
static size_t go_on(struct pv_mboxrd *q, struct pv_content *out, const char *data, size_t len,
		    enum pv_class *c_r, struct pv_error *e)
{
	size_t i = 0;

	while (i < len && q->matched == 0 && data[i] == '>') {
		q->greater++;
		i++;
	}
	while (i < len && q->matched < FROM_LEN && data[i] == from_line[q->matched]) {
		q->matched++;
		i++;
	}
	if (q->matched < FROM_LEN && i == len)
		return i;
	q->in_line = true;
	if (q->matched == FROM_LEN)
		q->greater++;
	*c_r = release(q, out, e);
	return i;
}

/* A line starts at p. Does it need a `>`? Returns false where the piece is too short to tell. */
static bool decide(const char *p, const char *stop, bool *quote_r)
{
	while (p < stop && *p == '>')
		p++;
	size_t n = (size_t)(stop - p) < FROM_LEN ? (size_t)(stop - p) : FROM_LEN;
	bool match = memcmp(p, from_line, n) == 0;

	*quote_r = match && n == FROM_LEN;
	return !match || n == FROM_LEN;
}

enum pv_class pv_mboxrd_add(struct pv_mboxrd *q, struct pv_content *out, const char *data, size_t len,
			    struct pv_error *e)
{
	const char *stop = data + len, *run = data, *p = data;
	enum pv_class c = PV_OK;

	if (!q->in_line && (q->greater > 0 || q->matched > 0)) {
		p = run = data + go_on(q, out, data, len, &c, e);
		if (c != PV_OK || !q->in_line)
			return c;
	}
	while (p < stop) {
		if (!q->in_line && (*p == '>' || *p == 'F')) {
			bool quote;
			if (!decide(p, stop, &quote))
				break;
			if (quote) {
				if ((c = pv_content_add(out, run, (size_t)(p - run), e)) != PV_OK ||
				    (c = pv_content_add(out, ">", 1, e)) != PV_OK)
					return c;
				run = p;
			}
		}
		const char *newline = memchr(p, '\n', (size_t)(stop - p));
		q->in_line = newline == NULL;
		p = newline != NULL ? newline + 1 : stop;
	}
	if (p > run) {
		if ((c = pv_content_add(out, run, (size_t)(p - run), e)) != PV_OK)
			return c;
		q->last = (unsigned char)p[-1];
	}
	/* What is left is a start that may become `>>From `. */
	(void)go_on(q, out, p, (size_t)(stop - p), &c, e);
	return c;
}

enum pv_class pv_mboxrd_finish(struct pv_mboxrd *q, struct pv_content *out, struct pv_error *e)
{
	enum pv_class c = release(q, out, e);

	if (c == PV_OK && q->last != '\n' && q->last >= 0)
		c = pv_content_add(out, "\n", 1, e);
	return c == PV_OK ? pv_content_add(out, "\n", 1, e) : c;
}
