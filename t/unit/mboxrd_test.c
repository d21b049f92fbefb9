/*
 * Quoting: what a reader takes for the start of a message never stands in one, it can be taken away again
 * exactly, and none of it depends on how the message came in pieces.
 */
#include "scratch.h"

#include "mailbox/mboxrd.h"

enum { LONGEST = 3 * 65536 };

/* Quote message[0..len), in pieces of at most `most` bytes (0: in one), of random lengths if `random`. */
static void quote(const char *message, size_t len, size_t most, uint64_t *random, struct pv_content *out)
{
	struct pv_mboxrd q = PV_MBOXRD_INIT;

	pv_content_start(out, -1);
	for (size_t at = 0; at < len;) {
		size_t n = most == 0 ? len : most;
		if (random != NULL)
			n = next_random(random) % (most + 1);
		if (n > len - at)
			n = len - at;
		assert_int_equal(pv_mboxrd_add(&q, out, message + at, n, NULL), PV_OK);
		at += n;
	}
	assert_int_equal(pv_mboxrd_finish(&q, out, NULL), PV_OK);
	assert_int_equal(pv_content_finish(out, NULL), PV_OK);
}

/* Written a second time, as simply as it can be: does this line need a `>`? */
static bool needs_quote(const char *line, size_t len)
{
	size_t n = 0;

	while (n < len && line[n] == '>')
		n++;
	return len - n >= 5 && memcmp(line + n, "From ", 5) == 0;
}

static size_t line_length(const char *line, size_t left)
{
	const char *newline = memchr(line, '\n', left);

	return newline != NULL ? (size_t)(newline + 1 - line) : left;
}

static size_t expected(const char *message, size_t len, char *out)
{
	size_t n = 0;

	for (size_t at = 0; at < len;) {
		size_t line = line_length(message + at, len - at);
		if (needs_quote(message + at, line))
			out[n++] = '>';
		memcpy(out + n, message + at, line);
		n += line;
		at += line;
	}
	if (len > 0 && message[len - 1] != '\n')
		out[n++] = '\n';
	out[n++] = '\n';
	return n;
}

/* Take the quoting away again, and the newlines that finishing added. */
static size_t unquoted(const char *stored, size_t len, size_t original_len, char *out)
{
	size_t n = 0;

	for (size_t at = 0; at < len;) {
		size_t line = line_length(stored + at, len - at), skip = 0;
		if (stored[at] == '>' && needs_quote(stored + at + 1, line - 1))
			skip = 1;
		memcpy(out + n, stored + at + skip, line - skip);
		n += line - skip;
		at += line;
	}
	return n < original_len ? n : original_len;
}

static void check_content(const struct pv_content *c, const char *want, size_t len, const char *what)
{
	if (c->size != len || c->memory.len != len || memcmp(c->memory.s, want, len) != 0)
		fail_msg("%s: got `%.*s`, want `%.*s`", what,
			 (int)(c->memory.len > 200 ? 200 : c->memory.len), c->memory.s,
			 (int)(len > 200 ? 200 : len), want);
}

/* One message in one piece, in pieces of each small size, and in random pieces. */
static void check_message(const char *message, size_t len, const char *what)
{
	static char want[LONGEST + 1024], back[LONGEST + 1024];
	uint64_t random = 4711;
	size_t want_len = expected(message, len, want);
	struct pv_content c;

	quote(message, len, 0, NULL, &c);
	check_content(&c, want, want_len, what);
	assert_int_equal(unquoted(c.memory.s, c.memory.len, len, back), len);
	assert_memory_equal(back, message, len);
	pv_content_free(&c);
	for (size_t most = 1; most <= 9; most++) {
		quote(message, len, most, NULL, &c);
		check_content(&c, want, want_len, what);
		pv_content_free(&c);
	}
	for (int i = 0; i < 4; i++) {
		quote(message, len, len > 100 ? 8192 : 5, &random, &c);
		check_content(&c, want, want_len, what);
		pv_content_free(&c);
	}
}

static void lines_behind_everything(void **state)
{
	static const char *const before[] = { "",	  "\n",	  "\n\n", "text\n", "text\n\n",
					      "text\r\n", "\r\n", "\r",	  ">",	    "F\n" };
	static const char *const lines[] = { "From s@example.org Fri Nov 20 09:56:12 2026\n",
					     "From \n",
					     "From x\n",
					     ">From x\n",
					     ">>>From x\n",
					     "From x",
					     "From ",
					     "From",
					     "Fro",
					     ">",
					     ">>",
					     ">F",
					     ">From",
					     "from x\n",
					     "FROM x\n",
					     "Fromage\n",
					     "From\tx\n",
					     " From x\n",
					     "> From x\n",
					     "From \nFrom \n",
					     ">From \n>>From ",
					     "FFrom x\n",
					     "FrFrom x\n",
					     ">x>From \n" };
	char message[256];
	unsigned rows = 0;

	(void)state;
	for (size_t b = 0; b < sizeof before / sizeof *before; b++)
		for (size_t l = 0; l < sizeof lines / sizeof *lines; l++, rows++) {
			int n = snprintf(message, sizeof message, "%s%s", before[b], lines[l]);
			check_message(message, (size_t)n, message);
		}
	assert_true(rows >= 60);
}

static void bytes_that_end_no_line(void **state)
{
	static const char nul[] = "a\0From x\n\0\nFrom y\n\0", high[] = "\xff\xfe\nFrom \x80\n";

	(void)state;
	check_message(nul, sizeof nul - 1, "behind a NUL");
	check_message(high, sizeof high - 1, "with 8-bit bytes");
}

/* A line that begins some bytes around the end of a buffer of any usual size. */
static void at_buffer_edges(void **state)
{
	static const size_t edges[] = { 1024, 4096, 8192, 16384, 65536, 131072 };
	static char message[LONGEST];

	(void)state;
	for (size_t i = 0; i < sizeof edges / sizeof *edges; i++)
		for (int d = -7; d <= 2; d++) {
			size_t at = edges[i] + (size_t)(d + 8) - 8;
			memset(message, 'x', at);
			message[at - 1] = '\n';
			memcpy(message + at, ">>From me\nend\n", 14);
			check_message(message, at + 14, "at an edge");
		}
}

/* Any sequence of the bytes that matter. */
static void random_messages(void **state)
{
	static const char alphabet[] = "\n\n>>From \r\0x";
	uint64_t random = 20261120;
	char message[64];

	(void)state;
	for (int i = 0; i < 20000; i++) {
		size_t len = next_random(&random) % sizeof message, at = 0;
		while (at < len) {
			uint32_t r = next_random(&random);
			if (r % 4 == 0 && len - at >= 5) {
				memcpy(message + at, "From ", 5);
				at += 5;
			} else {
				message[at++] = alphabet[r / 4 % (sizeof alphabet - 1)];
			}
		}
		check_message(message, len, "random");
	}
}

/* A line of a million `>` is one line all the same, and none of them is lost. */
static void a_million_brackets(void **state)
{
	enum { MANY = 1000 * 1000 };
	char *message = malloc(MANY + 6);
	struct pv_content c;

	(void)state;
	assert_non_null(message);
	memset(message, '>', MANY);
	memcpy(message + MANY, "From \n", 6);
	for (size_t most = 0; most < 5000; most += 4999) {
		quote(message, MANY + 6, most, NULL, &c);
		assert_int_equal(c.size, MANY + 6 + 2);
		assert_int_equal(c.memory.s[MANY], '>');
		assert_memory_equal(c.memory.s + MANY + 1, "From \n\n", 7);
		pv_content_free(&c);
	}
	free(message);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(lines_behind_everything), cmocka_unit_test(bytes_that_end_no_line),
		cmocka_unit_test(at_buffer_edges),	   cmocka_unit_test(random_messages),
		cmocka_unit_test(a_million_brackets),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
