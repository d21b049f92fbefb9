#include "mailbox/maildrop_lines.h"

#include <stdbool.h>

#ifdef __SSE2__
#include <immintrin.h>
#endif

/* Is the line at p one that may mean something: `From `, `>From `, `Status:`? stop: where the block ends. */
static inline bool is_of_note(const char *p, const char *stop)
{
	if (*p != 'F' && *p != '>' && *p != 'S')
		return false;
	if (stop - p < 2)
		return true;
	return *p == 'F' ? p[1] == 'r' : *p == 'S' ? p[1] == 't' : p[1] == '>' || p[1] == 'F';
}

#ifdef __SSE2__
enum { STEP = 64 };

/* Which of STEP bytes are all ones? */
static inline uint64_t mask_of(const __m128i x[4])
{
	uint64_t m = 0;

	for (int i = 3; i >= 0; i--)
		m = m << 16 | (unsigned)_mm_movemask_epi8(x[i]);
	return m;
}

static uint64_t sum_of(__m128i bytes)
{
	__m128i x = _mm_sad_epu8(bytes, _mm_setzero_si128());

	return (uint64_t)_mm_cvtsi128_si64(x) + (uint64_t)_mm_cvtsi128_si64(_mm_srli_si128(x, 8));
}

/* Of the lines that begin at the bytes in `starts`, the first of note; STEP: none. */
static inline unsigned first_of_note(uint64_t starts, const char *p, const char *stop)
{
	for (; starts != 0; starts &= starts - 1) {
		unsigned k = (unsigned)__builtin_ctzll(starts);
		if (is_of_note(p + k, stop))
			return k;
	}
	return STEP;
}

#ifndef PV_NO_AVX2 /* said by its test alone */
#define WIDE __attribute__((target("avx2")))

static WIDE uint64_t mask_of_wide(const __m256i x[2])
{
	return (uint64_t)(unsigned)_mm256_movemask_epi8(x[1]) << 32 | (unsigned)_mm256_movemask_epi8(x[0]);
}

static WIDE uint64_t sum_of_wide(__m256i bytes)
{
	return sum_of(_mm256_castsi256_si128(bytes)) + sum_of(_mm256_extracti128_si256(bytes, 1));
}

/* As skip_narrow_steps(), by wider registers: most of the time of a scan goes here. */
static WIDE const char *skip_wide_steps(const char *p, const char *stop, uint64_t *lf_r, uint64_t *crlf_r)
{
	const __m256i lf = _mm256_set1_epi8('\n'), cr = _mm256_set1_epi8('\r');
	/* By its low half each byte is looked up: only F, > and S find themselves. */
	const __m128i note_table = _mm_setr_epi8(1, 0, 0, 'S', 0, 0, 'F', 0, 0, 0, 0, 0, 0, 0, '>', 0);
	const __m256i notes = _mm256_broadcastsi128_si256(note_table);
	unsigned k = STEP;

	while (stop - p > STEP && k == STEP) {
		__m256i lf_sum = _mm256_setzero_si256(), crlf_sum = lf_sum;
		/* A byte counts to 255. */
		for (int round = 0; round < 63 && stop - p > STEP; round++) {
			__m256i is_lf[2], is_crlf[2], note[2];
			for (int i = 0; i < 2; i++) {
				const char *at = p + 32 * i;
				__m256i here = _mm256_loadu_si256((const __m256i *)(const void *)at);
				__m256i before = _mm256_loadu_si256((const __m256i *)(const void *)(at - 1));
				is_lf[i] = _mm256_cmpeq_epi8(here, lf);
				is_crlf[i] = _mm256_and_si256(is_lf[i], _mm256_cmpeq_epi8(before, cr));
				note[i] = _mm256_and_si256(
					_mm256_cmpeq_epi8(_mm256_shuffle_epi8(notes, here), here),
					_mm256_cmpeq_epi8(before, lf));
			}
			if (_mm256_movemask_epi8(_mm256_or_si256(note[0], note[1])) != 0 &&
			    (k = first_of_note(mask_of_wide(note), p, stop)) < STEP) {
				uint64_t below = ((uint64_t)1 << k) - 1;
				*lf_r += (unsigned)__builtin_popcountll(mask_of_wide(is_lf) & below);
				*crlf_r += (unsigned)__builtin_popcountll(mask_of_wide(is_crlf) & below);
				p += k;
				break;
			}
			for (int i = 0; i < 2; i++) {
				lf_sum = _mm256_sub_epi8(lf_sum, is_lf[i]);
				crlf_sum = _mm256_sub_epi8(crlf_sum, is_crlf[i]);
			}
			p += STEP;
		}
		*lf_r += sum_of_wide(lf_sum);
		*crlf_r += sum_of_wide(crlf_sum);
	}
	return p;
}

#endif

/* STEP bytes at a time. Stops at a line of note too, or where not more than STEP bytes are left. */
static const char *skip_narrow_steps(const char *p, const char *stop, uint64_t *lf_r, uint64_t *crlf_r)
{
	const __m128i lf = _mm_set1_epi8('\n'), cr = _mm_set1_epi8('\r'), f = _mm_set1_epi8('F'),
		      gt = _mm_set1_epi8('>'), st = _mm_set1_epi8('S');

	while (stop - p > STEP) {
		__m128i lf_sum = _mm_setzero_si128(), crlf_sum = lf_sum;
		unsigned k = STEP;
		/* A byte counts to 255. */
		for (int round = 0; round < 63 && k == STEP && stop - p > STEP; round++) {
			__m128i is_lf[4], is_crlf[4], note[4];
			for (int i = 0; i < 4; i++) {
				__m128i here = _mm_loadu_si128((const __m128i *)(const void *)(p + 16 * i));
				__m128i before =
					_mm_loadu_si128((const __m128i *)(const void *)(p + 16 * i - 1));
				is_lf[i] = _mm_cmpeq_epi8(here, lf);
				is_crlf[i] = _mm_and_si128(is_lf[i], _mm_cmpeq_epi8(before, cr));
				note[i] = _mm_or_si128(
					_mm_or_si128(_mm_cmpeq_epi8(here, f), _mm_cmpeq_epi8(here, gt)),
					_mm_cmpeq_epi8(here, st));
				note[i] = _mm_and_si128(note[i], _mm_cmpeq_epi8(before, lf));
			}
			__m128i any =
				_mm_or_si128(_mm_or_si128(note[0], note[1]), _mm_or_si128(note[2], note[3]));
			if (_mm_movemask_epi8(any) != 0 &&
			    (k = first_of_note(mask_of(note), p, stop)) < STEP) {
				uint64_t below = ((uint64_t)1 << k) - 1;
				*lf_r += (unsigned)__builtin_popcountll(mask_of(is_lf) & below);
				*crlf_r += (unsigned)__builtin_popcountll(mask_of(is_crlf) & below);
				p += k;
				break;
			}
			for (int i = 0; i < 4; i++) {
				lf_sum = _mm_sub_epi8(lf_sum, is_lf[i]);
				crlf_sum = _mm_sub_epi8(crlf_sum, is_crlf[i]);
			}
			p += STEP;
		}
		*lf_r += sum_of(lf_sum);
		*crlf_r += sum_of(crlf_sum);
		if (k < STEP)
			break;
	}
	return p;
}

static const char *skip_steps(const char *p, const char *stop, uint64_t *lf_r, uint64_t *crlf_r)
{
#ifndef PV_NO_AVX2
	if (__builtin_cpu_supports("avx2"))
		return skip_wide_steps(p, stop, lf_r, crlf_r);
#endif
	return skip_narrow_steps(p, stop, lf_r, crlf_r);
}
#else
static const char *skip_steps(const char *p, const char *stop, uint64_t *lf_r, uint64_t *crlf_r)
{
	(void)stop, (void)lf_r, (void)crlf_r;
	return p;
}
#endif

const char *pv_skip_lines(const char *p, const char *stop, uint64_t *lf, uint64_t *crlf)
{
	p = skip_steps(p, stop, lf, crlf);
	while (p < stop && !(p[-1] == '\n' && is_of_note(p, stop))) {
		const char *newline = memchr(p, '\n', (size_t)(stop - p));
		if (newline == NULL)
			return stop;
		++*lf;
		*crlf += newline[-1] == '\r';
		p = newline + 1;
	}
	return p;
}
