#include "admin.h"

#include "address/idn.h"
#include "change/read.h"
#include "mailbox/usage.h"
#include "place.h"
#include "store/registry.h"
#include "store/size.h"

static void put_size(json_t *o, const char *name, unsigned long long bytes)
{
	struct pv_buf text = PV_BUF_INIT(64);

	pv_quota_format(bytes, &text);
	put_text(o, name, text.s);
	pv_buf_free(&text);
}

/* The user's limits: his own, or his domain's, and no more than root allows. */
static enum pv_class find_quota(const struct admin *a, const struct pv_domain *d,
				const struct pv_user_info *u, struct pv_quota *q, struct pv_error *e)
{
	struct pv_registry_entry entry;
	bool found;

	enum pv_class c = pv_registry_find(&a->store, d, &entry, &found, e);
	if (c != PV_OK)
		return c;
	*q = (struct pv_quota){ .bytes = u->conf.mail.quota, .messages = u->conf.mail.quota_messages };
	if (entry.max_quota != 0 && (q->bytes == 0 || q->bytes > entry.max_quota))
		q->bytes = entry.max_quota;
	return PV_OK;
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
	struct pv_users users;
	struct pv_quota q;

	enum pv_class c = pv_users_read(&p->folder, &p->account, &users, e);
	const struct pv_user_info *u = c == PV_OK ? pv_users_find(&users, &address->user) : NULL;
	if (c == PV_OK && u == NULL)
		c = pv_fail(e, PV_PERMANENT, NULL, "%s@%s is no user here: postfix-virtual user list %s",
			    address->user.s, address->domain.s, address->domain.s);
	if (c == PV_OK)
		c = pv_mailbox_look(&a->store, &p->folder, &p->account, u, true, &m, e);
	if (c == PV_OK)
		c = find_quota(a, &address->domain, u, &q, e);
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
