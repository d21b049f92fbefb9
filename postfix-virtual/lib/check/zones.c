/* The zones that a name server here serves, against the domains: which of them take no mail here? */
#include "check/zones.h"

#include "address/idn.h"
#include "base/file.h"
#include "base/table.h"
#include "check/checkup.h"

#include <errno.h>
#include <fcntl.h>
#include <unistd.h>

#define FILE_MAX ((size_t)64 << 20)

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

/* `zone "kvt.dk" IN { type master; ... };`, be it inside of a view. */
static void take_named_conf(const struct reading *r, const char *text)
{
	struct token t, before = { .s = "" }, name = { .s = NULL };
	int depth = 0, zone_depth = 0;
	char zone[300];

	for (const char *p = text; next_token(&p, &t); before = t) {
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

void pv_zones_each(char *text, pv_zone_each *each, void *ctx)
{
	const struct reading r = { each, ctx };

	if (strchr(text, '{') == NULL) {
		take_lines(&r, text);
		return;
	}
	drop_comments(text);
	take_named_conf(&r, text);
}

struct comparison {
	struct pv_checkup *u;
	size_t zones;
};

static void take_zone(void *ctx, const char *name, unsigned line)
{
	struct comparison *p = ctx;
	struct pv_domain d;

	/* Reverse zones, the root and localhost are nobody's mail domain. */
	if (pv_idn_domain(name, &d, NULL) != PV_OK || (d.len >= 5 && strcmp(d.s + d.len - 5, ".arpa") == 0))
		return;
	p->zones++;
	if (pv_subject_find(p->u, &d) == NULL)
		pv_found(p->u, PV_WARNING, d.s,
			 "%s, line %u: it is a zone here, and is not configured for mail: postfix-virtual "
			 "domain add %s",
			 p->u->options->zones, line, d.s);
}

enum pv_class pv_check_zones(struct pv_checkup *u, struct pv_error *e)
{
	const char *path = u->options->zones;
	struct comparison p = { .u = u };
	struct pv_buf text = PV_BUF_INIT(FILE_MAX);

	if (path == NULL)
		return PV_OK;
	int fd = open(path, O_RDONLY | O_NONBLOCK | O_NOCTTY | O_CLOEXEC);
	if (fd < 0)
		return pv_fail_errno(e, PV_TEMPORARY, NULL, errno, "open the list of zones %s", path);
	enum pv_class c = pv_file_read(fd, path, &text, e);
	(void)close(fd);
	if (c == PV_OK && memchr(text.s, '\0', text.len) != NULL)
		c = pv_fail(e, PV_TEMPORARY, NULL, "%s is no text", path);
	if (c == PV_OK && text.len > 0)
		pv_zones_each(text.s, take_zone, &p);
	if (c == PV_OK && p.zones == 0)
		pv_found(u, PV_UNKNOWN, path,
			 "it names no zone: a name a line, or named.conf, or named.boot");
	pv_buf_free(&text);
	return c;
}
