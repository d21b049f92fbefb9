#include "store/answer_text.h"

#include "base/utf8.h"
#include "store/encoded_word.h"

#include <string.h>
#include <strings.h>

enum {
	VALUE_MAX = 4000,		   /* bytes of a field, unfolded */
	ADDRESS_BYTES = 322,		   /* <64@255> (RFC 5321, section 4.5.3.1), with room */
	HELD_MAX = 8 * PV_ANSWER_TEXT_MAX, /* UTF-8 and encoded words are longer */
};

/* What becomes of a field of the file. */
enum treatment {
	DROP,
	FROM,
	REPLY_TO,
	SUBJECT,
	PASS, /* text */
	PASS_ASCII,
	MIME_VERSION,
	TYPE,
	ENCODING,
	TREATMENTS
};

/* What is not named here is dropped: it forges (Sender, Received), sends elsewhere (Bcc, Resent-To), asks for
 * an answer in turn (Disposition-Notification-To), or is made for each answer (To, Date). */
static const struct {
	const char *name;
	enum treatment treatment;
} fields[] = {
	{ "From", FROM },
	{ "Reply-To", REPLY_TO },
	{ "Subject", SUBJECT },
	{ "MIME-Version", MIME_VERSION },
	{ "Content-Type", TYPE },
	{ "Content-Transfer-Encoding", ENCODING },
	{ "Content-Language", PASS_ASCII },
	{ "Content-Disposition", PASS_ASCII },
	{ "Organization", PASS },
	{ "Comments", PASS },
	{ "Keywords", PASS },
	{ "Importance", PASS_ASCII },
	{ "Priority", PASS_ASCII },
	{ "Precedence", PASS_ASCII },
	{ "User-Agent", PASS_ASCII },
};

/* Of those that begin with X-, which all are passed on, these are not. */
static const char *const private_fields[] = { "X-Loop", "X-Original-To", "X-Auto-Response-Suppress",
					      "X-Failed-Recipients" };

struct reading {
	struct pv_answer_text *t;
	const char *file;
	const char *p, *end;
	unsigned line;
	bool any;	     /* a field was read */
	unsigned seen;	     /* bit for each treatment that was met */
	struct pv_buf value; /* of the field that is read, as it stands there, its lines joined */
	/* What is found, as offsets into memory: it may move while it grows. */
	size_t at[TREATMENTS];
	struct pv_buf passed;
	struct pv_buf left_out;
};

static enum pv_class fail_at(const struct reading *r, unsigned line, struct pv_error *e, const char *what)
{
	return pv_fail(e, PV_TEMPORARY, "4.3.5", "%s, line %u: %s", r->file, line, what);
}

static bool is_name(const char *s, size_t len, const char *name)
{
	return len == strlen(name) && strncasecmp(s, name, len) == 0;
}

static enum treatment treatment_of(const char *name, size_t len)
{
	for (size_t i = 0; i < sizeof fields / sizeof *fields; i++)
		if (is_name(name, len, fields[i].name))
			return fields[i].treatment;
	if (len < 3 || strncasecmp(name, "X-", 2) != 0)
		return DROP;
	for (size_t i = 0; i < sizeof private_fields / sizeof *private_fields; i++)
		if (is_name(name, len, private_fields[i]))
			return DROP;
	return PASS;
}

/* The next line without its end, which is LF or CRLF. Returns false at the end of the file. */
static bool next_line(struct reading *r, const char **line_r, size_t *len_r)
{
	if (r->p == r->end)
		return false;
	const char *newline = memchr(r->p, '\n', (size_t)(r->end - r->p));
	const char *stop = newline != NULL ? newline : r->end;
	*line_r = r->p;
	*len_r = (size_t)(stop - r->p);
	if (*len_r > 0 && stop[-1] == '\r')
		--*len_r;
	r->p = newline != NULL ? newline + 1 : r->end;
	r->line++;
	return true;
}

static bool is_blank(const char *line, size_t len)
{
	size_t i = 0;

	while (i < len && (line[i] == ' ' || line[i] == '\t' || line[i] == '\r'))
		i++;
	return i == len;
}

/* Is the next line one that goes on with this field? One of blanks alone is meant to be empty. */
static bool continues(const struct reading *r)
{
	const char *newline = memchr(r->p, '\n', (size_t)(r->end - r->p));

	return r->p < r->end && (*r->p == ' ' || *r->p == '\t') &&
	       !is_blank(r->p, (size_t)((newline != NULL ? newline : r->end) - r->p));
}

static size_t name_len(const char *line, size_t len)
{
	size_t n = 0;

	while (n < len && line[n] > 32 && line[n] < 127 && line[n] != ':')
		n++;
	return n < len && line[n] == ':' ? n : 0;
}

/* Put the value, clean and as UTF-8, behind what is in memory. */
static size_t keep_value(struct reading *r)
{
	struct pv_buf *m = &r->t->memory;
	size_t at = m->len;
	const char *s = r->value.s;
	size_t from = strspn(s, " \t"), len = r->value.len;

	while (len > from && (s[len - 1] == ' ' || s[len - 1] == '\t'))
		len--;
	pv_utf8_from_any(s + from, len - from, m);
	for (size_t i = at; i < m->len; i++)
		if (m->s[i] == '\t')
			m->s[i] = ' ';
	pv_buf_addc(m, '\0');
	return at;
}

static bool is_ascii(const char *s)
{
	while (*s != '\0' && (unsigned char)*s < 0x80)
		s++;
	return *s == '\0';
}

/* Letters beyond ASCII may stand in the name in front of one <address>, and nowhere else. */
static bool is_plain_address(const char *s)
{
	const char *open = strchr(s, '<');

	return is_ascii(s) ||
	       (open != NULL && is_ascii(open) && strlen(open) <= ADDRESS_BYTES &&
		strchr(open + 1, '<') == NULL && strchr(open, ',') == NULL && open[strlen(open) - 1] == '>');
}

/* In anything but this, words that a sender chose may mean more than words. */
static bool is_plain_text(const char *type)
{
	size_t n = strlen("text/plain");

	return strncasecmp(type, "text/plain", n) == 0 && (type[n] == '\0' || strchr("; ", type[n]) != NULL);
}

static bool is_unencoded(const char *encoding)
{
	return strcasecmp(encoding, "7bit") == 0 || strcasecmp(encoding, "8bit") == 0 ||
	       strcasecmp(encoding, "binary") == 0;
}

/* What the treatment has to say of the value at `at`; passed fields are written. */
static enum pv_class take_value(struct reading *r, enum treatment how, const char *name, size_t len,
				size_t at, unsigned line, struct pv_error *e)
{
	const char *value = r->t->memory.s + at;

	r->at[how] = at;
	if (how == FROM || how == REPLY_TO)
		return is_plain_address(value) && *value != '\0'
			       ? PV_OK
			       : fail_at(r, line, e, "an address is wanted: Name <user@domain>");
	if (how == SUBJECT)
		return PV_OK;
	if (how != PASS && !is_ascii(value))
		return fail_at(r, line, e, "letters beyond ASCII have no meaning in this field");
	r->t->has_mime_version = r->t->has_mime_version || how == MIME_VERSION;
	r->t->has_type = r->t->has_type || how == TYPE;
	r->t->has_encoding = r->t->has_encoding || how == ENCODING;
	if ((how == TYPE && !is_plain_text(value)) || (how == ENCODING && !is_unencoded(value)))
		r->t->has_words = false;
	pv_header_field_add(name, len, value, strlen(value), &r->passed);
	return PV_OK;
}

static enum pv_class read_field(struct reading *r, const char *line, size_t len, struct pv_error *e)
{
	size_t n = name_len(line, len);
	unsigned no = r->line;
	const char *more;
	size_t more_len;

	if (n == 0)
		return fail_at(r, no, e,
			       "no field: the file begins with a header (Subject: ...), then an empty line");
	r->any = true;
	enum treatment how = treatment_of(line, n);
	pv_buf_reset(&r->value);
	pv_buf_add(&r->value, line + n + 1, len - n - 1);
	while (continues(r) && next_line(r, &more, &more_len))
		pv_buf_add(&r->value, more, more_len);
	if (r->value.failed)
		return fail_at(r, no, e, "the field is too long");
	if (how == DROP) {
		pv_buf_addf(&r->left_out, "%s%.*s", r->left_out.len > 0 ? ", " : "", (int)n, line);
		return PV_OK;
	}
	if (how != PASS && how != PASS_ASCII && (r->seen & 1U << how) != 0)
		return fail_at(r, no, e, "the field stands there twice");
	r->seen |= 1U << how;
	return take_value(r, how, line, n, keep_value(r), no, e);
}

static enum pv_class read_header(struct reading *r, struct pv_error *e)
{
	enum pv_class c = PV_OK;
	const char *line;
	size_t len;

	while (c == PV_OK && next_line(r, &line, &len)) {
		if (is_blank(line, len)) /* the end of the header */
			break;
		bool is_from_line = r->line == 1 && len > 5 && strncmp(line, "From ", 5) == 0;
		if (!is_from_line)
			c = read_field(r, line, len, e);
	}
	if (c == PV_OK && !r->any)
		c = fail_at(r, 1, e,
			    "no header: the file begins with one (Subject: ...), then an empty line");
	return c;
}

/* The rest, with LF at the ends of lines, in UTF-8 where nothing says what it is. */
static size_t read_body(struct reading *r)
{
	struct pv_buf *m = &r->t->memory;
	size_t at = m->len, len;
	bool as_it_is = r->t->has_type || pv_utf8_is_valid(r->p, (size_t)(r->end - r->p));
	const char *line;

	while (next_line(r, &line, &len)) {
		if (as_it_is)
			pv_buf_add(m, line, len);
		else
			pv_utf8_from_any(line, len, m);
		pv_buf_addc(m, '\n');
	}
	r->t->body_len = m->len - at;
	return at;
}

static const char *found(const struct reading *r, enum treatment how)
{
	return (r->seen & 1U << how) != 0 ? r->t->memory.s + r->at[how] : NULL;
}

static enum pv_class read_all(struct reading *r, struct pv_error *e)
{
	struct pv_answer_text *t = r->t;

	enum pv_class c = read_header(r, e);
	if (c != PV_OK)
		return c;
	size_t body = read_body(r), passed = t->memory.len;
	pv_buf_add(&t->memory, r->passed.s, r->passed.len + 1);
	size_t left_out = t->memory.len;
	pv_buf_adds(&t->memory, r->left_out.s);
	if (r->passed.failed || t->memory.failed)
		return pv_fail(e, PV_TEMPORARY, "4.3.5", "%s is too large to be held", r->file);
	t->from = found(r, FROM);
	t->reply_to = found(r, REPLY_TO);
	t->subject = found(r, SUBJECT);
	t->body = t->memory.s + body;
	t->fields = t->memory.s + passed;
	t->left_out = t->memory.s + left_out;
	return PV_OK;
}

enum pv_class pv_answer_text_read(const char *text, size_t len, const char *file, struct pv_answer_text *t,
				  struct pv_error *e)
{
	static const char mark[] = "\xef\xbb\xbf"; /* some editors begin UTF-8 with it */
	struct reading r = { .t = t,
			     .file = file,
			     .p = text,
			     .end = text + len,
			     .value = PV_BUF_INIT(VALUE_MAX),
			     .passed = PV_BUF_INIT(HELD_MAX),
			     .left_out = PV_BUF_INIT(PV_ANSWER_TEXT_MAX) };

	*t = (struct pv_answer_text){ .has_words = true, .memory = PV_BUF_INIT(HELD_MAX) };
	if (len > PV_ANSWER_TEXT_MAX)
		return pv_fail(e, PV_TEMPORARY, "4.3.5", "%s is larger than %zu bytes", file,
			       PV_ANSWER_TEXT_MAX);
	if (memchr(text, '\0', len) != NULL)
		return pv_fail(e, PV_TEMPORARY, "4.3.5", "%s has a NUL in it", file);
	if (len >= 3 && memcmp(text, mark, 3) == 0)
		r.p += 3;
	enum pv_class c = read_all(&r, e);
	pv_buf_free(&r.value);
	pv_buf_free(&r.passed);
	pv_buf_free(&r.left_out);
	return c;
}

void pv_answer_text_free(struct pv_answer_text *t)
{
	pv_buf_free(&t->memory);
}

enum pv_class pv_answer_text_check(const char *text, size_t len, const char *file, bool subject,
				   struct pv_buf *left_out, struct pv_error *e)
{
	struct pv_answer_text t;

	enum pv_class c = pv_answer_text_read(text, len, file, &t, e);
	if (c == PV_OK && !t.has_type && !pv_utf8_is_valid(text, len))
		c = pv_fail(e, PV_PERMANENT, "5.3.5", "%s is no UTF-8: convert it with iconv -t UTF-8", file);
	if (c == PV_OK && subject && (t.subject == NULL || *t.subject == '\0'))
		c = pv_fail(e, PV_PERMANENT, "5.3.5", "%s has no Subject: in its header", file);
	if (c == PV_OK && left_out != NULL)
		pv_buf_adds(left_out, t.left_out);
	pv_answer_text_free(&t);
	if (c == PV_OK)
		return c;
	if (e != NULL)
		e->class = PV_PERMANENT;
	return PV_PERMANENT;
}
