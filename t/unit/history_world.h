/*
 * history_world.h: what history_test.c's histories happen to: a mailbox as it should be, byte by byte and
 * whose, its side files, states that were saved, and the messages.
 */
#ifndef PV_TEST_HISTORY_WORLD_H
#define PV_TEST_HISTORY_WORLD_H

#include "kill.h"

#include "mailbox/done.h"
#include "mailbox/journal.h"
#include "mailbox/mailbox.h"

enum { SIZE_MAX_BYTES = 96 * 1024, MESSAGES_MAX = 12, SAVED_MAX = 4, STEPS_MAX = 10 };

/* A mailbox as it should be. ours[i]: that byte came from a delivery that nobody has acknowledged. */
struct image {
	char bytes[SIZE_MAX_BYTES];
	bool ours[SIZE_MAX_BYTES];
	size_t len;
	bool exists;
	int64_t mtime; /* seconds */
};

static const char *const side_names[] = { ".box.journal", ".box.done", ".box.spooled", ".box.lock",
					  "box.lock" };
enum { SIDES = sizeof side_names / sizeof *side_names, SPOOLED = 2 };

struct side {
	char bytes[40000];
	ssize_t len; /* -1: there is no such file */
};

struct saved {
	struct image box;
	struct side side[SIDES];
};

struct message {
	bool has_id, spooled, started, acknowledged;
	bool removed;	 /* another program deleted it, or put a mailbox back that does not have it */
	bool may_repeat; /* it, or a side file that knew of it, was put back */
	bool clean;	 /* removed by putting the mailbox back, and nobody but us has written since */
	char body[9000];
	unsigned tries;
};

static struct {
	struct scratch *scratch;
	struct pv_location where;
	uint64_t random;
	struct image box;
	struct saved saved[SAVED_MAX];
	unsigned n_saved, n_messages;
	struct message messages[MESSAGES_MAX];
	int64_t now;	/* model seconds */
	bool may_leave; /* a side file was touched by others, or could not be removed */
} w;

static struct {
	unsigned long histories, steps, kills, failures, duplicates, naive_histories;
} total;

static struct image before; /* the mailbox before the step */
static bool naive_would_destroy;

static uint32_t pick(uint32_t n)
{
	return next_random(&w.random) % n;
}

/* What happens, for whoever looks at one history: PV_VERBOSE=1. */
#define tell(...) (void)(verbose && (print_message("# " __VA_ARGS__), print_message("\n"), true))
static bool verbose;

/* --- files --- */

static void put_file(const char *name, const void *data, size_t len)
{
	scratch_write(w.scratch, name, data, len);
}

static ssize_t get_file(const char *name, void *to, size_t size)
{
	int fd = __real_openat(w.scratch->fd, name, O_RDONLY | O_CLOEXEC);

	if (fd < 0)
		return -1;
	ssize_t n = read(fd, to, size);
	assert_true(n >= 0 && (size_t)n < size);
	(void)__real_close(fd);
	return n;
}

static void stamp(void)
{
	const struct timespec t[2] = { { .tv_sec = w.box.mtime }, { .tv_sec = w.box.mtime } };

	if (w.box.exists)
		assert_int_equal(utimensat(w.scratch->fd, "box", t, 0), 0);
}

/* Write the model's mailbox to the disk, in place or as another file. */
static void put_box(bool rename_it)
{
	if (!w.box.exists) {
		(void)__real_unlinkat(w.scratch->fd, "box", 0);
		return;
	}
	put_file(rename_it ? "box.temp" : "box", w.box.bytes, w.box.len);
	if (rename_it)
		assert_int_equal(__real_renameat(w.scratch->fd, "box.temp", w.scratch->fd, "box"), 0);
	stamp();
}

static void copy_image(struct image *to, const struct image *from)
{
	memcpy(to->bytes, from->bytes, from->len);
	memcpy(to->ours, from->ours, from->len);
	to->len = from->len;
	to->exists = from->exists;
	to->mtime = from->mtime;
}

/* --- messages --- */

static unsigned copies(const struct image *box, const struct message *m)
{
	size_t len = strlen(m->body);
	unsigned n = 0;

	for (const char *p = box->bytes;
	     (p = memmem(p, box->len - (size_t)(p - box->bytes), m->body, len)) != NULL; p += len)
		n++;
	return n;
}

/* The same, counting only those with the empty line that ends them. */
static unsigned wholes(const struct image *box, const struct message *m)
{
	size_t len = strlen(m->body);
	unsigned n = 0;

	for (const char *p = box->bytes;
	     (p = memmem(p, box->len - (size_t)(p - box->bytes), m->body, len)) != NULL; p += len)
		n += p + len < box->bytes + box->len && p[len] == '\n';
	return n;
}

/* Where the message's From_ line begins. It is there. */
static size_t start_of(const struct image *box, const struct message *m)
{
	const char *p = memmem(box->bytes, box->len, m->body, strlen(m->body));

	while (p > box->bytes && memcmp(p, "From ", 5) != 0)
		p--;
	return (size_t)(p - box->bytes);
}

static struct message *new_message(void)
{
	struct message *m = &w.messages[w.n_messages++];
	size_t len = pick(4) == 0 ? 3000 + pick(5000) : 20 + pick(300);

	*m = (struct message){ .has_id = pick(8) != 0, .spooled = pick(5) == 0 };
	int n = snprintf(m->body, sizeof m->body, "X-Id: %08x\n\n<", next_random(&w.random));
	memset(m->body + n, 'a' + (int)pick(26), len);
	(void)snprintf(m->body + (size_t)n + len, 4, ">\n");
	return m;
}

static void make_content(struct message *m, struct pv_content *c)
{
	char top[200];

	int n = snprintf(top, sizeof top, "From s@x.org Fri Nov 20 10:00:%02u 2026\nReceived: %p\n",
			 m->tries++ % 60, (void *)m);
	pv_content_start(c, w.scratch->fd);
	assert_int_equal(pv_content_add(c, top, (size_t)n, NULL), PV_OK);
	assert_int_equal(pv_content_add(c, m->body, strlen(m->body), NULL), PV_OK);
	assert_int_equal(pv_content_add(c, "\n", 1, NULL), PV_OK);
	if (m->spooled) {
		c->fd = __real_openat(w.scratch->fd, ".", O_RDWR | O_TMPFILE | O_CLOEXEC, 0600);
		assert_true(c->fd >= 0);
	}
	assert_int_equal(pv_content_finish(c, NULL), PV_OK);
}

#endif
