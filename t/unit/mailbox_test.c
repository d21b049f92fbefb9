/*
 * Appending with each system call failing in turn: the mailbox is as it was or holds the whole message, the
 * retry stores it once, and nothing stays open or behind.
 */
#include "scratch.h"

#include "mailbox/mailbox.h"

#include <sys/stat.h>
#include <sys/uio.h>
#include <sys/vfs.h>

/* The nth call of `call` fails with err; with err SHORT it does half of its work. */
enum { SHORT = -1 };
static struct {
	const char *call;
	unsigned nth, seen;
	int err;
} fault;

static bool trips(const char *call)
{
	if (fault.call == NULL || strcmp(fault.call, call) != 0 || ++fault.seen != fault.nth)
		return false;
	if (fault.err != SHORT)
		errno = fault.err;
	return true;
}

int __real_openat(int fd, const char *name, int flags, mode_t mode);
int __wrap_openat(int fd, const char *name, int flags, mode_t mode);
int __wrap_openat(int fd, const char *name, int flags, mode_t mode)
{
	return trips("openat") ? -1 : __real_openat(fd, name, flags, mode);
}

ssize_t __real_pread(int fd, void *to, size_t len, off_t at);
ssize_t __wrap_pread(int fd, void *to, size_t len, off_t at);
ssize_t __wrap_pread(int fd, void *to, size_t len, off_t at)
{
	bool now = trips("pread");

	if (now && fault.err != SHORT)
		return -1;
	return __real_pread(fd, to, now ? (len + 1) / 2 : len, at);
}

ssize_t __real_pwrite(int fd, const void *data, size_t len, off_t at);
ssize_t __wrap_pwrite(int fd, const void *data, size_t len, off_t at);
ssize_t __wrap_pwrite(int fd, const void *data, size_t len, off_t at)
{
	bool now = trips("pwrite");

	if (now && fault.err != SHORT)
		return -1;
	return __real_pwrite(fd, data, now ? (len + 1) / 2 : len, at);
}

ssize_t __real_pwritev(int fd, const struct iovec *v, int n, off_t at);
ssize_t __wrap_pwritev(int fd, const struct iovec *v, int n, off_t at);
ssize_t __wrap_pwritev(int fd, const struct iovec *v, int n, off_t at)
{
	struct iovec half[2];

	if (!trips("pwritev"))
		return __real_pwritev(fd, v, n, at);
	if (fault.err != SHORT)
		return -1;
	assert_int_equal(n, 2);
	memcpy(half, v, sizeof half);
	half[1].iov_len /= 2;
	return __real_pwritev(fd, half, n, at);
}

/* The calls that do their work or fail, and nothing between. */
#define WRAP(type, name, parameters, arguments)                                                              \
	type __real_##name parameters;                                                                       \
	type __wrap_##name parameters;                                                                       \
	type __wrap_##name parameters                                                                        \
	{                                                                                                    \
		return trips(#name) ? -1 : __real_##name arguments;                                          \
	}

WRAP(int, fsync, (int fd), (fd))
WRAP(int, ftruncate, (int fd, off_t size), (fd, size))
WRAP(int, linkat, (int a, const char *b, int c, const char *d, int f), (a, b, c, d, f))
WRAP(int, unlinkat, (int fd, const char *name, int flags), (fd, name, flags))
WRAP(int, renameat, (int a, const char *b, int c, const char *d), (a, b, c, d))
WRAP(int, fstat, (int fd, struct stat *st), (fd, st))
WRAP(int, fstatat, (int fd, const char *name, struct stat *st, int flags), (fd, name, st, flags))
WRAP(int, fstatfs, (int fd, struct statfs *st), (fd, st))
WRAP(int, fchmod, (int fd, mode_t mode), (fd, mode))

int __real_fcntl(int fd, int what, ...);
int __wrap_fcntl(int fd, int what, void *with);
int __wrap_fcntl(int fd, int what, void *with)
{
	return trips("fcntl") ? -1 : __real_fcntl(fd, what, with);
}

static const char *const calls[] = { "openat",	  "pread",   "pwrite",	 "pwritev",  "fsync",
				     "ftruncate", "linkat",  "unlinkat", "renameat", "fstat",
				     "fstatat",	  "fstatfs", "fchmod",	 "fcntl" };

#define OLD "From o@x Fri Nov 20 09:00:00 2026\nSubject: old\n\nold\n\n"

static struct pv_location location(const struct scratch *s)
{
	static char path[600];

	(void)snprintf(path, sizeof path, "%s/abc", s->path);
	return (struct pv_location){ .dirfd = s->fd, .path = path, .name = strrchr(path, '/') + 1 };
}

static void make_content(struct pv_content *c, const struct scratch *s, size_t size)
{
	static const char head[] = "From s@x Fri Nov 20 09:56:12 2026\nSubject: new\n\n";

	pv_content_start(c, s->fd);
	assert_int_equal(pv_content_add(c, head, sizeof head - 1, NULL), PV_OK);
	while (c->size < size)
		assert_int_equal(
			pv_content_add(c, "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcd\n",
				       63, NULL),
			PV_OK);
	assert_int_equal(pv_content_add(c, "\n", 1, NULL), PV_OK);
	assert_int_equal(pv_content_finish(c, NULL), PV_OK);
}

/* A delivery: open, append, close. */
static enum pv_class deliver(const struct scratch *s, const struct pv_content *c, bool has_id,
			     enum pv_append_result *r, struct pv_error *e)
{
	const struct pv_mailbox_options o = { .uid = getuid(), .lock_deadline_ms = 50 };
	const struct pv_location l = location(s);
	const unsigned char id[PV_ID_BYTES] = { 1, 2, 3 };
	struct pv_mailbox m;

	enum pv_class class = pv_mailbox_open(&l, &o, &m, e);
	if (class != PV_OK)
		return class;
	class = pv_mailbox_append(&m, c, has_id ? id : NULL, r, e);
	enum pv_class closed = pv_mailbox_close(&m, class == PV_OK ? e : NULL);
	return class != PV_OK ? class : closed;
}

/* All bytes of the mailbox, -1 where there is none. */
static ssize_t read_box(const struct scratch *s, char *to, size_t size)
{
	int fd = __real_openat(s->fd, "abc", O_RDONLY | O_CLOEXEC, 0);
	ssize_t len = 0, n;

	if (fd < 0)
		return -1;
	while ((n = read(fd, to + len, size - (size_t)len)) > 0)
		len += n;
	(void)close(fd);
	return len;
}

enum { BOX_MAX = 3 * 1024 * 1024 };

/* How often does the content stand behind the old mailbox, and is there nothing else? -1: something else. */
static int copies(const struct scratch *s, const char *old, const struct pv_content *c)
{
	static char box[BOX_MAX], message[BOX_MAX / 2];
	ssize_t len = read_box(s, box, sizeof box), old_len = old != NULL ? (ssize_t)strlen(old) : 0;
	ssize_t size = pv_content_read(c, message, sizeof message, 0);

	if (len < 0)
		return old == NULL ? 0 : -1;
	if (len < old_len || (old_len > 0 && memcmp(box, old, (size_t)old_len) != 0))
		return -1;
	if (len == old_len)
		return 0;
	/* Newlines before the first, where the old one has no empty line at its end. */
	ssize_t at = old_len;
	while (at < len && at < old_len + 2 && box[at] == '\n')
		at++;
	int n = 0;
	for (; at + size <= len && memcmp(box + at, message, (size_t)size) == 0; at += size)
		n++;
	return at == len ? n : -1;
}

static void reset(const struct scratch *s, const char *old)
{
	static const char *const names[] = { "abc",	     "abc.lock",  ".abc.lock",
					     ".abc.journal", ".abc.done", ".abc.spooled" };

	for (size_t i = 0; i < sizeof names / sizeof *names; i++)
		(void)__real_unlinkat(s->fd, names[i], 0);
	if (old != NULL)
		scratch_write(s, "abc", old, strlen(old));
}

/* One run with a fault, and what may be seen then. Returns whether the fault was met. */
static bool run(const struct scratch *s, const char *call, const char *old, const struct pv_content *c,
		bool has_id)
{
	struct pv_error e = { .text = "" };
	enum pv_append_result r = PV_APPENDED;
	unsigned before = open_descriptors();

	reset(s, old);
	fault.call = call;
	fault.seen = 0;
	enum pv_class class = deliver(s, c, has_id, &r, &e);
	bool met = fault.seen >= fault.nth;
	fault.call = NULL;
	int n = copies(s, old, c);
	/* After a failing sync, and the look that follows it, the bytes may stand there: the next delivery
	 * knows them. */
	bool synced = strstr(e.text, "sync") == NULL && strstr(e.text, "replaced") == NULL;
	/* What comes behind the fsync of the mailbox cannot take the message back; it is asked for again. */
	bool fine = class == PV_OK ? n == 1 : n == 0 || (n == 1 && (!synced || has_id));
	if (!fine || (class != PV_OK && (e.class != PV_TEMPORARY || e.text[0] == '\0')))
		fail_msg("%s number %u, errno %d: class %d `%s`, %d copies", call, fault.nth, fault.err,
			 (int)class, e.text, n);
	if (open_descriptors() != before)
		fail_msg("%s number %u, errno %d: a descriptor stays open", call, fault.nth, fault.err);
	/* Once more, and now it works: it is there once, or, without an id, once for each success. */
	int want = has_id ? 1 : n + 1;
	struct pv_content again; /* one file can be linked once */
	make_content(&again, s, c->size - 1);
	if (class != PV_OK && deliver(s, &again, has_id, &r, &e) != PV_OK)
		fail_msg("%s number %u, errno %d: then `%s`", call, fault.nth, fault.err, e.text);
	pv_content_free(&again);
	if (class != PV_OK && copies(s, old, c) != want)
		fail_msg("%s number %u, errno %d: then %d copies", call, fault.nth, fault.err,
			 copies(s, old, c));
	/* Whatever was left for the next run is gone after it. */
	const struct pv_mailbox_options o = { .uid = getuid(), .lock_deadline_ms = 50 };
	const struct pv_location l = location(s);
	struct pv_mailbox m;
	struct stat st;
	assert_int_equal(pv_mailbox_open(&l, &o, &m, NULL), PV_OK);
	assert_int_equal(pv_mailbox_close(&m, NULL), PV_OK);
	if (copies(s, old, c) != (class == PV_OK ? n : want))
		fail_msg("%s number %u, errno %d: at last %d copies", call, fault.nth, fault.err,
			 copies(s, old, c));
	if (__real_fstatat(s->fd, ".abc.spooled", &st, 0) == 0 ||
	    __real_fstatat(s->fd, "abc.lock", &st, 0) == 0)
		fail_msg("%s number %u, errno %d: a file is left over", call, fault.nth, fault.err);
	return met;
}

static unsigned every_fault(const struct scratch *s, const char *old, size_t size, bool has_id)
{
	static const int errors[] = { EIO, ENOSPC, EDQUOT, EFBIG, EINTR, EMFILE, SHORT };
	unsigned faults = 0;

	for (size_t i = 0; i < sizeof calls / sizeof *calls; i++)
		for (size_t k = 0; k < sizeof errors / sizeof *errors; k++) {
			if (errors[k] == SHORT && strncmp(calls[i], "p", 1) != 0)
				continue;
			for (unsigned nth = 1;; nth++, faults++) {
				struct pv_content c;
				make_content(&c, s, size);
				fault.nth = nth, fault.err = errors[k];
				bool met = run(s, calls[i], old, &c, has_id);
				pv_content_free(&c);
				if (!met)
					break;
				assert_true(nth < 300);
			}
		}
	return faults;
}

static const char *const olds[] = { NULL, "",
				    OLD,  OLD OLD "From t@x\n\nno newline at its end",
				    "\n", "From t@x\n\none\n" };

static void small_messages(void **state)
{
	unsigned faults = 0;

	for (size_t i = 0; i < sizeof olds / sizeof *olds; i++)
		for (int has_id = 0; has_id < 2; has_id++)
			faults += every_fault(*state, olds[i], 1000, has_id);
	assert_true(faults > 1000);
}

static void a_spooled_message(void **state)
{
	assert_true(every_fault(*state, OLD, PV_CONTENT_MEMORY + 1, true) > 100);
}

/* After one that was torn by a kill: the repair fails too. */
static void a_torn_mailbox(void **state)
{
	const struct scratch *s = *state;
	unsigned faults = 0;

	for (size_t i = 0; i < sizeof calls / sizeof *calls; i++)
		for (unsigned nth = 1;; nth++, faults++) {
			struct pv_error e = { .text = "" };
			enum pv_append_result r;
			struct pv_content c, first;
			/* What a killed delivery leaves: an open journal and a part of its message. */
			reset(s, OLD);
			make_content(&first, s, 500);
			assert_int_equal(deliver(s, &first, false, &r, NULL), PV_OK);
			uint32_t open = 1;
			int fd = __real_openat(s->fd, ".abc.journal", O_WRONLY | O_CLOEXEC, 0);
			assert_int_equal(__real_pwrite(fd, &open, sizeof open, 8), sizeof open);
			(void)close(fd);
			fd = __real_openat(s->fd, "abc", O_WRONLY | O_CLOEXEC, 0);
			assert_int_equal(__real_ftruncate(fd, (off_t)strlen(OLD) + 100), 0);
			(void)close(fd);
			pv_content_free(&first);
			make_content(&c, s, 1000);
			fault.call = calls[i], fault.nth = nth, fault.seen = 0, fault.err = EIO;
			enum pv_class class = deliver(s, &c, true, &r, &e);
			bool met = fault.seen >= nth;
			fault.call = NULL;
			if (class == PV_OK && copies(s, OLD, &c) != 1)
				fail_msg("%s number %u: stored, but %d copies", calls[i], nth,
					 copies(s, OLD, &c));
			if (class != PV_OK && deliver(s, &c, true, &r, &e) != PV_OK)
				fail_msg("%s number %u: then `%s`", calls[i], nth, e.text);
			if (copies(s, OLD, &c) != 1)
				fail_msg("%s number %u: then %d copies", calls[i], nth, copies(s, OLD, &c));
			pv_content_free(&c);
			if (!met)
				break;
		}
	assert_true(faults > 20);
}

/* What is between the messages, and the same message twice. */
static void appends(void **state)
{
	const struct scratch *s = *state;
	static char box[BOX_MAX];
	enum pv_append_result r;
	struct pv_content c;

	make_content(&c, s, 200);
	for (size_t i = 0; i < sizeof olds / sizeof *olds; i++) {
		const char *old = olds[i] != NULL ? olds[i] : "";
		size_t len = strlen(old);
		reset(s, olds[i]);
		assert_int_equal(deliver(s, &c, true, &r, NULL), PV_OK);
		assert_int_equal(r, PV_APPENDED);
		ssize_t now = read_box(s, box, sizeof box);
		size_t lead = (size_t)now - len - c.size;
		size_t want =
			len == 0 || strcmp(old, "\n") == 0 || (len >= 2 && strcmp(old + len - 2, "\n\n") == 0)
				? 0
			: old[len - 1] == '\n' ? 1
					       : 2;
		assert_int_equal(lead, want);
		assert_int_equal(deliver(s, &c, true, &r, NULL), PV_OK);
		assert_int_equal(r, PV_DUPLICATE);
		assert_int_equal(copies(s, olds[i], &c), 1);
		assert_int_equal(deliver(s, &c, false, &r, NULL), PV_OK);
		assert_int_equal(r, PV_APPENDED);
		assert_int_equal(copies(s, olds[i], &c), 2);
		/* Gone from the mailbox by hand: a new file knows nothing of it. */
		(void)unlinkat(s->fd, "abc", 0);
		assert_int_equal(deliver(s, &c, true, &r, NULL), PV_OK);
		assert_int_equal(copies(s, NULL, &c), 1);
	}
	pv_content_free(&c);
}

/* An empty mailbox that we made goes again when nothing was put into it. */
static void nothing_is_left(void **state)
{
	const struct scratch *s = *state;
	const struct pv_mailbox_options o = { .uid = getuid(), .lock_deadline_ms = 50 };
	const struct pv_location l = location(s);
	struct pv_mailbox m;
	struct stat st;

	assert_int_equal(pv_mailbox_open(&l, &o, &m, NULL), PV_OK);
	assert_true(m.created);
	assert_int_equal(pv_mailbox_close(&m, NULL), PV_OK);
	assert_int_equal(fstatat(s->fd, "abc", &st, 0), -1);
	scratch_write(s, "abc", "", 0);
	assert_int_equal(pv_mailbox_open(&l, &o, &m, NULL), PV_OK);
	assert_false(m.created);
	assert_int_equal(pv_mailbox_close(&m, NULL), PV_OK);
	assert_int_equal(fstatat(s->fd, "abc", &st, 0), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(appends, scratch_make, scratch_remove),
		cmocka_unit_test_setup_teardown(nothing_is_left, scratch_make, scratch_remove),
		cmocka_unit_test_setup_teardown(small_messages, scratch_make, scratch_remove),
		cmocka_unit_test_setup_teardown(a_spooled_message, scratch_make, scratch_remove),
		cmocka_unit_test_setup_teardown(a_torn_mailbox, scratch_make, scratch_remove),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
