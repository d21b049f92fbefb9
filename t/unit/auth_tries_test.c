/* auth_tries_test.c: wrong passwords are counted for all processes, decay, and lock nobody else out. */
#include "auth_world.h"
#include "write_faults.h"

#include "auth/tries.h"

#include <sys/mount.h>

/* --- the clock, and calls that write_faults.h does not have --- */

static int64_t now_ms = 1000000;

int64_t __wrap_pv_now_ms(void);
int64_t __wrap_pv_now_ms(void)
{
	return now_ms;
}

WRAPPED(ssize_t, pwrite, (int fd, const void *data, size_t len, off_t at), (fd, data, len, at))
WRAPPED(int, fcntl, (int fd, int command, void *arg), (fd, command, arg))

static void pass(unsigned seconds)
{
	now_ms += (int64_t)seconds * 1000;
}

/* --- the table in use --- */

static struct pv_tries tries;

static void start(void **state)
{
	struct pv_error e;

	open_world(*state, "");
	if (pv_tries_open(&store, &tries, &e) != PV_OK)
		fail_msg("%s", e.text);
}

static void stop(void)
{
	pv_tries_close(&tries);
	pv_tries_close(&tries);
	pv_store_close(&store);
}

static void wrong(const char *from, const char *who, unsigned times)
{
	for (unsigned i = 0; i < times; i++)
		pv_tries_wrong(&tries, client(from), who);
}

enum { REFUSED = 1000000 };

/* The wait; REFUSED and more: refused for so long. */
static unsigned wait_of(const char *from, const char *who)
{
	unsigned wait = 77;

	bool allowed = pv_tries_allow(&tries, client(from), who, &wait);
	return allowed ? wait : REFUSED + wait;
}

static void waits_grow_with_the_tries(void **state)
{
	static const struct {
		unsigned wrong, wait; /* after so many in all */
	} table[] = { { 0, 0 }, { 1, 1 }, { 2, 1 }, { 3, 2 }, { 5, 2 }, { 6, 4 }, { 11, 4 } };
	unsigned made = 0;

	start(state);
	for (size_t i = 0; i < sizeof table / sizeof *table; i++) {
		wrong("192.0.2.1", "abc@kvt.dk", table[i].wrong - made);
		made = table[i].wrong;
		if (wait_of("192.0.2.1", "abc@kvt.dk") != table[i].wait)
			fail_msg("after %u: %u", made, wait_of("192.0.2.1", "abc@kvt.dk"));
	}
	wrong("192.0.2.1", "abc@kvt.dk", 1);
	assert_true(wait_of("192.0.2.1", "abc@kvt.dk") > REFUSED);
	stop();
}

static void one_device_costs_its_neighbours_no_refusal(void **state)
{
	start(state);
	wrong("192.0.2.1", "abc@kvt.dk", 12);
	assert_true(wait_of("192.0.2.1", "abc@kvt.dk") > REFUSED);
	assert_true(wait_of("192.0.2.1", "kvt@kvt.dk") <= 4);
	stop();
}

static void an_address_that_guesses_is_refused_whatever_it_tries(void **state)
{
	char who[32];

	start(state);
	for (unsigned i = 0; i < 30; i++) {
		(void)snprintf(who, sizeof who, "u%u@kvt.dk", i);
		assert_true(wait_of("192.0.2.1", who) <= 4);
		wrong("192.0.2.1", who, 1);
	}
	assert_true(wait_of("192.0.2.1", "new@kvt.dk") > REFUSED);
	assert_int_equal(wait_of("192.0.2.2", "new@kvt.dk"), 0);
	stop();
}

static void the_owner_is_not_locked_out_from_elsewhere(void **state)
{
	char from[32];

	start(state);
	for (unsigned i = 0; i < 1000; i++) {
		(void)snprintf(from, sizeof from, "198.51.%u.%u", 100 + i / 200, i % 200);
		wrong(from, "abc@kvt.dk", 1);
		unsigned wait = wait_of("192.0.2.1", "abc@kvt.dk");
		if (wait > 2)
			fail_msg("after %u: %u", i, wait);
	}
	assert_int_equal(wait_of("192.0.2.1", "abc@kvt.dk"), 2);
	assert_int_equal(wait_of("192.0.2.1", "kvt@kvt.dk"), 0);
	stop();
}

static void a_refusal_ends_when_it_said(void **state)
{
	static const unsigned counts[] = { 12, 13, 20, 24, 25, 100, 5000 };
	char who[32];

	start(state);
	for (size_t i = 0; i < sizeof counts / sizeof *counts; i++) {
		char from[32];
		(void)snprintf(who, sizeof who, "u%zu@kvt.dk", i);
		(void)snprintf(from, sizeof from, "192.0.2.%zu", i);
		wrong(from, who, counts[i]);
		unsigned wait = wait_of(from, who) - REFUSED;
		assert_true(wait > 0 && wait < 3 * 3600);
		unsigned early = wait / 20 + 2;
		if (wait > early) {
			pass(wait - early);
			if (wait_of(from, who) < REFUSED)
				fail_msg("after %u: let in %u s too early", counts[i], early);
			pass(early);
		} else {
			pass(wait);
		}
		if (wait_of(from, who) > REFUSED)
			fail_msg("after %u: still refused after %u s", counts[i], wait);
	}
	stop();
}

static void half_are_forgotten_every_ten_minutes(void **state)
{
	start(state);
	wrong("192.0.2.1", "abc@kvt.dk", 6);
	pass(300);
	assert_int_equal(wait_of("192.0.2.1", "abc@kvt.dk"), 2); /* 4.5 are left */
	pass(300);
	assert_int_equal(wait_of("192.0.2.1", "abc@kvt.dk"), 2); /* 3 */
	pass(10);
	assert_int_equal(wait_of("192.0.2.1", "abc@kvt.dk"), 1);
	pass(3600);
	assert_int_equal(wait_of("192.0.2.1", "abc@kvt.dk"), 0);
	wrong("192.0.2.1", "abc@kvt.dk", 100);
	pass(600 * 40);
	assert_int_equal(wait_of("192.0.2.1", "abc@kvt.dk"), 0);
	/* A table of before the last boot says nothing. */
	wrong("192.0.2.1", "abc@kvt.dk", 100);
	now_ms = 5000;
	assert_int_equal(wait_of("192.0.2.1", "abc@kvt.dk"), 0);
	now_ms = 1000000;
	stop();
}

static void who_was_right_is_forgiven(void **state)
{
	start(state);
	wrong("192.0.2.1", "abc@kvt.dk", 8);
	wrong("192.0.2.1", "kvt@kvt.dk", 8);
	wrong("192.0.2.2", "abc@kvt.dk", 4);
	pv_tries_right(&tries, client("192.0.2.1"), "ABC@kvt.dk");
	assert_int_equal(wait_of("192.0.2.1", "abc@kvt.dk"), 1); /* 12 from all, 8 from here for others */
	assert_int_equal(wait_of("192.0.2.1", "kvt@kvt.dk"), 4);
	assert_int_equal(wait_of("192.0.2.2", "abc@kvt.dk"), 2);
	assert_int_equal(wait_of("192.0.2.1", "xyz@kvt.dk"), 1);
	/* Being right for oneself is no licence to guess at others. */
	for (unsigned i = 0; i < 40; i++) {
		char who[32];
		(void)snprintf(who, sizeof who, "u%u@kvt.dk", i);
		wrong("192.0.2.1", who, 1);
		pv_tries_right(&tries, client("192.0.2.1"), "abc@kvt.dk");
	}
	assert_true(wait_of("192.0.2.1", "xyz@kvt.dk") > REFUSED);
	stop();
}

static void which_addresses_are_one(void **state)
{
	static const struct {
		const char *a, *b;
		bool same;
	} table[] = {
		{ "2001:db8::1", "2001:db8::ffff:ffff:ffff:ffff", true },
		{ "2001:db8::1", "2001:db8:0:1::1", false },
		{ "192.0.2.1", "::ffff:192.0.2.1", true },
		{ "::ffff:192.0.2.1", "::ffff:192.0.2.2", false },
		{ "192.0.2.1", "192.0.2.2", false },
		{ "::1", "::2", true },
	};

	for (size_t i = 0; i < sizeof table / sizeof *table; i++) {
		start(state);
		wrong(table[i].a, "abc@kvt.dk", 12);
		if ((wait_of(table[i].b, "abc@kvt.dk") > REFUSED) != table[i].same)
			fail_msg("%s and %s", table[i].a, table[i].b);
		stop();
		assert_int_equal(unlinkat(((struct scratch *)*state)->fd, "run/tries", 0), 0);
	}
}

static void a_client_without_an_address_is_never_refused(void **state)
{
	start(state);
	wrong(NULL, "abc@kvt.dk", 200);
	wrong("unix", "abc@kvt.dk", 200);
	assert_int_equal(wait_of(NULL, "abc@kvt.dk"), 2);
	assert_int_equal(wait_of("unix", "abc@kvt.dk"), 2);
	assert_int_equal(wait_of(NULL, "kvt@kvt.dk"), 0);
	pv_tries_right(&tries, NULL, "abc@kvt.dk");
	stop();
}

static void any_name_can_be_counted(void **state)
{
	static const size_t lengths[] = { 0, 1, 255, 256, 257, 511, 512, 100000 };
	char *who = malloc(100001), *other = malloc(100001);

	assert_non_null(who);
	assert_non_null(other);
	start(state);
	for (size_t i = 0; i < sizeof lengths / sizeof *lengths; i++) {
		char from[32];
		(void)snprintf(from, sizeof from, "192.0.2.%zu", i);
		memset(who, 'A', lengths[i]);
		memset(other, 'a', lengths[i]);
		who[lengths[i]] = other[lengths[i]] = '\0';
		wrong(from, who, 3);
		assert_int_equal(wait_of(from, other), 2);
		if (lengths[i] > 0) {
			other[lengths[i] - 1] = 'b';
			assert_int_equal(wait_of(from, other), 0);
		}
	}
	free(who);
	free(other);
	stop();
}

/* More keys than there are places: the highest stay, and nobody is refused for others' tries. */
static void a_full_table_refuses_nobody(void **state)
{
	char from[32], who[32];

	start(state);
	wrong("192.0.2.1", "abc@kvt.dk", 12);
	for (unsigned i = 0; i < 60000; i++) {
		(void)snprintf(from, sizeof from, "10.%u.%u.1", i / 256, i % 256);
		(void)snprintf(who, sizeof who, "u%u@kvt.dk", i);
		wrong(from, who, 1);
	}
	assert_true(wait_of("192.0.2.1", "abc@kvt.dk") > REFUSED);
	for (unsigned i = 0; i < 20000; i++) {
		(void)snprintf(from, sizeof from, "203.0.%u.%u", i / 256, i % 256);
		(void)snprintf(who, sizeof who, "new%u@kvt.dk", i);
		unsigned wait = wait_of(from, who);
		if (wait > 0)
			fail_msg("%s, %s: %u", from, who, wait);
	}
	struct stat st;
	assert_int_equal(fstat(tries.file.fd, &st), 0);
	assert_true(st.st_size < 1100000);
	stop();
}

static void guess(const char *who)
{
	struct pv_tries mine;

	if (pv_tries_open(&store, &mine, NULL) != PV_OK)
		_exit(1);
	for (unsigned i = 0; i < 400; i++)
		pv_tries_wrong(&mine, client("192.0.2.1"), who);
	pv_tries_close(&mine);
}

static void eight_processes_lose_no_count(void **state)
{
	start(state);
	for (unsigned i = 0; i < 8; i++) {
		pid_t pid = fork();
		assert_true(pid >= 0);
		if (pid == 0) {
			guess("abc@kvt.dk");
			_exit(0);
		}
	}
	for (unsigned i = 0; i < 8; i++) {
		int status;
		assert_true(wait(&status) > 0);
		assert_int_equal(status, 0);
	}
	wrong("192.0.2.2", "abc@kvt.dk", 3200);
	assert_int_equal(wait_of("192.0.2.1", "abc@kvt.dk"), wait_of("192.0.2.2", "abc@kvt.dk"));
	/* A wait is told in whole seconds: a few more are needed to see a difference. */
	wrong("192.0.2.2", "abc@kvt.dk", 10);
	assert_int_not_equal(wait_of("192.0.2.1", "abc@kvt.dk"), wait_of("192.0.2.2", "abc@kvt.dk"));
	stop();
}

/* --- the file --- */

static void a_damaged_table_is_made_anew(void **state)
{
	static const struct {
		off_t cut; /* -1: not */
		off_t at;  /* a byte that is changed; -1: none */
	} table[] = { { 0, -1 },       { 1, -1 },  { 63, -1 }, { 64, -1 }, { 1048639, -1 },
		      { 1048641, -1 }, { -1, 0 },  { -1, 7 },  { -1, 8 },  { -1, 16 },
		      { -1, 31 },      { -1, 32 }, { -1, 39 } };
	const struct scratch *s = *state;

	for (size_t i = 0; i < sizeof table / sizeof *table; i++) {
		unsigned char byte, key[PV_SUM_KEY];
		start(state);
		assert_int_equal(wait_of("192.0.2.1", "abc@kvt.dk"), 0);
		wrong("192.0.2.1", "abc@kvt.dk", 5);
		memcpy(key, tries.file.key, sizeof key);
		if (table[i].cut >= 0)
			assert_int_equal(ftruncate(tries.file.fd, table[i].cut), 0);
		if (table[i].at >= 0) {
			assert_int_equal(pread(tries.file.fd, &byte, 1, table[i].at), 1);
			byte ^= 1;
			assert_int_equal(pwrite(tries.file.fd, &byte, 1, table[i].at), 1);
		}
		/* Who has it open goes on as well as it can. */
		wrong("192.0.2.1", "abc@kvt.dk", 1);
		assert_true(wait_of("192.0.2.1", "abc@kvt.dk") <= 4);
		stop();
		start(state);
		assert_int_equal(wait_of("192.0.2.1", "abc@kvt.dk"), 0);
		wrong("192.0.2.1", "abc@kvt.dk", 1);
		assert_int_equal(wait_of("192.0.2.1", "abc@kvt.dk"), 1);
		assert_memory_not_equal(key, tries.file.key, sizeof key);
		stop();
		/* The next finds it whole. */
		start(state);
		assert_int_equal(wait_of("192.0.2.1", "abc@kvt.dk"), 1);
		struct stat st;
		assert_int_equal(fstat(tries.file.fd, &st), 0);
		assert_int_equal(st.st_mode & 07777, 0600);
		stop();
		assert_int_equal(unlinkat(s->fd, "run/tries", 0), 0);
	}
}

static void without_a_table_all_is_allowed(void **state)
{
	const struct scratch *s = *state;
	struct pv_error e;

	open_world(s, "");
	assert_int_equal(mkdirat(s->fd, "run", 0700), 0);
	assert_int_equal(mkfifoat(s->fd, "run/tries", 0600), 0);
	assert_int_equal(pv_tries_open(&store, &tries, &e), PV_TEMPORARY);
	assert_non_null(strstr(e.text, "tries is not a regular file"));
	assert_int_equal(tries.file.fd, -1);
	wrong("192.0.2.1", "abc@kvt.dk", 50);
	pv_tries_right(&tries, client("192.0.2.1"), "abc@kvt.dk");
	assert_int_equal(wait_of("192.0.2.1", "abc@kvt.dk"), 0);
	pv_tries_close(&tries);
	assert_int_equal(unlinkat(s->fd, "run/tries", 0), 0);
	assert_int_equal(symlinkat("elsewhere", s->fd, "run/tries"), 0);
	assert_int_equal(pv_tries_open(&store, &tries, &e), PV_TEMPORARY);
	assert_int_equal(fchmodat(s->fd, "run", 0777, 0), 0);
	assert_int_equal(pv_tries_open(&store, &tries, &e), PV_TEMPORARY);
	assert_non_null(strstr(e.text, "run"));
	assert_int_equal(pv_tries_open(&store, &tries, NULL), PV_TEMPORARY);
	pv_store_close(&store);
}

/* Every call fails in turn: an error while it is opened, and afterwards nobody is refused or kept waiting. */
static void any_call_may_fail(void **state)
{
	static const char *const names[] = { "openat", "fstat",	 "ftruncate", "mkdirat",
					     "pread",  "pwrite", "fcntl",     "getrandom" };
	const struct scratch *s = *state;
	unsigned faults = 0;

	open_world(s, "");
	for (size_t i = 0; i < sizeof names / sizeof *names; i++)
		for (unsigned nth = 1;; nth++) {
			struct pv_error e = { .text = "" };
			unsigned before = open_descriptors();
			(void)unlinkat(s->fd, "run/tries", 0);
			(void)unlinkat(s->fd, "run", AT_REMOVEDIR);
			fault.call = names[i], fault.nth = nth, fault.seen = 0, fault.err = ENOSPC;
			enum pv_class c = pv_tries_open(&store, &tries, &e);
			assert_true(c == PV_OK || (c == PV_TEMPORARY && e.text[0] != '\0'));
			assert_int_equal(c == PV_OK, tries.file.fd >= 0);
			wrong("192.0.2.1", "abc@kvt.dk", 2);
			assert_true(wait_of("192.0.2.1", "abc@kvt.dk") <= 1);
			bool met = fault.seen >= nth;
			fault.call = NULL;
			pv_tries_close(&tries);
			assert_int_equal(open_descriptors(), before);
			/* What it left is taken, or made anew. */
			assert_int_equal(pv_tries_open(&store, &tries, &e), PV_OK);
			assert_true(wait_of("192.0.2.1", "abc@kvt.dk") <= 1);
			pv_tries_close(&tries);
			if (!met)
				break;
			faults++;
			assert_true(nth < 200);
		}
	assert_true(faults > 20);
	pv_store_close(&store);
}

static void a_full_disk_harms_nothing(void **state)
{
	const struct scratch *s = *state;
	char path[600];
	static char block[4096];
	ssize_t n;

	(void)snprintf(path, sizeof path, "%s/run", s->path);
	assert_int_equal(mkdirat(s->fd, "run", 0700), 0);
	assert_int_equal(mount("pv-test", path, "tmpfs", 0, "size=64k,mode=0700"), 0);
	start(state);
	int fd = openat(s->fd, "run/fill", O_WRONLY | O_CREAT | O_CLOEXEC, 0600);
	memset(block, 1, sizeof block);
	while ((n = write(fd, block, sizeof block)) > 0)
		;
	assert_int_equal(errno, ENOSPC);
	wrong("192.0.2.1", "abc@kvt.dk", 8);
	unsigned wait = wait_of("192.0.2.1", "abc@kvt.dk");
	assert_int_equal(ftruncate(fd, 0), 0);
	wrong("192.0.2.1", "abc@kvt.dk", 3);
	unsigned then = wait_of("192.0.2.1", "abc@kvt.dk");
	(void)close(fd);
	stop();
	assert_int_equal(umount2(path, MNT_DETACH), 0);
	/* Where a name lies in the table is chance: in a page that is there already, it is counted. */
	assert_in_range(wait, 0, 4);
	assert_in_range(then, 2, 4);
}

static void hold_all(void *ctx)
{
	struct flock whole = { .l_type = F_WRLCK, .l_whence = SEEK_SET };
	const int *pipe_fd = ctx;

	int dir = openat(AT_FDCWD, store.conf.run_directory, O_PATH | O_DIRECTORY | O_CLOEXEC, 0);
	int fd = openat(dir, "tries", O_RDWR | O_CLOEXEC, 0);
	if (fcntl(fd, F_OFD_SETLK, &whole) != 0)
		_exit(1);
	(void)!write(pipe_fd[1], "x", 1);
	(void)pause();
}

static void a_lock_that_cannot_be_had_costs_two_seconds_and_a_count(void **state)
{
	struct timespec before, after;
	int fds[2];
	char x;

	start(state);
	assert_int_equal(pipe2(fds, O_CLOEXEC), 0);
	pid_t pid = fork();
	if (pid == 0)
		hold_all(fds);
	assert_int_equal(read(fds[0], &x, 1), 1);
	(void)clock_gettime(CLOCK_MONOTONIC, &before);
	wrong(NULL, "abc@kvt.dk", 1);
	(void)clock_gettime(CLOCK_MONOTONIC, &after);
	int64_t took = (after.tv_sec - before.tv_sec) * 1000 + (after.tv_nsec - before.tv_nsec) / 1000000;
	assert_int_equal(kill(pid, SIGKILL), 0);
	assert_int_equal(waitpid(pid, NULL, 0), pid);
	assert_in_range(took, 1900, 3500);
	assert_int_equal(wait_of("192.0.2.1", "abc@kvt.dk"), 0);
	(void)close(fds[0]);
	(void)close(fds[1]);
	stop();
}

int main(void)
{
	const struct CMUnitTest tests[] = {
#define T(f) cmocka_unit_test_setup_teardown(f, scratch_make, scratch_remove)
		T(waits_grow_with_the_tries),
		T(one_device_costs_its_neighbours_no_refusal),
		T(an_address_that_guesses_is_refused_whatever_it_tries),
		T(the_owner_is_not_locked_out_from_elsewhere),
		T(a_refusal_ends_when_it_said),
		T(half_are_forgotten_every_ten_minutes),
		T(who_was_right_is_forgiven),
		T(which_addresses_are_one),
		T(a_client_without_an_address_is_never_refused),
		T(any_name_can_be_counted),
		T(a_full_table_refuses_nobody),
		T(eight_processes_lose_no_count),
		T(a_damaged_table_is_made_anew),
		T(without_a_table_all_is_allowed),
		T(any_call_may_fail),
		T(a_full_disk_harms_nothing),
		T(a_lock_that_cannot_be_had_costs_two_seconds_and_a_count),
	};

	return cmocka_run_group_tests_name("auth_tries", tests, NULL, NULL);
}
