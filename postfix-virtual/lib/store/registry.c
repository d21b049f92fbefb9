#include "store/registry_words.h"

#include "base/file.h"
#include "base/table.h"

#include <limits.h>
#include <unistd.h>

enum { FILE_LIMIT = 64 * 1024 * 1024 }; /* bytes of `domains`: several hundred thousand lines */

/* An entry that is being parsed. */
struct parse {
	const struct pv_lines *it;
	const struct pv_line *l;
	struct pv_registry_entry *r;
	struct pv_error *e;
};

/* One `name=value`. seen: a bit for each word that stood in the line already. */
static enum pv_class parse_word(const struct parse *p, char *word, unsigned *seen)
{
	char *equals = strchr(word, '=');

	if (equals == NULL)
		return pv_line_fail(p->it, p->l, p->e, "expected name=value, found `%.60s`", word);
	*equals = '\0';
	int i = pv_registry_word(word);
	if (i < 0)
		return pv_line_fail(p->it, p->l, p->e, "there is no setting %.60s: remove it", word);
	if ((*seen & 1U << i) != 0)
		return pv_line_fail(p->it, p->l, p->e, "%s stands here twice: remove one", word);
	*seen |= 1U << i;
	const char *mend = pv_registry_take(p->r, i, equals + 1);
	if (mend != NULL)
		return pv_line_fail(p->it, p->l, p->e, "%s=%.60s: %s", word, equals + 1, mend);
	return PV_OK;
}

/* The words behind the domain's name. */
static enum pv_class parse_rest(const struct parse *p, char *rest)
{
	unsigned seen = 0;
	char *word;

	while ((word = pv_word(&rest)) != NULL) {
		enum pv_class c = parse_word(p, word, &seen);
		if (c != PV_OK)
			return c;
	}
	if (!p->r->is_alias)
		return PV_OK;
	if ((seen & (seen - 1)) != 0)
		return pv_line_fail(p->it, p->l, p->e,
				    "alias_of must stand alone: %s has the settings of %s, remove the others",
				    p->r->domain.s, p->r->alias_of.s);
	if (pv_domain_equal(&p->r->alias_of, &p->r->domain))
		return pv_line_fail(p->it, p->l, p->e, "%s is an alias of itself: remove the line",
				    p->r->domain.s);
	return PV_OK;
}

/* `domains` in memory, and the iteration over it. */
struct reader {
	char file[PATH_MAX];
	struct pv_buf text;
	struct pv_lines it;
};

static enum pv_class reader_open(struct reader *rd, const struct pv_store *s, struct pv_error *e)
{
	bool found;

	(void)snprintf(rd->file, sizeof rd->file, "%s/domains", s->dir);
	enum pv_class c = pv_file_load(s->dirfd, "domains", &s->trust, &rd->text, &found, e);
	pv_lines_start(&rd->it, rd->file, &rd->text, true);
	if (c != PV_OK)
		pv_buf_free(&rd->text);
	return c;
}

/* Is `name` d, or (where `parents` count) a parent of d? */
static bool concerns(const char *name, size_t len, const struct pv_domain *d, bool parents)
{
	if (len == d->len)
		return strncasecmp(name, d->s, len) == 0;
	if (!parents || len + 1 >= d->len || d->s[d->len - len - 1] != '.')
		return false;
	return strncasecmp(name, d->s + d->len - len, len) == 0;
}

/* Parse the entry l, whose first word is `name`, into *r. */
static enum pv_class parse_entry(const struct pv_lines *it, const struct pv_line *l, const char *name,
				 char *rest, struct pv_registry_entry *r, struct pv_error *e)
{
	struct pv_domain d;

	if (pv_domain_parse(name, strlen(name), &d, NULL) != PV_OK)
		return pv_line_fail(it, l, e, "`%.80s` is not a domain: begin the line with one", name);
	pv_registry_default(&d, r);
	return parse_rest(&(struct parse){ it, l, r, e }, rest);
}

static enum pv_class fail_twice(const struct reader *rd, const struct pv_line *l, const struct pv_domain *d,
				struct pv_error *e)
{
	return pv_line_fail(&rd->it, l, e, "%s has a line further up already: join the two", d->s);
}

/* Read what d's own line says, or (with `alias`) the nearest line of d or a parent that is an alias. */
static enum pv_class look_up(struct reader *rd, const struct pv_domain *d, bool alias,
			     struct pv_registry_entry *r, bool *found_r, struct pv_error *e)
{
	struct pv_registry_entry entry = { .max_users = 0 };
	struct pv_line l;
	enum pv_class c;

	while ((c = pv_lines_next(&rd->it, &l, e)) == PV_OK && l.text != NULL) {
		char *rest = l.text;
		const char *name = pv_word(&rest);
		if (!concerns(name, strlen(name), d, alias))
			continue;
		if ((c = parse_entry(&rd->it, &l, name, rest, &entry, e)) != PV_OK)
			return c;
		if (*found_r && pv_domain_equal(&entry.domain, &r->domain))
			return fail_twice(rd, &l, &entry.domain, e);
		if (alias && (!entry.is_alias || (*found_r && entry.domain.len < r->domain.len)))
			continue;
		*r = entry;
		*found_r = true;
	}
	return c;
}

static enum pv_class find(const struct pv_store *s, const struct pv_domain *d, bool alias,
			  struct pv_registry_entry *r, bool *found_r, struct pv_error *e)
{
	struct reader rd = { .text = PV_BUF_INIT(FILE_LIMIT) };

	*found_r = false;
	pv_registry_default(d, r);
	enum pv_class c = reader_open(&rd, s, e);
	if (c != PV_OK)
		return c;
	c = look_up(&rd, d, alias, r, found_r, e);
	pv_buf_free(&rd.text);
	return c;
}

enum pv_class pv_registry_find(const struct pv_store *s, const struct pv_domain *d,
			       struct pv_registry_entry *r, bool *found_r, struct pv_error *e)
{
	return find(s, d, false, r, found_r, e);
}

enum pv_class pv_registry_alias(const struct pv_store *s, const struct pv_domain *d,
				struct pv_registry_entry *r, bool *found_r, struct pv_error *e)
{
	return find(s, d, true, r, found_r, e);
}

static int compare(const void *a, const void *b)
{
	const struct pv_registry_entry *x = a, *y = b;

	return strcmp(x->domain.s, y->domain.s);
}

const struct pv_registry_entry *pv_registry_get(const struct pv_registry *r, const struct pv_domain *d)
{
	if (r->count == 0)
		return NULL;
	const struct pv_registry_entry key = { .domain = *d };
	return bsearch(&key, r->entries, r->count, sizeof key, compare);
}

void pv_registry_free(struct pv_registry *r)
{
	free(r->entries);
	*r = (struct pv_registry){ .entries = NULL };
}

static enum pv_class add(struct pv_registry *r, size_t *room, const struct pv_registry_entry *entry,
			 struct pv_error *e)
{
	if (r->count == *room) {
		size_t more = *room == 0 ? 64 : *room * 2;
		struct pv_registry_entry *entries = reallocarray(r->entries, more, sizeof *entries);
		if (entries == NULL)
			return pv_fail(e, PV_TEMPORARY, "4.3.0", "no memory for the table of domains");
		r->entries = entries;
		*room = more;
	}
	r->entries[r->count++] = *entry;
	return PV_OK;
}

/* What no line shows alone: a domain twice, an alias of an alias. The entries are sorted. */
static enum pv_class check_all(const struct pv_registry *r, const char *file, struct pv_error *e)
{
	for (size_t i = 0; i < r->count; i++) {
		const struct pv_registry_entry *entry = &r->entries[i];
		if (i > 0 && pv_domain_equal(&entry[-1].domain, &entry->domain))
			return pv_fail(e, PV_TEMPORARY, "4.3.5", "%s: %s has two lines: join them", file,
				       entry->domain.s);
		if (!entry->is_alias)
			continue;
		const struct pv_registry_entry *target = pv_registry_get(r, &entry->alias_of);
		if (target != NULL && target->is_alias)
			return pv_fail(
				e, PV_TEMPORARY, "4.3.5",
				"%s: %s is an alias of %s, which is an alias itself: write alias_of=%s", file,
				entry->domain.s, target->domain.s, target->alias_of.s);
	}
	return PV_OK;
}

/* Is it the line of d, or could it be that of an alias of d? rest: what follows the name. */
static bool is_about(const struct pv_domain *d, const char *name, const char *rest)
{
	return concerns(name, strlen(name), d, false) ||
	       (strstr(rest, "alias_of=") != NULL && strcasestr(rest, d->s) != NULL);
}

/* about NULL: all. */
static enum pv_class load_entries(struct reader *rd, const struct pv_domain *about, struct pv_registry *r,
				  struct pv_error *e)
{
	struct pv_registry_entry entry = { .max_users = 0 };
	struct pv_line l;
	size_t room = 0;
	enum pv_class c;

	while ((c = pv_lines_next(&rd->it, &l, e)) == PV_OK && l.text != NULL) {
		char *rest = l.text;
		const char *name = pv_word(&rest);
		if (about != NULL && !is_about(about, name, rest))
			continue;
		if ((c = parse_entry(&rd->it, &l, name, rest, &entry, e)) != PV_OK)
			return c;
		if ((c = add(r, &room, &entry, e)) != PV_OK)
			return c;
	}
	return c;
}

static enum pv_class load(const struct pv_store *s, const struct pv_domain *about, struct pv_registry *r,
			  struct pv_error *e)
{
	struct reader rd = { .text = PV_BUF_INIT(FILE_LIMIT) };

	*r = (struct pv_registry){ .entries = NULL };
	enum pv_class c = reader_open(&rd, s, e);
	if (c != PV_OK)
		return c;
	c = load_entries(&rd, about, r, e);
	if (c == PV_OK && r->count > 0) {
		qsort(r->entries, r->count, sizeof *r->entries, compare);
		c = check_all(r, rd.file, e);
	}
	pv_buf_free(&rd.text);
	if (c != PV_OK)
		pv_registry_free(r);
	return c;
}

enum pv_class pv_registry_load(const struct pv_store *s, struct pv_registry *r, struct pv_error *e)
{
	return load(s, NULL, r, e);
}

enum pv_class pv_registry_load_about(const struct pv_store *s, const struct pv_domain *d,
				     struct pv_registry *r, struct pv_error *e)
{
	return load(s, d, r, e);
}
