#include "mailbox/maildrop_match.h"

#include "mailbox/maildrop_digest.h"

/* A message and its digest, to be sorted. */
struct known {
	struct pv_digest digest;
	size_t i;
};

struct matching {
	struct pv_maildrop *m;
	int fd;
	uint64_t size;
	struct pv_records *fresh;
	size_t lost;
};

static uint64_t end_of(const struct pv_records *r, size_t i, uint64_t size)
{
	return i + 1 < r->n ? r->v[i + 1].offset : size;
}

static bool same_digest(const struct pv_digest *a, const struct pv_digest *b)
{
	return a->hash[0] == b->hash[0] && a->hash[1] == b->hash[1];
}

static bool same_record(const struct pv_record *a, const struct pv_record *b)
{
	const unsigned shape =
		PV_RECORD_FROM | PV_RECORD_CRLF | PV_RECORD_QUOTED | PV_RECORD_LF_END | PV_RECORD_CRLF_END;

	return a->offset == b->offset && a->octets == b->octets && a->lines == b->lines &&
	       a->anchor == b->anchor && (a->flags & shape) == (b->flags & shape);
}

/* Is this the file that was scanned, with nothing but new messages behind? What its messages say is compared
 * where it matters. */
static enum pv_class is_in_place(const struct matching *k, const struct stat *st, bool *yes_r,
				 struct pv_error *e)
{
	const struct pv_maildrop *m = k->m;
	uint64_t size = (uint64_t)m->st.st_size;
	size_t n = m->list.n;

	*yes_r = st->st_ino == m->st.st_ino && st->st_dev == m->st.st_dev && k->size >= size &&
		 k->fresh->n >= n && end_of(k->fresh, n - 1, k->size) == size;
	for (size_t i = 0; *yes_r && i < n; i++) {
		struct pv_record now = k->fresh->v[i];
		uint32_t then = now.anchor;
		/* The last bytes of the snapshot may have been too few for a whole anchor. */
		if (now.offset + PV_RECORD_ANCHOR > size &&
		    pv_scan_anchor(k->fd, now.offset, size, &then, e) != PV_OK)
			return PV_TEMPORARY;
		now.anchor = then;
		*yes_r = same_record(&m->list.v[i], &now);
	}
	return PV_OK;
}

/* What is to be done to message i. That it was read is noted only where the setting says so. */
static unsigned marks_of(const struct pv_maildrop *m, size_t i)
{
	return m->list.v[i].flags & (PV_RECORD_DELETED | (m->o.write_status ? PV_RECORD_READ : 0u));
}

/* Move the marks of message i to its like, or count it as lost. NULL: it has none. */
static void mark(struct matching *k, size_t i, struct pv_record *like)
{
	unsigned marks = marks_of(k->m, i);

	if (like != NULL)
		like->flags |= marks;
	else
		k->lost += (marks & PV_RECORD_DELETED) != 0;
}

/* Each where it was, and it still says the same. Without a digest nothing is removed. */
static enum pv_class match_in_place(struct matching *k, struct pv_error *e)
{
	struct pv_maildrop *m = k->m;
	struct pv_window window = { .len = 0 };
	struct pv_digest now;

	for (size_t i = 0; i < m->list.n; i++) {
		const struct pv_record *r = &m->list.v[i];
		if (marks_of(m, i) == 0)
			continue;
		bool same = (r->flags & PV_RECORD_DELETED) == 0;
		if (!same && (r->flags & PV_RECORD_DIGEST) != 0) {
			enum pv_class c =
				pv_digest_message(k->fd, &k->fresh->v[i], end_of(k->fresh, i, k->size), &now,
						  NULL, m->block, &window, e);
			if (c != PV_OK)
				return c;
			same = same_digest(&now, &m->digests[i]);
		}
		mark(k, i, same ? &k->fresh->v[i] : NULL);
	}
	return PV_OK;
}

static int by_digest(const void *a, const void *b)
{
	const struct known *x = a, *y = b;

	for (int w = 0; w < 2; w++)
		if (x->digest.hash[w] != y->digest.hash[w])
			return x->digest.hash[w] < y->digest.hash[w] ? -1 : 1;
	return x->i < y->i ? -1 : x->i > y->i;
}

/* Equal messages: n of the snapshot, and as many as `there` now. In either list they stand as they do in the
 * file. */
static void match_equal(struct matching *k, const struct known *then, size_t n, const struct known *now,
			size_t there)
{
	struct pv_record *old = k->m->list.v, *fresh = k->fresh->v;
	bool stayed = there >= n;

	for (size_t i = 0; stayed && i < n; i++)
		stayed = old[then[i].i].offset == fresh[now[i].i].offset &&
			 old[then[i].i].octets == fresh[now[i].i].octets;
	bool only_one = n == 1 && there == 1;
	for (size_t i = 0; i < n; i++)
		mark(k, then[i].i, stayed || only_one ? &fresh[now[i].i] : NULL);
}

static size_t run_length(const struct known *v, size_t n, const struct pv_digest *d)
{
	size_t len = 0;

	while (len < n && same_digest(&v[len].digest, d))
		len++;
	return len;
}

static void match_sorted(struct matching *k, const struct known *then, size_t n_then, const struct known *now,
			 size_t n_now)
{
	size_t b = 0;

	for (size_t a = 0; a < n_then;) {
		const struct pv_digest *d = &then[a].digest;
		const struct known wanted = { .digest = *d, .i = 0 };
		while (b < n_now && by_digest(&now[b], &wanted) < 0)
			b++;
		size_t old = run_length(then + a, n_then - a, d), there = run_length(now + b, n_now - b, d);
		match_equal(k, then + a, old, now + b, there);
		a += old;
		b += there;
	}
}

/* The file was rewritten: go by what the messages say. */
static enum pv_class match_elsewhere(struct matching *k, struct pv_error *e)
{
	struct pv_maildrop *m = k->m;
	struct pv_window window = { .len = 0 };
	size_t n_then = m->list.n, n_now = k->fresh->n;
	enum pv_class c = PV_OK;

	/* One whose digest is not known may equal any. */
	for (size_t i = 0; i < n_then; i++)
		if ((m->list.v[i].flags & PV_RECORD_DIGEST) == 0)
			n_then = 0;
	for (size_t i = 0; n_then == 0 && i < m->list.n; i++)
		mark(k, i, NULL);
	if (n_then == 0)
		return PV_OK;
	struct known *then = calloc(n_then, sizeof *then), *now = calloc(n_now + 1, sizeof *now);
	if (then == NULL || now == NULL)
		c = pv_fail(e, PV_TEMPORARY, "4.3.0", "update a mailbox: out of memory");
	for (size_t i = 0; c == PV_OK && i < n_then; i++)
		then[i] = (struct known){ .digest = m->digests[i], .i = i };
	for (size_t i = 0; c == PV_OK && i < n_now; i++) {
		now[i].i = i;
		c = pv_digest_message(k->fd, &k->fresh->v[i], end_of(k->fresh, i, k->size), &now[i].digest,
				      NULL, m->block, &window, e);
	}
	if (c == PV_OK) {
		qsort(then, n_then, sizeof *then, by_digest);
		qsort(now, n_now, sizeof *now, by_digest);
		match_sorted(k, then, n_then, now, n_now);
	}
	free(then);
	free(now);
	return c;
}

enum pv_class pv_match(struct pv_maildrop *m, int fd, const struct stat *st, struct pv_records *fresh,
		       bool *in_place_r, size_t *lost_r, struct pv_error *e)
{
	struct matching k = { .m = m, .fd = fd, .size = (uint64_t)st->st_size, .fresh = fresh };

	enum pv_class c = pv_maildrop_start_learning(m, e);
	if (c == PV_OK)
		c = is_in_place(&k, st, in_place_r, e);
	if (c == PV_OK)
		c = *in_place_r ? match_in_place(&k, e) : match_elsewhere(&k, e);
	*lost_r = k.lost;
	return c;
}
