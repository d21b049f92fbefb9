/*
 * store_faults.h: what the tests of store/ and route/ share: a configuration folder, calls that are counted
 * or made to fail, and being somebody else for a moment. Run as root.
 *
 * The wrappers need `WRAP_<name> = $(READ_CALLS)` in links.mk.
 */
#ifndef PV_TEST_STORE_FAULTS_H
#define PV_TEST_STORE_FAULTS_H

#include "scratch.h"

#include "base/buffer.h"
#include "store/folder.h"
#include "store/store.h"

#include <grp.h>
#include <sys/wait.h>

enum { ACCOUNT = 60001, STRANGER = 60002 };

#define END_OF_FILE (-1) /* as `err`: pread() finds the file shorter than it was */

/* The fault: the nth call of `call` fails with err. */
static struct {
	const char *call;
	unsigned nth, seen;
	int err;
} fault;

/* Called for each path that is opened or looked at. */
static void (*on_path)(int fd, const char *name);

/* How often each call was made since counting began. */
static struct {
	unsigned open, openat, fstat, fstatat, read, pread, close;
} calls;

static size_t longest_read; /* 0: no limit */
static void (*before_pread)(unsigned n);

static inline bool trips(const char *call)
{
	if (fault.call == NULL || strcmp(fault.call, call) != 0 || ++fault.seen != fault.nth)
		return false;
	errno = fault.err;
	return true;
}

int __real_open(const char *path, int flags, mode_t mode);
int __wrap_open(const char *path, int flags, mode_t mode);
int __wrap_open(const char *path, int flags, mode_t mode)
{
	calls.open++;
	if (on_path != NULL)
		on_path(AT_FDCWD, path);
	return trips("open") ? -1 : __real_open(path, flags, mode);
}

int __real_openat(int fd, const char *name, int flags, mode_t mode);
int __wrap_openat(int fd, const char *name, int flags, mode_t mode);
int __wrap_openat(int fd, const char *name, int flags, mode_t mode)
{
	calls.openat++;
	if (on_path != NULL)
		on_path(fd, name);
	return trips("openat") ? -1 : __real_openat(fd, name, flags, mode);
}

int __real_fstat(int fd, struct stat *st);
int __wrap_fstat(int fd, struct stat *st);
int __wrap_fstat(int fd, struct stat *st)
{
	calls.fstat++;
	return trips("fstat") ? -1 : __real_fstat(fd, st);
}

int __real_fstatat(int fd, const char *name, struct stat *st, int flags);
int __wrap_fstatat(int fd, const char *name, struct stat *st, int flags);
int __wrap_fstatat(int fd, const char *name, struct stat *st, int flags)
{
	calls.fstatat++;
	if (on_path != NULL)
		on_path(fd, name);
	return trips("fstatat") ? -1 : __real_fstatat(fd, name, st, flags);
}

ssize_t __real_readlinkat(int fd, const char *name, char *to, size_t size);
ssize_t __wrap_readlinkat(int fd, const char *name, char *to, size_t size);
ssize_t __wrap_readlinkat(int fd, const char *name, char *to, size_t size)
{
	return trips("readlinkat") ? -1 : __real_readlinkat(fd, name, to, size);
}

ssize_t __real_read(int fd, void *to, size_t len);
ssize_t __wrap_read(int fd, void *to, size_t len);
ssize_t __wrap_read(int fd, void *to, size_t len)
{
	calls.read++;
	if (trips("read"))
		return -1;
	return __real_read(fd, to, longest_read != 0 && len > longest_read ? longest_read : len);
}

ssize_t __real_pread(int fd, void *to, size_t len, off_t at);
ssize_t __wrap_pread(int fd, void *to, size_t len, off_t at);
ssize_t __wrap_pread(int fd, void *to, size_t len, off_t at)
{
	calls.pread++;
	if (before_pread != NULL)
		before_pread(calls.pread);
	if (trips("pread"))
		return fault.err == END_OF_FILE ? 0 : -1;
	return __real_pread(fd, to, longest_read != 0 && len > longest_read ? longest_read : len, at);
}

int __real_close(int fd);
int __wrap_close(int fd);
int __wrap_close(int fd)
{
	calls.close++;
	return __real_close(fd);
}

/* Memory that runs out. */
void *__real_malloc(size_t size);
void *__wrap_malloc(size_t size);
void *__wrap_malloc(size_t size)
{
	return trips("malloc") ? NULL : __real_malloc(size);
}

void *__real_calloc(size_t n, size_t size);
void *__wrap_calloc(size_t n, size_t size);
void *__wrap_calloc(size_t n, size_t size)
{
	return trips("calloc") ? NULL : __real_calloc(n, size);
}

void *__real_realloc(void *p, size_t size);
void *__wrap_realloc(void *p, size_t size);
void *__wrap_realloc(void *p, size_t size)
{
	return trips("realloc") ? NULL : __real_realloc(p, size);
}

void *__real_reallocarray(void *p, size_t n, size_t size);
void *__wrap_reallocarray(void *p, size_t n, size_t size);
void *__wrap_reallocarray(void *p, size_t n, size_t size)
{
	return trips("reallocarray") ? NULL : __real_reallocarray(p, n, size);
}

char *__real_getcwd(char *to, size_t size);
char *__wrap_getcwd(char *to, size_t size);
char *__wrap_getcwd(char *to, size_t size)
{
	return trips("getcwd") ? NULL : __real_getcwd(to, size);
}

/* One run of what is tested. Returns its class; *right_r: the result of a PV_OK was the right one. */
typedef enum pv_class once_fn(void *ctx, bool *right_r, struct pv_error *e);

static inline bool may_fail_so(const char *name, int err)
{
	return err != END_OF_FILE || strcmp(name, "pread") == 0;
}

/*
 * Run once() with the first, second ... call of each kind failing in each way, until it runs without
 * meeting the fault. Each time it must be temporary, with a sentence, or right all the same, and leave no
 * descriptor open. Returns how many faults were met; *passed_r: how many of them did no harm.
 */
static inline unsigned each_fault(once_fn *once, void *ctx, unsigned *passed_r)
{
	static const char *const names[] = {
		"open",	 "openat", "fstat",  "fstatat", "readlinkat",	"read",
		"pread", "malloc", "calloc", "realloc", "reallocarray", "getcwd"
	};
	static const int errors[] = { EIO, EACCES, ENOMEM, EMFILE, ESTALE, EINTR, END_OF_FILE };
	unsigned faults = 0;

	*passed_r = 0;
	for (size_t i = 0; i < sizeof names / sizeof *names; i++)
		for (size_t k = 0; k < sizeof errors / sizeof *errors; k++)
			for (unsigned nth = 1; may_fail_so(names[i], errors[k]); nth++) {
				struct pv_error e = { .text = "" };
				bool right = false;
				unsigned before = open_descriptors();
				fault.call = names[i], fault.nth = nth, fault.seen = 0, fault.err = errors[k];
				enum pv_class c = once(ctx, &right, &e);
				bool met = fault.seen >= nth;
				fault.call = NULL;
				assert_int_equal(open_descriptors(), before);
				if (c == PV_OK && !right)
					fail_msg("%s number %u, errno %d: a wrong result", names[i], nth,
						 errors[k]);
				if (c != PV_OK && (c != PV_TEMPORARY || e.class != c || e.text[0] == '\0' ||
						   e.status[0] != '4'))
					fail_msg("%s number %u, errno %d: class %d `%s` `%s`", names[i], nth,
						 errors[k], (int)c, e.status, e.text);
				/* An interruption of a read is nothing at all. */
				if (errors[k] == EINTR &&
				    (strcmp(names[i], "read") == 0 || strcmp(names[i], "pread") == 0))
					assert_int_equal(c, PV_OK);
				if (!met) {
					assert_int_equal(c, PV_OK);
					break;
				}
				faults++;
				*passed_r += c == PV_OK;
				assert_true(nth < 200);
			}
	return faults;
}

/* The same, of what has no call that may fail without anybody noticing: such a one is not needed. Only an
 * interruption is. */
static inline unsigned with_every_fault(once_fn *once, void *ctx)
{
	unsigned passed, faults = each_fault(once, ctx, &passed);

	assert_true(passed <= faults / 2);
	return faults;
}

/* A file with this text, owner and mode; what was there goes. The names are relative to the scratch folder.
 */
static inline void put(const struct scratch *s, const char *name, const char *text, uid_t owner, mode_t mode)
{
	(void)unlinkat(s->fd, name, 0);
	scratch_write(s, name, text, strlen(text));
	assert_int_equal(fchownat(s->fd, name, owner, owner, 0), 0);
	assert_int_equal(fchmodat(s->fd, name, mode, 0), 0);
}

static inline void put_folder(const struct scratch *s, const char *name, uid_t owner, mode_t mode)
{
	if (mkdirat(s->fd, name, 0700) != 0)
		assert_int_equal(errno, EEXIST);
	assert_int_equal(fchownat(s->fd, name, owner, owner, 0), 0);
	assert_int_equal(fchmodat(s->fd, name, mode, 0), 0);
}

static inline void put_symlink(const struct scratch *s, const char *name, const char *target, uid_t owner)
{
	(void)unlinkat(s->fd, name, 0);
	assert_int_equal(symlinkat(target, s->fd, name), 0);
	assert_int_equal(fchownat(s->fd, name, owner, owner, AT_SYMLINK_NOFOLLOW), 0);
}

/* Path of `name` in the scratch folder. */
static inline const char *path_of(const struct scratch *s, const char *name)
{
	static char path[PATH_MAX];

	(void)snprintf(path, sizeof path, "%s/%s", s->path, name);
	return path;
}

static inline struct pv_domain domain(const char *text)
{
	struct pv_domain d;

	assert_int_equal(pv_domain_parse(text, strlen(text), &d, NULL), PV_OK);
	return d;
}

static inline struct pv_user user(const char *text)
{
	struct pv_user u;

	assert_int_equal(pv_user_parse(text, strlen(text), &u, NULL), PV_OK);
	return u;
}

/* kvt.dk of ACCOUNT in the scratch folder. */
static inline void open_kvt(const struct scratch *s, struct pv_folder *f)
{
	struct pv_domain d = domain("kvt.dk");
	struct pv_store store;

	put_folder(s, "kvt.dk", ACCOUNT, 0700);
	assert_int_equal(pv_store_open(s->path, &store, NULL), PV_OK);
	assert_int_equal(pv_folder_open(&store, &d, f, NULL), PV_OK);
	pv_store_close(&store);
}

static inline void put_passwd(const struct scratch *s, const struct pv_buf *text)
{
	(void)unlinkat(s->fd, "kvt.dk/passwd", 0);
	scratch_write(s, "kvt.dk/passwd", text->s, text->len);
	assert_int_equal(fchownat(s->fd, "kvt.dk/passwd", ACCOUNT, ACCOUNT, 0), 0);
}

/* Run fn(ctx) in a child that is `uid`; did it return true? */
static inline bool as_user(uid_t uid, bool (*fn)(void *ctx), void *ctx)
{
	int status;
	pid_t pid = fork();

	assert_true(pid >= 0);
	if (pid == 0)
		_exit(setgroups(0, NULL) == 0 && setresgid(uid, uid, uid) == 0 &&
				      setresuid(uid, uid, uid) == 0 && fn(ctx)
			      ? 0
			      : 1);
	assert_int_equal(waitpid(pid, &status, 0), pid);
	return WIFEXITED(status) && WEXITSTATUS(status) == 0;
}

/* The class is temporary, and the sentence says all of this. */
#define assert_deferred(c, e, ...) assert_deferred_all(c, e, (const char *const[]){ __VA_ARGS__, NULL })
static inline void assert_deferred_all(enum pv_class c, const struct pv_error *e, const char *const *parts)
{
	assert_int_equal(c, PV_TEMPORARY);
	assert_int_equal(e->class, PV_TEMPORARY);
	assert_int_equal(e->status[0], '4');
	for (; *parts != NULL; parts++)
		if (strstr(e->text, *parts) == NULL)
			fail_msg("expected `%s` in `%s`", *parts, e->text);
}

#endif
