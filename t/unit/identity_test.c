/*
 * Only a queue id that this host's Postfix wrote names a message; what a client says of itself names none.
 */
#include "scratch.h"

#include "../../virtual-deliver/identity.h"

#include "store/conf.h"

#include <sys/utsname.h>

#define TAIL ";\n\tFri, 20 Nov 2026 10:00:00 +0000 (UTC)\n"
#define SMTP(by, id)                                                                                         \
	"Received: from c.example (localhost [127.0.0.1])\n\tby " by " with ESMTP id " id "\n\tfor "         \
	"<a@b>" TAIL

static const struct row {
	const char *sentence, *received;
	const char *id; /* "": none */
	bool ours;
} rows[] = {
	{ "by SMTP, to this host", SMTP("mail.example.net (Postfix)", "4ABCDE12345"), "4ABCDE12345", true },
	{ "by SMTP, the name in other case", SMTP("MAIL.Example.NET (Postfix)", "4ABCDE12345"), "4ABCDE12345",
	  true },
	{ "a Debian's mail_name", SMTP("mail.example.net (Postfix (Debian/GNU))", "4ABCDE12345"),
	  "4ABCDE12345", true },
	{ "a long queue id", SMTP("mail.example.net (Postfix)", "4Xb7TS2jkqzJsx"), "4Xb7TS2jkqzJsx", true },
	{ "with TLS before",
	  "Received: from c (c [127.0.0.1])\n\t(using TLSv1.3 with cipher X (256/256 bits))\n\tby "
	  "mail.example.net "
	  "(Postfix) with ESMTPS id 4ABCDE12345\n\tfor <a@b>" TAIL,
	  "4ABCDE12345", true },
	{ "by sendmail(1)", "Received: by mail.example.net (Postfix, from userid 0)\n\tid 4ABCDE12345" TAIL,
	  "4ABCDE12345", true },
	{ "by Delivered-To's host", SMTP("virtual.invalid (Postfix)", "4ABCDE12345"), "4ABCDE12345", true },
	{ "another host's Postfix", SMTP("mx.elsewhere.example (Postfix)", "4ABCDE12345"), "4ABCDE12345",
	  false },
	{ "a host whose name begins like ours",
	  SMTP("mail.example.net.evil.example (Postfix)", "4ABCDE12345"), "4ABCDE12345", false },
	{ "a host whose name ends like ours", SMTP("evilmail.example.net (Postfix)", "4ABCDE12345"),
	  "4ABCDE12345", false },
	{ "another program on this host", SMTP("mail.example.net (Exim 4.96)", "4ABCDE12345"), "", false },
	{ "no comment", SMTP("mail.example.net", "4ABCDE12345"), "", false },
	{ "an id that is none", SMTP("mail.example.net (Postfix)", "../../etc/passwd"), "", false },
	{ "an id with other bytes",
	  SMTP("mail.example.net (Postfix)", "4ABC\x01"
					     "DE12345"),
	  "", false },
	{ "an id that is too short", SMTP("mail.example.net (Postfix)", "4ABC"), "", false },
	{ "an id of 32 bytes", SMTP("mail.example.net (Postfix)", "0123456789ABCDEF0123456789ABCDEF"),
	  "0123456789ABCDEF0123456789ABCDEF", true },
	{ "an id of 33 bytes", SMTP("mail.example.net (Postfix)", "0123456789ABCDEF0123456789ABCDEF0"), "",
	  false },
	{ "no id", "Received: from x\n\tby mail.example.net (Postfix) with ESMTP" TAIL, "", false },
	{ "cut behind the host", "Received: from x\n\tby mail.example.net (Postfix)", "", false },
	{ "cut in the comment", "Received: from x\n\tby mail.example.net (Post", "", false },
	{ "cut behind by", "Received: from x\n\tby ", "", false },
	{ "the shortest", "Received: by ", "", false },
	{ "empty", "", "", false },
	{ "a HELO that imitates it",
	  "Received: from by mail.example.net (Postfix) with ESMTP id FAKE123 (c [1.2.3.4])\n\tby "
	  "mail.example.net "
	  "(Postfix) with ESMTP id 4ABCDE12345" TAIL,
	  "4ABCDE12345", true },
	{ "a HELO that imitates it, to another program",
	  "Received: from by mail.example.net (Postfix) with ESMTP id FAKE123 (c [1.2.3.4])\n"
	  "\tby mail.example.net (Exim) id 4ABCDE12345" TAIL,
	  "", false },
	{ "a HELO with a tab and by",
	  "Received: from x\tby mail.example.net (Postfix) id FAKE123 (c [1.2.3.4])\n\tby "
	  "mx.elsewhere.example "
	  "(Postfix) with ESMTP id 4ABCDE12345" TAIL,
	  "4ABCDE12345", false },
	{ "a for that imitates it",
	  "Received: from x\n\tby mail.example.net (Postfix) with ESMTP id 4ABCDE12345\n\tfor <\" id "
	  "FAKE123\"@b>" TAIL,
	  "4ABCDE12345", true },
};

static struct hop hop_to(const char *recipient)
{
	return (struct hop){ .recipient = { .s = recipient, .len = strlen(recipient) } };
}

static void ask(const char *received, const char *myhostname, const char *recipient,
		char id[QUEUE_ID_MAX + 1], bool *ours)
{
	struct pv_buf text = PV_BUF_INIT(HEADER_FIELD_MAX);
	struct pv_conf conf;
	const struct hop h = hop_to(recipient);

	pv_conf_defaults(&conf);
	conf.myhostname = myhostname;
	conf.postfix_config_directory = "/nonexistent";
	pv_buf_adds(&text, received);
	identity_queue_id(&conf, &h, &text, id, ours);
	pv_buf_free(&text);
}

static void received_lines(void **state)
{
	char id[QUEUE_ID_MAX + 1];
	bool ours;

	(void)state;
	assert_int_equal(unsetenv("MAIL_CONFIG"), 0);
	for (const struct row *r = rows; r < rows + sizeof rows / sizeof *rows; r++) {
		ask(r->received, "mail.example.net", "kvt_dk+abc--kvt.dk@virtual.invalid", id, &ours);
		if (strcmp(id, r->id) != 0 || ours != r->ours)
			fail_msg("%s: id `%s`, %s", r->sentence, id, ours ? "ours" : "not ours");
	}
}

/* Where virtual.conf does not say the host's name. */
static void other_sources_of_the_name(void **state)
{
	const struct scratch *s = *state;
	char id[QUEUE_ID_MAX + 1], received[500];
	struct utsname u;
	bool ours;

	assert_int_equal(uname(&u), 0);
	(void)snprintf(received, sizeof received, SMTP("%s (Postfix)", "4ABCDE12345"), u.nodename);
	ask(received, "", "a@b", id, &ours);
	assert_true(ours);
	(void)snprintf(received, sizeof received, SMTP("%s.example.net (Postfix)", "4ABCDE12345"),
		       u.nodename);
	ask(received, "", "a@b", id, &ours);
	assert_true(ours);
	(void)snprintf(received, sizeof received, SMTP("%sx.example.net (Postfix)", "4ABCDE12345"),
		       u.nodename);
	ask(received, "", "a@b", id, &ours);
	assert_false(ours);
	/* main.cf, where the last one counts, and an expression is none */
	static const struct {
		const char *main_cf;
		bool ours;
	} files[] = { { "myhostname = mail.example.net\n", true },
		      { "a = b\n# myhostname = x\nmyhostname=\n  mail.example.net\n", true },
		      { "myhostname = x\nmyhostname = mail.example.net\n", true },
		      { "myhostname = mail.example.net\nmyhostname = x\n", false },
		      { "myhostname = $name\n", false },
		      { "mydomain = mail.example.net\n", false },
		      { "", false } };
	assert_int_equal(setenv("MAIL_CONFIG", s->path, 1), 0);
	for (size_t i = 0; i < sizeof files / sizeof *files; i++) {
		scratch_write(s, "main.cf", files[i].main_cf, strlen(files[i].main_cf));
		ask(SMTP("mail.example.net (Postfix)", "4ABCDE12345"), "", "a@b", id, &ours);
		if (ours != files[i].ours)
			fail_msg("main.cf `%s`: %s", files[i].main_cf, ours ? "ours" : "not ours");
	}
	assert_int_equal(unsetenv("MAIL_CONFIG"), 0);
}

static void make(const char *mailbox, const char *top, const char *received, const char *message_id,
		 uint64_t size, unsigned char id[PV_ID_BYTES])
{
	struct header m = { .received = PV_BUF_INIT(1000), .message_id = PV_BUF_INIT(1000), .size = size };
	struct hop h;

	hop_parse(top, strlen(top), &h);
	pv_buf_adds(&m.received, received);
	pv_buf_adds(&m.message_id, message_id);
	identity_make(mailbox, &h, &m, id);
	pv_buf_free(&m.received);
	pv_buf_free(&m.message_id);
}

#define TOP(date, path, original, to)                                                                        \
	"From s@x  " date "\nReturn-Path: <" path ">\nX-Original-To: " original "\nDelivered-To: " to "\n"
#define DATE "Fri Nov 20 09:56:12 2026"

/* Anything but the From_ line's date makes another message. */
static void what_makes_another_id(void **state)
{
	static const struct {
		const char *sentence, *mailbox, *top, *received, *message_id;
		uint64_t size;
		bool same;
	} others[] = {
		{ "the same", "/m", TOP(DATE, "s@x", "a@b", "c@d"), "R: 1", "<1>", 100, true },
		{ "another date", "/m", TOP("Sat Nov 21 11:56:12 2026", "s@x", "a@b", "c@d"), "R: 1", "<1>",
		  100, true },
		{ "another mailbox", "/n", TOP(DATE, "s@x", "a@b", "c@d"), "R: 1", "<1>", 100, false },
		{ "another sender", "/m", TOP(DATE, "t@x", "a@b", "c@d"), "R: 1", "<1>", 100, false },
		{ "another original", "/m", TOP(DATE, "s@x", "A@b", "c@d"), "R: 1", "<1>", 100, false },
		{ "another Delivered-To", "/m", TOP(DATE, "s@x", "a@b", "c@e"), "R: 1", "<1>", 100, false },
		{ "another Received", "/m", TOP(DATE, "s@x", "a@b", "c@d"), "R: 2", "<1>", 100, false },
		{ "another Message-ID", "/m", TOP(DATE, "s@x", "a@b", "c@d"), "R: 1", "<2>", 100, false },
		{ "another size", "/m", TOP(DATE, "s@x", "a@b", "c@d"), "R: 1", "<1>", 101, false },
		{ "a byte moved from one part to the next", "/m", TOP(DATE, "s@x", "a@b", "c@d"), "R: 1<",
		  "1>", 100, false },
		{ "no X-Original-To", "/m", "From s@x  " DATE "\nReturn-Path: <s@x>\nDelivered-To: c@d\n",
		  "R: 1", "<1>", 100, false },
	};
	unsigned char first[PV_ID_BYTES], id[PV_ID_BYTES];

	(void)state;
	make(others[0].mailbox, others[0].top, others[0].received, others[0].message_id, others[0].size,
	     first);
	for (size_t i = 0; i < sizeof others / sizeof *others; i++) {
		make(others[i].mailbox, others[i].top, others[i].received, others[i].message_id,
		     others[i].size, id);
		if ((memcmp(id, first, sizeof id) == 0) != others[i].same)
			fail_msg("%s: it has %s id", others[i].sentence,
				 others[i].same ? "another" : "the same");
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(received_lines),
		cmocka_unit_test_setup_teardown(other_sources_of_the_name, scratch_make, scratch_remove),
		cmocka_unit_test(what_makes_another_id),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
