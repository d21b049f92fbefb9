#include "base/log.h"

#include "base/error.h"
#include "base/host.h"

#include <errno.h>
#include <stdarg.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

/* syslog(3) is not used: musl's blocks on a full socket and passes newlines on. */

#define FACILITY_MAIL (2 << 3)
#define LINE_MAX_BYTES 1100

static const char *log_ident, *log_path;
static int log_fd = -1; /* kept from line to line */

void pv_log_open(const char *ident, const char *socket_path)
{
	log_ident = ident;
	log_path = socket_path;
}

static void send_line(const char *line)
{
	struct sockaddr_un to = { .sun_family = AF_UNIX };
	int saved = errno;

	memcpy(to.sun_path, log_path, strlen(log_path) + 1);
	if (log_fd < 0)
		log_fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (log_fd >= 0)
		(void)sendto(log_fd, line, strlen(line), MSG_DONTWAIT | MSG_NOSIGNAL, (struct sockaddr *)&to,
			     sizeof to);
	errno = saved;
}

void pv_log(enum pv_log_level level, const char *fmt, ...)
{
	char line[LINE_MAX_BYTES];
	va_list ap;

	if (log_ident == NULL || log_path == NULL ||
	    strlen(log_path) >= sizeof((struct sockaddr_un *)NULL)->sun_path)
		return;
	int n = snprintf(line, sizeof line, "<%d>%s[%ld]: ", FACILITY_MAIL | (int)level, log_ident,
			 pv_process_id());
	if (n < 0 || (size_t)n >= sizeof line)
		return;
	va_start(ap, fmt);
	(void)vsnprintf(line + n, sizeof line - (size_t)n, fmt, ap);
	va_end(ap);
	pv_printable(line, strlen(line));
	send_line(line);
}

void pv_log_forget(void)
{
	log_fd = -1;
}
