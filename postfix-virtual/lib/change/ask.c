#include "change/ask.h"

#include "base/child.h"
#include "base/file.h"
#include "change/conf_check.h"
#include "change/inside.h"
#include "change/next_text.h"
#include "route/route.h"
#include "store/alias_file.h"
#include "store/folder_load.h"

#include <errno.h>

static const struct pv_child_limits limits = { .seconds = 30, .cpu_seconds = 20 };

struct question {
	const struct pv_work *w;
	const struct pv_account *account;
	const struct pv_domain *domain;
	const char *local;
	bool changed; /* of the domain that is changed */
	bool extra;   /* it is asked about all that further files of aliases name */
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
	if (c == PV_OK && of_user)
		c = pv_conf_refuse_days(q->w->mark.settings, &user, e);
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

static enum pv_class resolve(struct question *q, struct pv_inside *in, const char *local, size_t len,
			     struct pv_buf *out, struct pv_error *e)
{
	struct pv_route_query query = { .store = &in->store,
					.account = q->account->uid,
					.account_home = home_of,
					.ctx = q,
					.to = { .local = local, .local_len = len, .domain = *q->domain } };
	struct pv_route r;

	enum pv_class c = pv_route_resolve(&query, &r, e);
	if (c != PV_OK)
		return c;
	put_route(&r, out);
	pv_route_free(&r);
	return pv_buf_check(out, "what becomes of mail for an address", e);
}

/* --- what further files of aliases say --- */

static enum pv_class check_entries(struct question *q, struct pv_inside *in, struct pv_alias_file *file,
				   struct pv_error *e)
{
	struct pv_buf nothing = PV_BUF_INIT(PV_ASK_MAX);
	struct pv_alias_entry entry;
	enum pv_class c;
	size_t at = 0, count = 0;

	while ((c = pv_alias_next(file, &at, &entry, e)) == PV_OK && entry.name != NULL) {
		if (entry.pattern == NULL && count++ < PV_ASK_ENTRIES_MAX)
			c = resolve(q, in, entry.name, entry.name_len, &nothing, e);
		pv_buf_reset(&nothing);
		if (c != PV_OK)
			break;
	}
	pv_buf_free(&nothing);
	return c;
}

static enum pv_class check_file(struct question *q, struct pv_inside *in, const char *name,
				struct pv_error *e)
{
	struct pv_buf text = PV_BUF_INIT(PV_ALIAS_FILE_MAX);
	char path[sizeof in->folder.path + PATH_MAX];
	bool is_path = name[0] == '/', found;
	struct pv_alias_file file;

	(void)snprintf(path, sizeof path, "%s%s%s", is_path ? "" : in->folder.path, is_path ? "" : "/", name);
	/* That there is none the resolver says. */
	enum pv_class c = pv_folder_load_any(&in->folder, name, &text, &found, e);
	pv_alias_file_start(&file, path, &text);
	if (c == PV_OK)
		c = check_entries(q, in, &file, e);
	pv_alias_file_free(&file);
	return c;
}

static enum pv_class check_extra(struct question *q, struct pv_inside *in, struct pv_error *e)
{
	struct pv_domain_conf conf;

	/* As it will be, like all that the resolver sees. */
	in->folder.instead = in->store.instead;
	enum pv_class c = pv_domain_conf_load(&in->folder, &conf, e);
	for (size_t i = 0; c == PV_OK && i < sizeof conf.extra_aliases / sizeof *conf.extra_aliases; i++)
		if (conf.extra_aliases[i][0] != '\0')
			c = check_file(q, in, conf.extra_aliases[i], e);
	pv_domain_conf_free(&conf);
	return c;
}

/* --- */

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
	if (c == PV_OK && q->extra)
		return check_extra(q, in, e);
	return c == PV_OK ? resolve(q, in, q->local, strlen(q->local), out, e) : c;
}

static enum pv_class answer(void *ctx, int out_fd, struct pv_error *e)
{
	struct question *q = ctx;
	struct pv_buf out = PV_BUF_INIT(PV_ASK_MAX);
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

enum pv_class pv_ask_route(struct pv_work *w, const struct pv_account *account, const struct pv_domain *d,
			   const char *local, struct pv_buf *out, struct pv_error *e)
{
	struct question q = { .w = w,
			      .account = account,
			      .domain = d,
			      .local = local,
			      .changed = pv_domain_equal(d, &w->domain) };

	return pv_child_run(account->uid, account->gid, &limits, answer, &q, out, e);
}

bool pv_ask_takes_none(const struct pv_work *w, const char *local, char *why, size_t size)
{
	static const char start[] = "-\nrefused\t5.2.1\t";
	struct question q = { .w = w, .account = &w->account, .domain = &w->domain, .local = local };
	struct pv_buf out = PV_BUF_INIT(PV_ASK_MAX);

	bool none = pv_child_run(w->account.uid, w->account.gid, &limits, answer, &q, &out, NULL) == PV_OK &&
		    strncmp(out.s, start, sizeof start - 1) == 0;
	if (none) {
		const char *text = out.s + sizeof start - 1;
		(void)snprintf(why, size, "%.*s", (int)strcspn(text, "\n"), text);
		pv_printable(why, strlen(why));
	}
	pv_buf_free(&out);
	return none;
}

enum pv_class pv_ask_extra_aliases(struct pv_work *w, struct pv_error *e)
{
	struct question q = {
		.w = w, .account = &w->account, .domain = &w->domain, .changed = true, .extra = true
	};
	struct pv_buf out = PV_BUF_INIT(PV_ASK_MAX);

	enum pv_class c = pv_child_run(w->account.uid, w->account.gid, &limits, answer, &q, &out, e);
	pv_buf_free(&out);
	/* What a delivery would defer for is refused now. */
	if (c == PV_TEMPORARY && e != NULL && strcmp(e->status, "4.3.5") == 0) {
		(void)snprintf(e->status, sizeof e->status, "5.3.5");
		e->class = c = PV_PERMANENT;
	}
	return c;
}
