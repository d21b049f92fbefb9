#include "mailbox/maildrop_flags.h"

/* The letters of each flag; '\0': it has none there. In the order of a Maildir's letters. */
static const struct {
	unsigned flag;
	char status, x_status, maildir;
} letters[] = {
	{ PV_FLAG_DRAFT, '\0', 'T', 'D' },    { PV_FLAG_FLAGGED, '\0', 'F', 'F' },
	{ PV_FLAG_ANSWERED, '\0', 'A', 'R' }, { PV_FLAG_SEEN, 'R', '\0', 'S' },
	{ PV_FLAG_OLD, 'O', '\0', '\0' },     { PV_FLAG_DELETED, '\0', 'D', 'T' },
};
enum { LETTERS = sizeof letters / sizeof *letters };

/* A field that holds flags? Spelled as everybody writes it: the scan of an mbox knows no other spelling.
 * *value_r: where its value begins. */
enum kind { OTHER, STATUS, X_STATUS };

static enum kind kind_of(const char *line, size_t len, size_t *value_r)
{
	static const char *const names[] = { "", "Status:", "X-Status:" };

	for (enum kind kind = STATUS; kind <= X_STATUS; kind++) {
		*value_r = strlen(names[kind]);
		if (len >= *value_r && memcmp(line, names[kind], *value_r) == 0)
			return kind;
	}
	return OTHER;
}

static size_t line_length(const char *line, const char *stop)
{
	const char *newline = memchr(line, '\n', (size_t)(stop - line));

	return (size_t)((newline != NULL ? newline + 1 : stop) - line);
}

static bool is_empty(const char *line, size_t len)
{
	return (len == 1 && *line == '\n') || (len == 2 && *line == '\r' && line[1] == '\n');
}

unsigned pv_flags_of_header(const char *header, size_t len)
{
	const char *stop = header + len;
	unsigned flags = 0;
	size_t value;

	for (const char *line = header; line < stop;) {
		size_t n = line_length(line, stop);
		if (is_empty(line, n))
			break;
		enum kind kind = kind_of(line, n, &value);
		for (size_t i = 0; kind != OTHER && i < LETTERS; i++) {
			char letter = kind == STATUS ? letters[i].status : letters[i].x_status;
			if (letter != '\0' && memchr(line + value, letter, n - value) != NULL)
				flags |= letters[i].flag;
		}
		line += n;
	}
	return flags != 0 ? flags | PV_FLAG_OLD : flags;
}

unsigned pv_flags_of_name(const char *name, bool in_new)
{
	const char *info = strchr(name, ':');
	unsigned flags = in_new ? 0 : PV_FLAG_OLD;

	if (info == NULL || strncmp(info, ":2,", 3) != 0)
		return flags;
	for (size_t i = 0; i < LETTERS; i++)
		if (letters[i].maildir != '\0' && strchr(info + 3, letters[i].maildir) != NULL)
			flags |= letters[i].flag;
	return flags != 0 ? flags | PV_FLAG_OLD : flags;
}

static void add_field(struct pv_buf *out, enum kind kind, unsigned flags, const char *newline)
{
	bool any = false;

	/* `RO` is what everybody writes. */
	for (size_t i = 0; i < LETTERS; i++) {
		char letter = kind == STATUS ? letters[i].status : letters[i].x_status;
		if (letter == '\0' || (flags & letters[i].flag) == 0)
			continue;
		if (!any)
			pv_buf_adds(out, kind == STATUS ? "Status: " : "X-Status: ");
		pv_buf_addc(out, letter);
		any = true;
	}
	if (any)
		pv_buf_adds(out, newline);
}

void pv_flags_put(struct pv_buf *out, const char *header, size_t len, unsigned flags)
{
	const char *stop = header + len, *line = header;
	const char *newline = "\n";
	bool left_out = false;
	size_t value;

	if (pv_flags_of_header(header, len) == flags) {
		pv_buf_add(out, header, len);
		return;
	}
	size_t first = line_length(line, stop);
	if (first >= 2 && memcmp(line + first - 2, "\r\n", 2) == 0)
		newline = "\r\n";
	for (size_t n; line < stop && !is_empty(line, n = line_length(line, stop)); line += n) {
		bool folded = *line == ' ' || *line == '\t';
		left_out = folded ? left_out : kind_of(line, n, &value) != OTHER;
		if (!left_out)
			pv_buf_add(out, line, n);
	}
	if (out->len > 0 && out->s[out->len - 1] != '\n')
		pv_buf_adds(out, newline);
	add_field(out, STATUS, flags, newline);
	add_field(out, X_STATUS, flags, newline);
	pv_buf_add(out, line, (size_t)(stop - line));
}

void pv_flags_suffix(unsigned flags, char out[12])
{
	size_t n = 3;

	memcpy(out, ":2,", 3);
	for (size_t i = 0; i < LETTERS; i++)
		if (letters[i].maildir != '\0' && (flags & letters[i].flag) != 0)
			out[n++] = letters[i].maildir;
	out[n] = '\0';
}
