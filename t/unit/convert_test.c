/*
 * From an mbox to a Maildir and back: what readers see stays the same, whole mailboxes change places or
 * nothing does, and deliveries that come meanwhile find what there is.
 */
#include "maildir_world.h"

#include "mailbox/maildrop_convert.h"

#include "base/host.h"

#include <sys/wait.h>

int __real_renameat2(int a, const char *from, int b, const char *to, unsigned flags);
int __wrap_renameat2(int a, const char *from, int b, const char *to, unsigned flags);
int __wrap_renameat2(int a, const char *from, int b, const char *to, unsigned flags)
{
	if (dies())
		_exit(KILLED);
	return trips("renameat2") ? -1 : __real_renameat2(a, from, b, to, flags);
}

int __wrap_syncfs(int fd);
int __wrap_syncfs(int fd)
{
	(void)fd;
	return trips("syncfs") ? -1 : 0;
}

WRAPPED_CHANGE(int, futimens, (int fd, const struct timespec t[2]), (fd, t))

static enum pv_class try_convert(const struct scratch *s, bool to_maildir, struct pv_converted *r,
				 struct pv_error *e)
{
	const struct pv_convert_options o = { .uid = geteuid(),
					      .lock_deadline_ms = 100,
					      .to_maildir = to_maildir };
	const struct pv_location l = box_location(s, "box");

	return pv_mailbox_convert(&l, &o, r, e);
}

static bool is_maildir(const struct scratch *s)
{
	struct stat st;

	return __real_fstatat(s->fd, "box", &st, AT_SYMLINK_NOFOLLOW) == 0 && S_ISDIR(st.st_mode);
}

/* As the caller would: into the trash with it. */
static void trash(const struct scratch *s, const char *name)
{
	char path[700];

	if (name[0] == '\0')
		return;
	(void)snprintf(path, sizeof path, "%s/%s", s->path, name);
	assert_int_equal(nftw(path, scratch_remove_one, 16, FTW_DEPTH | FTW_PHYS), 0);
}

static struct pv_converted convert(const struct scratch *s, bool to_maildir)
{
	struct pv_error e = { .text = "" };
	struct pv_converted r;

	must(try_convert(s, to_maildir, &r, &e), &e);
	assert_int_equal(is_maildir(s), to_maildir);
	assert_string_equal(r.old, to_maildir ? ".box.to-maildir" : ".box.to-mbox");
	trash(s, r.old);
	return r;
}

/* --- what readers see --- */

/* All that a POP3 session sees, as one text: unique-ids, who is read, and every byte. */
static void take_view(const struct scratch *s, struct text *out)
{
	const struct pv_location l = box_location(s, "box");
	struct text one = { .s = NULL };
	char id[PV_UIDL_SIZE], line[200];
	struct pv_maildrop_message told;

	out->len = 0;
	text_add(out, "", 0);
	struct pv_maildrop *m = box_open(&l);
	for (size_t i = 0; i < pv_maildrop_count(m); i++) {
		pv_maildrop_message(m, i, &told);
		must(pv_maildrop_uidl(m, i, id, NULL), NULL);
		int n = snprintf(line, sizeof line, "<%s %d %llu>\n", id, told.read,
				 (unsigned long long)told.octets);
		text_add(out, line, (size_t)n);
		box_fetch(m, i, PV_ALL_LINES, &one);
		text_add(out, one.s, one.len);
	}
	pv_maildrop_close(m);
	(void)__real_unlinkat(s->fd, ".box.index", 0);
	text_free(&one);
}

static void expect_same_view(const struct scratch *s, const struct text *want)
{
	struct text now = { .s = NULL };

	take_view(s, &now);
	if (now.len != want->len || memcmp(now.s, want->s, now.len) != 0)
		fail_msg("before:\n%s\nafter:\n%s", want->s, now.s);
	text_free(&now);
}

#define FROM(sender) "From " sender " Fri Nov 20 09:56:12 2026\n"
#define PATH(address) "Return-Path: <" address ">\n"

/* Those that come back byte for byte. */
static const char *const round_trips[] = {
	"",
	FROM("s@x.org") PATH("s@x.org") "A: b\n\nbody\n\n",
	FROM("MAILER-DAEMON") PATH("") "A: b\n\n",
	FROM("MAILER-DAEMON") "A: b\n\nno path\n\n",
	FROM("s@x.org") PATH("s@x.org") "A: b\n\n>From me\n>>From you\n>not From\n From\n\n",
	FROM("s@x.org") PATH("s@x.org") "A: b\nStatus: RO\n\nread\n\n",
	FROM("s@x.org") PATH("s@x.org") "Status: O\nA: b\n\nold\n\n",
	FROM("s@x.org") PATH("s@x.org") "A: b\nStatus: RO\nX-Status: AF\n\nanswered\n\n",
	FROM("s@x.org") PATH("s@x.org") "X-UIDL: mine\nA: b\n\nown id\n\n",
	FROM("s@x.org") PATH("s@x.org") "A: 1\n\n1\n\n" FROM("t@x.org") PATH("t@x.org") "A: 2\n\n2\n\n",
	FROM("s@x.org") PATH("s@x.org") "A: b\n\nsame\n\n" FROM("s@x.org") PATH("s@x.org") "A: b\n\nsame\n\n",
	FROM("s@x.org") PATH("s@x.org") "A: b\r\n\r\nCRLF\r\n\n",
	FROM("s@x.org") PATH("s@x.org") "A: b\n\nempty lines\n\n\n\n\n",
	"From s@x.org Sat Nov 21 09:56:12 2026\n" PATH("s@x.org") "A: late\n\n1\n\n" FROM("s@x.org")
		PATH("s@x.org") "A: early\n\n2\n\n",
	FROM("s@x.org") PATH("s@x.org") "A: "
					"folded\n b\n\n\n",
	FROM("s@x.org") PATH("s@x.org") "A: no empty line\n\n" FROM("s@x.org") PATH("s@x.org") "A: b\n\n\n",
};

static void mailboxes_come_back_byte_for_byte(void **state)
{
	const struct scratch *s = *state;
	struct text view = { .s = NULL }, now = { .s = NULL };

	for (size_t i = 0; i < sizeof round_trips / sizeof *round_trips; i++) {
		put_file(s, "box", round_trips[i]);
		take_view(s, &view);
		(void)convert(s, true);
		expect_same_view(s, &view);
		(void)convert(s, false);
		read_file(s, "box", &now);
		if (strcmp(now.s, round_trips[i]) != 0)
			fail_msg("row %zu: %s", i, now.s);
		expect_same_view(s, &view);
	}
	text_free(&view);
	text_free(&now);
}

/* Those that need not come back as they were, but as what readers see. */
static const char *const views[] = {
	"no From_ line\n\nbody\n",
	"\n\n\n" FROM("a@b") "A: b\n\nafter empty lines\n\n",
	FROM("a@b") "A: b\n\nno newline",
	FROM("a@b") "A: b\n\nno empty line\n",
	FROM("a@b") "A: b\r\n\r\nCRLF\r\n\r\n" FROM("a@b") "A: c\r\n\r\n>From\r\n\r\n",
	"From a@b\nA: b\n\nno date\n\n",
	"From a@b Fri Nov 20 09:56:12 2026 remote from x\nA: b\n\nuucp\n\n",
	FROM("a@b") "\n" FROM("a@b") "\n\n",
	FROM("a@b") "\nbody alone\n\n",
	FROM("a@b") "A: b",
	FROM("a@b") "Status: R\nA: b\n\nbody\n\n",
	FROM("a@b") "A: b\n\nbody\nFrom a line of it\n\n",
	"From ",
	"From",
};

static void readers_see_the_same(void **state)
{
	const struct scratch *s = *state;
	struct text view = { .s = NULL };

	for (size_t i = 0; i < sizeof views / sizeof *views; i++) {
		put_file(s, "box", views[i]);
		take_view(s, &view);
		(void)convert(s, true);
		expect_same_view(s, &view);
		(void)convert(s, false);
		expect_same_view(s, &view);
	}
	text_free(&view);
}

static void random_mailboxes(void **state)
{
	static const char *const pieces[] = { "From a@b Fri Nov 20 09:56:12 2026\n",
					      "From ",
					      ">From x\n",
					      ">>",
					      "\n",
					      "\n\n",
					      "\r\n",
					      "Status: RO\n",
					      "X-Status: F\n",
					      "A: b\n",
					      "x",
					      "body\n",
					      "Return-Path: <a@b>\n",
					      "X-UIDL: a\n",
					      " ",
					      "\0\n",
					      "Subject: c\n\n" };
	const struct scratch *s = *state;
	struct text view = { .s = NULL };
	uint64_t random = 11;
	static char box[4096];

	for (int i = 0; i < 400; i++) {
		size_t len = 0;
		for (uint32_t k = next_random(&random) % 40; k > 0; k--) {
			const char *p = pieces[next_random(&random) % (sizeof pieces / sizeof *pieces)];
			size_t n = *p == '\0' ? 2 : strlen(p);
			memcpy(box + len, p, n);
			len += n;
		}
		scratch_write(s, "box", box, len);
		take_view(s, &view);
		(void)convert(s, true);
		expect_same_view(s, &view);
		(void)convert(s, false);
		expect_same_view(s, &view);
	}
	text_free(&view);
}

/* --- files --- */

struct seen_file {
	const char *wanted; /* a part of the message */
	char folder[4], name[NAME_MAX + 1];
	time_t mtime;
};

static void look_for(const struct scratch *s, const char *folder, const char *name, void *ctx)
{
	struct seen_file *f = ctx;
	char text[MESSAGE_MAX], path[600];
	struct stat st;

	ssize_t len = read_message(s, folder, name, text);
	text[len] = '\0';
	if (strstr(text, f->wanted) == NULL)
		return;
	(void)snprintf(f->folder, sizeof f->folder, "%s", folder);
	(void)snprintf(f->name, sizeof f->name, "%s", name);
	(void)snprintf(path, sizeof path, "box/%s/%s", folder, name);
	assert_int_equal(__real_fstatat(s->fd, path, &st, 0), 0);
	assert_int_equal(st.st_mode & 07777, 0600);
	f->mtime = st.st_mtim.tv_sec;
}

static void files_say_what_lines_said(void **state)
{
	static const struct {
		const char *message, *folder, *flags;
		time_t mtime;
	} rows[] = {
		{ FROM("a@b") "A: 1\n\n", "new", "", 1795168572 },
		{ "From a@b Thu Nov 19 09:56:12 2026 +0100\nA: 2\nStatus: RO\n\n", "cur", ":2,S",
		  1795078572 },
		{ FROM("a@b") "A: 3\nStatus: O\n\n", "cur", ":2,", 1795168572 },
		{ FROM("a@b") "A: 4\nStatus: RO\nX-Status: ADFT\n\n", "cur", ":2,DFRST", 1795168572 },
		{ FROM("a@b") "A: 5\nX-Status: F\n\n", "cur", ":2,F", 1795168572 },
		{ "From a@b\nA: 6\n\n", "new", "", 1000000000 },
	};
	const struct timespec old[2] = { { .tv_sec = 1000000000 }, { .tv_sec = 1000000000 } };
	const struct scratch *s = *state;
	struct text box = { .s = NULL };

	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
		text_add(&box, rows[i].message, strlen(rows[i].message));
		text_add(&box, "\n", 1);
	}
	scratch_write(s, "box", box.s, box.len);
	assert_int_equal(utimensat(s->fd, "box", old, 0), 0);
	struct pv_converted r = convert(s, true);
	assert_int_equal(r.messages, sizeof rows / sizeof *rows);
	char last[NAME_MAX + 1] = "";
	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
		char wanted[10];
		struct seen_file f = { .wanted = wanted };
		(void)snprintf(wanted, sizeof wanted, "A: %zu\n", i + 1);
		(void)each_file(s, "new", look_for, &f);
		(void)each_file(s, "cur", look_for, &f);
		assert_string_equal(f.folder, rows[i].folder);
		assert_string_equal(f.name + strcspn(f.name, ":"), rows[i].flags);
		assert_int_equal(f.mtime, rows[i].mtime);
		assert_non_null(strstr(f.name, ",S="));
		assert_true(strcmp(f.name, last) > 0);
		(void)snprintf(last, sizeof last, "%s", f.name);
	}
	text_free(&box);
}

/* A reader's flags get into the mbox, where no field of the message says the same. */
static void flags_become_fields(void **state)
{
	const struct scratch *s = *state;
	struct text now = { .s = NULL };

	make_maildir(s);
	put_file(s, "box/cur/1.a.h:2,S", "A: 1\n\n");
	put_file(s, "box/cur/2.a.h:2,", "A: 2\nStatus: RO\n\n");
	put_file(s, "box/cur/3.a.h:2,RS", "A: 3\nStatus: RO\n\n");
	put_file(s, "box/new/4.a.h", "A: 4\n\n");
	(void)convert(s, false);
	read_file(s, "box", &now);
	assert_non_null(strstr(now.s, "\nA: 1\nStatus: RO\n\n\nFrom "));
	assert_non_null(strstr(now.s, "\nA: 2\nStatus: O\n\n\nFrom "));
	assert_non_null(strstr(now.s, "\nA: 3\nStatus: RO\nX-Status: A\n\n\nFrom "));
	assert_non_null(strstr(now.s, "\nA: 4\n\n\n"));
	text_free(&now);
}

/* --- what is in the way --- */

static void what_is_refused(void **state)
{
	const struct scratch *s = *state;
	struct pv_error e = { .text = "" };
	struct pv_converted r;

	/* Nothing there, and nothing to do. */
	for (int to = 0; to < 2; to++) {
		assert_int_equal(try_convert(s, to == 1, &r, &e), PV_OK);
		assert_false(is_there(s, "box"));
	}
	put_file(s, "box", round_trips[1]);
	assert_int_equal(try_convert(s, false, &r, &e), PV_OK);
	assert_true(r.messages == 0 && r.old[0] == '\0');
	(void)convert(s, true);
	assert_int_equal(try_convert(s, true, &r, &e), PV_OK);
	assert_true(r.messages == 0 && r.old[0] == '\0');
	/* Folders of an IMAP server's. */
	assert_int_equal(__real_mkdirat(s->fd, "box/.Sent", 0700), 0);
	assert_int_equal(try_convert(s, false, &r, &e), PV_PERMANENT);
	assert_non_null(strstr(e.text, "has folders of its own (.Sent)"));
	assert_true(is_maildir(s) && !is_there(s, ".box.to-mbox"));
	assert_int_equal(unlinkat(s->fd, "box/.Sent", AT_REMOVEDIR), 0);
	struct pv_location l = box_location(s, "box");
	const struct pv_convert_options o = { .uid = geteuid(), .lock_deadline_ms = 100 };
	l.shared = true;
	assert_int_equal(pv_mailbox_convert(&l, &o, &r, &e), PV_PERMANENT);
	/* What is no message is told of, and left. */
	assert_int_equal(symlinkat("/nonexistent", s->fd, "box/cur/1.link"), 0);
	if (geteuid() == 0) {
		put_file(s, "box/cur/2.another", "A: b\n\n");
		assert_int_equal(fchownat(s->fd, "box/cur/2.another", 1, 1, 0), 0);
	}
	assert_int_equal(try_convert(s, false, &r, &e), PV_OK);
	assert_int_equal(r.left, geteuid() == 0 ? 1 : 0);
	assert_int_equal(r.messages, 1);
	trash(s, r.old);
}

static void an_old_mailbox_in_the_way_comes_first(void **state)
{
	const struct scratch *s = *state;
	struct pv_error e = { .text = "" };
	struct pv_converted r;

	put_file(s, "box", round_trips[1]);
	put_file(s, ".box.to-maildir", round_trips[2]);
	assert_int_equal(try_convert(s, true, &r, &e), PV_OK);
	assert_true(r.again && !is_maildir(s));
	assert_string_equal(r.old, ".box.to-maildir");
	assert_true(scratch_holds(s, r.old, round_trips[2], strlen(round_trips[2])));
	trash(s, r.old);
	(void)convert(s, true);
}

/* --- retries over a conversion --- */

/* As a POP3 session does. */
static void delete_all(const struct scratch *s)
{
	const struct pv_location l = box_location(s, "box");
	struct pv_error e = { .text = "" };

	struct pv_maildrop *m = box_open(&l);
	for (size_t i = 0; i < pv_maildrop_count(m); i++)
		pv_maildrop_set_deleted(m, i, true);
	must(pv_maildrop_update(m, &e), &e);
	pv_maildrop_close(m);
}

/* Even where the message has been fetched since: what is noted stays believed. */
static void a_retry_is_known_over_a_conversion(void **state)
{
	const struct scratch *s = *state;
	struct pv_store_options o = usual_options();
	struct pv_stored r;
	unsigned n = 1;

	for (int maildir = 0; maildir < 2; maildir++)
		for (int fetched = 0; fetched < 2; fetched++, n += 10) {
			o.maildir = maildir == 1;
			assert_int_equal(deliver_as(s, &o, n, true, &r, NULL), PV_OK);
			(void)usleep(20000); /* what has the time at which it was made proves nothing */
			assert_int_equal(deliver_as(s, &o, n + 1, true, &r, NULL), PV_OK);
			(void)convert(s, maildir == 0);
			if (fetched)
				delete_all(s);
			assert_int_equal(deliver_as(s, &o, n + 1, true, &r, NULL), PV_OK);
			assert_int_equal(r.result, PV_DUPLICATE);
			assert_int_equal(deliver_as(s, &o, n + 2, true, &r, NULL), PV_OK);
			assert_int_equal(r.result, PV_APPENDED);
			remove_box(s);
		}
}

/* --- at the same time --- */

static const struct scratch *here;
static pid_t child;

/* Another delivery waits for the lock while we convert. */
static void deliver_in_a_child(void)
{
	(void)fflush(NULL);
	child = fork();
	if (child == 0) {
		struct pv_stored r;
		const struct pv_store_options o = usual_options();
		struct scratch own = *here;
		before_call.call = NULL;
		pv_process_forget();
		/* What it has inherited would keep the locks. */
		(void)close_range(3, ~0U, 0);
		own.fd = open(own.path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
		_exit(deliver_as(&own, &o, 7, true, &r, NULL) == PV_OK ? 0 : 1);
	}
	(void)usleep(100000);
}

static void mail_that_comes_meanwhile_waits(void **state)
{
	here = *state;

	for (int to = 1; to >= 0; to--) {
		struct pv_store_options o = usual_options();
		struct pv_stored r;
		int status;
		o.maildir = to == 0;
		assert_int_equal(deliver_as(here, &o, 1, true, &r, NULL), PV_OK);
		interrupt = deliver_in_a_child;
		before_call.call = "renameat2", before_call.nth = 1, before_call.seen = 0;
		(void)convert(here, to == 1);
		before_call.call = NULL;
		assert_int_equal(waitpid(child, &status, 0), child);
		assert_int_equal(status, 0);
		const struct pv_location l = box_location(here, "box");
		struct pv_maildrop *m = box_open(&l);
		assert_int_equal(pv_maildrop_count(m), 2);
		pv_maildrop_close(m);
		remove_box(here);
	}
}

static void append_without_a_lock(void)
{
	int fd = __real_openat(here->fd, "box", O_WRONLY | O_APPEND | O_CLOEXEC, 0);

	assert_int_equal(__real_write(fd, round_trips[3], strlen(round_trips[3])), strlen(round_trips[3]));
	(void)__real_close(fd);
}

static void move_to_cur(void)
{
	read_all(here);
}

static void what_others_do_in_spite_of_locks_is_not_lost(void **state)
{
	struct pv_error e = { .text = "" };
	struct pv_converted r;
	struct text now = { .s = NULL };

	here = *state;
	put_file(here, "box", round_trips[1]);
	interrupt = append_without_a_lock;
	before_call.call = "renameat2", before_call.nth = 1, before_call.seen = 0;
	assert_int_equal(try_convert(here, true, &r, &e), PV_TEMPORARY);
	before_call.call = NULL;
	assert_non_null(strstr(e.text, "in spite of our locks"));
	read_file(here, "box", &now);
	assert_int_equal(now.len, strlen(round_trips[1]) + strlen(round_trips[3]));
	assert_false(is_there(here, ".box.to-maildir"));
	/* Where even that fails, it is not what is thrown away. */
	put_file(here, "box", round_trips[1]);
	before_call.call = "renameat2", before_call.nth = 1, before_call.seen = 0;
	fault.call = "renameat2", fault.nth = 2, fault.seen = 0, fault.err = EIO;
	assert_int_equal(try_convert(here, true, &r, &e), PV_TEMPORARY);
	before_call.call = fault.call = NULL;
	assert_non_null(strstr(e.text, "/.box.to-maildir"));
	read_file(here, ".box.to-maildir", &now);
	assert_int_equal(now.len, strlen(round_trips[1]) + strlen(round_trips[3]));
	remove_box(here);
	(void)unlinkat(here->fd, ".box.to-maildir", 0);
	(void)deliver(here, 1);
	(void)usleep(20000); /* a tick of the clock by which folders are stamped */
	interrupt = move_to_cur;
	before_call.call = "fchmod", before_call.nth = 1, before_call.seen = 0;
	assert_int_equal(try_convert(here, false, &r, &e), PV_TEMPORARY);
	before_call.call = NULL;
	assert_non_null(strstr(e.text, "was changed by another program"));
	assert_true(is_maildir(here) && !is_there(here, ".box.to-mbox"));
	assert_int_equal(copies_of(here, 1), 1);
	text_free(&now);
}

/* --- faults and kills --- */

static const char *const calls[] = { "openat",	"close",    "pread",	 "write",   "pwrite",
				     "fsync",	"unlinkat", "fstat",	 "fstatat", "fchmod",
				     "mkdirat", "fchmodat", "renameat2", "syncfs",  "futimens",
				     "fcntl",	"linkat",   "malloc",	 "calloc",  "reallocarray" };

static const char *small(bool maildir)
{
	static char box[2000];

	(void)snprintf(box, sizeof box, "%s%s%s", round_trips[5], round_trips[4], round_trips[9]);
	return maildir ? NULL : box;
}

static void set_scene(const struct scratch *s, bool maildir)
{
	remove_box(s);
	put_file(s, "box", small(false));
	if (maildir)
		(void)convert(s, true);
	(void)__real_unlinkat(s->fd, ".box.index", 0);
}

/* Nothing but the mailbox, what is known about it, and an old one that the caller was told of. */
static void expect_no_litter(const struct scratch *s, const char *what, unsigned nth)
{
	static const char *const left[] = { ".box.to-maildir", ".box.to-mbox", ".box.making", "box.lock",
					    ".box.new" };

	for (size_t i = 0; i < sizeof left / sizeof *left; i++)
		if (is_there(s, left[i]))
			fail_msg("%s number %u: %s is left", what, nth, left[i]);
}

static void finish(const struct scratch *s, bool to_maildir, const struct text *view, const char *what,
		   unsigned nth)
{
	struct pv_error e = { .text = "" };
	struct pv_converted r;

	expect_same_view(s, view);
	do {
		if (try_convert(s, to_maildir, &r, &e) != PV_OK)
			fail_msg("%s number %u: then `%s`", what, nth, e.text);
		trash(s, r.old);
	} while (r.again);
	assert_int_equal(is_maildir(s), to_maildir);
	expect_same_view(s, view);
	expect_no_litter(s, what, nth);
}

static bool run_with_fault(const struct scratch *s, bool to_maildir, const char *call, unsigned nth, int err)
{
	struct text view = { .s = NULL };
	struct pv_error e = { .text = "" };
	struct pv_converted r;

	set_scene(s, !to_maildir);
	take_view(s, &view);
	unsigned before = open_descriptors();
	fault.call = call, fault.nth = nth, fault.seen = 0, fault.err = err;
	enum pv_class class = try_convert(s, to_maildir, &r, &e);
	bool met = fault.seen >= nth;
	fault.call = NULL;
	if (open_descriptors() != before)
		fail_msg("%s number %u: a descriptor stays open", call, nth);
	if (class == PV_OK && is_maildir(s) != to_maildir)
		fail_msg("%s number %u: it says that it converted", call, nth);
	if (class != PV_OK && (e.class != class || e.text[0] == '\0'))
		fail_msg("%s number %u: class %d `%s`", call, nth, (int)class, e.text);
	/* What was not synced did not happen. */
	if (met && class == PV_OK && (strcmp(call, "fsync") == 0 || strcmp(call, "syncfs") == 0))
		fail_msg("%s number %u: it says that all is well", call, nth);
	bool removal = strcmp(call, "unlinkat") == 0;
	if (r.old[0] == '\0' && !removal && strcmp(call, "openat") != 0)
		expect_no_litter(s, call, nth);
	trash(s, r.old);
	finish(s, to_maildir, &view, call, nth);
	text_free(&view);
	return met;
}

static void every_fault(void **state)
{
	static const int errors[] = { EIO, ENOSPC, SHORT };
	unsigned faults = 0;

	for (int to = 0; to < 2; to++)
		for (size_t i = 0; i < sizeof calls / sizeof *calls; i++)
			for (size_t k = 0; k < sizeof errors / sizeof *errors; k++) {
				bool may_be_short =
					strncmp(calls[i], "p", 1) == 0 || strcmp(calls[i], "write") == 0;
				if (errors[k] == SHORT && !may_be_short)
					continue;
				unsigned nth = 1;
				while (run_with_fault(*state, to == 1, calls[i], nth, errors[k]))
					assert_true(++nth < 300);
				faults += nth - 1;
			}
	assert_true(faults > 300);
}

/* Every file, every folder, and the folder in which they change places. */
static void all_of_it_is_synced(void **state)
{
	const struct scratch *s = *state;
	struct pv_converted r;

	for (int to = 0; to < 2; to++) {
		set_scene(s, to == 0);
		fault.call = "fsync", fault.nth = 1000, fault.seen = 0;
		assert_int_equal(try_convert(s, to == 1, &r, NULL), PV_OK);
		fault.call = NULL;
		assert_int_equal(r.messages, 4);
		/* A Maildir's top folder is synced when it is made, and once more. */
		assert_int_equal(fault.seen, to == 0 ? 1 + 1 : 4 + 3 + 2 + 1);
		trash(s, r.old);
	}
}

static void every_kill(void **state)
{
	const struct scratch *s = *state;
	struct text view = { .s = NULL };
	unsigned kills = 0;
	int status;

	for (int to = 0; to < 2; to++)
		for (unsigned nth = 1;; nth++, kills++) {
			set_scene(s, to == 0);
			take_view(s, &view);
			(void)fflush(NULL);
			pid_t pid = fork();
			if (pid == 0) {
				struct pv_converted r;
				kill_at.nth = nth;
				kill_at.seen = 0;
				_exit(try_convert(s, to == 1, &r, NULL) == PV_OK ? 0 : 1);
			}
			assert_int_equal(waitpid(pid, &status, 0), pid);
			assert_true(WIFEXITED(status));
			finish(s, to == 1, &view, "killed at call", nth);
			if (WEXITSTATUS(status) != KILLED)
				break;
		}
	assert_true(kills > 40);
	text_free(&view);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(mailboxes_come_back_byte_for_byte, scratch_make,
						scratch_remove),
		cmocka_unit_test_setup_teardown(readers_see_the_same, scratch_make, scratch_remove),
		cmocka_unit_test_setup_teardown(random_mailboxes, scratch_make, scratch_remove),
		cmocka_unit_test_setup_teardown(files_say_what_lines_said, scratch_make, scratch_remove),
		cmocka_unit_test_setup_teardown(flags_become_fields, scratch_make, scratch_remove),
		cmocka_unit_test_setup_teardown(what_is_refused, scratch_make, scratch_remove),
		cmocka_unit_test_setup_teardown(an_old_mailbox_in_the_way_comes_first, scratch_make,
						scratch_remove),
		cmocka_unit_test_setup_teardown(a_retry_is_known_over_a_conversion, scratch_make,
						scratch_remove),
		cmocka_unit_test_setup_teardown(mail_that_comes_meanwhile_waits, scratch_make,
						scratch_remove),
		cmocka_unit_test_setup_teardown(what_others_do_in_spite_of_locks_is_not_lost, scratch_make,
						scratch_remove),
		cmocka_unit_test_setup_teardown(every_fault, scratch_make, scratch_remove),
		cmocka_unit_test_setup_teardown(all_of_it_is_synced, scratch_make, scratch_remove),
		cmocka_unit_test_setup_teardown(every_kill, scratch_make, scratch_remove),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
