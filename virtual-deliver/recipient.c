#include "recipient.h"

#include "address/extension.h"

/* Divide an address at its last `@`. */
static bool divide(struct slice address, struct slice *local, struct slice *domain)
{
	const char *at = address.len > 0 ? memrchr(address.s, '@', address.len) : NULL;

	if (at == NULL)
		return false;
	*local = (struct slice){ .s = address.s, .len = (size_t)(at - address.s) };
	*domain = (struct slice){ .s = at + 1, .len = address.len - local->len - 1 };
	return true;
}

static int shown(struct slice s)
{
	return s.len > 200 ? 200 : (int)s.len;
}

static enum pv_class from_argument(const char *argument, struct recipient *r, struct pv_error *e)
{
	struct slice local, domain, all = { .s = argument, .len = strlen(argument) };

	if (!divide(all, &local, &domain) || local.len == 0)
		return pv_fail(e, PV_TEMPORARY, "4.3.5", "the argument `%.200s` is not user@domain",
			       argument);
	if (pv_domain_parse(domain.s, domain.len, &r->to.domain, e) != PV_OK)
		return PV_TEMPORARY;
	r->to.local = local.s;
	r->to.local_len = local.len;
	return PV_OK;
}

/* local(8) tells the same a second time, filtered. Where the two differ, something else started us. */
static enum pv_class check_extension(struct slice value, struct pv_error *e)
{
	const char *said = getenv("EXTENSION");
	char folded[512];

	if (said == NULL || said[0] == '\0')
		return PV_OK;
	bool same = value.len == strlen(said) && value.len < sizeof folded;
	if (same) {
		memcpy(folded, value.s, value.len);
		pv_extension_fold(folded, value.len);
		char given[sizeof folded];
		memcpy(given, said, value.len);
		pv_extension_fold(given, value.len);
		same = memcmp(folded, given, value.len) == 0;
	}
	if (same)
		return PV_OK;
	return pv_fail(e, PV_TEMPORARY, "4.3.5",
		       "Delivered-To says `%.*s`, but the environment's EXTENSION is `%.200s`", shown(value),
		       value.s, said);
}

/* One reading of `user--domain` that names a domain of this account. */
struct candidate {
	unsigned exact, below; /* how many readings name a domain itself, or a sub-domain of one */
	struct pv_extension_reading exact_reading, below_reading;
};

static enum pv_class weigh(const struct pv_store *s, uid_t account,
			   const struct pv_extension_reading *reading, struct candidate *c,
			   struct pv_error *e)
{
	struct pv_folder folder;

	enum pv_class r = pv_route_domain(s, account, &reading->domain, &folder, e);
	if (r != PV_OK || folder.fd < 0)
		return r;
	bool below = pv_domain_is_below(&reading->domain, &folder.domain);
	pv_folder_close(&folder);
	if (below && c->below++ == 0)
		c->below_reading = *reading;
	else if (!below && c->exact++ == 0)
		c->exact_reading = *reading;
	return PV_OK;
}

/* Weigh every reading of ext. */
static enum pv_class weigh_all(const struct pv_store *s, uid_t account, struct slice ext, struct candidate *c,
			       bool *any_r, struct pv_error *e)
{
	struct pv_extension_reading reading;
	enum pv_class class = PV_OK;
	size_t from = 0;

	while (class == PV_OK && pv_extension_next(ext.s, ext.len, &from, &reading)) {
		*any_r = true;
		class = weigh(s, account, &reading, c, e);
	}
	return class;
}

/* Where this host's Postfix has another delimiter than ours, a tag stands behind that: `abc--kvt.dk-tag`. */
static enum pv_class weigh_tags(const struct pv_store *s, uid_t account, struct slice ext,
				struct candidate *c, bool *any_r, struct pv_error *e)
{
	enum pv_class class = PV_OK;

	for (size_t i = 1; class == PV_OK && i < ext.len; i++) {
		if (ext.s[i] == PV_DELIMITER || ext.s[i] == '\0' ||
		    strchr(s->conf.recipient_delimiter, ext.s[i]) == NULL)
			continue;
		struct slice front = { .s = ext.s, .len = i };
		class = weigh_all(s, account, front, c, any_r, e);
	}
	return class;
}

/* Read `user--domain` in every way. The maps only ever name a domain itself, so that goes before a sub-domain
 * (a table of 2002 may name one); two of a kind are never chosen between. */
static enum pv_class from_extension(const struct pv_store *s, uid_t account, struct slice ext,
				    struct recipient *r, bool *any_r, struct pv_error *e)
{
	struct candidate c = { .exact = 0 };

	*any_r = false;
	enum pv_class class = weigh_all(s, account, ext, &c, any_r, e);
	if (class == PV_OK && c.exact == 0)
		class = weigh_tags(s, account, ext, &c, any_r, e);
	if (class != PV_OK)
		return class;
	if (c.exact > 1 || (c.exact == 0 && c.below > 1))
		return pv_fail(e, PV_TEMPORARY, "4.3.5",
			       "`%.*s` can be read as two addresses of this account: write user@domain into "
			       "the .forward file",
			       shown(ext), ext.s);
	if (c.exact + c.below == 0)
		return pv_fail(e, PV_TEMPORARY, "4.3.5", "`%.*s` names no domain of this account", shown(ext),
			       ext.s);
	const struct pv_extension_reading *chosen = c.exact > 0 ? &c.exact_reading : &c.below_reading;
	r->to.domain = chosen->domain;
	r->to.local = ext.s;
	r->to.local_len = chosen->has_user ? chosen->user.len : 0;
	return PV_OK;
}

/* `account@...`, `account+user--domain@...`, or an extension of the account's own. */
static enum pv_class from_delivered_to(const struct pv_store *s, uid_t account, const struct hop *h,
				       struct recipient *r, struct pv_error *e)
{
	struct slice local, domain, name, ext = { .s = "", .len = 0 };
	enum pv_class c;
	bool any = false;

	if (!divide(h->recipient, &local, &domain))
		return pv_fail(e, PV_TEMPORARY, "4.3.5",
			       "no recipient: neither an argument nor a Delivered-To on top of the message");
	const char *delimiter = memchr(local.s, PV_DELIMITER, local.len);
	name = local;
	if (delimiter != NULL) {
		name.len = (size_t)(delimiter - local.s);
		ext = (struct slice){ .s = delimiter + 1, .len = local.len - name.len - 1 };
	}
	if ((c = check_extension(ext, e)) != PV_OK)
		return c;
	if (ext.len > 0) {
		c = from_extension(s, account, ext, r, &any, e);
		if (c == PV_OK || any)
			return c;
	}
	r->own = true;
	return pv_user_parse(name.s, name.len, &r->account, e) == PV_OK ? PV_OK : PV_TEMPORARY;
}

/* Does X-Original-To name an address in the domain that `to` is in? */
static bool original_is_ours(const struct pv_store *s, uid_t account, const struct pv_recipient *to,
			     struct slice domain)
{
	struct pv_folder mine, other;
	struct pv_domain d;

	if (pv_domain_parse(domain.s, domain.len, &d, NULL) != PV_OK)
		return false;
	if (pv_domain_equal(&d, &to->domain))
		return true;
	if (pv_route_domain(s, account, &d, &other, NULL) != PV_OK || other.fd < 0)
		return false;
	bool same = pv_route_domain(s, account, &to->domain, &mine, NULL) == PV_OK && mine.fd >= 0 &&
		    pv_domain_equal(&mine.domain, &other.domain);
	pv_folder_close(&mine);
	pv_folder_close(&other);
	return same;
}

static void choose_address(const struct pv_store *s, uid_t account, const struct hop *h, struct recipient *r)
{
	struct slice local, domain;

	if (r->own) {
		(void)snprintf(r->address, sizeof r->address, "%.*s", (int)h->recipient.len, h->recipient.s);
	} else if (h->original.len < sizeof r->address && divide(h->original, &local, &domain) &&
		   original_is_ours(s, account, &r->to, domain)) {
		(void)snprintf(r->address, sizeof r->address, "%.*s", (int)h->original.len, h->original.s);
		if (r->to.local_len == 0) {
			r->to.local = local.s;
			r->to.local_len = local.len;
		}
	} else {
		(void)snprintf(r->address, sizeof r->address, "%.*s@%s", (int)r->to.local_len, r->to.local,
			       r->to.domain.s);
	}
	for (char *p = r->address; *p != '\0'; p++)
		if ((unsigned char)*p < 0x20 || *p == 0x7f)
			*p = '?';
}

enum pv_class recipient_find(const struct pv_store *s, uid_t account, const char *argument,
			     const struct hop *h, struct recipient *r, struct pv_error *e)
{
	r->own = false;
	r->to.local = "";
	r->to.local_len = 0;
	enum pv_class c =
		argument != NULL ? from_argument(argument, r, e) : from_delivered_to(s, account, h, r, e);
	if (c == PV_OK)
		choose_address(s, account, h, r);
	return c;
}
