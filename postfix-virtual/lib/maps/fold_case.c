#include "maps/fold_case.h"

#include "maps/fold.h"

#include <unicase.h>
#include <unistr.h>

bool pv_fold_case(const char *s, size_t len, struct pv_buf *out)
{
	const uint8_t *from = (const uint8_t *)s;
	size_t folded_len = 0;

	if (!pv_fold_needed(s, len)) {
		for (size_t i = 0; i < len; i++)
			pv_buf_addc(out, s[i] >= 'A' && s[i] <= 'Z' ? (char)(s[i] - 'A' + 'a') : s[i]);
		return true;
	}
	if (u8_check(from, len) != NULL)
		return false;
	uint8_t *folded = u8_casefold(from, len, NULL, NULL, NULL, &folded_len);
	if (folded == NULL)
		out->failed = true;
	else
		pv_buf_add(out, folded, folded_len);
	free(folded);
	return true;
}
