#include "base/program.h"

#include "base/clock.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

/* The pipes to a program: [0] its standard input, [1] output, [2] error; -1: closed. */
struct talk {
	pid_t pid;
	int fd[3];
	const struct pv_buf *input;
	size_t sent;
	struct pv_buf *answer[3]; /* [1] and [2]; NULL: read and dropped */
};

static void close_all(int fd[3])
{
	for (int i = 0; i < 3; i++) {
		if (fd[i] >= 0)
			(void)close(fd[i]);
		fd[i] = -1;
	}
}

static _Noreturn void become_program(const char *const argv[], const int theirs[3], pid_t parent)
{
	static char path[] = "PATH=/usr/sbin:/usr/bin:/sbin:/bin", lang[] = "LANG=C";
	char *const environment[] = { path, lang, NULL };
	union {
		const char *const *in;
		char *const *out;
	} u = { .in = argv };

	/* Above 2 first, so that none is overwritten before it was copied. */
	for (int i = 0; i < 3; i++) {
		int fd = fcntl(theirs[i], F_DUPFD_CLOEXEC, 10 + i);
		if (fd < 0 || dup2(fd, i) != i)
			_exit(127);
	}
	for (int sig = 1; sig < 32; sig++)
		(void)signal(sig, SIG_DFL);
	(void)umask(077);
	/* A group of its own, so that what it starts in turn ends with it. Nobody would look at what it makes
	 * once we are gone. */
	if (setpgid(0, 0) == 0 && prctl(PR_SET_PDEATHSIG, SIGKILL) == 0 && getppid() == parent &&
	    chdir("/") == 0)
		(void)execve(argv[0], u.out, environment);
	_exit(127);
}

/* [0] without input: /dev/null; else, and [1] and [2], a pipe. Returns false with errno. */
static bool make_pipes(struct talk *t, int theirs[3])
{
	for (int i = 0; i < 3; i++) {
		int p[2];
		if (i == 0 && t->input == NULL) {
			theirs[0] = open("/dev/null", O_RDONLY | O_CLOEXEC);
			if (theirs[0] < 0)
				return false;
			continue;
		}
		if (pipe2(p, O_CLOEXEC) != 0)
			return false;
		theirs[i] = p[i == 0 ? 0 : 1];
		t->fd[i] = p[i == 0 ? 1 : 0];
	}
	return t->fd[0] < 0 || fcntl(t->fd[0], F_SETFL, O_NONBLOCK) == 0;
}

static enum pv_class start(const char *const argv[], struct talk *t, struct pv_error *e)
{
	int theirs[3] = { -1, -1, -1 };
	pid_t self = getpid();

	t->pid = make_pipes(t, theirs) ? fork() : -1;
	if (t->pid == 0)
		become_program(argv, theirs, self);
	int err = errno;
	close_all(theirs);
	if (t->pid > 0)
		return PV_OK;
	close_all(t->fd);
	return pv_fail_errno(e, PV_TEMPORARY, "4.3.0", err, "start %s", argv[0]);
}

/* Give it more input; close the pipe at its end, or where it does not want more. */
static void feed(struct talk *t)
{
	size_t left = t->input == NULL ? 0 : t->input->len - t->sent;
	ssize_t n = left == 0 ? 0 : write(t->fd[0], t->input->s + t->sent, left);

	if (n < 0 && (errno == EAGAIN || errno == EINTR))
		return;
	if (n > 0)
		t->sent += (size_t)n;
	if (n <= 0 || (size_t)n == left) {
		(void)close(t->fd[0]);
		t->fd[0] = -1;
	}
}

static void take(struct talk *t, int i)
{
	char chunk[16384];
	ssize_t n = read(t->fd[i], chunk, sizeof chunk);

	if (n < 0 && (errno == EAGAIN || errno == EINTR))
		return;
	if (n > 0 && t->answer[i] != NULL)
		pv_buf_add(t->answer[i], chunk, (size_t)n);
	if (n <= 0) {
		(void)close(t->fd[i]);
		t->fd[i] = -1;
	}
}

static enum pv_class converse(struct talk *t, const char *name, int64_t deadline, struct pv_error *e)
{
	while (t->fd[1] >= 0 || t->fd[2] >= 0) {
		struct pollfd p[3] = { { t->fd[0], POLLOUT, 0 },
				       { t->fd[1], POLLIN, 0 },
				       { t->fd[2], POLLIN, 0 } };
		int64_t left = deadline - pv_now_ms();
		int ready = left > 0 ? poll(p, 3, (int)left) : 0;
		if (ready < 0 && errno == EINTR)
			continue;
		if (ready <= 0)
			return pv_fail(e, PV_TEMPORARY, "4.3.0", "%s took too long", name);
		if (p[0].revents != 0)
			feed(t);
		for (int i = 1; i < 3; i++)
			if (p[i].revents != 0)
				take(t, i);
	}
	for (int i = 1; i < 3; i++)
		if (t->answer[i] != NULL && t->answer[i]->failed)
			return pv_fail(e, PV_TEMPORARY, "4.3.0", "%s answers more than can be held", name);
	return PV_OK;
}

/* It, and what it started and did not take out of its group. */
static void kill_group(pid_t pid)
{
	(void)kill(-pid, SIGKILL);
	(void)kill(pid, SIGKILL);
}

/* Its pipes are closed; it has until the deadline to end. */
static enum pv_class reap(pid_t pid, const char *name, bool kill_it, int64_t deadline, int *status_r,
			  struct pv_error *e)
{
	struct pv_backoff wait = pv_backoff_start(0);
	int status;

	wait.deadline_ms = deadline;
	if (kill_it)
		kill_group(pid);
	for (;;) {
		pid_t r = waitpid(pid, &status, kill_it ? 0 : WNOHANG);
		if (r == pid)
			break;
		if (r < 0 && errno != EINTR)
			return pv_fail_errno(e, PV_TEMPORARY, "4.3.0", errno, "wait for %s", name);
		if (r == 0 && !pv_backoff_wait(&wait)) {
			kill_group(pid);
			kill_it = true;
		}
	}
	if (WIFSIGNALED(status))
		return pv_fail(e, PV_TEMPORARY, "4.3.0", "%s was killed by signal %d", name,
			       WTERMSIG(status));
	*status_r = WEXITSTATUS(status);
	return PV_OK;
}

enum pv_class pv_program_run(const char *const argv[], const struct pv_buf *input, unsigned seconds,
			     struct pv_buf *out, struct pv_buf *err, int *status_r, struct pv_error *e)
{
	struct talk t = { .pid = -1, .fd = { -1, -1, -1 }, .input = input, .answer = { NULL, out, err } };
	struct sigaction ignore = { .sa_handler = SIG_IGN }, before;
	int64_t deadline = pv_now_ms() + (int64_t)seconds * 1000;
	struct pv_error late;

	if (access(argv[0], X_OK) != 0)
		return pv_fail_errno(e, PV_TEMPORARY, "4.3.5", errno, "start %s", argv[0]);
	enum pv_class c = start(argv, &t, e);
	if (c != PV_OK)
		return c;
	/* A program that ends without reading its input must not end us. */
	(void)sigaction(SIGPIPE, &ignore, &before);
	c = converse(&t, argv[0], deadline, e);
	close_all(t.fd);
	(void)sigaction(SIGPIPE, &before, NULL);
	enum pv_class r = reap(t.pid, argv[0], c != PV_OK, deadline, status_r, c == PV_OK ? e : &late);
	return c != PV_OK ? c : r;
}
