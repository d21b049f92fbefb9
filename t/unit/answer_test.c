/*
 * The message that is answered with: whatever a stranger's header holds, it is one header of ours and our
 * text.
 */
#include "scratch.h"

#include "../../virtual-deliver/answer.h"

static const struct pv_reply_facts no_facts = {
	.sender = "s@example.org", .message_id = "", .references = "", .subject = "", .recipients = ""
};

static void compose(const char *file, const struct answer *how, struct pv_buf *out)
{
	struct pv_answer_text text;
	struct answer a = *how;
	struct pv_error e = { .text = "" };

	if (pv_answer_text_read(file, strlen(file), "x.auto", &text, &e) != PV_OK)
		fail_msg("%s", e.text);
	a.text = &text;
	a.sender = a.sender != NULL ? a.sender : "s@example.org";
	a.address = a.address != NULL ? a.address : "info@kvt.dk";
	if (answer_compose(&a, out, &e) != PV_OK)
		fail_msg("%s", e.text);
	pv_answer_text_free(&text);
}

/* The value of a field as it stands there, with its folds; NULL: no such field; it must not be there twice.
 */
static const char *field(const struct pv_buf *message, const char *name)
{
	static char value[8192];
	const char *found = NULL;
	size_t n = strlen(name);

	for (const char *p = message->s; *p != '\n'; p = strchr(p, '\n') + 1) {
		assert_non_null(strchr(p, '\n'));
		if (strncasecmp(p, name, n) != 0 || p[n] != ':')
			continue;
		assert_null(found);
		found = p + n + 1 + (p[n + 1] == ' ');
	}
	if (found == NULL)
		return NULL;
	const char *end = strchr(found, '\n');
	while (end[1] == ' ' || end[1] == '\t')
		end = strchr(end + 1, '\n');
	(void)snprintf(value, sizeof value, "%.*s", (int)(end - found), found);
	return value;
}

static void is_field(const struct pv_buf *message, const char *name, const char *want)
{
	const char *got = field(message, name);

	if (want == NULL ? got != NULL : got == NULL || strcmp(got, want) != 0)
		fail_msg("%s: `%s`, not `%s`", name, got, want);
}

static void whole(void **state)
{
	const struct pv_reply_facts facts = { .sender = "s@example.org",
					      .message_id = "<1@example.org>",
					      .references = "<0@example.org>",
					      .subject = "Question",
					      .recipients = "" };
	struct pv_buf b = PV_BUF_INIT(65536);

	(void)state;
	compose("Subject: Price list\nReply-To: boss@kvt.dk\nBcc: x@example.org\n\nYou asked: "
		"$SUBJECT.\n.\nFrom here\n",
		&(struct answer){ .facts = &facts }, &b);
	assert_string_equal(b.s, "From: info@kvt.dk\n"
				 "To: s@example.org\n"
				 "Subject: Price list\n"
				 "Reply-To: boss@kvt.dk\n"
				 "In-Reply-To: <1@example.org>\n"
				 "References: <0@example.org>\n"
				 " <1@example.org>\n"
				 "Auto-Submitted: auto-replied\n"
				 "X-Auto-Response-Suppress: All\n"
				 "X-Loop: info@kvt.dk\n"
				 "MIME-Version: 1.0\n"
				 "Content-Type: text/plain; charset=utf-8\n"
				 "Content-Transfer-Encoding: 8bit\n"
				 "\n"
				 "You asked: Question.\n.\nFrom here\n");
	pv_buf_free(&b);
}

static const struct {
	const char *sentence, *file, *name, *subject; /* of the message that is answered */
	const char *from, *want;		      /* From and Subject of the answer */
} rows[] = {
	{ "its own subject", "Subject: Away\n\nx\n", NULL, "Hello", "info@kvt.dk", "Away" },
	{ "Re:", "X-A: b\n\nx\n", NULL, "Hello", "info@kvt.dk", "Re: Hello" },
	{ "an empty one is none", "Subject:\n\nx\n", NULL, "Hello", "info@kvt.dk", "Re: Hello" },
	{ "no second Re:", "X-A: b\n\nx\n", NULL, "RE: Hello", "info@kvt.dk", "RE: Hello" },
	{ "Re: of nothing", "X-A: b\n\nx\n", NULL, "", "info@kvt.dk", "Re:" },
	{ "Re: in UTF-8", "X-A: b\n\nx\n", NULL, "=?iso-8859-1?Q?bl=E5?=", "info@kvt.dk",
	  "=?utf-8?B?UmU6IGJsw6U=?=" },
	{ "Re: of raw UTF-8", "X-A: b\n\nx\n", NULL, "bl\xc3\xa5", "info@kvt.dk",
	  "=?utf-8?B?UmU6IGJsw6U=?=" },
	{ "Re: of raw bytes", "X-A: b\n\nx\n", NULL, "bl\xe5", "info@kvt.dk", "Re: bl?" },
	{ "Re: of another charset", "X-A: b\n\nx\n", NULL, "=?koi8-r?B?8A==?=", "info@kvt.dk",
	  "Re: =?koi8-r?B?8A==?=" },
	{ "an encoded newline", "X-A: b\n\nx\n", NULL,
	  "=?utf-8?Q?a=0ABcc:_x@y.z=0D=0A=0D=0Abody?=", "info@kvt.dk", "Re: a?Bcc: x@y.z????body" },
	{ "an encoded escape", "X-A: b\n\nx\n", NULL, "=?utf-8?Q?=1B[2J=C2=9B2J=7F?=", "info@kvt.dk",
	  "Re: ?[2J?2J?" },
	{ "$SUBJECT in the subject", "Subject: Away ($SUBJECT, $SUBJECT)\n\nx\n", NULL, "Hello",
	  "info@kvt.dk", "Away (Hello, Hello)" },
	{ "$SUBJECT is not replaced within itself", "Subject: Away: $SUBJECT\n\nx\n", NULL, "$SUBJECT",
	  "info@kvt.dk", "Away: $SUBJECT" },
	{ "UTF-8 of its own", "Subject: Bl\xc3\xa5: $SUBJECT\n\nx\n", NULL, "\xc3\xa6", "info@kvt.dk",
	  "=?utf-8?B?QmzDpTogw6Y=?=" },
	{ "a name", "Subject: s\n\nx\n", "Joe Who", "", "Joe Who <info@kvt.dk>", "s" },
	{ "a name with a comma and quotes", "Subject: s\n\nx\n", "Who, \"J\" \\Joe", "",
	  "\"Who, \\\"J\\\" \\\\Joe\" <info@kvt.dk>", "s" },
	{ "a name with an address", "Subject: s\n\nx\n", "a@b.dk>, <c@d.dk", "",
	  "\"a@b.dk>, <c@d.dk\" <info@kvt.dk>", "s" },
	{ "a name in UTF-8", "Subject: s\n\nx\n", "J\xc3\xb8rgen", "",
	  "=?utf-8?B?SsO4cmdlbg==?=\n <info@kvt.dk>", "s" },
	{ "a name in ISO 8859-1", "Subject: s\n\nx\n", "J\xf8rgen", "",
	  "=?utf-8?B?SsO4cmdlbg==?=\n <info@kvt.dk>", "s" },
	{ "a name with a newline", "Subject: s\n\nx\n", "a\nBcc: b", "", "\"a Bcc: b\" <info@kvt.dk>", "s" },
	{ "a From of its own", "From: Sales <sales@kvt.dk>\nSubject: s\n\nx\n", "Joe", "",
	  "Sales <sales@kvt.dk>", "s" },
	{ "a From in UTF-8", "From: \"J\xc3\xb8rgen\" <j@kvt.dk>\nSubject: s\n\nx\n", "Joe", "",
	  "=?utf-8?B?SsO4cmdlbg==?=\n <j@kvt.dk>", "s" },
};

static void from_and_subject(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
		struct pv_reply_facts facts = no_facts;
		struct pv_buf b = PV_BUF_INIT(65536);
		facts.subject = rows[i].subject;
		compose(rows[i].file, &(struct answer){ .facts = &facts, .name = rows[i].name }, &b);
		print_message("%s\n", rows[i].sentence);
		is_field(&b, "From", rows[i].from);
		is_field(&b, "Subject", rows[i].want);
		is_field(&b, "Bcc", NULL);
		pv_buf_free(&b);
	}
}

static const struct {
	const char *sentence, *message_id, *references;
	const char *in_reply_to, *want;
} threads[] = {
	{ "none", "", "", NULL, NULL },
	{ "an id", "<1@x>", "", "<1@x>", "<1@x>" },
	{ "an id and references", "<1@x>", "<a@x> <b@x>", "<1@x>", "<a@x>\n <b@x>\n <1@x>" },
	{ "folded references", "<1@x>", "<a@x>\n\t<b@x>", "<1@x>", "<a@x>\n <b@x>\n <1@x>" },
	{ "references without an id", "", "<a@x>", NULL, NULL },
	{ "no id", "1@x", "", NULL, NULL },
	{ "an id with a blank", "<1 @x>", "", NULL, NULL },
	{ "an id with UTF-8", "<\xc3\xb8@x>", "", NULL, NULL },
	{ "an id with a control character", "<1\x01@x>", "", NULL, NULL },
	{ "an id in an id", "<<1@x>>", "", NULL, NULL },
	{ "an id behind words", "see <1@x>", "", "<1@x>", "<1@x>" },
	{ "references with words", "<1@x>", "your message <a@x> of <b\x7f@x>", "<1@x>", "<a@x>\n <1@x>" },
};

static void in_the_thread(void **state)
{
	static char many[65536], id[1003];
	struct pv_reply_facts facts = no_facts;
	struct pv_buf b = PV_BUF_INIT(65536);
	size_t len = 0;

	(void)state;
	for (size_t i = 0; i < sizeof threads / sizeof *threads; i++) {
		facts.message_id = threads[i].message_id;
		facts.references = threads[i].references;
		pv_buf_reset(&b);
		compose("Subject: s\n\nx\n", &(struct answer){ .facts = &facts }, &b);
		print_message("%s\n", threads[i].sentence);
		is_field(&b, "In-Reply-To", threads[i].in_reply_to);
		is_field(&b, "References", threads[i].want);
	}
	/* Of many the last are kept, and an id that fills a line is none. */
	for (int i = 0; i < 3000; i++)
		len += (size_t)snprintf(many + len, sizeof many - len, "<%d@x> ", i);
	facts.message_id = "<1@x>";
	facts.references = many;
	pv_buf_reset(&b);
	compose("Subject: s\n\nx\n", &(struct answer){ .facts = &facts }, &b);
	const char *references = field(&b, "References");
	assert_non_null(references);
	assert_memory_equal(references, "<2980@x>\n <2981@x>", 18);
	memset(id, 'a', sizeof id - 1);
	memcpy(id, "<", 1);
	id[sizeof id - 2] = '>';
	facts.message_id = id;
	pv_buf_reset(&b);
	compose("Subject: s\n\nx\n", &(struct answer){ .facts = &facts }, &b);
	is_field(&b, "In-Reply-To", NULL);
	pv_buf_free(&b);
}

static const struct {
	const char *sentence, *file, *subject;
	const char *type, *encoding, *body;
} bodies[] = {
	{ "UTF-8", "Subject: s\n\n$SUBJECT bl\xc3\xa5\n", "\xc3\xa6", "text/plain; charset=utf-8", "8bit",
	  "\xc3\xa6 bl\xc3\xa5\n" },
	{ "ISO 8859-1", "Subject: s\n\nbl\xe5\n", "", "text/plain; charset=utf-8", "8bit", "bl\xc3\xa5\n" },
	{ "another charset", "Content-Type: text/plain; charset=iso-8859-1\n\n$SUBJECT bl\xe5\n", "a\xc3\xa6",
	  "text/plain; charset=iso-8859-1", "8bit", "a?? bl\xe5\n" },
	{ "UTF-8 that is said", "Content-Type: text/plain; charset=\"UTF-8\"\n\n$SUBJECT\n", "\xc3\xa6",
	  "text/plain; charset=\"UTF-8\"", NULL, "\xc3\xa6\n" },
	{ "HTML", "Content-Type: text/html\n\n<p>$SUBJECT\n", "<script>", "text/html", NULL,
	  "<p>$SUBJECT\n" },
	{ "base64", "Content-Transfer-Encoding: base64\n\nJFNVQkpFQ1Q=\n", "x", "text/plain; charset=utf-8",
	  "base64", "JFNVQkpFQ1Q=\n" },
	{ "no body", "Subject: s\n", "x", "text/plain; charset=utf-8", "8bit", "" },
	{ "nearly a word", "Subject: s\n\n$SUBJEC $subject $SUBJECT$SUBJECT$", "x",
	  "text/plain; charset=utf-8", "8bit", "$SUBJEC $subject xx$\n" },
};

static void the_body(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof bodies / sizeof *bodies; i++) {
		struct pv_reply_facts facts = no_facts;
		struct pv_buf b = PV_BUF_INIT(65536);
		facts.subject = bodies[i].subject;
		compose(bodies[i].file, &(struct answer){ .facts = &facts }, &b);
		print_message("%s\n", bodies[i].sentence);
		is_field(&b, "Content-Type", bodies[i].type);
		is_field(&b, "Content-Transfer-Encoding", bodies[i].encoding);
		is_field(&b, "MIME-Version", "1.0");
		assert_string_equal(strstr(b.s, "\n\n") + 2, bodies[i].body);
		pv_buf_free(&b);
	}
}

/* No header line is too long, and a subject of any length is cut between two characters. */
static void long_subjects(void **state)
{
	static char subject[60000];

	(void)state;
	for (size_t n = 1; n < sizeof subject; n = n < 300 ? n + 1 : n * 3) {
		struct pv_reply_facts facts = no_facts;
		struct pv_buf b = PV_BUF_INIT((size_t)1 << 20);
		for (int i = 0; i < 2; i++) {
			memset(subject, 'a', n);
			for (size_t k = 0; i == 1 && k + 1 < n; k += 2)
				memcpy(subject + k, "\xc3\xb8", 2);
			subject[n] = '\0';
			facts.subject = subject;
			pv_buf_reset(&b);
			compose("Subject: $SUBJECT "
				"$SUBJECT$SUBJECT$SUBJECT$SUBJECT$SUBJECT$SUBJECT\n\n$SUBJECT\n",
				&(struct answer){ .facts = &facts }, &b);
			for (const char *p = b.s; *p != '\0'; p = strchr(p, '\n') + 1)
				assert_true(strcspn(p, "\n") <= 998);
			assert_true(strlen(strstr(b.s, "\n\n") + 2) <= 201);
			assert_null(strchr(strstr(b.s, "\n\n"), '?'));
		}
		pv_buf_free(&b);
	}
}

/* Nor a user's name, of which passwd may hold any number of bytes. */
static void long_names(void **state)
{
	static const char *const letters[] = { "a", ", ", "\\", "\xc3\xb8" };
	char name[3000];

	(void)state;
	for (size_t i = 0; i < sizeof letters / sizeof *letters; i++) {
		size_t step = strlen(letters[i]), n = 0;
		for (; n + step < sizeof name; n += step)
			memcpy(name + n, letters[i], step);
		name[n] = '\0';
		struct pv_buf b = PV_BUF_INIT(65536);
		compose("Subject: s\n\nx\n", &(struct answer){ .facts = &no_facts, .name = name }, &b);
		for (const char *p = b.s; *p != '\0'; p = strchr(p, '\n') + 1)
			if (strcspn(p, "\n") > 998)
				fail_msg("%s: a line of %zu bytes", letters[i], strcspn(p, "\n"));
		assert_non_null(strstr(field(&b, "From"), " <info@kvt.dk>"));
		pv_buf_free(&b);
	}
}

static void full(void **state)
{
	struct pv_answer_text text;
	struct pv_buf b = PV_BUF_INIT(300);
	struct pv_error e = { .text = "" };

	(void)state;
	assert_int_equal(pv_answer_text_read("Subject: s\n\nx\n", 14, "x", &text, &e), PV_OK);
	const struct answer a = { .sender = "s@x.y", .address = "i@x.y", .text = &text, .facts = &no_facts };
	assert_int_equal(answer_compose(&a, &b, &e), PV_OK);
	pv_buf_free(&b);
	b = (struct pv_buf)PV_BUF_INIT(100);
	assert_int_equal(answer_compose(&a, &b, &e), PV_TEMPORARY);
	pv_buf_free(&b);
	pv_answer_text_free(&text);
}

static void who_may_get_it(void **state)
{
	static const char *const yes[] = { "s@example.org",	   "a.b+c@x.y",
					   "o'hara@x.y",	   "-n@x.y",
					   "a@localhost",	   "a@[192.0.2.1]",
					   "a@[IPv6:2001:db8::1]", "j\xc3\xb8@bl\xc3\xa5.dk",
					   "|$x`y`@x.y",	   "a!b%c@x.y" };
	static const char *const no[] = { "",	      "@",	     "a@",	    "@x.y",	   "a",
					  "a b@x.y",  "\"a b\"@x.y", "a@x.y,b@x.y", "a@x.y b@x.y", "<a@x.y>",
					  "a@x.y>",   "a(b)@x.y",    "a@b@x.y",	    "a@x.y\n",	   "a\r@x.y",
					  "a\t@x.y",  "a;b@x.y",     "a:b@x.y",	    "a\\b@x.y",	   "a[b]@x.y",
					  "\xff@x.y", "a@x.y\x7f",   "a@x/y",	    "a@x y" };
	char long_one[600];

	(void)state;
	for (size_t i = 0; i < sizeof yes / sizeof *yes; i++)
		if (!pv_reply_may_go_to(yes[i]))
			fail_msg("not `%s`", yes[i]);
	for (size_t i = 0; i < sizeof no / sizeof *no; i++)
		if (pv_reply_may_go_to(no[i]))
			fail_msg("`%s`", no[i]);
	memset(long_one, 'a', sizeof long_one);
	memcpy(long_one + 64, "@x.y", 5);
	assert_true(pv_reply_may_go_to(long_one));
	memset(long_one, 'a', sizeof long_one);
	memcpy(long_one + 65, "@x.y", 5);
	assert_false(pv_reply_may_go_to(long_one));
	memset(long_one, 'a', sizeof long_one);
	long_one[1] = '@';
	long_one[322] = '\0';
	assert_false(pv_reply_may_go_to(long_one));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(whole),	 cmocka_unit_test(from_and_subject),
		cmocka_unit_test(in_the_thread), cmocka_unit_test(the_body),
		cmocka_unit_test(long_subjects), cmocka_unit_test(long_names),
		cmocka_unit_test(full),		 cmocka_unit_test(who_may_get_it),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
