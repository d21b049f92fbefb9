#include "address/address.h"

static char lower(char c)
{
	if (c >= 'A' && c <= 'Z')
		return (char)(c - 'A' + 'a');
	return c;
}

static bool is_digit(char c)
{
	return c >= '0' && c <= '9';
}

static bool is_alnum(char c)
{
	return (c >= 'a' && c <= 'z') || is_digit(c);
}

static bool ends_with(const char *s, size_t len, const char *suffix)
{
	size_t n = strlen(suffix);

	return len >= n && memcmp(s + len - n, suffix, n) == 0;
}

/* How much of an input a sentence quotes. */
static int quoted(size_t len)
{
	return len > 80 ? 80 : (int)len;
}

static const char *user_fault(const char *s, size_t len)
{
	static const char *const reserved[] = { ".lock",     ".new", ".tmp",	 ".auto",
						".vacation", ".db",  ".journal", ".msg" };

	if (len == 0)
		return "it is empty";
	if (len > PV_USER_MAX)
		return "it is longer than 64 bytes";
	if (!is_alnum(s[0]) && s[0] != '_')
		return "it must begin with a letter, a digit or `_`";
	for (size_t i = 0; i < len; i++) {
		if (!is_alnum(s[i]) && s[i] != '.' && s[i] != '_' && s[i] != '-')
			return "only letters, digits, `.`, `_` and `-` may stand in it";
		if (s[i] == '.' && (i + 1 == len || s[i + 1] == '.'))
			return i + 1 == len ? "it ends in a dot" : "it has two dots in a row";
	}
	for (size_t i = 0; i < sizeof reserved / sizeof *reserved; i++)
		if (ends_with(s, len, reserved[i]))
			return "it ends like a file of a mail program (.lock .new .tmp .auto .vacation .db "
			       ".journal .msg)";
	return NULL;
}

enum pv_class pv_user_parse(const char *s, size_t len, struct pv_user *u, struct pv_error *e)
{
	struct pv_user made = { .len = 0 };
	const char *fault = len > PV_USER_MAX ? user_fault("x", PV_USER_MAX + 1) : NULL;

	if (fault == NULL) {
		for (size_t i = 0; i < len; i++)
			made.s[i] = lower(s[i]);
		made.len = (unsigned char)len;
		fault = user_fault(made.s, len);
	}
	if (fault != NULL)
		return pv_fail(e, PV_PERMANENT, "5.1.3", "`%.*s` cannot be a user's name: %s", quoted(len), s,
			       fault);
	*u = made;
	return PV_OK;
}

static const char *label_fault(const char *label, size_t len)
{
	if (len == 0)
		return "a part between dots is empty";
	if (len > 63)
		return "a part between dots is longer than 63 bytes";
	if (label[0] == '-' || label[len - 1] == '-')
		return "a part between dots begins or ends with `-`";
	for (size_t i = 0; i < len; i++)
		if (!is_alnum(label[i]) && label[i] != '-')
			return "only letters, digits, `-` and dots may stand in it";
	return NULL;
}

static const char *domain_fault(const char *s, size_t len)
{
	static const char *const reserved[] = { ".conf", ".lock", ".invalid" };
	unsigned labels = 0;

	for (size_t at = 0;; labels++) {
		const char *dot = memchr(s + at, '.', len - at);
		size_t n = dot != NULL ? (size_t)(dot - s) - at : len - at;
		const char *fault = label_fault(s + at, n);
		if (fault != NULL)
			return fault;
		if (dot == NULL) {
			size_t digits = 0;
			while (digits < n && is_digit(s[at + digits]))
				digits++;
			if (digits == n)
				return "it is a number, not a name";
			break;
		}
		at += n + 1;
	}
	if (labels == 0)
		return "it needs two parts or more, like example.org";
	for (size_t i = 0; i < sizeof reserved / sizeof *reserved; i++)
		if (ends_with(s, len, reserved[i]))
			return "names below .conf, .lock and .invalid are reserved";
	return NULL;
}

enum pv_class pv_domain_parse(const char *s, size_t len, struct pv_domain *d, struct pv_error *e)
{
	struct pv_domain made = { .len = 0 };
	const char *fault = len > PV_DOMAIN_MAX ? "it is longer than 253 bytes" : NULL;

	if (fault == NULL) {
		for (size_t i = 0; i < len; i++)
			made.s[i] = lower(s[i]);
		made.len = (unsigned char)len;
		fault = domain_fault(made.s, len);
	}
	if (fault != NULL)
		return pv_fail(e, PV_PERMANENT, "5.1.2", "`%.*s` cannot be a domain: %s", quoted(len), s,
			       fault);
	*d = made;
	return PV_OK;
}

enum pv_class pv_address_parse(const char *s, size_t len, struct pv_address *a, struct pv_error *e)
{
	const char *at = memrchr(s, '@', len);
	struct pv_address made;
	enum pv_class c;

	if (at == NULL)
		return pv_fail(e, PV_PERMANENT, "5.1.3", "`%.*s` is not user@domain", quoted(len), s);
	size_t user_len = (size_t)(at - s);
	if ((c = pv_user_parse(s, user_len, &made.user, e)) != PV_OK)
		return c;
	if ((c = pv_domain_parse(at + 1, len - user_len - 1, &made.domain, e)) != PV_OK)
		return c;
	*a = made;
	return PV_OK;
}

const struct pv_domain pv_domain_host = { .len = sizeof "host-addresses" - 1, .s = "host-addresses" };

bool pv_user_equal(const struct pv_user *a, const struct pv_user *b)
{
	return a->len == b->len && memcmp(a->s, b->s, a->len) == 0;
}

bool pv_domain_equal(const struct pv_domain *a, const struct pv_domain *b)
{
	return a->len == b->len && memcmp(a->s, b->s, a->len) == 0;
}

bool pv_domain_is_below(const struct pv_domain *sub, const struct pv_domain *parent)
{
	return sub->len > parent->len + 1U && sub->s[sub->len - parent->len - 1] == '.' &&
	       memcmp(sub->s + sub->len - parent->len, parent->s, parent->len) == 0;
}

bool pv_domain_parent(const struct pv_domain *d, struct pv_domain *up)
{
	const char *dot = memchr(d->s, '.', d->len);
	struct pv_domain made = { .len = 0 };

	if (dot == NULL)
		return false;
	made.len = (unsigned char)(d->len - (dot + 1 - d->s));
	memcpy(made.s, dot + 1, made.len);
	if (memchr(made.s, '.', made.len) == NULL)
		return false;
	*up = made;
	return true;
}
