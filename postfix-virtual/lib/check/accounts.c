/* Each account, by a child that became it. */
#include "base/child.h"
#include "check/inside.h"

#include <unistd.h>

static const char *const ids[] = { "forward", "home", "users", "mailbox", "journal", "quota", "disk", NULL };

/* Side by side, so that accounts that stop their children cost the time of one. */
enum { AT_ONCE = 16, SECONDS = 8, DOMAINS_PER_SECOND = 100, CPU_SECONDS = 15 };

/* All that are being looked at: what children[i] says is outs[i], and it is about lists[i]. */
struct visitors {
	const struct pv_subject *const *lists[AT_ONCE];
	struct pv_child children[AT_ONCE];
	struct pv_buf outs[AT_ONCE];
};

static int compare(const void *a, const void *b)
{
	const struct pv_subject *x = *(const struct pv_subject *const *)a;
	const struct pv_subject *y = *(const struct pv_subject *const *)b;

	if (x->account.uid != y->account.uid)
		return x->account.uid < y->account.uid ? -1 : 1;
	return strcmp(x->domain.s, y->domain.s);
}

static void tell_failure(struct pv_checkup *u, const struct pv_subject *s, const char *why)
{
	pv_found(u, PV_UNKNOWN, s->domain.s, "what is account %s's cannot be looked at: %s", s->account.name,
		 why);
}

/* Start a child at place i for the domains of one account. */
static void start(struct pv_checkup *u, struct visitors *all, size_t i, const struct pv_subject *const *list,
		  size_t count)
{
	const struct pv_child_limits limits = { .seconds = SECONDS + (unsigned)(count / DOMAINS_PER_SECOND),
						.cpu_seconds = CPU_SECONDS };
	struct pv_visit v = { .dir = u->store->dir,
			      .account = &list[0]->account,
			      .domains = list,
			      .count = count,
			      .is_root = geteuid() == 0,
			      .repair = u->said != NULL,
			      .dry = u->dry };
	struct pv_error e;

	if (!v.is_root && v.account->uid != geteuid()) {
		pv_found(u, PV_UNKNOWN, list[0]->domain.s,
			 "only root can look at what is account %s's: try sudo", v.account->name);
		return;
	}
	gid_t gid = v.is_root ? v.account->gid : getegid();
	all->lists[i] = list;
	all->outs[i] = (struct pv_buf)PV_BUF_INIT(PV_SAYINGS_MAX);
	if (pv_child_start(v.account->uid, gid, &limits, pv_visit_account, &v, &all->outs[i],
			   &all->children[i], &e) != PV_OK)
		tell_failure(u, list[0], e.text);
}

static size_t free_place(const struct visitors *all)
{
	size_t i = 0;

	while (i < AT_ONCE && all->children[i].runs)
		i++;
	return i;
}

/* Wait until one has ended, and take what it said. Returns false where none runs. */
static bool take_one(struct pv_checkup *u, struct visitors *all)
{
	size_t running = 0;

	for (size_t i = 0; i < AT_ONCE; i++)
		running += all->children[i].runs;
	if (running == 0)
		return false;
	size_t i = pv_child_wait(all->children, AT_ONCE, INT64_MAX);
	if (i == AT_ONCE)
		return true;
	if (all->children[i].class != PV_OK)
		tell_failure(u, all->lists[i][0], all->children[i].error.text);
	pv_sayings_take(u, &all->outs[i], ids);
	pv_buf_free(&all->outs[i]);
	return true;
}

/* list: sorted by account. */
static void visit_all(struct pv_checkup *u, const struct pv_subject *const *list, size_t count)
{
	struct visitors all = { .lists = { NULL } };

	for (size_t i = 0, n; i < count; i += n) {
		for (n = 1; i + n < count && list[i + n]->account.uid == list[i]->account.uid;)
			n++;
		while (free_place(&all) == AT_ONCE)
			(void)take_one(u, &all);
		start(u, &all, free_place(&all), list + i, n);
	}
	while (take_one(u, &all)) {
	}
}

enum pv_class pv_check_accounts(struct pv_checkup *u, struct pv_error *e)
{
	const struct pv_subject **list = reallocarray(NULL, u->count + 1, sizeof *list);
	size_t count = 0;

	if (list == NULL)
		return pv_fail(e, PV_TEMPORARY, NULL, "no memory for %zu domains", u->count);
	for (size_t i = 0; i < u->count; i++)
		if (u->subjects[i].has_account)
			list[count++] = &u->subjects[i];
	if (count > 1)
		qsort(list, count, sizeof *list, compare);
	visit_all(u, list, count);
	free(list);
	return PV_OK;
}

enum pv_class pv_repair_accounts(struct pv_checkup *u, struct pv_error *e)
{
	return pv_check_accounts(u, e);
}
