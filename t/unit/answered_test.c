/*
 * Who was answered: nobody twice within his time, whatever the index holds, whatever fails, and whenever it
 * is killed.
 */
#include "write_faults.h"

#include "store/answered.h"

#include <sys/syscall.h>
#include <sys/wait.h>

#define NOW ((time_t)1795000000)

enum { HOUR = 3600, DAY = 86400, WEEK = 7 * DAY };

static const struct pv_answered_rule weekly = { .most = 1, .seconds = WEEK };
static const struct pv_answered_rule thrice = { .most = 3, .seconds = DAY };

/* renameat2() comes as syscall(): what happens there. */
static struct {
	const struct scratch *remove_in; /* the index is removed a moment before */
	bool unknown;			 /* the file system knows no exchange */
} exchange;

long __real_syscall(long number, long a, const char *from, long b, const char *to, unsigned long flags);
long __wrap_syscall(long number, long a, const char *from, long b, const char *to, unsigned long flags);
long __wrap_syscall(long number, long a, const char *from, long b, const char *to, unsigned long flags)
{
	if (number == SYS_renameat2 && exchange.remove_in != NULL)
		assert_int_equal(unlinkat(exchange.remove_in->fd, to, 0), 0);
	if (number == SYS_renameat2 && exchange.unknown) {
		errno = EINVAL;
		return -1;
	}
	if (number == SYS_renameat2 && trips("renameat2"))
		return -1;
	return __real_syscall(number, a, from, b, to, flags);
}

static void put(const struct scratch *s, const char *text)
{
	scratch_write(s, "abc.vacation.db", text, strlen(text));
}

static char *text_of(const struct scratch *s)
{
	static char text[4096];

	int fd = openat(s->fd, "abc.vacation.db", O_RDONLY | O_CLOEXEC);
	ssize_t n = fd < 0 ? -1 : read(fd, text, sizeof text - 1);
	text[n > 0 ? n : 0] = '\0';
	if (fd >= 0)
		(void)close(fd);
	return n < 0 ? NULL : text;
}

static struct pv_answered index_of(const struct scratch *s)
{
	static struct pv_trust trust;

	trust = (struct pv_trust){ .uid = geteuid(), .where = s->path };
	return (struct pv_answered){ .dirfd = s->fd, .name = "abc.vacation.db", .trust = &trust };
}

static bool may(const struct scratch *s, const char *sender, const struct pv_answered_rule *rule, time_t now)
{
	const struct pv_answered a = index_of(s);
	struct pv_error e = { .text = "" };
	bool yes;

	if (pv_answered_note(&a, sender, rule, now, &yes, &e) != PV_OK)
		fail_msg("%s", e.text);
	return yes;
}

static size_t count(const struct scratch *s)
{
	const struct pv_answered a = index_of(s);
	size_t n;
	bool found;

	assert_int_equal(pv_answered_count(&a, &n, &found, NULL), PV_OK);
	assert_true(found);
	return n;
}

static void once_in_a_week(void **state)
{
	const struct scratch *s = *state;

	put(s, "");
	assert_true(may(s, "One@Example.org", &weekly, NOW));
	assert_false(may(s, "one@example.org", &weekly, NOW));
	assert_false(may(s, "ONE@EXAMPLE.ORG", &weekly, NOW + WEEK - 1));
	assert_true(may(s, "two@example.org", &weekly, NOW + 1));
	assert_int_equal(count(s), 2);
	assert_true(may(s, "one@example.org", &weekly, NOW + WEEK));
	assert_false(may(s, "one@example.org", &weekly, NOW + WEEK + 1));
	/* The second one's week is over too by then, and he is forgotten. */
	assert_true(may(s, "three@example.org", &weekly, NOW + WEEK + 1));
	assert_string_equal(strchr(text_of(s), '\n') + 1,
			    "1795604800 1 one@example.org\n1795604801 1 three@example.org\n");
}

static void several_times_a_day(void **state)
{
	const struct scratch *s = *state;

	put(s, "");
	for (int i = 0; i < 3; i++)
		assert_true(may(s, "one@example.org", &thrice, NOW + (time_t)i * HOUR));
	assert_false(may(s, "one@example.org", &thrice, NOW + 3 * HOUR));
	assert_false(may(s, "one@example.org", &thrice, NOW + DAY - 1));
	/* A day after the first. */
	assert_true(may(s, "one@example.org", &thrice, NOW + DAY));
	assert_true(may(s, "one@example.org", &thrice, NOW + DAY + 1));
}

static void off_where_it_is_missing(void **state)
{
	const struct scratch *s = *state;
	struct pv_answered a = index_of(s);
	struct stat st;
	bool yes;

	assert_false(may(s, "one@example.org", &weekly, NOW));
	assert_null(text_of(s));
	a.make = true;
	assert_int_equal(pv_answered_ask(&a, "one@example.org", &weekly, NOW, &yes, NULL), PV_OK);
	assert_true(yes);
	assert_null(text_of(s));
	assert_int_equal(pv_answered_note(&a, "one@example.org", &weekly, NOW, &yes, NULL), PV_OK);
	assert_true(yes);
	assert_int_equal(count(s), 1);
	assert_int_equal(fstatat(s->fd, "abc.vacation.db", &st, 0), 0);
	assert_int_equal(st.st_mode & 07777, 0600);
	assert_int_equal(pv_answered_ask(&a, "one@example.org", &weekly, NOW, &yes, NULL), PV_OK);
	assert_false(yes);
}

/* What is turned off just then stays off, and answers nobody. */
static void removed_meanwhile(void **state)
{
	const struct scratch *s = *state;

	put(s, "");
	exchange.remove_in = s;
	bool yes = may(s, "one@example.org", &weekly, NOW);
	exchange.remove_in = NULL;
	assert_false(yes);
	assert_null(text_of(s));
	assert_int_equal(scratch_count(s->path), 1); /* the lock */
}

static void without_exchange(void **state)
{
	const struct scratch *s = *state;

	put(s, "");
	exchange.unknown = true;
	assert_true(may(s, "one@example.org", &weekly, NOW));
	assert_false(may(s, "one@example.org", &weekly, NOW));
	assert_int_equal(count(s), 1);
	exchange.remove_in = s;
	assert_false(may(s, "two@example.org", &weekly, NOW));
	exchange.remove_in = NULL;
	exchange.unknown = false;
	assert_null(text_of(s));
	assert_int_equal(scratch_count(s->path), 1);
}

static void bounded(void **state)
{
	const struct scratch *s = *state;
	static char text[PV_ANSWERED_MAX * 64];
	char sender[64];
	size_t len = 0;

	for (unsigned i = 0; i < PV_ANSWERED_MAX; i++)
		len += (size_t)snprintf(text + len, sizeof text - len, "%lu 1 s%u@example.org\n",
					(unsigned long)NOW - PV_ANSWERED_MAX + i, i);
	put(s, text);
	/* Who stands there already takes no place. */
	assert_true(may(s, "s7@example.org", &thrice, NOW));
	assert_int_equal(count(s), PV_ANSWERED_MAX);
	for (unsigned i = 0; i < 3; i++) {
		(void)snprintf(sender, sizeof sender, "new%u@example.org", i);
		assert_true(may(s, sender, &weekly, NOW));
		assert_int_equal(count(s), PV_ANSWERED_MAX);
	}
	assert_true(may(s, "s0@example.org", &weekly, NOW));
	assert_true(may(s, "s1@example.org", &weekly, NOW));
	assert_false(may(s, "s20@example.org", &weekly, NOW));
	assert_false(may(s, "s3999@example.org", &weekly, NOW));
	assert_false(may(s, "new0@example.org", &weekly, NOW));
}

/* A clock that went wrong silences nobody for years; one that went back an hour makes nobody be answered
 * twice. */
static void clocks(void **state)
{
	const struct scratch *s = *state;

	put(s, "1795003600 1 hour@example.org\n3000000000 1 years@example.org\n");
	assert_false(may(s, "hour@example.org", &weekly, NOW));
	assert_true(may(s, "years@example.org", &weekly, NOW));
	assert_false(may(s, "years@example.org", &weekly, NOW));
}

static const struct {
	const char *sentence, *text;
	unsigned line;
} garbage[] = {
	{ "no numbers", "one@example.org\n", 1 },
	{ "one number", "1795000000 one@example.org\n", 1 },
	{ "no address", "1795000000 1 \n", 1 },
	{ "no newline at the end", "1795000000 1 one@example.org", 1 },
	{ "a torn second line", "1795000000 1 one@example.org\n17950", 2 },
	{ "a negative number", "-5 1 one@example.org\n", 1 },
	{ "a number that is too large", "99999999999999999999999 1 one@example.org\n", 1 },
	{ "more often than can be", "1795000000 1000001 one@example.org\n", 1 },
	{ "a control character", "1795000000 1 one\x01@example.org\n", 1 },
	{ "a carriage return", "1795000000 1 one@example.org\r\n", 1 },
	{ "an escape behind good lines", "# c\n\n1 1 a@b.c\n1795000000 1 \x1b[2J@example.org\n", 4 },
	{ "something else", "SQLite format 3\n", 1 },
};

static void not_believed(void **state)
{
	const struct scratch *s = *state;
	const struct pv_answered a = index_of(s);
	char line[32];
	bool yes;

	for (size_t i = 0; i < sizeof garbage / sizeof *garbage; i++) {
		struct pv_error e = { .text = "" };
		size_t n;
		put(s, garbage[i].text);
		yes = true;
		enum pv_class c = pv_answered_note(&a, "one@example.org", &weekly, NOW, &yes, &e);
		(void)snprintf(line, sizeof line, "line %u:", garbage[i].line);
		if (c != PV_TEMPORARY || yes || strstr(e.text, line) == NULL)
			fail_msg("%s: class %d, %d, %s", garbage[i].sentence, (int)c, yes, e.text);
		assert_string_equal(text_of(s), garbage[i].text);
		assert_int_equal(pv_answered_count(&a, &n, &yes, &e), PV_TEMPORARY);
	}
	scratch_write(s, "abc.vacation.db", "1 1 a\0b@c.d\n", 12);
	assert_int_equal(pv_answered_note(&a, "one@example.org", &weekly, NOW, &yes, NULL), PV_TEMPORARY);
}

/* What is no file of ours is not opened for long, and not written to. */
static void not_trusted(void **state)
{
	const struct scratch *s = *state;
	const struct pv_answered a = index_of(s);
	struct pv_error e;
	bool yes;

	put(s, "");
	assert_int_equal(fchmodat(s->fd, "abc.vacation.db", 0660, 0), 0);
	assert_int_equal(pv_answered_note(&a, "one@example.org", &weekly, NOW, &yes, &e), PV_TEMPORARY);
	assert_int_equal(unlinkat(s->fd, "abc.vacation.db", 0), 0);
	assert_int_equal(mkfifoat(s->fd, "abc.vacation.db", 0600), 0);
	assert_int_equal(pv_answered_note(&a, "one@example.org", &weekly, NOW, &yes, &e), PV_TEMPORARY);
	assert_int_equal(unlinkat(s->fd, "abc.vacation.db", 0), 0);
	assert_int_equal(mkdirat(s->fd, "abc.vacation.db", 0700), 0);
	assert_int_equal(pv_answered_note(&a, "one@example.org", &weekly, NOW, &yes, &e), PV_TEMPORARY);
	assert_int_equal(unlinkat(s->fd, "abc.vacation.db", AT_REMOVEDIR), 0);
	/* Too large by one byte. */
	int fd = openat(s->fd, "abc.vacation.db", O_WRONLY | O_CREAT | O_CLOEXEC, 0600);
	assert_int_equal(ftruncate(fd, PV_ANSWERED_FILE_MAX + 1), 0);
	(void)close(fd);
	assert_int_equal(pv_answered_note(&a, "one@example.org", &weekly, NOW, &yes, &e), PV_TEMPORARY);
	assert_non_null(strstr(e.text, "larger than"));
}

static void senders(void **state)
{
	const struct scratch *s = *state;
	const struct pv_answered a = index_of(s);
	char sender[PV_ANSWERED_SENDER_MAX + 2];
	bool yes;

	put(s, "");
	memset(sender, 'a', sizeof sender);
	sender[sizeof sender - 1] = '\0';
	const char *const bad[] = {
		"", sender, "a\nb@example.org", "a\rb@example.org", "a\tb@example.org", "\x7f@x.y"
	};
	for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
		struct pv_error e = { .text = "" };
		assert_int_equal(pv_answered_note(&a, bad[i], &weekly, NOW, &yes, &e), PV_TEMPORARY);
		assert_false(yes);
		assert_non_null(strstr(e.text, "no sender"));
	}
	assert_string_equal(text_of(s), "");
	sender[PV_ANSWERED_SENDER_MAX] = '\0';
	assert_true(may(s, sender, &weekly, NOW));
	assert_false(may(s, sender, &weekly, NOW));
	assert_true(may(s, "\"a b\" c@example.org", &weekly, NOW));
	assert_false(may(s, "\"a b\" c@example.org", &weekly, NOW));
	assert_true(may(s, "j\xc3\xb8rgen@example.org", &weekly, NOW));
	assert_false(may(s, "j\xc3\xb8rgen@example.org", &weekly, NOW));
	assert_int_equal(count(s), 3);
}

/* --- whatever fails --- */

struct once {
	const struct scratch *s;
	bool yes;
};

static enum pv_class note_once(void *ctx, struct pv_error *e)
{
	struct once *o = ctx;

	const struct pv_answered a = index_of(o->s);
	const char *call = fault.call;
	fault.call = NULL;
	put(o->s, "1794999999 1 two@example.org\n");
	fault.call = call;
	o->yes = true;
	return pv_answered_note(&a, "one@example.org", &weekly, NOW, &o->yes, e);
}

static void judge_once(void *ctx, enum pv_class c)
{
	const struct once *o = ctx;

	assert_int_equal(o->yes, c == PV_OK);
	/* Old or new, and whole. */
	size_t n = count(o->s);
	assert_true(n == 2 || (n == 1 && c != PV_OK));
	bool again = may(o->s, "one@example.org", &weekly, NOW);
	assert_true(again == (n == 1));
	assert_true(may(o->s, "three@example.org", &weekly, NOW));
	assert_int_equal(scratch_count(o->s->path), 2); /* the lock and the index */
}

static void faults(void **state)
{
	struct once o = { .s = *state };

	unsigned met = with_every_write_fault(note_once, judge_once, &o);
	assert_true(met > 50);
	print_message("%u faults\n", met);
}

/* --- whenever it is killed --- */

static bool killed_at(const struct scratch *s, const char *call, unsigned nth)
{
	int status;

	pid_t pid = fork();
	if (pid == 0) {
		fault.call = call, fault.nth = nth, fault.seen = 0, fault.kill = true;
		_exit(may(s, "one@example.org", &weekly, NOW) ? 1 : 0);
	}
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_true(WIFEXITED(status) && WEXITSTATUS(status) != 0);
	return WEXITSTATUS(status) == 99;
}

static void kills(void **state)
{
	static const char *const calls[] = { "openat", "fstat",	    "fsync", "fchmod", "unlinkat",
					     "read",   "renameat2", "write", "close" };
	const struct scratch *s = *state;
	unsigned met = 0;

	for (size_t i = 0; i < sizeof calls / sizeof *calls; i++) {
		bool killed = true;
		for (unsigned nth = 1; killed; nth++) {
			put(s, "1794999999 1 two@example.org\n");
			killed = killed_at(s, calls[i], nth);
			met += killed;
			size_t n = count(s);
			assert_true(n == 2 || (n == 1 && killed));
			assert_true(may(s, "one@example.org", &weekly, NOW) == (n == 1));
			assert_true(may(s, "three@example.org", &weekly, NOW));
			assert_int_equal(scratch_count(s->path), 2);
		}
	}
	assert_true(met > 15);
	print_message("%u kills\n", met);
}

/* --- several at once --- */

static void two_at_once(void **state)
{
	const struct scratch *s = *state;
	enum { CHILDREN = 8, ROUNDS = 20 };

	put(s, "");
	for (int round = 0; round < ROUNDS; round++) {
		char sender[64];
		int yes = 0, status;
		pid_t pids[CHILDREN];
		(void)snprintf(sender, sizeof sender, "s%d@example.org", round);
		for (int i = 0; i < CHILDREN; i++) {
			pids[i] = fork();
			if (pids[i] == 0)
				_exit(may(s, sender, &weekly, NOW) ? 1 : 0);
		}
		for (int i = 0; i < CHILDREN; i++) {
			assert_int_equal(waitpid(pids[i], &status, 0), pids[i]);
			assert_true(WIFEXITED(status) && WEXITSTATUS(status) <= 1);
			yes += WEXITSTATUS(status);
		}
		assert_int_equal(yes, 1);
	}
	assert_int_equal(count(s), ROUNDS);
}

static void locked(void **state)
{
	const struct scratch *s = *state;
	const struct pv_answered a = index_of(s);
	struct pv_error e;
	bool yes;
	int fd;

	put(s, "");
	assert_int_equal(pv_answered_lock(s->fd, &fd, &e), PV_OK);
	assert_int_equal(pv_answered_note(&a, "one@example.org", &weekly, NOW, &yes, &e), PV_TEMPORARY);
	assert_false(yes);
	assert_string_equal(text_of(s), "");
	(void)close(fd);
	assert_true(may(s, "one@example.org", &weekly, NOW));
}

int main(void)
{
#define TEST(f) cmocka_unit_test_setup_teardown(f, scratch_make, scratch_remove)
	const struct CMUnitTest tests[] = {
		TEST(once_in_a_week),
		TEST(several_times_a_day),
		TEST(off_where_it_is_missing),
		TEST(removed_meanwhile),
		TEST(without_exchange),
		TEST(bounded),
		TEST(clocks),
		TEST(not_believed),
		TEST(not_trusted),
		TEST(senders),
		TEST(faults),
		TEST(kills),
		TEST(two_at_once),
		TEST(locked),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
