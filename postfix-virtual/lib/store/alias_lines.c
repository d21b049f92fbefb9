#include "store/alias_lines.h"

#include <stdint.h>
#include <string.h>

#ifdef __SSE2__
#include <emmintrin.h>
#endif

void pv_alias_lines_start(struct pv_alias_lines *l, const struct pv_buf *text, char first)
{
	*l = (struct pv_alias_lines){ .text = text, .first = first };
}

static bool may_begin(char c, char first)
{
	return (c | 0x20) == (first | 0x20) || c == '"' || c == '\\';
}

#ifdef __SSE2__
enum { STEP = 64 };

/* Of STEP bytes at p: *newlines, and those with which a line may begin. */
static inline uint64_t look_at(const char *p, char first, uint64_t *newlines)
{
	const __m128i newline = _mm_set1_epi8('\n'), fold = _mm_set1_epi8(0x20), quote = _mm_set1_epi8('"'),
		      backslash = _mm_set1_epi8('\\'), wanted = _mm_set1_epi8((char)(first | 0x20));
	uint64_t begins = 0;

	*newlines = 0;
	for (int i = STEP / 16 - 1; i >= 0; i--) {
		__m128i x = _mm_loadu_si128((const __m128i *)(const void *)(p + 16 * i));
		__m128i other = _mm_or_si128(_mm_cmpeq_epi8(x, quote), _mm_cmpeq_epi8(x, backslash));
		__m128i same = _mm_cmpeq_epi8(_mm_or_si128(x, fold), wanted);
		*newlines = *newlines << 16 | (unsigned)_mm_movemask_epi8(_mm_cmpeq_epi8(x, newline));
		begins = begins << 16 | (unsigned)_mm_movemask_epi8(_mm_or_si128(same, other));
	}
	return begins;
}

/* Move l->at over whole steps in which no line of note begins. l->at is the beginning of a line or lies in
 * one that is of no note; *line_begins tells which, before and after. */
static void pass_steps(struct pv_alias_lines *l, bool *line_begins)
{
	while (l->text->len - l->at >= STEP) {
		uint64_t newlines, begins = look_at(l->text->s + l->at, l->first, &newlines);
		if ((begins & (newlines << 1 | *line_begins)) != 0)
			return;
		*line_begins = newlines >> 63 != 0;
		l->at += STEP;
	}
}
#else
static void pass_steps(struct pv_alias_lines *l, bool *line_begins)
{
	(void)l, (void)line_begins;
}
#endif

bool pv_alias_lines_next(struct pv_alias_lines *l, size_t *at_r)
{
	const char *s = l->text->s, *end = s + l->text->len;
	bool line_begins = l->at == 0 || (l->at <= l->text->len && s[l->at - 1] == '\n');

	while (l->at < l->text->len) {
		pass_steps(l, &line_begins);
		const char *p = s + l->at;
		if (p < end && line_begins && may_begin(*p, l->first)) {
			*at_r = l->at++;
			return true;
		}
		const char *newline = p < end ? memchr(p, '\n', (size_t)(end - p)) : NULL;
		l->at = newline != NULL ? (size_t)(newline + 1 - s) : l->text->len;
		line_begins = true;
	}
	return false;
}

#ifdef __SSE2__
/* Of whole pieces of 16 bytes; *from_r: where they end. */
static unsigned count_pieces(const char *s, size_t *from_r, size_t to)
{
	const __m128i newline = _mm_set1_epi8('\n'), zero = _mm_setzero_si128();
	__m128i sum = zero;
	size_t from = *from_r;

	while (to - from >= 16) {
		__m128i few = zero; /* a byte each, which counts to 255 */
		for (int i = 0; i < 255 && to - from >= 16; i++, from += 16) {
			__m128i x = _mm_loadu_si128((const __m128i *)(const void *)(s + from));
			few = _mm_sub_epi8(few, _mm_cmpeq_epi8(x, newline));
		}
		sum = _mm_add_epi64(sum, _mm_sad_epu8(few, zero));
	}
	*from_r = from;
	return (unsigned)(_mm_cvtsi128_si32(sum) + _mm_cvtsi128_si32(_mm_srli_si128(sum, 8)));
}
#else
static unsigned count_pieces(const char *s, size_t *from_r, size_t to)
{
	(void)s, (void)from_r, (void)to;
	return 0;
}
#endif

unsigned pv_alias_lines_count(const struct pv_buf *text, size_t from, size_t to)
{
	unsigned lines = count_pieces(text->s, &from, to);

	while (from < to) {
		const char *newline = memchr(text->s + from, '\n', to - from);
		if (newline == NULL)
			break;
		lines++;
		from = (size_t)(newline + 1 - text->s);
	}
	return lines;
}
