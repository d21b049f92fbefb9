#include "maps/pattern_judge.h"

#include "maps/pattern_target.h"
#include "maps/pcre.h"

enum { WORDS = 1000, WORD_MIN = 3, WORD_MAX = 16, SAMPLES = 200 };
/* No longer name comes past the guard; what makes an expression slow shows well below that. */
enum { HOSTILE_LEN = 64 };

static void sample(const struct pv_pattern *p, unsigned node, enum pv_sample how, struct pv_random *random,
		   size_t limit, struct pv_buf *out);

static void sample_set(uint64_t set, enum pv_sample how, struct pv_random *random, size_t limit,
		       struct pv_buf *out)
{
	size_t i = how == PV_SAMPLE_ANY ? pv_random_below(random, sizeof PV_PATTERN_BYTES - 1) : 0;

	if (out->len >= limit)
		return;
	while ((set >> i & 1) == 0)
		i = (i + 1) % (sizeof PV_PATTERN_BYTES - 1);
	pv_buf_addc(out, PV_PATTERN_BYTES[i]);
}

static void sample_repeat(const struct pv_pattern *p, const struct pv_pattern_node *n, enum pv_sample how,
			  struct pv_random *random, size_t limit, struct pv_buf *out)
{
	size_t times = n->min;

	if (how == PV_SAMPLE_LONG)
		times = n->max == 0 ? limit : n->max;
	else if (how == PV_SAMPLE_ANY)
		times += pv_random_below(random, n->max == 0 ? 4 : n->max - n->min + 1);
	for (size_t i = 0; i < times && out->len < limit; i++) {
		size_t before = out->len;
		sample(p, n->child, how, random, limit, out);
		if (out->len == before)
			break;
	}
}

static void sample(const struct pv_pattern *p, unsigned node, enum pv_sample how, struct pv_random *random,
		   size_t limit, struct pv_buf *out)
{
	const struct pv_pattern_node *n = &p->nodes[node];
	size_t count = 0, chosen = 0;

	if (n->kind == PV_PATTERN_SET) {
		sample_set(n->set, how, random, limit, out);
	} else if (n->kind == PV_PATTERN_REPEAT_OF) {
		sample_repeat(p, n, how, random, limit, out);
	} else if (n->kind == PV_PATTERN_SEQUENCE) {
		for (unsigned c = n->child; c != 0; c = p->nodes[c].next)
			sample(p, c, how, random, limit, out);
	} else {
		for (unsigned c = n->child; c != 0; c = p->nodes[c].next)
			count++;
		if (how != PV_SAMPLE_SHORT)
			chosen = pv_random_below(random, count);
		unsigned c = n->child;
		while (chosen-- > 0)
			c = p->nodes[c].next;
		sample(p, c, how, random, limit, out);
	}
}

void pv_pattern_sample(const struct pv_pattern *p, enum pv_sample how, struct pv_random *random, size_t limit,
		       struct pv_buf *out)
{
	sample(p, 1, how, random, out->len + limit, out);
}

bool pv_pattern_is_name(const char *s, size_t len)
{
	if (len == 0 || len > PV_USER_MAX || s[0] == '.' || s[0] == '-' || s[len - 1] == '.')
		return false;
	for (size_t i = 0; i < len; i++)
		if (pv_pattern_bit(s[i]) == 0 || (s[i] == '.' && s[i + 1] == '.'))
			return false;
	return true;
}

static enum pv_class fault(const struct pv_pattern *p, const char *mend, struct pv_error *e)
{
	return pv_pattern_fault(p->source, p->source, mend, e);
}

static enum pv_class refuse_catch_all(const struct pv_pattern *p, struct pv_pcre *x, struct pv_error *e)
{
	struct pv_random random = { 2002 };
	char word[WORD_MAX];

	for (unsigned i = 0; i < WORDS; i++) {
		size_t len = WORD_MIN + pv_random_below(&random, WORD_MAX - WORD_MIN + 1);
		for (size_t j = 0; j < len; j++)
			word[j] = PV_PATTERN_BYTES[pv_random_below(&random, i % 2 == 0 ? 26 : 36)];
		if (pv_pcre_match(x, word, len) == PV_MATCH_YES)
			return fault(
				p,
				"the pattern takes any name: begin or end it with something of its own; who "
				"wants all mail writes fallback=USER into domain.conf",
				e);
	}
	return PV_OK;
}

/* What makes an expression go back again and again: much that fits, and an end that does not. */
static bool is_slow(struct pv_pcre *x, const struct pv_buf *subject)
{
	char s[2 * HOSTILE_LEN + 2];

	memcpy(s, subject->s, subject->len);
	s[subject->len] = '@';
	return pv_pcre_match(x, s, subject->len) == PV_MATCH_TOO_MUCH ||
	       pv_pcre_match(x, s, subject->len + 1) == PV_MATCH_TOO_MUCH;
}

static void repeat(const char *piece, size_t len, struct pv_buf *subject)
{
	while (len > 0 && subject->len + len <= HOSTILE_LEN)
		pv_buf_add(subject, piece, len);
}

static enum pv_class refuse_slow(const struct pv_pattern *p, struct pv_pcre *x, struct pv_error *e)
{
	struct pv_buf subject = PV_BUF_INIT(2 * HOSTILE_LEN), piece = PV_BUF_INIT(2 * HOSTILE_LEN);
	struct pv_random random = { 4 };
	bool slow = false;

	for (size_t i = 0; i < sizeof PV_PATTERN_BYTES - 1 && !slow; i++) {
		pv_buf_reset(&subject);
		repeat(&PV_PATTERN_BYTES[i], 1, &subject);
		slow = is_slow(x, &subject);
	}
	for (unsigned i = 0; i < SAMPLES && !slow; i++) {
		pv_buf_reset(&subject);
		pv_pattern_sample(p, i % 2 == 0 ? PV_SAMPLE_LONG : PV_SAMPLE_ANY, &random, HOSTILE_LEN,
				  &subject);
		slow = is_slow(x, &subject);
		pv_buf_reset(&piece);
		pv_buf_add(&piece, subject.s, subject.len - pv_random_below(&random, subject.len + 1));
		repeat(piece.s, piece.len, &subject);
		slow = slow || is_slow(x, &subject);
	}
	slow = slow || subject.failed || piece.failed;
	pv_buf_free(&subject);
	pv_buf_free(&piece);
	return !slow ? PV_OK
		     : fault(p,
			     "the pattern needs too many steps for some names: do not repeat what repeats "
			     "itself, as in (a+)+",
			     e);
}

static enum pv_class refuse_empty(const struct pv_pattern *p, struct pv_pcre *x, struct pv_error *e)
{
	struct pv_buf s = PV_BUF_INIT(PV_USER_MAX);
	struct pv_random random = { 7 };
	bool found = false;

	for (unsigned i = 0; i < SAMPLES && !found; i++) {
		pv_buf_reset(&s);
		pv_pattern_sample(p, i == 0 ? PV_SAMPLE_SHORT : PV_SAMPLE_ANY, &random, PV_USER_MAX, &s);
		found = pv_pattern_is_name(s.s, s.len) && pv_pcre_match(x, s.s, s.len) == PV_MATCH_YES;
	}
	pv_buf_free(&s);
	return found ? PV_OK
		     : fault(p,
			     "the pattern takes no name: one has at most 64 characters, does not begin with "
			     "`.` or "
			     "`-`, does not end in `.`, and has no two dots in a row",
			     e);
}

enum pv_class pv_pattern_judge(const struct pv_pattern *p, struct pv_error *e)
{
	/* Short cuts that PCRE2 takes for some subjects would hide how slow others are. The limit is lower
	 * than elsewhere, so that an account with a hundred bad patterns costs a second and not ten. */
	static const char slowly[] = "(*NO_START_OPT)(*LIMIT_MATCH=4000)";
	char whole[sizeof slowly + sizeof p->expression + 2];
	struct pv_pcre *x = NULL;
	size_t at = 0;

	int len = snprintf(whole, sizeof whole, "%s^%s$", slowly, p->expression);
	enum pv_class c = pv_pcre_compile(whole, (size_t)len, &x, &at, e);
	if (c == PV_PERMANENT)
		return pv_error_prefix(e, "column 1, at `%.24s`: write a smaller pattern", p->source);
	if (c == PV_OK)
		c = refuse_slow(p, x, e);
	if (c == PV_OK)
		c = refuse_catch_all(p, x, e);
	if (c == PV_OK)
		c = refuse_empty(p, x, e);
	pv_pcre_free(x);
	return c;
}
