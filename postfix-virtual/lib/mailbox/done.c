#include "mailbox/done.h"

#include "base/file.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <unistd.h>

enum { BUCKET_BYTES = PV_DONE_BUCKET * sizeof(struct pv_done_entry), BUCKETS_MAX = 65536 };

/* With as many buckets as these the last 1,024 are kept though chance fills buckets unevenly. */
enum { BUCKETS_ENOUGH = 8 };

static uint32_t check_of(const struct pv_done_entry *x)
{
	struct pv_sum sum;

	pv_sum_start(&sum);
	pv_sum_add(&sum, x, offsetof(struct pv_done_entry, check));
	return (uint32_t)pv_sum_finish(&sum) | 1;
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

int64_t pv_done_now(void)
{
	struct timespec t;

	(void)clock_gettime(CLOCK_REALTIME_COARSE, &t);
	return t.tv_sec;
}

void pv_done_close(struct pv_done *d)
{
	if (d->fd >= 0)
		(void)close(d->fd);
	d->fd = -1;
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

	if (fstat(d->fd, &st) != 0 || !S_ISREG(st.st_mode))
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

bool pv_done_find(const struct pv_location *l, const unsigned char id[PV_ID_BYTES], int64_t mtime_s,
		  struct pv_done *d)
{
	char name[NAME_MAX + 1];

	d->fd = -1;
	if (!make_name(l, name))
		return false;
	d->fd = openat(l->dirfd, name, O_RDWR | O_CREAT | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC, 0600);
	if (d->fd >= 0 && !read_bucket(d, id))
		pv_done_close(d);
	for (size_t i = 0; d->fd >= 0 && i < PV_DONE_BUCKET; i++) {
		const struct pv_done_entry *x = &d->entries[i];
		if (x->id == short_id(id) && x->check == check_of(x) && mtime_s >= (int64_t)x->begun)
			return true;
	}
	return false;
}

/* The place for one more: a free one, or the oldest. */
static size_t choose_place(const struct pv_done *d)
{
	size_t oldest = 0;

	for (size_t i = 0; i < PV_DONE_BUCKET; i++) {
		if (d->entries[i].check == 0)
			return i;
		if (d->entries[i].begun < d->entries[oldest].begun)
			oldest = i;
	}
	return oldest;
}

/* Spread the entries of a whole file over twice as many buckets. Each of the new ones gets at most what was
 * in one. */
static void spread(const struct pv_done_entry *from, uint32_t buckets, struct pv_done_entry *to)
{
	for (uint32_t b = 0; b < buckets; b++) {
		size_t used[2] = { 0, 0 };
		for (size_t i = 0; i < PV_DONE_BUCKET; i++) {
			const struct pv_done_entry *x = &from[(size_t)b * PV_DONE_BUCKET + i];
			if (x->check == 0 || x->check != check_of(x))
				continue;
			size_t half = (x->id & buckets) != 0;
			to[(b + half * buckets) * PV_DONE_BUCKET + used[half]++] = *x;
		}
	}
}

/* Double the file, as a whole or not at all. */
static void grow(struct pv_done *d, const struct pv_location *l, const unsigned char id[PV_ID_BYTES])
{
	size_t old_bytes = (size_t)d->buckets * BUCKET_BYTES;
	struct pv_done_entry *from = calloc(1, old_bytes), *to = calloc(2, old_bytes);
	char name[NAME_MAX + 1];

	if (from != NULL && to != NULL && make_name(l, name) && pread(d->fd, from, old_bytes, 0) >= 0) {
		spread(from, d->buckets, to);
		if (pv_file_replace(l->dirfd, name, to, 2 * old_bytes, 0600, (uid_t)-1, (gid_t)-1, NULL) ==
		    PV_OK) {
			pv_done_close(d);
			(void)pv_done_find(l, id, 0, d);
		}
	}
	free(from);
	free(to);
}

void pv_done_add(struct pv_done *d, const struct pv_location *l, const unsigned char id[PV_ID_BYTES],
		 int64_t begun_s)
{
	struct pv_done_entry x = { .id = short_id(id), .begun = (uint32_t)begun_s };

	if (d->fd < 0)
		return;
	size_t at = choose_place(d);
	bool young = (int64_t)d->entries[at].begun > begun_s - PV_DONE_SECONDS;
	if (d->entries[at].check != 0 && (young || d->buckets < BUCKETS_ENOUGH) && d->buckets < BUCKETS_MAX) {
		grow(d, l, id);
		if (d->fd < 0)
			return;
		at = choose_place(d);
	}
	x.check = check_of(&x);
	ssize_t written =
		pwrite(d->fd, &x, sizeof x, (off_t)d->bucket * BUCKET_BYTES + (off_t)(at * sizeof x));
	(void)written; /* half an entry fails its check */
}
