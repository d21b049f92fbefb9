/*
 * store_mail_settings_test.c: the settings of domain.conf and users/USER: their values, defaults, days, and
 * changes.
 */
#include "scratch.h"

#include "store/mail_conf.h"

#include <time.h>

/* Every setting, as somebody may write it who uses all. */
static void all_settings_have_their_place(void **state)
{
	static const char domain_text[] =
		"receive = no\nretrieve=off\nchange_password = 0\nmatch_full_name = yes\n"
		"forward_outside = no\nunknown_to = postmaster\nfallback = |/bin/x %u '%f'\n"
		"extra_aliases = more, /home/kvt/aliases\ndomain_quota = 1G\n"
		"filter = /usr/bin/spamc -u kvt\ndeliver_with = /usr/bin/lda\n"
		"after_storing = /bin/notify\nmailbox_format = maildir\nquota = 50MB\n"
		"quota_messages = 1000\nmessage_size = 500k\nquota_warning = 80\n"
		"over_quota = refuse\nover_quota_days = 3\nvacation_interval = 14\n"
		"vacation_to_all = yes\nlanguage = da\n";
	static const char user_text[] =
		"receive = no\nretrieve = no\nchange_password = no\nkeep_copy = no\n"
		"forward = a@example.org,\n  b@example.org\nexpires = 2026-12-24\n"
		"vacation_start = 2026-07-01\nvacation_end = 2026-07-31\nquota = NOQUOTA\n";
	struct pv_buf text = PV_BUF_INIT(65536);
	struct pv_domain_conf d;
	struct pv_user_conf u;

	(void)state;
	pv_buf_adds(&text, domain_text);
	assert_int_equal(pv_domain_conf_parse(&text, "F", &d, NULL), PV_OK);
	assert_int_equal(text.len, 0);
	assert_true(!d.receive && !d.retrieve && !d.change_password && d.match_full_name &&
		    !d.forward_outside);
	assert_int_equal(d.unknown_to, PV_UNKNOWN_POSTMASTER);
	assert_string_equal(d.fallback, "|/bin/x %u '%f'");
	assert_int_equal(d.fallback_line, 7);
	assert_string_equal(d.extra_aliases[0], "more");
	assert_string_equal(d.extra_aliases[1], "/home/kvt/aliases");
	assert_int_equal(d.domain_quota, 1000000000);
	pv_buf_adds(&text, user_text);
	assert_int_equal(pv_user_conf_parse(&text, "F", &d, &u, NULL), PV_OK);
	assert_true(!u.receive && !u.retrieve && !u.change_password && !u.keep_copy);
	assert_string_equal(u.forward, "a@example.org, b@example.org");
	assert_int_equal(u.forward_line, 5);
	assert_true(u.expires.year == 2026 && u.expires.month == 12 && u.expires.day == 24);
	assert_true(u.vacation_start.month == 7 && u.vacation_start.day == 1 && u.vacation_end.day == 31);
	/* What the domain says, but for what the user says. */
	assert_string_equal(u.mail.filter, "/usr/bin/spamc -u kvt");
	assert_string_equal(u.mail.deliver_with, "/usr/bin/lda");
	assert_string_equal(u.mail.after_storing, "/bin/notify");
	assert_int_equal(u.mail.mailbox_format, PV_FORMAT_MAILDIR);
	assert_int_equal(u.mail.quota, 0);
	assert_int_equal(d.mail.quota, 50000000);
	assert_int_equal(u.mail.quota_messages, 1000);
	assert_int_equal(u.mail.message_size, 500000);
	assert_int_equal(u.mail.quota_warning, 80);
	assert_true(u.mail.over_quota_refuse && u.mail.vacation_to_all);
	assert_int_equal(u.mail.over_quota_days, 3);
	assert_int_equal(u.mail.vacation_interval, 14);
	assert_string_equal(u.mail.language, "da");
	pv_user_conf_free(&u);
	/* An empty value of his own is one. */
	pv_buf_adds(&text, "filter =\ndeliver_with=\nlanguage = \nquota =\nquota_messages =\n");
	assert_int_equal(pv_user_conf_parse(&text, "F", &d, &u, NULL), PV_OK);
	assert_string_equal(u.mail.filter, "");
	assert_string_equal(u.mail.deliver_with, "");
	assert_string_equal(u.mail.after_storing, "/bin/notify");
	assert_string_equal(u.mail.language, "");
	assert_int_equal(u.mail.quota + u.mail.quota_messages, 0);
	assert_int_equal(u.forward_line, 0);
	pv_user_conf_free(&u);
	pv_domain_conf_free(&d);
	assert_string_equal(d.fallback, "");
}

/* domain.conf or users/USER with this text: fields as bytes, strings of their own left out. */
static bool says_the_same(const char *name, const char *value, bool of_user)
{
	struct pv_buf text = PV_BUF_INIT(65536);
	struct pv_domain_conf d, d0;
	struct pv_user_conf u, u0;
	bool same;

	pv_buf_addf(&text, "%s = %s\n", name, value);
	if (of_user) {
		pv_user_conf_defaults(NULL, &u0);
		assert_int_equal(pv_user_conf_parse(&text, "F", NULL, &u, NULL), PV_OK);
		same = strcmp(u.forward, u0.forward) == 0 && u.receive == u0.receive &&
		       u.retrieve == u0.retrieve && u.change_password == u0.change_password &&
		       u.keep_copy == u0.keep_copy &&
		       memcmp(&u.expires, &u0.expires, 3 * sizeof u.expires) == 0;
		d.mail = u.mail, d0.mail = u0.mail;
	} else {
		pv_domain_conf_defaults(&d0);
		assert_int_equal(pv_domain_conf_parse(&text, "F", &d, NULL), PV_OK);
		same = d.receive == d0.receive && d.retrieve == d0.retrieve &&
		       d.change_password == d0.change_password && d.match_full_name == d0.match_full_name &&
		       d.forward_outside == d0.forward_outside && d.unknown_to == d0.unknown_to &&
		       strcmp(d.fallback, d0.fallback) == 0 && strcmp(d.extra_aliases[0], "") == 0 &&
		       strcmp(d.extra_aliases[1], "") == 0 && d.domain_quota == d0.domain_quota;
	}
	const struct pv_mail_conf *m = &d.mail, *m0 = &d0.mail;
	same = same && strcmp(m->filter, m0->filter) == 0 && strcmp(m->deliver_with, m0->deliver_with) == 0 &&
	       strcmp(m->after_storing, m0->after_storing) == 0 && m->mailbox_format == m0->mailbox_format &&
	       m->quota == m0->quota && m->quota_messages == m0->quota_messages &&
	       m->message_size == m0->message_size && m->quota_warning == m0->quota_warning &&
	       m->over_quota_refuse == m0->over_quota_refuse && m->over_quota_days == m0->over_quota_days &&
	       m->vacation_interval == m0->vacation_interval && m->vacation_to_all == m0->vacation_to_all &&
	       strcmp(m->language, m0->language) == 0;
	if (of_user)
		pv_user_conf_free(&u);
	else
		pv_domain_conf_free(&d);
	return same;
}

static void the_table_is_sorted_and_tells_the_defaults(void **state)
{
	size_t count = 0;

	(void)state;
	for (const struct pv_mail_setting *s = pv_mail_settings(); s->name != NULL; s++, count++) {
		assert_true(s->of_domain || s->of_user);
		assert_true(s[1].name == NULL || strcmp(s->name, s[1].name) < 0);
		assert_true(s->help[strlen(s->help) - 1] == '.');
		for (int of_user = 0; of_user < 2; of_user++) {
			bool may = of_user ? s->of_user : s->of_domain;
			struct pv_error e;
			enum pv_class c = pv_mail_setting_check(s->name, s->default_value, of_user, &e);
			assert_int_equal(c, may ? PV_OK : PV_PERMANENT);
			if (may && !says_the_same(s->name, s->default_value, of_user))
				fail_msg("%s = %s is not the default", s->name, s->default_value);
			if (!may)
				assert_non_null(strstr(e.text, "possible are: "));
		}
	}
	assert_int_equal(count, 27);
}

static void values_are_judged_alike_in_a_file_and_before_a_change(void **state)
{
	static const struct {
		const char *name, *value, *mend; /* NULL: it is taken */
	} table[] = {
		{ "quota", "5M", NULL },
		{ "quota", "5m", NULL },
		{ "quota", "5000000", NULL },
		{ "quota", "500k", NULL },
		{ "quota", "50MB", NULL },
		{ "quota", "NOQUOTA", NULL },
		{ "quota", "0", NULL },
		{ "quota", "5X", "write a size like 50M, 500k or 5000000, or NOQUOTA" },
		{ "quota", "-1", "write a size" },
		{ "quota", "5 M", "write a size" },
		{ "message_size", "99999999999G", "write a size" },
		{ "quota_messages", "5M", "write a number of messages" },
		{ "quota_warning", "100", NULL },
		{ "quota_warning", "0", NULL },
		{ "quota_warning", "101", "write a number of percent, 0 to 100" },
		{ "quota_warning", "", "write a number of percent" },
		{ "quota_warning", "90%", "write a number of percent" },
		{ "over_quota", "defer", NULL },
		{ "over_quota", "Refuse", "write defer or refuse" },
		{ "over_quota", "", "write defer or refuse" },
		{ "over_quota_days", "365", NULL },
		{ "over_quota_days", "366", "write a number of days, 0 to 365" },
		{ "vacation_interval", "1", NULL },
		{ "vacation_interval", "0", "write a number of days, 1 to 365" },
		{ "mailbox_format", "Maildir", NULL },
		{ "mailbox_format", "MH", "write mbox or maildir" },
		{ "mailbox_format", "", "write mbox or maildir" },
		{ "language", "de", "write en or da" },
		{ "receive", "maybe", "write yes or no" },
		{ "unknown_to", "", NULL },
		{ "unknown_to", "refuse", NULL },
		{ "unknown_to", "root", "write refuse or postmaster" },
		{ "filter", "/bin/x 'a b' %u", NULL },
		{ "filter", "/bin/x 100%", "`%` must have d (domain)" },
		{ "deliver_with", "/usr/lib/dovecot/dovecot-lda -d %u@%d -f %f", NULL },
		{ "filter", "x", "the program needs its whole path" },
		{ "filter", "/bin/x | /bin/y", "`|` stands in the command" },
		{ "deliver_with", "/bin/x $HOME", "`$` stands in the command" },
		{ "after_storing", "/bin/x 'a", "a quote (') of the command is not closed" },
		{ "expires", "2026-12-31", NULL },
		{ "expires", "2024-02-29", NULL },
		{ "expires", "2026-02-29", "write a day like 2026-12-24" },
		{ "expires", "2026-1-1", "write a day" },
		{ "expires", "31.12.2026", "write a day" },
		{ "vacation_start", "2026-00-10", "write a day" },
		{ "vacation_end", "2026-10-00", "write a day" },
		{ "vacation_end", "2026-13-01", "write a day" },
		{ "forward", "a@example.org", NULL },
		{ "forward", "a@example.org, b@example.org,", NULL },
		{ "forward", "Joe Who <a@example.org>", NULL },
		{ "forward", "", NULL },
		{ "forward", "abc", "`abc` is not user@domain: write addresses with commas between" },
		{ "forward", "a@example.org b@example.org", "is no target: a blank stands in it" },
		{ "forward", "|/bin/x", "is not user@domain" },
		{ "forward", "/home/x", "is not user@domain" },
		{ "forward", ":include:x", "is not user@domain" },
		{ "forward", "\\abc", "is not user@domain" },
		{ "forward", "a@virtual.invalid", "is no target: what stands behind the `@` is no domain" },
		{ "extra_aliases", "", NULL },
		{ "extra_aliases", "more", NULL },
		{ "extra_aliases", "more, /home/kvt/aliases", NULL },
		{ "extra_aliases", "a b", NULL },
		{ "extra_aliases", "a, b, c", "write two names of files" },
		{ "extra_aliases", "../x", "write two names of files" },
		{ "extra_aliases", "x/y", "write two names of files" },
		{ "extra_aliases", "/etc/../x", "write two names of files" },
		{ "extra_aliases", "/home/x/", "write two names of files" },
		{ "extra_aliases", ".hidden", "write two names of files" },
		{ "extra_aliases", "passwd", "write two names of files" },
		{ "extra_aliases", "aliases", "write two names of files" },
		/* The six forms of a fallback, and a mailbox. */
		{ "fallback", "", NULL },
		{ "fallback", "abc", NULL },
		{ "fallback", "joe.who", NULL },
		{ "fallback", "o'brien", NULL },
		{ "fallback", "abc@example.org", NULL },
		{ "fallback", "@example.org", NULL },
		{ "fallback", "|/bin/x %d %f %u", NULL },
		{ "fallback", "| /bin/x", NULL },
		{ "fallback", "delete", NULL },
		{ "fallback", "/home/kvt/Mail/lost", NULL },
		{ "fallback", "/home/kvt/Mail/lost/", NULL },
		{ "fallback", "/home/kvt/my mail", NULL },
		{ "fallback", "a, b", "write the name of a user or an alias, user@domain, @domain" },
		{ "fallback", "a b", "write the name of a user" },
		{ "fallback", "\"a\"", "write the name of a user" },
		{ "fallback", "\\a", "write the name of a user" },
		{ "fallback", "Joe <a@example.org>", "write the name of a user" },
		{ "fallback", ":include:x", "write the name of a user" },
		{ "fallback", "x/y", "write the name of a user" },
		{ "fallback", "../x", "write the name of a user" },
		{ "fallback", "@", "write the name of a user" },
		{ "fallback", "@localhost", "write the name of a user" },
		{ "fallback", "abc@", "write the name of a user" },
		{ "fallback", "abc@virtual.invalid", "write the name of a user" },
		{ "fallback", "@virtual.invalid", "write the name of a user" },
		{ "fallback", "|", "the program needs its whole path" },
		{ "fallback", "|x", "the program needs its whole path" },
		{ "fallback", "|/bin/x %x", "`%` must have d (domain)" },
		{ "fallback", "|/bin/%u", "%u stands in the path" },
		{ "fallback", "|/bin/x `id`", "stands in the command" },
		{ "fallback", "/", "write the whole path of a mailbox" },
		{ "fallback", "/home/../x", "write the whole path of a mailbox" },
		{ "fallback", "/home/.ssh/authorized_keys", "without `..` and hidden parts" },
		{ "fallback", "/home//x", "write the whole path of a mailbox" },
		{ "fallback", "/home/.", "write the whole path of a mailbox" },
	};

	(void)state;
	for (size_t i = 0; i < sizeof table / sizeof *table; i++)
		for (int of_user = 0; of_user < 2; of_user++) {
			struct pv_buf text = PV_BUF_INIT(65536);
			const struct pv_mail_setting *s = pv_mail_settings();
			struct pv_error file = { .text = "" }, change = { .text = "" };
			struct pv_domain_conf d;
			struct pv_user_conf u;
			while (strcmp(s->name, table[i].name) != 0)
				s++;
			if (!(of_user ? s->of_user : s->of_domain))
				continue;
			pv_buf_addf(&text, "# c\n%s = %s\n", table[i].name, table[i].value);
			pv_domain_conf_defaults(&d);
			pv_user_conf_defaults(NULL, &u);
			enum pv_class c = of_user ? pv_user_conf_parse(&text, "F", NULL, &u, &file)
						  : pv_domain_conf_parse(&text, "F", &d, &file);
			enum pv_class c2 =
				pv_mail_setting_check(table[i].name, table[i].value, of_user, &change);
			if (c != (table[i].mend == NULL ? PV_OK : PV_TEMPORARY) ||
			    c2 != (table[i].mend == NULL ? PV_OK : PV_PERMANENT))
				fail_msg("%s = %s: class %d, %d, %s", table[i].name, table[i].value, (int)c,
					 (int)c2, file.text);
			if (table[i].mend != NULL) {
				assert_ptr_equal(strstr(file.text, "F, line 2: "), file.text);
				if (strstr(file.text, table[i].mend) == NULL ||
				    strstr(change.text, table[i].mend) == NULL)
					fail_msg("%s = %s: %s; %s", table[i].name, table[i].value, file.text,
						 change.text);
				assert_string_equal(file.status, "4.3.5");
			}
			pv_domain_conf_free(&d);
			pv_user_conf_free(&u);
		}
}

static void what_a_line_cannot_hold_is_not_written(void **state)
{
	static const char *const values[] = {
		"abc\nreceive = no", "a\rb", "a\x01", " abc", "abc ", "\tabc", "a\x7f"
	};
	struct pv_error e;

	(void)state;
	for (size_t i = 0; i < sizeof values / sizeof *values; i++) {
		assert_int_equal(pv_mail_setting_check("fallback", values[i], false, &e), PV_PERMANENT);
		assert_non_null(strstr(e.text, "without control characters and without blanks around"));
	}
	assert_int_equal(pv_mail_setting_check("fallbock", "abc", false, &e), PV_PERMANENT);
	assert_ptr_equal(
		strstr(e.text,
		       "there is no setting `fallbock`; possible are: after_storing, change_password"),
		e.text);
}

static void days_are_days(void **state)
{
	static const char *const wrong[] = { "",	   "2026",	 "2026-12",    "2026-12-2",
					     "2026-12-32", "1969-12-31", "2026/12/24", "2026-12-24x",
					     "+026-12-24", "2026-1 -24", "2100-02-29", "2026-04-31" };
	const struct pv_day a = { 2026, 12, 24 }, b = { 2026, 12, 25 }, c = { 2027, 1, 1 };
	struct pv_day d = { 0 };
	time_t now = time(NULL);

	(void)state;
	for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++)
		if (pv_day_parse(wrong[i], strlen(wrong[i]), &d))
			fail_msg("`%s` is a day", wrong[i]);
	assert_false(pv_day_is_set(&d));
	assert_true(pv_day_parse("2000-02-29", 10, &d) && pv_day_is_set(&d));
	assert_true(pv_day_compare(&a, &b) < 0 && pv_day_compare(&c, &b) > 0 && pv_day_compare(&b, &b) == 0);
	assert_true(pv_day_compare(&d, &a) < 0);
	/* Midnight may come between. */
	struct tm t;
	assert_non_null(localtime_r(&now, &t));
	d = pv_day_today();
	assert_true(d.year == (unsigned)t.tm_year + 1900 && d.month == (unsigned)t.tm_mon + 1);
}

static void an_expired_user_neither_receives_nor_retrieves(void **state)
{
	const struct pv_day before = { 2026, 12, 23 }, last = { 2026, 12, 24 }, after = { 2026, 12, 25 };
	struct pv_user_conf u;

	(void)state;
	pv_user_conf_defaults(NULL, &u);
	assert_true(pv_user_conf_receives(&u, &after) && pv_user_conf_retrieves(&u, NULL));
	u.expires = last;
	assert_true(pv_user_conf_receives(&u, &before) && pv_user_conf_retrieves(&u, &before));
	assert_true(pv_user_conf_receives(&u, &last) && pv_user_conf_retrieves(&u, &last));
	assert_false(pv_user_conf_receives(&u, &after) || pv_user_conf_retrieves(&u, &after));
	u.expires = (struct pv_day){ 2020, 1, 1 };
	assert_true(pv_user_conf_expired(&u, NULL));
	u.expires = (struct pv_day){ 9999, 12, 31 };
	assert_false(pv_user_conf_expired(&u, NULL));
	u.receive = false;
	assert_false(pv_user_conf_receives(&u, &before));
	assert_true(pv_user_conf_retrieves(&u, &before));
	u.receive = true, u.retrieve = false;
	assert_true(pv_user_conf_receives(&u, &before));
	assert_false(pv_user_conf_retrieves(&u, &before));
}

static void a_change_touches_its_line_alone(void **state)
{
	static const struct {
		const char *text, *name, *value, *result;
	} table[] = {
		{ "", "receive", "no", "receive = no\n" },
		{ "", "receive", NULL, "" },
		{ "# mine\nlanguage = da\n", "receive", "no", "# mine\nlanguage = da\nreceive = no\n" },
		{ "a = b", "receive", "no", "a = b\nreceive = no\n" },
		{ "receive=yes\nx = y\n", "receive", "no", "receive = no\nx = y\n" },
		{ "receive\t=yes\n", "receive", "no", "receive = no\n" },
		{ "receiver = x\nreceive = no\n", "receive", NULL, "receiver = x\n" },
		{ "forward = a@b.dk,\n# c\n  d@b.dk\nx = y\n", "forward", "e@b.dk",
		  "forward = e@b.dk\n# c\nx = y\n" },
		{ "filter = /bin/x\n", "filter", "", "filter =\n" },
		/* The first line may be indented. */
		{ " receive=no\nretrieve = no", "receive", NULL, "retrieve = no\n" },
		{ "# c\n\t receive=no\n", "receive", "yes", "# c\nreceive = yes\n" },
		{ "a = b\n  receive=no\n", "receive", "yes", "a = b\n  receive=no\nreceive = yes\n" },
	};

	(void)state;
	for (size_t i = 0; i < sizeof table / sizeof *table; i++) {
		struct pv_buf out = PV_BUF_INIT(4096);
		pv_mail_conf_change(table[i].text, strlen(table[i].text), table[i].name, table[i].value,
				    &out);
		if (strcmp(out.s, table[i].result) != 0)
			fail_msg("row %zu: `%s`, not `%s`", i, out.s, table[i].result);
		pv_buf_free(&out);
	}
}

/* Random files and changes: what was set is read, and the lines of all others are the same bytes. */
static void a_change_then_a_reading_gives_what_was_set(void **state)
{
	static const char *const pieces[] = { "receive = no\n",	 "quota=5M\n",
					      "# c\n",		 "\n",
					      "language = da\n", "forward = a@b.dk,\n  c@b.dk\n",
					      "#quota = 1\n",	 "keep_copy\t=\tno\n" };
	static const char *const names[] = {
		"receive", "quota", "language", "forward", "keep_copy", "expires"
	};
	static const char *const values[] = { "yes", "7M", "en", "x@b.dk", "yes", "2030-01-01" };
	uint64_t seed = 7;

	(void)state;
	for (int round = 0; round < 2000; round++) {
		struct pv_buf text = PV_BUF_INIT(4096), out = PV_BUF_INIT(4096), back = PV_BUF_INIT(4096);
		unsigned which = next_random(&seed) % 6, used = 0;
		struct pv_user_conf u;
		for (unsigned n = next_random(&seed) % 7; n > 0; n--) {
			unsigned piece = next_random(&seed) % 8;
			if ((used & 1U << piece) == 0)
				pv_buf_adds(&text, pieces[piece]);
			used |= 1U << piece;
		}
		pv_mail_conf_change(text.s, text.len, names[which], values[which], &out);
		/* Taken away again: what is left is what the text is without it. */
		pv_mail_conf_change(text.s, text.len, names[which], NULL, &back);
		struct pv_buf gone = PV_BUF_INIT(4096);
		pv_mail_conf_change(out.s, out.len, names[which], NULL, &gone);
		assert_string_equal(gone.s, back.s);
		assert_int_equal(pv_user_conf_parse(&out, "F", NULL, &u, NULL), PV_OK);
		assert_int_equal(u.receive, which == 0 || (used & 1) == 0);
		assert_int_equal(u.mail.quota, which == 1 ? 7000000 : (used & 2) != 0 ? 5000000 : 0);
		assert_string_equal(u.mail.language, which == 2 ? "en" : (used & 16) != 0 ? "da" : "");
		assert_string_equal(u.forward, which == 3	  ? "x@b.dk"
					       : (used & 32) != 0 ? "a@b.dk, c@b.dk"
								  : "");
		assert_int_equal(u.keep_copy, which == 4 || (used & 128) == 0);
		assert_int_equal(u.expires.year, which == 5 ? 2030 : 0);
		pv_user_conf_free(&u);
		pv_buf_free(&text);
		pv_buf_free(&back);
		pv_buf_free(&gone);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(all_settings_have_their_place),
		cmocka_unit_test(the_table_is_sorted_and_tells_the_defaults),
		cmocka_unit_test(values_are_judged_alike_in_a_file_and_before_a_change),
		cmocka_unit_test(what_a_line_cannot_hold_is_not_written),
		cmocka_unit_test(days_are_days),
		cmocka_unit_test(an_expired_user_neither_receives_nor_retrieves),
		cmocka_unit_test(a_change_touches_its_line_alone),
		cmocka_unit_test(a_change_then_a_reading_gives_what_was_set),
	};

	return cmocka_run_group_tests_name("store_mail_settings", tests, NULL, NULL);
}
