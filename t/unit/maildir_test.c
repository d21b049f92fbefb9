/*
 * Delivering into a Maildir: what is made, what is refused, whose retry it is, several at once, what is left
 * in tmp/.
 */
#include "maildir_world.h"

#include "mailbox/maildir_name.h"
#include "mailbox/maildir_state.h"

#include "base/clock.h"
#include "base/host.h"

#include <regex.h>
#include <sys/wait.h>

static mode_t mode_of(const struct scratch *s, const char *name)
{
	struct stat st;

	assert_int_equal(fstatat(s->fd, name, &st, AT_SYMLINK_NOFOLLOW), 0);
	return st.st_mode & 07777;
}

static void judge_name(const struct scratch *s, const char *folder, const char *name, void *ctx)
{
	char path[600], text[MESSAGE_MAX];
	regex_t *r = ctx;

	if (regexec(r, name, 0, NULL, 0) != 0)
		fail_msg("box/%s/%s", folder, name);
	(void)snprintf(path, sizeof path, "box/%s/%s", folder, name);
	assert_int_equal(mode_of(s, path), 0600);
	(void)snprintf(path, sizeof path, ",S=%zd", read_message(s, folder, name, text));
	assert_string_equal(strstr(name, ",S="), path);
}

/* One that is missing is made, its folders 0700 and its files 0600, whatever umask says. */
static void one_is_made(void **state)
{
	static const char *const folders[] = { "box", "box/tmp", "box/new", "box/cur" };
	static const char *const files[] = { ".box.maildir", ".box.done" };
	static const mode_t masks[] = { 022, 0, 0777 };
	const struct scratch *s = *state;
	regex_t r;

	assert_int_equal(regcomp(&r, "^[0-9]{10}\\.M[0-9]{6}P[0-9]+(_[0-9a-f]{16})?\\.[^:/,]+,S=[0-9]+$",
				 REG_EXTENDED | REG_NOSUB),
			 0);
	for (size_t i = 0; i < sizeof masks / sizeof *masks; i++) {
		mode_t old = umask(masks[i]);
		struct pv_stored first = deliver(s, 1), second = deliver(s, 2);
		const struct pv_store_options o = usual_options();
		assert_int_equal(deliver_as(s, &o, 3, false, &second, NULL), PV_OK);
		(void)umask(old);
		assert_true(first.maildir && first.created && second.maildir && !second.created);
		assert_int_equal(first.result, PV_APPENDED);
		for (size_t k = 0; k < sizeof folders / sizeof *folders; k++)
			assert_int_equal(mode_of(s, folders[k]), 0700);
		assert_int_equal(mode_of(s, files[0]), 0600);
		assert_int_equal(each_file(s, "new", judge_name, &r), 3);
		assert_int_equal(each_file(s, "tmp", NULL, NULL), 0);
		assert_int_equal(copies_of(s, 1) + copies_of(s, 2) + copies_of(s, 3), 3);
		assert_int_equal(scratch_count(s->path), 3);
		remove_box(s);
	}
	regfree(&r);
}

/* A mailbox that is there is what it is, whatever is asked for. */
static void what_is_there_decides(void **state)
{
	const struct scratch *s = *state;
	struct pv_store_options o = usual_options();
	struct pv_stored r;
	struct text t = { .s = NULL };

	put_file(s, "box", "From a@b Fri Nov 20 09:00:00 2026\n\nold\n\n");
	assert_int_equal(deliver_as(s, &o, 1, true, &r, NULL), PV_OK);
	assert_false(r.maildir || r.created);
	read_file(s, "box", &t);
	assert_non_null(strstr(t.s, "old\n\nFrom s@x.org"));
	assert_non_null(strstr(t.s, "\n>From here on\n>>From there\n"));
	assert_false(is_there(s, ".box.maildir"));
	remove_box(s);
	make_maildir(s);
	o.maildir = false;
	assert_int_equal(deliver_as(s, &o, 1, true, &r, NULL), PV_OK);
	assert_true(r.maildir && !r.created);
	assert_int_equal(copies_of(s, 1), 1);
	remove_box(s);
	assert_int_equal(deliver_as(s, &o, 1, true, &r, NULL), PV_OK);
	assert_true(!r.maildir && r.created);
	assert_int_equal(mode_of(s, "box"), 0600);
	text_free(&t);
}

/* What an empty folder was may be missing after a restore. */
static void folders_that_are_missing_are_made(void **state)
{
	static const char *const folders[] = { "box/tmp", "box/new", "box/cur" };
	const struct scratch *s = *state;

	for (unsigned missing = 1; missing < 7; missing++) {
		make_maildir(s);
		for (unsigned k = 0; k < 3; k++)
			if ((missing & 1u << k) != 0)
				assert_int_equal(unlinkat(s->fd, folders[k], AT_REMOVEDIR), 0);
		struct pv_stored r = deliver(s, missing);
		assert_false(r.created);
		assert_int_equal(copies_of(s, missing), 1);
		for (unsigned k = 0; k < 3; k++)
			assert_int_equal(mode_of(s, folders[k]), 0700);
		remove_box(s);
	}
}

static void an_empty_folder(const struct scratch *s)
{
	assert_int_equal(__real_mkdirat(s->fd, "box", 0700), 0);
}

static void a_folder_of_other_things(const struct scratch *s)
{
	an_empty_folder(s);
	put_file(s, "box/letter", "dear");
}

static void anothers(const struct scratch *s)
{
	make_maildir(s);
	assert_int_equal(fchownat(s->fd, "box", 1, 1, 0), 0);
}

static void anothers_new(const struct scratch *s)
{
	make_maildir(s);
	assert_int_equal(fchownat(s->fd, "box/new", 1, 1, 0), 0);
}

static void open_to_the_group(const struct scratch *s)
{
	make_maildir(s);
	assert_int_equal(__real_fchmodat(s->fd, "box", 0770, 0), 0);
}

static void open_tmp(const struct scratch *s)
{
	make_maildir(s);
	assert_int_equal(__real_fchmodat(s->fd, "box/tmp", 0702, 0), 0);
}

static void a_symlink_to_a_maildir(const struct scratch *s)
{
	make_maildir(s);
	assert_int_equal(__real_renameat(s->fd, "box", s->fd, "real"), 0);
	assert_int_equal(symlinkat("real", s->fd, "box"), 0);
}

static void new_is_a_symlink(const struct scratch *s)
{
	make_maildir(s);
	assert_int_equal(__real_mkdirat(s->fd, "real", 0700), 0);
	assert_int_equal(unlinkat(s->fd, "box/new", AT_REMOVEDIR), 0);
	assert_int_equal(symlinkat("../real", s->fd, "box/new"), 0);
}

static void tmp_is_a_file(const struct scratch *s)
{
	make_maildir(s);
	assert_int_equal(unlinkat(s->fd, "box/tmp", AT_REMOVEDIR), 0);
	put_file(s, "box/tmp", "");
}

static void a_fifo(const struct scratch *s)
{
	assert_int_equal(mkfifoat(s->fd, "box", 0600), 0);
}

/* Begin with an empty folder. */
static void remove_all_of(const struct scratch *s)
{
	assert_int_equal(nftw(s->path, scratch_remove_one, 16, FTW_DEPTH | FTW_PHYS), 0);
	assert_int_equal(mkdir(s->path, 0700), 0);
	int fd = open(s->path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	assert_int_equal(dup3(fd, s->fd, O_CLOEXEC), s->fd);
	(void)__real_close(fd);
}

static void what_is_refused(void **state)
{
	static const struct {
		void (*make)(const struct scratch *s);
		bool as_root;
		const char *says;
	} rows[] = {
		{ an_empty_folder, false, "is a folder without cur, new and tmp" },
		{ a_folder_of_other_things, false, "is a folder without cur, new and tmp" },
		{ anothers, true, "belongs to another user: chown it" },
		{ anothers_new, true, "box/new belongs to another user: chown it" },
		{ open_to_the_group, false, "is writable by others: chmod 0700 it" },
		{ open_tmp, false, "box/tmp is writable by others: chmod 0700 it" },
		{ a_symlink_to_a_maildir, false, "is a symlink" },
		{ new_is_a_symlink, false, "box/new is not a folder: move it away" },
		{ tmp_is_a_file, false, "box/tmp is not a folder: move it away" },
		{ a_fifo, false, "is not a regular file" },
	};
	const struct scratch *s = *state;
	struct pv_store_options o = usual_options();

	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++)
		for (int maildir = 0; maildir < 2; maildir++) {
			struct pv_error e = { .text = "" };
			struct pv_stored r;
			if (rows[i].as_root && geteuid() != 0)
				continue;
			rows[i].make(s);
			o.maildir = maildir == 1;
			unsigned before = open_descriptors();
			assert_int_equal(deliver_as(s, &o, 1, true, &r, &e), PV_TEMPORARY);
			if (strstr(e.text, rows[i].says) == NULL)
				fail_msg("row %zu: %s", i, e.text);
			assert_string_equal(e.status, "4.3.5");
			assert_int_equal(open_descriptors(), before);
			assert_int_equal(each_file(s, "new", NULL, NULL), 0);
			remove_all_of(s);
		}
}

/* --- retries --- */

static void set_times(const struct scratch *s, time_t when)
{
	const struct timespec t[2] = { { .tv_sec = when }, { .tv_sec = when } };

	assert_int_equal(utimensat(s->fd, "box/new", t, 0), 0);
	assert_int_equal(utimensat(s->fd, "box/cur", t, 0), 0);
}

static void a_retry_is_known(void **state)
{
	const struct scratch *s = *state;
	const struct pv_store_options o = usual_options();
	struct pv_stored r;

	assert_int_equal(deliver(s, 1).result, PV_APPENDED);
	assert_int_equal(deliver(s, 1).result, PV_DUPLICATE);
	/* What has the time at which the Maildir was made proves nothing. */
	(void)usleep(20000);
	assert_int_equal(deliver(s, 2).result, PV_APPENDED);
	assert_int_equal(deliver(s, 1).result, PV_DUPLICATE);
	read_all(s);
	assert_int_equal(deliver(s, 2).result, PV_DUPLICATE);
	remove_all(s);
	assert_int_equal(deliver(s, 2).result, PV_DUPLICATE);
	/* Without an id nothing is a retry. */
	for (int i = 0; i < 2; i++) {
		assert_int_equal(deliver_as(s, &o, 3, false, &r, NULL), PV_OK);
		assert_int_equal(r.result, PV_APPENDED);
	}
	assert_int_equal(copies_of(s, 3), 2);
}

/* A Maildir that was put back from a backup does not have what was stored since, whatever we noted. */
static void after_a_restore_only_files_count(void **state)
{
	const struct scratch *s = *state;

	(void)deliver(s, 0);
	(void)usleep(20000); /* what has the time at which it was made proves nothing */
	assert_int_equal(deliver(s, 1).result, PV_APPENDED);
	assert_int_equal(deliver(s, 2).result, PV_APPENDED);
	/* The backup has neither, and is of the day before; then another message comes. */
	remove_all(s);
	set_times(s, time(NULL) - 24 * 3600);
	assert_int_equal(deliver(s, 3).result, PV_APPENDED);
	assert_int_equal(deliver(s, 1).result, PV_APPENDED);
	assert_int_equal(deliver(s, 1).result, PV_DUPLICATE);
	assert_int_equal(copies_of(s, 1), 1);
	/* What is there in spite of the doubt is known by its name, flags or not. */
	assert_int_equal(deliver(s, 4).result, PV_APPENDED);
	set_times(s, time(NULL) - 24 * 3600);
	assert_int_equal(deliver(s, 4).result, PV_DUPLICATE);
	read_all(s);
	set_times(s, time(NULL) - 24 * 3600);
	assert_int_equal(deliver(s, 4).result, PV_DUPLICATE);
	assert_int_equal(copies_of(s, 4), 1);
}

/* The state was put back and not the list of ids: the Maildir may be as old, whatever its times are by now.
 */
static void a_state_that_is_older_than_the_ids(void **state)
{
	const struct scratch *s = *state;
	struct text old = { .s = NULL };

	(void)deliver(s, 0);
	(void)usleep(20000);
	(void)deliver(s, 1);
	read_file(s, ".box.maildir", &old);
	(void)usleep(20000);
	(void)deliver(s, 2);
	remove_all(s);
	scratch_write(s, ".box.maildir", old.s, old.len);
	assert_int_equal(deliver(s, 2).result, PV_APPENDED);
	/* And it stays doubtful when another message has come between. */
	remove_all(s);
	scratch_write(s, ".box.maildir", old.s, old.len);
	assert_int_equal(deliver(s, 3).result, PV_APPENDED);
	assert_int_equal(deliver(s, 2).result, PV_APPENDED);
	text_free(&old);
}

/* One that is new knows nothing of what an older one of its name had. */
static void a_new_one_has_nothing(void **state)
{
	const struct scratch *s = *state;

	assert_int_equal(deliver(s, 1).result, PV_APPENDED);
	remove_all(s);
	assert_int_equal(unlinkat(s->fd, "box/new", AT_REMOVEDIR), 0);
	assert_int_equal(unlinkat(s->fd, "box/cur", AT_REMOVEDIR), 0);
	assert_int_equal(unlinkat(s->fd, "box/tmp", AT_REMOVEDIR), 0);
	assert_int_equal(unlinkat(s->fd, "box", AT_REMOVEDIR), 0);
	assert_int_equal(deliver(s, 1).result, PV_APPENDED);
	assert_int_equal(copies_of(s, 1), 1);
}

/* Side files that are missing, torn or something else cost memory, and no mail. */
static void side_files_may_be_anything(void **state)
{
	static const char *const names[] = { ".box.maildir", ".box.done" };
	const struct scratch *s = *state;
	char bytes[400];

	memset(bytes, 'x', sizeof bytes);
	for (size_t i = 0; i < 2; i++)
		for (size_t len = 0; len <= sizeof bytes; len += 40) {
			(void)deliver(s, 1);
			scratch_write(s, names[i], bytes, len);
			assert_int_equal(deliver(s, 2).result, PV_APPENDED);
			assert_int_equal(deliver(s, 2).result, PV_DUPLICATE);
			remove_box(s);
		}
	(void)deliver(s, 1);
	assert_int_equal(unlinkat(s->fd, ".box.done", 0), 0);
	assert_int_equal(__real_mkdirat(s->fd, ".box.done", 0700), 0);
	assert_int_equal(deliver(s, 1).result, PV_APPENDED);
	assert_int_equal(unlinkat(s->fd, ".box.done", AT_REMOVEDIR), 0);
}

/* --- at once --- */

enum { PROCESSES = 8, EACH = 40 };

/* In `PROCESSES` children: deliver. Each returns how many of its messages were stored. */
static unsigned at_once(const struct scratch *s, bool same)
{
	unsigned stored = 0;
	int status;

	(void)fflush(NULL);
	for (unsigned k = 0; k < PROCESSES; k++)
		if (fork() == 0) {
			unsigned n = 0;
			pv_process_forget();
			for (unsigned i = 0; i < EACH; i++)
				n += deliver(s, same ? i : 100 + k * EACH + i).result == PV_APPENDED;
			_exit((int)n);
		}
	for (unsigned k = 0; k < PROCESSES; k++) {
		assert_true(wait(&status) > 0);
		assert_true(WIFEXITED(status));
		stored += (unsigned)WEXITSTATUS(status);
	}
	return stored;
}

static void several_at_once(void **state)
{
	static unsigned copies[100 + PROCESSES * EACH];
	const struct scratch *s = *state;

	assert_int_equal(at_once(s, true), EACH);
	take_census(s, copies, 100 + PROCESSES * EACH);
	for (unsigned i = 0; i < EACH; i++)
		assert_int_equal(copies[i], 1);
	assert_int_equal(at_once(s, false), PROCESSES * EACH);
	take_census(s, copies, 100 + PROCESSES * EACH);
	for (unsigned i = 100; i < 100 + PROCESSES * EACH; i++)
		assert_int_equal(copies[i], 1);
	assert_int_equal(each_file(s, "tmp", NULL, NULL), 0);
}

static void a_lock_is_waited_for(void **state)
{
	const struct scratch *s = *state;
	struct pv_store_options o = usual_options();
	struct pv_error e = { .text = "" };
	struct pv_stored r;
	int fd;

	(void)deliver(s, 1);
	const struct pv_location l = box_location(s, "box");
	assert_int_equal(pv_maildir_lock(&l, 0, &fd, NULL), PV_OK);
	o.lock_deadline_ms = 60;
	int64_t begun = pv_now_ms();
	assert_int_equal(deliver_as(s, &o, 2, true, &r, &e), PV_TEMPORARY);
	assert_true(pv_now_ms() - begun >= 50);
	assert_string_equal(e.status, "4.2.0");
	assert_non_null(strstr(e.text, "box is locked by another program for more than 60 ms"));
	/* Whoever removes the file has not removed the lock of the next one. */
	assert_int_equal(unlinkat(s->fd, ".box.maildir", 0), 0);
	assert_int_equal(deliver_as(s, &o, 2, true, &r, &e), PV_OK);
	(void)__real_close(fd);
	assert_int_equal(copies_of(s, 2), 1);
}

static const struct scratch *scene;

static void replace_lock_file(void)
{
	assert_int_equal(__real_unlinkat(scene->fd, ".box.maildir", 0), 0);
	put_file(scene, ".box.maildir", "");
}

/* A lock on a file that somebody removed between opening and locking excludes nobody. */
static void a_lock_file_that_is_gone_is_none(void **state)
{
	scene = *state;
	(void)deliver(scene, 1);
	interrupt = replace_lock_file;
	before_call.call = "fcntl", before_call.nth = 1, before_call.seen = 0;
	(void)deliver(scene, 2);
	before_call.call = NULL;
	assert_false(scratch_holds(scene, ".box.maildir", "", 0));
	assert_int_equal(copies_of(scene, 2), 1);
}

/* --- tmp/ --- */

static void make_old(const struct scratch *s, const char *name, time_t age)
{
	const struct timespec t[2] = { { .tv_sec = time(NULL) - age }, { .tv_sec = time(NULL) - age } };

	put_file(s, name, "half a mess");
	assert_int_equal(utimensat(s->fd, name, t, 0), 0);
}

static void old_files_go_from_tmp(void **state)
{
	const struct scratch *s = *state;

	(void)deliver(s, 1);
	make_old(s, "box/tmp/old", 37 * 3600);
	make_old(s, "box/tmp/young", 35 * 3600);
	make_old(s, "box/tmp/.hidden", 37 * 3600);
	make_old(s, "target", 37 * 3600);
	assert_int_equal(symlinkat("../../target", s->fd, "box/tmp/link"), 0);
	if (geteuid() == 0) {
		make_old(s, "box/tmp/anothers", 37 * 3600);
		assert_int_equal(fchownat(s->fd, "box/tmp/anothers", 1, 1, 0), 0);
	}
	/* Not with each message: once in six hours. */
	(void)deliver(s, 2);
	assert_true(is_there(s, "box/tmp/old"));
	clock_shift = (int64_t)6 * 3600;
	(void)deliver(s, 3);
	clock_shift = 0;
	assert_false(is_there(s, "box/tmp/old"));
	/* By that clock it is 41 hours old. */
	assert_false(is_there(s, "box/tmp/young"));
	assert_true(is_there(s, "box/tmp/.hidden") && is_there(s, "box/tmp/link") && is_there(s, "target"));
	assert_true(geteuid() != 0 || is_there(s, "box/tmp/anothers"));
	make_old(s, "box/tmp/young", 29 * 3600);
	clock_shift = (int64_t)12 * 3600;
	(void)deliver(s, 4);
	clock_shift = 0;
	assert_false(is_there(s, "box/tmp/young"));
	remove_box(s);
}

/* --- before it is stored --- */

static enum pv_class say_no(void *ctx, struct pv_error *e)
{
	(*(unsigned *)ctx)++;
	return pv_fail(e, PV_TEMPORARY, "4.3.0", "no");
}

static void the_last_look_decides(void **state)
{
	const struct scratch *s = *state;
	unsigned asked = 0;

	for (int maildir = 0; maildir < 2; maildir++) {
		struct pv_store_options o = usual_options();
		struct pv_error e = { .text = "" };
		struct pv_stored r;
		o.maildir = maildir == 1;
		assert_int_equal(deliver_as(s, &o, 1, true, &r, &e), PV_OK);
		o.last_look = say_no;
		o.ctx = &asked;
		asked = 0;
		assert_int_equal(deliver_as(s, &o, 2, true, &r, &e), PV_TEMPORARY);
		assert_string_equal(e.text, "no");
		assert_int_equal(asked, 1);
		/* What was stored before is not asked about. */
		assert_int_equal(deliver_as(s, &o, 1, true, &r, &e), PV_OK);
		assert_int_equal(r.result, PV_DUPLICATE);
		assert_int_equal(asked, 1);
		o.last_look = NULL;
		assert_int_equal(deliver_as(s, &o, 2, true, &r, &e), PV_OK);
		assert_int_equal(r.result, PV_APPENDED);
		remove_box(s);
	}
}

/* A large message goes by a file. */
static void a_large_message(void **state)
{
	const struct scratch *s = *state;
	const struct pv_location l = box_location(s, "box");
	const struct pv_store_options o = usual_options();
	const size_t size = PV_CONTENT_MEMORY + 400000;
	struct pv_stored r;
	struct pv_content c;

	char *text = malloc(size);
	assert_non_null(text);
	for (size_t i = 0; i < size; i++)
		text[i] = i % 61 == 60 ? '\n' : (char)('a' + i % 23);
	text[size - 1] = '\n';
	compose(text, size, &c);
	assert_true(c.fd >= 0);
	assert_int_equal(pv_mailbox_store(&l, &o, &c, NULL, &r, NULL), PV_OK);
	pv_content_free(&c);
	struct pv_maildrop *m = box_open(&l);
	struct pv_maildrop_message told;
	assert_int_equal(pv_maildrop_count(m), 1);
	pv_maildrop_message(m, 0, &told);
	assert_int_equal(told.octets, size + told.lines);
	pv_maildrop_close(m);
	free(text);
}

/* --- names --- */

static void names_tell(void **state)
{
	static const struct {
		const char *name;
		bool tells;
		uint64_t size;
	} rows[] = { { "1.M1P1.h,S=17", true, 17 },
		     { "1.M1P1.h,S=17:2,S", true, 17 },
		     { "1.M1P1.h,S=17,W=20:2,", true, 17 },
		     { "1.M1P1.h,W=20,S=0:2,", true, 0 },
		     { "1.M1P1.h", false, 0 },
		     { "1.M1P1.h:2,S", false, 0 },
		     { "1.M1P1.h:2,S=5", false, 0 },
		     { "1.M1P1.h,S=", false, 0 },
		     { "1.M1P1.h,S=x", false, 0 },
		     { "1.M1P1.h,S=99999999999999999999999", false, 0 } };
	const struct timespec when = { .tv_sec = 1795168572, .tv_nsec = 1234999 };
	unsigned char id[PV_ID_BYTES] = { 0x01, 0xab, 0xff }, other[PV_ID_BYTES] = { 0x01, 0xab, 0xfe };
	char name[NAME_MAX + 1];
	uint64_t size;

	(void)state;
	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
		assert_int_equal(pv_maildir_name_size(rows[i].name, &size), rows[i].tells);
		if (rows[i].tells)
			assert_int_equal(size, rows[i].size);
	}
	pv_maildir_name(name, &when, id, 12345);
	assert_true(strncmp(name, "1795168572.M001234P", 19) == 0);
	assert_non_null(strstr(name, "_01abff0000000000."));
	assert_true(pv_maildir_name_size(name, &size) && size == 12345);
	assert_true(pv_maildir_name_has(name, id) && !pv_maildir_name_has(name, other));
	pv_maildir_name(name, &when, NULL, 1);
	assert_null(strchr(name, '_'));
	assert_false(pv_maildir_name_has(name, id));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(one_is_made, scratch_make, scratch_remove),
		cmocka_unit_test_setup_teardown(what_is_there_decides, scratch_make, scratch_remove),
		cmocka_unit_test_setup_teardown(folders_that_are_missing_are_made, scratch_make,
						scratch_remove),
		cmocka_unit_test_setup_teardown(what_is_refused, scratch_make, scratch_remove),
		cmocka_unit_test_setup_teardown(a_retry_is_known, scratch_make, scratch_remove),
		cmocka_unit_test_setup_teardown(after_a_restore_only_files_count, scratch_make,
						scratch_remove),
		cmocka_unit_test_setup_teardown(a_state_that_is_older_than_the_ids, scratch_make,
						scratch_remove),
		cmocka_unit_test_setup_teardown(a_new_one_has_nothing, scratch_make, scratch_remove),
		cmocka_unit_test_setup_teardown(side_files_may_be_anything, scratch_make, scratch_remove),
		cmocka_unit_test_setup_teardown(several_at_once, scratch_make, scratch_remove),
		cmocka_unit_test_setup_teardown(a_lock_is_waited_for, scratch_make, scratch_remove),
		cmocka_unit_test_setup_teardown(a_lock_file_that_is_gone_is_none, scratch_make,
						scratch_remove),
		cmocka_unit_test_setup_teardown(old_files_go_from_tmp, scratch_make, scratch_remove),
		cmocka_unit_test_setup_teardown(the_last_look_decides, scratch_make, scratch_remove),
		cmocka_unit_test_setup_teardown(a_large_message, scratch_make, scratch_remove),
		cmocka_unit_test(names_tell),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
