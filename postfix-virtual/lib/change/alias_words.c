#include "change/alias_words.h"

#include "address/idn.h"

#include <stdint.h>
#include <string.h>
#include <unistr.h>

enum { TARGET_MAX = 4096 };

/* What needs no quotes. Everything else has a meaning in such a file, or would get one. */
static bool is_plain(const char *s, size_t len)
{
	static const char plain[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789._+=-";

	return len > 0 && strspn(s, plain) >= len;
}

static void quote(const char *s, size_t len, struct pv_buf *out)
{
	pv_buf_addc(out, '"');
	for (size_t i = 0; i < len; i++) {
		if (s[i] == '"' || s[i] == '\\')
			pv_buf_addc(out, '\\');
		pv_buf_addc(out, s[i]);
	}
	pv_buf_addc(out, '"');
}

/* "o'brien" → o'brien. Returns what stands behind the quotes, or NULL. */
static const char *unquote(const char *s, char *out, size_t size)
{
	size_t len = 0;

	for (s++; *s != '"'; s++) {
		if (*s == '\\')
			s++;
		if (*s == '\0' || len + 1 >= size)
			return NULL;
		out[len++] = *s;
	}
	out[len] = '\0';
	return s + 1;
}

/* Divide text; *domain_r stands behind the `@`. */
static enum pv_class divide(const char *text, struct pv_alias_word *n, const char **domain_r,
			    struct pv_error *e)
{
	const char *at = *text == '"' ? unquote(text, n->s, sizeof n->s) : strrchr(text, '@');

	if (at == NULL || *at != '@')
		return pv_fail(e, PV_PERMANENT, "5.1.3", "`%.100s` is no address: write NAME@DOMAIN", text);
	*domain_r = at + 1;
	if (*text != '"' &&
	    (size_t)snprintf(n->s, sizeof n->s, "%.*s", (int)(at - text), text) >= sizeof n->s)
		return pv_fail(e, PV_PERMANENT, "5.1.3", "the name of an alias has at most %d bytes",
			       PV_ALIAS_NAME_MAX);
	n->len = strlen(n->s);
	return PV_OK;
}

static enum pv_class check_name(const struct pv_alias_word *n, struct pv_error *e)
{
	if (n->len == 0)
		return pv_fail(e, PV_PERMANENT, "5.1.3",
			       "an alias needs a name; mail for all names that are no user's is "
			       "fallback= of postfix-virtual domain set");
	for (size_t i = 0; i < n->len; i++)
		if ((unsigned char)n->s[i] < 0x20 || n->s[i] == 0x7f)
			return pv_fail(e, PV_PERMANENT, "5.1.3",
				       "`%.100s` has a control character in it: no name of an alias has",
				       n->s);
	if (n->s[0] == ' ' || n->s[n->len - 1] == ' ')
		return pv_fail(e, PV_PERMANENT, "5.1.3", "`%.100s` begins or ends with a blank: take it away",
			       n->s);
	if (u8_check((const uint8_t *)n->s, n->len) != NULL)
		return pv_fail(e, PV_PERMANENT, "5.1.3",
			       "`%.100s` is no UTF-8: write letters beyond ASCII in UTF-8", n->s);
	if (!n->is_pattern && strchr(n->s, '@') != NULL)
		return pv_fail(e, PV_PERMANENT, "5.1.3", "`%.100s` has an @ in it: no name of an alias has",
			       n->s);
	return PV_OK;
}

enum pv_class pv_alias_word_parse(const char *text, struct pv_alias_word *n, struct pv_domain *d,
				  struct pv_error *e)
{
	const char *domain = "";

	*n = (struct pv_alias_word){ .len = 0 };
	enum pv_class c = divide(text, n, &domain, e);
	n->is_pattern = n->s[0] == '/';
	if (c == PV_OK)
		c = check_name(n, e);
	if (c == PV_OK)
		c = pv_idn_domain(domain, d, e);
	if (c != PV_OK)
		return c;
	for (char *p = n->s; *p != '\0' && !n->is_pattern; p++)
		if (*p >= 'A' && *p <= 'Z')
			*p = (char)(*p - 'A' + 'a');
	n->is_user = pv_user_parse(n->s, n->len, &n->user, NULL) == PV_OK;
	return PV_OK;
}

/* local@domain, whose local part may be in quotes already. */
static enum pv_class put_address(const char *s, size_t len, struct pv_buf *out, struct pv_error *e)
{
	char text[PV_DOMAIN_MAX * 4];
	struct pv_domain d;

	const char *at = memrchr(s, '@', len);
	size_t local = (size_t)(at - s);
	(void)snprintf(text, sizeof text, "%.*s", (int)(len - local - 1), at + 1);
	enum pv_class c = pv_idn_domain(text, &d, e);
	if (c == PV_OK && local == 0)
		c = pv_fail(e, PV_PERMANENT, "5.1.3", "the target `%.100s` has nothing in front of the @", s);
	if (c != PV_OK)
		return c;
	struct pv_buf whole = PV_BUF_INIT(TARGET_MAX);
	pv_buf_addf(&whole, "%.*s@%s", (int)local, s, d.s);
	if (is_plain(s, local))
		pv_buf_add(out, whole.s, whole.len);
	else
		quote(whole.s, whole.len, out);
	pv_buf_free(&whole);
	return PV_OK;
}

/* May it stand there without quotes? */
static bool is_bare(const char *s, size_t len)
{
	if (strncmp(s, ":include:", 9) == 0)
		return is_plain(s + 9, len - 9);
	if (*s == '/')
		return len > 1 && is_plain(s + 1, 1) && strpbrk(s, " \t,\"\\#") == NULL;
	return is_plain(s, len) || (*s == '\\' && is_plain(s + 1, len - 1));
}

/* One target, without blanks around it. */
static enum pv_class put_target(const char *s, size_t len, struct pv_buf *out, struct pv_error *e)
{
	bool is_path = *s == '|' || *s == '/' || strncmp(s, ":include:", 9) == 0;

	if (out->len > 0)
		pv_buf_adds(out, ", ");
	if (!is_path && memchr(s, '@', len) != NULL)
		return put_address(s, len, out, e);
	if (is_bare(s, len))
		pv_buf_add(out, s, len);
	else
		quote(s, len, out);
	return PV_OK;
}

static void trim(const char **s, size_t *len)
{
	while (*len > 0 && (**s == ' ' || **s == '\t')) {
		++*s;
		--*len;
	}
	while (*len > 0 && ((*s)[*len - 1] == ' ' || (*s)[*len - 1] == '\t'))
		--*len;
}

/* A word of the command line: one target, or several with commas between. */
static enum pv_class put_word(const char *word, struct pv_buf *out, struct pv_error *e)
{
	size_t len = strlen(word);
	enum pv_class c = PV_OK;

	trim(&word, &len);
	if (len == 0)
		return pv_fail(e, PV_PERMANENT, "5.1.3", "a target is empty");
	if (*word == '|' || *word == '/' || strncmp(word, ":include:", 9) == 0)
		return put_target(word, len, out, e);
	if (*word == '"') {
		pv_buf_addf(out, "%s%.*s", out->len > 0 ? ", " : "", (int)len, word);
		return PV_OK;
	}
	for (const char *end = word + len; c == PV_OK && word < end;) {
		const char *comma = memchr(word, ',', (size_t)(end - word));
		const char *piece = word;
		size_t n = (size_t)((comma != NULL ? comma : end) - word);
		word += n + (comma != NULL);
		trim(&piece, &n);
		if (n > 0)
			c = put_target(piece, n, out, e);
	}
	return c;
}

/* What was written must read as what it is. */
static enum pv_class check_targets(const struct pv_buf *text, struct pv_error *e)
{
	struct pv_buf memory = PV_BUF_INIT(PV_ALIAS_FILE_MAX);
	const char *at = text->s, *end = text->s + text->len;
	enum pv_class c = PV_OK;
	struct pv_target t;
	size_t count = 0;

	while (c == PV_OK && pv_target_next(&at, end, &memory, &t, &c, e))
		count++;
	pv_buf_free(&memory);
	if (c != PV_OK && e != NULL)
		e->class = PV_PERMANENT;
	if (c != PV_OK)
		return PV_PERMANENT;
	return count > 0 ? PV_OK : pv_fail(e, PV_PERMANENT, "5.1.3", "an alias needs a target");
}

enum pv_class pv_alias_targets_join(char *const words[], size_t count, struct pv_buf *out, struct pv_error *e)
{
	enum pv_class c = PV_OK;

	for (size_t i = 0; c == PV_OK && i < count; i++) {
		for (const char *p = words[i]; *p != '\0'; p++)
			if ((unsigned char)*p < 0x20 || *p == 0x7f)
				return pv_fail(e, PV_PERMANENT, "5.1.3",
					       "the target `%.100s` has a control character in it", words[i]);
		c = put_word(words[i], out, e);
	}
	if (c == PV_OK)
		c = pv_buf_check(out, "the targets of an alias", e);
	return c == PV_OK ? check_targets(out, e) : c;
}
