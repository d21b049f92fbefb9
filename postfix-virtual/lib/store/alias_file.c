#include "store/alias_file.h"

#include "store/alias_scan.h"

#include <errno.h>
#include <unistd.h>

static bool is_blank(char c)
{
	return c == ' ' || c == '\t' || c == '\r' || c == '\v' || c == '\f';
}

static const char *skip_blanks(const char *s, const char *end)
{
	while (s < end && is_blank(*s))
		s++;
	return s;
}

static const char *trim_end(const char *s, const char *end)
{
	while (end > s && is_blank(end[-1]))
		end--;
	return end;
}

void pv_alias_file_start(struct pv_alias_file *f, const char *file, struct pv_buf *text)
{
	*f = (struct pv_alias_file){ .file = file, .text = *text };
	*text = (struct pv_buf)PV_BUF_INIT(text->max);
}

void pv_alias_file_start_large(struct pv_alias_file *f, const char *file, int fd, off_t size)
{
	*f = (struct pv_alias_file){ .file = file,
				     .text = PV_BUF_INIT(PV_ALIAS_FILE_MAX),
				     .in_pieces = true,
				     .fd = fd,
				     .size = size };
}

void pv_alias_file_free(struct pv_alias_file *f)
{
	if (f->in_pieces)
		(void)close(f->fd);
	f->in_pieces = false;
	free(f->index);
	f->index = NULL;
	pv_arena_free(&f->strings);
	pv_buf_free(&f->text);
}

static enum pv_class fail_memory(const struct pv_alias_file *f, struct pv_error *e)
{
	return pv_fail_errno(e, PV_TEMPORARY, "4.3.0", ENOMEM, "hold an entry of %s", f->file);
}

/* One line of an entry, without white space around and without the backslash that joins the next to it. */
static size_t trim_line(const char **s, const char *eol)
{
	const char *end = eol;

	if (end > *s && end[-1] == '\r')
		end--;
	if (end > *s && end[-1] == '\\')
		end--;
	*s = skip_blanks(*s, end);
	return (size_t)(trim_end(*s, end) - *s);
}

/* The lines of an entry as one, with one blank between, NUL-terminated; an entry of one line is not copied
 * unless `copy` says so. */
static const char *join(struct pv_alias_file *f, const struct pv_alias_raw *raw, bool copy, size_t *len_r)
{
	const char *s = f->text.s + raw->at, *end = f->text.s + raw->to;
	struct pv_buf out = PV_BUF_INIT(PV_ALIAS_FILE_MAX + 1);

	if (raw->lines == 1 && !copy) {
		*len_r = trim_line(&s, f->text.s + raw->eol);
		return s;
	}
	while (s < end) {
		const char *newline = memchr(s, '\n', (size_t)(end - s)),
			   *eol = newline != NULL ? newline : end;
		size_t len = trim_line(&s, eol);
		if (len > 0 && (*s != '#' || s == f->text.s + raw->at)) {
			if (out.len > 0)
				pv_buf_addc(&out, ' ');
			pv_buf_add(&out, s, len);
		}
		s = eol < end ? eol + 1 : end;
	}
	const char *kept = out.failed ? NULL : pv_arena_add(&f->strings, out.s, out.len);
	*len_r = out.len;
	pv_buf_free(&out);
	return kept;
}

static enum pv_class fail_name(const struct pv_alias_file *f, unsigned line, enum pv_alias_name how,
			       const char *s, size_t len, struct pv_error *e)
{
	int shown = (int)(len < 40 ? len : 40);

	switch (how) {
	case PV_ALIAS_NO_COLON:
		return pv_alias_fail(f, line, e,
				     "`%.*s` has no `:`: write `name: target`, or `/^pattern$/: user`", shown,
				     s);
	case PV_ALIAS_UNCLOSED:
		return pv_alias_fail(f, line, e, "`%.*s` has a quote that is not closed", shown, s);
	case PV_ALIAS_BACKSLASH:
		return pv_alias_fail(
			f, line, e, "`%.*s` has a backslash in its name: write the name in quotes", shown, s);
	case PV_ALIAS_LONG:
		return pv_alias_fail(f, line, e, "`%.*s` has a name of more than %d bytes", shown, s,
				     PV_ALIAS_NAME_MAX);
	case PV_ALIAS_NAMED:
		break;
	}
	return PV_OK;
}

/* What a name cannot be, or NULL. */
static const char *name_fault(const char *name, size_t len)
{
	if (len == 0)
		return "there is no name in front of the `:`";
	for (size_t i = 0; i < len; i++)
		if ((unsigned char)name[i] < 0x20 || name[i] == 0x7f)
			return "a control character stands in the name";
	if (memchr(name, '@', len) != NULL)
		return "the name has an `@`: write it without the domain";
	return NULL;
}

/* Take the words of a `#:` line but for `expires=`, which is read. */
static enum pv_class take_comment(struct pv_alias_file *f, const char *s, const char *end, unsigned line,
				  struct pv_alias_entry *entry, struct pv_buf *comment, struct pv_error *e)
{
	static const char expires[] = "expires=";

	for (s = skip_blanks(s, end); s < end; s = skip_blanks(s, end)) {
		const char *word = s;
		while (s < end && !is_blank(*s))
			s++;
		size_t len = (size_t)(s - word), n = sizeof expires - 1;
		if (len < n || memcmp(word, expires, n) != 0) {
			if (comment->len > 0)
				pv_buf_addc(comment, ' ');
			pv_buf_add(comment, word, len);
			continue;
		}
		if (pv_day_is_set(&entry->expires))
			return pv_alias_fail(f, line, e, "expires= stands there twice: remove one");
		if (!pv_day_parse(word + n, len - n, &entry->expires))
			return pv_alias_fail(f, line, e, "`%.*s`: write a day like expires=2026-12-31",
					     (int)(len < 60 ? len : 60), word);
	}
	return PV_OK;
}

static unsigned count_lines(const char *s, const char *end)
{
	unsigned lines = 0;

	while ((s = memchr(s, '\n', (size_t)(end - s))) != NULL) {
		lines++;
		s++;
	}
	return lines;
}

static enum pv_class read_comments(struct pv_alias_file *f, const struct pv_alias_raw *raw,
				   struct pv_alias_entry *entry, struct pv_error *e)
{
	const char *s = f->text.s + raw->from, *end = f->text.s + raw->at;
	struct pv_buf comment = PV_BUF_INIT(PV_ALIAS_FILE_MAX);
	unsigned line = raw->line - count_lines(s, end);
	enum pv_class c = PV_OK;

	entry->comment = "";
	for (; c == PV_OK && s < end; line++) {
		const char *eol = memchr(s, '\n', (size_t)(end - s));
		c = take_comment(f, s + 2, eol, line, entry, &comment, e);
		s = eol + 1;
	}
	if (c == PV_OK && !comment.failed && comment.len > 0)
		entry->comment = pv_arena_add(&f->strings, comment.s, comment.len);
	if (c == PV_OK && (comment.failed || entry->comment == NULL))
		c = fail_memory(f, e);
	entry->comment_len = comment.len;
	pv_buf_free(&comment);
	return c;
}

/* The name, which ends in the first line, and what stands behind its colon, of the joined lines [s, end). */
static enum pv_class read_name(struct pv_alias_file *f, const struct pv_alias_raw *raw, const char *s,
			       const char *end, struct pv_alias_entry *entry, struct pv_error *e)
{
	const char *first = f->text.s + raw->at, *eol = f->text.s + raw->eol, *behind;
	char name[PV_ALIAS_NAME_MAX];

	enum pv_alias_name how = pv_alias_name_read(first, eol, name, &entry->name_len, &behind);
	if (how == PV_ALIAS_NO_COLON)
		entry->name = pv_arena_add(&f->strings, name, entry->name_len);
	if (how != PV_ALIAS_NAMED)
		return fail_name(f, raw->line, how, first, (size_t)(trim_end(first, eol) - first), e);
	const char *fault = name_fault(name, entry->name_len);
	if (fault != NULL)
		return pv_alias_fail(f, raw->line, e, "%s", fault);
	/* Nothing was taken away in front of the colon. */
	entry->targets = skip_blanks(s + (behind - first) + 1, end);
	entry->targets_len = (size_t)(end - entry->targets);
	entry->name = pv_arena_add(&f->strings, name, entry->name_len);
	return entry->name != NULL ? PV_OK : fail_memory(f, e);
}

/* It leads nowhere: only commas and blanks. */
static bool is_empty(const char *s, size_t len)
{
	size_t i = 0;

	while (i < len && (is_blank(s[i]) || s[i] == ','))
		i++;
	return i == len;
}

static void take_pattern(const char *s, size_t len, struct pv_alias_entry *entry)
{
	/* Within the slashes a colon is part of the expression, and a target has no slash. */
	const char *slash = memrchr(s, '/', len);
	const char *colon = memchr(slash, ':', (size_t)(s + len - slash));

	entry->pattern = entry->name = s;
	entry->name_len = (size_t)(trim_end(s, colon != NULL ? colon : s + len) - s);
	entry->targets = colon != NULL ? skip_blanks(colon + 1, s + len) : s + len;
	entry->targets_len = (size_t)(s + len - entry->targets);
}

static enum pv_class read_entry(struct pv_alias_file *f, const struct pv_alias_raw *raw,
				struct pv_alias_entry *entry, struct pv_error *e)
{
	size_t len;

	*entry = (struct pv_alias_entry){ .line = raw->line, .from = raw->from, .to = raw->to };
	if (memchr(f->text.s + raw->from, '\0', raw->to - raw->from) != NULL)
		return pv_alias_fail(f, raw->line, e, "the entry holds a NUL byte: restore the file");
	if (raw->stray)
		return pv_alias_fail(
			f, raw->line, e,
			"the line begins with white space, and there is no entry that it continues");
	bool is_pattern = f->text.s[raw->at] == '/';
	const char *s = join(f, raw, is_pattern, &len);
	if (s == NULL)
		return fail_memory(f, e);
	if (is_pattern)
		take_pattern(s, len, entry);
	enum pv_class c = is_pattern ? PV_OK : read_name(f, raw, s, s + len, entry, e);
	if (c == PV_OK)
		c = read_comments(f, raw, entry, e);
	if (c == PV_OK && !is_pattern && is_empty(entry->targets, entry->targets_len))
		c = pv_alias_fail(f, raw->line, e, "%.*s leads nowhere: write a target behind the `:`",
				  (int)(entry->name_len < 60 ? entry->name_len : 60), entry->name);
	return c;
}

static enum pv_class check_undamaged(const struct pv_alias_file *f, struct pv_error *e)
{
	const char *nul = memchr(f->text.s, '\0', f->text.len);

	if (nul == NULL)
		return PV_OK;
	return pv_alias_fail(f, 1 + count_lines(f->text.s, nul), e,
			     "the line holds a NUL byte: restore the file");
}

enum pv_class pv_alias_find(struct pv_alias_file *f, const char *name, size_t len,
			    struct pv_alias_entry *entry, bool *found_r, struct pv_error *e)
{
	char folded[PV_ALIAS_NAME_MAX];
	struct pv_alias_raw raw;

	*found_r = false;
	if (len == 0 || len > PV_ALIAS_NAME_MAX)
		return PV_OK;
	for (size_t i = 0; i < len; i++)
		folded[i] = name[i] >= 'A' && name[i] <= 'Z' ? (char)(name[i] - 'A' + 'a') : name[i];
	enum pv_class c = f->in_pieces ? pv_alias_sift(f, folded, len, e) : PV_OK;
	if (c == PV_OK)
		c = pv_alias_raw_find(f, folded, len, &raw, found_r, e);
	if (c != PV_OK)
		return c;
	return *found_r ? read_entry(f, &raw, entry, e) : check_undamaged(f, e);
}

enum pv_class pv_alias_next(struct pv_alias_file *f, size_t *at, struct pv_alias_entry *entry,
			    struct pv_error *e)
{
	struct pv_alias_raw raw;

	if (*at != f->at)
		f->line = count_lines(f->text.s, f->text.s + *at);
	bool more = pv_alias_raw_next(&f->text, at, &f->line, &raw);
	f->at = *at;
	if (more)
		return read_entry(f, &raw, entry, e);
	*entry = (struct pv_alias_entry){ .name = NULL };
	return PV_OK;
}

enum pv_class pv_alias_file_check_names(struct pv_alias_file *f, struct pv_error *e)
{
	char name[PV_ALIAS_NAME_MAX];
	struct pv_alias_raw raw;
	unsigned line = 0;
	size_t at = 0, len;

	enum pv_class c = f->in_pieces ? pv_alias_hold(f, e) : PV_OK;
	if (c != PV_OK)
		return c;
	while (pv_alias_raw_next(&f->text, &at, &line, &raw)) {
		const char *s = f->text.s + raw.at, *behind;
		if (raw.stray)
			return pv_alias_fail(
				f, raw.line, e,
				"it begins with white space, and there is no entry that it goes on "
				"with: remove the white space, or the line");
		if (*s == '/')
			continue;
		enum pv_alias_name how = pv_alias_name_read(s, f->text.s + raw.eol, name, &len, &behind);
		if (how == PV_ALIAS_UNCLOSED)
			return pv_alias_fail(f, raw.line, e, "a quote is not closed: close it");
		if (how == PV_ALIAS_BACKSLASH)
			return pv_alias_fail(f, raw.line, e,
					     "a backslash stands in the name: write the name in quotes");
	}
	return PV_OK;
}
