/*
 * store_conf_test.c: virtual.conf: what it may say, and what is said about the rest.
 */
#include "scratch.h"

#include "store/conf.h"

/* Parse text into *c, whose memory the caller frees. */
static enum pv_class parse(const char *text, struct pv_conf *c, struct pv_error *e)
{
	pv_conf_defaults(c);
	pv_buf_adds(&c->text, text);
	return pv_conf_parse(c, "/x/virtual.conf", e);
}

static void the_table_is_sorted_and_explains_itself(void **state)
{
	const struct pv_conf_item *items = pv_conf_items();
	struct pv_conf c;

	(void)state;
	pv_conf_defaults(&c);
	assert_int_equal(c.text.len, 0);
	for (size_t i = 0; items[i].name != NULL; i++) {
		if (i > 0)
			assert_true(strcmp(items[i - 1].name, items[i].name) < 0);
		assert_true(strlen(items[i].help) > 10);
		assert_int_equal(items[i].help[strlen(items[i].help) - 1], '.');
		assert_string_equal(pv_conf_value(&c, items[i].name), items[i].default_value);
	}
	assert_null(pv_conf_value(&c, "spool"));
	assert_null(pv_conf_value(&c, ""));
}

static void the_defaults_are_those_of_the_design(void **state)
{
	struct pv_conf c;

	(void)state;
	pv_conf_defaults(&c);
	assert_string_equal(c.spool_directory, "/var/spool/virtual");
	assert_string_equal(c.map_directory, "/etc/virtual/maps");
	assert_string_equal(c.map_type, "lmdb");
	assert_string_equal(c.postfix_config_directory, "/etc/postfix");
	assert_string_equal(c.mail_spool_home, "Mail/mailbox");
	assert_string_equal(c.mail_directory, "/var/mail");
	assert_string_equal(c.state_directory, "/var/lib/virtual");
	assert_string_equal(c.run_directory, "/run/virtual");
	assert_string_equal(c.delivery_program, PV_BINDIR "/virtual-deliver");
	assert_string_equal(c.sendmail_program, "/usr/sbin/sendmail");
	assert_string_equal(c.command_time_limit, "300");
	assert_string_equal(c.default_domain, "");
	assert_string_equal(c.myhostname, "");
	assert_string_equal(c.log_socket, "/dev/log");
	assert_false(c.fcntl_only);
	assert_false(c.plain_text_passwords);
}

static void what_is_shown_can_be_read_back(void **state)
{
	const struct pv_conf_item *items = pv_conf_items();
	struct pv_buf text = PV_BUF_INIT(65536);
	struct pv_conf c;
	struct pv_error e;

	(void)state;
	for (size_t i = 0; items[i].name != NULL; i++)
		pv_buf_addf(&text, "%s = %s\n", items[i].name, items[i].default_value);
	if (parse(text.s, &c, &e) != PV_OK)
		fail_msg("%s", e.text);
	for (size_t i = 0; items[i].name != NULL; i++)
		assert_string_equal(pv_conf_value(&c, items[i].name), items[i].default_value);
	pv_buf_free(&c.text);
	pv_buf_free(&text);
}

static void what_may_be_written(void **state)
{
	static const struct {
		const char *text, *name, *value;
	} table[] = {
		{ "", "spool_directory", "/var/spool/virtual" },
		{ "# nothing\n\n   \n", "spool_directory", "/var/spool/virtual" },
		{ "spool_directory = /srv/mail\n", "spool_directory", "/srv/mail" },
		{ "spool_directory=/srv/mail", "spool_directory", "/srv/mail" },
		{ "  spool_directory \t=\t /srv/mail \t\r\n", "spool_directory", "/srv/mail" },
		{ "spool_directory =\n  /srv/mail\n", "spool_directory", "/srv/mail" },
		{ "spool_directory =\n# why\n\n  /srv/mail\nfcntl_only = yes\n", "spool_directory",
		  "/srv/mail" },
		{ "spool_directory = /a..b/..c/d../.e\n", "spool_directory", "/a..b/..c/d../.e" },
		{ "spool_directory = /\n", "spool_directory", "/" },
		{ "map_type = lmdb\n", "map_type", "lmdb" },
		{ "postfix_config_directory = /a, /b /c\n", "postfix_config_directory", "/a, /b /c" },
		{ "mail_spool_home =\n", "mail_spool_home", "" },
		{ "mail_spool_home = mbox\n", "mail_spool_home", "mbox" },
		{ "mail_directory =\n", "mail_directory", "" },
		{ "default_domain = KVT.dk\n", "default_domain", "KVT.dk" },
		{ "default_domain =\n", "default_domain", "" },
		{ "myhostname = mail\n", "myhostname", "mail" },
		{ "fcntl_only = yes\n", "fcntl_only", "yes" },
		{ "fcntl_only = On\n", "fcntl_only", "yes" },
		{ "fcntl_only = 0\n", "fcntl_only", "no" },
		{ "plain_text_passwords = true\n", "plain_text_passwords", "yes" },
		{ "delivery_program = /opt/x+y@z%1=~/v-d\n", "delivery_program", "/opt/x+y@z%1=~/v-d" },
	};
	struct pv_conf c;
	struct pv_error e;

	(void)state;
	for (size_t i = 0; i < sizeof table / sizeof *table; i++) {
		if (parse(table[i].text, &c, &e) != PV_OK)
			fail_msg("`%s`: %s", table[i].text, e.text);
		assert_string_equal(pv_conf_value(&c, table[i].name), table[i].value);
		pv_buf_free(&c.text);
	}
}

static void what_may_not(void **state)
{
	static const struct {
		const char *text, *line, *why;
	} table[] = {
		{ "spool = /x\n", "line 1", "there is no setting spool" },
		{ "\n\nSpool_directory = /x\n", "line 3", "`Spool_directory` is not the name of a setting" },
		{ "spool_directory\n", "line 1", "expected `name = value`" },
		{ "= /x\n", "line 1", "not the name of a setting" },
		{ "spool_directory = /a\n#\nspool_directory = /a\n", "line 3", "stands in line 1 already" },
		{ "spool_directory =\n", "line 1", "write an absolute path" },
		{ "postfix_config_directory =\n", "line 1", "the absolute path of each" },
		{ "postfix_config_directory = ,\n", "line 1", "the absolute path of each" },
		{ "postfix_config_directory = /a, b\n", "line 1", "the absolute path of each" },
		{ "postfix_config_directory = /a;/b\n", "line 1", "the absolute path of each" },
		{ "postfix_config_directory = /a, /b/../c\n", "line 1", "the absolute path of each" },
		{ "postfix_config_directory = /a, /b, /a\n", "line 1", "each once" },
		{ "postfix_config_directory = /1 /2 /3 /4 /5 /6 /7 /8 /9 /10 /11 /12 /13 /14 /15 /16 /17\n",
		  "line 1", "16 at most" },
		{ "spool_directory = srv\n", "line 1", "write an absolute path" },
		{ "spool_directory = /srv/../etc\n", "line 1", "without `..`" },
		{ "spool_directory = /srv/..\n", "line 1", "without `..`" },
		{ "spool_directory = /..\n", "line 1", "without `..`" },
		{ "spool_directory = /srv mail\n", "line 1", "write an absolute path" },
		{ "spool_directory = /a\n b\n", "line 1", "write an absolute path" },
		{ "spool_directory = \"/srv\"\n", "line 1", "write an absolute path" },
		{ "spool_directory = $mail\n", "line 1", "write an absolute path" },
		{ "spool_directory = /s\303\270\n", "line 1", "write an absolute path" },
		{ "map_directory = /a,b\n", "line 1", "write an absolute path" },
		{ "mail_spool_home = /Mail\n", "line 1", "write a path below a home" },
		{ "mail_spool_home = ../mbox\n", "line 1", "write a path below a home" },
		{ "mail_spool_home = ~/mbox\n", "line 1", "write a path below a home" },
		{ "mail_spool_home = a/../../b\n", "line 1", "write a path below a home" },
		{ "map_type = hash\n", "line 1", "only lmdb is known" },
		{ "map_type =\n", "line 1", "only lmdb is known" },
		{ "default_domain = localhost\n", "line 1", "write a domain" },
		{ "myhostname = a b\n", "line 1", "write a host's name" },
		{ "fcntl_only = maybe\n", "line 1", "write yes or no" },
		{ "fcntl_only =\n", "line 1", "write yes or no" },
		{ "map_type = lmdb\nplain_text_passwords = yes no\n", "line 2", "write yes or no" },
	};
	struct pv_conf c;
	struct pv_error e;

	(void)state;
	for (size_t i = 0; i < sizeof table / sizeof *table; i++) {
		if (parse(table[i].text, &c, &e) != PV_TEMPORARY)
			fail_msg("taken: `%s`", table[i].text);
		assert_string_equal(e.status, "4.3.5");
		if (strncmp(e.text, "/x/virtual.conf, ", 17) != 0 || strstr(e.text, table[i].line) == NULL ||
		    strstr(e.text, table[i].why) == NULL)
			fail_msg("`%s`: %s", table[i].text, e.text);
		pv_buf_free(&c.text);
	}
}

static void a_path_may_have_1024_bytes(void **state)
{
	static const char name[] = "spool_directory = ";
	char text[2048];
	struct pv_conf c;
	struct pv_error e;

	(void)state;
	for (size_t len = 1024; len <= 1025; len++) {
		memcpy(text, name, sizeof name);
		memset(text + sizeof name - 1, '/', len);
		text[sizeof name - 1 + len] = '\0';
		assert_int_equal(parse(text, &c, &e), len == 1024 ? PV_OK : PV_TEMPORARY);
		pv_buf_free(&c.text);
	}
}

static void a_nul_is_an_error(void **state)
{
	struct pv_conf c;
	struct pv_error e;

	(void)state;
	pv_conf_defaults(&c);
	pv_buf_add(&c.text, "fcntl_only = yes\0no\n", 20);
	assert_int_equal(pv_conf_parse(&c, "f", &e), PV_TEMPORARY);
	assert_non_null(strstr(e.text, "f, line 1: "));
	pv_buf_free(&c.text);
}

static void instances_are_counted_and_given_one_by_one(void **state)
{
	static const struct {
		const char *value, *want;
	} rows[] = { { "/etc/postfix", "/etc/postfix|" },
		     { "/a,/b", "/a|/b|" },
		     { " /a , /b\t/c ,", "/a|/b|/c|" } };

	(void)state;
	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
		const struct pv_conf c = { .postfix_config_directory = rows[i].value };
		struct pv_buf got = PV_BUF_INIT(4096);
		char dir[64];
		size_t n = 0;
		for (; pv_conf_instance(&c, n, dir, sizeof dir); n++)
			pv_buf_addf(&got, "%s|", dir);
		assert_string_equal(got.s, rows[i].want);
		assert_int_equal(pv_conf_instances(&c), n);
		pv_buf_free(&got);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(instances_are_counted_and_given_one_by_one),
		cmocka_unit_test(the_table_is_sorted_and_explains_itself),
		cmocka_unit_test(the_defaults_are_those_of_the_design),
		cmocka_unit_test(what_is_shown_can_be_read_back),
		cmocka_unit_test(what_may_be_written),
		cmocka_unit_test(what_may_not),
		cmocka_unit_test(a_path_may_have_1024_bytes),
		cmocka_unit_test(a_nul_is_an_error),
	};

	return cmocka_run_group_tests_name("store_conf", tests, NULL, NULL);
}
