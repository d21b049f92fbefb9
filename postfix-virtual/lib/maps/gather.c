#include "maps/gather.h"

#include "base/sort.h"
#include "maps/domain_keys.h"
#include "maps/owners.h"
#include "maps/readers.h"
#include "maps/report.h"
#include "maps/sent_on.h"

#include <errno.h>
#include <pwd.h>
#include <unistd.h>

enum { PROGRESS_DOMAINS = 512 };

/* Domains of one account: list[0..count), borrowed. */
struct group {
	struct pv_plan_domain **list;
	size_t count;
	struct pv_reader_account account;
	const char *name;
};

static int compare_owners(const void *a, const void *b)
{
	const struct pv_plan_domain *x = *(struct pv_plan_domain *const *)a;
	const struct pv_plan_domain *y = *(struct pv_plan_domain *const *)b;

	if (x->uid != y->uid)
		return x->uid < y->uid ? -1 : 1;
	return strcmp(x->domain.s, y->domain.s);
}

/* A target is `account+user--domain`, read again by Postfix as an address. */
static enum pv_class check_name(const char *name, struct pv_error *e)
{
	static const char allowed[] = "abcdefghijklmnopqrstuvwxyz0123456789_.-";
	size_t len = strlen(name);

	if (len == 0 || len > PV_ACCOUNT_MAX || strspn(name, allowed) != len)
		return pv_fail(e, PV_TEMPORARY, "4.3.5",
			       "the account %.40s: its name must be 1 to %d of a-z 0-9 _ . -: rename it "
			       "(usermod -l)",
			       name, PV_ACCOUNT_MAX);
	return PV_OK;
}

/* Who is the account, by the host's passwd(5)? */
static enum pv_class find_account(struct pv_maps_work *w, const struct pv_owners *owners, struct group *g,
				  struct pv_error *e)
{
	uid_t uid = g->list[0]->uid;
	struct pv_owner owner;
	bool found;

	enum pv_class c = pv_owners_get(owners, uid, &owner, &found, e);
	if (c != PV_OK)
		return c;
	if (!found)
		return pv_fail(e, PV_TEMPORARY, "4.3.5",
			       "uid %lu, the owner of %s/%s, is no account of this host: make one (useradd), "
			       "or chown the folder",
			       (unsigned long)uid, w->store->dir, g->list[0]->domain.s);
	if ((c = check_name(owner.name, e)) != PV_OK)
		return c;
	g->account = (struct pv_reader_account){ uid, owner.gid };
	g->name = pv_arena_add(&w->arena, owner.name, strlen(owner.name));
	return g->name != NULL ? PV_OK
			       : pv_fail_errno(e, PV_TEMPORARY, "4.3.0", ENOMEM, "hold an account's name");
}

/* Only root can become another account. */
static enum pv_class check_reach(struct group *g, struct pv_error *e)
{
	if (geteuid() == 0)
		return PV_OK;
	if (g->account.uid != geteuid())
		return pv_fail(e, PV_TEMPORARY, "4.7.0", "the files of account %s can be read by root only",
			       g->name);
	g->account.gid = getegid();
	return PV_OK;
}

/* `account=` in `domains` must be a name of the folder's owner; it is then the one that is used. */
static enum pv_class check_said(struct pv_maps_work *w, struct pv_plan_domain *d, const char *owner,
				struct pv_error *e)
{
	const struct pv_registry_entry *r = pv_registry_get(&w->registry, &d->domain);

	d->account = owner;
	if (r == NULL || r->account[0] == '\0' || strcmp(r->account, owner) == 0)
		return PV_OK;
	const struct passwd *p = getpwnam(r->account);
	if (p == NULL || p->pw_uid != d->uid)
		return pv_fail(
			e, PV_TEMPORARY, "4.3.5",
			"%s/domains says account=%s for %s, but %s owns its folder: chown the folder, or "
			"change the line",
			w->store->dir, r->account, d->domain.s, owner);
	d->account = r->account;
	return check_name(d->account, e);
}

static enum pv_class keep_group(struct pv_maps_work *w, struct group *g, const struct pv_error *why,
				struct pv_error *e)
{
	enum pv_class c = PV_OK;

	for (size_t i = 0; c == PV_OK && i < g->count; i++)
		c = pv_plan_keep(w, g->list[i], why, e);
	return c;
}

/* Was something said about that line already, or the same sentence? */
static bool is_said(const struct pv_maps_report *r, size_t from, const char *text)
{
	size_t file_len;
	unsigned line;
	const size_t len = pv_report_place(text, &file_len, &line);

	for (size_t i = from; i < r->complaint_count; i++) {
		const char *other = r->complaints[i].error.text;
		size_t other_file_len;
		unsigned other_line;
		if (line == 0 ? strcmp(other, text) == 0
			      : pv_report_place(other, &other_file_len, &other_line) == len &&
					strncmp(other, text, len) == 0)
			return true;
	}
	return false;
}

/* What the child has found on top of the complaints from `from` on. */
static enum pv_class take_findings(struct pv_maps_work *w, const struct pv_plan_domain *d,
				   const struct pv_domain_files *files, size_t from, struct pv_error *e)
{
	enum pv_class c = PV_OK;
	struct pv_slice said;
	struct pv_error why;
	size_t at = 0;

	while (c == PV_OK && pv_files_next_finding(files, &at, &said)) {
		pv_slice_error(&said, &why);
		if (!is_said(w->report, from, why.text))
			c = pv_report_complain(w->report, &d->domain, &why, e);
	}
	return c;
}

static enum pv_class make_keys(struct pv_maps_work *w, struct pv_plan_domain *d,
			       const struct pv_domain_files *files, struct pv_error *e)
{
	const size_t from = w->report->complaint_count;
	enum pv_class c = PV_OK;
	struct pv_error why;

	if (!files->ok)
		pv_files_error(files, &why);
	if (!files->ok || pv_domain_keys_make(w, d, files, &why) != PV_OK)
		c = pv_plan_keep(w, d, &why, e);
	if (c == PV_OK && files->findings.s != NULL)
		c = take_findings(w, d, files, from, e);
	return c == PV_OK && files->forwards.s != NULL ? pv_sent_on_note(w, d, files, e) : c;
}

/* Name the account of each domain of the group; leave those in it that are to be read. */
static enum pv_class find_account_of_each(struct pv_maps_work *w, const struct pv_owners *owners,
					  struct group *g, struct pv_error *e)
{
	struct pv_error why;
	enum pv_class c = PV_OK;
	size_t to = 0;

	if (find_account(w, owners, g, &why) != PV_OK || check_reach(g, &why) != PV_OK) {
		c = keep_group(w, g, &why, e);
		g->count = 0;
		return c;
	}
	for (size_t i = 0; c == PV_OK && i < g->count; i++) {
		if (check_said(w, g->list[i], g->name, &why) != PV_OK)
			c = pv_plan_keep(w, g->list[i], &why, e);
		else
			g->list[to++] = g->list[i];
	}
	g->count = to;
	return c;
}

/* The domains that have a folder, by account: list[] is in the order of owners, and accounts[a].domains[i] is
 * the name of at[a][i]. */
struct gathering {
	struct pv_maps_work *w;
	struct pv_plan_domain **list;
	const struct pv_domain **names;
	bool *standard; /* [i]: names[i] is a standard domain of Postfix's */
	struct pv_readers_account *accounts;
	struct pv_plan_domain ***at;
	size_t count;	    /* of accounts */
	size_t done, total; /* domains */
	pv_gather_each *each;
	void *ctx;
};

static enum pv_class take_domain(void *ctx, size_t account, size_t domain,
				 const struct pv_domain_files *files, struct pv_error *e)
{
	struct gathering *g = ctx;

	if (++g->done % PROGRESS_DOMAINS == 0 || g->done == g->total)
		pv_progress(g->w->options, PV_PROGRESS_READ, g->done, g->total);
	return make_keys(g->w, g->at[account][domain], files, e);
}

static enum pv_class take_logins(void *ctx, size_t account, size_t domain,
				 const struct pv_domain_files *files, struct pv_error *e)
{
	struct gathering *g = ctx;
	struct pv_plan_domain *d = g->at[account][domain];
	struct pv_error why;

	if (!files->ok) {
		pv_files_error(files, &why);
		return pv_plan_keep(g->w, d, &why, e);
	}
	return g->each(g->ctx, d, g->accounts[account].ids.gid, files, e);
}

static bool is_standard(const struct pv_maps_work *w, const struct pv_domain *d)
{
	const struct pv_registry_entry *r = pv_registry_get(&w->registry, d);

	return r != NULL && r->standard;
}

static void note_domain(struct gathering *g, size_t i, const struct pv_domain *d)
{
	g->names[i] = d;
	g->standard[i] = is_standard(g->w, d);
}

/* In a list in the order of owners. */
static size_t count_owners(struct pv_plan_domain *const *list, size_t count)
{
	size_t n = count > 0;

	for (size_t i = 1; i < count; i++)
		n += list[i]->uid != list[i - 1]->uid;
	return n;
}

/* Fill in g->accounts from the first `count` of g->list. */
static enum pv_class find_accounts(struct gathering *g, size_t count, struct pv_error *e)
{
	enum pv_class c = PV_OK;
	struct pv_owners owners;

	pv_sort(g->list, count, sizeof *g->list, compare_owners);
	pv_owners_load(&owners, count_owners(g->list, count));
	for (size_t i = 0, next; c == PV_OK && i < count; i = next) {
		struct group group = { .list = g->list + i, .count = 1, .name = "" };
		while (i + group.count < count && g->list[i + group.count]->uid == g->list[i]->uid)
			group.count++;
		next = i + group.count;
		c = find_account_of_each(g->w, &owners, &group, e);
		if (group.count == 0)
			continue;
		for (size_t j = 0; j < group.count; j++)
			note_domain(g, i + j, &group.list[j]->domain);
		g->at[g->count] = group.list;
		g->accounts[g->count++] = (struct pv_readers_account){ .ids = group.account,
								       .domains = g->names + i,
								       .standard = g->standard + i,
								       .count = group.count };
	}
	pv_owners_free(&owners);
	return c;
}

/* An alias is as well known as its target, unless it was refused itself. */
static enum pv_class gather_alias(struct pv_maps_work *w, struct pv_plan_domain *d, struct pv_error *e)
{
	const struct pv_plan_domain *target = &w->plan.domains[d->target];

	if (d->state != PV_PLAN_READ)
		return PV_OK;
	d->state = target->state;
	d->account = target->account;
	return d->state == PV_PLAN_READ ? pv_domain_keys_alias(w, d, target, e) : PV_OK;
}

static void free_gathering(struct gathering *g)
{
	free(g->list);
	free(g->names);
	free(g->standard);
	free(g->accounts);
	free(g->at);
}

/* Room for count domains, each of which may be of another account. */
static enum pv_class make_room(struct gathering *g, size_t count, struct pv_error *e)
{
	g->list = calloc(count, sizeof *g->list);
	g->names = calloc(count, sizeof *g->names);
	g->standard = calloc(count, sizeof *g->standard);
	g->accounts = calloc(count, sizeof *g->accounts);
	g->at = calloc(count, sizeof *g->at);
	if (g->list != NULL && g->names != NULL && g->standard != NULL && g->accounts != NULL &&
	    g->at != NULL)
		return PV_OK;
	return pv_fail_errno(e, PV_TEMPORARY, "4.3.0", errno, "hold %zu domains", count);
}

/* Read the domains that are to be read. */
static enum pv_class read_domains(struct gathering *g, enum pv_reader_purpose purpose, pv_readers_each *take,
				  struct pv_error *e)
{
	struct pv_plan *p = &g->w->plan;
	size_t count = 0;

	enum pv_class c = make_room(g, p->count + 1, e);
	for (size_t i = 0; c == PV_OK && i < p->count; i++) {
		struct pv_plan_domain *d = &p->domains[i];
		if (d->state == PV_PLAN_READ && !d->is_alias &&
		    (purpose != PV_READER_LOGINS || !is_standard(g->w, &d->domain)))
			g->list[count++] = d;
	}
	g->total = count;
	if (c == PV_OK)
		c = find_accounts(g, count, e);
	if (c == PV_OK)
		c = pv_readers_run(g->w->store, purpose, g->accounts, g->count, take, g, e);
	free_gathering(g);
	return c;
}

enum pv_class pv_gather(struct pv_maps_work *w, struct pv_error *e)
{
	const struct pv_maps_options *o = w->options;
	const bool checks = o->check && o->prove == NULL && o->expression == NULL;
	struct gathering g = { .w = w };

	return read_domains(&g, checks ? PV_READER_CHECK : PV_READER_KEYS, take_domain, e);
}

enum pv_class pv_gather_logins(struct pv_maps_work *w, pv_gather_each *each, void *ctx, struct pv_error *e)
{
	struct gathering g = { .w = w, .each = each, .ctx = ctx };

	return read_domains(&g, PV_READER_LOGINS, take_logins, e);
}

enum pv_class pv_gather_aliases(struct pv_maps_work *w, struct pv_error *e)
{
	enum pv_class c = PV_OK;

	for (size_t i = 0; c == PV_OK && i < w->plan.count; i++)
		if (w->plan.domains[i].is_alias)
			c = gather_alias(w, &w->plan.domains[i], e);
	return c;
}
