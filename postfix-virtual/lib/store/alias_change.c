/* Changes of a file of aliases: from text to text. */
#include "store/alias_file.h"

#include "store/alias_scan.h"

static enum pv_class refuse(struct pv_error *e, const char *what, const char *why)
{
	return pv_fail(e, PV_PERMANENT, "5.3.5", "`%.60s`: %s", what, why);
}

static bool has_control(const char *s)
{
	for (; *s != '\0'; s++)
		if (((unsigned char)*s < 0x20 && *s != '\t') || *s == 0x7f)
			return true;
	return false;
}

static enum pv_class check_name(const char *name, struct pv_error *e)
{
	size_t len = strlen(name);

	if (len == 0 || len > PV_ALIAS_NAME_MAX)
		return refuse(e, name, "a name has 1 to 200 bytes");
	if (has_control(name) || strchr(name, '\t') != NULL)
		return refuse(e, name, "a control character stands in the name");
	if (name[0] == '/' && (len == 1 || name[len - 1] != '/'))
		return refuse(e, name, "a pattern ends with a slash");
	if (name[0] != '/' && strchr(name, '@') != NULL)
		return refuse(e, name, "write the name without the domain");
	return PV_OK;
}

static enum pv_class check_targets(const char *targets, struct pv_error *e)
{
	struct pv_buf out = PV_BUF_INIT(PV_ALIAS_FILE_MAX);
	const char *list = targets, *end = targets + strlen(targets);
	enum pv_class c = PV_OK;
	struct pv_target t;
	size_t count = 0;

	for (; c == PV_OK && pv_target_next(&list, end, &out, &t, &c, e); count++)
		;
	bool no_memory = out.failed;
	pv_buf_free(&out);
	if (c != PV_OK && no_memory)
		return c;
	if (c != PV_OK && e != NULL)
		e->class = PV_PERMANENT;
	if (c != PV_OK)
		return PV_PERMANENT;
	return count > 0 ? PV_OK : refuse(e, targets, "write a target: a name, an address, |command, /file");
}

static enum pv_class check(const struct pv_alias_change *c, struct pv_error *e)
{
	enum pv_class class = check_name(c->name, e);

	if (class != PV_OK || c->targets == NULL)
		return class;
	if (has_control(c->targets))
		return refuse(e, c->targets, "a control character stands in the targets");
	if (*c->targets != '\0' && c->targets[strlen(c->targets) - 1] == '\\')
		return refuse(e, c->targets, "a backslash at the end would join the next line to it");
	if (has_control(c->comment))
		return refuse(e, c->comment, "a control character stands in the comment");
	if (strstr(c->comment, "expires=") != NULL)
		return refuse(e, c->comment, "a comment cannot have the word expires=: give the day itself");
	/* What a pattern may lead to is judged where patterns are. */
	return c->name[0] == '/' ? PV_OK : check_targets(c->targets, e);
}

/* Would it be read as something else without quotes? */
static bool needs_quotes(const char *name)
{
	static const char plain[] =
		"abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789!$%&'*+-./=?^_`{|}~";

	for (const char *p = name; *p != '\0'; p++)
		if ((unsigned char)*p < 0x80 && strchr(plain, *p) == NULL)
			return true;
	return false;
}

static void put_name(const char *name, bool is_pattern, struct pv_buf *out)
{
	/* Without quotes one with a slash first is a pattern. */
	if (is_pattern || (name[0] != '/' && !needs_quotes(name))) {
		pv_buf_adds(out, name);
		return;
	}
	pv_buf_addc(out, '"');
	for (; *name != '\0'; name++) {
		if (*name == '"' || *name == '\\')
			pv_buf_addc(out, '\\');
		pv_buf_addc(out, *name);
	}
	pv_buf_addc(out, '"');
}

static void put_comment(const char *comment, const struct pv_day *d, struct pv_buf *out)
{
	if (!pv_day_is_set(d) && *comment == '\0')
		return;
	pv_buf_adds(out, "#:");
	if (pv_day_is_set(d))
		pv_buf_addf(out, " expires=%04u-%02u-%02u", d->year, d->month, d->day);
	if (*comment != '\0')
		pv_buf_addf(out, " %s", comment);
	pv_buf_addc(out, '\n');
}

static void put_entry(const struct pv_alias_change *c, struct pv_buf *out)
{
	put_comment(c->comment, &c->expires, out);
	put_name(c->name, c->name[0] == '/', out);
	pv_buf_addf(out, ": %s\n", c->targets);
}

/* The pattern that is written so. */
static enum pv_class find_pattern(struct pv_alias_file *f, const char *name, struct pv_alias_raw *raw,
				  bool *found_r, struct pv_error *e)
{
	struct pv_alias_raw at;
	size_t next = 0, len = strlen(name);
	unsigned line = 0;

	*found_r = false;
	while (pv_alias_raw_next(&f->text, &next, &line, &at)) {
		const char *s = f->text.s + at.at;
		if (at.eol - at.at < len || memcmp(s, name, len) != 0)
			continue;
		size_t behind = len + strspn(s + len, " \t");
		/* Where a slash follows, this is the beginning of a longer pattern. */
		if (s[behind] != ':' || memchr(s + behind, '/', at.to - at.at - behind) != NULL)
			continue;
		if (*found_r)
			return pv_alias_fail(f, at.line, e, "%.60s stands in line %u already: remove one",
					     name, raw->line);
		*raw = at;
		*found_r = true;
	}
	return PV_OK;
}

static enum pv_class find(struct pv_alias_file *f, const char *name, struct pv_alias_raw *raw, bool *found_r,
			  struct pv_error *e)
{
	char folded[PV_ALIAS_NAME_MAX];
	size_t len = strlen(name);

	if (name[0] == '/')
		return find_pattern(f, name, raw, found_r, e);
	for (size_t i = 0; i < len; i++)
		folded[i] = name[i] >= 'A' && name[i] <= 'Z' ? (char)(name[i] - 'A' + 'a') : name[i];
	return pv_alias_raw_find(f, folded, len, raw, found_r, e);
}

/* What is to be written behind the text so that nothing of it belongs to a new entry, nor the entry to it. */
static const char *between(const char *text, size_t len)
{
	bool ended = len == 0 || text[len - 1] == '\n';
	size_t end = len - (len > 0 && ended);
	const char *newline = memrchr(text, '\n', end);
	const char *line = newline != NULL ? newline + 1 : text, *stop = text + end;

	if (stop > line && stop[-1] == '\r')
		stop--;
	if ((stop - line >= 2 && line[0] == '#' && line[1] == ':') || (stop > line && stop[-1] == '\\'))
		return ended ? "\n" : "\n\n";
	return ended ? "" : "\n";
}

enum pv_class pv_alias_file_change(struct pv_alias_file *f, const struct pv_alias_change *c,
				   struct pv_buf *out, bool *had_r, struct pv_error *e)
{
	struct pv_alias_raw raw;

	*had_r = false;
	enum pv_class class = check(c, e);
	if (class == PV_OK)
		class = find(f, c->name, &raw, had_r, e);
	if (class != PV_OK)
		return class;
	size_t from = *had_r ? raw.from : f->text.len, to = *had_r ? raw.to : f->text.len;
	pv_buf_add(out, f->text.s, from);
	if (c->targets != NULL && !*had_r)
		pv_buf_adds(out, between(f->text.s, from));
	if (c->targets != NULL)
		put_entry(c, out);
	pv_buf_add(out, f->text.s + to, f->text.len - to);
	return pv_buf_check(out, f->file, e);
}

/* --- targets that are swapped --- */

/* The targets as they will be. *swapped_r: one of them is another. A target that cannot be read stays. */
static enum pv_class swap_targets(const struct pv_alias_entry *entry, pv_target_swap *swap, void *ctx,
				  struct pv_buf *targets, bool *swapped_r, struct pv_error *e)
{
	struct pv_buf memory = PV_BUF_INIT(PV_ALIAS_FILE_MAX), other = PV_BUF_INIT(PV_ALIAS_FILE_MAX);
	const char *at = entry->targets, *end = at + entry->targets_len;
	enum pv_class c = PV_OK, is;
	struct pv_target t;

	*swapped_r = false;
	while (c == PV_OK) {
		const char *from = at;
		if (!pv_target_next(&at, end, &memory, &t, &is, NULL)) {
			pv_buf_add(targets, from, (size_t)(end - from));
			break;
		}
		size_t separator = strspn(from, " \t\r,");
		pv_buf_reset(&other);
		if (is == PV_OK)
			c = swap(ctx, &t, &other);
		*swapped_r = *swapped_r || other.len > 0;
		pv_buf_add(targets, from, other.len > 0 ? separator : (size_t)(at - from));
		pv_buf_add(targets, other.s, other.len);
	}
	bool failed = memory.failed || other.failed;
	pv_buf_free(&memory);
	pv_buf_free(&other);
	if (c == PV_OK && failed)
		return pv_fail(e, PV_TEMPORARY, "4.3.0", "no memory for the targets of an alias");
	return c;
}

/* The entry in one line. */
static void put_swapped(const struct pv_alias_entry *entry, const struct pv_buf *targets, struct pv_buf *out)
{
	struct pv_buf text = PV_BUF_INIT(PV_ALIAS_FILE_MAX);

	pv_buf_add(&text, entry->comment, entry->comment_len);
	put_comment(text.s, &entry->expires, out);
	pv_buf_reset(&text);
	pv_buf_add(&text, entry->name, entry->name_len);
	put_name(text.s, entry->pattern != NULL, out);
	pv_buf_addf(out, ": %s\n", targets->s);
	out->failed = out->failed || text.failed;
	pv_buf_free(&text);
}

enum pv_class pv_alias_file_swap(struct pv_alias_file *f, pv_target_swap *swap, void *ctx, struct pv_buf *out,
				 struct pv_error *e)
{
	struct pv_buf targets = PV_BUF_INIT(PV_ALIAS_FILE_MAX);
	struct pv_alias_entry entry;
	enum pv_class c = PV_OK;
	size_t at = 0, copied = 0;
	bool swapped;

	while (c == PV_OK) {
		enum pv_class is = pv_alias_next(f, &at, &entry, NULL);
		if (is == PV_OK && entry.name == NULL)
			break;
		if (is != PV_OK)
			continue;
		pv_buf_reset(&targets);
		c = swap_targets(&entry, swap, ctx, &targets, &swapped, e);
		if (c != PV_OK || !swapped)
			continue;
		if (targets.len > 0 && targets.s[targets.len - 1] == '\\')
			c = pv_fail(e, PV_PERMANENT, "5.3.5",
				    "%s, line %u: a backslash at its end would join the next line to it: "
				    "change that entry by hand",
				    f->file, entry.line);
		pv_buf_add(out, f->text.s + copied, entry.from - copied);
		put_swapped(&entry, &targets, out);
		copied = entry.to;
	}
	pv_buf_add(out, f->text.s + copied, f->text.len - copied);
	out->failed = out->failed || targets.failed;
	pv_buf_free(&targets);
	return c == PV_OK ? pv_buf_check(out, f->file, e) : c;
}
