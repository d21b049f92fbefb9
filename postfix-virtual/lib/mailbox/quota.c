#include "mailbox/usage.h"

/* What of the limits of its own would the mailbox pass? */
static enum pv_over own_limit(const struct pv_quota *q, const struct pv_usage *after)
{
	if (q->bytes > 0 && after->bytes > q->bytes)
		return PV_OVER_BYTES;
	return q->messages > 0 && after->messages > q->messages ? PV_OVER_MESSAGES : PV_OVER_NOTHING;
}

/* Over it by what deliveries have noted, it is over it only if every file says so. */
static enum pv_class domain_limit(const struct pv_quota *q, uid_t uid, uint64_t size,
				  struct pv_quota_state *s, struct pv_error *e)
{
	enum pv_class c = PV_OK;

	s->over = PV_OVER_DOMAIN;
	for (int anew = 0; c == PV_OK && s->over == PV_OVER_DOMAIN && anew < 2; anew++) {
		c = pv_usage_of_folder(q->domain_folder, uid, anew == 1, &s->domain_before, e);
		if (c == PV_OK && s->domain_before + size <= q->domain_bytes)
			s->over = PV_OVER_NOTHING;
	}
	if (c != PV_OK)
		s->over = PV_OVER_NOTHING;
	return c;
}

static enum pv_class compare(const struct pv_quota *q, uid_t uid, uint64_t size, struct pv_quota_state *s,
			     struct pv_error *e)
{
	s->after = (struct pv_usage){ .bytes = s->before.bytes + size, .messages = s->before.messages + 1 };
	s->admitted = q->exempt || size <= PV_QUOTA_EXEMPT_BYTES;
	s->over = own_limit(q, &s->after);
	if (s->over == PV_OVER_NOTHING && q->domain_bytes > 0)
		return domain_limit(q, uid, size, s, e);
	return PV_OK;
}

static enum pv_class refuse(const struct pv_quota *q, const char *path, const struct pv_quota_state *s,
			    struct pv_error *e)
{
	enum pv_class class = q->refuse ? PV_PERMANENT : PV_TEMPORARY;
	const char *status = q->refuse ? "5.2.2" : "4.2.2";

	if (s->over == PV_OVER_BYTES)
		return pv_fail(e, class, status,
			       "mailbox %s is full: %llu bytes, and with this message over %llu", path,
			       (unsigned long long)s->before.bytes, (unsigned long long)q->bytes);
	if (s->over == PV_OVER_MESSAGES)
		return pv_fail(e, class, status, "mailbox %s is full: it holds %llu messages of %llu", path,
			       (unsigned long long)s->before.messages, (unsigned long long)q->messages);
	return pv_fail(
		e, class, status,
		"the domain of mailbox %s has no room left: %llu bytes, and with this message over %llu",
		path, (unsigned long long)s->domain_before, (unsigned long long)q->domain_bytes);
}

enum pv_class pv_quota_judge(const struct pv_quota *q, const struct pv_location *where, uid_t uid,
			     uint64_t size, struct pv_quota_state *s, struct pv_error *e)
{
	enum pv_class c = compare(q, uid, size, s, e);

	if (c != PV_OK || s->over == PV_OVER_NOTHING || s->admitted)
		return c;
	return refuse(q, where->path, s, e);
}

enum pv_class pv_quota_look(const struct pv_quota *q, const struct pv_location *where, uid_t uid,
			    uint64_t size, struct pv_quota_state *s, struct pv_error *e)
{
	*s = (struct pv_quota_state){ .over = PV_OVER_NOTHING };
	if (pv_quota_asks(q)) {
		enum pv_class c = pv_usage_of(where, q->messages > 0, &s->before, e);
		if (c != PV_OK)
			return c;
	}
	return compare(q, uid, size, s, e);
}

static unsigned percent(uint64_t part, uint64_t of)
{
	if (of == 0)
		return 0;
	uint64_t all = part > UINT64_MAX / 100 ? part / (of / 100 + 1) : part * 100 / of;
	return all > 9999 ? 9999 : (unsigned)all;
}

unsigned pv_quota_percent(const struct pv_quota *q, const struct pv_usage *u)
{
	unsigned bytes = percent(u->bytes, q->bytes), messages = percent(u->messages, q->messages);

	return bytes > messages ? bytes : messages;
}

unsigned pv_quota_domain_percent(const struct pv_quota *q, uint64_t bytes)
{
	return percent(bytes, q->domain_bytes);
}
