#include "answer.h"

#include "base/utf8.h"
#include "store/encoded_word.h"

#include <ctype.h>

enum {
	SUBJECT_MAX = 200, /* bytes of a stranger's subject */
	NAME_BYTES = 200,  /* of the name in front of our address: it stands on one line */
	VALUE_MAX = 8192,
	ID_MAX = 900,	     /* bytes of a message id: it stands on one line */
	REFERENCES_MAX = 20, /* the last ones */
};

#define WORD "$SUBJECT"

/* How many bytes of s fit into `max` without cutting a character in two. */
static size_t fitting(const struct pv_buf *s, size_t max)
{
	size_t end = 0, n;

	while (end < s->len && (n = pv_utf8_next(s->s + end, s->len - end)) > 0 && end + n <= max)
		end += n;
	return end;
}

/* The subject of the message as UTF-8 in one line, not too long, without what speaks to a terminal. */
static void read_subject(const char *value, struct pv_buf *out)
{
	struct pv_buf whole = PV_BUF_INIT(64 * 1024);

	pv_encoded_words_read(value, strlen(value), &whole);
	size_t end = fitting(&whole, SUBJECT_MAX);
	/* Control characters beyond ASCII: U+0080 to U+009F. */
	for (size_t i = 0; i < end; i++) {
		bool control = i + 1 < end && whole.s[i] == '\xc2' && (unsigned char)whole.s[i + 1] < 0xa0;
		pv_buf_addc(out, control ? '?' : whole.s[i]);
		i += control;
	}
	pv_buf_free(&whole);
}

/* Append text with the subject in place of each $SUBJECT. ascii: in what may be another charset. */
static void replace_word(const char *text, size_t len, const struct pv_buf *subject, bool ascii,
			 struct pv_buf *out)
{
	const char *p = text, *end = text + len, *found;

	while ((found = memmem(p, (size_t)(end - p), WORD, strlen(WORD))) != NULL) {
		pv_buf_add(out, p, (size_t)(found - p));
		for (size_t i = 0; i < subject->len; i++)
			pv_buf_addc(out, ascii && (unsigned char)subject->s[i] >= 0x80 ? '?' : subject->s[i]);
		p = found + strlen(WORD);
	}
	pv_buf_add(out, p, (size_t)(end - p));
}

static void put_field(struct pv_buf *out, const char *name, const char *value)
{
	pv_header_field_add(name, strlen(name), value, strlen(value), out);
}

static bool is_ascii(const char *s, size_t len)
{
	for (size_t i = 0; i < len; i++)
		if ((unsigned char)s[i] >= 0x80)
			return false;
	return true;
}

/* A name as it may stand in front of <address>: bare, in quotes, or as encoded words. */
static void put_name(const char *name, size_t len, struct pv_buf *out)
{
	bool bare = true;

	for (size_t i = 0; i < len; i++)
		bare = bare && (isalnum((unsigned char)name[i]) || strchr(" -_'", name[i]) != NULL);
	if (bare || !is_ascii(name, len)) {
		pv_encoded_words_add(name, len, out);
		return;
	}
	pv_buf_addc(out, '"');
	for (size_t i = 0; i < len; i++) {
		if (name[i] == '"' || name[i] == '\\')
			pv_buf_addc(out, '\\');
		pv_buf_addc(out, name[i]);
	}
	pv_buf_addc(out, '"');
}

/* A field whose value is an address as a person wrote it: `J\xc3\xb8rgen <j@kvt.dk>` becomes encoded words.
 */
static void put_address(struct pv_buf *out, const char *field, const char *value)
{
	const char *open = strchr(value, '<');
	struct pv_buf name = PV_BUF_INIT(VALUE_MAX);

	if (is_ascii(value, strlen(value)) || open == NULL) {
		put_field(out, field, value);
		return;
	}
	for (const char *p = value; p < open; p++)
		if (*p != '"' && *p != '\\')
			pv_buf_addc(&name, *p);
	while (name.len > 0 && name.s[name.len - 1] == ' ')
		pv_buf_truncate(&name, name.len - 1);
	pv_buf_addf(out, "%s: ", field);
	pv_encoded_words_add(name.s, name.len, out);
	pv_buf_addf(out, "\n %s\n", open);
	pv_buf_free(&name);
}

static void put_from(const struct answer *a, struct pv_buf *out)
{
	struct pv_buf name = PV_BUF_INIT(VALUE_MAX);

	if (a->text->from != NULL) {
		put_address(out, "From", a->text->from);
		return;
	}
	if (a->name != NULL)
		pv_utf8_from_any(a->name, strlen(a->name), &name);
	pv_buf_truncate(&name, fitting(&name, NAME_BYTES));
	for (size_t i = 0; i < name.len; i++)
		if (name.s[i] == '\t' || name.s[i] == '\n')
			name.s[i] = ' ';
	pv_buf_adds(out, "From: ");
	if (name.len > 0) {
		put_name(name.s, name.len, out);
		pv_buf_addf(out, "%s<%s>\n", is_ascii(name.s, name.len) ? " " : "\n ", a->address);
	} else {
		pv_buf_addf(out, "%s\n", a->address);
	}
	pv_buf_free(&name);
}

static void put_subject(const struct answer *a, const struct pv_buf *subject, struct pv_buf *out)
{
	const char *own =
		a->text->subject != NULL && *a->text->subject != '\0' ? a->text->subject : a->subject;
	struct pv_buf value = PV_BUF_INIT(VALUE_MAX + (size_t)SUBJECT_MAX * VALUE_MAX / strlen(WORD));

	if (own != NULL)
		replace_word(own, strlen(own), subject, false, &value);
	else
		pv_buf_addf(&value, "%s%s", strncasecmp(subject->s, "re:", 3) == 0 ? "" : "Re: ", subject->s);
	put_field(out, "Subject", value.s);
	pv_buf_free(&value);
}

/* One message id, `<...>`; what is none of a usual form is passed over. */
static bool is_id(const char *s, size_t len)
{
	if (len < 3 || len > ID_MAX || s[0] != '<' || s[len - 1] != '>')
		return false;
	for (size_t i = 1; i + 1 < len; i++)
		if (s[i] <= ' ' || s[i] >= 0x7f || s[i] == '<' || s[i] == '>')
			return false;
	return true;
}

/* The next id of *p, which is moved on. Returns false at the end. */
static bool next_id(const char **p, const char **id_r, size_t *len_r)
{
	do {
		*p += strspn(*p, " \t\r\n");
		*id_r = *p;
		*len_r = strcspn(*p, " \t\r\n");
		*p += *len_r;
	} while (*len_r > 0 && !is_id(*id_r, *len_r));
	return *len_r > 0;
}

/* RFC 3834, section 3.1.6; RFC 5322, section 3.6.4. */
static void put_references(const struct pv_reply_facts *f, struct pv_buf *out)
{
	const char *p = f->references, *q = f->message_id, *id, *own;
	size_t count = 0, len, own_len;

	if (!next_id(&q, &own, &own_len))
		return;
	pv_buf_addf(out, "In-Reply-To: %.*s\nReferences:", (int)own_len, own);
	while (next_id(&p, &id, &len))
		count++;
	p = f->references;
	for (size_t i = 0; next_id(&p, &id, &len); i++)
		if (i + REFERENCES_MAX >= count)
			pv_buf_addf(out, " %.*s\n", (int)len, id);
	pv_buf_addf(out, " %.*s\n", (int)own_len, own);
}

static void put_header(const struct answer *a, const struct pv_buf *subject, struct pv_buf *out)
{
	const struct pv_answer_text *t = a->text;

	put_from(a, out);
	pv_buf_addf(out, "To: %s\n", a->sender);
	put_subject(a, subject, out);
	if (t->reply_to != NULL)
		put_address(out, "Reply-To", t->reply_to);
	put_references(a->facts, out);
	/* RFC 3834, section 5; what Exchange and Outlook look at; and our own mark. */
	pv_buf_addf(out, "Auto-Submitted: auto-replied\nX-Auto-Response-Suppress: All\nX-Loop: %s\n",
		    a->address);
	pv_buf_adds(out, t->fields);
	if (!t->has_mime_version)
		pv_buf_adds(out, "MIME-Version: 1.0\n");
	if (!t->has_type)
		pv_buf_adds(out, "Content-Type: text/plain; charset=utf-8\n");
	if (!t->has_encoding && (!t->has_type || !is_ascii(t->body, t->body_len)))
		pv_buf_adds(out, "Content-Transfer-Encoding: 8bit\n");
	pv_buf_addc(out, '\n');
}

enum pv_class answer_compose(const struct answer *a, struct pv_buf *out, struct pv_error *e)
{
	const struct pv_answer_text *t = a->text;
	struct pv_buf subject = PV_BUF_INIT(64 * 1024);

	read_subject(a->facts->subject, &subject);
	put_header(a, &subject, out);
	if (t->has_words)
		replace_word(t->body, t->body_len, &subject,
			     t->has_type && strcasestr(t->fields, "utf-8") == NULL, out);
	else
		pv_buf_add(out, t->body, t->body_len);
	pv_buf_free(&subject);
	return pv_buf_check(out, "an answer", e);
}
