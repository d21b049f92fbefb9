#include "command.h"

#include "base/program.h"
#include "environment.h"
#include "report.h"

#include <unistd.h>

enum { QMAIL_DONE = 99, QMAIL_PERMANENT = 100 };

struct running {
	const struct command *command;
	struct said *said;
};

static enum pv_class take_output(void *ctx, int fd, const char *data, size_t len, struct pv_error *e)
{
	struct running *r = ctx;
	struct said *s = r->said;

	if (fd == 2) {
		size_t kept = len < sizeof s->err ? s->err_len : 0,
		       take = len < sizeof s->err ? len : sizeof s->err;
		if (kept > sizeof s->err - take) {
			memmove(s->err, s->err + kept - (sizeof s->err - take), sizeof s->err - take);
			kept = sizeof s->err - take;
		}
		memcpy(s->err + kept, data + len - take, take);
		s->err_len = kept + take;
		return PV_OK;
	}
	size_t room = sizeof s->out - s->out_len, take = len < room ? len : room;
	memcpy(s->out + s->out_len, data, take);
	s->out_len += take;
	return r->command->output != NULL ? r->command->output(r->command->ctx, data, len, e) : PV_OK;
}

static void choose_words(struct delivery *d, const struct pv_action *a, struct environment_words *w)
{
	const char *home = a->home != NULL && a->home[0] == '/' ? a->home : delivery_home(d);
	const char *name = a->user.len > 0 ? a->user.s : d->route.name.len > 0 ? d->route.name.s : NULL;

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

/* --- what it meant --- */

struct line {
	const char *s;
	size_t len;
};

static struct line first_line(const char *s, size_t len)
{
	size_t n = 0;

	while (n < len && s[n] != '\n' && s[n] != '\r')
		n++;
	return (struct line){ .s = s, .len = n };
}

static struct line last_line(const char *s, size_t len)
{
	while (len > 0 && (s[len - 1] == '\n' || s[len - 1] == '\r' || s[len - 1] == ' '))
		len--;
	const char *newline = len > 0 ? memrchr(s, '\n', len) : NULL;
	if (newline != NULL) {
		len -= (size_t)(newline + 1 - s);
		s = newline + 1;
	}
	return (struct line){ .s = s, .len = len };
}

/* Length of the enhanced status code that the line begins with (RFC 3463), of class 4 or 5; 0: none. */
static size_t status_code(struct line l)
{
	size_t n = 0;

	if (l.len < 5 || (l.s[0] != '4' && l.s[0] != '5'))
		return 0;
	for (int part = 0; part < 3; part++) {
		size_t digits = 0;
		while (n < l.len && l.s[n] >= '0' && l.s[n] <= '9' && digits < 3) {
			n++;
			digits++;
		}
		if (digits == 0 || (part == 0 && digits > 1) || (part < 2 && (n >= l.len || l.s[n++] != '.')))
			return 0;
	}
	return n == l.len || l.s[n] == ' ' || l.s[n] == '\t' ? n : 0;
}

/* With the class and code that its own words begin with. Returns false where they begin with none. */
static bool by_own_code(const char *program, const struct said *said, enum pv_class *c_r, struct pv_error *e)
{
	const struct line lines[] = { first_line(said->out, said->out_len),
				      first_line(said->err, said->err_len) };

	for (size_t i = 0; i < sizeof lines / sizeof *lines; i++) {
		char code[PV_ERROR_STATUS];
		size_t n = status_code(lines[i]);
		if (n == 0 || n >= sizeof code)
			continue;
		(void)snprintf(code, sizeof code, "%.*s", (int)n, lines[i].s);
		struct line rest = { .s = lines[i].s + n, .len = lines[i].len - n };
		while (rest.len > 0 && (rest.s[0] == ' ' || rest.s[0] == '\t')) {
			rest.s++;
			rest.len--;
		}
		*c_r = pv_fail(e, code[0] == '5' ? PV_PERMANENT : PV_TEMPORARY, code, "%s: %.*s", program,
			       (int)rest.len, rest.s);
		return true;
	}
	return false;
}

static enum pv_class in_its_words(const char *program, enum pv_class class, const char *code, int status,
				  const struct said *said, struct pv_error *e)
{
	struct line l = last_line(said->err, said->err_len);

	if (l.len == 0)
		l = first_line(said->out, said->out_len);
	if (l.len == 0)
		return pv_fail(e, class, code, "%s ended with status %d", program, status);
	return pv_fail(e, class, code, "%s: %.*s", program, (int)l.len, l.s);
}

enum pv_class command_verdict(const char *program, int status, const struct said *said, struct pv_error *e)
{
	/* From 64 on; "" is for a later try. */
	static const char *const codes[] = { "5.3.0", "5.6.0", "5.3.0", "5.1.1", "5.1.2",
					     "5.3.0", "5.3.0", "",	"5.3.0", "5.2.0",
					     "5.3.0", "",      "5.5.0", "5.7.1", "5.3.5" };
	enum { FIRST = 64, COUNT = sizeof codes / sizeof *codes };
	enum pv_class c;

	if (status == 0 || status == QMAIL_DONE)
		return PV_OK;
	if (by_own_code(program, said, &c, e))
		return c;
	const char *code = "";
	if (status >= FIRST && status < FIRST + COUNT)
		code = codes[status - FIRST];
	else if (status == QMAIL_PERMANENT)
		code = "5.3.0";
	if (code[0] == '\0')
		return in_its_words(program, PV_TEMPORARY, "4.3.0", status, said, e);
	return in_its_words(program, PV_PERMANENT, code, status, said, e);
}

enum pv_class filter_verdict(const char *program, int status, const struct said *said, struct pv_error *e)
{
	if (status == 67 || status == 77 || status == QMAIL_PERMANENT)
		return in_its_words(program, PV_PERMANENT, "5.7.1", status, said, e);
	return in_its_words(program, PV_TEMPORARY, "4.3.0", status, said, e);
}

/* --- commands --- */

enum pv_class command_split(struct delivery *d, const struct pv_action *a, const char *setting,
			    const char *line, struct pv_command_line *to, struct pv_error *e)
{
	char sender[1024];
	const struct pv_command_tokens tokens = { .domain = d->route.folder.domain.s,
						  .sender = sender,
						  .user = a->user.s };

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

	enum pv_class c = command_split(d, a, "after_storing", a->conf->mail.after_storing, &line, &e);
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
