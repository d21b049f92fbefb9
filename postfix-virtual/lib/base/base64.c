#include "base/base64.h"

#include <stdint.h>
#include <string.h>

static const char letters[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

void pv_base64_add(struct pv_buf *out, const void *data, size_t len)
{
	const unsigned char *p = data;

	for (size_t i = 0; i < len; i += 3) {
		size_t n = len - i < 3 ? len - i : 3;
		uint32_t v =
			(uint32_t)p[i] << 16 | (n > 1 ? (uint32_t)p[i + 1] << 8 : 0) | (n > 2 ? p[i + 2] : 0);
		char four[4] = { letters[v >> 18], letters[v >> 12 & 63], n > 1 ? letters[v >> 6 & 63] : '=',
				 n > 2 ? letters[v & 63] : '=' };
		pv_buf_add(out, four, sizeof four);
	}
}

bool pv_base64_decode(const char *s, size_t len, struct pv_buf *out)
{
	if (len % 4 != 0)
		return false;
	for (size_t i = 0; i < len; i += 4) {
		size_t n = 4;
		uint32_t v = 0;
		while (i + 4 == len && n > 2 && s[i + n - 1] == '=')
			n--;
		for (size_t k = 0; k < n; k++) {
			const char *at = s[i + k] != '\0' ? strchr(letters, s[i + k]) : NULL;
			if (at == NULL)
				return false;
			v |= (uint32_t)(at - letters) << (18 - 6 * k);
		}
		/* Bits that no byte has must be 0. */
		if ((n == 2 && (v & 0xffff) != 0) || (n == 3 && (v & 0xff) != 0))
			return false;
		char three[3] = { (char)(v >> 16), (char)(v >> 8 & 255), (char)(v & 255) };
		pv_buf_add(out, three, n - 1);
	}
	return true;
}
