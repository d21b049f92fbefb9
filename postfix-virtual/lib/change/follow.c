#include "change/follow.h"

#include "base/child.h"
#include "base/file.h"
#include "base/table.h"
#include "change/inside.h"
#include "change/next_text.h"
#include "route/route.h"
#include "store/hosts.h"

#include <errno.h>

enum { HOPS_MAX = 200, EDGES_MAX = 4000, ANSWER_MAX = 8 << 20 };

static const struct pv_child_limits limits = { .seconds = 30, .cpu_seconds = 20 };

/* --- in the child --- */

struct question {
	const struct pv_work *w;
	const struct pv_account *account;
	const struct pv_domain *domain;
	const char *local;
	bool changed; /* of the domain that is changed */
};

/* Texts that files of the domain count as having while it is asked. */
struct texts {
	char name[PV_NEXT_FILE_MAX];
	struct pv_buf changed, conf;
	struct pv_instead instead[2]; /* of the change's file, and of domain.conf */
};

/* A file of settings with a line that is wrong says nothing at all. */
static enum pv_class check_settings(const struct question *q, const char *file, const struct pv_buf *text,
				    struct pv_error *e)
{
	const bool of_user = q->w->mark.user.len > 0;
	struct pv_buf copy = PV_BUF_INIT(PV_NEXT_TEXT_MAX);
	struct pv_domain_conf domain;
	struct pv_user_conf user;

	if (q->w->mark.alias.name[0] != '\0')
		return PV_OK;
	pv_domain_conf_defaults(&domain);
	pv_user_conf_defaults(NULL, &user);
	pv_buf_add(&copy, text->s, text->len);
	enum pv_class c = pv_buf_check(&copy, file, e);
	if (c == PV_OK)
		c = of_user ? pv_user_conf_parse(&copy, file, NULL, &user, e)
			    : pv_domain_conf_parse(&copy, file, &domain, e);
	pv_domain_conf_free(&domain);
	pv_user_conf_free(&user);
	pv_buf_free(&copy);
	if (c != PV_OK && e != NULL)
		e->class = PV_PERMANENT;
	return c != PV_OK ? PV_PERMANENT : PV_OK;
}

/* The file of the change, as it will be: so the resolver shall see it. */
static enum pv_class put_changed(const struct question *q, struct pv_inside *in, struct texts *t,
				 struct pv_buf *out, struct pv_error *e)
{
	struct pv_buf old = PV_BUF_INIT(PV_NEXT_TEXT_MAX);
	char file[sizeof in->folder.path + PV_NEXT_FILE_MAX];
	bool found;

	(void)snprintf(file, sizeof file, "%s/%s", in->folder.path, t->name);
	enum pv_class c = pv_file_load(in->folder.fd, t->name, &in->folder.trust, &old, &found, e);
	if (c == PV_OK)
		c = pv_next_text(&q->w->mark, file, &old, &t->changed, e);
	if (c == PV_OK)
		c = check_settings(q, file, &t->changed, e);
	if (c == PV_OK) {
		bool same = old.len == t->changed.len && memcmp(old.s, t->changed.s, old.len) == 0;
		pv_buf_adds(out, same ? "same\n" : "differs\n");
		t->instead[0] =
			(struct pv_instead){ .domain = *q->domain, .name = t->name, .text = &t->changed };
		in->store.instead = &t->instead[0];
	}
	pv_buf_free(&old);
	return c;
}

/* A domain whose mail is refused just now shall not hide what is wrong with it. */
static enum pv_class put_receive(const struct question *q, struct pv_inside *in, struct texts *t,
				 struct pv_error *e)
{
	struct pv_buf old = PV_BUF_INIT(PV_NEXT_TEXT_MAX);
	bool found;

	if (strcmp(t->name, "domain.conf") == 0)
		return PV_OK;
	enum pv_class c = pv_file_load(in->folder.fd, "domain.conf", &in->folder.trust, &old, &found, e);
	if (c == PV_OK) {
		pv_mail_conf_change(old.s, old.len, "receive", NULL, &t->conf);
		c = pv_buf_check(&t->conf, "domain.conf", e);
		t->instead[1] =
			(struct pv_instead){ .domain = *q->domain, .name = "domain.conf", .text = &t->conf };
		t->instead[0].next = &t->instead[1];
	}
	pv_buf_free(&old);
	return c;
}

static void put_route(const struct pv_route *r, struct pv_buf *out)
{
	if (r->refused)
		pv_buf_addf(out, "refused\t%s\t%s\n", r->status, r->text);
	else
		pv_buf_addf(out, "%s\t%s\n", r->by_fallback ? "fallback" : "taken", r->name.s);
	for (size_t i = 0; i < r->count; i++)
		if (r->actions[i].kind == PV_ACTION_FORWARD)
			pv_buf_addf(out, "%s\t%u\t%s\n", r->actions[i].file, r->actions[i].line,
				    r->actions[i].text);
}

static const char *home_of(void *ctx)
{
	const struct question *q = ctx;

	return q->account->home;
}

static enum pv_class resolve(struct question *q, struct pv_inside *in, struct pv_buf *out, struct pv_error *e)
{
	struct pv_route_query query = {
		.store = &in->store,
		.account = q->account->uid,
		.account_home = home_of,
		.ctx = q,
		.to = { .local = q->local, .local_len = strlen(q->local), .domain = *q->domain }
	};
	struct pv_route r;

	enum pv_class c = pv_route_resolve(&query, &r, e);
	if (c != PV_OK)
		return c;
	put_route(&r, out);
	pv_route_free(&r);
	return pv_buf_check(out, "what becomes of mail for an address", e);
}

static enum pv_class answer_inside(struct question *q, struct pv_inside *in, struct texts *t,
				   struct pv_buf *out, struct pv_error *e)
{
	enum pv_class c = PV_OK;

	if (q->changed && pv_next_file(&q->w->mark, t->name)) {
		c = put_changed(q, in, t, out, e);
		if (c == PV_OK)
			c = put_receive(q, in, t, e);
	} else {
		pv_buf_adds(out, "-\n");
	}
	return c == PV_OK ? resolve(q, in, out, e) : c;
}

static enum pv_class answer(void *ctx, int out_fd, struct pv_error *e)
{
	struct question *q = ctx;
	struct pv_buf out = PV_BUF_INIT(ANSWER_MAX);
	struct texts t = { .changed = PV_BUF_INIT(PV_NEXT_TEXT_MAX), .conf = PV_BUF_INIT(PV_NEXT_TEXT_MAX) };
	struct pv_inside in;

	enum pv_class c = pv_inside_open(q->w->c->store->dir, q->domain, q->account, &in, e);
	if (c == PV_OK)
		c = answer_inside(q, &in, &t, &out, e);
	if (c == PV_OK && pv_write_all(out_fd, out.s, out.len) != 0)
		c = pv_fail_errno(e, PV_TEMPORARY, "4.3.0", errno, "write to a pipe");
	pv_inside_close(&in);
	pv_buf_free(&out);
	pv_buf_free(&t.changed);
	pv_buf_free(&t.conf);
	return c;
}

/* --- in the parent --- */

/* An address that mail is sent on to, and what said so. */
struct hop {
	char *address; /* owned; local@domain */
	char *file;    /* owned */
	unsigned long line;
	size_t onward; /* how many of its edges do not end yet: for find_loop() */
};

struct walk {
	struct pv_work *w;
	const struct pv_domain *domain; /* of the change */
	const char *local;
	char name[PV_USER_MAX + 1]; /* the user or alias that it is */
	struct hop hops[HOPS_MAX];  /* [0]: where we begin */
	size_t count;
	struct {
		size_t from, to; /* of hops */
	} edges[EDGES_MAX];
	size_t edge_count;
	bool more; /* than there is room for */
};

static void free_hops(struct walk *k)
{
	for (size_t i = 0; i < k->count; i++) {
		free(k->hops[i].address);
		free(k->hops[i].file);
	}
}

/* The hop of that address, a new one if need be; HOPS_MAX: there is no room. */
static size_t find_hop(struct walk *k, const char *file, unsigned long line, const char *address)
{
	for (size_t i = 0; i < k->count; i++)
		if (strcasecmp(k->hops[i].address, address) == 0)
			return i;
	if (k->count == HOPS_MAX)
		return HOPS_MAX;
	struct hop *h = &k->hops[k->count];
	*h = (struct hop){ .address = strdup(address), .file = strdup(file), .line = line };
	if (h->address != NULL && h->file != NULL)
		return k->count++;
	free(h->address);
	free(h->file);
	return HOPS_MAX;
}

/* Which domain of ours is behind an address? f->fd is -1: none, or one whose folder cannot be looked at. */
static void find_folder(const struct walk *k, const char *address, struct pv_folder *f)
{
	const char *at = strrchr(address, '@');
	struct pv_domain d;

	f->fd = -1;
	if (at == NULL || pv_domain_parse(at + 1, strlen(at + 1), &d, NULL) != PV_OK ||
	    pv_folder_behind(k->w->c->store, &d, f, NULL) != PV_OK)
		f->fd = -1;
}

static void add_hop(struct walk *k, size_t from, const char *file, unsigned long line, const char *address)
{
	struct pv_folder f;

	find_folder(k, address, &f);
	if (f.fd < 0)
		return;
	pv_folder_close(&f);
	size_t to = find_hop(k, file, line, address);
	if (to == HOPS_MAX || k->edge_count == EDGES_MAX) {
		k->more = true;
		return;
	}
	k->edges[k->edge_count].from = from;
	k->edges[k->edge_count++].to = to;
}

/* What the child says; all of it may be made up. */
static enum pv_class take_answer(struct walk *k, size_t hop, char *text, struct pv_followed *r,
				 char name[PV_USER_MAX + 1], struct pv_error *e)
{
	const char *same = strsep(&text, "\n"), *what = text != NULL ? strsep(&text, "\t") : NULL;
	const char *first = text != NULL ? strsep(&text, "\t\n") : NULL;
	char *line;

	if (first == NULL)
		return pv_fail(e, PV_TEMPORARY, "4.3.0", "a child's report is cut short");
	*r = (struct pv_followed){ .same = strcmp(same, "same") == 0,
				   .refused = strcmp(what, "refused") == 0,
				   .by_fallback = strcmp(what, "fallback") == 0 };
	(void)snprintf(name, PV_USER_MAX + 1, "%s", r->refused ? "" : first);
	if (r->refused) {
		const char *why = text != NULL ? strsep(&text, "\n") : "";
		(void)snprintf(r->status, sizeof r->status, "%s", first);
		(void)snprintf(r->text, sizeof r->text, "%s", why);
		pv_printable(r->status, strlen(r->status));
		pv_printable(r->text, strlen(r->text));
	}
	while ((line = strsep(&text, "\n")) != NULL && *line != '\0') {
		const char *file = strsep(&line, "\t"), *no = line != NULL ? strsep(&line, "\t") : NULL;
		unsigned long number;
		if (line == NULL || !pv_parse_number(no, strlen(no), 1000000000, &number))
			return pv_fail(e, PV_TEMPORARY, "4.3.0", "a child's report is damaged");
		add_hop(k, hop, file, number, line);
	}
	return PV_OK;
}

static enum pv_class ask(struct walk *k, size_t hop, const struct pv_account *account,
			 const struct pv_domain *d, const char *local, struct pv_followed *r,
			 char name[PV_USER_MAX + 1], struct pv_error *e)
{
	struct question q = { .w = k->w,
			      .account = account,
			      .domain = d,
			      .local = local,
			      .changed = pv_domain_equal(d, k->domain) };
	struct pv_buf out = PV_BUF_INIT(ANSWER_MAX);

	enum pv_class c = pv_child_run(account->uid, account->gid, &limits, answer, &q, &out, e);
	if (c == PV_OK)
		c = take_answer(k, hop, out.s, r, name, e);
	pv_buf_free(&out);
	return c;
}

/* The sentence about a hop: what leads there, and what is wrong with it. */
static enum pv_class refuse(const struct hop *h, struct pv_error *e, const char *what)
{
	return pv_fail(e, PV_PERMANENT, "5.3.5", "%s, line %lu: mail for %s %s", h->file, h->line, h->address,
		       what);
}

/* Is the address one that its domain resolves, and not the host's own there? Then *f is the domain. */
static enum pv_class find_domain(const struct walk *k, const struct hop *h, char *local, size_t size,
				 struct pv_folder *f, bool *ours_r, struct pv_error *e)
{
	const struct pv_store *s = k->w->c->store;
	struct pv_registry_entry entry;
	struct pv_hosts hosts;
	struct pv_user u;
	bool found;

	*ours_r = false;
	find_folder(k, h->address, f);
	if (f->fd < 0)
		return PV_OK;
	pv_folder_close(f);
	size_t len = (size_t)(strrchr(h->address, '@') - h->address);
	if (h->address[0] == '"' || len >= size)
		return PV_OK;
	memcpy(local, h->address, len);
	local[len] = '\0';
	enum pv_class c = pv_registry_find(s, &f->domain, &entry, &found, e);
	if (c == PV_OK)
		c = pv_hosts_load(s, &hosts, e);
	if (c != PV_OK)
		return c;
	const struct pv_host_address *host =
		pv_user_parse(local, len, &u, NULL) == PV_OK ? pv_hosts_get(&hosts, &u) : NULL;
	*ours_r = !entry.standard && (host == NULL || (entry.own & host->own) != 0);
	pv_hosts_free(&hosts);
	return PV_OK;
}

/* Is it where we began? */
static bool is_back(const struct walk *k, const struct pv_domain *d, const char *local, const char *name)
{
	return pv_domain_equal(d, k->domain) &&
	       (*name != '\0' ? strcmp(name, k->name) == 0 : strcasecmp(local, k->local) == 0);
}

static enum pv_class follow_hop(struct walk *k, size_t i, struct pv_error *e)
{
	const struct hop *h = &k->hops[i];
	char local[1024], name[PV_USER_MAX + 1];
	struct pv_account account;
	struct pv_followed r;
	struct pv_folder f;
	bool ours, found = false;

	enum pv_class c = find_domain(k, h, local, sizeof local, &f, &ours, e);
	if (c != PV_OK || !ours)
		return c;
	c = pv_account_by_uid(f.uid, &account, &found, e);
	if (c != PV_OK || !found)
		return c;
	c = ask(k, i, &account, &f.domain, local, &r, name, e);
	if (c != PV_OK)
		return c;
	/* Of `fallback = @domain` it is asked about a name that nobody has. */
	if (r.refused && strcmp(local, PV_NOBODY) == 0)
		return PV_OK;
	if (r.refused && strcmp(r.status, "5.1.1") == 0)
		return refuse(h, e,
			      "would be refused, as nobody here has that address: take it out, or make it");
	if (r.refused)
		pv_buf_addf(&k->w->c->notes, "mail for %s is refused at present: %s\n", h->address, r.text);
	else if (is_back(k, &f.domain, local, name))
		return refuse(h, e, "would come back here, in a loop: take it out");
	return PV_OK;
}

/* What leads to nothing but ends is taken away until nothing changes; what is left goes round, or leads
 * there. */
static enum pv_class find_loop(struct walk *k, struct pv_error *e)
{
	bool changed = true;

	for (size_t i = 0; i < k->edge_count; i++)
		k->hops[k->edges[i].from].onward++;
	while (changed) {
		changed = false;
		for (size_t i = 0; i < k->edge_count; i++) {
			if (k->hops[k->edges[i].to].onward > 0)
				continue;
			k->hops[k->edges[i].from].onward--;
			k->edges[i] = k->edges[--k->edge_count];
			changed = true;
			break;
		}
	}
	if (k->edge_count == 0)
		return PV_OK;
	for (size_t i = 0; i < k->edge_count; i++)
		if (k->edges[i].to == 0)
			return refuse(&k->hops[k->edges[i].from], e,
				      "would come back here, in a loop: take it out");
	return refuse(&k->hops[k->edges[0].to], e, "would come back there, in a loop: take it out");
}

static enum pv_class follow_all(struct walk *k, struct pv_error *e)
{
	struct pv_error why;

	for (size_t i = 1; i < k->count; i++) {
		enum pv_class c = follow_hop(k, i, &why);
		if (c == PV_PERMANENT) {
			*e = why;
			return c;
		}
		/* Another domain's trouble, which its own mail meets too. */
		if (c != PV_OK)
			pv_buf_addf(&k->w->c->notes,
				    "what becomes of mail for %s could not be found out: %s\n",
				    k->hops[i].address, why.text);
	}
	if (k->more)
		pv_buf_addf(&k->w->c->notes,
			    "only the first %d addresses that mail is sent on to were looked at\n", HOPS_MAX);
	return find_loop(k, e);
}

static enum pv_class begin(struct walk *k, struct pv_followed *r, struct pv_error *e)
{
	char address[PV_DOMAIN_MAX + 1024];

	(void)snprintf(address, sizeof address, "%.*s@%s", 1000, k->local, k->domain->s);
	if (find_hop(k, "", 0, address) != 0)
		return pv_fail(e, PV_TEMPORARY, "4.3.0", "no memory to follow an address");
	enum pv_class c = ask(k, 0, &k->w->account, k->domain, k->local, r, k->name, e);
	r->is_wrong = c == PV_PERMANENT;
	/* What a delivery would defer for is refused now. */
	if (c == PV_TEMPORARY && e != NULL && strcmp(e->status, "4.3.5") == 0) {
		(void)snprintf(e->status, sizeof e->status, "5.3.5");
		e->class = c = PV_PERMANENT;
	}
	return c;
}

enum pv_class pv_follow(struct pv_work *w, const char *local, struct pv_followed *r, struct pv_error *e)
{
	struct walk *k = calloc(1, sizeof *k);

	if (k == NULL)
		return pv_fail(e, PV_TEMPORARY, "4.3.0", "no memory to follow an address");
	k->w = w;
	k->domain = &w->domain;
	k->local = local;
	enum pv_class c = begin(k, r, e);
	if (c == PV_OK && !r->same)
		c = follow_all(k, e);
	free_hops(k);
	free(k);
	return c;
}
