#include "store/mail_conf.h"

#include "base/table.h"

struct pv_day pv_day_today(void)
{
	time_t now = time(NULL);
	struct tm t;

	if (localtime_r(&now, &t) == NULL)
		return (struct pv_day){ .year = 0 };
	return (struct pv_day){ .year = (unsigned)t.tm_year + 1900,
				.month = (unsigned)t.tm_mon + 1,
				.day = (unsigned)t.tm_mday };
}

static long as_number(const struct pv_day *d)
{
	return (long)d->year * 10000 + (long)d->month * 100 + (long)d->day;
}

int pv_day_compare(const struct pv_day *a, const struct pv_day *b)
{
	long x = as_number(a), y = as_number(b);

	return (x > y) - (x < y);
}

bool pv_day_is_set(const struct pv_day *d)
{
	return d->day != 0;
}

static unsigned days_of(unsigned long year, unsigned long month)
{
	static const unsigned char days[] = { 31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31 };

	bool leap = (year % 4 == 0 && year % 100 != 0) || year % 400 == 0;
	return days[month - 1] + (month == 2 && leap);
}

bool pv_day_parse(const char *s, size_t len, struct pv_day *d)
{
	unsigned long year, month, day;

	if (len != sizeof "2026-12-24" - 1 || s[4] != '-' || s[7] != '-' ||
	    !pv_parse_number(s, 4, 9999, &year) || !pv_parse_number(s + 5, 2, 12, &month) ||
	    !pv_parse_number(s + 8, 2, 31, &day))
		return false;
	if (year < 1970 || month == 0 || day == 0 || day > days_of(year, month))
		return false;
	*d = (struct pv_day){ .year = (unsigned)year, .month = (unsigned)month, .day = (unsigned)day };
	return true;
}
