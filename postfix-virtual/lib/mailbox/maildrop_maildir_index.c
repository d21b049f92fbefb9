/* .NAME.index beside a Maildir: what was read of its messages, by their names and inodes. */
#include "mailbox/maildrop_hash.h"
#include "mailbox/maildrop_index.h"
#include "mailbox/maildrop_maildir.h"

#include "base/file.h"

#include <unistd.h>

/* On the disk: the head, entries in the order of pv_maildir_compare(), texts. */
struct head {
	uint64_t magic;
	uint64_t count, texts; /* entries, bytes */
	uint64_t sum;	       /* over entries and texts, and the numbers above */
};

struct entry {
	struct pv_record record;
	struct pv_digest digest; /* x_uidl: into the texts, plus 1 */
	uint64_t inode;
	uint32_t name, base; /* where in the texts, and how long; a NUL follows */
};

#define MAGIC 0x31786469646d7670u /* pvmdidx1 */

/* Fewer are read faster than an index is written. */
enum { WORTH_IT = 32 };

struct index {
	struct head h;
	struct entry *v;
	char *texts;
};

static uint64_t sum_of(const struct index *x)
{
	uint64_t sums[3] = { x->h.count, pv_hash64(x->v, (size_t)x->h.count * sizeof *x->v),
			     pv_hash64(x->texts, (size_t)x->h.texts) };

	return pv_hash64(sums, sizeof sums);
}

static bool is_text(const struct index *x, uint32_t at, uint32_t len)
{
	return len < x->h.texts && at < x->h.texts - len && x->texts[at + len] == '\0' &&
	       memchr(x->texts + at, '\0', len) == NULL;
}

static bool is_whole(const struct index *x)
{
	if (sum_of(x) != x->h.sum || x->h.texts == 0 || x->texts[x->h.texts - 1] != '\0')
		return false;
	for (size_t i = 0; i < x->h.count; i++)
		if (!is_text(x, x->v[i].name, x->v[i].base) || x->v[i].base == 0 ||
		    x->v[i].digest.x_uidl > x->h.texts)
			return false;
	return true;
}

static void index_free(struct index *x)
{
	free(x->v);
	free(x->texts);
}

static bool index_read(int fd, uint64_t size, struct index *x)
{
	uint64_t entries = 0;

	if (pv_read_all_at(fd, &x->h, sizeof x->h, 0) != (ssize_t)sizeof x->h || x->h.magic != MAGIC ||
	    x->h.count > size / sizeof(struct entry) || x->h.texts > size)
		return false;
	entries = x->h.count * sizeof(struct entry);
	if (size != sizeof x->h + entries + x->h.texts)
		return false;
	x->v = malloc((size_t)entries + 1);
	x->texts = malloc((size_t)x->h.texts + 1);
	return x->v != NULL && x->texts != NULL &&
	       pv_read_all_at(fd, x->v, (size_t)entries, sizeof x->h) == (ssize_t)entries &&
	       pv_read_all_at(fd, x->texts, (size_t)x->h.texts, (off_t)(sizeof x->h + entries)) ==
		       (ssize_t)x->h.texts &&
	       is_whole(x);
}

/* What the index says of message i. */
static void take(struct pv_maildrop *m, size_t i, const struct index *x, const struct entry *from)
{
	m->list.v[i] = from->record;
	m->list.v[i].flags &= PV_RECORD_CRLF | PV_RECORD_DIGEST;
	m->list.v[i].offset = 0;
	if ((from->record.flags & PV_RECORD_DIGEST) == 0)
		return;
	m->digests[i] = from->digest;
	m->digests[i].nth = 0;
	if (from->digest.x_uidl == 0)
		return;
	const char *text = x->texts + from->digest.x_uidl - 1;
	m->digests[i].x_uidl = (uint32_t)m->x_uidls.len + 1;
	pv_buf_add(&m->x_uidls, text, strlen(text) + 1);
	if (m->x_uidls.failed)
		m->digests[i].x_uidl = 0;
}

void pv_maildir_index_load(struct pv_maildrop *m, bool *done)
{
	struct index x = { .v = NULL };
	uint64_t size = 0;
	size_t k = 0;

	int fd = pv_index_open(m, &size);
	bool good = fd >= 0 && index_read(fd, size, &x);
	for (size_t i = 0; good && i < m->list.n; i++) {
		const struct pv_maildir_entry *wanted = &m->dir->list.v[i];
		int order = -1;
		for (; k < x.h.count && order < 0; k += order < 0) {
			struct pv_maildir_entry other = { .name = x.texts + x.v[k].name,
							  .base = x.v[k].base };
			order = pv_maildir_compare(&other, wanted);
		}
		done[i] = order == 0 && x.v[k].inode == wanted->inode;
		if (done[i])
			take(m, i, &x, &x.v[k]);
	}
	/* Messages that are gone are worth a new one too. */
	m->learnt += good && x.h.count != m->list.n;
	if (fd >= 0)
		(void)close(fd);
	index_free(&x);
}

void pv_maildir_index_save(struct pv_maildrop *m)
{
	struct pv_buf texts = PV_BUF_INIT(UINT32_MAX);
	struct index x = { .h = { .magic = MAGIC, .count = m->list.n } };

	if (m->where->shared || m->broken || m->learnt == 0 || m->list.n < WORTH_IT)
		return;
	x.v = calloc(m->list.n, sizeof *x.v);
	for (size_t i = 0; x.v != NULL && i < m->list.n; i++) {
		const struct pv_maildir_entry *from = &m->dir->list.v[i];
		struct entry *to = &x.v[i];
		to->record = m->list.v[i];
		to->record.flags &= PV_RECORD_KEPT;
		to->digest = m->digests[i];
		to->inode = from->inode;
		to->name = (uint32_t)texts.len;
		to->base = from->base;
		pv_buf_add(&texts, from->name, from->base);
		pv_buf_addc(&texts, '\0');
		if (to->digest.x_uidl == 0)
			continue;
		to->digest.x_uidl = (uint32_t)texts.len + 1;
		const char *own = m->x_uidls.s + m->digests[i].x_uidl - 1;
		pv_buf_add(&texts, own, strlen(own) + 1);
	}
	x.texts = texts.s;
	x.h.texts = texts.len;
	if (x.v != NULL && !texts.failed) {
		x.h.sum = sum_of(&x);
		const struct pv_index_part parts[] = { { &x.h, sizeof x.h },
						       { x.v, m->list.n * sizeof *x.v },
						       { texts.s, texts.len } };
		pv_index_replace(m->where, parts, 3);
	}
	free(x.v);
	pv_buf_free(&texts);
}
