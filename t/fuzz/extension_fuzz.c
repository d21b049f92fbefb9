/*
 * extension_fuzz.c: every reading of an extension is one whose parts stand in the input, the
 * search ends, and what a reading says can be written and found again.
 */
#include "address/extension.h"
#include "t/fuzz/require.h"

#include <stdint.h>

/* Written as an extension, a reading must be found again among the readings of that. */
static void found_again(const struct pv_extension_reading *r)
{
	char ext[PV_EXTENSION_SIZE];
	struct pv_extension_reading again;
	size_t from = 0;

	if (!r->has_user || pv_extension_format(&r->user, &r->domain, ext, NULL) != PV_OK)
		return;
	while (pv_extension_next(ext, strlen(ext), &from, &again))
		if (again.has_user && pv_user_equal(&again.user, &r->user) &&
		    pv_domain_equal(&again.domain, &r->domain) && again.tag_len == 0)
			return;
	abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	const char *s = (const char *)data;
	struct pv_extension_reading r;
	size_t from = 0, before = 0;

	while (pv_extension_next(s, size, &from, &r)) {
		require(from > before && from <= size);
		before = from;
		if (r.tag_len != 0)
			require(r.tag >= s && r.tag + r.tag_len <= s + size);
		found_again(&r);
	}
	char *folded = malloc(size + 1);
	require(folded != NULL);
	if (size != 0)
		memcpy(folded, data, size);
	pv_extension_fold(folded, size);
	for (size_t i = 0; i < size; i++)
		require(folded[i] >= '!' && folded[i] <= 'z' && !(folded[i] >= 'A' && folded[i] <= 'Z'));
	free(folded);
	return 0;
}
