/*
 * The message behind an mbox's: quoting, taken off, gives back every byte, from memory and from a file,
 * wherever its pieces end.
 */
#include "scratch.h"

#include "mailbox/mboxrd.h"
#include "mailbox/plain.h"

enum { LONGEST = 4 * 65536 };

#define TOP "From s@x.org Fri Nov 20 09:56:12 2026\n"

/* A content as a delivery composes it; in_file: as of a large message. */
static void compose(const char *message, size_t len, bool in_file, struct pv_content *c)
{
	struct pv_mboxrd q = PV_MBOXRD_INIT;

	pv_content_start(c, -1);
	assert_int_equal(pv_content_add(c, TOP, sizeof TOP - 1, NULL), PV_OK);
	assert_int_equal(pv_mboxrd_add(&q, c, message, len, NULL), PV_OK);
	assert_int_equal(pv_mboxrd_finish(&q, c, NULL), PV_OK);
	if (in_file) {
		c->fd = open("/var/tmp", O_RDWR | O_TMPFILE | O_CLOEXEC, 0600);
		assert_true(c->fd >= 0);
	}
	assert_int_equal(pv_content_finish(c, NULL), PV_OK);
}

static void expect(const struct scratch *s, const char *message, size_t len)
{
	static char found[LONGEST + 2], want[LONGEST + 2];
	struct pv_content c;
	struct pv_plain p;

	memcpy(want, message, len);
	/* A message that ends within a line gets its newline when it is composed. */
	size_t want_len = len;
	if (len > 0 && message[len - 1] != '\n')
		want[want_len++] = '\n';
	for (int in_file = 0; in_file < 2; in_file++) {
		compose(message, len, in_file == 1, &c);
		assert_int_equal(pv_plain_start(&p, &c), 0);
		assert_int_equal(p.size, want_len);
		int fd = openat(s->fd, "plain", O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
		assert_int_equal(pv_plain_write(&p, fd), 0);
		assert_int_equal(lseek(fd, 0, SEEK_END), want_len);
		assert_int_equal(pread(fd, found, sizeof found, 0), want_len);
		(void)close(fd);
		assert_memory_equal(found, want, want_len);
		pv_content_free(&c);
	}
}

static const char *const rows[] = {
	"",
	"\n",
	"x",
	"A: b\n\nFrom me\n",
	"From me\n>From you\n>>From them\n",
	">From",
	">>>",
	">\n>F\n>From\n>From\n",
	">From ",
	">Fromage\n> From x\n>from x\n>FrFrom x\n",
	"From \n\n\n\n",
	"A: b\r\n\r\nFrom me\r\n",
};

static void each_row(void **state)
{
	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++)
		expect(*state, rows[i], strlen(rows[i]));
	expect(*state, "a\0>From \0\n>From \0", 18);
}

/* At every place around the edge of what is read at once. */
static void across_edges(void **state)
{
	static const char *const ends[] = { ">From x\n", "From x\n", ">>>From", ">Fro\n", ">>\n" };
	static char message[LONGEST];

	for (size_t i = 0; i < sizeof ends / sizeof *ends; i++)
		for (size_t before = 65536 - sizeof TOP - 12; before < 65536; before++) {
			memset(message, 'a', before);
			message[before - 1] = '\n';
			size_t len = strlen(ends[i]);
			memcpy(message + before, ends[i], len);
			expect(*state, message, before + len);
		}
	memset(message, '>', sizeof message - 6);
	expect(*state, message, 70000);
	memcpy(message + 150000, "From ", 5);
	expect(*state, message, 150005);
	expect(*state, message, 150003);
}

static void random_messages(void **state)
{
	static const char letters[] = "From >\n\rx";
	static char message[3000];
	uint64_t random = 3;

	for (int i = 0; i < 3000; i++) {
		size_t len = next_random(&random) % sizeof message;
		for (size_t k = 0; k < len; k++)
			message[k] = letters[next_random(&random) % (sizeof letters - 1)];
		for (size_t k = 10; k + 8 < len; k += 5 + next_random(&random) % 200)
			memcpy(message + k, "\n>>From " + next_random(&random) % 3, 5);
		expect(*state, message, len);
	}
}

/* A content that no delivery composes. */
static void what_a_content_lacks(void **state)
{
	static const struct {
		const char *content, *plain;
	} odd[] = { { "", "" },
		    { "A: b\n", "A: b" },
		    { "From x", "From x" },
		    { "From x\n", "" },
		    { "From x\n\n", "" } };
	const struct scratch *s = *state;
	struct pv_content c;
	struct pv_plain p;

	for (size_t i = 0; i < sizeof odd / sizeof *odd; i++) {
		pv_content_start(&c, -1);
		assert_int_equal(pv_content_add(&c, odd[i].content, strlen(odd[i].content), NULL), PV_OK);
		assert_int_equal(pv_content_finish(&c, NULL), PV_OK);
		assert_int_equal(pv_plain_start(&p, &c), 0);
		assert_int_equal(p.size, strlen(odd[i].plain));
		int fd = openat(s->fd, "odd", O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
		assert_int_equal(pv_plain_write(&p, fd), 0);
		(void)close(fd);
		assert_true(scratch_holds(s, "odd", odd[i].plain, strlen(odd[i].plain)));
		pv_content_free(&c);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(each_row, scratch_make, scratch_remove),
		cmocka_unit_test_setup_teardown(across_edges, scratch_make, scratch_remove),
		cmocka_unit_test_setup_teardown(random_messages, scratch_make, scratch_remove),
		cmocka_unit_test_setup_teardown(what_a_content_lacks, scratch_make, scratch_remove),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
