/*
 * maps_readers_test.c: many accounts are read side by side, row by row; what one of them does to its child,
 * or how much it has, costs the others nothing. Run as root.
 *
 * Time runs four times as fast here.
 */
#include "scratch.h"

#include "base/clock.h"
#include "maps/readers.h"
#include "store/store.h"

#include <poll.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/wait.h>

enum { FIRST_UID = 61001, ACCOUNTS = 24, DOMAINS = PV_READERS_ROW + 10, FAST = 4 };

int64_t __real_pv_now_ms(void);
int64_t __wrap_pv_now_ms(void);
int64_t __wrap_pv_now_ms(void)
{
	return __real_pv_now_ms() * FAST;
}

int __real_poll(struct pollfd *p, nfds_t n, int ms);
int __wrap_poll(struct pollfd *p, nfds_t n, int ms);
int __wrap_poll(struct pollfd *p, nfds_t n, int ms)
{
	return __real_poll(p, n, ms < 0 ? ms : (ms + FAST - 1) / FAST);
}

/* Calls that fail in this process: fork() from the first on, for so many times; calloc() the nth. */
static unsigned forks_that_work, forks_that_fail, calloc_that_fails;

pid_t __real_fork(void);
pid_t __wrap_fork(void);
pid_t __wrap_fork(void)
{
	errno = EAGAIN;
	if (forks_that_fail == 0)
		return __real_fork();
	if (forks_that_work > 0) {
		forks_that_work--;
		return __real_fork();
	}
	forks_that_fail--;
	return -1;
}

void *__real_calloc(size_t n, size_t size);
void *__wrap_calloc(size_t n, size_t size);
void *__wrap_calloc(size_t n, size_t size)
{
	errno = ENOMEM;
	return calloc_that_fails > 0 && --calloc_that_fails == 0 ? NULL : __real_calloc(n, size);
}

/* What a child does to itself where it opens the file `name` of a domain. */
static struct {
	const char *domain, *name;
	int signal;	 /* 0: none */
	unsigned millis; /* to sleep, in the test's time */
	bool once;	 /* one child alone does it */
} act[ACCOUNTS];
static volatile bool *was_done; /* shared with the children */

enum pv_class __real_pv_file_open(int dirfd, const char *name, const struct pv_trust *t, int *fd_r,
				  struct stat *st_r, struct pv_error *e);
enum pv_class __wrap_pv_file_open(int dirfd, const char *name, const struct pv_trust *t, int *fd_r,
				  struct stat *st_r, struct pv_error *e);
enum pv_class __wrap_pv_file_open(int dirfd, const char *name, const struct pv_trust *t, int *fd_r,
				  struct stat *st_r, struct pv_error *e)
{
	for (size_t i = 0; i < ACCOUNTS && geteuid() != 0; i++) {
		if (act[i].domain == NULL || strcmp(act[i].name, name) != 0 ||
		    strstr(t->where, act[i].domain) == NULL || (act[i].once && *was_done))
			continue;
		*was_done = true;
		(void)poll(NULL, 0, (int)act[i].millis);
		if (act[i].signal != 0)
			(void)raise(act[i].signal);
	}
	return __real_pv_file_open(dirfd, name, t, fd_r, st_r, e);
}

static struct pv_store store;
static char top[PATH_MAX];

/* The accounts, whose domains follow each other in these. */
static struct pv_readers_account accounts[ACCOUNTS];
static size_t account_count, domain_count;
static struct pv_domain domains[DOMAINS];
static const struct pv_domain *names[DOMAINS];

/* What came of each. */
static struct {
	bool seen, ok;
	struct pv_error error;
	size_t passwd;
} got[DOMAINS];
static size_t reported, fail_at; /* each() fails at that number; 0: never */
static size_t last[ACCOUNTS];	 /* domains reported of each account */

static int make(void **state)
{
	if (scratch_make(state) != 0)
		return -1;
	const struct scratch *s = *state;
	struct pv_error e;
	(void)snprintf(top, sizeof top, "%s", s->path);
	assert_int_equal(chmod(s->path, 0755), 0);
	assert_int_equal(pv_store_open(s->path, &store, &e), PV_OK);
	memset(act, 0, sizeof act);
	if (was_done == NULL)
		was_done = mmap(NULL, sizeof *was_done, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS,
				-1, 0);
	assert_ptr_not_equal(was_done, MAP_FAILED);
	*was_done = false;
	memset(accounts, 0, sizeof accounts);
	account_count = domain_count = 0;
	forks_that_work = forks_that_fail = calloc_that_fails = 0;
	fail_at = 0;
	return 0;
}

static int unmake(void **state)
{
	pv_store_close(&store);
	return scratch_remove(state);
}

/* passwd of `bytes` bytes, with a hash in it that is not sent, and is not counted. */
static void put_passwd(const char *folder, uid_t uid, size_t bytes)
{
	static const char line[] = "# a comment of exactly sixty-four bytes, newline and all, so it\n";
	struct pv_buf text = PV_BUF_INIT(64 << 20);
	char path[PATH_MAX + 16];

	pv_buf_adds(&text, "u:$y$j9T$not-sent:1:1:n:.:\n");
	while (text.len + 64 <= bytes)
		pv_buf_adds(&text, line);
	(void)snprintf(path, sizeof path, "%s/passwd", folder);
	int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
	assert_true(fd >= 0);
	assert_int_equal(write(fd, text.s, text.len), text.len);
	assert_int_equal(fchown(fd, uid, uid), 0);
	(void)close(fd);
	pv_buf_free(&text);
}

/* One more account, with `count` domains aN-M.dk. Returns the number of its first domain. */
static size_t add_account(size_t count, size_t bytes)
{
	size_t first = domain_count, n = account_count++;
	const uid_t uid = FIRST_UID + (uid_t)n;
	char name[40], folder[PATH_MAX];

	assert_in_range(first + count, 0, DOMAINS);
	for (size_t i = 0; i < count; i++, domain_count++) {
		(void)snprintf(name, sizeof name, "a%02zu-%04zu.dk", n, i);
		assert_int_equal(pv_domain_parse(name, strlen(name), &domains[domain_count], NULL), PV_OK);
		names[domain_count] = &domains[domain_count];
		(void)snprintf(folder, sizeof folder, "%.900s/%s", top, name);
		assert_int_equal(mkdir(folder, 0700), 0);
		put_passwd(folder, uid, bytes);
		assert_int_equal(chown(folder, uid, uid), 0);
	}
	accounts[n] =
		(struct pv_readers_account){ .ids = { uid, uid }, .domains = names + first, .count = count };
	return first;
}

static void misbehave(size_t domain, const char *file, int signal)
{
	char path[PATH_MAX];
	size_t i = 0;

	/* What is not there need not be opened. */
	(void)snprintf(path, sizeof path, "%.900s/%s/%s", top, domains[domain].s, file);
	int fd = open(path, O_WRONLY | O_CREAT | O_CLOEXEC, 0644);
	assert_true(fd >= 0);
	(void)close(fd);
	while (act[i].domain != NULL)
		i++;
	act[i].domain = domains[domain].s;
	act[i].name = file;
	act[i].signal = signal;
}

static enum pv_class take(void *ctx, size_t account, size_t domain, const struct pv_domain_files *f,
			  struct pv_error *e)
{
	size_t i = (size_t)(accounts[account].domains - names) + domain;

	assert_ptr_equal(ctx, &store);
	assert_false(got[i].seen);
	assert_int_equal(domain, last[account]++); /* in their order */
	got[i].seen = true;
	got[i].ok = f->ok;
	if (!f->ok)
		pv_files_error(f, &got[i].error);
	got[i].passwd = f->passwd.len;
	return ++reported == fail_at ? pv_fail(e, PV_TEMPORARY, NULL, "told to fail") : PV_OK;
}

static enum pv_class read_all(int64_t *took_ms)
{
	unsigned open_before = open_descriptors();
	struct pv_error e;

	memset(got, 0, sizeof got);
	memset(last, 0, sizeof last);
	reported = 0;
	int64_t begun = pv_now_ms();
	enum pv_class c = pv_readers_run(&store, PV_READER_KEYS, accounts, account_count, take, &store, &e);
	if (took_ms != NULL)
		*took_ms = pv_now_ms() - begun;
	assert_int_equal(open_descriptors(), open_before);
	assert_int_equal(waitpid(-1, NULL, WNOHANG), -1);
	if (c == PV_OK)
		assert_int_equal(reported, domain_count);
	else
		assert_true(c == PV_TEMPORARY && e.text[0] != '\0');
	return c;
}

static void assert_good(size_t first, size_t count)
{
	for (size_t i = first; i < first + count; i++)
		if (!got[i].ok)
			fail_msg("%s: %s", domains[i].s, got[i].error.text);
}

static void assert_bad(size_t i, const char *words)
{
	if (got[i].ok || strstr(got[i].error.text, words) == NULL)
		fail_msg("%s: %s, expected `%s`", domains[i].s, got[i].ok ? "good" : got[i].error.text,
			 words);
	assert_int_equal(got[i].error.class, PV_TEMPORARY);
}

static void many_domains_of_an_account_come_row_by_row(void **state)
{
	(void)state;
	add_account(PV_READERS_ROW + 7, 100);
	add_account(1, 100);
	assert_int_equal(read_all(NULL), PV_OK);
	assert_good(0, domain_count);
}

static void many_bytes_come_in_several_rows(void **state)
{
	(void)state;
	add_account(9, 700000);
	assert_int_equal(read_all(NULL), PV_OK);
	assert_good(0, 9);
	for (size_t i = 0; i < 9; i++)
		assert_in_range(got[i].passwd, 699000, 700000);
}

static void a_domain_that_is_too_large_is_named_and_the_next_one_read(void **state)
{
	(void)state;
	add_account(3, 100);
	char folder[PATH_MAX];
	(void)snprintf(folder, sizeof folder, "%.900s/%s", top, domains[1].s);
	put_passwd(folder, FIRST_UID, PV_READER_DOMAIN_MAX - 8192);
	assert_int_equal(read_all(NULL), PV_OK);
	assert_good(0, 3);
	put_passwd(folder, FIRST_UID, PV_READER_DOMAIN_MAX);
	assert_int_equal(read_all(NULL), PV_OK);
	assert_good(0, 1);
	assert_bad(1, "a00-0001.dk/passwd: with it the domain's files, without the hashes, are larger than");
	assert_good(2, 1);
}

static void no_account_and_no_domain_is_no_work(void **state)
{
	(void)state;
	assert_int_equal(read_all(NULL), PV_OK);
	add_account(0, 0);
	assert_int_equal(read_all(NULL), PV_OK);
}

/* More of them than may be at work: all wait at the same time. */
static void the_stopped_wait_side_by_side(void **state)
{
	int64_t took;

	(void)state;
	for (size_t i = 0; i < 12; i++)
		misbehave(add_account(3, 100) + 1, "domain.conf", SIGSTOP);
	size_t good = add_account(700, 100);
	for (size_t i = 0; i < 6; i++)
		add_account(1, 100);
	assert_int_equal(read_all(&took), PV_OK);
	for (size_t i = 0; i < 36; i += 3) {
		assert_good(i, 1);
		assert_bad(i + 1, "longer than 8 s: see what in it hangs");
		assert_bad(i + 2, "it was not read, since reading ");
		assert_non_null(strstr(got[i + 2].error.text, domains[i + 1].s));
	}
	assert_good(good, 706);
	assert_in_range(took, 8000, 14000);
}

static void who_kills_its_child_is_not_read_further(void **state)
{
	(void)state;
	misbehave(add_account(4, 100) + 2, "passwd", SIGKILL);
	act[0].once = true;
	size_t good = add_account(2, 100);
	assert_int_equal(read_all(NULL), PV_OK);
	assert_good(0, 2);
	assert_bad(2, "killed by signal 9");
	assert_bad(3, "it was not read");
	assert_good(good, 2);
}

/* A child that was at work for long leaves the rest to the next: each of these has 8 s of its own. */
static void a_slow_disk_is_no_domain_that_hangs(void **state)
{
	(void)state;
	add_account(1000, 100);
	for (size_t i = 0; i < 3; i++) {
		act[i].domain = domains[i * 2].s;
		act[i].name = "passwd";
		act[i].millis = 3000;
	}
	assert_int_equal(read_all(NULL), PV_OK);
	assert_good(0, 1000);
}

/* The time of an account is that of all its children together: two of 6 s each are too much. */
static void an_account_that_is_slow_all_the_time_is_ended(void **state)
{
	int64_t took;

	(void)state;
	add_account(1502, 100);
	act[0].domain = domains[0].s;
	act[1].domain = domains[1500].s;
	act[0].name = act[1].name = "passwd";
	act[0].millis = act[1].millis = 6000;
	assert_int_equal(read_all(&took), PV_OK);
	assert_good(0, 1500);
	assert_bad(1500, "the 1502 domains of its account took longer than 11 s in all");
	assert_bad(1501, "it was not read");
	assert_in_range(took, 10900, 17000);
}

/* They hold what they sent until their time is over: those that are silent longest give way. */
static void what_is_held_is_limited(void **state)
{
	size_t early = 0;

	(void)state;
	for (size_t i = 0; i < 10; i++)
		misbehave(add_account(1, PV_READER_DOMAIN_MAX - 8192), "domain.conf", SIGSTOP);
	size_t good = add_account(1, 100);
	assert_int_equal(read_all(NULL), PV_OK);
	for (size_t i = 0; i < 10; i++) {
		bool is_early = strstr(got[i].error.text, "others needed the memory") != NULL;
		early += is_early;
		if (!is_early)
			assert_bad(i, "longer than 8 s");
	}
	assert_in_range(early, 3, 9);
	assert_good(good, 1);
}

static void without_a_process_it_waits_for_one_of_its_own(void **state)
{
	(void)state;
	for (size_t i = 0; i < 5; i++)
		add_account(2, 100);
	forks_that_work = 2;
	forks_that_fail = 2;
	assert_int_equal(read_all(NULL), PV_OK);
	assert_good(0, 10);
	forks_that_work = 0;
	forks_that_fail = 1000;
	assert_int_equal(read_all(NULL), PV_OK);
	for (size_t i = 0; i < 10; i++)
		assert_bad(i, "start a child");
}

static void a_failure_ends_all(void **state)
{
	(void)state;
	for (size_t i = 0; i < 8; i++)
		add_account(3, 100);
	misbehave(4, "passwd", SIGSTOP);
	for (fail_at = 1; fail_at < 20; fail_at += 6)
		assert_int_equal(read_all(NULL), PV_TEMPORARY);
	fail_at = 0;
	for (unsigned n = 1; n <= 2; n++) {
		calloc_that_fails = n;
		assert_int_equal(read_all(NULL), PV_TEMPORARY);
	}
	calloc_that_fails = 0;
}

#define READERS_TEST(name) cmocka_unit_test_setup_teardown(name, make, unmake)

int main(void)
{
	const struct CMUnitTest tests[] = {
		READERS_TEST(many_domains_of_an_account_come_row_by_row),
		READERS_TEST(many_bytes_come_in_several_rows),
		READERS_TEST(a_domain_that_is_too_large_is_named_and_the_next_one_read),
		READERS_TEST(no_account_and_no_domain_is_no_work),
		READERS_TEST(the_stopped_wait_side_by_side),
		READERS_TEST(who_kills_its_child_is_not_read_further),
		READERS_TEST(a_slow_disk_is_no_domain_that_hangs),
		READERS_TEST(an_account_that_is_slow_all_the_time_is_ended),
		READERS_TEST(what_is_held_is_limited),
		READERS_TEST(without_a_process_it_waits_for_one_of_its_own),
		READERS_TEST(a_failure_ends_all),
	};

	(void)alarm(120);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
