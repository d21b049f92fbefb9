/*
 * maps_postfix_test.c: programs are started with nothing of our own in them, and whatever they
 * do, we go on.
 */
#include "scratch.h"

#include "maps/postfix.h"

#include <signal.h>
#include <time.h>

enum { SHORT = 1, LONG = 60 };

struct result {
	struct pv_buf out, err;
	int status;
	struct pv_error e;
};

static enum pv_class run_shell(const char *script, const struct pv_buf *input, unsigned seconds,
			       struct result *r)
{
	const char *const argv[] = { "/bin/sh", "-c", script, NULL };

	*r = (struct result){ .out = PV_BUF_INIT(1 << 20), .err = PV_BUF_INIT(1 << 20), .status = -1 };
	return pv_postfix_run(argv, input, seconds, &r->out, &r->err, &r->status, &r->e);
}

static void free_result(struct result *r)
{
	pv_buf_free(&r->out);
	pv_buf_free(&r->err);
}

static void its_output_error_and_status_come_back(void **state)
{
	struct result r;

	(void)state;
	unsigned open_before = open_descriptors();
	assert_int_equal(run_shell("echo out; echo err >&2; exit 3", NULL, LONG, &r), PV_OK);
	assert_string_equal(r.out.s, "out\n");
	assert_string_equal(r.err.s, "err\n");
	assert_int_equal(r.status, 3);
	free_result(&r);
	assert_int_equal(open_descriptors(), open_before);
}

static void its_environment_is_path_and_lang_alone(void **state)
{
	const char *const argv[] = { "/usr/bin/env", NULL };
	struct pv_buf out = PV_BUF_INIT(4096);
	struct pv_error e;
	int status;

	(void)state;
	assert_int_equal(setenv("MAIL_CONFIG", "/tmp/evil", 1), 0);
	assert_int_equal(setenv("LD_PRELOAD_X", "x", 1), 0);
	assert_int_equal(pv_postfix_run(argv, NULL, LONG, &out, NULL, &status, &e), PV_OK);
	assert_string_equal(out.s, "PATH=/usr/sbin:/usr/bin:/sbin:/bin\nLANG=C\n");
	pv_buf_free(&out);
}

/* Open descriptors, umask, folder, ignored signals, standard input. */
static void it_inherits_nothing_else(void **state)
{
	struct result r;

	(void)state;
	int secret = open("/etc/passwd", O_RDONLY | O_CLOEXEC);
	mode_t old = umask(0);
	(void)signal(SIGTERM, SIG_IGN);
	assert_int_equal(
		run_shell(
			/* Signals 32 and 33 are glibc's own: nobody can change what was inherited. */
			"ls -l /proc/$$/fd | grep -c /etc/passwd; umask; pwd; "
			"echo $((0x$(grep SigIgn /proc/$$/status | cut -f2) & ~0x180000000)); wc -c",
			NULL, LONG, &r),
		PV_OK);
	(void)signal(SIGTERM, SIG_DFL);
	(void)umask(old);
	assert_true(secret >= 0);
	(void)close(secret);
	assert_string_equal(r.out.s, "0\n0077\n/\n0\n0\n");
	free_result(&r);
}

static void input_larger_than_a_pipe_goes_through(void **state)
{
	struct pv_buf input = PV_BUF_INIT(1 << 20);
	struct result r;

	(void)state;
	for (int i = 0; i < 50000; i++)
		pv_buf_addf(&input, "%05d\n", i);
	assert_int_equal(run_shell("cat", &input, LONG, &r), PV_OK);
	assert_int_equal(r.out.len, input.len);
	assert_memory_equal(r.out.s, input.s, input.len);
	free_result(&r);
	assert_int_equal(run_shell("exit 0", &input, LONG, &r), PV_OK); /* and one that does not read it */
	free_result(&r);
	pv_buf_free(&input);
}

static void what_goes_wrong_is_temporary_and_takes_no_longer_than_allowed(void **state)
{
	static const struct {
		const char *name, *script, *word;
	} rows[] = {
		{ "it hangs", "exec sleep 100", "too long" },
		{ "it closes its output and hangs", "exec >&- 2>&-; exec sleep 100", "killed" },
		{ "it stops itself", "kill -STOP $$", "too long" },
		{ "it is killed", "kill -9 $$", "signal 9" },
		{ "it floods", "cat /dev/zero", "" },
	};

	(void)state;
	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
		struct result r;
		time_t from = time(NULL);
		if (run_shell(rows[i].script, NULL, SHORT, &r) != PV_TEMPORARY ||
		    strstr(r.e.text, rows[i].word) == NULL)
			fail_msg("%s: %s", rows[i].name, r.e.text);
		assert_in_range(time(NULL) - from, 0, SHORT + 5);
		free_result(&r);
	}
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

static void what_it_started_ends_with_it(void **state)
{
	struct result r;

	(void)state;
	assert_int_equal(run_shell("sleep 100 & echo $!; exit 0", NULL, SHORT, &r), PV_TEMPORARY);
	assert_non_null(strstr(r.e.text, "too long"));
	pid_t pid = (pid_t)strtol(r.out.s, NULL, 10);
	assert_true(pid > 1);
	for (int i = 0; i < 500 && !is_dead(pid); i++)
		(void)usleep(10000);
	assert_true(is_dead(pid));
	free_result(&r);
}

static void a_program_that_is_not_there_is_said_to_be_missing(void **state)
{
	const char *const argv[] = { "/usr/sbin/no-such-program", NULL };
	struct pv_error e;
	int status;

	(void)state;
	assert_false(pv_postfix_has(argv[0]));
	assert_int_equal(pv_postfix_run(argv, NULL, LONG, NULL, NULL, &status, &e), PV_TEMPORARY);
	assert_non_null(strstr(e.text, "/usr/sbin/no-such-program"));
}

static void a_byte_of_complaint_is_a_failure_whatever_the_status(void **state)
{
	static const struct {
		const char *script;
		enum pv_class class;
		const char *word;
	} rows[] = {
		{ "exit 0", PV_OK, "" },
		{ "exit 1", PV_OK, "" }, /* postmap -q: not found */
		{ "exit 2", PV_TEMPORARY, "status 2" },
		{ "echo 'postmap: warning: duplicate entry' >&2; exit 0", PV_TEMPORARY, "duplicate entry" },
		{ "echo x >&2; exit 1", PV_TEMPORARY, "x" },
	};

	(void)state;
	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
		const char *const argv[] = { "/bin/sh", "-c", rows[i].script, NULL };
		struct pv_error e = { .text = "" };
		if (pv_postfix_ask(argv, NULL, LONG, NULL, &e) != rows[i].class ||
		    strstr(e.text, rows[i].word) == NULL)
			fail_msg("%s: %s", rows[i].script, e.text);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(its_output_error_and_status_come_back),
		cmocka_unit_test(its_environment_is_path_and_lang_alone),
		cmocka_unit_test(it_inherits_nothing_else),
		cmocka_unit_test(input_larger_than_a_pipe_goes_through),
		cmocka_unit_test(what_goes_wrong_is_temporary_and_takes_no_longer_than_allowed),
		cmocka_unit_test(what_it_started_ends_with_it),
		cmocka_unit_test(a_program_that_is_not_there_is_said_to_be_missing),
		cmocka_unit_test(a_byte_of_complaint_is_a_failure_whatever_the_status),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
