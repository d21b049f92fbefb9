/*
 * postfix-virtual: the administrator's command: noun, verb, object, --option. What it can do is a
 * table; help and usage are printed from it.
 */
#include "admin.h"

#include "base/log.h"
#include "maps/reload.h"

#include <signal.h>
#include <stdarg.h>
#include <unistd.h>

static const char epilogue[] =
	"\n"
	"  -c DIR      configuration folder (default " PV_DEFAULT_DIRECTORY ")\n"
	"  -n          change nothing; print what would change, as diff -u does\n"
	"  --json      print the result as JSON\n"
	"  --help      print this; behind a noun, what it can do\n"
	"  --version   print the version\n"
	"\n"
	"Exit status: 0 done, 1 refused (it stays refused until something is changed), 2 wrong\n"
	"usage, 70 a bug in this program, 75 failed for now: try again. Of doctor: 0 all is\n"
	"well, 1 warnings, 2 critical findings, 3 something could not be asked.\n";

/* `domain add NAME [--account USER] ...` */
static void put_synopsis(struct pv_buf *out, const struct command *cmd)
{
	pv_buf_addf(out, "%s%s%s%s%s", cmd->noun, cmd->verb != NULL ? " " : "",
		    cmd->verb != NULL ? cmd->verb : "", *cmd->synopsis != '\0' ? " " : "", cmd->synopsis);
	for (size_t i = 0; i < OPT_COUNT; i++)
		if ((cmd->options & OPT(i)) != 0)
			pv_buf_addf(out, " [%s%s%s]", options[i].name, options[i].value != NULL ? " " : "",
				    options[i].value != NULL ? options[i].value : "");
}

static void put_help(struct pv_buf *out, const char *noun)
{
	unsigned long long used = 0;

	pv_buf_adds(out, "usage: postfix-virtual [-c DIR] [-n] [--json] COMMAND\n\n");
	for (size_t i = 0; i < command_count; i++) {
		if (noun != NULL && strcmp(commands[i].noun, noun) != 0)
			continue;
		pv_buf_adds(out, "  ");
		put_synopsis(out, &commands[i]);
		pv_buf_addf(out, "\n      %s\n", commands[i].help);
		used |= commands[i].options;
	}
	pv_buf_addc(out, '\n');
	for (size_t i = 0; i < OPT_COUNT; i++)
		if ((used & OPT(i)) != 0)
			pv_buf_addf(out, "  %-18s  %s\n", options[i].name, options[i].help);
	pv_buf_adds(out, epilogue);
}

enum pv_class usage_error(struct admin *a, struct pv_error *e, const char *fmt, ...)
{
	char text[PV_ERROR_TEXT];
	va_list ap;

	va_start(ap, fmt);
	(void)vsnprintf(text, sizeof text, fmt, ap);
	va_end(ap);
	a->usage = true;
	return pv_fail(e, PV_PERMANENT, NULL, "%s", text);
}

/* Everything that could have stood where `word` stands. */
static enum pv_class unknown(struct admin *a, const char *noun, const char *word, struct pv_error *e)
{
	struct pv_buf list = PV_BUF_INIT(PV_ERROR_TEXT);

	for (size_t i = 0; i < command_count; i++) {
		if (noun != NULL && (strcmp(commands[i].noun, noun) != 0 || commands[i].verb == NULL))
			continue;
		if (noun == NULL && i > 0 && strcmp(commands[i].noun, commands[i - 1].noun) == 0)
			continue;
		pv_buf_addf(&list, "%s%s", list.len > 0 ? ", " : "",
			    noun != NULL ? commands[i].verb : commands[i].noun);
	}
	enum pv_class c = word != NULL
				  ? usage_error(a, e, "`%.40s` is no command; possible are: %s", word, list.s)
				  : usage_error(a, e, "a command is missing; possible are: %s", list.s);
	pv_buf_free(&list);
	return c;
}

static enum pv_class take_option(struct admin *a, char **words, int *at, unsigned long long *given,
				 struct pv_error *e)
{
	const char *word = words[*at];
	size_t n = strcspn(word, "=");

	for (size_t i = 0; i < OPT_COUNT; i++) {
		if (strlen(options[i].name) != n || strncmp(options[i].name, word, n) != 0)
			continue;
		if ((*given & OPT(i)) != 0)
			return usage_error(a, e, "%s is given twice", options[i].name);
		if (options[i].value == NULL && word[n] == '=')
			return usage_error(a, e, "%s takes no value", options[i].name);
		*given |= OPT(i);
		a->options[i] = options[i].value == NULL ? "" : word[n] == '=' ? word + n + 1 : words[++*at];
		if (a->options[i] == NULL)
			return usage_error(a, e, "%s needs a value: %s", options[i].name, options[i].value);
		return PV_OK;
	}
	return usage_error(a, e, "`%.40s` is no option", word);
}

/* Options that come before or behind a command alike. Returns false where the word is none of them. */
static bool take_global(struct admin *a, char **words, int *at, bool *help, bool *version)
{
	const char *word = words[*at];

	if (strcmp(word, "-n") == 0)
		a->dry = true;
	else if (strcmp(word, "--json") == 0)
		a->json = true;
	else if (strcmp(word, "--help") == 0)
		*help = true;
	else if (strcmp(word, "--version") == 0)
		*version = true;
	else if (strcmp(word, "-c") == 0 && words[*at + 1] != NULL)
		a->dir = words[++*at];
	else
		return false;
	return true;
}

struct line {
	char *words[WORDS_MAX]; /* noun, verb, objects */
	int count;
	unsigned long long given;
	bool help, version;
};

static enum pv_class split_line(struct admin *a, char **argv, struct line *l, struct pv_error *e)
{
	bool only_words = false;
	enum pv_class c = PV_OK;

	for (int i = 1; c == PV_OK && argv[i] != NULL; i++) {
		if (!only_words && strcmp(argv[i], "--") == 0)
			only_words = true;
		else if (!only_words && take_global(a, argv, &i, &l->help, &l->version))
			;
		else if (!only_words && argv[i][0] == '-' && argv[i][1] != '\0')
			c = take_option(a, argv, &i, &l->given, e);
		else if (l->count < (int)(sizeof l->words / sizeof *l->words))
			l->words[l->count++] = argv[i];
		else
			c = usage_error(a, e, "too many words");
		if (argv[i] == NULL)
			break;
	}
	return c;
}

static const struct command *find_command(const struct line *l, int *used_r, bool *noun_r)
{
	*noun_r = false;
	for (size_t i = 0; i < command_count && l->count > 0; i++) {
		if (strcmp(commands[i].noun, l->words[0]) != 0)
			continue;
		*noun_r = true;
		*used_r = commands[i].verb == NULL ? 1 : 2;
		if (commands[i].verb == NULL || (l->count > 1 && strcmp(commands[i].verb, l->words[1]) == 0))
			return &commands[i];
	}
	return NULL;
}

/* Find the command and give it its objects. */
static enum pv_class take_command(struct admin *a, struct line *l, struct pv_error *e)
{
	bool is_noun;
	int used = 0;

	const struct command *cmd = find_command(l, &used, &is_noun);
	if (cmd == NULL && is_noun)
		return unknown(a, l->words[0], l->count > 1 ? l->words[1] : NULL, e);
	if (cmd == NULL)
		return unknown(a, NULL, l->count > 0 ? l->words[0] : NULL, e);
	for (size_t i = 0; i < OPT_COUNT; i++)
		if ((l->given & OPT(i)) != 0 && (cmd->options & OPT(i)) == 0)
			return usage_error(a, e, "%s is no option of this command", options[i].name);
	a->command = cmd;
	a->object_count = l->count - used;
	bool fits = cmd->objects >= 0 ? a->object_count == cmd->objects : a->object_count >= -cmd->objects;
	if (!fits && !((cmd->need & OR_NONE) != 0 && a->object_count == 0)) {
		struct pv_buf synopsis = PV_BUF_INIT(PV_ERROR_TEXT);
		put_synopsis(&synopsis, cmd);
		(void)usage_error(a, e, "it is: postfix-virtual %s", synopsis.s);
		pv_buf_free(&synopsis);
		return PV_PERMANENT;
	}
	for (int i = 0; i < a->object_count; i++)
		a->objects[i] = l->words[used + i];
	return PV_OK;
}

/* Who is it, for the history? sudo says who became root; ssh from where. */
static const char *origin(void)
{
	static char where[64];
	const char *ssh = getenv("SSH_CONNECTION");

	(void)snprintf(where, sizeof where, "%.*s", ssh != NULL ? (int)strcspn(ssh, " ") : 0,
		       ssh != NULL ? ssh : "");
	return *where != '\0' ? where : "local";
}

static const char *person(void)
{
	static char who[64];
	const char *sudo = getenv("SUDO_USER");

	(void)snprintf(who, sizeof who, "root%s%.40s%s", sudo != NULL ? "(" : "", sudo != NULL ? sudo : "",
		       sudo != NULL ? ")" : "");
	return who;
}

static void say_waits(unsigned seconds)
{
	if (isatty(STDERR_FILENO))
		(void)fprintf(stderr, "postfix-virtual: waits up to %u s to reload Postfix again\n", seconds);
}

/* Where a change needs it, or one that was killed did. The change itself was made, whatever comes of this. */
static void reload_if_due(struct admin *a)
{
	struct pv_error e = { .text = "Postfix was reloaded" };
	bool reloaded;

	if (a->dry || geteuid() != 0 ||
	    (pv_reload_if_due(&a->store, say_waits, &reloaded, &e) == PV_OK && !reloaded))
		return;
	pv_buf_addf(&a->change.notes, "%s\n", e.text);
	if (a->result != NULL && json_is_object(a->result))
		(void)json_array_append_new(json_object_get(a->result, "notes"), json_text(e.text));
}

static enum pv_class run_command(struct admin *a, struct pv_error *e)
{
	const struct command *cmd = a->command;
	enum pv_class c = PV_OK;

	if ((cmd->need & NEED_ROOT) != 0 && geteuid() != 0)
		return pv_fail(e, PV_PERMANENT, NULL, "only root can do this: try sudo");
	if ((cmd->need & NEED_STORE) != 0) {
		if ((c = pv_store_open(a->dir, &a->store, e)) != PV_OK)
			return c;
		pv_log_open("postfix-virtual", a->store.conf.log_socket);
		pv_change_start(&a->change, &a->store, person(), origin());
		a->change.dry = a->dry;
	}
	if ((cmd->need & NEED_TIDY) != 0)
		pv_change_finish_all(&a->change);
	c = cmd->run(a, e);
	if ((cmd->need & NEED_TIDY) != 0)
		reload_if_due(a);
	if (a->change.begun)
		pv_buf_addf(&a->change.notes, "it was begun: the next postfix-virtual command finishes it\n");
	return c;
}

static int exit_status(const struct admin *a, enum pv_class c)
{
	if (a->status >= 0)
		return c == PV_OK ? a->status : EXIT_UNKNOWN;
	if (a->usage)
		return EXIT_USAGE;
	if (c == PV_OK && a->not_well)
		return EXIT_LATER;
	return c == PV_OK	   ? EXIT_DONE
	       : c == PV_PERMANENT ? EXIT_REFUSED
	       : c == PV_TEMPORARY ? EXIT_LATER
				   : EXIT_BUG;
}

static enum pv_class serve(struct admin *a, char **argv, struct pv_error *e)
{
	struct line l = { .count = 0 };
	bool is_noun;
	int used;

	enum pv_class c = split_line(a, argv, &l, e);
	const struct command *cmd = find_command(&l, &used, &is_noun);
	if (cmd != NULL && (cmd->need & OWN_STATUS) != 0 && !l.version && !l.help)
		a->status = EXIT_UNKNOWN;
	if (c != PV_OK)
		return c;
	if (l.version) {
		pv_buf_adds(&a->text, "postfix-virtual " PV_VERSION "\n");
		return PV_OK;
	}
	if (l.help) {
		put_help(&a->text, is_noun ? l.words[0] : NULL);
		return PV_OK;
	}
	c = take_command(a, &l, e);
	return c == PV_OK && a->command != NULL ? run_command(a, e) : c;
}

int main(int argc, char **argv)
{
	/* Static: what it holds at the end is no leak. */
	static struct admin a = { .store = { .dirfd = -1 },
				  .status = -1,
				  .text = PV_BUF_INIT((size_t)256 << 20),
				  .change = { .notes = PV_BUF_INIT(0), .diff = PV_BUF_INIT(0) } };
	struct pv_error e = { .class = PV_OK }, print_error;

	/* Whoever starts us may ignore it, and then no child could be waited for. */
	(void)signal(SIGCHLD, SIG_DFL);
	(void)argc;
	enum pv_class c = serve(&a, argv, &e);
	if (c != PV_OK) {
		/* Half an answer is none. */
		pv_buf_reset(&a.text);
		json_decref(a.result);
		a.result = NULL;
	}
	enum pv_class printed = print_all(&a, &print_error);
	if (c == PV_OK && printed != PV_OK) {
		c = printed;
		e = print_error;
	}
	if (c != PV_OK)
		(void)fprintf(stderr, "postfix-virtual: %s\n", e.text);
	if (a.usage)
		(void)fputs("postfix-virtual --help says more\n", stderr);
	return exit_status(&a, c);
}
