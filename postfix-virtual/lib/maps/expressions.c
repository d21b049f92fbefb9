#include "maps/expression.h"

#include <errno.h>

#define SUB_DOMAINS ": its sub-domains"
#define PATTERNS ": pattern aliases"
#define CUT "# not: "

/* Going through the lines of a text. */
struct reader {
	const char *line;
	size_t len;
	const char *next;
	struct pv_expressions *l;
};

static int compare(const void *a, const void *b)
{
	const struct pv_expression *x = a, *y = b;

	return strcmp(x->domain, y->domain);
}

void pv_expressions_free(struct pv_expressions *l)
{
	for (size_t i = 0; i < l->count; i++) {
		pv_strings_free(&l->v[i].cuts);
		pv_strings_free(&l->v[i].patterns);
	}
	free(l->v);
	pv_arena_free(&l->arena);
	*l = (struct pv_expressions){ 0 };
}

struct pv_expression *pv_expressions_get(const struct pv_expressions *l, const char *domain)
{
	const struct pv_expression key = { .domain = domain };

	return l->count == 0 ? NULL : bsearch(&key, l->v, l->count, sizeof *l->v, compare);
}

enum pv_class pv_expressions_add(struct pv_expressions *l, const char *domain, struct pv_error *e)
{
	/* Full at each power of two. */
	if ((l->count & (l->count - 1)) == 0) {
		struct pv_expression *v = reallocarray(l->v, l->count == 0 ? 1 : l->count * 2, sizeof *v);
		if (v == NULL)
			return pv_fail_errno(e, PV_TEMPORARY, "4.3.0", errno, "hold %zu domains",
					     l->count + 1);
		l->v = v;
	}
	l->v[l->count++] = (struct pv_expression){ .domain = domain };
	return PV_OK;
}

void pv_expressions_sort(struct pv_expressions *l)
{
	if (l->count > 1)
		qsort(l->v, l->count, sizeof *l->v, compare);
}

static bool step(struct reader *r)
{
	const char *end = strchr(r->next, '\n');

	if (end == NULL)
		return false;
	r->line = r->next;
	r->len = (size_t)(end - r->line);
	r->next = end + 1;
	return true;
}

static bool starts(const struct reader *r, const char *word)
{
	return strncmp(r->line, word, strlen(word)) == 0;
}

/* The name in `# NAME: what`, or false. */
static bool is_title(const struct reader *r, const char *what, struct pv_domain *d)
{
	size_t n = strlen(what);

	if (r->len <= n + 2 || !starts(r, "# ") || memcmp(r->line + r->len - n, what, n) != 0)
		return false;
	return pv_domain_parse(r->line + 2, r->len - n - 2, d, NULL) == PV_OK;
}

static bool keep_word(struct reader *r, size_t skip, struct pv_strings *to)
{
	const char *word = pv_arena_add(&r->l->arena, r->line + skip, r->len - skip);

	return word != NULL && pv_strings_add(to, word, NULL) == PV_OK;
}

/* The lines of a title, up to the `endif` that ends them. */
static bool read_section(struct reader *r, struct pv_expression *x)
{
	size_t depth = 0;

	while (step(r)) {
		if (starts(r, "if ")) {
			depth++;
		} else if (starts(r, "endif")) {
			if (depth-- <= 1)
				return depth == 0;
		} else if (depth == 0 && starts(r, CUT)) {
			if (!keep_word(r, strlen(CUT), &x->cuts))
				return false;
		} else if (depth == 0 && starts(r, "# /")) {
			if (!keep_word(r, 2, &x->patterns))
				return false;
		} else if (depth == 0) {
			return false;
		}
	}
	return false;
}

static bool read_title(struct reader *r, const struct pv_domain *d, bool sub_domains)
{
	struct pv_expressions *l = r->l;
	struct pv_expression *x = l->count > 0 ? &l->v[l->count - 1] : NULL;
	const char *start = r->line;

	if (x == NULL || strcmp(x->domain, d->s) != 0) {
		const char *name = pv_arena_add(&l->arena, d->s, d->len);
		if (name == NULL || pv_expressions_add(l, name, NULL) != PV_OK)
			return false;
		x = &l->v[l->count - 1];
		x->block = start;
	}
	x->sub_domains = x->sub_domains || sub_domains;
	if (!read_section(r, x))
		return false;
	x->block_len = (size_t)(r->next - x->block);
	return true;
}

bool pv_expressions_read(const char *lines, struct pv_expressions *l)
{
	struct reader r = { .next = lines, .l = l };
	struct pv_domain d;

	while (step(&r)) {
		bool sub_domains = is_title(&r, SUB_DOMAINS, &d);
		if ((sub_domains || is_title(&r, PATTERNS, &d)) && !read_title(&r, &d, sub_domains))
			return false;
	}
	pv_expressions_sort(l);
	return *r.next == '\0';
}
