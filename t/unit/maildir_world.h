/*
 * maildir_world.h: what the tests of deliveries into a Maildir share: numbered messages, deliveries, and what
 * is found afterwards.
 */
#ifndef PV_TEST_MAILDIR_WORLD_H
#define PV_TEST_MAILDIR_WORLD_H

#include "maildrop_calls.h"

#include "mailbox/mboxrd.h"
#include "mailbox/store_message.h"

enum { NUMBER_MAX = 100000, MESSAGE_MAX = 8192 };

int __real_mkdirat(int fd, const char *name, mode_t mode);
int __wrap_mkdirat(int fd, const char *name, mode_t mode);
int __wrap_mkdirat(int fd, const char *name, mode_t mode)
{
	if (dies())
		_exit(KILLED);
	return trips("mkdirat") ? -1 : __real_mkdirat(fd, name, mode);
}

int __real_fchmodat(int fd, const char *name, mode_t mode, int flags);
int __wrap_fchmodat(int fd, const char *name, mode_t mode, int flags);
int __wrap_fchmodat(int fd, const char *name, mode_t mode, int flags)
{
	if (dies())
		_exit(KILLED);
	return trips("fchmodat") ? -1 : __real_fchmodat(fd, name, mode, flags);
}

/* Message n as it was sent. */
static inline size_t make_message(unsigned n, char out[MESSAGE_MAX])
{
	int len = snprintf(out, MESSAGE_MAX, "Subject: %u\n\nFrom here on\n>From there\n", n);

	for (unsigned i = 0; i < n % 50; i++)
		len += snprintf(out + len, MESSAGE_MAX - (size_t)len, "line %u of %u\n", i, n);
	return (size_t)(len + snprintf(out + len, MESSAGE_MAX - (size_t)len, "end %u\n", n));
}

static inline void compose(const char *text, size_t len, struct pv_content *c)
{
	static const char from[] = "From s@x.org Fri Nov 20 09:56:12 2026\n";
	struct pv_mboxrd q = PV_MBOXRD_INIT;

	pv_content_start(c, -1);
	assert_int_equal(pv_content_add(c, from, sizeof from - 1, NULL), PV_OK);
	assert_int_equal(pv_mboxrd_add(&q, c, text, len, NULL), PV_OK);
	assert_int_equal(pv_mboxrd_finish(&q, c, NULL), PV_OK);
	assert_int_equal(pv_content_finish(c, NULL), PV_OK);
}

static inline void make_id(unsigned n, unsigned char id[PV_ID_BYTES])
{
	memset(id, 7, PV_ID_BYTES);
	memcpy(id, &n, sizeof n);
}

static inline struct pv_store_options usual_options(void)
{
	return (struct pv_store_options){ .uid = geteuid(), .lock_deadline_ms = 20000, .maildir = true };
}

/* Deliver message n; has_id: as one that may be a retry. */
static inline enum pv_class deliver_as(const struct scratch *s, const struct pv_store_options *o, unsigned n,
				       bool has_id, struct pv_stored *r, struct pv_error *e)
{
	const struct pv_location l = box_location(s, "box");
	char text[MESSAGE_MAX];
	unsigned char id[PV_ID_BYTES];
	struct pv_content c;

	make_id(n, id);
	compose(text, make_message(n, text), &c);
	enum pv_class class = pv_mailbox_store(&l, o, &c, has_id ? id : NULL, r, e);
	pv_content_free(&c);
	return class;
}

/* The same where nothing can go wrong. */
static inline struct pv_stored deliver(const struct scratch *s, unsigned n)
{
	const struct pv_store_options o = usual_options();
	struct pv_error e = { .text = "" };
	struct pv_stored r;

	if (deliver_as(s, &o, n, true, &r, &e) != PV_OK)
		fail_msg("message %u: %s", n, e.text);
	return r;
}

/* Read box/FOLDER/NAME. Returns how long it is; -1: it is not there. */
static inline ssize_t read_message(const struct scratch *s, const char *folder, const char *name,
				   char out[MESSAGE_MAX])
{
	char path[600];

	(void)snprintf(path, sizeof path, "box/%s/%s", folder, name);
	int fd = __real_openat(s->fd, path, O_RDONLY | O_NOFOLLOW | O_CLOEXEC, 0);
	if (fd < 0)
		return -1;
	ssize_t n = read(fd, out, MESSAGE_MAX);
	(void)__real_close(fd);
	return n;
}

/* Call use() for each file in box/FOLDER. Returns how many there are. */
static inline unsigned
each_file(const struct scratch *s, const char *folder,
	  void (*use)(const struct scratch *s, const char *folder, const char *name, void *ctx), void *ctx)
{
	char path[600];
	unsigned n = 0;

	(void)snprintf(path, sizeof path, "%s/box/%s", s->path, folder);
	DIR *d = opendir(path);
	for (const struct dirent *entry; d != NULL && (entry = readdir(d)) != NULL;) {
		if (strcmp(entry->d_name, ".") == 0 || strcmp(entry->d_name, "..") == 0)
			continue;
		if (use != NULL)
			use(s, folder, entry->d_name, ctx);
		n++;
	}
	if (d != NULL)
		(void)closedir(d);
	return n;
}

struct census {
	unsigned *copies; /* of each message */
	unsigned limit;	  /* their number */
};

static inline void count_one(const struct scratch *s, const char *folder, const char *name, void *ctx)
{
	const struct census *c = ctx;
	char found[MESSAGE_MAX], want[MESSAGE_MAX];
	ssize_t len = read_message(s, folder, name, found);
	unsigned n = NUMBER_MAX;

	if (len <= 0 || len == MESSAGE_MAX)
		fail_msg("box/%s/%s has %zd bytes", folder, name, len);
	found[len] = '\0';
	if (sscanf(found, "Subject: %u\n", &n) != 1 || n >= c->limit ||
	    make_message(n, want) != (size_t)len || memcmp(found, want, (size_t)len) != 0)
		fail_msg("box/%s/%s is no whole message: %s", folder, name, found);
	c->copies[n]++;
}

/* How many copies of each of the messages below `limit` are in new/ and cur/? Others must not be there. */
static inline void take_census(const struct scratch *s, unsigned *copies, unsigned limit)
{
	struct census c = { .copies = copies, .limit = limit };

	memset(copies, 0, limit * sizeof *copies);
	(void)each_file(s, "new", count_one, &c);
	(void)each_file(s, "cur", count_one, &c);
}

static inline unsigned copies_of(const struct scratch *s, unsigned n)
{
	static unsigned copies[1000];

	take_census(s, copies, 1000);
	return copies[n];
}

static inline void read_one(const struct scratch *s, const char *folder, const char *name, void *ctx)
{
	char from[600], to[700];

	(void)folder, (void)ctx;
	(void)snprintf(from, sizeof from, "box/new/%s", name);
	(void)snprintf(to, sizeof to, "box/cur/%s:2,S", name);
	assert_int_equal(__real_renameat(s->fd, from, s->fd, to), 0);
}

/* What a reader does: all from new/ to cur/. */
static inline void read_all(const struct scratch *s)
{
	(void)each_file(s, "new", read_one, NULL);
}

static inline void remove_one(const struct scratch *s, const char *folder, const char *name, void *ctx)
{
	char path[600];

	(void)ctx;
	(void)snprintf(path, sizeof path, "box/%s/%s", folder, name);
	assert_int_equal(__real_unlinkat(s->fd, path, 0), 0);
}

static inline void remove_all(const struct scratch *s)
{
	(void)each_file(s, "new", remove_one, NULL);
	(void)each_file(s, "cur", remove_one, NULL);
}

/* Nothing is there any more, beside it too. */
static inline void remove_box(const struct scratch *s)
{
	static const char *const files[] = { ".box.maildir", ".box.done",  ".box.lock",	   "box.lock",
					     ".box.journal", ".box.index", ".box.spooled", "box" };
	static const char *const folders[] = { "box/tmp",	  "box/new",
					       "box/cur",	  "box",
					       ".box.making/tmp", ".box.making/new",
					       ".box.making/cur", ".box.making" };

	remove_all(s);
	(void)each_file(s, "tmp", remove_one, NULL);
	for (size_t i = 0; i < sizeof folders / sizeof *folders; i++)
		(void)__real_unlinkat(s->fd, folders[i], AT_REMOVEDIR);
	for (size_t i = 0; i < sizeof files / sizeof *files; i++)
		(void)__real_unlinkat(s->fd, files[i], 0);
}

static inline bool is_there(const struct scratch *s, const char *name)
{
	struct stat st;

	return __real_fstatat(s->fd, name, &st, AT_SYMLINK_NOFOLLOW) == 0;
}

static inline void put_file(const struct scratch *s, const char *name, const char *text)
{
	scratch_write(s, name, text, strlen(text));
}

static inline void make_maildir(const struct scratch *s)
{
	assert_int_equal(__real_mkdirat(s->fd, "box", 0700), 0);
	assert_int_equal(__real_mkdirat(s->fd, "box/tmp", 0700), 0);
	assert_int_equal(__real_mkdirat(s->fd, "box/new", 0700), 0);
	assert_int_equal(__real_mkdirat(s->fd, "box/cur", 0700), 0);
}

#endif
