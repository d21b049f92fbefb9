#include "route/reply.h"

#include "address/address.h"
#include "base/utf8.h"

#include <ctype.h>

enum { LOCAL_PART_MAX = 64, SENDER_MAX = 320 }; /* bytes (RFC 5321, section 4.5.3.1) */

/* --- reading a header --- */

static bool is_blank(char c)
{
	return c == ' ' || c == '\t';
}

/* Does s[0..len) begin with this, in any case? */
static bool begins(const char *s, size_t len, const char *with)
{
	return len >= strlen(with) && strncasecmp(s, with, strlen(with)) == 0;
}

static bool is(const char *s, size_t len, const char *what)
{
	return len == strlen(what) && begins(s, len, what);
}

/* The first word of a value: what stands before a blank, `;`, `,` or a comment. */
static size_t word_len(const char *value)
{
	return strcspn(value, " \t;,(");
}

static bool is_word(const char *value, const char *word)
{
	return is(value, word_len(value), word);
}

enum field {
	FIELD_OTHER,
	FIELD_AUTO_SUBMITTED,
	FIELD_PRECEDENCE,
	FIELD_LIST,
	FIELD_SUPPRESS,
	FIELD_SPAM,
	FIELD_LOOP,
	FIELD_CONTENT_TYPE,
	FIELD_MESSAGE_ID,
	FIELD_REFERENCES,
	FIELD_SUBJECT,
	FIELD_RECIPIENTS,
	FIELDS
};

static enum field field_of(const char *name, size_t len)
{
	static const struct {
		const char *name;
		enum field field;
	} known[] = {
		{ "Auto-Submitted", FIELD_AUTO_SUBMITTED },
		{ "Precedence", FIELD_PRECEDENCE },
		{ "X-Auto-Response-Suppress", FIELD_SUPPRESS },
		{ "X-Spam-Flag", FIELD_SPAM },
		{ PV_REPLY_LOOP_FIELD, FIELD_LOOP },
		{ "Content-Type", FIELD_CONTENT_TYPE },
		{ "Message-ID", FIELD_MESSAGE_ID },
		{ "References", FIELD_REFERENCES },
		{ "Subject", FIELD_SUBJECT },
		{ "To", FIELD_RECIPIENTS },
		{ "Cc", FIELD_RECIPIENTS },
		{ "Bcc", FIELD_RECIPIENTS },
		{ "Resent-To", FIELD_RECIPIENTS },
		{ "Resent-Cc", FIELD_RECIPIENTS },
		{ "Resent-Bcc", FIELD_RECIPIENTS },
	};

	if (begins(name, len, "List-"))
		return FIELD_LIST;
	for (size_t i = 0; i < sizeof known / sizeof *known; i++)
		if (is(name, len, known[i].name))
			return known[i].field;
	return FIELD_OTHER;
}

/* Where the values lie in the memory, which moves while it grows; 0: there is none, since a NUL stands there.
 */
struct values {
	size_t at[FIELDS];
};

/* Append value[0..len), unfolded and without what cannot stand in a field, and a NUL. Returns where it
 * begins. */
static size_t add_value(struct pv_buf *memory, const char *value, size_t len)
{
	size_t at = memory->len;

	while (len > 0 && ((unsigned char)*value <= ' ')) {
		value++;
		len--;
	}
	while (len > 0 && (unsigned char)value[len - 1] <= ' ')
		len--;
	for (size_t i = 0; i < len; i++) {
		if (value[i] == '\n' || value[i] == '\r')
			continue;
		pv_buf_addc(memory, (unsigned char)value[i] < ' ' || value[i] == 0x7f ? ' ' : value[i]);
	}
	pv_buf_addc(memory, '\0');
	return at;
}

static bool is_report(const char *type)
{
	static const char *const reports[] = { "multipart/report", "message/delivery-status",
					       "message/disposition-notification" };

	for (size_t i = 0; i < sizeof reports / sizeof *reports; i++)
		if (is_word(type, reports[i]))
			return true;
	return false;
}

/* One of the fields that are a yes or a no. */
static void judge(struct pv_reply_facts *f, enum field field, const char *value)
{
	if (field == FIELD_AUTO_SUBMITTED)
		f->auto_submitted |= !is_word(value, "no");
	else if (field == FIELD_PRECEDENCE)
		f->bulk |= is_word(value, "bulk") || is_word(value, "list") || is_word(value, "junk");
	else if (field == FIELD_LIST)
		f->list = true;
	else if (field == FIELD_SUPPRESS)
		f->suppressed |= value[0] != '\0' && !is_word(value, "none");
	else if (field == FIELD_SPAM)
		f->spam |= is_word(value, "yes");
	else if (field == FIELD_LOOP)
		f->loop_mark = true;
	else if (field == FIELD_CONTENT_TYPE)
		f->report |= is_report(value);
}

/* Of a field that stands there twice the first counts. */
static bool is_kept(enum field field)
{
	return field == FIELD_MESSAGE_ID || field == FIELD_REFERENCES || field == FIELD_SUBJECT;
}

/* line[0..len) is a field with its continuation lines. */
static void take_field(const char *line, size_t len, struct pv_buf *memory, struct pv_buf *recipients,
		       struct values *v, struct pv_reply_facts *f)
{
	const char *colon = memchr(line, ':', len);

	if (colon == NULL)
		return;
	size_t name_len = (size_t)(colon - line);
	while (name_len > 0 && is_blank(line[name_len - 1]))
		name_len--;
	enum field field = field_of(line, name_len);
	if (field == FIELD_OTHER || (is_kept(field) && v->at[field] != 0))
		return;
	size_t at = add_value(memory, colon + 1, len - (size_t)(colon + 1 - line));
	if (memory->failed)
		return;
	if (is_kept(field)) {
		v->at[field] = at;
		return;
	}
	if (field == FIELD_RECIPIENTS) {
		pv_buf_adds(recipients, memory->s + at);
		pv_buf_addc(recipients, '\n');
	} else {
		judge(f, field, memory->s + at);
	}
	pv_buf_truncate(memory, at);
}

/* The bytes of the field at s, its continuation lines and last newline included; 0: the header ends here. */
static size_t field_len(const char *s, const char *end)
{
	const char *p = s;

	if (p < end && (*p == '\n' || (*p == '\r' && p + 1 < end && p[1] == '\n')))
		return 0;
	do {
		const char *newline = memchr(p, '\n', (size_t)(end - p));
		p = newline != NULL ? newline + 1 : end;
	} while (p < end && is_blank(*p));
	return (size_t)(p - s);
}

enum pv_class pv_reply_facts_read(const char *header, size_t len, const char *sender, struct pv_buf *memory,
				  struct pv_reply_facts *f, struct pv_error *e)
{
	struct pv_buf recipients = PV_BUF_INIT(PV_REPLY_HEADER_MAX);
	const char *end = header + (len < PV_REPLY_HEADER_MAX / 2 ? len : PV_REPLY_HEADER_MAX / 2);
	struct values v = { .at = { 0 } };
	size_t n;

	*f = (struct pv_reply_facts){ .sender = sender };
	pv_buf_reset(memory);
	pv_buf_addc(memory, '\0'); /* what is not there */
	for (; header < end && (n = field_len(header, end)) > 0; header += n)
		take_field(header, n, memory, &recipients, &v, f);
	size_t at = memory->len;
	pv_buf_add(memory, recipients.s, recipients.len);
	pv_buf_addc(memory, '\0');
	enum pv_class c = pv_buf_check(&recipients, "a header", e);
	if (c == PV_OK)
		c = pv_buf_check(memory, "a header", e);
	pv_buf_free(&recipients);
	f->message_id = memory->s + v.at[FIELD_MESSAGE_ID];
	f->references = memory->s + v.at[FIELD_REFERENCES];
	f->subject = memory->s + v.at[FIELD_SUBJECT];
	f->recipients = c == PV_OK ? memory->s + at : "";
	return c;
}

/* --- judging it --- */

/* Bytes of a local part without its tag. */
static size_t bare_len(const char *local, size_t len)
{
	const char *tag = len > 1 ? memchr(local + 1, PV_DELIMITER, len - 1) : NULL;

	return tag != NULL ? (size_t)(tag - local) : len;
}

static bool ends(const char *s, size_t len, const char *with)
{
	size_t n = strlen(with);

	return len >= n && is(s + len - n, n, with);
}

/* Do machines send by that name? */
static bool is_machine(const char *sender)
{
	static const char *const names[] = { "mailer-daemon", "listserv", "majordomo",
					     "noreply",	      "no-reply", "do-not-reply",
					     "donotreply",    "bounce",	  "bounces" };
	static const char *const fronts[] = { "owner-", "noreply-", "no-reply-" };
	static const char *const backs[] = { "-owner",	 "-request", "-bounce",
					     "-bounces", "-noreply", "-no-reply" };
	const char *at = strrchr(sender, '@');
	size_t len = at != NULL ? (size_t)(at - sender) : strlen(sender);

	/* VERP: list-bounces+joe=example.org@... */
	len = bare_len(sender, len);
	for (size_t i = 0; i < sizeof names / sizeof *names; i++)
		if (is(sender, len, names[i]))
			return true;
	for (size_t i = 0; i < sizeof fronts / sizeof *fronts; i++)
		if (begins(sender, len, fronts[i]))
			return true;
	for (size_t i = 0; i < sizeof backs / sizeof *backs; i++)
		if (ends(sender, len, backs[i]))
			return true;
	return false;
}

/* Are they the same address, but for case and tag? */
static bool is_same(const char *a, size_t a_len, const char *b)
{
	const size_t b_len = strlen(b);
	const char *a_at = memrchr(a, '@', a_len), *b_at = memrchr(b, '@', b_len);

	if (a_at == NULL || b_at == NULL || !is(a_at, a_len - (size_t)(a_at - a), b_at))
		return false;
	size_t a_local = bare_len(a, (size_t)(a_at - a)), b_local = bare_len(b, (size_t)(b_at - b));
	return a_local == b_local && strncasecmp(a, b, a_local) == 0;
}

static bool is_own(const char *address, size_t len, const char *const *own, size_t count)
{
	for (size_t i = 0; i < count; i++)
		if (is_same(address, len, own[i]))
			return true;
	return false;
}

/* Does one of own stand anywhere in the fields? What looks like an address there is one. */
static bool is_named(const char *recipients, const char *const *own, size_t count)
{
	static const char between[] = " \t\n,;:<>()[]\"";

	for (const char *p = recipients; *p != '\0';) {
		p += strspn(p, between);
		size_t len = strcspn(p, between);
		if (len > 0 && is_own(p, len, own, count))
			return true;
		p += len;
	}
	return false;
}

bool pv_reply_may_go_to(const char *sender)
{
	/* What RFC 5322, section 3.2.3, has in an atom; what is beyond ASCII comes on top. */
	static const char signs[] = "!#$%&'*+-/=?^_`{|}~.";
	const char *at = strrchr(sender, '@');
	size_t len = strlen(sender), local = at != NULL ? (size_t)(at - sender) : 0;

	if (local == 0 || local > LOCAL_PART_MAX || len > SENDER_MAX || at[1] == '\0' ||
	    !pv_utf8_is_valid(sender, len))
		return false;
	for (size_t i = 0; i < local; i++)
		if ((unsigned char)sender[i] < 0x80 && !isalnum((unsigned char)sender[i]) &&
		    strchr(signs, sender[i]) == NULL)
			return false;
	/* A domain, or an address in brackets. */
	for (const char *p = at + 1; *p != '\0'; p++)
		if ((unsigned char)*p < 0x80 && !isalnum((unsigned char)*p) && strchr("-._[]:", *p) == NULL)
			return false;
	return true;
}

const char *pv_reply_refusal(const struct pv_reply_facts *f, const char *const *own, size_t count,
			     bool to_all)
{
	const struct {
		bool met;
		const char *why;
	} rules[] = {
		{ f->sender[0] == '\0', "it has the null sender" },
		{ is_machine(f->sender), "its sender is a machine or a list" },
		{ !pv_reply_may_go_to(f->sender), "its sender is no plain address" },
		{ is_own(f->sender, strlen(f->sender), own, count), "its sender is the address itself" },
		{ f->loop_mark, "it bears the mark of a loop (" PV_REPLY_LOOP_FIELD ")" },
		{ f->auto_submitted, "a machine wrote it (Auto-Submitted)" },
		{ f->list, "it is from a mailing list (List-*)" },
		{ f->bulk, "it is bulk mail (Precedence)" },
		{ f->suppressed, "it wants no answer (X-Auto-Response-Suppress)" },
		{ f->spam, "it is marked as spam (X-Spam-Flag)" },
		{ f->report, "it is a report or a receipt" },
		{ !to_all && !is_named(f->recipients, own, count), "the address stands in no To or Cc" },
	};

	for (size_t i = 0; i < sizeof rules / sizeof *rules; i++)
		if (rules[i].met)
			return rules[i].why;
	return NULL;
}
