#include "admin.h"

#include "address/idn.h"
#include "base/child.h"
#include "base/file.h"
#include "change/account.h"
#include "change/inside.h"
#include "maps/postfix.h"
#include "route/place.h"
#include "route/route.h"
#include "store/conf.h"
#include "store/registry.h"

#include <fcntl.h>
#include <limits.h>

/* What the child finds out as the account. */
struct answer {
	bool refused, by_fallback, mailbox_exists;
	char status[PV_ERROR_STATUS], text[200];
	struct pv_domain domain;
	struct pv_user user;
	char mailbox[4096];
};

struct question {
	const char *dir;
	struct pv_recipient to;
	struct pv_domain ours; /* a domain of the account */
	struct pv_account account;
};

static enum pv_class find_mailbox(const struct question *q, const struct pv_store *s,
				  const struct pv_route *r, struct answer *a, struct pv_error *e)
{
	struct pv_location l;
	struct stat st;

	enum pv_class c = pv_place_find(s, &r->folder, &r->entry, q->account.home, &l, e);
	if (c != PV_OK)
		return c;
	(void)snprintf(a->mailbox, sizeof a->mailbox, "%s", l.path);
	a->mailbox_exists = fstatat(l.dirfd, l.name, &st, AT_SYMLINK_NOFOLLOW) == 0;
	pv_location_free(&l);
	return PV_OK;
}

static enum pv_class resolve(void *ctx, int out_fd, struct pv_error *e)
{
	const struct question *q = ctx;
	struct answer a = { .refused = false };
	struct pv_inside in;
	struct pv_route r;

	enum pv_class c = pv_inside_open(q->dir, &q->ours, &q->account, &in, e);
	if (c == PV_OK)
		c = pv_route_resolve(&in.store, q->account.uid, &q->to, &r, e);
	if (c == PV_OK) {
		a.refused = r.kind == PV_ROUTE_REFUSE;
		a.by_fallback = r.by_fallback;
		a.domain = r.folder.domain;
		(void)snprintf(a.status, sizeof a.status, "%s", r.status);
		(void)snprintf(a.text, sizeof a.text, "%s", r.text);
		if (!a.refused) {
			a.user = r.entry.user;
			c = find_mailbox(q, &in.store, &r, &a, e);
		}
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

/* Ask Postfix's tables as Postfix does: by form of the key first, then by table. */
static void put_postfix(struct admin *a, const struct question *q)
{
	char exact[512], regexp[1200], forms[3][PV_EXTENSION_MAX + 16], *found = NULL;
	const struct pv_conf *conf = &a->store.conf;
	char dir[PATH_MAX] = "";
	const char *argv[] = { PV_POSTMAP, "-c", dir, "-q", NULL, NULL, NULL };
	int plain = (int)strcspn(q->to.local, "+"), len = (int)q->to.local_len;

	(void)pv_conf_instance(conf, 0, dir, sizeof dir);
	(void)snprintf(exact, sizeof exact, "%s:%.200s/virtual", conf->map_type, conf->map_directory);
	(void)snprintf(regexp, sizeof regexp, "pipemap:{pcre:%.200s/virtual_regexp,%s}", conf->map_directory,
		       exact);
	(void)snprintf(forms[0], sizeof forms[0], "%.*s@%.180s", len, q->to.local, q->to.domain.s);
	(void)snprintf(forms[1], sizeof forms[1], "%.*s@%.180s", plain < len ? plain : len, q->to.local,
		       q->to.domain.s);
	(void)snprintf(forms[2], sizeof forms[2], "@%.180s", q->to.domain.s);
	for (int i = 0; i < 6 && found == NULL; i++) {
		struct pv_buf out = PV_BUF_INIT(65536);
		struct pv_error e;
		argv[4] = forms[i / 2];
		argv[5] = i % 2 == 0 ? exact : regexp;
		if (pv_postfix_ask(argv, NULL, 30, &out, &e) != PV_OK)
			found = strdup(e.text);
		else if (out.len > 0)
			found = strndup(out.s, strcspn(out.s, "\n"));
		pv_buf_free(&out);
	}
	put_text(a->result, "postfix", found != NULL ? found : "refuses it: no table has it");
	free(found);
}

static void describe(struct admin *a, const struct question *q, const struct answer *answer)
{
	put_text(a->result, "domain", answer->domain.s);
	put_text(a->result, "account", q->account.name);
	put_postfix(a, q);
	if (answer->refused) {
		put_text(a->result, "result", "refused");
		put_text(a->result, "reason", answer->text);
		put_text(a->result, "status", answer->status);
		return;
	}
	put_text(a->result, "result",
		 answer->by_fallback ? "delivered, by the domain's fallback" : "delivered");
	put_text(a->result, "user", answer->user.s);
	put_text(a->result, "mailbox", answer->mailbox);
	put_bool(a->result, "mailbox_exists", answer->mailbox_exists);
}

enum pv_class explain_run(struct admin *a, struct pv_error *e)
{
	static const struct pv_child_limits limits = { .seconds = 30, .cpu_seconds = 10 };
	struct question q = { .dir = a->store.dir, .to = { .local = a->objects[0] } };
	struct pv_buf out = PV_BUF_INIT(sizeof(struct answer));
	const char *at = strrchr(a->objects[0], '@');
	struct answer answer;

	if (at == NULL)
		return pv_fail(e, PV_PERMANENT, NULL, "`%.80s` is not user@domain", a->objects[0]);
	q.to.local_len = (size_t)(at - a->objects[0]);
	enum pv_class c = pv_idn_domain(at + 1, &q.to.domain, e);
	if (c == PV_OK)
		c = find_domain(a, &q.to.domain, &q, e);
	if (c == PV_OK)
		c = pv_child_run(q.account.uid, q.account.gid, &limits, resolve, &q, &out, e);
	if (c == PV_OK && out.len != sizeof answer)
		c = pv_fail(e, PV_TEMPORARY, NULL, "a child's report is cut short");
	if (c == PV_OK) {
		memcpy(&answer, out.s, sizeof answer);
		answer.text[sizeof answer.text - 1] = answer.status[sizeof answer.status - 1] = '\0';
		answer.mailbox[sizeof answer.mailbox - 1] = '\0';
		answer.domain.s[PV_DOMAIN_MAX] = answer.user.s[PV_USER_MAX] = '\0';
		pv_printable(answer.mailbox, strlen(answer.mailbox));
		pv_printable(answer.text, strlen(answer.text));
		a->result = json_object();
		put_text(a->result, "address", a->objects[0]);
		describe(a, &q, &answer);
	}
	pv_buf_free(&out);
	return c;
}
