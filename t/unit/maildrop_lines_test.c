/*
 * The inner loop of the scan by every width of registers that it knows, against a loop over bytes.
 */
#include "scratch.h"

#define PV_NO_AVX2
#define pv_skip_lines narrow_skip_lines
#include "mailbox/maildrop_lines.c"
#undef pv_skip_lines
const char *pv_skip_lines(const char *p, const char *stop, uint64_t *lf, uint64_t *crlf);

static const char *by_bytes(const char *p, const char *stop, uint64_t *lf, uint64_t *crlf)
{
	for (; p < stop && !(p[-1] == '\n' && is_of_note(p, stop)); p++) {
		*lf += *p == '\n';
		*crlf += *p == '\n' && p[-1] == '\r';
	}
	return p;
}

static uint64_t state = 1;

static unsigned pick(unsigned n)
{
	state = state * 6364136223846793005U + 1442695040888963407U;
	return (unsigned)(state >> 33) % n;
}

/* Lines of all lengths, many of which begin like one of note. */
static void fill(char *text, size_t len)
{
	static const char *const starts[] = { "From ", ">From ", ">>", "Status:", "Subject:",
					      "For",   "\r\n",	 "\n", "f",	  "\306",
					      "S",     "F",	 ">",  "\0",	  "~" };

	for (size_t at = 0; at < len;) {
		const char *start = starts[pick(sizeof starts / sizeof *starts)];
		size_t n = pick(4) == 0 ? strlen(start) : 0;
		for (size_t i = 0; i < n && at < len; i++)
			text[at++] = start[i];
		for (size_t left = pick(pick(3) == 0 ? 300 : 40); left > 0 && at < len; left--)
			text[at++] = (char)(pick(8) == 0 ? pick(256) : 'a' + pick(26));
		if (at < len && pick(5) == 0)
			text[at++] = '\r';
		if (at < len)
			text[at++] = '\n';
	}
}

static void all_widths_count_alike(void **unused)
{
	const char *(*const skips[])(const char *, const char *, uint64_t *,
				     uint64_t *) = { narrow_skip_lines, pv_skip_lines };
	static char text[20000];
	size_t stops = 0;

	(void)unused;
	for (unsigned round = 0; round < 3000; round++) {
		size_t len = 1 + pick(pick(2) == 0 ? 200 : sizeof text - 1), from = 1 + pick(64);
		fill(text, len);
		if (from > len)
			from = len;
		uint64_t lf = 0, crlf = 0;
		const char *want = by_bytes(text + from, text + len, &lf, &crlf);
		stops += want < text + len;
		for (size_t i = 0; i < sizeof skips / sizeof *skips; i++) {
			uint64_t got_lf = 0, got_crlf = 0;
			const char *got = skips[i](text + from, text + len, &got_lf, &got_crlf);
			if (got != want || got_lf != lf || got_crlf != crlf)
				fail_msg("round %u, way %zu: at %td, not %td; %llu and %llu lines, not %llu "
					 "and %llu",
					 round, i, got - text, want - text, (unsigned long long)got_lf,
					 (unsigned long long)got_crlf, (unsigned long long)lf,
					 (unsigned long long)crlf);
		}
	}
	assert_in_range(stops, 1000, 2999);
}

int main(void)
{
	const struct CMUnitTest tests[] = { cmocka_unit_test(all_widths_count_alike) };

	return cmocka_run_group_tests(tests, NULL, NULL);
}
