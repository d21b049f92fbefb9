#include "config.h"

#include "store/conf.h"

#include <arpa/inet.h>
#include <errno.h>
#include <sys/stat.h>
#include <unistd.h>

enum { SOCKETS_FIRST = 3 }; /* sd_listen_fds(3) */
/* The module lets nobody in where there are pop3_sessions, before GNU, which would drop him; but one round
 * may take a client from each place. */
enum { PLACES_SPARE = 100 };

/* --- certificate and key --- */

static enum pv_class check_file(const char *setting, const char *path, mode_t not_for, struct pv_error *e)
{
	struct stat st;

	if (stat(path, &st) != 0)
		return pv_fail_errno(e, PV_PERMANENT, NULL, errno, "%s = %s", setting, path);
	if (!S_ISREG(st.st_mode) || st.st_uid != 0)
		return pv_fail(e, PV_PERMANENT, NULL, "%s = %s must be a regular file of root's", setting,
			       path);
	if ((st.st_mode & not_for) != 0)
		return pv_fail(e, PV_PERMANENT, NULL, "%s = %s has mode %04o: chmod %s it", setting, path,
			       (unsigned)(st.st_mode & 07777), not_for == 0022 ? "go-w" : "o-rwx,g-w");
	return PV_OK;
}

static bool has_certificate(const struct pv_store *s)
{
	return s->conf.pop3_certificate[0] != '\0' && strcmp(s->conf.pop3_tls, "no") != 0;
}

static enum pv_class check_tls(const struct pv_store *s, struct pv_error *e)
{
	const struct pv_conf *c = &s->conf;
	bool wanted = strcmp(c->pop3_tls, "required") == 0 || c->pop3s_listen[0] != '\0';

	if (wanted && c->pop3_certificate[0] == '\0')
		return pv_fail(e, PV_PERMANENT, NULL,
			       "virtual.conf asks for TLS (pop3_tls, pop3s_listen): name a pop3_certificate");
	if (c->pop3_certificate[0] == '\0')
		return PV_OK;
	if (c->pop3_key[0] == '\0')
		return pv_fail(e, PV_PERMANENT, NULL,
			       "pop3_certificate has no pop3_key: name it in virtual.conf");
	enum pv_class class = check_file("pop3_certificate", c->pop3_certificate, 0022, e);
	return class == PV_OK ? check_file("pop3_key", c->pop3_key, 0027 & ~0040, e) : class;
}

/* --- the text --- */

/* TLS 1.0 and 1.1 are no longer to be offered (RFC 8996). */
static void add_tls(const struct pv_store *s, const char *mode, struct pv_buf *out)
{
	pv_buf_addf(out, "  tls-mode %s;\n", mode);
	if (strcmp(mode, "no") != 0)
		pv_buf_addf(out,
			    "  tls {\n    ssl-certificate-file \"%s\";\n    ssl-key-file \"%s\";\n"
			    "    ssl-priorities \"NORMAL:-VERS-TLS1.0:-VERS-TLS1.1\";\n"
			    "    handshake-timeout 30;\n  };\n",
			    s->conf.pop3_certificate, s->conf.pop3_key);
}

static const char *tls_mode(const struct pv_store *s)
{
	if (!has_certificate(s))
		return "no";
	return strcmp(s->conf.pop3_tls, "required") == 0 ? "required" : "ondemand";
}

static void add_server(const struct pv_store *s, const char *place, size_t len, const char *mode,
		       struct pv_buf *out)
{
	pv_buf_addf(out, "server \"%.*s\" {\n  backlog 128;\n  timeout %s;\n", (int)len, place,
		    s->conf.pop3_timeout);
	add_tls(s, mode, out);
	pv_buf_addf(out, "};\n");
}

static void add_servers(const struct pv_store *s, const char *places, const char *mode, struct pv_buf *out)
{
	struct pv_conf_word w = { .next = places };

	while (pv_conf_word(&w))
		add_server(s, w.s, w.len, mode, out);
}

/* Write the place at which descriptor fd listens. */
static bool place_of(int fd, char *out, size_t size)
{
	struct sockaddr_storage a = { 0 };
	const struct sockaddr_in *four = (const void *)&a;
	const struct sockaddr_in6 *six = (const void *)&a;
	socklen_t len = sizeof a;
	char text[INET6_ADDRSTRLEN];

	if (getsockname(fd, (struct sockaddr *)&a, &len) != 0)
		return false;
	if (a.ss_family == AF_INET && inet_ntop(AF_INET, &four->sin_addr, text, sizeof text) != NULL)
		(void)snprintf(out, size, "%s:%u", text, (unsigned)ntohs(four->sin_port));
	else if (a.ss_family == AF_INET6 && inet_ntop(AF_INET6, &six->sin6_addr, text, sizeof text) != NULL)
		(void)snprintf(out, size, "[%s]:%u", text, (unsigned)ntohs(six->sin6_port));
	else
		return false;
	return true;
}

/* Does `place` have a port that stands in pop3s_listen? */
static bool is_pop3s(const struct pv_store *s, const char *place)
{
	struct pv_conf_word w = { .next = s->conf.pop3s_listen };
	const char *port = strrchr(place, ':');

	while (pv_conf_word(&w)) {
		size_t len = strlen(port);
		if (w.len > len && memcmp(w.s + w.len - len, port, len) == 0)
			return true;
	}
	return false;
}

static enum pv_class add_sockets(const struct pv_store *s, unsigned count, struct pv_buf *out,
				 struct pv_error *e)
{
	char place[INET6_ADDRSTRLEN + 10];

	for (unsigned i = 0; i < count; i++) {
		if (!place_of(SOCKETS_FIRST + (int)i, place, sizeof place))
			return pv_fail(e, PV_PERMANENT, NULL,
				       "socket %u of those that were passed is no TCP socket that listens",
				       i + 1);
		add_server(s, place, strlen(place), is_pop3s(s, place) ? "connection" : tls_mode(s), out);
	}
	return PV_OK;
}

/* Is `place` what pop3_listen takes, and one? */
static enum pv_class check_place(const char *place, struct pv_error *e)
{
	if (pv_conf_is_place(place, strlen(place)))
		return PV_OK;
	return pv_fail(e, PV_PERMANENT, NULL, "--listen %s: write an address and a port like 192.0.2.1:110",
		       place);
}

/* Where to listen: on the command line, else by systemd's sockets, else in virtual.conf. */
static enum pv_class add_places(const struct pv_store *s, const struct vp_listen *l, struct pv_buf *out,
				struct pv_error *e)
{
	enum pv_class c = PV_OK;

	for (size_t i = 0; i < l->count && c == PV_OK; i++) {
		c = check_place(l->places[i], e);
		add_server(s, l->places[i], strlen(l->places[i]), tls_mode(s), out);
	}
	if (l->count > 0)
		return c;
	if (l->sockets > 0)
		return add_sockets(s, l->sockets, out, e);
	/* GNU would listen at port 110 of all addresses. */
	if (s->conf.pop3_listen[0] == '\0' && s->conf.pop3s_listen[0] == '\0')
		return pv_fail(e, PV_PERMANENT, NULL,
			       "virtual.conf names no place to listen at: set pop3_listen or pop3s_listen");
	add_servers(s, s->conf.pop3_listen, tls_mode(s), out);
	add_servers(s, s->conf.pop3s_listen, "connection", out);
	return PV_OK;
}

enum pv_class vp_config_make(const struct pv_store *s, const struct vp_listen *l, struct pv_buf *out,
			     struct pv_error *e)
{
	enum pv_class c = check_tls(s, e);

	if (c != PV_OK)
		return c;
	/* Of GNU's own modules only the host's users; those of a domain are ours. */
	pv_buf_addf(out,
		    "mode %s;\nforeground yes;\nmax-children %lu;\ntimeout %s;\n"
		    "logging {\n  syslog yes;\n  facility mail;\n  tag virtual-pop3d;\n};\n"
		    "tls-file-checks {\n  key-file none;\n  cert-file none;\n};\n"
		    "auth {\n  authorization clear;\n  authorization system;\n  authentication clear;\n"
		    "  authentication generic:system:pam;\n};\n",
		    l->inetd ? "inetd" : "daemon", strtoul(s->conf.pop3_sessions, NULL, 10) + PLACES_SPARE,
		    s->conf.pop3_timeout);
	if (!l->inetd)
		c = add_places(s, l, out, e);
	else if (strcmp(tls_mode(s), "no") != 0) /* which it takes for a wish for a certificate there */
		add_tls(s, tls_mode(s), out);
	if (c != PV_OK)
		return c;
	return pv_buf_check(out, "the configuration of GNU pop3d", e);
}
