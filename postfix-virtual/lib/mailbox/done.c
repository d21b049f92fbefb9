#include "mailbox/done.h"

#include "base/hash.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <unistd.h>

enum { BUCKET_BYTES = PV_DONE_BUCKET * sizeof(struct pv_done_entry), BUCKETS_MAX = 65536 };

/* With as many buckets as these the last 1,024 are kept though chance fills buckets unevenly. */
enum { BUCKETS_ENOUGH = 8 };

enum { CHECK_BITS = 16 };

static uint64_t with_check(uint64_t id, int64_t when)
{
	const uint64_t x[2] = { id, (uint64_t)when << CHECK_BITS };
	struct pv_sum sum;

	pv_sum_start(&sum);
	pv_sum_add(&sum, x, sizeof x);
	return x[1] | (pv_sum_finish(&sum) & 0xffff) | 1;
}

static int64_t when_of(const struct pv_done_entry *x)
{
	return (int64_t)(x->when >> CHECK_BITS);
}

static bool is_whole(const struct pv_done_entry *x)
{
	return x->when != 0 && x->when == with_check(x->id, when_of(x));
}

static uint64_t short_id(const unsigned char id[PV_ID_BYTES])
{
	uint64_t x;

	memcpy(&x, id, sizeof x);
	return x;
}

static bool make_name(const struct pv_location *l, char out[NAME_MAX + 1])
{
	int n = snprintf(out, NAME_MAX + 1, ".%s.done", l->name);

	return n > 0 && n <= NAME_MAX;
}

int64_t pv_done_time(const struct timespec *t)
{
	return (int64_t)t->tv_sec * PV_DONE_UNITS + (int64_t)t->tv_nsec * PV_DONE_UNITS / 1000000000;
}

int64_t pv_done_now(void)
{
	struct timespec t;

	(void)clock_gettime(CLOCK_REALTIME_COARSE, &t);
	return pv_done_time(&t);
}

void pv_done_close(struct pv_done *d)
{
	if (d->fd >= 0)
		(void)close(d->fd);
	d->fd = -1;
}

bool pv_done_is_unusable(int err)
{
	return err == EISDIR || err == ELOOP || err == EACCES || err == EPERM || err == ENXIO ||
	       err == ENAMETOOLONG;
}

/* How many buckets has a file of this size? Not a power of two: it was cut, and counts as the next lower. */
static uint32_t buckets_of(off_t size)
{
	uint32_t n = 1;

	while (n < BUCKETS_MAX && (off_t)n * 2 * BUCKET_BYTES <= size)
		n *= 2;
	return n;
}

/* Read the bucket of id. What the file does not reach to is free places. */
static bool read_bucket(struct pv_done *d, const unsigned char id[PV_ID_BYTES])
{
	struct stat st;

	if (fstat(d->fd, &st) != 0)
		return false;
	errno = EISDIR;
	if (!S_ISREG(st.st_mode))
		return false;
	d->buckets = buckets_of(st.st_size);
	d->bucket = (uint32_t)(short_id(id) & (d->buckets - 1));
	ssize_t n =
		st.st_size == 0 ? 0 : pread(d->fd, d->entries, BUCKET_BYTES, (off_t)d->bucket * BUCKET_BYTES);
	if (n < 0)
		return false;
	memset((char *)d->entries + n, 0, BUCKET_BYTES - (size_t)n);
	return true;
}

bool pv_done_find(const struct pv_location *l, const unsigned char id[PV_ID_BYTES], int64_t *when_r,
		  struct pv_done *d)
{
	char name[NAME_MAX + 1];

	d->fd = -1;
	d->newest = 0;
	errno = ENAMETOOLONG;
	if (!make_name(l, name))
		return false;
	d->fd = openat(l->dirfd, name, O_RDWR | O_CREAT | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC, 0600);
	if (d->fd >= 0 && !read_bucket(d, id))
		pv_done_close(d);
	bool noted = false;
	for (size_t i = 0; d->fd >= 0 && i < PV_DONE_BUCKET; i++) {
		const struct pv_done_entry *x = &d->entries[i];
		if (when_of(x) > d->newest)
			d->newest = when_of(x);
		if (noted || x->id != short_id(id) || !is_whole(x))
			continue;
		*when_r = when_of(x);
		noted = true;
	}
	return noted;
}

/* The place for one more: a free one, or the oldest. */
static size_t choose_place(const struct pv_done *d)
{
	size_t oldest = 0;

	for (size_t i = 0; i < PV_DONE_BUCKET; i++) {
		if (d->entries[i].when == 0)
			return i;
		if (when_of(&d->entries[i]) < when_of(&d->entries[oldest]))
			oldest = i;
	}
	return oldest;
}

/* Sort the entries of a whole file by the bit of their ids that the doubled one goes by: those that have it
 * go to the upper half. Each new bucket gets at most what was in one. */
static void spread(const struct pv_done_entry *from, uint32_t buckets, struct pv_done_entry *lower,
		   struct pv_done_entry *upper)
{
	for (uint32_t b = 0; b < buckets; b++) {
		size_t used[2] = { 0, 0 };
		for (size_t i = 0; i < PV_DONE_BUCKET; i++) {
			const struct pv_done_entry *x = &from[(size_t)b * PV_DONE_BUCKET + i];
			if (!is_whole(x))
				continue;
			size_t half = (x->id & buckets) != 0;
			(half ? upper : lower)[(size_t)b * PV_DONE_BUCKET + used[half]++] = *x;
		}
	}
}

/* Double the file. The upper half first: until all of it is there, the file counts as the old one, and behind
 * that what is still in the lower half too does no harm. */
static bool grow(struct pv_done *d, const unsigned char id[PV_ID_BYTES])
{
	size_t bytes = (size_t)d->buckets * BUCKET_BYTES;
	struct pv_done_entry *from = calloc(1, bytes), *lower = calloc(1, bytes), *upper = calloc(1, bytes);

	bool ok = from != NULL && lower != NULL && upper != NULL && pread(d->fd, from, bytes, 0) >= 0;
	if (ok) {
		spread(from, d->buckets, lower, upper);
		ok = pwrite(d->fd, upper, bytes, (off_t)bytes) == (ssize_t)bytes &&
		     pwrite(d->fd, lower, bytes, 0) == (ssize_t)bytes;
	}
	free(from);
	free(lower);
	free(upper);
	return ok && read_bucket(d, id);
}

bool pv_done_add(struct pv_done *d, const unsigned char id[PV_ID_BYTES], int64_t when)
{
	const struct pv_done_entry x = { .id = short_id(id), .when = with_check(short_id(id), when) };

	if (d->fd < 0)
		return false;
	size_t at = choose_place(d);
	bool young = when_of(&d->entries[at]) > when - (int64_t)PV_DONE_SECONDS * PV_DONE_UNITS;
	if (d->entries[at].when != 0 && (young || d->buckets < BUCKETS_ENOUGH) && d->buckets < BUCKETS_MAX) {
		if (!grow(d, id) && !read_bucket(d, id))
			return false;
		at = choose_place(d);
	}
	/* Half an entry fails its check. */
	return pwrite(d->fd, &x, sizeof x, (off_t)d->bucket * BUCKET_BYTES + (off_t)(at * sizeof x)) ==
	       (ssize_t)sizeof x;
}
