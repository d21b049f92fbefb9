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

/* `"a \"b"` is a "b. A tag that needs quotes puts them around the whole local part:
 * "account+user--domain+a tag". False: it is longer than room. */
static bool unquote(struct slice *local, char *room, size_t size)
{
	size_t len = 0;

	if (local->len < 2 || local->s[0] != '"' || local->s[local->len - 1] != '"')
		return true;
	if (local->len > size)
		return false;
	for (size_t i = 1; i < local->len - 1; i++) {
		if (local->s[i] == '\\' && i + 1 < local->len - 1)
			i++;
		room[len++] = local->s[i];
	}
	*local = (struct slice){ .s = room, .len = len };
	return true;
}

static enum pv_class from_argument(const char *argument, struct recipient *r, struct pv_error *e)
{
	struct slice local, domain, all = { .s = argument, .len = strlen(argument) };

	if (!divide(all, &local, &domain) || local.len == 0)
		return pv_fail(e, PV_TEMPORARY, "4.3.5", "the argument `%.200s` is not user@domain",
			       argument);
	if (!unquote(&local, r->unquoted, sizeof r->unquoted))
		return pv_fail(e, PV_TEMPORARY, "4.3.5", "the argument `%.200s` is too long", argument);
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

	if (said == NULL || said[0] == '\0')
		return PV_OK;
	size_t i = 0;
	while (i < value.len && (unsigned char)value.s[i] < 0x80 && said[i] != '\0') {
		char a = value.s[i], b = said[i];
		pv_extension_fold(&a, 1);
		pv_extension_fold(&b, 1);
		if (a != b)
			break;
		i++;
	}
	/* A letter beyond ASCII stands in a tag, and Postfix may have made it longer or shorter. */
	bool beyond = i < value.len && (unsigned char)value.s[i] >= 0x80;
	if (beyond || (i == value.len && said[i] == '\0'))
		return PV_OK;
	return pv_fail(e, PV_TEMPORARY, "4.3.5",
		       "Delivered-To says `%.*s`, but the environment's EXTENSION is `%.200s`", shown(value),
		       value.s, said);
}

/* How much a reading of `user--domain` that names a domain of this account is worth. Our tables only ever
 * name a domain itself, with the tag behind it; those of 2002 put the tag in front, and name sub-domains. */
enum worth { OURS, TAG_IN_FRONT, BELOW, WORTHS };

struct candidates {
	unsigned count[WORTHS];
	struct pv_extension_reading first[WORTHS];
	struct slice original;	 /* the domain in X-Original-To */
	unsigned as_in_original; /* of those that are OURS, how many name that */
	struct pv_extension_reading original_reading;
};

static enum pv_class weigh(const struct pv_store *s, uid_t account,
			   const struct pv_extension_reading *reading, struct candidates *c,
			   struct pv_error *e)
{
	struct pv_folder folder;

	enum pv_class r = pv_route_domain(s, account, &reading->domain, &folder, e);
	if (r != PV_OK || folder.fd < 0)
		return r;
	enum worth worth = pv_domain_is_below(&reading->domain, &folder.domain) ? BELOW
			   : reading->tag_in_front				? TAG_IN_FRONT
										: OURS;
	pv_folder_close(&folder);
	if (c->count[worth]++ == 0)
		c->first[worth] = *reading;
	if (worth == OURS && c->original.s != NULL && reading->domain.len == c->original.len &&
	    strncasecmp(reading->domain.s, c->original.s, c->original.len) == 0 && c->as_in_original++ == 0)
		c->original_reading = *reading;
	return PV_OK;
}

/* Weigh every reading of ext; tag: what stood behind it. */
static enum pv_class weigh_all(const struct pv_store *s, uid_t account, struct slice ext, struct slice tag,
			       struct candidates *c, bool *any_r, struct pv_error *e)
{
	struct pv_extension_reading reading;
	enum pv_class class = PV_OK;
	size_t from = 0;

	while (class == PV_OK && pv_extension_next(ext.s, ext.len, &from, &reading)) {
		*any_r = true;
		if (tag.s != NULL) {
			reading.tag = tag.s;
			reading.tag_len = tag.len;
		}
		class = weigh(s, account, &reading, c, e);
	}
	return class;
}

/* Where this host's Postfix has another delimiter than ours, a tag stands behind that: `abc--kvt.dk-tag`. */
static enum pv_class weigh_tags(const struct pv_store *s, uid_t account, struct slice ext,
				struct candidates *c, bool *any_r, struct pv_error *e)
{
	enum pv_class class = PV_OK;

	/* What stands behind one of ours is a tag in any case. */
	for (size_t i = 1; class == PV_OK && i < ext.len && ext.s[i] != PV_DELIMITER; i++) {
		if (ext.s[i] == '\0' || strchr(s->conf.recipient_delimiter, ext.s[i]) == NULL)
			continue;
		const struct slice front = { .s = ext.s, .len = i };
		const struct slice tag = { .s = ext.s + i + 1, .len = ext.len - i - 1 };
		class = weigh_all(s, account, front, tag, c, any_r, e);
	}
	return class;
}

/* Two of equal worth are never chosen between, unless it is a tag of the sender's that makes the second: then
 * the address that he wrote decides. */
static const struct pv_extension_reading *choose(const struct candidates *c)
{
	for (size_t worth = 0; worth < WORTHS; worth++) {
		if (c->count[worth] == 1)
			return &c->first[worth];
		if (c->count[worth] > 1)
			return worth == OURS && c->as_in_original == 1 ? &c->original_reading : NULL;
	}
	return NULL;
}

/* user, and behind his delimiter the tag, if there was one. */
static void take_local(const struct pv_extension_reading *reading, struct slice ext, struct recipient *r)
{
	size_t user = reading->has_user ? reading->user.len : 0, tag = reading->tag_len + 1;

	r->to.local = ext.s;
	r->to.local_len = user;
	if (user == 0 || reading->tag == NULL || user + tag > sizeof r->tagged)
		return;
	memcpy(r->tagged, ext.s, user);
	memcpy(r->tagged + user, reading->tag - 1, tag);
	r->to.local = r->tagged;
	r->to.local_len = user + tag;
}

/* Read `user--domain` in every way. */
static enum pv_class from_extension(const struct pv_store *s, uid_t account, struct slice ext,
				    const struct hop *h, struct recipient *r, bool *any_r, struct pv_error *e)
{
	bool other_delimiters = s->conf.recipient_delimiter[strspn(s->conf.recipient_delimiter, "+")] != '\0';
	struct candidates c = { .original = { .s = NULL } };
	struct slice local;

	*any_r = false;
	if (other_delimiters && !divide(h->original, &local, &c.original))
		c.original.len = 0;
	enum pv_class class = weigh_all(s, account, ext, (struct slice){ .s = NULL }, &c, any_r, e);
	if (class == PV_OK && other_delimiters)
		class = weigh_tags(s, account, ext, &c, any_r, e);
	if (class != PV_OK)
		return class;
	if (c.count[OURS] + c.count[TAG_IN_FRONT] + c.count[BELOW] == 0)
		return pv_fail(e, PV_TEMPORARY, "4.3.5", "`%.*s` names no domain of this account", shown(ext),
			       ext.s);
	const struct pv_extension_reading *chosen = choose(&c);
	if (chosen == NULL)
		return pv_fail(e, PV_TEMPORARY, "4.3.5",
			       "`%.*s` can be read as two addresses of this account: write user@domain into "
			       "the .forward file",
			       shown(ext), ext.s);
	r->to.domain = chosen->domain;
	take_local(chosen, ext, r);
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
	if (!unquote(&local, r->unquoted, sizeof r->unquoted))
		return pv_fail(e, PV_TEMPORARY, "4.3.5",
			       "the Delivered-To on top of the message is too long");
	const char *delimiter = memchr(local.s, PV_DELIMITER, local.len);
	name = local;
	if (delimiter != NULL) {
		name.len = (size_t)(delimiter - local.s);
		ext = (struct slice){ .s = delimiter + 1, .len = local.len - name.len - 1 };
	}
	if ((c = check_extension(ext, e)) != PV_OK)
		return c;
	if (ext.len > 0) {
		c = from_extension(s, account, ext, h, r, &any, e);
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

/* The name up to its tag. */
static size_t without_tag(const struct pv_store *s, const struct pv_recipient *to)
{
	size_t len = 0;

	while (len < to->local_len &&
	       (to->local[len] == '\0' || strchr(s->conf.recipient_delimiter, to->local[len]) == NULL))
		len++;
	return len;
}

/* Postfix may have taken the tag off the inner address (propagate_unmatched_extensions). */
static bool adds_tag(const struct pv_store *s, const struct pv_recipient *to, struct slice original)
{
	return original.len > to->local_len && strncasecmp(original.s, to->local, to->local_len) == 0 &&
	       original.s[to->local_len] != '\0' &&
	       strchr(s->conf.recipient_delimiter, original.s[to->local_len]) != NULL &&
	       without_tag(s, to) == to->local_len;
}

static void choose_address(const struct pv_store *s, uid_t account, const char *argument, const struct hop *h,
			   struct recipient *r)
{
	const struct slice said = { .s = argument, .len = argument != NULL ? strlen(argument) : 0 };
	struct slice local, domain;

	if (r->own) {
		(void)snprintf(r->address, sizeof r->address, "%.*s", (int)h->recipient.len, h->recipient.s);
	} else if (h->original.len < sizeof r->address && divide(h->original, &local, &domain) &&
		   original_is_ours(s, account, &r->to, domain)) {
		(void)snprintf(r->address, sizeof r->address, "%.*s", (int)h->original.len, h->original.s);
		/* It is shorter than address, so there is room. */
		(void)unquote(&local, r->plain, sizeof r->plain);
		if (r->to.local_len == 0 || adds_tag(s, &r->to, local)) {
			r->to.local = local.s;
			r->to.local_len = local.len;
		}
	} else if (divide(said, &local, &domain)) {
		(void)snprintf(r->address, sizeof r->address, "%.*s@%s", (int)local.len, local.s,
			       r->to.domain.s);
	} else {
		size_t len = r->to.local == r->tagged ? without_tag(s, &r->to) : r->to.local_len;
		(void)snprintf(r->address, sizeof r->address, "%.*s@%s", (int)len, r->to.local,
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
		choose_address(s, account, argument, h, r);
	return c;
}
