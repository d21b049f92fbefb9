#include "store/answered.h"

#include "base/table.h"

#include <limits.h>
#include <string.h>
#include <unistd.h>

#define LOCK_FILE ".answered.lock"

enum { LOCK_DEADLINE_MS = 2000, DAY = 86400, OFTEN_MAX = 1000000 };

static const char comment[] =
	"# Who was answered: when first (seconds since 1970), how often since then, the address.\n";

struct entry {
	unsigned long first; /* when he was first answered */
	unsigned long often;
	const char *sender; /* into the text */
	size_t sender_len;
	const char *line; /* the whole line, its newline included */
	size_t line_len;
};

enum pv_class pv_answered_lock(int dirfd, int *fd_r, struct pv_error *e)
{
	return pv_lock_file(dirfd, LOCK_FILE, LOCK_DEADLINE_MS, fd_r, e);
}

static enum pv_class damaged(const struct pv_answered *a, unsigned line, struct pv_error *e)
{
	return pv_fail(e, PV_TEMPORARY, "4.3.5",
		       "%s/%s, line %u: not as it was written; nobody is answered until it is emptied",
		       a->trust->where, a->name, line);
}

/* A number with a blank behind it. */
static bool cut_number(const char **p, const char *end, unsigned long max, unsigned long *value_r)
{
	const char *blank = memchr(*p, ' ', (size_t)(end - *p));

	if (blank == NULL || !pv_parse_number(*p, (size_t)(blank - *p), max, value_r))
		return false;
	*p = blank + 1;
	return true;
}

static bool has_control(const char *s, size_t len)
{
	for (size_t i = 0; i < len; i++)
		if ((unsigned char)s[i] < ' ' || s[i] == 0x7f)
			return true;
	return false;
}

/* A line without its newline. */
static bool parse(const char *p, const char *end, struct entry *x)
{
	if (!cut_number(&p, end, LONG_MAX, &x->first) || !cut_number(&p, end, OFTEN_MAX, &x->often))
		return false;
	x->sender = p;
	x->sender_len = (size_t)(end - p);
	return x->sender_len > 0 && x->sender_len <= PV_ANSWERED_SENDER_MAX &&
	       !has_control(x->sender, x->sender_len);
}

/* The next entry of text from *at on; x->line NULL: the end. Comments and blank lines are passed over. */
static enum pv_class next(const struct pv_answered *a, const struct pv_buf *text, size_t *at, unsigned *no,
			  struct entry *x, struct pv_error *e)
{
	x->line = NULL;
	while (*at < text->len) {
		const char *line = text->s + *at, *end = memchr(line, '\n', text->len - *at);
		++*no;
		if (end == NULL)
			return damaged(a, *no, e);
		*at += (size_t)(end + 1 - line);
		if (end == line || *line == '#')
			continue;
		if (!parse(line, end, x))
			return damaged(a, *no, e);
		x->line = line;
		x->line_len = (size_t)(end + 1 - line);
		return PV_OK;
	}
	return PV_OK;
}

/* What is asked. */
struct question {
	const struct pv_answered *index;
	const char *sender;
	const struct pv_answered_rule *rule;
	time_t now;
};

/* Does it still count? What is from tomorrow comes from a clock that was wrong, and would count for years. */
static bool is_in_force(const struct question *q, const struct entry *x)
{
	time_t first = (time_t)x->first;

	return first <= q->now + DAY && (first > q->now || q->now - first < q->rule->seconds);
}

static bool is_his(const struct question *q, const struct entry *x)
{
	return x->sender_len == strlen(q->sender) && memcmp(x->sender, q->sender, x->sender_len) == 0;
}

/* What the index says of the sender; own->line NULL: nothing that is in force. *others_r: how many others
 * are. */
static enum pv_class look_up(const struct question *q, const struct pv_buf *text, struct entry *own,
			     size_t *others_r, struct pv_error *e)
{
	unsigned no = 0;
	struct entry x;
	size_t at = 0;
	enum pv_class c;

	while ((c = next(q->index, text, &at, &no, &x, e)) == PV_OK && x.line != NULL) {
		if (!is_in_force(q, &x))
			continue;
		if (is_his(q, &x))
			*own = x;
		else
			++*others_r;
	}
	return c;
}

/* The new text: who is still in force, without the oldest where there are too many, and the sender last. */
static enum pv_class renew(const struct question *q, const struct pv_buf *text, const struct entry *own,
			   size_t others, struct pv_buf *out, struct pv_error *e)
{
	size_t too_many = others >= PV_ANSWERED_MAX ? others - PV_ANSWERED_MAX + 1 : 0, at = 0;
	unsigned no = 0;
	struct entry x;
	enum pv_class c;

	pv_buf_adds(out, comment);
	while ((c = next(q->index, text, &at, &no, &x, e)) == PV_OK && x.line != NULL) {
		if (!is_in_force(q, &x) || is_his(q, &x))
			continue;
		if (too_many > 0)
			too_many--;
		else
			pv_buf_add(out, x.line, x.line_len);
	}
	pv_buf_addf(out, "%lu %lu %s\n", own->line != NULL ? own->first : (unsigned long)q->now,
		    own->often + 1, q->sender);
	return c == PV_OK ? pv_buf_check(out, q->index->name, e) : c;
}

/* Letters in lower case, as far as they are ASCII: few who write to people tell Abc@ from abc@. */
static enum pv_class fold(const char *sender, char out[PV_ANSWERED_SENDER_MAX + 1], struct pv_error *e)
{
	size_t len = strlen(sender);

	if (len == 0 || len > PV_ANSWERED_SENDER_MAX || has_control(sender, len))
		return pv_fail(e, PV_TEMPORARY, "4.1.7", "%.80s is no sender who can be answered", sender);
	for (size_t i = 0; i <= len; i++)
		out[i] = (char)(sender[i] >= 'A' && sender[i] <= 'Z' ? sender[i] + ('a' - 'A') : sender[i]);
	return PV_OK;
}

static enum pv_class put(const struct pv_answered *a, const struct pv_buf *text, bool found, bool *done_r,
			 struct pv_error *e)
{
	struct pv_new_file f;

	enum pv_class c = pv_file_begin(a->dirfd, a->name, 0600, (uid_t)-1, (gid_t)-1, &f, e);
	if (c != PV_OK)
		return c;
	c = pv_file_write(&f, text->s, text->len, e);
	if (c != PV_OK) {
		pv_file_abandon(&f);
		return c;
	}
	*done_r = true;
	return found ? pv_file_commit_over(&f, done_r, e) : pv_file_commit(&f, e);
}

/* Decide, and with `note` write it down. */
static enum pv_class decide(const struct question *q, bool note, bool *may_r, struct pv_error *e)
{
	struct pv_buf text = PV_BUF_INIT(PV_ANSWERED_FILE_MAX), new = PV_BUF_INIT(PV_ANSWERED_FILE_MAX);
	struct entry own = { .line = NULL };
	bool found, may = false;
	size_t others = 0;

	enum pv_class c = pv_file_load(q->index->dirfd, q->index->name, q->index->trust, &text, &found, e);
	if (c == PV_OK && (found || q->index->make)) {
		c = look_up(q, &text, &own, &others, e);
		may = c == PV_OK && own.often < q->rule->most;
	}
	if (may && note) {
		c = renew(q, &text, &own, others, &new, e);
		may = false;
		if (c == PV_OK)
			c = put(q->index, &new, found, &may, e);
	}
	pv_buf_free(&text);
	pv_buf_free(&new);
	*may_r = may && c == PV_OK;
	return c;
}

enum pv_class pv_answered_note(const struct pv_answered *a, const char *sender,
			       const struct pv_answered_rule *rule, time_t now, bool *may_r,
			       struct pv_error *e)
{
	char folded[PV_ANSWERED_SENDER_MAX + 1];
	const struct question q = { .index = a, .sender = folded, .rule = rule, .now = now };
	int lock;

	*may_r = false;
	enum pv_class c = fold(sender, folded, e);
	if (c == PV_OK)
		c = pv_answered_lock(a->dirfd, &lock, e);
	if (c != PV_OK)
		return c;
	c = decide(&q, true, may_r, e);
	(void)close(lock);
	return c;
}

enum pv_class pv_answered_ask(const struct pv_answered *a, const char *sender,
			      const struct pv_answered_rule *rule, time_t now, bool *may_r,
			      struct pv_error *e)
{
	char folded[PV_ANSWERED_SENDER_MAX + 1];
	const struct question q = { .index = a, .sender = folded, .rule = rule, .now = now };

	*may_r = false;
	enum pv_class c = fold(sender, folded, e);
	return c == PV_OK ? decide(&q, false, may_r, e) : c;
}

enum pv_class pv_answered_count(const struct pv_answered *a, size_t *count_r, bool *found_r,
				struct pv_error *e)
{
	struct pv_buf text = PV_BUF_INIT(PV_ANSWERED_FILE_MAX);
	unsigned no = 0;
	struct entry x;
	size_t at = 0;

	*count_r = 0;
	enum pv_class c = pv_file_load(a->dirfd, a->name, a->trust, &text, found_r, e);
	while (c == PV_OK && (c = next(a, &text, &at, &no, &x, e)) == PV_OK && x.line != NULL)
		++*count_r;
	pv_buf_free(&text);
	return c;
}
