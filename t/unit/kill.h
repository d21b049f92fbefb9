/*
 * kill.h: a delivery inside this process that is killed, or whose call fails, at the nth system call that
 * changes something. A kill comes back to run_killed() with every descriptor closed (so locks are gone, as
 * a kernel does it) and every allocation freed. A write that is hit writes a part.
 *
 * Needs `WRAP_<name> = $(KILL_CALLS)` in links.mk.
 */
#ifndef PV_TEST_KILL_H
#define PV_TEST_KILL_H

#include "scratch.h"

#include <sys/uio.h>
#include <time.h>

enum trip { TRIP_NONE, TRIP_KILL, TRIP_FAIL };

static struct {
	enum trip kind;
	unsigned nth, seen; /* which call; calls so far */
	int err;	    /* for TRIP_FAIL */
	bool partly;	    /* a write that is hit writes some of it */
	bool hit, hit_sync;
	uint64_t *random;
	jmp_buf back;
} trip;

static struct {
	int fds[64];
	void *memory[64];
	unsigned n_fds, n_memory;
	bool on;
} held;

static struct timespec model_time; /* what CLOCK_REALTIME_COARSE says */

int __real_openat(int dirfd, const char *name, int flags, ...);
int __real_close(int fd);
ssize_t __real_pwrite(int fd, const void *data, size_t len, off_t at);
ssize_t __real_pwritev(int fd, const struct iovec *v, int n, off_t at);
int __real_fsync(int fd);
int __real_ftruncate(int fd, off_t len);
int __real_linkat(int a, const char *from, int b, const char *to, int flags);
int __real_unlinkat(int dirfd, const char *name, int flags);
int __real_renameat(int a, const char *from, int b, const char *to);
int __real_clock_gettime(clockid_t id, struct timespec *t);
void *__real_malloc(size_t n);
void *__real_calloc(size_t n, size_t each);
void *__real_realloc(void *p, size_t n);
void __real_free(void *p);

int __wrap_openat(int dirfd, const char *name, int flags, mode_t mode);
int __wrap_close(int fd);
ssize_t __wrap_pwrite(int fd, const void *data, size_t len, off_t at);
ssize_t __wrap_pwritev(int fd, const struct iovec *v, int n, off_t at);
int __wrap_fsync(int fd);
int __wrap_ftruncate(int fd, off_t len);
int __wrap_linkat(int a, const char *from, int b, const char *to, int flags);
int __wrap_unlinkat(int dirfd, const char *name, int flags);
int __wrap_renameat(int a, const char *from, int b, const char *to);
int __wrap_clock_gettime(clockid_t id, struct timespec *t);
void *__wrap_malloc(size_t n);
void *__wrap_calloc(size_t n, size_t each);
void *__wrap_realloc(void *p, size_t n);
void __wrap_free(void *p);

/* Is it this call's turn? A kill does not return, unless the caller has a part to write first. */
static inline bool is_hit(void)
{
	if (trip.kind == TRIP_NONE || ++trip.seen != trip.nth)
		return false;
	trip.hit = true;
	errno = trip.err;
	return true;
}

static inline int end_call(void)
{
	if (trip.kind == TRIP_KILL)
		longjmp(trip.back, 1);
	trip.kind = TRIP_NONE; /* one failure a run */
	errno = trip.err;
	return -1;
}

static inline void hold_memory(void *p)
{
	if (held.on && p != NULL) {
		assert_true(held.n_memory < 64);
		held.memory[held.n_memory++] = p;
	}
}

static inline void forget_memory(const void *p)
{
	for (unsigned i = 0; i < held.n_memory; i++)
		if (held.memory[i] == p) {
			held.memory[i] = held.memory[--held.n_memory];
			return;
		}
}

int __wrap_openat(int dirfd, const char *name, int flags, mode_t mode)
{
	if ((flags & O_CREAT) != 0 && is_hit())
		return end_call();
	int fd = __real_openat(dirfd, name, flags, mode);
	if (held.on && fd >= 0)
		held.fds[held.n_fds++] = fd;
	return fd;
}

int __wrap_close(int fd)
{
	for (unsigned i = 0; i < held.n_fds; i++)
		if (held.fds[i] == fd) {
			held.fds[i] = held.fds[--held.n_fds];
			break;
		}
	return __real_close(fd);
}

ssize_t __wrap_pwrite(int fd, const void *data, size_t len, off_t at)
{
	if (!is_hit())
		return __real_pwrite(fd, data, len, at);
	if (trip.partly)
		(void)__real_pwrite(fd, data, next_random(trip.random) % (len + 1), at);
	return end_call();
}

ssize_t __wrap_pwritev(int fd, const struct iovec *v, int n, off_t at)
{
	struct iovec part[2] = { v[0], v[1] };

	assert_int_equal(n, 2);
	if (!is_hit())
		return __real_pwritev(fd, v, n, at);
	if (trip.partly) {
		size_t some = next_random(trip.random) % (v[0].iov_len + v[1].iov_len + 1);
		/* A kill comes between two pages. For the mailbox more is tried than can happen. */
		if (trip.kind == TRIP_KILL && at == 0)
			some -= some % 4096;
		part[0].iov_len = some < v[0].iov_len ? some : v[0].iov_len;
		part[1].iov_len = some - part[0].iov_len;
		ssize_t written = __real_pwritev(fd, part, 2, at);
		/* A write that is cut short says so; the next one fails. */
		if (trip.kind == TRIP_FAIL && written > 0) {
			trip.nth++;
			return written;
		}
	}
	return end_call();
}

int __wrap_fsync(int fd)
{
	(void)fd;
	if (!is_hit())
		return 0; /* nobody pulls the plug here, and it is slow */
	trip.hit_sync = true;
	return end_call();
}

int __wrap_ftruncate(int fd, off_t len)
{
	return is_hit() ? end_call() : __real_ftruncate(fd, len);
}

int __wrap_linkat(int a, const char *from, int b, const char *to, int flags)
{
	return is_hit() ? end_call() : __real_linkat(a, from, b, to, flags);
}

int __wrap_unlinkat(int dirfd, const char *name, int flags)
{
	return is_hit() ? end_call() : __real_unlinkat(dirfd, name, flags);
}

int __wrap_renameat(int a, const char *from, int b, const char *to)
{
	return is_hit() ? end_call() : __real_renameat(a, from, b, to);
}

int __wrap_clock_gettime(clockid_t id, struct timespec *t)
{
	if (id != CLOCK_REALTIME_COARSE)
		return __real_clock_gettime(id, t);
	*t = model_time;
	return 0;
}

void *__wrap_malloc(size_t n)
{
	void *p = __real_malloc(n);

	hold_memory(p);
	return p;
}

void *__wrap_calloc(size_t n, size_t each)
{
	void *p = __real_calloc(n, each);

	hold_memory(p);
	return p;
}

void *__wrap_realloc(void *p, size_t n)
{
	forget_memory(p);
	p = __real_realloc(p, n);
	hold_memory(p);
	return p;
}

void __wrap_free(void *p)
{
	forget_memory(p);
	__real_free(p);
}

/* Run f(ctx). Returns false if it was killed. */
static inline bool run_killed(void (*f)(void *), void *ctx)
{
	trip.seen = 0;
	trip.hit = trip.hit_sync = false;
	held.n_fds = held.n_memory = 0;
	held.on = true;
	volatile bool whole = false;
	if (setjmp(trip.back) == 0) {
		f(ctx);
		whole = true;
	}
	held.on = false;
	trip.kind = TRIP_NONE;
	while (!whole && held.n_fds > 0)
		(void)__real_close(held.fds[--held.n_fds]);
	while (!whole && held.n_memory > 0)
		__real_free(held.memory[--held.n_memory]);
	return whole;
}

#endif
