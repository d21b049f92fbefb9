/*
 * header_fuzz.c: any message, in any pieces: no line of what is written begins `From `, it ends in an
 * empty line, and without the quoting it is the message again, but for its Return-Path fields.
 * The first byte of the input chooses the sizes of the pieces.
 *
 * fuzz-sources: virtual-deliver/header.c
 * fuzz-max-len: 16384
 */
#include "virtual-deliver/header.h"

#include <stdint.h>

static void require(bool holds)
{
	if (!holds)
		abort();
}

static enum pv_class count(void *ctx, const char *value, size_t len, struct pv_error *e)
{
	size_t *n = ctx;

	(void)e;
	require(memchr(value, '\n', len) == NULL && memchr(value, '\r', len) == NULL);
	*n += len + 1;
	return PV_OK;
}

/* How long is the next line, its newline included? */
static size_t line_length(const char *p, const char *stop)
{
	const char *newline = memchr(p, '\n', (size_t)(stop - p));

	return (size_t)((newline != NULL ? newline + 1 : stop) - p);
}

static bool is_empty_line(const char *p, size_t n)
{
	return n > 0 && (*p == '\n' || (n == 2 && p[0] == '\r' && p[1] == '\n'));
}

/* `Return-Path` and a colon, perhaps behind blanks. */
static bool is_return_path(const char *p, size_t n)
{
	static const char name[] = "Return-Path";
	size_t i = sizeof name - 1;

	if (n <= i || strncasecmp(p, name, i) != 0)
		return false;
	while (i < n && (p[i] == ' ' || p[i] == '\t'))
		i++;
	return i < n && p[i] == ':';
}

/* Is there a header at all? Its first line is a field. */
static bool has_header(const char *p, size_t n)
{
	size_t i = 0;

	while (i < n && p[i] > 32 && p[i] < 127 && p[i] != ':')
		i++;
	size_t colon = i;
	while (colon < n && (p[colon] == ' ' || p[colon] == '\t'))
		colon++;
	return i > 0 && colon < n && p[colon] == ':';
}

/* What should be written, without quoting, by a plain second way. */
static void expect(const char *p, const char *stop, struct pv_buf *out)
{
	bool header = true, skip = false;
	size_t n = line_length(p, stop);

	if (p < stop && !is_empty_line(p, n) && !has_header(p, n)) {
		pv_buf_addc(out, '\n');
		header = false;
	}
	for (bool first = true; p < stop; p += n, first = false) {
		n = line_length(p, stop);
		header = header && !is_empty_line(p, n);
		if (!header)
			skip = false;
		else if (first || (*p != ' ' && *p != '\t'))
			skip = is_return_path(p, n);
		if (!skip)
			pv_buf_add(out, p, n);
	}
	if (out->len > 0 && out->s[out->len - 1] != '\n')
		pv_buf_addc(out, '\n');
	pv_buf_addc(out, '\n');
	if (header)
		pv_buf_addc(out, '\n');
}

static void unquote(const char *p, const char *stop, struct pv_buf *out)
{
	for (size_t n; p < stop; p += n) {
		n = line_length(p, stop);
		size_t more = 0;
		while (more < n && p[more] == '>')
			more++;
		bool from = n - more >= 5 && memcmp(p + more, "From ", 5) == 0;
		require(!from || more > 0);
		pv_buf_add(out, p + from, n - from);
	}
}

/* Read the message in pieces by a small generator that begins with `seed`. */
static void rewrite(const char *s, size_t size, unsigned seed, struct pv_content *out, size_t *delivered_to)
{
	struct header h;
	uint32_t random = seed;

	*delivered_to = 0;
	pv_content_start(out, -1);
	header_start(&h, out, count, delivered_to);
	for (size_t at = 0, n; at < size; at += n) {
		random = random * 1664525 + 1013904223;
		n = seed == 0 ? size : (random >> 24) % (seed < 128 ? 4 : seed);
		if (n > size - at)
			n = size - at;
		/* In memory of its own: a read over its end is found. */
		char *piece = malloc(n);
		require(piece != NULL || n == 0);
		if (n > 0)
			memcpy(piece, s + at, n);
		require(header_add(&h, piece, n, NULL) == PV_OK);
		free(piece);
	}
	require(header_finish(&h, NULL) == PV_OK && pv_content_finish(out, NULL) == PV_OK && h.size == size);
	header_free(&h);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct pv_buf want = PV_BUF_INIT(1 << 20), got = PV_BUF_INIT(1 << 20);
	struct pv_content one, pieces;
	size_t seen, seen_in_pieces;

	if (size == 0)
		return 0;
	const char *s = (const char *)data + 1;
	size_t len = size - 1;
	rewrite(s, len, data[0], &pieces, &seen_in_pieces);
	rewrite(s, len, 0, &one, &seen);
	require(seen == seen_in_pieces && one.size == pieces.size);
	require(memcmp(one.memory.s, pieces.memory.s, one.memory.len) == 0);
	unquote(one.memory.s, one.memory.s + one.memory.len, &got);
	expect(s, s + len, &want);
	require(got.len == want.len && memcmp(got.s, want.s, got.len) == 0);
	pv_content_free(&one);
	pv_content_free(&pieces);
	pv_buf_free(&want);
	pv_buf_free(&got);
	return 0;
}
