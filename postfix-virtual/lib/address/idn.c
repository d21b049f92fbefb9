#include "address/idn.h"

#include <idn2.h>

enum pv_class pv_idn_domain(const char *text, struct pv_domain *d, struct pv_error *e)
{
	char *ascii = NULL;
	size_t len = strlen(text);
	char copy[1024];

	if (len > 1 && text[len - 1] == '.' && text[len - 2] != '.')
		len--;
	if (len >= sizeof copy)
		return pv_domain_parse(text, len, d, e);
	memcpy(copy, text, len);
	copy[len] = '\0';
	int r = idn2_to_ascii_8z(copy, &ascii, IDN2_NFC_INPUT | IDN2_NONTRANSITIONAL);
	if (r != IDN2_OK) {
		/* Plain ASCII gets our own, clearer reason. */
		struct pv_domain unused;
		if (pv_domain_parse(copy, len, &unused, e) == PV_PERMANENT && e != NULL &&
		    strspn(copy, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789.-_") == len)
			return PV_PERMANENT;
		return pv_fail(e, PV_PERMANENT, "5.1.2", "`%.80s` cannot be a domain: %s", copy,
			       idn2_strerror(r));
	}
	enum pv_class c = pv_domain_parse(ascii, strlen(ascii), d, e);
	idn2_free(ascii);
	return c;
}

enum pv_class pv_idn_address(const char *text, struct pv_address *a, struct pv_error *e)
{
	const char *at = strrchr(text, '@');
	struct pv_address made;

	if (at == NULL)
		return pv_fail(e, PV_PERMANENT, "5.1.3", "`%.80s` is not user@domain", text);
	enum pv_class c = pv_user_parse(text, (size_t)(at - text), &made.user, e);
	if (c == PV_OK)
		c = pv_idn_domain(at + 1, &made.domain, e);
	if (c == PV_OK)
		*a = made;
	return c;
}
