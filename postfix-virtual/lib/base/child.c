#include "base/child.h"

#include "base/child_wait.h"
#include "base/clock.h"
#include "base/descriptor.h"
#include "base/file.h"
#include "base/host.h"
#include "base/log.h"
#include "base/privilege.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

static void limit_memory(size_t bytes)
{
	const struct rlimit memory = { bytes, bytes };

#ifdef __SANITIZE_ADDRESS__
	bytes = 0; /* its shadow alone takes terabytes of address space */
#endif
	if (bytes > 0)
		(void)setrlimit(RLIMIT_AS, &memory);
}

static void limit_child(const struct pv_child_limits *limits)
{
	const struct rlimit none = { 0, 0 };
	const struct rlimit cpu = { limits->cpu_seconds, limits->cpu_seconds };
	sigset_t nothing;

	(void)setrlimit(RLIMIT_CORE, &none);
	(void)setrlimit(RLIMIT_CPU, &cpu);
	limit_memory(limits->memory);
	(void)umask(077);
	for (int sig = 1; sig < NSIG; sig++)
		(void)signal(sig, SIG_DFL);
	(void)signal(SIGPIPE, SIG_IGN);
	(void)sigemptyset(&nothing);
	(void)sigprocmask(SIG_SETMASK, &nothing, NULL);
}

/* Locks, tables and folders of the parent are not the account's business. Both pipes are
 * moved to 3 and 4 first. */
static enum pv_class keep_only(int *out_fd, int *error_fd, struct pv_error *e)
{
	int low = fcntl(*out_fd, F_DUPFD_CLOEXEC, 5), high = fcntl(*error_fd, F_DUPFD_CLOEXEC, 5);

	if (low < 0 || high < 0 || dup3(low, 3, O_CLOEXEC) != 3 || dup3(high, 4, O_CLOEXEC) != 4)
		return pv_fail_errno(e, PV_TEMPORARY, "4.3.0", errno, "arrange a child's descriptors");
	*out_fd = 3;
	*error_fd = 4;
	pv_close_from(5);
	return PV_OK;
}

/* Root becomes the account. Anybody else must be it already, wholly: a real or saved uid of another
 * could be had back. (Its supplementary groups stay: only root may drop them.) */
static enum pv_class be_account(uid_t uid, gid_t gid, struct pv_error *e)
{
	uid_t ru, eu, su;
	gid_t rg, eg, sg;

	if (geteuid() == 0)
		return pv_become(uid, gid, e);
	if (getresuid(&ru, &eu, &su) != 0 || getresgid(&rg, &eg, &sg) != 0 || ru != uid || eu != uid ||
	    su != uid || rg != gid || eg != gid || sg != gid)
		return pv_fail(e, PV_PERMANENT, "5.3.5", "uid %lu cannot act as uid %lu, gid %lu",
			       (unsigned long)geteuid(), (unsigned long)uid, (unsigned long)gid);
	return PV_OK;
}

static _Noreturn void child_main(uid_t uid, gid_t gid, const struct pv_child_limits *limits,
				 pv_child_work *work, void *ctx, int out_fd, int error_fd)
{
	struct pv_error e = { .class = PV_OK };

	pv_process_forget();
	pv_log_forget();
	limit_child(limits);
	enum pv_class c = keep_only(&out_fd, &error_fd, &e);
	if (c == PV_OK && chdir("/") != 0)
		c = pv_fail_errno(&e, PV_TEMPORARY, "4.3.0", errno, "change to the folder /");
	if (c == PV_OK)
		c = be_account(uid, gid, &e);
	if (c == PV_OK)
		c = work(ctx, out_fd, &e);
	if (c == PV_OK)
		_exit(PV_CHILD_OK);
	e.class = c;
	(void)pv_write_all(error_fd, &e, sizeof e);
	_exit(PV_CHILD_FAILED);
}

enum { PIPE_BYTES = 1 << 20 };

static void close_both(const int fds[2])
{
	(void)close(fds[0]);
	(void)close(fds[1]);
}

/* The parent reads what is there, and never waits for more than one child. (Of its two ends the child has the
 * other: it waits where the pipe is full.) */
static enum pv_class make_pipes(int data[2], int words[2], struct pv_error *e)
{
	if (pipe2(data, O_CLOEXEC) != 0)
		return pv_fail_errno(e, PV_TEMPORARY, "4.3.0", errno, "make a pipe");
	if (pipe2(words, O_CLOEXEC) != 0) {
		int err = errno;
		close_both(data);
		return pv_fail_errno(e, PV_TEMPORARY, "4.3.0", err, "make a pipe");
	}
	/* A child should not wait for us to read; if it must, it does. */
	(void)fcntl(data[0], F_SETPIPE_SZ, PIPE_BYTES);
	if (fcntl(data[0], F_SETFL, O_NONBLOCK) == 0 && fcntl(words[0], F_SETFL, O_NONBLOCK) == 0)
		return PV_OK;
	int err = errno;
	close_both(data);
	close_both(words);
	return pv_fail_errno(e, PV_TEMPORARY, "4.3.0", err, "arrange a pipe");
}

enum pv_class pv_child_start(uid_t uid, gid_t gid, const struct pv_child_limits *limits, pv_child_work *work,
			     void *ctx, struct pv_buf *out, struct pv_child *child, struct pv_error *e)
{
	int data[2], words[2];

	*child = (struct pv_child){ .runs = false };
	enum pv_class c = make_pipes(data, words, e);
	if (c != PV_OK)
		return c;
	int64_t now = pv_now_ms();
	pid_t pid = fork();
	if (pid == 0)
		child_main(uid, gid, limits, work, ctx, data[1], words[1]);
	int err = errno;
	(void)close(data[1]);
	(void)close(words[1]);
	if (pid < 0) {
		(void)close(data[0]);
		(void)close(words[0]);
		return pv_fail_errno(e, PV_TEMPORARY, "4.3.0", err, "start a child");
	}
	*child = (struct pv_child){ .runs = true,
				    .pid = pid,
				    /* Without one, pv_child_wait() looks every few milliseconds. */
				    .pidfd = (int)syscall(SYS_pidfd_open, pid, 0U),
				    .out_fd = data[0],
				    .error_fd = words[0],
				    .seconds = limits->seconds,
				    .deadline = now + (int64_t)limits->seconds * 1000,
				    .heard = now,
				    .out = out };
	return PV_OK;
}

enum pv_class pv_child_run(uid_t uid, gid_t gid, const struct pv_child_limits *limits, pv_child_work *work,
			   void *ctx, struct pv_buf *out, struct pv_error *e)
{
	struct pv_child child;

	enum pv_class c = pv_child_start(uid, gid, limits, work, ctx, out, &child, e);
	if (c != PV_OK)
		return c;
	while (child.runs)
		(void)pv_child_wait(&child, 1, INT64_MAX);
	if (child.class != PV_OK && e != NULL)
		*e = child.error;
	return child.class;
}
