/*
 * command_fuzz.c: whatever an administrator writes as a command and whatever stands in a token: the words are
 * his, a token never makes one more, and no byte of it means anything.
 *
 * Input: the value of a token, a newline, then the command.
 * fuzz-max-len: 600
 */
#include "store/command_line.h"
#include "t/fuzz/require.h"

#include <stdint.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* Is `word` what `marked` is with value in place of each mark? */
static void compare(const char *word, const char *marked, const char *value)
{
	for (; *marked != '\0'; marked++) {
		if (*marked == '\x01') {
			require(strncmp(word, value, strlen(value)) == 0);
			word += strlen(value);
		} else {
			require(*word++ == *marked);
		}
	}
	require(*word == '\0');
}

static void check_words(const struct pv_command_line *c)
{
	require(c->count > 0 && c->count <= PV_COMMAND_ARGS_MAX && c->argv[c->count] == NULL);
	require(c->argv[0][0] == '/');
	for (unsigned i = 0; i < c->count; i++)
		for (const char *p = c->argv[i]; *p != '\0'; p++)
			require(((unsigned char)*p >= 0x20 && *p != 0x7f) || *p == '\t' || *p == '\x01');
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	const char *all = (const char *)data, *newline = size > 0 ? memchr(all, '\n', size) : NULL;
	struct pv_command_line plain, marked, real;
	char value[200];
	struct pv_error e;

	if (newline == NULL)
		return 0;
	const char *s = newline + 1;
	size_t len = size - (size_t)(s - all);
	(void)snprintf(value, sizeof value, "%.*s", (int)(newline - all), all);
	const struct pv_command_tokens mark = { "\x01", "\x01", "\x01" }, tokens = { value, value, value };
	enum pv_class c = pv_command_line_parse(s, len, NULL, &plain, &e);
	if (c == PV_OK) {
		check_words(&plain);
		for (unsigned i = 0; i < plain.count; i++)
			require(strchr(plain.argv[i], '\x01') == NULL);
		pv_command_line_free(&plain);
	} else {
		require(c == PV_PERMANENT && e.class == c && e.text[0] != '\0');
	}
	c = pv_command_line_parse(s, len, &mark, &marked, &e);
	enum pv_class with = pv_command_line_parse(s, len, &tokens, &real, &e);
	/* What would become an option is refused when it is met. */
	bool option = c == PV_OK && with == PV_PERMANENT && strcmp(e.status, "5.1.7") == 0;
	require(with == c || option);
	if (option) {
		pv_command_line_free(&marked);
	} else if (c == PV_OK) {
		check_words(&marked);
		require(real.count == marked.count && strcmp(real.argv[0], marked.argv[0]) == 0);
		for (unsigned i = 0; i < real.count; i++)
			compare(real.argv[i], marked.argv[i], value);
		pv_command_line_free(&marked);
		pv_command_line_free(&real);
	}
	return 0;
}
