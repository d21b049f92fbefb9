#include "mailbox/from_line.h"

#include "base/table.h"

enum { SENDER_MAX = 1000, DATE_WORDS = 7, WORD_MAX = 12, DATE_MAX = 100 };

void pv_from_line_add(struct pv_buf *out, const char *sender, size_t len, time_t when)
{
	char date[40];
	struct tm t;

	pv_buf_adds(out, len == 0 ? "From MAILER-DAEMON" : "From ");
	for (size_t i = 0; i < len && i < SENDER_MAX; i++)
		pv_buf_addc(out, (unsigned char)sender[i] <= ' ' || sender[i] == 0x7f ? '_' : sender[i]);
	if (gmtime_r(&when, &t) == NULL || strftime(date, sizeof date, " %a %b %e %H:%M:%S %Y\n", &t) == 0)
		(void)snprintf(date, sizeof date, " Thu Jan  1 00:00:00 1970\n");
	pv_buf_adds(out, date);
}

/* Which of the names, three letters each, is it? -1: none. */
static int name_of(const char *word, const char *names)
{
	const char *at = strlen(word) == 3 ? strstr(names, word) : NULL;

	return at != NULL && (at - names) % 3 == 0 ? (int)(at - names) / 3 : -1;
}

static bool number(const char *s, size_t len, unsigned long max, int *value_r)
{
	unsigned long value;

	if (len == 0 || !pv_parse_number(s, len, max, &value))
		return false;
	*value_r = (int)value;
	return true;
}

/* HH:MM or HH:MM:SS. */
static bool parse_clock(const char *s, struct tm *t)
{
	const char *colon = strchr(s, ':');

	if (colon == NULL || !number(s, (size_t)(colon - s), 23, &t->tm_hour))
		return false;
	const char *minutes = colon + 1, *second = strchr(minutes, ':');
	size_t len = second != NULL ? (size_t)(second - minutes) : strlen(minutes);
	t->tm_sec = 0;
	return number(minutes, len, 59, &t->tm_min) &&
	       (second == NULL || number(second + 1, strlen(second + 1), 60, &t->tm_sec));
}

/* A zone: letters, or `+0100`. *shift_r: seconds east of UTC. */
static bool parse_zone(const char *s, int *shift_r)
{
	int value;

	*shift_r = 0;
	if (*s == '+' || *s == '-') {
		if (strlen(s) != 5 || !number(s + 1, 4, 1400, &value))
			return false;
		*shift_r = (value / 100 * 60 + value % 100) * 60 * (*s == '-' ? -1 : 1);
		return true;
	}
	for (; *s != '\0'; s++)
		if ((*s < 'A' || *s > 'Z') && (*s < 'a' || *s > 'z'))
			return false;
	return true;
}

static bool parse_year(const char *s, struct tm *t)
{
	int year;

	if (strlen(s) != 4 || !number(s, 4, 9999, &year) || year < 1900)
		return false;
	t->tm_year = year - 1900;
	return true;
}

/* Day of the week, month, day, clock, then year and zone in either order. */
static bool parse_date(char words[DATE_WORDS][WORD_MAX], size_t n, time_t *when_r)
{
	struct tm t = { .tm_isdst = 0 };
	int shift = 0;

	if (n < 5 || n > 6 || name_of(words[0], "SunMonTueWedThuFriSat") < 0)
		return false;
	t.tm_mon = name_of(words[1], "JanFebMarAprMayJunJulAugSepOctNovDec");
	if (t.tm_mon < 0 || !number(words[2], strlen(words[2]), 31, &t.tm_mday) || t.tm_mday == 0 ||
	    !parse_clock(words[3], &t))
		return false;
	bool year_first = parse_year(words[4], &t);
	if (!year_first && (n < 6 || !parse_year(words[5], &t)))
		return false;
	if (n == 6 && !parse_zone(words[year_first ? 5 : 4], &shift))
		return false;
	*when_r = timegm(&t) - shift;
	return true;
}

/* Split the line into its last words; more than fit are none. */
static size_t split(const char *s, const char *stop, char words[DATE_WORDS][WORD_MAX])
{
	size_t n = 0;

	while (n < DATE_WORDS) {
		while (s < stop && (*s == ' ' || *s == '\t'))
			s++;
		if (s == stop)
			break;
		const char *word = s;
		while (s < stop && *s != ' ' && *s != '\t')
			s++;
		size_t len = (size_t)(s - word);
		bool good = len < WORD_MAX && memchr(word, '\0', len) == NULL;
		(void)snprintf(words[n++], WORD_MAX, "%.*s", good ? (int)len : 0, word);
	}
	return n;
}

bool pv_from_line_parse(const char *line, size_t len, time_t *when_r)
{
	char words[DATE_WORDS][WORD_MAX];
	const char *stop = line + len;
	time_t when;

	while (stop > line && (stop[-1] == '\n' || stop[-1] == '\r' || stop[-1] == ' '))
		stop--;
	if (stop - line < 5 || memcmp(line, "From ", 5) != 0)
		return false;
	/* A sender may be quoted and hold blanks: the date is behind one of them, near the end. */
	const char *first = stop - line > DATE_MAX ? stop - DATE_MAX : line + 5;
	for (const char *p = first; (p = memchr(p, ' ', (size_t)(stop - p))) != NULL; p++) {
		size_t n = p > line + 5 ? split(p, stop, words) : 0;
		if (n > 0 && parse_date(words, n, &when)) {
			if (when_r != NULL)
				*when_r = when;
			return true;
		}
	}
	return false;
}

size_t pv_from_line_sender(const char *header, size_t len, const char **sender_r)
{
	static const char name[] = "Return-Path:";
	const char *stop = header + len, *line = header;

	while ((size_t)(stop - line) > sizeof name && strncasecmp(line, name, sizeof name - 1) != 0) {
		if (*line == '\n' || *line == '\r')
			return 0;
		const char *newline = memchr(line, '\n', (size_t)(stop - line));
		if (newline == NULL)
			return 0;
		line = newline + 1;
	}
	if ((size_t)(stop - line) <= sizeof name)
		return 0;
	const char *newline = memchr(line, '\n', (size_t)(stop - line));
	const char *end = newline != NULL ? newline : stop;
	const char *open = memchr(line, '<', (size_t)(end - line));
	const char *shut = open != NULL ? memchr(open, '>', (size_t)(end - open)) : NULL;
	if (shut == NULL)
		return 0;
	*sender_r = open + 1;
	return (size_t)(shut - open - 1);
}
