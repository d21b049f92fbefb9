/*
 * hook_master.c: the process that listens and forks: its sockets, how it waits, and how many sessions it
 * starts.
 */
#include "hooks.h"
#include "process.h"
#include "session.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <signal.h>
#include <sys/select.h>
#include <sys/wait.h>
#include <unistd.h>

enum { LISTEN_FIRST = 3 }; /* sd_listen_fds(3) */

static unsigned listen_count;
static unsigned long sessions, sessions_max;
static sigset_t told;	   /* what GNU's loop has to hear of */
static sigset_t listening; /* the mask while it does */

void vp_master_configure(const char *sockets, const char *max)
{
	static const int signals[] = { SIGCHLD, SIGTERM, SIGHUP, SIGINT, SIGQUIT };

	listen_count = sockets != NULL ? (unsigned)strtoul(sockets, NULL, 10) : 0;
	sessions_max = max != NULL ? strtoul(max, NULL, 10) : 1;
	(void)sigemptyset(&told);
	for (size_t i = 0; i < sizeof signals / sizeof *signals; i++)
		(void)sigaddset(&told, signals[i]);
	(void)sigprocmask(SIG_BLOCK, &told, &listening);
	for (size_t i = 0; i < sizeof signals / sizeof *signals; i++)
		(void)sigdelset(&listening, signals[i]);
}

/* --- how many --- */

VP_EXPORT pid_t fork(void)
{
	pid_t child = vp_real.fork();

	if (child > 0 && vp_is_master())
		sessions++;
	return child;
}

VP_EXPORT pid_t waitpid(pid_t who, int *status, int options)
{
	pid_t child = vp_real.waitpid(who, status, options);

	if (child > 0 && vp_is_master() && sessions > 0)
		sessions--;
	return child;
}

/* --- waiting for a client --- */

void vp_master_is_past(void)
{
	(void)sigprocmask(SIG_UNBLOCK, &told, NULL);
}

/*
 * GNU looks at its children, and whether it is to stop, only where select(2) was interrupted: a signal that
 * comes between two calls is not heard, nor one while clients come without a pause. So they are blocked from
 * the start on, but for the calls, and heard first. Where there are sessions enough, nobody is let in until
 * one has ended: GNU would drop the connection that it has just accepted.
 */
static int wait_for_client(int n, fd_set *in)
{
	sigset_t pending;

	(void)sigpending(&pending);
	for (int s = 1; s < NSIG; s++)
		if (sigismember(&told, s) == 1 && sigismember(&pending, s) == 1)
			return sigsuspend(&listening);
	if (sessions >= sessions_max)
		return pselect(0, NULL, NULL, NULL, NULL, &listening);
	return pselect(n, in, NULL, NULL, NULL, &listening);
}

VP_EXPORT int select(int n, fd_set *in, fd_set *out, fd_set *except, struct timeval *limit)
{
	if (!vp_is_master() || in == NULL || out != NULL || except != NULL || limit != NULL)
		return vp_real.select(n, in, out, except, limit);
	return wait_for_client(n, in);
}

/* --- sockets, some of which were opened before --- */

static bool is_same_place(int fd, const struct sockaddr *address, socklen_t len)
{
	struct sockaddr_storage have = { 0 };
	socklen_t have_len = sizeof have;

	if (getsockname(fd, (struct sockaddr *)&have, &have_len) != 0 || have.ss_family != address->sa_family)
		return false;
	const struct sockaddr_in *four = (const void *)&have, *want4 = (const void *)address;
	const struct sockaddr_in6 *six = (const void *)&have, *want6 = (const void *)address;
	if (have.ss_family == AF_INET)
		return len >= sizeof *want4 && four->sin_port == want4->sin_port &&
		       four->sin_addr.s_addr == want4->sin_addr.s_addr;
	return have.ss_family == AF_INET6 && len >= sizeof *want6 && six->sin6_port == want6->sin6_port &&
	       memcmp(&six->sin6_addr, &want6->sin6_addr, sizeof six->sin6_addr) == 0;
}

/* GNU would go on with the other places, and the administrator would learn it from his users. */
static void end_without_place(const struct sockaddr *address, int err)
{
	const struct sockaddr_in *four = (const void *)address;
	const struct sockaddr_in6 *six = (const void *)address;
	char text[INET6_ADDRSTRLEN] = "?";
	unsigned port = 0;

	if (address->sa_family == AF_INET) {
		(void)inet_ntop(AF_INET, &four->sin_addr, text, sizeof text);
		port = ntohs(four->sin_port);
	} else if (address->sa_family == AF_INET6) {
		(void)inet_ntop(AF_INET6, &six->sin6_addr, text, sizeof text);
		port = ntohs(six->sin6_port);
	}
	(void)fprintf(stderr, "virtual-pop3d: listen at %s, port %u: %s\n", text, port, strerror(err));
	_exit(VP_EXIT_LATER);
}

/* GNU pop3d opens its sockets itself. Where systemd has opened one for the same place, that one is put under
 * its descriptor, so that the service needs no right to ports below 1024. */
VP_EXPORT int bind(int fd, const struct sockaddr *address, socklen_t len)
{
	int yes = 1;

	if (!vp_is_master())
		return vp_real.bind(fd, address, len);
	for (unsigned i = 0; i < listen_count; i++)
		if (is_same_place(LISTEN_FIRST + (int)i, address, len))
			return dup2(LISTEN_FIRST + (int)i, fd) < 0 ? -1 : 0;
	/* 0.0.0.0 and [::] at the same port are two places. */
	if (address->sa_family == AF_INET6)
		(void)setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, &yes, sizeof yes);
	int r = vp_real.bind(fd, address, len);
	if (r != 0)
		end_without_place(address, errno);
	return r;
}
