/*
 * maps_fuzz.c: a text of a table is believed only as it was written; a diff shows all of both its
 * texts; what a domain's child sends is never more than the bytes that came.
 *
 * Input: a byte that chooses, then the text, or the frames.
 * fuzz-libs: -llmdb -lidn2 -lunistring -lcrypt -ljansson
 */
#include "base/hash.h"
#include "maps/diff.h"
#include "maps/reader.h"
#include "maps/text.h"
#include "t/fuzz/require.h"

#include <stdint.h>

enum { LIMIT = 1 << 16 };

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* With the right checksum in front, so that the lines are what is tried. */
static void try_lines(const char *s, size_t len)
{
	struct pv_buf text = PV_BUF_INIT(LIMIT), again = PV_BUF_INIT(2 * LIMIT);
	struct pv_keys keys = { 0 };
	struct pv_error e;
	struct pv_sum sum;

	pv_sum_start(&sum);
	pv_sum_add(&sum, s, len);
	pv_buf_addf(&text, "# checksum of what follows: %016llx\n", (unsigned long long)pv_sum_finish(&sum));
	pv_buf_add(&text, s, len);
	if (pv_text_parse(&text, "fuzz", &keys, &e) == PV_OK) {
		pv_text_format(&again, "x", "y", &keys);
		require(!again.failed && again.len >= len);
		require(memcmp(again.s + again.len - len, s, len) == 0);
	}
	pv_keys_free(&keys);
	pv_buf_free(&text);
	pv_buf_free(&again);
}

static void try_text(const char *s, size_t len)
{
	struct pv_buf text = PV_BUF_INIT(LIMIT);
	struct pv_keys keys = { 0 };
	struct pv_error e;

	pv_buf_add(&text, s, len);
	(void)pv_text_parse(&text, "fuzz", &keys, &e);
	pv_keys_free(&keys);
	pv_buf_free(&text);
}

/* The lines of a diff's hunks that have one of two signs, in order. */
static void side(const char *diff, char sign, struct pv_buf *out)
{
	while (*diff != '\0') {
		size_t len = strcspn(diff, "\n");
		if (*diff == sign || *diff == ' ')
			pv_buf_addf(out, "%.*s\n", (int)len - 1, diff + 1);
		diff += len + (diff[len] == '\n');
	}
}

/* The input is cut in two texts. With all lines changed or near a change, each side is in the diff as a
 * whole. */
static void try_diff(const char *s, size_t len)
{
	struct pv_buf old = PV_BUF_INIT(LIMIT), new = PV_BUF_INIT(LIMIT), out = PV_BUF_INIT(4 * LIMIT);
	struct pv_buf left = PV_BUF_INIT(4 * LIMIT), right = PV_BUF_INIT(4 * LIMIT);
	const char *cut = memchr(s, '\f', len);
	size_t first = cut == NULL ? len : (size_t)(cut - s);

	if (memchr(s, '\0', len) == NULL) {
		pv_buf_add(&old, s, first);
		pv_buf_add(&new, s + first, len - first);
		if (old.len > 0 && old.s[old.len - 1] != '\n')
			pv_buf_addc(&old, '\n');
		pv_buf_addc(&new, '\n');
		pv_diff(&out, "F", old.s, new.s);
		const char *hunk = strstr(out.s, "\n@@");
		require(hunk != NULL || strcmp(old.s, new.s) == 0);
		if (hunk != NULL && strstr(hunk + 1, "\n@@") == NULL && strchr(hunk + 1, ' ') != NULL) {
			side(hunk + 1, '-', &left);
			side(hunk + 1, '+', &right);
			require(strstr(old.s, left.s) != NULL && strstr(new.s, right.s) != NULL);
		}
	}
	pv_buf_free(&old);
	pv_buf_free(&new);
	pv_buf_free(&out);
	pv_buf_free(&left);
	pv_buf_free(&right);
}

static void try_frames(const char *s, size_t len)
{
	struct pv_files f = { .bytes = PV_BUF_INIT(LIMIT) };
	struct pv_domain_files d;
	struct pv_slice text;
	struct pv_error e;
	struct pv_user u;

	pv_buf_add(&f.bytes, s, len);
	(void)pv_files_parse(&f, 3);
	require(f.done <= 3);
	for (size_t i = 0; i < f.done; i++) {
		pv_files_next(&f, &d);
		require(d.ok ? d.passwd.s != NULL || d.standard.s != NULL : d.why.s != NULL);
		if (!d.ok)
			pv_files_error(&d, &e);
		require(d.ok || (e.class == PV_TEMPORARY && strlen(e.text) < sizeof e.text));
		for (size_t at = 0; pv_files_next_user(&d, &at, &u, &text);)
			require(text.s >= f.bytes.s && text.s + text.len <= f.bytes.s + f.bytes.len);
	}
	require(f.at <= f.bytes.len);
	pv_files_free(&f);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static void (*const tries[])(const char *s, size_t len) = { try_lines, try_text, try_diff,
								    try_frames };

	if (size > 0 && size < LIMIT / 2)
		tries[data[0] % 4]((const char *)data + 1, size - 1);
	return 0;
}
