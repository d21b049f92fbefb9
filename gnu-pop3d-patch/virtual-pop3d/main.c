/*
 * virtual-pop3d: GNU pop3d, the distribution's own, with virtual users: started in our place with the module
 * virtual-pop3d.so loaded into it and a configuration made from virtual.conf.
 */
#include "base/file.h"
#include "base/program.h"
#include "base/table.h"
#include "config.h"

#include <errno.h>
#include <fcntl.h>
#include <getopt.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#define POP3D "/usr/sbin/pop3d"

enum { EXIT_DONE = 0, EXIT_REFUSED = 1, EXIT_USAGE = 2, EXIT_BUG = 70, EXIT_LATER = 75 };
enum { CONFIG_MAX = 64 * 1024, ARGUMENTS_MAX = 64, PLACES_MAX = 32 };

static const char usage_text[] = "usage: virtual-pop3d [-c DIR] [--listen ADDRESS:PORT]... [--inetd] "
				 "[--module FILE] [-- POP3D-OPTION...]\n"
				 "       virtual-pop3d --help | --version\n";

static const char help_text[] =
	"\n"
	"Serve mailboxes by POP3: run GNU pop3d, in the foreground, with the users of virtual domains.\n"
	"The settings are those of virtual.conf.\n"
	"\n"
	"  -c DIR                 configuration folder (default " PV_DEFAULT_DIRECTORY ")\n"
	"  --listen ADDRESS:PORT  listen there, in place of pop3_listen and pop3s_listen; may be repeated\n"
	"  --inetd                serve one connection, on standard input\n"
	"  --module FILE          the module to load (default " PV_LIBDIR "/virtual-pop3d.so)\n"
	"  --help                 print this\n"
	"  --version              print GNU pop3d's version and ours\n"
	"\n"
	"Exit status:\n"
	"  0   ended by SIGTERM or SIGHUP, or the connection of --inetd ended\n"
	"  1   refused: not root, or a setting that cannot be\n"
	"  2   wrong usage\n"
	"  70  a bug in this program\n"
	"  75  something could not be read or started now\n"
	"  78  this GNU pop3d is another than the one that the module knows\n"
	"Others are GNU pop3d's.\n";

struct order {
	const char *dir, *module;
	struct vp_listen listen;
	char **more; /* for GNU pop3d */
};

static int fail(enum pv_class c, const struct pv_error *e)
{
	(void)fprintf(stderr, "virtual-pop3d: %s\n", e->text);
	switch (c) {
	case PV_OK:
	case PV_PERMANENT:
		return EXIT_REFUSED;
	case PV_TEMPORARY:
		return EXIT_LATER;
	case PV_BUG:
		break;
	}
	return EXIT_BUG;
}

static int print(const char *a, const char *b)
{
	(void)fputs(a, stdout);
	(void)fputs(b, stdout);
	return fflush(stdout) == 0 && ferror(stdout) == 0 ? EXIT_DONE : EXIT_LATER;
}

/* GNU's first line, and ours. */
static int print_version(void)
{
	const char *const command[] = { POP3D, "--version", NULL };
	struct pv_buf out = PV_BUF_INIT(4096), err = PV_BUF_INIT(4096);
	struct pv_error e;
	int status;

	enum pv_class c = pv_program_run(command, NULL, 10, &out, &err, &status, &e);
	if (c != PV_OK)
		return fail(c, &e);
	printf("virtual-pop3d (postfix-virtual) " PV_VERSION ", with %.*s\n", (int)strcspn(out.s, "\n"),
	       out.s);
	pv_buf_free(&out);
	pv_buf_free(&err);
	return print("", "");
}

static int usage(const char *what)
{
	(void)fprintf(stderr, "virtual-pop3d: %s\n%s", what, usage_text);
	return EXIT_USAGE;
}

/* Returns -1 where there is something to do, else the exit status. */
static int read_options(int argc, char **argv, struct order *o)
{
	static const struct option longs[] = {
		{ "listen", required_argument, NULL, 'l' }, { "inetd", no_argument, NULL, 'i' },
		{ "module", required_argument, NULL, 'm' }, { "help", no_argument, NULL, 'h' },
		{ "version", no_argument, NULL, 'V' },	    { NULL, 0, NULL, 0 }
	};
	int c;

	while ((c = getopt_long(argc, argv, "+c:", longs, NULL)) != -1) {
		if (c == 'c')
			o->dir = optarg;
		else if (c == 'm')
			o->module = optarg;
		else if (c == 'i')
			o->listen.inetd = true;
		else if (c == 'l' && o->listen.count < sizeof o->listen.places / sizeof *o->listen.places)
			o->listen.places[o->listen.count++] = optarg;
		else if (c == 'h')
			return print(usage_text, help_text);
		else if (c == 'V')
			return print_version();
		else
			return c == 'l' ? usage("too many --listen")
					: (fputs(usage_text, stderr), EXIT_USAGE);
	}
	if (optind < argc && strcmp(argv[optind - 1], "--") != 0)
		return usage("what is for GNU pop3d stands behind `--`");
	if (argc - optind > ARGUMENTS_MAX - 4)
		return usage("too many options for GNU pop3d");
	if (o->listen.inetd && o->listen.count > 0)
		return usage("--inetd listens nowhere: leave --listen out");
	o->more = argv + optind;
	return -1;
}

/* It runs as root: so nobody else may be able to change it. */
static enum pv_class check_module(const char *path, struct pv_error *e)
{
	struct stat st;

	if (path[0] != '/' || strpbrk(path, " \t:") != NULL)
		return pv_fail(e, PV_PERMANENT, NULL,
			       "module %s: give an absolute path without blanks and colons", path);
	if (stat(path, &st) != 0)
		return pv_fail_errno(e, PV_TEMPORARY, NULL, errno, "module %s", path);
	if (!S_ISREG(st.st_mode) || st.st_uid != 0 || (st.st_mode & 0022) != 0)
		return pv_fail(e, PV_PERMANENT, NULL,
			       "module %s must be a file of root's that nobody else can write", path);
	return PV_OK;
}

/* A file without a name that holds the configuration; GNU pop3d opens it by /proc. */
static enum pv_class keep(const struct pv_buf *text, int *fd_r, struct pv_error *e)
{
	*fd_r = memfd_create("virtual-pop3d.conf", 0);
	if (*fd_r < 0 || pv_write_all(*fd_r, text->s, text->len) != 0)
		return pv_fail_errno(e, PV_TEMPORARY, NULL, errno, "keep the configuration of GNU pop3d");
	return PV_OK;
}

/* How many sockets did systemd open for us? (sd_listen_fds(3)) */
static unsigned passed_sockets(void)
{
	const char *pid = getenv("LISTEN_PID"), *count = getenv("LISTEN_FDS");
	unsigned long number = 0;

	if (pid == NULL || count == NULL || strtol(pid, NULL, 10) != (long)getpid() ||
	    !pv_parse_number(count, strlen(count), PLACES_MAX, &number))
		return 0;
	return (unsigned)number;
}

/* What GNU pop3d and the module find in their environment: nothing of ours, and this. */
static bool set_environment(const struct order *o, const struct pv_store *s)
{
	char sockets[16];

	(void)snprintf(sockets, sizeof sockets, "%u", o->listen.sockets);
	return clearenv() == 0 && setenv("PATH", "/usr/sbin:/usr/bin:/sbin:/bin", 1) == 0 &&
	       setenv("LANG", "C", 1) == 0 && setenv("VIRTUAL_POP3D_CONFIG", s->dir, 1) == 0 &&
	       setenv("VIRTUAL_POP3D_SESSIONS", s->conf.pop3_sessions, 1) == 0 &&
	       setenv("VIRTUAL_POP3D_SOCKETS", sockets, 1) == 0 && setenv("LD_PRELOAD", o->module, 1) == 0;
}

/* Become GNU pop3d. Returns only where that fails. */
static enum pv_class start(const struct order *o, const struct pv_store *s, int config_fd, struct pv_error *e)
{
	char name[] = "virtual-pop3d", config[64], *argv[ARGUMENTS_MAX] = { name, config };
	size_t count = 2;

	(void)snprintf(config, sizeof config, "--config-file=/proc/self/fd/%d", config_fd);
	for (char **more = o->more; *more != NULL; more++)
		argv[count++] = *more;
	if (!set_environment(o, s))
		return pv_fail(e, PV_TEMPORARY, NULL, "start GNU pop3d: out of memory");
	(void)execv(POP3D, argv);
	return pv_fail_errno(e, PV_TEMPORARY, NULL, errno, "start " POP3D " (package mailutils-pop3d)");
}

static enum pv_class run(const struct order *o, struct pv_error *e)
{
	struct pv_buf text = PV_BUF_INIT(CONFIG_MAX);
	struct pv_store store;
	int fd = -1;

	enum pv_class c = check_module(o->module, e);
	if (c == PV_OK)
		c = pv_store_open(o->dir, &store, e);
	if (c != PV_OK)
		return c;
	c = vp_config_make(&store, &o->listen, &text, e);
	if (c == PV_OK)
		c = keep(&text, &fd, e);
	if (c == PV_OK)
		c = start(o, &store, fd, e);
	pv_buf_free(&text);
	pv_store_close(&store);
	return c;
}

int main(int argc, char **argv)
{
	struct order o = { .module = PV_LIBDIR "/virtual-pop3d.so" };
	struct pv_error e;

	o.listen.sockets = passed_sockets();
	int status = read_options(argc, argv, &o);
	if (status >= 0)
		return status;
	if (geteuid() != 0) {
		(void)fputs("virtual-pop3d: must be started by root: it becomes each user's account\n",
			    stderr);
		return EXIT_REFUSED;
	}
	return fail(run(&o, &e), &e);
}
