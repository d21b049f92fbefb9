#include "maps/postfix.h"

#include "base/sort.h"
#include "maps/postfix_lists.h"

#include <errno.h>

enum { ASK_SECONDS = 60 };
#define ANSWER_MAX ((size_t)256 << 20)

static int compare(const void *a, const void *b)
{
	const struct pv_postfix_domain *x = a, *y = b;

	return strcmp(x->domain.s, y->domain.s);
}

static struct pv_postfix_domain *find(const struct pv_postfix_domains *r, const struct pv_domain *d)
{
	const struct pv_postfix_domain wanted = { .domain = *d };

	return r->count == 0 ? NULL : bsearch(&wanted, r->v, r->count, sizeof *r->v, compare);
}

/* If `name` is one of the domains in question, note where it stands. `!` takes out, so it claims nothing. */
static enum pv_class note(void *ctx, const struct pv_postfix_place *at, const char *name, struct pv_error *e)
{
	const struct pv_postfix_domains *all = ctx;
	struct pv_domain d;

	(void)e;
	if (pv_domain_parse(name, strlen(name), &d, NULL) != PV_OK)
		return PV_OK;
	struct pv_postfix_domain *found = find(all, &d);
	if (found != NULL && found->setting == NULL) {
		found->setting = at->setting;
		found->instance = at->instance;
		found->itself = true;
	}
	return PV_OK;
}

/* Ask a table about all domains at once: each answer is `key<TAB>value`. */
static enum pv_class note_table(void *ctx, const struct pv_postfix_place *at, const char *table,
				struct pv_error *e)
{
	const char *const argv[] = { PV_POSTMAP, "-c", at->dir, "-q", "-", table, NULL };
	struct pv_buf names = PV_BUF_INIT(ANSWER_MAX), answer = PV_BUF_INIT(ANSWER_MAX);
	const struct pv_postfix_domains *all = ctx;
	char *line, *rest;

	for (size_t i = 0; i < all->count; i++)
		pv_buf_addf(&names, "%s\n", all->v[i].domain.s);
	enum pv_class c = pv_buf_check(&names, "the list of domains", e);
	if (c == PV_OK)
		c = pv_postfix_ask(argv, &names, ASK_SECONDS, &answer, e);
	rest = answer.s;
	while (c == PV_OK && (line = strsep(&rest, "\n")) != NULL) {
		line[strcspn(line, "\t ")] = '\0';
		c = note(ctx, at, line, e);
	}
	pv_buf_free(&names);
	pv_buf_free(&answer);
	return c != PV_OK ? pv_error_prefix(e, "ask %s, a table in %s", table, at->setting) : PV_OK;
}

static void keep_found(struct pv_postfix_domains *r)
{
	size_t to = 0;

	for (size_t i = 0; i < r->count; i++)
		if (r->v[i].setting != NULL)
			r->v[to++] = r->v[i];
	r->count = to;
}

enum pv_class pv_postfix_domains_find(const struct pv_store *s, const struct pv_domain *domains, size_t count,
				      struct pv_postfix_domains *r, struct pv_error *e)
{
	const struct pv_postfix_visitor visitor = { note, note_table, r };

	*r = (struct pv_postfix_domains){ 0 };
	if (count == 0 || !pv_postfix_has(PV_POSTCONF))
		return PV_OK;
	r->v = calloc(count, sizeof *r->v);
	if (r->v == NULL)
		return pv_fail_errno(e, PV_TEMPORARY, "4.3.0", errno, "hold %zu domains", count);
	r->count = count;
	for (size_t i = 0; i < count; i++)
		r->v[i].domain = domains[i];
	pv_sort(r->v, count, sizeof *r->v, compare);
	enum pv_class c = pv_postfix_lists_visit(s, &visitor, e);
	keep_found(r);
	return c;
}

const struct pv_postfix_domain *pv_postfix_domains_get(const struct pv_postfix_domains *r,
						       const struct pv_domain *d)
{
	return find(r, d);
}

void pv_postfix_domains_free(struct pv_postfix_domains *r)
{
	free(r->v);
	*r = (struct pv_postfix_domains){ 0 };
}
