/* Near-misses: examples with one to three changes. */
#include "maps/proof.h"

enum { KEY_MAX = 4096, MUTATIONS = 3, WAYS = 5, BEYOND = 12 };

/* A k or an s that is none of ASCII's, where there is one, or in front of the byte at `at`. */
static void change_beyond(char *key, size_t *len, size_t at)
{
	static const char *const letters[] = { "\342\204\252", "\305\277" };
	char *k = memchr(key + at, 'k', *len - at), *s = memchr(key + at, 's', *len - at);
	const char *letter = letters[k == NULL && s != NULL];
	size_t n = strlen(letter);

	at = k != NULL ? (size_t)(k - key) : s != NULL ? (size_t)(s - key) : at;
	size_t from = at + (k != NULL || s != NULL);
	memmove(key + at + n, key + from, *len - from);
	for (size_t i = 0; i < n; i++)
		key[at + i] = letter[i];
	*len += n - (from - at);
}

/* One change: a byte put in, taken out, replaced, doubled, or two exchanged, or a letter beyond ASCII. No
 * newline: no address holds one, and no NUL. */
static void change(char *key, size_t *len, struct pv_random *random)
{
	static const char bytes[] = "abkvtdx09.@+-_=%!\"'<>,:;\\/ ()[]{}|~#$&*?^`\1\177\200\303\245AZ";
	size_t at = pv_random_below(random, *len + 1), how = pv_random_below(random, WAYS * BEYOND + 1);
	char c = bytes[pv_random_below(random, sizeof bytes - 1)];

	/* Seldom: such an address costs more. */
	if (how == WAYS * BEYOND) {
		change_beyond(key, len, at);
	} else if (how % WAYS == 0 || at >= *len || *len < 2) {
		memmove(key + at + 1, key + at, *len - at);
		key[at] = c;
		(*len)++;
	} else if (how % WAYS == 1) {
		memmove(key + at, key + at + 1, *len - at - 1);
		(*len)--;
	} else if (how % WAYS == 2) {
		key[at] = c;
	} else if (how % WAYS == 3) {
		memmove(key + at + 1, key + at, *len - at);
		(*len)++;
	} else if (at > 0) {
		c = key[at];
		key[at] = key[at - 1];
		key[at - 1] = c;
	}
}

enum pv_class pv_cases_mutate(struct pv_oracle *o, struct pv_cases *cases, size_t first, size_t count,
			      struct pv_random *random, struct pv_error *e)
{
	struct pv_buf want = PV_BUF_INIT(KEY_MAX);
	char key[KEY_MAX + MUTATIONS * 3];
	size_t examples = first;
	enum pv_class c = PV_OK;

	while (examples < cases->count && cases->v[examples].kind == PV_CASE_EXAMPLE)
		examples++;
	for (size_t i = 0; c == PV_OK && i < count && examples > first; i++) {
		const char *from = cases->v[first + pv_random_below(random, examples - first)].key;
		size_t len = strlen(from), changes = 1 + pv_random_below(random, MUTATIONS);
		memcpy(key, from, len);
		while (changes-- > 0)
			change(key, &len, random);
		key[len] = '\0';
		pv_oracle_ask(o, key, len, &want);
		c = pv_buf_check(&want, "the result of an expression", e);
		if (c == PV_OK)
			c = pv_cases_add(cases, PV_CASE_RANDOM, key, len, want.s, e);
	}
	pv_buf_free(&want);
	return c;
}
