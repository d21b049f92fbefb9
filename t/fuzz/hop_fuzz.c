/*
 * hop_fuzz.c: what was taken from the top lies in the input, in order, and is whole lines; what follows
 * does not change it.
 *
 * fuzz-sources: virtual-deliver/hop.c
 */
#include "t/fuzz/require.h"
#include "virtual-deliver/hop.h"

#include <stdbool.h>
#include <stdint.h>

/* A line of the top: it stands at *at or nowhere. */
static void require_line(const char *s, struct slice line, struct slice value, size_t length, size_t *at)
{
	if (line.s == NULL)
		return;
	require(line.s == s + *at && *at + line.len < length);
	require(memchr(line.s, '\n', line.len) == NULL && line.s[line.len] == '\n');
	require(value.s == NULL || (value.s >= line.s && value.s + value.len <= line.s + line.len));
	*at += line.len + 1;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	const struct slice none = { .s = NULL };
	const char *s = (const char *)data;
	struct hop h, again;
	size_t at = 0;

	hop_parse(s, size, &h);
	require(h.length <= size);
	require_line(s, h.from_line, none, h.length + 1, &at);
	require_line(s, h.return_path, h.return_path.s != NULL ? h.sender : none, h.length + 1, &at);
	require_line(s, h.original_to, h.original, h.length + 1, &at);
	require_line(s, h.delivered_to, h.recipient, h.length + 1, &at);
	require(at == h.length);
	/* The lines alone say the same. */
	hop_parse(s, h.length, &again);
	require(again.length == h.length && again.recipient.len == h.recipient.len &&
		again.original.len == h.original.len);
	return 0;
}
