#include "mailbox/done.h"

#include "base/file.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <unistd.h>

/* One id. An entry is whole or not there: check finds what a power cut left. */
struct entry {
	unsigned char id[16]; /* the first half: 128 bits are enough */
	int64_t begun;
	uint32_t number; /* counts up; the highest is the newest */
	uint32_t check;
};

enum { ID_KEPT = 16, FILE_MAX = 64 * 1024 * 1024, CHUNK = (PV_DONE_KEPT + 1) * sizeof(struct entry) };

static uint32_t entry_check(const struct entry *x)
{
	struct pv_sum sum;

	pv_sum_start(&sum);
	pv_sum_add(&sum, x, offsetof(struct entry, check));
	return (uint32_t)pv_sum_finish(&sum);
}

static size_t count(const struct pv_done *d)
{
	return d->text.len / sizeof(struct entry);
}

static struct entry get(const struct pv_done *d, size_t i)
{
	struct entry x;

	memcpy(&x, d->text.s + i * sizeof x, sizeof x);
	return x;
}

static bool make_name(const struct pv_location *l, char out[NAME_MAX + 1])
{
	int n = snprintf(out, NAME_MAX + 1, ".%s.done", l->name);

	return n > 0 && n <= NAME_MAX;
}

int64_t pv_done_now(void)
{
	struct timespec t;

	(void)clock_gettime(CLOCK_REALTIME_COARSE, &t);
	return (int64_t)t.tv_sec * 1000000000 + t.tv_nsec;
}

void pv_done_open(const struct pv_location *l, struct pv_done *d)
{
	char name[NAME_MAX + 1];
	ssize_t n;

	*d = (struct pv_done){ .fd = -1, .text = PV_BUF_INIT(FILE_MAX) };
	if (!make_name(l, name))
		return;
	d->fd = openat(l->dirfd, name, O_RDWR | O_CREAT | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC, 0600);
	if (d->fd < 0)
		return;
	/* One read for the usual size, and as many as it takes for a busy mailbox's. */
	do {
		char *to = pv_buf_reserve(&d->text, CHUNK);
		n = to == NULL ? -1 : read(d->fd, to, CHUNK);
		if (n > 0)
			pv_buf_grew(&d->text, (size_t)n);
	} while (n == CHUNK);
	if (n < 0)
		pv_done_close(d);
}

void pv_done_close(struct pv_done *d)
{
	if (d->fd >= 0)
		(void)close(d->fd);
	d->fd = -1;
	pv_buf_free(&d->text);
}

bool pv_done_has(const struct pv_done *d, const unsigned char id[PV_ID_BYTES], int64_t mtime_ns)
{
	for (size_t i = 0; i < count(d); i++) {
		if (memcmp(d->text.s + i * sizeof(struct entry), id, ID_KEPT) != 0)
			continue;
		struct entry x = get(d, i);
		if (x.check == entry_check(&x) && mtime_ns >= x.begun)
			return true;
	}
	return false;
}

/* The newest entry's place; false where there is none. Numbers may wrap: distance decides. */
static bool newest_of(const struct pv_done *d, bool checked, size_t *at_r, uint32_t *number_r)
{
	bool found = false;

	for (size_t i = 0; i < count(d); i++) {
		struct entry x = get(d, i);
		if ((checked && x.check != entry_check(&x)) || (found && (int32_t)(x.number - *number_r) < 0))
			continue;
		*at_r = i;
		*number_r = x.number;
		found = true;
	}
	return found;
}

/* Checking every entry would cost more than the rest of a delivery: only a newest one that is damaged
 * makes us look at all of them. */
static bool newest(const struct pv_done *d, size_t *at_r, uint32_t *number_r)
{
	if (!newest_of(d, false, at_r, number_r))
		return false;
	struct entry x = get(d, *at_r);
	return x.check == entry_check(&x) || newest_of(d, true, at_r, number_r);
}

/* Every place holds an id too young to be forgotten: write the file anew, oldest first, so that there is room
 * at its end. Returns the place behind the last. */
static size_t unroll(struct pv_done *d, const struct pv_location *l, size_t at)
{
	struct pv_buf turned = PV_BUF_INIT(FILE_MAX);
	size_t split = at * sizeof(struct entry), whole = count(d) * sizeof(struct entry);
	char name[NAME_MAX + 1];

	pv_buf_add(&turned, d->text.s + split, whole - split);
	pv_buf_add(&turned, d->text.s, split);
	if (!turned.failed && make_name(l, name) &&
	    pv_file_replace(l->dirfd, name, turned.s, turned.len, 0600, (uid_t)-1, (gid_t)-1, NULL) ==
		    PV_OK) {
		int fd = openat(l->dirfd, name, O_RDWR | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);
		if (fd >= 0) {
			(void)close(d->fd);
			d->fd = fd;
			at = count(d);
		}
	}
	pv_buf_free(&turned);
	return at;
}

void pv_done_add(struct pv_done *d, const struct pv_location *l, const unsigned char id[PV_ID_BYTES],
		 int64_t begun_ns)
{
	struct entry x = { .begun = begun_ns };
	size_t at = 0, last;
	uint32_t number = 0;

	if (d->fd < 0)
		return;
	if (newest(d, &last, &number)) {
		at = last + 1;
		if (at >= count(d) && count(d) >= PV_DONE_KEPT)
			at = 0;
		if (at < count(d) && get(d, at).begun > begun_ns - (int64_t)PV_DONE_SECONDS * 1000000000)
			at = at == 0 ? count(d) : unroll(d, l, at);
	}
	memcpy(x.id, id, ID_KEPT);
	x.number = number + 1;
	x.check = entry_check(&x);
	ssize_t written = pwrite(d->fd, &x, sizeof x, (off_t)(at * sizeof x));
	(void)written; /* half an entry fails its check */
}
