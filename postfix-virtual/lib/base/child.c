#include "base/child.h"

#include "base/clock.h"
#include "base/file.h"
#include "base/host.h"
#include "base/log.h"
#include "base/privilege.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

/* What a child says of itself in its exit status; the sentence comes through a second pipe. */
enum { CHILD_OK = 0, CHILD_FAILED = 1 };

static void limit_child(const struct pv_child_limits *limits)
{
	const struct rlimit none = { 0, 0 };
	const struct rlimit cpu = { limits->cpu_seconds, limits->cpu_seconds };
	sigset_t nothing;

	(void)setrlimit(RLIMIT_CORE, &none);
	(void)setrlimit(RLIMIT_CPU, &cpu);
	(void)umask(077);
	for (int sig = 1; sig < NSIG; sig++)
		(void)signal(sig, SIG_DFL);
	(void)signal(SIGPIPE, SIG_IGN);
	(void)sigemptyset(&nothing);
	(void)sigprocmask(SIG_SETMASK, &nothing, NULL);
}

/* Locks, tables and folders of the parent are not the account's business. Both pipes are
 * moved to 3 and 4 first; where the kernel cannot close the rest at once, one by one. */
static enum pv_class keep_only(int *out_fd, int *error_fd, struct pv_error *e)
{
	int low = fcntl(*out_fd, F_DUPFD_CLOEXEC, 5), high = fcntl(*error_fd, F_DUPFD_CLOEXEC, 5);

	if (low < 0 || high < 0 || dup3(low, 3, O_CLOEXEC) != 3 || dup3(high, 4, O_CLOEXEC) != 4)
		return pv_fail_errno(e, PV_TEMPORARY, "4.3.0", errno, "arrange a child's descriptors");
	*out_fd = 3;
	*error_fd = 4;
	if (syscall(SYS_close_range, 5U, ~0U, 0U) != 0)
		for (int fd = 5; fd < 65536; fd++)
			(void)close(fd);
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
		_exit(CHILD_OK);
	e.class = c;
	(void)pv_write_all(error_fd, &e, sizeof e);
	_exit(CHILD_FAILED);
}

/* Read what is there. Returns 1 if more may come, 0 at the end, -1 on failure. */
static int drain(int fd, struct pv_buf *out, struct pv_error *e)
{
	char chunk[16384];

	ssize_t n = read(fd, chunk, sizeof chunk);
	if (n < 0 && (errno == EINTR || errno == EAGAIN))
		return 1;
	if (n < 0) {
		(void)pv_fail_errno(e, PV_TEMPORARY, "4.3.0", errno, "read from a child");
		return -1;
	}
	if (n == 0)
		return 0;
	pv_buf_add(out, chunk, (size_t)n);
	return pv_buf_check(out, "what the domain's files hold", e) == PV_OK ? 1 : -1;
}

static enum pv_class too_long(unsigned seconds, struct pv_error *e)
{
	return pv_fail(e, PV_TEMPORARY, "4.3.0", "reading the domain's files took longer than %u s", seconds);
}

static enum pv_class collect(int fd, int64_t deadline, unsigned seconds, struct pv_buf *out,
			     struct pv_error *e)
{
	int more = 1;

	while (more == 1) {
		int64_t left = deadline - pv_now_ms();
		struct pollfd p = { .fd = fd, .events = POLLIN };
		if (left <= 0)
			return too_long(seconds, e);
		int ready = poll(&p, 1, left > 60000 ? 60000 : (int)left);
		if (ready == 0 || (ready < 0 && errno == EINTR))
			continue;
		if (ready < 0)
			return pv_fail_errno(e, PV_TEMPORARY, "4.3.0", errno, "wait for a child");
		more = drain(fd, out, e);
	}
	return more == 0 ? PV_OK : PV_TEMPORARY;
}

static enum pv_class end_child(pid_t pid, int *status_r, struct pv_error *e)
{
	(void)kill(pid, SIGKILL);
	while (waitpid(pid, status_r, 0) != pid)
		if (errno != EINTR)
			return pv_fail_errno(e, PV_TEMPORARY, "4.3.0", errno, "wait for a child");
	return PV_OK;
}

/* The child has closed its output; it still has until the deadline to end. */
static enum pv_class reap(pid_t pid, int64_t deadline, unsigned seconds, int *status_r, struct pv_error *e)
{
	struct pv_backoff wait = pv_backoff_start(0);

	wait.deadline_ms = deadline;
	for (;;) {
		pid_t r = waitpid(pid, status_r, WNOHANG);
		if (r == pid)
			return PV_OK;
		if (r < 0 && errno != EINTR)
			return pv_fail_errno(e, PV_TEMPORARY, "4.3.0", errno, "wait for a child");
		if (r == 0 && !pv_backoff_wait(&wait)) {
			(void)end_child(pid, status_r, NULL);
			return too_long(seconds, e);
		}
	}
}

/* The child's own words are no more to be believed than its files: class and text are made
 * presentable, nothing else is taken. */
static enum pv_class child_error(int error_fd, int status, struct pv_error *e)
{
	struct pv_error theirs;
	struct pollfd p = { .fd = error_fd, .events = POLLIN };

	if (WIFSIGNALED(status))
		return pv_fail(e, PV_TEMPORARY, "4.3.0",
			       "the child that read the domain's files was killed by signal %d",
			       WTERMSIG(status));
	/* What a child started may hold the pipe open: only what is there already is read. */
	if (poll(&p, 1, 0) != 1 || read(error_fd, &theirs, sizeof theirs) != (ssize_t)sizeof theirs ||
	    theirs.text[0] == '\0')
		return pv_fail(e, PV_TEMPORARY, "4.3.0", "a child ended with status %d and no reason",
			       WEXITSTATUS(status));
	theirs.text[PV_ERROR_TEXT - 1] = '\0';
	theirs.status[PV_ERROR_STATUS - 1] = '\0';
	pv_printable(theirs.status, strlen(theirs.status));
	enum pv_class c = theirs.class == PV_PERMANENT ? PV_PERMANENT : PV_TEMPORARY;
	return pv_fail(e, c, theirs.status, "%s", theirs.text);
}

enum pv_class pv_child_run(uid_t uid, gid_t gid, const struct pv_child_limits *limits, pv_child_work *work,
			   void *ctx, struct pv_buf *out, struct pv_error *e)
{
	int data[2], words[2], status = 0;

	if (pipe2(data, O_CLOEXEC) != 0)
		return pv_fail_errno(e, PV_TEMPORARY, "4.3.0", errno, "make a pipe");
	if (pipe2(words, O_CLOEXEC) != 0) {
		int err = errno;
		(void)close(data[0]);
		(void)close(data[1]);
		return pv_fail_errno(e, PV_TEMPORARY, "4.3.0", err, "make a pipe");
	}
	int64_t deadline = pv_now_ms() + (int64_t)limits->seconds * 1000;
	pid_t pid = fork();
	if (pid == 0)
		child_main(uid, gid, limits, work, ctx, data[1], words[1]);
	int err = errno;
	(void)close(data[1]);
	(void)close(words[1]);
	enum pv_class c;
	if (pid < 0) {
		c = pv_fail_errno(e, PV_TEMPORARY, "4.3.0", err, "start a child");
	} else {
		c = collect(data[0], deadline, limits->seconds, out, e);
		if (c != PV_OK)
			(void)end_child(pid, &status, NULL);
		else
			c = reap(pid, deadline, limits->seconds, &status, e);
		if (c == PV_OK && !(WIFEXITED(status) && WEXITSTATUS(status) == CHILD_OK))
			c = child_error(words[0], status, e);
	}
	(void)close(data[0]);
	(void)close(words[0]);
	return c;
}
