#include "maps/fold.h"

#include "maps/factor.h"

enum { STRETCH_MAX = 6, TOKEN_MAX = 32 };

static const struct letter {
	const char *folded, *utf8, *expression;
} letters[] = {
	{ "k", "\xe2\x84\xaa", "\\xe2\\x84\\xaa" },   /* U+212A */
	{ "s", "\xc5\xbf", "\\xc5\\xbf" },	      /* U+017F */
	{ "ss", "\xc3\x9f", "\\xc3\\x9f" },	      /* U+00DF */
	{ "ss", "\xe1\xba\x9e", "\\xe1\\xba\\x9e" },  /* U+1E9E */
	{ "ff", "\xef\xac\x80", "\\xef\\xac\\x80" },  /* U+FB00 */
	{ "fi", "\xef\xac\x81", "\\xef\\xac\\x81" },  /* U+FB01 */
	{ "fl", "\xef\xac\x82", "\\xef\\xac\\x82" },  /* U+FB02 */
	{ "ffi", "\xef\xac\x83", "\\xef\\xac\\x83" }, /* U+FB03 */
	{ "ffl", "\xef\xac\x84", "\\xef\\xac\\x84" }, /* U+FB04 */
	{ "st", "\xef\xac\x85", "\\xef\\xac\\x85" },  /* U+FB05 */
	{ "st", "\xef\xac\x86", "\\xef\\xac\\x86" },  /* U+FB06 */
};

enum { LETTERS = sizeof letters / sizeof *letters };

bool pv_fold_needed(const char *s, size_t len)
{
	for (size_t i = 0; i < len; i++)
		if ((s[i] & 0x80) != 0)
			return true;
	return false;
}

static bool begins(const char *s, size_t len, const char *word)
{
	size_t n = strlen(word);

	return n <= len && memcmp(s, word, n) == 0;
}

void pv_fold(const char *s, size_t len, struct pv_buf *out)
{
	for (size_t i = 0; i < len;) {
		size_t l = 0;
		while (l < LETTERS && !begins(s + i, len - i, letters[l].utf8))
			l++;
		if (l == LETTERS) {
			pv_buf_addc(out, s[i++]);
			continue;
		}
		pv_buf_adds(out, letters[l].folded);
		i += strlen(letters[l].utf8);
	}
}

/* The character at s, or the letters that stand for it alone. */
static void add_one(const char *s, struct pv_buf *out)
{
	size_t start = out->len;

	pv_factor_quote(s, 1, out);
	for (size_t l = 0; l < LETTERS; l++)
		if (letters[l].folded[1] == '\0' && letters[l].folded[0] == *s) {
			pv_buf_truncate(out, start);
			pv_buf_addf(out, "(?:%c|%s)", *s, letters[l].expression);
		}
}

/* All ways to spell s[0..len), each behind what is in path, with `|` between. */
static void spell(const char *s, size_t len, struct pv_buf *path, struct pv_buf *out)
{
	size_t kept = path->len;

	if (len == 0) {
		if (out->s[out->len - 1] != ':')
			pv_buf_addc(out, '|');
		pv_buf_adds(out, path->s);
		return;
	}
	add_one(s, path);
	spell(s + 1, len - 1, path, out);
	pv_buf_truncate(path, kept);
	for (size_t l = 0; l < LETTERS; l++) {
		size_t n = strlen(letters[l].folded);
		if (n == 1 || !begins(s, len, letters[l].folded))
			continue;
		pv_buf_adds(path, letters[l].expression);
		spell(s + n, len - n, path, out);
		pv_buf_truncate(path, kept);
	}
}

/* How many letters from s on hang together by what is one letter for several of them; 0: none. */
static size_t stretch(const char *s, size_t len)
{
	size_t end = 0;

	for (size_t i = 0; i == 0 || i < end; i++)
		for (size_t l = 0; l < LETTERS; l++) {
			size_t n = strlen(letters[l].folded);
			if (n > 1 && begins(s + i, len - i, letters[l].folded) && i + n > end)
				end = i + n;
		}
	return end;
}

void pv_fold_quote(const char *s, size_t len, struct pv_buf *out)
{
	struct pv_buf path = PV_BUF_INIT(STRETCH_MAX * TOKEN_MAX);

	for (size_t i = 0; i < len;) {
		size_t n = stretch(s + i, len - i);
		if (n == 0 || n > STRETCH_MAX) {
			for (size_t end = i + (n == 0 ? 1 : n); i < end; i++)
				add_one(s + i, out);
			continue;
		}
		pv_buf_adds(out, "(?:");
		spell(s + i, n, &path, out);
		pv_buf_addc(out, ')');
		i += n;
	}
	out->failed = out->failed || path.failed;
	pv_buf_free(&path);
}

/* Does `set`, as it stands in a class, hold c? Of ranges only a-z is used with letters. */
static bool holds(const char *set, char c)
{
	return strstr(set, "a-z") != NULL || strchr(set, c) != NULL;
}

void pv_fold_class(const char *set, struct pv_buf *out)
{
	pv_buf_addf(out, "(?:[%s]", set);
	for (size_t l = 0; l < LETTERS; l++) {
		bool all = true;
		for (const char *p = letters[l].folded; *p != '\0'; p++)
			all = all && holds(set, *p);
		if (all)
			pv_buf_addf(out, "|%s", letters[l].expression);
	}
	pv_buf_addc(out, ')');
}
