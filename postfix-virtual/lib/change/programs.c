#include "change/programs.h"

#include "store/command_line.h"
#include "store/program_file.h"

struct look {
	const char *what, *path, *account;
};

static enum pv_class look(void *ctx, int out_fd, struct pv_error *e)
{
	const struct look *l = ctx;

	(void)out_fd;
	if (pv_program_file_check(l->path, l->account, e) == PV_OK)
		return PV_OK;
	return pv_error_prefix(e, "%s", l->what);
}

enum pv_class pv_program_refuse(const struct pv_work *w, const char *what, const char *command, size_t len,
				struct pv_error *e)
{
	static const struct pv_child_limits limits = { .seconds = 20, .cpu_seconds = 5 };
	struct pv_buf out = PV_BUF_INIT(0);
	struct pv_command_line line;

	/* Tokens are judged where they are replaced, by the resolver. */
	enum pv_class c = pv_command_line_parse(command, len, NULL, &line, e);
	if (c != PV_OK)
		return pv_error_prefix(e, "%s", what);
	struct look l = { .what = what, .path = line.argv[0], .account = w->account.name };
	c = pv_child_run(w->account.uid, w->account.gid, &limits, look, &l, &out, e);
	pv_command_line_free(&line);
	pv_buf_free(&out);
	return c;
}
