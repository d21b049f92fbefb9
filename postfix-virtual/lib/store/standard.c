#include "store/standard.h"

#include "base/table.h"

#include <errno.h>

/* The file on its way. */
struct parse {
	struct pv_lines it;
	struct pv_line l;
	const struct pv_domain *d;
	struct pv_standard *s;
	size_t room;
};

static int compare(const void *a, const void *b)
{
	const struct pv_standard_entry *x = a, *y = b;
	int order = strcmp(x->local.s, y->local.s);

	return order != 0 ? order : (x->line > y->line) - (x->line < y->line);
}

/* A local part that neither Postfix nor a shell reads anything into. */
static bool is_plain(const char *s, size_t len)
{
	static const char allowed[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789._+=-";

	return len > 0 && len <= PV_USER_MAX && strspn(s, allowed) >= len && s[0] != '-' && s[0] != '.' &&
	       s[len - 1] != '.' && memmem(s, len, "..", 2) == NULL;
}

/* `account+user--domain`: what leads into one of our domains past its own files. */
static bool is_inside(const char *s, size_t len)
{
	const char *plus = memchr(s, PV_DELIMITER, len);

	return plus != NULL && memmem(plus, (size_t)(s + len - plus), "--", 2) != NULL;
}

/* Append a target, checked. */
static enum pv_class add_target(struct parse *p, const struct pv_user *local, const char *word,
				struct pv_error *e)
{
	const char *at = strrchr(word, '@');
	size_t len = at == NULL ? strlen(word) : (size_t)(at - word);
	struct pv_buf *text = &p->s->text;
	struct pv_domain d;
	struct pv_user u;

	if (at == NULL && pv_user_parse(word, len, &u, NULL) == PV_OK) {
		pv_buf_adds(text, u.s);
		return PV_OK;
	}
	if (at == NULL || !is_plain(word, len) || pv_domain_parse(at + 1, strlen(at + 1), &d, NULL) != PV_OK)
		return pv_line_fail(&p->it, &p->l, e,
				    "`%.80s` is neither an address nor a local user's name: write one like "
				    "someone@example.org",
				    word);
	if (is_inside(word, len))
		return pv_line_fail(&p->it, &p->l, e,
				    "`%.80s` has the form of an address inside of us: write the one that it "
				    "stands for",
				    word);
	if (pv_domain_equal(&d, p->d) && len == local->len && strncasecmp(word, local->s, len) == 0)
		return pv_line_fail(&p->it, &p->l, e, "%s@%s leads to itself: write another target", local->s,
				    d.s);
	pv_buf_addf(text, "%.*s@%s", (int)len, word, d.s);
	return PV_OK;
}

static enum pv_class parse_targets(struct parse *p, const struct pv_user *local, char *rest,
				   struct pv_error *e)
{
	enum pv_class c = PV_OK;
	unsigned count = 0;
	char *word;

	for (char *s = rest; *s != '\0'; s++)
		if (*s == ',')
			*s = ' ';
	while (c == PV_OK && (word = pv_word(&rest)) != NULL) {
		if (++count > PV_STANDARD_TARGETS_MAX)
			return pv_line_fail(&p->it, &p->l, e, "more than %d targets: use a mailing list",
					    PV_STANDARD_TARGETS_MAX);
		pv_buf_adds(&p->s->text, count > 1 ? ", " : "");
		c = add_target(p, local, word, e);
	}
	if (c == PV_OK && count == 0)
		c = pv_line_fail(&p->it, &p->l, e, "it leads nowhere: write an address behind it");
	pv_buf_addc(&p->s->text, '\0');
	return c == PV_OK ? pv_buf_check(&p->s->text, p->it.file, e) : c;
}

static enum pv_class add_entry(struct parse *p, const struct pv_standard_entry *entry, struct pv_error *e)
{
	struct pv_standard *s = p->s;

	if (s->count == PV_STANDARD_LINES_MAX)
		return pv_line_fail(&p->it, &p->l, e, "more than %d addresses: divide the domain",
				    PV_STANDARD_LINES_MAX);
	if (s->count == p->room) {
		size_t room = p->room == 0 ? 64 : p->room * 2;
		struct pv_standard_entry *list = reallocarray(s->list, room, sizeof *list);
		if (list == NULL)
			return pv_fail_errno(e, PV_TEMPORARY, "4.3.0", errno, "hold %zu addresses", room);
		s->list = list;
		p->room = room;
	}
	s->list[s->count++] = *entry;
	return PV_OK;
}

static enum pv_class parse_line(struct parse *p, struct pv_error *e)
{
	struct pv_standard_entry entry = { .at = p->s->text.len, .line = p->l.no };
	char *rest = p->l.text;
	const char *name = pv_word(&rest);

	if (strcmp(name, "@") != 0 && pv_user_parse(name, strlen(name), &entry.local, NULL) != PV_OK)
		return pv_line_fail(&p->it, &p->l, e,
				    "`%.60s` is not a user's name: write one like info, without a domain, "
				    "or @ for all others",
				    name);
	enum pv_class c = parse_targets(p, &entry.local, rest, e);
	return c == PV_OK ? add_entry(p, &entry, e) : c;
}

static enum pv_class check_twice(const struct parse *p, struct pv_error *e)
{
	const struct pv_standard *s = p->s;

	for (size_t i = 1; i < s->count; i++)
		if (strcmp(s->list[i - 1].local.s, s->list[i].local.s) == 0)
			return pv_fail(e, PV_TEMPORARY, "4.3.5",
				       "%s, line %u: %s stands in line %u already: join the two", p->it.file,
				       s->list[i].line, s->list[i].local.len == 0 ? "@" : s->list[i].local.s,
				       s->list[i - 1].line);
	return PV_OK;
}

/* Nothing in it is believed where its end may be missing. */
static enum pv_class check_whole(const struct pv_buf *text, const char *file, struct pv_error *e)
{
	if (text->len == 0)
		return pv_fail(e, PV_TEMPORARY, "4.3.5",
			       "%s is empty: put the addresses back, or a line with `#` where there are none",
			       file);
	if (text->s[text->len - 1] != '\n')
		return pv_fail(e, PV_TEMPORARY, "4.3.5",
			       "%s does not end in a newline, so it may have been cut short: check its end",
			       file);
	return PV_OK;
}

enum pv_class pv_standard_parse(struct pv_buf *text, const char *file, const struct pv_domain *d,
				struct pv_standard *s, struct pv_error *e)
{
	struct parse p = { .d = d, .s = s };

	*s = (struct pv_standard){ .text = PV_BUF_INIT(2 * PV_STANDARD_FILE_MAX) };
	enum pv_class c = check_whole(text, file, e);
	pv_lines_start(&p.it, file, text, true);
	while (c == PV_OK && (c = pv_lines_next(&p.it, &p.l, e)) == PV_OK && p.l.text != NULL)
		c = parse_line(&p, e);
	if (c == PV_OK && s->count > 1)
		qsort(s->list, s->count, sizeof *s->list, compare);
	if (c == PV_OK)
		c = check_twice(&p, e);
	if (c != PV_OK)
		pv_standard_free(s);
	return c;
}

void pv_standard_free(struct pv_standard *s)
{
	free(s->list);
	pv_buf_free(&s->text);
	*s = (struct pv_standard){ .text = PV_BUF_INIT(0) };
}

const char *pv_standard_targets(const struct pv_standard *s, const struct pv_standard_entry *entry)
{
	return s->text.s + entry->at;
}

const struct pv_standard_entry *pv_standard_get(const struct pv_standard *s, const struct pv_user *local)
{
	size_t low = 0, high = s->count;

	while (low < high) {
		size_t middle = low + (high - low) / 2;
		int order = strcmp(local->s, s->list[middle].local.s);
		if (order == 0)
			return &s->list[middle];
		if (order < 0)
			high = middle;
		else
			low = middle + 1;
	}
	return NULL;
}
