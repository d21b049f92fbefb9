#include "store/alias_scan.h"

static bool is_blank(char c)
{
	return c == ' ' || c == '\t' || c == '\r' || c == '\v' || c == '\f';
}

static char lower(char c)
{
	return c >= 'A' && c <= 'Z' ? (char)(c - 'A' + 'a') : c;
}

enum kind { ENTRY, MORE, NOTHING };

/* What begins at s: an entry, more of one, or a comment or blank line. */
static enum kind judge(const char *s, const char *eol)
{
	if (s == eol || *s == '#')
		return NOTHING;
	if (!is_blank(*s))
		return ENTRY;
	while (s < eol && is_blank(*s))
		s++;
	return s == eol || *s == '#' ? NOTHING : MORE;
}

static const char *end_of_line(const char *s, const char *end)
{
	const char *newline = memchr(s, '\n', (size_t)(end - s));

	return newline != NULL ? newline : end;
}

static bool ends_in_backslash(const char *s, const char *eol)
{
	if (eol > s && eol[-1] == '\r')
		eol--;
	return eol > s && eol[-1] == '\\';
}

/* Count what continues the entry in: comments and blank lines only where more of it comes behind them. */
static void take_more(const char *text, const char *end, struct pv_alias_raw *raw)
{
	const char *s = text + raw->at, *eol = text + raw->eol;
	unsigned lines = 1;
	bool joined = ends_in_backslash(s, eol);

	raw->lines = 1;
	while (eol < end) {
		s = eol + 1;
		if (s == end)
			break;
		eol = end_of_line(s, end);
		enum kind kind = joined ? MORE : judge(s, eol);
		if (kind == ENTRY)
			break;
		lines++;
		if (kind == NOTHING)
			continue;
		joined = ends_in_backslash(s, eol);
		raw->lines = lines;
		raw->to = (size_t)((eol < end ? eol + 1 : end) - text);
	}
}

/* Pass over comments and blank lines. *above_r: where the `#:` lines begin that stand right above what comes.
 * Returns false at the end. */
static bool pass_nothing(const char **s, const char *end, unsigned *line, const char **eol_r,
			 enum kind *kind_r, const char **above_r)
{
	*above_r = NULL;
	while (*s < end) {
		*eol_r = end_of_line(*s, end);
		++*line;
		*kind_r = judge(*s, *eol_r);
		if (*kind_r != NOTHING)
			return true;
		if (*eol_r - *s < 2 || (*s)[0] != '#' || (*s)[1] != ':')
			*above_r = NULL;
		else if (*above_r == NULL)
			*above_r = *s;
		*s = *eol_r < end ? *eol_r + 1 : end;
	}
	return false;
}

bool pv_alias_raw_next(const struct pv_buf *text, size_t *at, unsigned *line, struct pv_alias_raw *raw)
{
	const char *s = text->s + *at, *end = text->s + text->len, *eol, *above;
	enum kind kind;

	if (!pass_nothing(&s, end, line, &eol, &kind, &above)) {
		*at = text->len;
		return false;
	}
	raw->from = (size_t)((above != NULL ? above : s) - text->s);
	raw->at = (size_t)(s - text->s);
	raw->eol = (size_t)(eol - text->s);
	raw->to = raw->eol + (eol < end);
	raw->line = *line;
	raw->stray = kind == MORE;
	take_more(text->s, end, raw);
	*at = raw->to;
	*line += raw->lines - 1;
	return true;
}

enum pv_alias_name pv_alias_name_read(const char *s, const char *end, char out[PV_ALIAS_NAME_MAX],
				      size_t *len_r, const char **behind_r)
{
	enum pv_alias_name is = PV_ALIAS_NAMED;
	size_t len = 0, kept = 0, word = 0; /* kept: with no blanks behind; word: up to the first blank */
	bool quoted = false, ended = false;

	for (; s < end && (quoted || *s != ':'); s++) {
		char c = *s;
		if (c == '"') {
			quoted = !quoted;
			kept = len;
			continue;
		}
		if (c == '\\' && !quoted)
			is = PV_ALIAS_BACKSLASH;
		else if (c == '\\' && s + 1 < end)
			c = *++s;
		if (len == PV_ALIAS_NAME_MAX) {
			is = is == PV_ALIAS_NAMED ? PV_ALIAS_LONG : is;
			continue;
		}
		ended = ended || (!quoted && is_blank(c));
		out[len++] = lower(c);
		if (quoted || !is_blank(c))
			kept = len;
		if (!ended)
			word = kept;
	}
	*len_r = kept;
	*behind_r = s;
	if (quoted)
		return PV_ALIAS_UNCLOSED;
	if (s < end || is == PV_ALIAS_BACKSLASH)
		return is;
	*len_r = word;
	return PV_ALIAS_NO_COLON;
}

/* Is it by its first bytes that anybody would write so? What has a quote in it is read as a whole. */
static bool is_plainly(const char *s, const char *eol, const char *name, size_t len, bool *unsure)
{
	size_t room = (size_t)(eol - s), i = 0;

	while (i < len && i < room && lower(s[i]) == name[i])
		i++;
	*unsure = i < room && (s[i] == '"' || s[i] == '\\');
	if (i < len)
		return false;
	/* The word in front of a colon that was forgotten is a name too. */
	*unsure = *unsure || memchr(s + i, ':', room - i) == NULL;
	while (i < room && is_blank(s[i]))
		i++;
	return i < room && s[i] == ':';
}

bool pv_alias_raw_is(const struct pv_buf *text, const struct pv_alias_raw *raw, const char *name, size_t len)
{
	const char *s = text->s + raw->at, *eol = text->s + raw->eol, *behind;
	char read[PV_ALIAS_NAME_MAX];
	size_t read_len;
	bool unsure;

	if (*s == '/' || raw->stray)
		return false;
	/* A blank in front of the colon is part of a name in quotes alone. */
	bool quoted = len > 0 && is_blank(name[len - 1]);
	if (!quoted && memchr(name, ':', len) == NULL && memchr(name, '"', len) == NULL &&
	    memchr(name, '\\', len) == NULL) {
		bool is = is_plainly(s, eol, name, len, &unsure);
		if (!unsure)
			return is;
	}
	enum pv_alias_name how = pv_alias_name_read(s, eol, read, &read_len, &behind);
	return (how == PV_ALIAS_NAMED || how == PV_ALIAS_NO_COLON) && read_len == len &&
	       memcmp(read, name, len) == 0;
}

bool pv_alias_is_entry(const char *text, size_t at)
{
	size_t eol = at > 0 ? at - 1 : 0;

	if (strchr(" \t\r\v\f\n#", text[at]) != NULL)
		return false;
	if (eol > 0 && text[eol - 1] == '\r')
		eol--;
	return at == 0 || eol == 0 || text[eol - 1] != '\\';
}

bool pv_alias_may_be(const struct pv_buf *text, size_t at, const char *name, size_t len)
{
	const char *s = text->s + at;
	size_t i = 0, room = text->len - at;

	while (i < len && i < room &&
	       (s[i] == name[i] || (s[i] >= 'A' && s[i] <= 'Z' && s[i] - 'A' + 'a' == name[i])))
		i++;
	if (i < len && s[i] != '"' && s[i] != '\\')
		return false;
	const char *newline = memchr(text->s + at, '\n', text->len - at);
	const struct pv_alias_raw raw = { .at = at,
					  .eol = newline != NULL ? (size_t)(newline - text->s) : text->len };

	return pv_alias_raw_is(text, &raw, name, len);
}

enum pv_class(pv_alias_fail)(const struct pv_alias_file *f, unsigned line, struct pv_error *e,
			     const char *fmt, ...)
{
	char why[PV_ERROR_TEXT];
	va_list ap;

	va_start(ap, fmt);
	(void)vsnprintf(why, sizeof why, fmt, ap);
	va_end(ap);
	return pv_fail(e, PV_TEMPORARY, "4.3.5", "%s, line %u: %s", f->file, line, why);
}
