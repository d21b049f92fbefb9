/* change_text_test.c: from what is typed to the text of the files that mail depends on. */
#include "scratch.h"

#include "change/alias_words.h"
#include "change/conf_words.h"
#include "change/next_text.h"

static void names_of_aliases_are_taken_apart(void **state)
{
	static const struct {
		const char *text, *name, *domain, *user;
	} good[] = {
		{ "sales@kvt.dk", "sales", "kvt.dk", "sales" },
		{ "Sales.EU@KVT.dk", "sales.eu", "kvt.dk", "sales.eu" },
		{ "abc+tag@kvt.dk", "abc+tag", "kvt.dk", "" },
		{ "o'brien@kvt.dk", "o'brien", "kvt.dk", "" },
		{ "søren@blåbær.dk", "søren", "xn--blbr-roah.dk", "" },
		{ "a b@kvt.dk", "a b", "kvt.dk", "" },
		{ "\"A \\\"b\"@kvt.dk", "a \"b", "kvt.dk", "" },
		{ "a\\b@kvt.dk", "a\\b", "kvt.dk", "" },
		{ "owner-sales@kvt.dk", "owner-sales", "kvt.dk", "owner-sales" },
		{ "/^Sales-([a-z]+)$/@kvt.dk", "/^Sales-([a-z]+)$/", "kvt.dk", "" },
		{ "\360\237\230\200@kvt.dk", "\360\237\230\200", "kvt.dk", "" },
	};
	static const struct {
		const char *text, *why;
	} bad[] = {
		{ "sales", "`sales` is no address: write NAME@DOMAIN" },
		{ "@kvt.dk", "fallback=" },
		{ "\"\"@kvt.dk", "an alias needs a name" },
		{ "\"a@kvt.dk", "is no address" },
		{ "\"a\"x@kvt.dk", "is no address" },
		{ "a@b@kvt.dk", "has an @ in it" },
		{ "a\tb@kvt.dk", "a control character" },
		{ "a\nb@kvt.dk", "a control character" },
		{ "a\177@kvt.dk", "a control character" },
		{ "\377@kvt.dk", "no UTF-8" },
		{ "\303@kvt.dk", "no UTF-8" },
		{ "\300\257@kvt.dk", "no UTF-8" },
		{ "\340\200\257@kvt.dk", "no UTF-8" },
		{ "\355\240\200@kvt.dk", "no UTF-8" },
		{ "\364\220\200\200@kvt.dk", "no UTF-8" },
		{ " a@kvt.dk", "begins or ends with a blank" },
		{ "a @kvt.dk", "begins or ends with a blank" },
		{ "sales@kvt", "" },
		{ "sales@", "" },
	};
	struct pv_alias_word n;
	struct pv_domain d;
	struct pv_error e;

	(void)state;
	for (size_t i = 0; i < sizeof good / sizeof *good; i++) {
		if (pv_alias_word_parse(good[i].text, &n, &d, &e) != PV_OK)
			fail_msg("%s: %s", good[i].text, e.text);
		assert_string_equal(n.s, good[i].name);
		assert_int_equal(n.len, strlen(good[i].name));
		assert_string_equal(d.s, good[i].domain);
		assert_string_equal(n.user.s, good[i].user);
		assert_int_equal(n.is_user, *good[i].user != '\0');
		assert_int_equal(n.is_pattern, *good[i].name == '/');
	}
	for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
		if (pv_alias_word_parse(bad[i].text, &n, &d, &e) != PV_PERMANENT)
			fail_msg("`%s` is taken", bad[i].text);
		if (strstr(e.text, bad[i].why) == NULL)
			fail_msg("`%s`: %s", bad[i].text, e.text);
	}
}

static void long_names_are_refused(void **state)
{
	char text[PV_ALIAS_NAME_MAX + 20];
	struct pv_alias_word n;
	struct pv_domain d;

	(void)state;
	memset(text, '"', sizeof text);
	for (int more = 0; more < 2; more++) {
		memset(text, '\'', PV_ALIAS_NAME_MAX + 1);
		memcpy(text + PV_ALIAS_NAME_MAX + more, "@kvt.dk", sizeof "@kvt.dk");
		assert_int_equal(pv_alias_word_parse(text, &n, &d, NULL), more ? PV_PERMANENT : PV_OK);
	}
}

static void targets_are_written_as_they_are_read(void **state)
{
	static const struct {
		const char *words[4];
		const char *text;
	} good[] = {
		{ { "abc" }, "abc" },
		{ { "abc", "def" }, "abc, def" },
		{ { "abc, def,", "ghi" }, "abc, def, ghi" },
		{ { "\\abc" }, "\\abc" },
		{ { "Someone@Example.ORG" }, "Someone@example.org" },
		{ { "x@blåbær.dk" }, "x@xn--blbr-roah.dk" },
		{ { "o'brien@kvt.dk" }, "\"o'brien@kvt.dk\"" },
		{ { ":include:guests" }, ":include:guests" },
		{ { "|/usr/bin/list -x, y" }, "\"|/usr/bin/list -x, y\"" },
		{ { "|/bin/x \"a b\" \\" }, "\"|/bin/x \\\"a b\\\" \\\\\"" },
		{ { "\"|/bin/x -y\"", "abc" }, "\"|/bin/x -y\", abc" },
		{ { "/home/a/Mail/list" }, "/home/a/Mail/list" },
		{ { "/home/a b/list" }, "\"/home/a b/list\"" },
		{ { "søren" }, "\"søren\"" },
	};
	static const struct {
		const char *words[3];
		const char *why;
	} bad[] = {
		{ { "" }, "a target is empty" },
		{ { " , " }, "needs a target" },
		{ { "@kvt.dk" }, "in front of the @" },
		{ { "a@kvt" }, "" },
		{ { "a\nb" }, "a control character" },
		{ { "abc", "\"abc" }, "" },
		{ { "|" }, "" },
		{ { ":include:" }, "" },
	};
	struct pv_error e;

	(void)state;
	for (size_t i = 0; i < sizeof good / sizeof *good; i++) {
		struct pv_buf out = PV_BUF_INIT(4096);
		char *words[4];
		size_t n = 0;
		while (n < 4 && good[i].words[n] != NULL)
			words[n] = strdup(good[i].words[n]), n++;
		if (pv_alias_targets_join(words, n, &out, &e) != PV_OK)
			fail_msg("%s: %s", good[i].words[0], e.text);
		assert_string_equal(out.s, good[i].text);
		pv_buf_free(&out);
		while (n > 0)
			free(words[--n]);
	}
	for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
		struct pv_buf out = PV_BUF_INIT(4096);
		char *words[3];
		size_t n = 0;
		while (n < 3 && bad[i].words[n] != NULL)
			words[n] = strdup(bad[i].words[n]), n++;
		if (pv_alias_targets_join(words, n, &out, &e) != PV_PERMANENT)
			fail_msg("`%s` is taken: %s", bad[i].words[0], out.s);
		if (strstr(e.text, bad[i].why) == NULL)
			fail_msg("`%s`: %s", bad[i].words[0], e.text);
		pv_buf_free(&out);
		while (n > 0)
			free(words[--n]);
	}
}

/* --- settings --- */

static void settings_are_collected_line_by_line(void **state)
{
	static const struct {
		enum pv_conf_file file;
		const char *word, *why;
	} bad[] = {
		{ PV_CONF_OF_USER, "quota", "`quota` is no setting: write NAME=VALUE" },
		{ PV_CONF_OF_USER, "=5M", "is no setting" },
		{ PV_CONF_OF_USER, "colour=red", "there is no setting `colour`; possible are: " },
		{ PV_CONF_OF_USER, "fallback=abc", "there is no setting `fallback`; possible are: " },
		{ PV_CONF_OF_DOMAIN, "forward=a@b.dk", "there is no setting `forward`; possible are: " },
		{ PV_CONF_OF_DOMAIN, "forward=", "there is no setting `forward`; possible are: " },
		{ PV_CONF_OF_USER, "receive=no", "receive is given twice" },
		{ PV_CONF_OF_USER, "message_size=lots", "message_size=lots: write a size" },
		{ PV_CONF_OF_USER, "deliver_with=/bin/x\n-y",
		  "the value of deliver_with has a control character" },
	};
	char lines[PV_MARK_SETTINGS_MAX + 1] = "", value[100], before[sizeof lines];
	struct pv_buf shown = PV_BUF_INIT(1000);
	struct pv_error e;

	(void)state;
	assert_int_equal(pv_conf_words_add(lines, sizeof lines, PV_CONF_OF_USER, "receive=yes", NULL), PV_OK);
	assert_int_equal(pv_conf_words_add(lines, sizeof lines, PV_CONF_OF_USER, "filter= /bin/x -a ", NULL),
			 PV_OK);
	assert_int_equal(pv_conf_words_add(lines, sizeof lines, PV_CONF_OF_USER, "quota=", NULL), PV_OK);
	assert_string_equal(lines, "receive=yes\nfilter=/bin/x -a\nquota=\n");
	assert_string_equal(pv_conf_words_get(lines, "filter", value, sizeof value), "/bin/x -a");
	assert_string_equal(pv_conf_words_get(lines, "quota", value, sizeof value), "");
	assert_null(pv_conf_words_get(lines, "quot", value, sizeof value));
	assert_null(pv_conf_words_get(lines, "forward", value, sizeof value));
	pv_conf_words_show(lines, &shown);
	assert_string_equal(shown.s, " receive=yes filter=\"/bin/x -a\" quota=");
	pv_buf_free(&shown);
	memcpy(before, lines, sizeof before);
	for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
		assert_int_equal(pv_conf_words_add(lines, sizeof lines, bad[i].file, bad[i].word, &e),
				 PV_PERMANENT);
		if (strstr(e.text, bad[i].why) == NULL)
			fail_msg("%s: %s", bad[i].word, e.text);
		assert_string_equal(lines, before);
	}
}

static void take_text(struct pv_mark *m, const char *old, const char *want)
{
	struct pv_buf text = PV_BUF_INIT(4096), new = PV_BUF_INIT(4096), again = PV_BUF_INIT(4096);
	struct pv_error e;

	pv_buf_adds(&text, old);
	if (pv_next_text(m, "FILE", &text, &new, &e) != PV_OK)
		fail_msg("%s", e.text);
	assert_string_equal(new.s, want);
	/* Whoever finishes the change does it once more. */
	assert_int_equal(pv_next_text(m, "FILE", &new, &again, &e), PV_OK);
	assert_string_equal(again.s, want);
	pv_buf_free(&text), pv_buf_free(&new), pv_buf_free(&again);
}

static void a_change_has_one_file_and_its_next_text(void **state)
{
	struct pv_mark m = { .kind = PV_MARK_USER_SET };
	char file[PV_NEXT_FILE_MAX];

	(void)state;
	assert_false(pv_next_file(&m, file));
	(void)snprintf(m.settings, sizeof m.settings, "quota=5M\nreceive=\n");
	assert_true(pv_next_file(&m, file));
	assert_string_equal(file, "domain.conf");
	assert_int_equal(pv_user_parse("abc", 3, &m.user, NULL), PV_OK);
	assert_true(pv_next_file(&m, file));
	assert_string_equal(file, "users/abc");
	take_text(&m, "# mine\nreceive = no\nlanguage = da\n", "# mine\nlanguage = da\nquota = 5M\n");
	m.kind = PV_MARK_USER_DISABLE;
	take_text(&m, "receive = yes\nquota = 1M\n", "receive = no\nquota = 1M\nretrieve = no\n");
	m.kind = PV_MARK_USER_ENABLE;
	take_text(&m, "receive = no\nquota = 1M\nretrieve = no\n", "quota = 1M\n");
	m.kind = PV_MARK_ALIAS_SET;
	(void)snprintf(m.alias.name, sizeof m.alias.name, "o'brien");
	(void)snprintf(m.alias.file, sizeof m.alias.file, "more");
	(void)snprintf(m.alias.targets, sizeof m.alias.targets, "abc, def");
	(void)snprintf(m.alias.comment, sizeof m.alias.comment, "an Irishman");
	(void)snprintf(m.alias.expires, sizeof m.alias.expires, "2026-12-31");
	assert_true(pv_next_file(&m, file));
	assert_string_equal(file, "more");
	take_text(&m, "", "#: expires=2026-12-31 an Irishman\no'brien: abc, def\n");
	take_text(&m, "x: y\n#: old\n\"O'Brien\": z,\n  u\n# c\n",
		  "x: y\n#: expires=2026-12-31 an Irishman\no'brien: abc, def\n# c\n");
	m.kind = PV_MARK_ALIAS_DELETE;
	take_text(&m, "x: y\n#: old\n\"O'Brien\": z,\n  u\n# c\n", "x: y\n# c\n");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(names_of_aliases_are_taken_apart),
		cmocka_unit_test(long_names_are_refused),
		cmocka_unit_test(targets_are_written_as_they_are_read),
		cmocka_unit_test(settings_are_collected_line_by_line),
		cmocka_unit_test(a_change_has_one_file_and_its_next_text),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
