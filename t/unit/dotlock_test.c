/*
 * Which dotlocks are left over, and that nothing else is ever broken.
 */
#include "scratch.h"

#include "base/host.h"
#include "mailbox/dotlock.h"

#include <sys/wait.h>
#include <time.h>

static char boot[64];
static unsigned long long proc_device;
static long dead, alive; /* pids: one that is gone, one that lives as long as this test */

static void read_machine(void)
{
	struct stat st;
	int fd = open("/proc/sys/kernel/random/boot_id", O_RDONLY | O_CLOEXEC);

	assert_true(fd >= 0);
	assert_int_equal(read(fd, boot, 36), 36);
	assert_int_equal(fstat(fd, &st), 0);
	proc_device = st.st_dev;
	(void)close(fd);
	pid_t pid = fork();
	assert_true(pid >= 0);
	if (pid == 0)
		_exit(0);
	assert_int_equal(waitpid(pid, NULL, 0), pid);
	dead = pid;
	alive = getpid();
}

static unsigned long long now_ms(void)
{
	struct timespec t;

	assert_int_equal(clock_gettime(CLOCK_BOOTTIME, &t), 0);
	return (unsigned long long)t.tv_sec * 1000 + (unsigned long long)t.tv_nsec / 1000000;
}

enum { MINUTE = 60 };

/* In a text: %D a dead pid, %A a living one, %H this host, %B this boot, %P this pid namespace, %N now, %O
 * before this process began. */
static const struct row {
	const char *sentence, *text;
	long long age_s;
	bool stale;
} rows[] = {
	{ "ours, its process is gone", "%D\nhost=%H boot=%B pidns=%P at=%N   \n", 0, true },
	{ "ours, its process lives", "%A\nhost=%H boot=%B pidns=%P at=%N   \n", 0, false },
	{ "ours, its process lives, for a day", "%A\nhost=%H boot=%B pidns=%P at=%N   \n", 1440 * MINUTE,
	  false },
	{ "ours, its pid is a younger process's now", "%A\nhost=%H boot=%B pidns=%P at=%O\n", 0, true },
	{ "ours, from another boot", "%A\nhost=%H boot=00000000-0000-0000-0000-000000000000 pidns=%P at=%N\n",
	  0, true },
	{ "ours, from another pid namespace, young", "%D\nhost=%H boot=%B pidns=1 at=%N\n", 29 * MINUTE,
	  false },
	{ "ours, from another pid namespace, old", "%D\nhost=%H boot=%B pidns=1 at=%N\n", 31 * MINUTE, true },
	{ "of another host, young", "%D\nhost=x.example boot=%B pidns=%P at=%N\n", 29 * MINUTE, false },
	{ "of another host, old", "%D\nhost=x.example boot=%B pidns=%P at=%N\n", 31 * MINUTE, true },
	{ "of a host whose name begins like ours", "%D\nhost=%Hx boot=%B pidns=%P at=%N\n", 29 * MINUTE,
	  false },
	{ "ours, cut in the second line", "%D\nhost=%H boot=%B pid", 29 * MINUTE, false },
	{ "ours, without a time", "%A\nhost=%H boot=%B pidns=%P at=\n", 1440 * MINUTE, false },
	{ "a pid that is gone, 61 s", "%D\n", 61, true },
	{ "a pid that is gone, 60 s", "%D\n", 60, false },
	{ "a pid that is gone, of the future", "%D\n", -100, false },
	{ "a pid that lives, for a day", "%A\n", 1440 * MINUTE, false },
	{ "a pid without a newline", "%D", 61, true },
	{ "a pid behind blanks", "   %D\n", 61, true },
	{ "a pid and more lines", "%D\nsomething\n", 61, true },
	{ "empty, 30 minutes", "", 30 * MINUTE, false },
	{ "empty, 31 minutes", "", 31 * MINUTE, true },
	{ "0, as procmail writes, young", "0", 29 * MINUTE, false },
	{ "0, as procmail writes, old", "0", 31 * MINUTE, true },
	{ "1 is no usable pid", "1\n", 29 * MINUTE, false },
	{ "a negative number", "-%D\n", 29 * MINUTE, false },
	{ "a number that is too large", "99999999999999999999\n", 29 * MINUTE, false },
	{ "a word", "locked\n", 29 * MINUTE, false },
	{ "a word, old", "locked\n", 31 * MINUTE, true },
};

static size_t expand(const char *text, char *out, size_t size)
{
	size_t n = 0;

	for (const char *p = text; *p != '\0' && n + 100 < size; p++) {
		if (*p != '%') {
			out[n++] = *p;
			continue;
		}
		switch (*++p) {
		case 'D':
			n += (size_t)snprintf(out + n, size - n, "%ld", dead);
			break;
		case 'A':
			n += (size_t)snprintf(out + n, size - n, "%ld", alive);
			break;
		case 'H':
			n += (size_t)snprintf(out + n, size - n, "%s", pv_host_name());
			break;
		case 'B':
			n += (size_t)snprintf(out + n, size - n, "%s", boot);
			break;
		case 'P':
			n += (size_t)snprintf(out + n, size - n, "%llu", proc_device);
			break;
		case 'N':
			n += (size_t)snprintf(out + n, size - n, "%llu", now_ms());
			break;
		default:
			n += (size_t)snprintf(out + n, size - n, "1");
		}
	}
	return n;
}

static void texts_and_ages(void **state)
{
	char text[512];

	(void)state;
	read_machine();
	for (const struct row *r = rows; r < rows + sizeof rows / sizeof *rows; r++) {
		size_t len = expand(r->text, text, sizeof text);
		if (pv_dotlock_is_stale(text, len, r->age_s) != r->stale)
			fail_msg("%s: it is %sstale", r->sentence, r->stale ? "not " : "");
	}
	/* Any bytes: no more than a guess by their age. */
	uint64_t random = 20261120;
	for (int i = 0; i < 20000; i++) {
		for (size_t k = 0; k < sizeof text; k++)
			text[k] = (char)next_random(&random);
		assert_false(pv_dotlock_is_stale(text, next_random(&random) % sizeof text, 59));
	}
}

static struct pv_location location(const struct scratch *s)
{
	static char path[600];

	(void)snprintf(path, sizeof path, "%s/abc", s->path);
	return (struct pv_location){ .dirfd = s->fd, .path = path, .name = strrchr(path, '/') + 1 };
}

static void set_age(const struct scratch *s, const char *name, time_t age)
{
	struct timespec t[2] = { { .tv_sec = time(NULL) - age }, { .tv_sec = time(NULL) - age } };

	assert_int_equal(utimensat(s->fd, name, t, AT_SYMLINK_NOFOLLOW), 0);
}

static void take_and_release(void **state)
{
	const struct scratch *s = *state;
	const struct pv_location l = location(s);
	char text[300] = "", pid[20];

	assert_int_equal(pv_dotlock_take(&l, true), PV_DOTLOCK_TAKEN);
	assert_true(pv_dotlock_exists(&l));
	int fd = openat(s->fd, "abc.lock", O_RDONLY | O_CLOEXEC);
	assert_true(fd >= 0 && read(fd, text, sizeof text - 1) > 0);
	(void)close(fd);
	(void)snprintf(pid, sizeof pid, "%ld\n", (long)getpid());
	assert_memory_equal(text, pid, strlen(pid)); /* where other programs look for it */
	assert_false(pv_dotlock_is_stale(text, strlen(text), 1440 * MINUTE));
	pv_dotlock_release(&l);
	assert_false(pv_dotlock_exists(&l));
	assert_int_equal(pv_dotlock_take(&l, true), PV_DOTLOCK_TAKEN);
	pv_dotlock_release(&l);
	assert_int_equal(scratch_count(s->path), 1); /* .abc.lock, for the next time */
}

/* What somebody else put there is broken only if it is stale, and goes then. */
static void others_dotlocks(void **state)
{
	static const struct {
		const char *sentence, *text;
		time_t age;
		enum pv_dotlock_result result;
	} locks[] = {
		{ "a living pid, a day old", "%A\n", 1440 * MINUTE, PV_DOTLOCK_BUSY },
		{ "a dead pid, new", "%D\n", 0, PV_DOTLOCK_BUSY },
		{ "a dead pid, two minutes", "%D\n", 2 * MINUTE, PV_DOTLOCK_TAKEN },
		{ "empty, two minutes", "", 2 * MINUTE, PV_DOTLOCK_BUSY },
		{ "empty, an hour", "", 60 * MINUTE, PV_DOTLOCK_TAKEN },
		{ "from the future", "%D\n", -60 * MINUTE, PV_DOTLOCK_BUSY },
	};
	const struct scratch *s = *state;
	const struct pv_location l = location(s);
	char text[300];

	read_machine();
	for (size_t i = 0; i < sizeof locks / sizeof *locks; i++) {
		size_t len = expand(locks[i].text, text, sizeof text);
		scratch_write(s, "abc.lock", text, len);
		set_age(s, "abc.lock", locks[i].age);
		unsigned before = open_descriptors();
		enum pv_dotlock_result r = pv_dotlock_take(&l, true);
		if (r != locks[i].result)
			fail_msg("%s: result %d", locks[i].sentence, (int)r);
		assert_int_equal(open_descriptors(), before);
		if (r == PV_DOTLOCK_BUSY)
			assert_true(scratch_holds(s, "abc.lock", text, len));
		assert_int_equal(unlinkat(s->fd, "abc.lock", 0), 0);
		assert_int_equal(scratch_count(s->path), 1);
	}
	/* A symlink, a folder and a FIFO block nothing for ever, and are not followed or opened. */
	scratch_write(s, "target", "x", 1);
	assert_int_equal(symlinkat("target", s->fd, "abc.lock"), 0);
	set_age(s, "abc.lock", 60 * MINUTE);
	assert_int_equal(pv_dotlock_take(&l, true), PV_DOTLOCK_TAKEN);
	pv_dotlock_release(&l);
	assert_true(scratch_holds(s, "target", "x", 1));
	assert_int_equal(mkfifoat(s->fd, "abc.lock", 0600), 0);
	assert_int_equal(pv_dotlock_take(&l, true), PV_DOTLOCK_BUSY);
}

/* One of ours that was killed: its lock is a second link to .abc.lock, and is taken over at once. */
static void left_by_a_dead_one_of_us(void **state)
{
	const struct scratch *s = *state;
	const struct pv_location l = location(s);
	struct stat st;

	assert_int_equal(pv_dotlock_take(&l, true), PV_DOTLOCK_TAKEN);
	assert_int_equal(pv_dotlock_take(&l, true), PV_DOTLOCK_TAKEN);
	assert_int_equal(fstatat(s->fd, "abc.lock", &st, 0), 0);
	assert_int_equal(st.st_nlink, 2);
	pv_dotlock_release(&l);
}

static void impossible(void **state)
{
	const struct scratch *s = *state;
	struct pv_location l = location(s);
	char name[300];

	assert_int_equal(mkdirat(s->fd, ".abc.lock", 0700), 0);
	assert_int_equal(pv_dotlock_take(&l, true), PV_DOTLOCK_IMPOSSIBLE);
	assert_int_equal(unlinkat(s->fd, ".abc.lock", AT_REMOVEDIR), 0);
	memset(name, 'x', sizeof name);
	name[252] = '\0';
	l.name = name;
	assert_int_equal(pv_dotlock_take(&l, true), PV_DOTLOCK_IMPOSSIBLE);
	assert_int_equal(errno, ENAMETOOLONG);
	l.name = "abc";
	assert_int_equal(symlinkat("precious", s->fd, ".abc.lock"), 0);
	scratch_write(s, "precious", "x", 1);
	assert_int_equal(pv_dotlock_take(&l, true), PV_DOTLOCK_TAKEN);
	pv_dotlock_release(&l);
	assert_true(scratch_holds(s, "precious", "x", 1));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(texts_and_ages),
		cmocka_unit_test_setup_teardown(take_and_release, scratch_make, scratch_remove),
		cmocka_unit_test_setup_teardown(others_dotlocks, scratch_make, scratch_remove),
		cmocka_unit_test_setup_teardown(left_by_a_dead_one_of_us, scratch_make, scratch_remove),
		cmocka_unit_test_setup_teardown(impossible, scratch_make, scratch_remove),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
