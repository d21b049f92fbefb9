#include "admin.h"

#include "store/password.h"

#include <errno.h>
#include <termios.h>
#include <unistd.h>

/* Read one line; what is behind it stays unread or is forgotten. The newline is not part of it. */
static enum pv_class read_line(char line[PV_PASSWORD_MAX + 2], struct pv_error *e)
{
	size_t len = 0;
	char c;

	for (;;) {
		ssize_t n = read(STDIN_FILENO, &c, 1);
		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return pv_fail_errno(e, PV_TEMPORARY, NULL, errno, "read the standard input");
		if (n == 0 || c == '\n')
			break;
		if (c == '\0' || len > PV_PASSWORD_MAX)
			return pv_fail(e, PV_PERMANENT, NULL,
				       "the password is longer than %d bytes or holds a NUL",
				       PV_PASSWORD_MAX);
		line[len++] = c;
	}
	line[len] = '\0';
	return PV_OK;
}

static enum pv_class prompt(const char *words, char line[PV_PASSWORD_MAX + 2], struct pv_error *e)
{
	struct termios old, quiet;

	if (tcgetattr(STDIN_FILENO, &old) != 0)
		return pv_fail_errno(e, PV_TEMPORARY, NULL, errno, "ask on the terminal");
	quiet = old;
	quiet.c_lflag &= ~(tcflag_t)ECHO;
	(void)fprintf(stderr, "%s: ", words);
	if (tcsetattr(STDIN_FILENO, TCSAFLUSH, &quiet) != 0)
		return pv_fail_errno(e, PV_TEMPORARY, NULL, errno, "ask on the terminal");
	enum pv_class c = read_line(line, e);
	(void)tcsetattr(STDIN_FILENO, TCSAFLUSH, &old);
	(void)fputc('\n', stderr);
	return c;
}

static enum pv_class prompt_twice(struct admin *a, char line[PV_PASSWORD_MAX + 2], struct pv_error *e)
{
	char again[PV_PASSWORD_MAX + 2];

	if (isatty(STDIN_FILENO) == 0)
		return usage_error(a, e,
				   "say where the password comes from: --password-stdin, --random or --hash");
	enum pv_class c = prompt("new password", line, e);
	if (c == PV_OK)
		c = prompt("the same again", again, e);
	if (c == PV_OK && strcmp(line, again) != 0)
		c = pv_fail(e, PV_PERMANENT, NULL, "the two passwords differ");
	explicit_bzero(again, sizeof again);
	return c;
}

static enum pv_class hash_typed(struct admin *a, char *hash, struct pv_error *e)
{
	char line[PV_PASSWORD_MAX + 2];

	enum pv_class c =
		a->options[OPT_PASSWORD_STDIN] != NULL ? read_line(line, e) : prompt_twice(a, line, e);
	if (c == PV_OK)
		c = pv_password_hash(line, hash, e);
	explicit_bzero(line, sizeof line);
	return c;
}

enum pv_class take_hash(struct admin *a, char *hash, char *random, struct pv_error *e)
{
	const char *given = a->options[OPT_HASH];
	int sources =
		(given != NULL) + (a->options[OPT_RANDOM] != NULL) + (a->options[OPT_PASSWORD_STDIN] != NULL);

	random[0] = '\0';
	if (sources > 1)
		return usage_error(a, e, "only one of --password-stdin, --random and --hash");
	if (given != NULL) {
		if (!pv_password_is_hash(given))
			return pv_fail(e, PV_PERMANENT, NULL,
				       "that is no hash of crypt(3): make one with mkpasswd -m yescrypt");
		(void)snprintf(hash, PV_PASSWORD_HASH_SIZE, "%s", given);
		return PV_OK;
	}
	if (a->options[OPT_RANDOM] == NULL)
		return hash_typed(a, hash, e);
	enum pv_class c = pv_password_random(random, e);
	return c == PV_OK ? pv_password_hash(random, hash, e) : c;
}

enum pv_class confirm(const struct admin *a, const char *question, struct pv_error *e)
{
	char line[PV_PASSWORD_MAX + 2];

	if (a->options[OPT_YES] != NULL || a->dry)
		return PV_OK;
	if (isatty(STDIN_FILENO) == 0)
		return pv_fail(e, PV_PERMANENT, NULL, "%s There is no terminal to ask on: add --yes",
			       question);
	(void)fprintf(stderr, "%s Type yes: ", question);
	enum pv_class c = read_line(line, e);
	if (c == PV_OK && strcmp(line, "yes") != 0)
		c = pv_fail(e, PV_PERMANENT, NULL, "nothing was changed");
	return c;
}
