/*
 * The index: an unchanged mailbox is not read again, of one that has grown only what is new, and whatever is
 * doubtful changes nothing but the time that it takes. What a session sees is compared with what one sees
 * that has no index.
 */
#include "maildrop_calls.h"

#define F "From a@b Fri Nov 20 09:00:00 2026\n"

enum { MESSAGES = 120, BODY = 3000 };

struct seen {
	struct pv_maildrop_message message;
	char id[PV_UIDL_SIZE];
	struct text text;
};

struct view {
	struct seen v[MESSAGES + 10];
	size_t n;
	uint64_t opened; /* bytes of the mailbox that were read to open it */
	uint64_t uidls;	 /* ... and to tell all unique-ids */
};

static void message_text(unsigned i, struct text *t)
{
	char line[120];

	int n = snprintf(line, sizeof line, F "%sSubject: %u\n%s\n", i % 5 == 0 ? "Status: R\n" : "", i % 100,
			 i % 7 == 0 ? "X-UIDL: own\n" : "");
	text_add(t, line, (size_t)n);
	for (size_t k = 0; k < BODY; k += 50)
		text_add(t, "some text some text some text some text some text\n", 50);
	text_add(t, i % 3 == 0 ? ">From x\n\n" : "\n", i % 3 == 0 ? 9 : 1);
}

static void make_box(const struct scratch *s)
{
	struct text t = { .s = NULL };

	for (unsigned i = 0; i < MESSAGES; i++)
		message_text(i, &t);
	(void)unlinkat(s->fd, ".box.index", 0);
	(void)unlinkat(s->fd, "box", 0);
	scratch_write(s, "box", t.s, t.len);
	text_free(&t);
}

static void count_from_now(const struct scratch *s)
{
	struct stat st;

	assert_int_equal(fstatat(s->fd, "box", &st, 0), 0);
	counted.bytes = 0;
	counted.inode = st.st_ino;
}

/* One session that looks at all there is, with or without unique-ids. */
static void look(const struct scratch *s, struct view *v, bool uidls, bool texts)
{
	const struct pv_location l = box_location(s, "box");

	count_from_now(s);
	struct pv_maildrop *m = box_open(&l);
	v->opened = counted.bytes;
	v->n = pv_maildrop_count(m);
	for (size_t i = 0; i < v->n; i++) {
		struct pv_error e;
		pv_maildrop_message(m, i, &v->v[i].message);
		if (uidls)
			must(pv_maildrop_uidl(m, i, v->v[i].id, &e), &e);
		if (i == 0)
			v->uidls = counted.bytes - v->opened;
		if (texts)
			box_fetch(m, i, PV_ALL_LINES, &v->v[i].text);
	}
	pv_maildrop_close(m);
}

/* What is there, in truth: by a session without index, which leaves none. */
static void look_without(const struct scratch *s, struct view *v)
{
	int64_t shift = clock_shift;
	struct stat st;

	clock_shift = 0;
	bool had = renameat(s->fd, ".box.index", s->fd, "kept") == 0;
	look(s, v, true, true);
	assert_int_not_equal(fstatat(s->fd, ".box.index", &st, 0), 0);
	if (had)
		assert_int_equal(renameat(s->fd, "kept", s->fd, ".box.index"), 0);
	clock_shift = shift;
}

static void must_be_same(const struct view *a, const struct view *b, const char *what)
{
	if (a->n != b->n)
		fail_msg("%s: %zu messages, not %zu", what, a->n, b->n);
	for (size_t i = 0; i < a->n; i++)
		if (memcmp(&a->v[i].message, &b->v[i].message, sizeof a->v[i].message) != 0 ||
		    strcmp(a->v[i].id, b->v[i].id) != 0 || a->v[i].text.len != b->v[i].text.len ||
		    memcmp(a->v[i].text.s, b->v[i].text.s, a->v[i].text.len) != 0)
			fail_msg("%s: message %zu is another (`%s`, `%s`)", what, i, a->v[i].id, b->v[i].id);
}

static struct view truth, view;

static void free_views(void)
{
	for (size_t i = 0; i < MESSAGES + 10; i++) {
		text_free(&truth.v[i].text);
		text_free(&view.v[i].text);
	}
}

static bool has_index(const struct scratch *s)
{
	struct stat st;

	return fstatat(s->fd, ".box.index", &st, AT_SYMLINK_NOFOLLOW) == 0;
}

static void an_unchanged_mailbox_is_not_read_again(void **state)
{
	const struct scratch *s = *state;

	make_box(s);
	look_without(s, &truth);
	look(s, &view, false, false);
	assert_true(view.opened > MESSAGES * BODY);
	assert_true(has_index(s));
	look(s, &view, true, true);
	must_be_same(&view, &truth, "the second session");
	assert_int_equal(view.opened, 0);
	assert_true(view.uidls > MESSAGES * BODY);
	look(s, &view, true, true);
	must_be_same(&view, &truth, "the third session");
	assert_int_equal(view.opened, 0);
	assert_int_equal(view.uidls, 0);
}

static void append(const struct scratch *s, const char *data, size_t len)
{
	int fd = openat(s->fd, "box", O_WRONLY | O_APPEND | O_CLOEXEC, 0);

	assert_int_equal(write(fd, data, len), len);
	(void)close(fd);
}

static void of_a_mailbox_that_has_grown_the_tail_is_read(void **state)
{
	/* What stands at the end before, and what comes. whole: the last message is read again. */
	static const struct {
		const char *end, *comes;
		bool again;
	} rows[] = {
		{ "", F "A: b\n\nc\n\n", false },
		{ "", F, false },
		{ "", "From ", false },
		{ "", "From", true },
		{ "", "\n", true },
		{ "", "more\n", true },
		{ "", "\n" F "A: b\n\n", true },
		{ F "A: b\n\nc", "d\n", true },
		{ F "A: b\n\nc\n", F "A: b\n", true },
		{ F "A: b\n\nc\r\n\r\n", F "A: b\r\n", false },
		{ F "A: b\n\nc\r\n\r", "\n" F "A: b\r\n", true },
		{ F "A: b\n\n\n", F "A: b\n\n\n", false },
		{ F, "A: b\n\nc\n", true },
		{ "From x", "y\nA: b\n\nc\n", true },
	};
	const struct scratch *s = *state;

	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
		make_box(s);
		append(s, rows[i].end, strlen(rows[i].end));
		look(s, &view, i % 2 == 0, false);
		assert_true(has_index(s));
		append(s, rows[i].comes, strlen(rows[i].comes));
		look_without(s, &truth);
		look(s, &view, true, true);
		must_be_same(&view, &truth, rows[i].comes);
		/* Samples, the old end and the new, the tail; the last message. */
		uint64_t most = 19 * 64 + 2 * 4096 + 100 + (rows[i].again ? BODY + 300 : 0);
		if (view.opened > most)
			fail_msg("row %zu: %lu bytes were read, not %lu", i, view.opened, most);
		/* Of the unique-ids those are known that were asked for. */
		if (i % 2 == 0)
			assert_true(view.uidls < 2 * BODY + 600);
		look(s, &view, true, true);
		must_be_same(&view, &truth, rows[i].comes);
		assert_int_equal(view.opened, 0);
		assert_int_equal(view.uidls, 0);
	}
}

static void one_delivery_costs_its_own_bytes(void **state)
{
	const struct scratch *s = *state;
	struct text t = { .s = NULL };

	make_box(s);
	look(s, &view, true, false);
	message_text(99, &t);
	append(s, t.s, t.len);
	look(s, &view, true, false);
	assert_int_equal(view.n, MESSAGES + 1);
	print_message("# %lu bytes were read for a delivery of %zu into %d\n", view.opened, t.len,
		      MESSAGES * BODY);
	/* It, and what proves that the rest is the same: the old end, 16 starts; and the new end. */
	assert_true(view.opened <= t.len + 4096 + 16 * 64 + 8 + 4096);
	text_free(&t);
}

/* --- doubt --- */

static void put_index(const struct scratch *s, const struct text *t)
{
	(void)unlinkat(s->fd, ".box.index", 0);
	scratch_write(s, ".box.index", t->s, t->len);
}

static void expect_scan(const struct scratch *s, const char *what)
{
	look(s, &view, true, true);
	must_be_same(&view, &truth, what);
	if (view.opened < MESSAGES * BODY)
		fail_msg("%s: the index was believed", what);
}

static void a_damaged_index_is_none(void **state)
{
	const struct scratch *s = *state;
	struct text good = { .s = NULL };

	make_box(s);
	look_without(s, &truth);
	look(s, &view, true, false);
	read_file(s, ".box.index", &good);
	/* A bit of each byte of its head, and of some of the others. */
	for (size_t at = 0; at < good.len; at += at < 120 ? 1 : good.len / 50) {
		good.s[at] ^= 0x10;
		put_index(s, &good);
		look(s, &view, true, at % 8 == 0);
		for (size_t i = 0; i < truth.n; i++)
			assert_string_equal(view.v[i].id, truth.v[i].id);
		good.s[at] ^= 0x10;
	}
	size_t len = good.len;
	for (size_t part = 0; part < 40; part++) {
		good.len = part < 20 ? part * 8 : len * part / 40;
		put_index(s, &good);
		expect_scan(s, "an index that was cut");
	}
	good.len = len;
	text_add(&good, "x", 1);
	put_index(s, &good);
	expect_scan(s, "an index that is too long");
	text_free(&good);
}

static void rewrite_in_place(const struct scratch *s, size_t at, const char *data)
{
	int fd = openat(s->fd, "box", O_WRONLY | O_CLOEXEC, 0);

	assert_int_equal(pwrite(fd, data, strlen(data), (off_t)at), strlen(data));
	(void)close(fd);
}

static void an_index_of_another_mailbox_is_none(void **state)
{
	const struct scratch *s = *state;
	struct text box = { .s = NULL };

	/* The same bytes in another file. */
	make_box(s);
	look(s, &view, true, false);
	read_file(s, "box", &box);
	scratch_write(s, "other", box.s, box.len);
	assert_int_equal(renameat(s->fd, "other", s->fd, "box"), 0);
	look_without(s, &truth);
	expect_scan(s, "another inode");
	/* The same file and size, other bytes. */
	make_box(s);
	look(s, &view, true, false);
	usleep(20000);
	rewrite_in_place(s, 1000, "XYZ");
	look_without(s, &truth);
	expect_scan(s, "written in place");
	/* Shorter. */
	make_box(s);
	look(s, &view, true, false);
	assert_int_equal(truncate(box_location(s, "box").path, (off_t)box.len - 500), 0);
	look_without(s, &truth);
	look(s, &view, true, true);
	must_be_same(&view, &truth, "shorter");
	/* Grown, but not only that: at the old end, at the first message, at the last. */
	const size_t at[] = { box.len - 10, 6, box.len - BODY - 100 };
	for (size_t i = 0; i < 3; i++) {
		make_box(s);
		look(s, &view, true, false);
		for (size_t k = 0; k < 40; k++)
			rewrite_in_place(s, at[i] + (i == 2 ? k : 0), "Y");
		append(s, F "A: b\n\n", sizeof(F "A: b\n\n") - 1);
		look_without(s, &truth);
		expect_scan(s, "grown and changed");
	}
	text_free(&box);
}

static void an_index_that_came_too_soon_is_none(void **state)
{
	const struct scratch *s = *state;

	make_box(s);
	clock_shift = 0;
	look(s, &view, true, false);
	clock_shift = 5;
	/* It may have been the same second in which somebody wrote. */
	assert_false(has_index(s));
}

static void an_index_of_others_is_none(void **state)
{
	const struct scratch *s = *state;
	struct text good = { .s = NULL };

	make_box(s);
	look_without(s, &truth);
	look(s, &view, true, false);
	read_file(s, ".box.index", &good);
	assert_int_equal(fchmodat(s->fd, ".box.index", 0640, 0), 0);
	expect_scan(s, "mode 0640");
	struct stat st;
	assert_int_equal(fstatat(s->fd, ".box.index", &st, 0), 0);
	assert_int_equal(st.st_mode & 07777, 0600);
	/* A symlink to a good one: not followed, and replaced. */
	assert_int_equal(renameat(s->fd, ".box.index", s->fd, "good"), 0);
	assert_int_equal(symlinkat("good", s->fd, ".box.index"), 0);
	expect_scan(s, "a symlink");
	assert_int_equal(fstatat(s->fd, ".box.index", &st, AT_SYMLINK_NOFOLLOW), 0);
	assert_true(S_ISREG(st.st_mode));
	read_file(s, "good", &good);
	assert_int_equal(unlinkat(s->fd, ".box.index", 0), 0);
	assert_int_equal(mkfifoat(s->fd, ".box.index", 0600), 0);
	expect_scan(s, "a FIFO");
	assert_int_equal(unlinkat(s->fd, ".box.index", 0), 0);
	assert_int_equal(mkdirat(s->fd, ".box.index", 0700), 0);
	expect_scan(s, "a folder");
	assert_int_equal(unlinkat(s->fd, ".box.index", AT_REMOVEDIR), 0);
	if (geteuid() == 0) {
		put_index(s, &good);
		assert_int_equal(fchownat(s->fd, ".box.index", 1, 1, 0), 0);
		expect_scan(s, "another's");
	}
	text_free(&good);
}

static void no_index_in_a_shared_folder_or_for_a_small_mailbox(void **state)
{
	const struct scratch *s = *state;
	struct pv_location l = box_location(s, "box");
	const struct pv_maildrop_options o = { .uid = geteuid(), .lock_deadline_ms = 100 };
	struct pv_maildrop *m;
	struct pv_error e;

	make_box(s);
	l.shared = true;
	must(pv_maildrop_open(&l, &o, &m, &e), &e);
	pv_maildrop_close(m);
	assert_false(has_index(s));
	/* Nor is one believed. */
	look(s, &view, false, false);
	assert_true(has_index(s));
	count_from_now(s);
	must(pv_maildrop_open(&l, &o, &m, &e), &e);
	assert_true(counted.bytes > MESSAGES * BODY);
	pv_maildrop_close(m);
	make_box(s);
	assert_int_equal(truncate(l.path, 200000), 0);
	look(s, &view, true, false);
	assert_false(has_index(s));
}

static int setup(void **state)
{
	clock_shift = 5;
	return scratch_make(state);
}

static int teardown(void **state)
{
	counted.inode = 0;
	free_views();
	return scratch_remove(state);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
	const struct CMUnitTest tests[] = {
		TEST(an_unchanged_mailbox_is_not_read_again),
		TEST(of_a_mailbox_that_has_grown_the_tail_is_read),
		TEST(one_delivery_costs_its_own_bytes),
		TEST(a_damaged_index_is_none),
		TEST(an_index_of_another_mailbox_is_none),
		TEST(an_index_that_came_too_soon_is_none),
		TEST(an_index_of_others_is_none),
		TEST(no_index_in_a_shared_folder_or_for_a_small_mailbox),
	};

	return cmocka_run_group_tests_name("maildrop_index", tests, NULL, NULL);
}
