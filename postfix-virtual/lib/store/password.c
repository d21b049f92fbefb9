#include "store/password.h"

#include "base/random.h"

#include <crypt.h>
#include <errno.h>

static const char hash_letters[] = "./0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";

static enum pv_class check_plain(const char *plain, struct pv_error *e)
{
	if (*plain == '\0')
		return pv_fail(e, PV_PERMANENT, "5.7.0", "an empty password is not taken");
	if (strlen(plain) > PV_PASSWORD_MAX)
		return pv_fail(e, PV_PERMANENT, "5.7.0", "the password is longer than %d bytes",
			       PV_PASSWORD_MAX);
	for (const char *p = plain; *p != '\0'; p++)
		if ((unsigned char)*p < 0x20 || *p == 0x7f)
			return pv_fail(e, PV_PERMANENT, "5.7.0",
				       "the password holds a control character (a tab, a line's end ...)");
	return PV_OK;
}

/* crypt(3) with memory of its own, which is wiped. *out is empty where there is no result. */
static enum pv_class run_crypt(const char *plain, const char *setting, char out[PV_PASSWORD_HASH_SIZE],
			       struct pv_error *e)
{
	struct crypt_data *data = calloc(1, sizeof *data);

	out[0] = '\0';
	if (data == NULL)
		return pv_fail(e, PV_TEMPORARY, "4.3.0", "no memory for a password's hash");
	errno = 0;
	const char *result = crypt_rn(plain, setting, data, (int)sizeof *data);
	int err = errno;
	if (result != NULL && result[0] != '*')
		(void)snprintf(out, PV_PASSWORD_HASH_SIZE, "%s", result);
	explicit_bzero(data, sizeof *data);
	free(data);
	if (out[0] == '\0' && err == ENOMEM)
		return pv_fail_errno(e, PV_TEMPORARY, "4.3.0", err, "hash a password");
	return PV_OK;
}

enum pv_class pv_password_hash(const char *plain, char hash[PV_PASSWORD_HASH_SIZE], struct pv_error *e)
{
	char salt[16], setting[CRYPT_GENSALT_OUTPUT_SIZE];

	hash[0] = '\0';
	enum pv_class c = check_plain(plain, e);
	if (c == PV_OK)
		c = pv_random_bytes(salt, sizeof salt, e);
	if (c != PV_OK)
		return c;
	if (crypt_gensalt_rn("$y$", 0, salt, sizeof salt, setting, sizeof setting) == NULL)
		return pv_fail_errno(e, PV_TEMPORARY, "4.3.0", errno, "make a salt for yescrypt");
	c = run_crypt(plain, setting, hash, e);
	if (c == PV_OK && hash[0] == '\0')
		c = pv_fail(e, PV_TEMPORARY, "4.3.0", "yescrypt gave no hash: this host's libcrypt lacks it");
	return c;
}

static bool never_matches(const char *stored)
{
	return stored[0] == '\0' || stored[0] == '*' || stored[0] == '!' || strcmp(stored, "x") == 0;
}

/* Both lengths are no secret; the bytes are. */
static bool equal_in_constant_time(const char *a, const char *b)
{
	size_t len = strlen(a);
	volatile unsigned char different = 0;

	if (len != strlen(b))
		return false;
	for (size_t i = 0; i < len; i++)
		different |= (unsigned char)(a[i] ^ b[i]);
	return different == 0;
}

enum pv_class pv_password_check(const char *stored, const char *plain, bool plain_text, bool *match_r,
				struct pv_error *e)
{
	char hash[PV_PASSWORD_HASH_SIZE];

	*match_r = false;
	if (never_matches(stored) || strlen(plain) > PV_PASSWORD_MAX)
		return PV_OK;
	if (!pv_password_is_hash(stored)) {
		*match_r = plain_text && equal_in_constant_time(stored, plain);
		return PV_OK;
	}
	enum pv_class c = run_crypt(plain, stored, hash, e);
	/* It has the shape of a hash: so it is damaged, or (libcrypt says the same) too large. */
	if (c == PV_OK && hash[0] == '\0')
		c = pv_fail(
			e, PV_TEMPORARY, "4.3.5",
			"the stored hash cannot be used: it is damaged, or asks for more memory than it may: "
			"give the user a new password");
	if (c == PV_OK)
		*match_r = equal_in_constant_time(stored, hash);
	explicit_bzero(hash, sizeof hash);
	return c;
}

/*
 * How long the last field of a hash is, by scheme. The work itself is not done: a hash may
 * ask for an hour of it.
 */
static const struct {
	const char *prefix;
	size_t last; /* characters behind the last `$`; with no `$` behind the prefix, of the whole rest */
	unsigned dollars; /* at least so many `$` behind the prefix */
} schemes[] = {
	{ "$y$", 43, 2 },    { "$gy$", 43, 2 }, { "$7$", 43, 1 },  { "$2a$", 53, 1 }, { "$2b$", 53, 1 },
	{ "$2x$", 53, 1 },   { "$2y$", 53, 1 }, { "$6$", 86, 1 },  { "$5$", 43, 1 },  { "$1$", 22, 1 },
	{ "$sha1$", 28, 2 }, { "$md5", 22, 1 }, { "$3$$", 32, 0 }, { "_", 19, 0 },
};

static bool has_shape(const char *s)
{
	for (size_t i = 0; i < sizeof schemes / sizeof *schemes; i++) {
		size_t n = strlen(schemes[i].prefix);
		if (strncmp(s, schemes[i].prefix, n) != 0)
			continue;
		const char *last = s + n;
		unsigned dollars = 0;
		for (const char *p; (p = strchr(last, '$')) != NULL; last = p + 1)
			dollars++;
		return dollars >= schemes[i].dollars && strlen(last) == schemes[i].last &&
		       strspn(last, hash_letters) == schemes[i].last;
	}
	return strlen(s) == 13 && strspn(s, hash_letters) == 13;
}

bool pv_password_is_hash(const char *s)
{
	for (const char *p = s; *p != '\0'; p++)
		if ((unsigned char)*p <= 0x20 || (unsigned char)*p > 0x7e || *p == ':')
			return false;
	if (never_matches(s) || strlen(s) >= PV_PASSWORD_HASH_SIZE || !has_shape(s))
		return false;
	int known = crypt_checksalt(s);
	return known == CRYPT_SALT_OK || known == CRYPT_SALT_METHOD_LEGACY || known == CRYPT_SALT_TOO_CHEAP;
}

bool pv_password_is_weak(const char *stored)
{
	static const char *const strong[] = { "$y$", "$gy$", "$7$", "$2a$", "$2b$", "$2y$", "$6$" };

	for (size_t i = 0; i < sizeof strong / sizeof *strong; i++)
		if (strncmp(stored, strong[i], strlen(strong[i])) == 0)
			return !pv_password_is_hash(stored);
	return true;
}

/* A hash of traditional DES has no mark of its own: `abcdefghijklm` is one, and a password. */
enum pv_password_kind pv_password_kind(const char *stored)
{
	if (stored[0] == '\0')
		return PV_PASSWORD_EMPTY;
	if (never_matches(stored))
		return PV_PASSWORD_LOCKED;
	bool is_hash = pv_password_is_hash(stored);
	if (is_hash && stored[0] == '$')
		return PV_PASSWORD_HASHED;
	return is_hash || stored[0] == '$' || stored[0] == '{' ? PV_PASSWORD_UNCLEAR : PV_PASSWORD_PLAIN;
}

enum pv_class pv_password_random(char out[PV_PASSWORD_RANDOM_SIZE], struct pv_error *e)
{
	static const char letters[] = "abcdefghijkmnpqrstuvwxyz23456789"; /* 32: five bits each, no bias */
	unsigned char bytes[15];
	size_t to = 0;

	_Static_assert(sizeof letters - 1 == 32, "a letter is five bits");
	out[0] = '\0';
	enum pv_class c = pv_random_bytes(bytes, sizeof bytes, e);
	if (c != PV_OK)
		return c;
	for (size_t i = 0; i < sizeof bytes; i++) {
		if (i > 0 && i % 5 == 0)
			out[to++] = '-';
		out[to++] = letters[bytes[i] & 31];
	}
	out[to] = '\0';
	explicit_bzero(bytes, sizeof bytes);
	return PV_OK;
}
