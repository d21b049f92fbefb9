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

static const struct {
	const char *name, *value; /* value NULL: a switch */
	const char *help;
} options[OPT_COUNT] = {
	[OPT_ACCOUNT] = { "--account", "USER", "the Unix account that owns the domain" },
	[OPT_CREATE_ACCOUNT] = { "--create-account", NULL, "make the account if it is missing" },
	[OPT_SUB_DOMAINS] = { "--sub-domains", NULL, "take mail for all sub-domains as well" },
	[OPT_POSTFIX] = { "--postfix", NULL, "make a domain of Postfix's own kind, without mailboxes" },
	[OPT_NAME] = { "--name", "TEXT", "the person's name" },
	[OPT_HOME] = { "--home", "DIR", "a folder in the account's home that holds the mailbox" },
	[OPT_PASSWORD_STDIN] = { "--password-stdin", NULL, "read the password from the standard input" },
	[OPT_RANDOM] = { "--random", NULL, "make a password and print it, once" },
	[OPT_HASH] = { "--hash", "HASH", "take this hash of crypt(3)" },
	[OPT_HASH_ALL] = { "--hash-all", NULL, "hash every password of a domain that is plain text" },
	[OPT_OFF] = { "--off", NULL, "take the secret away" },
	[OPT_UNUSED] = { "--unused", "DAYS", "only those who have not logged in for so long" },
	[OPT_LAST] = { "--last", NULL, "with the day of the last login" },
	[OPT_PLAIN] = { "--plain", NULL, "also what looks like a hash, but may be a password" },
	[OPT_VIRTUALDOMAINS] = { "--virtualdomains", "FILE", "a file of qmail's that names the account" },
	[OPT_YES] = { "--yes", NULL, "do not ask" },
	[OPT_UNDO] = { "--undo", NULL, "take out again what setup put in" },
	[OPT_REFUSE_TEXTS] = { "--refuse-texts", NULL,
			       "let senders to a switched-off address have its text" },
	[OPT_ALL] = { "--all", NULL, "all domains, and the network as well" },
	[OPT_FIX] = { "--fix", NULL, "repair what can be repaired without harm" },
	[OPT_CHANGES] = { "--changes", NULL, "print only what is new or gone since the last time" },
	[OPT_MAIL] = { "--mail", "ADDRESS", "send what --changes would print" },
	[OPT_PLUGIN] = { "--plugin", NULL, "one line, as monitoring plugins print it" },
	[OPT_RESOLVER] = { "--resolver", "ADDR:PORT", "the name server to ask (IPv4)" },
	[OPT_ADDRESSES] = { "--addresses", "LIST", "the addresses of this host, as the world sees them" },
	[OPT_SELECTOR] = { "--selector", "NAME", "the DKIM selector of the domain" },
	[OPT_ZONES] = { "--zones", "FILE", "look for zones that are no domain: a list, or named.conf" },
	[OPT_SMTP_PORT] = { "--smtp-port", "PORT", "where SMTP answers (25); 0: not asked" },
	[OPT_POP3_PORT] = { "--pop3-port", "PORT", "where POP3 answers (110); 0: not asked" },
	[OPT_COMMENT] = { "--comment", "TEXT", "what the alias is for" },
	[OPT_EXPIRES] = { "--expires", "DATE", "the last day of it, as 2026-12-31; empty: none" },
	[OPT_REMOVE_NULS] = { "--remove-nuls", NULL, "take out bytes that are NUL, as a crash leaves them" },
	[OPT_FILE] = { "--file", "1|2", "in the first or second of extra_aliases, not in aliases" },
};

#define PASSWORD_OPTIONS (OPT(OPT_PASSWORD_STDIN) | OPT(OPT_RANDOM) | OPT(OPT_HASH))
#define DOCTOR_OPTIONS                                                                                       \
	(OPT(OPT_ALL) | OPT(OPT_FIX) | OPT(OPT_CHANGES) | OPT(OPT_MAIL) | OPT(OPT_PLUGIN) |                  \
	 OPT(OPT_RESOLVER) | OPT(OPT_ADDRESSES) | OPT(OPT_SELECTOR) | OPT(OPT_ZONES) | OPT(OPT_SMTP_PORT) |  \
	 OPT(OPT_POP3_PORT))
#define ALIAS_OPTIONS (OPT(OPT_COMMENT) | OPT(OPT_EXPIRES) | OPT(OPT_FILE))
#define AS_ROOT (NEED_ROOT | NEED_STORE | NEED_TIDY)

static const struct command commands[] = {
	{ "setup", NULL, setup_run, NEED_ROOT, 0, OPT(OPT_UNDO) | OPT(OPT_REFUSE_TEXTS) | OPT(OPT_YES), "",
	  "add our words to Postfix's main.cf and master.cf, after showing them" },
	{ "adopt", NULL, adopt_run, AS_ROOT, 1, OPT(OPT_ACCOUNT) | OPT(OPT_VIRTUALDOMAINS), "DOMAIN",
	  "take over a domain that is there since 2002, as it stands" },
	{ "domain", "add", domain_add, AS_ROOT, 1,
	  OPT(OPT_ACCOUNT) | OPT(OPT_CREATE_ACCOUNT) | OPT(OPT_SUB_DOMAINS) | OPT(OPT_POSTFIX), "NAME",
	  "make a domain" },
	{ "domain", "list", domain_list, NEED_STORE | NEED_TIDY, 0, 0, "",
	  "print all domains and their accounts" },
	{ "domain", "show", domain_show, AS_ROOT, 1, 0, "NAME", "print what is known of a domain" },
	{ "domain", "delete", domain_delete, AS_ROOT, 1, OPT(OPT_YES), "NAME",
	  "delete a domain; settings and mail stay in the trash for 30 days" },
	{ "domain", "set", domain_set, AS_ROOT, -2, 0, "DOMAIN NAME=VALUE ...",
	  "change what domains and domain.conf say of a domain; nothing behind `=`: the default" },
	{ "domain", "alias", domain_alias, AS_ROOT, 2, 0, "NAME DOMAIN",
	  "make a name another name of a domain" },
	{ "host-addresses", "list", host_addresses_list, NEED_STORE, 0, 0, "",
	  "print which addresses of every domain are the host's" },
	{ "host-addresses", "set", host_addresses_set, AS_ROOT, 2, 0, "NAME TARGET[,TARGET]",
	  "lead NAME of every domain to TARGET" },
	{ "host-addresses", "delete", host_addresses_delete, AS_ROOT, 1, 0, "NAME",
	  "leave NAME to the domains again" },
	{ "user", "add", user_add, AS_ROOT, 1, OPT(OPT_NAME) | OPT(OPT_HOME) | PASSWORD_OPTIONS, "ADDRESS",
	  "make a user" },
	{ "user", "list", user_list, AS_ROOT, 1, OPT(OPT_LAST) | OPT(OPT_UNUSED), "DOMAIN",
	  "print all users of a domain" },
	{ "user", "show", user_show, AS_ROOT, 1, 0, "ADDRESS", "print what is known of a user" },
	{ "user", "set", user_set, AS_ROOT, -2, 0, "ADDRESS NAME=VALUE ...",
	  "change a user's own settings; nothing behind `=`: the default" },
	{ "user", "password", user_password, AS_ROOT, 1,
	  PASSWORD_OPTIONS | OPT(OPT_HASH_ALL) | OPT(OPT_PLAIN), "ADDRESS|DOMAIN",
	  "give a user another password, or hash those of a domain" },
	{ "user", "apop", user_apop, AS_ROOT, 1, OPT(OPT_RANDOM) | OPT(OPT_OFF), "ADDRESS",
	  "give a user a second secret, for APOP, or take it away" },
	{ "user", "rename", user_rename, AS_ROOT, 2, 0, "ADDRESS NEW",
	  "give a user another name; mail and password stay" },
	{ "user", "disable", user_disable, AS_ROOT, 1, 0, "ADDRESS",
	  "refuse a user's mail and login; the mailbox stays" },
	{ "user", "enable", user_enable, AS_ROOT, 1, 0, "ADDRESS", "take a user's mail and login again" },
	{ "user", "delete", user_delete, AS_ROOT, 1, OPT(OPT_YES), "ADDRESS",
	  "delete a user; the mailbox stays in the trash for 30 days" },
	{ "alias", "add", alias_add, AS_ROOT, -2, ALIAS_OPTIONS, "NAME@DOMAIN TARGET ...",
	  "make an alias: mail for NAME goes to each TARGET" },
	{ "alias", "set", alias_set, AS_ROOT, -1, ALIAS_OPTIONS, "NAME@DOMAIN [TARGET ...]",
	  "give an alias other targets, another comment or last day; make it where it is missing" },
	{ "alias", "list", alias_list, AS_ROOT, 1, 0, "DOMAIN", "print all aliases of a domain" },
	{ "alias", "delete", alias_delete, AS_ROOT, 1, OPT(OPT_FILE), "NAME@DOMAIN", "delete an alias" },
	{ "mailbox", "show", mailbox_show, AS_ROOT, 1, 0, "ADDRESS",
	  "print where a mailbox is, its format, how many messages it has and how full it is" },
	{ "mailbox", "verify", mailbox_verify, AS_ROOT, 1, OPT(OPT_REMOVE_NULS), "ADDRESS|DOMAIN",
	  "look for damage in a mailbox, or in all of a domain" },
	{ "mailbox", "repair", mailbox_repair, AS_ROOT, 1, OPT(OPT_REMOVE_NULS), "ADDRESS",
	  "mend what verify finds; the mailbox of before stays in the trash for 30 days" },
	{ "mailbox", "convert", mailbox_convert, AS_ROOT, 2, 0, "ADDRESS maildir|mbox",
	  "make a Maildir of an mbox or the other way; the old one stays in the trash for 30 days" },
	{ "nightly", NULL, nightly_run, AS_ROOT, 0, 0, "",
	  "do what is due each night: trash, history, tables, unfinished changes" },
	{ "config", NULL, config_run, NEED_STORE, 0, 0, "",
	  "print all settings, or with -n those that are not the default" },
	{ "dovecot-config", NULL, dovecot_config_run, NEED_STORE | OR_NONE, 1, 0, "[2.3|2.4]",
	  "print a configuration of Dovecot's, for IMAP and SMTP AUTH of the same users" },
	{ "explain", NULL, explain_run, AS_ROOT, 1, 0, "ADDRESS",
	  "print what happens to mail for an address" },
	{ "doctor", NULL, doctor_run, OWN_STATUS | OR_NONE, 1, DOCTOR_OPTIONS, "[DOMAIN]",
	  "find what is wrong with the host and its domains, and say how to mend it" },
};

enum { COMMANDS = sizeof commands / sizeof *commands };

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
	for (size_t i = 0; i < COMMANDS; i++) {
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

	for (size_t i = 0; i < COMMANDS; i++) {
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
	for (size_t i = 0; i < COMMANDS && l->count > 0; i++) {
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
