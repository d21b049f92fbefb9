#include "address/extension.h"

enum pv_class pv_extension_format(const struct pv_user *u, const struct pv_domain *d,
				  char out[PV_EXTENSION_SIZE], struct pv_error *e)
{
	out[0] = '\0';
	if (u->len + 2 + d->len > PV_EXTENSION_MAX)
		return pv_fail(e, PV_PERMANENT, "5.1.3",
			       "%s@%.100s is too long: user and domain together may have %d bytes", u->s,
			       d->s, PV_EXTENSION_MAX - 2);
	memcpy(out, u->s, u->len);
	memcpy(out + u->len, "--", 2);
	memcpy(out + u->len + 2, d->s, d->len + 1);
	return PV_OK;
}

/* The first delimiter within what can still be a name of at most `longest` bytes: not further,
 * so that a long input costs its length and not the square of it. */
static const char *find_delimiter(const char *s, size_t len, size_t longest)
{
	return memchr(s, PV_DELIMITER, len < longest + 1 ? len : longest + 1);
}

/* Read ext with the `--` at `at` as the divider. */
static bool read_at(const char *ext, size_t len, size_t at, struct pv_extension_reading *r)
{
	const char *domain = ext + at + 2;
	size_t domain_len = len - at - 2, user_len = at;
	const char *behind = find_delimiter(domain, domain_len, PV_DOMAIN_MAX);
	const char *inside = find_delimiter(ext, user_len, PV_USER_MAX);

	*r = (struct pv_extension_reading){ .has_user = user_len != 0 };
	if (behind != NULL) {
		r->tag = behind + 1;
		r->tag_len = (size_t)(ext + len - r->tag);
		domain_len = (size_t)(behind - domain);
	} else if (inside != NULL) {
		r->tag_in_front = true;
		r->tag = inside + 1;
		r->tag_len = (size_t)(ext + at - r->tag);
		user_len = (size_t)(inside - ext);
	}
	if (pv_domain_parse(domain, domain_len, &r->domain, NULL) != PV_OK)
		return false;
	return !r->has_user || pv_user_parse(ext, user_len, &r->user, NULL) == PV_OK;
}

bool pv_extension_next(const char *ext, size_t len, size_t *from, struct pv_extension_reading *r)
{
	for (size_t at = *from; at + 2 < len; at++) {
		if (ext[at] == '-' && ext[at + 1] == '-' && read_at(ext, len, at, r)) {
			*from = at + 1;
			return true;
		}
	}
	*from = len;
	return false;
}

void pv_extension_fold(char *s, size_t len)
{
	for (size_t i = 0; i < len; i++) {
		char c = s[i];
		if (c >= 'A' && c <= 'Z')
			s[i] = (char)(c - 'A' + 'a');
		else if (!((c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') ||
			   (c != '\0' && strchr("!@%-_=+:,./", c) != NULL)))
			s[i] = '_';
	}
}
