/*
 * Delivering into a Maildir with each system call failing in turn, and with the process ended at each call
 * that changes something: the message is there whole or not at all, the retry stores it once, and after the
 * next delivery nothing is left over.
 */
#include "maildir_world.h"

static const char *const calls[] = { "openat", "close",	   "pread",    "pwrite", "fsync",
				     "linkat", "unlinkat", "renameat", "fstat",	 "fstatat",
				     "fchmod", "fchmodat", "mkdirat",  "fcntl" };
static const int errors[] = { EIO, ENOSPC, EDQUOT, EFBIG, EINTR, EMFILE, SHORT };

enum { OLD, NEW, NEXT, LATER };

/* Nothing there; one with mail; one in which a delivery was killed; one with a quota. */
enum scene { MISSING, USED, KILLED_IN, COUNTED, SCENES };

static struct pv_store_options options_of(enum scene scene)
{
	struct pv_store_options o = usual_options();

	o.lock_deadline_ms = 50;
	if (scene == COUNTED)
		o.quota = (struct pv_quota){ .bytes = 1000000, .messages = 100 };
	return o;
}

/* In a child: deliver message n, and be killed at the nth call. Returns whether it was. */
static bool killed_at(const struct scratch *s, enum scene scene, unsigned n, unsigned nth)
{
	const struct pv_store_options o = options_of(scene);
	struct pv_stored r;
	int status;

	(void)fflush(NULL);
	pid_t pid = fork();
	if (pid == 0) {
		kill_at.nth = nth;
		kill_at.seen = 0;
		_exit(deliver_as(s, &o, n, true, &r, NULL) == PV_OK ? 0 : 1);
	}
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_true(WIFEXITED(status) && (WEXITSTATUS(status) == 0 || WEXITSTATUS(status) == KILLED));
	return WEXITSTATUS(status) == KILLED;
}

static void set_scene(const struct scratch *s, enum scene scene)
{
	const struct pv_store_options o = options_of(scene);
	struct pv_stored r;

	remove_box(s);
	if (scene == MISSING)
		return;
	assert_int_equal(deliver_as(s, &o, OLD, true, &r, NULL), PV_OK);
	/* Somewhere in the middle: the file is in tmp/, and half written. */
	if (scene == KILLED_IN)
		assert_true(killed_at(s, scene, LATER, 6));
}

static void check_after(const struct scratch *s, enum scene scene, const char *what, unsigned nth, int err)
{
	const struct pv_store_options o = options_of(scene);
	static unsigned copies[LATER + 1];
	struct pv_error e = { .text = "" };
	struct pv_stored r;

	if (deliver_as(s, &o, NEW, true, &r, &e) != PV_OK || deliver_as(s, &o, NEXT, true, &r, &e) != PV_OK)
		fail_msg("%s number %u, error %d: then `%s`", what, nth, err, e.text);
	take_census(s, copies, LATER + 1);
	bool fine = copies[OLD] == (scene != MISSING) && copies[NEW] == 1 && copies[NEXT] == 1 &&
		    copies[LATER] == 0;
	if (!fine)
		fail_msg("%s number %u, error %d: then %u %u %u %u copies", what, nth, err, copies[OLD],
			 copies[NEW], copies[NEXT], copies[LATER]);
	if (each_file(s, "tmp", NULL, NULL) > 0 || is_there(s, ".box.making"))
		fail_msg("%s number %u, error %d: a file is left over", what, nth, err);
}

static bool run_with_fault(const struct scratch *s, enum scene scene, const char *call, unsigned nth, int err)
{
	const struct pv_store_options o = options_of(scene);
	struct pv_error e = { .text = "" };
	struct pv_stored r;

	set_scene(s, scene);
	unsigned before = open_descriptors();
	fault.call = call, fault.nth = nth, fault.seen = 0, fault.err = err;
	enum pv_class class = deliver_as(s, &o, NEW, true, &r, &e);
	bool met = fault.seen >= nth;
	fault.call = NULL;
	/* A removal that fails takes nothing back; it is finished by the next delivery. */
	unsigned n = copies_of(s, NEW);
	bool fine = class == PV_OK ? n == 1 : n == 0 && e.class == PV_TEMPORARY && e.text[0] != '\0';
	if (!fine)
		fail_msg("scene %d, %s number %u, error %d: class %d `%s`, %u copies", (int)scene, call, nth,
			 err, (int)class, e.text, n);
	bool full = err == ENOSPC || err == EDQUOT;
	if (class != PV_OK && full && strcmp(e.status, "4.3.1") != 0 && strcmp(e.status, "4.3.0") != 0)
		fail_msg("%s number %u, error %d: %s", call, nth, err, e.status);
	bool left = each_file(s, "tmp", NULL, NULL) > 0;
	if (class != PV_OK && left && scene != KILLED_IN && strcmp(call, "unlinkat") != 0)
		fail_msg("%s number %u, error %d: a part of it stays in tmp/", call, nth, err);
	if (open_descriptors() != before)
		fail_msg("%s number %u, error %d: a descriptor stays open", call, nth, err);
	check_after(s, scene, call, nth, err);
	return met;
}

static void every_fault(void **state)
{
	unsigned faults = 0;

	for (enum scene scene = MISSING; scene < SCENES; scene++)
		for (size_t i = 0; i < sizeof calls / sizeof *calls; i++)
			for (size_t k = 0; k < sizeof errors / sizeof *errors; k++) {
				if (errors[k] == SHORT && strncmp(calls[i], "p", 1) != 0)
					continue;
				unsigned nth = 1;
				while (run_with_fault(*state, scene, calls[i], nth, errors[k]))
					assert_true(++nth < 100);
				faults += nth - 1;
			}
	assert_true(faults > 600);
}

/* What was not synced was not delivered: the message, and then its name. */
static void a_failing_sync_is_no_success(void **state)
{
	const struct scratch *s = *state;
	const struct pv_store_options o = options_of(USED);
	struct pv_error e = { .text = "" };
	struct pv_stored r;

	for (unsigned nth = 1; nth <= 2; nth++) {
		set_scene(s, USED);
		fault.call = "fsync", fault.nth = nth, fault.seen = 0, fault.err = EIO;
		enum pv_class class = deliver_as(s, &o, NEW, true, &r, &e);
		fault.call = NULL;
		assert_int_equal(class, PV_TEMPORARY);
		assert_non_null(strstr(e.text, "sync"));
		assert_int_equal(copies_of(s, NEW), 0);
		assert_int_equal(deliver(s, NEW).result, PV_APPENDED);
	}
	assert_int_equal(fault.seen, 2);
}

/* --- kills --- */

static void nothing(const struct scratch *s)
{
	(void)s;
}

static void every_kill(void **state)
{
	static void (*const meanwhile[])(const struct scratch *) = { nothing, read_all };
	unsigned kills = 0;

	for (enum scene scene = MISSING; scene < SCENES; scene++)
		for (size_t k = 0; k < sizeof meanwhile / sizeof *meanwhile; k++)
			for (unsigned nth = 1;; nth++, kills++) {
				set_scene(*state, scene);
				if (!killed_at(*state, scene, NEW, nth))
					break;
				if (copies_of(*state, NEW) > 1)
					fail_msg("killed at %u: %u copies", nth, copies_of(*state, NEW));
				meanwhile[k](*state);
				check_after(*state, scene, "killed at call", nth, 0);
			}
	assert_true(kills > 60);
}

/* What was removed before the retry came is not stored again, but where the kill hit the one call behind the
 * link. */
static void what_a_reader_removed_stays_removed(void **state)
{
	const struct scratch *s = *state;
	unsigned again = 0, removed = 0;

	for (unsigned nth = 1;; nth++) {
		set_scene(s, USED);
		/* A clock that has gone on since the Maildir was made. */
		(void)usleep(10000);
		if (!killed_at(s, USED, NEW, nth))
			break;
		bool was = copies_of(s, NEW) == 1;
		remove_all(s);
		(void)deliver(s, NEXT);
		(void)deliver(s, NEW);
		unsigned n = copies_of(s, NEW);
		assert_true(n == 1 || was);
		removed += was;
		again += was && n == 1;
	}
	assert_true(removed >= 4);
	assert_true(again <= 1);
}

/* A restore of a Maildir, or of what is beside it, in the middle of a delivery. */
static void a_state_of_another_time_is_not_believed(void **state)
{
	const struct scratch *s = *state;
	const struct timespec old[2] = { { .tv_sec = 1000000000 }, { .tv_sec = 1000000000 } };

	for (unsigned nth = 1;; nth++) {
		set_scene(s, USED);
		if (!killed_at(s, USED, NEW, nth))
			break;
		remove_all(s);
		(void)each_file(s, "tmp", remove_one, NULL);
		assert_int_equal(utimensat(s->fd, "box/new", old, 0), 0);
		assert_int_equal(utimensat(s->fd, "box/cur", old, 0), 0);
		(void)deliver(s, NEXT);
		(void)deliver(s, NEW);
		if (copies_of(s, NEW) != 1)
			fail_msg("killed at %u: lost by a restore", nth);
	}
}

/* A file that a snapshot links elsewhere is not a message. */
static void a_second_link_proves_nothing(void **state)
{
	const struct scratch *s = *state;
	bool met = false;

	for (unsigned nth = 1;; nth++) {
		set_scene(s, USED);
		if (!killed_at(s, USED, NEW, nth))
			break;
		if (copies_of(s, NEW) == 0 && each_file(s, "tmp", NULL, NULL) == 1) {
			met = true;
			char command[600];
			(void)snprintf(command, sizeof command, "%s/box/tmp", s->path);
			DIR *d = opendir(command);
			for (const struct dirent *entry; (entry = readdir(d)) != NULL;)
				if (entry->d_name[0] != '.')
					assert_int_equal(
						__real_linkat(dirfd(d), entry->d_name, s->fd, "snapshot", 0),
						0);
			(void)closedir(d);
		}
		check_after(s, USED, "killed at call", nth, 0);
		(void)__real_unlinkat(s->fd, "snapshot", 0);
	}
	assert_true(met);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(every_fault, scratch_make, scratch_remove),
		cmocka_unit_test_setup_teardown(a_failing_sync_is_no_success, scratch_make, scratch_remove),
		cmocka_unit_test_setup_teardown(every_kill, scratch_make, scratch_remove),
		cmocka_unit_test_setup_teardown(what_a_reader_removed_stays_removed, scratch_make,
						scratch_remove),
		cmocka_unit_test_setup_teardown(a_state_of_another_time_is_not_believed, scratch_make,
						scratch_remove),
		cmocka_unit_test_setup_teardown(a_second_link_proves_nothing, scratch_make, scratch_remove),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
