#include "wire.h"

#include "hooks.h"

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <sys/socket.h>
#include <unistd.h>

enum { IN_SIZE = 4096, OUT_SIZE = 128 * 1024 };

static struct {
	bool on, tls, failed;
	int in, out;
	unsigned idle_s;
	mu_stream_t stream;    /* with TLS: where GNU reads lines */
	mu_stream_t transport; /* with TLS: where bytes are written, below the filter that makes CRLF */
	char *input, *output;
	size_t from, to, filled; /* input[from..to) was not read yet; output[0..filled) was not sent yet */
} w;

static volatile sig_atomic_t stopped;

bool vp_wire_start(int in, int out, unsigned idle_s)
{
	w.input = malloc(IN_SIZE);
	w.output = malloc(OUT_SIZE);
	w.on = w.input != NULL && w.output != NULL;
	w.in = in;
	w.out = out;
	w.idle_s = idle_s;
	return w.on;
}

void vp_wire_tls(mu_stream_t stream)
{
	mu_stream_t below[2] = { NULL, NULL };

	w.tls = true;
	w.stream = stream;
	w.from = w.to = 0;
	if (stream == NULL || mu_stream_ioctl(stream, MU_IOCTL_TOPSTREAM, MU_IOCTL_OP_GET, below) != 0)
		return;
	w.transport = below[1] != NULL ? below[1] : below[0];
}

bool vp_wire_is_tls(void)
{
	return w.tls;
}

/* For a signal's handler: whoever waits for the client, or is about to, finds the end of its input. */
void vp_wire_stop(void)
{
	stopped = 1;
	if (w.on)
		(void)shutdown(w.in, SHUT_RD);
}

bool vp_wire_is_stopped(void)
{
	return stopped != 0;
}

/* --- in --- */

static enum vp_line fill(void)
{
	struct pollfd p = { .fd = w.in, .events = POLLIN };

	if (w.from == w.to)
		w.from = w.to = 0;
	while (stopped == 0) {
		int ready = poll(&p, 1, (int)(w.idle_s * 1000));
		if (ready == 0)
			return VP_LINE_IDLE;
		if (ready < 0)
			continue; /* a signal */
		ssize_t n = read(w.in, w.input + w.to, IN_SIZE - w.to);
		if (n < 0 && (errno == EINTR || errno == EAGAIN))
			continue;
		if (n <= 0)
			break;
		w.to += (size_t)n;
		return VP_LINE;
	}
	return VP_LINE_END;
}

/* The next piece of a line by the socket: up to and with its newline, or what there is. */
static enum vp_line plain_piece(char *piece, size_t size, size_t *len_r)
{
	enum vp_line r = w.from < w.to ? VP_LINE : fill();

	if (r != VP_LINE)
		return r;
	const char *end = memchr(w.input + w.from, '\n', w.to - w.from);
	size_t len = end != NULL ? (size_t)(end - w.input) + 1 - w.from : w.to - w.from;
	if (len > size)
		len = size;
	memcpy(piece, w.input + w.from, len);
	explicit_bzero(w.input + w.from, len); /* it may be a password */
	w.from += len;
	*len_r = len;
	return VP_LINE;
}

/* The same by TLS, where GNU's stream has the buffer. */
static enum vp_line tls_piece(char *piece, size_t size, size_t *len_r)
{
	struct timeval limit = { .tv_sec = (time_t)w.idle_s };

	if (stopped != 0)
		return VP_LINE_END;
	/* It writes a NUL behind what it reads. */
	int r = vp_real.mu_stream_timed_readdelim(w.stream, piece, size, '\n', &limit, len_r);
	if (r == MU_ERR_TIMEOUT)
		return VP_LINE_IDLE;
	return r != 0 || *len_r == 0 || stopped != 0 ? VP_LINE_END : VP_LINE;
}

static bool has_control(const char *s, size_t len)
{
	for (size_t i = 0; i < len; i++)
		if (((unsigned char)s[i] < 0x20 && s[i] != '\t') || s[i] == 0x7f)
			return true;
	return false;
}

enum vp_line vp_wire_line(char line[VP_LINE_SIZE], size_t *len_r)
{
	size_t len = 0, n = 0;
	bool is_bad = false;

	for (;;) {
		if (len == VP_LINE_MAX) {
			is_bad = true;
			len = 0;
		}
		enum vp_line r = w.tls ? tls_piece(line + len, VP_LINE_SIZE - len, &n)
				       : plain_piece(line + len, VP_LINE_MAX - len, &n);
		if (r != VP_LINE)
			return r;
		len += n;
		if (line[len - 1] == '\n')
			break;
	}
	len--;
	if (len > 0 && line[len - 1] == '\r')
		len--;
	line[len] = '\0';
	*len_r = len;
	is_bad = is_bad || len + 2 > VP_LINE_MAX || has_control(line, len);
	return is_bad ? VP_LINE_BAD : VP_LINE;
}

/* --- out --- */

enum { STOP_WAIT_S = 5 };

/* How long for? A session that is to stop does not wait long for who does not read. */
static int wait_ms(void)
{
	return 1000 * (int)(stopped != 0 && w.idle_s > STOP_WAIT_S ? STOP_WAIT_S : w.idle_s);
}

/* Send data by the descriptor; a client that does not read is waited for as long as for one that is idle. */
static bool send_plain(const char *data, size_t len)
{
	struct pollfd p = { .fd = w.out, .events = POLLOUT };

	while (len > 0) {
		ssize_t n = send(w.out, data, len, MSG_NOSIGNAL | MSG_DONTWAIT);
		if (n < 0 && errno == ENOTSOCK)
			n = write(w.out, data, len);
		if (n < 0 && (errno == EAGAIN || errno == EWOULDBLOCK)) {
			int ready = poll(&p, 1, wait_ms());
			if (ready == 0 || (ready < 0 && errno != EINTR))
				return false;
			continue;
		}
		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return false;
		data += n;
		len -= (size_t)n;
	}
	return true;
}

static bool send_now(const char *data, size_t len)
{
	if (len == 0 || w.failed)
		return !w.failed;
	if (!w.tls)
		w.failed = !send_plain(data, len);
	else
		w.failed = w.transport == NULL ||
			   vp_real.mu_stream_write(w.transport, data, len, NULL) != 0 ||
			   vp_real.mu_stream_flush(w.transport) != 0;
	return !w.failed;
}

bool vp_wire_flush(bool now)
{
	if (!now && !w.tls && memchr(w.input + w.from, '\n', w.to - w.from) != NULL)
		return !w.failed;
	size_t len = w.filled;
	w.filled = 0;
	return send_now(w.output, len);
}

bool vp_wire_write(const char *data, size_t len)
{
	if (len > OUT_SIZE - w.filled && !vp_wire_flush(true))
		return false;
	if (len > OUT_SIZE / 2)
		return vp_wire_flush(true) && send_now(data, len);
	memcpy(w.output + w.filled, data, len);
	w.filled += len;
	return !w.failed;
}

bool vp_wire_text(const char *text, size_t len)
{
	while (len > 0) {
		const char *end = memchr(text, '\n', len);
		size_t part = end != NULL ? (size_t)(end - text) : len;
		if (!vp_wire_write(text, part) || (end != NULL && !vp_wire_write("\r\n", 2)))
			return false;
		part += end != NULL;
		text += part;
		len -= part;
	}
	return true;
}
