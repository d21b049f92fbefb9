/* store_keep_test.c: the history and the trash, with every call failing in turn. */
#include "write_faults.h"

#include "store/history.h"
#include "store/trash.h"

static const char old_line[] = "2026-11-20T10:00:00Z root local user add a@kvt.dk";
static const char new_line[] = "2026-11-20T10:00:01Z root local user delete a@kvt.dk";

static struct pv_domain kvt(void)
{
	struct pv_domain d;

	assert_int_equal(pv_domain_parse("kvt.dk", 6, &d, NULL), PV_OK);
	return d;
}

static void add(const struct scratch *s, const char *line)
{
	struct pv_domain d = kvt();

	assert_int_equal(pv_history_add(s->fd, &d, (gid_t)-1, line, true, NULL), PV_OK);
}

static void a_line_is_written_once(void **state)
{
	const struct scratch *s = *state;
	struct stat st;

	add(s, old_line);
	add(s, old_line);
	add(s, new_line);
	add(s, new_line);
	add(s, old_line);
	char want[512];
	int n = snprintf(want, sizeof want, "%s\n%s\n%s\n", old_line, new_line, old_line);
	assert_true(scratch_holds(s, "kvt.dk", want, (size_t)n));
	assert_int_equal(fstatat(s->fd, "kvt.dk", &st, 0), 0);
	assert_int_equal(st.st_mode & 07777, 0640);
}

static void two_equal_changes_are_two_lines(void **state)
{
	const struct scratch *s = *state;
	struct pv_domain d = kvt();

	assert_int_equal(pv_history_add(s->fd, &d, (gid_t)-1, "x", false, NULL), PV_OK);
	assert_int_equal(pv_history_add(s->fd, &d, (gid_t)-1, "x", false, NULL), PV_OK);
	assert_true(scratch_holds(s, "kvt.dk", "x\nx\n", 4));
}

static void a_torn_line_gets_its_end(void **state)
{
	const struct scratch *s = *state;

	scratch_write(s, "kvt.dk", "2026-11-20T10", 13);
	add(s, new_line);
	char want[512];
	int n = snprintf(want, sizeof want, "2026-11-20T10\n%s\n", new_line);
	assert_true(scratch_holds(s, "kvt.dk", want, (size_t)n));
}

static void a_line_that_ends_alike_is_another(void **state)
{
	const struct scratch *s = *state;

	scratch_write(s, "kvt.dk", "xuser\n", 6);
	add(s, "user");
	assert_true(scratch_holds(s, "kvt.dk", "xuser\nuser\n", 11));
}

static void a_long_history_is_looked_at_from_its_end(void **state)
{
	const struct scratch *s = *state;
	char line[80];

	for (int i = 0; i < 200; i++) {
		(void)snprintf(line, sizeof line, "%03d %060d", i, 0);
		add(s, line);
		add(s, line);
	}
	struct stat st;
	assert_int_equal(fstatat(s->fd, "kvt.dk", &st, 0), 0);
	assert_int_equal(st.st_size, 200 * 65);
}

static void who_and_where_are_one_word_each(void **state)
{
	char line[512];

	(void)state;
	pv_history_format(1795168572, "root (a\nb)", "", "user add a@kvt.dk", line, sizeof line);
	assert_string_equal(line, "2026-11-20T09:56:12Z root_(a?b) ? user add a@kvt.dk");
}

static void a_symlink_is_not_followed(void **state)
{
	const struct scratch *s = *state;
	struct pv_domain d = kvt();
	struct pv_error e;

	assert_int_equal(symlinkat("elsewhere", s->fd, "kvt.dk"), 0);
	assert_int_equal(pv_history_add(s->fd, &d, (gid_t)-1, new_line, true, &e), PV_TEMPORARY);
	assert_int_equal(scratch_count(s->path), 1);
}

static enum pv_class history_once(void *ctx, struct pv_error *e)
{
	const struct scratch *s = ctx;
	struct pv_domain d = kvt();
	const char *call = fault.call;

	fault.call = NULL;
	char text[128];
	int n = snprintf(text, sizeof text, "%s\n", old_line);
	scratch_write(s, "kvt.dk", text, (size_t)n);
	fault.call = call;
	return pv_history_add(s->fd, &d, (gid_t)-1, new_line, true, e);
}

static void history_is_whole(void *ctx, enum pv_class c)
{
	const struct scratch *s = ctx;
	char text[256];

	int n = snprintf(text, sizeof text, "%s\n", old_line);
	bool old = scratch_holds(s, "kvt.dk", text, (size_t)n);
	n = snprintf(text, sizeof text, "%s\n%s\n", old_line, new_line);
	bool new = scratch_holds(s, "kvt.dk", text, (size_t)n);
	/* close() may fail after everything was synced. */
	assert_true(c == PV_OK ? new : old || new);
	assert_int_equal(scratch_count(s->path), 1);
}

static void history_is_old_or_new_whatever_fails(void **state)
{
	assert_true(with_every_write_fault(history_once, history_is_whole, *state) >= 20);
}

static void a_close_that_fails_is_an_error(void **state)
{
	const struct scratch *s = *state;
	struct pv_domain d = kvt();
	struct pv_error e;

	fault.call = "close", fault.nth = 1, fault.seen = 0, fault.err = EIO;
	enum pv_class c = pv_history_add(s->fd, &d, (gid_t)-1, new_line, false, &e);
	fault.call = NULL;
	assert_int_equal(c, PV_TEMPORARY);
}

/* --- the trash --- */

enum { NOON = 1795176000 }; /* 2026-11-20T12:00:00Z */

/* The day on which the lines of before the 20th are too old. */
enum { SINCE = 1795132800 }; /* 2026-11-20T00:00:00Z */

static void old_lines_go(void **state)
{
	static const struct {
		const char *text, *left; /* NULL: no file */
		size_t dropped;
	} table[] = {
		{ "2026-11-20T00:00:00Z a\n", "2026-11-20T00:00:00Z a\n", 0 },
		{ "2026-11-19T23:59:59Z a\n2026-11-20T00:00:00Z b\n", "2026-11-20T00:00:00Z b\n", 1 },
		{ "2025-01-01T00:00:00Z a\n  torn\n\n2026-12-01T00:00:00Z b\nodd\n",
		  "2026-12-01T00:00:00Z b\nodd\n", 3 },
		/* What stands behind a young line stays, whatever its date: the clock may have been wrong. */
		{ "2026-11-20T00:00:00Z a\n2025-01-01T00:00:00Z b\n",
		  "2026-11-20T00:00:00Z a\n2025-01-01T00:00:00Z b\n", 0 },
		{ "2025-01-01T00:00:00Z a\n", NULL, 1 },
		{ "2025-01-01T00:00:00Z a\n2025-01-02T00:00", NULL, 2 },
		{ "no date\n2025-01-01T00:00:00Z a\n", "no date\n2025-01-01T00:00:00Z a\n", 0 },
		{ "", "", 0 },
	};
	const struct scratch *s = *state;
	struct pv_domain d = kvt();
	size_t dropped;

	for (size_t i = 0; i < sizeof table / sizeof *table; i++) {
		scratch_write(s, "kvt.dk", table[i].text, strlen(table[i].text));
		assert_int_equal(pv_history_trim(s->fd, &d, SINCE, true, &dropped, NULL), PV_OK);
		assert_int_equal(dropped, table[i].dropped);
		assert_true(scratch_holds(s, "kvt.dk", table[i].text, strlen(table[i].text)));
		assert_int_equal(pv_history_trim(s->fd, &d, SINCE, false, &dropped, NULL), PV_OK);
		assert_int_equal(dropped, table[i].dropped);
		if (table[i].left == NULL)
			assert_int_equal(scratch_count(s->path), 0);
		else if (!scratch_holds(s, "kvt.dk", table[i].left, strlen(table[i].left)))
			fail_msg("row %zu", i);
	}
	(void)unlinkat(s->fd, "kvt.dk", 0);
	assert_int_equal(pv_history_trim(s->fd, &d, SINCE, false, &dropped, NULL), PV_OK);
	assert_int_equal(dropped, 0);
}

static const char long_text[] = "2025-01-01T00:00:00Z a\n2026-12-01T00:00:00Z b\n";

static enum pv_class trim_once(void *ctx, struct pv_error *e)
{
	const struct scratch *s = ctx;
	const char *call = fault.call;
	struct pv_domain d = kvt();
	size_t dropped;

	fault.call = NULL;
	scratch_write(s, "kvt.dk", long_text, sizeof long_text - 1);
	assert_int_equal(fchmodat(s->fd, "kvt.dk", 0640, 0), 0);
	fault.call = call;
	return pv_history_trim(s->fd, &d, SINCE, false, &dropped, e);
}

static void it_is_trimmed_or_whole(void *ctx, enum pv_class c)
{
	const struct scratch *s = ctx;

	bool old = scratch_holds(s, "kvt.dk", long_text, sizeof long_text - 1);
	bool new = scratch_holds(s, "kvt.dk", long_text + 23, sizeof long_text - 1 - 23);
	assert_true(old || new);
	assert_true(c != PV_OK || new);
}

static void a_history_is_trimmed_or_whole_whatever_fails(void **state)
{
	assert_true(with_every_write_fault(trim_once, it_is_trimmed_or_whole, *state) >= 15);
}

static void what_is_deleted_is_in_the_trash(void **state)
{
	const struct scratch *s = *state;
	bool moved;

	scratch_write(s, "abc", "1", 1);
	assert_int_equal(pv_trash_put(s->fd, s->path, "abc", NOON, &moved, NULL), PV_OK);
	assert_true(moved);
	scratch_write(s, "abc", "2", 1);
	assert_int_equal(pv_trash_put(s->fd, s->path, "abc", NOON, &moved, NULL), PV_OK);
	assert_true(moved);
	assert_int_equal(pv_trash_put(s->fd, s->path, "abc", NOON, &moved, NULL), PV_OK);
	assert_false(moved);
	assert_true(scratch_holds(s, ".trash/abc.20261120T120000Z", "1", 1));
	assert_true(scratch_holds(s, ".trash/abc.1.20261120T120000Z", "2", 1));
	assert_int_equal(scratch_count(s->path), 1);
}

static void the_date_is_in_the_name(void **state)
{
	time_t when;

	(void)state;
	assert_true(pv_trash_time("a.b.20261120T120000Z", &when));
	assert_int_equal(when, NOON);
	assert_false(pv_trash_time("abc", &when));
	assert_false(pv_trash_time("abc.20261120T120000", &when));
	assert_false(pv_trash_time("abc.2026112xT120000Z", &when));
	assert_false(pv_trash_time("abc.20261120T120000Zx", &when));
}

static void thirty_days_later_it_is_gone(void **state)
{
	const struct scratch *s = *state;
	size_t count;
	bool moved;

	assert_int_equal(mkdirat(s->fd, "dir", 0700), 0);
	scratch_write(s, "dir/x", "1", 1);
	assert_int_equal(mkdirat(s->fd, "dir/sub", 0700), 0);
	assert_int_equal(symlinkat("../../keep", s->fd, "dir/sub/link"), 0);
	scratch_write(s, "abc", "1", 1);
	scratch_write(s, "keep", "1", 1);
	assert_int_equal(pv_trash_put(s->fd, s->path, "dir", NOON, &moved, NULL), PV_OK);
	assert_int_equal(pv_trash_put(s->fd, s->path, "abc", NOON + 86400, &moved, NULL), PV_OK);
	scratch_write(s, ".trash/other", "1", 1);
	assert_int_equal(pv_trash_purge(s->fd, s->path, NOON + 30 * 86400 - 1, false, &count, NULL), PV_OK);
	assert_int_equal(count, 0);
	assert_int_equal(scratch_count(s->path), 2);
	char trash[600];
	(void)snprintf(trash, sizeof trash, "%s/.trash", s->path);
	assert_int_equal(scratch_count(trash), 3);
	assert_int_equal(pv_trash_purge(s->fd, s->path, NOON + 30 * 86400, true, &count, NULL), PV_OK);
	assert_int_equal(count, 1);
	assert_int_equal(scratch_count(trash), 3);
	assert_int_equal(pv_trash_purge(s->fd, s->path, NOON + 30 * 86400, false, &count, NULL), PV_OK);
	assert_int_equal(count, 1);
	assert_int_equal(scratch_count(trash), 2);
	assert_true(scratch_holds(s, "keep", "1", 1));
	assert_true(scratch_holds(s, ".trash/other", "1", 1));
}

/* A thousand folders one in the other, the last closed to its owner. */
static void a_deep_tree_goes_too(void **state)
{
	const struct scratch *s = *state;

	assert_int_equal(mkdirat(s->fd, "top", 0700), 0);
	int fd = openat(s->fd, "top", O_RDONLY | O_DIRECTORY);
	for (int i = 0; i < 1000; i++) {
		assert_int_equal(mkdirat(fd, "d", 0700), 0);
		assert_int_equal(mkdirat(fd, "beside", 0), 0);
		int next = openat(fd, "d", O_RDONLY | O_DIRECTORY);
		assert_true(next >= 0);
		(void)close(fd);
		fd = next;
	}
	(void)close(fd);
	assert_int_equal(mkdirat(s->fd, "deep-0.19700101T000000Z", 0700), 0);
	assert_int_equal(pv_tree_remove(s->fd, s->path, "top", NULL), PV_OK);
	assert_int_equal(scratch_count(s->path), 0);
}

static enum pv_class trash_once(void *ctx, struct pv_error *e)
{
	const struct scratch *s = ctx;
	const char *call = fault.call;
	bool moved;

	fault.call = NULL;
	(void)pv_tree_remove(s->fd, s->path, ".trash", NULL);
	scratch_write(s, "abc", "1", 1);
	fault.call = call;
	return pv_trash_put(s->fd, s->path, "abc", NOON, &moved, e);
}

static void it_is_here_or_there(void *ctx, enum pv_class c)
{
	const struct scratch *s = ctx;

	bool here = scratch_holds(s, "abc", "1", 1);
	bool there = scratch_holds(s, ".trash/abc.20261120T120000Z", "1", 1);
	assert_true(here != there);
	assert_true(c != PV_OK || there);
}

static void a_move_to_the_trash_loses_nothing(void **state)
{
	assert_true(with_every_write_fault(trash_once, it_is_here_or_there, *state) >= 15);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(a_line_is_written_once, scratch_make, scratch_remove),
		cmocka_unit_test_setup_teardown(two_equal_changes_are_two_lines, scratch_make,
						scratch_remove),
		cmocka_unit_test_setup_teardown(a_torn_line_gets_its_end, scratch_make, scratch_remove),
		cmocka_unit_test_setup_teardown(a_line_that_ends_alike_is_another, scratch_make,
						scratch_remove),
		cmocka_unit_test_setup_teardown(a_long_history_is_looked_at_from_its_end, scratch_make,
						scratch_remove),
		cmocka_unit_test(who_and_where_are_one_word_each),
		cmocka_unit_test_setup_teardown(a_symlink_is_not_followed, scratch_make, scratch_remove),
		cmocka_unit_test_setup_teardown(history_is_old_or_new_whatever_fails, scratch_make,
						scratch_remove),
		cmocka_unit_test_setup_teardown(a_close_that_fails_is_an_error, scratch_make, scratch_remove),
		cmocka_unit_test_setup_teardown(old_lines_go, scratch_make, scratch_remove),
		cmocka_unit_test_setup_teardown(a_history_is_trimmed_or_whole_whatever_fails, scratch_make,
						scratch_remove),
		cmocka_unit_test_setup_teardown(what_is_deleted_is_in_the_trash, scratch_make,
						scratch_remove),
		cmocka_unit_test(the_date_is_in_the_name),
		cmocka_unit_test_setup_teardown(thirty_days_later_it_is_gone, scratch_make, scratch_remove),
		cmocka_unit_test_setup_teardown(a_deep_tree_goes_too, scratch_make, scratch_remove),
		cmocka_unit_test_setup_teardown(a_move_to_the_trash_loses_nothing, scratch_make,
						scratch_remove),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
