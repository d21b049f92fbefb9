/*
 * Where the files of one who is answered for lie, how often he answers, and on which days.
 */
#include "scratch.h"

#include "store/answer_files.h"

static const struct {
	const char *sentence, *start, *end, *today;
	const char *why; /* "": it answers */
} days[] = {
	{ "no dates", "", "", "2026-12-24", "" },
	{ "the day before", "2026-12-24", "", "2026-12-23", "has not begun" },
	{ "the first day", "2026-12-24", "", "2026-12-24", "" },
	{ "the day after the first", "2026-12-24", "", "2026-12-25", "" },
	{ "a day before the last", "", "2026-12-31", "2026-12-30", "" },
	{ "the last day", "", "2026-12-31", "2026-12-31", "" },
	{ "the day after the last", "", "2026-12-31", "2027-01-01", "is over" },
	{ "one day", "2026-12-24", "2026-12-24", "2026-12-24", "" },
	{ "before one day", "2026-12-24", "2026-12-24", "2026-12-23", "has not begun" },
	{ "after one day", "2026-12-24", "2026-12-24", "2026-12-25", "is over" },
	{ "another month", "2026-12-02", "", "2026-11-30", "has not begun" },
	{ "another year", "", "2026-01-01", "2025-12-31", "" },
};

static struct pv_day day(const char *s)
{
	struct pv_day d = { 0, 0, 0 };

	assert_true(*s == '\0' || pv_day_parse(s, strlen(s), &d));
	return d;
}

static void on_which_days(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof days / sizeof *days; i++) {
		const struct pv_user_conf c = { .vacation_start = day(days[i].start),
						.vacation_end = day(days[i].end) };
		const struct pv_day today = day(days[i].today);
		const char *why = pv_vacation_pause(&c, &today);
		if (days[i].why[0] == '\0' ? why != NULL : why == NULL || strstr(why, days[i].why) == NULL)
			fail_msg("%s: %s", days[i].sentence, why);
	}
}

static void how_often(void **state)
{
	static const struct {
		bool vacation;
		unsigned days, most;
		time_t seconds;
	} rows[] = { { true, 7, 1, 604800 },
		     { true, 1, 1, 86400 },
		     { true, 0, PV_ANSWER_DAILY, 86400 },
		     { false, 7, PV_ANSWER_DAILY, 86400 } };

	(void)state;
	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
		const struct pv_answered_rule r = pv_answer_rule(rows[i].vacation, rows[i].days);
		assert_int_equal(r.most, rows[i].most);
		assert_int_equal(r.seconds, rows[i].seconds);
	}
}

static void the_folder(void **state)
{
	const struct scratch *s = *state;
	struct pv_answer_files f;
	struct pv_error e;
	char path[1024], name[NAME_MAX + 2];

	(void)snprintf(path, sizeof path, "%s/.files", s->path);
	assert_int_equal(pv_answer_files_open(path, "abc.vacation", geteuid(), &f, &e), PV_OK);
	assert_int_equal(f.dirfd, -1);
	assert_int_equal(mkdirat(s->fd, ".files", 0700), 0);
	unsigned before = open_descriptors();
	assert_int_equal(pv_answer_files_open(path, "abc.vacation", geteuid(), &f, &e), PV_OK);
	assert_true(f.dirfd >= 0);
	assert_string_equal(f.where, path);
	assert_string_equal(f.text, "abc.vacation");
	assert_string_equal(f.index, "abc.vacation.db");
	pv_answer_files_close(&f);
	assert_int_equal(open_descriptors(), before);
	/* Others may write in it; it is a symlink. */
	assert_int_equal(fchmodat(s->fd, ".files", 0770, 0), 0);
	assert_int_equal(pv_answer_files_open(path, "abc.vacation", geteuid(), &f, &e), PV_TEMPORARY);
	assert_int_equal(f.dirfd, -1);
	assert_int_equal(unlinkat(s->fd, ".files", AT_REMOVEDIR), 0);
	assert_int_equal(symlinkat("/tmp", s->fd, ".files"), 0);
	assert_int_equal(pv_answer_files_open(path, "abc.vacation", geteuid(), &f, &e), PV_TEMPORARY);
	memset(name, 'a', sizeof name);
	name[NAME_MAX - 2] = '\0'; /* the index has no room */
	assert_int_equal(pv_answer_files_open(s->path, name, geteuid(), &f, &e), PV_TEMPORARY);
	assert_int_equal(open_descriptors(), before);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(on_which_days),
		cmocka_unit_test(how_often),
		cmocka_unit_test_setup_teardown(the_folder, scratch_make, scratch_remove),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
