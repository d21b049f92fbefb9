#include "loop.h"

enum { LOOKUPS_MAX = 100 /* Delivered-To lines that are resolved */ };

struct address {
	struct slice local;
	struct pv_domain domain;
	bool in_this_domain, domain_known;
	bool looked_up, has_tag;
};

enum pv_class loop_fail(const struct delivery *d, struct pv_error *e)
{
	return pv_fail(e, PV_PERMANENT, "5.4.6", "mail forwarding loop for %s", d->recipient.address);
}

bool loop_had(const struct delivery *d, const struct pv_user *u)
{
	for (unsigned i = 0; i < d->looped_count; i++)
		if (pv_user_equal(&d->looped[i], u))
			return true;
	return false;
}

static bool parse(const char *value, size_t len, struct address *a)
{
	const char *at = memrchr(value, '@', len);

	*a = (struct address){ .local = { .s = value, .len = at != NULL ? (size_t)(at - value) : 0 } };
	return at != NULL &&
	       pv_domain_parse(at + 1, len - (size_t)(at + 1 - value), &a->domain, NULL) == PV_OK;
}

/* Does its domain stand for the one that this delivery is for? Asked late: that may have to open folders. */
static bool is_in_this_domain(struct delivery *d, struct address *a)
{
	const struct pv_domain *here = &d->route.folder.domain;
	struct pv_folder f;

	if (a->domain_known)
		return a->in_this_domain;
	a->domain_known = true;
	a->in_this_domain = pv_domain_equal(&a->domain, here);
	if (!a->in_this_domain && d->loop_lookups++ < LOOKUPS_MAX &&
	    pv_route_domain(&d->store, d->uid, &a->domain, &f, NULL) == PV_OK && f.fd >= 0) {
		a->in_this_domain = pv_domain_equal(&f.domain, here);
		pv_folder_close(&f);
	}
	return a->in_this_domain;
}

enum likeness { OTHER, MAYBE, TAGGED, SAME };

/* Is it `name`, as it stands or with a tag behind it? Behind another delimiter than ours it may be a tag, or
 * the rest of another name. */
static enum likeness compare(const struct delivery *d, struct slice local, const char *name, size_t len)
{
	if (len == 0 || local.len < len || strncasecmp(local.s, name, len) != 0)
		return OTHER;
	if (local.len == len)
		return SAME;
	if (local.s[len] == PV_DELIMITER)
		return TAGGED;
	return local.s[len] != '\0' && strchr(d->store.conf.recipient_delimiter, local.s[len]) != NULL
		       ? MAYBE
		       : OTHER;
}

/* The name that this delivery is for, without its tag. */
static struct slice own_name(const struct delivery *d)
{
	const struct pv_recipient *to = &d->recipient.to;

	return (struct slice){ .s = to->local,
			       .len = d->route.tag != NULL ? to->local_len - d->route.tag_len - 1
							   : to->local_len };
}

static void note(struct delivery *d, const struct pv_user *u)
{
	if (!loop_had(d, u) && d->looped_count < LOOPED_MAX)
		d->looped[d->looped_count++] = *u;
}

/* Was this address of an earlier delivery a name with a tag? Note those whose mailboxes it led to then, or by
 * the fallback: an alias of its own, `abc+list`, is as any other name. Only asked where the name alone does
 * not tell. What cannot be found out is taken for a tag. */
static void look_up(struct delivery *d, struct address *a)
{
	const struct pv_route_query q = {
		.store = &d->store,
		.account = d->uid,
		.account_home = delivery_home_for,
		.ctx = d,
		.to = { .local = a->local.s, .local_len = a->local.len, .domain = a->domain }
	};
	static struct pv_route old;

	if (a->looked_up)
		return;
	a->looked_up = a->has_tag = true;
	if (d->loop_lookups++ >= LOOKUPS_MAX || pv_route_resolve(&q, &old, NULL) != PV_OK)
		return;
	a->has_tag = old.tag != NULL;
	bool by_tag = a->has_tag || d->route.by_fallback;
	for (size_t i = 0; by_tag && i < old.count; i++)
		if (old.actions[i].kind == PV_ACTION_MAILBOX &&
		    pv_domain_equal(&old.folder.domain, &d->route.folder.domain) &&
		    pv_route_mailbox_of(&d->route, &old.actions[i].of->user) != NULL)
			note(d, &old.actions[i].of->user);
	pv_route_free(&old);
}

/* Does an address that is so alike mean that name? One with a tag may be an alias of its own, `abc+list`. */
static bool is_meant(struct delivery *d, struct address *a, enum likeness like)
{
	if (like < TAGGED || !is_in_this_domain(d, a))
		return false;
	if (like == TAGGED)
		look_up(d, a);
	return like == SAME || a->has_tag;
}

/* Look at the users whose mailboxes will be written to. */
static void look_for_users(struct delivery *d, struct address *a)
{
	bool maybe = d->route.by_fallback; /* another name leads there too */

	for (size_t i = 0; i < d->route.count && d->route.actions[i].kind == PV_ACTION_MAILBOX; i++) {
		const struct pv_user *u = &d->route.actions[i].of->user;
		enum likeness like = compare(d, a->local, u->s, u->len);
		if (is_meant(d, a, like)) {
			note(d, u);
			return;
		}
		maybe = maybe || like == MAYBE;
	}
	if (maybe && is_in_this_domain(d, a))
		look_up(d, a);
}

/* Is there anything to do but to write to mailboxes that had the message before? */
static bool all_had_it(const struct delivery *d)
{
	for (size_t i = 0; i < d->route.count; i++)
		if (d->route.actions[i].kind != PV_ACTION_MAILBOX ||
		    !loop_had(d, &d->route.actions[i].of->user))
			return false;
	return d->route.count > 0;
}

static bool is_loop(struct delivery *d, const char *value, size_t len)
{
	const struct slice name = own_name(d);
	struct address a;

	if (len == strlen(d->recipient.address) && strncasecmp(value, d->recipient.address, len) == 0)
		return true;
	if (!parse(value, len, &a))
		return false;
	if (is_meant(d, &a, compare(d, a.local, name.s, name.len)))
		return true;
	look_for_users(d, &a);
	return all_had_it(d);
}

enum pv_class loop_check(void *ctx, const char *value, size_t len, struct pv_error *e)
{
	struct delivery *d = ctx;

	if (len >= 2 && value[0] == '<' && value[len - 1] == '>') {
		value++;
		len -= 2;
	}
	bool loop = d->recipient.own
			    ? len == d->hop.recipient.len && strncasecmp(value, d->hop.recipient.s, len) == 0
			    : is_loop(d, value, len);
	return loop ? loop_fail(d, e) : PV_OK;
}
