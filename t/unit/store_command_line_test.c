/* store_command_line_test.c: a command becomes the words that its administrator wrote, and no shell is
 * missed. */
#include "scratch.h"

#include "store/command_line.h"

static const struct pv_command_tokens tokens = { .domain = "kvt.dk",
						 .sender = "x@example.org",
						 .user = "abc" };

/* The words with `|` between, which cannot stand in one unless a quote or a token brings it. */
static const char *words_of(const struct pv_command_line *c)
{
	static char text[4096];
	size_t at = 0;

	text[0] = '\0';
	for (unsigned i = 0; i < c->count; i++)
		at += (size_t)snprintf(text + at, sizeof text - at, "%s%s", i > 0 ? "|" : "", c->argv[i]);
	assert_null(c->argv[c->count]);
	return text;
}

static void commands_are_cut_into_words(void **state)
{
	static const struct {
		const char *command, *words, *why;
		bool with_tokens;
	} table[] = {
		{ "/bin/x", "/bin/x", NULL, false },
		{ "  /bin/x  a\t b ", "/bin/x|a|b", NULL, false },
		{ "/bin/x 'a b' \"c d\"", "/bin/x|a b|c d", NULL, false },
		{ "/bin/x a'b c'd\"e f\"g", "/bin/x|ab cde fg", NULL, false },
		{ "/bin/x '' \"\"", "/bin/x||", NULL, false },
		{ "'/opt/my programs/x' a", "/opt/my programs/x|a", NULL, false },
		{ "/bin/x 'it is \"so\"' \"it's\"", "/bin/x|it is \"so\"|it's", NULL, false },
		{ "/bin/x \"a \\\"b\\\" \\\\ c\"", "/bin/x|a \"b\" \\ c", NULL, false },
		{ "/bin/x '$HOME `id` <>|;& \\'", "/bin/x|$HOME `id` <>|;& \\", NULL, false },
		{ "/bin/x * ? ~ # [a] {b} ! = ( )", "/bin/x|*|?|~|#|[a]|{b}|!|=|(|)", NULL, false },
		{ "/bin/x --to=abc@kvt.dk -", "/bin/x|--to=abc@kvt.dk|-", NULL, false },
		{ "/bin/x \xc3\xa6 \xff", "/bin/x|\xc3\xa6|\xff", NULL, false },
		/* Without tokens a `%` is a letter. */
		{ "/bin/x %d %f %% %q 100%", "/bin/x|%d|%f|%%|%q|100%", NULL, false },
		{ "/bin/x %d %f %u", "/bin/x|kvt.dk|x@example.org|abc", NULL, true },
		{ "/bin/x --to=%u@%d '%u' \"%u\" %%u %%", "/bin/x|--to=abc@kvt.dk|abc|abc|%u|%", NULL, true },
		{ "/bin/x --from=%f -f%f -- a:%u,%f",
		  "/bin/x|--from=x@example.org|-fx@example.org|--|a:abc,x@example.org", NULL, true },
		{ "/bin/sh -c 'echo \"$1\"' sh %f", "/bin/sh|-c|echo \"$1\"|sh|x@example.org", NULL, true },
		{ "/bin/sh -c 'echo %d'", "/bin/sh|-c|echo kvt.dk", NULL, true },
		{ "/bin/x 100%% %d%d", "/bin/x|100%|kvt.dkkvt.dk", NULL, true },
		{ "/bin/x%% a", "/bin/x%|a", NULL, true },
		{ "", NULL, "needs its whole path", false },
		{ "  ", NULL, "needs its whole path", false },
		{ "x", NULL, "needs its whole path, like /usr/bin/procmail", false },
		{ "./x", NULL, "needs its whole path", false },
		{ "~/x", NULL, "needs its whole path", false },
		{ "'' /bin/x", NULL, "needs its whole path", false },
		{ "/bin/x 'a", NULL, "a quote (') of the command is not closed", false },
		{ "/bin/x \"a", NULL, "a quote (\") of the command is not closed", false },
		{ "/bin/x \"a\\\"", NULL, "a quote (\") of the command is not closed", false },
		{ "/bin/x it's", NULL, "a quote (') of the command is not closed", false },
		{ "/bin/x $HOME", NULL, "`$` stands in the command", false },
		{ "/bin/x \"$HOME\"", NULL, "`$` stands in the command", false },
		{ "/bin/x `id`", NULL, "stands in the command, and no shell reads it", false },
		{ "/bin/x \"`id`\"", NULL, "stands in the command", false },
		{ "/bin/x <a", NULL, "`<` stands in the command", false },
		{ "/bin/x > /tmp/a", NULL, "`>` stands in the command", false },
		{ "/bin/x 2>&1", NULL, "`>` stands in the command", false },
		{ "/bin/x | /bin/y", NULL, "`|` stands in the command", false },
		{ "/bin/x; /bin/y", NULL, "`;` stands in the command", false },
		{ "/bin/x &", NULL, "`&` stands in the command", false },
		{ "/bin/x \"a&b\"", NULL, "write the argument in single quotes", false },
		{ "/bin/x a\\ b", NULL, "a backslash stands in the command", false },
		{ "/bin/x \"\\n\"", NULL, "a backslash stands in the command", false },
		{ "/bin/x \\", NULL, "a backslash stands in the command", false },
		{ "/bin/x a\nb", NULL, "a control character stands in the command", false },
		{ "/bin/x 'a\nb'", NULL, "a control character stands in the command", false },
		{ "/bin/x \"a\x1b\"", NULL, "a control character stands in the command", false },
		{ "/bin/x \x7f", NULL, "a control character stands in the command", false },
		{ "/bin/x %", NULL, "`%` must have d (domain), f (sender), u (user) or % behind it", true },
		{ "/bin/x %x", NULL, "`%` must have", true },
		{ "/bin/x '%", NULL, "`%` must have", true },
		{ "/bin/x %D", NULL, "`%` must have", true },
		/* Who sends a message does not say which program is started. */
		/* where a program would be read from it */
		{ "/bin/sh -c 'echo %u'", NULL, "%f or %u stands where a program may be read from it", true },
		{ "/bin/sh -c \"echo %f\"", NULL, "%f or %u stands where", true },
		{ "/bin/sh -c %u", NULL, "%f or %u stands where", true },
		{ "/usr/bin/perl -e %f", NULL, "%f or %u stands where", true },
		{ "/usr/bin/perl -e%f", NULL, "%f or %u stands where", true },
		{ "/bin/x -%f", NULL, "%f or %u stands where", true },
		{ "/bin/x '%u;'", NULL, "%f or %u stands where", true },
		{ "/bin/x '(%u)'", NULL, "%f or %u stands where", true },
		{ "/bin/%u", NULL, "%u stands in the path of the program", true },
		{ "/home/'%d'/x", NULL, "%d stands in the path", true },
		{ "%f", NULL, "%f stands in the path", true },
	};

	(void)state;
	for (size_t i = 0; i < sizeof table / sizeof *table; i++) {
		struct pv_command_line c;
		struct pv_error e = { .text = "" };
		enum pv_class class = pv_command_line_parse(table[i].command, strlen(table[i].command),
							    table[i].with_tokens ? &tokens : NULL, &c, &e);
		if (table[i].why != NULL) {
			if (class != PV_PERMANENT || strstr(e.text, table[i].why) == NULL)
				fail_msg("`%s`: class %d, `%s`", table[i].command, (int)class, e.text);
			assert_null(c.argv[0]);
			continue;
		}
		if (class != PV_OK || strcmp(words_of(&c), table[i].words) != 0)
			fail_msg("`%s`: class %d, %s, `%s`", table[i].command, (int)class, e.text,
				 class == PV_OK ? words_of(&c) : "");
		pv_command_line_free(&c);
	}
}

/* What people have tried in an address. */
static const char *const payloads[] = {
	"$(id)",      "`id`",	   "${IFS}id",	"$HOME",	"$((1+1))",
	";id",	      "; id #",	   "&&id",	"& id &",	"||id",
	"|id",	      "| /bin/sh", ">/tmp/x",	"</etc/shadow", ">>x",
	"2>&1",	      "a\nid",	   "a\rid",	"a\0x",		"'; id; '",
	"\"; id; \"", "'$(id)'",   "\"$(id)\"", "\\$(id)",	"\\",
	"\\\\",	      "a b",	   " a",	"a ",		"\ta",
	"*",	      "~root",	   "{a,b}",	"[a-z]*",	"!!",
	"#a",	      "%u",	   "%d%f",	"%%",		"%n%n%n%s",
	"-oQ/tmp",    "-C/tmp/x",  "--",	"--help",	"../../etc/passwd",
	"/bin/sh",    "",	   "\x1b[2J",	"\xff\xfe",	"() { :;}; id",
	"<(id)",      "a@b|id",	   "\"a b\"@c", "=(id)",	"^id",
	"\v",	      "\x7f",
};

static void a_token_is_a_part_of_its_argument_and_nothing_more(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof payloads / sizeof *payloads; i++) {
		static const char command[] = "/bin/x %f '%f' \"%f\" --from=%f%f a";
		const struct pv_command_tokens t = { "kvt.dk", payloads[i], "abc" };
		char twice[200];
		struct pv_command_line c;
		(void)snprintf(twice, sizeof twice, "--from=%s%s", payloads[i], payloads[i]);
		enum pv_class class = pv_command_line_parse(command, sizeof command - 1, &t, &c, NULL);
		assert_int_equal(class,
				 payloads[i][0] == '-' ? PV_PERMANENT : PV_OK); /* it would be an option */
		if (class != PV_OK)
			continue;
		assert_int_equal(c.count, 6);
		assert_string_equal(c.argv[0], "/bin/x");
		for (int k = 1; k < 4; k++)
			assert_string_equal(c.argv[k], payloads[i]);
		assert_string_equal(c.argv[4], twice);
		assert_string_equal(c.argv[5], "a");
		pv_command_line_free(&c);
	}
	assert_true(sizeof payloads / sizeof *payloads >= 40);
}

/* The same payloads, written by the administrator himself. */
static void what_only_a_shell_could_mean_is_refused_or_literal(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof payloads / sizeof *payloads; i++) {
		char command[200];
		struct pv_command_line c;
		(void)snprintf(command, sizeof command, "/bin/x %s", payloads[i]);
		enum pv_class class = pv_command_line_parse(command, strlen(command), NULL, &c, NULL);
		if (class == PV_OK) {
			for (unsigned k = 0; k < c.count; k++)
				if (strchr(payloads[i], '\'') == NULL)
					assert_null(strpbrk(c.argv[k], "$`<>|;&\n"));
			pv_command_line_free(&c);
		} else {
			assert_int_equal(class, PV_PERMANENT);
		}
	}
}

static void every_byte_arrives_or_is_refused(void **state)
{
	(void)state;
	for (int b = 1; b < 256; b++) {
		const char value[] = { 'a', (char)b, 'z', '\0' };
		const struct pv_command_tokens t = { value, value, value };
		struct pv_command_line c;
		char command[40];

		assert_int_equal(pv_command_line_parse("/bin/x %u", 9, &t, &c, NULL), PV_OK);
		assert_string_equal(c.argv[1], value);
		pv_command_line_free(&c);
		(void)snprintf(command, sizeof command, "/bin/x '%s'", value);
		bool control = (b < 0x20 && b != '\t') || b == 0x7f;
		enum pv_class class = pv_command_line_parse(command, strlen(command), NULL, &c, NULL);
		assert_int_equal(class, control || b == '\'' ? PV_PERMANENT : PV_OK);
		if (class == PV_OK)
			assert_string_equal(c.argv[1], value);
		pv_command_line_free(&c);
	}
	/* A NUL does not end the command early. */
	struct pv_command_line c;
	assert_int_equal(pv_command_line_parse("/bin/x a\0b", 10, NULL, &c, NULL), PV_PERMANENT);
}

static void there_are_limits(void **state)
{
	static char many[3000], large[300000];
	const struct pv_command_tokens t = { "kvt.dk", large, "abc" };
	struct pv_command_line c;
	struct pv_error e;

	(void)state;
	memcpy(many, "/bin/x", 6);
	for (int i = 0; i < PV_COMMAND_ARGS_MAX - 1; i++)
		memcpy(many + 6 + 2 * i, " a", 2);
	size_t len = strlen(many);
	assert_int_equal(pv_command_line_parse(many, len, NULL, &c, &e), PV_OK);
	assert_int_equal(c.count, PV_COMMAND_ARGS_MAX);
	assert_null(c.argv[PV_COMMAND_ARGS_MAX]);
	pv_command_line_free(&c);
	memcpy(many + len, " a", 2);
	assert_int_equal(pv_command_line_parse(many, len + 2, NULL, &c, &e), PV_PERMANENT);
	assert_non_null(strstr(e.text, "more than 64 words"));
	memset(large, 'x', sizeof large - 1);
	assert_int_equal(pv_command_line_parse("/bin/x %f", 9, &t, &c, &e), PV_TEMPORARY);
}

static bool no_memory;

void *__real_realloc(void *p, size_t size);
void *__wrap_realloc(void *p, size_t size);

void *__wrap_realloc(void *p, size_t size)
{
	return no_memory ? NULL : __real_realloc(p, size);
}

/* What a compiler makes of realloc(NULL, size). */
void *__real_malloc(size_t size);
void *__wrap_malloc(size_t size);

void *__wrap_malloc(size_t size)
{
	return no_memory ? NULL : __real_malloc(size);
}

static void no_memory_is_temporary(void **state)
{
	struct pv_command_line c;
	struct pv_error e;

	(void)state;
	no_memory = true;
	enum pv_class class = pv_command_line_parse("/bin/x a", 8, NULL, &c, &e);
	no_memory = false;
	assert_int_equal(class, PV_TEMPORARY);
	assert_int_equal(e.class, PV_TEMPORARY);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(commands_are_cut_into_words),
		cmocka_unit_test(a_token_is_a_part_of_its_argument_and_nothing_more),
		cmocka_unit_test(what_only_a_shell_could_mean_is_refused_or_literal),
		cmocka_unit_test(every_byte_arrives_or_is_refused),
		cmocka_unit_test(there_are_limits),
		cmocka_unit_test(no_memory_is_temporary),
	};

	return cmocka_run_group_tests_name("store_command_line", tests, NULL, NULL);
}
