/*
 * message.h: what the fuzz targets of a message share: how it is stored, told by a plain second way.
 */
#ifndef PV_FUZZ_MESSAGE_H
#define PV_FUZZ_MESSAGE_H

#include "base/buffer.h"
#include "t/fuzz/require.h"

#include <stdlib.h>
#include <string.h>

/* How long is the next line, its newline included? */
static inline size_t line_length(const char *p, const char *stop)
{
	const char *newline = memchr(p, '\n', (size_t)(stop - p));

	return (size_t)((newline != NULL ? newline + 1 : stop) - p);
}

static inline bool is_empty_line(const char *p, size_t n)
{
	return n > 0 && (*p == '\n' || (n == 2 && p[0] == '\r' && p[1] == '\n'));
}

/* `Return-Path` and a colon, perhaps behind blanks. */
static inline bool is_return_path(const char *p, size_t n)
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
static inline bool has_header(const char *p, size_t n)
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
static inline void message_expect(const char *p, const char *stop, struct pv_buf *out)
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

static inline void message_unquote(const char *p, const char *stop, struct pv_buf *out)
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

#endif
