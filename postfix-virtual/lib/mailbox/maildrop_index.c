#include "mailbox/maildrop_index.h"

#include "base/file.h"
#include "mailbox/journal.h"
#include "mailbox/maildrop_hash.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <unistd.h>

/* On the disk, in the byte order of the machine; then come the records, the digests (all or none), and the
 * X-UIDLs. */
struct head {
	uint64_t magic;
	uint64_t inode, size;	   /* of the mailbox */
	int64_t changed, modified; /* its ctime and mtime, in ns */
	int64_t written;	   /* when, by the clock that the kernel stamps files with */
	uint64_t end_anchor;
	uint64_t count, digests, x_uidls; /* records, digests, bytes */
	uint64_t rest_sum;		  /* over digests and X-UIDLs */
	uint64_t sum;			  /* over all before it, then the records */
};

#define MAGIC 0x31786469646e7670u /* pvndidx1 */

/* Smaller ones are scanned faster than an index is written. */
enum { WORTH_IT = 256 * 1024, SAMPLES = 16 };

#define SECOND 1000000000

static int64_t ns(const struct timespec *t)
{
	return (int64_t)t->tv_sec * SECOND + t->tv_nsec;
}

static int64_t ns_now(void)
{
	struct timespec t;

	(void)clock_gettime(CLOCK_REALTIME_COARSE, &t);
	return ns(&t);
}

bool pv_index_is_settled(const struct stat *st)
{
	return ns_now() - ns(&st->st_ctim) > SECOND;
}

static bool make_name(const struct pv_location *l, const char *end, char out[NAME_MAX + 1])
{
	int n = snprintf(out, NAME_MAX + 1, ".%s.index%s", l->name, end);

	return n > 0 && n <= NAME_MAX;
}

static uint64_t sum_of(const struct head *h, const struct pv_record *v)
{
	uint64_t sums[2] = { pv_hash64(h, offsetof(struct head, sum)),
			     pv_hash64(v, (size_t)h->count * sizeof *v) };

	return pv_hash64(sums, sizeof sums);
}

static uint64_t sum_of_rest(const struct pv_maildrop *m, uint64_t digests)
{
	uint64_t sums[2] = { pv_hash64(m->digests, (size_t)digests * sizeof *m->digests),
			     pv_hash64(m->x_uidls.s, m->x_uidls.len) };

	return pv_hash64(sums, sizeof sums);
}

int pv_index_open(const struct pv_maildrop *m, uint64_t *size_r)
{
	char name[NAME_MAX + 1];
	struct stat st;

	if (m->where->shared || !make_name(m->where, "", name))
		return -1;
	int fd = openat(m->where->dirfd, name, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);
	if (fd < 0)
		return -1;
	if (fstat(fd, &st) == 0 && S_ISREG(st.st_mode) && st.st_uid == m->o.uid && (st.st_mode & 077) == 0) {
		*size_r = (uint64_t)st.st_size;
		return fd;
	}
	(void)close(fd);
	return -1;
}

/* Is a file of `size` bytes as long as its head says? */
static bool fits(const struct head *h, uint64_t size)
{
	const uint64_t record = sizeof(struct pv_record), digest = sizeof(struct pv_digest);

	if (h->magic != MAGIC || (h->digests != 0 && h->digests != h->count) || h->count > size / record ||
	    h->x_uidls > size)
		return false;
	return size == sizeof *h + h->count * record + h->digests * digest + h->x_uidls;
}

/* Has the mailbox this head, with its records, to thank for nothing but what is behind its size? Both must
 * have been true for more than a second when it was written: a second change may have had the first one's
 * time. */
static bool speaks_of(const struct head *h, const struct stat *st)
{
	if (h->inode != (uint64_t)st->st_ino || h->written - h->changed <= SECOND)
		return false;
	if (h->size == (uint64_t)st->st_size)
		return h->changed == ns(&st->st_ctim) && h->modified == ns(&st->st_mtim);
	return h->size < (uint64_t)st->st_size;
}

static bool in_order(const struct head *h, const struct pv_record *v)
{
	uint64_t end = 0;

	for (size_t i = 0; i < h->count; i++) {
		if (v[i].offset >= h->size || (i > 0 && v[i].offset <= end))
			return false;
		end = v[i].offset;
	}
	return true;
}

/* The mailbox has grown: do the bytes at its old end, and where some of the messages begin, agree? */
static bool has_grown(const struct pv_maildrop *m, const struct head *h, const struct pv_record *v)
{
	uint64_t anchor;
	uint32_t start;
	char tail[2];

	if (pv_journal_anchor(m->fd, h->size, &anchor, tail) != 0 || anchor != h->end_anchor)
		return false;
	for (size_t k = 0; k < SAMPLES && h->count > 0; k++) {
		const struct pv_record *r = &v[k * (h->count - 1) / (SAMPLES - 1)];
		if (pv_scan_anchor(m->fd, r->offset, h->size, &start, NULL) != PV_OK || start != r->anchor)
			return false;
	}
	return true;
}

/* Read head and records. Returns the records, to be freed; NULL: they are of no use. */
static struct pv_record *read_records(const struct pv_maildrop *m, int fd, uint64_t size, struct head *h)
{
	if (pv_read_all_at(fd, h, sizeof *h, 0) != (ssize_t)sizeof *h || !fits(h, size) ||
	    !speaks_of(h, &m->st))
		return NULL;
	size_t bytes = (size_t)h->count * sizeof(struct pv_record);
	struct pv_record *v = malloc(bytes + 1);
	bool good = v != NULL && pv_read_all_at(fd, v, bytes, sizeof *h) == (ssize_t)bytes &&
		    sum_of(h, v) == h->sum && in_order(h, v) &&
		    (h->size == (uint64_t)m->st.st_size || has_grown(m, h, v));
	if (good)
		return v;
	free(v);
	return NULL;
}

uint64_t pv_index_load(struct pv_maildrop *m)
{
	struct head h;
	uint64_t size;

	int fd = pv_index_open(m, &size);
	if (fd < 0)
		return 0;
	struct pv_record *v = read_records(m, fd, size, &h);
	if (v == NULL) {
		(void)close(fd);
		return 0;
	}
	m->list = (struct pv_records){ .v = v, .n = (size_t)h.count, .room = (size_t)h.count };
	m->indexed = h.size == (uint64_t)m->st.st_size;
	m->end_anchor = h.end_anchor;
	m->index_fd = fd;
	return h.size;
}

/* Read them behind head and records. */
static bool read_digests(struct pv_maildrop *m, const struct head *h)
{
	uint64_t at = sizeof *h + h->count * sizeof(struct pv_record);
	size_t bytes = (size_t)h->digests * sizeof *m->digests;

	if (pv_read_all_at(m->index_fd, m->digests, bytes, (off_t)at) != (ssize_t)bytes)
		return false;
	char *to = pv_buf_reserve(&m->x_uidls, (size_t)h->x_uidls);
	if (to == NULL ||
	    pv_read_all_at(m->index_fd, to, (size_t)h->x_uidls, (off_t)(at + bytes)) != (ssize_t)h->x_uidls)
		return false;
	pv_buf_grew(&m->x_uidls, (size_t)h->x_uidls);
	if (sum_of_rest(m, h->digests) != h->rest_sum)
		return false;
	/* Each must lie within, and end there. */
	if (h->x_uidls > 0 && m->x_uidls.s[m->x_uidls.len - 1] != '\0')
		return false;
	for (size_t i = 0; i < h->digests; i++)
		if (m->digests[i].x_uidl > h->x_uidls)
			return false;
	return true;
}

void pv_index_load_digests(struct pv_maildrop *m)
{
	struct head h;

	if (m->index_fd < 0)
		return;
	bool good = pv_read_all_at(m->index_fd, &h, sizeof h, 0) == (ssize_t)sizeof h &&
		    h.digests <= m->list.n && read_digests(m, &h);
	(void)close(m->index_fd);
	m->index_fd = -1;
	if (good && h.digests > 0)
		return;
	memset(m->digests, 0, m->list.n * sizeof *m->digests);
	pv_buf_reset(&m->x_uidls);
	for (size_t i = 0; i < m->list.n; i++)
		m->list.v[i].flags &= ~(unsigned)PV_RECORD_DIGEST;
}

void pv_index_replace(const struct pv_location *l, const struct pv_index_part *parts, size_t n)
{
	char name[NAME_MAX + 1], temp[NAME_MAX + 1];

	if (!make_name(l, "", name) || !make_name(l, ".new", temp))
		return;
	(void)unlinkat(l->dirfd, temp, 0);
	int fd = openat(l->dirfd, temp, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);
	if (fd < 0)
		return;
	bool whole = true;
	for (size_t i = 0; whole && i < n; i++)
		whole = pv_write_all(fd, parts[i].data, parts[i].len) == 0;
	whole = close(fd) == 0 && whole;
	if (!whole || renameat(l->dirfd, temp, l->dirfd, name) != 0)
		(void)unlinkat(l->dirfd, temp, 0);
}

void pv_index_clean(const struct pv_location *l)
{
	char temp[NAME_MAX + 1];

	if (!l->shared && make_name(l, ".new", temp))
		(void)unlinkat(l->dirfd, temp, 0);
}

void pv_index_save(struct pv_maildrop *m)
{
	struct head h = { .magic = MAGIC,
			  .inode = (uint64_t)m->st.st_ino,
			  .size = (uint64_t)m->st.st_size,
			  .changed = ns(&m->st.st_ctim),
			  .modified = ns(&m->st.st_mtim),
			  .written = ns_now(),
			  .end_anchor = m->end_anchor,
			  .count = m->list.n };

	if (m->where->shared || m->fd < 0 || m->broken || m->updated || h.size < WORTH_IT ||
	    (m->indexed && m->learnt == 0) || h.written - h.changed <= SECOND)
		return;
	/* What the old one knew is kept. */
	if (m->index_fd >= 0 && pv_maildrop_start_learning(m, NULL) != PV_OK)
		return;
	if (m->digests != NULL)
		h.digests = h.count;
	h.x_uidls = m->x_uidls.len;
	for (size_t i = 0; i < m->list.n; i++)
		m->list.v[i].flags &= PV_RECORD_KEPT;
	h.rest_sum = sum_of_rest(m, h.digests);
	h.sum = sum_of(&h, m->list.v);
	const struct pv_index_part parts[] = { { &h, sizeof h },
					       { m->list.v, m->list.n * sizeof *m->list.v },
					       { m->digests, (size_t)h.digests * sizeof *m->digests },
					       { m->x_uidls.s, m->x_uidls.len } };
	pv_index_replace(m->where, parts, 4);
}
