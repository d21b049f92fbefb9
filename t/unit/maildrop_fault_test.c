/*
 * A session that removes messages, with each call failing in turn, and killed at each call that changes
 * something: the mailbox is as it was, or as it should become, and the next session finds it usable and
 * leaves nothing behind.
 */
#include "maildrop_calls.h"

#define F "From a@b Fri Nov 20 09:00:00 2026\n"

struct scene {
	const char *name, *marks; /* d: deleted, r: read, -: nothing; for each message */
	bool comes;		  /* mail comes during the session */
	bool indexed;		  /* there is an index */
	bool uidl;		  /* the session asks for the unique-ids */
};

static const struct scene scenes[] = {
	{ "one", "-d---", false, false, false },	{ "half", "d-d-d", false, false, true },
	{ "all", "ddddd", false, false, false },	{ "the last", "---dd", false, false, true },
	{ "all but new", "ddddd", true, false, false }, { "one of old", "--d--", true, true, true },
	{ "read", "r----", false, false, false },	{ "read, deleted", "rd-dr", true, true, true },
	{ "nothing", "-----", false, true, true },
};

enum { N = 5, BODY = 60 * 1000 };

static struct {
	const struct scratch *s;
	const struct scene *scene;
	struct text message[N + 1], before, after;
} w;

static void make_messages(void)
{
	for (size_t i = 0; i <= N; i++) {
		char line[80];
		struct text *t = &w.message[i];
		t->len = 0;
		int n = snprintf(line, sizeof line, F "Subject: %zu\n\n", i);
		text_add(t, line, (size_t)n);
		while (t->len < BODY)
			text_add(t, "text and text and text and text and text and text and text\n", 59);
		text_add(t, "\n", 1);
	}
}

/* The mailbox before and after the scene. */
static void plan(const struct scene *scene)
{
	w.scene = scene;
	w.before.len = w.after.len = 0;
	text_add(&w.before, "", 0);
	text_add(&w.after, "", 0);
	for (size_t i = 0; i < N; i++) {
		const struct text *t = &w.message[i];
		text_add(&w.before, t->s, t->len);
		if (scene->marks[i] == 'd')
			continue;
		size_t head = sizeof(F) - 1 + sizeof "Subject: 0\n" - 1;
		text_add(&w.after, t->s, head);
		if (scene->marks[i] == 'r')
			text_add(&w.after, "Status: RO\n", 11);
		text_add(&w.after, t->s + head, t->len - head);
	}
	if (scene->comes)
		text_add(&w.after, w.message[N].s, w.message[N].len);
}

static void append_late_mail(void)
{
	int fd = __real_openat(w.s->fd, "box", O_WRONLY | O_APPEND | O_CLOEXEC, 0);

	assert_int_equal(__real_write(fd, w.message[N].s, w.message[N].len), w.message[N].len);
	(void)__real_close(fd);
	text_add(&w.before, w.message[N].s, w.message[N].len);
}

static void reset(void)
{
	static const char *const names[] = { "box",	   "box.lock", ".box.lock",	".box.journal",
					     ".box.index", ".box.new", ".box.index.new" };
	const struct pv_location l = box_location(w.s, "box");

	for (size_t i = 0; i < sizeof names / sizeof *names; i++)
		(void)__real_unlinkat(w.s->fd, names[i], 0);
	plan(w.scene);
	int fd = __real_openat(w.s->fd, "box", O_WRONLY | O_CREAT | O_CLOEXEC, 0600);
	assert_int_equal(__real_write(fd, w.before.s, w.before.len), w.before.len);
	(void)__real_close(fd);
	if (w.scene->indexed)
		pv_maildrop_close(box_open(&l));
}

/* Which of the scene's messages is message i of m? By its subject, or -1. */
static int which(struct pv_maildrop *m, size_t i, struct pv_error *e)
{
	struct text t = { .s = NULL };
	int n = -1;

	text_add(&t, "", 0);
	if (pv_maildrop_send(m, i, 0, into_text, &t, e) == PV_OK)
		n = t.s[9] - '0';
	text_free(&t);
	return n;
}

static enum pv_class session(struct pv_error *e)
{
	const struct pv_maildrop_options o = { .uid = geteuid(),
					       .lock_deadline_ms = 5,
					       .write_status = true };
	const struct pv_location l = box_location(w.s, "box");
	char id[PV_UIDL_SIZE];
	struct pv_maildrop *m;

	enum pv_class c = pv_maildrop_open(&l, &o, &m, e);
	if (c != PV_OK)
		return c;
	size_t n = pv_maildrop_count(m);
	for (size_t i = 0; c == PV_OK && i < n; i++) {
		if (w.scene->uidl)
			c = pv_maildrop_uidl(m, i, id, e);
		int is = c == PV_OK ? which(m, i, e) : 0;
		if (is < 0)
			c = PV_TEMPORARY;
		else if (c == PV_OK && is < N) {
			pv_maildrop_set_deleted(m, i, w.scene->marks[is] == 'd');
			if (w.scene->marks[is] == 'r')
				pv_maildrop_set_read(m, i);
		}
	}
	/* Once: it may be the second session. */
	if (w.scene->comes && w.before.len < w.message[0].len * N + w.message[N].len)
		append_late_mail();
	if (c == PV_OK)
		c = pv_maildrop_update(m, e);
	pv_maildrop_close(m);
	return c;
}

static bool holds(const struct text *want)
{
	struct text t = { .s = NULL };

	read_file(w.s, "box", &t);
	bool same = t.len == want->len && memcmp(t.s, want->s, t.len) == 0;
	text_free(&t);
	return same;
}

/* After the fault: once more, and all is as it should be. */
static void and_then(const char *what, unsigned nth, int err)
{
	static const char *const left[] = { "box.lock", ".box.new", ".box.index.new" };
	struct pv_error e = { .text = "" };

	if (w.scene->comes && w.before.len < w.message[0].len * N + w.message[N].len)
		append_late_mail();
	if (session(&e) != PV_OK)
		fail_msg("%s, %s number %u, errno %d: then `%s`", w.scene->name, what, nth, err, e.text);
	if (!holds(&w.after))
		fail_msg("%s, %s number %u, errno %d: then another mailbox", w.scene->name, what, nth, err);
	for (size_t i = 0; i < sizeof left / sizeof *left; i++)
		if (faccessat(w.s->fd, left[i], F_OK, AT_SYMLINK_NOFOLLOW) == 0)
			fail_msg("%s, %s number %u, errno %d: %s is left", w.scene->name, what, nth, err,
				 left[i]);
}

static bool run_with_fault(const char *call, unsigned nth, int err)
{
	struct pv_error e = { .text = "" };

	reset();
	unsigned before = open_descriptors();
	fault.call = call, fault.nth = nth, fault.seen = 0, fault.err = err;
	enum pv_class c = session(&e);
	bool met = fault.seen >= nth;
	fault.call = NULL;
	/* What fails behind the change cannot take it back. */
	bool behind = strstr(e.text, "sync") != NULL || strstr(e.text, "close") != NULL;
	if (c == PV_OK ? !holds(&w.after) : !holds(&w.before) && !(behind && holds(&w.after)))
		fail_msg("%s, %s number %u, errno %d: class %d `%s`, and another mailbox", w.scene->name,
			 call, nth, err, c, e.text);
	if (c != PV_OK && (c != PV_TEMPORARY || e.class != c || e.text[0] == '\0'))
		fail_msg("%s, %s number %u, errno %d: class %d `%s`", w.scene->name, call, nth, err, c,
			 e.text);
	if (open_descriptors() != before)
		fail_msg("%s, %s number %u, errno %d: a descriptor stays open", w.scene->name, call, nth,
			 err);
	bool unlinks = strcmp(call, "unlinkat") == 0;
	if (!unlinks && faccessat(w.s->fd, ".box.new", F_OK, AT_SYMLINK_NOFOLLOW) == 0)
		fail_msg("%s, %s number %u, errno %d: .box.new is left", w.scene->name, call, nth, err);
	and_then(call, nth, err);
	return met;
}

static void each_call_fails(void **state)
{
	static const char *const calls[] = { "openat", "pread",	    "write",   "pwrite",   "pwritev",
					     "fsync",  "ftruncate", "linkat",  "unlinkat", "renameat",
					     "fstat",  "fstatat",   "fstatfs", "fchmod",   "fchown",
					     "fcntl",  "close",	    "malloc",  "calloc",   "reallocarray" };
	static const int errors[] = { EIO, ENOSPC, EINTR, SHORT };
	unsigned faults = 0;

	w.s = *state;
	for (size_t k = 0; k < sizeof scenes / sizeof *scenes; k++)
		for (size_t i = 0; i < sizeof calls / sizeof *calls; i++)
			for (size_t x = 0; x < sizeof errors / sizeof *errors; x++) {
				bool data = calls[i][0] == 'p' || calls[i][0] == 'w';
				bool only_eio = calls[i][0] == 'm' || calls[i][0] == 'c' ||
						calls[i][0] == 'r' || calls[i][0] == 'f';
				if ((errors[x] == SHORT && !data) || (only_eio && errors[x] != EIO))
					continue;
				w.scene = &scenes[k];
				for (unsigned nth = 1; run_with_fault(calls[i], nth, errors[x]); nth++) {
					faults++;
					assert_true(nth < 400);
				}
			}
	print_message("# %u faults\n", faults);
	assert_true(faults > 500);
}

/* Returns false when the session ran to its end. */
static bool run_killed(unsigned nth)
{
	int status;

	reset();
	pid_t pid = fork();
	assert_true(pid >= 0);
	if (pid == 0) {
		struct pv_error e;
		kill_at.nth = nth;
		_exit(session(&e) == PV_OK ? 0 : 1);
	}
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_true(WIFEXITED(status) && (WEXITSTATUS(status) == 0 || WEXITSTATUS(status) == KILLED));
	/* The late mail may have come before the end. */
	struct text now = { .s = NULL };
	read_file(w.s, "box", &now);
	bool is_before = now.len == w.before.len && memcmp(now.s, w.before.s, now.len) == 0;
	if (!is_before && w.scene->comes && now.len == w.before.len + w.message[N].len) {
		text_add(&w.before, w.message[N].s, w.message[N].len);
		is_before = memcmp(now.s, w.before.s, now.len) == 0;
	}
	text_free(&now);
	if (!is_before && !holds(&w.after))
		fail_msg("%s, killed at call %u: neither before nor after", w.scene->name, nth);
	if (!is_before && w.scene->comes && w.before.len < w.message[0].len * N + w.message[N].len)
		text_add(&w.before, w.message[N].s, w.message[N].len);
	and_then("killed at call", nth, 0);
	return WEXITSTATUS(status) == KILLED;
}

static void killed_at_each_call(void **state)
{
	unsigned kills = 0;

	w.s = *state;
	for (size_t k = 0; k < sizeof scenes / sizeof *scenes; k++) {
		w.scene = &scenes[k];
		for (unsigned nth = 1; run_killed(nth); nth++)
			kills++;
	}
	print_message("# %u kills\n", kills);
	assert_true(kills > 80);
}

/* --- programs that know no lock --- */

static const char foreign[] = F "Subject: foreign\n\nwithout a lock\n\n";

static void append_foreign(void)
{
	int fd = __real_openat(w.s->fd, "box", O_WRONLY | O_APPEND | O_CLOEXEC, 0);

	assert_int_equal(__real_write(fd, foreign, sizeof foreign - 1), sizeof foreign - 1);
	(void)__real_close(fd);
}

static void replace_box(void)
{
	int fd = __real_openat(w.s->fd, "other", O_WRONLY | O_CREAT | O_CLOEXEC, 0600);

	assert_int_equal(__real_write(fd, foreign, sizeof foreign - 1), sizeof foreign - 1);
	(void)__real_close(fd);
	assert_int_equal(__real_renameat(w.s->fd, "other", w.s->fd, "box"), 0);
}

static bool ends_in_foreign(void)
{
	struct text t = { .s = NULL };

	read_file(w.s, "box", &t);
	bool yes = t.len >= sizeof foreign - 1 &&
		   memcmp(t.s + t.len - sizeof foreign + 1, foreign, sizeof foreign - 1) == 0;
	text_free(&t);
	return yes;
}

/* At any moment until the mailbox was looked at for the last time. */
static void what_comes_without_a_lock_is_kept(void **state)
{
	static const char *const calls[] = { "pread", "write", "linkat" };
	static void (*const others[])(void) = { append_foreign, replace_box };
	unsigned moments = 0;

	w.s = *state;
	for (size_t o = 0; o < 2; o++)
		for (size_t k = 0; k < sizeof scenes / sizeof *scenes; k++)
			for (size_t i = 0; i < sizeof calls / sizeof *calls; i++)
				for (unsigned nth = 1;; nth++, moments++) {
					struct pv_error e;
					w.scene = &scenes[k];
					reset();
					interrupt = others[o];
					before_call.call = calls[i], before_call.nth = nth,
					before_call.seen = 0;
					enum pv_class c = session(&e);
					bool met = before_call.seen >= nth;
					before_call.call = NULL;
					if (met && !scenes[k].comes && !ends_in_foreign())
						fail_msg("%s, %s number %u: class %d, a message was lost",
							 scenes[k].name, calls[i], nth, c);
					if (!met)
						break;
				}
	assert_true(moments > 100);
}

/* Four bytes of the mailbox, where another program knows no lock. */
static void overwrite(size_t at)
{
	int fd = __real_openat(w.s->fd, "box", O_WRONLY | O_CLOEXEC, 0);

	assert_int_equal(__real_pwrite(fd, "TEXT", 4, (off_t)at), 4);
	(void)__real_close(fd);
	memcpy(w.before.s + at, "TEXT", 4);
}

/* Where a message began another one does now; nobody had asked for it before. */
static void where_another_message_begins_nothing_is_removed(void **state)
{
	static const struct scene scene = { "in place", "--d--", false, false, false };
	const struct pv_location l = box_location(*state, "box");
	struct text t = { .s = NULL };
	struct pv_error e;

	w.s = *state;
	w.scene = &scene;
	reset();
	struct pv_maildrop *m = box_open(&l);
	overwrite(w.message[0].len + w.message[1].len + 8);
	assert_int_equal(pv_maildrop_check(m, 2, &e), PV_TEMPORARY);
	assert_int_equal(pv_maildrop_send(m, 2, 0, into_text, &t, &e), PV_TEMPORARY);
	assert_int_equal(t.len, 0);
	pv_maildrop_set_deleted(m, 1, true);
	assert_int_equal(pv_maildrop_update(m, &e), PV_TEMPORARY);
	pv_maildrop_close(m);
	assert_true(holds(&w.before));
	/* Nor where nobody had looked at it before it was marked, alone or with all others. */
	for (int all = 0; all < 2; all++) {
		reset();
		m = box_open(&l);
		overwrite(w.message[0].len + w.message[1].len + 8);
		for (size_t i = 0; i < N; i++)
			pv_maildrop_set_deleted(m, i, i == 2 || all == 1);
		assert_int_equal(pv_maildrop_update(m, &e), PV_TEMPORARY);
		pv_maildrop_close(m);
		assert_true(holds(&w.before));
	}
}

/* A message that is no longer what it was, in place, in the middle of a large mailbox. */
static void what_was_changed_in_place_stays(void **state)
{
	static const struct scene scene = { "in place", "--d--", false, false, false };
	const struct pv_location l = box_location(*state, "box");
	struct pv_error e;

	w.s = *state;
	w.scene = &scene;
	for (int uidl = 0; uidl < 2; uidl++) {
		char id[PV_UIDL_SIZE];
		reset();
		struct pv_maildrop *m = box_open(&l);
		if (uidl == 1)
			must(pv_maildrop_uidl(m, 0, id, &e), &e);
		pv_maildrop_set_deleted(m, 2, true);
		overwrite(2 * BODY + BODY / 2);
		assert_int_equal(pv_maildrop_update(m, &e), PV_TEMPORARY);
		pv_maildrop_close(m);
		assert_true(holds(&w.before));
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(each_call_fails, scratch_make, scratch_remove),
		cmocka_unit_test_setup_teardown(killed_at_each_call, scratch_make, scratch_remove),
		cmocka_unit_test_setup_teardown(what_comes_without_a_lock_is_kept, scratch_make,
						scratch_remove),
		cmocka_unit_test_setup_teardown(what_was_changed_in_place_stays, scratch_make,
						scratch_remove),
		cmocka_unit_test_setup_teardown(where_another_message_begins_nothing_is_removed, scratch_make,
						scratch_remove),
	};

	make_messages();
	clock_shift = 5; /* an index is worth something */
	return cmocka_run_group_tests_name("maildrop_fault", tests, NULL, NULL);
}
