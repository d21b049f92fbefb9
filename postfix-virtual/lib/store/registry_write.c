#include "store/registry_write.h"

static bool is_blank(char c)
{
	return c == ' ' || c == '\t' || c == '\r' || c == '\v' || c == '\f';
}

enum kind { COMMENT, CONTINUATION, OURS, OTHER };

/* What one physical line of the file is. */
static enum kind judge(const char *line, size_t len, const struct pv_domain *d)
{
	size_t blanks = 0, word = 0;
	struct pv_domain found;

	while (blanks < len && is_blank(line[blanks]))
		blanks++;
	if (blanks == len || line[blanks] == '#')
		return COMMENT;
	if (blanks > 0)
		return CONTINUATION;
	while (word < len && !is_blank(line[word]))
		word++;
	if (pv_domain_parse(line, word, &found, NULL) != PV_OK)
		return OTHER;
	return pv_domain_equal(&found, d) ? OURS : OTHER;
}

static void put_entry(const struct pv_registry_entry *entry, struct pv_buf *out)
{
	size_t before = out->len;

	if (entry == NULL)
		return;
	pv_registry_format(entry, out);
	if (out->len > before)
		pv_buf_addc(out, '\n');
}

enum pv_class pv_registry_change(const char *text, size_t len, const struct pv_domain *d,
				 const struct pv_registry_entry *entry, struct pv_buf *out,
				 struct pv_error *e)
{
	const char *end = text + len;
	bool inside = false, done = false;

	while (text < end) {
		const char *newline = memchr(text, '\n', (size_t)(end - text));
		size_t n = (size_t)((newline != NULL ? newline : end) - text);
		enum kind kind = judge(text, n, d);
		if (kind == OURS && !done) {
			put_entry(entry, out);
			done = true;
		}
		if (kind == OURS || kind == OTHER)
			inside = kind == OURS;
		if (kind == COMMENT || !inside) {
			pv_buf_add(out, text, n);
			pv_buf_addc(out, '\n');
		}
		text += n + (newline != NULL);
	}
	if (!done)
		put_entry(entry, out);
	return pv_buf_check(out, "domains", e);
}
