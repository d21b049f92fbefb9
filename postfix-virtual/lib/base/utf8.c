#include "base/utf8.h"

#include <stdint.h>

size_t pv_utf8_next(const char *s, size_t len)
{
	static const uint32_t least[] = { 0, 0, 0x80, 0x800, 0x10000 };
	unsigned char first = len > 0 ? (unsigned char)*s : 0xff;

	if (first < 0x80)
		return 1;
	size_t n = first < 0xc0 ? 0 : first < 0xe0 ? 2 : first < 0xf0 ? 3 : first < 0xf8 ? 4 : 0;
	if (n == 0 || n > len)
		return 0;
	uint32_t c = first & (0xffU >> (n + 1));
	for (size_t i = 1; i < n; i++) {
		if (((unsigned char)s[i] & 0xc0) != 0x80)
			return 0;
		c = c << 6 | ((unsigned char)s[i] & 0x3f);
	}
	bool is_surrogate = c >= 0xd800 && c < 0xe000;
	return c < least[n] || c > 0x10ffff || is_surrogate ? 0 : n;
}

bool pv_utf8_is_valid(const char *s, size_t len)
{
	size_t n = 1;

	for (size_t i = 0; i < len && n > 0; i += n)
		n = pv_utf8_next(s + i, len - i);
	return n > 0;
}
