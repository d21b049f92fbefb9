/* change_mark_test.c: marks of changes that were begun, edits, and names of accounts. */
#include "write_faults.h"

#include "change/account.h"
#include "change/edit.h"
#include "change/mark.h"
#include "change/settings.h"
#include "store/answer_text.h"

static struct pv_mark a_mark(void)
{
	struct pv_mark m = { .kind = PV_MARK_USER_RENAME, .uid = 60001, .when = 1795168572 };

	assert_int_equal(pv_domain_parse("kvt.dk", 6, &m.domain, NULL), PV_OK);
	assert_int_equal(pv_user_parse("abc", 3, &m.user, NULL), PV_OK);
	assert_int_equal(pv_user_parse("def", 3, &m.to, NULL), PV_OK);
	(void)snprintf(m.line, sizeof m.line, "abc:$y$j9T$x$y:60001:60001:A = B # C:.:");
	(void)snprintf(m.hash, sizeof m.hash, "$6$=$=");
	(void)snprintf(m.history, sizeof m.history,
		       "2026-11-20T09:56:12Z root local user rename abc@kvt.dk def");
	(void)snprintf(m.words, sizeof m.words, "max_users=50 own=");
	(void)snprintf(m.event, sizeof m.event, "1795168572-000000001-42");
	(void)snprintf(m.settings, sizeof m.settings,
		       "filter=/bin/x -a \"b c\" = # d\nquota=\nforward=x@y.dk\n");
	(void)snprintf(m.alias.name, sizeof m.alias.name, "o'br: \"ien # = \\");
	(void)snprintf(m.alias.file, sizeof m.alias.file, "more");
	(void)snprintf(m.alias.targets, sizeof m.alias.targets, "abc, \"|/bin/x -y\", \\def");
	(void)snprintf(m.alias.comment, sizeof m.alias.comment, "# 1 = 2");
	(void)snprintf(m.alias.expires, sizeof m.alias.expires, "2026-12-31");
	return m;
}

static void a_mark_is_read_back(void **state)
{
	const struct scratch *s = *state;
	struct pv_mark m = a_mark(), back;
	struct pv_error e;
	struct stat st;
	bool found;

	for (int kind = 0; kind < PV_MARK_KINDS; kind++) {
		m.kind = (enum pv_mark_kind)kind;
		m.sub_domains = kind % 2 == 0;
		m.unclear = kind % 3 == 0;
		m.no_key = kind % 5 == 0;
		m.aliases = kind % 7 == 0;
		assert_int_equal(pv_mark_write(s->fd, &m, &e), PV_OK);
		assert_int_equal(pv_mark_read(s->fd, &m.domain, &back, &found, &e), PV_OK);
		assert_true(found);
		assert_int_equal(back.kind, m.kind);
		assert_int_equal(back.uid, m.uid);
		assert_int_equal(back.when, m.when);
		assert_int_equal(back.sub_domains, m.sub_domains);
		assert_int_equal(back.unclear, m.unclear);
		assert_string_equal(back.user.s, "abc");
		assert_string_equal(back.to.s, "def");
		assert_string_equal(back.line, m.line);
		assert_string_equal(back.hash, m.hash);
		assert_string_equal(back.words, m.words);
		assert_string_equal(back.event, m.event);
		assert_int_equal(back.no_key, m.no_key);
		assert_int_equal(back.aliases, m.aliases);
		assert_string_equal(back.settings, m.settings);
		assert_string_equal(back.alias.name, m.alias.name);
		assert_string_equal(back.alias.file, m.alias.file);
		assert_string_equal(back.alias.targets, m.alias.targets);
		assert_string_equal(back.alias.comment, m.alias.comment);
		assert_string_equal(back.alias.expires, m.alias.expires);
		assert_string_equal(back.history, m.history);
		assert_null(back.text);
		pv_mark_free(&back);
	}
	assert_int_equal(fstatat(s->fd, "kvt.dk", &st, 0), 0);
	assert_int_equal(st.st_mode & 07777, 0600);
	assert_int_equal(pv_mark_clear(s->fd, &m.domain, &e), PV_OK);
	assert_int_equal(pv_mark_read(s->fd, &m.domain, &back, &found, &e), PV_OK);
	assert_false(found);
	assert_int_equal(pv_mark_clear(s->fd, &m.domain, &e), PV_OK);
}

/* The text of a responder, which may hold anything, and may be the largest that there is. */
static void its_text_is_read_back(void **state)
{
	static char text[PV_ANSWER_TEXT_MAX];
	const struct scratch *s = *state;
	struct pv_mark m = a_mark(), back;
	struct pv_error e;
	bool found;

	for (size_t i = 0; i < sizeof text; i++)
		text[i] = (char)(255 - i % 256);
	m.text = text;
	for (size_t len = 0; len <= sizeof text; len = len < 4 ? len + 1 : len == 4 ? sizeof text : len + 1) {
		m.text_len = len;
		assert_int_equal(pv_mark_write(s->fd, &m, &e), PV_OK);
		assert_int_equal(pv_mark_read(s->fd, &m.domain, &back, &found, &e), PV_OK);
		assert_non_null(back.text);
		assert_int_equal(back.text_len, len);
		assert_memory_equal(back.text, text, len);
		pv_mark_free(&back);
		assert_null(back.text);
	}
}

static void a_damaged_mark_is_an_error(void **state)
{
	static const char *const texts[] = {
		"",
		"change = user add\n",
		"change = user eat\nuid = 1\nwhen = 1\nhistory = x\n",
		"change = user add\nuid = 1\nwhen = 1\n",
		"change = user add\nwhen = 1\nhistory = x\n",
		"change = user add\nuid = 1\nhistory = x\n",
		"change = user add\nuid = -1\nwhen = 1\nhistory = x\n",
		"change = user add\nevent = ../x\nuid = 1\nwhen = 1\nhistory = x\n",
		"change = domain set\nuid = 0\nwhen = 1\nhistory = x\n",
		"change = user add\nuser = ../x\nuid = 1\nwhen = 1\nhistory = x\n",
		"change = alias set\nfile = ../x\nuid = 1\nwhen = 1\nhistory = x\n",
		"change = alias set\nfile = .x\nuid = 1\nwhen = 1\nhistory = x\n",
		"change = alias set\nno_key = maybe\nuid = 1\nwhen = 1\nhistory = x\n",
		"change = user add\nuid = 1\nwhen = 1\nhistory = x\nmore = x\n",
		"change = responder set\ntext = x\nuid = 1\nwhen = 1\nhistory = x\n",
		"change = responder set\ntext = eA==\ntext = eA==\nuid = 1\nwhen = 1\nhistory = x\n",
		"change\n",
	};
	const struct scratch *s = *state;
	struct pv_mark m = a_mark(), back;
	struct pv_error e;
	bool found;

	for (size_t i = 0; i < sizeof texts / sizeof *texts; i++) {
		scratch_write(s, "kvt.dk", texts[i], strlen(texts[i]));
		if (pv_mark_read(s->fd, &m.domain, &back, &found, &e) != PV_TEMPORARY)
			fail_msg("`%s` is read", texts[i]);
		assert_non_null(strstr(e.text, "pending/kvt.dk"));
		pv_mark_free(&back);
	}
}

static enum pv_class write_once_more(void *ctx, struct pv_error *e)
{
	const struct scratch *s = ctx;
	struct pv_mark m = a_mark();
	const char *call = fault.call;

	fault.call = NULL;
	assert_int_equal(pv_mark_write(s->fd, &m, NULL), PV_OK);
	fault.call = call;
	m.kind = PV_MARK_USER_ADD;
	return pv_mark_write(s->fd, &m, e);
}

static void mark_is_old_or_new(void *ctx, enum pv_class c)
{
	const struct scratch *s = ctx;
	struct pv_mark m = a_mark(), back;
	bool found;

	assert_int_equal(pv_mark_read(s->fd, &m.domain, &back, &found, NULL), PV_OK);
	assert_true(found);
	assert_true(back.kind == PV_MARK_USER_ADD || (c != PV_OK && back.kind == PV_MARK_USER_RENAME));
	/* A name that could not be removed again is removed by the next writer. */
	assert_true(scratch_count(s->path) <= 2);
}

static void mark_survives_every_fault(void **state)
{
	assert_true(with_every_write_fault(write_once_more, mark_is_old_or_new, *state) >= 20);
	struct pv_mark m = a_mark();
	const struct scratch *s = *state;
	assert_int_equal(pv_mark_write(s->fd, &m, NULL), PV_OK);
	assert_int_equal(scratch_count(s->path), 1);
}

/* --- edits --- */

static void an_edit_is_made_or_told(void **state)
{
	const struct scratch *s = *state;
	struct pv_buf old = PV_BUF_INIT(64), new = PV_BUF_INIT(64), notes = PV_BUF_INIT(4096),
		      diff = PV_BUF_INIT(4096);
	unsigned steps = 0;
	struct pv_edit ed = { .steps = &steps, .records = PV_BUF_INIT(4096) };
	struct pv_edit told = { .dry = true, .steps = &steps, .records = PV_BUF_INIT(4096) };

	pv_buf_adds(&old, "a\n");
	pv_buf_adds(&new, "a\nb\033[2J\n");
	scratch_write(s, "f", "a\n", 2);
	assert_int_equal(pv_edit_file(&told, s->fd, "/x", "f", &old, &new, 0600, (uid_t)-1, (gid_t)-1, NULL),
			 PV_OK);
	pv_edit_note(&told, "a note\nof %s", "two lines");
	assert_int_equal(steps, 0);
	assert_true(scratch_holds(s, "f", "a\n", 2));
	assert_int_equal(pv_edit_read(told.records.s, told.records.len, &notes, &diff, NULL), PV_OK);
	assert_string_equal(notes.s, "a note?of two lines\n");
	assert_non_null(strstr(diff.s, "--- /x/f\n+++ /x/f\n"));
	assert_non_null(strstr(diff.s, "\n+b?[2J\n"));
	assert_int_equal(pv_edit_file(&ed, s->fd, "/x", "f", &old, &new, 0600, (uid_t)-1, (gid_t)-1, NULL),
			 PV_OK);
	assert_int_equal(steps, 1);
	assert_true(scratch_holds(s, "f", new.s, new.len));
	/* Done already: nothing is done. */
	assert_int_equal(pv_edit_file(&ed, s->fd, "/x", "f", &new, &new, 0600, (uid_t)-1, (gid_t)-1, NULL),
			 PV_OK);
	assert_int_equal(steps, 1);
	assert_int_equal(pv_edit_file(&ed, s->fd, "/x", "f", &new, NULL, 0, (uid_t)-1, (gid_t)-1, NULL),
			 PV_OK);
	assert_int_equal(steps, 2);
	assert_int_equal(scratch_count(s->path), 0);
	pv_buf_free(&old), pv_buf_free(&new), pv_buf_free(&notes), pv_buf_free(&diff);
	pv_buf_free(&ed.records), pv_buf_free(&told.records);
}

/* What a child hands back may be anything. */
static void made_up_records_are_refused(void **state)
{
	struct pv_edit ed = { .dry = true, .steps = &(unsigned){ 0 }, .records = PV_BUF_INIT(4096) };
	uint64_t seed = 7;
	unsigned refused = 0;

	(void)state;
	pv_edit_note(&ed, "a note");
	pv_edit_note(&ed, "another");
	for (int i = 0; i < 5000; i++) {
		struct pv_buf notes = PV_BUF_INIT(65536), diff = PV_BUF_INIT(65536), copy = PV_BUF_INIT(4096);
		pv_buf_add(&copy, ed.records.s, next_random(&seed) % (ed.records.len + 1));
		if (copy.len > 0)
			copy.s[next_random(&seed) % copy.len] = (char)next_random(&seed);
		refused += pv_edit_read(copy.s, copy.len, &notes, &diff, NULL) != PV_OK;
		pv_buf_free(&notes), pv_buf_free(&diff), pv_buf_free(&copy);
	}
	assert_true(refused > 1000);
	pv_buf_free(&ed.records);
}

/* --- accounts --- */

static void account_names_are_derived(void **state)
{
	static const struct {
		const char *domain, *account;
	} table[] = {
		{ "kvt.dk", "kvt_dk" },
		{ "a-b.c.dk", "a-b_c_dk" },
		{ "3com.dk", "_3com_dk" },
		{ "abcdefghijklmnopqrstuvwxyz123.dk", "abcdefghijklmnopqrstuvwxyz123_dk" },
	};
	char name[PV_ACCOUNT_MAX + 1], other[PV_ACCOUNT_MAX + 1];
	struct pv_domain d;

	(void)state;
	for (size_t i = 0; i < sizeof table / sizeof *table; i++) {
		assert_int_equal(pv_domain_parse(table[i].domain, strlen(table[i].domain), &d, NULL), PV_OK);
		pv_account_derive(&d, name);
		assert_string_equal(name, table[i].account);
		assert_true(pv_account_name_is_good(name));
	}
	static const char longs[][64] = { "abcdefghijklmnopqrstuvwxyz1234.dk",
					  "abcdefghijklmnopqrstuvwxyz1234.de" };
	assert_int_equal(pv_domain_parse(longs[0], strlen(longs[0]), &d, NULL), PV_OK);
	pv_account_derive(&d, name);
	assert_int_equal(pv_domain_parse(longs[1], strlen(longs[1]), &d, NULL), PV_OK);
	pv_account_derive(&d, other);
	assert_true(strlen(name) <= PV_ACCOUNT_MAX);
	assert_true(pv_account_name_is_good(name));
	assert_string_not_equal(name, other);
}

static void bad_account_names_are_not_made(void **state)
{
	static const char *const names[] = { "",
					     "-x",
					     ".x",
					     "x y",
					     "x:y",
					     "x+y",
					     "X",
					     "1x",
					     "a.b",
					     "x/y",
					     "abcdefghijklmnopqrstuvwxyz1234567" };
	struct pv_account a;
	struct pv_error e;
	bool found;

	(void)state;
	for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
		assert_false(pv_account_name_is_good(names[i]));
		assert_int_equal(pv_account_create(names[i], 0, &a, &e), PV_PERMANENT);
	}
	assert_int_equal(pv_account_by_name("root", &a, &found, &e), PV_PERMANENT);
	assert_int_equal(pv_account_by_uid(0, &a, &found, &e), PV_PERMANENT);
	assert_int_equal(pv_account_by_name("pv-no-such-account", &a, &found, &e), PV_OK);
	assert_false(found);
}

static void words_of_domains_are_set_all_or_none(void **state)
{
	static const struct {
		const char *words, *line, *why;
	} table[] = {
		{ "max_users=5 own=abuse", "kvt.dk max_users=5 own=abuse", NULL },
		{ "max_users=6 own=root", "kvt.dk max_users=5 own=abuse", "own=root: write postmaster" },
		{ "max_users=6 own", "kvt.dk max_users=5 own=abuse", "`own` is no setting" },
		{ "", "kvt.dk max_users=5 own=abuse", NULL },
		{ "max_users= own=", "", NULL },
	};
	struct pv_buf line = PV_BUF_INIT(1000);
	char many[PV_MARK_WORDS_MAX + 20];
	struct pv_registry_entry r;
	struct pv_domain d;
	struct pv_error e;

	(void)state;
	assert_int_equal(pv_domain_parse("kvt.dk", 6, &d, NULL), PV_OK);
	pv_registry_default(&d, &r);
	for (size_t i = 0; i < sizeof table / sizeof *table; i++) {
		enum pv_class c = pv_settings_apply(&r, table[i].words, &e);
		assert_int_equal(c, table[i].why != NULL ? PV_PERMANENT : PV_OK);
		if (c != PV_OK && strstr(e.text, table[i].why) == NULL)
			fail_msg("%s: %s", table[i].words, e.text);
		pv_buf_reset(&line);
		pv_registry_format(&r, &line);
		assert_string_equal(line.s, table[i].line);
	}
	memset(many, 'x', sizeof many - 1);
	many[sizeof many - 1] = '\0';
	assert_int_equal(pv_settings_apply(&r, many, &e), PV_PERMANENT);
	pv_buf_free(&line);
	assert_true(pv_settings_have("a=1 own=", "own"));
	assert_true(pv_settings_have("own=1", "own"));
	assert_false(pv_settings_have("my_own=1 owner=2 own_=3", "own"));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(a_mark_is_read_back, scratch_make, scratch_remove),
		cmocka_unit_test_setup_teardown(its_text_is_read_back, scratch_make, scratch_remove),
		cmocka_unit_test_setup_teardown(a_damaged_mark_is_an_error, scratch_make, scratch_remove),
		cmocka_unit_test_setup_teardown(mark_survives_every_fault, scratch_make, scratch_remove),
		cmocka_unit_test_setup_teardown(an_edit_is_made_or_told, scratch_make, scratch_remove),
		cmocka_unit_test(made_up_records_are_refused),
		cmocka_unit_test(words_of_domains_are_set_all_or_none),
		cmocka_unit_test(account_names_are_derived),
		cmocka_unit_test(bad_account_names_are_not_made),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
