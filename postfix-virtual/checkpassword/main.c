/*
 * virtual-checkpassword: the checkpassword interface (https://cr.yp.to/checkpwd/interface.html) over the one
 * check of passwords: name and password on descriptor 3; then the program, as the domain's account.
 */
#include "auth/login.h"
#include "auth/session.h"
#include "auth/tries.h"
#include "base/clock.h"
#include "base/log.h"
#include "base/privilege.h"

#include <arpa/inet.h>
#include <errno.h>
#include <getopt.h>
#include <pwd.h>
#include <signal.h>
#include <unistd.h>

enum { EXIT_DONE = 0, EXIT_WRONG = 1, EXIT_MISUSED = 2, EXIT_LATER = 111 };
enum { INPUT_FD = 3, INPUT_MAX = 512 };

static const char usage_text[] = "usage: virtual-checkpassword [-c DIR] PROGRAM [ARGUMENT...]\n"
				 "       virtual-checkpassword --help | --version\n";

static const char help_text[] =
	"\n"
	"Read a user's name and password from descriptor 3, each ended by a NUL, and run PROGRAM as the\n"
	"account of the user's domain, with USER, HOME and SHELL set, if the password is right.\n"
	"\n"
	"  -c DIR      configuration folder (default " PV_DEFAULT_DIRECTORY ")\n"
	"  --help      print this\n"
	"  --version   print the version\n"
	"\n"
	"Exit status, unless it is PROGRAM's:\n"
	"  1    the name or the password is wrong, or the user may not log in\n"
	"  2    wrong usage: no PROGRAM, no descriptor 3, or over 512 bytes there\n"
	"  111  it cannot be known now, or too many wrong passwords came from there\n";

/* Who wants to log in, and what became of it. */
struct attempt {
	char input[INPUT_MAX + 1];
	const char *typed, *password; /* into input */
	int64_t began_ms;
	const char *from; /* the client's address as text, or "-" */
	struct sockaddr_storage address;
	bool has_address;
	struct pv_login_name name;
	char who[PV_USER_MAX + PV_DOMAIN_MAX + INPUT_MAX]; /* the address that is meant, else what was typed
							    */
	struct pv_login login;
};

static int print(const char *a, const char *b)
{
	(void)fputs(a, stdout);
	(void)fputs(b, stdout);
	return fflush(stdout) == 0 && ferror(stdout) == 0 ? EXIT_DONE : EXIT_LATER;
}

static int misused(const char *what)
{
	(void)fprintf(stderr, "virtual-checkpassword: %s\n%s", what, usage_text);
	return EXIT_MISUSED;
}

/* Returns -1 where there is something to do, else the exit status. */
static int read_options(int argc, char **argv, const char **dir_r)
{
	static const struct option longs[] = { { "help", no_argument, NULL, 'h' },
					       { "version", no_argument, NULL, 'V' },
					       { NULL, 0, NULL, 0 } };
	int c;

	opterr = 0;
	/* What follows PROGRAM is PROGRAM's. */
	while ((c = getopt_long(argc, argv, "+c:", longs, NULL)) != -1) {
		if (c == 'c')
			*dir_r = optarg;
		else if (c == 'h')
			return print(usage_text, help_text);
		else if (c == 'V')
			return print("virtual-checkpassword " PV_VERSION, "\n");
		else
			return misused("unknown option, or its argument is missing");
	}
	return optind < argc ? -1 : misused("no program is named");
}

/* The string at *at, which is moved behind its NUL. NULL: it does not end. */
static const char *cut(const char **at, const char *end)
{
	const char *s = *at, *nul = s < end ? memchr(s, '\0', (size_t)(end - s)) : NULL;

	if (nul == NULL)
		return NULL;
	*at = nul + 1;
	return s;
}

/* What is wrong with descriptor 3, or NULL. */
static const char *read_input(struct attempt *a)
{
	size_t len = 0;
	ssize_t n = 1;

	while (n != 0 && len < sizeof a->input) {
		n = read(INPUT_FD, a->input + len, sizeof a->input - len);
		if (n < 0 && errno != EINTR)
			return "descriptor 3 cannot be read";
		len += n > 0 ? (size_t)n : 0;
	}
	(void)close(INPUT_FD);
	if (len > INPUT_MAX)
		return "over 512 bytes on descriptor 3";
	const char *at = a->input, *end = a->input + len;
	a->typed = cut(&at, end);
	a->password = a->typed != NULL ? cut(&at, end) : NULL;
	return a->password != NULL ? NULL : "no name and password on descriptor 3, each with a NUL behind it";
}

/* Who is at the other end, as tcpserver(1) and its like say. */
static void find_client(struct attempt *a)
{
	struct sockaddr_in *four = (struct sockaddr_in *)&a->address;
	struct sockaddr_in6 *six = (struct sockaddr_in6 *)&a->address;
	const char *text = getenv("TCPREMOTEIP");

	a->from = "-";
	if (text == NULL)
		return;
	if (inet_pton(AF_INET, text, &four->sin_addr) == 1)
		four->sin_family = AF_INET;
	else if (inet_pton(AF_INET6, text, &six->sin6_addr) == 1)
		six->sin6_family = AF_INET6;
	else
		return;
	a->has_address = true;
	a->from = text;
}

static const struct sockaddr *client_of(const struct attempt *a)
{
	return a->has_address ? (const struct sockaddr *)&a->address : NULL;
}

static int later(const struct pv_error *e)
{
	pv_log(PV_LOG_ERROR, "%s", e->text);
	return EXIT_LATER;
}

/* In the words of virtual-pop3d, so that one fail2ban filter reads both. Of a name that a client typed no
 * blank is left, so that it cannot look like another part of the line. */
static int refuse(const struct attempt *a, unsigned wait_s, int status, const char *why)
{
	char name[INPUT_MAX + 1];

	(void)snprintf(name, sizeof name, "%s", a->typed);
	pv_printable(name, strlen(name));
	for (char *p = name; *p != '\0'; p++)
		if (*p == ' ')
			*p = '?';
	pv_log(PV_LOG_WARNING, "refused login of %.200s from %s: %s", name, a->from, why);
	pv_login_hold(a->began_ms, wait_s, NULL);
	return status;
}

/* Only users of domains are let in: the host's own have other ways. */
static enum pv_class check(const struct pv_store *s, struct attempt *a, struct pv_error *e)
{
	if (a->name.kind == PV_LOGIN_SYSTEM)
		a->name.kind = PV_LOGIN_NOBODY;
	enum pv_class c = pv_login_check(s, &a->name, a->password, &a->login, e);
	explicit_bzero(a->input + (a->password - a->input), strlen(a->password));
	return c;
}

/* Returns -1 if the user may in, else the exit status. */
static int admit(const struct pv_store *s, struct pv_tries *t, struct attempt *a)
{
	struct pv_error e;
	unsigned wait_s;
	bool early;

	if (pv_login_name_parse(s, a->typed, NULL, &a->name, &e) != PV_OK)
		return later(&e);
	if (a->name.kind == PV_LOGIN_VIRTUAL)
		(void)snprintf(a->who, sizeof a->who, "%s@%s", a->name.address.user.s,
			       a->name.address.domain.s);
	else
		(void)snprintf(a->who, sizeof a->who, "%s", a->typed);
	if (!pv_tries_allow(t, client_of(a), a->who, &wait_s))
		return refuse(a, 1, EXIT_LATER, "too many wrong passwords");
	if (check(s, a, &e) != PV_OK)
		return later(&e);
	if (a->login.verdict == PV_LOGIN_WRONG) {
		pv_tries_wrong(t, client_of(a), a->who);
		return refuse(a, wait_s, EXIT_WRONG, "wrong password");
	}
	pv_tries_right(t, client_of(a), a->who);
	if (a->login.verdict == PV_LOGIN_CLOSED)
		return refuse(a, wait_s, EXIT_WRONG, "closed");
	if (wait_s > 0)
		pv_login_hold(a->began_ms, wait_s, NULL);
	if (pv_session_seen(s, &a->name.address, &early, &e) != PV_OK)
		pv_log(PV_LOG_WARNING, "%s", e.text);
	if (strcmp(s->conf.login_log, "all") == 0)
		pv_log(PV_LOG_INFO, "login of %s from %s", a->who, a->from);
	return -1;
}

/* Become the account for good, and PROGRAM. */
static int run(const struct attempt *a, char **argv)
{
	struct pv_error e;

	errno = 0;
	const struct passwd *pw = getpwuid(a->login.uid);
	if (pw == NULL) {
		(void)pv_fail_errno(&e, PV_TEMPORARY, NULL, errno, "find the account with uid %lu",
				    (unsigned long)a->login.uid);
		return later(&e);
	}
	if (pv_become(a->login.uid, a->login.gid, &e) != PV_OK)
		return later(&e);
	if (setenv("USER", a->who, 1) != 0 || setenv("HOME", pw->pw_dir, 1) != 0 ||
	    setenv("SHELL", pw->pw_shell, 1) != 0 || chdir(pw->pw_dir) != 0)
		(void)pv_fail_errno(&e, PV_TEMPORARY, NULL, errno, "change to the home %s", pw->pw_dir);
	else if (execvp(argv[0], argv) != 0)
		(void)pv_fail_errno(&e, PV_TEMPORARY, NULL, errno, "run %s", argv[0]);
	return later(&e);
}

int main(int argc, char **argv)
{
	struct attempt a = { .from = "-" };
	const char *dir = NULL;
	struct pv_store s;
	struct pv_tries t;
	struct pv_error e;

	int status = read_options(argc, argv, &dir);
	if (status >= 0)
		return status;
	const char *wrong = read_input(&a);
	if (wrong != NULL)
		return misused(wrong);
	a.began_ms = pv_now_ms();
	(void)signal(SIGCHLD, SIG_DFL);
	find_client(&a);
	if (pv_store_open(dir, &s, &e) != PV_OK) {
		(void)fprintf(stderr, "virtual-checkpassword: %s\n", e.text);
		return EXIT_LATER;
	}
	pv_log_open("virtual-checkpassword", s.conf.log_socket);
	if (pv_tries_open(&s, &t, &e) != PV_OK)
		pv_log(PV_LOG_WARNING, "%s", e.text);
	status = admit(&s, &t, &a);
	pv_tries_close(&t);
	explicit_bzero(a.input, sizeof a.input);
	if (status < 0)
		status = run(&a, argv + optind);
	pv_store_close(&s);
	return status;
}
