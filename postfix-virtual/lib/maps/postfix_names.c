#include "maps/postfix.h"

#include "maps/postfix_lists.h"

#include <errno.h>

enum { LIST_SECONDS = 60 };
#define LIST_MAX ((size_t)256 << 20)
#define UNLISTED_MAX (1u << 20)

struct names {
	struct pv_postfix_domains *list;
	size_t room;
	struct pv_buf *unlisted;
};

static enum pv_class add(struct names *n, const struct pv_postfix_place *at, const struct pv_domain *d,
			 bool itself, bool below, struct pv_error *e)
{
	struct pv_postfix_domains *list = n->list;

	if (list->count == n->room) {
		size_t room = n->room == 0 ? 64 : n->room * 2;
		struct pv_postfix_domain *v = reallocarray(list->v, room, sizeof *v);
		if (v == NULL)
			return pv_fail_errno(e, PV_TEMPORARY, "4.3.0", errno, "hold %zu domains", room);
		list->v = v;
		n->room = room;
	}
	list->v[list->count++] = (struct pv_postfix_domain){ .domain = *d,
							     .setting = at->setting,
							     .instance = at->instance,
							     .itself = itself,
							     .below = below };
	return PV_OK;
}

static void complain(const struct names *n, const struct pv_postfix_place *at, const char *word,
		     const char *why)
{
	pv_buf_addf(n->unlisted, "%s in %s of %s/main.cf: %.*s\n", word, at->setting, at->dir,
		    (int)strcspn(why, "\n"), why);
}

/*
 * A name means its sub-domains where parent_domain_matches_subdomains says so for this list, and then
 * `.name` means nothing; elsewhere `.name` means the sub-domains in relay_domains, and nothing in the two
 * other lists, which are compared as they are (match_list(3) in Postfix).
 */
static enum pv_class take_name(struct names *n, const struct pv_postfix_place *at, const char *name,
			       struct pv_error *e)
{
	bool dotted = name[0] == '.', list_of_parents = strcmp(at->setting, "relay_domains") == 0;
	struct pv_domain d;

	/* A bare label, an address literal: no domain of ours can be the same, or above. */
	if (pv_domain_parse(name + dotted, strlen(name + dotted), &d, NULL) != PV_OK ||
	    (dotted && (at->parents || !list_of_parents)))
		return PV_OK;
	return add(n, at, &d, !dotted, dotted || at->parents, e);
}

static enum pv_class take_word(void *ctx, const struct pv_postfix_place *at, const char *word,
			       struct pv_error *e)
{
	struct names *n = ctx;

	if (*word != '!')
		return take_name(n, at, word, e);
	complain(n, at, word, "what it takes out of the words behind it cannot be listed");
	return PV_OK;
}

/* Go through all keys of a table. One that Postfix cannot go through is told of, and no failure. */
static enum pv_class take_table(void *ctx, const struct pv_postfix_place *at, const char *table,
				struct pv_error *e)
{
	const char *plain = strncmp(table, "proxy:", 6) == 0 ? table + 6 : table;
	const char *const argv[] = { PV_POSTMAP, "-c", at->dir, "-s", plain, NULL };
	struct pv_buf answer = PV_BUF_INIT(LIST_MAX);
	struct pv_error why = { .text = "" };
	enum pv_class c = PV_OK;
	char *line, *rest;

	if (pv_postfix_ask(argv, NULL, LIST_SECONDS, &answer, &why) != PV_OK)
		complain(ctx, at, table, why.text);
	rest = answer.s;
	while (c == PV_OK && (line = strsep(&rest, "\n")) != NULL) {
		line[strcspn(line, "\t ")] = '\0';
		c = take_name(ctx, at, line, e);
	}
	pv_buf_free(&answer);
	return c;
}

static int compare(const void *a, const void *b)
{
	const struct pv_postfix_domain *x = a, *y = b;

	return strcmp(x->domain.s, y->domain.s);
}

/* A domain once, with what all its words mean together. */
static void sort_once(struct pv_postfix_domains *r)
{
	size_t to = 0;

	if (r->count > 0)
		qsort(r->v, r->count, sizeof *r->v, compare);
	for (size_t i = 0; i < r->count; i++) {
		if (to > 0 && compare(&r->v[to - 1], &r->v[i]) == 0) {
			r->v[to - 1].itself = r->v[to - 1].itself || r->v[i].itself;
			r->v[to - 1].below = r->v[to - 1].below || r->v[i].below;
		} else {
			r->v[to++] = r->v[i];
		}
	}
	r->count = to;
}

enum pv_class pv_postfix_names_list(const struct pv_store *s, struct pv_postfix_domains *r,
				    struct pv_buf *unlisted, struct pv_error *e)
{
	struct names n = { .list = r, .unlisted = unlisted };
	const struct pv_postfix_visitor visitor = { take_word, take_table, &n };

	*r = (struct pv_postfix_domains){ 0 };
	if (!pv_postfix_has(PV_POSTCONF))
		return PV_OK;
	enum pv_class c = pv_postfix_lists_visit(s, &visitor, e);
	if (c == PV_OK)
		c = pv_buf_check(unlisted, "what cannot be listed", e);
	sort_once(r);
	return c;
}
