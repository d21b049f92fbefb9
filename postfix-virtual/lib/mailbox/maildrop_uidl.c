#include "mailbox/maildrop_digest.h"
#include "mailbox/maildrop_hash.h"
#include "mailbox/maildrop_index.h"
#include "mailbox/maildrop_parts.h"

enum { NTH_ROOM = sizeof "-4294967295" - 1, HASH_TEXT = 26, AHEAD = 16 };

/* window: what of an mbox is in m->block; NULL: only this message is asked for. */
static enum pv_class learn(struct pv_maildrop *m, size_t i, struct pv_window *window, struct pv_error *e)
{
	struct pv_source source;

	enum pv_class c = pv_source_open(m, i, &source, e);
	if (c != PV_OK)
		return c;
	c = pv_digest_message(source.fd, source.r, source.end, &m->digests[i], &m->x_uidls, m->block,
			      m->dir == NULL ? window : NULL, e);
	pv_source_close(&source);
	if (c != PV_OK)
		return c;
	m->list.v[i].flags |= PV_RECORD_DIGEST;
	m->learnt++;
	return PV_OK;
}

enum pv_class pv_maildrop_start_learning(struct pv_maildrop *m, struct pv_error *e)
{
	if (m->digests == NULL)
		m->digests = calloc(m->list.n + 1, sizeof *m->digests);
	if (m->digests == NULL)
		return pv_fail(e, PV_TEMPORARY, "4.3.0", "tell the messages of a mailbox: out of memory");
	pv_index_load_digests(m);
	return pv_maildrop_need_block(m, e);
}

/* What was read while somebody rewrote the file is worth nothing. */
static enum pv_class unlearn(struct pv_maildrop *m)
{
	for (size_t i = 0; i < m->list.n; i++)
		m->list.v[i].flags &= ~(unsigned)PV_RECORD_DIGEST;
	return PV_TEMPORARY;
}

/* Who deletes one message behind the other will ask for the next ones. Small ones, and of one file: what is
 * read for nothing must be little. */
static bool is_next_of_many(const struct pv_maildrop *m, size_t i)
{
	return m->dir == NULL && i > 1 &&
	       (m->list.v[i - 1].flags & m->list.v[i - 2].flags & PV_RECORD_DELETED) != 0 &&
	       i + AHEAD < m->list.n && m->list.v[i + AHEAD].offset - m->list.v[i].offset <= PV_SCAN_BLOCK;
}

enum pv_class pv_maildrop_learn(struct pv_maildrop *m, size_t i, struct pv_error *e)
{
	const struct pv_record *r = &m->list.v[i];
	const bool many = is_next_of_many(m, i);
	struct pv_window window = { .len = 0 };

	if ((r->flags & PV_RECORD_DIGEST) != 0)
		return PV_OK;
	enum pv_class c = pv_maildrop_start_learning(m, e);
	if (c == PV_OK && (c = pv_maildrop_check(m, i, e)) == PV_OK)
		c = learn(m, i, many ? &window : NULL, e);
	for (size_t next = i + 1; c == PV_OK && many && next < i + AHEAD; next++)
		if ((m->list.v[next].flags & PV_RECORD_DIGEST) == 0)
			c = learn(m, next, &window, e);
	if (c == PV_OK && (c = pv_maildrop_check_file(m, e)) != PV_OK)
		c = unlearn(m);
	return c;
}

enum pv_class pv_maildrop_learn_all(struct pv_maildrop *m, struct pv_error *e)
{
	struct pv_window window = { .len = 0 };
	size_t learnt = m->learnt;

	if (m->list.n == 0)
		return PV_OK;
	enum pv_class c = pv_maildrop_start_learning(m, e);
	if (c == PV_OK)
		c = pv_maildrop_check_file(m, e);
	for (size_t i = 0; c == PV_OK && i < m->list.n; i++)
		if ((m->list.v[i].flags & PV_RECORD_DIGEST) == 0)
			c = learn(m, i, &window, e);
	if (c == PV_OK && learnt != m->learnt && pv_maildrop_check_file(m, e) != PV_OK)
		c = unlearn(m);
	return c;
}

/* The unique-id without `-n`. Returns its length. */
static size_t base_text(const struct pv_maildrop *m, size_t i, bool own, char out[PV_UIDL_SIZE])
{
	static const char digits[] = "abcdefghijklmnopqrstuvwxyz234567";
	const struct pv_digest *d = &m->digests[i];
	uint64_t low = d->hash[0], high = d->hash[1];

	if (own && d->x_uidl != 0)
		return (size_t)snprintf(out, PV_UIDL_SIZE, "%s", m->x_uidls.s + d->x_uidl - 1);
	for (size_t k = 0; k < HASH_TEXT; k++) {
		out[k] = digits[low & 31];
		low = low >> 5 | high << 59;
		high >>= 5;
	}
	out[HASH_TEXT] = '\0';
	return HASH_TEXT;
}

/* The unique-id of message i as its nth. An own one that leaves no room for `-n` gives way to ours. */
static void text(const struct pv_maildrop *m, size_t i, uint32_t nth, char out[PV_UIDL_SIZE])
{
	size_t len = base_text(m, i, true, out);

	if (nth > 1 && len + NTH_ROOM >= PV_UIDL_SIZE)
		len = base_text(m, i, false, out);
	if (nth > 1)
		(void)snprintf(out + len, PV_UIDL_SIZE - len, "-%u", (unsigned)nth);
}

/* Messages by a text: open addressing, a power of two of places, at most half of them used. */
struct places {
	uint32_t *v; /* message + 1; 0: free */
	size_t mask;
};

static bool places_make(struct places *p, size_t n)
{
	size_t size = 64;

	while (size < n * 2)
		size *= 2;
	p->v = calloc(size, sizeof *p->v);
	p->mask = size - 1;
	return p->v != NULL;
}

/* The place of the message with this text, or the free one for it. nth: compare whole unique-ids. */
static uint32_t *find_place(const struct pv_maildrop *m, const struct places *p, const char *wanted, bool nth)
{
	char other[PV_UIDL_SIZE];
	size_t at = (size_t)pv_hash64(wanted, strlen(wanted)) & p->mask;

	for (; p->v[at] != 0; at = (at + 1) & p->mask) {
		size_t i = p->v[at] - 1;
		if (nth)
			text(m, i, m->digests[i].nth, other);
		else
			(void)base_text(m, i, true, other);
		if (strcmp(other, wanted) == 0)
			break;
	}
	return &p->v[at];
}

/* Number message i among those that have its base, so that its unique-id is nobody else's. An own one of some
 * message may look like anything. */
static void number_one(struct pv_maildrop *m, size_t i, const struct places *bases,
		       const struct places *texts)
{
	char wanted[PV_UIDL_SIZE];

	(void)base_text(m, i, true, wanted);
	uint32_t *base = find_place(m, bases, wanted, false);
	uint32_t nth = *base != 0 ? m->digests[*base - 1].nth : 0;
	for (;;) {
		text(m, i, ++nth, wanted);
		uint32_t *place = texts->v != NULL ? find_place(m, texts, wanted, true) : NULL;
		if (place != NULL && *place != 0)
			continue;
		if (place != NULL)
			*place = (uint32_t)i + 1;
		break;
	}
	m->digests[i].nth = nth;
	*base = (uint32_t)i + 1;
}

/* By position, so that it is the same each time. */
static enum pv_class number_all(struct pv_maildrop *m, struct pv_error *e)
{
	struct places bases = { .v = NULL }, texts = { .v = NULL };

	/* Ours alone cannot meet, with `-n` or without. */
	bool made = places_make(&bases, m->list.n) && (m->x_uidls.len == 0 || places_make(&texts, m->list.n));
	for (size_t i = 0; made && i < m->list.n; i++)
		number_one(m, i, &bases, &texts);
	free(bases.v);
	free(texts.v);
	return made ? PV_OK
		    : pv_fail(e, PV_TEMPORARY, "4.3.0", "tell the messages of a mailbox: out of memory");
}

enum pv_class pv_maildrop_uidl(struct pv_maildrop *m, size_t i, char out[PV_UIDL_SIZE], struct pv_error *e)
{
	enum pv_class c = PV_OK;

	if (m->broken)
		return pv_maildrop_break(m, e);
	if (!m->numbered) {
		c = pv_maildrop_learn_all(m, e);
		/* The last one is numbered last. The index may have it all. */
		if (c == PV_OK && m->digests[m->list.n - 1].nth == 0)
			c = number_all(m, e);
		m->numbered = c == PV_OK;
	}
	if (c == PV_OK)
		text(m, i, m->digests[i].nth, out);
	return c;
}
