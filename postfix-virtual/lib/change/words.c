#include "change/words.h"

static bool is_between(char c)
{
	return c == ',' || c == ' ' || c == '\t' || c == '\r' || c == '\n';
}

bool pv_words_next(const char **p, const char **word_r, size_t *len_r)
{
	const char *s = *p;
	int depth = 0;

	while (is_between(*s))
		s++;
	*word_r = s;
	for (; *s != '\0' && (depth > 0 || !is_between(*s)); s++)
		depth += (*s == '{') - (*s == '}' && depth > 0);
	*len_r = (size_t)(s - *word_r);
	*p = s;
	return *len_r > 0;
}

/* Does the row of words `wanted` begin with the word w, which ends at *p? Then *p is moved behind its last.
 */
static bool take_row(const char **p, const char *w, size_t len, const char *wanted)
{
	const char *at = *p, *word;
	size_t n;

	if (!pv_words_next(&wanted, &word, &n))
		return false;
	while (len == n && memcmp(w, word, n) == 0) {
		if (!pv_words_next(&wanted, &word, &n)) {
			*p = at;
			return true;
		}
		if (!pv_words_next(&at, &w, &len))
			return false;
	}
	return false;
}

bool pv_words_have(const char *value, const char *word)
{
	const char *w;
	size_t len;

	while (pv_words_next(&value, &w, &len))
		if (take_row(&value, w, len, word))
			return true;
	return false;
}

void pv_words_without(const char *value, const char *word, struct pv_buf *out)
{
	const char *w, *behind = value; /* the end of the last word that stays */
	size_t start = out->len, len;

	while (pv_words_next(&value, &w, &len)) {
		if (take_row(&value, w, len, word)) {
			/* It takes what stands in front of it along; at the start, what stands behind. */
			behind = value;
			continue;
		}
		const char *from = out->len > start ? behind : w;
		pv_buf_add(out, from, (size_t)(w + len - from));
		behind = w + len;
	}
}

bool pv_words_equal(const char *a, const char *b)
{
	const char *x, *y;
	size_t n, m;

	for (;;) {
		bool more = pv_words_next(&a, &x, &n);
		if (pv_words_next(&b, &y, &m) != more)
			return false;
		if (!more)
			return true;
		if (n != m || memcmp(x, y, n) != 0)
			return false;
	}
}

static bool names(const char *word, size_t len, const char *name)
{
	size_t n = strlen(name);

	if (len == n + 1)
		return word[0] == '$' && memcmp(word + 1, name, n) == 0;
	return len == n + 3 && word[0] == '$' && memcmp(word + 2, name, n) == 0 &&
	       ((word[1] == '{' && word[len - 1] == '}') || (word[1] == '(' && word[len - 1] == ')'));
}

void pv_words_expand(const char *value, const char *name, const char *text, struct pv_buf *out)
{
	const char *w, *copied = value;
	size_t len;

	while (pv_words_next(&value, &w, &len)) {
		if (!names(w, len, name))
			continue;
		pv_buf_add(out, copied, (size_t)(w - copied));
		pv_buf_adds(out, text);
		copied = value;
	}
	pv_buf_adds(out, copied);
}

void pv_words_squeeze(const char *line, struct pv_buf *out)
{
	static const char blanks[] = " \t\r\n";

	for (line += strspn(line, blanks); *line != '\0'; line += strspn(line, blanks)) {
		size_t len = strcspn(line, blanks);
		pv_buf_adds(out, out->len > 0 ? " " : "");
		pv_buf_add(out, line, len);
		line += len;
	}
}
