#include "maps/proof.h"

#include "maps/pattern_judge.h"

#include <errno.h>

enum { KEY_MAX = 4096, HOST_MAX = 600, PATTERN_SAMPLES = 20, TRIES = 50, OTHERS = 20 };

struct making {
	const struct pv_expressions *l;
	const struct pv_expression *x;
	struct pv_oracle *o;
	struct pv_cases *cases;
	struct pv_buf want;
	struct pv_error *e;
	char tag; /* what stands in front of one; '\0': there are none */
};

void pv_cases_free(struct pv_cases *c)
{
	free(c->v);
	pv_arena_free(&c->arena);
	*c = (struct pv_cases){ 0 };
}

static enum pv_class no_memory(struct pv_error *e)
{
	return pv_fail_errno(e, PV_TEMPORARY, "4.3.0", ENOMEM, "hold the cases of a proof");
}

enum pv_class pv_cases_add(struct pv_cases *cases, enum pv_case_kind kind, const char *key, size_t len,
			   const char *want, struct pv_error *e)
{
	if (cases->count == cases->cap) {
		size_t cap = cases->cap == 0 ? 256 : cases->cap * 2;
		struct pv_case *v = reallocarray(cases->v, cap, sizeof *v);
		if (v == NULL)
			return no_memory(e);
		cases->v = v;
		cases->cap = cap;
	}
	const char *k = pv_arena_add(&cases->arena, key, len);
	const char *w = *want == '\0' ? "" : pv_arena_add(&cases->arena, want, strlen(want));
	if (k == NULL || w == NULL)
		return no_memory(e);
	cases->v[cases->count++] = (struct pv_case){ kind, k, w, 0 };
	return PV_OK;
}

/* Is `name`, or a name above it, cut out of x, so that what is made with it is no example? */
static bool is_cut(const struct pv_expression *x, const char *host)
{
	size_t len = strlen(host);

	for (size_t i = 0; i < x->cuts.count; i++) {
		size_t n = strlen(x->cuts.v[i]);
		if (len >= n && strcmp(host + len - n, x->cuts.v[i]) == 0 &&
		    (len == n || host[len - n - 1] == '.'))
			return true;
	}
	return false;
}

/* An example: key must lead to want. The oracle has to say so too. */
static enum pv_class example(struct making *m, const char *key, const char *want)
{
	pv_oracle_ask(m->o, key, strlen(key), &m->want);
	if (strcmp(m->want.s, want) != 0)
		return pv_fail(m->e, PV_BUG, NULL, "%s should lead to %s, by the rules to `%s`", key, want,
			       m->want.s);
	return pv_cases_add(m->cases, PV_CASE_EXAMPLE, key, strlen(key), want, m->e);
}

/* A look-alike: whatever it leads to, it is not in x. */
static enum pv_class look_alike(struct making *m, const char *key)
{
	pv_oracle_ask(m->o, key, strlen(key), &m->want);
	const char *at = strrchr(m->want.s, '@');
	if (strcmp(at == NULL ? m->want.s : at + 1, m->x->domain) == 0)
		return pv_fail(m->e, PV_BUG, NULL, "%s must not lead to %s, by the rules it does", key,
			       m->want.s);
	return pv_cases_add(m->cases, PV_CASE_LOOK_ALIKE, key, strlen(key), m->want.s, m->e);
}

static const char *const heads[] = {
	"x",
	"y.z",
	"a.b.c",
	"0",
	"xn--bcher-kva",
	"a-b",
	"a--b",
	"x1.2-3.q",
	"X",
	"Y.z",
	"a.very.long.name.of.many.labels.that.goes.on.and.on.and.on",
};
static const char *const users[] = {
	"abc", "a",	  "_x",		"0",
	"a.b", "a-b_c.d", "ABC",	"a.b.c.d",
	"x-",  "a-.-b",	  "postmaster", "abcdefghijklmnopqrstuvwxyzabcdefghijklmnopqrstuvwxyzabcdefghijkl"
};
static const char *const tags[] = { "", "t", "a.b", ".a", "Tag-1_2", "user=example.org", "x" };

enum { HEADS = sizeof heads / sizeof *heads, USERS = sizeof users / sizeof *users };
enum { TAGS = sizeof tags / sizeof *tags };

static void fold(char *s)
{
	for (; *s != '\0'; s++)
		if (*s >= 'A' && *s <= 'Z')
			*s = (char)(*s - 'A' + 'a');
}

/* user and tag at one host below the domain. */
static enum pv_class examples_at(struct making *m, const char *host)
{
	char key[KEY_MAX], want[KEY_MAX];
	enum pv_class c = PV_OK;

	for (size_t u = 0; c == PV_OK && u < USERS; u++) {
		(void)snprintf(want, sizeof want, "%s@%s", users[u], m->x->domain);
		fold(want);
		(void)snprintf(key, sizeof key, "%s@%s", users[u], host);
		c = example(m, key, want);
		(void)snprintf(key, sizeof key, "%s%c%s@%s", users[u], m->tag, tags[u % TAGS], host);
		if (c == PV_OK)
			c = m->tag != '\0' ? example(m, key, want) : PV_OK;
	}
	return c;
}

/* The domain with its first `letter` as one beyond ASCII that folds to it. Returns false where it has none.
 */
static bool spell_beyond(const char *domain, char letter, const char *utf8, char *out, size_t size)
{
	const char *found = strchr(domain, letter);

	if (found != NULL)
		(void)snprintf(out, size, "%.*s%s%s", (int)(found - domain), domain, utf8, found + 1);
	return found != NULL;
}

/* Letters beyond ASCII that are a k, an s, two of them, a ligature. */
static enum pv_class folded_examples(struct making *m)
{
	static const char *const names[][2] = { { "\342\204\252vt", "kvt" },
						{ "stra\303\237e", "strasse" },
						{ "o\357\254\203ce", "office" },
						{ "\305\277ale\305\277", "sales" } };
	static const char *const letters[][2] = { { "k", "\342\204\252" }, { "s", "\305\277" } };
	char key[KEY_MAX], want[KEY_MAX], host[HOST_MAX], other[HOST_MAX];
	enum pv_class c = PV_OK;

	(void)snprintf(host, sizeof host, "\342\204\252.%s", m->x->domain);
	(void)snprintf(other, sizeof other, "k.%s", m->x->domain);
	if (strlen(other) > PV_DOMAIN_MAX || is_cut(m->x, other))
		return PV_OK;
	for (size_t i = 0; c == PV_OK && i < sizeof names / sizeof *names; i++) {
		(void)snprintf(want, sizeof want, "%s@%s", names[i][1], m->x->domain);
		(void)snprintf(key, sizeof key, "%s@%s", names[i][0], i % 2 == 0 ? host : other);
		c = example(m, key, want);
	}
	for (size_t i = 0; c == PV_OK && i < sizeof letters / sizeof *letters; i++) {
		if (!spell_beyond(m->x->domain, *letters[i][0], letters[i][1], other, sizeof other))
			continue;
		(void)snprintf(key, sizeof key, "k.%s", other);
		c = example(m, key, m->x->domain);
		(void)snprintf(key, sizeof key, "abc@k.%s", other);
		(void)snprintf(want, sizeof want, "abc@%s", m->x->domain);
		if (c == PV_OK)
			c = example(m, key, want);
	}
	return c;
}

static enum pv_class sub_domain_examples(struct making *m)
{
	char host[HOST_MAX], folded[HOST_MAX];
	enum pv_class c = PV_OK;

	for (size_t i = 0; c == PV_OK && i < HEADS; i++) {
		(void)snprintf(host, sizeof host, "%s.%s", heads[i], m->x->domain);
		(void)snprintf(folded, sizeof folded, "%s", host);
		fold(folded);
		if (strlen(host) > PV_DOMAIN_MAX || is_cut(m->x, folded))
			continue;
		c = example(m, host, m->x->domain);
		if (c == PV_OK)
			c = examples_at(m, host);
	}
	return c;
}

/* Addresses made from the pattern itself; what the oracle makes of them must be a user of the domain. */
static enum pv_class pattern_examples(struct making *m, const char *source)
{
	struct pv_buf s = PV_BUF_INIT(PV_USER_MAX);
	struct pv_random random = { 1 };
	char key[KEY_MAX];
	struct pv_pattern p;
	size_t found = 0;

	enum pv_class c = pv_pattern_parse(source, &p, m->e);
	for (size_t i = 0; c == PV_OK && i < (size_t)PATTERN_SAMPLES * TRIES && found < PATTERN_SAMPLES;
	     i++) {
		pv_buf_reset(&s);
		pv_pattern_sample(&p, i < PV_SAMPLE_ANY ? (enum pv_sample)i : PV_SAMPLE_ANY, &random,
				  PV_USER_MAX, &s);
		(void)snprintf(key, sizeof key, "%s@%s", s.s, m->x->domain);
		pv_oracle_ask(m->o, key, strlen(key), &m->want);
		if (m->want.len == 0)
			continue;
		found++;
		size_t user = strcspn(m->want.s, "@");
		/* Twice the captures may make it longer than a name; it is a plain one all the same. */
		if (user <= PV_USER_MAX && !pv_pattern_is_name(m->want.s, user))
			c = pv_fail(m->e, PV_BUG, NULL, "%s leads to %s, which is no user", key, m->want.s);
		if (c == PV_OK)
			c = pv_cases_add(m->cases, PV_CASE_EXAMPLE, key, strlen(key), m->want.s, m->e);
	}
	pv_buf_free(&s);
	if (c == PV_OK && found == 0)
		c = pv_fail(m->e, PV_BUG, NULL, "of %s no example was found", source);
	return c;
}

/* Write `form`: `*` is the domain, `^` the same with a hyphen for its first dot. */
static void spell(char key[KEY_MAX], const char *form, const char *domain)
{
	size_t n = 0;

	for (; *form != '\0'; form++) {
		if (*form != '*' && *form != '^') {
			key[n++] = *form;
			continue;
		}
		size_t dot = n + strcspn(domain, ".");
		n += (size_t)snprintf(key + n, KEY_MAX - n, "%s", domain);
		if (*form == '^')
			key[dot] = '-';
	}
	key[n] = '\0';
}

static const char *const wrong[] = {
	"*",
	".*",
	"@*",
	"..*",
	"-.*",
	"a-.*",
	"-a.*",
	"_.*",
	"a..*",
	"a b.*",
	"x.*.",
	"x.*.evil.com",
	"*.evil.com",
	"x.^",
	"x*",
	"x.y*",
	"abc@x*",
	"abc@x.y*",
	"abc@^",
	"abc@x.^",
	"abc@*.evil.com",
	"abc@x.*.evil.com",
	"abc@x.*.",
	"abc@.*",
	"abc@..*",
	"abc@-x.*",
	"abc@x-.*",
	"abc@_x.*",
	"abc@x..*",
	"abc@x .*",
	"abc@x,.*",
	"@x.*",
	"+@x.*",
	"+t@x.*",
	".abc@x.*",
	"abc.@x.*",
	"a..b@x.*",
	"-abc@x.*",
	"abc+a..b@x.*",
	"abc+a.@x.*",
	"abc+ y@x.*",
	"\"abc\"@x.*",
	"\"\"@x.*",
	"\"x+ y\"@x.*",
	"\"other+ x\"@x.*",
	"\"a@b.c\"@x.*",
	"\"a,b\"@x.*",
	"\"abc+\"x\"@x.*",
	"abc+\"x\"@x.*",
	"abc%x@x.*",
	"abc%x.*@host",
	"abc!x@x.*",
	"x.*!abc",
	"abc@host@x.*",
	"abc@x.*@host",
	"a@b.c,abc@x.*",
	"@a.b:abc@x.*",
	"<abc@x.*>",
	"<abc@x.*",
	"abc@x.*>",
	"abc@[x.*]",
	"abc@[127.0.0.1]",
	"abc;x@x.*",
	"abc/x@x.*",
	"|abc@x.*",
	"abc:x@x.*",
	"abc\\@x.*",
	"abc(c)@x.*",
	"$1@x.*",
	"${1}@x.*",
	"abc\1@x.*",
	"abc\177@x.*",
	"abc\t@x.*",
	"abc @x.*",
	" abc@x.*",
	"abc@x.* ",
	"abc@x\1.*",
	"\303\245bc@x.*",
	"abc+\303\245@x.*",
	"abc@\303\245.*",
	"abc@x.*\1",
	"abc@",
	"abc",
	"@",
	"",
};

enum { WRONG = sizeof wrong / sizeof *wrong };

static enum pv_class wrong_ones(struct making *m)
{
	char key[KEY_MAX];
	enum pv_class c = PV_OK;

	for (size_t i = 0; c == PV_OK && i < WRONG; i++) {
		spell(key, wrong[i], m->x->domain);
		c = look_alike(m, key);
	}
	return c;
}

/* Very long ones: no name, and no reason to take long. */
static enum pv_class long_ones(struct making *m)
{
	static const char *const parts[] = { "a", "a.", "a-", "x.y", "+", "a+", "-", "." };
	char key[KEY_MAX];
	enum pv_class c = PV_OK;

	for (size_t i = 0; c == PV_OK && i < sizeof parts / sizeof *parts; i++) {
		size_t n = 0, len = strlen(parts[i]);
		while (n + len < 2000) {
			memcpy(key + n, parts[i], len);
			n += len;
		}
		(void)snprintf(key + n, sizeof key - n, "!@x.%s", m->x->domain);
		c = look_alike(m, key);
		(void)snprintf(key + n, sizeof key - n, "@x.%s!", m->x->domain);
		if (c == PV_OK)
			c = look_alike(m, key);
	}
	return c;
}

/* What is cut out, and addresses of other domains. */
static enum pv_class foreign_ones(struct making *m)
{
	static const char *const forms[] = { "abc@*", "abc@x.*", "*", "x.*", "abc+t@y.x.*" };
	size_t cuts = m->x->cuts.count, all = cuts + (m->l->count < OTHERS ? m->l->count : OTHERS);
	char key[KEY_MAX];
	enum pv_class c = PV_OK;

	for (size_t i = 0; c == PV_OK && i < all; i++) {
		/* Neighbours in the list, and where it is long not the same ones for each domain. */
		size_t at = i < cuts ? 0 : ((size_t)(m->x - m->l->v) + i - cuts + 1) % m->l->count;
		const char *name = i < cuts ? m->x->cuts.v[i] : m->l->v[at].domain;
		for (size_t f = 0; c == PV_OK && name != m->x->domain && f < sizeof forms / sizeof *forms;
		     f++) {
			spell(key, forms[f], name);
			c = look_alike(m, key);
		}
	}
	return c;
}

enum pv_class pv_cases_few(const struct pv_expression *x, struct pv_oracle *o, struct pv_cases *cases,
			   struct pv_error *e)
{
	struct making m = { NULL, x, o, cases, PV_BUF_INIT(KEY_MAX), e, '\0' };
	char host[HOST_MAX];
	enum pv_class c = PV_OK;

	(void)snprintf(host, sizeof host, "y.x.%s", x->domain);
	if (x->sub_domains && !is_cut(x, host) && strlen(host) <= PV_DOMAIN_MAX)
		c = example(&m, host, x->domain);
	for (size_t i = 0; c == PV_OK && i < x->patterns.count; i++)
		c = pattern_examples(&m, x->patterns.v[i]);
	pv_buf_free(&m.want);
	return c;
}

static char first_delimiter(const char *delimiters)
{
	const char *p = strpbrk(delimiters, "+=#~");

	return p == NULL ? '\0' : *p;
}

enum pv_class pv_cases_make(const struct pv_expressions *l, const struct pv_expression *x,
			    const char *delimiters, struct pv_oracle *o, struct pv_cases *cases,
			    struct pv_error *e)
{
	struct making m = { l, x, o, cases, PV_BUF_INIT(KEY_MAX), e, first_delimiter(delimiters) };
	enum pv_class c = x->sub_domains ? sub_domain_examples(&m) : PV_OK;

	if (c == PV_OK && x->sub_domains)
		c = folded_examples(&m);
	for (size_t i = 0; c == PV_OK && i < x->patterns.count; i++)
		c = pattern_examples(&m, x->patterns.v[i]);
	if (c == PV_OK)
		c = wrong_ones(&m);
	if (c == PV_OK)
		c = long_ones(&m);
	if (c == PV_OK)
		c = foreign_ones(&m);
	pv_buf_free(&m.want);
	return c;
}
