/*
 * header_fuzz.c: any message, in any pieces: no line of what is written begins `From `, it ends in an
 * empty line, and without the quoting it is the message again, but for its Return-Path fields.
 * The first byte of the input chooses the sizes of the pieces.
 *
 * fuzz-sources: virtual-deliver/header.c
 * fuzz-max-len: 16384
 */
#include "t/fuzz/message.h"
#include "virtual-deliver/header.h"

#include <stdint.h>

static enum pv_class count(void *ctx, const char *value, size_t len, struct pv_error *e)
{
	size_t *n = ctx;

	(void)e;
	require(memchr(value, '\n', len) == NULL && memchr(value, '\r', len) == NULL);
	*n += len + 1;
	return PV_OK;
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
	message_unquote(one.memory.s, one.memory.s + one.memory.len, &got);
	message_expect(s, s + len, &want);
	require(got.len == want.len && memcmp(got.s, want.s, got.len) == 0);
	pv_content_free(&one);
	pv_content_free(&pieces);
	pv_buf_free(&want);
	pv_buf_free(&got);
	return 0;
}
