/*
 * virtual-deliver: started by Postfix as a domain's account, one message on standard input.
 */
#include "deliver.h"

#include <getopt.h>
#include <signal.h>
#include <unistd.h>

/* sysexits(3), as far as Postfix's local(8) and pipe(8) tell them apart; the enhanced status code that is
 * printed in front goes before the number. */
enum { EXIT_NO_USER = 67, EXIT_TEMPORARY = 75, EXIT_NO_PERMISSION = 77 };
enum { DEADLINE_S = 600 }; /* below Postfix's command_time_limit (1000 s), whose end is a bounce */

enum action { ACT_CONFIG, ACT_DRY_RUN, ACT_HELP, ACT_VERSION };

static const struct option_row {
	const char *name;
	int letter;
	enum action action;
	const char *argument, *help;
} option_rows[] = {
	{ "config", 'c', ACT_CONFIG, "DIR", "the configuration folder (/etc/virtual)" },
	{ "dry-run", 'n', ACT_DRY_RUN, NULL, "say what would be done with the message; do none of it" },
	{ "help", 'h', ACT_HELP, NULL, "print this" },
	{ "version", 'V', ACT_VERSION, NULL, "print the version" },
};
enum { OPTIONS = sizeof option_rows / sizeof *option_rows };

static int print_help(void)
{
	(void)printf(
		"usage: virtual-deliver [-c DIR] [-n] [USER@DOMAIN] < MESSAGE\n\n"
		"Do with the message on standard input what a virtual domain says of its recipient: store "
		"it,\n"
		"send it on, give it to a program. Without an address, the recipient is in the Delivered-To\n"
		"line that Postfix put on top. Runs as the account that owns the domain's folder.\n"
		"virtual-deliver(8) has the exit statuses.\n\n");
	for (size_t i = 0; i < OPTIONS; i++)
		(void)printf("  -%c, --%s%s%-*s%s\n", option_rows[i].letter, option_rows[i].name,
			     option_rows[i].argument != NULL ? " " : "",
			     (int)(16 - strlen(option_rows[i].name)) - (option_rows[i].argument != NULL),
			     option_rows[i].argument != NULL ? option_rows[i].argument : "",
			     option_rows[i].help);
	return fflush(stdout) == 0 ? 0 : EXIT_TEMPORARY;
}

/* A mistake in a .forward file must not bounce mail. */
static int usage_error(const char *what)
{
	(void)printf("4.3.5 usage: virtual-deliver [-c DIR] [-n] [USER@DOMAIN]: %s\n", what);
	(void)fflush(stdout);
	return EXIT_TEMPORARY;
}

/* Postfix reads the reason from our output, with the enhanced status code as its first bytes. */
static int report(enum pv_class c, const struct pv_error *e)
{
	if (c == PV_OK)
		return fflush(stdout) == 0 ? 0 : EXIT_TEMPORARY;
	(void)printf("%s %s\n", e->status, e->text);
	(void)fflush(stdout);
	if (c != PV_PERMANENT)
		return EXIT_TEMPORARY;
	bool about_mailbox = strcmp(e->status, "5.1.1") == 0 || strncmp(e->status, "5.2.", 4) == 0;
	return about_mailbox ? EXIT_NO_USER : EXIT_NO_PERMISSION;
}

/* A file size limit is an error where it is met. The deadline ends us by its signal: Postfix defers the mail,
 * and the next delivery repairs whatever it interrupted. */
static void arrange_signals(void)
{
	(void)signal(SIGXFSZ, SIG_IGN);
	(void)alarm(DEADLINE_S);
}

int main(int argc, char **argv)
{
	struct deliver_options o = { .config_directory = NULL };
	struct option longs[OPTIONS + 1] = { { 0 } };
	struct pv_error e = { .class = PV_OK };
	char letters[2 * OPTIONS + 1], *l = letters;
	int letter;

	for (size_t i = 0; i < OPTIONS; i++) {
		bool argument = option_rows[i].argument != NULL;
		longs[i] = (struct option){ option_rows[i].name, argument, NULL, option_rows[i].letter };
		*l++ = (char)option_rows[i].letter;
		if (argument)
			*l++ = ':';
	}
	*l = '\0';
	opterr = 0;
	while ((letter = getopt_long(argc, argv, letters, longs, NULL)) != -1) {
		const struct option_row *row = option_rows;
		while (row < option_rows + OPTIONS && row->letter != letter)
			row++;
		if (row == option_rows + OPTIONS)
			return usage_error("unknown option, or its argument is missing");
		switch (row->action) {
		case ACT_CONFIG:
			o.config_directory = optarg;
			break;
		case ACT_DRY_RUN:
			o.dry_run = true;
			break;
		case ACT_HELP:
			return print_help();
		case ACT_VERSION:
			(void)printf("virtual-deliver (postfix-virtual) %s\n", PV_VERSION);
			return fflush(stdout) == 0 ? 0 : EXIT_TEMPORARY;
		}
	}
	if (argc - optind > 1)
		return usage_error("more than one address");
	o.recipient = argv[optind];
	arrange_signals();
	return report(deliver(&o, &e), &e);
}
