/* The second block of virtual_regexp: the same once more for addresses with letters beyond ASCII. */
#include "maps/expression.h"

#include "maps/fold.h"
#include "maps/pattern.h"

enum { CUTS = 50 }; /* names in a line */

#define LETTERS_AND_DIGITS "a-z0-9"

static void add_class(const char *set, const char *how_often, struct pv_buf *out)
{
	pv_fold_class(set, out);
	pv_buf_adds(out, how_often);
}

/* A label and its dot. Nothing is tried twice: what comes next is never in the class. */
static void add_labels(struct pv_buf *out)
{
	pv_buf_adds(out, "(?:");
	add_class(LETTERS_AND_DIGITS, "++(?:-++", out);
	add_class(LETTERS_AND_DIGITS, "++)*+\\.)+", out);
}

static void add_user(struct pv_buf *out)
{
	pv_buf_addc(out, '(');
	add_class(LETTERS_AND_DIGITS "_", "", out);
	add_class(LETTERS_AND_DIGITS "_-", "*+(?:\\.", out);
	add_class(LETTERS_AND_DIGITS "_-", "++)*+)", out);
}

static void add_tag(const char *delimiters, struct pv_buf *out)
{
	char usable[8];
	size_t n = 0;

	for (const char *p = "+=#~"; *p != '\0'; p++)
		if (strchr(delimiters, *p) != NULL)
			usable[n++] = *p;
	usable[n] = '\0';
	if (n == 0)
		return;
	pv_buf_addf(out, "(?:[%s]", usable);
	add_class(LETTERS_AND_DIGITS "_+=#~-", "*+(?:\\.", out);
	add_class(LETTERS_AND_DIGITS "_+=#~-", "++)*+)?", out);
}

static void add_domain(const struct pv_expression *x, struct pv_buf *out)
{
	pv_fold_quote(x->domain, strlen(x->domain), out);
}

static size_t add_cuts(const struct pv_expression *x, struct pv_buf *out)
{
	size_t lines = 0;

	for (size_t i = 0; i < x->cuts.count; i++) {
		pv_buf_adds(out, i % CUTS == 0 ? "if !/(?:^|[@.])(?:" : "|");
		pv_fold_quote(x->cuts.v[i], strlen(x->cuts.v[i]), out);
		if (i % CUTS == CUTS - 1 || i + 1 == x->cuts.count) {
			pv_buf_adds(out, ")$/\n");
			lines++;
		}
	}
	return lines;
}

static void add_sub_domains(const struct pv_expression *x, const char *delimiters, struct pv_buf *out)
{
	pv_buf_adds(out, "if /\\.");
	add_domain(x, out);
	pv_buf_adds(out, "$/\n");
	size_t lines = 1 + add_cuts(x, out);
	pv_buf_adds(out, "/^");
	add_labels(out);
	add_domain(x, out);
	pv_buf_addf(out, "$/ %s\n/^", x->domain);
	add_user(out);
	add_tag(delimiters, out);
	pv_buf_addc(out, '@');
	add_labels(out);
	add_domain(x, out);
	pv_buf_addf(out, "$/ ${1}@%s\n", x->domain);
	while (lines-- > 0)
		pv_buf_adds(out, "endif\n");
}

static bool is_letter(const struct pv_pattern_node *n, char *c)
{
	if (n->kind != PV_PATTERN_SET || n->group != 0 || n->set == 0 || (n->set & (n->set - 1)) != 0)
		return false;
	for (const char *p = PV_PATTERN_BYTES; *p != '\0'; p++)
		if (pv_pattern_bit(*p) == n->set)
			*c = *p;
	return true;
}

static void add_set(const struct pv_pattern_node *n, struct pv_buf *out)
{
	char set[sizeof PV_PATTERN_BYTES + 1];
	size_t len = 0;

	/* The hyphen comes last there, where it stands for itself. */
	for (const char *p = PV_PATTERN_BYTES; *p != '\0'; p++)
		if ((n->set & pv_pattern_bit(*p)) != 0)
			set[len++] = *p;
	set[len] = '\0';
	pv_fold_class(set, out);
}

static void add_node(const struct pv_pattern *p, unsigned node, struct pv_buf *out);

/* Letters that stand side by side may be one ligature. */
static void add_sequence(const struct pv_pattern *p, const struct pv_pattern_node *n, struct pv_buf *out)
{
	char word[PV_PATTERN_MAX];
	size_t len = 0;

	for (unsigned child = n->child; child != 0; child = p->nodes[child].next) {
		if (len < sizeof word && is_letter(&p->nodes[child], &word[len])) {
			len++;
			continue;
		}
		pv_fold_quote(word, len, out);
		len = 0;
		add_node(p, child, out);
	}
	pv_fold_quote(word, len, out);
}

static void add_inside(const struct pv_pattern *p, const struct pv_pattern_node *n, struct pv_buf *out)
{
	if (n->kind == PV_PATTERN_SET) {
		add_set(n, out);
	} else if (n->kind == PV_PATTERN_SEQUENCE) {
		add_sequence(p, n, out);
	} else if (n->kind == PV_PATTERN_CHOICE) {
		for (unsigned child = n->child; child != 0; child = p->nodes[child].next) {
			add_node(p, child, out);
			if (p->nodes[child].next != 0)
				pv_buf_addc(out, '|');
		}
	} else {
		add_node(p, n->child, out);
		pv_buf_addf(out, n->max == 0 ? "{%u,}" : "{%u,%u}", n->min, n->max);
	}
}

static void add_node(const struct pv_pattern *p, unsigned node, struct pv_buf *out)
{
	const struct pv_pattern_node *n = &p->nodes[node];

	pv_buf_adds(out, n->group != 0 ? "(" : "(?:");
	add_inside(p, n, out);
	pv_buf_addc(out, ')');
}

static enum pv_class add_patterns(const struct pv_expression *x, struct pv_buf *out, struct pv_error *e)
{
	struct pv_pattern p;

	pv_buf_adds(out, "if /@");
	add_domain(x, out);
	pv_buf_adds(out, "$/\nif /^");
	add_class(LETTERS_AND_DIGITS "_", "", out);
	add_class(LETTERS_AND_DIGITS "._-", "{0,63}@", out);
	add_domain(x, out);
	pv_buf_adds(out, "$/\nif !/\\.[.@]/\n");
	for (size_t i = 0; i < x->patterns.count; i++) {
		enum pv_class c = pv_pattern_parse(x->patterns.v[i], &p, e);
		if (c != PV_OK)
			return PV_BUG;
		pv_buf_adds(out, "/^");
		add_node(&p, 1, out);
		pv_buf_addc(out, '@');
		add_domain(x, out);
		pv_buf_addf(out, "$/ %s@%s\n", p.target, x->domain);
	}
	pv_buf_adds(out, "endif\nendif\nendif\n");
	return PV_OK;
}

enum pv_class pv_expressions_fold(const struct pv_expressions *l, const char *delimiters, struct pv_buf *out,
				  struct pv_error *e)
{
	enum pv_class c = PV_OK;

	if (l->count == 0)
		return PV_OK;
	pv_buf_adds(out, "# The same for addresses with letters that are a k, an s, ff ... where case does "
			 "not count.\n"
			 "if /[^\\x00-\\x7f]/\n");
	for (size_t i = 0; c == PV_OK && i < l->count; i++) {
		if (l->v[i].sub_domains)
			add_sub_domains(&l->v[i], delimiters, out);
		if (l->v[i].patterns.count > 0)
			c = add_patterns(&l->v[i], out, e);
	}
	pv_buf_adds(out, "endif\n");
	return c;
}
