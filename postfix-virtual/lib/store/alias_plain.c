/* What most targets are: a name, or an address without anything special. */
#include "store/alias_plain.h"

enum { SMALL = 1, CAPITAL = 2, DIGIT = 4, HYPHEN = 8, SIGN = 16 };

/* What names commonly have, besides dots. */
static const unsigned char letters[256] = {
	['0' ... '9'] = DIGIT, ['a' ... 'z'] = SMALL, ['A' ... 'Z'] = CAPITAL,
	['-'] = HYPHEN,	       ['_'] = SIGN,	      ['+'] = SIGN,
};

/* A word, or several with single dots between. */
struct words {
	const char *last, *end; /* the last one; behind it */
	unsigned count;
	unsigned has; /* letters of all */
};

/* Those from s on. Returns false: it is something else. */
static bool words_at(const char *s, const char *end, struct words *w)
{
	unsigned has = 0, count = 0;
	unsigned char letter;

	do {
		w->last = s += count > 0;
		for (; s < end && (letter = letters[(unsigned char)*s]) != 0; s++)
			has |= letter;
		if (s == w->last || *w->last == '-' || s[-1] == '-')
			return false;
		count++;
	} while (s < end && *s == '.');
	w->end = s;
	w->count = count;
	w->has = has;
	return true;
}

static bool is_letter(char c)
{
	return (c | 0x20) >= 'a' && (c | 0x20) <= 'z';
}

/* One that is surely a domain: two labels or more, the last of two or three letters. There are others. */
static bool is_surely_host(const char *s, const struct words *w)
{
	size_t top = (size_t)(w->end - w->last);

	if (w->count < 2 || w->end - s > 63 || (w->has & SIGN) != 0)
		return false;
	return (top == 2 || (top == 3 && is_letter(w->last[2]))) && is_letter(w->last[0]) &&
	       is_letter(w->last[1]);
}

bool pv_target_plain(const char **list, const char *end, char stop, struct pv_target *t)
{
	const char *s = *list;
	struct words local, host;

	if (!words_at(s, end, &local) || local.end - s > 64)
		return false;
	bool is_address = local.end < end && *local.end == '@';
	if (!is_address)
		host = (struct words){ .end = local.end };
	else if (!words_at(local.end + 1, end, &host) || !is_surely_host(local.end + 1, &host))
		return false;
	if (host.end < end && *host.end != ',' && *host.end != stop)
		return false;
	*t = (struct pv_target){ .kind = is_address ? PV_TARGET_ADDRESS : PV_TARGET_NAME,
				 .is_plain = is_address && ((local.has | host.has) & CAPITAL) == 0,
				 .text = s,
				 .len = (size_t)(host.end - s),
				 .local_len = (size_t)(local.end - s) };
	*list = host.end;
	return true;
}
