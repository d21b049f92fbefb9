/*
 * The ids of what was stored lately: at least 1,024, all younger than four hours, and none that was never
 * noted.
 */
#include "scratch.h"

#include "base/hash.h"
#include "mailbox/done.h"

#include <sys/stat.h>

#define HOUR (3600LL * PV_DONE_UNITS)
#define START (1763632800LL * PV_DONE_UNITS)

static struct pv_location location(const struct scratch *s)
{
	static char path[600];

	(void)snprintf(path, sizeof path, "%s/abc", s->path);
	return (struct pv_location){ .dirfd = s->fd, .path = path, .name = strrchr(path, '/') + 1 };
}

/* The n-th id of a fixed sequence. */
static void make_id(uint64_t n, unsigned char id[PV_ID_BYTES])
{
	struct pv_sha256 h;

	pv_sha256_start(&h);
	pv_sha256_add(&h, &n, sizeof n);
	pv_sha256_finish(&h, id);
}

static bool knows(const struct scratch *s, uint64_t n, int64_t *when_r)
{
	const struct pv_location l = location(s);
	unsigned char id[PV_ID_BYTES];
	struct pv_done d;

	make_id(n, id);
	bool found = pv_done_find(&l, id, when_r, &d);
	assert_true(d.fd >= 0);
	pv_done_close(&d);
	assert_int_equal(d.fd, -1);
	return found;
}

static void note(const struct scratch *s, uint64_t n, int64_t when)
{
	const struct pv_location l = location(s);
	unsigned char id[PV_ID_BYTES];
	struct pv_done d;
	int64_t was;

	make_id(n, id);
	assert_false(pv_done_find(&l, id, &was, &d));
	assert_true(pv_done_add(&d, id, when));
	pv_done_close(&d);
}

static unsigned count_known(const struct scratch *s, uint64_t from, uint64_t to)
{
	unsigned n = 0;
	int64_t when;

	for (uint64_t i = from; i < to; i++)
		n += knows(s, i, &when);
	return n;
}

static void one_id(void **state)
{
	const struct scratch *s = *state;
	struct stat st;
	int64_t when;

	assert_false(knows(s, 1, &when));
	note(s, 1, START);
	assert_true(knows(s, 1, &when));
	assert_int_equal(when, START);
	assert_false(knows(s, 2, &when));
	note(s, 2, START + 5);
	assert_true(knows(s, 2, &when));
	assert_int_equal(when, START + 5);
	assert_true(knows(s, 1, &when));
	assert_int_equal(fstatat(s->fd, ".abc.done", &st, 0), 0);
	assert_int_equal(st.st_mode & 07777, 0600);
	assert_int_equal(scratch_count(s->path), 1);
}

/* An id whose first bytes are equal to another's in the bucket, but not all of the eight. */
static void nearly_the_same(void **state)
{
	const struct scratch *s = *state;
	const struct pv_location l = location(s);
	unsigned char id[PV_ID_BYTES];
	struct pv_done d;
	int64_t when;

	note(s, 1, START);
	for (int byte = 0; byte < 8; byte++)
		for (int bit = 0; bit < 8; bit++) {
			make_id(1, id);
			id[byte] ^= (unsigned char)(1 << bit);
			assert_false(pv_done_find(&l, id, &when, &d));
			pv_done_close(&d);
		}
	memset(id, 0, sizeof id); /* as a free place has it */
	assert_false(pv_done_find(&l, id, &when, &d));
	assert_true(pv_done_add(&d, id, START));
	pv_done_close(&d);
	assert_true(pv_done_find(&l, id, &when, &d));
	pv_done_close(&d);
}

/* Slowly, one in five minutes: the last 1,024 are kept, and the file stays small. */
static void a_quiet_mailbox(void **state)
{
	const struct scratch *s = *state;
	struct stat st;

	for (uint64_t i = 0; i < 4000; i++)
		note(s, i, START + (int64_t)i * HOUR / 12);
	assert_int_equal(count_known(s, 4000 - PV_DONE_KEPT, 4000), PV_DONE_KEPT);
	assert_true(count_known(s, 0, 1000) < 1000); /* else nothing is ever forgotten */
	assert_int_equal(fstatat(s->fd, ".abc.done", &st, 0), 0);
	assert_true(st.st_size <= 64 * 1024);
}

/* A burst of 5,000 in an hour: all of them are kept for four hours, and the bursts before go. */
static void bursts(void **state)
{
	const struct scratch *s = *state;
	struct stat st;

	for (uint64_t burst = 0; burst < 3; burst++) {
		int64_t begin = START + (int64_t)burst * 24 * HOUR;
		for (uint64_t i = 0; i < 5000; i++)
			note(s, burst * 5000 + i, begin + (int64_t)i * HOUR / 5000);
		assert_int_equal(count_known(s, burst * 5000, burst * 5000 + 5000), 5000);
		/* One more, just before the first of them is four hours old. */
		note(s, 100000 + burst, begin + 4 * HOUR - HOUR / 5000);
		assert_int_equal(count_known(s, burst * 5000, burst * 5000 + 5000), 5000);
		note(s, 200000 + burst, begin + 4 * HOUR);
	}
	assert_int_equal(fstatat(s->fd, ".abc.done", &st, 0), 0);
	assert_true(st.st_size <= 512 * 1024);
	assert_int_equal(count_known(s, 300000, 310000), 0);
}

/* The file is cut at any length, or any of its bytes is another: what was never noted is not found, and what
 * is found has its own time. */
static void damaged_files(void **state)
{
	const struct scratch *s = *state;
	static unsigned char whole[65536], other[65536];
	int64_t when;

	for (uint64_t i = 0; i < 20; i++)
		note(s, i, START + (int64_t)i);
	int fd = openat(s->fd, ".abc.done", O_RDONLY | O_CLOEXEC);
	ssize_t len = read(fd, whole, sizeof whole);
	(void)close(fd);
	assert_true(len > 0 && len <= 16 * 21);
	for (ssize_t cut = 0; cut <= len; cut++) {
		scratch_write(s, ".abc.done", whole, (size_t)cut);
		for (uint64_t i = 0; i < 25; i++)
			if (knows(s, i, &when))
				assert_true(i < 20 && when == START + (int64_t)i &&
					    (ssize_t)i * 16 + 16 <= cut);
			else
				assert_true((ssize_t)i * 16 + 16 > cut);
	}
	unsigned wrong = 0;
	for (ssize_t at = 0; at < len; at++)
		for (int bit = 0; bit < 8; bit++) {
			memcpy(other, whole, (size_t)len);
			other[at] ^= (unsigned char)(1 << bit);
			scratch_write(s, ".abc.done", other, (size_t)len);
			uint64_t n = (uint64_t)at / 16;
			wrong += knows(s, n, &when) && when != START + (int64_t)n;
			assert_true(knows(s, (n + 1) % 20, &when));
		}
	/* Sixteen bits guard an entry: one in 65,536 may slip through. */
	assert_true(wrong <= 1);
	/* And a damaged one takes no place for ever. */
	memset(other, 0xff, 4096);
	scratch_write(s, ".abc.done", other, 4096);
	for (uint64_t i = 0; i < 2000; i++)
		note(s, i, START + (int64_t)i * HOUR);
	assert_int_equal(count_known(s, 2000 - PV_DONE_KEPT, 2000), PV_DONE_KEPT);
}

static void no_regular_file(void **state)
{
	const struct scratch *s = *state;
	struct pv_location l = location(s);
	unsigned char id[PV_ID_BYTES];
	char name[300];
	struct pv_done d;
	int64_t when;

	make_id(1, id);
	scratch_write(s, "precious", "x", 1);
	for (int kind = 0; kind < 4; kind++) {
		unsigned before = open_descriptors();
		if (kind == 0)
			assert_int_equal(symlinkat("precious", s->fd, ".abc.done"), 0);
		else if (kind == 1)
			assert_int_equal(mkfifoat(s->fd, ".abc.done", 0600), 0);
		else if (kind == 2)
			assert_int_equal(mkdirat(s->fd, ".abc.done", 0700), 0);
		memset(name, 'x', sizeof name);
		name[251] = '\0';
		l.name = kind == 3 ? name : "abc";
		assert_false(pv_done_find(&l, id, &when, &d));
		assert_int_equal(d.fd, -1);
		assert_true(pv_done_is_unusable(errno));
		assert_false(pv_done_add(&d, id, START));
		pv_done_close(&d);
		assert_int_equal(open_descriptors(), before);
		if (kind < 3)
			assert_int_equal(unlinkat(s->fd, ".abc.done", kind == 2 ? AT_REMOVEDIR : 0), 0);
	}
	assert_true(scratch_holds(s, "precious", "x", 1));
	assert_false(pv_done_is_unusable(EIO));
	assert_false(pv_done_is_unusable(EMFILE));
}

/* The clock of the notes is that of the files: never behind what is written later. */
static void the_clock(void **state)
{
	const struct scratch *s = *state;
	struct stat st;

	for (int i = 0; i < 1000; i++) {
		int64_t now = pv_done_now();
		scratch_write(s, "f", "x", 1);
		assert_int_equal(fstatat(s->fd, "f", &st, 0), 0);
		assert_true(pv_done_time(&st.st_mtim) >= now);
		assert_true(pv_done_time(&st.st_mtim) < now + 60LL * PV_DONE_UNITS);
	}
	const struct timespec t = { .tv_sec = 1, .tv_nsec = 999999999 };
	assert_int_equal(pv_done_time(&t), 2 * PV_DONE_UNITS - 1);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(one_id, scratch_make, scratch_remove),
		cmocka_unit_test_setup_teardown(nearly_the_same, scratch_make, scratch_remove),
		cmocka_unit_test_setup_teardown(a_quiet_mailbox, scratch_make, scratch_remove),
		cmocka_unit_test_setup_teardown(bursts, scratch_make, scratch_remove),
		cmocka_unit_test_setup_teardown(damaged_files, scratch_make, scratch_remove),
		cmocka_unit_test_setup_teardown(no_regular_file, scratch_make, scratch_remove),
		cmocka_unit_test_setup_teardown(the_clock, scratch_make, scratch_remove),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
