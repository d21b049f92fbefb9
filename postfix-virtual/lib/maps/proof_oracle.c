#include "maps/proof.h"

#include "maps/fold.h"
#include "maps/pattern_judge.h"
#include "maps/pcre.h"

#include <errno.h>

/* A pattern by itself, without domain and guard. */
struct known_pattern {
	struct pv_pcre *x;
	char target[PV_USER_MAX * 4 + 1];
};

struct known {
	struct known_pattern *patterns; /* [i]: that of expression.patterns.v[i] */
};

struct pv_oracle {
	const struct pv_expressions *l;
	const char *delimiters;
	struct known *known;   /* [i]: of l->v[i] */
	struct pv_pcre *first; /* of all patterns: the others match in its room */
};

static enum pv_class know_pattern(const char *source, struct known_pattern *k, struct pv_pcre **first,
				  struct pv_error *e)
{
	char whole[sizeof((struct pv_pattern *)NULL)->expression + 2];
	struct pv_pattern p;

	enum pv_class c = pv_pattern_parse(source, &p, e);
	if (c != PV_OK)
		return PV_BUG;
	(void)snprintf(k->target, sizeof k->target, "%s", p.target);
	int len = snprintf(whole, sizeof whole, "^%s$", p.expression);
	if (pv_pcre_compile(whole, (size_t)len, &k->x, NULL, e) != PV_OK)
		return PV_BUG;
	if (*first == NULL)
		*first = k->x;
	pv_pcre_share(k->x, *first);
	return PV_OK;
}

static enum pv_class know(const struct pv_expression *x, struct known *k, struct pv_pcre **first,
			  struct pv_error *e)
{
	enum pv_class c = PV_OK;

	k->patterns = calloc(x->patterns.count + 1, sizeof *k->patterns);
	if (k->patterns == NULL)
		return pv_fail_errno(e, PV_TEMPORARY, "4.3.0", errno, "hold the patterns of %s", x->domain);
	for (size_t i = 0; c == PV_OK && i < x->patterns.count; i++)
		c = know_pattern(x->patterns.v[i], &k->patterns[i], first, e);
	return c;
}

enum pv_class pv_oracle_make(const struct pv_expressions *l, const char *delimiters, struct pv_oracle **o_r,
			     struct pv_error *e)
{
	struct pv_oracle *o = calloc(1, sizeof *o);
	enum pv_class c = PV_OK;

	*o_r = o;
	if (o != NULL)
		o->known = calloc(l->count + 1, sizeof *o->known);
	if (o == NULL || o->known == NULL) {
		free(o);
		*o_r = NULL;
		return pv_fail_errno(e, PV_TEMPORARY, "4.3.0", ENOMEM, "prove the expressions");
	}
	o->l = l;
	o->delimiters = delimiters;
	for (size_t i = 0; c == PV_OK && i < l->count; i++)
		c = know(&l->v[i], &o->known[i], &o->first, e);
	return c;
}

void pv_oracle_free(struct pv_oracle *o)
{
	if (o == NULL)
		return;
	for (size_t i = 0; i < o->l->count; i++) {
		for (size_t j = 0; o->known[i].patterns != NULL && j < o->l->v[i].patterns.count; j++)
			pv_pcre_free(o->known[i].patterns[j].x);
		free(o->known[i].patterns);
	}
	free(o->known);
	free(o);
}

static bool is_alnum(char c)
{
	return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9');
}

/* Labels of letters, digits and inner hyphens, with a dot between. */
static bool is_host(const char *s, size_t len)
{
	for (size_t i = 0; i < len; i++) {
		bool first = i == 0 || s[i - 1] == '.', last = i + 1 == len || s[i + 1] == '.';
		if (!is_alnum(s[i]) && (s[i] != '-' || first || last) && (s[i] != '.' || first || last))
			return false;
	}
	return len > 0;
}

static bool is_word(const struct pv_strings *list, const char *s)
{
	size_t low = 0, high = list->count;

	while (low < high) {
		size_t middle = low + (high - low) / 2;
		int order = strcmp(s, list->v[middle]);
		if (order == 0)
			return true;
		if (order < 0)
			high = middle;
		else
			low = middle + 1;
	}
	return false;
}

/* The domain that has `host` for a sub-domain. host ends at a NUL. */
static const struct pv_expression *find_above(const struct pv_oracle *o, const char *host)
{
	for (const char *p = host; (p = strchr(p, '.')) != NULL;) {
		const struct pv_expression *x = pv_expressions_get(o->l, ++p);
		if (x == NULL || !x->sub_domains)
			continue;
		bool cut = false;
		for (const char *q = host; q < p && !cut; q = strchr(q, '.') + 1)
			cut = is_word(&x->cuts, q);
		if (!cut)
			return x;
	}
	return NULL;
}

/* The length of the user's name in front of a tag, or 0: not a name with a good tag, if any. */
static size_t user_len(const struct pv_oracle *o, const char *s, size_t len)
{
	size_t user = 0;

	while (user < len && (strchr("+=#~", s[user]) == NULL || strchr(o->delimiters, s[user]) == NULL))
		user++;
	for (size_t i = 0; i < len; i++) {
		bool in_tag = i > user;
		if (i == user)
			continue;
		if (s[i] == '.' && (i == 0 || i + 1 == user || i + 1 == len || s[i + 1] == '.'))
			return 0;
		if (s[i] != '.' && !is_alnum(s[i]) && strchr(in_tag ? "_+=#~-" : "_-", s[i]) == NULL)
			return 0;
	}
	return user > 0 && s[0] != '-' ? user : 0;
}

static void expand(const struct known_pattern *k, const char *local, struct pv_buf *out)
{
	const char *start;
	size_t len;

	for (const char *p = k->target; *p != '\0'; p++) {
		if (*p != '$') {
			pv_buf_addc(out, *p);
			continue;
		}
		pv_pcre_group(k->x, local, (unsigned)(p[2] - '0'), &start, &len);
		pv_buf_add(out, start, len);
		p += 3;
	}
}

static void ask_patterns(struct pv_oracle *o, const struct pv_expression *x, const char *local, size_t len,
			 struct pv_buf *out)
{
	const struct known *k = &o->known[x - o->l->v];

	if (!pv_pattern_is_name(local, len))
		return;
	for (size_t i = 0; i < x->patterns.count; i++) {
		if (pv_pcre_match(k->patterns[i].x, local, len) != PV_MATCH_YES)
			continue;
		expand(&k->patterns[i], local, out);
		pv_buf_addf(out, "@%s", x->domain);
		return;
	}
}

/* key in lower case. */
static void ask(struct pv_oracle *o, const char *key, size_t len, struct pv_buf *out)
{
	const char *at = memchr(key, '@', len);
	const char *host = at == NULL ? key : at + 1;
	size_t local = at == NULL ? 0 : (size_t)(at - key);

	if (memchr(key, '\0', len) != NULL || !is_host(host, len - (size_t)(host - key)))
		return;
	const struct pv_expression *x = at == NULL ? NULL : pv_expressions_get(o->l, host);
	if (x != NULL && x->patterns.count > 0)
		ask_patterns(o, x, key, local, out);
	x = find_above(o, host);
	if (out->len > 0 || x == NULL)
		return;
	if (at == NULL) {
		pv_buf_adds(out, x->domain);
		return;
	}
	size_t user = user_len(o, key, local);
	if (user == 0)
		return;
	pv_buf_add(out, key, user);
	pv_buf_addf(out, "@%s", x->domain);
}

void pv_oracle_ask(struct pv_oracle *o, const char *key, size_t len, struct pv_buf *out)
{
	char *lower = calloc(len + 1, 1);

	pv_buf_reset(out);
	if (lower == NULL) {
		out->failed = true;
		return;
	}
	for (size_t i = 0; i < len; i++)
		lower[i] = (char)(key[i] >= 'A' && key[i] <= 'Z' ? key[i] - 'A' + 'a' : key[i]);
	lower[len] = '\0';
	struct pv_buf folded = PV_BUF_INIT(SIZE_MAX);
	if (pv_fold_needed(lower, len)) {
		pv_fold(lower, len, &folded);
		ask(o, folded.s, folded.len, out);
		out->failed = out->failed || folded.failed;
	} else {
		ask(o, lower, len, out);
	}
	pv_buf_free(&folded);
	free(lower);
}
