#include "maps/making.h"

#include "base/sort.h"
#include "maps/alias_key.h"
#include "maps/fold_case.h"
#include "store/conf.h"
#include "store/full_name.h"

#include <errno.h>

/* --- full names --- */

/* As an address, in the letters in which it is looked up; NULL: it makes none, or there is no memory. */
static const char *as_local(struct pv_making *m, const char *name, bool *is_exact_r)
{
	struct pv_buf folded = PV_BUF_INIT(4 * PV_FULL_NAME_SIZE);
	char local[PV_FULL_NAME_SIZE];
	struct pv_alias_key k;
	const char *kept = NULL;

	size_t len = pv_full_name_fold(name, local);
	if (len > 0 && pv_fold_case(local, len, &folded) && !folded.failed &&
	    pv_alias_key_read(folded.s, m->w->store->conf.recipient_delimiter, &k, NULL) == PV_OK &&
	    k.kind != PV_ALIAS_INNER)
		kept = pv_arena_add(&m->w->arena, folded.s, folded.len);
	*is_exact_r = kept != NULL && strcmp(kept, local) == 0;
	pv_buf_free(&folded);
	return kept;
}

enum pv_class pv_making_note_name(struct pv_making *m, const struct pv_passwd_entry *p, unsigned line,
				  const char *target, int closed, struct pv_error *e)
{
	size_t n = m->full_name_count;
	bool is_exact;

	const char *local = as_local(m, p->name, &is_exact);
	if (local == NULL)
		return PV_OK;
	/* Full at each power of two. */
	if ((n & (n - 1)) == 0) {
		struct pv_full_name *v = reallocarray(m->full_names, n == 0 ? 1 : n * 2, sizeof *v);
		if (v == NULL)
			return pv_fail_errno(e, PV_TEMPORARY, "4.3.0", errno, "hold %zu names", n + 1);
		m->full_names = v;
	}
	m->full_names[m->full_name_count++] =
		(struct pv_full_name){ local, p->user, line, target, closed, is_exact };
	return PV_OK;
}

static int compare(const void *a, const void *b)
{
	const struct pv_full_name *x = a, *y = b;
	int order = strcmp(x->local, y->local);

	return order != 0 ? order : (x->line > y->line) - (x->line < y->line);
}

static int compare_local(const void *key, const void *entry)
{
	return strcmp(key, ((const struct pv_full_name *)entry)->local);
}

const struct pv_full_name *pv_making_find_full_name(struct pv_making *m, const char *local, bool *several_r)
{
	const struct pv_full_name *v = m->full_names;

	*several_r = false;
	if (m->full_name_count == 0)
		return NULL;
	if (!m->full_names_sorted)
		pv_sort(m->full_names, m->full_name_count, sizeof *m->full_names, compare);
	m->full_names_sorted = true;
	const struct pv_full_name *found = bsearch(local, v, m->full_name_count, sizeof *v, compare_local);
	if (found == NULL)
		return NULL;
	*several_r = (found > v && strcmp(found[-1].local, local) == 0) ||
		     ((size_t)(found - v) + 1 < m->full_name_count && strcmp(found[1].local, local) == 0);
	return *several_r ? NULL : found;
}

/* A user or an alias goes before a full name; the host's before all. */
static bool is_taken(const struct pv_making *m, const char *local)
{
	const struct pv_shut *shut = pv_making_find_shut(m, local);
	struct pv_user u;

	return pv_making_get(m, local) != NULL || (shut != NULL && !shut->by_alias) ||
	       (pv_user_parse(local, strlen(local), &u, NULL) == PV_OK && pv_making_is_hosts(m, &u));
}

/* Nobody may guess which of them is meant. */
static enum pv_class blame_pair(struct pv_making *m, const struct pv_full_name *a,
				const struct pv_full_name *b, struct pv_error *e)
{
	struct pv_error why;

	(void)pv_fail(
		&why, PV_TEMPORARY, "4.3.5",
		"%s/passwd, line %u: %s has the full name of %s (line %u), so that %s@%s would mean both "
		"and is refused: change one, or make an alias",
		m->path, b->line, b->user.s, a->user.s, a->line, a->local, m->d->domain.s);
	return pv_making_blame(m, &why, e);
}

static enum pv_class add_full_name(struct pv_making *m, const struct pv_full_name *n, struct pv_error *e)
{
	const struct pv_forwarder *f = n->closed == 0 ? pv_making_find_forwards(m, &n->user) : NULL;

	if (f != NULL && f->is_shut)
		return pv_making_shut(m, n->local, n->target, f->why, e);
	return n->closed != 0
		       ? pv_making_shut(m, n->local, n->target, (enum pv_reader_text)(n->closed - 1), e)
		       : pv_making_add(m, n->local, n->target, e);
}

enum pv_class pv_making_full_names(struct pv_making *m, struct pv_error *e)
{
	const struct pv_full_name *v = m->full_names;
	const size_t count = m->full_name_count;
	enum pv_class c = PV_OK;

	m->d->is_wide = m->d->is_wide || m->conf.match_full_name;
	if (count > 0 && !m->full_names_sorted)
		pv_sort(m->full_names, count, sizeof *m->full_names, compare);
	for (size_t i = 0, next; c == PV_OK && i < count; i = next) {
		for (next = i + 1; next < count && strcmp(v[i].local, v[next].local) == 0; next++)
			;
		if (is_taken(m, v[i].local))
			continue;
		c = next - i > 1 ? blame_pair(m, &v[i], &v[i + 1], e) : add_full_name(m, &v[i], e);
	}
	return c == PV_OK ? pv_making_settle(m, e) : c;
}

/* --- responders --- */

/* The child may name one twice. */
static void drop_doubles(struct pv_keys *k)
{
	pv_keys_sort(k);
	for (size_t i = 1; i < k->count; i++)
		if (strcmp(k->v[i - 1].key, k->v[i].key) == 0)
			k->v[i - 1].value = NULL;
	pv_keys_squeeze(k);
}

enum pv_class pv_making_responders(struct pv_making *m, struct pv_error *e)
{
	static const struct pv_place nowhere = { ".files", 0 };
	const struct pv_slice *names = &m->files->responders;
	enum pv_class c = PV_OK;
	const char *target;

	for (size_t at = 0, len; c == PV_OK && at < names->len; at += len + 1) {
		const char *nul = memchr(names->s + at, '\0', names->len - at);
		struct pv_user u;
		len = nul != NULL ? (size_t)(nul - names->s) - at : names->len - at;
		/* An alias whose last day is over is refused, and no responder answers for it. */
		if (pv_user_parse(names->s + at, len, &u, NULL) != PV_OK || is_taken(m, u.s) ||
		    pv_making_find_shut(m, u.s) != NULL)
			continue;
		c = pv_making_target(m, &u, "", &nowhere, &target, e);
		if (c == PV_OK && target != NULL)
			c = pv_making_add(m, u.s, target, e);
	}
	drop_doubles(&m->fresh);
	return c == PV_OK ? pv_making_settle(m, e) : c;
}
