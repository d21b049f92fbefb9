/* Which pattern alias made a user of the name that was asked for: root has its table alone, the account's
 * child the files that it was made from. */
#include "explain.h"

#include "maps/pattern_judge.h"
#include "maps/proof.h"
#include "store/alias_file.h"
#include "store/folder_load.h"

enum { ALIAS_FILES = 3 };

/* A file of aliases, and what was found out. */
struct search {
	const struct question *q;
	struct pv_pattern pattern;
	struct pv_buf key, target; /* addresses */
	unsigned patterns;
	unsigned line; /* of the pattern, or 0 */
};

/* Ask what the maps' own proof asks: case, what may stand in a name and letters beyond ASCII count alike. */
static enum pv_class ask(struct search *s, struct pv_expressions *l, struct pv_error *e)
{
	struct pv_oracle *o = NULL;

	enum pv_class c = pv_strings_add(&l->v[0].patterns, s->pattern.source, e);
	if (c == PV_OK)
		c = pv_oracle_make(l, "", &o, e);
	if (c == PV_OK)
		pv_oracle_ask(o, s->key.s, s->key.len, &s->target);
	pv_oracle_free(o);
	return c == PV_OK ? pv_buf_check(&s->target, "a pattern's target", e) : c;
}

/* Is it a pattern that the maps take, and the name one of those that it matches? */
static bool matches(struct search *s, const char *entry)
{
	struct pv_expressions l = { 0 };

	pv_buf_reset(&s->target);
	if (pv_pattern_parse(entry, &s->pattern, NULL) != PV_OK)
		return false;
	enum pv_class c = pv_expressions_add(&l, s->q->ours.s, NULL);
	if (c == PV_OK)
		c = ask(s, &l, NULL);
	pv_expressions_free(&l);
	return c == PV_OK && s->target.len > 0 && pv_pattern_judge(&s->pattern, NULL) == PV_OK;
}

/* Lines that are wrong are passed over, as the maps do. */
static void look_through(struct search *s, struct pv_alias_file *file)
{
	struct pv_alias_entry entry;
	size_t at = 0;

	while (s->line == 0 && s->patterns < PV_PATTERNS_MAX) {
		if (pv_alias_next(file, &at, &entry, NULL) != PV_OK)
			continue;
		if (entry.name == NULL)
			return;
		s->patterns += entry.pattern != NULL;
		if (entry.pattern != NULL && matches(s, entry.pattern))
			s->line = entry.line;
	}
}

/* The maps may be older than the files: what they do not say is no step on the way. */
static bool is_on_the_way(const struct search *s)
{
	const struct pv_recipient *to = &s->q->to;
	const char *at = strchr(s->target.s, '@');

	return at != NULL && (size_t)(at - s->target.s) == to->local_len &&
	       strncasecmp(s->target.s, to->local, to->local_len) == 0;
}

static void put_step(const struct search *s, const struct pv_folder *f, const char *name, json_t *report)
{
	const struct pv_pattern *p = &s->pattern;
	const size_t len = strlen(p->source) - strlen(p->target) - strlen(": ");
	char path[PATH_MAX + NAME_MAX + 2], says[PV_PATTERN_MAX + PV_USER_MAX + PV_DOMAIN_MAX + 64];

	(void)snprintf(path, sizeof path, "%s%s%s", name[0] == '/' ? "" : f->path, name[0] == '/' ? "" : "/",
		       name);
	(void)snprintf(says, sizeof says, "the pattern %.*s means %s", (int)len, p->source, s->target.s);
	explain_step(report, path, s->line, says);
}

static void search_file(struct search *s, const struct pv_folder *f, const char *name, json_t *report)
{
	struct pv_buf text = PV_BUF_INIT(PV_ALIAS_FILE_MAX);
	struct pv_alias_file file;
	bool found;

	if (name[0] != '\0' && pv_folder_load_any(f, name, &text, &found, NULL) == PV_OK && found) {
		pv_alias_file_start(&file, name, &text);
		look_through(s, &file);
		pv_alias_file_free(&file);
	}
	pv_buf_free(&text);
	if (s->line > 0 && is_on_the_way(s))
		put_step(s, f, name, report);
}

void explain_pattern(const struct question *q, const struct pv_folder *f, json_t *report)
{
	struct search s = { .q = q,
			    .key = PV_BUF_INIT(EXPLAIN_LOCAL_MAX + PV_DOMAIN_MAX + 2),
			    .target = PV_BUF_INIT(EXPLAIN_LOCAL_MAX) };
	struct pv_domain_conf conf;

	pv_buf_addf(&s.key, "%s@%s", q->matched, q->ours.s);
	if (pv_domain_conf_load(f, &conf, NULL) == PV_OK && !s.key.failed)
		for (unsigned i = 0; i < ALIAS_FILES && s.line == 0; i++)
			search_file(&s, f, i == 0 ? "aliases" : conf.extra_aliases[i - 1], report);
	pv_domain_conf_free(&conf);
	pv_buf_free(&s.key);
	pv_buf_free(&s.target);
}
