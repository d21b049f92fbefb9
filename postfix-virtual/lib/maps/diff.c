#include "maps/diff.h"

enum { CONTEXT = 3, LOOK_AHEAD = 32 };

struct step {
	char sign; /* ' ' in both, '-' only in old, '+' only in new */
	const char *line;
	size_t len; /* without the newline */
};

struct steps {
	struct step *v;
	size_t count, cap;
	bool failed;
};

static void add(struct steps *s, char sign, const char *line)
{
	if (s->count == s->cap) {
		size_t cap = s->cap == 0 ? 64 : s->cap * 2;
		struct step *v = reallocarray(s->v, cap, sizeof *v);
		if (v == NULL) {
			s->failed = true;
			return;
		}
		s->v = v;
		s->cap = cap;
	}
	s->v[s->count++] = (struct step){ sign, line, strcspn(line, "\n") };
}

static const char *next_line(const char *line)
{
	line += strcspn(line, "\n");
	return *line == '\n' ? line + 1 : line;
}

/* Like strcmp() of the two lines alone. */
static int compare(const char *a, const char *b)
{
	size_t m = strcspn(a, "\n"), n = strcspn(b, "\n");
	int order = memcmp(a, b, m < n ? m : n);

	return order != 0 ? order : (m > n) - (m < n);
}

/* After how many lines of `text` comes `line`? LOOK_AHEAD: not soon. */
static size_t distance(const char *text, const char *line)
{
	size_t n = 0;

	while (n < LOOK_AHEAD && *text != '\0' && compare(text, line) != 0) {
		text = next_line(text);
		n++;
	}
	return *text != '\0' ? n : LOOK_AHEAD;
}

/* Which of two different lines goes first: negative for the old one. The texts of tables are sorted; in a
 * text that is not, a line that comes again soon shows what was put in or taken out before it. */
static int choose(const char *old, const char *new)
{
	if (*old == '\0' || *new == '\0')
		return *old == '\0' ? 1 : -1;
	int order = compare(old, new);
	if (order == 0)
		return 0;
	size_t inserted = distance(new, old), removed = distance(old, new);
	if (inserted == removed)
		return order;
	return inserted < removed ? 1 : -1;
}

static void merge(struct steps *s, const char *old, const char *new)
{
	while ((*old != '\0' || *new != '\0') && !s->failed) {
		int order = choose(old, new);
		add(s, order == 0 ? ' ' : order < 0 ? '-' : '+', order <= 0 ? old : new);
		if (order <= 0)
			old = next_line(old);
		if (order >= 0)
			new = next_line(new);
	}
}

/* The end of the hunk whose first change is at `at`: no change follows within twice the context. */
static size_t hunk_end(const struct steps *s, size_t at)
{
	size_t last = at;

	for (size_t i = at; i < s->count && i <= last + 2 * CONTEXT + 1; i++)
		if (s->v[i].sign != ' ')
			last = i;
	return last + 1 + CONTEXT < s->count ? last + 1 + CONTEXT : s->count;
}

/* `from,lines` of one side. A side without lines counts from the line before it. */
static void range(struct pv_buf *out, char sign, size_t before, size_t lines)
{
	pv_buf_addf(out, " %c%zu,%zu", sign, lines == 0 ? before : before + 1, lines);
}

static void put_lines(struct pv_buf *out, const struct step *v, size_t count, char sign)
{
	for (size_t i = 0; i < count; i++) {
		if (v[i].sign != sign)
			continue;
		pv_buf_addc(out, sign);
		pv_buf_add(out, v[i].line, v[i].len);
		pv_buf_addc(out, '\n');
	}
}

/* Print the lines up to where context and change meet; of a change, what goes first. Returns their number. */
static size_t put_run(struct pv_buf *out, const struct step *v, size_t count)
{
	size_t n = 1;

	while (n < count && (v[n].sign == ' ') == (v[0].sign == ' '))
		n++;
	put_lines(out, v, n, ' ');
	put_lines(out, v, n, '-');
	put_lines(out, v, n, '+');
	return n;
}

static void put_hunk(struct pv_buf *out, const struct step *v, size_t count, size_t *old_at, size_t *new_at)
{
	size_t old_lines = 0, new_lines = 0;

	for (size_t i = 0; i < count; i++) {
		old_lines += v[i].sign != '+';
		new_lines += v[i].sign != '-';
	}
	pv_buf_adds(out, "@@");
	range(out, '-', *old_at, old_lines);
	range(out, '+', *new_at, new_lines);
	pv_buf_adds(out, " @@\n");
	for (size_t i = 0; i < count;)
		i += put_run(out, v + i, count - i);
	*old_at += old_lines;
	*new_at += new_lines;
}

void pv_diff(struct pv_buf *out, const char *path, const char *old, const char *new)
{
	struct steps s = { 0 };
	size_t done = 0, old_at = 0, new_at = 0;

	if (old != NULL && strcmp(old, new) == 0)
		return;
	merge(&s, old == NULL ? "" : old, new);
	pv_buf_addf(out, "--- %s\n+++ %s\n", old == NULL ? "/dev/null" : path, path);
	for (size_t i = 0; i < s.count; i++) {
		if (s.v[i].sign == ' ')
			continue;
		size_t from = i > done + CONTEXT ? i - CONTEXT : done;
		old_at += from - done;
		new_at += from - done;
		done = hunk_end(&s, i);
		put_hunk(out, s.v + from, done - from, &old_at, &new_at);
		i = done - 1;
	}
	if (s.failed)
		out->failed = true;
	free(s.v);
}
