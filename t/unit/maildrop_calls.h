/*
 * maildrop_calls.h: the system calls of a session with a maildrop: made to fail, to end the process, or
 * counted. The wrappers need `WRAP_<name> = $(MAILDROP_CALLS)` in links.mk.
 */
#ifndef PV_TEST_MAILDROP_CALLS_H
#define PV_TEST_MAILDROP_CALLS_H

#include "maildrop_world.h"

#include <sys/uio.h>
#include <sys/vfs.h>
#include <sys/wait.h>
#include <time.h>

enum {
	SHORT = -1, /* as `err`: half of it is done */
	KILLED = 77 /* status of a process that ended itself at a call */
};

/* The nth call of `call` fails with err. */
static struct {
	const char *call;
	unsigned nth, seen;
	int err;
} fault;

/* The process ends before the nth call that changes something, half of it done. 0: it does not. */
static struct {
	unsigned nth, seen;
} kill_at;

static struct {
	uint64_t bytes; /* that were read by pread() */
	ino_t inode;	/* of this file; 0: of any */
} counted;

/* Called before the nth call of before_call.call: another program does something at this moment. */
static void (*interrupt)(void);
static struct {
	const char *call;
	unsigned nth, seen;
} before_call;

static int64_t clock_shift; /* s by which the clock of file times is ahead */

static inline bool trips(const char *call)
{
	if (before_call.call != NULL && strcmp(before_call.call, call) == 0 &&
	    ++before_call.seen == before_call.nth)
		interrupt();
	if (fault.call == NULL || strcmp(fault.call, call) != 0 || ++fault.seen != fault.nth)
		return false;
	if (fault.err != SHORT)
		errno = fault.err;
	return true;
}

static inline bool dies(void)
{
	return kill_at.nth != 0 && ++kill_at.seen == kill_at.nth;
}

#define WRAPPED(type, bad, name, parameters, arguments)                                                      \
	type __real_##name parameters;                                                                       \
	type __wrap_##name parameters;                                                                       \
	type __wrap_##name parameters                                                                        \
	{                                                                                                    \
		return trips(#name) ? bad : __real_##name arguments;                                         \
	}

/* Those that change something. */
#define WRAPPED_CHANGE(type, name, parameters, arguments)                                                    \
	type __real_##name parameters;                                                                       \
	type __wrap_##name parameters;                                                                       \
	type __wrap_##name parameters                                                                        \
	{                                                                                                    \
		if (dies())                                                                                  \
			_exit(KILLED);                                                                       \
		return trips(#name) ? -1 : __real_##name arguments;                                          \
	}

WRAPPED(int, -1, fstat, (int fd, struct stat *st), (fd, st))
WRAPPED(int, -1, fstatat, (int fd, const char *name, struct stat *st, int flags), (fd, name, st, flags))
WRAPPED(int, -1, fstatfs, (int fd, struct statfs *st), (fd, st))
WRAPPED(int, -1, fcntl, (int fd, int what, void *with), (fd, what, with))
WRAPPED(void *, NULL, malloc, (size_t n), (n))
WRAPPED(void *, NULL, calloc, (size_t n, size_t each), (n, each))
WRAPPED(void *, NULL, reallocarray, (void *p, size_t n, size_t each), (p, n, each))
WRAPPED_CHANGE(int, ftruncate, (int fd, off_t size), (fd, size))
WRAPPED_CHANGE(int, linkat, (int a, const char *b, int c, const char *d, int f), (a, b, c, d, f))
WRAPPED_CHANGE(int, unlinkat, (int fd, const char *name, int flags), (fd, name, flags))
WRAPPED_CHANGE(int, renameat, (int a, const char *b, int c, const char *d), (a, b, c, d))
WRAPPED_CHANGE(int, fchmod, (int fd, mode_t mode), (fd, mode))
WRAPPED_CHANGE(int, fchown, (int fd, uid_t uid, gid_t gid), (fd, uid, gid))

int __wrap_fsync(int fd);
int __wrap_fsync(int fd)
{
	(void)fd;
	if (dies())
		_exit(KILLED);
	return trips("fsync") ? -1 : 0; /* nobody pulls the plug here, and it is slow */
}

int __real_openat(int fd, const char *name, int flags, mode_t mode);
int __wrap_openat(int fd, const char *name, int flags, mode_t mode);
int __wrap_openat(int fd, const char *name, int flags, mode_t mode)
{
	if ((flags & O_CREAT) != 0 && dies())
		_exit(KILLED);
	return trips("openat") ? -1 : __real_openat(fd, name, flags, mode);
}

int __real_close(int fd);
int __wrap_close(int fd);
int __wrap_close(int fd)
{
	int r = __real_close(fd);

	return trips("close") ? -1 : r;
}

ssize_t __real_pread(int fd, void *to, size_t len, off_t at);
ssize_t __wrap_pread(int fd, void *to, size_t len, off_t at);
ssize_t __wrap_pread(int fd, void *to, size_t len, off_t at)
{
	bool now = trips("pread");
	struct stat st;

	if (now && fault.err != SHORT)
		return -1;
	ssize_t n = __real_pread(fd, to, now ? (len + 1) / 2 : len, at);
	if (n > 0 && (counted.inode == 0 || (__real_fstat(fd, &st) == 0 && st.st_ino == counted.inode)))
		counted.bytes += (uint64_t)n;
	return n;
}

#define WRAPPED_WRITE(name, parameters, arguments, half)                                                     \
	ssize_t __real_##name parameters;                                                                    \
	ssize_t __wrap_##name parameters;                                                                    \
	ssize_t __wrap_##name parameters                                                                     \
	{                                                                                                    \
		if (dies()) {                                                                                \
			(void)(half);                                                                        \
			_exit(KILLED);                                                                       \
		}                                                                                            \
		if (!trips(#name))                                                                           \
			return __real_##name arguments;                                                      \
		ssize_t did = fault.err == EINTR ? 0 : (half);                                               \
		errno = fault.err;                                                                           \
		return fault.err == SHORT ? did : -1;                                                        \
	}

WRAPPED_WRITE(write, (int fd, const void *data, size_t len), (fd, data, len),
	      __real_write(fd, data, (len + 1) / 2))
WRAPPED_WRITE(pwrite, (int fd, const void *data, size_t len, off_t at), (fd, data, len, at),
	      __real_pwrite(fd, data, (len + 1) / 2, at))
WRAPPED_WRITE(pwritev, (int fd, const struct iovec *v, int n, off_t at), (fd, v, n, at),
	      __real_pwritev(fd, v, 1, at))

int __real_clock_gettime(clockid_t id, struct timespec *t);
int __wrap_clock_gettime(clockid_t id, struct timespec *t);
int __wrap_clock_gettime(clockid_t id, struct timespec *t)
{
	int r = __real_clock_gettime(id, t);

	if (id == CLOCK_REALTIME_COARSE)
		t->tv_sec += clock_shift;
	return r;
}

#endif
