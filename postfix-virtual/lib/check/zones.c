#include "check/zones.h"

#include "base/table.h"

#include <limits.h>
#include <stdbool.h>

/* Blank out comments as named.conf(5) has them: from # or two slashes to the end of the line, and between
 * slash-star and star-slash. */
static void drop_comments(char *p)
{
	bool quoted = false;

	for (; *p != '\0'; p++) {
		if (*p == '"')
			quoted = !quoted;
		if (quoted)
			continue;
		if (*p == '#' || strncmp(p, "//", 2) == 0) {
			while (*p != '\0' && *p != '\n')
				*p++ = ' ';
			if (*p == '\0')
				return;
		} else if (strncmp(p, "/*", 2) == 0) {
			while (*p != '\0' && strncmp(p, "*/", 2) != 0) {
				*p = *p == '\n' ? '\n' : ' ';
				p++;
			}
			if (*p == '\0')
				return;
			p[0] = p[1] = ' ';
		}
	}
}

/* Who is told. */
struct reading {
	pv_zone_each *each;
	pv_zone_include *include;
	void *ctx;
};

static unsigned line_of(const char *text, const char *at)
{
	unsigned line = 1;

	for (; text < at; text++)
		line += *text == '\n';
	return line;
}

/* A word of the text: quoted, or up to white space, or one of `{};`. */
struct token {
	const char *s;
	size_t len;
	bool quoted;
};

static bool next_token(const char **p, struct token *t)
{
	const char *at = *p + strspn(*p, " \t\r\n");

	if (*at == '\0')
		return false;
	t->quoted = *at == '"';
	t->s = at + t->quoted;
	t->len = strcspn(t->s, t->quoted ? "\"\n" : " \t\r\n{};\"");
	if (!t->quoted && t->len == 0)
		t->len = 1;
	*p = t->s + t->len;
	*p += t->quoted && **p == '"';
	return true;
}

static bool is(const struct token *t, const char *word)
{
	return t->len == strlen(word) && strncasecmp(t->s, word, t->len) == 0;
}

/* `include "/etc/bind/named.conf.local";` */
static void take_include(const struct reading *r, const struct token *t)
{
	char path[PATH_MAX];

	if (snprintf(path, sizeof path, "%.*s", (int)t->len, t->s) < (int)sizeof path)
		r->include(r->ctx, path);
}

/* `zone "kvt.dk" IN { type master; ... };`, be it inside of a view. */
static void take_named_conf(const struct reading *r, const char *text)
{
	struct token t, before = { .s = "" }, name = { .s = NULL };
	int depth = 0, zone_depth = 0;
	char zone[300];

	for (const char *p = text; next_token(&p, &t); before = t) {
		if (!before.quoted && t.quoted && is(&before, "include"))
			take_include(r, &t);
		if (!before.quoted && is(&before, "zone")) {
			name = t;
			zone_depth = depth;
		} else if (name.s != NULL && depth == zone_depth + 1 && is(&before, "type") &&
			   (is(&t, "master") || is(&t, "primary"))) {
			(void)snprintf(zone, sizeof zone, "%.*s", (int)name.len, name.s);
			r->each(r->ctx, zone, line_of(text, name.s));
		}
		if (!t.quoted && is(&t, "{"))
			depth++;
		if (!t.quoted && is(&t, "}") && --depth <= zone_depth)
			name.s = NULL;
	}
}

/* `primary kvt.dk db.kvt` of named.boot, or a name alone, a line each. */
static void take_lines(const struct reading *r, char *text)
{
	char *rest = text, *line;

	for (unsigned no = 1; (line = strsep(&rest, "\n")) != NULL; no++) {
		line[strcspn(line, ";#\r")] = '\0';
		const char *first = pv_word(&line), *second = first != NULL ? pv_word(&line) : NULL;
		if (first != NULL && second == NULL)
			r->each(r->ctx, first, no);
		else if (first != NULL && strcasecmp(first, "primary") == 0)
			r->each(r->ctx, second, no);
	}
}

/* Lists have neither braces nor a quoted name behind `include`. */
static bool is_named_conf(const char *text)
{
	const char *include = strstr(text, "include");

	return strchr(text, '{') != NULL ||
	       (include != NULL && include[7 + strspn(include + 7, " \t")] == '"');
}

void pv_zones_each(char *text, pv_zone_each *each, pv_zone_include *include, void *ctx)
{
	const struct reading r = { each, include, ctx };

	if (!is_named_conf(text)) {
		take_lines(&r, text);
		return;
	}
	drop_comments(text);
	take_named_conf(&r, text);
}
