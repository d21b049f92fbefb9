#include "session.h"

#include "auth/session.h"
#include "base/clock.h"
#include "base/log.h"
#include "process.h"
#include "texts.h"
#include "wire.h"

#include <limits.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <unistd.h>

struct vp_session vp;

static char config_dir[PATH_MAX];
static bool on, failed, too_many;
static int place_fd = -1; /* one of the places of the client's address, until we end */

void vp_session_configure(const char *dir)
{
	(void)snprintf(config_dir, sizeof config_dir, "%s", dir);
}

bool vp_session_is_on(void)
{
	return on;
}

void vp_session_log(const char *op, const struct pv_error *e)
{
	pv_log(PV_LOG_ERROR, "%s: %s", op, e->text);
}

void vp_session_say(const char *text)
{
	(void)snprintf(vp.instead, sizeof vp.instead, "%s", vp_text(vp.language, text));
}

const char *vp_session_text(const struct pv_error *e, const char *temporary)
{
	return strcmp(e->status, "4.3.5") == 0 || e->class == PV_PERMANENT ? VP_TEXT_PERMANENT : temporary;
}

/* An address as text; IPv4 in IPv6 as IPv4. */
static void address_text(const struct sockaddr_storage *a, char *out, socklen_t size)
{
	const struct sockaddr_in *four = (const void *)a;
	const struct sockaddr_in6 *six = (const void *)a;

	out[0] = '-';
	out[1] = '\0';
	if (a->ss_family == AF_INET)
		(void)inet_ntop(AF_INET, &four->sin_addr, out, size);
	else if (a->ss_family == AF_INET6 && IN6_IS_ADDR_V4MAPPED(&six->sin6_addr))
		(void)inet_ntop(AF_INET, &six->sin6_addr.s6_addr[12], out, size);
	else if (a->ss_family == AF_INET6)
		(void)inet_ntop(AF_INET6, &six->sin6_addr, out, size);
}

static void look_at_ends(int in)
{
	struct sockaddr_storage server = { 0 };
	socklen_t len = sizeof vp.client;
	int yes = 1;

	if (getpeername(in, (struct sockaddr *)&vp.client, &len) != 0)
		vp.client.ss_family = AF_UNSPEC;
	len = sizeof server;
	if (getsockname(in, (struct sockaddr *)&server, &len) != 0)
		server.ss_family = AF_UNSPEC;
	address_text(&vp.client, vp.client_text, sizeof vp.client_text);
	address_text(&server, vp.server_text, sizeof vp.server_text);
	/* Without it each reply to a client that does not pipeline waits for 40 ms; no error on a pipe. */
	(void)setsockopt(in, IPPROTO_TCP, TCP_NODELAY, &yes, sizeof yes);
}

static enum pv_class open_all(struct pv_error *e)
{
	bool is_free = true;

	enum pv_class c = pv_store_open(config_dir, &vp.store, e);
	if (c != PV_OK)
		return c;
	pv_log_open("virtual-pop3d", vp.store.conf.log_socket);
	(void)snprintf(vp.language, sizeof vp.language, "%s", vp.store.conf.language);
	if (vp.client.ss_family == AF_UNSPEC)
		return PV_OK;
	c = pv_login_server_domain(&vp.store, vp.server_text, &vp.server_domain, &vp.has_server_domain, e);
	if (c == PV_OK)
		c = pv_session_place(&vp.store, (const struct sockaddr *)&vp.client, &place_fd, &is_free, e);
	too_many = c == PV_OK && !is_free;
	return c;
}

/* The daemon's listening sockets, which this child of it has too: a daemon that is started anew must find its
 * place free, however long this session lasts. They were opened before the connection `in`. */
static void close_listeners(int in)
{
	int listens = 0;
	socklen_t len = sizeof listens;

	for (int fd = 3; fd < in; fd++)
		if (getsockopt(fd, SOL_SOCKET, SO_ACCEPTCONN, &listens, &len) == 0 && listens != 0)
			(void)close(fd);
}

/* What was said last, by whichever way GNU ends. */
static void say_the_rest(void)
{
	(void)vp_wire_flush(true);
}

void vp_session_begin(int in, int out)
{
	struct pv_error e;
	unsigned long idle = 600;

	if (on)
		return;
	on = true;
	vp_master_is_past();
	vp.top_lines = PV_ALL_LINES;
	(void)snprintf(vp.language, sizeof vp.language, "en");
	pv_log_open("virtual-pop3d", "/dev/log");
	close_listeners(in);
	look_at_ends(in);
	if (open_all(&e) != PV_OK) {
		failed = true;
		vp_session_log("begin a session", &e);
	} else {
		idle = strtoul(vp.store.conf.pop3_timeout, NULL, 10);
	}
	if (!vp_wire_start(in, out, (unsigned)idle) || atexit(say_the_rest) != 0)
		_exit(71);
}

/* A greeting with a time stamp says that APOP is offered: clients that see one do not try USER any more. */
void vp_session_greet(const char *challenge, char *line, size_t size)
{
	(void)snprintf(vp.challenge, sizeof vp.challenge, "%s", challenge);
	vp.ending = failed || too_many;
	if (failed)
		(void)snprintf(line, size, "-ERR %s\n", vp_text(vp.language, VP_TEXT_UNAVAILABLE));
	else if (too_many)
		(void)snprintf(line, size, "-ERR %s\n", vp_text(vp.language, VP_TEXT_TOO_MANY_SESSIONS));
	else
		(void)snprintf(line, size, "+OK Virtual%s%s POP3 Server ready%s%s\n",
			       vp.has_server_domain ? " " : "",
			       vp.has_server_domain ? vp.server_domain.s : "", vp.store.conf.apop ? " " : "",
			       vp.store.conf.apop ? challenge : "");
	if (too_many)
		pv_log(PV_LOG_WARNING, "refused connection from %s: too many sessions", vp.client_text);
}
