#include "hop.h"

static struct slice trimmed(const char *s, const char *stop)
{
	while (s < stop && (*s == ' ' || *s == '\t'))
		s++;
	while (stop > s && (stop[-1] == ' ' || stop[-1] == '\t' || stop[-1] == '\r'))
		stop--;
	return (struct slice){ .s = s, .len = (size_t)(stop - s) };
}

/* Without the < > around it, if they are there. */
static struct slice unbracketed(struct slice a)
{
	if (a.len >= 2 && a.s[0] == '<' && a.s[a.len - 1] == '>')
		return (struct slice){ .s = a.s + 1, .len = a.len - 2 };
	return a;
}

/* If the line at *at begins with `name`, take it: the line, its value, and move on. A folded line is none of
 * local(8)'s own, and ends the reading. */
static void take(const char *message, size_t len, size_t *at, const char *name, struct slice *line,
		 struct slice *value)
{
	const char *p = message + *at, *end = message + len;
	size_t n = strlen(name);

	if (len - *at < n || strncasecmp(p, name, n) != 0)
		return;
	const char *newline = memchr(p, '\n', (size_t)(end - p));
	if (newline == NULL || (newline + 1 < end && (newline[1] == ' ' || newline[1] == '\t')))
		return;
	*line = (struct slice){ .s = p, .len = (size_t)(newline - p) };
	*value = trimmed(p + n, newline);
	*at += line->len + 1;
}

/* `sender  date` → sender: what stands before two blanks or, from other programs, before one. */
static struct slice from_sender(struct slice value)
{
	const char *stop = value.s + value.len;

	/* The date has 24 bytes: `Fri Nov 20 09:56:12 2026`. A sender may hold blanks in quotes. */
	if (value.len > 24)
		return trimmed(value.s, stop - 24);
	return value;
}

void hop_parse(const char *message, size_t len, struct hop *h)
{
	struct slice from = { .s = NULL };

	*h = (struct hop){ .length = 0 };
	take(message, len, &h->length, "From ", &h->from_line, &from);
	take(message, len, &h->length, "Return-Path:", &h->return_path, &h->sender);
	take(message, len, &h->length, "X-Original-To:", &h->original_to, &h->original);
	take(message, len, &h->length, "Delivered-To:", &h->delivered_to, &h->recipient);
	h->original = unbracketed(h->original);
	h->recipient = unbracketed(h->recipient);
	if (h->sender.s != NULL) {
		h->sender = unbracketed(h->sender);
	} else if (from.s != NULL) {
		h->sender = from_sender(from);
		if (h->sender.len == 13 && strncasecmp(h->sender.s, "MAILER-DAEMON", 13) == 0)
			h->sender.len = 0;
	}
}
