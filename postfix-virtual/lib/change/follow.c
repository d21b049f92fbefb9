#include "change/follow.h"

#include "base/table.h"
#include "change/ask.h"
#include "store/hosts.h"

enum { HOPS_MAX = 200, EDGES_MAX = 4000 };

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
	struct pv_buf out = PV_BUF_INIT(PV_ASK_MAX);

	enum pv_class c = pv_ask_route(k->w, account, d, local, &out, e);
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
