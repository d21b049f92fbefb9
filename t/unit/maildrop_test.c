/*
 * A maildrop as a session sees it, and what its update leaves of the mbox.
 */
#include "maildrop_world.h"

#include "mailbox/mailbox.h"

#include <sys/file.h>
#include <time.h>

#define F "From a@b Fri Nov 20 09:00:00 2026\n"
#define ONE F "Subject: one\n\nfirst\n\n"
#define TWO F "Subject: two\n\nsecond\n\n"
#define THREE F "Subject: three\n\nthird\n\n"
#define FOUR F "Subject: four\n\nfourth\n\n"

static struct pv_maildrop *with(const struct scratch *s, const char *mbox)
{
	static struct pv_location l;

	l = box_location(s, "box");
	scratch_write(s, "box", mbox, strlen(mbox));
	return box_open(&l);
}

static void expect_box(const struct scratch *s, const char *want, const char *what)
{
	struct text t = { .s = NULL };

	read_file(s, "box", &t);
	if (t.len != strlen(want) || memcmp(t.s, want, t.len) != 0)
		fail_msg("%s: the mailbox is `%s`, not `%s`", what, t.s, want);
	text_free(&t);
	if (faccessat(s->fd, ".box.new", F_OK, AT_SYMLINK_NOFOLLOW) == 0 ||
	    faccessat(s->fd, "box.lock", F_OK, AT_SYMLINK_NOFOLLOW) == 0)
		fail_msg("%s: a file was left", what);
}

/* --- what is sent --- */

static void top_sends_the_header_and_some_lines(void **state)
{
	static const struct {
		const char *mbox;
		uint64_t lines;
		const char *sent;
	} rows[] = {
		{ F "A: b\n\n1\n2\n3\n\n", 0, "A: b\r\n\r\n" },
		{ F "A: b\n\n1\n2\n3\n\n", 1, "A: b\r\n\r\n1\r\n" },
		{ F "A: b\n\n1\n2\n3\n\n", 3, "A: b\r\n\r\n1\r\n2\r\n3\r\n" },
		{ F "A: b\n\n1\n2\n3\n\n", 4, "A: b\r\n\r\n1\r\n2\r\n3\r\n" },
		{ F "A: b\n\n\n\n3\n\n", 1, "A: b\r\n\r\n\r\n" },
		{ F "A: b\n\n", 0, "A: b\r\n" },
		{ F "\n1\n2\n", 0, "\r\n" },
		{ F "A: b\r\n\r\n1\r\n2\r\n", 1, "A: b\r\n\r\n1\r\n" },
		{ F "A: b\n\n1", 1, "A: b\r\n\r\n1\r\n" },
		{ "1\n\n2\n3\n", 1, "1\r\n\r\n2\r\n" },
	};
	struct text t = { .s = NULL };

	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
		struct pv_maildrop *m = with(*state, rows[i].mbox);
		box_fetch(m, 0, rows[i].lines, &t);
		assert_string_equal(t.s, rows[i].sent);
		pv_maildrop_close(m);
	}
	text_free(&t);
}

static void dots_are_stuffed(void **state)
{
	struct pv_maildrop *m = with(*state, F ".A: b\n\n.\n..\n. x\n>.\nx.\n\n");
	struct text t = { .s = NULL };

	must(pv_maildrop_send(m, 0, PV_ALL_LINES, into_text, &t, NULL), NULL);
	assert_string_equal(t.s, "..A: b\r\n\r\n..\r\n...\r\n.. x\r\n>.\r\nx.\r\n");
	struct pv_maildrop_message got;
	pv_maildrop_message(m, 0, &got);
	assert_int_equal(got.octets, t.len - 4);
	assert_int_equal(got.lines, 7);
	pv_maildrop_close(m);
	text_free(&t);
}

static enum pv_class refuse_all(void *ctx, const char *data, size_t len, struct pv_error *e)
{
	(void)data, (void)len;
	++*(unsigned *)ctx;
	return pv_fail(e, PV_TEMPORARY, NULL, "the client is gone");
}

static void a_sink_that_fails_ends_the_sending(void **state)
{
	struct pv_maildrop *m = with(*state, ONE);
	struct pv_error e;
	unsigned calls = 0;

	assert_int_equal(pv_maildrop_send(m, 0, PV_ALL_LINES, refuse_all, &calls, &e), PV_TEMPORARY);
	assert_string_equal(e.text, "the client is gone");
	assert_int_equal(calls, 1);
	/* Its fault, not the mailbox's. */
	assert_int_equal(pv_maildrop_check(m, 0, &e), PV_OK);
	pv_maildrop_close(m);
}

/* --- opening --- */

static void a_missing_mailbox_is_empty_and_stays_missing(void **state)
{
	const struct scratch *s = *state;
	const struct pv_location l = box_location(s, "none");

	struct pv_maildrop *m = box_open(&l);
	assert_int_equal(pv_maildrop_count(m), 0);
	must(pv_maildrop_update(m, NULL), NULL);
	pv_maildrop_close(m);
	assert_int_equal(scratch_count(s->path), 0);
}

static void what_is_no_mailbox_is_refused(void **state)
{
	const struct scratch *s = *state;
	struct pv_location l = box_location(s, "box");
	struct pv_maildrop *m;
	struct pv_error e;

	scratch_write(s, "target", ONE, strlen(ONE));
	assert_int_equal(symlinkat("target", s->fd, "box"), 0);
	assert_int_equal(box_try(&l, &m, &e), PV_TEMPORARY);
	assert_int_equal(unlinkat(s->fd, "box", 0), 0);
	assert_int_equal(linkat(s->fd, "target", s->fd, "box", 0), 0);
	assert_int_equal(box_try(&l, &m, &e), PV_TEMPORARY);
	assert_int_equal(unlinkat(s->fd, "box", 0), 0);
	assert_int_equal(mkfifoat(s->fd, "box", 0600), 0);
	assert_int_equal(box_try(&l, &m, &e), PV_TEMPORARY);
	assert_int_equal(unlinkat(s->fd, "box", 0), 0);
	assert_int_equal(mkdirat(s->fd, "box", 0700), 0);
	assert_int_equal(box_try(&l, &m, &e), PV_TEMPORARY);
	assert_int_equal(unlinkat(s->fd, "box", AT_REMOVEDIR), 0);
	scratch_write(s, "box", ONE, strlen(ONE));
	assert_int_equal(fchmodat(s->fd, "box", 0622, 0), 0);
	assert_int_equal(box_try(&l, &m, &e), PV_TEMPORARY);
	if (geteuid() == 0) {
		assert_int_equal(fchmodat(s->fd, "box", 0600, 0), 0);
		assert_int_equal(fchownat(s->fd, "box", 1, 1, 0), 0);
		assert_int_equal(box_try(&l, &m, &e), PV_TEMPORARY);
	}
}

static void a_busy_mailbox_is_waited_for_and_then_refused(void **state)
{
	const struct scratch *s = *state;
	const struct pv_location l = box_location(s, "box");
	struct flock whole = { .l_type = F_WRLCK, .l_whence = SEEK_SET };
	struct pv_maildrop *m;
	struct pv_error e;

	scratch_write(s, "box", ONE, strlen(ONE));
	int fd = openat(s->fd, "box", O_RDWR | O_CLOEXEC);
	assert_int_equal(fcntl(fd, F_OFD_SETLK, &whole), 0);
	assert_int_equal(box_try(&l, &m, &e), PV_TEMPORARY);
	(void)close(fd);
	m = box_open(&l);
	/* Between the two ends of a session it is free. */
	fd = openat(s->fd, "box", O_RDWR | O_CLOEXEC);
	assert_int_equal(fcntl(fd, F_OFD_SETLK, &whole), 0);
	pv_maildrop_set_deleted(m, 0, true);
	assert_int_equal(pv_maildrop_update(m, &e), PV_TEMPORARY);
	(void)close(fd);
	expect_box(s, ONE, "locked by others");
	pv_maildrop_close(m);
}

static void a_temporary_file_that_was_left_goes(void **state)
{
	const struct scratch *s = *state;

	scratch_write(s, ".box.new", "half", 4);
	scratch_write(s, ".box.index.new", "half", 4);
	pv_maildrop_close(with(s, ONE));
	assert_int_not_equal(faccessat(s->fd, ".box.index.new", F_OK, AT_SYMLINK_NOFOLLOW), 0);
	expect_box(s, ONE, "opened after a kill");
}

/* --- unique-ids --- */

static void uidl_of(const struct scratch *s, const char *mbox, size_t i, char out[PV_UIDL_SIZE])
{
	struct pv_error e;

	struct pv_maildrop *m = with(s, mbox);
	must(pv_maildrop_uidl(m, i, out, &e), &e);
	pv_maildrop_close(m);
}

static void the_unique_id_is_of_what_the_message_says(void **state)
{
	static const char *const same[] = {
		F "A: b\nB: c\n\nbody\nFrom x\nend\n\n" /* unquoted, as no empty line is before it */,
		F "A: b\nB: c\n\nbody\nFrom x\nend\n",
		F "A: b\nB: c\n\nbody\nFrom x\nend",
		"From other@else Sat Nov 21 09:00:00 2026\nA: b\nB: c\n\nbody\n>From x\nend\n\n",
		F "Status: RO\nA: b\nB: c\n\nbody\n>From x\nend\n\n",
		F "Return-Path: <x>\nDelivered-To: y\nA: b\nX-Y: z\n\tfolded\n folded\nB: c\nstatus: "
		  "O\n\nbody\n>From x\nend\n\n",
		F "A: b\nB: c\nContent-Length: 5\nLines: 7\nX-UID: 8\nx-keywords:\n\nbody\n>From x\nend\n\n",
		F "A: b\r\nB: c\r\n\r\nbody\r\n>From x\r\nend\r\n\r\n",
		F "A: b\r\nX-A: b\nB: c\n\nbody\n>From x\r\nend\r",
		"A: b\nB: c\n\nbody\n>From x\nend\n",
		"\n\n" F "A: b\nB: c\n\nbody\n>From x\nend\n\n" F "Z: z\n\n\n",
	};
	static const char *const other[] = {
		F "A: b\nB: d\n\nbody\nFrom x\nend\n\n",
		F "A: b\nB: c\n\nbody\n>>From x\nend\n\n",
		F "A: b\nB: c\n\nbody\n>From x\nend\n\n\n",
		F "A: b\nB: c\n\nbody\n>From x\nend \n\n",
		F "B: c\nA: b\n\nbody\n>From x\nend\n\n",
		F "A: b\nB: c\nStatusX: a\n\nbody\n>From x\nend\n\n",
		F "A: b\nB: c\nX-no colon\n\nbody\n>From x\nend\n\n",
		F "A: b\nB: c\n\nbody\n>From x\nStatus: RO\nend\n\n",
		F "A: b\n folded\nB: c\n\nbody\n>From x\nend\n\n",
	};
	char first[PV_UIDL_SIZE], id[PV_UIDL_SIZE];

	uidl_of(*state, same[0], 0, first);
	assert_int_equal(strlen(first), 26);
	for (size_t i = 1; i < sizeof same / sizeof *same; i++) {
		uidl_of(*state, same[i], 0, id);
		if (strcmp(first, id) != 0)
			fail_msg("another unique-id: `%s`", same[i]);
	}
	for (size_t i = 0; i < sizeof other / sizeof *other; i++) {
		uidl_of(*state, other[i], 0, id);
		if (strcmp(first, id) == 0)
			fail_msg("the same unique-id: `%s`", other[i]);
	}
}

static void equal_messages_are_counted(void **state)
{
	char id[5][PV_UIDL_SIZE], want[PV_UIDL_SIZE + 8];
	struct pv_error e;

	struct pv_maildrop *m = with(*state, ONE ONE TWO F "X-A: b\nSubject: one\n\nfirst\n\n" TWO);
	for (size_t i = 0; i < 5; i++)
		must(pv_maildrop_uidl(m, i, id[i], &e), &e);
	pv_maildrop_close(m);
	(void)snprintf(want, sizeof want, "%s-2", id[0]);
	assert_string_equal(id[1], want);
	(void)snprintf(want, sizeof want, "%s-3", id[0]);
	assert_string_equal(id[3], want);
	(void)snprintf(want, sizeof want, "%s-2", id[2]);
	assert_string_equal(id[4], want);
}

#define X(id) F "X-UIDL: " id "\nA: " id "\n\nb\n\n"
#define LONG69 "123456789-123456789-123456789-123456789-123456789-123456789-123456789"

static void the_unique_id_that_came_with_it_stays(void **state)
{
	static const struct {
		const char *mbox, *id[3]; /* "": one of ours; "-2": it, with that behind */
	} rows[] = {
		{ X("abc") X("def") X("~!"), { "abc", "def", "~!" } },
		{ X("abc") X("abc") X("abc"), { "abc", "abc-2", "abc-3" } },
		{ X("abc") X("abc-2") X("abc"), { "abc", "abc-2", "abc-3" } },
		{ X("abc") X("abc") X("abc-2"), { "abc", "abc-2", "abc-2-2" } },
		{ X(LONG69 "0") X(LONG69 "0") X(LONG69 "0"), { LONG69 "0", "-2", "-3" } },
		{ X(LONG69 "01") X("a b") X(""), { "", "", "" } },
		{ F "X-UIDL:\tabc \t\n\nb\n\n" F "x-uidl: def\nX-UIDL: ghi\n\nc\n\n" F
		    "A: b\n\nX-UIDL: def\n\n",
		  { "abc", "def", "" } },
		{ F "X-UIDL: abc\x7f\n\nb\n\n" F "X-UIDL: \xc3\xa6\n\nc\n\n" F "X-UIDL: abc\n def\n\nd\n\n",
		  { "", "", "abc" } },
		{ X("abc") F "Status: R\nX-UIDL: abc\r\n\nc\n\n" X("def"), { "abc", "abc-2", "def" } },
	};

	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
		char id[PV_UIDL_SIZE], plain[PV_UIDL_SIZE];
		struct pv_error e;
		struct pv_maildrop *m = with(*state, rows[i].mbox);
		for (size_t k = 0; k < 3; k++) {
			const char *want = rows[i].id[k];
			must(pv_maildrop_uidl(m, k, id, &e), &e);
			assert_in_range(strlen(id), 1, 70);
			bool ours = want[0] == '\0' || want[0] == '-';
			(void)snprintf(plain, sizeof plain, "%s", strlen(id) >= 26 ? id + 26 : "?");
			if (strcmp(ours ? plain : id, want) != 0)
				fail_msg("row %zu, message %zu: `%s`, not `%s`", i, k, id, want);
		}
		pv_maildrop_close(m);
	}
}

/* No two of many are the same, whatever the X-UIDLs are, and it takes no time. */
static void unique_ids_are_unique(void **state)
{
	enum { N = 4000 };
	static char ids[N][PV_UIDL_SIZE];
	struct text t = { .s = NULL };
	char line[200], first[PV_UIDL_SIZE];
	struct pv_error e;

	uidl_of(*state, ONE, 0, first);
	text_add(&t, "", 0);
	for (size_t i = 0; i < N; i++) {
		int n = 0;
		if (i % 4 == 0)
			n = snprintf(line, sizeof line, ONE);
		else if (i % 4 == 1)
			n = snprintf(line, sizeof line, F "X-UIDL: %s-%zu\n\nx\n\n", first, i / 8);
		else if (i % 4 == 2)
			n = snprintf(line, sizeof line, F "X-UIDL: a\n\nx\n\n");
		else
			n = snprintf(line, sizeof line, F "X-UIDL: a-%zu-%zu\n\nx\n\n", i / 8, i % 5);
		text_add(&t, line, (size_t)n);
	}
	struct pv_maildrop *m = with(*state, t.s);
	for (size_t i = 0; i < N; i++)
		must(pv_maildrop_uidl(m, i, ids[i], &e), &e);
	pv_maildrop_close(m);
	text_free(&t);
	qsort(ids, N, sizeof *ids, (int (*)(const void *, const void *))strcmp);
	for (size_t i = 1; i < N; i++)
		assert_string_not_equal(ids[i - 1], ids[i]);
}

/* --- the mailbox changes during the session --- */

static void append_to(const struct scratch *s, const char *what)
{
	int fd = openat(s->fd, "box", O_WRONLY | O_APPEND | O_CLOEXEC);

	assert_int_equal(write(fd, what, strlen(what)), strlen(what));
	(void)close(fd);
}

static void new_mail_changes_nothing(void **state)
{
	const struct scratch *s = *state;
	struct text t = { .s = NULL };
	char id[PV_UIDL_SIZE];

	struct pv_maildrop *m = with(s, ONE TWO);
	append_to(s, THREE);
	assert_int_equal(pv_maildrop_count(m), 2);
	must(pv_maildrop_uidl(m, 1, id, NULL), NULL);
	box_fetch(m, 1, PV_ALL_LINES, &t);
	assert_string_equal(t.s, "Subject: two\r\n\r\nsecond\r\n");
	pv_maildrop_set_deleted(m, 1, true);
	must(pv_maildrop_update(m, NULL), NULL);
	pv_maildrop_close(m);
	expect_box(s, ONE THREE, "mail came during the session");
	text_free(&t);
}

static void a_rewritten_mailbox_ends_it(void **state)
{
	/* with: what stands there instead; renamed: as another file. */
	static const struct {
		const char *with;
		bool renamed;
	} rows[] = {
		{ TWO, false },
		{ ONE TWO, true },
		{ TWO ONE, false },
		{ F "Status: RO\nSubject: one\n\nfirst\n\n" TWO, false },
		{ ONE F "Subject: two\n\nsecOnd\n\n", false },
		{ "", false },
		{ NULL, false },
	};
	const struct scratch *s = *state;
	struct text t = { .s = NULL };
	char id[PV_UIDL_SIZE];
	struct pv_error e;

	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
		struct pv_maildrop *m = with(s, ONE TWO);
		pv_maildrop_set_deleted(m, 0, true);
		if (rows[i].with == NULL)
			assert_int_equal(unlinkat(s->fd, "box", 0), 0);
		else if (rows[i].renamed) {
			scratch_write(s, "other", rows[i].with, strlen(rows[i].with));
			assert_int_equal(renameat(s->fd, "other", s->fd, "box"), 0);
		} else
			scratch_write(s, "box", rows[i].with, strlen(rows[i].with));
		assert_int_equal(pv_maildrop_check(m, 0, &e), PV_TEMPORARY);
		assert_int_equal(pv_maildrop_send(m, 1, PV_ALL_LINES, into_text, &t, &e), PV_TEMPORARY);
		assert_int_equal(pv_maildrop_uidl(m, 1, id, &e), PV_TEMPORARY);
		assert_int_equal(pv_maildrop_update(m, &e), PV_TEMPORARY);
		expect_box(s, rows[i].with != NULL ? rows[i].with : "", "rewritten");
		pv_maildrop_close(m);
	}
	text_free(&t);
}

static void a_mailbox_that_is_cut_while_it_is_sent_ends_it(void **state)
{
	const struct scratch *s = *state;
	struct text t = { .s = NULL };
	struct pv_error e;

	struct pv_maildrop *m = with(s, ONE TWO);
	must(pv_maildrop_check(m, 1, &e), &e);
	scratch_write(s, "box", ONE, strlen(ONE));
	assert_int_equal(pv_maildrop_send(m, 1, PV_ALL_LINES, into_text, &t, &e), PV_TEMPORARY);
	/* Lines that are there, but other ones. */
	scratch_write(s, "box", ONE F "Subject: two\n\nsec\n\nd\n\n", strlen(ONE TWO));
	assert_int_equal(pv_maildrop_send(m, 1, PV_ALL_LINES, into_text, &t, &e), PV_TEMPORARY);
	pv_maildrop_close(m);
	text_free(&t);
}

/* --- the update --- */

struct update_row {
	const char *name, *before, *marks; /* d: deleted, r: read, -: nothing */
	const char *now;		   /* what others make of it during the session; NULL: nothing */
	const char *after;
	enum pv_class class;
	bool known; /* the session asked for the unique-ids */
	bool status;
};

#define R "Status: RO\n"
static const struct update_row updates[] = {
	{ "nothing", ONE TWO, "--", NULL, ONE TWO, PV_OK, false, false },
	{ "the first", ONE TWO THREE, "d--", NULL, TWO THREE, PV_OK, false, false },
	{ "the middle", ONE TWO THREE, "-d-", NULL, ONE THREE, PV_OK, true, false },
	{ "the last", ONE TWO THREE, "--d", NULL, ONE TWO, PV_OK, false, false },
	{ "the last two", ONE TWO THREE, "-dd", NULL, ONE, PV_OK, true, false },
	{ "all", ONE TWO THREE, "ddd", NULL, "", PV_OK, false, false },
	{ "all, behind empty lines", "\n\n" ONE, "d", NULL, "", PV_OK, false, false },
	{ "the first, behind empty lines", "\n\n" ONE TWO, "d-", NULL, "\n\n" TWO, PV_OK, false, false },
	{ "what is no message", "junk\n\n" ONE, "d-", NULL, ONE, PV_OK, false, false },
	{ "a torn one", ONE F "Sub", "-d", NULL, ONE, PV_OK, false, false },
	{ "one before a torn one", ONE F "Sub", "d-", NULL, F "Sub", PV_OK, false, false },
	{ "CRLF", F "A: b\r\n\r\nc\r\n\r\n" ONE, "d-", NULL, ONE, PV_OK, true, false },
	{ "all, and new mail came", ONE TWO, "dd", ONE TWO THREE, THREE, PV_OK, false, false },
	{ "the last, and new mail came", ONE TWO, "-d", ONE TWO THREE FOUR, ONE THREE FOUR, PV_OK, true,
	  false },
	{ "the last, and it got longer", ONE F "A: b\n\nc\n", "-d", ONE F "A: b\n\nc\nd\n",
	  ONE F "A: b\n\nc\nd\n", PV_TEMPORARY, true, false },
	{ "the first, and the last got longer", ONE F "A: b\n\nc\n", "d-", ONE F "A: b\n\nc\nd\n",
	  F "A: b\n\nc\nd\n", PV_OK, true, false },
	{ "the same, without unique-ids", ONE F "A: b\n\nc\n", "d-", ONE F "A: b\n\nc\nd\n",
	  ONE F "A: b\n\nc\nd\n", PV_TEMPORARY, false, false },
	{ "others removed the one before", ONE TWO THREE, "-d-", TWO THREE, THREE, PV_OK, true, false },
	{ "the same, without unique-ids", ONE TWO THREE, "-d-", TWO THREE, TWO THREE, PV_TEMPORARY, false,
	  false },
	{ "others removed it", ONE TWO THREE, "-d-", ONE THREE, ONE THREE, PV_TEMPORARY, true, false },
	{ "others removed one of two", ONE TWO THREE, "dd-", TWO THREE, THREE, PV_TEMPORARY, true, false },
	{ "others removed all", ONE TWO, "dd", "", "", PV_TEMPORARY, true, false },
	{ "others removed the file", ONE TWO, "dd", "-", "", PV_TEMPORARY, true, false },
	{ "others changed the order", ONE TWO THREE, "-d-", THREE TWO ONE, THREE ONE, PV_OK, true, false },
	{ "others wrote a Status", ONE TWO THREE, "-d-",
	  F R "Subject: one\n\nfirst\n\n" F R "X-UID: 1\nSubject: two\n\nsecond\n\n" THREE,
	  F R "Subject: one\n\nfirst\n\n" THREE, PV_OK, true, false },
	{ "others changed it", ONE TWO THREE, "-d-", ONE F "Subject: two\n\nsecOnd\n\n" THREE,
	  ONE F "Subject: two\n\nsecOnd\n\n" THREE, PV_TEMPORARY, true, false },
	{ "another mailbox", ONE TWO, "dd", THREE FOUR, THREE FOUR, PV_TEMPORARY, true, false },
	{ "the first of two equal ones", ONE ONE TWO, "d--", NULL, ONE TWO, PV_OK, true, false },
	{ "others removed one of two equal ones", ONE ONE TWO, "d--", ONE TWO, ONE TWO, PV_TEMPORARY, true,
	  false },
	{ "two equal ones, others removed what was before", TWO ONE ONE, "-d-", ONE ONE, ONE ONE,
	  PV_TEMPORARY, true, false },
	{ "two equal ones that stayed, others wrote elsewhere", ONE ONE TWO, "d--",
	  ONE ONE F R "Subject: two\n\nsecond\n\n", ONE F R "Subject: two\n\nsecond\n\n", PV_OK, true,
	  false },
	{ "an equal one came", ONE TWO, "d-", ONE TWO ONE, TWO ONE, PV_OK, true, false },
	{ "read, and the setting is off", ONE TWO, "r-", NULL, ONE TWO, PV_OK, false, false },
	{ "read", ONE TWO, "r-", NULL, F "Subject: one\n" R "\nfirst\n\n" TWO, PV_OK, false, true },
	{ "read before", F R "A: b\n\nc\n\n" TWO, "r-", NULL, F R "A: b\n\nc\n\n" TWO, PV_OK, false, true },
	{ "new until now", F "Status: O\nA: b\n\nc\n\n" TWO, "r-", NULL, F R "A: b\n\nc\n\n" TWO, PV_OK,
	  false, true },
	{ "a folded Status", F "A: b\nSTATUS: O\n x\nB: c\n\nc\n\n", "r", NULL, F "A: b\n" R "B: c\n\nc\n\n",
	  PV_OK, false, true },
	{ "a Status in the body", F "A: b\n\nStatus: O\n\n", "r", NULL, F "A: b\n" R "\nStatus: O\n\n", PV_OK,
	  false, true },
	{ "a header alone", F "A: b\n\n" TWO, "r-", NULL, F "A: b\n" R "\n" TWO, PV_OK, false, true },
	{ "a header without an end", F "A: b", "r", NULL, F "A: b\n" R, PV_OK, false, true },
	{ "a From_ line alone", F, "r", NULL, F R, PV_OK, false, true },
	{ "a From_ line without an end", "From x", "r", NULL, "From x\n" R, PV_OK, false, true },
	{ "no header", F "\nbody\n\n", "r", NULL, F R "\nbody\n\n", PV_OK, false, true },
	{ "CRLF, read", F "A: b\r\nB: c\r\n\r\nd\r\n\r\n", "r", NULL,
	  F "A: b\r\nB: c\r\nStatus: RO\r\n\r\nd\r\n\r\n", PV_OK, false, true },
	{ "quoted in the header, read", F ">From x\n>From y\n\nd\n\n", "r", NULL,
	  F ">From x\n>From y\n" R "\nd\n\n", PV_OK, false, true },
	{ "deleted and read", ONE TWO THREE, "drr", NULL,
	  F "Subject: two\n" R "\nsecond\n\n" F "Subject: three\n" R "\nthird\n\n", PV_OK, true, true },
	{ "read, and new mail came", ONE, "r", ONE TWO, F "Subject: one\n" R "\nfirst\n\n" TWO, PV_OK, false,
	  true },
	{ "read, and others removed it", ONE TWO, "r-", TWO, TWO, PV_OK, true, true },
};

static void run_update(const struct scratch *s, const struct update_row *r)
{
	const struct pv_location l = box_location(s, "box");
	const struct pv_maildrop_options o = { .uid = geteuid(),
					       .lock_deadline_ms = 100,
					       .write_status = r->status };
	char id[PV_UIDL_SIZE];
	struct pv_maildrop *m;
	struct pv_error e = { .text = "" };

	scratch_write(s, "box", r->before, strlen(r->before));
	must(pv_maildrop_open(&l, &o, &m, &e), &e);
	assert_int_equal(pv_maildrop_count(m), strlen(r->marks));
	if (r->known)
		must(pv_maildrop_uidl(m, 0, id, &e), &e);
	for (size_t i = 0; r->marks[i] != '\0'; i++) {
		for (int k = 0; r->marks[i] == 'd' && k < 3; k++)
			pv_maildrop_set_deleted(m, i, k != 1);
		if (r->marks[i] == 'r')
			pv_maildrop_set_read(m, i);
	}
	if (r->now != NULL && strcmp(r->now, "-") == 0)
		assert_int_equal(unlinkat(s->fd, "box", 0), 0);
	else if (r->now != NULL)
		scratch_write(s, "box", r->now, strlen(r->now));
	enum pv_class c = pv_maildrop_update(m, &e);
	if (c != r->class)
		fail_msg("%s: class %d: %s", r->name, c, e.text);
	expect_box(s, r->after, r->name);
	/* A second one has nothing to do. */
	if (c == PV_OK)
		assert_int_equal(pv_maildrop_update(m, &e), PV_OK);
	pv_maildrop_close(m);
	expect_box(s, r->after, r->name);
}

static void updates_leave_what_they_should(void **state)
{
	for (size_t i = 0; i < sizeof updates / sizeof *updates; i++)
		run_update(*state, &updates[i]);
}

static void owner_and_mode_stay(void **state)
{
	const struct scratch *s = *state;
	struct stat before, after;

	struct pv_location l = box_location(s, "box");
	scratch_write(s, "box", ONE TWO, strlen(ONE TWO));
	assert_int_equal(fchmodat(s->fd, "box", 0640, 0), 0);
	assert_int_equal(fstatat(s->fd, "box", &before, 0), 0);
	struct pv_maildrop *m = box_open(&l);
	pv_maildrop_set_deleted(m, 0, true);
	must(pv_maildrop_update(m, NULL), NULL);
	pv_maildrop_close(m);
	assert_int_equal(fstatat(s->fd, "box", &after, 0), 0);
	assert_int_equal(after.st_mode, before.st_mode);
	assert_int_equal(after.st_gid, before.st_gid);
	assert_int_not_equal(after.st_ino, before.st_ino);
	expect_box(s, TWO, "mode 0640");
}

/* In a folder of others no dotlock and no temporary file can be made. */
static void a_shared_folder_is_only_cut_in(void **state)
{
	static const struct {
		const char *marks, *after;
		bool fcntl_only;
		enum pv_class class;
	} rows[] = {
		{ "dd", "", true, PV_OK },
		{ "-d", ONE, true, PV_OK },
		{ "d-", ONE TWO, true, PV_TEMPORARY },
		{ "dd", ONE TWO, false, PV_TEMPORARY },
	};
	const struct scratch *s = *state;
	struct pv_location l = box_location(s, "box");

	l.shared = true;
	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
		const struct pv_maildrop_options o = { .uid = geteuid(),
						       .lock_deadline_ms = 100,
						       .fcntl_only = rows[i].fcntl_only };
		struct pv_maildrop *m;
		struct pv_error e;
		scratch_write(s, "box", ONE TWO, strlen(ONE TWO));
		must(pv_maildrop_open(&l, &o, &m, &e), &e);
		for (size_t k = 0; k < 2; k++)
			pv_maildrop_set_deleted(m, k, rows[i].marks[k] == 'd');
		assert_int_equal(pv_maildrop_update(m, &e), rows[i].class);
		pv_maildrop_close(m);
		expect_box(s, rows[i].after, "shared");
		assert_int_equal(scratch_count(s->path), 1);
	}
}

/* A delivery that was stored, removed in a session, and is tried once more. */
static void a_retry_of_what_was_removed_stays_removed(void **state)
{
	const struct scratch *s = *state;
	const struct pv_location l = box_location(s, "box");
	const struct pv_mailbox_options bo = { .uid = geteuid(), .lock_deadline_ms = 100 };
	const unsigned char id[PV_ID_BYTES] = { 1 };
	enum pv_append_result r;
	struct pv_content content;
	struct pv_mailbox box;
	struct pv_error e;

	scratch_write(s, "box", TWO, strlen(TWO));
	pv_content_start(&content, -1);
	must(pv_content_add(&content, ONE, strlen(ONE), &e), &e);
	must(pv_content_finish(&content, &e), &e);
	for (int round = 0; round < 2; round++) {
		must(pv_mailbox_open(&l, &bo, &box, &e), &e);
		must(pv_mailbox_append(&box, &content, id, &r, &e), &e);
		assert_int_equal(r, round == 0 ? PV_APPENDED : PV_DUPLICATE);
		must(pv_mailbox_close(&box, &e), &e);
		expect_box(s, round == 0 ? TWO ONE : ONE, "delivered");
		if (round == 1)
			break;
		struct pv_maildrop *m = box_open(&l);
		pv_maildrop_set_deleted(m, 0, true);
		must(pv_maildrop_update(m, &e), &e);
		pv_maildrop_close(m);
	}
	pv_content_free(&content);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, scratch_make, scratch_remove)
	const struct CMUnitTest tests[] = {
		TEST(top_sends_the_header_and_some_lines),
		TEST(dots_are_stuffed),
		TEST(a_sink_that_fails_ends_the_sending),
		TEST(a_missing_mailbox_is_empty_and_stays_missing),
		TEST(what_is_no_mailbox_is_refused),
		TEST(a_busy_mailbox_is_waited_for_and_then_refused),
		TEST(a_temporary_file_that_was_left_goes),
		TEST(the_unique_id_is_of_what_the_message_says),
		TEST(equal_messages_are_counted),
		TEST(the_unique_id_that_came_with_it_stays),
		TEST(unique_ids_are_unique),
		TEST(new_mail_changes_nothing),
		TEST(a_rewritten_mailbox_ends_it),
		TEST(a_mailbox_that_is_cut_while_it_is_sent_ends_it),
		TEST(updates_leave_what_they_should),
		TEST(owner_and_mode_stay),
		TEST(a_shared_folder_is_only_cut_in),
		TEST(a_retry_of_what_was_removed_stays_removed),
	};

	return cmocka_run_group_tests_name("maildrop", tests, NULL, NULL);
}
