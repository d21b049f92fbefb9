/*
 * store_find_test.c: a user is found in passwd; that there is none is said only of a file that is whole.
 */
#include "store_faults.h"

#include "store/passwd.h"

#include <sys/sysmacros.h>

#define LINE(name) name ":x:60001:100:n:.:\n"

static const struct {
	const char *text;
	const char *why; /* NULL: it is known whether there is an abc */
	bool found;
} answers[] = {
	{ LINE("abc"), NULL, true },
	{ LINE("ABC"), NULL, true },
	{ LINE("abd") LINE("abc") LINE("abb"), NULL, true },
	{ "# users\n\n" LINE("abb") "  \t\n  # x\n" LINE("abc") "\n\n", NULL, true },
	{ "bad line\n" LINE("abc") "bad line\n", NULL, true },
	{ "abb:x:60002:100:n:.:\n" LINE("abc"), NULL, true },
	{ LINE("abc") "abd:x:60001:100:n:.:", NULL, true },
	{ "\n", NULL, false },
	{ "# nobody yet\n", NULL, false },
	{ LINE("ab") LINE("abcd") LINE("abd"), NULL, false },
	{ LINE("abc.d") LINE("xabc"), NULL, false },
	{ LINE("x") "#" LINE("abc"), NULL, false },
	{ "", "passwd is empty: put the users back", false },
	{ "abc:x:60001:100:n:.:", "line 1: it does not end in a newline", false },
	{ LINE("abb") "abd:x:60001:100:n:.:", "line 2: it does not end in a newline", false },
	{ LINE("abb") "# the end", "line 2: it does not end in a newline", false },
	{ LINE("abb") "ab", "line 2: it has fewer than seven fields", false },
	{ LINE("abc") LINE("abb") LINE("abc"), "line 3: abc stands in line 1 already", false },
	{ LINE("abc") LINE("Abc"), "line 2: abc stands in line 1 already", false },
	{ LINE("abb") "abc:x:60001:100:n:.\n", "line 2: it has fewer than seven fields", false },
	{ "abc\n", "line 1: it has fewer than seven fields", false },
	{ "abc:x:60002:100:n:.:\n", "line 1: its uid is 60002", false },
	{ "abc:x:60001:100:n:.:\r\n", "line 1: the line ends in a carriage return", false },
	{ LINE("abb") "\n" LINE(" abc"), "line 3: ` abc` cannot be a user's name", false },
	{ LINE("abb") "abd:x:60002:100:n:.:\n", "line 2: its uid is 60002", false },
	{ LINE("abb") LINE("a/c"), "line 2: `a/c` cannot be a user's name", false },
	{ "x\n" LINE("abb") "y\n", "line 1: it has fewer", false },
};

static void what_a_file_says_of_abc(void **state)
{
	const struct scratch *s = *state;
	const struct pv_user u = user("abc");
	struct pv_passwd_entry p;
	struct pv_folder f;
	struct pv_error e;
	bool found;

	open_kvt(s, &f);
	for (size_t i = 0; i < sizeof answers / sizeof *answers; i++) {
		put(s, "kvt.dk/passwd", answers[i].text, ACCOUNT, 0600);
		unsigned before = open_descriptors();
		enum pv_class c = pv_passwd_find(&f, &u, &p, &found, &e);
		assert_int_equal(open_descriptors(), before);
		if (answers[i].why != NULL) {
			if (c == PV_OK)
				fail_msg("believed: `%s`", answers[i].text);
			assert_deferred(c, &e, path_of(s, "kvt.dk/passwd"), answers[i].why);
			assert_string_equal(e.status, "4.3.5");
			assert_false(found);
			continue;
		}
		if (c != PV_OK)
			fail_msg("`%s`: %s", answers[i].text, e.text);
		if (found != answers[i].found)
			fail_msg("`%s`: found %d", answers[i].text, found);
		if (found) {
			assert_string_equal(p.user.s, "abc");
			assert_string_equal(p.home, ".");
		}
	}
	pv_folder_close(&f);
}

static void a_nul_is_never_absence(void **state)
{
	static const char text[] = "abb:x:60001:100:n:.:\0\n";
	const struct scratch *s = *state;
	const struct pv_user u = user("abc");
	struct pv_buf b = PV_BUF_INIT(100);
	struct pv_passwd_entry p;
	struct pv_folder f;
	struct pv_error e;
	bool found;

	open_kvt(s, &f);
	pv_buf_add(&b, text, sizeof text - 1);
	put_passwd(s, &b);
	assert_deferred(pv_passwd_find(&f, &u, &p, &found, &e), &e, "line 1: a control character");
	pv_buf_free(&b);
	pv_folder_close(&f);
}

/* A file as it came from 2002: mode 700, a symlink of the account, its own order, an old password. */
static void a_file_of_2002(void **state)
{
	const struct scratch *s = *state;
	const struct pv_user kvt = user("kvt");
	struct pv_passwd_entry p;
	struct pv_folder f;
	struct pv_error e;
	bool found;

	open_kvt(s, &f);
	put(s, "kvt.dk/passwd.old",
	    "# our "
	    "users\n\nkvt:secret:60001:100:kvtname:/home/kvt_dk/:\nabc:AbCdEfGhIjKlM:60001:100:abcname:.:\n",
	    ACCOUNT, 0700);
	put_symlink(s, "kvt.dk/passwd", "passwd.old", ACCOUNT);
	assert_int_equal(pv_passwd_find(&f, &kvt, &p, &found, &e), PV_OK);
	assert_true(found);
	assert_string_equal(p.hash, "secret");
	assert_string_equal(p.home, "/home/kvt_dk/");
	assert_int_equal(p.gid, 100);
	pv_folder_close(&f);
}

static void whose_file_is_believed(void **state)
{
	const struct scratch *s = *state;
	const struct pv_user u = user("abc");
	struct pv_passwd_entry p;
	struct pv_folder f;
	struct pv_error e;
	bool found;
	int n = 0;

	open_kvt(s, &f);
#define FIND() (n++, pv_passwd_find(&f, &u, &p, &found, &e))
	assert_deferred(FIND(), &e, "kvt.dk/passwd is missing: put it back");
	put(s, "kvt.dk/passwd", LINE("abc"), 0, 0644);
	assert_int_equal(FIND(), PV_OK);
	put(s, "kvt.dk/passwd", LINE("abc"), STRANGER, 0600);
	assert_deferred(FIND(), &e, "passwd belongs to uid 60002");
	put(s, "kvt.dk/passwd", LINE("abc"), ACCOUNT, 0620);
	assert_deferred(FIND(), &e, "passwd has mode 0620");
	put(s, "kvt.dk/passwd", LINE("abc"), ACCOUNT, 0602);
	assert_deferred(FIND(), &e, "passwd has mode 0602");
	put(s, "kvt.dk/other", LINE("abc"), ACCOUNT, 0600);
	put_symlink(s, "kvt.dk/passwd", "other", STRANGER);
	assert_deferred(FIND(), &e, "symlink", "belongs to uid 60002");
	put(s, "kvt.dk/other", LINE("abc"), STRANGER, 0600);
	put_symlink(s, "kvt.dk/passwd", "other", ACCOUNT);
	assert_deferred(FIND(), &e, "belongs to uid 60002");
	put_symlink(s, "kvt.dk/passwd", "nothing", ACCOUNT);
	assert_deferred(FIND(), &e, "passwd");
	assert_int_equal(unlinkat(s->fd, "kvt.dk/passwd", 0), 0);
	assert_int_equal(mkfifoat(s->fd, "kvt.dk/passwd", 0600), 0);
	assert_deferred(FIND(), &e, "passwd is not a regular file");
	assert_int_equal(unlinkat(s->fd, "kvt.dk/passwd", 0), 0);
	assert_int_equal(mknodat(s->fd, "kvt.dk/passwd", S_IFCHR | 0600, makedev(1, 3)), 0);
	assert_deferred(FIND(), &e, "passwd");
	assert_int_equal(unlinkat(s->fd, "kvt.dk/passwd", 0), 0);
	put_folder(s, "kvt.dk/passwd", ACCOUNT, 0700);
	assert_deferred(FIND(), &e, "passwd is not a regular file");
	assert_int_equal(n, 11);
	pv_folder_close(&f);
}

static void a_small_file_is_read_at_once(void **state)
{
	const struct scratch *s = *state;
	const struct pv_user names[] = { user("abc"), user("nobody") };
	struct pv_passwd_entry p;
	struct pv_folder f;
	bool found;

	open_kvt(s, &f);
	put(s, "kvt.dk/passwd", LINE("abb") LINE("abc"), ACCOUNT, 0600);
	for (unsigned i = 0; i < 2; i++) {
		memset(&calls, 0, sizeof calls);
		assert_int_equal(pv_passwd_find(&f, &names[i], &p, &found, NULL), PV_OK);
		assert_int_equal(found, i == 0);
		assert_int_equal(calls.openat, 1);
		assert_int_equal(calls.fstat, 1 + i); /* a miss asks whether the file changed meanwhile */
		assert_int_equal(calls.pread, 1);
		assert_int_equal(calls.close, 1);
		assert_int_equal(calls.open + calls.read, 0);
	}
	pv_folder_close(&f);
}

/* --- what changes meanwhile --- */

static const struct scratch *meanwhile;

static void append_meanwhile(unsigned n)
{
	if (n != 1)
		return;
	int fd = openat(meanwhile->fd, "kvt.dk/passwd", O_WRONLY | O_APPEND | O_CLOEXEC);
	assert_int_equal(write(fd, LINE("abc"), 21), 21);
	assert_int_equal(close(fd), 0);
}

static void replace_meanwhile(unsigned n)
{
	if (n == 1)
		put(meanwhile, "kvt.dk/passwd", LINE("abb") LINE("abc"), ACCOUNT, 0600);
}

static void cut_meanwhile(unsigned n)
{
	if (n == 1)
		assert_int_equal(truncate(path_of(meanwhile, "kvt.dk/passwd"), 0), 0);
}

static void a_file_that_changes_is_no_proof_of_absence(void **state)
{
	static const struct {
		void (*change)(unsigned n);
		const char *why;
	} table[] = {
		{ append_meanwhile, "changed while it was read" },
		{ replace_meanwhile, "changed while it was read" },
		{ cut_meanwhile, "became shorter while it was read" },
	};
	const struct pv_user u = user("abc");
	struct pv_passwd_entry p;
	struct pv_folder f;
	struct pv_error e;
	bool found;

	meanwhile = *state;
	open_kvt(meanwhile, &f);
	for (size_t i = 0; i < sizeof table / sizeof *table; i++) {
		put(meanwhile, "kvt.dk/passwd", LINE("abb"), ACCOUNT, 0600);
		memset(&calls, 0, sizeof calls);
		before_pread = table[i].change;
		enum pv_class c = pv_passwd_find(&f, &u, &p, &found, &e);
		before_pread = NULL;
		assert_deferred(c, &e, table[i].why);
	}
	pv_folder_close(&f);
}

/* --- homes --- */

static void who_shares_a_home(void **state)
{
#define HOME(name, home) name ":x:60001:100:n:" home ":\n"
	static const struct {
		const char *text;
		bool shared;
	} table[] = {
		{ HOME("abc", "/h/abc"), false },
		{ HOME("abc", "/h/abc") HOME("abd", "/h/abd"), false },
		{ HOME("abb", "/h/abc") HOME("abc", "/h/abc"), true },
		{ HOME("abc", "/h/abc/") HOME("abd", "/h/abc"), true },
		{ HOME("abc", "/h/abc") HOME("abd", "/h/abc// "), true },
		{ HOME("abc", "/h/abc") HOME("abd", "/h/abc/x"), false },
		{ HOME("abc", "/h/abc") HOME("abd", "/h/ab"), false },
		{ HOME("abc", "/h/abc") "#" HOME("abd", "/h/abc"), false },
		/* A bad line shares as well as a good one. */
		{ HOME("abc", "/h/abc") "abd:x:0:0:n:/h/abc", true },
		{ HOME("abc", "/h/abc") "a b:x:0:0:n:/h/abc:x:y:z\n", true },
		{ HOME("abc", "/h/abc") "nonsense\n/h/abc\n", false },
	};
	const struct scratch *s = *state;
	const struct pv_user u = user("abc");
	struct pv_passwd_entry p;
	struct pv_folder f;
	struct pv_error e;
	bool found, shared;

	open_kvt(s, &f);
	for (size_t i = 0; i < sizeof table / sizeof *table; i++) {
		put(s, "kvt.dk/passwd", table[i].text, ACCOUNT, 0600);
		assert_int_equal(pv_passwd_find(&f, &u, &p, &found, &e), PV_OK);
		assert_int_equal(pv_passwd_home_is_shared(&f, &p, &shared, &e), PV_OK);
		if (shared != table[i].shared)
			fail_msg("`%s`", table[i].text);
	}
	put(s, "kvt.dk/passwd", "", ACCOUNT, 0600);
	assert_deferred(pv_passwd_home_is_shared(&f, &p, &shared, &e), &e, "empty");
	pv_folder_close(&f);
}

/* --- faults --- */

struct question {
	struct pv_folder folder;
	struct pv_user user;
	bool found;
};

static enum pv_class find_once(void *ctx, bool *right_r, struct pv_error *e)
{
	const struct question *q = ctx;
	struct pv_passwd_entry p;
	bool found, shared = true;

	enum pv_class c = pv_passwd_find(&q->folder, &q->user, &p, &found, e);
	if (c == PV_OK && found)
		c = pv_passwd_home_is_shared(&q->folder, &p, &shared, e);
	*right_r = c == PV_OK && found == q->found && (!found || !shared);
	return c;
}

static void every_failing_call_is_temporary(void **state)
{
	const struct scratch *s = *state;
	struct pv_buf b = PV_BUF_INIT(1024 * 1024);
	struct question q;

	open_kvt(s, &q.folder);
	q.user = user("u0800");
	for (unsigned i = 0; i < 1500; i++)
		pv_buf_addf(&b, "u%04u:x:60001:100:%050u:/h/%u:\n", i, i, i);
	put_passwd(s, &b);
	q.found = true;
	assert_true(with_every_fault(find_once, &q) > 50);
	q.user = user("nobody");
	q.found = false;
	assert_true(with_every_fault(find_once, &q) > 50);
	put(s, "kvt.dk/old", LINE("abc"), ACCOUNT, 0600);
	put_symlink(s, "kvt.dk/passwd", "old", ACCOUNT);
	assert_true(with_every_fault(find_once, &q) > 25);
	pv_buf_free(&b);
	pv_folder_close(&q.folder);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
#define T(f) cmocka_unit_test_setup_teardown(f, scratch_make, scratch_remove)
		T(what_a_file_says_of_abc),
		T(a_nul_is_never_absence),
		T(a_file_of_2002),
		T(whose_file_is_believed),
		T(a_small_file_is_read_at_once),
		T(a_file_that_changes_is_no_proof_of_absence),
		T(who_shares_a_home),
		T(every_failing_call_is_temporary),
	};

	return cmocka_run_group_tests_name("store_find", tests, NULL, NULL);
}
