#include "base/table.h"

#include <string.h>

static bool is_blank(char c)
{
	return c == ' ' || c == '\t' || c == '\r' || c == '\v' || c == '\f';
}

enum kind { COMMENT, CONTINUATION, ENTRY };

/* What one physical line of the file is, and its first word. first: there was no entry yet that it could
 * continue.
 */
static enum kind judge(const char *line, size_t len, bool first, const char **word_r, size_t *word_len_r)
{
	size_t blanks = 0;

	while (blanks < len && is_blank(line[blanks]))
		blanks++;
	if (blanks == len || line[blanks] == '#')
		return COMMENT;
	if (blanks > 0 && !first)
		return CONTINUATION;
	*word_r = line + blanks;
	*word_len_r = 0;
	while (blanks + *word_len_r < len && !is_blank(line[blanks + *word_len_r]))
		++*word_len_r;
	return ENTRY;
}

static void put_line(const char *line, struct pv_buf *out)
{
	if (line == NULL)
		return;
	pv_buf_adds(out, line);
	pv_buf_addc(out, '\n');
}

void pv_lines_change(const char *text, size_t len,
		     bool (*is_ours)(const char *word, size_t len, const void *ctx), const void *ctx,
		     const char *line, struct pv_buf *out)
{
	const char *end = text + len;
	bool inside = false, done = false, first = true;
	const char *word;
	size_t word_len;

	while (text < end) {
		const char *newline = memchr(text, '\n', (size_t)(end - text));
		size_t n = (size_t)((newline != NULL ? newline : end) - text);
		enum kind kind = judge(text, n, first, &word, &word_len);
		if (kind == ENTRY) {
			inside = is_ours(word, word_len, ctx);
			first = false;
		}
		if (kind == ENTRY && inside && !done) {
			put_line(line, out);
			done = true;
		}
		if (kind == COMMENT || !inside) {
			pv_buf_add(out, text, n);
			pv_buf_addc(out, '\n');
		}
		text += n + (newline != NULL);
	}
	if (!done)
		put_line(line, out);
}
