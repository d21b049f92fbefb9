/*
 * Does a message stand in a mailbox that another program has rewritten?
 */
#include "scratch.h"

#include "mailbox/find.h"

#define OURS "From s@x Fri Nov 20 09:56:12 2026\nReturn-Path: <s@x>\nSubject: one\n\nbody\nmore\n\n"
#define OTHER "From o@x Fri Nov 20 09:00:00 2026\nReturn-Path: <o@x>\n\nother\n\n"

static const struct row {
	const char *sentence, *mailbox;
	bool found;
} rows[] = {
	{ "alone", OURS, true },
	{ "first", OURS OTHER, true },
	{ "last", OTHER OURS, true },
	{ "between", OTHER OURS OTHER, true },
	{ "twice", OURS OURS, true },
	{ "an empty mailbox", "", false },
	{ "other messages", OTHER OTHER, false },
	{ "with another program's lines",
	  OTHER "From s@x Fri Nov 20 09:56:12 2026\nX-UID: 1\nReturn-Path: <s@x>\nStatus: RO\nSubject: "
		"one\nX-Keywords: \n\nbody\nmore\n\n" OTHER,
	  true },
	{ "with another From_ line",
	  "From s@x Sat Nov 21 09:56:12 2026\nReturn-Path: <s@x>\nSubject: one\n\nbody\nmore\n\n", true },
	{ "without the empty line at its end",
	  "From s@x Fri Nov 20 09:56:12 2026\nReturn-Path: <s@x>\nSubject: one\n\nbody\nmore\n", true },
	{ "with more empty lines at its end", OURS "\n\n" OTHER, true },
	{ "a header line less", "From s@x Fri Nov 20 09:56:12 2026\nReturn-Path: <s@x>\n\nbody\nmore\n\n",
	  false },
	{ "header lines in another order",
	  "From s@x Fri Nov 20 09:56:12 2026\nSubject: one\nReturn-Path: <s@x>\n\nbody\nmore\n\n", false },
	{ "another header line",
	  "From s@x Fri Nov 20 09:56:12 2026\nReturn-Path: <s@x>\nSubject: two\n\nbody\nmore\n\n", false },
	{ "a body line more",
	  "From s@x Fri Nov 20 09:56:12 2026\nReturn-Path: <s@x>\nSubject: one\n\nbody\nmore\nmore\n\n",
	  false },
	{ "a body line less",
	  "From s@x Fri Nov 20 09:56:12 2026\nReturn-Path: <s@x>\nSubject: one\n\nbody\n\n", false },
	{ "another body",
	  "From s@x Fri Nov 20 09:56:12 2026\nReturn-Path: <s@x>\nSubject: one\n\nbody\nMore\n\n", false },
	{ "torn, at the end",
	  OTHER "From s@x Fri Nov 20 09:56:12 2026\nReturn-Path: <s@x>\nSubject: one\n\nbody\nmo", false },
	{ "torn, and whole behind", "From s@x Fri Nov 20 09:56:12 2026\nReturn-Path: <s@x>\nSubj\n\n" OURS,
	  true },
	{ "its header in one message, its body in the next",
	  "From s@x Fri Nov 20 09:56:12 2026\nReturn-Path: <s@x>\nSubject: one\n\nx\n\nFrom a\nSubject: "
	  "one\n\nbody\nmore\n\n",
	  false },
	{ "quoted in another's body", "From a\nA: b\n\n>" OURS, false },
};

static bool found_in(const struct scratch *s, const char *mailbox, size_t len, const char *ours)
{
	struct pv_content c;
	bool found = false;

	pv_content_start(&c, -1);
	assert_int_equal(pv_content_add(&c, ours, strlen(ours), NULL), PV_OK);
	assert_int_equal(pv_content_finish(&c, NULL), PV_OK);
	scratch_write(s, "box", mailbox, len);
	int fd = openat(s->fd, "box", O_RDONLY | O_CLOEXEC);
	assert_int_equal(pv_find_message(fd, len, &c, &found, NULL), PV_OK);
	(void)close(fd);
	pv_content_free(&c);
	return found;
}

static void mailboxes(void **state)
{
	for (const struct row *r = rows; r < rows + sizeof rows / sizeof *rows; r++)
		if (found_in(*state, r->mailbox, strlen(r->mailbox), OURS) != r->found)
			fail_msg("%s: it is %sfound", r->sentence, r->found ? "not " : "");
}

/* Every byte of the message matters, wherever it stands (but that of the From_ line, and the last newline).
 */
static void every_byte(void **state)
{
	char box[300];

	for (size_t at = strcspn(OURS, "\n") + 1; at < sizeof OURS - 2; at++) {
		(void)snprintf(box, sizeof box, "%s%s", OURS, OTHER);
		box[at] = box[at] == '\n' ? 'x' : (char)(box[at] ^ 1);
		assert_false(found_in(*state, box, strlen(box), OURS));
	}
}

/* At every place in the blocks that are read, with lines longer than a block. */
static void at_every_offset(void **state)
{
	static char box[70000], ours[30000];

	(void)snprintf(ours, sizeof ours, "From s@x Fri Nov 20 09:56:12 2026\nSubject: x\n\n");
	size_t n = strlen(ours);
	memset(ours + n, 'y', 20000);
	(void)snprintf(ours + n + 20000, 10, "\nend\n\n");
	for (size_t before = 0; before < 9000; before += before < 300 || before > 7800 ? 1 : 37) {
		size_t len = (size_t)snprintf(box, sizeof box, "From o\n\n");
		memset(box + len, 'z', before);
		len += before;
		len += (size_t)snprintf(box + len, sizeof box - len, "\n\n%s%s", ours, OTHER);
		assert_true(found_in(*state, box, len, ours));
		box[len - strlen(OTHER) - 8] ^= 1; /* a byte near its end */
		assert_false(found_in(*state, box, len, ours));
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(mailboxes, scratch_make, scratch_remove),
		cmocka_unit_test_setup_teardown(every_byte, scratch_make, scratch_remove),
		cmocka_unit_test_setup_teardown(at_every_offset, scratch_make, scratch_remove),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
