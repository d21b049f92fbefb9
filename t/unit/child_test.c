/*
 * child_test.c: what a child that became a domain's account can see and do, and that nothing
 * it does, hostile as it may be, holds up or misleads its parent. Run as root.
 */
#include "scratch.h"

#include "base/child.h"
#include "base/clock.h"
#include "base/file.h"

#include <grp.h>
#include <signal.h>

#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/wait.h>

enum { ACCOUNT = 60001, GROUP = 60002 };

static const struct pv_child_limits usual = { .seconds = 20, .cpu_seconds = 10 };
static const struct pv_child_limits one_second = { .seconds = 1, .cpu_seconds = 10 };

/* Where fork() or pipe2() shall fail. */
static const char *failing;
static unsigned failing_nth;

static bool trips(const char *call)
{
	errno = EAGAIN;
	return failing != NULL && strcmp(failing, call) == 0 && --failing_nth == 0;
}

pid_t __real_fork(void);
pid_t __wrap_fork(void);
pid_t __wrap_fork(void)
{
	return trips("fork") ? -1 : __real_fork();
}

int __real_pipe2(int fds[2], int flags);
int __wrap_pipe2(int fds[2], int flags);
int __wrap_pipe2(int fds[2], int flags)
{
	return trips("pipe2") ? -1 : __real_pipe2(fds, flags);
}

int __real_poll(void *p, unsigned long n, int ms);
int __wrap_poll(void *p, unsigned long n, int ms);
int __wrap_poll(void *p, unsigned long n, int ms)
{
	return trips("poll") ? -1 : __real_poll(p, n, ms);
}

int __real_chdir(const char *path);
int __wrap_chdir(const char *path);
int __wrap_chdir(const char *path)
{
	return trips("chdir") ? -1 : __real_chdir(path);
}

/* One run; nothing may be left: no descriptor, no child. */
static enum pv_class run(const struct pv_child_limits *limits, pv_child_work *work, void *ctx,
			 struct pv_buf *out, struct pv_error *e)
{
	unsigned before = open_descriptors();
	int64_t start = pv_now_ms();

	*e = (struct pv_error){ .class = PV_OK };
	enum pv_class c = pv_child_run(ACCOUNT, GROUP, limits, work, ctx, out, e);
	assert_int_equal(open_descriptors(), before);
	assert_int_equal(waitpid(-1, NULL, WNOHANG), -1);
	assert_true(pv_now_ms() - start < 1000 * (int64_t)limits->seconds + 10000);
	if (c != PV_OK)
		assert_true(c == e->class && e->text[0] != '\0');
	return c;
}

static enum pv_class fail_with(enum pv_class c, struct pv_error *e, const char *why)
{
	return pv_fail(e, c, "4.3.0", "%s", why);
}

/* --- what the child is --- */

static enum pv_class tell_status(void *ctx, int out_fd, struct pv_error *e)
{
	char text[8192];
	int fd = open("/proc/self/status", O_RDONLY | O_CLOEXEC);
	ssize_t n = read(fd, text, sizeof text);

	(void)ctx;
	return n > 0 && pv_write_all(out_fd, text, (size_t)n) == 0
		       ? PV_OK
		       : fail_with(PV_TEMPORARY, e, "cannot read status");
}

static void the_child_is_the_account_alone(void **state)
{
	static const char *const lines[] = {
		"\nUid:\t60001\t60001\t60001\t60001\n",
		"\nGid:\t60002\t60002\t60002\t60002\n",
		"\nGroups:\t60002 \n",
		"\nCapPrm:\t0000000000000000\n",
		"\nCapEff:\t0000000000000000\n",
		"\nCapInh:\t0000000000000000\n",
		"\nCapAmb:\t0000000000000000\n",
		"\nUmask:\t0077\n",
		"\nSigBlk:\t0000000000000000\n",
		"\nSigCgt:\t0000000000000000\n",
	};
	/* Signals 32 and 33 are glibc's own: nobody can change what was inherited. */
	static const unsigned long long sigpipe = 0x1000, glibcs_own = 0x180000000;
	const gid_t many[] = { 0, 4, 6 };
	struct pv_buf out = PV_BUF_INIT(10000);
	struct pv_error e;
	sigset_t all, before;

	(void)state;
	assert_int_equal(setgroups(3, many), 0);
	/* The caller's signals are not the child's: handlers, ignored and blocked ones. */
	(void)signal(SIGTERM, SIG_IGN);
	(void)signal(SIGUSR1, (void (*)(int))(uintptr_t)abort);
	(void)signal(SIGRTMIN + 3, SIG_IGN);
	(void)sigfillset(&all);
	(void)sigprocmask(SIG_SETMASK, &all, &before);
	enum pv_class c = run(&usual, tell_status, NULL, &out, &e);
	(void)sigprocmask(SIG_SETMASK, &before, NULL);
	(void)signal(SIGTERM, SIG_DFL);
	(void)signal(SIGUSR1, SIG_DFL);
	(void)signal(SIGRTMIN + 3, SIG_DFL);
	assert_int_equal(c, PV_OK);
	for (size_t i = 0; i < sizeof lines / sizeof *lines; i++)
		if (strstr(out.s, lines[i]) == NULL)
			fail_msg("no line `%s` in %s", lines[i] + 1, out.s);
	const char *ignored = strstr(out.s, "\nSigIgn:\t");
	assert_non_null(ignored);
	assert_int_equal(strtoull(ignored + strlen("\nSigIgn:\t"), NULL, 16) & ~glibcs_own, sigpipe);
	pv_buf_free(&out);
}

static enum pv_class try_to_come_back(void *ctx, int out_fd, struct pv_error *e)
{
	struct rlimit core;
	char folder[100];

	(void)ctx, (void)out_fd;
	if (setuid(0) == 0 || seteuid(0) == 0 || setresuid(0, 0, 0) == 0 || setgid(0) == 0 ||
	    setgroups(0, NULL) == 0)
		return fail_with(PV_PERMANENT, e, "became root again");
	if (getrlimit(RLIMIT_CORE, &core) != 0 || core.rlim_max != 0)
		return fail_with(PV_PERMANENT, e, "may dump core");
	if (getcwd(folder, sizeof folder) == NULL || strcmp(folder, "/") != 0)
		return fail_with(PV_PERMANENT, e, "is not in the folder /");
	return PV_OK;
}

static void the_child_cannot_come_back(void **state)
{
	struct pv_buf out = PV_BUF_INIT(0);
	struct pv_error e;

	(void)state;
	enum pv_class c = run(&usual, try_to_come_back, NULL, &out, &e);
	assert_string_equal(e.text, "");
	assert_int_equal(c, PV_OK);
}

/* Which descriptors are open, but for the one that asks. */
static enum pv_class tell_descriptors(void *ctx, int out_fd, struct pv_error *e)
{
	char text[2000];
	size_t n = 0;

	(void)ctx;
	for (int fd = 0; fd < 3000; fd++)
		if (fcntl(fd, F_GETFD) >= 0)
			n += (size_t)snprintf(text + n, sizeof text - n, "%d ", fd);
	return pv_write_all(out_fd, text, n) == 0 ? PV_OK : fail_with(PV_TEMPORARY, e, "cannot write");
}

static void only_its_pipes_are_open(void **state)
{
	struct pv_buf out = PV_BUF_INIT(2000);
	struct pv_error e;
	int many[50];

	(void)state;
	for (size_t i = 0; i < 50; i++)
		many[i] = dup(0);
	int far = fcntl(0, F_DUPFD, 900);
	assert_int_equal(run(&usual, tell_descriptors, NULL, &out, &e), PV_OK);
	for (size_t i = 0; i < 50; i++)
		(void)close(many[i]);
	(void)close(far);
	assert_string_equal(out.s, "0 1 2 3 4 ");
	pv_buf_free(&out);
}

static void a_stranger_to_root_is_refused(void **state)
{
	static const struct {
		uid_t uid;
		gid_t gid;
	} refused[] = { { 0, GROUP }, { ACCOUNT, 0 }, { 0, 0 } };
	struct pv_buf out = PV_BUF_INIT(2000);
	struct pv_error e;

	(void)state;
	for (size_t i = 0; i < sizeof refused / sizeof *refused; i++) {
		assert_int_equal(
			pv_child_run(refused[i].uid, refused[i].gid, &usual, tell_status, NULL, &out, &e),
			PV_PERMANENT);
		assert_int_equal(out.len, 0);
	}
}

/* Started by an account: its own ids work, whatever groups it is in; others do not. */
static int as_an_account(void)
{
	const gid_t groups[] = { GROUP, 60003, 60004 };
	struct pv_buf out = PV_BUF_INIT(10000);
	struct pv_error e;

	if (setgroups(3, groups) != 0 || setresgid(GROUP, GROUP, GROUP) != 0 ||
	    setresuid(ACCOUNT, ACCOUNT, ACCOUNT) != 0)
		return 1;
	if (pv_child_run(ACCOUNT, GROUP, &usual, tell_status, NULL, &out, &e) != PV_OK)
		return 2;
	if (pv_child_run(60009, GROUP, &usual, tell_status, NULL, &out, &e) == PV_OK)
		return 3;
	if (pv_child_run(ACCOUNT, 60009, &usual, tell_status, NULL, &out, &e) == PV_OK)
		return 4;
	return pv_child_run(0, 0, &usual, tell_status, NULL, &out, &e) == PV_OK ? 5 : 0;
}

/* Its effective uid alone is the account's: root would be one call away for the child. */
static int as_half_an_account(void)
{
	struct pv_buf out = PV_BUF_INIT(10000);
	struct pv_error e;

	if (setresgid(GROUP, GROUP, GROUP) != 0 || setresuid(0, ACCOUNT, 0) != 0)
		return 1;
	return pv_child_run(ACCOUNT, GROUP, &usual, tell_status, NULL, &out, &e) == PV_OK &&
			       strstr(out.s, "\nUid:\t60001\t60001\t60001\t60001\n") == NULL
		       ? 2
		       : 0;
}

static void an_account_runs_only_as_itself(void **state)
{
	static int (*const cases[])(void) = { as_an_account, as_half_an_account };

	(void)state;
	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
		int status;
		pid_t pid = fork();
		if (pid == 0)
			_exit(cases[i]());
		assert_int_equal(waitpid(pid, &status, 0), pid);
		assert_true(WIFEXITED(status));
		assert_int_equal(WEXITSTATUS(status), 0);
	}
}

/* --- what it hands back --- */

static enum pv_class write_bytes(void *ctx, int out_fd, struct pv_error *e)
{
	size_t n = *(const size_t *)ctx;
	char block[1000];

	memset(block, 'x', sizeof block);
	while (n > 0) {
		size_t part = n < sizeof block ? n : sizeof block;
		if (pv_write_all(out_fd, block, part) != 0)
			return fail_with(PV_TEMPORARY, e, "cannot write");
		n -= part;
	}
	return PV_OK;
}

static void output_comes_whole_up_to_the_limit(void **state)
{
	static const size_t sizes[] = { 0, 1, 65535, 65536, 65537, 300000 };

	(void)state;
	for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++)
		for (size_t less = 0; less < 2 && less <= sizes[i]; less++) {
			struct pv_buf out = PV_BUF_INIT(sizes[i] - less);
			struct pv_error e;
			size_t n = sizes[i];
			enum pv_class c = run(&usual, write_bytes, &n, &out, &e);
			assert_int_equal(c, less == 0 ? PV_OK : PV_TEMPORARY);
			if (less == 0)
				assert_int_equal(out.len, n);
			pv_buf_free(&out);
		}
}

static void output_is_appended(void **state)
{
	struct pv_buf out = PV_BUF_INIT(100);
	struct pv_error e;
	size_t n = 3;

	(void)state;
	pv_buf_adds(&out, "ab");
	assert_int_equal(run(&usual, write_bytes, &n, &out, &e), PV_OK);
	assert_string_equal(out.s, "abxxx");
	pv_buf_free(&out);
}

struct answer {
	enum pv_class class;
	const char *status, *text;
};

static enum pv_class answer(void *ctx, int out_fd, struct pv_error *e)
{
	const struct answer *a = ctx;

	(void)out_fd;
	return a->text == NULL ? a->class : pv_fail(e, a->class, a->status, "%s", a->text);
}

static void the_works_error_comes_back(void **state)
{
	struct answer cases[] = {
		{ PV_TEMPORARY, "4.3.5", "passwd, line 3: too few fields" },
		{ PV_PERMANENT, "5.1.1", "no such user" },
		{ PV_PERMANENT, NULL, "no status" },
		{ PV_BUG, NULL, "our mistake" },
		{ PV_TEMPORARY, NULL, NULL }, /* without a reason nothing is permanent */
		{ PV_PERMANENT, NULL, NULL },
	};

	(void)state;
	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
		struct pv_buf out = PV_BUF_INIT(100);
		struct pv_error e;
		enum pv_class c = run(&usual, answer, &cases[i], &out, &e);
		bool permanent = cases[i].class == PV_PERMANENT && cases[i].text != NULL;
		assert_int_equal(c, permanent ? PV_PERMANENT : PV_TEMPORARY);
		if (cases[i].text != NULL) {
			assert_string_equal(e.text, cases[i].text);
			assert_string_equal(e.status, cases[i].status != NULL ? cases[i].status : "");
		}
	}
}

/* --- a child that was taken over --- */

enum { SENTENCE_FD = 4 };

static enum pv_class garbage_for_an_error(void *ctx, int out_fd, struct pv_error *e)
{
	struct pv_error mine;

	(void)ctx, (void)out_fd, (void)e;
	memset(&mine, 0xff, sizeof mine);
	mine.text[3] = '\n';
	(void)pv_write_all(SENTENCE_FD, &mine, sizeof mine);
	_exit(1);
}

static enum pv_class success_for_an_error(void *ctx, int out_fd, struct pv_error *e)
{
	struct pv_error mine = { .class = PV_OK, .text = "%s%n", .status = "2.0.0" };

	(void)ctx, (void)out_fd, (void)e;
	(void)pv_write_all(SENTENCE_FD, &mine, sizeof mine);
	_exit(1);
}

static enum pv_class half_an_error(void *ctx, int out_fd, struct pv_error *e)
{
	(void)ctx, (void)out_fd, (void)e;
	(void)pv_write_all(SENTENCE_FD, "x", 1);
	_exit(1);
}

static enum pv_class no_error(void *ctx, int out_fd, struct pv_error *e)
{
	(void)ctx, (void)out_fd, (void)e;
	_exit(77);
}

static enum pv_class kill_itself(void *ctx, int out_fd, struct pv_error *e)
{
	(void)ctx, (void)out_fd, (void)e;
	(void)kill(getpid(), SIGSEGV);
	return PV_OK;
}

/* A grandchild lives on with the child's pipe open, and nothing is said. Shared: who it is. */
static volatile pid_t *grandchild;

static enum pv_class leave_a_grandchild(void *ctx, int out_fd, struct pv_error *e)
{
	(void)ctx, (void)e;
	pid_t pid = __real_fork();
	if (pid == 0) {
		(void)close(out_fd); /* else the parent's deadline ends the wait */
		for (;;)
			(void)pause();
	}
	*grandchild = pid;
	_exit(1);
}

static void a_hostile_answer_is_an_error_of_one_line(void **state)
{
	static pv_child_work *const works[] = { garbage_for_an_error, success_for_an_error,
						half_an_error,	      no_error,
						kill_itself,	      leave_a_grandchild };

	(void)state;
	grandchild =
		mmap(NULL, sizeof *grandchild, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	assert_ptr_not_equal(grandchild, MAP_FAILED);
	for (size_t i = 0; i < sizeof works / sizeof *works; i++) {
		struct pv_buf out = PV_BUF_INIT(100);
		struct pv_error e;
		int64_t start = pv_now_ms();
		assert_int_equal(run(&usual, works[i], NULL, &out, &e), PV_TEMPORARY);
		assert_true(pv_now_ms() - start < 10000);
		for (const char *p = e.text; *p != '\0'; p++)
			assert_true(*p >= ' ' && *p <= '~');
		for (const char *p = e.status; *p != '\0'; p++)
			assert_true(*p >= ' ' && *p <= '~');
	}
	assert_true(*grandchild > 0);
	assert_int_equal(kill(*grandchild, SIGKILL), 0);
}

/* --- a child that does not end --- */

static const volatile bool forever = true;

static enum pv_class stop_itself(void *ctx, int out_fd, struct pv_error *e)
{
	(void)ctx, (void)out_fd, (void)e;
	(void)kill(getpid(), SIGSTOP);
	return PV_OK;
}

static enum pv_class sleep_on(void *ctx, int out_fd, struct pv_error *e)
{
	(void)ctx, (void)out_fd, (void)e;
	while (forever)
		(void)pause();
	return PV_OK;
}

/* Its output closed, it looks done, and is not. */
static enum pv_class sleep_behind_a_closed_pipe(void *ctx, int out_fd, struct pv_error *e)
{
	(void)ctx, (void)e;
	(void)close(out_fd);
	while (forever)
		(void)pause();
	return PV_OK;
}

static enum pv_class drip(void *ctx, int out_fd, struct pv_error *e)
{
	struct timespec t = { .tv_nsec = 20000000 };

	(void)ctx, (void)e;
	while (forever) {
		(void)pv_write_all(out_fd, "x", 1);
		(void)nanosleep(&t, NULL);
	}
	return PV_OK;
}

static enum pv_class fill_the_sentence_pipe(void *ctx, int out_fd, struct pv_error *e)
{
	(void)ctx, (void)out_fd, (void)e;
	while (forever)
		(void)pv_write_all(SENTENCE_FD, "xxxxxxxx", 8);
	return PV_OK;
}

static void the_deadline_ends_whatever_waits(void **state)
{
	static pv_child_work *const works[] = { stop_itself, sleep_on, sleep_behind_a_closed_pipe, drip,
						fill_the_sentence_pipe };

	(void)state;
	for (size_t i = 0; i < sizeof works / sizeof *works; i++) {
		struct pv_buf out = PV_BUF_INIT(1 << 20);
		struct pv_error e;
		int64_t start = pv_now_ms();
		assert_int_equal(run(&one_second, works[i], NULL, &out, &e), PV_TEMPORARY);
		assert_true(pv_now_ms() - start >= 900);
		assert_non_null(strstr(e.text, "longer than 1 s"));
		pv_buf_free(&out);
	}
}

static enum pv_class flood(void *ctx, int out_fd, struct pv_error *e)
{
	char block[4096] = "x";

	(void)ctx, (void)e;
	while (forever)
		(void)pv_write_all(out_fd, block, sizeof block);
	return PV_OK;
}

static void a_flood_ends_at_the_limit(void **state)
{
	struct pv_buf out = PV_BUF_INIT(1 << 20);
	struct pv_error e;

	(void)state;
	assert_int_equal(run(&usual, flood, NULL, &out, &e), PV_TEMPORARY);
	assert_true(out.len <= 1 << 20);
	assert_non_null(strstr(e.text, "1048576"));
	pv_buf_free(&out);
}

static enum pv_class spin(void *ctx, int out_fd, struct pv_error *e)
{
	(void)ctx, (void)out_fd, (void)e;
	while (forever)
		;
	return PV_OK;
}

static void spinning_ends_at_the_cpu_limit(void **state)
{
	const struct pv_child_limits limits = { .seconds = 60, .cpu_seconds = 1 };
	struct pv_buf out = PV_BUF_INIT(100);
	struct pv_error e;
	struct rusage used;

	(void)state;
	assert_int_equal(run(&limits, spin, NULL, &out, &e), PV_TEMPORARY);
	assert_non_null(strstr(e.text, "signal 9"));
	assert_int_equal(getrusage(RUSAGE_CHILDREN, &used), 0);
	assert_true(used.ru_utime.tv_sec + used.ru_stime.tv_sec < 10);
}

static enum pv_class think_first(void *ctx, int out_fd, struct pv_error *e)
{
	struct timespec t = { .tv_sec = 1, .tv_nsec = 500000000 };

	(void)nanosleep(&t, NULL);
	return write_bytes(ctx, out_fd, e);
}

/* In milliseconds this is 704 more than fits into 32 bits. */
static enum pv_class take_memory(void *ctx, int out_fd, struct pv_error *e)
{
	const size_t *bytes = ctx;
	char *p = mmap(NULL, *bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	(void)out_fd;
	return p != MAP_FAILED ? PV_OK : pv_fail_errno(e, PV_TEMPORARY, "4.3.0", errno, "take memory");
}

static void memory_ends_at_its_limit(void **state)
{
	struct pv_child_limits limits = { .seconds = 20, .cpu_seconds = 10, .memory = 256U << 20 };
	size_t much = 300U << 20, little = 16U << 20;
	struct pv_buf out = PV_BUF_INIT(100);
	struct pv_error e;

	(void)state;
#ifdef __SANITIZE_ADDRESS__
	skip();
#endif
	assert_int_equal(run(&limits, take_memory, &little, &out, &e), PV_OK);
	assert_int_equal(run(&limits, take_memory, &much, &out, &e), PV_TEMPORARY);
	assert_string_equal(e.text, "take memory: Cannot allocate memory");
	limits.memory = 0;
	assert_int_equal(run(&limits, take_memory, &much, &out, &e), PV_OK);
	pv_buf_free(&out);
}

static void a_far_deadline_does_not_wrap_around(void **state)
{
	const struct pv_child_limits limits = { .seconds = 4294968, .cpu_seconds = 1 };
	struct pv_buf out = PV_BUF_INIT(100);
	struct pv_error e;
	size_t n = 5;

	(void)state;
	assert_int_equal(run(&limits, think_first, &n, &out, &e), PV_OK);
	assert_int_equal(out.len, 5);
	pv_buf_free(&out);
}

static void a_call_that_fails_is_a_temporary_error(void **state)
{
	static const struct {
		const char *call;
		unsigned nth;
	} cases[] = { { "pipe2", 1 }, { "pipe2", 2 }, { "fork", 1 }, { "poll", 1 }, { "chdir", 1 } };

	(void)state;
	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
		struct pv_buf out = PV_BUF_INIT(100);
		struct pv_error e;
		size_t n = 5;
		failing = cases[i].call, failing_nth = cases[i].nth;
		enum pv_class c = run(&usual, write_bytes, &n, &out, &e);
		failing = NULL;
		assert_int_equal(c, PV_TEMPORARY);
		assert_string_equal(e.status, "4.3.0");
		pv_buf_free(&out);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_child_is_the_account_alone),
		cmocka_unit_test(the_child_cannot_come_back),
		cmocka_unit_test(only_its_pipes_are_open),
		cmocka_unit_test(a_stranger_to_root_is_refused),
		cmocka_unit_test(an_account_runs_only_as_itself),
		cmocka_unit_test(output_comes_whole_up_to_the_limit),
		cmocka_unit_test(output_is_appended),
		cmocka_unit_test(the_works_error_comes_back),
		cmocka_unit_test(a_hostile_answer_is_an_error_of_one_line),
		cmocka_unit_test(the_deadline_ends_whatever_waits),
		cmocka_unit_test(a_flood_ends_at_the_limit),
		cmocka_unit_test(spinning_ends_at_the_cpu_limit),
		cmocka_unit_test(memory_ends_at_its_limit),
		cmocka_unit_test(a_far_deadline_does_not_wrap_around),
		cmocka_unit_test(a_call_that_fails_is_a_temporary_error),
	};
	(void)alarm(120);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
