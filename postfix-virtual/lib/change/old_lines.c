#include "change/old_lines.h"

#include "base/file.h"
#include "base/table.h"
#include "change/words.h"
#include "maps/postfix.h"
#include "store/conf.h"
#include "store/folder.h"

#include <fcntl.h>
#include <limits.h>
#include <unistd.h>

enum { SECONDS = 60, VALUE_MAX = 4 << 20, TABLE_MAX = 64 << 20 };

/* What the lines are tried with: first four of the domain's own, then names of others. */
enum { USER_ITSELF, USER_BELOW, DOMAIN_ITSELF, DOMAIN_BELOW, OWN_PROBES };
/* A name that nobody has, so that only what answers for everybody answers. */
#define NOBODY "pv-probe-7f3a91"

struct finding {
	const struct pv_store *store;
	const struct pv_domain *d;
	struct pv_old_lines *l;
	char config[PATH_MAX];
	const char *parameter;
	const char *probes[PV_OLD_PROBES];
	size_t probe_count;
};

static const char *keep(struct finding *f, const char *s, size_t len)
{
	const char *copy = pv_arena_add(&f->l->arena, s, len);

	return copy != NULL ? copy : "";
}

static void add_line(struct finding *f, const struct pv_old_line *line)
{
	struct pv_old_lines *l = f->l;

	if (l->count == l->room) {
		size_t room = l->room == 0 ? 16 : 2 * l->room;
		struct pv_old_line *v = reallocarray(l->v, room, sizeof *v);
		if (v == NULL) {
			l->notes.failed = true;
			return;
		}
		l->v = v;
		l->room = room;
	}
	l->v[l->count++] = *line;
}

/* Another domain's name, to see whether an expression answers for it too. */
static void add_other(struct finding *f, const char *name)
{
	char user[PV_DOMAIN_MAX + sizeof NOBODY + 1];
	struct pv_domain d;

	if (f->probe_count + 1 >= PV_OLD_PROBES || pv_domain_parse(name, strlen(name), &d, NULL) != PV_OK ||
	    pv_domain_equal(&d, f->d) || pv_domain_is_below(&d, f->d))
		return;
	int n = snprintf(user, sizeof user, NOBODY "@%s", d.s);
	for (size_t i = OWN_PROBES; i < f->probe_count; i++)
		if (strcmp(f->probes[i], user) == 0)
			return;
	f->probes[f->probe_count++] = keep(f, user, (size_t)n);
	f->probes[f->probe_count++] = keep(f, d.s, d.len);
}

static void start_probes(struct finding *f)
{
	static const char *const fronts[OWN_PROBES] = { NOBODY "@", NOBODY "@pv-sub.", "", "pv-sub." };
	char text[2 * PV_DOMAIN_MAX];
	struct pv_domain *list;
	size_t count;

	for (size_t i = 0; i < OWN_PROBES; i++) {
		int n = snprintf(text, sizeof text, "%s%s", fronts[i], f->d->s);
		f->probes[f->probe_count++] = keep(f, text, (size_t)n);
	}
	add_other(f, "pv-other.example");
	if (pv_folder_list(f->store, &list, &count, NULL) != PV_OK)
		return;
	for (size_t i = 0; i < count; i++)
		add_other(f, list[i].s);
	free(list);
}

/* What is about our domain in a table of keys? */
static bool judge_key(struct finding *f, const char *key, struct pv_old_line *line)
{
	const char *at = strrchr(key, '@');
	const char *name = at != NULL ? at + 1 : key;
	struct pv_domain d;

	line->kind = at == NULL ? PV_OLD_DOMAIN : at == key ? PV_OLD_USERS : PV_OLD_USER;
	if (*name == '.' && strcasecmp(name + 1, f->d->s) == 0) {
		line->below = true;
		return true;
	}
	if (pv_domain_parse(name, strlen(name), &d, NULL) != PV_OK)
		return false;
	line->itself = pv_domain_equal(&d, f->d);
	if (pv_domain_is_below(&d, f->d))
		line->one = keep(f, d.s, d.len);
	else if (!line->itself && at == NULL)
		add_other(f, d.s);
	return line->itself || line->one != NULL;
}

static void judge_match(struct finding *f, uint64_t matched, struct pv_old_line *line)
{
	uint64_t users = matched & (1U << USER_ITSELF | 1U << USER_BELOW);
	uint64_t domains = matched & (1U << DOMAIN_ITSELF | 1U << DOMAIN_BELOW);
	/* `/^(.+\.)?kvt\.dk$/` fits x@y.kvt.dk too, and means domains; in a list of domains all lines do. */
	bool only_domains = strcmp(line->table->parameter, "virtual_alias_domains") == 0;
	bool user = !only_domains && users != 0 && (domains == 0 || (users & 1U << USER_ITSELF) != 0);

	line->expression = true;
	line->kind = user ? PV_OLD_USERS : PV_OLD_DOMAIN;
	line->itself = (matched & 1U << (user ? USER_ITSELF : DOMAIN_ITSELF)) != 0;
	line->below = (matched & 1U << (user ? USER_BELOW : DOMAIN_BELOW)) != 0;
	for (size_t i = f->probe_count; i-- > OWN_PROBES;)
		if ((matched & (uint64_t)1 << i) != 0)
			line->other = f->probes[i] + (i % 2 == OWN_PROBES % 2 ? sizeof NOBODY : 0);
	/* A name that nobody registered says that it answers for everybody. */
	line->everyone = line->other != NULL && strcmp(line->other, "pv-other.example") == 0;
}

/* What Postfix asks such a table. */
static uint64_t own_probes(const struct pv_old_table *t)
{
	bool only_domains = strcmp(t->parameter, "virtual_alias_domains") == 0;

	return only_domains ? 1U << DOMAIN_ITSELF | 1U << DOMAIN_BELOW : (1U << OWN_PROBES) - 1;
}

/* Go through the text of a table; rules is NULL where it has keys. */
static void read_text(struct finding *f, struct pv_old_table *t, struct pv_buf *text,
		      struct pv_old_rules *rules)
{
	struct pv_lines it;
	struct pv_line l;

	pv_lines_start(&it, t->path, text, true);
	while (pv_lines_next(&it, &l, NULL) == PV_OK && l.text != NULL) {
		struct pv_old_line line = { .table = t, .file = t->path, .line = l.no };
		uint64_t matched;
		line.text = keep(f, l.text, l.len);
		if (rules != NULL) {
			bool is_rule = pv_old_rules_next(rules, l.text, &matched, &line.target);
			t->entries += line.target != NULL;
			if (!is_rule || line.target == NULL || (matched & own_probes(t)) == 0)
				continue;
			line.target = keep(f, line.target, strlen(line.target));
			judge_match(f, matched, &line);
		} else {
			t->entries++;
			size_t n = strcspn(l.text, " \t"), gap = strspn(l.text + n, " \t");
			line.target = keep(f, l.text + n + gap, strlen(l.text + n + gap));
			l.text[n] = '\0';
			if (!judge_key(f, l.text, &line))
				continue;
		}
		add_line(f, &line);
	}
}

/* The administrator's files are root's; what is not is left alone. */
static enum pv_class load(const char *path, struct pv_buf *text, bool *found_r, struct pv_error *e)
{
	char dir[PATH_MAX];
	const struct pv_trust trust = { .uid = 0, .where = dir };
	const char *slash = strrchr(path, '/');
	int fd;

	*found_r = false;
	if (slash == NULL || (size_t)(slash - path) >= sizeof dir)
		return pv_fail(e, PV_TEMPORARY, NULL, "%s is no absolute path", path);
	(void)snprintf(dir, sizeof dir, "%.*s", slash == path ? 1 : (int)(slash - path), path);
	enum pv_class c = pv_dir_open(AT_FDCWD, dir, &trust, &fd, NULL, e);
	if (c != PV_OK || fd < 0)
		return c;
	c = pv_file_load(fd, slash + 1, &trust, text, found_r, e);
	(void)close(fd);
	return c;
}

static bool is_rules(const char *type)
{
	return strcmp(type, "regexp") == 0 || strcmp(type, "pcre") == 0;
}

static bool is_keys(const char *type)
{
	static const char *const types[] = {
		"hash", "btree", "lmdb", "cdb", "dbm", "sdbm", "texthash", "file"
	};

	for (size_t i = 0; i < sizeof types / sizeof *types; i++)
		if (strcmp(types[i], type) == 0)
			return true;
	return false;
}

static void read_table(struct finding *f, struct pv_old_table *t)
{
	struct pv_buf text = PV_BUF_INIT(TABLE_MAX);
	struct pv_old_rules rules;
	struct pv_error e;
	bool found;

	f->parameter = t->parameter;
	if (load(t->path, &text, &found, &e) != PV_OK)
		pv_buf_addf(&f->l->notes, "%s was not read: %s\n", t->word, e.text);
	else if (!found)
		pv_buf_addf(&f->l->notes, "%s has no text: look yourself what it says of %s\n", t->word,
			    f->d->s);
	else {
		t->was_read = true;
		pv_old_rules_start(&rules, strcmp(t->type, "pcre") == 0, f->probes, f->probe_count);
		read_text(f, t, &text, is_rules(t->type) ? &rules : NULL);
	}
	pv_buf_free(&text);
}

/* `{a@b.dk=c, d.dk=x}` of an inline table. */
static void read_inline(struct finding *f, const struct pv_old_table *t)
{
	size_t len = strlen(t->path);
	const char *p, *word;
	size_t n;

	if (len < 2 || t->path[0] != '{' || t->path[len - 1] != '}')
		return;
	p = keep(f, t->path + 1, len - 2);
	while (pv_words_next(&p, &word, &n)) {
		struct pv_old_line line = { .table = t, .file = t->config, .text = keep(f, word, n) };
		bool braces = n > 2 && word[0] == '{';
		const char *key = keep(f, word + braces, n - 2 * (size_t)braces);
		size_t k = strcspn(key, "= \t");
		line.target = key + k + strspn(key + k, "= \t");
		if (judge_key(f, keep(f, key + strspn(key, " \t"), k), &line))
			add_line(f, &line);
	}
}

/* A table that main.cf names: remembered, once. */
static void take_table(struct finding *f, const char *word, size_t len)
{
	const char *copy = keep(f, word, len), *rest = copy;
	struct pv_old_lines *l = f->l;

	if (strncmp(rest, "proxy:", 6) == 0)
		rest += 6;
	const char *path = *rest == '/' ? rest : rest + strcspn(rest, ":") + 1;
	const char *type = *rest == '/' ? "file" : keep(f, rest, (size_t)(path - rest - 1));
	for (size_t i = 0; i < l->table_count; i++)
		if (strcmp(l->tables[i]->type, type) == 0 && strcmp(l->tables[i]->path, path) == 0)
			return;
	struct pv_old_table *t = calloc(1, sizeof *t);
	if (t == NULL || l->table_count == sizeof l->tables / sizeof *l->tables) {
		pv_buf_addf(&l->notes, "%s was not read: too many tables\n", copy);
		free(t);
		return;
	}
	*t = (struct pv_old_table){ .word = copy,
				    .type = type,
				    .path = path,
				    .parameter = f->parameter,
				    .config = keep(f, f->config, strlen(f->config)) };
	l->tables[l->table_count++] = t;
	if (strcmp(type, "inline") == 0)
		read_inline(f, t);
	else if (!is_rules(type) && !is_keys(type))
		pv_buf_addf(&l->notes, "%s is not looked into: look yourself what it says of %s\n", copy,
			    f->d->s);
}

/* A domain that stands in main.cf itself. */
static void take_domain(struct finding *f, const char *word, size_t len)
{
	struct pv_old_line line = { .file = keep(f, f->config, strlen(f->config)), .target = "" };

	line.text = keep(f, word, len);
	if (judge_key(f, line.text, &line))
		add_line(f, &line);
}

static enum pv_class read_parameter(struct finding *f, const char *name, bool *ours_r, struct pv_error *e)
{
	const char *argv[] = { PV_POSTCONF, "-c", f->config, "-x", "-h", name, NULL };
	struct pv_buf value = PV_BUF_INIT(VALUE_MAX);
	const char *word;
	size_t len;

	f->parameter = name;
	enum pv_class c = pv_postfix_ask(argv, NULL, SECONDS, &value, e);
	const char *p = value.s;
	while (c == PV_OK && pv_words_next(&p, &word, &len)) {
		while (len > 0 && word[len - 1] == '\n')
			len--;
		const char *ours = f->store->conf.map_directory;
		if (memmem(word, len, ours, strlen(ours)) != NULL)
			*ours_r = true;
		else if (memchr(word, ':', len) != NULL || *word == '/')
			take_table(f, word, len);
		else
			take_domain(f, word, len);
	}
	pv_buf_free(&value);
	return c;
}

static enum pv_class read_instance(struct finding *f, struct pv_error *e)
{
	bool in_maps = false, in_domains = false;

	enum pv_class c = read_parameter(f, "virtual_alias_maps", &in_maps, e);
	if (c == PV_OK)
		c = read_parameter(f, "virtual_alias_domains", &in_domains, e);
	f->l->has_ours = f->l->has_ours && in_maps && in_domains;
	return c;
}

/* What really answers is asked of Postfix: a table that was built from another text, or that we cannot read.
 */
static void ask_table(struct finding *f, const struct pv_old_table *t)
{
	const char *argv[] = { PV_POSTMAP, "-c", t->config, "-q", f->probes[USER_ITSELF], t->word, NULL };
	struct pv_buf out = PV_BUF_INIT(VALUE_MAX);
	struct pv_error e;
	bool explained = false;

	if (strcmp(t->parameter, "virtual_alias_maps") != 0)
		return;
	for (size_t i = 0; i < f->l->count; i++)
		explained = explained || (f->l->v[i].table == t && f->l->v[i].kind == PV_OLD_USERS);
	if (pv_postfix_ask(argv, NULL, SECONDS, &out, &e) != PV_OK)
		pv_buf_addf(&f->l->notes, "%s: %s\n", t->word, e.text);
	else if (out.len > 0 && !explained)
		pv_buf_addf(&f->l->notes,
			    "%s answers `%.*s` for any user of %s, and no line of it says so: %s\n", t->word,
			    (int)strcspn(out.s, "\n"), out.s, f->d->s, "build it anew, or look there");
	pv_buf_free(&out);
}

enum pv_class pv_old_lines_find(const struct pv_store *s, const struct pv_domain *d, struct pv_old_lines *l,
				struct pv_error *e)
{
	struct finding f = { .store = s, .d = d, .l = l };
	enum pv_class c = PV_OK;

	*l = (struct pv_old_lines){ .notes = PV_BUF_INIT(1 << 20), .has_ours = true };
	if (!pv_postfix_has(PV_POSTCONF))
		return PV_OK;
	start_probes(&f);
	for (size_t i = 0; c == PV_OK && pv_conf_instance(&s->conf, i, f.config, sizeof f.config); i++)
		c = read_instance(&f, e);
	/* Keys first: they name the domains with which the expressions are tried. */
	for (int rules = 0; c == PV_OK && rules < 2; rules++)
		for (size_t i = 0; i < l->table_count; i++)
			if (rules != 0 ? is_rules(l->tables[i]->type) : is_keys(l->tables[i]->type))
				read_table(&f, l->tables[i]);
	for (size_t i = 0; c == PV_OK && i < l->table_count; i++)
		if (strcmp(l->tables[i]->type, "file") != 0)
			ask_table(&f, l->tables[i]);
	return c == PV_OK ? pv_buf_check(&l->notes, "the lines of Postfix's tables", e) : c;
}

void pv_old_lines_free(struct pv_old_lines *l)
{
	for (size_t i = 0; i < l->table_count; i++)
		free(l->tables[i]);
	free(l->v);
	pv_arena_free(&l->arena);
	pv_buf_free(&l->notes);
	*l = (struct pv_old_lines){ .notes = PV_BUF_INIT(0) };
}
