/*
 * maps_dovecot_test.c: who gets a line in Dovecot's file and what stands there, whatever a child says of a
 * mailbox's place. Nothing is opened here: texts in, lines out.
 */
#include "scratch.h"

#include "maps/dovecot.h"
#include "maps/reader_send.h"
#include "maps/report.h"

#define HASH "$1$saltsalt$qjXMvbEw8oaL.CzflDtaK/"
#define HEAD "# Written by make-postfix-maps from /etc/virtual/kvt.dk/passwd; changes are lost.\n"
#define LINE(user, secret, mail)                                                                             \
	user ":" secret ":601:100::/spool/kvt.dk/.imap/" user "::user=" user "@kvt.dk userdb_mail=" mail "\n"
#define MBOX(path) "mbox:~/mail:INBOX=" path

static struct pv_maps_options options;
static struct pv_maps_report report;
static struct pv_store store;
static struct pv_maps_work work;
static struct pv_plan_domain d;
static char etc[] = "/etc/virtual";

static int start(void **state)
{
	(void)state;
	store = (struct pv_store){ .dir = etc,
				   .conf = { .spool_directory = "/spool",
					     .mail_directory = "/mail",
					     .mail_spool_home = "Mail/mailbox" } };
	pv_report_start(&report);
	work = (struct pv_maps_work){ .store = &store, .options = &options, .report = &report };
	d = (struct pv_plan_domain){ .uid = 601 };
	return pv_domain_parse("kvt.dk", 6, &d.domain, NULL) == PV_OK ? 0 : -1;
}

static int stop(void **state)
{
	(void)state;
	pv_maps_report_free(&report);
	return 0;
}

static struct pv_slice slice(const char *text)
{
	return (struct pv_slice){ text, text != NULL ? strlen(text) : 0 };
}

/* Make the lines; the caller frees out. */
static enum pv_class lines(const char *passwd, const char *places, const char *conf, struct pv_buf *out,
			   struct pv_error *e)
{
	const struct pv_domain_files files = {
		.ok = true, .passwd = slice(passwd), .places = slice(places), .conf = slice(conf)
	};

	*out = (struct pv_buf)PV_BUF_INIT(65536);
	return pv_dovecot_lines(&work, &d, 100, &files, out, e);
}

static void rows(void **state)
{
	static const struct {
		const char *sentence, *passwd, *places, *conf, *lines;
		size_t complaints;
		bool plain;
	} table[] = {
		{ "a user with a hash", "abc:" HASH ":601:100:n:.:\n", "s", NULL,
		  LINE("abc", "{CRYPT}" HASH, MBOX("/spool/kvt.dk/abc")), 0, false },
		{ "one with a Maildir", "abc:" HASH ":601:100:n:.:\n", "S", NULL,
		  LINE("abc", "{CRYPT}" HASH,
		       "maildir:/spool/kvt.dk/abc userdb_mail_driver=maildir "
		       "userdb_mail_path=/spool/kvt.dk/abc "
		       "userdb_mail_inbox_path=/spool/kvt.dk/abc"),
		  0, false },
		{ "in mail_directory", "abc:" HASH ":601:100:n:.:\n", "m", NULL,
		  LINE("abc", "{CRYPT}" HASH,
		       MBOX("/mail/abc") " userdb_mail_driver=mbox userdb_mail_path=~/mail "
					 "userdb_mail_inbox_path=/mail/abc"),
		  0, false },
		{ "in a home, whose % is no variable", "abc:" HASH ":601:100:n:/home/a%b:\n", "h", NULL,
		  LINE("abc", "{CRYPT}" HASH,
		       MBOX("/home/a%%b/Mail/mailbox") " userdb_mail_driver=mbox userdb_mail_path=~/mail "
						       "userdb_mail_inbox_path=/home/a%%b/Mail/mailbox"),
		  0, false },
		{ "a home with a blank would begin a field", "abc:" HASH ":601:100:n:/home/a userdb_uid=0:\n",
		  "h", NULL, "", 1, false },
		{ "a home that is none", "abc:" HASH ":601:100:n:.:\n", "h", NULL, "", 1, false },
		{ "a place that cannot be said", "abc:" HASH ":601:100:n:.:\n", "?", NULL, "", 1, false },
		{ "a letter that is no place", "abc:" HASH ":601:100:n:.:\n", "x", NULL, "", 1, false },
		{ "a hash that takes minutes",
		  "abc:$y$jFT$salt$g5kNaMLn3FQgER2OYaDTl107jknol.RlF09MbEKWtzB:601:100:n:.:\n", "s", NULL, "",
		  1, false },
		{ "no password, locked ones, and plain text",
		  "a::601:100:n:.:\nb:*:601:100:n:.:\nc:!" HASH
		  ":601:100:n:.:\nd:x:601:100:n:.:\ne:secret:601:100:n:.:\n"
		  "f:{PLAIN}x:601:100:n:.:\n",
		  "ssssss", NULL, "", 0, false },
		{ "plain text where it is allowed",
		  "a::601:100:n:.:\nb:*:601:100:n:.:\nc:!y:601:100:n:.:\nd:x:601:100:n:.:\ne:se "
		  "cret:601:100:n:.:\n",
		  "sssss", NULL, LINE("e", "{PLAIN}se cret", MBOX("/spool/kvt.dk/e")), 0, true },
		{ "a domain that is closed", "abc:" HASH ":601:100:n:.:\n", "s", "retrieve = no\n", "", 0,
		  false },
		{ "nobody", "# nobody yet\n", "", NULL, "", 0, false },
		{ "places are in the order of the file",
		  "b:" HASH ":601:100:n:.:\n\na:" HASH ":601:100:n:.:\n", "s?", NULL,
		  LINE("b", "{CRYPT}" HASH, MBOX("/spool/kvt.dk/b")), 1, false },
	};

	(void)state;
	for (size_t i = 0; i < sizeof table / sizeof *table; i++) {
		struct pv_error e = { .text = "" };
		struct pv_buf out;
		store.conf.plain_text_passwords = table[i].plain;
		size_t before = report.complaint_count;
		enum pv_class c = lines(table[i].passwd, table[i].places, table[i].conf, &out, &e);
		if (c != PV_OK || strncmp(out.s, HEAD, sizeof HEAD - 1) != 0 ||
		    strcmp(out.s + sizeof HEAD - 1, table[i].lines) != 0)
			fail_msg("%s: class %d (%s)\n%s", table[i].sentence, (int)c, e.text, out.s);
		if (report.complaint_count - before != table[i].complaints)
			fail_msg("%s: %zu complaints", table[i].sentence, report.complaint_count - before);
		pv_buf_free(&out);
	}
}

static void what_cannot_be_parsed_makes_no_file(void **state)
{
	static const struct {
		const char *passwd, *places, *conf;
	} table[] = {
		{ "abc:" HASH ":601:100:n:.:\n", "", NULL },
		{ "abc:" HASH ":601:100:n:.:\n", "s", "retrieve = perhaps\n" },
		{ "abc:" HASH ":601:100:n:.:", "s", NULL },
		{ "abc:" HASH ":602:100:n:.:\n", "s", NULL },
		{ "abc:" HASH ":601:100:n:.:\nabc:" HASH ":601:100:n:.:\n", "ss", NULL },
		{ "abc:" HASH "\n", "s", NULL },
		{ "", "", NULL },
	};

	(void)state;
	for (size_t i = 0; i < sizeof table / sizeof *table; i++) {
		struct pv_error e = { .text = "" };
		struct pv_buf out;
		enum pv_class c = lines(table[i].passwd, table[i].places, table[i].conf, &out, &e);
		if (c != PV_TEMPORARY || e.text[0] == '\0')
			fail_msg("row %zu: class %d, `%s`", i, (int)c, e.text);
		pv_buf_free(&out);
	}
}

static void add_user_frame(struct pv_buf *b, const char *name, const char *text)
{
	struct pv_frame_head head = { .len = (uint32_t)(strlen(name) + 1 + strlen(text)),
				      .type = PV_FRAME_USER };

	pv_buf_add(b, &head, sizeof head);
	pv_buf_add(b, name, strlen(name) + 1);
	pv_buf_adds(b, text);
}

static void users_who_cannot_log_in_are_left_out(void **state)
{
	struct pv_buf frames = PV_BUF_INIT(4096), out = PV_BUF_INIT(65536);
	struct pv_error e;

	(void)state;
	add_user_frame(&frames, "a", "retrieve = no\n");
	add_user_frame(&frames, "b", "receive = no\n");
	add_user_frame(&frames, "c", "expires = 2020-12-31\n");
	const struct pv_domain_files files = { .ok = true,
					       .passwd = slice("a:" HASH ":601:100:n:.:\nb:" HASH
							       ":601:100:n:.:\nc:" HASH ":601:100:n:.:\n"),
					       .places = slice("sss"),
					       .users = { frames.s, frames.len } };
	assert_int_equal(pv_dovecot_lines(&work, &d, 100, &files, &out, &e), PV_OK);
	assert_string_equal(out.s, HEAD LINE("b", "{CRYPT}" HASH, MBOX("/spool/kvt.dk/b")));
	pv_buf_free(&frames);
	pv_buf_free(&out);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(rows, start, stop),
		cmocka_unit_test_setup_teardown(what_cannot_be_parsed_makes_no_file, start, stop),
		cmocka_unit_test_setup_teardown(users_who_cannot_log_in_are_left_out, start, stop),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
