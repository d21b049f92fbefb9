/* password_test.c: hashing, checking and recognising passwords. */
#include "write_faults.h"

#include "store/password.h"

#include <crypt.h>

/* Hashes of `secret`, by every scheme that this host can make. */
static void every_scheme_is_read(void **state)
{
	static const char *const prefixes[] = { "$y$", "$gy$",	"$7$",	"$2b$", "$2a$", "$2y$", "$6$",
						"$5$", "$sha1", "$md5", "$1$",	"_",	"" };
	unsigned tried = 0;

	(void)state;
	for (size_t i = 0; i < sizeof prefixes / sizeof *prefixes; i++) {
		char setting[CRYPT_GENSALT_OUTPUT_SIZE];
		struct crypt_data data = { .initialized = 0 };
		bool match;
		if (crypt_gensalt_rn(prefixes[i], prefixes[i][0] == '$' && prefixes[i][1] == '2' ? 4 : 0,
				     "0123456789abcdef", 16, setting, sizeof setting) == NULL)
			continue;
		const char *hash = crypt_r("secret", setting, &data);
		if (!pv_password_is_hash(hash))
			fail_msg("%s is not taken for a hash", hash);
		assert_int_equal(pv_password_check(hash, "secret", false, &match, NULL), PV_OK);
		if (!match)
			fail_msg("%s: the right password is refused", hash);
		assert_int_equal(pv_password_check(hash, "Secret", true, &match, NULL), PV_OK);
		if (match)
			fail_msg("%s: a wrong password is taken", hash);
		/* The hash itself is no password. */
		assert_int_equal(pv_password_check(hash, hash, true, &match, NULL), PV_OK);
		assert_false(match);
		tried++;
	}
	assert_true(tried >= 8);
}

static void what_is_no_password_never_matches(void **state)
{
	static const char *const stored[] = { "",    "*",	 "!",		"x",	"*0",
					      "*1",  "!!",	 "!$y$j9T$x$y", "*LK*", "$unknown$salt$hash",
					      "$y$", "$6$salt$", "$9$" };

	(void)state;
	for (size_t i = 0; i < sizeof stored / sizeof *stored; i++)
		for (size_t k = 0; k < 4; k++) {
			const char *tries[] = { "", stored[i], "x", "*0" };
			bool match = true;
			assert_int_equal(pv_password_check(stored[i], tries[k], false, &match, NULL), PV_OK);
			if (match)
				fail_msg("stored `%s`: `%s` is taken", stored[i], tries[k]);
		}
	/* With plain text allowed, the marks that lock an account still lock it. */
	for (size_t i = 0; i < 9; i++) {
		bool match = true;
		assert_int_equal(pv_password_check(stored[i], stored[i], true, &match, NULL), PV_OK);
		assert_false(match);
	}
}

static void plain_text_matches_only_if_asked(void **state)
{
	bool match;

	(void)state;
	assert_int_equal(pv_password_check("abcpasswd", "abcpasswd", true, &match, NULL), PV_OK);
	assert_true(match);
	assert_int_equal(pv_password_check("abcpasswd", "abcpasswD", true, &match, NULL), PV_OK);
	assert_false(match);
	assert_int_equal(pv_password_check("abcpasswd", "abcpasswd", false, &match, NULL), PV_OK);
	assert_false(match);
}

static void a_hash_has_its_shape(void **state)
{
	static const char *const none[] = {
		"",
		"foo",
		"abcpasswd",
		"$1$salt$tooshort",
		"$y$j9T$6SZutMOsTl1sDFmdev9/O.$",
		"$y$j9T$6SZutMOsTl1sDFmdev9/O.$WoN3FqFqVZvryLzSvbeYRUcHcuVK3Gbylkky3X2VDe",
		"$y$j9T$6SZutMOsTl1sDFmdev9/O.$WoN3FqFqVZvryLzSvbeYRUcHcuVK3Gbylkky3X2VDeD:x",
		"$y$j9T$6SZutMOsTl1sDFmdev9/O.$WoN3FqFqVZvryLzSvbeYRUcHcuVK3Gbylkky3X2VDeD\n",
		"$y$j9T$6SZutMOsTl1sDFmdev9/O.$WoN3FqFqVZvryLzSvbeYRUcHcuVK3Gbylkky3X2VDeD.",
		"$6$rounds=999999999$salt$x",
		"{SHA256}47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU=",
	};

	(void)state;
	for (size_t i = 0; i < sizeof none / sizeof *none; i++)
		if (pv_password_is_hash(none[i]))
			fail_msg("`%s` is taken for a hash", none[i]);
	assert_true(pv_password_is_hash(
		"$y$j9T$6SZutMOsTl1sDFmdev9/O.$WoN3FqFqVZvryLzSvbeYRUcHcuVK3Gbylkky3X2VDeD"));
}

static void weak_is_what_new_passwords_are_not_stored_by(void **state)
{
	static const struct {
		const char *prefix;
		bool weak;
	} table[] = {
		{ "$y$", false },  { "$gy$", false }, { "$7$", false }, { "$2b$", false }, { "$2y$", false },
		{ "$2a$", false }, { "$6$", false },  { "$5$", true },	{ "$sha1", true }, { "$md5", true },
		{ "$1$", true },   { "_", true },     { "", true },
	};
	static const char *const plain[] = { "secret", "$6$secret", "$y$", "$y$j9T$x$y", "" };

	(void)state;
	for (size_t i = 0; i < sizeof table / sizeof *table; i++) {
		char setting[CRYPT_GENSALT_OUTPUT_SIZE];
		struct crypt_data data = { .initialized = 0 };
		const char *prefix = table[i].prefix;
		if (crypt_gensalt_rn(prefix, prefix[0] == '$' && prefix[1] == '2' ? 4 : 0, "0123456789abcdef",
				     16, setting, sizeof setting) == NULL)
			continue;
		const char *hash = crypt_r("secret", setting, &data);
		if (pv_password_is_weak(hash) != table[i].weak)
			fail_msg("%s: weak %d", hash, !table[i].weak);
	}
	for (size_t i = 0; i < sizeof plain / sizeof *plain; i++)
		assert_true(pv_password_is_weak(plain[i]));
}

/* What libcrypt makes by itself is light; what asks for more is not, and is never worked out to find out. */
static void light_is_what_a_login_server_can_check(void **state)
{
	static const char *const made[] = { "$y$", "$gy$",  "$7$",  "$2b$", "$6$", "$5$",
					    "$1$", "$sha1", "$md5", "$3$",  "_",   "" };
	static const struct {
		const char *setting;
		size_t last; /* letters of the hash itself */
		bool light;
	} table[] = {
		{ "$6$rounds=700000$salt$", 86, true },
		{ "$6$rounds=700001$salt$", 86, false },
		{ "$6$rounds=999999999$salt$", 86, false },
		{ "$5$rounds=999999999$salt$", 43, false },
		{ "$5$rounds=99999999999999999999999$salt$", 43, false },
		{ "$sha1$300000$salt$", 28, true },
		{ "$sha1$4294967295$salt$", 28, false },
		{ "$md5,rounds=50000$salt$$", 22, true },
		{ "$md5,rounds=4000000$salt$$", 22, false },
		{ "$2b$12$", 53, true },
		{ "$2b$13$", 53, false },
		{ "$2y$31$", 53, false },
		{ "$y$jBT$salt$", 43, true },
		{ "$y$jCT$salt$", 43, false },
		{ "$y$jFT$salt$", 43, false },
		{ "$y$j9z$salt$", 43, false },
		{ "$gy$jFT$salt$", 43, false },
		{ "$7$CU..../....salt$", 43, true },
		{ "$7$DU..../....salt$", 43, false },
		{ "$7$CU...0/....salt$", 43, false },
		{ "$7$CU....zzzzzsalt$", 43, false },
		{ "_J9..", 15, true },
		{ "_zzzz", 15, false },
	};

	(void)state;
	for (size_t i = 0; i < sizeof made / sizeof *made; i++) {
		char setting[CRYPT_GENSALT_OUTPUT_SIZE];
		struct crypt_data data = { .initialized = 0 };
		if (crypt_gensalt_rn(made[i], 0, "0123456789abcdef", 16, setting, sizeof setting) == NULL)
			continue;
		const char *hash = crypt_r("secret", setting, &data);
		if (!pv_password_is_light(hash))
			fail_msg("%s is taken for heavy", hash);
	}
	for (size_t i = 0; i < sizeof table / sizeof *table; i++) {
		char hash[PV_PASSWORD_HASH_SIZE];
		(void)snprintf(hash, sizeof hash, "%s%.*s", table[i].setting, (int)table[i].last,
			       "abcdefghijklmnopqrstuvwxyz0123456789abcdefghijklmnopqrstuvwxyz0123456789abcde"
			       "fghijklmnopqrst");
		if (pv_password_is_light(hash) != table[i].light)
			fail_msg("%s: light %d, is a hash %d", hash, !table[i].light,
				 pv_password_is_hash(hash));
	}
	assert_false(pv_password_is_light("secret"));
	assert_false(pv_password_is_light("*"));
}

static void a_new_hash_is_yescrypt_with_a_fresh_salt(void **state)
{
	char a[PV_PASSWORD_HASH_SIZE], b[PV_PASSWORD_HASH_SIZE];
	bool match;

	(void)state;
	assert_int_equal(pv_password_hash("secret", a, NULL), PV_OK);
	assert_int_equal(pv_password_hash("secret", b, NULL), PV_OK);
	assert_memory_equal(a, "$y$j9T$", 7);
	assert_string_not_equal(a, b);
	assert_int_equal(pv_password_check(a, "secret", false, &match, NULL), PV_OK);
	assert_true(match);
}

static void bad_passwords_are_refused(void **state)
{
	char hash[PV_PASSWORD_HASH_SIZE], longest[PV_PASSWORD_MAX + 2];
	struct pv_error e;

	(void)state;
	memset(longest, 'a', sizeof longest);
	longest[PV_PASSWORD_MAX + 1] = '\0';
	assert_int_equal(pv_password_hash("", hash, &e), PV_PERMANENT);
	assert_int_equal(pv_password_hash("a\tb", hash, &e), PV_PERMANENT);
	assert_int_equal(pv_password_hash("a\x7f", hash, &e), PV_PERMANENT);
	assert_int_equal(pv_password_hash(longest, hash, &e), PV_PERMANENT);
	longest[PV_PASSWORD_MAX] = '\0';
	assert_int_equal(pv_password_hash(longest, hash, &e), PV_OK);
	assert_int_equal(pv_password_hash("\xc3\xa6\xc3\xb8\xc3\xa5", hash, &e), PV_OK);
}

static void random_passwords_are_readable_and_differ(void **state)
{
	char a[PV_PASSWORD_RANDOM_SIZE], b[PV_PASSWORD_RANDOM_SIZE];
	unsigned seen[256] = { 0 };

	(void)state;
	for (int i = 0; i < 2000; i++) {
		assert_int_equal(pv_password_random(a, NULL), PV_OK);
		assert_int_equal(pv_password_random(b, NULL), PV_OK);
		assert_string_not_equal(a, b);
		assert_int_equal(strlen(a), 17);
		for (const char *p = a; *p != '\0'; p++)
			seen[(unsigned char)*p]++;
	}
	/* 32 letters, none rare: about 940 of each. */
	unsigned letters = 0;
	for (int c = 0; c < 256; c++)
		if (seen[c] > 0 && c != '-') {
			letters++;
			assert_true(strchr("lo01", c) == NULL);
			assert_in_range(seen[c], 700, 1200);
		}
	assert_int_equal(letters, 32);
}

static void without_randomness_there_is_no_password(void **state)
{
	char hash[PV_PASSWORD_HASH_SIZE], word[PV_PASSWORD_RANDOM_SIZE];
	struct pv_error e;

	(void)state;
	fault.call = "getrandom", fault.nth = 1, fault.seen = 0, fault.err = ENOSYS;
	assert_int_equal(pv_password_hash("secret", hash, &e), PV_TEMPORARY);
	assert_int_equal(hash[0], '\0');
	fault.seen = 0;
	assert_int_equal(pv_password_random(word, &e), PV_TEMPORARY);
	assert_int_equal(word[0], '\0');
	fault.seen = 0, fault.err = EINTR;
	assert_int_equal(pv_password_random(word, &e), PV_OK);
	fault.call = NULL;
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_scheme_is_read),
		cmocka_unit_test(what_is_no_password_never_matches),
		cmocka_unit_test(plain_text_matches_only_if_asked),
		cmocka_unit_test(a_hash_has_its_shape),
		cmocka_unit_test(weak_is_what_new_passwords_are_not_stored_by),
		cmocka_unit_test(light_is_what_a_login_server_can_check),
		cmocka_unit_test(a_new_hash_is_yescrypt_with_a_fresh_salt),
		cmocka_unit_test(bad_passwords_are_refused),
		cmocka_unit_test(random_passwords_are_readable_and_differ),
		cmocka_unit_test(without_randomness_there_is_no_password),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
