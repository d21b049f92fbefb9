/*
 * records_test.c: which actions of a message are done: known to its retry, to no other message, and for as
 * long as it is tried.
 */
#include "scratch.h"

#include "../../virtual-deliver/records.h"

#include <sys/wait.h>

static const unsigned char one[PV_ID_BYTES] = "message one", two[PV_ID_BYTES] = "another";

static enum pv_class open_for(const struct scratch *s, const unsigned char *id, unsigned ms,
			      struct records *r, struct pv_error *e)
{
	return records_open(r, fcntl(s->fd, F_DUPFD_CLOEXEC, 0), s->path, id, ms, e);
}

static void must_open(const struct scratch *s, const unsigned char *id, struct records *r)
{
	struct pv_error e = { .text = "" };

	if (open_for(s, id, 1000, r, &e) != PV_OK)
		fail_msg("%s", e.text);
}

static bool has(struct records *r, char kind, const char *key)
{
	struct pv_error e;
	bool done = true;

	assert_int_equal(records_look(r, kind, key, strlen(key), &done, &e), PV_OK);
	return done;
}

static void what_is_done_is_known_to_the_retry_alone(void **state)
{
	const struct scratch *s = *state;
	struct records r;

	unsigned open_before = open_descriptors();
	must_open(s, one, &r);
	assert_false(has(&r, 'M', "abc"));
	assert_true(records_add(&r, 'M', "abc", 3));
	assert_true(has(&r, 'M', "abc"));
	assert_false(has(&r, 'C', "abc"));
	assert_false(has(&r, 'M', "ab"));
	records_close(&r);
	must_open(s, two, &r);
	assert_false(has(&r, 'M', "abc"));
	records_close(&r);
	must_open(s, one, &r);
	assert_true(has(&r, 'M', "abc"));
	records_close(&r);
	assert_int_equal(open_descriptors(), open_before);
}

static void without_records_nothing_is_known(void **state)
{
	struct records r;

	(void)state;
	records_none(&r);
	assert_false(has(&r, 'M', "abc"));
	assert_false(records_add(&r, 'M', "abc", 3));
	records_close(&r);
}

/* Of thousands of messages the last 1,024 at least. */
static void many_are_remembered(void **state)
{
	const struct scratch *s = *state;
	unsigned char id[PV_ID_BYTES] = { 0 };
	struct records r;

	for (int i = 0; i < 1500; i++) {
		memcpy(id, &i, sizeof i);
		must_open(s, id, &r);
		assert_true(records_add(&r, 'S', "", 0));
		records_close(&r);
	}
	for (int i = 0; i < 1500; i++) {
		memcpy(id, &i, sizeof i);
		must_open(s, id, &r);
		if (!has(&r, 'S', ""))
			fail_msg("message %d is forgotten", i);
		records_close(&r);
	}
}

/* Make all entries older, as they are in the file: an id, and a time with a check in its lower bits. */
static int64_t newest(const struct scratch *s)
{
	struct pv_done_entry e[PV_DONE_BUCKET];
	int fd = openat(s->fd, ".actions.done", O_RDONLY | O_CLOEXEC);
	uint64_t max = 0;

	assert_int_equal(read(fd, e, sizeof e), sizeof e);
	(void)close(fd);
	for (size_t i = 0; i < PV_DONE_BUCKET; i++)
		max = e[i].when > max ? e[i].when : max;
	return (int64_t)(max >> 16);
}

/* A message is tried for days, and an entry is sure to live for four hours: the first look after an hour
 * notes it again. */
static void one_that_is_asked_for_lives_on(void **state)
{
	const struct scratch *s = *state;
	const int64_t hours = (int64_t)3600 * PV_DONE_UNITS;
	struct pv_done done;
	struct records r;
	int64_t when;

	must_open(s, one, &r);
	assert_true(records_add(&r, 'M', "abc", 3));
	int64_t noted = newest(s);
	assert_true(has(&r, 'M', "abc"));
	assert_int_equal(newest(s), noted); /* not each time */
	records_close(&r);
	/* The same entry, two hours old. */
	struct pv_done_entry e;
	unsigned char id[PV_ID_BYTES] = { 0 };
	int fd = openat(s->fd, ".actions.done", O_RDWR | O_CLOEXEC);
	assert_int_equal(pread(fd, &e, sizeof e, 0), sizeof e);
	assert_int_equal(ftruncate(fd, 0), 0);
	(void)close(fd);
	memcpy(id, &e.id, sizeof e.id);
	char name[] = "actions";
	const struct pv_location where = { .dirfd = s->fd, .path = name, .name = name };
	assert_false(pv_done_find(&where, id, &when, &done));
	assert_true(pv_done_add(&done, id, noted - 2 * hours));
	pv_done_close(&done);
	must_open(s, one, &r);
	assert_int_equal(newest(s), noted - 2 * hours);
	assert_true(has(&r, 'M', "abc"));
	assert_in_range(newest(s), noted, noted + hours);
	records_close(&r);
}

static int ask_in_a_child(const struct scratch *s, const unsigned char *id)
{
	pid_t pid = fork();

	if (pid == 0) {
		struct records r;
		struct pv_error e;
		enum pv_class c = open_for(s, id, 50, &r, &e);
		_exit(c == PV_OK ? 0 : strstr(e.text, "still at work") != NULL ? 1 : 2);
	}
	int status;
	assert_int_equal(waitpid(pid, &status, 0), pid);
	return WEXITSTATUS(status);
}

static void one_try_of_a_message_at_a_time(void **state)
{
	const struct scratch *s = *state;
	struct records r;

	must_open(s, one, &r);
	assert_int_equal(ask_in_a_child(s, one), 1);
	assert_int_equal(ask_in_a_child(s, two), 0);
	records_close(&r);
	assert_int_equal(ask_in_a_child(s, one), 0);
}

static void what_stands_in_its_place_is_an_error(void **state)
{
	const struct scratch *s = *state;
	struct pv_error e;
	struct records r;

	assert_int_equal(mkdirat(s->fd, ".actions.done", 0700), 0);
	assert_int_equal(open_for(s, one, 50, &r, &e), PV_TEMPORARY);
	assert_int_equal(r.fd, -1);
	assert_int_equal(unlinkat(s->fd, ".actions.done", AT_REMOVEDIR), 0);
	scratch_write(s, "target", "", 0);
	assert_int_equal(symlinkat("target", s->fd, ".actions.done"), 0);
	assert_int_equal(open_for(s, one, 50, &r, &e), PV_TEMPORARY);
	assert_true(scratch_holds(s, "target", "", 0));
}

#define TEST(t) cmocka_unit_test_setup_teardown(t, scratch_make, scratch_remove)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(what_is_done_is_known_to_the_retry_alone),
		TEST(without_records_nothing_is_known),
		TEST(many_are_remembered),
		TEST(one_that_is_asked_for_lives_on),
		TEST(one_try_of_a_message_at_a_time),
		TEST(what_stands_in_its_place_is_an_error),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
