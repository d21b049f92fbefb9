/*
 * search_test.c: memchr() of the static program finds what another one finds, and reads no byte of a page
 * that is not the text's.
 */
#include <stddef.h>

void *memchr_by_16(const void *s, int c, size_t n);

#define memchr memchr_by_16
#include "../../virtual-deliver/search.c"
#undef memchr

#include "scratch.h"

#include <sys/mman.h>

#ifdef __SSE2__

/* Two pages between which the text may lie at the end or at the beginning; what is around them cannot be
 * read. */
static char *guarded(void)
{
	size_t page = (size_t)sysconf(_SC_PAGESIZE);
	char *all = mmap(NULL, 4 * page, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	assert_ptr_not_equal(all, MAP_FAILED);
	assert_int_equal(mprotect(all + page, 2 * page, PROT_READ | PROT_WRITE), 0);
	return all + page;
}

static void compare(const char *text, size_t len, int c)
{
	const char *want = NULL;

	for (size_t i = 0; want == NULL && i < len; i++)
		if (text[i] == (char)c)
			want = text + i;
	const char *got = memchr_by_16(text, c, len);
	if (got != want)
		fail_msg("%zu bytes: %td in place of %td", len, got != NULL ? got - text : -1,
			 want != NULL ? want - text : -1);
}

/* Each length up to some blocks, at both ends of what may be read, with the byte at each place, and just
 * outside of the text. */
static void every_place_is_found_and_none_outside(void **unused)
{
	size_t size = 2 * (size_t)sysconf(_SC_PAGESIZE);
	char *pages = guarded();

	(void)unused;
	for (size_t len = 0; len <= 70; len++)
		for (size_t offset = 0; offset <= 17; offset++) {
			char *const places[] = { pages + offset, pages + size - len - offset };
			for (size_t p = 0; p < 2; p++)
				for (size_t at = 0; at <= len; at++) {
					memset(pages, 'a', size);
					if (at < len)
						places[p][at] = '\xff';
					if (places[p] > pages)
						places[p][-1] = '\xff';
					if (places[p] + len < pages + size)
						places[p][len] = '\xff';
					compare(places[p], len, 0xff);
					compare(places[p], len, -1);
				}
		}
	assert_int_equal(munmap(pages - size / 2, 2 * size), 0);
}

/* As the C library is asked by others: up to the end of memory, for what is there. */
static void an_end_that_is_no_address_is_none(void **unused)
{
	static const char text[] = "somewhere in here";

	(void)unused;
	assert_ptr_equal(memchr_by_16(text, '\0', SIZE_MAX), text + sizeof text - 1);
	assert_null(memchr_by_16(text, 's', 0));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_place_is_found_and_none_outside),
		cmocka_unit_test(an_end_that_is_no_address_is_none),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
#else
int main(void)
{
	return 0;
}
#endif
