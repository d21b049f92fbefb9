#include "maps/pcre_table.h"

#include "maps/pcre.h"

#include <errno.h>

enum kind { IF, IF_NOT, MATCH };

struct rule {
	enum kind kind;
	struct pv_pcre *x;
	size_t after;	    /* of an `if`: the rule behind its `endif` */
	size_t outer;	    /* of an `if`, while it is open: the one around it, plus 1 */
	const char *result; /* of MATCH */
	size_t result_len;
	unsigned line;
};

struct pv_pcre_table {
	struct rule *rules;
	size_t count, cap;
	size_t open; /* the innermost `if` without its `endif`, plus 1 */
};

static enum pv_class refuse(unsigned line, const char *why, struct pv_error *e)
{
	return pv_fail(e, PV_BUG, NULL, "line %u of the expressions: %s", line, why);
}

static enum pv_class add_rule(struct pv_pcre_table *t, enum kind kind, unsigned line, struct rule **r,
			      struct pv_error *e)
{
	if (t->count == t->cap) {
		size_t cap = t->cap == 0 ? 64 : t->cap * 2;
		struct rule *v = reallocarray(t->rules, cap, sizeof *v);
		if (v == NULL)
			return pv_fail_errno(e, PV_TEMPORARY, "4.3.0", errno, "hold %zu expressions", cap);
		t->rules = v;
		t->cap = cap;
	}
	*r = &t->rules[t->count++];
	**r = (struct rule){ .kind = kind, .line = line };
	return PV_OK;
}

/* `/expression/` at *at, which is moved behind it. */
static enum pv_class take_expression(const struct pv_pcre_table *t, struct rule *r, const char **at,
				     const char *end, struct pv_error *e)
{
	const char *start = *at + 1, *stop = start;

	while (stop < end && *stop != '/')
		stop += *stop == '\\' && stop + 1 < end ? 2 : 1;
	if (**at != '/' || stop >= end)
		return refuse(r->line, "an expression between slashes is missing", e);
	enum pv_class c = pv_pcre_compile(start, (size_t)(stop - start), &r->x, NULL, e);
	*at = stop + 1;
	if (c == PV_OK)
		pv_pcre_share(r->x, t->rules[0].x);
	if (c != PV_PERMANENT)
		return c;
	e->class = PV_BUG;
	return pv_error_prefix(e, "line %u of the expressions", r->line);
}

static enum pv_class close_if(struct pv_pcre_table *t, unsigned line, struct pv_error *e)
{
	if (t->open == 0)
		return refuse(line, "an `endif` without an `if`", e);
	struct rule *r = &t->rules[t->open - 1];
	r->after = t->count;
	t->open = r->outer;
	return PV_OK;
}

static enum pv_class take_line(struct pv_pcre_table *t, const char *line, const char *end, unsigned no,
			       struct pv_error *e)
{
	bool is_if = end - line > 3 && memcmp(line, "if ", 3) == 0;
	bool is_not = is_if && line[3] == '!';
	const char *at = line + (is_if ? 3 : 0) + (is_not ? 1 : 0);
	struct rule *r = NULL;

	if (end - line == 5 && memcmp(line, "endif", 5) == 0)
		return close_if(t, no, e);
	enum pv_class c = add_rule(t, is_not ? IF_NOT : is_if ? IF : MATCH, no, &r, e);
	if (c == PV_OK)
		c = take_expression(t, r, &at, end, e);
	if (c != PV_OK)
		return c;
	if (is_if) {
		r->outer = t->open;
		t->open = t->count;
		return at == end ? PV_OK : refuse(no, "something stands behind the expression", e);
	}
	if (at == end || *at != ' ' || at + 1 == end)
		return refuse(no, "a result is missing, or there are flags", e);
	r->result = at + 1;
	r->result_len = (size_t)(end - at) - 1;
	return PV_OK;
}

static enum pv_class take_lines(struct pv_pcre_table *t, const char *lines, struct pv_error *e)
{
	enum pv_class c = PV_OK;
	unsigned no = 0;

	while (c == PV_OK && *lines != '\0') {
		const char *end = strchr(lines, '\n');
		no++;
		if (end == NULL)
			return refuse(no, "the line has no end", e);
		if (*lines != '#')
			c = take_line(t, lines, end, no, e);
		lines = end + 1;
	}
	return c == PV_OK && t->open != 0 ? refuse(no, "an `if` without its `endif`", e) : c;
}

enum pv_class pv_pcre_table_make(const char *lines, struct pv_pcre_table **t_r, struct pv_error *e)
{
	*t_r = calloc(1, sizeof **t_r);
	if (*t_r == NULL)
		return pv_fail_errno(e, PV_TEMPORARY, "4.3.0", errno, "hold the expressions");
	enum pv_class c = take_lines(*t_r, lines, e);
	if (c == PV_OK)
		return PV_OK;
	pv_pcre_table_free(*t_r);
	*t_r = NULL;
	return c;
}

void pv_pcre_table_free(struct pv_pcre_table *t)
{
	if (t == NULL)
		return;
	for (size_t i = 0; i < t->count; i++)
		pv_pcre_free(t->rules[i].x);
	free(t->rules);
	free(t);
}

/* The result with its ${n} filled in; PV_BUG for any other `$`. */
static enum pv_class expand(const struct rule *r, const char *key, struct pv_buf *out, struct pv_error *e)
{
	for (size_t i = 0; i < r->result_len; i++) {
		const char *s = r->result + i;
		if (*s != '$') {
			pv_buf_addc(out, *s);
			continue;
		}
		if (r->result_len - i < 4 || s[1] != '{' || s[2] < '1' || s[2] > '9' || s[3] != '}')
			return refuse(r->line, "`$` is not that of ${1} to ${9}", e);
		const char *start;
		size_t len;
		pv_pcre_group(r->x, key, (unsigned)(s[2] - '0'), &start, &len);
		pv_buf_add(out, start, len);
		i += 3;
	}
	return pv_buf_check(out, "the result of an expression", e);
}

enum pv_class pv_pcre_table_ask(struct pv_pcre_table *t, const char *key, size_t len, struct pv_buf *out,
				bool *found_r, struct pv_error *e)
{
	size_t i = 0;

	*found_r = false;
	pv_buf_reset(out);
	while (i < t->count) {
		struct rule *r = &t->rules[i];
		enum pv_match m = pv_pcre_match(r->x, key, len);
		if (m == PV_MATCH_TOO_MUCH)
			return refuse(r->line, "the expression takes too many steps", e);
		if (r->kind == MATCH && m == PV_MATCH_YES) {
			*found_r = true;
			return expand(r, key, out, e);
		}
		if (r->kind == MATCH || (m == PV_MATCH_YES) == (r->kind == IF))
			i++;
		else
			i = r->after;
	}
	return PV_OK;
}
