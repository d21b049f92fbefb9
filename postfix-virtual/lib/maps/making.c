#include "maps/making.h"

#include "address/extension.h"
#include "maps/hidden.h"
#include "maps/report.h"

#include <errno.h>

static enum pv_class no_memory(const struct pv_making *m, struct pv_error *e)
{
	return pv_fail_errno(e, PV_TEMPORARY, "4.3.0", ENOMEM, "hold the keys of %s", m->d->domain.s);
}

/* local@domain, for a look into a set; false: it is longer than any key. */
static bool format_key(const struct pv_making *m, const char *local, char key[PV_MAP_KEY_SIZE])
{
	int n = snprintf(key, PV_MAP_KEY_SIZE, "%s@%s", local, m->d->domain.s);

	return n > 0 && n < PV_MAP_KEY_SIZE;
}

static const char *keep_key(struct pv_making *m, const char *local)
{
	const char *const parts[] = { local, m->at };

	return pv_arena_join(&m->w->arena, parts, 2);
}

void pv_making_start(struct pv_making *m)
{
	(void)snprintf(m->before, sizeof m->before, "%s%c", m->d->account, PV_DELIMITER);
	(void)snprintf(m->behind, sizeof m->behind, "--%s@" PV_MAP_TARGET_DOMAIN, m->d->domain.s);
	(void)snprintf(m->at, sizeof m->at, "@%s", m->d->domain.s);
}

enum pv_class pv_making_complain(struct pv_making *m, struct pv_error *why, struct pv_error *e)
{
	why->class = PV_TEMPORARY;
	return pv_report_complain(m->w->report, &m->d->domain, why, e);
}

enum pv_class pv_making_blame(struct pv_making *m, struct pv_error *why, struct pv_error *e)
{
	struct pv_error more;

	if (m->w->options->check || m->complaints++ < PV_MAKING_COMPLAINTS_MAX)
		return pv_making_complain(m, why, e);
	if (m->complaints > PV_MAKING_COMPLAINTS_MAX + 1)
		return PV_OK;
	(void)pv_fail(&more, PV_TEMPORARY, "4.3.5",
		      "%s: there is more like this: `make-postfix-maps --check %s` names all", m->path,
		      m->d->domain.s);
	return pv_making_complain(m, &more, e);
}

/* With a tag between the domain and its `@`. */
static const char *join_tagged(struct pv_making *m, const struct pv_user *u, const char *tag)
{
	const char *const parts[] = { m->before, u->s, "--", m->d->domain.s, tag, "@" PV_MAP_TARGET_DOMAIN };

	return pv_arena_join(&m->w->arena, parts, sizeof parts / sizeof *parts);
}

enum pv_class pv_making_target(struct pv_making *m, const struct pv_user *u, const char *tag,
			       const struct pv_place *at, const char **target_r, struct pv_error *e)
{
	const char *const parts[] = { m->before, u->s, m->behind };
	char extension[PV_EXTENSION_SIZE];
	struct pv_error why;

	*target_r = NULL;
	if (u->len + 2u + m->d->domain.len > PV_EXTENSION_MAX) {
		(void)pv_extension_format(u, &m->d->domain, extension, &why);
		(void)pv_error_prefix(&why, "%s, line %u", at->file, at->line);
		return pv_making_blame(m, &why, e);
	}
	*target_r = tag[0] == '\0' ? pv_arena_join(&m->w->arena, parts, 3) : join_tagged(m, u, tag);
	return *target_r != NULL ? PV_OK : no_memory(m, e);
}

enum pv_class pv_making_add(struct pv_making *m, const char *local, const char *value, struct pv_error *e)
{
	const char *key = keep_key(m, local);

	return key == NULL ? no_memory(m, e) : pv_keys_add(&m->fresh, key, value, e);
}

enum pv_class pv_making_shut(struct pv_making *m, const char *local, const char *target,
			     enum pv_reader_text why, struct pv_error *e)
{
	size_t n = m->shut_count;

	/* Full at each power of two. */
	if ((n & (n - 1)) == 0) {
		struct pv_shut *v = reallocarray(m->shut, n == 0 ? 1 : n * 2, sizeof *v);
		if (v == NULL)
			return no_memory(m, e);
		m->shut = v;
	}
	const char *key = keep_key(m, local);
	if (key == NULL)
		return no_memory(m, e);
	m->shut[m->shut_count++] = (struct pv_shut){ .key = key, .target = target, .why = why };
	return PV_OK;
}

enum pv_class pv_making_shut_alias(struct pv_making *m, const char *local, const char *target,
				   struct pv_error *e)
{
	enum pv_class c = pv_making_shut(m, local, target, PV_READER_EXPIRED, e);

	if (c == PV_OK)
		m->shut[m->shut_count - 1].by_alias = true;
	return c;
}

enum pv_class pv_making_close(struct pv_making *m, const char *local, const char *target,
			      enum pv_reader_text why, bool is_asked, struct pv_error *e)
{
	const struct pv_shut *found = pv_making_find_shut(m, local);
	char key[PV_MAP_KEY_SIZE];

	const struct pv_key *k = format_key(m, local, key) ? pv_keys_find(&m->d->keys, key) : NULL;
	if (k != NULL)
		m->d->keys.v[k - m->d->keys.v].value = NULL;
	enum pv_class c = found == NULL ? pv_making_shut(m, local, target, why, e) : PV_OK;
	if (c != PV_OK)
		return c;
	struct pv_shut *shut = &m->shut[found != NULL ? (size_t)(found - m->shut) : m->shut_count - 1];
	shut->why = why;
	shut->is_asked = is_asked;
	return PV_OK;
}

enum pv_class pv_making_keep(struct pv_making *m, const char *local, struct pv_error *e)
{
	char key[PV_MAP_KEY_SIZE];

	const char *old = format_key(m, local, key) ? pv_old_find(&m->w->old, PV_MAP_ADDRESSES, key) : NULL;
	if (old == NULL)
		return PV_OK;
	const char *value = pv_arena_add(&m->w->arena, old, strlen(old));
	return value == NULL ? no_memory(m, e) : pv_making_add(m, local, value, e);
}

static int compare_shut(const void *a, const void *b)
{
	const struct pv_shut *x = a, *y = b;
	int order = strcmp(x->key, y->key);

	return order != 0 ? order : (int)x->by_alias - (int)y->by_alias;
}

enum pv_class pv_making_settle(struct pv_making *m, struct pv_error *e)
{
	struct pv_keys *keys = &m->d->keys;
	enum pv_class c = PV_OK;

	if (keys->count == 0) {
		const struct pv_keys empty = *keys;
		*keys = m->fresh;
		m->fresh = empty;
		pv_keys_sort(keys);
	} else {
		c = pv_keys_merge(keys, &m->fresh, e);
	}
	m->fresh.count = 0;
	if (m->shut_count > 1)
		qsort(m->shut, m->shut_count, sizeof *m->shut, compare_shut);
	m->shut_sorted = m->shut_count;
	return c;
}

const char *pv_making_get(const struct pv_making *m, const char *local)
{
	char key[PV_MAP_KEY_SIZE];

	const struct pv_key *k = format_key(m, local, key) ? pv_keys_find(&m->d->keys, key) : NULL;
	return k != NULL ? k->value : NULL;
}

const struct pv_shut *pv_making_find_shut(const struct pv_making *m, const char *local)
{
	char key[PV_MAP_KEY_SIZE];
	struct pv_shut wanted = { .key = key };

	if (m->shut_sorted == 0 || !format_key(m, local, key))
		return NULL;
	const struct pv_shut *found =
		bsearch(&wanted, m->shut, m->shut_sorted, sizeof *m->shut, compare_shut);
	wanted.by_alias = true;
	return found != NULL ? found
			     : bsearch(&wanted, m->shut, m->shut_sorted, sizeof *m->shut, compare_shut);
}

bool pv_making_is_hosts(const struct pv_making *m, const struct pv_user *u)
{
	return pv_hidden_by(m->w, m->says, u) != NULL;
}

void pv_making_free(struct pv_making *m)
{
	pv_some_users_free(&m->closed);
	pv_domain_conf_free(&m->conf);
	pv_keys_free(&m->fresh);
	free(m->shut);
	free(m->full_names);
	free(m->forwarders);
}
