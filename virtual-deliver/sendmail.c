#include "sendmail.h"

#include "base/buffer.h"
#include "base/program.h"
#include "verdict.h"

#include <sys/resource.h>

enum {
	WORDS_BEFORE = 5,	     /* program -i -f SENDER -- */
	ARGUMENTS_MIN = 96 * 1024,   /* bytes; the kernel grants 128 KiB at the least */
	ARGUMENTS_MAX = 1024 * 1024, /* no need to find out what else would give way */
};

/* The kernel gives a quarter of the stack's limit to arguments and environment. */
static size_t argument_bytes(void)
{
	struct rlimit stack;

	if (getrlimit(RLIMIT_STACK, &stack) != 0 || stack.rlim_cur / 4 < ARGUMENTS_MIN + 32 * 1024)
		return ARGUMENTS_MIN;
	rlim_t bytes = stack.rlim_cur / 4 - 32 * 1024;
	return bytes < ARGUMENTS_MAX ? (size_t)bytes : ARGUMENTS_MAX;
}

size_t sendmail_fits(const char *const *recipients, size_t count)
{
	size_t left = argument_bytes(), n = 0;

	while (n < count) {
		size_t bytes = strlen(recipients[n]) + 1 + sizeof(char *);
		if (bytes > left && n > 0)
			break;
		left -= bytes < left ? bytes : left;
		n++;
	}
	return n;
}

static enum pv_class listen(void *ctx, int fd, const char *data, size_t len, struct pv_error *e)
{
	(void)e;
	said_take(ctx, fd, data, len);
	return PV_OK;
}

enum pv_class sendmail_run(const char *program, const char *sender, const char *const *recipients,
			   size_t count, int fd, unsigned seconds, struct pv_error *e)
{
	struct pv_buf config = PV_BUF_INIT(8192);
	struct said said = { .out_len = 0 };
	int status = 0;
	const char **argv = calloc(WORDS_BEFORE + count + 1, sizeof *argv);
	const char *which = getenv("MAIL_CONFIG");
	const char *environment[4] = { "PATH=/usr/sbin:/usr/bin:/sbin:/bin", "LANG=C", NULL, NULL };
	const char *const before[WORDS_BEFORE] = { program, "-i", "-f", sender[0] != '\0' ? sender : "<>",
						   "--" };

	if (argv == NULL)
		return pv_fail(e, PV_TEMPORARY, "4.3.0", "send a message on: out of memory");
	memcpy(argv, before, sizeof before);
	memcpy(argv + WORDS_BEFORE, recipients, count * sizeof *argv);
	/* Which of several instances of Postfix's started us. */
	if (which != NULL && which[0] == '/') {
		pv_buf_addf(&config, "MAIL_CONFIG=%s", which);
		environment[2] = config.s;
	}
	const struct pv_program p = { .argv = argv,
				      .environment = environment,
				      .input_fd = fd,
				      .seconds = seconds,
				      .output = listen,
				      .ctx = &said };
	enum pv_class c = pv_buf_check(&config, "the environment of a program", e);
	if (c == PV_OK)
		c = pv_program_do(&p, &status, e);
	if (c == PV_OK && status != 0)
		c = said_fail(program, PV_TEMPORARY, "4.3.0", status, &said, e);
	pv_buf_free(&config);
	free((void *)argv);
	return c;
}
