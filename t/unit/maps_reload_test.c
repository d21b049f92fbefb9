/*
 * maps_reload_test.c: a reload is due while Postfix has read another virtual_regexp than the one that is
 * there, whoever was killed; it comes once, and not more often than every 10 s. Postfix itself stands in
 * for by what its `postfix` program would answer; t/postfix/reload.py has the real one.
 */
#include "scratch.h"

#include "base/file.h"
#include "maps/postfix.h"
#include "maps/reload.h"
#include "store/conf.h"

#include <time.h>

static char run_directory[600], map_directory[600];
static struct pv_store store = { .dirfd = -1 };
static const struct scratch *scratch;

/* `postfix`: which instances run, which reload fails, what it was asked. */
static bool stopped[3], broken[3];
static struct pv_buf asked = PV_BUF_INIT(1 << 20);

enum pv_class __wrap_pv_postfix_run(const char *const argv[], const struct pv_buf *input, unsigned seconds,
				    struct pv_buf *out, struct pv_buf *err, int *status_r,
				    struct pv_error *e);
enum pv_class __wrap_pv_postfix_run(const char *const argv[], const struct pv_buf *input, unsigned seconds,
				    struct pv_buf *out, struct pv_buf *err, int *status_r, struct pv_error *e)
{
	int which = argv[2][strlen(argv[2]) - 1] - '1';

	(void)input, (void)seconds, (void)out, (void)e;
	assert_string_equal(argv[0], "/usr/sbin/postfix");
	assert_string_equal(argv[1], "-c");
	assert_null(argv[4]);
	*status_r = 0;
	if (strcmp(argv[3], "status") == 0) {
		*status_r = stopped[which];
		return PV_OK;
	}
	pv_buf_addf(&asked, "%s %s\n", argv[3], argv[2]);
	*status_r = broken[which];
	if (broken[which])
		pv_buf_adds(err, "it is broken\n");
	return PV_OK;
}

/* The clock; sleeping moves it. */
static int64_t now_ms, slept_ms;
static void (*at_sleep)(void);

int __wrap_clock_gettime(clockid_t id, struct timespec *t);
int __wrap_clock_gettime(clockid_t id, struct timespec *t)
{
	(void)id;
	*t = (struct timespec){ .tv_sec = now_ms / 1000, .tv_nsec = now_ms % 1000 * 1000000 };
	return 0;
}

int __wrap_nanosleep(const struct timespec *t, struct timespec *rest);
int __wrap_nanosleep(const struct timespec *t, struct timespec *rest)
{
	int64_t ms = (int64_t)t->tv_sec * 1000 + (t->tv_nsec + 999999) / 1000000;

	(void)rest;
	now_ms += ms;
	slept_ms += ms;
	if (at_sleep != NULL)
		at_sleep();
	return 0;
}

static unsigned said;

static void waits(unsigned seconds)
{
	said = seconds;
}

/* As the writer of the maps does it. */
static void replace_text(const char *text)
{
	int fd = open(map_directory, O_PATH | O_DIRECTORY | O_CLOEXEC);
	struct pv_error e;

	assert_true(fd >= 0);
	assert_int_equal(
		pv_file_replace(fd, "virtual_regexp", text, strlen(text), 0640, (uid_t)-1, (gid_t)-1, &e),
		PV_OK);
	(void)close(fd);
}

static void mark(void)
{
	struct pv_error e = { .text = "" };

	if (pv_reload_mark(&store, &e) != PV_OK)
		fail_msg("%s", e.text);
}

static bool reload(void)
{
	struct pv_error e = { .text = "" };
	bool reloaded;

	pv_buf_reset(&asked);
	said = 0;
	slept_ms = 0;
	if (pv_reload_if_due(&store, waits, &reloaded, &e) != PV_OK)
		fail_msg("%s", e.text);
	return reloaded;
}

static int make(void **state)
{
	if (scratch_make(state) != 0)
		return -1;
	scratch = *state;
	pv_conf_defaults(&store.conf);
	(void)snprintf(run_directory, sizeof run_directory, "%s/run", scratch->path);
	(void)snprintf(map_directory, sizeof map_directory, "%s/maps", scratch->path);
	store.conf.run_directory = run_directory;
	store.conf.map_directory = map_directory;
	store.conf.postfix_config_directory = "/x/1";
	memset(stopped, 0, sizeof stopped);
	memset(broken, 0, sizeof broken);
	now_ms = 5000000;
	at_sleep = NULL;
	return mkdirat(scratch->fd, "run", 0700) != 0 || mkdirat(scratch->fd, "maps", 0700) != 0;
}

static void a_text_that_was_replaced_is_read_once(void **state)
{
	(void)state;
	assert_false(reload());
	replace_text("one");
	assert_false(reload()); /* nobody marked it: Postfix may have read it */
	mark();
	assert_false(reload()); /* killed before the text was replaced */
	replace_text("two");
	assert_true(reload());
	assert_string_equal(asked.s, "reload /x/1\n");
	assert_int_equal(slept_ms, 0);
	assert_false(reload());
	assert_string_equal(asked.s, "");
	now_ms += 10000;
	replace_text("two"); /* put back from a backup, say: nobody marked it */
	assert_true(reload());
}

static void the_first_text_ever_is_read(void **state)
{
	(void)state;
	mark();
	replace_text("one");
	assert_true(reload());
	assert_false(reload());
}

static void the_next_one_waits_for_the_rest_of_ten_seconds(void **state)
{
	static const struct {
		int64_t later, slept;
		unsigned said;
	} rows[] = { { 0, 10000, 10 },
		     { 1, 9999, 10 },
		     { 9001, 999, 1 },
		     { 9999, 1, 1 },
		     { 10000, 0, 0 },
		     { 86400000, 0, 0 },
		     /* The clock starts anew with a boot; what is to come was before. */
		     { -1, 0, 0 },
		     { -4999000, 0, 0 } };

	(void)state;
	mark();
	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
		replace_text("a");
		now_ms += 20000;
		assert_true(reload());
		replace_text("b");
		now_ms += rows[i].later;
		assert_true(reload());
		assert_string_equal(asked.s, "reload /x/1\n");
		if (slept_ms != rows[i].slept || said != rows[i].said)
			fail_msg("%jd ms later: slept %jd, said %u", (intmax_t)rows[i].later,
				 (intmax_t)slept_ms, said);
		now_ms = 5000000;
		(void)unlinkat(scratch->fd, "run/reload", 0);
		mark();
	}
}

static void nobody_waits_where_postfix_does_not_run(void **state)
{
	(void)state;
	stopped[0] = true;
	mark();
	replace_text("a");
	assert_false(reload());
	replace_text("b");
	assert_false(reload());
	assert_int_equal(slept_ms, 0);
	assert_int_equal(said, 0);
	stopped[0] = false; /* it was started, and has read this text: one reload too many does no harm */
	replace_text("c");
	assert_true(reload());
	assert_int_equal(slept_ms, 0);
}

static void all_instances_that_run_are_reloaded(void **state)
{
	(void)state;
	store.conf.postfix_config_directory = "/x/1, /x/2 /x/3";
	stopped[1] = true;
	mark();
	replace_text("a");
	assert_true(reload());
	assert_string_equal(asked.s, "reload /x/1\nreload /x/3\n");
}

static void a_postfix_that_does_not_run_is_let_be(void **state)
{
	(void)state;
	stopped[0] = true;
	mark();
	replace_text("a");
	assert_false(reload());
	assert_string_equal(asked.s, "");
	stopped[0] = false; /* it has read the text when it started */
	assert_false(reload());
	assert_string_equal(asked.s, "");
}

static void one_that_fails_stays_due_and_the_others_are_told(void **state)
{
	struct pv_error e = { .text = "" };
	bool reloaded = true;

	(void)state;
	store.conf.postfix_config_directory = "/x/1, /x/2";
	broken[0] = true;
	mark();
	replace_text("a");
	assert_int_equal(pv_reload_if_due(&store, NULL, &reloaded, &e), PV_TEMPORARY);
	assert_false(reloaded);
	assert_string_equal(e.text, "Postfix was not reloaded, and the next command tries again: "
				    "/usr/sbin/postfix -c /x/1 reload exits 1: it is broken?");
	assert_non_null(strstr(asked.s, "/x/2"));
	broken[0] = false;
	assert_true(reload());
}

static void a_record_that_says_nothing_makes_one_due(void **state)
{
	static const char *const rows[] = { "", "x\n", "1 2\n", "99999999999999999999999 -1 x\n" };

	(void)state;
	replace_text("a");
	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
		scratch_write(scratch, "run/reload", rows[i], strlen(rows[i]));
		assert_true(reload());
		assert_int_equal(slept_ms, 0);
		assert_false(reload());
	}
}

/* Another program holds the lock, and is done when we have slept twice. */
static int other_lock;
static unsigned naps;
static bool other_does_it;

static void other_program(void)
{
	unsigned running;
	struct pv_error e;

	if (++naps != 2)
		return;
	(void)close(other_lock);
	at_sleep = NULL;
	if (other_does_it)
		assert_int_equal(pv_reload_now(&store, &running, &e), PV_OK);
}

static void who_waits_for_another_that_does_it_does_nothing(void **state)
{
	(void)state;
	mark();
	for (int i = 0; i < 2; i++) {
		struct pv_error e;
		replace_text("a");
		now_ms += 20000;
		assert_int_equal(pv_lock_file(openat(scratch->fd, "run", O_PATH | O_CLOEXEC), "reload.lock",
					      0, &other_lock, &e),
				 PV_OK);
		other_does_it = i == 0;
		naps = 0;
		at_sleep = other_program;
		assert_true(reload());
		assert_string_equal(asked.s, "reload /x/1\n"); /* by one of the two */
		assert_int_equal(said, 10);
	}
}

static void without_a_run_directory_nothing_is_due(void **state)
{
	struct pv_error e;

	(void)state;
	assert_int_equal(unlinkat(scratch->fd, "run", AT_REMOVEDIR), 0);
	replace_text("a");
	assert_false(reload());
	assert_int_equal(pv_reload_mark(&store, &e), PV_TEMPORARY);
}

int main(void)
{
#define TEST(f) cmocka_unit_test_setup_teardown(f, make, scratch_remove)
	const struct CMUnitTest tests[] = {
		TEST(a_text_that_was_replaced_is_read_once),
		TEST(the_first_text_ever_is_read),
		TEST(the_next_one_waits_for_the_rest_of_ten_seconds),
		TEST(nobody_waits_where_postfix_does_not_run),
		TEST(all_instances_that_run_are_reloaded),
		TEST(a_postfix_that_does_not_run_is_let_be),
		TEST(one_that_fails_stays_due_and_the_others_are_told),
		TEST(a_record_that_says_nothing_makes_one_due),
		TEST(who_waits_for_another_that_does_it_does_nothing),
		TEST(without_a_run_directory_nothing_is_due),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
