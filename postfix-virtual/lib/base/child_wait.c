#include "base/child_wait.h"

#include "base/clock.h"

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

enum {
	CHUNK = 65536,
	NAP_MS = 2,	 /* so that we do not wake for each few bytes of a child: its pipe holds them */
	DIE_MS = 1000,	 /* after SIGKILL */
	LOOK_MS = 5,	 /* where there is no pidfd that wakes us */
	POLL_MS = 60000, /* at most: poll() counts in 31 bits */
};

/* The child's own words are no more to be believed than its files: class and text are made
 * presentable, nothing else is taken. */
static enum pv_class child_error(const struct pv_child *ch, int status, struct pv_error *e)
{
	struct pv_error theirs;

	if (WIFSIGNALED(status))
		return pv_fail(e, PV_TEMPORARY, "4.3.0",
			       "the child that read the domain's files was killed by signal %d",
			       WTERMSIG(status));
	/* What a child started may hold the pipe open: only what is there already is read. */
	if (read(ch->error_fd, &theirs, sizeof theirs) != (ssize_t)sizeof theirs || theirs.text[0] == '\0')
		return pv_fail(e, PV_TEMPORARY, "4.3.0", "a child ended with status %d and no reason",
			       WEXITSTATUS(status));
	theirs.text[PV_ERROR_TEXT - 1] = '\0';
	theirs.status[PV_ERROR_STATUS - 1] = '\0';
	pv_printable(theirs.status, strlen(theirs.status));
	enum pv_class c = theirs.class == PV_PERMANENT ? PV_PERMANENT : PV_TEMPORARY;
	return pv_fail(e, c, theirs.status, "%s", theirs.text);
}

static void close_one(int *fd)
{
	if (*fd >= 0)
		(void)close(*fd);
	*fd = -1;
}

void pv_child_kill(struct pv_child *ch, const struct pv_error *why)
{
	if (!ch->runs || ch->killed)
		return;
	(void)kill(ch->pid, SIGKILL);
	close_one(&ch->out_fd);
	ch->killed = true;
	ch->class = PV_TEMPORARY;
	ch->error = *why;
	ch->deadline = pv_now_ms() + DIE_MS;
}

static void let_go(struct pv_child *ch)
{
	close_one(&ch->pidfd);
	close_one(&ch->out_fd);
	close_one(&ch->error_fd);
	ch->runs = false;
}

/* Read what is there, up to a pipe's content: then it is another child's turn. PV_OK: *more_r tells whether
 * there may be more at once. */
static enum pv_class drain(struct pv_child *ch, bool *more_r, struct pv_error *e)
{
	char chunk[CHUNK];

	ssize_t n = read(ch->out_fd, chunk, sizeof chunk);
	*more_r = n > 0 || (n < 0 && errno == EINTR);
	ch->full = n == (ssize_t)sizeof chunk;
	if (n > 0) {
		ch->heard = pv_now_ms();
		pv_buf_add(ch->out, chunk, (size_t)n);
		explicit_bzero(chunk, (size_t)n); /* it may be a secret */
		return pv_buf_check(ch->out, "what the domain's files hold", e);
	}
	if (n == 0)
		close_one(&ch->out_fd);
	else if (errno != EINTR && errno != EAGAIN)
		return pv_fail_errno(e, PV_TEMPORARY, "4.3.0", errno, "read from a child");
	return PV_OK;
}

static void serve(struct pv_child *ch)
{
	struct pv_error why;
	bool more;

	if (drain(ch, &more, &why) != PV_OK)
		pv_child_kill(ch, &why);
}

/* It has ended, and is no more. What it wrote is in the pipe; whoever it started may write on, which is of no
 * interest. */
static void take_end(struct pv_child *ch, int status)
{
	enum pv_class c = PV_OK;
	bool more = true;

	while (c == PV_OK && more && ch->out_fd >= 0)
		c = drain(ch, &more, &ch->error);
	if (c == PV_OK && !(WIFEXITED(status) && WEXITSTATUS(status) == PV_CHILD_OK))
		c = child_error(ch, status, ch->killed ? NULL : &ch->error);
	if (!ch->killed)
		ch->class = c;
	let_go(ch);
}

/* Has it ended? */
static bool reap(struct pv_child *ch)
{
	int status;

	pid_t r = waitpid(ch->pid, &status, WNOHANG);
	if (r == ch->pid) {
		take_end(ch, status);
		return true;
	}
	if (r == 0 || errno == EINTR)
		return false;
	/* It is not ours to wait for: somebody ignores SIGCHLD. */
	if (!ch->killed)
		ch->class = pv_fail_errno(&ch->error, PV_TEMPORARY, "4.3.0", errno, "wait for a child");
	let_go(ch);
	return true;
}

/* Its time is over: kill it, or if that was done, give it up. Returns whether it was given up. */
static bool expire(struct pv_child *ch)
{
	struct pv_error why;

	if (ch->killed) {
		let_go(ch);
		return true;
	}
	(void)pv_fail(&why, PV_TEMPORARY, "4.3.0", "reading the domain's files took longer than %u s",
		      ch->seconds);
	pv_child_kill(ch, &why);
	return false;
}

/* Wait until something is to be done for a child: fds[2i] its output, fds[2i + 1] its end. */
static int wait_for_any(const struct pv_child *list, size_t count, struct pollfd *fds, int64_t until_ms)
{
	int64_t now = pv_now_ms(), until = until_ms < now + POLL_MS ? until_ms : now + POLL_MS;

	for (size_t i = 0; i < count; i++) {
		const struct pv_child *ch = &list[i];
		bool naps = ch->runs && !ch->full && now < ch->heard + NAP_MS;
		fds[2 * i] = (struct pollfd){ .fd = ch->runs && !naps ? ch->out_fd : -1, .events = POLLIN };
		fds[2 * i + 1] = (struct pollfd){ .fd = ch->runs ? ch->pidfd : -1, .events = POLLIN };
		if (naps && ch->out_fd >= 0 && until > ch->heard + NAP_MS)
			until = ch->heard + NAP_MS;
		if (ch->runs && ch->deadline < until)
			until = ch->deadline;
		if (ch->runs && ch->pidfd < 0 && until > now + LOOK_MS)
			until = now + LOOK_MS;
	}
	return poll(fds, 2 * count, until > now ? (int)(until - now) : 0);
}

/* poll() cannot wait any more, and nobody else can. */
static void kill_all(struct pv_child *list, size_t count, int err)
{
	struct pv_error why;

	(void)pv_fail_errno(&why, PV_TEMPORARY, "4.3.0", err, "wait for a child");
	for (size_t i = 0; i < count; i++)
		pv_child_kill(&list[i], &why);
}

/* Read (*any_r tells), reap and end. Returns the number of one that is done, or count. */
static size_t look_at_all(struct pv_child *list, size_t count, const struct pollfd *fds, bool know,
			  bool *any_r)
{
	for (size_t i = 0; i < count; i++)
		if (list[i].runs && know && fds[2 * i].revents != 0) {
			serve(&list[i]);
			*any_r = true;
		}
	for (size_t i = 0; i < count; i++)
		if (list[i].runs && (!know || list[i].pidfd < 0 || fds[2 * i + 1].revents != 0) &&
		    reap(&list[i]))
			return i;
	for (size_t i = 0; i < count; i++)
		if (list[i].runs && pv_now_ms() >= list[i].deadline && expire(&list[i]))
			return i;
	return count;
}

static bool any_runs(const struct pv_child *list, size_t count)
{
	for (size_t i = 0; i < count; i++)
		if (list[i].runs)
			return true;
	return false;
}

size_t pv_child_wait(struct pv_child *list, size_t count, int64_t until_ms)
{
	struct pollfd fds[2 * PV_CHILDREN_MAX];
	bool any = false;

	while (!any && any_runs(list, count)) {
		int ready = wait_for_any(list, count, fds, until_ms);
		if (ready < 0 && errno != EINTR)
			kill_all(list, count, errno);
		size_t done = look_at_all(list, count, fds, ready >= 0, &any);
		if (done < count)
			return done;
		if (pv_now_ms() >= until_ms)
			break;
	}
	return count;
}
