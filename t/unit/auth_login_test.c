/* auth_login_test.c: the one check of passwords: real hashes, real children, as root in a scratch store. */
#include "store_faults.h"

#include "auth/login.h"
#include "base/clock.h"

#include <crypt.h>
#include <pwd.h>
#include <sys/resource.h>

static struct pv_store store;
static const struct scratch *here;

static const char *hashed(const char *prefix, const char *plain)
{
	static struct crypt_data data;
	char setting[CRYPT_GENSALT_OUTPUT_SIZE];
	bool bcrypt = prefix[0] == '$' && prefix[1] == '2';

	assert_non_null(
		crypt_gensalt_rn(prefix, bcrypt ? 4 : 0, "0123456789abcdef", 16, setting, sizeof setting));
	return crypt_r(plain, setting, &data);
}

/* passwd of kvt.dk with one line for each pair of name and hash. */
static void put_users(const char *const pairs[][2], size_t count)
{
	struct pv_buf text = PV_BUF_INIT(65536);

	pv_buf_adds(&text, "# user:hash\n");
	for (size_t i = 0; i < count; i++)
		pv_buf_addf(&text, "%s:%s:%d:%d:name:.:\n", pairs[i][0], pairs[i][1], ACCOUNT, ACCOUNT);
	put_passwd(here, &text);
	pv_buf_free(&text);
}

static void put_user(const char *hash)
{
	const char *const pair[][2] = { { "abc", hash } };

	put_users(pair, 1);
}

static void open_with(void **state, const char *conf)
{
	struct pv_error e;

	here = *state;
	/* The child is another uid: it must get there. */
	assert_int_equal(fchmod(here->fd, 0755), 0);
	put_folder(here, "kvt.dk", ACCOUNT, 0700);
	put(here, "virtual.conf", conf, 0, 0644);
	if (pv_store_open(here->path, &store, &e) != PV_OK)
		fail_msg("%s", e.text);
	put_user(hashed("$1$", "secret"));
}

static struct pv_login_name name_of(const char *address)
{
	struct pv_login_name n = { .kind = PV_LOGIN_VIRTUAL };

	if (address[0] == '\0')
		n.kind = PV_LOGIN_NOBODY;
	else
		assert_int_equal(pv_address_parse(address, strlen(address), &n.address, NULL), PV_OK);
	return n;
}

static struct pv_login check(const char *address, const char *password)
{
	struct pv_login_name n = name_of(address);
	unsigned before = open_descriptors();
	struct pv_login l;
	struct pv_error e;

	memset(&l, 'x', sizeof l);
	if (pv_login_check(&store, &n, password, &l, &e) != PV_OK)
		fail_msg("%s, `%s`: %s", address, password, e.text);
	assert_int_equal(open_descriptors(), before);
	assert_int_equal(waitpid(-1, NULL, WNOHANG), -1);
	return l;
}

static void assert_error(const char *address, const char *part)
{
	struct pv_login_name n = name_of(address);
	struct pv_login l;
	struct pv_error e;

	enum pv_class c = pv_login_check(&store, &n, "secret", &l, &e);
	assert_deferred(c, &e, "check the password of ", address, part);
	assert_int_equal(l.verdict, PV_LOGIN_WRONG);
	assert_null(strstr(e.text, "secret"));
}

static void every_scheme_lets_its_user_in(void **state)
{
	static const struct {
		const char *prefix;
		bool weak;
	} table[] = { { "$y$", false }, { "$2b$", false }, { "$6$", false }, { "$7$", false },
		      { "$5$", true },	{ "$1$", true },   { "", true } };

	open_with(state, "");
	for (size_t i = 0; i < sizeof table / sizeof *table; i++) {
		put_user(hashed(table[i].prefix, "secret"));
		struct pv_login l = check("abc@kvt.dk", "secret");
		if (l.verdict != PV_LOGIN_RIGHT || l.weak != table[i].weak)
			fail_msg("%s: verdict %d, weak %d", table[i].prefix, l.verdict, l.weak);
		assert_int_equal(l.uid, ACCOUNT);
		assert_int_equal(l.gid, ACCOUNT);
		assert_string_equal(l.language, "en");
		assert_string_equal(l.text, "");
		assert_int_equal(check("abc@kvt.dk", "Secret").verdict, PV_LOGIN_WRONG);
		assert_int_equal(check("abc@kvt.dk", "").verdict, PV_LOGIN_WRONG);
		assert_int_equal(check("abc@kvt.dk", "secret ").verdict, PV_LOGIN_WRONG);
	}
	pv_store_close(&store);
}

static void nobody_gets_in(void **state)
{
	static const char *const stored[] = { "",
					      "*",
					      "!",
					      "x",
					      "*0",
					      "*1",
					      "!!",
					      "*LK*",
					      "$unknown$salt$hash",
					      "$y$",
					      "$6$s$",
					      "secret",
					      "{PLAIN}secret",
					      "$1$abcdefgh$",
					      "!$1$abcdefgh$cHJi5PXp/ki/ktXzqlk6I1" };
	static const char *const tried[] = { "", "secret", "x", "*", "*0", "!" };
	char longest[PV_PASSWORD_MAX + 2];

	open_with(state, "");
	memset(longest, 'a', sizeof longest);
	longest[PV_PASSWORD_MAX + 1] = '\0';
	for (size_t i = 0; i < sizeof stored / sizeof *stored; i++) {
		put_user(stored[i]);
		for (size_t k = 0; k < sizeof tried / sizeof *tried; k++)
			if (check("abc@kvt.dk", tried[k]).verdict != PV_LOGIN_WRONG)
				fail_msg("stored `%s`: `%s` is taken", stored[i], tried[k]);
		if (check("abc@kvt.dk", stored[i]).verdict != PV_LOGIN_WRONG)
			fail_msg("stored `%s` is its own password", stored[i]);
	}
	put_user(hashed("$1$", "secret"));
	assert_int_equal(check("abc@kvt.dk", longest).verdict, PV_LOGIN_WRONG);
	assert_int_equal(check("kvt@kvt.dk", "secret").verdict, PV_LOGIN_WRONG);
	assert_int_equal(check("abc@other.dk", "secret").verdict, PV_LOGIN_WRONG);
	assert_int_equal(check("", "secret").verdict, PV_LOGIN_WRONG);
	pv_store_close(&store);
}

static void plain_text_counts_only_where_it_may(void **state)
{
	open_with(state, "plain_text_passwords = yes\n");
	put_user("abcpasswd");
	struct pv_login l = check("abc@kvt.dk", "abcpasswd");
	assert_int_equal(l.verdict, PV_LOGIN_RIGHT);
	assert_true(l.weak);
	assert_int_equal(check("abc@kvt.dk", "abcpasswD").verdict, PV_LOGIN_WRONG);
	put_user("");
	assert_int_equal(check("abc@kvt.dk", "").verdict, PV_LOGIN_WRONG);
	put_user("*");
	assert_int_equal(check("abc@kvt.dk", "*").verdict, PV_LOGIN_WRONG);
	pv_store_close(&store);
}

static void a_closed_user_is_told_after_the_password(void **state)
{
	char want[256];
	struct pv_login l;

	open_with(state, "language = da\n");
	put_folder(here, "kvt.dk/users", ACCOUNT, 0700);
	put(here, "kvt.dk/users/abc", "retrieve = no\n", ACCOUNT, 0600);
	l = check("abc@kvt.dk", "wrong");
	assert_int_equal(l.verdict, PV_LOGIN_WRONG);
	assert_int_equal(l.uid, ACCOUNT); /* whoever uses it is wrong, but it is no root */
	l = check("abc@kvt.dk", "secret");
	assert_int_equal(l.verdict, PV_LOGIN_CLOSED);
	assert_int_equal(l.uid, ACCOUNT);
	assert_string_equal(l.language, "da");
	assert_string_equal(l.text, "Der kan ikke hentes post fra denne postkasse");
	put(here, "kvt.dk/users/abc", "expires = 2020-12-31\nlanguage = en\n", ACCOUNT, 0600);
	l = check("abc@kvt.dk", "secret");
	assert_int_equal(l.verdict, PV_LOGIN_CLOSED);
	assert_string_equal(l.language, "en");
	put(here, "kvt.dk/users/abc", "receive = no\nexpires = 9999-12-31\n", ACCOUNT, 0600);
	assert_int_equal(check("abc@kvt.dk", "secret").verdict, PV_LOGIN_RIGHT);
	put(here, "kvt.dk/domain.conf", "retrieve = no\nlanguage = en\n", ACCOUNT, 0600);
	put_folder(here, "kvt.dk/messages", ACCOUNT, 0700);
	put(here, "kvt.dk/messages/closed.da", "Lukket\n", ACCOUNT, 0600);
	put(here, "kvt.dk/messages/closed.en", "Closed until Monday\r\nsecond line\n", ACCOUNT, 0600);
	l = check("abc@kvt.dk", "secret");
	assert_int_equal(l.verdict, PV_LOGIN_CLOSED);
	assert_string_equal(l.language, "en");
	assert_string_equal(l.text, "Closed until Monday second line");
	put(here, "kvt.dk/messages/closed.en", "a\tb\x7f\xc3\xa6", ACCOUNT, 0600);
	assert_string_equal(check("abc@kvt.dk", "secret").text, "a?b?ae");
	memset(want, 'a', sizeof want);
	want[250] = '\0';
	put(here, "kvt.dk/messages/closed.en", want, ACCOUNT, 0600);
	want[200] = '\0';
	assert_string_equal(check("abc@kvt.dk", "secret").text, want);
	/* A text that is not to be trusted is none. */
	put(here, "kvt.dk/messages/closed.en", "forged\n", STRANGER, 0644);
	l = check("abc@kvt.dk", "secret");
	assert_int_equal(l.verdict, PV_LOGIN_CLOSED);
	assert_string_equal(l.text, "Mail cannot be fetched from this mailbox");
	put(here, "kvt.dk/messages/closed.en", "forged\n", ACCOUNT, 0600);
	put_folder(here, "kvt.dk/messages", ACCOUNT, 0770);
	assert_string_equal(check("abc@kvt.dk", "secret").text, "Mail cannot be fetched from this mailbox");
	pv_store_close(&store);
}

static void what_cannot_be_read_is_temporary(void **state)
{
	open_with(state, "");
	put(here, "kvt.dk/domain.conf", "rubbish\n", ACCOUNT, 0600);
	assert_error("abc@kvt.dk", "kvt.dk/domain.conf, line 1");
	/* Only who is right learns of it. */
	assert_int_equal(check("abc@kvt.dk", "wrong").verdict, PV_LOGIN_WRONG);
	assert_int_equal(unlinkat(here->fd, "kvt.dk/domain.conf", 0), 0);
	put(here, "kvt.dk/passwd", "abc:x\n", ACCOUNT, 0600);
	assert_error("abc@kvt.dk", "kvt.dk/passwd, line 1");
	put(here, "kvt.dk/passwd", "", ACCOUNT, 0600);
	assert_error("abc@kvt.dk", "kvt.dk/passwd");
	put(here, "kvt.dk/passwd", "", STRANGER, 0600);
	assert_error("abc@kvt.dk", "kvt.dk/passwd");
	assert_int_equal(unlinkat(here->fd, "kvt.dk/passwd", 0), 0);
	assert_error("abc@kvt.dk", "kvt.dk/passwd is missing: restore it");
	/* A standard domain of Postfix's has no users. */
	put(here, "domains", "kvt.dk postfix=yes\n", 0, 0644);
	assert_int_equal(check("abc@kvt.dk", "secret").verdict, PV_LOGIN_WRONG);
	put_user(hashed("$1$", "secret"));
	put_folder(here, "kvt.dk", ACCOUNT, 0770);
	assert_error("abc@kvt.dk", "kvt.dk has mode 0770");
	put_folder(here, "kvt.dk", 0, 0700);
	assert_error("abc@kvt.dk", "kvt.dk belongs to root");
	/* Below a folder that is closed to the account, nothing can be known. */
	put_folder(here, "kvt.dk", ACCOUNT, 0700);
	assert_int_equal(fchmod(here->fd, 0700), 0);
	assert_error("abc@kvt.dk", "Permission denied");
	pv_store_close(&store);
}

/* The group is the folder's; never root's. */
static void the_group_is_never_roots(void **state)
{
	const struct passwd *pw = getpwnam("daemon");

	open_with(state, "");
	assert_int_equal(fchownat(here->fd, "kvt.dk", ACCOUNT, STRANGER, 0), 0);
	assert_int_equal(check("abc@kvt.dk", "secret").gid, STRANGER);
	assert_int_equal(fchownat(here->fd, "kvt.dk", ACCOUNT, 0, 0), 0);
	assert_error("abc@kvt.dk", "kvt.dk has the group root");
	/* An account that the host knows has a group of its own. */
	assert_non_null(pw);
	struct pv_buf text = PV_BUF_INIT(1000);
	pv_buf_addf(&text, "abc:%s:%d:%d:name:.:\n", hashed("$1$", "secret"), (int)pw->pw_uid,
		    (int)pw->pw_gid);
	put(here, "kvt.dk/passwd", text.s, pw->pw_uid, 0600);
	pv_buf_free(&text);
	assert_int_equal(fchownat(here->fd, "kvt.dk", pw->pw_uid, 0, 0), 0);
	struct pv_login l = check("abc@kvt.dk", "secret");
	assert_int_equal(l.verdict, PV_LOGIN_RIGHT);
	assert_int_equal(l.uid, pw->pw_uid);
	assert_int_equal(l.gid, pw->pw_gid);
	pv_store_close(&store);
}

/* Processor time of one check, microseconds. */
static int64_t work_of(const char *address, const char *password)
{
	struct rusage before, after;

	assert_int_equal(getrusage(RUSAGE_CHILDREN, &before), 0);
	assert_int_equal(check(address, password).verdict, PV_LOGIN_WRONG);
	assert_int_equal(getrusage(RUSAGE_CHILDREN, &after), 0);
	return (after.ru_utime.tv_sec - before.ru_utime.tv_sec) * 1000000 + after.ru_utime.tv_usec -
	       before.ru_utime.tv_usec + (after.ru_stime.tv_sec - before.ru_stime.tv_sec) * 1000000 +
	       after.ru_stime.tv_usec - before.ru_stime.tv_usec;
}

static int64_t least_work_of(const char *address, const char *password)
{
	int64_t least = INT64_MAX;

	for (unsigned i = 0; i < 5; i++) {
		int64_t work = work_of(address, password);
		least = work < least ? work : least;
	}
	return least;
}

static void an_unknown_user_costs_as_much_as_a_known_one(void **state)
{
	char slow[PV_PASSWORD_HASH_SIZE];

	open_with(state, "");
	(void)snprintf(slow, sizeof slow, "%s", hashed("$6$", "secret"));
	const char *const pairs[][2] = { { "aaa", "*" }, { "abc", slow }, { "xyz", "!" } };
	put_users(pairs, 3);
	int64_t known = least_work_of("abc@kvt.dk", "wrong");
	const char *const others[] = { "nosuch@kvt.dk", "aaa@kvt.dk", "xyz@kvt.dk" };
	for (size_t i = 0; i < sizeof others / sizeof *others; i++) {
		int64_t work = least_work_of(others[i], "wrong");
		if (work < known / 2 || work > known * 2)
			fail_msg("%s: %ld us, a known user: %ld us", others[i], (long)work, (long)known);
	}
	/* Nobody's domain, and one without a single hash, cost what new passwords cost. */
	put_user(hashed("$y$", "secret"));
	known = least_work_of("abc@kvt.dk", "wrong");
	put_user("*");
	const char *const unknown[] = { "abc@other.dk", "", "abc@kvt.dk", "nosuch@kvt.dk" };
	for (size_t i = 0; i < sizeof unknown / sizeof *unknown; i++) {
		int64_t work = least_work_of(unknown[i], "wrong");
		if (work < known / 2 || work > known * 2)
			fail_msg("%s: %ld us, a known user: %ld us", unknown[i], (long)work, (long)known);
	}
	pv_store_close(&store);
}

static void a_hash_that_asks_for_too_much_is_given_up(void **state)
{
	/* yescrypt with N = 2^21 and r = 32: 8 GiB. */
	static const char greedy[] = "$y$jIT$0123456789abcdef$WoN3FqFqVZvryLzSvbeYRUcHcuVK3Gbylkky3X2VDeD";
	char endless[PV_PASSWORD_HASH_SIZE];

	open_with(state, "");
	int64_t start = pv_now_ms();
#ifndef __SANITIZE_ADDRESS__
	put_user(greedy);
	assert_error("abc@kvt.dk", "more memory than");
	assert_true(pv_now_ms() - start < 2000);
#endif
	(void)snprintf(endless, sizeof endless, "$6$rounds=999999999$0123456789abcdef$%s",
		       strrchr(hashed("$6$", "secret"), '$') + 1);
	put_user(endless);
	start = pv_now_ms();
	/* By its processor time (5 s); where the machine is busy, by the clock (10 s). */
	assert_error("abc@kvt.dk", "");
	assert_in_range(pv_now_ms() - start, 4000, 11500);
	/* His neighbours are not harmed. */
	const char *const pairs[][2] = { { "abc", greedy }, { "kvt", hashed("$1$", "secret") } };
	put_users(pairs, 2);
	assert_int_equal(check("kvt@kvt.dk", "secret").verdict, PV_LOGIN_RIGHT);
#ifndef __SANITIZE_ADDRESS__ /* there is no limit of memory with it, so this would take the five seconds */
	assert_int_equal(check("nosuch@kvt.dk", "secret").verdict, PV_LOGIN_WRONG);
#endif
	pv_store_close(&store);
}

static void apop(void **state)
{
	char secret[PV_PASSWORD_RANDOM_SIZE];
	struct pv_login_name n = name_of("abc@kvt.dk"), unknown = name_of("nosuch@kvt.dk"),
			     other = name_of("abc@other.dk"), nobody = name_of("");
	const struct pv_login_name *const wrong[] = { &unknown, &other, &nobody };
	struct pv_login l;
	struct pv_error e;

	open_with(state, "");
	memset(secret, 'x', sizeof secret);
	assert_int_equal(pv_login_apop(&store, &n, secret, &l, &e), PV_OK);
	assert_int_equal(l.verdict, PV_LOGIN_WRONG);
	assert_string_equal(secret, "");
	/* nosuch was deleted; his line opens nothing. */
	put(here, "kvt.dk/apop", "abc:12345678901234567890123\nnosuch:x\n", ACCOUNT, 0600);
	assert_int_equal(pv_login_apop(&store, &n, secret, &l, &e), PV_OK);
	assert_int_equal(l.verdict, PV_LOGIN_RIGHT);
	assert_int_equal(l.uid, ACCOUNT);
	assert_string_equal(secret, "12345678901234567890123");
	for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++) {
		assert_int_equal(pv_login_apop(&store, wrong[i], secret, &l, &e), PV_OK);
		assert_int_equal(l.verdict, PV_LOGIN_WRONG);
		assert_string_equal(secret, "");
	}
	put_folder(here, "kvt.dk/users", ACCOUNT, 0700);
	put(here, "kvt.dk/users/abc", "retrieve = no\n", ACCOUNT, 0600);
	assert_int_equal(pv_login_apop(&store, &n, secret, &l, &e), PV_OK);
	assert_int_equal(l.verdict, PV_LOGIN_CLOSED);
	put(here, "kvt.dk/apop", "abc:x\n", ACCOUNT, 0644);
	assert_deferred(pv_login_apop(&store, &n, secret, &l, &e), &e, "kvt.dk/apop has mode 0644");
	assert_string_equal(secret, "");
	pv_store_close(&store);
}

/* In the child too: it begins as a copy of this process, faults and all. A fault met there is not seen here,
 * so only the answers are judged. */
static void a_call_that_fails_never_lets_in(void **state)
{
	static const char *const names[] = { "openat", "open",	 "fstat",  "fstatat", "read",
					     "pread",  "malloc", "calloc", "realloc" };
	struct pv_login_name n = name_of("abc@kvt.dk");
	unsigned temporary = 0;
	struct pv_error e;
	struct pv_login l;

	open_with(state, "");
	put(here, "kvt.dk/domain.conf", "language = da\n", ACCOUNT, 0600);
	for (size_t i = 0; i < sizeof names / sizeof *names; i++)
		for (unsigned nth = 1; nth < 12; nth++)
			for (unsigned k = 0; k < 2; k++) {
				unsigned before = open_descriptors();
				fault.call = names[i], fault.nth = nth, fault.seen = 0, fault.err = EIO;
				enum pv_class c =
					pv_login_check(&store, &n, k == 0 ? "secret" : "wrong", &l, &e);
				fault.call = NULL;
				assert_int_equal(open_descriptors(), before);
				if (c == PV_OK)
					assert_int_equal(l.verdict, k == 0 ? PV_LOGIN_RIGHT : PV_LOGIN_WRONG);
				else
					assert_int_equal(c, PV_TEMPORARY);
				assert_true(c == PV_OK || l.verdict == PV_LOGIN_WRONG);
				temporary += c != PV_OK;
			}
	assert_true(temporary > 20);
	pv_store_close(&store);
}

static void a_refusal_is_held_to_a_fixed_time(void **state)
{
	static const struct {
		int64_t since_ms;
		unsigned wait_s;
		int64_t until_ms;
	} table[] = { { 950, 0, 1000 },	 { 950, 1, 1000 },  { 1950, 2, 2000 },
		      { 1950, 0, 2000 }, { 3950, 1, 4000 }, { 3950, 4, 4000 } };

	(void)state;
	for (size_t i = 0; i < sizeof table / sizeof *table; i++) {
		int64_t began = pv_now_ms() - table[i].since_ms;
		pv_login_hold(began, table[i].wait_s, NULL);
		int64_t took = pv_now_ms() - began;
		if (took < table[i].until_ms || took > table[i].until_ms + 700)
			fail_msg("row %zu: %ld ms", i, (long)took);
	}
}

/* Not a test of speed, but of a check that has become ten times slower. */
static void a_check_is_quick(void **state)
{
	open_with(state, "");
	int64_t least = INT64_MAX;
	for (unsigned i = 0; i < 100; i++) {
		int64_t start = pv_now_us();
		(void)check("abc@kvt.dk", "secret");
		int64_t took = pv_now_us() - start;
		least = took < least ? took : least;
	}
	print_message("# the least of 100 checks: %ld us\n", (long)least);
	assert_true(least < 20000);
	pv_store_close(&store);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
#define T(f) cmocka_unit_test_setup_teardown(f, scratch_make, scratch_remove)
		T(every_scheme_lets_its_user_in),
		T(nobody_gets_in),
		T(plain_text_counts_only_where_it_may),
		T(a_closed_user_is_told_after_the_password),
		T(what_cannot_be_read_is_temporary),
		T(the_group_is_never_roots),
		T(an_unknown_user_costs_as_much_as_a_known_one),
		T(a_hash_that_asks_for_too_much_is_given_up),
		T(apop),
		T(a_call_that_fails_never_lets_in),
		T(a_refusal_is_held_to_a_fixed_time),
		T(a_check_is_quick),
	};

	return cmocka_run_group_tests_name("auth_login", tests, NULL, NULL);
}
