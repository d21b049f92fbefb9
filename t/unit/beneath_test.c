/*
 * beneath_test.c: what lies below a folder is opened, nothing else, with openat2(2) and without:
 * both ways must give the same answers.
 */
#include "scratch.h"

#include "base/beneath.h"

#include <sys/syscall.h>

static bool no_openat2;

long __real_syscall(long number, long a, long b, long c, long d, long e, long f);
long __wrap_syscall(long number, long a, long b, long c, long d, long e, long f);
long __wrap_syscall(long number, long a, long b, long c, long d, long e, long f)
{
	if (no_openat2) {
		errno = ENOSYS;
		return -1;
	}
	return __real_syscall(number, a, b, c, d, e, f);
}

static int make_tree(void **state)
{
	if (scratch_make(state) != 0)
		return -1;
	const struct scratch *s = *state;
	if (mkdirat(s->fd, "a", 0700) != 0 || mkdirat(s->fd, "a/b", 0700) != 0 ||
	    mkdirat(s->fd, "a/out2", 0700) != 0 || symlinkat("a", s->fd, "link") != 0 ||
	    symlinkat("file", s->fd, "a/link") != 0 || symlinkat("b", s->fd, "a/folder") != 0 ||
	    symlinkat("/etc", s->fd, "a/out") != 0 || symlinkat("nothing", s->fd, "a/dangling") != 0)
		return -1;
	scratch_write(s, "a/file", "f", 1);
	scratch_write(s, "a/b/file", "f", 1);
	scratch_write(s, "a/..c", "f", 1);
	return 0;
}

#define TEN "xxxxxxxxxx"
#define HUNDRED TEN TEN TEN TEN TEN TEN TEN TEN TEN TEN

static const struct {
	const char *path;
	int flags, want; /* errno, 0: opened */
} cases[] = {
	{ "a", O_PATH | O_DIRECTORY, 0 },
	{ "a/b", O_PATH | O_DIRECTORY, 0 },
	{ "a/file", O_RDONLY, 0 },
	{ "a/file", O_PATH, 0 },
	{ "a/b/file", O_RDWR, 0 },
	{ "a/..c", O_RDONLY, 0 },
	{ "a/new", O_RDWR | O_CREAT | O_EXCL, 0 },
	{ "a/file", O_RDWR | O_CREAT | O_EXCL, EEXIST },
	{ "a/file", O_PATH | O_DIRECTORY, ENOTDIR },
	{ "a/file/x", O_RDONLY, ENOTDIR },
	{ "none", O_RDONLY, ENOENT },
	{ "none/file", O_RDONLY, ENOENT },
	{ "a/...", O_RDONLY, ENOENT },
	{ "link", O_PATH | O_DIRECTORY, ELOOP },
	{ "link", O_PATH, ELOOP },
	{ "link/file", O_RDONLY, ELOOP },
	{ "a/link", O_RDONLY, ELOOP },
	{ "a/link", O_PATH, ELOOP },
	{ "a/folder", O_PATH | O_DIRECTORY, ELOOP },
	{ "a/folder/file", O_RDONLY, ELOOP },
	{ "a/out/passwd", O_RDONLY, ELOOP },
	{ "a/dangling", O_RDWR | O_CREAT, ELOOP },
	{ "..", O_PATH | O_DIRECTORY, EXDEV },
	{ "../x", O_RDONLY, EXDEV },
	{ "a/..", O_PATH | O_DIRECTORY, EXDEV },
	{ "a/../a/file", O_RDONLY, EXDEV },
	{ "/", O_PATH | O_DIRECTORY, EXDEV },
	{ "/etc/passwd", O_RDONLY, EXDEV },
	{ "", O_PATH | O_DIRECTORY, EXDEV },
	{ "a/", O_PATH | O_DIRECTORY, EXDEV },
	{ "a//file", O_RDONLY, EXDEV },
	{ "a/" HUNDRED HUNDRED HUNDRED "/x", O_RDONLY, ENAMETOOLONG },
};

static void only_what_is_below_is_opened(void **state)
{
	const struct scratch *s = *state;

	for (int without = 0; without < 2; without++)
		for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
			unsigned before = open_descriptors();
			no_openat2 = without != 0;
			int fd = pv_open_beneath(s->fd, cases[i].path, cases[i].flags, 0640);
			int err = fd < 0 ? errno : 0;
			no_openat2 = false;
			if (err != cases[i].want)
				fail_msg("`%s` %s openat2(): %s", cases[i].path, without ? "without" : "with",
					 strerror(err));
			if (fd >= 0) {
				assert_true((fcntl(fd, F_GETFD) & FD_CLOEXEC) != 0);
				(void)close(fd);
			}
			assert_int_equal(open_descriptors(), before);
			(void)unlinkat(s->fd, "a/new", 0);
			assert_int_equal(faccessat(s->fd, "a/nothing", F_OK, 0), -1);
		}
}

static void a_new_file_has_the_mode_asked_for(void **state)
{
	const struct scratch *s = *state;
	struct stat st;
	mode_t mask = umask(0);

	for (int without = 0; without < 2; without++) {
		no_openat2 = without != 0;
		int fd = pv_open_beneath(s->fd, "a/b/new", O_RDWR | O_CREAT | O_EXCL, 0640);
		no_openat2 = false;
		assert_int_equal(fstat(fd, &st), 0);
		assert_int_equal(st.st_mode, S_IFREG | 0640);
		(void)close(fd);
		assert_int_equal(unlinkat(s->fd, "a/b/new", 0), 0);
	}
	(void)umask(mask);
}

static void a_folder_in_a_folder(void **state)
{
	static const struct {
		const char *dir, *name; /* dir: below the scratch folder */
		bool good, dir_missing;
	} folders[] = {
		{ "a", "b", true, false },
		{ "link", "b", true, false }, /* dir by a symlink */
		{ "a", "folder", false, false },
		{ "link", "folder", false, false }, /* name is a symlink */
		{ "a", "file", false, false },
		{ "a", "none", false, false },
		{ "none", "b", false, true },
		{ "a", "..", false, false },
		{ "a/b", "../out2", false, false },
		{ "a", "", false, false },
		{ "a", "b/", false, false },
	};
	const struct scratch *s = *state;
	char dir[600];

	for (int without = 0; without < 2; without++)
		for (size_t i = 0; i < sizeof folders / sizeof *folders; i++) {
			bool missing = !folders[i].dir_missing;
			unsigned before = open_descriptors();
			(void)snprintf(dir, sizeof dir, "%s/%s", s->path, folders[i].dir);
			no_openat2 = without != 0;
			int fd = pv_open_folder_in(dir, folders[i].name, &missing);
			no_openat2 = false;
			if ((fd >= 0) != folders[i].good || missing != folders[i].dir_missing)
				fail_msg("%s in %s: %d %d", folders[i].name, folders[i].dir, fd, missing);
			if (fd >= 0) {
				assert_true((fcntl(fd, F_GETFD) & FD_CLOEXEC) != 0);
				(void)close(fd);
			}
			assert_int_equal(open_descriptors(), before);
		}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(only_what_is_below_is_opened, make_tree, scratch_remove),
		cmocka_unit_test_setup_teardown(a_new_file_has_the_mode_asked_for, make_tree, scratch_remove),
		cmocka_unit_test_setup_teardown(a_folder_in_a_folder, make_tree, scratch_remove),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
