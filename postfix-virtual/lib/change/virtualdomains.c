#include "change/virtualdomains.h"

#include "base/file.h"
#include "base/table.h"

#include <fcntl.h>
#include <limits.h>
#include <unistd.h>

enum { FILE_MAX = 16 << 20 };

/* How well a pattern fits any user of `name`: its length and one, 0 for not at all. A wildcard fits what is
 * below it only. */
static size_t fit(const char *pattern, const char *name)
{
	size_t n = strlen(pattern), len = strlen(name);

	if (*pattern == '\0')
		return 1;
	if (*pattern != '.')
		return strcasecmp(pattern, name) == 0 ? n + 1 : 0;
	return len > n && strcasecmp(name + len - n, pattern) == 0 ? n + 1 : 0;
}

static void take(struct pv_virtualdomain *to, size_t *best, size_t fits, unsigned line, const char *text,
		 const char *prefix)
{
	if (fits <= *best)
		return;
	*best = fits;
	to->line = line;
	(void)snprintf(to->text, sizeof to->text, "%s", text);
	(void)snprintf(to->prefix, sizeof to->prefix, "%s", prefix);
}

/* What is about a part of the domain only. */
static void note_part(struct pv_virtualdomains *v, const char *file, unsigned line, const char *pattern,
		      const char *prefix, const struct pv_domain *d)
{
	const char *at = strrchr(pattern, '@');
	struct pv_domain other;

	if (at != NULL && strcasecmp(at + 1, d->s) == 0)
		pv_buf_addf(&v->notes,
			    "%s, line %u: %s goes to %s alone: write its line into a table of Postfix's, "
			    "before ours\n",
			    file, line, pattern, *prefix != '\0' ? prefix : "a local user");
	else if (at == NULL && pv_domain_parse(pattern, strlen(pattern), &other, NULL) == PV_OK &&
		 pv_domain_is_below(&other, d))
		pv_buf_addf(&v->notes,
			    "%s, line %u: %s is a domain of its own: adopt it too, or mail for it is %s's\n",
			    file, line, pattern, d->s);
}

enum pv_class pv_virtualdomains_parse(struct pv_buf *text, const char *file, const struct pv_domain *d,
				      struct pv_virtualdomains *v, struct pv_error *e)
{
	char below[PV_DOMAIN_MAX + 32], whole[sizeof v->itself.text];
	size_t best = 0, best_below = 0;
	struct pv_lines it;
	struct pv_line l;
	enum pv_class c;

	*v = (struct pv_virtualdomains){ .notes = PV_BUF_INIT(1 << 20) };
	(void)snprintf(below, sizeof below, "pv-sub-7f3a91.%s", d->s);
	pv_lines_start(&it, file, text, false);
	while ((c = pv_lines_next(&it, &l, e)) == PV_OK && l.text != NULL) {
		(void)snprintf(whole, sizeof whole, "%s", l.text);
		char *colon = strchr(l.text, ':');
		if (colon == NULL)
			return pv_fail(e, PV_PERMANENT, NULL, "%s, line %u: it is not `pattern:prefix`", file,
				       l.no);
		*colon = '\0';
		const char *prefix = colon + 1 + strspn(colon + 1, " \t");
		take(&v->itself, &best, fit(l.text, d->s), l.no, whole, prefix);
		take(&v->below, &best_below, fit(l.text, below), l.no, whole, prefix);
		note_part(v, file, l.no, l.text, prefix, d);
	}
	return c == PV_OK ? pv_buf_check(&v->notes, file, e) : c;
}

void pv_virtualdomains_free(struct pv_virtualdomains *v)
{
	pv_buf_free(&v->notes);
}

bool pv_locals_have(struct pv_buf *text, const struct pv_domain *d)
{
	struct pv_lines it;
	struct pv_line l;

	pv_lines_start(&it, "locals", text, false);
	while (pv_lines_next(&it, &l, NULL) == PV_OK && l.text != NULL)
		if (strcasecmp(l.text, d->s) == 0)
			return true;
	return false;
}

static enum pv_class load(const char *dir, const char *name, struct pv_buf *text, bool *found_r,
			  struct pv_error *e)
{
	const struct pv_trust trust = { .uid = geteuid(), .where = dir };
	int fd;

	*found_r = false;
	enum pv_class c = pv_dir_open(AT_FDCWD, dir, &trust, &fd, NULL, e);
	if (c != PV_OK || fd < 0)
		return c;
	c = pv_file_load(fd, name, &trust, text, found_r, e);
	(void)close(fd);
	return c;
}

static enum pv_class refuse_local(const char *dir, const struct pv_domain *d, struct pv_error *e)
{
	struct pv_buf text = PV_BUF_INIT(FILE_MAX);
	bool found;

	enum pv_class c = load(dir, "locals", &text, &found, e);
	if (c == PV_OK && found && pv_locals_have(&text, d))
		c = pv_fail(e, PV_PERMANENT, "5.1.2",
			    "%s stands in %s/locals, which goes before virtualdomains: its users are the "
			    "host's accounts; take it out there first",
			    d->s, dir);
	pv_buf_free(&text);
	return c;
}

static enum pv_class judge(const struct pv_virtualdomains *v, const char *path, const struct pv_domain *d,
			   struct pv_error *e)
{
	if (v->itself.line == 0)
		return pv_fail(e, PV_PERMANENT, "5.1.2", "no line of %s is about %s", path, d->s);
	if (*v->itself.prefix == '\0')
		return pv_fail(e, PV_PERMANENT, "5.1.2",
			       "%s, line %u: `%s` makes %s an exception, whose users are the host's accounts",
			       path, v->itself.line, v->itself.text, d->s);
	return PV_OK;
}

enum pv_class pv_virtualdomains_read(const char *path, const struct pv_domain *d, struct pv_virtualdomains *v,
				     struct pv_error *e)
{
	struct pv_buf text = PV_BUF_INIT(FILE_MAX);
	const char *slash = strrchr(path, '/');
	char dir[PATH_MAX];
	bool found;

	*v = (struct pv_virtualdomains){ .notes = PV_BUF_INIT(0) };
	if (*path != '/' || (size_t)(slash - path) >= sizeof dir)
		return pv_fail(e, PV_PERMANENT, NULL, "%s: write the whole path, from `/` on", path);
	(void)snprintf(dir, sizeof dir, "%.*s", slash == path ? 1 : (int)(slash - path), path);
	enum pv_class c = load(dir, slash + 1, &text, &found, e);
	if (c == PV_OK && !found)
		c = pv_fail(e, PV_PERMANENT, NULL, "there is no file %s", path);
	if (c == PV_OK)
		c = pv_virtualdomains_parse(&text, path, d, v, e);
	pv_buf_free(&text);
	if (c == PV_OK)
		c = refuse_local(dir, d, e);
	return c == PV_OK ? judge(v, path, d, e) : c;
}
