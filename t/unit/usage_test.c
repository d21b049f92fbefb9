/*
 * How full a mailbox is, and what may still go into it: counted as readers count, in both formats; limits
 * that hold with several deliverers at once; and a count that is kept, and never believed against a message.
 */
#include "maildir_world.h"

#include "base/host.h"

#include <sys/wait.h>

static struct pv_usage usage(const struct scratch *s)
{
	const struct pv_location l = box_location(s, "box");
	struct pv_error e = { .text = "" };
	struct pv_usage u;

	must(pv_usage_of(&l, true, &u, &e), &e);
	return u;
}

static void an_mbox_is_counted_as_readers_do(void **state)
{
	static const struct {
		const char *text;
		unsigned messages;
	} rows[] = {
		{ "", 0 },
		{ "From a@b x\n\nbody\n\n", 1 },
		{ "From a@b x\n\nbody\n\nFrom a@b y\n\n", 2 },
		{ "From a@b x\nFrom a@b y\n\n", 1 },
		{ "From a@b x\r\n\r\nbody\r\n\r\nFrom a@b y\r\n\r\n", 2 },
		{ "From a@b x\n\n>From here\n From there\nxFrom\n\nFromage\n", 1 },
		{ "body alone\n", 1 },
		{ "From a@b x\n\n\n\n\nFrom a@b y\n", 2 },
		{ "From", 1 },
		{ "From a\n\nFrom ", 2 },
	};
	const struct scratch *s = *state;
	const struct pv_location l = box_location(s, "box");

	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
		put_file(s, "box", rows[i].text);
		struct pv_usage u = usage(s);
		assert_int_equal(u.bytes, strlen(rows[i].text));
		assert_int_equal(u.messages, rows[i].messages);
		struct pv_maildrop *m = box_open(&l);
		assert_int_equal(pv_maildrop_count(m), rows[i].messages);
		pv_maildrop_close(m);
	}
	assert_int_equal(unlinkat(s->fd, "box", 0), 0);
	assert_int_equal(usage(s).bytes, 0);
}

/* At every place around the edge of what is read at once. */
static void counting_goes_on_across_blocks(void **state)
{
	static char text[70000];
	const struct scratch *s = *state;

	for (size_t at = 65536 - 12; at < 65536 + 6; at++) {
		memset(text, 'x', sizeof text);
		memcpy(text, "From a\n\n", 8);
		memcpy(text + at - 2, "\n\nFrom b\n\n", 10);
		memcpy(text + 200, "\r\n\r\nFrom b\n\n", 12);
		scratch_write(s, "box", text, sizeof text);
		assert_int_equal(usage(s).messages, 3);
	}
}

static void a_maildir_is_counted(void **state)
{
	const struct scratch *s = *state;

	make_maildir(s);
	assert_int_equal(usage(s).messages, 0);
	put_file(s, "box/new/1.a.h", "12345");
	put_file(s, "box/cur/2.a.h,S=1000:2,S", "its name says it");
	put_file(s, "box/cur/3.a.h:2,S=7", "flags do not");
	put_file(s, "box/new/.hidden", "none");
	put_file(s, "box/tmp/4.a.h", "none");
	put_file(s, "box/other", "none");
	assert_int_equal(__real_mkdirat(s->fd, "box/.Sent", 0700), 0);
	assert_int_equal(__real_mkdirat(s->fd, "box/cur/folder", 0700), 0);
	assert_int_equal(usage(s).bytes, 5 + 1000 + 12);
	assert_int_equal(usage(s).messages, 3);
	assert_int_equal(unlinkat(s->fd, "box/.Sent", AT_REMOVEDIR), 0);
	assert_int_equal(unlinkat(s->fd, "box/cur/folder", AT_REMOVEDIR), 0);
	assert_int_equal(unlinkat(s->fd, "box/other", 0), 0);
}

static void a_domains_folder_is_counted(void **state)
{
	const struct scratch *s = *state;
	uint64_t bytes;

	(void)deliver(s, 1);
	uint64_t want = usage(s).bytes;
	put_file(s, "abc", "12345678");
	put_file(s, "abc.lock", "1234");
	put_file(s, ".abc.journal", "1234");
	assert_int_equal(__real_mkdirat(s->fd, ".trash", 0700), 0);
	put_file(s, ".trash/abc.20260101T000000Z", "1234");
	assert_int_equal(symlinkat("abc", s->fd, "link"), 0);
	assert_int_equal(__real_mkdirat(s->fd, "empty", 0700), 0);
	if (geteuid() == 0) {
		put_file(s, "other", "12345");
		assert_int_equal(fchownat(s->fd, "other", 1, 1, 0), 0);
	}
	assert_int_equal(pv_usage_of_folder(s->path, geteuid(), false, &bytes, NULL), PV_OK);
	assert_int_equal(bytes, want + 8);
	assert_int_equal(pv_usage_of_folder("/nonexistent", geteuid(), false, &bytes, NULL), PV_OK);
	assert_int_equal(bytes, 0);
	struct pv_error e;
	assert_int_equal(pv_usage_of_folder("/dev/null", geteuid(), false, &bytes, &e), PV_TEMPORARY);
}

/* --- limits --- */

enum { SIZE = 5000 }; /* of a message, as it stands in a Maildir */

/* Deliver a message of `size` bytes. */
static enum pv_class deliver_sized(const struct scratch *s, const struct pv_store_options *o, size_t size,
				   struct pv_stored *r, struct pv_error *e)
{
	const struct pv_location l = box_location(s, "box");
	static char text[100000];
	struct pv_content c;

	memset(text, 'x', size);
	memcpy(text, "A: b\n\n", 6);
	text[size - 1] = '\n';
	compose(text, size, &c);
	enum pv_class class = pv_mailbox_store(&l, o, &c, NULL, r, e);
	pv_content_free(&c);
	return class;
}

static void each_limit(void **state)
{
	/* Before: one message of SIZE bytes in box, 20,000 bytes elsewhere. An mbox has 40 bytes more for
	 * each. */
	static const struct {
		struct pv_quota q;
		size_t size;
		enum pv_class want;
		enum pv_over over;
	} rows[] = {
		{ { .bytes = 0 }, SIZE, PV_OK, PV_OVER_NOTHING },
		{ { .bytes = 2 * SIZE + 100 }, SIZE, PV_OK, PV_OVER_NOTHING },
		{ { .bytes = 2 * SIZE - 1 }, SIZE, PV_TEMPORARY, PV_OVER_BYTES },
		{ { .bytes = 2 * SIZE - 1, .refuse = true }, SIZE, PV_PERMANENT, PV_OVER_BYTES },
		{ { .bytes = 2 * SIZE - 1, .exempt = true }, SIZE, PV_OK, PV_OVER_BYTES },
		{ { .bytes = SIZE }, 900, PV_OK, PV_OVER_BYTES },
		{ { .bytes = SIZE }, 1100, PV_TEMPORARY, PV_OVER_BYTES },
		{ { .bytes = 10 }, SIZE, PV_TEMPORARY, PV_OVER_BYTES },
		{ { .messages = 2 }, SIZE, PV_OK, PV_OVER_NOTHING },
		{ { .messages = 1 }, SIZE, PV_TEMPORARY, PV_OVER_MESSAGES },
		{ { .messages = 1, .refuse = true }, SIZE, PV_PERMANENT, PV_OVER_MESSAGES },
		{ { .messages = 1 }, 900, PV_OK, PV_OVER_MESSAGES },
		{ { .bytes = 10, .messages = 1 }, SIZE, PV_TEMPORARY, PV_OVER_BYTES },
		{ { .bytes = 1000000, .messages = 1 }, SIZE, PV_TEMPORARY, PV_OVER_MESSAGES },
		{ { .domain_bytes = 2 * SIZE + 20100 }, SIZE, PV_OK, PV_OVER_NOTHING },
		{ { .domain_bytes = 2 * SIZE + 19999 }, SIZE, PV_TEMPORARY, PV_OVER_DOMAIN },
		{ { .domain_bytes = 2 * SIZE + 19999, .refuse = true }, SIZE, PV_PERMANENT, PV_OVER_DOMAIN },
		{ { .domain_bytes = 2 * SIZE + 19999, .exempt = true }, SIZE, PV_OK, PV_OVER_DOMAIN },
		{ { .domain_bytes = 100 }, 900, PV_OK, PV_OVER_DOMAIN },
		{ { .messages = 1, .domain_bytes = 1000000 }, SIZE, PV_TEMPORARY, PV_OVER_MESSAGES },
	};
	static char big[20000];
	const struct scratch *s = *state;

	memset(big, 'x', sizeof big);
	scratch_write(s, "big", big, sizeof big);
	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++)
		for (int maildir = 0; maildir < 2; maildir++) {
			struct pv_store_options o = usual_options();
			struct pv_error e = { .status = "" };
			struct pv_quota_state looked;
			struct pv_stored r;
			o.maildir = maildir == 1;
			assert_int_equal(deliver_sized(s, &o, SIZE, &r, &e), PV_OK);
			struct pv_usage before = usage(s);
			o.quota = rows[i].q;
			o.quota.domain_folder = s->path;
			const struct pv_location l = box_location(s, "box");
			assert_int_equal(pv_quota_look(&o.quota, &l, geteuid(), rows[i].size, &looked, NULL),
					 PV_OK);
			enum pv_class class = deliver_sized(s, &o, rows[i].size, &r, &e);
			if (class != rows[i].want || r.quota.over != rows[i].over ||
			    looked.over != r.quota.over || looked.admitted != r.quota.admitted)
				fail_msg("row %zu, maildir %d: class %d `%s`, over %d, looked %d", i, maildir,
					 (int)class, e.text, (int)r.quota.over, (int)looked.over);
			if (class != PV_OK)
				assert_string_equal(e.status, class == PV_PERMANENT ? "5.2.2" : "4.2.2");
			struct pv_usage after = usage(s);
			assert_int_equal(after.messages, before.messages + (class == PV_OK));
			if (rows[i].q.bytes > 0) {
				assert_int_equal(r.quota.before.bytes, before.bytes);
				assert_true(class != PV_OK || r.quota.after.bytes == after.bytes);
			}
			if (rows[i].q.messages > 0)
				assert_int_equal(r.quota.after.messages, before.messages + 1);
			remove_box(s);
		}
}

/* A retry of what was stored is no new mail. */
static void a_duplicate_passes_no_limit(void **state)
{
	const struct scratch *s = *state;

	for (int maildir = 0; maildir < 2; maildir++) {
		struct pv_store_options o = usual_options();
		struct pv_stored r;
		o.maildir = maildir == 1;
		assert_int_equal(deliver_as(s, &o, 1, true, &r, NULL), PV_OK);
		o.quota = (struct pv_quota){ .bytes = 1, .messages = 1, .refuse = true };
		assert_int_equal(deliver_as(s, &o, 1, true, &r, NULL), PV_OK);
		assert_int_equal(r.result, PV_DUPLICATE);
		assert_int_equal(r.quota.over, PV_OVER_NOTHING);
		remove_box(s);
	}
}

enum { PROCESSES = 6, EACH = 20, ROOM = 50 };

static void a_limit_holds_with_several_at_once(void **state)
{
	const struct scratch *s = *state;
	int status;

	for (int maildir = 0; maildir < 2; maildir++) {
		struct pv_store_options o = usual_options();
		unsigned stored = 0;
		o.maildir = maildir == 1;
		o.quota.messages = ROOM;
		(void)fflush(NULL);
		for (unsigned k = 0; k < PROCESSES; k++)
			if (fork() == 0) {
				unsigned n = 0;
				pv_process_forget();
				for (unsigned i = 0; i < EACH; i++) {
					struct pv_stored r;
					n += deliver_sized(s, &o, 1500, &r, NULL) == PV_OK;
				}
				_exit((int)n);
			}
		for (unsigned k = 0; k < PROCESSES; k++) {
			assert_true(wait(&status) > 0 && WIFEXITED(status));
			stored += (unsigned)WEXITSTATUS(status);
		}
		assert_int_equal(stored, ROOM);
		assert_int_equal(usage(s).messages, ROOM);
		remove_box(s);
	}
}

/* --- the count that is kept --- */

static unsigned opens_of(const struct scratch *s, const struct pv_store_options *o, enum pv_class want)
{
	struct pv_stored r;

	fault.call = "openat", fault.nth = 1000000, fault.seen = 0;
	assert_int_equal(deliver_sized(s, o, 1500, &r, NULL), want);
	fault.call = NULL;
	return fault.seen;
}

/* Folders are listed once, and then only where somebody changed them. */
static void a_count_is_kept(void **state)
{
	const struct scratch *s = *state;
	struct pv_store_options none = usual_options(), o = usual_options();
	struct pv_stored r;

	o.quota.bytes = 1000000;
	for (int i = 0; i < 3; i++)
		assert_int_equal(deliver_sized(s, &none, 1500, &r, NULL), PV_OK);
	unsigned usual = opens_of(s, &none, PV_OK);
	assert_int_equal(opens_of(s, &o, PV_OK), usual + 2);
	assert_int_equal(opens_of(s, &o, PV_OK), usual);
	/* It is kept by those who do not ask for it. */
	assert_int_equal(opens_of(s, &none, PV_OK), usual);
	assert_int_equal(opens_of(s, &o, PV_OK), usual);
	assert_int_equal(deliver_sized(s, &o, 1500, &r, NULL), PV_OK);
	assert_int_equal(r.quota.before.bytes, 8 * 1500);
	assert_int_equal(r.quota.after.bytes, usage(s).bytes);
	read_all(s);
	assert_int_equal(opens_of(s, &o, PV_OK), usual + 2);
	assert_int_equal(opens_of(s, &o, PV_OK), usual);
	(void)usleep(20000); /* a tick of the clock by which folders are stamped */
	(void)each_file(s, "cur", remove_one, NULL);
	assert_int_equal(opens_of(s, &o, PV_OK), usual + 2);
	(void)usleep(20000);
	put_file(s, "box/new/1.another.program", "A: b\n\nits message\n");
	assert_int_equal(opens_of(s, &o, PV_OK), usual + 2);
	/* Once in six hours in any case, and then tmp/ is looked at too. */
	clock_shift = (int64_t)6 * 3600;
	assert_int_equal(opens_of(s, &o, PV_OK), usual + 3);
	clock_shift = 0;
	/* A delivery that fails leaves no wrong one. */
	fault.call = "linkat", fault.nth = 1, fault.seen = 0, fault.err = EIO;
	assert_int_equal(deliver_sized(s, &o, 1500, &r, NULL), PV_TEMPORARY);
	fault.call = NULL;
	assert_int_equal(deliver_sized(s, &o, 1500, &r, NULL), PV_OK);
	assert_int_equal(r.quota.after.bytes, usage(s).bytes);
}

/* Two changes in one tick of the clock may leave a folder's time as it was. */
static void a_kept_count_refuses_nothing(void **state)
{
	const struct scratch *s = *state;
	struct pv_store_options o = usual_options();
	struct pv_stored r;
	struct stat st;
	uint64_t bytes;

	o.quota.bytes = 5000;
	for (int i = 0; i < 3; i++)
		assert_int_equal(deliver_sized(s, &o, 1500, &r, NULL), PV_OK);
	assert_int_equal(deliver_sized(s, &o, 1500, &r, NULL), PV_TEMPORARY);
	assert_int_equal(__real_fstatat(s->fd, "box/new", &st, 0), 0);
	(void)each_file(s, "new", remove_one, NULL);
	const struct timespec same[2] = { st.st_atim, st.st_mtim };
	assert_int_equal(utimensat(s->fd, "box/new", same, 0), 0);
	/* Who counts for the domain believes it, */
	assert_int_equal(pv_usage_of_folder(s->path, geteuid(), false, &bytes, NULL), PV_OK);
	assert_int_equal(bytes, 4500);
	assert_int_equal(pv_usage_of_folder(s->path, geteuid(), true, &bytes, NULL), PV_OK);
	assert_int_equal(bytes, 0);
	/* but nobody is refused by it. */
	o.quota = (struct pv_quota){ .domain_bytes = 5000, .domain_folder = s->path };
	const struct pv_location l = box_location(s, "box");
	struct pv_quota_state looked;
	assert_int_equal(pv_quota_look(&o.quota, &l, geteuid(), 1500, &looked, NULL), PV_OK);
	assert_int_equal(looked.over, PV_OVER_NOTHING);
	assert_int_equal(looked.domain_before, 0);
	o.quota = (struct pv_quota){ .bytes = 5000 };
	assert_int_equal(deliver_sized(s, &o, 1500, &r, NULL), PV_OK);
	assert_int_equal(r.quota.before.bytes, 0);
}

static void percents(void **state)
{
	static const struct {
		struct pv_quota q;
		struct pv_usage u;
		unsigned want;
	} rows[] = {
		{ { .bytes = 0 }, { .bytes = 100 }, 0 },
		{ { .bytes = 100 }, { .bytes = 0 }, 0 },
		{ { .bytes = 100 }, { .bytes = 90 }, 90 },
		{ { .bytes = 1000 }, { .bytes = 899 }, 89 },
		{ { .bytes = 100 }, { .bytes = 250 }, 250 },
		{ { .messages = 10 }, { .bytes = 1000, .messages = 9 }, 90 },
		{ { .bytes = 100, .messages = 10 }, { .bytes = 50, .messages = 9 }, 90 },
		{ { .bytes = 100, .messages = 10 }, { .bytes = 95, .messages = 9 }, 95 },
		{ { .bytes = UINT64_MAX }, { .bytes = UINT64_MAX / 2 }, 49 },
		{ { .bytes = 1 }, { .bytes = UINT64_MAX }, 9999 },
	};

	(void)state;
	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
		unsigned got = pv_quota_percent(&rows[i].q, &rows[i].u);
		if (got != rows[i].want)
			fail_msg("row %zu: %u", i, got);
	}
	const struct pv_quota q = { .bytes = 100, .domain_bytes = 1000 };
	assert_int_equal(pv_quota_domain_percent(&q, 899), 89);
	assert_int_equal(pv_quota_domain_percent(&rows[0].q, 899), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(an_mbox_is_counted_as_readers_do, scratch_make,
						scratch_remove),
		cmocka_unit_test_setup_teardown(counting_goes_on_across_blocks, scratch_make, scratch_remove),
		cmocka_unit_test_setup_teardown(a_maildir_is_counted, scratch_make, scratch_remove),
		cmocka_unit_test_setup_teardown(a_domains_folder_is_counted, scratch_make, scratch_remove),
		cmocka_unit_test_setup_teardown(each_limit, scratch_make, scratch_remove),
		cmocka_unit_test_setup_teardown(a_duplicate_passes_no_limit, scratch_make, scratch_remove),
		cmocka_unit_test_setup_teardown(a_limit_holds_with_several_at_once, scratch_make,
						scratch_remove),
		cmocka_unit_test_setup_teardown(a_count_is_kept, scratch_make, scratch_remove),
		cmocka_unit_test_setup_teardown(a_kept_count_refuses_nothing, scratch_make, scratch_remove),
		cmocka_unit_test(percents),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
