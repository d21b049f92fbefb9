#include "mailbox/dotlock.h"

#include "base/file.h"
#include "base/host.h"
#include "base/table.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <signal.h>
#include <sys/stat.h>
#include <unistd.h>

enum { TEXT_MAX = 256, FOREIGN_GONE_S = 60, FOREIGN_UNKNOWN_S = 30 * 60 };

struct names {
	char lock[NAME_MAX + 1]; /* NAME.lock */
	char text[NAME_MAX + 1]; /* .NAME.lock */
};

static bool make_names(const struct pv_location *l, struct names *n)
{
	int a = snprintf(n->lock, sizeof n->lock, "%s.lock", l->name);
	int b = snprintf(n->text, sizeof n->text, ".%s.lock", l->name);

	return a > 0 && b > 0 && (size_t)b < sizeof n->text;
}

/* The kernel that runs, and whose process numbers we see: its boot id, and the device of the /proc that it
 * was read from, which every pid namespace has its own of. `-` and 0 where there is no /proc. */
static void read_boot(char id[40], unsigned long long *proc_r)
{
	int fd = openat(AT_FDCWD, "/proc/sys/kernel/random/boot_id", O_RDONLY | O_CLOEXEC);
	ssize_t n = fd < 0 ? -1 : read(fd, id, 36);
	struct stat st;

	*proc_r = fd >= 0 && fstat(fd, &st) == 0 ? (unsigned long long)st.st_dev : 0;
	if (fd >= 0)
		(void)close(fd);
	if (n != 36)
		n = snprintf(id, 40, "-");
	id[n] = '\0';
}

/* Who we are, as the second line of a dotlock has it, without the time. */
static void make_identity(char *out, size_t size)
{
	unsigned long long proc;
	char boot[40];

	read_boot(boot, &proc);
	(void)snprintf(out, size, "host=%.64s boot=%s pidns=%llu", pv_host_name(), boot, proc);
}

static unsigned long long boot_ms(void)
{
	struct timespec t;

	(void)clock_gettime(CLOCK_BOOTTIME, &t);
	return (unsigned long long)t.tv_sec * 1000 + (unsigned long long)t.tv_nsec / 1000000;
}

/* When did process pid start, in milliseconds since boot? 0: it is gone or cannot be asked. */
static unsigned long long start_of(long pid)
{
	char path[40], text[1024];
	unsigned long ticks;

	(void)snprintf(path, sizeof path, "/proc/%ld/stat", pid);
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	ssize_t n = fd < 0 ? -1 : read(fd, text, sizeof text - 1);
	if (fd >= 0)
		(void)close(fd);
	if (n <= 0)
		return 0;
	text[n] = '\0';
	/* The name of the program, in parentheses, may hold anything; field 22 counts from 1. */
	char *p = strrchr(text, ')');
	if (p == NULL)
		return 0;
	p++;
	char *word = NULL;
	for (int field = 3; field <= 22 && (word = pv_word(&p)) != NULL; field++)
		;
	if (word == NULL || !pv_parse_number(word, strlen(word), ULONG_MAX / 1000, &ticks))
		return 0;
	long per_s = sysconf(_SC_CLK_TCK);
	return per_s > 0 ? (unsigned long long)ticks * 1000 / (unsigned long long)per_s : 0;
}

static bool process_is_gone(long pid)
{
	return kill((pid_t)pid, 0) != 0 && errno == ESRCH;
}

/* Our own kind of text: PID, newline, identity, ` at=` and milliseconds. */
static bool ours_is_stale(const char *identity, long pid, bool *ours_r)
{
	char self[TEXT_MAX];
	unsigned long at;

	make_identity(self, sizeof self);
	size_t host_len = strcspn(self, " ");
	*ours_r = strncmp(identity, self, host_len) == 0 && identity[host_len] == ' ' &&
		  strncmp(identity + host_len, " boot=", 6) == 0;
	if (!*ours_r)
		return false;
	size_t boot_len = host_len + strcspn(self + host_len + 1, " ") + 1;
	if (strncmp(identity, self, boot_len) != 0)
		return true;
	size_t len = strlen(self);
	if (strncmp(identity, self, len) != 0 || strncmp(identity + len, " at=", 4) != 0) {
		*ours_r = false; /* another pid namespace: its pids say nothing here */
		return false;
	}
	if (process_is_gone(pid))
		return true;
	const char *digits = identity + len + 4;
	/* Younger than its lock, by more than the resolution of its start time: another process. */
	return pv_parse_number(digits, strspn(digits, "0123456789"), ULONG_MAX / 2, &at) &&
	       start_of(pid) > at + 20;
}

bool pv_dotlock_is_stale(const char *text, size_t len, long long age_s)
{
	char copy[TEXT_MAX];
	unsigned long pid = 0;

	if (len >= sizeof copy)
		len = sizeof copy - 1;
	memcpy(copy, text, len);
	copy[len] = '\0';
	size_t skip = strspn(copy, " \t"), digits = strspn(copy + skip, "0123456789");
	bool has_pid = pv_parse_number(copy + skip, digits, INT_MAX, &pid) && pid > 1;
	const char *identity = strchr(copy, '\n');
	if (has_pid && identity != NULL && strncmp(identity + 1, "host=", 5) == 0) {
		bool ours;
		bool stale = ours_is_stale(identity + 1, (long)pid, &ours);
		if (ours)
			return stale;
		has_pid = false;
	}
	if (has_pid)
		return process_is_gone((long)pid) && age_s > FOREIGN_GONE_S;
	return age_s > FOREIGN_UNKNOWN_S;
}

/* Open .NAME.lock; what stands there and cannot be ours to write is removed. */
static int open_text(int dirfd, const struct names *n)
{
	const int flags = O_RDWR | O_CREAT | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC;

	int fd = openat(dirfd, n->text, flags, 0600);
	if (fd >= 0 || (errno != EACCES && errno != ELOOP))
		return fd;
	int err = errno;
	if (unlinkat(dirfd, n->text, 0) == 0)
		return openat(dirfd, n->text, flags, 0600);
	errno = err;
	return -1;
}

/* Write our text. Returns an open descriptor of .NAME.lock, or -1 and errno. */
static int write_text(int dirfd, const struct names *n)
{
	char text[TEXT_MAX], identity[TEXT_MAX - 64];

	int fd = open_text(dirfd, n);
	if (fd < 0)
		return -1;
	make_identity(identity, sizeof identity);
	/* Padded to a fixed length, so that an older, longer text leaves no rest. */
	int len = snprintf(text, sizeof text, "%ld\n%s at=%llu", pv_process_id(), identity, boot_ms());
	if (len < 0 || (size_t)len >= sizeof text)
		len = 0;
	memset(text + len, ' ', sizeof text - 1 - (size_t)len);
	text[sizeof text - 1] = '\n';
	errno = 0;
	if (pwrite(fd, text, sizeof text, 0) == (ssize_t)sizeof text)
		return fd;
	int err = errno != 0 ? errno : ENOSPC;
	(void)close(fd);
	errno = err;
	return -1;
}

/* Read another program's dotlock and judge it. .NAME.lock (mine) was written a moment ago: its time is the
 * file system's clock. */
static bool is_stale(int dirfd, const struct names *n, const struct stat *mine, const struct stat *lock)
{
	long long age = (long long)mine->st_mtim.tv_sec - (long long)lock->st_mtim.tv_sec;
	char text[TEXT_MAX];

	if (!S_ISREG(lock->st_mode))
		return pv_dotlock_is_stale("", 0, age);
	int fd = openat(dirfd, n->lock, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);
	ssize_t len = fd < 0 ? 0 : read(fd, text, sizeof text);
	if (fd >= 0)
		(void)close(fd);
	return pv_dotlock_is_stale(text, len > 0 ? (size_t)len : 0, age);
}

static bool same_file(const struct stat *a, const struct stat *b)
{
	return a->st_ino == b->st_ino && a->st_dev == b->st_dev;
}

/* Take the stale dotlock away, by rename to .NAME.lock, so that nothing is removed but what was judged:
 * another program's fresh lock may have come between, and goes back. */
static bool break_foreign(int dirfd, const struct names *n, const struct stat *judged)
{
	struct stat st;

	if (renameat(dirfd, n->lock, dirfd, n->text) != 0)
		return errno == ENOENT;
	bool same = fstatat(dirfd, n->text, &st, AT_SYMLINK_NOFOLLOW) == 0 && same_file(&st, judged);
	if (!same && linkat(dirfd, n->text, dirfd, n->lock, 0) != 0 && errno != EEXIST)
		return false; /* it stays under the other name until the next try */
	(void)unlinkat(dirfd, n->text, 0);
	return same;
}

/* The dotlock exists. Break it if it is stale, and take it. */
static enum pv_dotlock_result take_over(int dirfd, const struct names *n, int text_fd)
{
	struct stat mine, st;

	if (fstatat(dirfd, n->lock, &st, AT_SYMLINK_NOFOLLOW) != 0 || fstat(text_fd, &mine) != 0)
		return PV_DOTLOCK_BUSY;
	if (same_file(&mine, &st))
		return PV_DOTLOCK_TAKEN; /* left by a dead one of us; the text is ours by now */
	if (!is_stale(dirfd, n, &mine, &st) || !break_foreign(dirfd, n, &st))
		return PV_DOTLOCK_BUSY;
	int fd = write_text(dirfd, n);
	if (fd < 0)
		return PV_DOTLOCK_IMPOSSIBLE;
	(void)close(fd);
	return linkat(dirfd, n->text, dirfd, n->lock, 0) == 0 ? PV_DOTLOCK_TAKEN : PV_DOTLOCK_BUSY;
}

enum pv_dotlock_result pv_dotlock_take(const struct pv_location *l, bool may_break)
{
	struct names n;

	errno = ENAMETOOLONG;
	if (!make_names(l, &n))
		return PV_DOTLOCK_IMPOSSIBLE;
	int fd = write_text(l->dirfd, &n);
	if (fd < 0)
		return PV_DOTLOCK_IMPOSSIBLE;
	enum pv_dotlock_result r = PV_DOTLOCK_TAKEN;
	if (linkat(l->dirfd, n.text, l->dirfd, n.lock, 0) != 0) {
		r = errno == EEXIST ? PV_DOTLOCK_BUSY : PV_DOTLOCK_IMPOSSIBLE;
		if (r == PV_DOTLOCK_BUSY && may_break)
			r = take_over(l->dirfd, &n, fd);
	}
	int err = errno;
	(void)close(fd);
	errno = err;
	return r;
}

bool pv_dotlock_exists(const struct pv_location *l)
{
	struct names n;
	struct stat st;

	return !make_names(l, &n) || fstatat(l->dirfd, n.lock, &st, AT_SYMLINK_NOFOLLOW) == 0;
}

void pv_dotlock_release(const struct pv_location *l)
{
	struct names n;

	if (make_names(l, &n))
		(void)unlinkat(l->dirfd, n.lock, 0);
}
