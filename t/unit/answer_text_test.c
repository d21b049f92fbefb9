/*
 * The file that is answered with: what of it goes into an answer, what is left out, and what is refused.
 */
#include "scratch.h"

#include "base/utf8.h"
#include "store/answer_text.h"

static enum pv_class read_it(const char *text, size_t len, struct pv_answer_text *t, struct pv_error *e)
{
	*e = (struct pv_error){ .text = "" };
	return pv_answer_text_read(text, len, "x.auto", t, e);
}

/* Of a good file: what is read; NULL: no such field. */
static const struct {
	const char *sentence, *text, *from, *reply_to, *subject, *fields, *body;
	bool words;
} good[] = {
	{ "a subject and a body", "Subject: Hello\n\nText\n", NULL, NULL, "Hello", "", "Text\n", true },
	{ "all that counts",
	  "From: Info <info@kvt.dk>\nReply-To: boss@kvt.dk\nSubject:  Price list \nOrganization: "
	  "KVT\nX-Mood: "
	  "good\n\nText\n",
	  "Info <info@kvt.dk>", "boss@kvt.dk", "Price list", "Organization: KVT\nX-Mood: good\n", "Text\n",
	  true },
	{ "other case and no blank", "SUBJECT:Hello\nreply-to:a@b.dk\n\nx\n", NULL, "a@b.dk", "Hello", "",
	  "x\n", true },
	{ "what would forge is left out",
	  "Bcc: a@b.dk\nTo: a@b.dk\nCc: a@b.dk\nSender: a@b.dk\nReturn-Path: <a@b.dk>\nReceived: by x\n"
	  "Delivered-To: a@b.dk\nResent-To: a@b.dk\nDate: x\nMessage-ID: <x>\nIn-Reply-To: <x>\nReferences: "
	  "<x>\n"
	  "Auto-Submitted: no\nList-Id: <x>\nErrors-To: a@b.dk\nDisposition-Notification-To: a@b.dk\n"
	  "Return-Receipt-To: a@b.dk\nX-Loop: x\nX-Original-To: x\nX-Failed-Recipients: x\nDKIM-Signature: "
	  "x\n"
	  "X-Auto-Response-Suppress: none\nSubject: s\n\nx\n",
	  NULL, NULL, "s", "", "x\n", true },
	{ "folded fields", "Subject: one\n two\n\tthree\nX-A: b\n\tc\n\nx\n", NULL, NULL, "one two three",
	  "X-A: b c\n", "x\n", true },
	{ "a forged field in a fold stays in its field", "Subject: one\n Bcc: a@b.dk\n\nx\n", NULL, NULL,
	  "one Bcc: a@b.dk", "", "x\n", true },
	{ "CRLF", "Subject: Hello\r\nX-A: b\r\n c\r\n\r\none\r\ntwo\r\n", NULL, NULL, "Hello", "X-A: b c\n",
	  "one\ntwo\n", true },
	{ "a lone CR", "Subject: a\rBcc: b\n\none\rtwo\n", NULL, NULL, "a?Bcc: b", "", "one\rtwo\n", true },
	{ "a From_ line in front", "From root Fri Nov 20 10:00:00 2026\nSubject: s\n\nx\n", NULL, NULL, "s",
	  "", "x\n", true },
	{ "a mark of UTF-8 in front", "\xef\xbb\xbfSubject: s\n\nx\n", NULL, NULL, "s", "", "x\n", true },
	{ "no final newline", "Subject: s\n\nx", NULL, NULL, "s", "", "x\n", true },
	{ "a header alone", "Subject: s\n", NULL, NULL, "s", "", "", true },
	{ "a header alone without newline", "Subject: s", NULL, NULL, "s", "", "", true },
	{ "an empty line of blanks", "Subject: s\n \t\nx: y\n", NULL, NULL, "s", "", "x: y\n", true },
	{ "no subject", "Reply-To: a@b.dk\n\nx\n", NULL, "a@b.dk", NULL, "", "x\n", true },
	{ "an empty subject", "Subject:\n\nx\n", NULL, NULL, "", "", "x\n", true },
	{ "only fields that are left out", "To: x\n\nx\n", NULL, NULL, NULL, "", "x\n", true },
	{ "UTF-8",
	  "Subject: L\xc3\xb8rdag\nFrom: J\xc3\xb8rgen <j@kvt.dk>\nOrganization: K\xc3\xb8\n\nbl\xc3\xa5\n",
	  "J\xc3\xb8rgen <j@kvt.dk>", NULL, "L\xc3\xb8rdag", "Organization: =?utf-8?B?S8O4?=\n",
	  "bl\xc3\xa5\n", true },
	{ "ISO 8859-1", "Subject: L\xf8rdag\nFrom: J\xf8rgen <j@kvt.dk>\n\nbl\xe5\n",
	  "J\xc3\xb8rgen <j@kvt.dk>", NULL, "L\xc3\xb8rdag", "", "bl\xc3\xa5\n", true },
	{ "a body that is said to be ISO 8859-1 stays",
	  "Subject: L\xf8rdag\nContent-Type: text/plain; charset=iso-8859-1\n\nbl\xe5\n", NULL, NULL,
	  "L\xc3\xb8rdag", "Content-Type: text/plain; charset=iso-8859-1\n", "bl\xe5\n", true },
	{ "base64 has no words",
	  "Subject: s\nMIME-Version: 1.0\nContent-Type: text/plain\nContent-Transfer-Encoding: "
	  "base64\n\naGk=\n",
	  NULL, NULL, "s", "MIME-Version: 1.0\nContent-Type: text/plain\nContent-Transfer-Encoding: base64\n",
	  "aGk=\n", false },
	{ "parts have no words", "Subject: s\nContent-Type: multipart/mixed;\n boundary=x\n\n--x\n", NULL,
	  NULL, "s", "Content-Type: multipart/mixed; boundary=x\n", "--x\n", false },
	{ "HTML has no words", "Content-Type: text/html\nSubject: s\n\nx\n", NULL, NULL, "s",
	  "Content-Type: text/html\n", "x\n", false },
	{ "what begins like plain text has no words", "Content-Type: text/plainly\nSubject: s\n\nx\n", NULL,
	  NULL, "s", "Content-Type: text/plainly\n", "x\n", false },
	{ "control characters", "Subject: a\x1b[2J\tb\x7f\n\nx\n", NULL, NULL, "a?[2J b?", "", "x\n", true },
	{ "many X- fields", "X-A: 1\nX-A: 2\nSubject: s\n\nx\n", NULL, NULL, "s", "X-A: 1\nX-A: 2\n", "x\n",
	  true },
};

static bool same(const char *got, const char *want)
{
	return got == NULL || want == NULL ? got == want : strcmp(got, want) == 0;
}

static void good_files(void **state)
{
	struct pv_answer_text t;
	struct pv_error e;

	(void)state;
	for (size_t i = 0; i < sizeof good / sizeof *good; i++) {
		enum pv_class c = read_it(good[i].text, strlen(good[i].text), &t, &e);
		if (c != PV_OK)
			fail_msg("%s: %s", good[i].sentence, e.text);
		if (!same(t.from, good[i].from) || !same(t.reply_to, good[i].reply_to) ||
		    !same(t.subject, good[i].subject) || !same(t.fields, good[i].fields) ||
		    t.body_len != strlen(good[i].body) || memcmp(t.body, good[i].body, t.body_len) != 0 ||
		    t.has_words != good[i].words)
			fail_msg("%s: from %s, reply-to %s, subject %s, fields `%s`, body `%.*s`, words %d",
				 good[i].sentence, t.from, t.reply_to, t.subject, t.fields, (int)t.body_len,
				 t.body, t.has_words);
		pv_answer_text_free(&t);
	}
}

#define A50 "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"
#define A400 A50 A50 A50 A50 A50 A50 A50 A50

static const struct {
	const char *sentence, *text, *says;
} bad[] = {
	{ "empty", "", "line 1: no header" },
	{ "an empty line first", "\nSubject: s\n\nx\n", "line 1: no header" },
	{ "a From_ line alone", "From x\n\nx\n", "no header" },
	{ "text alone", "I am away.\n", "line 1: no field" },
	{ "text with a colon far behind", "I am away: x\n", "line 1: no field" },
	{ "a line that is none", "Subject: s\nback on Monday\n\nx\n", "line 2: no field" },
	{ "a From_ line in the middle", "Subject: s\nFrom root Fri\n\nx\n", "line 2: no field" },
	{ "a name beyond ASCII", "S\xc3\xb8: s\n\nx\n", "line 1: no field" },
	{ "a field that begins with a blank", " Subject: s\n\nx\n", "line 1: no field" },
	{ "two subjects", "Subject: s\nX: y\nsubject: t\n\nx\n", "line 3: the field stands there twice" },
	{ "two types", "Content-Type: text/plain\nContent-Type: text/html\n\nx\n", "line 2: the field" },
	{ "UTF-8 in an address", "From: j\xc3\xb8@kvt.dk\n\nx\n", "line 1: an address is wanted" },
	{ "UTF-8 behind an address", "From: <j@kvt.dk> (J\xc3\xb8)\n\nx\n", "line 1: an address is wanted" },
	{ "UTF-8 and two addresses", "Reply-To: \xc3\xb8 <a@b.dk>, <c@d.dk>\n\nx\n",
	  "line 1: an address is wanted" },
	{ "UTF-8 and two of them", "Reply-To: \xc3\xb8 <a@b.dk> <c@d.dk>\n\nx\n",
	  "line 1: an address is wanted" },
	{ "no From", "From:\n\nx\n", "line 1: an address is wanted" },
	{ "UTF-8 and what is too long for an address", "From: \xc3\xb8 <" A400 "@b.dk>\n\nx\n",
	  "line 1: an address is wanted" },
	{ "UTF-8 in a type", "Content-Type: text/pl\xc3\xa5in\n\nx\n", "line 1: letters beyond ASCII" },
};

static void bad_files(void **state)
{
	struct pv_answer_text t;
	struct pv_error e;

	(void)state;
	for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
		enum pv_class c = read_it(bad[i].text, strlen(bad[i].text), &t, &e);
		if (c != PV_TEMPORARY || strstr(e.text, bad[i].says) == NULL ||
		    strncmp(e.text, "x.auto", 6) != 0)
			fail_msg("%s: class %d, %s", bad[i].sentence, (int)c, e.text);
		pv_answer_text_free(&t);
	}
	assert_int_equal(read_it("Subject: a\0b\n\nx\n", 16, &t, &e), PV_TEMPORARY);
	assert_non_null(strstr(e.text, "NUL"));
	pv_answer_text_free(&t);
}

static void sizes(void **state)
{
	static char text[PV_ANSWER_TEXT_MAX + 1];
	struct pv_answer_text t;
	struct pv_error e;

	(void)state;
	memset(text, 'x', sizeof text);
	memcpy(text, "Subject: s\n\n", 12);
	assert_int_equal(read_it(text, PV_ANSWER_TEXT_MAX, &t, &e), PV_OK);
	assert_int_equal(t.body_len, PV_ANSWER_TEXT_MAX - 12 + 1);
	pv_answer_text_free(&t);
	assert_int_equal(read_it(text, PV_ANSWER_TEXT_MAX + 1, &t, &e), PV_TEMPORARY);
	assert_non_null(strstr(e.text, "larger than"));
	pv_answer_text_free(&t);
	/* Every byte of it grows in UTF-8, and in encoded words. */
	memset(text + 12, 0xf8, sizeof text - 12);
	assert_int_equal(read_it(text, PV_ANSWER_TEXT_MAX, &t, &e), PV_OK);
	assert_true(pv_utf8_is_valid(t.body, t.body_len));
	pv_answer_text_free(&t);
	memset(text, '\n', sizeof text);
	for (size_t i = 0; i + 10 <= sizeof text; i += 10)
		memcpy(text + i, "X-A: \xf8\xf8\xf8\xf8\n", 10);
	assert_int_equal(read_it(text, PV_ANSWER_TEXT_MAX, &t, &e), PV_OK);
	pv_answer_text_free(&t);
	/* A field of more than can be held. */
	memset(text, 'x', sizeof text);
	memcpy(text, "Subject: ", 9);
	assert_int_equal(read_it(text, PV_ANSWER_TEXT_MAX, &t, &e), PV_TEMPORARY);
	assert_non_null(strstr(e.text, "too long"));
	pv_answer_text_free(&t);
}

static void checked(void **state)
{
	static const struct {
		const char *text;
		bool subject;
		const char *says; /* NULL: it may be written */
	} rows[] = {
		{ "Subject: s\n\nx\n", true, NULL },
		{ "Subject: s\nContent-Type: text/plain; charset=iso-8859-1\n\nbl\xe5\n", true, NULL },
		{ "Subject: s\n\nbl\xe5\n", true, "no UTF-8" },
		{ "Subject: s\n\nbl\xe5\n", false, "no UTF-8" },
		{ "Reply-To: a@b.dk\n\nx\n", true, "no Subject" },
		{ "Reply-To: a@b.dk\n\nx\n", false, NULL },
		{ "Subject:\n\nx\n", true, "no Subject" },
		{ "x\n", false, "no field" },
	};
	struct pv_error e;

	(void)state;
	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
		e = (struct pv_error){ .text = "" };
		enum pv_class c = pv_answer_text_check(rows[i].text, strlen(rows[i].text), "x.auto",
						       rows[i].subject, NULL, &e);
		bool ok = rows[i].says == NULL
				  ? c == PV_OK
				  : c == PV_PERMANENT && e.class == c && strstr(e.text, rows[i].says);
		if (!ok)
			fail_msg("row %zu: class %d, %s", i, (int)c, e.text);
	}
}

static void left_out(void **state)
{
	static const char text[] = "To: a\nSubject: s\nBcc: b\n c\nX-Loop: d\nbcc: e\n\nx\n";
	struct pv_buf b = PV_BUF_INIT(4096);

	(void)state;
	assert_int_equal(pv_answer_text_check(text, sizeof text - 1, "x.auto", true, &b, NULL), PV_OK);
	assert_string_equal(b.s, "To, Bcc, X-Loop, bcc");
	pv_buf_reset(&b);
	assert_int_equal(pv_answer_text_check("Subject: s\n\nx\n", 14, "x.auto", true, &b, NULL), PV_OK);
	assert_string_equal(b.s, "");
	pv_buf_free(&b);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(good_files), cmocka_unit_test(bad_files), cmocka_unit_test(sizes),
		cmocka_unit_test(checked),    cmocka_unit_test(left_out),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
