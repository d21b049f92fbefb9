#include "maps/making.h"

#include "address/extension.h"
#include "base/sort.h"
#include "maps/alias_ends.h"
#include "maps/hidden.h"
#include "store/alias_file.h"
#include "store/conf.h"

#include <errno.h>

struct aliases {
	struct pv_making *m;
	struct pv_alias_file file[PV_READER_ALIAS_FILES];
	const char *path[PV_READER_ALIAS_FILES];
	unsigned files;
	struct pv_alias_name *names;
	size_t count, cap;
	bool too_many;
};

static enum pv_class no_memory(const struct aliases *a, struct pv_error *e)
{
	return pv_fail_errno(e, PV_TEMPORARY, "4.3.0", ENOMEM, "hold the aliases of %s", a->m->d->domain.s);
}

static enum pv_class blame(struct aliases *a, const struct pv_place *at, struct pv_error *why,
			   struct pv_error *e)
{
	(void)pv_error_prefix(why, "%s, line %u", at->file, at->line);
	return pv_making_blame(a->m, why, e);
}

/* --- what the files hold --- */

static enum pv_class refuse_more(struct aliases *a, unsigned line, struct pv_error *e)
{
	const struct pv_place at = { a->path[a->files], line };
	struct pv_error why;

	a->too_many = true;
	a->m->d->grows_only = true;
	(void)pv_fail(&why, PV_TEMPORARY, "4.3.5", "a domain has at most %d aliases: the rest is not used",
		      PV_READER_ALIASES_LINES);
	return blame(a, &at, &why, e);
}

static enum pv_class add_name(struct aliases *a, const struct pv_alias_entry *entry, bool bad,
			      struct pv_error *e)
{
	if (a->count == PV_READER_ALIASES_LINES)
		return refuse_more(a, entry->line, e);
	if (a->count == a->cap) {
		size_t cap = a->cap == 0 ? 16 : a->cap * 2;
		struct pv_alias_name *v = reallocarray(a->names, cap, sizeof *v);
		if (v == NULL)
			return no_memory(a, e);
		a->names = v;
		a->cap = cap;
	}
	const char *s = pv_arena_add(&a->file[a->files].strings, entry->name, entry->name_len);
	if (s == NULL)
		return no_memory(a, e);
	a->names[a->count++] = (struct pv_alias_name){ .s = s,
						       .at = { a->path[a->files], entry->line },
						       .file = a->files,
						       .bad = bad,
						       .expires = entry->expires,
						       .way = { .targets = entry->targets,
								.targets_len = entry->targets_len } };
	return PV_OK;
}

/* The name of a line that is wrong may be known; otherwise it may be any. Where there is no colon, the first
 * word is what a delivery takes for the name, and may be none. */
static enum pv_class take_wrong(struct aliases *a, const struct pv_alias_entry *entry, struct pv_error *why,
				struct pv_error *e)
{
	enum pv_class c = pv_making_blame(a->m, why, e);

	if (entry->name == NULL || entry->targets == NULL)
		a->m->d->grows_only = true;
	return c == PV_OK && entry->name != NULL ? add_name(a, entry, true, e) : c;
}

static enum pv_class take_entry(struct aliases *a, const struct pv_alias_entry *entry, struct pv_error *e)
{
	const struct pv_place at = { a->path[a->files], entry->line };

	return entry->pattern != NULL ? pv_making_pattern(a->m, &at, entry->pattern, e)
				      : add_name(a, entry, false, e);
}

static enum pv_class scan(struct aliases *a, struct pv_error *e)
{
	struct pv_alias_entry entry;
	enum pv_class c = PV_OK;
	struct pv_error why;
	size_t at = 0;

	while (c == PV_OK && !a->too_many) {
		enum pv_class got = pv_alias_next(&a->file[a->files], &at, &entry, &why);
		if (got == PV_OK && entry.name == NULL)
			break;
		c = got == PV_OK ? take_entry(a, &entry, e) : take_wrong(a, &entry, &why, e);
	}
	return c;
}

static const char *path_of(struct aliases *a, size_t i)
{
	const char *name = i == 0 ? "aliases" : a->m->conf.extra_aliases[i - 1];
	const char *const parts[] = { a->m->path, "/", name };

	return name[0] == '/' ? name : pv_arena_join(&a->m->w->arena, parts, sizeof parts / sizeof *parts);
}

static enum pv_class read_files(struct aliases *a, struct pv_error *e)
{
	enum pv_class c = PV_OK;

	for (size_t i = 0; c == PV_OK && i < PV_READER_ALIAS_FILES && !a->too_many; i++) {
		const struct pv_slice *slice = &a->m->files->aliases[i];
		struct pv_buf text = PV_BUF_INIT(PV_READER_ALIASES_MAX);
		if (slice->s == NULL)
			continue;
		if ((a->path[a->files] = path_of(a, i)) == NULL)
			return no_memory(a, e);
		pv_buf_add(&text, slice->s, slice->len);
		c = pv_buf_check(&text, a->path[a->files], e);
		pv_alias_file_start(&a->file[a->files], a->path[a->files], &text);
		if (c == PV_OK)
			c = scan(a, e);
		a->files++;
	}
	return c;
}

/* --- which of them count --- */

/* By name, and then in the order in which they are searched. */
static int compare(const void *x, const void *y)
{
	const struct pv_alias_name *a = x, *b = y;
	int order = strcmp(a->s, b->s);

	if (order != 0)
		return order;
	if (a->file != b->file)
		return a->file < b->file ? -1 : 1;
	return (a->at.line > b->at.line) - (a->at.line < b->at.line);
}

/* A name that stands there twice has expired when both have. */
static void take_later(struct pv_day *day, const struct pv_day *other)
{
	if (!pv_day_is_set(day) || (pv_day_is_set(other) && pv_day_compare(other, day) <= 0))
		return;
	*day = *other;
}

/* Leave the first of each name, which must stand in its file once. */
static enum pv_class drop_others(struct aliases *a, struct pv_error *e)
{
	enum pv_class c = PV_OK;
	struct pv_error why;
	size_t to = 0;

	pv_sort(a->names, a->count, sizeof *a->names, compare);
	for (size_t i = 0; c == PV_OK && i < a->count; i++) {
		struct pv_alias_name *n = &a->names[i];
		if (to == 0 || strcmp(a->names[to - 1].s, n->s) != 0) {
			a->names[to++] = *n;
			continue;
		}
		if (n->file != a->names[to - 1].file)
			continue;
		a->names[to - 1].bad = true;
		take_later(&a->names[to - 1].expires, &n->expires);
		(void)pv_fail(&why, PV_TEMPORARY, "4.3.5", "%s stands in line %u already: remove one", n->s,
			      a->names[to - 1].at.line);
		c = blame(a, &n->at, &why, e);
	}
	a->count = to;
	return c;
}

/* --- their keys --- */

/* One that travels by its own name. A user of that name has the same key. */
static enum pv_class add_plain(struct aliases *a, const struct pv_alias_name *n, struct pv_error *e)
{
	struct pv_making *m = a->m;
	const struct pv_host_address *hosts =
		n->key.kind == PV_ALIAS_PLAIN ? pv_hidden_by(m->w, m->says, &n->key.user) : NULL;
	const char *target;

	if (hosts != NULL)
		return n->bad ? PV_OK
			      : pv_hidden_complain(m->w, m->d, m->says, hosts, n->at.file, n->at.line, e);
	enum pv_class c = pv_making_target(m, &n->key.user, n->key.tag, &n->at, &target, e);
	if (c != PV_OK || target == NULL)
		return c;
	if (n->is_shut)
		return pv_making_close(m, n->s, target, n->why, n->is_asked, e);
	if (pv_making_get(m, n->s) != NULL)
		return PV_OK;
	return pv_alias_has_expired(a->m, n) ? pv_making_shut_alias(m, n->s, target, e)
					     : pv_making_add(m, n->s, target, e);
}

/* It does not travel, and where it leads is not known: what takes all other names asks the files. */
static enum pv_class add_wrong_rich(struct aliases *a, const struct pv_alias_name *n, struct pv_error *e)
{
	const char *const parts[] = { a->m->before, a->m->behind };

	a->m->d->is_wide = true;
	if (pv_alias_has_expired(a->m, n))
		return pv_making_shut_alias(a->m, n->s, NULL, e);
	if (a->m->d->domain.len + 2 > PV_EXTENSION_MAX)
		return PV_OK;
	const char *target = pv_arena_join(&a->m->w->arena, parts, sizeof parts / sizeof *parts);
	return target != NULL ? pv_making_add(a->m, n->s, target, e) : no_memory(a, e);
}

/* A wrong one has a key where a right one would have: its mail waits until it is mended. */
static enum pv_class take_name(struct aliases *a, struct pv_alias_name *n, struct pv_error *e)
{
	const char *delimiters = a->m->w->store->conf.recipient_delimiter;
	struct pv_error why;

	/* Whether the name in front takes mail matters to it. */
	if (strpbrk(n->s, delimiters) != NULL)
		a->m->has_tags = a->m->d->is_wide = true;
	if (pv_alias_key_read(n->s, delimiters, &n->key, &why) != PV_OK) {
		enum pv_class c = n->bad ? PV_OK : blame(a, &n->at, &why, e);
		n->bad = true;
		n->key.kind = PV_ALIAS_INNER;
		return c == PV_OK ? pv_making_keep(a->m, n->s, e) : c;
	}
	switch (n->key.kind) {
	case PV_ALIAS_INNER:
		return PV_OK;
	case PV_ALIAS_RICH:
		return n->bad ? add_wrong_rich(a, n, e) : PV_OK;
	case PV_ALIAS_PLAIN:
	case PV_ALIAS_TAGGED:
		break;
	}
	return add_plain(a, n, e);
}

/* --- those that do not travel --- */

static int compare_name(const void *key, const void *entry)
{
	return strcmp(key, ((const struct pv_alias_name *)entry)->s);
}

/* Does `\abc` mean what `abc` does? */
static bool is_alias(const struct aliases *a, const char *s)
{
	return bsearch(s, a->names, a->count, sizeof *a->names, compare_name) != NULL;
}

/* The user or plain alias of the domain that a target means; false: it is none. */
static bool own_name(const struct aliases *a, const struct pv_target *t, struct pv_user *u)
{
	const char *at = t->kind == PV_TARGET_ADDRESS ? strrchr(t->text, '@') : NULL;
	size_t len = at != NULL ? (size_t)(at - t->text) : t->len;

	if (t->kind != PV_TARGET_NAME && t->kind != PV_TARGET_ADDRESS && t->kind != PV_TARGET_USER)
		return false;
	if (at != NULL && strcasecmp(at + 1, a->m->d->domain.s) != 0)
		return false;
	if (pv_user_parse(t->text, len, u, NULL) != PV_OK || pv_making_is_hosts(a->m, u))
		return false;
	return t->kind != PV_TARGET_USER || !is_alias(a, u->s);
}

/* The targets of a rich alias, on their way to one value. */
struct rich {
	const char *values[PV_RICH_TARGETS_MAX];
	size_t count;
	const struct pv_shut *shut; /* the first that takes no mail */
};

static bool has_value(const struct rich *r, const char *value)
{
	for (size_t i = 0; i < r->count; i++)
		if (strcmp(r->values[i], value) == 0)
			return true;
	return false;
}

static enum pv_class take_target(const struct aliases *a, const struct pv_target *t, struct rich *r,
				 struct pv_error *why)
{
	struct pv_user u;

	const char *value = own_name(a, t, &u) ? pv_making_get(a->m, u.s) : NULL;
	const struct pv_shut *shut =
		value == NULL && own_name(a, t, &u) ? pv_making_find_shut(a->m, u.s) : NULL;
	if (value == NULL && shut == NULL)
		return pv_fail(
			why, PV_PERMANENT, NULL,
			"`%.80s`: a name of other characters than a user's leads to users and such "
			"aliases of its domain alone: give it the name of a user or of a plain alias as "
			"its target",
			t->text);
	if (r->shut == NULL)
		r->shut = shut;
	if (value == NULL || has_value(r, value))
		return PV_OK;
	if (r->count == PV_RICH_TARGETS_MAX)
		return pv_fail(
			why, PV_PERMANENT, NULL,
			"such a name has at most %d targets: let it lead to a plain alias that has more",
			PV_RICH_TARGETS_MAX);
	r->values[r->count++] = value;
	return PV_OK;
}

static enum pv_class read_targets(const struct aliases *a, const struct pv_alias_name *n, struct rich *r,
				  struct pv_error *why)
{
	const char *list = n->way.targets, *end = list + n->way.targets_len;
	struct pv_buf text = PV_BUF_INIT(PV_ALIAS_FILE_MAX);
	enum pv_class c = PV_OK;
	struct pv_target t;

	while (c == PV_OK && pv_target_next(&list, end, &text, &t, &c, why))
		if (c == PV_OK)
			c = take_target(a, &t, r, why);
	pv_buf_free(&text);
	return c;
}

static enum pv_class add_values(struct aliases *a, const struct pv_alias_name *n, const struct rich *r,
				struct pv_error *e)
{
	const char *parts[2 * PV_RICH_TARGETS_MAX];
	size_t count = 0;

	for (size_t i = 0; i < r->count; i++) {
		if (i > 0)
			parts[count++] = ", ";
		parts[count++] = r->values[i];
	}
	const char *value = pv_arena_join(&a->m->w->arena, parts, count);
	return value != NULL ? pv_making_add(a->m, n->s, value, e) : no_memory(a, e);
}

static enum pv_class take_rich(struct aliases *a, struct pv_alias_name *n, struct pv_error *e)
{
	struct rich r = { .count = 0 };
	struct pv_error why;

	a->m->d->is_wide = true;
	if (pv_alias_has_expired(a->m, n))
		return pv_making_shut_alias(a->m, n->s, NULL, e);
	if (read_targets(a, n, &r, &why) != PV_OK) {
		enum pv_class c = blame(a, &n->at, &why, e);
		return c == PV_OK ? add_wrong_rich(a, n, e) : c;
	}
	if (r.count == 0 && r.shut != NULL)
		return pv_making_shut(a->m, n->s, NULL, r.shut->why, e);
	return r.count > 0 ? add_values(a, n, &r, e) : PV_OK;
}

/* What travels comes first: the others lead to it. Where a file could not be read, or not all of it was
 * taken, a name in it may be another's. */
static enum pv_class take_names(struct aliases *a, struct pv_error *e)
{
	enum pv_class c = PV_OK;

	if (!a->too_many && a->m->files->doubt_count == 0)
		c = pv_alias_ends_find(a->m, a->names, a->count, e);
	if (c == PV_OK)
		c = pv_making_close_forwarders(a->m, e);
	for (size_t i = 0; c == PV_OK && i < a->count; i++)
		c = take_name(a, &a->names[i], e);
	pv_keys_squeeze(&a->m->d->keys);
	if (c == PV_OK)
		c = pv_making_settle(a->m, e);
	for (size_t i = 0; c == PV_OK && i < a->count; i++)
		if (!a->names[i].bad && a->names[i].key.kind == PV_ALIAS_RICH)
			c = take_rich(a, &a->names[i], e);
	return c == PV_OK ? pv_making_settle(a->m, e) : c;
}

enum pv_class pv_making_aliases(struct pv_making *m, struct pv_error *e)
{
	struct aliases a = { .m = m };

	enum pv_class c = read_files(&a, e);
	if (c == PV_OK && a.count > 0)
		c = drop_others(&a, e);
	if (c == PV_OK && (a.count > 0 || m->forwarder_count > 0))
		c = take_names(&a, e);
	for (unsigned i = 0; i < a.files; i++)
		pv_alias_file_free(&a.file[i]);
	free(a.names);
	return c;
}
