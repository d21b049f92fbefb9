/*
 * hook_process.c: what concerns the process: its start, signals, log lines.
 */
#include "base/log.h"
#include "hooks.h"
#include "process.h"
#include "session.h"
#include "wire.h"

#include <signal.h>
#include <stdarg.h>
#include <unistd.h>

static pid_t master;

bool vp_is_master(void)
{
	return getpid() == master && !vp_session_is_on();
}

/* A configuration or a program that is wrong is said where somebody may look: this is still the start. */
static void end_at_start(const char *what, const char *name)
{
	(void)fprintf(stderr, "virtual-pop3d: %s %s\n", what, name);
	_exit(VP_EXIT_UNFIT);
}

/*
 * Loaded into GNU pop3d by virtual-pop3d, which says the rest by the environment. What pop3d starts does
 * not get any of it.
 */
__attribute__((constructor)) static void start(void)
{
	const char *dir = getenv("VIRTUAL_POP3D_CONFIG");

	(void)unsetenv("LD_PRELOAD");
	if (dir == NULL)
		end_at_start("this module is loaded by", "virtual-pop3d only");
	const char *missing = vp_hooks_find();
	if (missing != NULL)
		end_at_start(
			"this GNU pop3d is another than the one that is known here (3.15): it does not use",
			missing);
	vp_session_configure(dir);
	vp_master_configure(getenv("VIRTUAL_POP3D_SOCKETS"), getenv("VIRTUAL_POP3D_SESSIONS"));
	(void)unsetenv("VIRTUAL_POP3D_CONFIG");
	(void)unsetenv("VIRTUAL_POP3D_SOCKETS");
	(void)unsetenv("VIRTUAL_POP3D_SESSIONS");
	master = getpid();
}

/* The first thing that pop3d says of itself. Another version may use what it imports otherwise. */
VP_EXPORT void mu_m_server_create(mu_m_server_t *server, const char *ident)
{
	static const char known[] = "pop3d (GNU Mailutils 3.15)";

	if (ident == NULL || strcmp(ident, known) != 0)
		end_at_start("is made for pop3d (GNU Mailutils 3.15), and this is",
			     ident != NULL ? ident : "another");
	vp_real.mu_m_server_create(server, ident);
}

/* --- signals --- */

static void stop(int number)
{
	(void)number;
	vp_wire_stop();
}

static void set(int number, void (*handler)(int))
{
	struct sigaction a = { .sa_handler = handler };

	(void)sigemptyset(&a.sa_mask);
	(void)sigaction(number, &a, NULL);
}

/*
 * GNU's handlers close the mailbox, print and free memory inside the signal. In a session a signal that asks
 * it to stop ends it at the next line instead, without a deletion and behind what is being done; what a crash
 * leaves is repaired by the next who opens the mailbox.
 */
VP_EXPORT int mu_set_signals(void (*handler)(int), int *list, int count)
{
	static const int stops[] = { SIGTERM, SIGHUP, SIGINT, SIGQUIT };

	bool is_session = false;
	for (int i = 0; i < count; i++)
		is_session = is_session || list[i] == SIGALRM;
	if (!is_session)
		return vp_real.mu_set_signals(handler, list, count);
	for (size_t i = 0; i < sizeof stops / sizeof *stops; i++)
		set(stops[i], stop);
	set(SIGPIPE, SIG_IGN);
	set(SIGXFSZ, SIG_IGN); /* a file that may not grow is an error of write(2) then */
	for (int i = 0; i < count; i++)
		if (list[i] == SIGSEGV || list[i] == SIGBUS || list[i] == SIGFPE || list[i] == SIGILL ||
		    list[i] == SIGABRT)
			set(list[i], SIG_DFL);
	return 0;
}

/* --- log lines --- */

static void log_line(int level, const char *format, va_list arguments)
{
	char text[900];

	/* The comings and goings that GNU tells of are told by us, in lines of a fixed form, and why a
	 * mailbox could not be opened or updated in more words than its summary of the session has; that a
	 * client went away without QUIT is no error. */
	if (level < MU_DIAG_WARNING || strcmp(format, "Unexpected eof on input") == 0 ||
	    (vp_session_is_on() && vp.who != VP_SYSTEM && strcmp(format, "main loop status: %s") == 0))
		return;
	(void)vsnprintf(text, sizeof text, format, arguments);
	pv_log(level >= MU_DIAG_ERROR ? PV_LOG_ERROR : PV_LOG_WARNING, "%s", text);
	/* The master's complaints (an address that is taken) must be seen by who starts it. */
	if (vp_is_master()) {
		pv_printable(text, strlen(text));
		(void)fprintf(stderr, "virtual-pop3d: %s\n", text);
	}
}

VP_EXPORT void mu_diag_output(int level, const char *format, ...)
{
	va_list arguments;

	va_start(arguments, format);
	log_line(level, format, arguments);
	va_end(arguments);
}

VP_EXPORT int mu_error(const char *format, ...)
{
	va_list arguments;

	va_start(arguments, format);
	log_line(MU_DIAG_ERROR, format, arguments);
	va_end(arguments);
	return 0;
}
