#include "admin.h"

#include "address/extension.h"
#include "address/idn.h"
#include "base/child.h"
#include "base/file.h"
#include "change/account.h"
#include "change/inside.h"
#include "maps/map.h"
#include "route/place.h"
#include "route/route.h"
#include "store/registry.h"
#include "tables.h"

#include <fcntl.h>

enum { LOCAL_SIZE = 2048 };

/* What the child finds out as the account. */
struct answer {
	bool refused, by_fallback, mailbox_exists;
	char status[PV_ERROR_STATUS], text[400];
	struct pv_domain domain;
	struct pv_user user;
	char mailbox[4096];
	bool retrieve, domain_retrieves; /* settings of that user and of his domain */
	char password[40], fault[200];	 /* password_words(); password_fault() or empty */
};

struct question {
	const char *dir;
	struct pv_recipient to;
	struct pv_domain ours; /* a domain of the account */
	struct pv_account account;
};

static enum pv_class find_mailbox(const struct question *q, const struct pv_store *s,
				  const struct pv_route *r, const struct pv_passwd_entry *p, struct answer *a,
				  struct pv_error *e)
{
	struct pv_location l;
	struct stat st;

	enum pv_class c = pv_place_find(s, &r->folder, p, q->account.home, &l, e);
	if (c != PV_OK)
		return c;
	(void)snprintf(a->mailbox, sizeof a->mailbox, "%s", l.path);
	a->mailbox_exists = fstatat(l.dirfd, l.name, &st, AT_SYMLINK_NOFOLLOW) == 0;
	pv_location_free(&l);
	return PV_OK;
}

/* Can the user log in? Whoever gets the mail of an address as a fallback logs in as himself. */
static void find_login(const struct pv_store *s, const struct pv_route *r, const struct pv_passwd_entry *p,
		       struct answer *a)
{
	const char *fault = password_fault(s, p->hash);

	(void)snprintf(a->password, sizeof a->password, "%s", password_words(p->hash));
	(void)snprintf(a->fault, sizeof a->fault, "%s", fault != NULL ? fault : "");
	a->retrieve = r->actions[0].conf->retrieve;
	a->domain_retrieves = r->conf.retrieve;
}

static const char *account_home(void *ctx)
{
	const struct question *q = ctx;

	return q->account.home;
}

static enum pv_class describe(const struct question *q, const struct pv_store *s, const struct pv_route *r,
			      struct answer *a, struct pv_error *e)
{
	struct pv_passwd_entry p;
	bool found;

	a->refused = r->refused;
	a->by_fallback = r->by_fallback;
	a->domain = r->folder.domain;
	(void)snprintf(a->status, sizeof a->status, "%s", r->status);
	(void)snprintf(a->text, sizeof a->text, "%s", r->text);
	if (r->refused)
		return PV_OK;
	if (r->actions[0].kind != PV_ACTION_MAILBOX)
		return pv_fail(e, PV_TEMPORARY, NULL, "it leads to no mailbox");
	a->user = r->actions[0].user;
	enum pv_class c = pv_passwd_find(&r->folder, &a->user, &p, &found, e);
	if (c == PV_OK && found)
		c = find_mailbox(q, s, r, &p, a, e);
	if (c == PV_OK && found)
		find_login(s, r, &p, a);
	return c;
}

static enum pv_class resolve(void *ctx, int out_fd, struct pv_error *e)
{
	struct question *q = ctx;
	struct answer a = { .refused = false };
	struct pv_inside in;
	struct pv_route r;

	enum pv_class c = pv_inside_open(q->dir, &q->ours, &q->account, &in, e);
	const struct pv_route_query query = { .store = &in.store,
					      .account = q->account.uid,
					      .account_home = account_home,
					      .ctx = q,
					      .to = q->to };
	if (c == PV_OK && (c = pv_route_resolve(&query, &r, e)) == PV_OK) {
		c = describe(q, &in.store, &r, &a, e);
		pv_route_free(&r);
	}
	pv_inside_close(&in);
	if (c == PV_OK && pv_write_all(out_fd, &a, sizeof a) != 0)
		c = pv_fail(e, PV_TEMPORARY, NULL, "write to a pipe");
	return c;
}

/* Which domain with a folder does d stand for: itself, what it is an alias of, or a parent? */
static enum pv_class find_domain(const struct admin *a, const struct pv_domain *d, struct question *q,
				 struct pv_error *e)
{
	struct pv_registry_entry entry;
	struct pv_domain at = *d;
	struct pv_folder f;
	bool found;

	do {
		enum pv_class c = pv_registry_find(&a->store, &at, &entry, &found, e);
		if (c != PV_OK)
			return c;
		q->ours = entry.is_alias ? entry.alias_of : at;
		if ((c = pv_folder_open(&a->store, &q->ours, &f, e)) != PV_OK)
			return c;
		if (f.fd < 0)
			continue;
		c = pv_account_by_uid(f.uid, &q->account, &found, e);
		pv_folder_close(&f);
		if (c == PV_OK && !found)
			c = pv_fail(e, PV_PERMANENT, NULL, "%s belongs to uid %lu, which has no account",
				    q->ours.s, (unsigned long)f.uid);
		return c;
	} while (pv_domain_parent(&at, &at));
	return pv_fail(e, PV_PERMANENT, NULL, "%s is no domain here: postfix-virtual domain list", d->s);
}

/* The address that was asked about, without quotes: `"a b"@kvt.dk` is a b. */
static enum pv_class take_address(const char *text, char local[LOCAL_SIZE], struct pv_recipient *to,
				  struct pv_error *e)
{
	const char *at = strrchr(text, '@');
	size_t n = 0;

	if (at == NULL || at == text)
		return pv_fail(e, PV_PERMANENT, NULL, "`%.80s` is not user@domain", text);
	bool quoted = at - text >= 2 && text[0] == '"' && at[-1] == '"';
	for (const char *p = text + quoted; p < at - quoted && n < LOCAL_SIZE - 1; p++) {
		if (quoted && *p == '\\' && p + 1 < at - quoted)
			p++;
		local[n++] = *p;
	}
	local[n] = '\0';
	to->local = local;
	to->local_len = n;
	return pv_idn_domain(at + 1, &to->domain, e);
}

/* Does the target lead to vlocal? Then make the question the one that virtual-deliver gets. */
static bool follow(const struct admin *a, const char *target, struct question *q)
{
	const char *at = strrchr(target, '@'), *delimiter = strchr(target, PV_DELIMITER);
	struct pv_extension_reading r;
	size_t from = 0;

	if (at == NULL || strcmp(at + 1, PV_MAP_TARGET_DOMAIN) != 0 || delimiter == NULL || delimiter > at)
		return false;
	while (pv_extension_next(delimiter + 1, (size_t)(at - delimiter - 1), &from, &r)) {
		struct question next = *q;
		if (find_domain(a, &r.domain, &next, NULL) != PV_OK ||
		    strncmp(next.account.name, target, (size_t)(delimiter - target)) != 0 ||
		    next.account.name[delimiter - target] != '\0')
			continue;
		next.to.domain = r.domain;
		if (r.has_user) {
			next.to.local = delimiter + 1;
			next.to.local_len = r.user.len;
		}
		*q = next;
		return true;
	}
	return false;
}

/* What the account's files say, by a child. */
static enum pv_class ask_route(struct question *q, struct answer *answer, struct pv_error *e)
{
	static const struct pv_child_limits limits = { .seconds = 30, .cpu_seconds = 10 };
	struct pv_buf out = PV_BUF_INIT(sizeof *answer);

	enum pv_class c = pv_child_run(q->account.uid, q->account.gid, &limits, resolve, q, &out, e);
	if (c == PV_OK && out.len != sizeof *answer)
		c = pv_fail(e, PV_TEMPORARY, NULL, "a child's report is cut short");
	if (c == PV_OK) {
		memcpy(answer, out.s, sizeof *answer);
		answer->text[sizeof answer->text - 1] = answer->status[sizeof answer->status - 1] = '\0';
		answer->mailbox[sizeof answer->mailbox - 1] = '\0';
		answer->domain.s[PV_DOMAIN_MAX] = answer->user.s[PV_USER_MAX] = '\0';
		answer->password[sizeof answer->password - 1] = answer->fault[sizeof answer->fault - 1] =
			'\0';
		pv_printable(answer->password, strlen(answer->password));
		pv_printable(answer->fault, strlen(answer->fault));
		pv_printable(answer->mailbox, strlen(answer->mailbox));
		pv_printable(answer->text, strlen(answer->text));
		pv_printable(answer->status, strlen(answer->status));
	}
	pv_buf_free(&out);
	return c;
}

static void put_refused(struct admin *a, const char *reason, const char *status)
{
	put_text(a->result, "result", "refused");
	put_text(a->result, "reason", reason);
	put_text(a->result, "status", status);
}

/* No table has it. The domain's files may know why. */
static void put_unknown(struct admin *a, struct question *q)
{
	struct answer answer;

	put_text(a->result, "postfix", "refuses it: no table has it");
	if (ask_route(q, &answer, NULL) == PV_OK && answer.refused)
		put_refused(a, answer.text, answer.status);
	else if (memchr(q->to.local, PV_DELIMITER, q->to.local_len) != NULL)
		put_refused(a, "no such address for Postfix; is recipient_delimiter in its main.cf?",
			    "5.1.1");
	else
		put_refused(a, "no such address for Postfix; make-postfix-maps brings its tables up to date",
			    "5.1.1");
}

/* By which name the mailbox is read, or why it is not. */
static void put_login(struct admin *a, const struct answer *answer)
{
	char name[PV_USER_MAX + PV_DOMAIN_MAX + 2];
	const char *why = NULL;

	(void)snprintf(name, sizeof name, "%s@%s", answer->user.s, answer->domain.s);
	if (!answer->domain_retrieves)
		why = "the domain has retrieve = no";
	else if (!answer->retrieve)
		why = "the user has retrieve = no";
	else if (*answer->fault != '\0')
		why = answer->fault;
	put_text(a->result, "login", why == NULL ? name : "refused");
	if (why != NULL)
		put_text(a->result, "login_refused", why);
	put_text(a->result, "password", answer->password);
}

static enum pv_class put_route(struct admin *a, struct question *q, struct pv_error *e)
{
	struct answer answer;

	enum pv_class c = ask_route(q, &answer, e);
	if (c != PV_OK)
		return c;
	if (answer.refused) {
		put_refused(a, answer.text, answer.status);
		return PV_OK;
	}
	put_text(a->result, "result",
		 answer.by_fallback ? "delivered, by the domain's fallback" : "delivered");
	put_text(a->result, "user", answer.user.s);
	put_text(a->result, "mailbox", answer.mailbox);
	put_bool(a->result, "mailbox_exists", answer.mailbox_exists);
	put_login(a, &answer);
	return PV_OK;
}

static enum pv_class put_target(struct admin *a, struct question *q, char *target, struct pv_error *e)
{
	pv_printable(target, strlen(target));
	put_text(a->result, "postfix", target);
	if (follow(a, target, q))
		return put_route(a, q, e);
	put_text(a->result, "result", "handed on");
	put_text(a->result, "to", target);
	return PV_OK;
}

enum pv_class explain_run(struct admin *a, struct pv_error *e)
{
	struct question q = { .dir = a->store.dir };
	struct tables_answer tables;
	char local[LOCAL_SIZE];

	enum pv_class c = take_address(a->objects[0], local, &q.to, e);
	if (c == PV_OK)
		c = find_domain(a, &q.to.domain, &q, e);
	if (c == PV_OK)
		c = tables_ask(&a->store, &q.to, &tables, e);
	if (c != PV_OK)
		return c;
	a->result = json_object();
	put_text(a->result, "address", a->objects[0]);
	put_text(a->result, "domain", q.ours.s);
	put_text(a->result, "account", q.account.name);
	if (tables.ours_missing)
		pv_buf_adds(&a->change.notes,
			    "main.cf does not name our tables yet: postfix-virtual setup puts them in\n");
	if (tables.target[0] != '\0')
		return put_target(a, &q, tables.target, e);
	put_unknown(a, &q);
	return PV_OK;
}
