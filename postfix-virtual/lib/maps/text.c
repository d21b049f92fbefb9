#include "maps/text.h"

#include "base/hash.h"

#include <inttypes.h>

#define SUM_WORD "# checksum of what follows: "
enum { SUM_DIGITS = 16 };

void pv_text_head(struct pv_buf *out, const char *what, const char *own)
{
	pv_buf_adds(out, "# Written by make-postfix-maps, and replaced as a whole when it runs again.\n");
	pv_buf_addf(out, "# %s belong in %s: it is asked first, and never written.\n", what, own);
}

static uint64_t sum_of(const char *s, size_t len)
{
	struct pv_sum sum;

	pv_sum_start(&sum);
	pv_sum_add(&sum, s, len);
	return pv_sum_finish(&sum);
}

void pv_text_format(struct pv_buf *out, const char *what, const char *own, const struct pv_keys *keys)
{
	char digits[SUM_DIGITS + 1];

	pv_text_head(out, what, own);
	pv_buf_adds(out, SUM_WORD);
	size_t sum_at = out->len;
	pv_buf_adds(out, "0000000000000000\n");
	size_t start = out->len;
	for (size_t i = 0; i < keys->count; i++) {
		pv_buf_adds(out, keys->v[i].key);
		pv_buf_addc(out, '\t');
		pv_buf_adds(out, keys->v[i].value);
		pv_buf_addc(out, '\n');
	}
	if (out->failed)
		return;
	(void)snprintf(digits, sizeof digits, "%016" PRIx64, sum_of(out->s + start, out->len - start));
	memcpy(out->s + sum_at, digits, SUM_DIGITS);
}

static enum pv_class doubtful(struct pv_error *e, const char *file, const char *reason)
{
	return pv_fail(e, PV_TEMPORARY, "4.3.5",
		       "%s %s, so it was changed by another hand or damaged: leave it to make-postfix-maps",
		       file, reason);
}

/* Pass over the comment lines. NULL: the checksum is missing or not that of the rest. */
static char *checked_start(struct pv_buf *text)
{
	char *line = text->s;
	char expected[sizeof SUM_WORD + SUM_DIGITS];

	while (*line == '#') {
		char *end = strchr(line, '\n');
		if (end == NULL)
			return NULL;
		if (strncmp(line, SUM_WORD, strlen(SUM_WORD)) == 0) {
			size_t left = text->len - (size_t)(end + 1 - text->s);
			(void)snprintf(expected, sizeof expected, SUM_WORD "%016" PRIx64,
				       sum_of(end + 1, left));
			bool same = end - line == (ptrdiff_t)strlen(expected) &&
				    memcmp(line, expected, strlen(expected)) == 0;
			return same ? end + 1 : NULL;
		}
		line = end + 1;
	}
	return NULL;
}

/* Cut the next `key<TAB>value` from *next, in place. Returns false where it is no such line. */
static bool cut_pair(char **next, struct pv_key *pair)
{
	char *end = strchr(*next, '\n');
	char *tab = strchr(*next, '\t');

	if (end == NULL || tab == NULL || tab > end || tab == *next || tab + 1 == end)
		return false;
	*tab = '\0';
	*end = '\0';
	*pair = (struct pv_key){ *next, tab + 1 };
	*next = end + 1;
	return true;
}

enum pv_class pv_text_parse(struct pv_buf *text, const char *file, struct pv_keys *keys, struct pv_error *e)
{
	struct pv_key pair;

	if (memchr(text->s, '\0', text->len) != NULL)
		return doubtful(e, file, "holds a NUL");
	char *next = checked_start(text);
	if (next == NULL)
		return doubtful(e, file, "does not have the checksum that stands in it");
	while (next < text->s + text->len) {
		if (!cut_pair(&next, &pair))
			return doubtful(e, file, "holds a line that is no `key value`");
		if (keys->count > 0 && strcmp(keys->v[keys->count - 1].key, pair.key) >= 0)
			return doubtful(e, file, "is not sorted");
		enum pv_class c = pv_keys_add(keys, pair.key, pair.value, e);
		if (c != PV_OK)
			return c;
	}
	return PV_OK;
}

void pv_text_wrap(struct pv_buf *out, const char *what, const char *own, const struct pv_buf *lines)
{
	pv_text_head(out, what, own);
	pv_buf_addf(out, SUM_WORD "%016" PRIx64 "\n", sum_of(lines->s, lines->len));
	pv_buf_add(out, lines->s, lines->len);
}

const char *pv_text_unwrap(struct pv_buf *text)
{
	return memchr(text->s, '\0', text->len) != NULL ? NULL : checked_start(text);
}
