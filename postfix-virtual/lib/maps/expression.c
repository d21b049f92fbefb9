#include "maps/expression.h"

#include "maps/factor.h"
#include "maps/pattern.h"

#include <errno.h>

/* A label and its dot; a user's name; what may stand in a tag. None of them can be read in two ways, so that
 * no name, however made, takes more steps than it has bytes. */
#define LABEL "[a-z0-9]+(?:-+[a-z0-9]+)*\\."
#define USER "[a-z0-9_][a-z0-9_-]*(?:\\.[a-z0-9_-]+)*"
#define TAG "[a-z0-9_+=#~-]*(?:\\.[a-z0-9_+=#~-]+)*"

/* Of the characters that separate a tag, those that no user's name has, and that need no quoting. */
#define DELIMITERS "+=#~"

enum { CUT_MAX = 16384 }; /* bytes of one expression: PCRE2 compiles up to about four times as much */

enum pv_class pv_strings_add(struct pv_strings *w, const char *word, struct pv_error *e)
{
	if (w->count == w->cap) {
		size_t cap = w->cap == 0 ? 4 : w->cap * 2;
		const char **v = reallocarray(w->v, cap, sizeof *v);
		if (v == NULL)
			return pv_fail_errno(e, PV_TEMPORARY, "4.3.0", errno, "hold %zu words", cap);
		w->v = v;
		w->cap = cap;
	}
	w->v[w->count++] = word;
	return PV_OK;
}

void pv_strings_free(struct pv_strings *w)
{
	free(w->v);
	*w = (struct pv_strings){ 0 };
}

bool pv_strings_equal(const struct pv_strings *a, const struct pv_strings *b)
{
	if (a->count != b->count)
		return false;
	for (size_t i = 0; i < a->count; i++)
		if (strcmp(a->v[i], b->v[i]) != 0)
			return false;
	return true;
}

/* `if !` around what belongs to others, names[low..high); *lines grows by the number of them that it took. */
static void add_cuts(const struct pv_strings *names, size_t low, size_t high, const char *domain,
		     enum pv_flavor flavor, size_t *lines, struct pv_buf *out)
{
	size_t start = out->len;

	pv_buf_adds(out, flavor == PV_FLAVOR_PCRE ? "if !/(?:^|[@.])" : "if !/(^|[@.])");
	(void)pv_factor(names->v + low, high - low, flavor, false, out);
	pv_buf_adds(out, "\\.");
	pv_factor_quote(domain, strlen(domain), out);
	pv_buf_adds(out, "$/\n");
	if (out->len - start <= CUT_MAX || high - low == 1) {
		(*lines)++;
		return;
	}
	pv_buf_truncate(out, start);
	size_t middle = low + (high - low) / 2;
	add_cuts(names, low, middle, domain, flavor, lines, out);
	add_cuts(names, middle, high, domain, flavor, lines, out);
}

static void add_endifs(size_t lines, struct pv_buf *out)
{
	while (lines-- > 0)
		pv_buf_adds(out, "endif\n");
}

/* What is in front of the domain in each name that is cut out. */
static enum pv_class cut_heads(const struct pv_expression *x, struct pv_arena *arena,
			       struct pv_strings *heads, struct pv_error *e)
{
	enum pv_class c = PV_OK;

	for (size_t i = 0; c == PV_OK && i < x->cuts.count; i++) {
		const char *name = x->cuts.v[i];
		const char *head = pv_arena_add(arena, name, strlen(name) - strlen(x->domain) - 1);
		c = head != NULL ? pv_strings_add(heads, head, e)
				 : pv_fail_errno(e, PV_TEMPORARY, "4.3.0", ENOMEM, "hold %s", name);
	}
	return c;
}

enum pv_class pv_expression_cuts(const struct pv_expression *x, enum pv_flavor flavor, size_t *lines_r,
				 struct pv_buf *out, struct pv_error *e)
{
	struct pv_arena arena = { NULL };
	struct pv_strings heads = { 0 };

	*lines_r = 0;
	enum pv_class c = cut_heads(x, &arena, &heads, e);
	if (c == PV_OK && heads.count > 0)
		add_cuts(&heads, 0, heads.count, x->domain, flavor, lines_r, out);
	pv_strings_free(&heads);
	pv_arena_free(&arena);
	return c;
}

static void add_delimiters(const char *delimiters, struct pv_buf *out)
{
	size_t start = out->len;

	pv_buf_adds(out, "(?:[");
	size_t none = out->len;
	for (const char *p = delimiters; *p != '\0'; p++)
		if (strchr(DELIMITERS, *p) != NULL)
			pv_buf_addc(out, *p);
	if (out->len == none)
		pv_buf_truncate(out, start);
	else
		pv_buf_adds(out, "]" TAG ")?");
}

static enum pv_class add_sub_domains(const struct pv_expression *x, const char *delimiters,
				     struct pv_buf *out, struct pv_error *e)
{
	size_t len = strlen(x->domain), lines;

	pv_buf_addf(out, "# %s: its sub-domains\n", x->domain);
	for (size_t i = 0; i < x->cuts.count; i++)
		pv_buf_addf(out, "# not: %s\n", x->cuts.v[i]);
	pv_buf_adds(out, "if /\\.");
	pv_factor_quote(x->domain, len, out);
	pv_buf_adds(out, "$/\n");
	enum pv_class c = pv_expression_cuts(x, PV_FLAVOR_PCRE, &lines, out, e);
	pv_buf_adds(out, "/^(?:" LABEL ")+");
	pv_factor_quote(x->domain, len, out);
	pv_buf_addf(out, "$/ %s\n", x->domain);
	pv_buf_adds(out, "/^(" USER ")");
	add_delimiters(delimiters, out);
	pv_buf_adds(out, "@(?:" LABEL ")+");
	pv_factor_quote(x->domain, len, out);
	pv_buf_addf(out, "$/ ${1}@%s\n", x->domain);
	add_endifs(lines + 1, out);
	return c;
}

static enum pv_class add_patterns(const struct pv_expression *x, struct pv_buf *out, struct pv_error *e)
{
	struct pv_pattern p;
	struct pv_error why;

	pv_buf_addf(out, "# %s: pattern aliases\n", x->domain);
	for (size_t i = 0; i < x->patterns.count; i++)
		pv_buf_addf(out, "# %s\n", x->patterns.v[i]);
	pv_buf_adds(out, "if /^[a-z0-9_][a-z0-9._-]{0,63}@");
	pv_factor_quote(x->domain, strlen(x->domain), out);
	pv_buf_adds(out, "$/\nif !/\\.[.@]/\n");
	for (size_t i = 0; i < x->patterns.count; i++) {
		if (pv_pattern_parse(x->patterns.v[i], &p, &why) != PV_OK)
			return pv_fail(e, PV_BUG, NULL, "a pattern of %s was taken and is none: %s",
				       x->domain, why.text);
		pv_buf_addf(out, "/^%s@", p.expression);
		pv_factor_quote(x->domain, strlen(x->domain), out);
		pv_buf_addf(out, "$/ %s@%s\n", p.target, x->domain);
	}
	add_endifs(2, out);
	return PV_OK;
}

enum pv_class pv_expression_format(const struct pv_expression *x, const char *delimiters, struct pv_buf *out,
				   struct pv_error *e)
{
	enum pv_class c = x->sub_domains ? add_sub_domains(x, delimiters, out, e) : PV_OK;

	return c == PV_OK && x->patterns.count > 0 ? add_patterns(x, out, e) : c;
}
