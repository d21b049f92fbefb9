/*
 * make-postfix-maps: write and build Postfix's tables from all domains, or from some. All of
 * the work is in lib/maps; here are the command line, the words and the exit status.
 */
#include "address/idn.h"
#include "base/log.h"
#include "change/change.h"
#include "maps/reload.h"
#include "maps/update.h"
#include "progress.h"

#include "show.h"

#include <errno.h>
#include <getopt.h>
#include <signal.h>
#include <unistd.h>

enum { EXIT_DONE = 0, EXIT_REFUSED = 1, EXIT_USAGE = 2, EXIT_BUG = 70, EXIT_LATER = 75 };

static const char usage_text[] =
	"usage: make-postfix-maps [-c DIR] [-n] [--check] [--force] [DOMAIN...]\n"
	"       make-postfix-maps [-c DIR] --prove [-v] [DOMAIN...]\n"
	"       make-postfix-maps [-c DIR] --expression [--flavor pcre|regexp] DOMAIN\n"
	"       make-postfix-maps --help | --version\n";

static const char help_text[] =
	"\n"
	"Write the tables of Postfix (`virtual` and its like, make-postfix-maps(8) has all) from the files "
	"of\n"
	"all domains, or of those named (and of the domains that are aliases of them).\n"
	"What cannot be read keeps the addresses that it had.\n"
	"\n"
	"  -c DIR      configuration folder (default " PV_DEFAULT_DIRECTORY ")\n"
	"  -n          change nothing; print what would change, as diff -u does\n"
	"  --check     change nothing; print a line for each thing that is wrong\n"
	"  --force     let more than a tenth of a domain's addresses vanish at once\n"
	"  --prove     change nothing; prove the expressions of virtual_regexp, print a line a domain\n"
	"  -v          with --prove: print each address that was tried, and what it leads to\n"
	"  --expression\n"
	"              change nothing; print lines that name the users of DOMAIN themselves\n"
	"  --flavor pcre|regexp\n"
	"              with --expression: for which type of Postfix's tables (pcre)\n"
	"  --help      print this\n"
	"  --version   print the version\n"
	"\n"
	"Exit status:\n"
	"  0   done, and nothing is wrong\n"
	"  1   refused: not root, or a name that cannot be a domain; nothing was changed; or a\n"
	"      proof failed\n"
	"  2   wrong usage\n"
	"  70  a bug in this program\n"
	"  75  something could not be read or written: it is as it was, all else was done\n";

struct order {
	const char *dir;
	struct pv_maps_options options;
	struct pv_domain *domains; /* NULL: all */
	size_t count;
	bool prove, verbose, expression, has_flavor;
	enum pv_flavor flavor;
};

static int exit_status(enum pv_class c)
{
	switch (c) {
	case PV_OK:
		return EXIT_DONE;
	case PV_TEMPORARY:
		return EXIT_LATER;
	case PV_PERMANENT:
		return EXIT_REFUSED;
	case PV_BUG:
		break;
	}
	return EXIT_BUG;
}

static int fail(const struct pv_error *e)
{
	(void)fprintf(stderr, "make-postfix-maps: %s\n", e->text);
	return exit_status(e->class);
}

/* What was printed must have arrived: a diff that is cut off would mislead. */
static int flush(int status)
{
	if (fflush(stdout) == 0 && ferror(stdout) == 0)
		return status;
	(void)fprintf(stderr, "make-postfix-maps: write the output: %s\n", strerror(errno));
	return EXIT_LATER;
}

static int print(const char *a, const char *b)
{
	(void)fputs(a, stdout);
	(void)fputs(b, stdout);
	return flush(EXIT_DONE);
}

static int usage(void)
{
	(void)fputs(usage_text, stderr);
	return EXIT_USAGE;
}

static bool read_flavor(const char *word, struct order *o)
{
	o->has_flavor = true;
	o->flavor = strcmp(word, "regexp") == 0 ? PV_FLAVOR_REGEXP : PV_FLAVOR_PCRE;
	if (o->flavor == PV_FLAVOR_REGEXP || strcmp(word, "pcre") == 0)
		return true;
	(void)fprintf(stderr, "make-postfix-maps: --flavor %.20s: write pcre or regexp\n", word);
	return false;
}

static bool changes_nothing(const struct order *o)
{
	return o->options.check || o->options.dry_run || o->prove || o->expression;
}

/* Do the options go together? */
static bool is_order(const struct order *o, int names)
{
	bool writes_as_well = o->options.check || o->options.dry_run || o->options.force;

	if (o->prove + o->expression > 1 || ((o->prove || o->expression) && writes_as_well))
		return false;
	return (!o->verbose || o->prove) && (!o->has_flavor || o->expression) &&
	       (!o->expression || names == 1);
}

/* Returns -1 where there is something to do, else the exit status. */
static int read_options(int argc, char **argv, struct order *o)
{
	static const struct option longs[] = {
		{ "check", no_argument, NULL, 'C' },	    { "force", no_argument, NULL, 'f' },
		{ "prove", no_argument, NULL, 'p' },	    { "expression", no_argument, NULL, 'e' },
		{ "flavor", required_argument, NULL, 'F' }, { "help", no_argument, NULL, 'h' },
		{ "version", no_argument, NULL, 'V' },	    { NULL, 0, NULL, 0 }
	};
	int c;

	while ((c = getopt_long(argc, argv, "c:nv", longs, NULL)) != -1) {
		if (c == 'c')
			o->dir = optarg;
		else if (c == 'n')
			o->options.dry_run = true;
		else if (c == 'C')
			o->options.check = true;
		else if (c == 'f')
			o->options.force = true;
		else if (c == 'p')
			o->prove = true;
		else if (c == 'v')
			o->verbose = true;
		else if (c == 'e')
			o->expression = true;
		else if (c == 'F' && read_flavor(optarg, o))
			continue;
		else if (c == 'h')
			return print(usage_text, help_text);
		else if (c == 'V')
			return print("make-postfix-maps " PV_VERSION, "\n");
		else
			return usage();
	}
	return is_order(o, argc - optind) ? -1 : usage();
}

static enum pv_class read_domains(char **names, struct order *o, struct pv_error *e)
{
	while (names[o->count] != NULL)
		o->count++;
	if (o->count == 0)
		return PV_OK;
	o->domains = reallocarray(NULL, o->count, sizeof *o->domains);
	if (o->domains == NULL)
		return pv_fail_errno(e, PV_TEMPORARY, NULL, errno, "hold %zu domains", o->count);
	for (size_t i = 0; i < o->count; i++)
		if (pv_idn_domain(names[i], &o->domains[i], e) != PV_OK)
			return pv_error_prefix(e, "%s", names[i]);
	return PV_OK;
}

static void print_complaints(const struct pv_maps_report *r, bool on_stdout)
{
	for (size_t i = 0; i < r->complaint_count; i++) {
		if (on_stdout)
			(void)printf("%s\n", r->complaints[i].error.text);
		else
			(void)fprintf(stderr, "make-postfix-maps: %s\n", r->complaints[i].error.text);
	}
}

static void print_result(const struct order *o, const struct pv_maps_report *r, bool reloaded)
{
	print_complaints(r, o->options.check);
	if (o->options.check)
		return;
	if (o->options.dry_run) {
		(void)fwrite(r->diff.s, 1, r->diff.len, stdout);
		return;
	}
	if (isatty(STDOUT_FILENO))
		(void)printf(
			"%zu domains read, %zu addresses: %zu lines added, %zu removed, %zu changed, %zu "
			"complaints%s\n",
			r->domains, r->keys, r->added, r->removed, r->changed, r->complaint_count,
			reloaded ? "; Postfix was reloaded" : "");
}

static void log_result(const struct order *o, const struct pv_maps_report *r)
{
	if (o->options.check || o->options.dry_run)
		return;
	for (size_t i = 0; i < r->complaint_count; i++)
		pv_log(PV_LOG_WARNING, "%s", r->complaints[i].error.text);
	if (r->added + r->removed + r->changed > 0)
		pv_log(PV_LOG_INFO, "addresses=%zu added=%zu removed=%zu changed=%zu complaints=%zu", r->keys,
		       r->added, r->removed, r->changed, r->complaint_count);
}

static void say_waits(unsigned seconds)
{
	if (isatty(STDERR_FILENO))
		(void)fprintf(stderr, "make-postfix-maps: waits up to %u s to reload Postfix again\n",
			      seconds);
}

/* Also what somebody who was killed left due. */
static enum pv_class reload(const struct pv_store *s, const struct order *o, bool *reloaded_r,
			    struct pv_error *e)
{
	*reloaded_r = false;
	if (o->options.check || o->options.dry_run)
		return PV_OK;
	enum pv_class c = pv_reload_if_due(s, say_waits, reloaded_r, e);
	if (c != PV_OK)
		pv_log(PV_LOG_WARNING, "%s", e->text);
	else if (*reloaded_r)
		pv_log(PV_LOG_INFO, "Postfix was reloaded");
	return c;
}

static int update(const struct pv_store *s, const struct order *o)
{
	struct pv_maps_options options = o->options;
	struct pv_maps_report r;
	struct progress progress;
	struct pv_error e;
	bool reloaded = false;

	progress_start(&progress, &options);
	enum pv_class c = pv_maps_update(s, o->domains, o->count, &options, &r, &e);
	progress_end(&progress);
	bool made = c == PV_OK;
	if (made)
		c = reload(s, o, &reloaded, &e);
	int status = c == PV_OK && r.complaint_count > 0 ? EXIT_LATER : exit_status(c);
	if (made)
		print_result(o, &r, reloaded);
	else
		print_complaints(&r, o->options.check);
	log_result(o, &r);
	pv_maps_report_free(&r);
	if (c != PV_OK)
		(void)fail(&e);
	return flush(status);
}

static int show(const struct pv_store *s, const struct order *o)
{
	struct pv_error e;

	struct pv_shown r = o->prove ? pv_show_proof(s, o->domains, o->count, o->verbose, &e)
				     : pv_show_expression(s, &o->domains[0], o->flavor, &e);
	int status = r.class != PV_OK ? fail(&e) : r.complaints > 0 ? EXIT_LATER : EXIT_DONE;
	return flush(r.failed > 0 ? EXIT_REFUSED : status);
}

/* Whoever comes next finishes a change of postfix-virtual's that was killed (design: "A change"). */
static void finish_changes(const struct pv_store *s)
{
	struct pv_change change;

	pv_change_start(&change, s, "root", "local");
	pv_change_finish_all(&change);
	for (const char *p = change.notes.s; *p != '\0'; p += strspn(p, "\n")) {
		int n = (int)strcspn(p, "\n");
		(void)fprintf(stderr, "make-postfix-maps: %.*s\n", n, p);
		pv_log(PV_LOG_WARNING, "%.*s", n, p);
		p += n;
	}
	pv_change_free(&change);
}

static int run(struct order *o)
{
	struct pv_store s;
	struct pv_error e;

	if (geteuid() != 0 && !changes_nothing(o)) {
		(void)fputs(
			"make-postfix-maps: only root can write Postfix's tables; -n and --check work for "
			"others\n",
			stderr);
		return EXIT_REFUSED;
	}
	if (pv_store_open(o->dir, &s, &e) != PV_OK)
		return fail(&e);
	pv_log_open("make-postfix-maps", s.conf.log_socket);
	if (!changes_nothing(o))
		finish_changes(&s);
	int status = o->prove || o->expression ? show(&s, o) : update(&s, o);
	pv_store_close(&s);
	return status;
}

int main(int argc, char **argv)
{
	struct order o = { .options = { .must_exist = true } };
	struct pv_error e;

	/* Whoever starts us may ignore it, and then no child could be waited for. */
	(void)signal(SIGCHLD, SIG_DFL);
	int status = read_options(argc, argv, &o);
	if (status >= 0)
		return status;
	if (read_domains(argv + optind, &o, &e) != PV_OK)
		status = fail(&e);
	else
		status = run(&o);
	free(o.domains);
	return status;
}
