#include "maps/readers.h"

#include "base/child.h"
#include "base/clock.h"
#include "maps/reader_send.h"

#include <errno.h>

/* A row of domains that a child reads, or has read. */
struct row {
	size_t account;
	size_t first, count; /* of the account's domains */
	int64_t begun;
	struct pv_files files;
};

struct readers {
	const struct pv_store *store;
	enum pv_reader_purpose purpose;
	struct pv_readers_account *accounts;
	pv_readers_each *each;
	void *ctx;
	/* Accounts that wait for a child, in turn: a ring with room for all. */
	size_t *queue, head, waiting, room;
	struct row rows[PV_READERS_MAX]; /* [i] is read by children[i] */
	struct pv_child children[PV_READERS_MAX];
};

static void enqueue(struct readers *r, size_t account)
{
	r->queue[(r->head + r->waiting++) % r->room] = account;
}

static size_t dequeue(struct readers *r)
{
	size_t account = r->queue[r->head];

	r->head = (r->head + 1) % r->room;
	r->waiting--;
	return account;
}

static enum pv_class send_all(void *ctx, int out_fd, struct pv_error *e)
{
	return pv_send_domains(ctx, out_fd, e);
}

/* Of one child, to begin with. */
static int seconds(const struct readers *r)
{
	return r->purpose == PV_READER_CHECK ? PV_READERS_CHECK_SECONDS : PV_READERS_SECONDS;
}

/* Start a child at place i for the next row of an account. */
static enum pv_class start_row(struct readers *r, size_t i, size_t account, struct pv_error *e)
{
	const bool checks = r->purpose == PV_READER_CHECK;
	const struct pv_child_limits limits = { .seconds = seconds(r),
						.cpu_seconds = checks ? PV_READERS_CHECK_SECONDS
								      : PV_READERS_CPU_SECONDS };
	struct pv_readers_account *a = &r->accounts[account];
	size_t left = a->count - a->next;
	size_t max = r->purpose == PV_READER_LOGINS ? PV_READERS_CHILD_MAX_LOGINS : PV_READERS_CHILD_MAX;
	struct row *row = &r->rows[i];

	*row = (struct row){ .account = account,
			     .first = a->next,
			     .count = left < PV_READERS_ROW ? left : PV_READERS_ROW,
			     .begun = pv_now_ms(),
			     .files = { .bytes = PV_BUF_INIT(max) } };
	struct pv_send_order order = { r->store,
				       a->ids.uid,
				       a->domains + row->first,
				       a->standard == NULL ? NULL : a->standard + row->first,
				       row->count,
				       r->purpose };
	return pv_child_start(a->ids.uid, a->ids.gid, &limits, send_all, &order, &row->files.bytes,
			      &r->children[i], e);
}

static size_t count_running(const struct readers *r)
{
	size_t n = 0;

	for (size_t i = 0; i < PV_READERS_MAX; i++)
		n += r->children[i].runs;
	return n;
}

/* How many are at work, and (*until_r) when the first of them will be taken for silent. */
static size_t count_at_work(const struct readers *r, int64_t *until_r)
{
	int64_t now = pv_now_ms();
	size_t n = 0;

	*until_r = INT64_MAX;
	for (size_t i = 0; i < PV_READERS_MAX; i++) {
		const struct pv_child *ch = &r->children[i];
		int64_t silent = ch->heard + PV_READERS_SILENT_MS;
		if (!ch->runs || silent <= now)
			continue;
		n++;
		if (silent < *until_r)
			*until_r = silent;
	}
	return n;
}

static size_t free_place(const struct readers *r)
{
	size_t i = 0;

	while (i < PV_READERS_MAX && r->children[i].runs)
		i++;
	return i;
}

static enum pv_class report_rest(struct readers *r, size_t account, const struct pv_error *why,
				 struct pv_error *e);

/* Start what can be started. *until_r: when to look again. */
static enum pv_class fill(struct readers *r, int64_t *until_r, struct pv_error *e)
{
	enum pv_class c = PV_OK;
	int64_t until;

	*until_r = INT64_MAX;
	while (c == PV_OK && r->waiting > 0) {
		struct pv_error why;
		size_t i = free_place(r);
		if (i == PV_READERS_MAX)
			return PV_OK;
		size_t most = r->purpose == PV_READER_LOGINS ? PV_READERS_AT_WORK_LOGINS : PV_READERS_AT_WORK;
		if (count_at_work(r, &until) >= most) {
			*until_r = until;
			return PV_OK;
		}
		size_t account = dequeue(r);
		if (start_row(r, i, account, &why) == PV_OK)
			continue;
		/* Where there are too many processes, one of ours may make room. */
		if (count_running(r) > 0) {
			enqueue(r, account);
			return PV_OK;
		}
		c = report_rest(r, account, &why, e);
	}
	return c;
}

/* Say of each domain that no child has read: not read, because of *why. */
static enum pv_class report_rest(struct readers *r, size_t account, const struct pv_error *why,
				 struct pv_error *e)
{
	struct pv_readers_account *a = &r->accounts[account];
	struct pv_domain_files files = { .ok = false, .why = { why->text, strlen(why->text) } };
	enum pv_class c = PV_OK;

	for (; c == PV_OK && a->next < a->count; a->next++)
		c = r->each(r->ctx, account, a->next, &files, e);
	return c;
}

/* A child ended badly: the domain at which it stood is to blame, and the account's others behind it wait
 * until that is mended. */
static enum pv_class report_failure(struct readers *r, size_t account, const struct pv_error *why,
				    struct pv_error *e)
{
	struct pv_readers_account *a = &r->accounts[account];
	struct pv_domain_files files = { .ok = false };
	struct pv_error this, rest;

	if (a->next == a->count)
		return PV_OK;
	const char *stood = a->domains[a->next]->s;
	(void)pv_fail(&this, PV_TEMPORARY, "4.3.5",
		      "%s/%s: %s: see what in it hangs, or stops and kills processes of its account (uid "
		      "%lu), then run make-postfix-maps",
		      r->store->dir, stood, why->text, (unsigned long)a->ids.uid);
	(void)pv_fail(&rest, PV_TEMPORARY, "4.3.5",
		      "it was not read, since reading %s/%s, which belongs to the same account, failed: mend "
		      "that one",
		      r->store->dir, stood);
	files.why = (struct pv_slice){ this.text, strlen(this.text) };
	enum pv_class c = r->each(r->ctx, account, a->next++, &files, e);
	return c == PV_OK ? report_rest(r, account, &rest, e) : c;
}

static enum pv_class report_row(struct readers *r, struct row *row, struct pv_error *e)
{
	struct pv_domain_files files;
	enum pv_class c = PV_OK;

	for (size_t i = 0; c == PV_OK && i < row->files.done; i++) {
		pv_files_next(&row->files, &files);
		c = r->each(r->ctx, row->account, row->first + i, &files, e);
	}
	return c;
}

/* Parse what children[i] sent; its account's next child reads on meanwhile. */
static enum pv_class take(struct readers *r, size_t i, int64_t *until_r, struct pv_error *e)
{
	struct row row = r->rows[i];
	struct pv_readers_account *a = &r->accounts[row.account];
	struct pv_error why = r->children[i].error;
	bool good = r->children[i].class == PV_OK;

	r->rows[i].files = (struct pv_files){ .bytes = PV_BUF_INIT(0) };
	a->spent_ms += pv_now_ms() - row.begun;
	if ((!pv_files_parse(&row.files, row.count) || row.files.done == 0) && good) {
		good = false;
		(void)pv_fail(&why, PV_TEMPORARY, "4.3.0",
			      "the child that read the domain's files sent nonsense");
	}
	a->next += row.files.done;
	if (good && a->next < a->count)
		enqueue(r, row.account);
	enum pv_class c = fill(r, until_r, e);
	if (c == PV_OK)
		c = report_row(r, &row, e);
	if (c == PV_OK && !good)
		c = report_failure(r, row.account, &why, e);
	pv_files_free(&row.files);
	return c;
}

/* End who uses up the time of its account. *until_r: no later than when the next one will have. */
static void limit_time(struct readers *r, int64_t *until_r)
{
	int64_t now = pv_now_ms();

	for (size_t i = 0; i < PV_READERS_MAX; i++) {
		const struct pv_readers_account *a = &r->accounts[r->rows[i].account];
		/* The first one has its own limit. */
		if (!r->children[i].runs || r->children[i].killed || a->spent_ms == 0)
			continue;
		int64_t all = seconds(r) * 1000 + (int64_t)a->count * PV_READERS_MS_PER_DOMAIN;
		int64_t end = r->rows[i].begun + all - a->spent_ms;
		if (now < end) {
			if (end < *until_r)
				*until_r = end;
			continue;
		}
		struct pv_error why;
		(void)pv_fail(&why, PV_TEMPORARY, "4.3.0",
			      "reading the files of the %zu domains of its account took longer than %lld s "
			      "in all",
			      a->count, (long long)all / 1000);
		pv_child_kill(&r->children[i], &why);
	}
}

/* Only children that were silent, and so did not count as at work, can hold too much together with the
 * others: the one that is silent longest gives way. */
static void limit_memory(struct readers *r)
{
	struct pv_child *silent = NULL;
	struct pv_error why;
	size_t held = 0;

	for (size_t i = 0; i < PV_READERS_MAX; i++) {
		struct pv_child *ch = &r->children[i];
		if (!ch->runs || ch->killed)
			continue;
		held += r->rows[i].files.bytes.len;
		if (silent == NULL || ch->heard < silent->heard)
			silent = ch;
	}
	if (held <= PV_READERS_MEMORY || silent == NULL)
		return;
	(void)pv_fail(&why, PV_TEMPORARY, "4.3.0",
		      "reading the domain's files made no progress, and others needed the memory");
	pv_child_kill(silent, &why);
}

static enum pv_class read_all(struct readers *r, struct pv_error *e)
{
	int64_t until;

	enum pv_class c = fill(r, &until, e);
	while (c == PV_OK && count_running(r) > 0) {
		limit_time(r, &until);
		size_t i = pv_child_wait(r->children, PV_READERS_MAX, until);
		c = i < PV_READERS_MAX ? take(r, i, &until, e) : fill(r, &until, e);
		limit_memory(r);
	}
	return c;
}

/* After a failure children may run on: nobody waits for what they say. */
static void end_all(struct readers *r)
{
	struct pv_error why;

	(void)pv_fail(&why, PV_TEMPORARY, "4.3.0", "reading was given up");
	for (size_t i = 0; i < PV_READERS_MAX; i++)
		pv_child_kill(&r->children[i], &why);
	while (count_running(r) > 0)
		(void)pv_child_wait(r->children, PV_READERS_MAX, INT64_MAX);
	for (size_t i = 0; i < PV_READERS_MAX; i++)
		pv_files_free(&r->rows[i].files);
}

enum pv_class pv_readers_run(const struct pv_store *s, enum pv_reader_purpose purpose,
			     struct pv_readers_account *accounts, size_t count, pv_readers_each *each,
			     void *ctx, struct pv_error *e)
{
	struct readers *r = calloc(1, sizeof *r);
	size_t *queue = calloc(count == 0 ? 1 : count, sizeof *queue);
	enum pv_class c;

	if (r == NULL || queue == NULL) {
		c = pv_fail_errno(e, PV_TEMPORARY, "4.3.0", errno, "hold %zu accounts", count);
	} else {
		*r = (struct readers){ s, purpose, accounts, each, ctx, .queue = queue, .room = count };
		for (size_t i = 0; i < PV_READERS_MAX; i++)
			r->rows[i].files = (struct pv_files){ .bytes = PV_BUF_INIT(0) };
		for (size_t i = 0; i < count; i++) {
			accounts[i].next = 0;
			accounts[i].spent_ms = 0;
			if (accounts[i].count > 0)
				enqueue(r, i);
		}
		c = read_all(r, e);
		end_all(r);
	}
	free(queue);
	free(r);
	return c;
}
