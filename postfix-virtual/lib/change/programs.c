#include "change/programs.h"

#include "route/place.h"
#include "store/command_line.h"
#include "store/program_file.h"

static const struct pv_child_limits limits = { .seconds = 20, .cpu_seconds = 5 };

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

struct file_look {
	const struct pv_work *w;
	const char *what, *path;
};

static enum pv_class look_at_file(void *ctx, int out_fd, struct pv_error *e)
{
	const struct file_look *l = ctx;
	const struct pv_work *w = l->w;
	struct pv_location where;
	struct pv_error why;

	(void)out_fd;
	if (pv_place_file(w->c->store, &w->domain, w->account.uid, w->account.home, l->path, &where, &why) !=
	    PV_OK)
		return pv_fail(e, PV_PERMANENT, "5.3.5",
			       "%s: %s: mail is written there as account %s: make that folder, or name "
			       "another",
			       l->what, why.text, w->account.name);
	pv_location_free(&where);
	return PV_OK;
}

enum pv_class pv_file_refuse(const struct pv_work *w, const char *what, const char *path, struct pv_error *e)
{
	struct file_look l = { .w = w, .what = what, .path = path };
	struct pv_buf out = PV_BUF_INIT(0);

	enum pv_class c = pv_child_run(w->account.uid, w->account.gid, &limits, look_at_file, &l, &out, e);
	pv_buf_free(&out);
	return c;
}
