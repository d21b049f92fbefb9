/* Whether somebody can log in, in words. What a password is, is never said. */
#include "admin.h"

const char *password_words(const char *stored)
{
	static const struct {
		const char *begin, *words;
	} schemes[] = {
		{ "$y$", "hash (yescrypt)" }, { "$gy$", "hash (gost-yescrypt)" },
		{ "$7$", "hash (scrypt)" },   { "$2", "hash (bcrypt)" },
		{ "$6$", "hash (sha512)" },   { "$5$", "hash (sha256)" },
		{ "$1$", "hash (md5)" },      { "$sha1$", "hash (sha1)" },
		{ "$md5", "hash (sunmd5)" },  { "$3$", "hash (nthash)" },
		{ "_", "hash (bsdi)" },
	};

	if (pv_password_kind(stored) == PV_PASSWORD_EMPTY)
		return "none";
	if (pv_password_kind(stored) == PV_PASSWORD_LOCKED)
		return "locked";
	if (!pv_password_is_hash(stored))
		return "plain text, or unknown";
	for (size_t i = 0; i < sizeof schemes / sizeof *schemes; i++)
		if (strncmp(stored, schemes[i].begin, strlen(schemes[i].begin)) == 0)
			return schemes[i].words;
	return "hash (des)";
}

const char *password_fault(const struct pv_store *s, const char *stored)
{
	enum pv_password_kind kind = pv_password_kind(stored);

	if (kind == PV_PASSWORD_EMPTY)
		return "it has no password: postfix-virtual user password";
	if (kind == PV_PASSWORD_LOCKED)
		return "the password is locked: postfix-virtual user password gives another one";
	if (!pv_password_is_hash(stored) && !s->conf.plain_text_passwords)
		return "the password is no hash that this host knows, and plain_text_passwords = no";
	return NULL;
}
