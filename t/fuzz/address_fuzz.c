/*
 * address_fuzz.c: whatever bytes come, what is accepted as a user, domain or address obeys
 * the grammar, which is written down here a second time, independent of the library's words.
 */
#include "address/address.h"
#include "t/fuzz/require.h"

#include <stdint.h>

static bool one_of(char c, const char *more)
{
	return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || (c != '\0' && strchr(more, c) != NULL);
}

static void user_is_sound(const struct pv_user *u)
{
	require(u->len >= 1 && u->len <= PV_USER_MAX && strlen(u->s) == u->len);
	require(one_of(u->s[0], "_") && u->s[u->len - 1] != '.');
	require(strstr(u->s, "..") == NULL);
	for (size_t i = 0; i < u->len; i++)
		require(one_of(u->s[i], "._-"));
}

static void domain_is_sound(const struct pv_domain *d)
{
	struct pv_domain up;

	require(d->len >= 3 && d->len <= PV_DOMAIN_MAX && strlen(d->s) == d->len);
	require(strchr(d->s, '.') != NULL && strstr(d->s, "..") == NULL);
	require(one_of(d->s[0], "") && one_of(d->s[d->len - 1], ""));
	for (size_t i = 0; i < d->len; i++)
		require(one_of(d->s[i], ".-"));
	if (pv_domain_parent(d, &up))
		require(pv_domain_is_below(d, &up) && !pv_domain_is_below(&up, d));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct pv_error e;
	struct pv_user u;
	struct pv_domain d;
	struct pv_address a;
	const char *s = (const char *)data;

	if (pv_user_parse(s, size, &u, &e) == PV_OK)
		user_is_sound(&u);
	if (pv_domain_parse(s, size, &d, &e) == PV_OK)
		domain_is_sound(&d);
	if (pv_address_parse(s, size, &a, &e) == PV_OK) {
		user_is_sound(&a.user);
		domain_is_sound(&a.domain);
		require((size_t)a.user.len + 1 + a.domain.len == size);
	}
	return 0;
}
