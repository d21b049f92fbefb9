/*
 * write_faults.h: calls that change the disk, made to fail: "the nth call of X fails with errno E". The
 * wrappers need `WRAP_<name> = $(WRITE_CALLS)` in links.mk.
 */
#ifndef PV_TEST_WRITE_FAULTS_H
#define PV_TEST_WRITE_FAULTS_H

#include "scratch.h"

#include "base/error.h"

#include <sys/random.h>

/* The fault: the nth call of `call` fails with err, or (kill) ends this process, which should be a child. */
static struct {
	const char *call;
	unsigned nth, seen;
	int err;
	bool kill;
} fault;

static inline bool trips(const char *call)
{
	if (fault.call == NULL || strcmp(fault.call, call) != 0 || ++fault.seen != fault.nth)
		return false;
	if (fault.kill)
		_exit(99);
	errno = fault.err;
	return true;
}

#define WRAPPED(type, name, parameters, arguments)                                                           \
	type __real_##name parameters;                                                                       \
	type __wrap_##name parameters;                                                                       \
	type __wrap_##name parameters                                                                        \
	{                                                                                                    \
		return trips(#name) ? -1 : __real_##name arguments;                                          \
	}

WRAPPED(int, openat, (int fd, const char *name, int flags, mode_t mode), (fd, name, flags, mode))
WRAPPED(int, fstat, (int fd, struct stat *st), (fd, st))
WRAPPED(int, fstatat, (int fd, const char *name, struct stat *st, int flags), (fd, name, st, flags))
WRAPPED(int, fsync, (int fd), (fd))
WRAPPED(int, fchown, (int fd, uid_t uid, gid_t gid), (fd, uid, gid))
WRAPPED(int, fchmod, (int fd, mode_t mode), (fd, mode))
WRAPPED(int, ftruncate, (int fd, off_t size), (fd, size))
WRAPPED(int, mkdirat, (int fd, const char *name, mode_t mode), (fd, name, mode))
WRAPPED(int, unlinkat, (int fd, const char *name, int flags), (fd, name, flags))
WRAPPED(int, renameat, (int a, const char *from, int b, const char *to), (a, from, b, to))
WRAPPED(int, renameat2, (int a, const char *from, int b, const char *to, unsigned flags),
	(a, from, b, to, flags))
WRAPPED(ssize_t, read, (int fd, void *to, size_t len), (fd, to, len))
WRAPPED(ssize_t, pread, (int fd, void *to, size_t len, off_t at), (fd, to, len, at))
WRAPPED(ssize_t, getrandom, (void *to, size_t len, unsigned flags), (to, len, flags))

/* A disk that fills up takes a part first. */
ssize_t __real_write(int fd, const void *data, size_t len);
ssize_t __wrap_write(int fd, const void *data, size_t len);
ssize_t __wrap_write(int fd, const void *data, size_t len)
{
	if (fault.call != NULL && strcmp(fault.call, "write") == 0 && fault.seen + 1 == fault.nth && len > 1)
		(void)__real_write(fd, data, len / 2);
	return trips("write") ? -1 : __real_write(fd, data, len);
}

int __real_close(int fd);
int __wrap_close(int fd);
int __wrap_close(int fd)
{
	int r = __real_close(fd);

	return trips("close") ? -1 : r;
}

/* One run of what is tested, from a clean start; then judge(): is what lies there old or new, and whole? */
typedef enum pv_class write_once(void *ctx, struct pv_error *e);
typedef void write_judge(void *ctx, enum pv_class c);

/* Every call fails in turn, in several ways, until a run meets no fault. A failure must be temporary, have a
 * sentence, and leave no descriptor open. Returns how many faults were met. */
static inline unsigned with_every_write_fault(write_once *once, write_judge *judge, void *ctx)
{
	static const char *const names[] = { "openat", "fstat",	  "fstatat",  "fsync",	  "fchown",
					     "fchmod", "mkdirat", "unlinkat", "renameat", "renameat2",
					     "read",   "pread",	  "write",    "close",	  "getrandom" };
	static const int errors[] = { ENOSPC, EIO, EDQUOT, EACCES, EROFS };
	unsigned faults = 0;

	for (size_t i = 0; i < sizeof names / sizeof *names; i++)
		for (size_t k = 0; k < sizeof errors / sizeof *errors; k++)
			for (unsigned nth = 1;; nth++) {
				struct pv_error e = { .text = "" };
				unsigned before = open_descriptors();
				fault.call = names[i], fault.nth = nth, fault.seen = 0, fault.err = errors[k];
				enum pv_class c = once(ctx, &e);
				bool met = fault.seen >= nth;
				fault.call = NULL;
				if (c != PV_OK && (c != PV_TEMPORARY || e.class != c || e.text[0] == '\0'))
					fail_msg("%s number %u, errno %d: class %d `%s`", names[i], nth,
						 errors[k], (int)c, e.text);
				assert_int_equal(open_descriptors(), before);
				judge(ctx, c);
				if (!met) {
					assert_int_equal(c, PV_OK);
					break;
				}
				faults++;
				assert_true(nth < 100);
			}
	return faults;
}

#endif
