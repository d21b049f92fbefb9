/*
 * The header is read for four fields, and every byte of it goes on; nothing depends on how it comes in
 * pieces.
 */
#include "scratch.h"

#include "../../virtual-deliver/header.h"

/* What was seen of a message. */
struct seen {
	struct pv_buf delivered_to; /* all values, each with a `|` behind it */
	struct pv_content out;
	struct header h;
};

static enum pv_class note(void *ctx, const char *value, size_t len, struct pv_error *e)
{
	struct pv_buf *b = ctx;

	(void)e;
	pv_buf_add(b, value, len);
	pv_buf_addc(b, '|');
	return PV_OK;
}

static void forget(struct seen *s)
{
	header_free(&s->h);
	pv_content_free(&s->out);
	pv_buf_free(&s->delivered_to);
}

/* Read a message, in one piece (random NULL), or in pieces of 0 to `most` bytes. */
static void read_message(const char *message, size_t len, size_t most, uint64_t *random, struct seen *s)
{
	s->delivered_to = (struct pv_buf)PV_BUF_INIT(1024 * 1024);
	pv_content_start(&s->out, -1);
	header_start(&s->h, &s->out, note, &s->delivered_to);
	for (size_t at = 0; at < len;) {
		size_t n = random == NULL ? len : next_random(random) % (most + 1);
		if (n > len - at)
			n = len - at;
		assert_int_equal(header_add(&s->h, message + at, n, NULL), PV_OK);
		at += n;
	}
	assert_int_equal(header_finish(&s->h, NULL), PV_OK);
	assert_int_equal(pv_content_finish(&s->out, NULL), PV_OK);
	assert_int_equal(s->h.size, len);
}

static bool equal(const struct pv_buf *a, const struct pv_buf *b)
{
	return a->len == b->len && memcmp(a->s, b->s, a->len) == 0;
}

/* In pieces, everything must come out as in one. */
static void check_pieces(const char *message, size_t len, const struct seen *whole, const char *what)
{
	uint64_t random = 20261120;
	struct seen s;

	for (int i = 0; i < 6; i++) {
		read_message(message, len, i < 3 && len < 10000 ? 3 : len / 2 + 1, &random, &s);
		if (!equal(&s.out.memory, &whole->out.memory) ||
		    !equal(&s.delivered_to, &whole->delivered_to) ||
		    !equal(&s.h.received, &whole->h.received) ||
		    !equal(&s.h.message_id, &whole->h.message_id))
			fail_msg("%s: in pieces it is another message", what);
		forget(&s);
	}
}

static bool is(const struct pv_buf *b, const char *want)
{
	return b->len == strlen(want) && memcmp(b->s, want, b->len) == 0;
}

static const struct row {
	const char *sentence, *message, *out; /* out NULL: the message, its header ended, and an empty line */
	const char *delivered_to, *received, *message_id;
} rows[] = {
	{ "an empty message", "", "\n\n", "", "", "" },
	{ "one byte", "x", "\nx\n\n", "", "", "" },
	{ "one newline", "\n", "\n\n", "", "", "" },
	{ "a header alone", "Subject: x\n", "Subject: x\n\n\n", "", "", "" },
	{ "a header alone, without its newline", "Subject: x", "Subject: x\n\n\n", "", "", "" },
	{ "a header and its empty line", "Subject: x\n\n", NULL, "", "", "" },
	{ "a body alone, behind its empty line", "\nbody\n", NULL, "", "", "" },
	{ "a text that is no header: it becomes none", "hello: he said\nx\n", NULL, "", "", "" },
	{ "a text without a colon", "hello\nDelivered-To: a@b\n", "\nhello\nDelivered-To: a@b\n\n", "", "",
	  "" },
	{ "a text that begins with a blank", " Delivered-To: a@b\n", "\n Delivered-To: a@b\n\n", "", "", "" },
	{ "no newline at the end of the body", "A: b\n\nbody", "A: b\n\nbody\n\n", "", "", "" },
	{ "CR LF everywhere", "Delivered-To: a@b\r\n\r\nDelivered-To: c@d\r\n", NULL, "a@b|", "", "" },
	{ "a CR alone ends no header", "A: b\n\rDelivered-To: c@d\nDelivered-To: e@f\n", NULL, "e@f|", "",
	  "" },
	{ "a Return-Path goes", "Return-Path: <x@y>\nA: b\n\nc\n", "A: b\n\nc\n\n", "", "", "" },
	{ "every Return-Path goes, folded and in any case",
	  "A: b\nRETURN-PATH: <x@y>\n\tz\n z\nB: c\nreturn-path : q\nReturn-Path:\n\nReturn-Path: stays\n",
	  "A: b\nB: c\n\nReturn-Path: stays\n\n", "", "", "" },
	{ "a Return-Path at the end, without a newline", "A: b\nReturn-Path: <x@y>", "A: b\n\n\n", "", "",
	  "" },
	{ "a Return-Path alone", "Return-Path: <x@y>\n", "\n\n", "", "", "" },
	{ "Delivered-To: in any case, with blanks, in brackets",
	  "delivered-TO: a@b\nDelivered-To:c@d\nDelivered-To \t:  e@f \t\nDelivered-To: <g@h>\n\n", NULL,
	  "a@b|c@d|e@f|<g@h>|", "", "" },
	{ "a folded Delivered-To", "Delivered-To:\n a@b\nDelivered-To: c\n\t@d\r\n\n", NULL, "a@b|c\t@d|", "",
	  "" },
	{ "an empty Delivered-To", "Delivered-To:\nDelivered-To: \n\n", NULL, "||", "", "" },
	{ "a Delivered-To in the body", "A: b\n\nDelivered-To: a@b\n", NULL, "", "", "" },
	{ "a Delivered-To as the last bytes", "A: b\nDelivered-To: a@b", "A: b\nDelivered-To: a@b\n\n\n",
	  "a@b|", "", "" },
	{ "names that only look like it",
	  "Delivered-To-x: a@b\nX-Delivered-To: a@b\nDelivered To: a@b\nDelivered-To\nDelivered-T: x\n\n",
	  NULL, "", "", "" },
	{ "a folded line that looks like it", "A: b\n Delivered-To: a@b\n\n", NULL, "", "", "" },
	{ "a line in the middle that is no field", "A: b\nnonsense\nDelivered-To: a@b\n\n", NULL, "a@b|", "",
	  "" },
	{ "a Received on top, its continuation lines too",
	  "Received: from x\n\tby y (Postfix) id Z;\n\tdate\nA: b\n\n", NULL, "",
	  "Received: from x\n\tby y (Postfix) id Z;\n\tdate\n", "" },
	{ "a Received on top, and another", "Received: one\nReceived: two\n\n", NULL, "", "Received: one\n",
	  "" },
	{ "a Received that is not on top", "A: b\nReceived: two\n\n", NULL, "", "", "" },
	{ "a Received behind a Return-Path is not on top", "Return-Path: x\nReceived: two\n\n",
	  "Received: two\n\n\n", "", "", "" },
	{ "a Received behind a line that is none", ">From x\nReceived: two\n\n",
	  "\n>>From x\nReceived: two\n\n\n", "", "", "" },
	{ "Message-ID: the first one", "Message-Id:  <1@x> \nMESSAGE-ID: <2@x>\n\n", NULL, "", "", "<1@x>" },
	{ "Message-ID: an empty one does not count", "Message-Id:\nMESSAGE-ID: <2@x>\n\n", NULL, "", "",
	  "<2@x>" },
	{ "Message-ID: folded", "Message-ID:\n\t<1@x>\n\n", NULL, "", "", "<1@x>" },
	{ "a From_ line in the header", "A: b\nFrom x\nB: c\n\n", "A: b\n>From x\nB: c\n\n\n", "", "", "" },
	{ "a From_ line on top", "From x y\nA: b\n\n", "\n>From x y\nA: b\n\n\n", "", "", "" },
	{ "a From_ line behind the header", "A: b\n\nFrom x\n>From y", "A: b\n\n>From x\n>>From y\n\n", "",
	  "", "" },
};

static void messages(void **state)
{
	char out[1024];
	struct seen s;

	(void)state;
	for (const struct row *r = rows; r < rows + sizeof rows / sizeof *rows; r++) {
		bool ended = r->message[0] == '\n' || strstr(r->message, "\n\n") != NULL ||
			     strstr(r->message, "\n\r\n") != NULL;
		(void)snprintf(out, sizeof out, "%s%s", r->message, ended ? "\n" : "\n\n");
		read_message(r->message, strlen(r->message), 0, NULL, &s);
		if (!is(&s.out.memory, r->out != NULL ? r->out : out))
			fail_msg("%s: written: `%s`", r->sentence, s.out.memory.s);
		if (!is(&s.delivered_to, r->delivered_to))
			fail_msg("%s: Delivered-To: `%s`", r->sentence, s.delivered_to.s);
		if (!is(&s.h.received, r->received))
			fail_msg("%s: Received: `%s`", r->sentence, s.h.received.s);
		if (!is(&s.h.message_id, r->message_id))
			fail_msg("%s: Message-ID: `%s`", r->sentence, s.h.message_id.s);
		check_pieces(r->message, strlen(r->message), &s, r->sentence);
		forget(&s);
	}
}

/* NULs stand where they stood, and end nothing. */
static void nul_bytes(void **state)
{
	static const char message[] = "A\0: b\0\nDelivered-To: a\0b@c\nB: \0\n\n\0body\0From \n\0";
	static const char in_header[] = "A: \0b\nDelivered-To: a\0b@c\n\n\0body\n\0";
	struct seen s;

	(void)state;
	read_message(message, sizeof message - 1, 0, NULL, &s);
	/* The first line is no field: all of it is body, behind an empty line. */
	assert_int_equal(s.out.size, 1 + sizeof message - 1 + 2);
	assert_memory_equal(s.out.memory.s + 1, message, sizeof message - 1);
	assert_int_equal(s.delivered_to.len, 0);
	check_pieces(message, sizeof message - 1, &s, "NULs");
	forget(&s);
	read_message(in_header, sizeof in_header - 1, 0, NULL, &s);
	assert_int_equal(s.out.size, sizeof in_header - 1 + 2);
	assert_memory_equal(s.out.memory.s, in_header, sizeof in_header - 1);
	assert_int_equal(s.delivered_to.len, 6);
	assert_memory_equal(s.delivered_to.s, "a\0b@c|", 6);
	check_pieces(in_header, sizeof in_header - 1, &s, "NULs in a header");
	forget(&s);
}

/* `Name: xxx`, of len bytes with its newline. */
static void add_long(struct pv_buf *b, const char *name, size_t len)
{
	size_t n = strlen(name);

	pv_buf_adds(b, name);
	for (size_t i = n; i + 1 < len; i++)
		pv_buf_addc(b, 'x');
	pv_buf_addc(b, '\n');
}

/* Fields at and over the longest that is read: each is passed on whole (or left out whole), none is half
 * read. */
static void long_lines(void **state)
{
	static const size_t sizes[] = { 2000,
					HEADER_FIELD_MAX - 1,
					HEADER_FIELD_MAX,
					HEADER_FIELD_MAX + 1,
					2 * HEADER_FIELD_MAX,
					1000 * 1000 };
	static const char *const names[] = { "X-Long: ",     "Delivered-To: ", "Received: ",
					     "Message-ID: ", "Return-Path: ",  "no field " };
	struct seen s;

	(void)state;
	for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++)
		for (size_t k = 0; k < sizeof names / sizeof *names; k++) {
			struct pv_buf message = PV_BUF_INIT(2 * 1024 * 1024);
			bool goes = k == 4, is_body = k == 5;
			add_long(&message, names[k], sizes[i]);
			pv_buf_adds(&message, "Delivered-To: a@b\n\nbody\n");
			read_message(message.s, message.len, 0, NULL, &s);
			assert_int_equal(s.out.size, message.len + 1 + is_body - (goes ? sizes[i] : 0));
			assert_memory_equal(s.out.memory.s + is_body, message.s + (goes ? sizes[i] : 0),
					    message.len - (goes ? sizes[i] : 0));
			/* A line that is too long to be read whole counts as another field; the next one is
			 * read. */
			bool whole = sizes[i] <= HEADER_FIELD_MAX;
			size_t want = is_body ? 0 : 4 + (k == 1 && whole ? sizes[i] - strlen(names[k]) : 0);
			assert_int_equal(s.delivered_to.len, want);
			assert_int_equal(s.h.received.len, k == 2 && whole ? sizes[i] : 0);
			assert_int_equal(s.h.message_id.len,
					 k == 3 && whole ? sizes[i] - strlen(names[k]) - 1 : 0);
			check_pieces(message.s, message.len, &s, names[k]);
			forget(&s);
			pv_buf_free(&message);
		}
}

/* A field whose lines are short, and which is too long in all. */
static void long_folded_fields(void **state)
{
	struct pv_buf message = PV_BUF_INIT(1024 * 1024);
	struct seen s;

	(void)state;
	pv_buf_adds(&message, "Delivered-To: a@b\n");
	for (int i = 0; i < 700; i++)
		add_long(&message, "\t", 100);
	pv_buf_adds(&message, "Return-Path: a@b\n");
	for (int i = 0; i < 700; i++)
		add_long(&message, " Delivered-To: ", 100);
	pv_buf_adds(&message, "Delivered-To: c@d\n");
	read_message(message.s, message.len, 0, NULL, &s);
	assert_true(is(&s.delivered_to, "c@d|"));
	assert_int_equal(s.out.size, 18 + 70000 + 18 + 2);
	check_pieces(message.s, message.len, &s, "long folded fields");
	forget(&s);
	pv_buf_free(&message);
}

static void delivered_to_behind_a_thousand(void **state)
{
	struct pv_buf message = PV_BUF_INIT(1024 * 1024);
	struct seen s;
	size_t n = 0;

	(void)state;
	for (int i = 0; i < 1000; i++)
		pv_buf_addf(&message, "Delivered-To: user%d@example.org\n", i);
	add_long(&message, "dELIVERED-tO: ", 2000);
	pv_buf_adds(&message, "\nbody\n");
	read_message(message.s, message.len, 0, NULL, &s);
	for (size_t i = 0; i < s.delivered_to.len; i++)
		n += s.delivered_to.s[i] == '|';
	assert_int_equal(n, 1001);
	check_pieces(message.s, message.len, &s, "a thousand");
	forget(&s);
	pv_buf_free(&message);
}

static enum pv_class refuse(void *ctx, const char *value, size_t len, struct pv_error *e)
{
	(void)ctx, (void)value, (void)len;
	return pv_fail(e, PV_PERMANENT, "5.4.6", "a loop");
}

/* What the callback says ends the reading, wherever it is asked. */
static void a_refusal_ends_it(void **state)
{
	static const char *const messages_with_one[] = { "Delivered-To: a@b\nC: d\n",
							 "Delivered-To: a@b\n\nbody", "Delivered-To: a@b\n",
							 "Delivered-To: a@b",
							 "A: b\nDelivered-To: a\n @b\n\n" };
	struct pv_content out;
	struct header h;

	(void)state;
	for (size_t i = 0; i < sizeof messages_with_one / sizeof *messages_with_one; i++) {
		struct pv_error e = { .text = "" };
		pv_content_start(&out, -1);
		header_start(&h, &out, refuse, NULL);
		enum pv_class c = header_add(&h, messages_with_one[i], strlen(messages_with_one[i]), &e);
		if (c == PV_OK)
			c = header_finish(&h, &e);
		assert_int_equal(c, PV_PERMANENT);
		assert_string_equal(e.status, "5.4.6");
		header_free(&h);
		pv_content_free(&out);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(messages),	     cmocka_unit_test(nul_bytes),
		cmocka_unit_test(long_lines),	     cmocka_unit_test(long_folded_fields),
		cmocka_unit_test(a_refusal_ends_it), cmocka_unit_test(delivered_to_behind_a_thousand),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
