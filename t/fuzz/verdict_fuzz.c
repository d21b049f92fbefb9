/*
 * verdict_fuzz.c: whatever a program says, in whatever pieces, and whatever its status: the sentence is
 * printable and one line, the code has the form and the class that it stands for, and 0 alone (and 99) is
 * success.
 *
 * fuzz-sources: virtual-deliver/verdict.c
 * fuzz-max-len: 4096
 */
#include "t/fuzz/require.h"
#include "virtual-deliver/verdict.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

static void check(enum pv_class c, const struct pv_error *e)
{
	require(c == PV_PERMANENT || c == PV_TEMPORARY);
	require(e->status[0] == (c == PV_PERMANENT ? '5' : '4') && e->status[1] == '.');
	require(strspn(e->status, "0123456789.") == strlen(e->status));
	require(strlen(e->text) > 0 && strlen(e->text) < PV_ERROR_TEXT);
	for (const char *p = e->text; *p != '\0'; p++)
		require(*p >= ' ' && *p < 0x7f);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct said said = { .out_len = 0 };
	struct pv_error e = { .text = "" };
	size_t total[3] = { 0 };

	if (size < 2)
		return 0;
	int status = data[0];
	/* Pieces: a byte with the descriptor and the length, and so many bytes. */
	for (size_t at = 1; at < size;) {
		int fd = (data[at] & 1) + 1;
		size_t len = (size_t)(data[at] >> 1) * (data[0] & 8 ? 16 : 1);
		at++;
		if (len > size - at)
			len = size - at;
		said_take(&said, fd, (const char *)data + at, len);
		total[fd] += len;
		at += len;
	}
	require(said.out_len == (total[1] < SAID_MAX ? total[1] : SAID_MAX));
	require(said.err_len == (total[2] < SAID_MAX ? total[2] : SAID_MAX));
	require(said.err_cut == (total[2] > SAID_MAX));
	enum pv_class c = command_verdict("/p", status, &said, &e);
	require((c == PV_OK) == (status == 0 || status == 99));
	if (c != PV_OK)
		check(c, &e);
	if (status != 0 && status != 99)
		check(filter_verdict("/p", status, &said, &e), &e);
	return 0;
}
