#include "command.h"

#include "base/program.h"
#include "environment.h"
#include "report.h"

#include <unistd.h>

struct running {
	const struct command *command;
	struct said *said;
};

static enum pv_class take_output(void *ctx, int fd, const char *data, size_t len, struct pv_error *e)
{
	const struct running *r = ctx;

	said_take(r->said, fd, data, len);
	return fd == 1 && r->command->output != NULL ? r->command->output(r->command->ctx, data, len, e)
						     : PV_OK;
}

static void choose_words(struct delivery *d, const struct pv_action *a, struct environment_words *w)
{
	const char *home = a->of != NULL && a->of->home[0] == '/' ? a->of->home : delivery_home(d);
	const char *name = a->of != NULL ? a->of->user.s : d->route.name.len > 0 ? d->route.name.s : NULL;

	*w = (struct environment_words){ .recipient = d->recipient.address,
					 .local = d->recipient.to.local,
					 .local_len = d->recipient.to.local_len,
					 .user = name,
					 .home = home,
					 .tag = d->route.tag,
					 .tag_len = d->route.tag_len,
					 .domain = d->route.folder.domain.s,
					 .sender = d->hop.sender.s,
					 .sender_len = d->hop.sender.len,
					 .original = d->hop.original.s,
					 .original_len = d->hop.original.len };
	if (w->original_len == 0) {
		w->original = w->recipient;
		w->original_len = strlen(w->recipient);
	}
}

enum pv_class command_start(struct delivery *d, const struct command *command, struct said *said,
			    int *status_r, struct pv_error *e)
{
	struct running running = { .command = command, .said = said };
	struct environment_words words;
	struct environment env;

	*said = (struct said){ .out_len = 0 };
	unsigned seconds = delivery_seconds(d, command->seconds, command->reserve);
	if (seconds == 0)
		return pv_fail(e, PV_TEMPORARY, "4.3.0", "no time is left for %s", command->argv[0]);
	choose_words(d, command->action, &words);
	enum pv_class c = environment_make(&env, &words, e);
	const struct pv_program p = { .argv = command->argv,
				      .environment = env.list,
				      .folder = delivery_home(d),
				      .input_fd = command->input_fd,
				      .seconds = seconds,
				      .output = take_output,
				      .ctx = &running };
	if (c == PV_OK)
		c = pv_program_do(&p, status_r, e);
	environment_free(&env);
	return c;
}

enum pv_class command_split(struct delivery *d, const struct pv_action *a, const char *setting,
			    const char *line, struct pv_command_line *to, struct pv_error *e)
{
	char sender[1024];
	const struct pv_command_tokens tokens = { .domain = d->route.folder.domain.s,
						  .sender = sender,
						  .user = a->of->user.s };

	(void)snprintf(sender, sizeof sender, "%.*s", (int)d->hop.sender.len,
		       d->hop.sender.s != NULL ? d->hop.sender.s : "");
	if (pv_command_line_parse(line, strlen(line), &tokens, to, e) == PV_OK)
		return PV_OK;
	/* A setting that is wrong gets mended. */
	(void)pv_error_prefix(e, "%s = %s", setting, line);
	e->class = PV_TEMPORARY;
	(void)snprintf(e->status, sizeof e->status, "4.3.5");
	return PV_TEMPORARY;
}

enum pv_class command_deliver(struct delivery *d, const struct pv_action *a, struct pv_error *e)
{
	struct command command = { .argv = a->argv, .action = a, .reserve = FORWARD_SECONDS };
	struct said said;
	int status;

	enum pv_class c = message_open(&d->message, MESSAGE_ALL, &command.input_fd, e);
	if (c != PV_OK)
		return c;
	c = command_start(d, &command, &said, &status, e);
	(void)close(command.input_fd);
	return c == PV_OK ? command_verdict(a->argv[0], status, &said, e) : c;
}

void command_after_storing(struct delivery *d, const struct pv_action *a)
{
	struct command command = { .action = a, .seconds = AFTER_SECONDS, .input_fd = -1 };
	struct pv_error e = { .text = "" };
	struct pv_command_line line;
	struct said said;
	int status;

	enum pv_class c = command_split(d, a, "after_storing", a->of->conf.mail.after_storing, &line, &e);
	if (c == PV_OK) {
		command.argv = line.argv;
		c = command_start(d, &command, &said, &status, &e);
		if (c == PV_OK)
			c = command_verdict(line.argv[0], status, &said, &e);
		pv_command_line_free(&line);
	}
	if (c != PV_OK)
		report_aside(d, "after_storing", &e);
}
