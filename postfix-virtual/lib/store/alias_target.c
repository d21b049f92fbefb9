/* The targets of an alias, and the lines of a list that is included. */
#include "store/alias_file.h"
#include "store/alias_plain.h"

static bool is_blank(char c)
{
	return c == ' ' || c == '\t' || c == '\r';
}

static bool is_control(char c)
{
	return ((unsigned char)c < 0x20 && !is_blank(c)) || c == 0x7f;
}

static enum pv_class fail(struct pv_error *e, const char *why, const char *s, size_t len)
{
	return pv_fail(e, PV_TEMPORARY, "4.3.5", "`%.*s` is no target: %s", (int)(len < 60 ? len : 60), s,
		       why);
}

/* A target as it is written: [s, end) up to a comma that is in no quotes. */
struct written {
	const char *s, *end;
};

/* Behind the quote that closes the one at s, or NULL. */
static const char *behind_quote(const char *s, const char *end)
{
	for (s++; s < end && *s != '"'; s++)
		if (*s == '\\' && s + 1 < end)
			s++;
	return s < end ? s + 1 : NULL;
}

/* Behind the comment in parentheses that begins at s, or NULL. */
static const char *behind_comment(const char *s, const char *end)
{
	unsigned depth = 0;

	for (; s < end; s++) {
		if (*s == '\\' && s + 1 < end)
			s++;
		else if (*s == '(')
			depth++;
		else if (*s == ')' && --depth == 0)
			return s + 1;
	}
	return NULL;
}

/* Does it end at a comma alone, whatever blanks and parentheses are in it? */
static bool is_raw(char first)
{
	return first == '|' || first == '/' || first == ':';
}

/* Cut it from the list. Returns NULL, or what is wrong. */
static const char *cut(const char **list, const char *end, struct written *w)
{
	const char *s = *list, *fault = NULL;

	w->s = s;
	while (s < end && *s != ',' && fault == NULL) {
		const char *next = s + 1;
		if (*s == '"' && (next = behind_quote(s, end)) == NULL)
			fault = "a quote is not closed";
		else if (*s == '(' && !is_raw(*w->s) && (next = behind_comment(s, end)) == NULL)
			fault = "a parenthesis is not closed";
		else if (*s == '\\' && !is_raw(*w->s) && s + 1 < end)
			next = s + 2;
		s = fault == NULL ? next : end;
	}
	*list = s;
	while (s > w->s && is_blank(s[-1]))
		s--;
	w->end = s;
	return fault;
}

/* Add the quoted string at s, without its quotes. */
static const char *add_quoted(const char *s, const char *end, struct pv_buf *out)
{
	const char *behind = behind_quote(s, end);

	for (s++; s < behind - 1; s++) {
		if (*s == '\\')
			s++;
		pv_buf_addc(out, *s);
	}
	return behind;
}

/* What stands between < and >. Returns NULL, or what is wrong. */
static const char *take_angle(struct written *w)
{
	const char *open = NULL, *close = NULL;

	for (const char *s = w->s; s < w->end; s++) {
		const char *behind = *s == '"' ? behind_quote(s, w->end) : s + 1;
		if (behind == NULL)
			return "a quote is not closed";
		if (*s == '\\' && s + 1 < w->end)
			s++;
		else if (*s == '"')
			s = behind - 1;
		else if (*s == '(')
			s = behind_comment(s, w->end) - 1;
		else if (*s == '<' && open == NULL)
			open = s;
		else if (*s == '<' || (*s == '>' && (open == NULL || close != NULL)))
			return "`<` and `>` do not fit together";
		else if (*s == '>')
			close = s;
		else if (close != NULL && !is_blank(*s))
			return "something stands behind the `>`";
	}
	if ((open == NULL) != (close == NULL))
		return "`<` and `>` do not fit together";
	if (open != NULL) {
		w->s = open + 1;
		w->end = close;
	}
	return NULL;
}

/* A name or an address: quotes and comments go. Returns NULL, or what is wrong. */
static const char *put_plain(const struct written *w, struct pv_buf *out)
{
	const char *s = w->s;
	bool ended = false;

	while (s < w->end && is_blank(*s))
		s++;
	while (s < w->end) {
		if (*s == '(') {
			s = behind_comment(s, w->end);
			ended = out->len > 0;
		} else if (is_blank(*s)) {
			s++;
			ended = out->len > 0;
		} else if (ended) {
			return "a blank stands in it: write a comma between two targets, and quotes around a "
			       "name "
			       "that has one";
		} else if (*s == '"') {
			s = add_quoted(s, w->end, out);
		} else if (*s == '\\') {
			return "a backslash stands in it: write the name in quotes";
		} else {
			pv_buf_addc(out, *s++);
		}
	}
	return NULL;
}

/* A host that mail is sent to: a domain, or one label like localhost. */
static bool is_host(const char *s, size_t len)
{
	static const char allowed[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-";
	struct pv_domain d;

	if (memchr(s, '.', len) != NULL)
		return pv_domain_parse(s, len, &d, NULL) == PV_OK;
	return len > 0 && len <= 63 && strspn(s, allowed) == len && s[0] != '-' && s[len - 1] != '-' &&
	       strspn(s, "0123456789") != len;
}

/* A local part that needs no quotes (RFC 5321, section 4.1.2; RFC 6531, section 3.3), and is no option. */
static bool is_local(const char *s, size_t len)
{
	if (len == 0 || len > 64 || s[0] == '-' || s[0] == '.' || s[len - 1] == '.' ||
	    memmem(s, len, "..", 2) != NULL)
		return false;
	for (size_t i = 0; i < len; i++)
		if ((unsigned char)s[i] <= ' ' || s[i] == 0x7f || strchr("\"(),:;<>@[\\]", s[i]) != NULL)
			return false;
	return true;
}

/* Judge what came of a name or an address. Returns NULL, or what is wrong. */
static const char *judge_plain(const struct pv_buf *out, struct pv_target *t)
{
	const char *at = memrchr(out->s, '@', out->len);

	t->text = out->s;
	t->len = out->len;
	if (t->len == 0)
		return "it is empty";
	if (at == NULL) {
		t->kind = PV_TARGET_NAME;
		return t->len <= PV_ALIAS_NAME_MAX ? NULL : "the name is too long";
	}
	t->kind = PV_TARGET_ADDRESS;
	t->local_len = (size_t)(at - out->s);
	if (!is_local(out->s, (size_t)(at - out->s)))
		return "what stands in front of the `@` is no plain name";
	if (!is_host(at + 1, (size_t)(out->s + out->len - at - 1)))
		return "what stands behind the `@` is no domain";
	return NULL;
}

/* Where the text of a target that begins with `head` begins; or NULL: it begins with something else. */
static const char *behind_head(const struct pv_buf *out, const char *head)
{
	size_t n = strlen(head);

	if (out->len < n || strncasecmp(out->s, head, n) != 0)
		return NULL;
	return out->s + n + strspn(out->s + n, " \t");
}

/* Judge what was one quoted string, or what is not cut at blanks. Returns NULL, or what is wrong. */
static const char *judge_whole(const struct pv_buf *out, struct pv_target *t)
{
	const char *text;

	if (out->s[0] == '/') {
		t->kind = PV_TARGET_FILE;
		text = out->s;
	} else if ((text = behind_head(out, "|")) != NULL) {
		t->kind = PV_TARGET_COMMAND;
	} else if ((text = behind_head(out, ":include:")) != NULL) {
		t->kind = PV_TARGET_INCLUDE;
	} else {
		return "only `:include:` begins with a colon";
	}
	t->text = text;
	t->len = (size_t)(out->s + out->len - text);
	return t->len > 0 ? NULL : "nothing stands behind it";
}

/* Is all of it in quotes? */
static bool is_quoted(const char *s, const char *end)
{
	return s < end && *s == '"' && behind_quote(s, end) == end;
}

/* |"/bin/x a" and :include:"file" are the same as with the quotes around all of it. */
static const char *put_whole(const struct written *w, struct pv_buf *out)
{
	static const char include[] = ":include:";
	const char *s = w->s;
	size_t head = *s == '|' ? 1 : 0;

	if ((size_t)(w->end - s) >= sizeof include - 1 && strncasecmp(s, include, sizeof include - 1) == 0)
		head = sizeof include - 1;
	if (*s == ':' && head == 0)
		return "only `:include:` begins with a colon";
	pv_buf_add(out, s, head);
	s += head;
	while (head > 0 && s < w->end && is_blank(*s))
		s++;
	if (is_quoted(s, w->end)) {
		(void)add_quoted(s, w->end, out);
		return NULL;
	}
	if (*w->s != '|')
		for (const char *p = s; p < w->end; p++)
			if (is_blank(*p) || *p == '"')
				return "a blank or a quote stands in it: write quotes around all of it";
	pv_buf_add(out, s, (size_t)(w->end - s));
	return NULL;
}

/* \user, where the backslash may stand inside of quotes. Returns whether it is one. */
static bool is_user(const struct written *w)
{
	const char *s = w->s + (*w->s == '"');

	return s + 1 < w->end && *s == '\\' && s[1] != '"' && s[1] != '\\' &&
	       (s == w->s || is_quoted(w->s, w->end));
}

static const char *put_user(const struct written *w, struct pv_buf *out, struct pv_target *t)
{
	bool quoted = *w->s == '"';

	pv_buf_add(out, w->s + 1 + quoted, (size_t)(w->end - w->s) - 1 - 2 * (size_t)quoted);
	t->kind = PV_TARGET_USER;
	t->text = out->s;
	t->len = out->len;
	if (t->len > PV_ALIAS_NAME_MAX || strpbrk(out->s, " \t\r\"\\@<>()|/:;") != NULL)
		return "behind the backslash must be the name of a user";
	return NULL;
}

static const char *put(struct written *w, struct pv_buf *out, struct pv_target *t)
{
	const char *fault;

	for (const char *s = w->s; s < w->end; s++)
		if (is_control(*s))
			return "a control character stands in it";
	if (is_user(w))
		return put_user(w, out, t);
	if (is_raw(*w->s))
		return (fault = put_whole(w, out)) != NULL ? fault : judge_whole(out, t);
	if (is_quoted(w->s, w->end) && is_raw(w->s[1])) {
		(void)add_quoted(w->s, w->end, out);
		return judge_whole(out, t);
	}
	if ((fault = take_angle(w)) == NULL && (fault = put_plain(w, out)) == NULL)
		fault = judge_plain(out, t);
	return fault;
}

/* Take the text of a target to where it lasts as others do. */
static enum pv_class keep(struct pv_target *t, struct pv_buf *out, struct pv_error *e)
{
	pv_buf_add(out, t->text, t->len);
	t->text = out->s;
	return pv_buf_check(out, "a target", e);
}

bool pv_target_next(const char **list, const char *end, struct pv_buf *out, struct pv_target *t,
		    enum pv_class *c, struct pv_error *e)
{
	struct written w;

	*c = PV_OK;
	pv_buf_reset(out);
	while (*list < end && (is_blank(**list) || **list == ','))
		++*list;
	if (*list >= end)
		return false;
	if (pv_target_plain(list, end, ',', t)) {
		*c = keep(t, out, e);
		return true;
	}
	t->is_plain = t->lasts = false;
	const char *fault = cut(list, end, &w), *from = w.s;
	size_t len = (size_t)(w.end - from);
	if (fault == NULL)
		fault = put(&w, out, t);
	if (out->failed)
		*c = pv_buf_check(out, "a target", e);
	else if (fault != NULL)
		*c = fail(e, fault, from, len);
	return true;
}

/* --- lists --- */

/* From s on to the next entry, over blanks and comments. */
static char *skip(char *s, const char *end, unsigned *line)
{
	while (s < end && (is_blank(*s) || *s == ',' || *s == '\n' || *s == '#')) {
		if (*s == '#')
			while (s + 1 < end && s[1] != '\n')
				s++;
		*line += *s == '\n';
		s++;
	}
	return s;
}

bool pv_include_next(char **text, const char *end, unsigned *line, struct pv_buf *out, struct pv_target *t,
		     enum pv_class *c, struct pv_error *e)
{
	char *s = *text;

	*c = PV_OK;
	/* The newline behind the last one became its end. */
	if (*line > 0 && s < end && *s == '\0') {
		s++;
		++*line;
	}
	*line += *line == 0;
	*text = s = skip(s, end, line);
	const char *at = s;
	if (pv_target_plain(&at, end, '\n', t) && *at != ',') {
		*text = s + t->len;
		**text = '\0';
		t->lasts = true;
		return true;
	}
	const char *newline = memchr(s, '\n', (size_t)(end - s));
	at = s;
	bool more = pv_target_next(&at, newline != NULL ? newline : end, out, t, c, e);
	*text = s + (at - s);
	return more;
}
