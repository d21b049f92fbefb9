/*
 * The bytes of a message, in memory or in a file: what comes out is what went in, at every size around the
 * limit.
 */
#include "scratch.h"

#include "mailbox/content.h"

#include <sys/stat.h>

static unsigned long fail_openat, fail_write; /* 0: none */
static int fail_errno;

int __real_openat(int fd, const char *name, int flags, mode_t mode);
int __wrap_openat(int fd, const char *name, int flags, mode_t mode);
int __wrap_openat(int fd, const char *name, int flags, mode_t mode)
{
	if (fail_openat != 0 && --fail_openat == 0) {
		errno = fail_errno;
		return -1;
	}
	return __real_openat(fd, name, flags, mode);
}

ssize_t __real_write(int fd, const void *data, size_t len);
ssize_t __wrap_write(int fd, const void *data, size_t len);
ssize_t __wrap_write(int fd, const void *data, size_t len)
{
	if (fail_write != 0 && --fail_write == 0) {
		errno = fail_errno;
		return -1;
	}
	return __real_write(fd, data, len > 100000 ? 100000 : len); /* always short */
}

static char byte_at(uint64_t i)
{
	return (char)(i * 7 + i / 251);
}

static enum pv_class fill(struct pv_content *c, uint64_t size, size_t piece, struct pv_error *e)
{
	static char data[300000];
	enum pv_class r = PV_OK;

	for (uint64_t at = 0; r == PV_OK && at < size;) {
		size_t n = size - at < piece ? (size_t)(size - at) : piece;
		for (size_t i = 0; i < n; i++)
			data[i] = byte_at(at + i);
		r = pv_content_add(c, data, n, e);
		at += n;
	}
	return r == PV_OK ? pv_content_finish(c, e) : r;
}

static void check_bytes(const struct pv_content *c, uint64_t size)
{
	static char data[70000];
	struct pv_sum sum;
	uint64_t at = 0;
	ssize_t n;

	pv_sum_start(&sum);
	while ((n = pv_content_read(c, data, sizeof data, at)) > 0) {
		for (ssize_t i = 0; i < n; i++)
			if (data[i] != byte_at(at + (uint64_t)i))
				fail_msg("byte %llu is wrong",
					 (unsigned long long)at + (unsigned long long)i);
		pv_sum_add(&sum, data, (size_t)n);
		at += (uint64_t)n;
	}
	assert_int_equal(n, 0);
	assert_int_equal(at, size);
	assert_int_equal(c->size, size);
	assert_int_equal(pv_sum_finish(&c->sum), pv_sum_finish(&sum));
	assert_int_equal(pv_content_read(c, data, 1, size + 1000000), 0);
}

static void every_size(void **state)
{
	static const uint64_t sizes[] = { 0,
					  1,
					  4096,
					  PV_CONTENT_MEMORY - 1,
					  PV_CONTENT_MEMORY,
					  PV_CONTENT_MEMORY + 1,
					  PV_CONTENT_MEMORY + 256 * 1024,
					  PV_CONTENT_MEMORY + 256 * 1024 + 1,
					  5 * 1000 * 1000 };
	static const size_t pieces[] = { 999, 65536, 300000 };
	const struct scratch *s = *state;
	struct pv_content c;

	for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++)
		for (size_t k = 0; k < sizeof pieces / sizeof *pieces; k++) {
			unsigned before = open_descriptors();
			/* In the mailbox's folder, or, where it is not ours, in /var/tmp. */
			pv_content_start(&c, k == 2 ? -1 : s->fd);
			assert_int_equal(fill(&c, sizes[i], pieces[k], NULL), PV_OK);
			assert_int_equal(c.fd >= 0, sizes[i] > PV_CONTENT_MEMORY);
			check_bytes(&c, sizes[i]);
			pv_content_free(&c);
			assert_int_equal(open_descriptors(), before);
			assert_int_equal(scratch_count(s->path), 0); /* nothing has a name */
		}
}

static void the_file_is_closed_to_others(void **state)
{
	const struct scratch *s = *state;
	struct pv_content c;
	struct stat st;
	mode_t mask = umask(0);

	pv_content_start(&c, s->fd);
	assert_int_equal(fill(&c, PV_CONTENT_MEMORY + 1, 65536, NULL), PV_OK);
	assert_int_equal(fstat(c.fd, &st), 0);
	assert_int_equal(st.st_mode & 07777, 0600);
	assert_int_equal(fcntl(c.fd, F_GETFD) & FD_CLOEXEC, FD_CLOEXEC);
	pv_content_free(&c);
	(void)umask(mask);
}

static void faults(void **state)
{
	static const struct {
		int err;
		const char *status;
	} kinds[] = { { ENOSPC, "4.3.1" }, { EDQUOT, "4.3.1" }, { EIO, "4.3.0" }, { EFBIG, "4.3.0" } };
	const struct scratch *s = *state;
	struct pv_error e;
	struct pv_content c;

	for (size_t i = 0; i < sizeof kinds / sizeof *kinds; i++) {
		bool met = true;
		for (unsigned long nth = 1; met; nth++) {
			unsigned before = open_descriptors();
			fail_errno = kinds[i].err;
			fail_write = nth;
			pv_content_start(&c, s->fd);
			enum pv_class r = fill(&c, PV_CONTENT_MEMORY + 300000, 65536, &e);
			met = fail_write == 0;
			fail_write = 0;
			assert_int_equal(r, met ? PV_TEMPORARY : PV_OK);
			if (met)
				assert_string_equal(e.status, kinds[i].status);
			pv_content_free(&c);
			assert_int_equal(open_descriptors(), before);
			assert_true(nth < 1000);
		}
	}
	fail_errno = EMFILE;
	fail_openat = 1;
	pv_content_start(&c, s->fd);
	assert_int_equal(fill(&c, PV_CONTENT_MEMORY + 1, 65536, &e), PV_TEMPORARY);
	assert_non_null(strstr(e.text, "temporary file"));
	pv_content_free(&c);
	fail_errno = EOPNOTSUPP; /* NFS has no O_TMPFILE; a Maildir may lie there */
	fail_openat = 1;
	pv_content_start(&c, s->fd);
	assert_int_equal(fill(&c, PV_CONTENT_MEMORY + 1, 65536, &e), PV_OK);
	assert_int_equal(fail_openat, 0);
	check_bytes(&c, PV_CONTENT_MEMORY + 1);
	pv_content_free(&c);
	/* An interruption is nothing. */
	fail_errno = EINTR;
	fail_write = 2;
	pv_content_start(&c, s->fd);
	assert_int_equal(fill(&c, PV_CONTENT_MEMORY + 300000, 65536, &e), PV_OK);
	assert_int_equal(fail_write, 0);
	check_bytes(&c, PV_CONTENT_MEMORY + 300000);
	pv_content_free(&c);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(every_size, scratch_make, scratch_remove),
		cmocka_unit_test_setup_teardown(the_file_is_closed_to_others, scratch_make, scratch_remove),
		cmocka_unit_test_setup_teardown(faults, scratch_make, scratch_remove),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
