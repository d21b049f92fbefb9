/*
 * search.c: memchr() by 16 bytes at a time. musl's goes by 8, and looking for ends of lines is a tenth of
 * what a delivery does. Only the static build has it (the Makefile).
 */
#ifdef __SSE2__
#include <emmintrin.h>
#include <stdint.h>

/* The aligned 16 bytes around a byte that may be read lie in one page with it: no fault, whatever the address
 * sanitizer says of those that are not the text's. */
__attribute__((no_sanitize_address)) static unsigned look(const char *at, __m128i wanted)
{
	__m128i here = *(const __m128i *)(const void *)at;

	return (unsigned)_mm_movemask_epi8(_mm_cmpeq_epi8(here, wanted));
}

void *memchr(const void *s, int c, size_t n)
{
	const __m128i wanted = _mm_set1_epi8((char)c);
	const char *p = s;
	size_t before = (uintptr_t)p & 15;
	union {
		const char *in;
		void *out;
	} found;

	if (n == 0)
		return NULL;
	p -= before;
	n = n > SIZE_MAX - before ? SIZE_MAX : n + before;
	unsigned hits = look(p, wanted) >> before << before;
	while (hits == 0 && n > 16) {
		p += 16;
		n -= 16;
		hits = look(p, wanted);
	}
	size_t first = hits != 0 ? (size_t)__builtin_ctz(hits) : n;
	found.in = p + first;
	return first < n ? found.out : NULL;
}
#endif
