/*
 * maildrop_world.h: what the tests of the maildrop share: mailboxes, sessions with them, and a model of an
 * mbox that is written as simply as it can be.
 */
#ifndef PV_TEST_MAILDROP_WORLD_H
#define PV_TEST_MAILDROP_WORLD_H

#include "scratch.h"

#include "mailbox/maildrop.h"

enum { TEXT_MAX = 1 << 20, MODEL_MAX = 4096 };

struct text {
	char *s;
	size_t len, room;
};

static inline void text_add(struct text *t, const void *data, size_t len)
{
	/* Not by malloc(), which a test may let fail, and as which a compiler may call realloc(). */
	if (t->s == NULL)
		t->s = strdup("");
	assert_non_null(t->s);
	if (t->len + len + 1 > t->room) {
		t->room = (t->len + len + 1) * 2;
		t->s = realloc(t->s, t->room);
		assert_non_null(t->s);
	}
	if (len > 0)
		memcpy(t->s + t->len, data, len);
	t->len += len;
	t->s[t->len] = '\0';
}

static inline void text_free(struct text *t)
{
	free(t->s);
	*t = (struct text){ .s = NULL };
}

static inline struct pv_location box_location(const struct scratch *s, const char *name)
{
	static char path[600];

	(void)snprintf(path, sizeof path, "%s/%s", s->path, name);
	return (struct pv_location){ .dirfd = s->fd, .path = path, .name = strrchr(path, '/') + 1 };
}

static inline void read_file(const struct scratch *s, const char *name, struct text *out)
{
	char block[65536];
	ssize_t n;
	int fd = openat(s->fd, name, O_RDONLY | O_CLOEXEC);

	out->len = 0;
	text_add(out, "", 0);
	if (fd < 0)
		return;
	while ((n = read(fd, block, sizeof block)) > 0)
		text_add(out, block, (size_t)n);
	(void)close(fd);
}

/* --- the model --- */

struct model_message {
	size_t from, to;  /* in the file, all of it */
	struct text wire; /* as it is sent, without stuffing */
	uint64_t lines;
	bool seen; /* its Status has an R */
};

struct model {
	struct model_message v[MODEL_MAX];
	size_t n;
};

static inline size_t model_line(const char *s, size_t at, size_t len)
{
	const char *newline = memchr(s + at, '\n', len - at);

	return newline != NULL ? (size_t)(newline - s) + 1 : len;
}

static inline bool model_is_empty(const char *s, size_t from, size_t to)
{
	return (to - from == 1 && s[from] == '\n') ||
	       (to - from == 2 && s[from] == '\r' && s[from + 1] == '\n');
}

static inline bool model_is_from(const char *s, size_t from, size_t to)
{
	return to - from >= 5 && memcmp(s + from, "From ", 5) == 0;
}

/* What of the file the message's lines are, and how they are sent. */
static inline void model_send(const char *s, struct model_message *m, bool has_from)
{
	size_t at = has_from ? model_line(s, m->from, m->to) : m->from, to = m->to;
	size_t last = at;

	for (size_t line = at; line < to; line = model_line(s, line, to))
		last = line;
	if (at < to && model_is_empty(s, last, to))
		to = last;
	bool header = true;
	for (size_t next; at < to; at = next) {
		next = model_line(s, at, to);
		header = header && !model_is_empty(s, at, next);
		m->seen = m->seen || (header && next - at > 7 && memcmp(s + at, "Status:", 7) == 0 &&
				      memchr(s + at + 7, 'R', next - at - 7) != NULL);
		size_t from = at, end = next;
		size_t greater = 0;
		while (from + greater < end && s[from + greater] == '>')
			greater++;
		if (greater > 0 && model_is_from(s, from + greater, end))
			from++;
		if (end > from && s[end - 1] == '\n')
			end--;
		if (end > from && s[end - 1] == '\r')
			end--;
		text_add(&m->wire, s + from, end - from);
		text_add(&m->wire, "\r\n", 2);
		m->lines++;
	}
}

static inline void model_parse(const char *s, size_t len, struct model *m)
{
	bool empty = true;
	size_t at = 0;

	m->n = 0;
	while (at < len && model_is_empty(s, at, model_line(s, at, len)))
		at = model_line(s, at, len);
	for (size_t next; at < len; at = next) {
		next = model_line(s, at, len);
		if (m->n == 0 || (empty && model_is_from(s, at, next))) {
			assert_true(m->n < MODEL_MAX);
			m->v[m->n++] = (struct model_message){ .from = at };
		}
		m->v[m->n - 1].to = next;
		empty = model_is_empty(s, at, next);
	}
	for (size_t i = 0; i < m->n; i++)
		model_send(s, &m->v[i], model_is_from(s, m->v[i].from, m->v[i].to));
}

static inline void model_free(struct model *m)
{
	for (size_t i = 0; i < m->n; i++)
		text_free(&m->v[i].wire);
	m->n = 0;
}

/* --- sessions --- */

static inline enum pv_class box_try(const struct pv_location *l, struct pv_maildrop **m, struct pv_error *e)
{
	const struct pv_maildrop_options o = { .uid = geteuid(), .lock_deadline_ms = 100 };

	return pv_maildrop_open(l, &o, m, e);
}

static inline struct pv_maildrop *box_open(const struct pv_location *l)
{
	struct pv_maildrop *m = NULL;
	struct pv_error e = { .text = "" };

	if (box_try(l, &m, &e) != PV_OK)
		fail_msg("open: %s", e.text);
	return m;
}

static inline enum pv_class into_text(void *ctx, const char *data, size_t len, struct pv_error *e)
{
	(void)e;
	text_add(ctx, data, len);
	return PV_OK;
}

static inline void must(enum pv_class c, const struct pv_error *e)
{
	if (c != PV_OK)
		fail_msg("%s", e->text);
}

/* What the client has of message i, dots taken out again. */
static inline void box_fetch(struct pv_maildrop *m, size_t i, uint64_t lines, struct text *out)
{
	struct text wire = { .s = NULL };
	struct pv_error e;

	must(pv_maildrop_check(m, i, &e), &e);
	must(pv_maildrop_send(m, i, lines, into_text, &wire, &e), &e);
	out->len = 0;
	text_add(out, "", 0);
	for (size_t at = 0, next; at < wire.len; at = next) {
		next = model_line(wire.s, at, wire.len);
		bool dot = wire.s[at] == '.';
		assert_true(!dot || wire.s[at + 1] == '.' || next - at > 3);
		text_add(out, wire.s + at + dot, next - at - dot);
	}
	text_free(&wire);
}

#endif
