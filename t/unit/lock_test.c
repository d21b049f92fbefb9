/*
 * Both locks of a mailbox: had together or not at all, in time, and on the file that stands at the path.
 */
#include "scratch.h"

#include "base/clock.h"
#include "mailbox/lock.h"

#include <sys/stat.h>
#include <sys/wait.h>

enum { DEADLINE_MS = 120 };

static struct pv_location location(const struct scratch *s)
{
	static char path[600];

	(void)snprintf(path, sizeof path, "%s/abc", s->path);
	return (struct pv_location){ .dirfd = s->fd, .path = path, .name = strrchr(path, '/') + 1 };
}

static const struct pv_lock_options *options(bool fcntl_only)
{
	static struct pv_lock_options o;

	o = (struct pv_lock_options){ .uid = getuid(), .deadline_ms = DEADLINE_MS, .fcntl_only = fcntl_only };
	return &o;
}

static bool is_there(const struct scratch *s, const char *name)
{
	struct stat st;

	return fstatat(s->fd, name, &st, AT_SYMLINK_NOFOLLOW) == 0;
}

/* Would a program with the old kind of lock have to wait? */
static bool is_locked_for_others(const struct scratch *s)
{
	int status;
	pid_t pid = fork();

	assert_true(pid >= 0);
	if (pid == 0) {
		struct flock whole = { .l_type = F_WRLCK, .l_whence = SEEK_SET };
		int fd = openat(s->fd, "abc", O_RDWR | O_CLOEXEC);
		_exit(fd >= 0 && fcntl(fd, F_SETLK, &whole) != 0 && (errno == EAGAIN || errno == EACCES));
	}
	assert_int_equal(waitpid(pid, &status, 0), pid);
	return WEXITSTATUS(status) == 1;
}

static void taken_and_released(void **state)
{
	const struct scratch *s = *state;
	const struct pv_location l = location(s);
	unsigned before = open_descriptors();
	struct pv_lock k;

	scratch_write(s, "abc", "From x\n\n\n", 9);
	assert_int_equal(pv_lock_take(&l, options(false), &k, NULL), PV_OK);
	assert_true(k.dotlock && !k.created && is_there(s, "abc.lock"));
	assert_int_equal(k.st.st_size, 9);
	assert_true(is_locked_for_others(s));
	assert_int_equal(fcntl(k.fd, F_GETFD) & FD_CLOEXEC, FD_CLOEXEC);
	/* A descriptor of the same file that is closed takes nothing away. */
	(void)close(openat(s->fd, "abc", O_RDWR | O_CLOEXEC));
	assert_true(is_locked_for_others(s));
	/* What is written goes to the end, whoever else writes. */
	int other = openat(s->fd, "abc", O_WRONLY | O_APPEND | O_CLOEXEC);
	assert_int_equal(write(other, "more", 4), 4);
	assert_int_equal(pwrite(k.fd, "ours", 4, 9), 4);
	(void)close(other);
	assert_true(scratch_holds(s, "abc", "From x\n\n\nmoreours", 17));
	assert_int_equal(pv_lock_release(&k, &l, NULL), PV_OK);
	assert_false(is_there(s, "abc.lock"));
	assert_false(is_locked_for_others(s));
	assert_int_equal(open_descriptors(), before);
}

/* In a child: hold the lock that `how` says until the pipe is closed. */
enum how { POSIX_LOCK, OFD_LOCK, DOTLOCK };
static pid_t hold(const struct scratch *s, enum how how, int *end_r)
{
	int ready[2], end[2];
	char byte;

	assert_int_equal(pipe(ready), 0);
	assert_int_equal(pipe(end), 0);
	pid_t pid = fork();
	assert_true(pid >= 0);
	if (pid == 0) {
		struct flock whole = { .l_type = F_WRLCK, .l_whence = SEEK_SET };
		char text[20];
		(void)close(end[1]);
		int fd = openat(s->fd, how == DOTLOCK ? "abc.lock" : "abc", O_RDWR | O_CREAT, 0600);
		int len = snprintf(text, sizeof text, "%ld\n", (long)getpid());
		bool ok = how == DOTLOCK ? write(fd, text, (size_t)len) == len
					 : fcntl(fd, how == POSIX_LOCK ? F_SETLK : F_OFD_SETLK, &whole) == 0;
		ok = ok && write(ready[1], "x", 1) == 1 && read(end[0], &byte, 1) == 0;
		_exit(!ok);
	}
	(void)close(end[0]);
	(void)close(ready[1]);
	assert_int_equal(read(ready[0], &byte, 1), 1);
	(void)close(ready[0]);
	*end_r = end[1];
	return pid;
}

/* Whoever holds one of them is waited for, to the deadline and not much longer; nothing of ours stays. */
static void held_by_others(void **state)
{
	const struct scratch *s = *state;
	const struct pv_location l = location(s);
	struct pv_error e;
	struct pv_lock k;
	int end, status;

	for (enum how how = POSIX_LOCK; how <= DOTLOCK; how++) {
		scratch_write(s, "abc", "", 0);
		pid_t pid = hold(s, how, &end);
		unsigned before = open_descriptors();
		int64_t begun = pv_now_ms();
		assert_int_equal(pv_lock_take(&l, options(true), &k, &e), PV_TEMPORARY);
		int64_t took = pv_now_ms() - begun;
		assert_true(took >= DEADLINE_MS - 10 && took < DEADLINE_MS + 2000);
		assert_non_null(strstr(e.text, "is locked by another program"));
		assert_string_equal(e.status, "4.2.0");
		assert_int_equal(open_descriptors(), before);
		/* While the dotlock could not be had, the other lock was not kept. */
		assert_int_equal(is_locked_for_others(s), how != DOTLOCK);
		assert_int_equal(is_there(s, "abc.lock"), how == DOTLOCK);
		(void)close(end);
		assert_int_equal(waitpid(pid, &status, 0), pid);
		assert_int_equal(status, 0);
		(void)unlinkat(s->fd, "abc.lock", 0);
		assert_int_equal(pv_lock_take(&l, options(false), &k, NULL), PV_OK);
		assert_int_equal(pv_lock_release(&k, &l, NULL), PV_OK);
	}
}

static void a_new_mailbox(void **state)
{
	const struct scratch *s = *state;
	const struct pv_location l = location(s);
	struct pv_lock k;
	mode_t mask = umask(0);

	for (int round = 0; round < 2; round++) {
		(void)umask(round == 0 ? 0 : 0777);
		assert_int_equal(pv_lock_take(&l, options(false), &k, NULL), PV_OK);
		assert_true(k.created);
		assert_int_equal(k.st.st_mode & 07777, 0600);
		assert_int_equal(pv_lock_release(&k, &l, NULL), PV_OK);
		assert_false(is_there(s, "abc")); /* it was empty */
		assert_int_equal(pv_lock_take(&l, options(false), &k, NULL), PV_OK);
		assert_int_equal(write(k.fd, "x", 1), 1);
		assert_int_equal(pv_lock_release(&k, &l, NULL), PV_OK);
		assert_true(scratch_holds(s, "abc", "x", 1));
		assert_int_equal(unlinkat(s->fd, "abc", 0), 0);
	}
	(void)umask(mask);
}

/* Another file at the path when we give back: neither it nor its lock is anything of ours to remove. */
static void replaced_meanwhile(void **state)
{
	const struct scratch *s = *state;
	const struct pv_location l = location(s);
	struct pv_lock k;

	assert_int_equal(pv_lock_take(&l, options(false), &k, NULL), PV_OK);
	assert_true(k.created);
	scratch_write(s, "new", "", 0);
	assert_int_equal(renameat(s->fd, "new", s->fd, "abc"), 0);
	assert_int_equal(pv_lock_release(&k, &l, NULL), PV_OK);
	assert_true(is_there(s, "abc"));
}

static void no_dotlock_can_be_made(void **state)
{
	const struct scratch *s = *state;
	struct pv_location l = location(s);
	struct pv_error e;
	struct pv_lock k;

	/* A folder that is shared with others: no file of ours is made in it. */
	l.shared = true;
	scratch_write(s, "abc", "x", 1);
	assert_int_equal(pv_lock_take(&l, options(false), &k, &e), PV_TEMPORARY);
	assert_non_null(strstr(e.text, "fcntl_only"));
	assert_int_equal(pv_lock_take(&l, options(true), &k, &e), PV_OK);
	assert_false(k.dotlock);
	assert_true(is_locked_for_others(s));
	assert_int_equal(scratch_count(s->path), 1);
	assert_int_equal(pv_lock_release(&k, &l, NULL), PV_OK);
	assert_true(scratch_holds(s, "abc", "x", 1));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(taken_and_released, scratch_make, scratch_remove),
		cmocka_unit_test_setup_teardown(held_by_others, scratch_make, scratch_remove),
		cmocka_unit_test_setup_teardown(a_new_mailbox, scratch_make, scratch_remove),
		cmocka_unit_test_setup_teardown(replaced_meanwhile, scratch_make, scratch_remove),
		cmocka_unit_test_setup_teardown(no_dotlock_can_be_made, scratch_make, scratch_remove),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
