/*
 * reply_test.c: which messages a machine may answer. Each rule is a row.
 */
#include "scratch.h"

#include "route/reply.h"

#define ME "abc@kvt.dk"

static const char *const own[] = { ME, "sales@kvt.dk" };

struct row {
	const char *says;
	const char *sender; /* NULL: s@example.org */
	const char *header;
	const char *refused; /* a part of the reason; NULL: it may be answered */
	bool to_all;
};

static const struct row rows[] = {
	{ "an ordinary message", NULL, "To: " ME "\nSubject: hello\n", NULL, false },
	{ "no header at all, to all", NULL, "", NULL, true },
	/* who sends */
	{ "null sender", "", "To: " ME "\n", "null sender", false },
	{ "mailer-daemon", "MAILER-DAEMON@example.org", "To: " ME "\n", "machine", false },
	{ "mailer-daemon without a domain", "mailer-daemon", "To: " ME "\n", "machine", false },
	{ "no domain", "root", "To: " ME "\n", "no plain address", false },
	{ "owner-", "Owner-list@example.org", "To: " ME "\n", "machine", false },
	{ "-owner", "list-owner@example.org", "To: " ME "\n", "machine", false },
	{ "-request", "list-REQUEST@example.org", "To: " ME "\n", "machine", false },
	{ "-bounces", "list-bounces@example.org", "To: " ME "\n", "machine", false },
	{ "-bounces with VERP", "list-bounces+abc=kvt.dk@example.org", "To: " ME "\n", "machine", false },
	{ "noreply", "noreply@example.org", "To: " ME "\n", "machine", false },
	{ "no-reply", "No-Reply@example.org", "To: " ME "\n", "machine", false },
	{ "do-not-reply", "do-not-reply@example.org", "To: " ME "\n", "machine", false },
	{ "no-reply-", "no-reply-77@example.org", "To: " ME "\n", "machine", false },
	{ "-noreply", "shop-noreply@example.org", "To: " ME "\n", "machine", false },
	{ "listserv", "LISTSERV@example.org", "To: " ME "\n", "machine", false },
	{ "a name like those", "ownership@example.org", "To: " ME "\n", NULL, false },
	{ "a name like those", "requester@example.org", "To: " ME "\n", NULL, false },
	{ "a name like those", "bouncers@example.org", "To: " ME "\n", NULL, false },
	{ "a name like those", "my-requests@example.org", "To: " ME "\n", NULL, false },
	{ "the address itself", ME, "To: " ME "\n", "the address itself", false },
	{ "in other letters", "ABC@KVT.dk", "To: " ME "\n", "the address itself", false },
	{ "with a tag", "abc+x@kvt.dk", "To: " ME "\n", "the address itself", false },
	{ "another name for it", "sales@kvt.dk", "To: " ME "\n", "the address itself", true },
	{ "another user", "abcd@kvt.dk", "To: " ME "\n", NULL, false },
	{ "another domain", "abc@akvt.dk", "To: " ME "\n", NULL, false },
	/* Auto-Submitted */
	{ "auto-replied", NULL, "To: " ME "\nAuto-Submitted: auto-replied\n", "Auto-Submitted", false },
	{ "auto-generated", NULL, "AUTO-SUBMITTED:auto-generated (by cron)\nTo: " ME "\n", "Auto-Submitted",
	  false },
	{ "something else", NULL, "To: " ME "\nAuto-Submitted: yes\n", "Auto-Submitted", false },
	{ "empty", NULL, "To: " ME "\nAuto-Submitted:\n", "Auto-Submitted", false },
	{ "nobody", NULL, "To: " ME "\nAuto-Submitted: nobody\n", "Auto-Submitted", false },
	{ "no", NULL, "To: " ME "\nAuto-Submitted: No\n", NULL, false },
	{ "no, with a comment", NULL, "To: " ME "\nAuto-Submitted: no (I wrote it)\n", NULL, false },
	{ "no; parameter", NULL, "To: " ME "\nAuto-Submitted: no; x=y\n", NULL, false },
	{ "no and yes", NULL, "To: " ME "\nAuto-Submitted: no\nAuto-Submitted: auto-replied\n",
	  "Auto-Submitted", false },
	/* Precedence */
	{ "bulk", NULL, "To: " ME "\nPrecedence: bulk\n", "bulk", false },
	{ "list", NULL, "To: " ME "\nprecedence: LIST\n", "bulk", false },
	{ "junk", NULL, "To: " ME "\nPrecedence : junk\n", "bulk", false },
	{ "first-class", NULL, "To: " ME "\nPrecedence: first-class\n", NULL, false },
	{ "bulky", NULL, "To: " ME "\nPrecedence: bulky\n", NULL, false },
	/* lists */
	{ "List-Id", NULL, "To: " ME "\nList-Id: <x.example.org>\n", "mailing list", false },
	{ "List-Unsubscribe", NULL, "To: " ME "\nLIST-unsubscribe: <mailto:x>\n", "mailing list", false },
	{ "any List-", NULL, "To: " ME "\nList-Anything:\n", "mailing list", false },
	{ "Listing", NULL, "To: " ME "\nListing: x\nX-List-Id: x\n", NULL, false },
	/* X-Auto-Response-Suppress */
	{ "All", NULL, "To: " ME "\nX-Auto-Response-Suppress: All\n", "wants no answer", false },
	{ "OOF", NULL, "To: " ME "\nX-Auto-Response-Suppress: DR, OOF, AutoReply\n", "wants no answer",
	  false },
	{ "DR", NULL, "To: " ME "\nX-Auto-Response-Suppress: DR\n", "wants no answer", false },
	{ "None", NULL, "To: " ME "\nX-Auto-Response-Suppress: None\n", NULL, false },
	/* spam, loops, reports */
	{ "spam", NULL, "To: " ME "\nX-Spam-Flag: YES\n", "spam", false },
	{ "no spam", NULL, "To: " ME "\nX-Spam-Flag: NO\n", NULL, false },
	{ "our mark", NULL, "To: " ME "\nX-Loop: abc@kvt.dk\n", "loop", false },
	{ "a report", NULL, "To: " ME "\nContent-Type: multipart/report;\n report-type=delivery-status\n",
	  "report", false },
	{ "a receipt", NULL, "To: " ME "\nContent-Type: message/disposition-notification\n", "report",
	  false },
	{ "a delivery status", NULL, "To: " ME "\ncontent-type: Message/Delivery-Status\n", "report", false },
	{ "parts", NULL, "To: " ME "\nContent-Type: multipart/mixed; x=multipart/report\n", NULL, false },
	{ "a wish for a receipt", NULL, "To: " ME "\nDisposition-Notification-To: s@example.org\n", NULL,
	  false },
	/* To and Cc */
	{ "not named", NULL, "To: other@kvt.dk\nSubject: " ME "\n", "no To or Cc", false },
	{ "not named, but to all", NULL, "To: other@kvt.dk\n", NULL, true },
	{ "Cc", NULL, "To: x@example.org\nCc: y@example.org,\n\tSomebody <ABC@kvt.DK>\n", NULL, false },
	{ "Bcc", NULL, "Bcc: " ME "\n", NULL, false },
	{ "Resent-To", NULL, "To: list@example.org\nResent-To: " ME "\n", NULL, false },
	{ "two To", NULL, "To: x@example.org\nTo: " ME "\n", NULL, false },
	{ "another name for it", NULL, "To: \"Sales\" <sales@kvt.dk>\n", NULL, false },
	{ "with a tag", NULL, "To: abc+shop@kvt.dk\n", NULL, false },
	{ "in a group", NULL, "To: friends: x@example.org, abc@kvt.dk;\n", NULL, false },
	{ "a longer name", NULL, "To: xabc@kvt.dk, abc@kvt.dk.example.org, abc@kvt.dkx\n", "no To or Cc",
	  false },
	{ "another field", NULL, "X-To: " ME "\nReply-To: " ME "\nFrom: " ME "\n", "no To or Cc", false },
	/* where a header ends */
	{ "in the body", NULL, "To: " ME "\n\nPrecedence: bulk\nList-Id: x\n", NULL, false },
	{ "CRLF", NULL, "To: " ME "\r\nPrecedence: bulk\r\n\r\n", "bulk", false },
	{ "CRLF in the body", NULL, "To: " ME "\r\n\r\nPrecedence: bulk\r\n", NULL, false },
	{ "behind a From_ line", NULL, "From x  Fri Nov 20\nTo: " ME "\nPrecedence: bulk\n", "bulk", false },
	{ "a line that is none", NULL, "To: " ME "\nnonsense\nPrecedence: bulk\n", "bulk", false },
	{ "folded", NULL, "To:\n " ME "\nPrecedence:\n\t bulk\n", "bulk", false },
	{ "the last line is cut", NULL, "To: " ME "\nPrecedence: bulk", "bulk", false },
};

static const char *judge(const struct row *row, struct pv_buf *memory)
{
	struct pv_reply_facts f;

	const char *sender = row->sender != NULL ? row->sender : "s@example.org";
	assert_int_equal(pv_reply_facts_read(row->header, strlen(row->header), sender, memory, &f, NULL),
			 PV_OK);
	return pv_reply_refusal(&f, own, sizeof own / sizeof *own, row->to_all);
}

static void every_rule_is_kept(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
		struct pv_buf memory = PV_BUF_INIT(PV_REPLY_HEADER_MAX);
		const char *why = judge(&rows[i], &memory);
		const char *want = rows[i].refused;
		if ((why == NULL) != (want == NULL) || (why != NULL && strstr(why, want) == NULL))
			fail_msg("%s: %s%s `%s`, want %s", rows[i].says,
				 rows[i].sender != NULL ? rows[i].sender : "", rows[i].header,
				 why != NULL ? why : "answered", want != NULL ? want : "an answer");
		pv_buf_free(&memory);
	}
}

/* What goes into the answer's header. */
static void strings_fit_into_a_header(void **state)
{
	static const char header[] = "Subject: a\n\tb \x01"
				     "c\r\n  d\nMessage-ID: <1@x>\nmessage-id: <2@x>\n"
				     "References: <0@x>\n <1@x>\nTo: a@x\nCc: b@x\n\nSubject: no\n";
	struct pv_buf memory = PV_BUF_INIT(PV_REPLY_HEADER_MAX);
	struct pv_reply_facts f;

	(void)state;
	assert_int_equal(pv_reply_facts_read(header, sizeof header - 1, "s@x", &memory, &f, NULL), PV_OK);
	assert_string_equal(f.subject, "a\x20"
				       "b  c  d");
	assert_string_equal(f.message_id, "<1@x>");
	assert_string_equal(f.references, "<0@x> <1@x>");
	assert_string_equal(f.recipients, "a@x\nb@x\n");
	assert_string_equal(f.sender, "s@x");
	/* The memory serves again. */
	assert_int_equal(pv_reply_facts_read("X: y\n", 5, "", &memory, &f, NULL), PV_OK);
	assert_string_equal(f.subject, "");
	assert_string_equal(f.message_id, "");
	assert_string_equal(f.references, "");
	assert_string_equal(f.recipients, "");
	pv_buf_free(&memory);
}

/* Every beginning of a header is read without a step beyond it, and NULs are bytes. */
static void any_bytes_are_read(void **state)
{
	static const char header[] =
		"From x\nTo: " ME "\n\tx\nSubject\0: a\0b\nList-Id:\n \n: \nPrecedence: bulk\n\n";
	struct pv_buf memory = PV_BUF_INIT(PV_REPLY_HEADER_MAX);
	struct pv_reply_facts f;

	(void)state;
	for (size_t len = 0; len < sizeof header; len++) {
		char *copy = malloc(len > 0 ? len : 1);
		assert_non_null(copy);
		memcpy(copy, header, len);
		assert_int_equal(pv_reply_facts_read(copy, len, "s@x", &memory, &f, NULL), PV_OK);
		free(copy);
	}
	assert_true(f.list && f.bulk);
	pv_buf_free(&memory);
}

/* A header of many megabytes costs no more than what is looked at. */
static void a_large_header_is_cut(void **state)
{
	struct pv_buf memory = PV_BUF_INIT(PV_REPLY_HEADER_MAX), header = PV_BUF_INIT(16 << 20);
	struct pv_reply_facts f;

	(void)state;
	pv_buf_adds(&header, "Precedence: bulk\nTo: ");
	for (unsigned i = 0; i < 200000; i++)
		pv_buf_addf(&header, "a%u@example.org,\n ", i);
	assert_false(header.failed);
	assert_int_equal(pv_reply_facts_read(header.s, header.len, "s@x", &memory, &f, NULL), PV_OK);
	assert_true(f.bulk);
	assert_true(strlen(f.recipients) < PV_REPLY_HEADER_MAX);
	pv_buf_free(&header);
	pv_buf_free(&memory);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_rule_is_kept),
		cmocka_unit_test(strings_fit_into_a_header),
		cmocka_unit_test(any_bytes_are_read),
		cmocka_unit_test(a_large_header_is_cut),
	};

	return cmocka_run_group_tests_name("reply", tests, NULL, NULL);
}
