#include "base/program.h"

#include "base/clock.h"
#include "base/descriptor.h"
#include "base/file.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <sys/ioctl.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

enum {
	LOOK_MS = 5,	   /* where there is no pidfd that wakes us */
	POLL_MS = 60000,   /* at most: poll() counts in 31 bits */
	NOT_STARTED = 127, /* what a shell says, too */
	CPU_FACTOR = 4,	   /* a program with threads uses more than a second in a second */
};

/* A program that runs. fd: our ends of the pipes to its standard input [0], output [1] and error [2]; -1:
 * closed, or none. */
struct talk {
	const struct pv_program *p;
	pid_t pid;
	int pidfd; /* -1: none */
	int fd[3];
	size_t sent; /* of p->input */
	bool ended;  /* but not yet fetched, so that its process group cannot become another's */
	int64_t deadline;
};

static void close_all(int fd[3])
{
	for (int i = 0; i < 3; i++) {
		if (fd[i] >= 0)
			(void)close(fd[i]);
		fd[i] = -1;
	}
}

static void limit(unsigned seconds)
{
	const struct rlimit none = { 0, 0 };
	const struct rlimit cpu = { (rlim_t)seconds * CPU_FACTOR, (rlim_t)seconds * CPU_FACTOR };
	sigset_t nothing;

	(void)setrlimit(RLIMIT_CORE, &none);
	(void)setrlimit(RLIMIT_CPU, &cpu);
	(void)umask(077);
	for (int sig = 1; sig < NSIG; sig++)
		(void)signal(sig, SIG_DFL);
	(void)sigemptyset(&nothing);
	(void)sigprocmask(SIG_SETMASK, &nothing, NULL);
}

static _Noreturn void become_program(const struct pv_program *p, const int theirs[3], pid_t parent)
{
	static const char *const standard[] = { "PATH=/usr/sbin:/usr/bin:/sbin:/bin", "LANG=C", NULL };
	union {
		const char *const *in;
		char *const *out;
	} argv = { .in = p->argv },
	  environment = { .in = p->environment != NULL ? p->environment : standard };

	if (pv_keep_standard(theirs) != 0)
		_exit(NOT_STARTED);
	limit(p->seconds);
	/* A group of its own, so that what it starts in turn ends with it. Nobody would look at what it makes
	 * once we are gone. */
	if (setpgid(0, 0) == 0 && prctl(PR_SET_PDEATHSIG, SIGKILL) == 0 && getppid() == parent &&
	    chdir(p->folder != NULL ? p->folder : "/") == 0)
		(void)execve(p->argv[0], argv.out, environment.out);
	const char *why = strerror(errno);
	(void)pv_write_all(STDERR_FILENO, why, strlen(why));
	_exit(NOT_STARTED);
}

/* [0]: the caller's file, /dev/null or, for a buffer, a pipe, as [1] and [2]. Returns false with errno. */
static bool make_pipes(struct talk *t, int theirs[3])
{
	for (int i = 0; i < 3; i++) {
		int p[2];
		if (i == 0 && t->p->input == NULL) {
			theirs[0] = t->p->input_fd >= 0 ? fcntl(t->p->input_fd, F_DUPFD_CLOEXEC, 0)
							: open("/dev/null", O_RDONLY | O_CLOEXEC);
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

/* The memory of a process that holds much is not copied for one that throws it away. No signal is taken
 * meanwhile, since a handler would run on our memory in the child. Returns as fork() does in the parent. */
static pid_t give_birth(const struct pv_program *p, const int theirs[3])
{
	const pid_t self = getpid();
	sigset_t all, before;

	(void)sigfillset(&all);
	(void)sigprocmask(SIG_SETMASK, &all, &before);
	/* On Linux the child may call functions, as posix_spawn(3) does.
	 * NOLINTBEGIN(clang-analyzer-security.insecureAPI.vfork,clang-analyzer-unix.Vfork) */
	pid_t pid = vfork();
	if (pid == 0)
		become_program(p, theirs, self);
	/* NOLINTEND(clang-analyzer-security.insecureAPI.vfork,clang-analyzer-unix.Vfork) */
	int err = errno;
	(void)sigprocmask(SIG_SETMASK, &before, NULL);
	errno = err;
	return pid;
}

static enum pv_class start(struct talk *t, struct pv_error *e)
{
	int theirs[3] = { -1, -1, -1 };

	t->pid = make_pipes(t, theirs) ? give_birth(t->p, theirs) : -1;
	int err = errno;
	close_all(theirs);
	if (t->pid > 0) {
		t->pidfd = (int)syscall(SYS_pidfd_open, t->pid, 0U);
		return PV_OK;
	}
	close_all(t->fd);
	return pv_fail_errno(e, PV_TEMPORARY, "4.3.0", err, "start %s", t->p->argv[0]);
}

/* Give it more input; close the pipe at its end, or where it does not want more. */
static void feed(struct talk *t)
{
	size_t left = t->p->input->len - t->sent;
	ssize_t n = left == 0 ? 0 : write(t->fd[0], t->p->input->s + t->sent, left);

	if (n < 0 && (errno == EAGAIN || errno == EINTR))
		return;
	if (n > 0)
		t->sent += (size_t)n;
	if (n <= 0 || (size_t)n == left) {
		(void)close(t->fd[0]);
		t->fd[0] = -1;
	}
}

/* Read a piece of at most `max` bytes; 0 in *got_r: no more will come. */
static enum pv_class take(struct talk *t, int i, size_t max, size_t *got_r, struct pv_error *e)
{
	char chunk[65536];
	ssize_t n = read(t->fd[i], chunk, max < sizeof chunk ? max : sizeof chunk);

	*got_r = n > 0 ? (size_t)n : 1;
	if (n < 0 && (errno == EAGAIN || errno == EINTR))
		return PV_OK;
	if (n > 0)
		return t->p->output != NULL ? t->p->output(t->p->ctx, i, chunk, (size_t)n, e) : PV_OK;
	/* Half of what it says must not pass for all. */
	if (n < 0)
		return pv_fail_errno(e, PV_TEMPORARY, "4.3.0", errno, "read from %s", t->p->argv[0]);
	*got_r = 0;
	(void)close(t->fd[i]);
	t->fd[i] = -1;
	return PV_OK;
}

static void look_for_end(struct talk *t)
{
	siginfo_t info = { .si_pid = 0 };

	if (waitid(P_PID, (id_t)t->pid, &info, WEXITED | WNOHANG | WNOWAIT) != 0 || info.si_pid == t->pid)
		t->ended = true;
}

/* It, and what it started and did not take out of its group. */
static void kill_group(pid_t pid)
{
	(void)kill(-pid, SIGKILL);
	(void)kill(pid, SIGKILL);
}

/* What is in its pipes now that it has ended. Who left its group may still write: that is not waited for. */
static enum pv_class drain(struct talk *t, struct pv_error *e)
{
	enum pv_class c = PV_OK;

	kill_group(t->pid);
	for (int i = 1; i < 3; i++) {
		int there = 0;
		size_t got = 1;
		if (t->fd[i] < 0 || ioctl(t->fd[i], FIONREAD, &there) != 0)
			continue;
		while (c == PV_OK && there > 0 && got > 0) {
			c = take(t, i, (size_t)there, &got, e);
			there -= (int)got;
		}
	}
	return c;
}

static bool is_done(const struct talk *t)
{
	return t->p->until_closed ? t->fd[1] < 0 && t->fd[2] < 0 : t->ended;
}

static enum pv_class serve(struct talk *t, int wait_ms, struct pv_error *e)
{
	struct pollfd p[4] = { { t->fd[0], POLLOUT, 0 },
			       { t->fd[1], POLLIN, 0 },
			       { t->fd[2], POLLIN, 0 },
			       { t->p->until_closed ? -1 : t->pidfd, POLLIN, 0 } };
	enum pv_class c = PV_OK;
	size_t got;

	if (poll(p, 4, wait_ms) < 0 && errno != EINTR)
		return pv_fail_errno(e, PV_TEMPORARY, "4.3.0", errno, "wait for %s", t->p->argv[0]);
	if (p[0].revents != 0)
		feed(t);
	for (int i = 1; c == PV_OK && i < 3; i++)
		if (p[i].revents != 0)
			c = take(t, i, SIZE_MAX, &got, e);
	if (p[3].revents != 0 || t->pidfd < 0)
		look_for_end(t);
	return c;
}

static enum pv_class converse(struct talk *t, struct pv_error *e)
{
	enum pv_class c = PV_OK;

	while (c == PV_OK && !is_done(t)) {
		int64_t left = t->deadline - pv_now_ms();
		int64_t pause = t->pidfd < 0 && !t->p->until_closed ? LOOK_MS : POLL_MS;
		if (left <= 0)
			return pv_fail(e, PV_TEMPORARY, "4.3.0", "%s took too long", t->p->argv[0]);
		c = serve(t, (int)(left < pause ? left : pause), e);
	}
	return c == PV_OK && !t->p->until_closed ? drain(t, e) : c;
}

/* Its pipes are closed; it has until the deadline to end. */
static enum pv_class reap(struct talk *t, bool kill_it, int *status_r, struct pv_error *e)
{
	struct pv_backoff wait = pv_backoff_start(0);
	int status;

	wait.deadline_ms = t->deadline;
	if (kill_it)
		kill_group(t->pid);
	for (;;) {
		pid_t r = waitpid(t->pid, &status, kill_it ? 0 : WNOHANG);
		if (r == t->pid)
			break;
		if (r < 0 && errno != EINTR)
			return pv_fail_errno(e, PV_TEMPORARY, "4.3.0", errno, "wait for %s", t->p->argv[0]);
		if (r == 0 && !pv_backoff_wait(&wait)) {
			kill_group(t->pid);
			kill_it = true;
		}
	}
	if (WIFSIGNALED(status))
		return pv_fail(e, PV_TEMPORARY, "4.3.0", "%s was killed by signal %d", t->p->argv[0],
			       WTERMSIG(status));
	*status_r = WEXITSTATUS(status);
	return PV_OK;
}

enum pv_class pv_program_do(const struct pv_program *p, int *status_r, struct pv_error *e)
{
	struct talk t = { .p = p,
			  .pid = -1,
			  .pidfd = -1,
			  .fd = { -1, -1, -1 },
			  .deadline = pv_now_ms() + (int64_t)p->seconds * 1000 };
	const struct sigaction ignore = { .sa_handler = SIG_IGN }, standard = { .sa_handler = SIG_DFL };
	struct sigaction pipe_before, child_before;
	struct pv_error late;

	if (access(p->argv[0], X_OK) != 0)
		return pv_fail_errno(e, PV_TEMPORARY, "4.3.5", errno, "start %s", p->argv[0]);
	/* A program that ends without reading its input must not end us; and whoever started us may ignore
	 * its children, which is inherited. */
	(void)sigaction(SIGPIPE, &ignore, &pipe_before);
	(void)sigaction(SIGCHLD, &standard, &child_before);
	enum pv_class c = start(&t, e);
	if (c == PV_OK) {
		c = converse(&t, e);
		close_all(t.fd);
		enum pv_class r = reap(&t, c != PV_OK, status_r, c == PV_OK ? e : &late);
		c = c != PV_OK ? c : r;
		if (t.pidfd >= 0)
			(void)close(t.pidfd);
	}
	(void)sigaction(SIGPIPE, &pipe_before, NULL);
	(void)sigaction(SIGCHLD, &child_before, NULL);
	return c;
}

struct answers {
	const char *name;
	struct pv_buf *of[3]; /* [1] and [2]; NULL: read and dropped */
};

static enum pv_class add_answer(void *ctx, int fd, const char *data, size_t len, struct pv_error *e)
{
	const struct answers *a = ctx;

	if (a->of[fd] == NULL)
		return PV_OK;
	pv_buf_add(a->of[fd], data, len);
	if (a->of[fd]->failed)
		return pv_fail(e, PV_TEMPORARY, "4.3.0", "%s answers more than can be held", a->name);
	return PV_OK;
}

enum pv_class pv_program_run(const char *const argv[], const struct pv_buf *input, unsigned seconds,
			     struct pv_buf *out, struct pv_buf *err, int *status_r, struct pv_error *e)
{
	struct answers answers = { .name = argv[0], .of = { NULL, out, err } };
	const struct pv_program p = { .argv = argv,
				      .input = input,
				      .input_fd = -1,
				      .seconds = seconds,
				      .until_closed = true,
				      .output = add_answer,
				      .ctx = &answers };

	return pv_program_do(&p, status_r, e);
}
