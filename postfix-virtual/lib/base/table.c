#include "base/table.h"

#include <stdarg.h>

static bool is_blank(char c)
{
	return c == ' ' || c == '\t' || c == '\r' || c == '\v' || c == '\f';
}

void pv_lines_start(struct pv_lines *it, const char *file, struct pv_buf *b, bool joins)
{
	*it = (struct pv_lines){ .file = file, .next = b->s, .end = b->s + b->len, .joins = joins };
	it->nul = memchr(b->s, '\0', b->len);
}

/* Take one physical line: its bytes without the newline. Returns false at the end. */
static bool take_line(struct pv_lines *it, char **start_r, char **stop_r)
{
	if (it->next >= it->end)
		return false;
	char *newline = memchr(it->next, '\n', (size_t)(it->end - it->next));
	*start_r = it->next;
	*stop_r = newline != NULL ? newline : it->end;
	it->next = newline != NULL ? newline + 1 : it->end;
	it->no++;
	return true;
}

static char *skip_blanks(char *p, const char *stop)
{
	while (p < stop && is_blank(*p))
		p++;
	return p;
}

static char *trim_end(const char *start, char *stop)
{
	while (stop > start && is_blank(stop[-1]))
		stop--;
	return stop;
}

/* Does the line at it->next continue the entry? A comment or a blank line between does not end it. */
static bool continues(const struct pv_lines *it)
{
	return it->joins && it->next < it->end &&
	       (is_blank(*it->next) || *it->next == '\n' || *it->next == '#');
}

/* Pull continuation lines up behind *stop_r, one blank between. */
static void join_lines(struct pv_lines *it, char **stop_r)
{
	char *start, *stop;

	while (continues(it) && take_line(it, &start, &stop)) {
		char *text = skip_blanks(start, stop);
		stop = trim_end(text, stop);
		if (text == stop || *text == '#')
			continue;
		/* The newline before this line gives the byte for the blank. */
		*(*stop_r)++ = ' ';
		memmove(*stop_r, text, (size_t)(stop - text));
		*stop_r += stop - text;
	}
}

/* Was there a NUL in what was taken since the last call? In a comment too: a power cut leaves
 * zeros at the end of a file, and a comment before them would hide that its rest is missing. */
static bool passed_nul(struct pv_lines *it)
{
	if (it->nul == NULL || it->nul >= it->next)
		return false;
	it->nul = memchr(it->next, '\0', (size_t)(it->end - it->next));
	return true;
}

enum pv_class pv_lines_next(struct pv_lines *it, struct pv_line *l, struct pv_error *e)
{
	char *start, *stop;

	*l = (struct pv_line){ .text = NULL };
	while (take_line(it, &start, &stop)) {
		char *text = skip_blanks(start, stop);
		stop = trim_end(text, stop);
		bool is_entry = text != stop && *text != '#';
		l->no = it->no;
		if (is_entry)
			join_lines(it, &stop);
		if (passed_nul(it))
			return pv_line_fail(it, l, e, "the line holds a NUL byte");
		if (!is_entry)
			continue;
		/* *stop is the newline, a blank, or the NUL that ends the buffer. */
		*stop = '\0';
		l->text = text;
		l->len = (size_t)(stop - text);
		return PV_OK;
	}
	return PV_OK;
}

enum pv_class pv_line_setting(const struct pv_lines *it, struct pv_line *l, char **name_r, char **value_r,
			      struct pv_error *e)
{
	char *equals = strchr(l->text, '=');

	if (equals == NULL)
		return pv_line_fail(it, l, e, "expected `name = value`, found `%.60s`", l->text);
	*trim_end(l->text, equals) = '\0';
	*value_r = skip_blanks(equals + 1, l->text + l->len);
	*name_r = l->text;
	if (l->text[0] == '\0' || strspn(l->text, "abcdefghijklmnopqrstuvwxyz0123456789_") != strlen(l->text))
		return pv_line_fail(it, l, e, "`%.60s` is not the name of a setting", l->text);
	return PV_OK;
}

char *pv_word(char **p)
{
	char *start = *p;

	while (is_blank(*start) || *start == '\n')
		start++;
	if (*start == '\0')
		return NULL;
	char *stop = start;
	while (*stop != '\0' && !is_blank(*stop) && *stop != '\n')
		stop++;
	*p = *stop != '\0' ? stop + 1 : stop;
	*stop = '\0';
	return start;
}

enum pv_class(pv_line_fail)(const struct pv_lines *it, const struct pv_line *l, struct pv_error *e,
			    const char *fmt, ...)
{
	char why[PV_ERROR_TEXT];
	va_list ap;

	va_start(ap, fmt);
	(void)vsnprintf(why, sizeof why, fmt, ap);
	va_end(ap);
	return pv_fail(e, PV_TEMPORARY, "4.3.5", "%s, line %u: %s", it->file, l->no, why);
}

bool pv_parse_bool(const char *s, bool *value_r)
{
	static const struct {
		const char *word;
		bool value;
	} words[] = { { "yes", true }, { "no", false },	 { "true", true }, { "false", false },
		      { "on", true },  { "off", false }, { "1", true },	   { "0", false } };

	for (size_t i = 0; i < sizeof words / sizeof *words; i++) {
		if (strcasecmp(s, words[i].word) == 0) {
			*value_r = words[i].value;
			return true;
		}
	}
	return false;
}

bool pv_parse_number(const char *s, size_t len, unsigned long max, unsigned long *value_r)
{
	unsigned long v = 0;

	if (len == 0)
		return false;
	for (size_t i = 0; i < len; i++) {
		if (s[i] < '0' || s[i] > '9')
			return false;
		unsigned long digit = (unsigned long)(s[i] - '0');
		if (digit > max || v > (max - digit) / 10)
			return false;
		v = v * 10 + digit;
	}
	*value_r = v;
	return true;
}
