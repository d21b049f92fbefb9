#include "store/aliases.h"

void pv_aliases_start(struct pv_lines *it, const char *file, struct pv_buf *text)
{
	pv_lines_start(it, file, text, true);
}

/* Where a name ends: quotes may hold a colon, and a backslash in them any character. */
static const char *find_colon(const char *s)
{
	bool quoted = false;

	for (; *s != '\0' && (quoted || *s != ':'); s++) {
		if (*s == '"')
			quoted = !quoted;
		else if (quoted && *s == '\\' && s[1] != '\0')
			s++;
	}
	return *s == ':' ? s : NULL;
}

enum pv_class pv_aliases_next_pattern(struct pv_lines *it, struct pv_line *l, struct pv_error *e)
{
	enum pv_class c;

	while ((c = pv_lines_next(it, l, e)) == PV_OK && l->text != NULL && l->text[0] != '/')
		if (find_colon(l->text) == NULL)
			return pv_line_fail(it, l, e,
					    "`%.40s` has no `:`: write `name: value`, or `/^pattern$/: user`",
					    l->text);
	return c;
}
