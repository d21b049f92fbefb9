/* auth_session_test.c: one session for each mailbox, some for each address, and when somebody was seen. */
#include "auth_world.h"
#include "write_faults.h"

#include "auth/session.h"

/* --- the wall clock, and calls that write_faults.h does not have --- */

static time_t now; /* 0: the real one */

time_t __real_time(time_t *t);
time_t __wrap_time(time_t *t);
time_t __wrap_time(time_t *t)
{
	return now != 0 ? now : __real_time(t);
}

WRAPPED(ssize_t, pwrite, (int fd, const void *data, size_t len, off_t at), (fd, data, len, at))
WRAPPED(int, fcntl, (int fd, int command, void *arg), (fd, command, arg))
WRAPPED(int, utimensat, (int fd, const char *name, const struct timespec t[2], int flags),
	(fd, name, t, flags))

static struct pv_address address(const char *text)
{
	struct pv_address a;

	assert_int_equal(pv_address_parse(text, strlen(text), &a, NULL), PV_OK);
	return a;
}

/* Take the session of a; -1: another one has it. */
static int take(const char *text)
{
	const struct pv_address a = address(text);
	struct pv_error e;
	int fd = 77;
	bool got;

	if (pv_session_take(&store, &a, &fd, &got, &e) != PV_OK)
		fail_msg("%s: %s", text, e.text);
	assert_int_equal(got, fd >= 0);
	if (got)
		assert_true((fcntl(fd, F_GETFD, NULL) & FD_CLOEXEC) != 0);
	return fd;
}

static int place(const char *from)
{
	struct pv_error e;
	int fd = 77;
	bool got;

	if (pv_session_place(&store, client(from), &fd, &got, &e) != PV_OK)
		fail_msg("%s: %s", from, e.text);
	assert_int_equal(got, fd >= 0);
	return fd;
}

static void one_session_for_each_mailbox(void **state)
{
	unsigned before;
	int a, b;

	open_world(*state, "");
	before = open_descriptors();
	a = take("abc@kvt.dk");
	assert_true(a >= 0);
	assert_int_equal(take("abc@kvt.dk"), -1);
	b = take("kvt@kvt.dk");
	assert_true(b >= 0);
	(void)close(b);
	b = take("abc@mail.org");
	assert_true(b >= 0);
	(void)close(b);
	(void)close(a);
	a = take("abc@kvt.dk");
	assert_true(a >= 0);
	(void)close(a);
	assert_int_equal(open_descriptors(), before);
	pv_store_close(&store);
}

/* A child that takes the session, says so, and does `then`. */
static pid_t holder(int (*then)(int fd))
{
	int fds[2];
	char x;

	assert_int_equal(pipe2(fds, O_CLOEXEC), 0);
	pid_t pid = fork();
	assert_true(pid >= 0);
	if (pid == 0) {
		(void)alarm(60); /* should this test fail, it ends all the same */
		int fd = take("abc@kvt.dk");
		int status = then != NULL ? then(fd) : 0;
		(void)!write(fds[1], fd >= 0 && status == 0 ? "y" : "n", 1);
		(void)pause();
	}
	assert_int_equal(read(fds[0], &x, 1), 1);
	assert_int_equal(x, 'y');
	(void)close(fds[0]);
	(void)close(fds[1]);
	return pid;
}

static void end(pid_t pid)
{
	assert_int_equal(kill(pid, SIGKILL), 0);
	assert_int_equal(waitpid(pid, NULL, 0), pid);
}

static void a_kill_frees_it(void **state)
{
	open_world(*state, "");
	for (unsigned i = 0; i < 20; i++) {
		pid_t pid = holder(NULL);
		assert_int_equal(take("abc@kvt.dk"), -1);
		end(pid);
		int fd = take("abc@kvt.dk");
		assert_true(fd >= 0);
		(void)close(fd);
	}
	pv_store_close(&store);
}

static pid_t grandchild_pid;

/* The child's own child has the session too, so it lasts when the parent closes it or ends. */
static int leave_to_a_child(int fd)
{
	pid_t pid = fork();

	if (pid == 0) {
		(void)alarm(60);
		(void)pause();
		_exit(0);
	}
	(void)close(fd);
	int out = openat(AT_FDCWD, store.conf.run_directory, O_PATH | O_DIRECTORY | O_CLOEXEC, 0);
	int note = openat(out, "pid", O_WRONLY | O_CREAT | O_CLOEXEC, 0600);
	return write(note, &pid, sizeof pid) == (ssize_t)sizeof pid ? 0 : 1;
}

static void a_fork_keeps_it(void **state)
{
	const struct scratch *s = *state;

	open_world(s, "");
	pid_t pid = holder(leave_to_a_child);
	int fd = openat(s->fd, "run/pid", O_RDONLY | O_CLOEXEC, 0);
	assert_int_equal(read(fd, &grandchild_pid, sizeof grandchild_pid), sizeof grandchild_pid);
	(void)close(fd);
	assert_int_equal(take("abc@kvt.dk"), -1);
	end(pid);
	assert_int_equal(take("abc@kvt.dk"), -1);
	assert_int_equal(kill(grandchild_pid, SIGKILL), 0);
	/* It is init's to wait for. */
	for (unsigned i = 0; i < 500 && (fd = take("abc@kvt.dk")) < 0; i++)
		(void)usleep(10000);
	assert_true(fd >= 0);
	(void)close(fd);
	pv_store_close(&store);
}

static void so_many_places_for_an_address(void **state)
{
	static const struct {
		const char *a, *b;
		bool same;
	} table[] = {
		{ "192.0.2.1", "192.0.2.1", true },	     { "192.0.2.1", "::ffff:192.0.2.1", true },
		{ "192.0.2.1", "192.0.2.2", false },	     { "2001:db8::1", "2001:db8::ffff:1", true },
		{ "2001:db8::1", "2001:db8:0:1::1", false },
	};
	int fds[3], more;

	open_world(*state, "pop3_sessions_per_address = 3\n");
	for (size_t i = 0; i < sizeof table / sizeof *table; i++) {
		for (size_t k = 0; k < 3; k++) {
			fds[k] = place(table[i].a);
			assert_true(fds[k] >= 0);
		}
		more = place(table[i].b);
		if ((more < 0) != table[i].same)
			fail_msg("%s and %s", table[i].a, table[i].b);
		if (more >= 0)
			(void)close(more);
		(void)close(fds[1]);
		fds[1] = place(table[i].a);
		assert_true(fds[1] >= 0);
		assert_int_equal(place(table[i].a), -1);
		for (size_t k = 0; k < 3; k++)
			(void)close(fds[k]);
	}
	pv_store_close(&store);
	open_world(*state, "pop3_sessions_per_address = 100000\n");
	fds[0] = place("192.0.2.1");
	assert_true(fds[0] >= 0);
	(void)close(fds[0]);
	pv_store_close(&store);
}

static void many_users_do_not_meet(void **state)
{
	char text[32];
	int fds[400];

	open_world(*state, "");
	for (unsigned i = 0; i < 400; i++) {
		(void)snprintf(text, sizeof text, "u%u@kvt.dk", i);
		fds[i] = take(text);
		assert_true(fds[i] >= 0);
	}
	for (unsigned i = 0; i < 400; i++)
		(void)close(fds[i]);
	pv_store_close(&store);
}

static void a_damaged_file_is_made_anew(void **state)
{
	const struct scratch *s = *state;

	open_world(s, "");
	(void)close(take("abc@kvt.dk"));
	scratch_write(s, "run/sessions", "rubbish", 7);
	int fd = take("abc@kvt.dk");
	assert_true(fd >= 0);
	assert_int_equal(take("abc@kvt.dk"), -1);
	(void)close(fd);
	pv_store_close(&store);
}

/* --- seen --- */

static bool seen(const char *text)
{
	const struct pv_address a = address(text);
	struct pv_error e;
	bool early = true;

	if (pv_session_seen(&store, &a, &early, &e) != PV_OK)
		fail_msg("%s: %s", text, e.text);
	return early;
}

static time_t last(const char *text)
{
	const struct pv_address a = address(text);
	struct pv_error e;
	time_t when = 77;

	if (pv_session_last(&store, &a, &when, &e) != PV_OK)
		fail_msg("%s: %s", text, e.text);
	return when;
}

static void set_last(const struct scratch *s, const char *name, time_t when)
{
	const struct timespec t[2] = { { .tv_sec = when }, { .tv_sec = when } };

	assert_int_equal(__real_utimensat(s->fd, name, t, 0), 0);
}

static void a_login_is_noted_once_a_day(void **state)
{
	const struct scratch *s = *state;
	time_t today = __real_time(NULL);
	struct stat st;

	open_world(s, "");
	now = 0;
	assert_int_equal(last("abc@kvt.dk"), 0);
	assert_false(seen("abc@kvt.dk"));
	assert_in_range(last("abc@kvt.dk"), today - 1, today + 5);
	assert_int_equal(last("kvt@kvt.dk"), 0);
	assert_int_equal(last("abc@mail.org"), 0);
	assert_int_equal(fstatat(s->fd, "state/seen/kvt.dk/abc", &st, 0), 0);
	assert_int_equal(st.st_mode & 07777, 0600);
	assert_int_equal(st.st_size, 0);
	assert_int_equal(st.st_uid, 0);
	assert_int_equal(fstatat(s->fd, "state/seen/kvt.dk", &st, 0), 0);
	assert_int_equal(st.st_mode & 07777, 0700);
	assert_int_equal(fstatat(s->fd, "state/seen", &st, 0), 0);
	assert_int_equal(st.st_mode & 07777, 0700);
	/* Of this day: it stays. Of another: it is written anew. */
	time_t midnight = today - today % 86400;
	set_last(s, "state/seen/kvt.dk/abc", midnight);
	assert_false(seen("abc@kvt.dk"));
	assert_int_equal(last("abc@kvt.dk"), midnight);
	set_last(s, "state/seen/kvt.dk/abc", midnight - 1);
	assert_false(seen("abc@kvt.dk"));
	assert_in_range(last("abc@kvt.dk"), today - 1, today + 5);
	set_last(s, "state/seen/kvt.dk/abc", today + 90000);
	assert_false(seen("abc@kvt.dk"));
	assert_in_range(last("abc@kvt.dk"), today - 1, today + 5);
	pv_store_close(&store);
}

static void who_comes_too_early(void **state)
{
	const struct scratch *s = *state;
	time_t today = __real_time(NULL);

	open_world(s, "login_delay = 60\n");
	now = 0;
	assert_false(seen("abc@kvt.dk"));
	assert_true(seen("abc@kvt.dk"));
	assert_false(seen("kvt@kvt.dk"));
	set_last(s, "state/seen/kvt.dk/abc", 1000000);
	now = 1000059;
	assert_true(seen("abc@kvt.dk"));
	/* Who is told to come later is not made to wait from then. */
	assert_int_equal(last("abc@kvt.dk"), 1000000);
	now = 1000060;
	assert_false(seen("abc@kvt.dk"));
	assert_in_range(last("abc@kvt.dk"), today - 1, today + 60);
	/* A clock that was set back locks nobody out. */
	set_last(s, "state/seen/kvt.dk/abc", 1000000);
	now = 999999;
	assert_false(seen("abc@kvt.dk"));
	now = 0;
	pv_store_close(&store);
}

static bool forget(const char *domain, const char *user, const char *to)
{
	struct pv_address a = address("x@kvt.dk"), b = a;
	struct pv_error e;
	bool done;

	assert_int_equal(pv_domain_parse(domain, strlen(domain), &a.domain, NULL), PV_OK);
	if (user != NULL)
		assert_int_equal(pv_user_parse(user, strlen(user), &a.user, NULL), PV_OK);
	if (to != NULL)
		assert_int_equal(pv_user_parse(to, strlen(to), &b.user, NULL), PV_OK);
	if (pv_session_forget(&store, &a.domain, user != NULL ? &a.user : NULL, to != NULL ? &b.user : NULL,
			      &done, &e) != PV_OK)
		fail_msg("%s", e.text);
	return done;
}

static void what_was_noted_goes_with_its_user(void **state)
{
	const struct scratch *s = *state;

	open_world(s, "");
	/* There is nothing yet, not even a folder. */
	assert_false(forget("kvt.dk", "abc", NULL));
	assert_false(forget("kvt.dk", "abc", "def"));
	assert_false(forget("kvt.dk", NULL, NULL));
	(void)seen("abc@kvt.dk"), (void)seen("kvt@kvt.dk"), (void)seen("abc@mail.org");
	set_last(s, "state/seen/kvt.dk/abc", 1000000);
	assert_true(forget("kvt.dk", "abc", "def"));
	assert_int_equal(last("abc@kvt.dk"), 0);
	assert_int_equal(last("def@kvt.dk"), 1000000);
	assert_false(forget("kvt.dk", "abc", "def"));
	assert_int_equal(last("def@kvt.dk"), 1000000);
	assert_true(forget("kvt.dk", "def", NULL));
	assert_false(forget("kvt.dk", "def", NULL));
	assert_int_equal(last("def@kvt.dk"), 0);
	assert_true(last("kvt@kvt.dk") > 0);
	assert_true(forget("kvt.dk", NULL, NULL));
	assert_false(forget("kvt.dk", NULL, NULL));
	assert_int_equal(last("kvt@kvt.dk"), 0);
	assert_true(last("abc@mail.org") > 0);
	pv_store_close(&store);
}

/* --- calls that fail --- */

static enum pv_class everything_once(struct pv_error *e)
{
	const struct pv_address a = address("abc@kvt.dk"), b = address("kvt@kvt.dk");
	int session = -1, own = -1;
	bool got, early, done;
	time_t when;

	enum pv_class c = pv_session_take(&store, &a, &session, &got, e);
	assert_int_equal(c == PV_OK, session >= 0);
	if (c == PV_OK && (c = pv_session_place(&store, client("192.0.2.1"), &own, &got, e)) == PV_OK)
		assert_true(got);
	if (c == PV_OK)
		c = pv_session_seen(&store, &a, &early, e);
	if (c == PV_OK)
		assert_false(early);
	if (c == PV_OK)
		c = pv_session_seen(&store, &a, &early, e);
	if (c == PV_OK)
		c = pv_session_last(&store, &a, &when, e);
	if (c == PV_OK)
		c = pv_session_forget(&store, &a.domain, &a.user, &b.user, &done, e);
	if (c == PV_OK)
		c = pv_session_forget(&store, &a.domain, &b.user, NULL, &done, e);
	if (c == PV_OK)
		c = pv_session_forget(&store, &a.domain, NULL, NULL, &done, e);
	if (session >= 0)
		(void)close(session);
	if (own >= 0)
		(void)close(own);
	return c;
}

static void every_failing_call_is_temporary(void **state)
{
	static const char *const names[] = { "openat",	"fstat",     "fstatat",	  "ftruncate",
					     "mkdirat", "unlinkat",  "renameat",  "pread",
					     "pwrite",	"getrandom", "utimensat", "fcntl" };
	const struct scratch *s = *state;
	unsigned faults = 0;

	open_world(s, "login_delay = 0\n");
	for (size_t i = 0; i < sizeof names / sizeof *names; i++)
		for (unsigned nth = 1;; nth++) {
			struct pv_error e = { .text = "" };
			unsigned before = open_descriptors();
			(void)__real_unlinkat(s->fd, "run/sessions", 0);
			fault.call = names[i], fault.nth = nth, fault.seen = 0, fault.err = EIO;
			enum pv_class c = everything_once(&e);
			bool met = fault.seen >= nth;
			fault.call = NULL;
			assert_int_equal(open_descriptors(), before);
			if (c != PV_OK && (c != PV_TEMPORARY || e.class != c || e.text[0] == '\0'))
				fail_msg("%s number %u: class %d `%s`", names[i], nth, (int)c, e.text);
			/* Nothing stands in the way of the next. */
			if (everything_once(&e) != PV_OK)
				fail_msg("after %s number %u: %s", names[i], nth, e.text);
			if (!met)
				break;
			faults++;
			assert_true(nth < 100);
		}
	assert_true(faults > 20);
	pv_store_close(&store);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
#define T(f) cmocka_unit_test_setup_teardown(f, scratch_make, scratch_remove)
		T(one_session_for_each_mailbox),
		T(a_kill_frees_it),
		T(a_fork_keeps_it),
		T(so_many_places_for_an_address),
		T(many_users_do_not_meet),
		T(a_damaged_file_is_made_anew),
		T(a_login_is_noted_once_a_day),
		T(who_comes_too_early),
		T(what_was_noted_goes_with_its_user),
		T(every_failing_call_is_temporary),
	};

	return cmocka_run_group_tests_name("auth_session", tests, NULL, NULL);
}
