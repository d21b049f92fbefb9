#include "filter.h"

#include "command.h"
#include "compose.h"

#include <unistd.h>

enum { FILTER_DROPS = 99 };

struct filtered {
	const char *program;
	struct header header; /* reads what the filter writes */
	uint64_t max;
};

static enum pv_class take(void *ctx, const char *data, size_t len, struct pv_error *e)
{
	struct filtered *f = ctx;

	if (f->header.size + len > f->max)
		return pv_fail(e, PV_TEMPORARY, "4.3.0", "%s writes more than %llu bytes", f->program,
			       (unsigned long long)f->max);
	return header_add(&f->header, data, len, e);
}

/* What a filter leaves in the header was judged when it came. */
static enum pv_class pass_delivered_to(void *ctx, const char *value, size_t len, struct pv_error *e)
{
	(void)ctx, (void)value, (void)len, (void)e;
	return PV_OK;
}

static enum pv_class converse(struct delivery *d, const struct pv_action *a, const char *const *argv,
			      struct filtered *f, bool *dropped_r, struct pv_error *e)
{
	struct command command = { .argv = argv,
				   .action = a,

				   .reserve = FORWARD_SECONDS,
				   .output = take,
				   .ctx = f };
	struct said said;
	int status;

	enum pv_class c = message_open(&d->message, MESSAGE_FROM_RETURN_PATH, &command.input_fd, e);
	if (c != PV_OK)
		return c;
	c = command_start(d, &command, &said, &status, e);
	(void)close(command.input_fd);
	if (c != PV_OK)
		return c;
	*dropped_r = status == FILTER_DROPS || (status == 0 && f->header.size == 0);
	return status == 0 || *dropped_r ? PV_OK : filter_verdict(argv[0], status, &said, e);
}

enum pv_class filter_run(struct delivery *d, const struct pv_action *a, int dirfd, struct message *to,
			 bool *dropped_r, struct pv_error *e)
{
	struct filtered f = { .max = d->header.size + FILTER_ADDS_MAX };
	struct pv_command_line line;

	*dropped_r = false;
	message_start(to, dirfd);
	header_start(&f.header, &to->content, pass_delivered_to, NULL);
	enum pv_class c = command_split(d, a, "filter", a->of->conf.mail.filter, &line, e);
	if (c != PV_OK)
		return c;
	f.program = line.argv[0];
	c = compose_filtered_top(d, to, e);
	if (c == PV_OK)
		c = converse(d, a, line.argv, &f, dropped_r, e);
	if (c == PV_OK && !*dropped_r)
		c = header_finish(&f.header, e);
	if (c == PV_OK && !*dropped_r)
		c = pv_content_finish(&to->content, e);
	header_free(&f.header);
	pv_command_line_free(&line);
	return c;
}
