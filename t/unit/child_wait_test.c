/*
 * child_wait_test.c: several children at once: each gets its own output, error and deadline, none holds up
 * another, whatever call fails, and nothing is left of any. Run as root.
 */
#include "scratch.h"

#include "base/child.h"
#include "base/clock.h"
#include "base/file.h"

#include <poll.h>
#include <signal.h>
#include <stdarg.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/wait.h>

enum { ACCOUNT = 60001, GROUP = 60002, MANY = 24 };

static const struct pv_child_limits usual = { .seconds = 20, .cpu_seconds = 10 };
static const struct pv_child_limits one_second = { .seconds = 1, .cpu_seconds = 10 };

/* Which call fails, the how manieth; in the parent alone. */
static struct {
	const char *call;
	unsigned nth;
	bool always;
	pid_t parent;
} fault;

static bool trips(const char *call)
{
	if (fault.call == NULL || strcmp(fault.call, call) != 0 || getpid() != fault.parent)
		return false;
	errno = ENOMEM;
	return fault.always || --fault.nth == 0;
}

static void set_fault(const char *call, unsigned nth)
{
	fault.call = call;
	fault.nth = nth;
	fault.always = nth == 0;
	fault.parent = getpid();
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

int __real_fcntl(int fd, int cmd, ...);
int __wrap_fcntl(int fd, int cmd, ...);
int __wrap_fcntl(int fd, int cmd, ...)
{
	va_list ap;

	va_start(ap, cmd);
	int arg = va_arg(ap, int);
	va_end(ap);
	return trips("fcntl") ? -1 : __real_fcntl(fd, cmd, arg);
}

int __real_poll(struct pollfd *p, nfds_t n, int ms);
int __wrap_poll(struct pollfd *p, nfds_t n, int ms);
int __wrap_poll(struct pollfd *p, nfds_t n, int ms)
{
	return trips("poll") ? -1 : __real_poll(p, n, ms);
}

ssize_t __real_read(int fd, void *to, size_t n);
ssize_t __wrap_read(int fd, void *to, size_t n);
ssize_t __wrap_read(int fd, void *to, size_t n)
{
	return trips("read") ? -1 : __real_read(fd, to, n);
}

/* Once the parent cannot wait for it, nobody does: the test would leave a zombie. */
pid_t __real_waitpid(pid_t pid, int *status, int options);
pid_t __wrap_waitpid(pid_t pid, int *status, int options);
pid_t __wrap_waitpid(pid_t pid, int *status, int options)
{
	if (!trips("waitpid"))
		return __real_waitpid(pid, status, options);
	assert_int_equal(__real_waitpid(pid, NULL, 0), pid);
	errno = ECHILD;
	return -1;
}

int __real_kill(pid_t pid, int sig);
int __wrap_kill(pid_t pid, int sig);
int __wrap_kill(pid_t pid, int sig)
{
	return trips("kill") ? 0 : __real_kill(pid, sig);
}

/* Of the calls without a function of their own, pidfd_open() alone. */
long __real_syscall(long number, ...);
long __wrap_syscall(long number, ...);
long __wrap_syscall(long number, ...)
{
	va_list ap;

	va_start(ap, number);
	long a = va_arg(ap, long), b = va_arg(ap, long), c = va_arg(ap, long);
	va_end(ap);
	return number == SYS_pidfd_open && trips("pidfd_open") ? -1 : __real_syscall(number, a, b, c);
}

/* --- works --- */

struct job {
	size_t bytes;	    /* to write */
	unsigned millis;    /* to sleep first */
	const char *reason; /* to fail with */
	bool stops, spawns; /* itself; somebody who keeps its pipe */
	pid_t *spawned;	    /* shared */
};

static enum pv_class do_job(void *ctx, int out_fd, struct pv_error *e)
{
	const struct job *j = ctx;
	const struct timespec t = { .tv_sec = j->millis / 1000, .tv_nsec = j->millis % 1000 * 1000000L };
	char block[1000];

	(void)nanosleep(&t, NULL);
	memset(block, 'x', sizeof block);
	for (size_t left = j->bytes, n; left > 0; left -= n) {
		n = left < sizeof block ? left : sizeof block;
		if (pv_write_all(out_fd, block, n) != 0)
			return pv_fail(e, PV_TEMPORARY, "4.3.0", "cannot write");
	}
	if (j->stops)
		(void)raise(SIGSTOP);
	if (j->spawns) {
		pid_t pid = __real_fork();
		while (pid == 0)
			(void)pause();
		*j->spawned = pid;
	}
	return j->reason == NULL ? PV_OK : pv_fail(e, PV_PERMANENT, "5.1.1", "%s", j->reason);
}

/* --- a group of children --- */

struct group {
	struct pv_child list[MANY];
	struct pv_buf out[MANY];
	size_t count;
	unsigned open_before;
	int64_t begun;
};

static void start(struct group *g)
{
	*g = (struct group){ .open_before = open_descriptors(), .begun = pv_now_ms() };
}

static enum pv_class add(struct group *g, struct job *j, const struct pv_child_limits *limits,
			 struct pv_error *e)
{
	size_t i = g->count;

	assert_in_range(i, 0, MANY - 1);
	g->out[i] = (struct pv_buf)PV_BUF_INIT(1 << 20);
	enum pv_class c = pv_child_start(ACCOUNT, GROUP, limits, do_job, j, &g->out[i], &g->list[i], e);
	g->count += c == PV_OK;
	return c;
}

static bool any_runs(const struct group *g)
{
	for (size_t i = 0; i < g->count; i++)
		if (g->list[i].runs)
			return true;
	return false;
}

/* Wait for one to end; g->count: there is none. */
static size_t next(struct group *g)
{
	size_t i;

	do
		i = pv_child_wait(g->list, g->count, INT64_MAX);
	while (i == g->count && any_runs(g));
	if (i < g->count)
		assert_false(g->list[i].runs);
	return i;
}

static void finish(struct group *g)
{
	assert_int_equal(next(g), g->count);
	fault.call = NULL;
	assert_int_equal(open_descriptors(), g->open_before);
	assert_int_equal(waitpid(-1, NULL, WNOHANG), -1);
	for (size_t i = 0; i < g->count; i++)
		pv_buf_free(&g->out[i]);
}

/* Sizes around a pipe's, and one of each end. */
static void run_many(void)
{
	struct job jobs[MANY] = { 0 };
	bool ended[MANY] = { 0 };
	struct pv_error e;
	struct group g;

	start(&g);
	for (size_t i = 0; i < MANY; i++) {
		jobs[i].bytes = i * 9973;
		jobs[i].millis = (unsigned)(MANY - i) * 20;
		jobs[i].reason = i % 5 == 3 ? "no such user" : NULL;
		assert_int_equal(add(&g, &jobs[i], &usual, &e), PV_OK);
	}
	for (size_t n = 0; n < MANY; n++) {
		size_t i = next(&g);
		assert_true(i < MANY && !ended[i]);
		ended[i] = true;
		assert_int_equal(g.out[i].len, jobs[i].bytes);
		assert_int_equal(g.list[i].class, jobs[i].reason == NULL ? PV_OK : PV_PERMANENT);
		if (jobs[i].reason != NULL)
			assert_string_equal(g.list[i].error.text, jobs[i].reason);
	}
	finish(&g);
}

static void each_gets_its_own_output_and_error(void **state)
{
	(void)state;
	run_many();
}

/* As on a kernel that has none. */
static void it_works_without_a_pidfd(void **state)
{
	(void)state;
	set_fault("pidfd_open", 0);
	run_many();
}

static void the_stopped_do_not_hold_up_the_others(void **state)
{
	struct job stopped = { .bytes = 10, .stops = true }, quick = { .bytes = 5 };
	struct pv_error e;
	struct group g;

	(void)state;
	start(&g);
	for (size_t i = 0; i < 10; i++)
		assert_int_equal(add(&g, &stopped, &one_second, &e), PV_OK);
	for (size_t i = 0; i < 3; i++)
		assert_int_equal(add(&g, &quick, &usual, &e), PV_OK);
	for (size_t n = 0; n < 13; n++) {
		size_t i = next(&g);
		assert_int_equal(i >= 10, n < 3); /* the quick ones come first */
		assert_int_equal(g.list[i].class, i < 10 ? PV_TEMPORARY : PV_OK);
		if (i < 10)
			assert_non_null(strstr(g.list[i].error.text, "longer than 1 s"));
	}
	assert_in_range(pv_now_ms() - g.begun, 900, 5000);
	finish(&g);
}

static void the_caller_may_look_in_between(void **state)
{
	struct job slow = { .millis = 600, .bytes = 3 };
	struct pv_error e;
	struct group g;

	(void)state;
	start(&g);
	assert_int_equal(add(&g, &slow, &usual, &e), PV_OK);
	assert_int_equal(pv_child_wait(g.list, 1, 0), 1);
	assert_int_equal(pv_child_wait(g.list, 1, g.begun + 50), 1);
	assert_true(pv_now_ms() - g.begun >= 50);
	assert_true(g.list[0].runs);
	int64_t heard = g.list[0].heard;
	while (g.list[0].heard == heard && g.list[0].runs)
		(void)pv_child_wait(g.list, 1, INT64_MAX);
	assert_true(g.list[0].heard > heard);
	assert_int_equal(g.out[0].len, 3);
	(void)next(&g);
	finish(&g);
}

static void the_caller_may_kill_with_a_reason(void **state)
{
	struct job stopped = { .stops = true }, quick = { .bytes = 1 };
	struct pv_error e;
	struct group g;

	(void)state;
	start(&g);
	assert_int_equal(add(&g, &stopped, &usual, &e), PV_OK);
	assert_int_equal(add(&g, &quick, &usual, &e), PV_OK);
	assert_int_equal(next(&g), 1);
	(void)pv_fail(&e, PV_TEMPORARY, "4.3.0", "enough of it");
	pv_child_kill(&g.list[0], &e);
	pv_child_kill(&g.list[1], &e); /* it runs no more */
	assert_int_equal(next(&g), 0);
	assert_int_equal(g.list[0].class, PV_TEMPORARY);
	assert_string_equal(g.list[0].error.text, "enough of it");
	assert_int_equal(g.list[1].class, PV_OK);
	assert_in_range(pv_now_ms() - g.begun, 0, 5000);
	finish(&g);
}

static void a_grandchild_with_its_pipe_does_not_hold_it_up(void **state)
{
	struct job spawns = { .bytes = 60000, .spawns = true };
	struct pv_error e;
	struct group g;

	(void)state;
	spawns.spawned = mmap(NULL, sizeof(pid_t), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	assert_ptr_not_equal(spawns.spawned, MAP_FAILED);
	start(&g);
	assert_int_equal(add(&g, &spawns, &usual, &e), PV_OK);
	assert_int_equal(next(&g), 0);
	assert_int_equal(g.list[0].class, PV_OK);
	assert_int_equal(g.out[0].len, 60000);
	assert_in_range(pv_now_ms() - g.begun, 0, 10000);
	assert_int_equal(kill(*spawns.spawned, SIGKILL), 0);
	assert_int_equal(munmap(spawns.spawned, sizeof(pid_t)), 0);
	finish(&g);
}

/* SIGKILL does nothing to who waits for a file system that does not answer. */
static void what_cannot_be_killed_is_given_up(void **state)
{
	struct job stopped = { .stops = true };
	struct pv_error e;
	struct group g;

	(void)state;
	start(&g);
	assert_int_equal(add(&g, &stopped, &one_second, &e), PV_OK);
	set_fault("kill", 0);
	assert_int_equal(next(&g), 0);
	fault.call = NULL;
	assert_int_equal(g.list[0].class, PV_TEMPORARY);
	assert_non_null(strstr(g.list[0].error.text, "longer than 1 s"));
	assert_in_range(pv_now_ms() - g.begun, 1900, 6000);
	assert_int_equal(open_descriptors(), g.open_before);
	assert_int_equal(kill(g.list[0].pid, SIGKILL), 0);
	assert_int_equal(waitpid(g.list[0].pid, NULL, 0), g.list[0].pid);
	finish(&g);
}

static void a_call_that_fails_concerns_its_child_alone(void **state)
{
	static const struct {
		const char *call;
		unsigned nth;
		size_t started, good; /* of three */
	} rows[] = {
		{ "pipe2", 1, 2, 2 },	   { "pipe2", 4, 2, 2 }, { "fcntl", 1, 3, 3 },
		{ "fcntl", 2, 2, 2 },	   { "fcntl", 6, 2, 2 }, { "fork", 2, 2, 2 },
		{ "pidfd_open", 2, 3, 3 }, { "read", 1, 3, 2 },	 { "waitpid", 1, 3, 2 },
		{ "waitpid", 3, 3, 2 },
	};

	(void)state;
	for (size_t r = 0; r < sizeof rows / sizeof *rows; r++) {
		struct job j = { .bytes = 70000 };
		size_t good = 0, i;
		struct pv_error e;
		struct group g;
		start(&g);
		set_fault(rows[r].call, rows[r].nth);
		for (size_t n = 0; n < 3; n++)
			if (add(&g, &j, &usual, &e) != PV_OK)
				assert_true(e.class == PV_TEMPORARY && e.text[0] != '\0');
		if (g.count != rows[r].started)
			fail_msg("%s, %u: %zu started", rows[r].call, rows[r].nth, g.count);
		while ((i = next(&g)) < g.count) {
			good += g.list[i].class == PV_OK && g.out[i].len == j.bytes;
			if (g.list[i].class != PV_OK)
				assert_non_null(strstr(g.list[i].error.text, "child"));
		}
		if (good != rows[r].good)
			fail_msg("%s, %u: %zu were good", rows[r].call, rows[r].nth, good);
		finish(&g);
	}
}

/* Nobody can be waited for then: all end, and say why. */
static void without_poll_all_end(void **state)
{
	static const unsigned nths[] = { 0, 1, 2 };

	(void)state;
	for (size_t n = 0; n < sizeof nths / sizeof *nths; n++) {
		struct job slow = { .millis = 5000 };
		struct pv_error e;
		struct group g;
		start(&g);
		for (size_t i = 0; i < 3; i++)
			assert_int_equal(add(&g, &slow, &usual, &e), PV_OK);
		set_fault("poll", nths[n]);
		if (nths[n] == 2)
			assert_int_equal(pv_child_wait(g.list, 3, 0), 3);
		for (size_t i = 0; i < 3; i++) {
			size_t which = next(&g);
			assert_true(which < 3);
			assert_int_equal(g.list[which].class, PV_TEMPORARY);
			assert_non_null(strstr(g.list[which].error.text, "wait for a child"));
		}
		assert_in_range(pv_now_ms() - g.begun, 0, 4000);
		finish(&g);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(each_gets_its_own_output_and_error),
		cmocka_unit_test(it_works_without_a_pidfd),
		cmocka_unit_test(the_stopped_do_not_hold_up_the_others),
		cmocka_unit_test(the_caller_may_look_in_between),
		cmocka_unit_test(the_caller_may_kill_with_a_reason),
		cmocka_unit_test(a_grandchild_with_its_pipe_does_not_hold_it_up),
		cmocka_unit_test(what_cannot_be_killed_is_given_up),
		cmocka_unit_test(a_call_that_fails_concerns_its_child_alone),
		cmocka_unit_test(without_poll_all_end),
	};

	(void)alarm(120);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
