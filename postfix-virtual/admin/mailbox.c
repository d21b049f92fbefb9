#include "admin.h"

#include "address/idn.h"
#include "change/mailbox_verify.h"
#include "place.h"
#include "route/user_limits.h"
#include "store/size.h"

static void put_size(json_t *o, const char *name, unsigned long long bytes)
{
	struct pv_buf text = PV_BUF_INIT(64);

	pv_quota_format(bytes, &text);
	put_text(o, name, text.s);
	pv_buf_free(&text);
}

/* The user's limits, as a delivery goes by them. */
static enum pv_class find_quota(const struct admin *a, const struct pv_domain *d,
				const struct pv_users *users, const struct pv_user_info *u,
				struct pv_quota *q, struct pv_error *e)
{
	*q = (struct pv_quota){ .bytes = u->conf.mail.quota,
				.messages = u->conf.mail.quota_messages,
				.domain_bytes = users->domain.domain_quota };
	return pv_user_limits_cap(&a->store, d, q, e);
}

static void describe(struct admin *a, const struct pv_address *address, const struct pv_mailbox_info *m,
		     const struct pv_quota *q)
{
	const struct pv_usage usage = { .bytes = m->bytes, .messages = m->messages };
	char text[PV_USER_MAX + PV_DOMAIN_MAX + 2];

	(void)snprintf(text, sizeof text, "%s@%s", address->user.s, address->domain.s);
	put_text(a->result, "address", text);
	put_text(a->result, "mailbox", m->path);
	put_text(a->result, "format", !m->exists ? "none yet" : m->is_maildir ? "maildir" : "mbox");
	put_number(a->result, "bytes", m->bytes);
	put_number(a->result, "messages", m->messages);
	put_size(a->result, "quota", q->bytes);
	put_number(a->result, "quota_messages", q->messages);
	if (q->bytes != 0 || q->messages != 0)
		put_number(a->result, "percent", pv_quota_percent(q, &usage));
}

static enum pv_class show(struct admin *a, const struct pv_address *address, const struct place *p,
			  struct pv_error *e)
{
	struct pv_mailbox_info m;
	const struct pv_user_info *u;
	struct pv_users users;
	struct pv_quota q;

	enum pv_class c = pv_users_read(&p->folder, &p->account, &users, e);
	if (c == PV_OK)
		c = need_user(&users, &address->user, &address->domain, &u, e);
	if (c == PV_OK)
		c = pv_mailbox_look(&a->store, &p->folder, &p->account, u, true, &m, e);
	if (c == PV_OK)
		c = find_quota(a, &address->domain, &users, u, &q, e);
	a->result = json_object();
	if (c == PV_OK)
		describe(a, address, &m, &q);
	pv_users_free(&users);
	return c;
}

enum pv_class mailbox_show(struct admin *a, struct pv_error *e)
{
	struct pv_address address;
	struct place p;

	enum pv_class c = pv_idn_address(a->objects[0], &address, e);
	if (c != PV_OK)
		return c;
	c = open_place(a, &address.domain, &p, e);
	if (c == PV_OK)
		c = show(a, &address, &p, e);
	close_place(&p);
	return c;
}

enum pv_class mailbox_convert(struct admin *a, struct pv_error *e)
{
	enum pv_mailbox_format format = PV_FORMAT_MAILDIR;
	struct pv_address address;

	if (strcasecmp(a->objects[1], "mbox") == 0)
		format = PV_FORMAT_MBOX;
	else if (strcasecmp(a->objects[1], "maildir") != 0)
		return usage_error(a, e, "`%.40s` is no format: write maildir or mbox", a->objects[1]);
	const char *name = format == PV_FORMAT_MBOX ? "an mbox" : "a Maildir";
	enum pv_class c = pv_idn_address(a->objects[0], &address, e);
	if (c == PV_OK)
		c = pv_mailbox_format_set(&a->change, &address, format, e);
	if (c == PV_OK)
		say_done(a,
			 a->change.already ? "the mailbox of %s@%s is %s already"
					   : "the mailbox of %s@%s is %s now",
			 address.user.s, address.domain.s, name);
	return c;
}

/* What is found while a mailbox is looked at. */
struct findings {
	struct admin *a;
	const char *address;
	json_t *list;
};

static void put_finding(void *ctx, const struct pv_finding *f)
{
	struct findings *all = ctx;
	struct pv_buf *text = &all->a->text;
	json_t *o = json_object();

	if (f->name != NULL) {
		put_text(o, "file", f->name);
		pv_buf_addf(text, "%s: %s: %s", all->address, f->name, pv_finding_text(f->kind));
	} else {
		put_number(o, "offset", f->offset);
		put_number(o, "length", f->length);
		pv_buf_addf(text, "%s, at byte %llu: %s", all->address, (unsigned long long)f->offset,
			    pv_finding_text(f->kind));
	}
	pv_buf_adds(text, f->mended ? "; postfix-virtual mailbox repair mends it\n" : "\n");
	put_text(o, "text", pv_finding_text(f->kind));
	put_bool(o, "mended", f->mended);
	(void)json_array_append_new(all->list, o);
}

static void put_verdict(struct admin *a, const struct findings *all, const struct pv_mailbox_verdict *v)
{
	json_t *o = json_object();

	put_text(o, "address", all->address);
	put_text(o, "mailbox", v->path);
	put_text(o, "format", !v->exists ? "none yet" : v->is_maildir ? "maildir" : "mbox");
	put_number(o, "bytes", v->bytes);
	put_number(o, "messages", v->messages);
	(void)json_object_set(o, "findings", all->list);
	(void)json_array_append_new(a->result, o);
	if (v->findings == 0)
		pv_buf_addf(&a->text, "%s: nothing is wrong, %llu messages\n", all->address, v->messages);
	a->not_well = a->not_well || v->findings > 0;
}

static void verify_user(struct admin *a, const struct place *p, const struct pv_user_info *u)
{
	char address[PV_USER_MAX + PV_DOMAIN_MAX + 2];
	struct findings all = { .a = a, .address = address, .list = json_array() };
	struct pv_mailbox_verdict v;
	struct pv_error why;

	(void)snprintf(address, sizeof address, "%s@%s", u->user.s, p->folder.domain.s);
	if (pv_mailbox_examine(&a->store, &p->folder, &p->account, u, a->options[OPT_REMOVE_NULS] != NULL,
			       put_finding, &all, &v, &why) == PV_OK) {
		put_verdict(a, &all, &v);
	} else {
		/* The others are looked at all the same. */
		pv_buf_addf(&a->change.notes, "%s: %s\n", address, why.text);
		a->not_well = true;
	}
	json_decref(all.list);
}

/* user NULL: all of the domain. */
static enum pv_class verify(struct admin *a, const struct pv_domain *d, const struct pv_user *user,
			    struct pv_error *e)
{
	struct pv_users users = { .text = PV_BUF_INIT(0) };
	const struct pv_user_info *one = NULL;
	struct place p;

	enum pv_class c = open_place(a, d, &p, e);
	if (c == PV_OK)
		c = pv_users_read(&p.folder, &p.account, &users, e);
	if (c == PV_OK && user != NULL)
		c = need_user(&users, user, d, &one, e);
	a->result = json_array();
	if (c == PV_OK && one != NULL)
		verify_user(a, &p, one);
	for (size_t i = 0; c == PV_OK && user == NULL && i < users.count; i++)
		verify_user(a, &p, &users.list[i]);
	pv_users_free(&users);
	close_place(&p);
	return c;
}

enum pv_class mailbox_verify(struct admin *a, struct pv_error *e)
{
	struct pv_address address;
	struct pv_domain d;

	if (strchr(a->objects[0], '@') == NULL) {
		enum pv_class c = pv_idn_domain(a->objects[0], &d, e);
		return c == PV_OK ? verify(a, &d, NULL, e) : c;
	}
	enum pv_class c = pv_idn_address(a->objects[0], &address, e);
	return c == PV_OK ? verify(a, &address.domain, &address.user, e) : c;
}

enum pv_class mailbox_repair(struct admin *a, struct pv_error *e)
{
	struct pv_address address;

	enum pv_class c = pv_idn_address(a->objects[0], &address, e);
	if (c == PV_OK)
		c = pv_mailbox_mend(&a->change, &address, a->options[OPT_REMOVE_NULS] != NULL, e);
	if (c == PV_OK)
		say_done(a,
			 a->change.already ? "there is nothing to mend in the mailbox of %s@%s"
					   : "the mailbox of %s@%s is mended",
			 address.user.s, address.domain.s);
	return c;
}
