/*
 * program_test.c: a program of a domain's is started with nothing of ours in it; whatever it does, we go on;
 * and what it leaves behind ends with it.
 */
#include "scratch.h"

#include "base/clock.h"
#include "base/program.h"

#include <signal.h>
#include <sys/wait.h>

enum { SHORT = 1, LONG = 60 };

struct result {
	struct pv_buf out, err;
	int status;
	struct pv_error e;
};

static enum pv_class add(void *ctx, int fd, const char *data, size_t len, struct pv_error *e)
{
	struct result *r = ctx;

	pv_buf_add(fd == 1 ? &r->out : &r->err, data, len);
	return pv_buf_check(fd == 1 ? &r->out : &r->err, "what the program said", e);
}

static void start_result(struct result *r)
{
	*r = (struct result){ .out = PV_BUF_INIT(1 << 20), .err = PV_BUF_INIT(1 << 20), .status = -1 };
}

static enum pv_class run(const char *script, int input_fd, unsigned seconds, struct result *r)
{
	const char *const argv[] = { "/bin/sh", "-c", script, "sh", "*", "$(id)", NULL };
	const char *const environment[] = { "PATH=/usr/bin:/bin", "EXT=a b;c", NULL };
	const struct pv_program p = { .argv = argv,
				      .environment = environment,
				      .folder = "/usr",
				      .input_fd = input_fd,
				      .seconds = seconds,
				      .output = add,
				      .ctx = r };

	start_result(r);
	return pv_program_do(&p, &r->status, &r->e);
}

static void free_result(struct result *r)
{
	pv_buf_free(&r->out);
	pv_buf_free(&r->err);
}

static void its_words_environment_and_folder_are_as_given(void **state)
{
	struct result r;

	(void)state;
	unsigned open_before = open_descriptors();
	assert_int_equal(run("printf '%s|' \"$@\" \"$EXT\"; pwd; env | wc -l; cat; echo err >&2; exit 3", -1,
			     LONG, &r),
			 PV_OK);
	assert_string_equal(r.out.s, "*|$(id)|a b;c|/usr\n3\n"); /* PWD is the shell's own */
	assert_string_equal(r.err.s, "err\n");
	assert_int_equal(r.status, 3);
	free_result(&r);
	assert_int_equal(open_descriptors(), open_before);
}

static void it_inherits_no_descriptor_and_no_signal(void **state)
{
	struct result r;
	sigset_t usr1;

	(void)state;
	int open_one = open("/etc/hostname", O_RDONLY); /* not even close-on-exec */
	assert_true(open_one >= 0);
	(void)signal(SIGTERM, SIG_IGN);
	(void)signal(SIGCHLD, SIG_IGN);
	(void)sigemptyset(&usr1);
	(void)sigaddset(&usr1, SIGUSR1);
	(void)sigprocmask(SIG_BLOCK, &usr1, NULL);
	mode_t old = umask(0);
	assert_int_equal(run("umask; ulimit -c; "
			     "echo $((0x$(grep SigIgn /proc/$$/status | cut -f2) & ~0x180000000)) "
			     "$((0x$(grep SigBlk /proc/$$/status | cut -f2)))",
			     -1, LONG, &r),
			 PV_OK);
	(void)umask(old);
	(void)sigprocmask(SIG_UNBLOCK, &usr1, NULL);
	(void)signal(SIGCHLD, SIG_DFL);
	(void)signal(SIGTERM, SIG_DFL);
	assert_string_equal(r.out.s, "0077\n0\n0 0\n");
	free_result(&r);
	/* 3 is the folder that ls lists. */
	assert_int_equal(run("exec ls /proc/self/fd", -1, LONG, &r), PV_OK);
	assert_string_equal(r.out.s, "0\n1\n2\n3\n");
	(void)close(open_one);
	free_result(&r);
}

static void its_input_is_a_file_from_where_it_stands_on(void **state)
{
	struct scratch *s = *state;
	struct result r;

	scratch_write(s, "message", "From x\nSubject: y\n", 18);
	int fd = openat(s->fd, "message", O_RDONLY | O_CLOEXEC);
	assert_int_equal(lseek(fd, 7, SEEK_SET), 7);
	assert_int_equal(run("cat", fd, LONG, &r), PV_OK);
	assert_string_equal(r.out.s, "Subject: y\n");
	free_result(&r);
	(void)close(fd);
}

static void it_may_leave_its_input_unread(void **state)
{
	const char *const argv[] = { "/bin/sh", "-c", "exec <&-; echo done", NULL };
	struct pv_buf input = PV_BUF_INIT(1 << 20);
	struct result r;

	(void)state;
	while (input.len < 500000)
		pv_buf_adds(&input, "0123456789\n");
	const struct pv_program p = {
		.argv = argv, .input = &input, .input_fd = -1, .seconds = LONG, .output = add, .ctx = &r
	};
	start_result(&r);
	assert_int_equal(pv_program_do(&p, &r.status, &r.e), PV_OK);
	assert_string_equal(r.out.s, "done\n");
	free_result(&r);
	pv_buf_free(&input);
}

static void what_goes_wrong_is_temporary_and_takes_no_longer_than_allowed(void **state)
{
	static const struct {
		const char *name, *script, *word;
	} rows[] = {
		{ "it hangs", "exec sleep 100", "too long" },
		{ "it closes its output and hangs", "exec >&- 2>&-; exec sleep 100", "too long" },
		{ "it stops itself", "kill -STOP $$", "too long" },
		{ "it ignores what could end it", "trap '' TERM INT HUP PIPE; while :; do sleep 100; done",
		  "too long" },
		{ "it is killed", "kill -9 $$", "signal 9" },
		{ "it crashes", "kill -SEGV $$", "signal 11" },
		{ "it floods", "cat /dev/zero", "what the program said" },
		{ "it floods its errors", "cat /dev/zero >&2", "what the program said" },
	};

	(void)state;
	unsigned open_before = open_descriptors();
	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
		struct result r;
		int64_t from = pv_now_ms();
		if (run(rows[i].script, -1, SHORT, &r) != PV_TEMPORARY ||
		    strstr(r.e.text, rows[i].word) == NULL)
			fail_msg("%s: %s", rows[i].name, r.e.text);
		assert_in_range(pv_now_ms() - from, 0, (SHORT + 5) * 1000);
		assert_int_equal(waitpid(-1, NULL, WNOHANG), -1); /* no child is left */
		free_result(&r);
	}
	assert_int_equal(open_descriptors(), open_before);
}

/* Gone, or dead and not fetched by whoever is its parent now. */
static bool is_dead(pid_t pid)
{
	char path[64], stat[512] = "";

	(void)snprintf(path, sizeof path, "/proc/%d/stat", (int)pid);
	FILE *f = fopen(path, "r");
	if (f == NULL)
		return true;
	bool read = fgets(stat, sizeof stat, f) != NULL;
	(void)fclose(f);
	const char *name_end = strrchr(stat, ')');
	return !read || (name_end != NULL && name_end[2] == 'Z');
}

static pid_t said_pid(const struct result *r)
{
	pid_t pid = (pid_t)strtol(r->out.s, NULL, 10);

	assert_true(pid > 1);
	return pid;
}

static void what_it_left_running_is_not_waited_for_and_ends(void **state)
{
	struct result r;

	(void)state;
	int64_t from = pv_now_ms();
	assert_int_equal(run("sleep 100 & echo $!; exit 0", -1, LONG, &r), PV_OK);
	assert_in_range(pv_now_ms() - from, 0, 20000);
	assert_int_equal(r.status, 0);
	for (int i = 0; i < 500 && !is_dead(said_pid(&r)); i++)
		(void)usleep(10000);
	assert_true(is_dead(said_pid(&r)));
	free_result(&r);
}

/* It writes on for ever into the pipe that it inherited; all that counts is what stood there at the end. */
static void what_left_its_group_is_not_waited_for(void **state)
{
	struct result r;

	(void)state;
	int64_t from = pv_now_ms();
	assert_int_equal(run("setsid sh -c 'echo $$; trap \"\" PIPE; while sleep 0.1; do echo x; done "
			     "2>/dev/null' & sleep 0.5; exit 0",
			     -1, LONG, &r),
			 PV_OK);
	assert_in_range(pv_now_ms() - from, 0, 20000);
	assert_int_equal(kill(said_pid(&r), SIGKILL), 0);
	free_result(&r);
}

static void all_that_it_wrote_at_its_end_counts(void **state)
{
	struct result r;

	(void)state;
	for (int i = 0; i < 20; i++) {
		assert_int_equal(run("head -c 60000 /dev/zero; head -c 50000 /dev/zero >&2", -1, LONG, &r),
				 PV_OK);
		assert_int_equal(r.out.len, 60000);
		assert_int_equal(r.err.len, 50000);
		free_result(&r);
	}
}

static void one_that_is_not_there_is_said_to_be_missing(void **state)
{
	const char *const argv[] = { "/usr/sbin/no-such-program", NULL };
	const struct pv_program p = { .argv = argv, .input_fd = -1, .seconds = LONG };
	struct pv_error e;
	int status;

	(void)state;
	assert_int_equal(pv_program_do(&p, &status, &e), PV_TEMPORARY);
	assert_non_null(strstr(e.text, "/usr/sbin/no-such-program"));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(its_words_environment_and_folder_are_as_given),
		cmocka_unit_test(it_inherits_no_descriptor_and_no_signal),
		cmocka_unit_test_setup_teardown(its_input_is_a_file_from_where_it_stands_on, scratch_make,
						scratch_remove),
		cmocka_unit_test(it_may_leave_its_input_unread),
		cmocka_unit_test(what_goes_wrong_is_temporary_and_takes_no_longer_than_allowed),
		cmocka_unit_test(what_it_left_running_is_not_waited_for_and_ends),
		cmocka_unit_test(what_left_its_group_is_not_waited_for),
		cmocka_unit_test(all_that_it_wrote_at_its_end_counts),
		cmocka_unit_test(one_that_is_not_there_is_said_to_be_missing),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
