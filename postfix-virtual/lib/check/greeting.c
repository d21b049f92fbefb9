/* Who answers at the addresses to which the domain leads? */
#include "check/network.h"

#include "base/clock.h"
#include "base/file.h"

#include <arpa/inet.h>
#include <errno.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

enum { SECONDS = 5, LINES_MAX = 100, LINE_MAX_READ = 8192 };

/* Wait for `events`. Returns false, with errno, where the deadline passed first. */
static bool wait_for(int s, short events, int64_t deadline)
{
	struct pollfd p = { .fd = s, .events = events };
	int64_t left;

	while ((left = deadline - pv_now_ms()) > 0) {
		int ready = poll(&p, 1, (int)left);
		if (ready > 0)
			return true;
		if (ready < 0 && errno != EINTR)
			return false;
	}
	errno = ETIMEDOUT;
	return false;
}

static int connect_to(const char *address, unsigned port, int64_t deadline)
{
	struct sockaddr_in6 six = { .sin6_family = AF_INET6, .sin6_port = htons((uint16_t)port) };
	struct sockaddr_in four = { .sin_family = AF_INET, .sin_port = htons((uint16_t)port) };
	bool is_four = inet_pton(AF_INET, address, &four.sin_addr) == 1;
	int err = 0;

	if (!is_four && inet_pton(AF_INET6, address, &six.sin6_addr) != 1) {
		errno = EINVAL;
		return -1;
	}
	int s = socket(is_four ? AF_INET : AF_INET6, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (s < 0)
		return -1;
	int r = is_four ? connect(s, (const struct sockaddr *)&four, sizeof four)
			: connect(s, (const struct sockaddr *)&six, sizeof six);
	if (r != 0 && errno == EINPROGRESS) {
		socklen_t len = sizeof err;
		if (!wait_for(s, POLLOUT, deadline) || getsockopt(s, SOL_SOCKET, SO_ERROR, &err, &len) != 0)
			err = errno;
	} else if (r != 0) {
		err = errno;
	}
	if (err == 0)
		return s;
	(void)close(s);
	errno = err;
	return -1;
}

/* One line, without its end. A longer one is cut. */
static bool read_line(int s, char *line, size_t size, int64_t deadline)
{
	size_t used = 0, total = 0;
	char c;

	for (;;) {
		if (!wait_for(s, POLLIN, deadline))
			return false;
		ssize_t n = read(s, &c, 1);
		if (n < 0 && (errno == EINTR || errno == EAGAIN))
			continue;
		if (n < 0)
			return false;
		if (n == 0 || ++total > LINE_MAX_READ) {
			errno = n == 0 ? ECONNRESET : EMSGSIZE;
			return false;
		}
		if (c == '\n')
			break;
		if (used < size - 1 && c != '\r')
			line[used++] = c;
	}
	line[used] = '\0';
	pv_printable(line, used);
	return true;
}

/* The first line of a reply; others (`250-` is followed by one) are read and dropped. */
static bool read_reply(int s, char *first, size_t size, int64_t deadline)
{
	char line[256];

	if (!read_line(s, first, size, deadline))
		return false;
	bool more = strlen(first) > 3 && first[3] == '-';
	for (int i = 0; more && i < LINES_MAX; i++) {
		if (!read_line(s, line, sizeof line, deadline))
			return false;
		more = strlen(line) > 3 && line[3] == '-';
	}
	return true;
}

/* Talk to it. What was said before is remembered, since one address may serve a thousand domains. */
static const struct pv_greeting *greet(struct pv_net *n, const char *address, unsigned port, const char *say,
				       const char *bye)
{
	int64_t deadline = pv_now_ms() + SECONDS * 1000;

	for (size_t i = 0; i < n->greeting_count; i++)
		if (n->greetings[i].port == port && strcmp(n->greetings[i].address, address) == 0)
			return &n->greetings[i];
	struct pv_greeting *g =
		&n->greetings[n->greeting_count < PV_CACHE_MAX ? n->greeting_count++ : PV_CACHE_MAX - 1];
	memset(g, 0, sizeof *g);
	(void)snprintf(g->address, sizeof g->address, "%s", address);
	g->port = port;
	int s = connect_to(address, port, deadline);
	g->reached = s >= 0 && read_reply(s, g->first, sizeof g->first, deadline);
	(void)snprintf(g->why, sizeof g->why, "%s", g->reached ? "" : strerror(errno));
	if (g->reached && *say != '\0' &&
	    (send(s, say, strlen(say), MSG_NOSIGNAL) != (ssize_t)strlen(say) ||
	     !read_reply(s, g->second, sizeof g->second, deadline)))
		(void)snprintf(g->second, sizeof g->second, "(nothing)");
	if (g->reached)
		(void)send(s, bye, strlen(bye), MSG_NOSIGNAL);
	if (s >= 0)
		(void)close(s);
	return g;
}

static bool names(const char *line, const char *name)
{
	return *name != '\0' && strcasestr(line, name) != NULL;
}

static void judge_smtp(struct pv_net *n, const struct pv_road *r, const struct pv_greeting *g)
{
	if (!g->reached)
		pv_say(n->out, PV_CRITICAL, "smtp", r->address,
		       "SMTP at port %u does not greet (%s), so no mail comes in: see inet_interfaces in "
		       "main.cf, smtp in "
		       "master.cf, and the firewall",
		       g->port, g->why);
	else if (strncmp(g->first, "220", 3) != 0)
		pv_say(n->out, PV_CRITICAL, "smtp", r->address,
		       "SMTP at port %u says `%.200s` instead of 220", g->port, g->first);
	else if (strncmp(g->second, "250", 3) != 0)
		pv_say(n->out, PV_CRITICAL, "smtp", r->address, "SMTP at port %u answers EHLO with `%.200s`",
		       g->port, g->second);
	else if (!names(g->first, n->myhostname) && !names(g->second, n->myhostname))
		pv_say(n->out, PV_WARNING, "smtp", r->address,
		       "SMTP greets with `%.200s`, which is not this host's Postfix, %s: does the address "
		       "lead to another "
		       "server?",
		       g->first, n->myhostname);
	else if (strcasecmp(r->host, n->myhostname) != 0)
		pv_say(n->out, PV_NOTE, "smtp", r->address, "the MX %s greets as %s", r->host, n->myhostname);
}

void pv_net_smtp(struct pv_net *n)
{
	char hello[300];

	(void)snprintf(hello, sizeof hello, "EHLO %s\r\n",
		       *n->myhostname != '\0' ? n->myhostname : "localhost");
	for (size_t i = 0; n->options->smtp_port != 0 && i < n->road_count; i++) {
		const struct pv_road *r = &n->roads[i];
		judge_smtp(n, r, greet(n, r->address, n->options->smtp_port, hello, "QUIT\r\n"));
	}
}

void pv_net_pop3(struct pv_net *n)
{
	for (size_t i = 0; n->options->pop3_port != 0 && i < n->road_count; i++) {
		const struct pv_road *r = &n->roads[i];
		const struct pv_greeting *g = greet(n, r->address, n->options->pop3_port, "", "QUIT\r\n");
		if (!g->reached)
			pv_say(n->out, PV_WARNING, "pop3", r->address,
			       "POP3 at port %u does not greet (%s): start it; a host without POP3 says "
			       "--pop3-port 0",
			       g->port, g->why);
		else if (strncmp(g->first, "+OK", 3) != 0)
			pv_say(n->out, PV_WARNING, "pop3", r->address,
			       "POP3 at port %u says `%.200s` instead of +OK", g->port, g->first);
		else if (!names(g->first, n->domain))
			pv_say(n->out, PV_NOTE, "pop3", n->domain,
			       "POP3 at %s greets with `%.200s`, which does not name the domain: users log "
			       "in as user@%s",
			       r->address, g->first, n->domain);
	}
}
