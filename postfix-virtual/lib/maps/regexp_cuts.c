#include "maps/regexp_cuts.h"

#include "maps/merge.h"
#include "maps/postfix.h"
#include "maps/report.h"

#include <errno.h>

/* Names that may have to be cut out, backwards and sorted: those below a domain lie together. */
struct names {
	struct pv_maps_work *w;
	struct pv_strings back;
	struct pv_arena arena;
};

bool pv_regexp_in_tables(const struct pv_maps_work *w, const char *domain)
{
	return pv_next_find(w, PV_MAP_DOMAINS, domain) != NULL;
}

static void turn(const char *s, size_t len, char *out)
{
	for (size_t i = 0; i < len; i++)
		out[i] = s[len - 1 - i];
	out[len] = '\0';
}

static enum pv_class add(struct names *n, const char *name, struct pv_error *e)
{
	char back[PV_DOMAIN_MAX + 1];
	size_t len = strlen(name);

	if (len > PV_DOMAIN_MAX)
		return PV_OK;
	turn(name, len, back);
	const char *kept = pv_arena_add(&n->arena, back, len);
	return kept != NULL ? pv_strings_add(&n->back, kept, e)
			    : pv_fail_errno(e, PV_TEMPORARY, "4.3.0", ENOMEM, "hold the names of domains");
}

static enum pv_class add_tables(struct names *n, struct pv_error *e)
{
	enum pv_class c = PV_OK;
	struct pv_key k;

	pv_next_rewind(n->w, PV_MAP_DOMAINS);
	while (c == PV_OK && pv_next_step(n->w, PV_MAP_DOMAINS, &k))
		c = add(n, k.key, e);
	return c;
}

/* Also a domain whose files cannot be read, and that never had a key, is no sub-domain of another. */
static enum pv_class add_known(struct names *n, struct pv_error *e)
{
	const struct pv_maps_work *w = n->w;
	enum pv_class c = PV_OK;

	for (size_t i = 0; c == PV_OK && i < w->registry.count; i++)
		if (w->registry.entries[i].is_alias)
			c = add(n, w->registry.entries[i].domain.s, e);
	for (size_t i = 0; c == PV_OK && i < w->plan.count; i++)
		if (w->plan.domains[i].state != PV_PLAN_GONE)
			c = add(n, w->plan.domains[i].domain.s, e);
	return c;
}

static enum pv_class add_old(struct names *n, const struct pv_expression *old, struct pv_error *e)
{
	enum pv_class c = PV_OK;

	for (size_t i = 0; c == PV_OK && i < old->cuts.count; i++)
		if (pv_plan_get(&n->w->plan, old->cuts.v[i]) == NULL)
			c = add(n, old->cuts.v[i], e);
	return c;
}

static enum pv_class add_postfix(struct names *n, struct pv_error *e)
{
	struct pv_buf unlisted = PV_BUF_INIT(65536);
	struct pv_postfix_domains theirs = { 0 };

	enum pv_class c = pv_postfix_names_list(n->w->store, &theirs, &unlisted, e);
	for (size_t i = 0; c == PV_OK && i < theirs.count; i++)
		c = add(n, theirs.v[i].domain.s, e);
	pv_postfix_domains_free(&theirs);
	pv_buf_free(&unlisted);
	return c;
}

static int compare(const void *a, const void *b)
{
	const char *const *x = a, *const *y = b;

	return strcmp(*x, *y);
}

/* The first name that is not before s. */
static size_t find(const struct pv_strings *back, const char *s)
{
	size_t low = 0, high = back->count;

	while (low < high) {
		size_t middle = low + (high - low) / 2;
		if (strcmp(back->v[middle], s) < 0)
			low = middle + 1;
		else
			high = middle;
	}
	return low;
}

static bool is_below(const char *back, const char *parent, size_t len)
{
	return strncmp(back, parent, len) == 0 && back[len] == '.';
}

/* Put the names below x into it. What lies below one that is cut out is out with it. */
static enum pv_class cut(struct names *n, struct pv_expression *x, struct pv_error *e)
{
	char domain[PV_DOMAIN_MAX + 2], name[PV_DOMAIN_MAX + 1];
	size_t len = strlen(x->domain);
	const char *last = NULL;
	enum pv_class c = PV_OK;

	turn(x->domain, len, domain);
	domain[len] = '.';
	domain[len + 1] = '\0';
	for (size_t i = find(&n->back, domain); c == PV_OK && i < n->back.count; i++) {
		const char *back = n->back.v[i];
		if (strncmp(back, domain, len + 1) != 0)
			break;
		if (last != NULL && (strcmp(back, last) == 0 || is_below(back, last, strlen(last))))
			continue;
		last = back;
		turn(back, strlen(back), name);
		const char *kept = pv_arena_add(&n->w->arena, name, strlen(name));
		c = kept != NULL ? pv_strings_add(&x->cuts, kept, e)
				 : pv_fail_errno(e, PV_TEMPORARY, "4.3.0", ENOMEM, "hold %s", name);
	}
	if (x->cuts.count > 1)
		qsort(x->cuts.v, x->cuts.count, sizeof *x->cuts.v, compare);
	return c;
}

static const struct pv_expression *old_of(const struct pv_maps_work *w, const struct pv_expression *x)
{
	const struct pv_expression *old = pv_expressions_get(&w->old_expressions, x->domain);

	return old != NULL && old->sub_domains ? old : NULL;
}

static enum pv_class gather(struct names *n, const struct pv_expressions *l, struct pv_error *e)
{
	bool any = false, whole = n->w->plan.all;
	enum pv_class c = PV_OK;

	for (size_t i = 0; i < l->count; i++) {
		any = any || l->v[i].sub_domains;
		whole = whole || (l->v[i].sub_domains && old_of(n->w, &l->v[i]) == NULL);
	}
	if (!any)
		return PV_OK;
	if (whole) {
		c = add_tables(n, e);
		if (c == PV_OK)
			c = add_postfix(n, e);
	}
	for (size_t i = 0; !whole && c == PV_OK && i < l->count; i++)
		if (l->v[i].sub_domains)
			c = add_old(n, old_of(n->w, &l->v[i]), e);
	return c == PV_OK ? add_known(n, e) : c;
}

enum pv_class pv_regexp_cuts(struct pv_maps_work *w, struct pv_expressions *l, struct pv_error *e)
{
	struct names n = { .w = w };

	enum pv_class c = gather(&n, l, e);
	if (n.back.count > 1)
		qsort(n.back.v, n.back.count, sizeof *n.back.v, compare);
	for (size_t i = 0; c == PV_OK && i < l->count; i++)
		if (l->v[i].sub_domains)
			c = cut(&n, &l->v[i], e);
	pv_strings_free(&n.back);
	pv_arena_free(&n.arena);
	return c;
}
