#include "maps/postfix.h"

#include "base/sort.h"
#include "maps/postfix_lists.h"

#include <errno.h>

enum { ASK_SECONDS = 60 };
#define ANSWER_MAX ((size_t)256 << 20)

/* A domain in question, and the first place where it was found. */
struct asked {
	const struct pv_domain *domain;
	const char *setting; /* NULL: nowhere so far */
	size_t instance;
};

struct asking {
	struct asked *v; /* sorted by domain */
	size_t count;
};

static int compare(const void *a, const void *b)
{
	const struct asked *x = a, *y = b;

	return strcmp(x->domain->s, y->domain->s);
}

/* If `name` is one of the domains in question, note where it stands. `!` takes out, so it claims nothing. */
static enum pv_class note(void *ctx, const struct pv_postfix_place *at, const char *name, struct pv_error *e)
{
	const struct asking *all = ctx;
	struct pv_domain d;
	const struct asked wanted = { .domain = &d };

	(void)e;
	if (pv_domain_parse(name, strlen(name), &d, NULL) != PV_OK)
		return PV_OK;
	struct asked *found = bsearch(&wanted, all->v, all->count, sizeof *all->v, compare);
	if (found != NULL && found->setting == NULL) {
		found->setting = at->setting;
		found->instance = at->instance;
	}
	return PV_OK;
}

/* Ask a table about all domains at once: each answer is `key<TAB>value`. */
static enum pv_class note_table(void *ctx, const struct pv_postfix_place *at, const char *table,
				struct pv_error *e)
{
	const char *const argv[] = { PV_POSTMAP, "-c", at->dir, "-q", "-", table, NULL };
	struct pv_buf names = PV_BUF_INIT(ANSWER_MAX), answer = PV_BUF_INIT(ANSWER_MAX);
	const struct asking *all = ctx;
	char *line, *rest;

	for (size_t i = 0; i < all->count; i++)
		pv_buf_addf(&names, "%s\n", all->v[i].domain->s);
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

static enum pv_class no_memory(size_t count, struct pv_error *e)
{
	return pv_fail_errno(e, PV_TEMPORARY, "4.3.0", ENOMEM, "hold %zu domains", count);
}

static enum pv_class take_found(const struct asking *all, struct pv_postfix_domains *r, struct pv_error *e)
{
	size_t count = 0;

	for (size_t i = 0; i < all->count; i++)
		count += all->v[i].setting != NULL;
	if (count == 0)
		return PV_OK;
	r->v = calloc(count, sizeof *r->v);
	if (r->v == NULL)
		return no_memory(count, e);
	for (size_t i = 0; i < all->count; i++) {
		const struct asked *a = &all->v[i];
		if (a->setting != NULL)
			r->v[r->count++] = (struct pv_postfix_domain){ .domain = *a->domain,
								       .setting = a->setting,
								       .instance = a->instance,
								       .itself = true };
	}
	return PV_OK;
}

enum pv_class pv_postfix_domains_find(const struct pv_store *s, const struct pv_domain *const *domains,
				      size_t count, struct pv_postfix_domains *r, struct pv_error *e)
{
	struct asking all = { .count = count };
	const struct pv_postfix_visitor visitor = { note, note_table, &all };

	*r = (struct pv_postfix_domains){ 0 };
	if (count == 0 || !pv_postfix_has(PV_POSTCONF))
		return PV_OK;
	all.v = calloc(count, sizeof *all.v);
	if (all.v == NULL)
		return no_memory(count, e);
	for (size_t i = 0; i < count; i++)
		all.v[i].domain = domains[i];
	pv_sort(all.v, count, sizeof *all.v, compare);
	enum pv_class c = pv_postfix_lists_visit(s, &visitor, e);
	if (c == PV_OK)
		c = take_found(&all, r, e);
	free(all.v);
	return c;
}

static int compare_name(const void *key, const void *element)
{
	const struct pv_domain *d = key;
	const struct pv_postfix_domain *found = element;

	return strcmp(d->s, found->domain.s);
}

const struct pv_postfix_domain *pv_postfix_domains_get(const struct pv_postfix_domains *r,
						       const struct pv_domain *d)
{
	return r->count == 0 ? NULL : bsearch(d, r->v, r->count, sizeof *r->v, compare_name);
}

void pv_postfix_domains_free(struct pv_postfix_domains *r)
{
	free(r->v);
	*r = (struct pv_postfix_domains){ 0 };
}
