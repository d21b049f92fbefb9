#include "store/size.h"

#include "base/table.h"

#include <limits.h>

bool pv_quota_parse(const char *s, unsigned long long *bytes_r)
{
	static const char units[] = "KMG";
	unsigned long long factor = 1;
	unsigned long number;

	if (strcasecmp(s, "NOQUOTA") == 0) {
		*bytes_r = 0;
		return true;
	}
	size_t digits = strspn(s, "0123456789");
	const char *rest = s + digits;
	if (*rest != '\0') {
		const char *unit = strchr(units, *rest >= 'a' && *rest <= 'z' ? *rest - 'a' + 'A' : *rest);
		if (unit == NULL)
			return false;
		for (const char *u = units; u <= unit; u++)
			factor *= 1000;
		rest++;
		rest += *rest == 'B' || *rest == 'b';
	}
	unsigned long long max = (1ULL << 62) / factor;
	if (*rest != '\0' ||
	    !pv_parse_number(s, digits, max > ULONG_MAX ? ULONG_MAX : (unsigned long)max, &number))
		return false;
	*bytes_r = number * factor;
	return true;
}

void pv_quota_format(unsigned long long bytes, struct pv_buf *out)
{
	static const char units[] = "KMG";
	size_t unit = 0;

	if (bytes == 0) {
		pv_buf_adds(out, "NOQUOTA");
		return;
	}
	while (unit < sizeof units - 1 && bytes % 1000 == 0) {
		bytes /= 1000;
		unit++;
	}
	pv_buf_addf(out, "%llu", bytes);
	if (unit > 0)
		pv_buf_addc(out, units[unit - 1]);
}
