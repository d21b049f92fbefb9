/* How much work a hash asks for, by what stands in it: the work itself is not done. */
#include "store/password.h"

#include <stdlib.h>
#include <string.h>

static const char letters[] = "./0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";

/* The number of a letter in crypt(3)'s base 64; 64 where it is none. */
static unsigned value(char c)
{
	const char *p = c != '\0' ? strchr(letters, c) : NULL;

	return p != NULL ? (unsigned)(p - letters) : 64;
}

/* Rounds that stand behind `mark`, or none there. */
static bool rounds_are_few(const char *s, const char *mark, unsigned long most)
{
	size_t n = strlen(mark);

	return strncmp(s, mark, n) != 0 || strtoul(s + n, NULL, 10) <= most;
}

/* `$y$j9T$`: three letters: flags, the logarithm of N, and r; anything more asks for something unusual. */
static bool yescrypt_is_light(const char *s)
{
	return s[0] == 'j' && value(s[1]) <= value('B') && value(s[2]) <= value('T') && s[3] == '$';
}

/* `$7$CU..../....`: N, and r and p of five letters each, the least significant first. */
static bool scrypt_is_light(const char *s)
{
	return value(s[0]) <= value('C') && value(s[1]) <= value('U') && strncmp(s + 2, "..../....", 9) == 0;
}

/* `$2y$12$`: the logarithm of the rounds. */
static bool bcrypt_is_light(const char *s)
{
	return strtoul(s, NULL, 10) <= 12;
}

/* `_J9..`: 24 bits of rounds, the least significant letter first. */
static bool bsdi_is_light(const char *s)
{
	unsigned long rounds = 0;

	for (unsigned i = 4; i-- > 0;)
		rounds = rounds * 64 + value(s[i]);
	return rounds <= 500000;
}

bool pv_password_is_light(const char *hash)
{
	if (!pv_password_is_hash(hash))
		return false;
	if (hash[0] == '_')
		return bsdi_is_light(hash + 1);
	if (hash[0] != '$')
		return true;
	if (strncmp(hash, "$y$", 3) == 0)
		return yescrypt_is_light(hash + 3);
	if (strncmp(hash, "$gy$", 4) == 0)
		return yescrypt_is_light(hash + 4);
	if (strncmp(hash, "$7$", 3) == 0)
		return scrypt_is_light(hash + 3);
	if (hash[1] == '2')
		return bcrypt_is_light(hash + 4);
	return rounds_are_few(hash, "$5$rounds=", 700000) && rounds_are_few(hash, "$6$rounds=", 700000) &&
	       rounds_are_few(hash, "$sha1$", 300000) && rounds_are_few(hash, "$md5,rounds=", 50000);
}
