#include "maps/factor.h"

#include <string.h>

struct factor {
	const char *const *words;
	enum pv_flavor flavor;
	struct pv_buf *out;
	size_t groups;
	bool in_group; /* of the caller's: a choice between all words needs none of its own */
};

void pv_factor_quote(const char *s, size_t len, struct pv_buf *out)
{
	for (size_t i = 0; i < len; i++) {
		if (s[i] == '.')
			pv_buf_addc(out, '\\');
		pv_buf_addc(out, s[i]);
	}
}

/* How far words[low] and words[high - 1], and so all between, are equal from `at` on. */
static size_t common(const struct factor *f, size_t low, size_t high, size_t at)
{
	const char *a = f->words[low] + at, *b = f->words[high - 1] + at;
	size_t n = 0;

	while (a[n] != '\0' && a[n] == b[n])
		n++;
	return n;
}

/* Do all differ from `at` on by one last byte? */
static bool are_bytes(const struct factor *f, size_t low, size_t high, size_t at)
{
	for (size_t i = low; i < high; i++)
		if (f->words[i][at] == '\0' || f->words[i][at + 1] != '\0')
			return false;
	return true;
}

/* Sorted, `-` comes first, where it stands for itself. */
static void add_class(struct factor *f, size_t low, size_t high, size_t at)
{
	pv_buf_addc(f->out, '[');
	for (size_t i = low; i < high; i++)
		pv_buf_addc(f->out, f->words[i][at]);
	pv_buf_addc(f->out, ']');
}

static size_t end_of_branch(const struct factor *f, size_t low, size_t high, size_t at)
{
	size_t i = low + 1;

	while (i < high && f->words[i][at] == f->words[low][at])
		i++;
	return i;
}

static void open_group(struct factor *f)
{
	pv_buf_adds(f->out, f->flavor == PV_FLAVOR_PCRE ? "(?:" : "(");
	f->groups += f->flavor == PV_FLAVOR_REGEXP;
}

/* What words[low..high) have behind `at`: as deep as a word is long. */
static void add(struct factor *f, size_t low, size_t high, size_t at)
{
	size_t n = common(f, low, high, at);

	pv_factor_quote(f->words[low] + at, n, f->out);
	at += n;
	if (high - low == 1)
		return;
	bool may_end = f->words[low][at] == '\0';
	low += may_end;
	if (are_bytes(f, low, high, at)) {
		add_class(f, low, high, at);
	} else {
		bool bare = f->in_group && at == 0 && !may_end;
		if (!bare)
			open_group(f);
		while (low < high) {
			size_t next = end_of_branch(f, low, high, at);
			add(f, low, next, at);
			if (next < high)
				pv_buf_addc(f->out, '|');
			low = next;
		}
		if (!bare)
			pv_buf_addc(f->out, ')');
	}
	if (may_end)
		pv_buf_addc(f->out, '?');
}

size_t pv_factor(const char *const *words, size_t count, enum pv_flavor flavor, bool in_group,
		 struct pv_buf *out)
{
	struct factor f = { words, flavor, out, 0, in_group };

	add(&f, 0, count, 0);
	return f.groups;
}
