/*
 * A Maildir as a maildrop: the order of its messages, what counts as one, names that change, what is removed;
 * the same messages and unique-ids as in an mbox.
 */
#include "maildrop_calls.h"

enum { MANY = 33 };

static void make_maildir(const struct scratch *s)
{
	assert_int_equal(mkdirat(s->fd, "box", 0700), 0);
	assert_int_equal(mkdirat(s->fd, "box/cur", 0700), 0);
	assert_int_equal(mkdirat(s->fd, "box/new", 0700), 0);
	assert_int_equal(mkdirat(s->fd, "box/tmp", 0700), 0);
}

static void put(const struct scratch *s, const char *name, const char *text)
{
	scratch_write(s, name, text, strlen(text));
}

static bool exists(const struct scratch *s, const char *name)
{
	struct stat st;

	return __real_fstatat(s->fd, name, &st, AT_SYMLINK_NOFOLLOW) == 0;
}

static struct pv_maildrop *open_maildir(const struct scratch *s)
{
	static struct pv_location l;

	l = box_location(s, "box");
	return box_open(&l);
}

/* All that is sent, one message after the other, with `|` between. */
static void expect_messages(struct pv_maildrop *m, const char *want)
{
	struct text all = { .s = NULL }, one = { .s = NULL };

	text_add(&all, "", 0);
	for (size_t i = 0; i < pv_maildrop_count(m); i++) {
		struct pv_maildrop_message told;
		box_fetch(m, i, PV_ALL_LINES, &one);
		pv_maildrop_message(m, i, &told);
		assert_int_equal(told.octets, one.len);
		text_add(&all, one.s, one.len);
		text_add(&all, "|", 1);
	}
	assert_string_equal(all.s, want);
	text_free(&all);
	text_free(&one);
}

static void messages_come_by_time(void **state)
{
	const struct scratch *s = *state;

	make_maildir(s);
	put(s, "box/new/1000000000.b.host", "A: 3\n");
	put(s, "box/cur/999999999.z.host:2,RS", "A: 2\n");
	put(s, "box/cur/1000000000.a.host:2,", "A: 4\n");
	put(s, "box/cur/00000000005.a", "A: 1\n");
	put(s, "box/cur/name", "A: 0\n");
	put(s, "box/new/1000000000.a.host", "A: 4\n"); /* was seen in both folders */
	put(s, "box/cur/.hidden", "A: 9\n");
	put(s, "box/tmp/1.x", "A: 9\n");
	struct pv_maildrop *m = open_maildir(s);
	expect_messages(m, "A: 0\r\n|A: 1\r\n|A: 2\r\n|A: 4\r\n|A: 3\r\n|");
	struct pv_maildrop_message told;
	pv_maildrop_message(m, 2, &told);
	assert_true(told.read);
	pv_maildrop_message(m, 3, &told);
	assert_false(told.read);
	pv_maildrop_close(m);
}

static void content_is_sent_as_it_is(void **state)
{
	const struct scratch *s = *state;

	make_maildir(s);
	put(s, "box/new/1.a", "From x\nA: b\r\n\n>From y\n.\n\n\n");
	put(s, "box/new/2.a", "");
	put(s, "box/new/3.a", "\n");
	put(s, "box/new/4.a", "x");
	struct pv_maildrop *m = open_maildir(s);
	expect_messages(m, "From x\r\nA: b\r\n\r\n>From y\r\n.\r\n\r\n\r\n||\r\n|x\r\n|");
	pv_maildrop_close(m);
}

static void unique_ids_are_those_of_an_mbox(void **state)
{
	static const char mbox[] = "From a@b Fri\nA: b\nStatus: R\n\n>From x\n.\n\n"
				   "From a@b Fri\nX-UIDL: own\n\nbody\r\n\r\n"
				   "From a@b Fri\nA: b\n\n>From x\n.\n\n";
	const struct scratch *s = *state;
	char ids[2][3][PV_UIDL_SIZE];

	for (int maildir = 0; maildir < 2; maildir++) {
		if (maildir == 0) {
			put(s, "box", mbox);
		} else {
			assert_int_equal(unlinkat(s->fd, "box", 0), 0);
			make_maildir(s);
			put(s, "box/new/1.a", "A: b\n\nFrom x\n.\n");
			put(s, "box/cur/2.a:2,S", "X-UIDL: own\r\n\r\nbody\n");
			put(s, "box/new/3.a", "Return-Path: <x>\nA: b\r\n\r\nFrom x\n.");
		}
		struct pv_maildrop *m = open_maildir(s);
		assert_int_equal(pv_maildrop_count(m), 3);
		for (size_t i = 0; i < 3; i++)
			must(pv_maildrop_uidl(m, i, ids[maildir][i], NULL), NULL);
		pv_maildrop_close(m);
	}
	for (size_t i = 0; i < 3; i++)
		assert_string_equal(ids[0][i], ids[1][i]);
	assert_string_equal(ids[0][1], "own");
	assert_string_equal(ids[0][2] + 26, "-2");
}

static void what_is_no_file_of_the_account_is_no_message(void **state)
{
	const struct scratch *s = *state;

	make_maildir(s);
	put(s, "secret", "A: secret\n");
	put(s, "box/new/5.a", "A: 5\n");
	assert_int_equal(symlinkat("../../secret", s->fd, "box/new/1.a"), 0);
	assert_int_equal(mkfifoat(s->fd, "box/new/2.a", 0600), 0);
	assert_int_equal(mkdirat(s->fd, "box/cur/3.a", 0700), 0);
	if (geteuid() == 0) {
		put(s, "box/cur/4.a", "A: 4\n");
		assert_int_equal(fchownat(s->fd, "box/cur/4.a", 1, 1, 0), 0);
	}
	struct pv_maildrop *m = open_maildir(s);
	expect_messages(m, "A: 5\r\n|");
	/* One that becomes a symlink meanwhile is no message any more. */
	assert_int_equal(unlinkat(s->fd, "box/new/5.a", 0), 0);
	assert_int_equal(symlinkat("../../secret", s->fd, "box/new/5.a"), 0);
	struct text t = { .s = NULL };
	struct pv_error e;
	assert_int_equal(pv_maildrop_check(m, 0, &e), PV_TEMPORARY);
	assert_int_equal(pv_maildrop_send(m, 0, PV_ALL_LINES, into_text, &t, &e), PV_TEMPORARY);
	assert_int_equal(t.len, 0);
	pv_maildrop_set_deleted(m, 0, true);
	(void)pv_maildrop_update(m, &e);
	assert_true(exists(s, "box/new/5.a") && exists(s, "secret"));
	pv_maildrop_close(m);
}

static void folders_that_are_not_the_accounts_are_refused(void **state)
{
	const struct scratch *s = *state;
	const struct pv_location l = box_location(s, "box");
	struct pv_maildrop *m;
	struct pv_error e;

	make_maildir(s);
	assert_int_equal(fchmodat(s->fd, "box/cur", 0770, 0), 0);
	assert_int_equal(box_try(&l, &m, &e), PV_TEMPORARY);
	assert_int_equal(fchmodat(s->fd, "box/cur", 0700, 0), 0);
	assert_int_equal(renameat(s->fd, "box/new", s->fd, "elsewhere"), 0);
	assert_int_equal(box_try(&l, &m, &e), PV_TEMPORARY);
	assert_int_equal(symlinkat("../elsewhere", s->fd, "box/new"), 0);
	assert_int_equal(box_try(&l, &m, &e), PV_TEMPORARY);
	if (geteuid() == 0) {
		assert_int_equal(unlinkat(s->fd, "box/new", 0), 0);
		assert_int_equal(renameat(s->fd, "elsewhere", s->fd, "box/new"), 0);
		assert_int_equal(fchownat(s->fd, "box", 1, 1, 0), 0);
		assert_int_equal(box_try(&l, &m, &e), PV_TEMPORARY);
	}
}

static void what_is_marked_is_removed_under_the_name_it_has_now(void **state)
{
	const struct scratch *s = *state;
	struct text t = { .s = NULL };
	struct pv_error e;

	make_maildir(s);
	put(s, "box/new/1.a", "A: 1\n");
	put(s, "box/new/2.a", "A: 2\n");
	put(s, "box/cur/3.a:2,S", "A: 3\n");
	put(s, "box/cur/4.a:2,S", "A: 4\n");
	struct pv_maildrop *m = open_maildir(s);
	/* Another program reads, another session removes, mail comes. */
	assert_int_equal(renameat(s->fd, "box/new/1.a", s->fd, "box/cur/1.a:2,S"), 0);
	assert_int_equal(renameat(s->fd, "box/cur/4.a:2,S", s->fd, "box/cur/4.a:2,RS"), 0);
	assert_int_equal(unlinkat(s->fd, "box/cur/3.a:2,S", 0), 0);
	put(s, "box/new/5.a", "A: 5\n");
	box_fetch(m, 0, PV_ALL_LINES, &t);
	assert_string_equal(t.s, "A: 1\r\n");
	assert_int_equal(pv_maildrop_check(m, 2, &e), PV_TEMPORARY);
	box_fetch(m, 3, PV_ALL_LINES, &t);
	for (size_t i = 0; i < 4; i++)
		pv_maildrop_set_deleted(m, i, i != 1);
	must(pv_maildrop_update(m, &e), &e);
	pv_maildrop_close(m);
	assert_int_equal(scratch_count(box_location(s, "box/cur").path), 0);
	assert_int_equal(scratch_count(box_location(s, "box/new").path), 2);
	m = open_maildir(s);
	expect_messages(m, "A: 2\r\n|A: 5\r\n|");
	pv_maildrop_close(m);
	text_free(&t);
}

static void what_was_read_is_marked(void **state)
{
	static const struct {
		const char *before, *after;
		bool setting;
	} rows[] = {
		{ "box/new/1.a", "box/cur/1.a:2,S", true },
		{ "box/new/2.a", "box/new/2.a", false },
		{ "box/cur/3.a", "box/cur/3.a:2,S", true },
		{ "box/cur/4.a:2,FRT", "box/cur/4.a:2,FRST", true },
		{ "box/cur/5.a:2,FS", "box/cur/5.a:2,FS", true },
		{ "box/cur/6.a:1,x", "box/cur/6.a:2,S", true },
	};
	const struct scratch *s = *state;
	const struct pv_location l = box_location(s, "box");

	make_maildir(s);
	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
		const struct pv_maildrop_options o = { .uid = geteuid(), .write_status = rows[i].setting };
		struct pv_maildrop *m;
		struct pv_error e;
		put(s, rows[i].before, "A: b\n");
		must(pv_maildrop_open(&l, &o, &m, &e), &e);
		pv_maildrop_set_read(m, i);
		must(pv_maildrop_update(m, &e), &e);
		pv_maildrop_close(m);
		assert_true(exists(s, rows[i].after));
		assert_true(!exists(s, rows[i].before) || strcmp(rows[i].before, rows[i].after) == 0);
	}
}

static void make_many(const struct scratch *s)
{
	char name[40], text[100];

	make_maildir(s);
	for (unsigned i = 0; i < MANY; i++) {
		(void)snprintf(name, sizeof name, "box/%s/%u.x%s", i % 3 == 0 ? "new" : "cur", 100 + i,
			       i % 3 == 0 ? "" : ":2,S");
		(void)snprintf(text, sizeof text, "%sA: %u\n\nbody\n", i % 7 == 0 ? "X-UIDL: own\n" : "",
			       i / 2);
		put(s, name, text);
	}
}

static void ids_of(struct pv_maildrop *m, char ids[][PV_UIDL_SIZE])
{
	for (size_t i = 0; i < pv_maildrop_count(m); i++)
		must(pv_maildrop_uidl(m, i, ids[i], NULL), NULL);
}

static void the_index_saves_the_reading(void **state)
{
	static char first[MANY + 1][PV_UIDL_SIZE], then[MANY + 1][PV_UIDL_SIZE];
	const struct scratch *s = *state;

	make_many(s);
	struct pv_maildrop *m = open_maildir(s);
	ids_of(m, first);
	pv_maildrop_close(m);
	assert_true(exists(s, ".box.index"));
	/* What has another name or flags now is the same; what is another file is not. */
	assert_int_equal(renameat(s->fd, "box/new/100.x", s->fd, "box/cur/100.x:2,S"), 0);
	assert_int_equal(unlinkat(s->fd, "box/cur/101.x:2,S", 0), 0);
	put(s, "box/new/999.y", "A: new\n\nbody of its own\n");
	put(s, "box/cur/other", "A: other\n\nlonger\n");
	assert_int_equal(renameat(s->fd, "box/cur/other", s->fd, "box/cur/102.x:2,S"), 0);
	counted.inode = 0;
	for (int round = 0; round < 2; round++) {
		counted.bytes = 0;
		struct stat st;
		assert_int_equal(__real_fstatat(s->fd, ".box.index", &st, 0), 0);
		m = open_maildir(s);
		assert_int_equal(pv_maildrop_count(m), MANY);
		ids_of(m, then);
		/* The index; two files, once to count and once to hash. */
		assert_in_range(counted.bytes, st.st_size, (uint64_t)st.st_size + (round == 0 ? 100 : 0));
		assert_string_equal(then[0], first[0]);
		/* It was the second of two equal ones. */
		assert_int_equal(strncmp(then[2], first[3], 26), 0);
		assert_string_equal(first[3] + 26, "-2");
		assert_string_not_equal(then[1], first[2]);
		pv_maildrop_close(m);
	}
}

/* --- failing calls --- */

static enum pv_class session(const struct scratch *s, struct pv_error *e)
{
	const struct pv_maildrop_options o = { .uid = geteuid(),
					       .lock_deadline_ms = 20,
					       .write_status = true };
	const struct pv_location l = box_location(s, "box");
	struct text t = { .s = NULL };
	char id[PV_UIDL_SIZE];
	struct pv_maildrop *m;

	enum pv_class c = pv_maildrop_open(&l, &o, &m, e);
	if (c != PV_OK)
		return c;
	for (size_t i = 0; c == PV_OK && i < pv_maildrop_count(m); i++) {
		c = pv_maildrop_uidl(m, i, id, e);
		t.len = 0;
		if (c == PV_OK)
			c = pv_maildrop_send(m, i, PV_ALL_LINES, into_text, &t, e);
		if (c == PV_OK && strstr(t.s, "A: 1\r") != NULL)
			pv_maildrop_set_deleted(m, i, true);
		pv_maildrop_set_read(m, i);
	}
	if (c == PV_OK)
		c = pv_maildrop_update(m, e);
	pv_maildrop_close(m);
	text_free(&t);
	return c;
}

/* Nothing is lost but A: 1, whatever fails. */
static void check_kept(const struct scratch *s, enum pv_class c, const char *call, unsigned nth)
{
	size_t want = MANY - 2;

	size_t n = scratch_count(box_location(s, "box/cur").path) +
		   scratch_count(box_location(s, "box/new").path);
	if (n < want || (c == PV_OK && n != want))
		fail_msg("%s number %u: %zu messages are left, not %zu", call, nth, n, want);
}

static void each_call_fails(void **state)
{
	static const char *const calls[] = { "openat",	 "pread",    "write",  "fsync",
					     "unlinkat", "renameat", "fstat",  "fstatat",
					     "close",	 "malloc",   "calloc", "reallocarray" };
	const struct scratch *s = *state;
	unsigned faults = 0;

	for (size_t k = 0; k < sizeof calls / sizeof *calls; k++)
		for (unsigned nth = 1;; nth++) {
			struct pv_error e = { .text = "" };
			struct scratch inner = { .fd = -1 };
			(void)snprintf(inner.path, sizeof inner.path, "%.400s/%s%u", s->path, calls[k], nth);
			assert_int_equal(mkdir(inner.path, 0700), 0);
			inner.fd = __real_openat(AT_FDCWD, inner.path, O_RDONLY | O_DIRECTORY | O_CLOEXEC, 0);
			make_many(&inner);
			unsigned before = open_descriptors();
			fault.call = calls[k], fault.nth = nth, fault.seen = 0, fault.err = EIO;
			enum pv_class c = session(&inner, &e);
			bool met = fault.seen >= nth;
			fault.call = NULL;
			if (c != PV_OK && (c != PV_TEMPORARY || e.text[0] == '\0'))
				fail_msg("%s number %u: class %d `%s`", calls[k], nth, c, e.text);
			assert_int_equal(open_descriptors(), before);
			check_kept(&inner, c, calls[k], nth);
			must(session(&inner, &e), &e);
			check_kept(&inner, PV_OK, calls[k], nth);
			(void)close(inner.fd);
			if (!met)
				break;
			nth += nth > 6 ? 12 : 0;
			faults++;
		}
	assert_true(faults > 50);
}

static int setup(void **state)
{
	clock_shift = 5;
	return scratch_make(state);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, scratch_remove)
	const struct CMUnitTest tests[] = {
		TEST(messages_come_by_time),
		TEST(content_is_sent_as_it_is),
		TEST(unique_ids_are_those_of_an_mbox),
		TEST(what_is_no_file_of_the_account_is_no_message),
		TEST(folders_that_are_not_the_accounts_are_refused),
		TEST(what_is_marked_is_removed_under_the_name_it_has_now),
		TEST(what_was_read_is_marked),
		TEST(the_index_saves_the_reading),
		TEST(each_call_fails),
	};

	return cmocka_run_group_tests_name("maildrop_maildir", tests, NULL, NULL);
}
