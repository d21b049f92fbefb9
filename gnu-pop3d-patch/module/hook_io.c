/*
 * hook_io.c: lines in and replies out, which wire.c carries in place of GNU's streams.
 */
#include "gate.h"
#include "hooks.h"
#include "session.h"
#include "texts.h"
#include "wire.h"

#include <stdarg.h>
#include <unistd.h>

static mu_stream_t iostream; /* GNU's, by which it means the client */
static bool real_was_used;   /* GNU wrote by its own streams (a message of a system user) */

/* pop3d_setio(): in for reading, then out for writing. */
VP_EXPORT int mu_stdio_stream_create(mu_stream_t *stream, int fd, int flags)
{
	if ((flags & MU_STREAM_READ) != 0)
		vp_session_begin(fd, fd == 0 ? 1 : fd);
	return vp_real.mu_stdio_stream_create(stream, fd, flags);
}

VP_EXPORT int mu_tlsfd_stream_create(mu_stream_t *stream, int in, int out, struct mu_tls_config const *conf,
				     enum mu_tls_type type)
{
	vp_session_begin(in, out);
	int r = vp_real.mu_tlsfd_stream_create(stream, in, out, conf, type);
	if (r == 0)
		vp_wire_tls(NULL);
	return r;
}

VP_EXPORT int mu_starttls(mu_stream_t *stream, struct mu_tls_config *conf, enum mu_tls_type type)
{
	if (!vp_wire_flush(true))
		return MU_ERR_FAILURE;
	int r = vp_real.mu_starttls(stream, conf, type);
	if (r == 0)
		vp_wire_tls(*stream);
	return r;
}

VP_EXPORT int mu_filter_create(mu_stream_t *stream, mu_stream_t transport, const char *name, int mode,
			       int flags)
{
	if (vp.who == VP_VIRTUAL && strcmp(name, "DOT") == 0)
		return vp_dot_filter(stream);
	if (vp_session_is_on() && strcmp(name, "DOT") == 0) {
		real_was_used = true;
		(void)vp_wire_flush(true);
	}
	int r = vp_real.mu_filter_create(stream, transport, name, mode, flags);
	if (r == 0 && vp_session_is_on() && strcmp(name, "CRLF") == 0 && iostream == NULL) {
		iostream = *stream;
		if (vp_wire_is_tls())
			vp_wire_tls(iostream);
	}
	return r;
}

VP_EXPORT int mu_stream_timed_readdelim(mu_stream_t stream, char *buf, size_t size, int delim,
					struct timeval *limit, size_t *len_r)
{
	if (iostream == NULL || stream != iostream)
		return vp_real.mu_stream_timed_readdelim(stream, buf, size, delim, limit, len_r);
	return vp_gate_line(buf, size, len_r);
}

VP_EXPORT int mu_stream_flush(mu_stream_t stream)
{
	if (iostream == NULL || stream != iostream)
		return vp_real.mu_stream_flush(stream);
	/* vp_gate_line() does, when nothing more has come. */
	return 0;
}

/* It closes the connection only behind QUIT. */
VP_EXPORT int mu_stream_close(mu_stream_t stream)
{
	if (vp_is_dot_filter(stream))
		return vp_dot_filter_close();
	if (iostream != NULL && stream == iostream)
		(void)vp_wire_flush(true);
	return vp_real.mu_stream_close(stream);
}

/* The client's goes last of all, when everything is closed and said. What the libraries would tidy up now,
 * the kernel does in a third of the time. */
VP_EXPORT void mu_stream_destroy(mu_stream_t *stream)
{
	/* For a host's user GNU lets go of it behind each message too. */
	bool is_last = iostream != NULL && *stream == iostream && vp.who != VP_SYSTEM;

	vp_message_stream_destroy(stream);
	if (is_last)
		_exit(0);
}

/* GNU's reply as it shall be sent. */
static void rewrite(const char *format, va_list arguments, char *line, size_t size)
{
	va_list copy;

	if (strcmp(format, "+OK POP3 Ready %s\n") == 0) {
		va_copy(copy, arguments);
		vp_session_greet(va_arg(copy, const char *), line, size);
		va_end(copy);
		return;
	}
	if (strcmp(format, "-ERR %s\n") == 0) {
		va_copy(copy, arguments);
		const char *text = va_arg(copy, const char *);
		(void)snprintf(line, size, "-ERR %s\n",
			       vp.instead[0] != '\0' ? vp.instead : vp_text(vp.language, text));
		va_end(copy);
		return;
	}
	(void)vsnprintf(line, size, format, arguments);
}

VP_EXPORT int mu_stream_vprintf(mu_stream_t stream, const char *format, va_list arguments)
{
	char line[1024];

	if (iostream == NULL || stream != iostream)
		return vp_real.mu_stream_vprintf(stream, format, arguments);
	if (real_was_used)
		(void)vp_real.mu_stream_flush(iostream);
	real_was_used = false;
	rewrite(format, arguments, line, sizeof line);
	if (strchr(line, '\n') != NULL)
		vp.instead[0] = '\0';
	bool sent = vp_wire_text(line, strlen(line));
	/* STLS begins behind this reply. */
	if (sent && strncmp(line, "+OK Begin TLS", 13) == 0)
		sent = vp_wire_flush(true);
	return sent ? 0 : MU_ERR_FAILURE;
}
