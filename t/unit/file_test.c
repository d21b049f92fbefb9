/*
 * file_test.c: settings files are opened only where they are to be trusted, and replaced as a
 * whole or not at all, whichever system call fails. Run as root.
 */
#include "scratch.h"

#include "base/clock.h"
#include "base/file.h"

#include <sys/socket.h>
#include <sys/un.h>
#include <sys/wait.h>

enum { ACCOUNT = 60001, STRANGER = 60002 };

/* The fault: the nth call of `call` fails with err. For write and read: 0 does half the work, and
 * -ENOSPC too, and then the next call fails with ENOSPC, as on a disk that runs full. */
static struct {
	const char *call;
	unsigned nth, seen;
	int err;
} fault;

/* The calls that were made, in order. */
static char trace[1000];
static bool tracing;

/* Is this the call that shall fail? */
static bool trips(const char *call)
{
	if (tracing)
		(void)snprintf(trace + strlen(trace), sizeof trace - strlen(trace), "%s ", call);
	if (fault.call == NULL || strcmp(fault.call, call) != 0)
		return false;
	fault.seen++;
	if (fault.err < 0 && fault.seen == fault.nth + 1)
		fault.err = -fault.err;
	else if (fault.seen != fault.nth)
		return false;
	errno = fault.err;
	return true;
}

static bool tripped(void)
{
	return fault.call != NULL && fault.seen >= fault.nth;
}

/* Half the work, or an interruption, is no failure of write() and read(): they go on. */
static bool is_carried_on_with(const char *call)
{
	return (fault.err == 0 || fault.err == EINTR) &&
	       (strcmp(call, "write") == 0 || strcmp(call, "read") == 0);
}

/* One wrapper per call that fails instead of doing its work. */
#define WRAP(call, parameters, arguments)                                                                    \
	int __real_##call parameters;                                                                        \
	int __wrap_##call parameters;                                                                        \
	int __wrap_##call parameters                                                                         \
	{                                                                                                    \
		return trips(#call) ? -1 : __real_##call arguments;                                          \
	}

WRAP(fstat, (int fd, struct stat *st), (fd, st))
WRAP(fstatat, (int fd, const char *name, struct stat *st, int flags), (fd, name, st, flags))
WRAP(fsync, (int fd), (fd))
WRAP(fchown, (int fd, uid_t uid, gid_t gid), (fd, uid, gid))
WRAP(fchmod, (int fd, mode_t mode), (fd, mode))
WRAP(unlinkat, (int fd, const char *name, int flags), (fd, name, flags))
WRAP(renameat, (int from_fd, const char *from, int to_fd, const char *to), (from_fd, from, to_fd, to))
WRAP(openat, (int fd, const char *name, int flags, mode_t mode), (fd, name, flags, mode))
WRAP(fcntl, (int fd, int op, void *argument), (fd, op, argument))

ssize_t __real_readlinkat(int fd, const char *name, char *to, size_t size);
ssize_t __wrap_readlinkat(int fd, const char *name, char *to, size_t size);
ssize_t __wrap_readlinkat(int fd, const char *name, char *to, size_t size)
{
	return trips("readlinkat") ? -1 : __real_readlinkat(fd, name, to, size);
}

/* A failing close() has closed. */
int __real_close(int fd);
int __wrap_close(int fd);
int __wrap_close(int fd)
{
	bool fails = trips("close");
	int r = __real_close(fd);

	if (fails)
		errno = fault.err;
	return fails ? -1 : r;
}

ssize_t __real_write(int fd, const void *data, size_t len);
ssize_t __wrap_write(int fd, const void *data, size_t len);
ssize_t __wrap_write(int fd, const void *data, size_t len)
{
	if (!trips("write"))
		return __real_write(fd, data, len);
	return fault.err > 0 ? -1 : __real_write(fd, data, len / 2);
}

ssize_t __real_read(int fd, void *data, size_t len);
ssize_t __wrap_read(int fd, void *data, size_t len);
ssize_t __wrap_read(int fd, void *data, size_t len)
{
	if (!trips("read"))
		return __real_read(fd, data, len);
	return fault.err > 0 ? -1 : __real_read(fd, data, (len + 1) / 2);
}

/* Call once(s, arg) with the first, second ... call of each kind failing in each way, until it
 * runs without meeting the fault. once() checks what came of it. */
static unsigned with_every_fault(struct scratch *s, const char *const *calls,
				 void (*once)(struct scratch *s, const void *arg), const void *arg)
{
	static const int errors[] = { EIO, ENOSPC, EDQUOT, EINTR, EACCES, ENOMEM, EMFILE, 0, -ENOSPC };
	unsigned faults = 0;

	for (; *calls != NULL; calls++)
		for (size_t i = 0; i < sizeof errors / sizeof *errors; i++) {
			bool halves = strcmp(*calls, "write") == 0 || strcmp(*calls, "read") == 0;
			if (errors[i] <= 0 && !halves)
				continue;
			for (unsigned nth = 1;; nth++) {
				unsigned open_before = open_descriptors();
				fault.call = *calls, fault.nth = nth, fault.seen = 0, fault.err = errors[i];
				once(s, arg);
				bool met = tripped();
				fault.call = NULL;
				assert_int_equal(open_descriptors(), open_before);
				if (!met)
					break;
				faults++;
				assert_true(nth < 100);
			}
		}
	return faults;
}

/* --- replace --- */

static char old_text[] = "the old content\n", new_text[20000];

static void replace_once(struct scratch *s, const void *left_over)
{
	struct pv_error e;

	const char *call = fault.call;
	fault.call = NULL;
	scratch_write(s, "f", old_text, strlen(old_text));
	if (left_over != NULL)
		scratch_write(s, ".f.new", left_over, strlen(left_over));
	fault.call = call;
	enum pv_class c = pv_file_replace(s->fd, "f", new_text, sizeof new_text, 0640, ACCOUNT, ACCOUNT, &e);
	bool met = tripped();
	fault.call = NULL;
	bool is_old = scratch_holds(s, "f", old_text, strlen(old_text));
	bool is_new = scratch_holds(s, "f", new_text, sizeof new_text);
	/* Only what comes after the rename may leave the new file behind a failure. */
	bool may_be_new = (strcmp(call, "openat") == 0 || strcmp(call, "fsync") == 0) && fault.nth == 2;
	assert_true(c == PV_OK ? is_new : is_old || (is_new && may_be_new));
	if (c != PV_OK) {
		assert_true(met && !is_carried_on_with(call));
		assert_int_equal(c, PV_TEMPORARY);
		assert_string_equal(e.status, "4.3.0");
	}
	bool kept = left_over != NULL && strcmp(call, "unlinkat") == 0 && c != PV_OK;
	assert_int_equal(scratch_count(s->path), kept ? 2 : 1);
	fault.call = call;
}

static void replace_leaves_old_or_new_and_no_litter(void **state)
{
	static const char *const calls[] = { "openat", "fchown", "fchmod",   "write",	 "fsync",
					     "close",  "fstat",	 "renameat", "unlinkat", NULL };

	memset(new_text, 'n', sizeof new_text);
	unsigned faults = with_every_fault(*state, calls, replace_once, NULL);
	faults += with_every_fault(*state, calls, replace_once, "left by a killed writer");
	assert_true(faults > 100);
}

static void replace_syncs_before_and_after_the_rename(void **state)
{
	struct scratch *s = *state;

	trace[0] = '\0';
	tracing = true;
	enum pv_class c = pv_file_replace(s->fd, "f", "x", 1, 0600, ACCOUNT, ACCOUNT, NULL);
	tracing = false;
	assert_int_equal(c, PV_OK);
	assert_string_equal(trace,
			    "unlinkat openat fchown fchmod write fsync close renameat openat fsync close ");
}

static void replace_sets_owner_and_mode_whatever_the_umask(void **state)
{
	struct scratch *s = *state;
	struct stat st;
	mode_t before = umask(0777);

	enum pv_class c = pv_file_replace(s->fd, "m", "x", 1, 0640, ACCOUNT, STRANGER, NULL);
	(void)umask(before);
	assert_int_equal(c, PV_OK);
	assert_int_equal(fstatat(s->fd, "m", &st, AT_SYMLINK_NOFOLLOW), 0);
	assert_int_equal(st.st_mode, S_IFREG | 0640);
	assert_int_equal(st.st_uid, ACCOUNT);
	assert_int_equal(st.st_gid, STRANGER);
	assert_int_equal(pv_file_replace(s->fd, "m", NULL, 0, 0600, (uid_t)-1, (gid_t)-1, NULL), PV_OK);
	assert_int_equal(fstatat(s->fd, "m", &st, AT_SYMLINK_NOFOLLOW), 0);
	assert_int_equal(st.st_size, 0);
	assert_int_equal(st.st_uid, geteuid());
}

static void replace_never_writes_through_a_symlink(void **state)
{
	struct scratch *s = *state;

	scratch_write(s, "victim", "v", 1);
	assert_int_equal(symlinkat("victim", s->fd, "name"), 0);
	assert_int_equal(symlinkat("victim", s->fd, ".name.new"), 0);
	assert_int_equal(pv_file_replace(s->fd, "name", "n", 1, 0600, (uid_t)-1, (gid_t)-1, NULL), PV_OK);
	assert_true(scratch_holds(s, "victim", "v", 1));
	assert_true(scratch_holds(s, "name", "n", 1));
}

static void replace_of_what_is_no_file_fails(void **state)
{
	struct scratch *s = *state;
	struct pv_error e;

	assert_int_equal(mkdirat(s->fd, "folder", 0700), 0);
	assert_int_equal(pv_file_replace(s->fd, "folder", "n", 1, 0600, (uid_t)-1, (gid_t)-1, &e),
			 PV_TEMPORARY);
	assert_int_equal(scratch_count(s->path), 1);
	assert_int_equal(mkdirat(s->fd, ".x.new", 0700), 0);
	assert_int_equal(pv_file_replace(s->fd, "x", "n", 1, 0600, (uid_t)-1, (gid_t)-1, &e), PV_TEMPORARY);
	assert_int_equal(scratch_count(s->path), 2);
}

/* Also where `.NAME.new` would be longer than a name may be. */
static void replace_takes_names_of_any_length(void **state)
{
	struct scratch *s = *state;
	char name[NAME_MAX + 2];

	memset(name, 'x', sizeof name);
	for (size_t len = 1; len <= NAME_MAX + 1; len += len < 240 ? 60 : 1) {
		name[len] = '\0';
		enum pv_class c = pv_file_replace(s->fd, name, "n", 1, 0600, (uid_t)-1, (gid_t)-1, NULL);
		assert_int_equal(c, len <= NAME_MAX ? PV_OK : PV_TEMPORARY);
		if (c == PV_OK) {
			assert_true(scratch_holds(s, name, "n", 1));
			assert_int_equal(unlinkat(s->fd, name, 0), 0);
		}
		assert_int_equal(scratch_count(s->path), 0);
		name[len] = 'x';
	}
}

/* --- open and load --- */

enum kind { FILE_, FIFO, FOLDER, SOCKET, LINK };

static const struct trust_case {
	const char *name;
	enum kind kind;
	const char *target; /* of a link */
	uid_t owner;
	mode_t mode;
	bool good;
} trust_cases[] = {
	{ "the account's", FILE_, NULL, ACCOUNT, 0600, true },
	{ "root's", FILE_, NULL, 0, 0644, true },
	{ "mode 0700, as in 2002", FILE_, NULL, ACCOUNT, 0700, true },
	{ "a stranger's", FILE_, NULL, STRANGER, 0600, false },
	{ "group-writable", FILE_, NULL, ACCOUNT, 0620, false },
	{ "writable by all", FILE_, NULL, 0, 0602, false },
	{ "FIFO", FIFO, NULL, ACCOUNT, 0600, false },
	{ "folder", FOLDER, NULL, ACCOUNT, 0700, false },
	{ "socket", SOCKET, NULL, ACCOUNT, 0700, false },
	{ "the account's symlink to its file", LINK, "the account's", ACCOUNT, 0, true },
	{ "the account's symlink to root's file", LINK, "root's", ACCOUNT, 0, true },
	{ "root's symlink", LINK, "the account's", 0, 0, true },
	{ "a stranger's symlink", LINK, "the account's", STRANGER, 0, false },
	{ "symlink to a stranger's file", LINK, "a stranger's", ACCOUNT, 0, false },
	{ "symlink to a group-writable file", LINK, "group-writable", ACCOUNT, 0, false },
	{ "symlink to a FIFO", LINK, "FIFO", ACCOUNT, 0, false },
	{ "symlink to a folder", LINK, "folder", ACCOUNT, 0, false },
	{ "symlink to a socket", LINK, "socket", ACCOUNT, 0, false },
	{ "symlink to a device", LINK, "/dev/zero", ACCOUNT, 0, false },
	{ "symlink by an absolute path", LINK, "/etc/passwd", ACCOUNT, 0, true },
	{ "dangling symlink", LINK, "no such file", ACCOUNT, 0, false },
	{ "symlink to itself", LINK, "symlink to itself", ACCOUNT, 0, false },
	{ "symlink to a symlink", LINK, "root's symlink", ACCOUNT, 0, false },
	{ "symlink to a stranger's symlink", LINK, "a stranger's symlink", ACCOUNT, 0, false },
};

static void make_socket(const struct scratch *s, const char *name)
{
	struct sockaddr_un to = { .sun_family = AF_UNIX };
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

	(void)snprintf(to.sun_path, sizeof to.sun_path, "/proc/self/fd/%d/%s", s->fd, name);
	assert_int_equal(bind(fd, (struct sockaddr *)&to, sizeof to), 0);
	(void)close(fd);
}

static void make_case(const struct scratch *s, const struct trust_case *t)
{
	if (t->kind == FILE_)
		scratch_write(s, t->name, "text", 4);
	else if (t->kind == FIFO)
		assert_int_equal(mkfifoat(s->fd, t->name, 0600), 0);
	else if (t->kind == FOLDER)
		assert_int_equal(mkdirat(s->fd, t->name, 0700), 0);
	else if (t->kind == SOCKET)
		make_socket(s, t->name);
	else
		assert_int_equal(symlinkat(t->target, s->fd, t->name), 0);
	assert_int_equal(fchownat(s->fd, t->name, t->owner, (gid_t)-1, AT_SYMLINK_NOFOLLOW), 0);
	if (t->kind != LINK)
		assert_int_equal(fchmodat(s->fd, t->name, t->mode, 0), 0);
}

static void only_files_to_be_trusted_are_opened(void **state)
{
	struct scratch *s = *state;
	const struct pv_trust trust = { .uid = ACCOUNT, .where = "/w" };
	const size_t n = sizeof trust_cases / sizeof *trust_cases;

	for (size_t i = 0; i < n; i++)
		make_case(s, &trust_cases[i]);
	unsigned before = open_descriptors();
	for (size_t i = 0; i < n; i++) {
		const struct trust_case *t = &trust_cases[i];
		struct pv_error e = { .text = "" };
		struct stat st = { .st_uid = 1 };
		int fd = 12345;
		enum pv_class c = pv_file_open(s->fd, t->name, &trust, &fd, &st, &e);
		if (c != (t->good ? PV_OK : PV_TEMPORARY) || (fd >= 0) != t->good)
			fail_msg("%s: class %d, descriptor %d, %s", t->name, c, fd, e.text);
		if (t->good) {
			assert_true((fcntl(fd, F_GETFD, 0) & FD_CLOEXEC) != 0);
			assert_true(S_ISREG(st.st_mode));
			(void)close(fd);
		} else {
			assert_int_equal(fd, -1);
			assert_memory_equal(e.status, "4.3.", 4);
			if (strstr(e.text, "/w/") == NULL || strstr(e.text, t->name) == NULL)
				fail_msg("%s: the sentence does not name it: %s", t->name, e.text);
		}
		assert_int_equal(open_descriptors(), before);
	}
}

static void a_file_that_is_not_there_is_no_error(void **state)
{
	struct scratch *s = *state;
	const struct pv_trust trust = { .uid = ACCOUNT, .where = "/w" };
	struct pv_buf b = PV_BUF_INIT(10);
	char name[300];
	int fd = 12345;
	bool found = true;

	assert_int_equal(pv_file_open(s->fd, "none", &trust, &fd, NULL, NULL), PV_OK);
	assert_int_equal(fd, -1);
	assert_int_equal(pv_file_load(s->fd, "none", &trust, &b, &found, NULL), PV_OK);
	assert_false(found);
	assert_int_equal(pv_file_remove(s->fd, "none", NULL), PV_OK);
	memset(name, 'x', sizeof name);
	name[sizeof name - 1] = '\0';
	assert_int_equal(pv_file_open(s->fd, name, &trust, &fd, NULL, NULL), PV_TEMPORARY);
}

static void files_up_to_the_limit_are_loaded(void **state)
{
	static const size_t sizes[] = { 0, 1, 255, 256, 4095, 4096, 8191, 8192, 8193, 20000 };
	struct scratch *s = *state;
	const struct pv_trust trust = { .uid = 0, .where = "/w" };
	struct pv_error e;
	bool found;

	memset(new_text, 'n', sizeof new_text);
	for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++)
		for (size_t less = 0; less < 2 && less <= sizes[i]; less++) {
			struct pv_buf b = PV_BUF_INIT(sizes[i] - less);
			scratch_write(s, "f", new_text, sizes[i]);
			enum pv_class c = pv_file_load(s->fd, "f", &trust, &b, &found, &e);
			assert_int_equal(c, less == 0 ? PV_OK : PV_TEMPORARY);
			if (c == PV_OK) {
				assert_int_equal(b.len, sizes[i]);
				assert_memory_equal(b.s, new_text, sizes[i]);
			} else {
				assert_non_null(strstr(e.text, "/w/f is larger than "));
			}
			pv_buf_free(&b);
		}
}

static void load_once(struct scratch *s, const void *name)
{
	const struct pv_trust trust = { .uid = ACCOUNT, .where = "/w" };
	struct pv_buf b = PV_BUF_INIT(30000);
	struct pv_error e;
	bool found;

	enum pv_class c = pv_file_load(s->fd, name, &trust, &b, &found, &e);
	const char *call = fault.call;
	bool met = tripped();
	fault.call = NULL;
	if (c == PV_OK) {
		assert_true(found);
		assert_int_equal(b.len, sizeof new_text);
		assert_memory_equal(b.s, new_text, sizeof new_text);
	} else {
		assert_true(met && !is_carried_on_with(call));
		assert_int_equal(c, PV_TEMPORARY);
		assert_non_null(strstr(e.text, "/w/"));
	}
	pv_buf_free(&b);
	fault.call = call;
}

static void loading_meets_every_fault(void **state)
{
	static const char *const calls[] = {
		"openat", "fstat", "fstatat", "readlinkat", "read", "close", NULL
	};
	struct scratch *s = *state;

	memset(new_text, 'n', sizeof new_text);
	scratch_write(s, "f", new_text, sizeof new_text);
	assert_int_equal(symlinkat("f", s->fd, "link"), 0);
	unsigned faults = with_every_fault(s, calls, load_once, "f");
	assert_true(faults > 20);
	assert_true(with_every_fault(s, calls, load_once, "link") > faults);
}

static void only_folders_to_be_trusted_are_opened(void **state)
{
	static const struct {
		const char *name;
		uid_t owner;
		mode_t mode;
		bool good;
	} cases[] = {
		{ "account's", ACCOUNT, 0700, true },	 { "root's", 0, 0755, true },
		{ "stranger's", STRANGER, 0700, false }, { "group's", ACCOUNT, 0770, false },
		{ "sticky", 0, 01777, false },		 { "unreadable", ACCOUNT, 0000, true },
	};
	struct scratch *s = *state;
	const struct pv_trust trust = { .uid = ACCOUNT, .where = "/w" };
	struct pv_error e;
	struct stat st;
	int fd;

	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
		assert_int_equal(mkdirat(s->fd, cases[i].name, 0700), 0);
		assert_int_equal(fchownat(s->fd, cases[i].name, cases[i].owner, (gid_t)-1, 0), 0);
		assert_int_equal(fchmodat(s->fd, cases[i].name, cases[i].mode, 0), 0);
		enum pv_class c = pv_dir_open(s->fd, cases[i].name, &trust, &fd, &st, &e);
		assert_int_equal(c, cases[i].good ? PV_OK : PV_TEMPORARY);
		assert_int_equal(fd >= 0, cases[i].good);
		if (fd >= 0) {
			assert_int_equal(st.st_uid, cases[i].owner);
			assert_true((fcntl(fd, F_GETFD, 0) & FD_CLOEXEC) != 0);
			assert_int_equal(pv_dir_sync(fd), 0);
			(void)close(fd);
		} else {
			assert_non_null(strstr(e.text, cases[i].name));
		}
	}
}

static void what_is_no_folder_is_not_opened(void **state)
{
	struct scratch *s = *state;
	const struct pv_trust trust = { .uid = ACCOUNT, .where = "/w" };
	int fd = 12345;

	assert_int_equal(mkdirat(s->fd, "folder", 0700), 0);
	assert_int_equal(symlinkat("folder", s->fd, "link"), 0);
	scratch_write(s, "file", "", 0);
	assert_int_equal(mkfifoat(s->fd, "fifo", 0600), 0);
	assert_int_equal(pv_dir_open(s->fd, "link", &trust, &fd, NULL, NULL), PV_TEMPORARY);
	assert_int_equal(fd, -1);
	assert_int_equal(pv_dir_open(s->fd, "file", &trust, &fd, NULL, NULL), PV_TEMPORARY);
	assert_int_equal(pv_dir_open(s->fd, "fifo", &trust, &fd, NULL, NULL), PV_TEMPORARY);
	assert_int_equal(pv_dir_open(s->fd, "none", &trust, &fd, NULL, NULL), PV_OK);
	assert_int_equal(fd, -1);
}

static void folder_once(struct scratch *s, const void *name)
{
	const struct pv_trust trust = { .uid = 0, .where = "/w" };
	int fd;

	enum pv_class c = pv_dir_open(s->fd, name, &trust, &fd, NULL, NULL);
	assert_true(c == PV_OK ? fd >= 0 : c == PV_TEMPORARY && fd == -1 && tripped());
	const char *call = fault.call;
	fault.call = NULL;
	if (fd >= 0)
		(void)close(fd);
	fault.call = call;
}

static void opening_a_folder_meets_every_fault(void **state)
{
	static const char *const calls[] = { "openat", "fstat", "close", NULL };
	struct scratch *s = *state;

	assert_int_equal(mkdirat(s->fd, "folder", 0700), 0);
	assert_true(with_every_fault(s, calls, folder_once, "folder") > 10);
}

/* --- remove --- */

static void remove_once(struct scratch *s, const void *name)
{
	const char *call = fault.call;

	fault.call = NULL;
	scratch_write(s, name, "x", 1);
	fault.call = call;
	enum pv_class c = pv_file_remove(s->fd, name, NULL);
	bool met = tripped();
	fault.call = NULL;
	assert_true(c == PV_OK || (c == PV_TEMPORARY && met));
	/* Once more without a fault: done, and on the disk. */
	assert_int_equal(pv_file_remove(s->fd, name, NULL), PV_OK);
	assert_int_equal(scratch_count(s->path), 0);
	fault.call = call;
}

static void removing_meets_every_fault(void **state)
{
	static const char *const calls[] = { "unlinkat", "openat", "fsync", NULL };

	assert_true(with_every_fault(*state, calls, remove_once, "f") > 15);
}

/* The first try removed the file and failed to sync; the second must not say "done" without. */
static void removing_again_syncs_again(void **state)
{
	struct scratch *s = *state;

	scratch_write(s, "f", "x", 1);
	fault.call = "fsync", fault.nth = 1, fault.seen = 0, fault.err = EIO;
	assert_int_equal(pv_file_remove(s->fd, "f", NULL), PV_TEMPORARY);
	fault.seen = 0;
	assert_int_equal(pv_file_remove(s->fd, "f", NULL), PV_TEMPORARY);
	fault.call = NULL;
	assert_int_equal(pv_file_remove(s->fd, "f", NULL), PV_OK);
}

/* --- lock --- */

static void a_lock_keeps_others_out_until_it_is_closed(void **state)
{
	struct scratch *s = *state;
	struct pv_error e;
	struct stat st;
	int first, second, other;

	assert_int_equal(pv_lock_file(s->fd, "lock", 0, &first, &e), PV_OK);
	assert_true((fcntl(first, F_GETFD, 0) & FD_CLOEXEC) != 0);
	assert_int_equal(fstatat(s->fd, "lock", &st, 0), 0);
	assert_int_equal(st.st_mode, S_IFREG | 0600);
	assert_int_equal(pv_lock_file(s->fd, "lock", 30, &second, &e), PV_TEMPORARY);
	assert_int_equal(second, -1);
	assert_non_null(strstr(e.text, "lock"));
	/* A POSIX lock would be gone with any descriptor of the file; this one is not. */
	other = openat(s->fd, "lock", O_RDWR | O_CLOEXEC);
	(void)close(other);
	assert_int_equal(pv_lock_file(s->fd, "lock", 0, &second, &e), PV_TEMPORARY);
	(void)close(first);
	assert_int_equal(pv_lock_file(s->fd, "lock", 0, &second, &e), PV_OK);
	(void)close(second);
}

static void a_lock_is_waited_for(void **state)
{
	struct scratch *s = *state;
	int held, fd, status;

	assert_int_equal(pv_lock_file(s->fd, "lock", 0, &held, NULL), PV_OK);
	pid_t pid = fork();
	if (pid == 0) {
		struct timespec pause = { .tv_nsec = 50000000 };
		(void)nanosleep(&pause, NULL);
		_exit(0);
	}
	(void)close(held); /* the child's copy keeps it for 50 ms more */
	assert_int_equal(pv_lock_file(s->fd, "lock", 0, &fd, NULL), PV_TEMPORARY);
	assert_int_equal(pv_lock_file(s->fd, "lock", 30000, &fd, NULL), PV_OK);
	(void)close(fd);
	assert_int_equal(waitpid(pid, &status, 0), pid);
}

static void only_a_file_is_locked(void **state)
{
	struct scratch *s = *state;
	int fd;

	scratch_write(s, "file", "x", 1);
	assert_int_equal(symlinkat("file", s->fd, "link"), 0);
	assert_int_equal(mkfifoat(s->fd, "fifo", 0600), 0);
	assert_int_equal(mkdirat(s->fd, "folder", 0700), 0);
	unsigned before = open_descriptors();
	assert_int_equal(pv_lock_file(s->fd, "link", 0, &fd, NULL), PV_TEMPORARY);
	assert_int_equal(pv_lock_file(s->fd, "fifo", 0, &fd, NULL), PV_TEMPORARY);
	assert_int_equal(pv_lock_file(s->fd, "folder", 0, &fd, NULL), PV_TEMPORARY);
	assert_int_equal(open_descriptors(), before);
	assert_true(scratch_holds(s, "file", "x", 1));
}

static void lock_once(struct scratch *s, const void *name)
{
	struct pv_error e;
	int fd;

	enum pv_class c = pv_lock_file(s->fd, name, 0, &fd, &e);
	assert_true(c == PV_OK ? fd >= 0 : c == PV_TEMPORARY && fd == -1 && tripped());
	const char *call = fault.call;
	fault.call = NULL;
	if (fd >= 0)
		(void)close(fd);
	fault.call = call;
}

static void locking_meets_every_fault(void **state)
{
	static const char *const calls[] = { "openat", "fstat", "fcntl", "close", NULL };

	assert_true(with_every_fault(*state, calls, lock_once, "lock") > 10);
}

#define IN_SCRATCH(test) cmocka_unit_test_setup_teardown(test, scratch_make, scratch_remove)

int main(void)
{
	const struct CMUnitTest tests[] = {
		IN_SCRATCH(replace_leaves_old_or_new_and_no_litter),
		IN_SCRATCH(replace_syncs_before_and_after_the_rename),
		IN_SCRATCH(replace_sets_owner_and_mode_whatever_the_umask),
		IN_SCRATCH(replace_never_writes_through_a_symlink),
		IN_SCRATCH(replace_of_what_is_no_file_fails),
		IN_SCRATCH(replace_takes_names_of_any_length),
		IN_SCRATCH(only_files_to_be_trusted_are_opened),
		IN_SCRATCH(a_file_that_is_not_there_is_no_error),
		IN_SCRATCH(files_up_to_the_limit_are_loaded),
		IN_SCRATCH(loading_meets_every_fault),
		IN_SCRATCH(only_folders_to_be_trusted_are_opened),
		IN_SCRATCH(what_is_no_folder_is_not_opened),
		IN_SCRATCH(opening_a_folder_meets_every_fault),
		IN_SCRATCH(removing_meets_every_fault),
		IN_SCRATCH(removing_again_syncs_again),
		IN_SCRATCH(a_lock_keeps_others_out_until_it_is_closed),
		IN_SCRATCH(a_lock_is_waited_for),
		IN_SCRATCH(only_a_file_is_locked),
		IN_SCRATCH(locking_meets_every_fault),
	};
	(void)alarm(120); /* what blocks on a FIFO must not hang the run */
	return cmocka_run_group_tests(tests, NULL, NULL);
}
