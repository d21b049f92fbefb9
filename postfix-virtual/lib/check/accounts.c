/* Each account, by a child that became it. */
#include "base/child.h"
#include "check/inside.h"

#include <unistd.h>

static const char *const ids[] = { "forward", "home", "users", "journal", "quota", "disk", NULL };

static const struct pv_child_limits limits = { .seconds = 30, .cpu_seconds = 15 };

static int compare(const void *a, const void *b)
{
	const struct pv_subject *x = *(const struct pv_subject *const *)a;
	const struct pv_subject *y = *(const struct pv_subject *const *)b;

	if (x->account.uid != y->account.uid)
		return x->account.uid < y->account.uid ? -1 : 1;
	return strcmp(x->domain.s, y->domain.s);
}

static void visit(struct pv_checkup *u, const struct pv_subject *const *list, size_t count)
{
	struct pv_visit v = { .dir = u->store->dir,
			      .account = &list[0]->account,
			      .domains = list,
			      .count = count,
			      .is_root = geteuid() == 0,
			      .repair = u->said != NULL,
			      .dry = u->dry };
	struct pv_buf out = PV_BUF_INIT(PV_SAYINGS_MAX);
	struct pv_error e = { .class = PV_OK };

	if (!v.is_root && v.account->uid != geteuid()) {
		pv_found(u, PV_UNKNOWN, list[0]->domain.s,
			 "only root can look at what is account %s's: try sudo", v.account->name);
		return;
	}
	gid_t gid = v.is_root ? v.account->gid : getegid();
	if (pv_child_run(v.account->uid, gid, &limits, pv_visit_account, &v, &out, &e) != PV_OK)
		pv_found(u, PV_UNKNOWN, list[0]->domain.s, "what is account %s's cannot be looked at: %s",
			 v.account->name, e.text);
	pv_sayings_take(u, &out, ids);
	pv_buf_free(&out);
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
	for (size_t i = 0, n; i < count; i += n) {
		for (n = 1; i + n < count && list[i + n]->account.uid == list[i]->account.uid;)
			n++;
		visit(u, list + i, n);
	}
	free(list);
	return PV_OK;
}

enum pv_class pv_repair_accounts(struct pv_checkup *u, struct pv_error *e)
{
	return pv_check_accounts(u, e);
}
