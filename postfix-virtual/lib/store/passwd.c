#include "store/passwd.h"

#include "base/table.h"
#include "store/passwd_line.h"

enum {
	USER,
	HASH,
	UID,
	GID,
	NAME,
	HOME,
	SHELL,
	FIELDS,
};

/* A line, checked: where its fields begin and end, and what was read from them. */
struct parsed {
	size_t at[FIELDS], end[FIELDS];
	struct pv_user user;
	unsigned long uid, gid;
};

bool pv_passwd_line_is_blank(const char *line, size_t len)
{
	size_t i = 0;

	while (i < len && (line[i] == ' ' || line[i] == '\t' || line[i] == '\r'))
		i++;
	return i == len || line[i] == '#';
}

size_t pv_passwd_line_key(const char *line, size_t len)
{
	const char *colon = memchr(line, ':', len);

	return colon != NULL ? (size_t)(colon - line) : len;
}

static unsigned char lower(char c)
{
	return (unsigned char)(c >= 'A' && c <= 'Z' ? c - 'A' + 'a' : c);
}

int pv_passwd_line_compare(const char *key, size_t len, const struct pv_user *u)
{
	for (size_t i = 0; i < len && i < u->len; i++) {
		int d = lower(key[i]) - (unsigned char)u->s[i];
		if (d != 0)
			return d;
	}
	return len < u->len ? -1 : len > u->len;
}

static enum pv_class fail(struct pv_error *e, const char *why)
{
	return pv_fail(e, PV_TEMPORARY, "4.3.5", "%s", why);
}

static enum pv_class split(const char *line, size_t len, struct parsed *p, struct pv_error *e)
{
	unsigned n = 0;

	p->at[0] = 0;
	for (size_t i = 0; i < len; i++) {
		if ((unsigned char)line[i] < ' ' || line[i] == 0x7f)
			return fail(e, i + 1 == len && line[i] == '\r'
					       ? "the line ends in a carriage return: take it away"
					       : "a control character is in it: take it away");
		if (line[i] != ':')
			continue;
		p->end[n++] = i;
		if (n == FIELDS)
			return fail(e,
				    "it has more than seven fields: write user:hash:uid:gid:name:home:shell");
		p->at[n] = i + 1;
	}
	p->end[n] = len;
	if (n + 1 < FIELDS)
		return fail(e, "it has fewer than seven fields: write user:hash:uid:gid:name:home:shell");
	return PV_OK;
}

static bool number(const char *line, const struct parsed *p, unsigned field, unsigned long *value_r)
{
	/* (uid_t)-1 means "none" to the kernel. */
	return pv_parse_number(line + p->at[field], p->end[field] - p->at[field], 0xfffffffeUL, value_r);
}

static enum pv_class parse(const char *line, size_t len, uid_t account, struct parsed *p, struct pv_error *e)
{
	struct pv_error why;

	if (len >= PV_PASSWD_LINE_MAX)
		return pv_fail(e, PV_TEMPORARY, "4.3.5", "it is longer than %d bytes: shorten it",
			       PV_PASSWD_LINE_MAX - 1);
	enum pv_class c = split(line, len, p, e);
	if (c != PV_OK)
		return c;
	if (pv_user_parse(line, p->end[USER], &p->user, &why) != PV_OK)
		return pv_fail(e, PV_TEMPORARY, "4.3.5", "%s: rename the user", why.text);
	if (!number(line, p, UID, &p->uid))
		return fail(e, "its third field, the uid, is not a number: write the account's");
	if (!number(line, p, GID, &p->gid))
		return fail(e, "its fourth field, the gid, is not a number: write the account's");
	if (p->uid != account)
		return pv_fail(e, PV_TEMPORARY, "4.3.5", "its uid is %lu, must be the account's: write %lu",
			       p->uid, (unsigned long)account);
	return PV_OK;
}

enum pv_class pv_passwd_line_check(const char *line, size_t len, uid_t account, struct pv_error *e)
{
	struct parsed p = { .uid = 0 };

	return parse(line, len, account, &p, e);
}

/* Field `field` of the copy in p->text, NUL-terminated. */
static const char *take(struct pv_passwd_entry *p, const struct parsed *parsed, unsigned field)
{
	p->text[parsed->end[field]] = '\0';
	return p->text + parsed->at[field];
}

enum pv_class pv_passwd_parse(const char *line, size_t len, uid_t account, struct pv_passwd_entry *p,
			      struct pv_error *e)
{
	struct parsed parsed = { .uid = 0 };

	enum pv_class c = parse(line, len, account, &parsed, e);
	if (c != PV_OK)
		return c;
	memcpy(p->text, line, len);
	p->user = parsed.user;
	p->uid = (uid_t)parsed.uid;
	p->gid = (gid_t)parsed.gid;
	p->hash = take(p, &parsed, HASH);
	p->name = take(p, &parsed, NAME);
	p->home = take(p, &parsed, HOME);
	p->shell = take(p, &parsed, SHELL);
	return PV_OK;
}

/* A position in a text that is read line by line. */
struct cursor {
	const char *next, *end;
	unsigned no;
};

/* A line of a text, and the name at its front. */
struct keyed {
	const char *s;
	size_t len, key;
	unsigned no;
};

/* The next line that is neither blank nor a comment. */
static bool take_line(struct cursor *at, struct keyed *l)
{
	while (at->next < at->end) {
		const char *newline = memchr(at->next, '\n', (size_t)(at->end - at->next));
		l->s = at->next;
		l->len = (size_t)((newline != NULL ? newline : at->end) - at->next);
		l->no = ++at->no;
		at->next += l->len + (newline != NULL);
		if (pv_passwd_line_is_blank(l->s, l->len))
			continue;
		l->key = pv_passwd_line_key(l->s, l->len);
		return true;
	}
	return false;
}

static int compare_keys(const struct keyed *a, const struct keyed *b)
{
	int d = strncasecmp(a->s, b->s, a->key < b->key ? a->key : b->key);

	return d != 0 ? d : (a->key > b->key) - (a->key < b->key);
}

static int compare(const void *a, const void *b)
{
	const struct keyed *x = a, *y = b;
	int d = compare_keys(x, y);

	return d != 0 ? d : (x->no > y->no) - (x->no < y->no);
}

/* How many lines there are, and whether they stand in order, no name twice. */
static size_t count_lines(struct cursor at, bool *sorted_r)
{
	struct keyed l, before = { .s = NULL };
	size_t count = 0;

	*sorted_r = true;
	for (; take_line(&at, &l); before = l, count++)
		if (before.s != NULL && compare_keys(&before, &l) >= 0)
			*sorted_r = false;
	return count;
}

/* Does a name stand twice in the text? Only a text that is not in order costs memory. */
static enum pv_class check_twice(const struct cursor *start, const char *file, struct pv_error *e)
{
	struct cursor at = *start;
	enum pv_class c = PV_OK;
	bool sorted;

	size_t count = count_lines(*start, &sorted);
	if (sorted)
		return PV_OK;
	struct keyed *lines = calloc(count, sizeof *lines);
	if (lines == NULL)
		return pv_fail(e, PV_TEMPORARY, "4.3.0", "no memory to check %s", file);
	for (size_t i = 0; i < count; i++)
		(void)take_line(&at, &lines[i]);
	qsort(lines, count, sizeof *lines, compare);
	for (size_t i = 1; i < count && c == PV_OK; i++)
		if (compare_keys(&lines[i - 1], &lines[i]) == 0)
			c = pv_fail(e, PV_TEMPORARY, "4.3.5",
				    "%s, line %u: %.*s stands in line %u already: remove one", file,
				    lines[i].no, lines[i].key > PV_USER_MAX ? PV_USER_MAX : (int)lines[i].key,
				    lines[i].s, lines[i - 1].no);
	free(lines);
	return c;
}

/* The whole of it must be there before anything in it is believed. */
static enum pv_class check_whole(const char *text, size_t len, const char *file, struct pv_error *e)
{
	struct cursor at = { .next = text, .end = text + len };

	if (len == 0)
		return pv_fail(e, PV_TEMPORARY, "4.3.5",
			       "%s is empty: put the users back, or a line with `#` where there are none",
			       file);
	if (text[len - 1] != '\n')
		return pv_fail(e, PV_TEMPORARY, "4.3.5",
			       "%s does not end in a newline, so it may have been cut short: check its end",
			       file);
	return check_twice(&at, file, e);
}

enum pv_class pv_passwd_scan(const char *text, size_t len, const char *file, uid_t account, bool may_be_empty,
			     pv_passwd_each *each, void *ctx, struct pv_error *e)
{
	struct cursor at = { .next = text, .end = text + len };
	struct pv_passwd_entry entry;
	struct pv_error why;
	struct keyed l;

	if (len == 0 && may_be_empty)
		return PV_OK;
	enum pv_class c = check_whole(text, len, file, e);
	while (c == PV_OK && take_line(&at, &l)) {
		if (pv_passwd_parse(l.s, l.len, account, &entry, &why) != PV_OK)
			return pv_fail(e, PV_TEMPORARY, "4.3.5", "%s, line %u: %s", file, l.no, why.text);
		c = each(ctx, &entry, l.no, e);
	}
	return c;
}

/* Copy a line without its hash. Returns the bytes written; `to` may be the line itself. */
static size_t copy_without_hash(char *to, const char *line, size_t len)
{
	size_t user = pv_passwd_line_key(line, len) + 1, hash = 0;

	if (user < len && len < PV_PASSWD_LINE_MAX && !pv_passwd_line_is_blank(line, len))
		while (user + hash < len && line[user + hash] != ':' &&
		       (unsigned char)line[user + hash] >= ' ' && line[user + hash] != 0x7f)
			hash++;
	/* With another byte in it than a hash has, or nothing behind it: not a good line. */
	if (hash == 0 || user + hash == len || line[user + hash] != ':') {
		memmove(to, line, len);
		return len;
	}
	memmove(to, line, user);
	to[user] = '*';
	memmove(to + user + 1, line + user + hash, len - user - hash);
	return len - hash + 1;
}

void pv_passwd_drop_hashes(struct pv_buf *text)
{
	size_t to = 0;

	for (size_t at = 0; at < text->len;) {
		const char *newline = memchr(text->s + at, '\n', text->len - at);
		size_t len = (newline != NULL ? (size_t)(newline - text->s) : text->len) - at;
		to += copy_without_hash(text->s + to, text->s + at, len);
		at += len;
		if (newline != NULL) {
			text->s[to++] = '\n';
			at++;
		}
	}
	pv_buf_truncate(text, to);
}
