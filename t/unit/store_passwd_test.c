/*
 * store_passwd_test.c: a line of passwd, and a whole file in memory.
 */
#include "store_faults.h"

#include "base/buffer.h"
#include "store/passwd.h"

static void a_line_has_seven_fields(void **state)
{
	static const struct {
		const char *line, *user, *hash, *name, *home, *shell;
	} table[] = {
		{ "abc:$y$j9T$x:60001:100:abcname:.:", "abc", "$y$j9T$x", "abcname", ".", "" },
		{ "kvt:x:60001:100:kvtname:/home/kvt_dk/:", "kvt", "x", "kvtname", "/home/kvt_dk/", "" },
		{ "ABC:secret word:060001:0:::", "abc", "secret word", "", "", "" },
		{ "a.b-c_9::60001:4294967294:J\303\270rgen, \"x\" #1:/h:/bin/sh", "a.b-c_9", "",
		  "J\303\270rgen, \"x\" #1", "/h", "/bin/sh" },
	};
	struct pv_passwd_entry p;
	struct pv_error e;

	(void)state;
	for (size_t i = 0; i < sizeof table / sizeof *table; i++) {
		if (pv_passwd_parse(table[i].line, strlen(table[i].line), ACCOUNT, &p, &e) != PV_OK)
			fail_msg("`%s`: %s", table[i].line, e.text);
		assert_string_equal(p.user.s, table[i].user);
		assert_string_equal(p.hash, table[i].hash);
		assert_string_equal(p.name, table[i].name);
		assert_string_equal(p.home, table[i].home);
		assert_string_equal(p.shell, table[i].shell);
		assert_int_equal(p.uid, ACCOUNT);
	}
	assert_int_equal(p.gid, 4294967294U);
}

static void what_is_no_user_has_a_reason(void **state)
{
	static const struct {
		const char *line, *why;
	} table[] = {
		{ "", "fewer than seven fields" },
		{ "abc", "fewer than seven fields" },
		{ "abc:x:60001:100:n:.", "fewer than seven fields" },
		{ "abc:x:60001:100:n:.::", "more than seven fields" },
		{ ":x:60001:100:n:.:", "it is empty: rename the user" },
		{ "a b:x:60001:100:n:.:", "`a b` cannot be a user's name" },
		{ " abc:x:60001:100:n:.:", "cannot be a user's name" },
		{ "abc.lock:x:60001:100:n:.:", "cannot be a user's name" },
		{ "a..b:x:60001:100:n:.:", "cannot be a user's name" },
		{ "a/b:x:60001:100:n:.:", "cannot be a user's name" },
		{ "j\303\270rgen:x:60001:100:n:.:", "cannot be a user's name" },
		{ "abc:x::100:n:.:", "the uid, is not a number" },
		{ "abc:x:-1:100:n:.:", "the uid, is not a number" },
		{ "abc:x: 60001:100:n:.:", "the uid, is not a number" },
		{ "abc:x:0xea61:100:n:.:", "the uid, is not a number" },
		{ "abc:x:4294967295:100:n:.:", "the uid, is not a number" },
		{ "abc:x:4295027297:100:n:.:", "the uid, is not a number" },
		{ "abc:x:60001::n:.:", "the gid, is not a number" },
		{ "abc:x:60001:4294967295:n:.:", "the gid, is not a number" },
		{ "abc:x:60001:users:n:.:", "the gid, is not a number" },
		{ "abc:x:60002:100:n:.:", "its uid is 60002, must be the account's: write 60001" },
		{ "abc:x:0:0:n:.:", "its uid is 0, must be the account's" },
		{ "abc:x:60001:100:n:.:\r", "ends in a carriage return" },
		{ "abc:x:60001:100:a\tb:.:", "a control character" },
		{ "abc:x:60001:100:n:/a\033b:", "a control character" },
		{ "abc:x:60001:100:n:/a\177b:", "a control character" },
	};
	struct pv_passwd_entry p;
	struct pv_error e;

	(void)state;
	for (size_t i = 0; i < sizeof table / sizeof *table; i++) {
		if (pv_passwd_parse(table[i].line, strlen(table[i].line), ACCOUNT, &p, &e) != PV_TEMPORARY)
			fail_msg("taken: `%s`", table[i].line);
		assert_deferred(PV_TEMPORARY, &e, table[i].why);
		assert_int_equal(pv_passwd_parse(table[i].line, strlen(table[i].line), ACCOUNT, &p, NULL),
				 PV_TEMPORARY);
	}
	assert_int_equal(pv_passwd_parse("abc:x\0y:60001:100:n:.:", 22, ACCOUNT, &p, &e), PV_TEMPORARY);
}

static void a_line_has_at_most_4095_bytes(void **state)
{
	static const char front[] = "abc:x:60001:100:", back[] = ":.:";
	char line[4098];
	struct pv_passwd_entry p;
	struct pv_error e;

	(void)state;
	for (size_t len = 4094; len <= 4097; len++) {
		memset(line, 'n', sizeof line);
		memcpy(line, front, sizeof front - 1);
		memcpy(line + len - 3, back, sizeof back);
		enum pv_class c = pv_passwd_parse(line, len, ACCOUNT, &p, &e);
		if (len < 4096) {
			assert_int_equal(c, PV_OK);
			assert_int_equal(strlen(p.name), len - 3 - (sizeof front - 1));
		} else {
			assert_deferred(c, &e, "longer than 4095 bytes");
		}
	}
}

/* Writes each user it gets as `line:user ` into a buffer. */
static enum pv_class note(void *ctx, const struct pv_passwd_entry *p, unsigned line, struct pv_error *e)
{
	struct pv_buf *seen = ctx;

	pv_buf_addf(seen, "%u:%s ", line, p->user.s);
	if (strcmp(p->user.s, "stop") == 0)
		return pv_fail(e, PV_PERMANENT, "5.0.0", "told to stop");
	return PV_OK;
}

#define LINE(name) name ":x:60001:100:n:.:\n"

static void a_whole_file(void **state)
{
	static const struct {
		const char *text, *seen, *why;
		enum pv_class class;
	} table[] = {
		{ LINE("a") LINE("b"), "1:a 2:b ", NULL, PV_OK },
		{ LINE("b") "\n# x\n \t\n" LINE("A"), "1:b 5:a ", NULL, PV_OK },
		{ "#\n", "", NULL, PV_OK },
		{ "", "", "f is empty", PV_TEMPORARY },
		{ LINE("a") "b:x:60001:100:n:.:", "", "f does not end in a newline", PV_TEMPORARY },
		{ "#", "", "f does not end in a newline", PV_TEMPORARY },
		{ LINE("a") LINE("b") "c:x\n" LINE("d"), "1:a 2:b ", "f, line 3: it has fewer",
		  PV_TEMPORARY },
		{ LINE("a") "\n" LINE("a"), "", "f, line 3: a stands in line 1 already", PV_TEMPORARY },
		{ LINE("b") LINE("c") LINE("a") LINE("B"), "", "line 4: B stands in line 1", PV_TEMPORARY },
		{ LINE("a") LINE("stop") LINE("z"), "1:a 2:stop ", "told to stop", PV_PERMANENT },
		{ LINE("ab") LINE("a-b") LINE("a"), "1:ab 2:a-b 3:a ", NULL, PV_OK },
	};
	struct pv_buf seen = PV_BUF_INIT(1000);
	struct pv_error e;

	(void)state;
	for (size_t i = 0; i < sizeof table / sizeof *table; i++) {
		pv_buf_reset(&seen);
		enum pv_class c = pv_passwd_scan(table[i].text, strlen(table[i].text), "f", ACCOUNT, false,
						 note, &seen, &e);
		if (c != table[i].class || strcmp(seen.s, table[i].seen) != 0)
			fail_msg("`%s`: class %d, `%s`", table[i].text, (int)c, seen.s);
		if (c != PV_OK && table[i].why != NULL && strstr(e.text, table[i].why) == NULL)
			fail_msg("`%s`: %s", table[i].text, e.text);
	}
	pv_buf_free(&seen);
	assert_int_equal(pv_passwd_scan("", 0, "f", ACCOUNT, true, note, &seen, &e), PV_OK);
	assert_int_equal(pv_passwd_scan("\n\0\n", 3, "f", ACCOUNT, true, note, &seen, &e), PV_TEMPORARY);
}

/* 100,000 users in any order, one of them perhaps twice. */
static void a_big_unsorted_file(void **state)
{
	enum { USERS = 100000 };
	struct pv_buf text = PV_BUF_INIT(16 * 1024 * 1024), seen = PV_BUF_INIT(16 * 1024 * 1024);
	struct pv_error e;

	(void)state;
	for (unsigned i = 0; i < USERS; i++)
		pv_buf_addf(&text, "u%05u:x:60001:100:n:.:\n", (unsigned)(i * 7919ULL % USERS));
	assert_int_equal(pv_passwd_scan(text.s, text.len, "f", ACCOUNT, false, note, &seen, &e), PV_OK);
	pv_buf_adds(&text, LINE("U31337"));
	assert_deferred(pv_passwd_scan(text.s, text.len, "f", ACCOUNT, false, note, &seen, &e), &e,
			"f, line 100001: U31337 stands in line ");
	pv_buf_free(&text);
	pv_buf_free(&seen);
}

static void hashes_are_dropped_from_good_lines_alone(void **state)
{
	static const struct {
		const char *before, *after;
	} table[] = {
		{ "a:$y$j9T$x/y:60001:100:n:.:\nb:$1$z:60001:100:n:.:\n",
		  "a:*:60001:100:n:.:\nb:*:60001:100:n:.:\n" },
		{ "a::60001:100:n:.:\n", "a::60001:100:n:.:\n" },
		{ "a:secret:x", "a:*:x" },
		{ "a:secret", "a:secret" },
		{ "a:", "a:" },
		{ "a", "a" },
		{ ":secret:x\n", ":*:x\n" },
		{ "# a:secret:x\n \t# b:secret:x\n\n\n", "# a:secret:x\n \t# b:secret:x\n\n\n" },
		{ "a:sec\tret:x\nb:sec\177ret:x\n", "a:sec\tret:x\nb:sec\177ret:x\n" },
		{ "", "" },
	};

	(void)state;
	for (size_t i = 0; i < sizeof table / sizeof *table; i++) {
		struct pv_buf text = PV_BUF_INIT(1000);
		pv_buf_adds(&text, table[i].before);
		pv_passwd_drop_hashes(&text);
		assert_string_equal(text.s, table[i].after);
		assert_int_equal(text.len, strlen(table[i].after));
		pv_buf_free(&text);
	}
}

/* Whatever stands in a file, it is judged as it was with the hashes. */
static void without_hashes_a_file_is_judged_as_before(void **state)
{
	static const char *const pieces[] = { "abc",	 "b",	 ":",	    ":",	   "\n",
					      "\n",	 "#",	 " ",	    "60001",	   "60002",
					      "\r",	 "\t",	 LINE("c"), ":$y$j9T$abc", "",
					      LINE("D"), "\001", "9",	    LINE("e"),	   "x:::::::" };
	uint64_t seed = 11;

	(void)state;
	for (int i = 0; i < 30000; i++) {
		struct pv_buf text = PV_BUF_INIT(20000), before = PV_BUF_INIT(20000),
			      after = PV_BUF_INIT(20000);
		struct pv_error e1 = { .class = PV_OK }, e2 = { .class = PV_OK };
		for (unsigned n = next_random(&seed) % 12; n > 0; n--)
			pv_buf_adds(&text, pieces[next_random(&seed) % (sizeof pieces / sizeof *pieces)]);
		/* A hash that makes the line just too long, or just not. */
		if (i % 16 == 0)
			pv_buf_addf(&text, "long:%0*d:60001:100:n:.:\n", 4070 + (int)(next_random(&seed) % 8),
				    0);
		(void)pv_passwd_scan(text.s, text.len, "f", ACCOUNT, false, note, &before, &e1);
		pv_passwd_drop_hashes(&text);
		(void)pv_passwd_scan(text.s, text.len, "f", ACCOUNT, false, note, &after, &e2);
		assert_string_equal(after.s, before.s);
		assert_string_equal(e2.text, e1.text);
		pv_buf_free(&text);
		pv_buf_free(&before);
		pv_buf_free(&after);
	}
}

static enum pv_class scan_once(void *ctx, bool *right_r, struct pv_error *e)
{
	static const char text[] = LINE("b") LINE("a");
	struct pv_buf *seen = ctx;

	pv_buf_reset(seen);
	enum pv_class c = pv_passwd_scan(text, sizeof text - 1, "f", ACCOUNT, false, note, seen, e);
	*right_r = c == PV_OK && strcmp(seen->s, "1:b 2:a ") == 0;
	return c;
}

static void no_memory_is_temporary(void **state)
{
	struct pv_buf seen = PV_BUF_INIT(1000);

	(void)state;
	pv_buf_addc(&seen, ' '); /* has its memory before the first fault */
	assert_true(with_every_fault(scan_once, &seen) >= 1);
	pv_buf_free(&seen);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_line_has_seven_fields),
		cmocka_unit_test(what_is_no_user_has_a_reason),
		cmocka_unit_test(a_line_has_at_most_4095_bytes),
		cmocka_unit_test(a_whole_file),
		cmocka_unit_test(a_big_unsorted_file),
		cmocka_unit_test(hashes_are_dropped_from_good_lines_alone),
		cmocka_unit_test(without_hashes_a_file_is_judged_as_before),
		cmocka_unit_test(no_memory_is_temporary),
	};

	return cmocka_run_group_tests_name("store_passwd", tests, NULL, NULL);
}
