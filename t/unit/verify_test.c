/*
 * What is wrong with a mailbox, by offset; and mending it: no byte of a message is lost, a kill leaves the
 * old mailbox or the mended one, and there is nothing left to mend.
 */
#include "maildir_world.h"

#include "mailbox/journal.h"
#include "mailbox/maildrop_verify.h"

#include <sys/wait.h>

int __real_renameat2(int a, const char *from, int b, const char *to, unsigned flags);
int __wrap_renameat2(int a, const char *from, int b, const char *to, unsigned flags);
int __wrap_renameat2(int a, const char *from, int b, const char *to, unsigned flags)
{
	if (dies())
		_exit(KILLED);
	return trips("renameat2") ? -1 : __real_renameat2(a, from, b, to, flags);
}

static const char *const words[PV_FINDING_KINDS] = {
	[PV_FINDING_TORN] = "torn",
	[PV_FINDING_NO_FROM] = "no-from",
	[PV_FINDING_UNQUOTED] = "unquoted",
	[PV_FINDING_DOUBTFUL] = "doubtful",
	[PV_FINDING_NO_DATE] = "no-date",
	[PV_FINDING_CRLF_FROM] = "crlf",
	[PV_FINDING_NUL] = "nul",
	[PV_FINDING_NO_NEWLINE] = "no-newline",
	[PV_FINDING_NO_FOLDER] = "no-folder",
	[PV_FINDING_STRAY] = "stray",
	[PV_FINDING_OWNER] = "owner",
	[PV_FINDING_UNREADABLE] = "unreadable",
	[PV_FINDING_TWICE] = "twice",
	[PV_FINDING_LEFT_IN_TMP] = "left",
};

/* What was found, as words: `12:unquoted 20+4:nul`. */
static void note(void *ctx, const struct pv_finding *f)
{
	struct text *t = ctx;
	char word[400];

	int n = f->name != NULL ? snprintf(word, sizeof word, "%s%s:%s", t->len > 0 ? " " : "", f->name,
					   words[f->kind])
		: f->length > 0 ? snprintf(word, sizeof word, "%s%llu+%llu:%s", t->len > 0 ? " " : "",
					   (unsigned long long)f->offset, (unsigned long long)f->length,
					   words[f->kind])
				: snprintf(word, sizeof word, "%s%llu:%s", t->len > 0 ? " " : "",
					   (unsigned long long)f->offset, words[f->kind]);
	text_add(t, word, (size_t)n);
	assert_true(strlen(pv_finding_text(f->kind)) > 10);
}

static enum pv_class run(const struct scratch *s, bool repair, bool remove_nuls, struct text *found,
			 struct pv_verified *r, struct pv_error *e)
{
	const struct pv_verify_options o = { .uid = geteuid(),
					     .lock_deadline_ms = 100,
					     .remove_nuls = remove_nuls };
	const struct pv_location l = box_location(s, "box");

	found->len = 0;
	text_add(found, "", 0);
	return repair ? pv_mailbox_repair(&l, &o, note, found, r, e)
		      : pv_mailbox_verify(&l, &o, note, found, r, e);
}

static struct pv_verified verify(const struct scratch *s, struct text *found)
{
	struct pv_error e = { .text = "" };
	struct pv_verified r;

	must(run(s, false, false, found, &r, &e), &e);
	assert_string_equal(r.old, "");
	return r;
}

static struct pv_verified repair(const struct scratch *s, bool remove_nuls, struct text *found)
{
	struct pv_error e = { .text = "" };
	struct pv_verified r;

	must(run(s, true, remove_nuls, found, &r, &e), &e);
	return r;
}

#define FROM "From a@b Fri Nov 20 09:56:12 2026\n"
/* 34 bytes */
#define MESSAGE FROM "A: b\n\nbody\n\n"
/* 46 bytes */

struct row {
	const char *box, *found;
	unsigned messages;
	const char *mended; /* NULL: stays */
};

static const struct row rows[] = {
	{ "", "", 0, NULL },
	{ MESSAGE, "", 1, NULL },
	{ MESSAGE MESSAGE, "", 2, NULL },
	{ FROM "A: b\n\n>From x\n>>From y\n\n", "", 1, NULL },
	{ FROM "A: b\n\nbody\n", "", 1, NULL }, /* the next delivery adds the empty line */
	/* Its beginning. */
	{ "A: b\n\nbody\n\n", "0:no-from", 1,
	  "From MAILER-DAEMON Sun Sep  9 01:46:40 2001\nA: b\n\nbody\n\n" },
	{ "Return-Path: <s@x>\nA: b\n\nbody\n\n" MESSAGE, "0:no-from", 2,
	  "From s@x Sun Sep  9 01:46:40 2001\nReturn-Path: <s@x>\nA: b\n\nbody\n\n" MESSAGE },
	{ "\n\n" MESSAGE, "", 1, NULL },
	{ "\n\nx\n\n", "2:no-from", 1, "\n\nFrom MAILER-DAEMON Sun Sep  9 01:46:40 2001\nx\n\n" },
	{ "From", "0:no-from 4:no-newline", 1, "From MAILER-DAEMON Sun Sep  9 01:46:40 2001\nFrom\n\n" },
	/* Its end. */
	{ MESSAGE FROM "A: b", "84:no-newline", 2, MESSAGE FROM "A: b\n\n" },
	{ MESSAGE "x", "47:no-newline", 1, MESSAGE "x\n\n" },
	{ MESSAGE "x\r", "48:no-newline", 1, MESSAGE "x\r\n\n" },
	/* Lines that begin with From. */
	{ FROM "A: b\n\nbody\nFrom x\n\n", "45:unquoted", 1, FROM "A: b\n\nbody\n>From x\n\n" },
	{ FROM "A: b\nFrom x\n\nbody\n\n", "39:unquoted", 1, FROM "A: b\n>From x\n\nbody\n\n" },
	{ FROM FROM "A: b\n\nbody\n\n", "34:unquoted", 1, FROM ">" FROM "A: b\n\nbody\n\n" },
	{ MESSAGE "From here on all\nis well\n\n", "46:doubtful", 2,
	  MESSAGE ">From here on all\nis well\n\n" },
	{ MESSAGE "From a@b\nA: b\n\nbody\n\n", "46:no-date", 2, NULL },
	{ MESSAGE "From a@b\n\nbody\n\n", "46:no-date", 2, NULL },
	{ MESSAGE "From a@b\n", "46:no-date", 2, NULL },
	{ MESSAGE "From me\nFrom you\nto all\n\n", "46:doubtful 54:unquoted", 2,
	  MESSAGE ">From me\n>From you\nto all\n\n" },
	{ "From a@b\nA: b\n\nbody\n\n", "0:no-date", 1, NULL },
	{ "From here on\nall is well\n\n", "0:no-date", 1, NULL },
	/* Line ends. */
	{ "From a@b Fri Nov 20 09:56:12 2026\r\nA: b\r\n\r\nx\r\n\r\n", "0:crlf", 1, NULL },
	{ "From a@b Fri Nov 20 09:56:12 2026\r\nA: b\r\n\r\nx\r\nFrom y\r\n\r\n", "0:crlf 46:unquoted", 1,
	  "From a@b Fri Nov 20 09:56:12 2026\r\nA: b\r\n\r\nx\r\n>From y\r\n\r\n" },
	/* What is nobody's business. */
	{ FROM "Content-Length: 99999\n\nbody\n\n" MESSAGE, "", 2, NULL },
};

static void set_box(const struct scratch *s, const char *bytes, size_t len)
{
	const struct timespec old[2] = { { .tv_sec = 1000000000 }, { .tv_sec = 1000000000 } };

	remove_box(s);
	scratch_write(s, "box", bytes, len);
	assert_int_equal(utimensat(s->fd, "box", old, 0), 0);
}

static void each_finding_and_its_mending(void **state)
{
	const struct scratch *s = *state;
	struct text found = { .s = NULL };

	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
		size_t len = strlen(rows[i].box);
		set_box(s, rows[i].box, len);
		struct pv_verified r = verify(s, &found);
		if (strcmp(found.s, rows[i].found) != 0 || r.messages != rows[i].messages || r.bytes != len)
			fail_msg("row %zu: %s; %zu messages, %llu bytes", i, found.s, r.messages,
				 (unsigned long long)r.bytes);
		assert_true(scratch_holds(s, "box", rows[i].box, len));
		r = repair(s, false, &found);
		assert_string_equal(found.s, rows[i].found);
		const char *want = rows[i].mended != NULL ? rows[i].mended : rows[i].box;
		if (!scratch_holds(s, "box", want, strlen(want))) {
			read_file(s, "box", &found);
			fail_msg("row %zu: mended to %s", i, found.s);
		}
		assert_int_equal(r.mended > 0, rows[i].mended != NULL);
		assert_string_equal(r.old, rows[i].mended != NULL ? ".box.repairing" : "");
		if (r.old[0] != '\0') {
			assert_true(scratch_holds(s, r.old, rows[i].box, len));
			assert_int_equal(unlinkat(s->fd, r.old, 0), 0);
		}
		/* Then there is nothing left to mend. */
		r = repair(s, false, &found);
		assert_true(r.mended == 0 && r.old[0] == '\0');
	}
	text_free(&found);
}

static void nuls(void **state)
{
	static const char box[] = FROM "A: b\n\n\0\0x\0\n\0From y\n\n\0\0\0From a@b Fri\n\0\n\n\0";
	static const char want[] = FROM "A: b\n\nx\n>From y\n\nFrom a@b Fri\n\n\n\n\n";
	const struct scratch *s = *state;
	struct text found = { .s = NULL };

	set_box(s, box, sizeof box - 1);
	struct pv_verified r = verify(s, &found);
	assert_string_equal(found.s, "40+2:nul 43+1:nul 45+1:nul 54+3:nul 70+1:nul 73+1:nul 74:no-newline");
	assert_int_equal(r.mended, 1);
	r = repair(s, true, &found);
	assert_non_null(strstr(found.s, "45:unquoted 45+1:nul 54+3:nul"));
	read_file(s, "box", &found);
	if (found.len != sizeof want - 1 || memcmp(found.s, want, found.len) != 0)
		fail_msg("%zu: %s", found.len, found.s);
	assert_true(scratch_holds(s, r.old, box, sizeof box - 1));
	assert_int_equal(unlinkat(s->fd, r.old, 0), 0);
	/* A line of nothing else is an empty one then. */
	set_box(s, FROM "A: b\n\nx\n\0\nFrom here\non\n\n", 34 + 8 + 2 + 14);
	(void)verify(s, &found);
	assert_string_equal(found.s, "42+1:nul 44:unquoted");
	r = repair(s, true, &found);
	assert_string_equal(found.s, "42+1:nul 44:doubtful");
	assert_int_equal(unlinkat(s->fd, r.old, 0), 0);
	text_free(&found);
}

/* Its mode stays, and it is safe before the old one gives way. */
static void what_takes_its_place(void **state)
{
	const struct scratch *s = *state;
	struct text found = { .s = NULL };
	struct stat st;

	set_box(s, "x", 1);
	assert_int_equal(__real_fchmodat(s->fd, "box", 0640, 0), 0);
	fault.call = "fsync", fault.nth = 1000, fault.seen = 0;
	struct pv_verified r = repair(s, false, &found);
	fault.call = NULL;
	assert_int_equal(fault.seen, 2);
	assert_int_equal(__real_fstatat(s->fd, "box", &st, 0), 0);
	assert_int_equal(st.st_mode & 07777, 0640);
	assert_int_equal(unlinkat(s->fd, r.old, 0), 0);
	text_free(&found);
}

/* Wherever the pieces end in which the file is read. */
static void across_blocks(void **state)
{
	const struct scratch *s = *state;
	static char box[300000];
	struct text found = { .s = NULL }, want = { .s = NULL };

	for (size_t at = 262144 - 9; at < 262144 + 3; at++) {
		memset(box, 'x', sizeof box);
		memcpy(box, FROM "\n", 35);
		memcpy(box + at, "\nFrom z\n", 8);
		memcpy(box + sizeof box - 10, "\0\0\n\nFrom x", 10);
		set_box(s, box, sizeof box);
		(void)verify(s, &found);
		char expected[200];
		(void)snprintf(expected, sizeof expected,
			       "%zu:unquoted 299990+2:nul 299994:no-date 300000:no-newline", at + 1);
		assert_string_equal(found.s, expected);
		struct pv_verified r = repair(s, false, &found);
		read_file(s, "box", &want);
		assert_int_equal(want.len, sizeof box + 3);
		assert_memory_equal(want.s + at, "\n>From z\n", 9);
		assert_memory_equal(want.s + at + 9, box + at + 8, sizeof box - at - 8);
		assert_int_equal(unlinkat(s->fd, r.old, 0), 0);
	}
	text_free(&found);
	text_free(&want);
}

/* --- nothing is lost --- */

/* Unique-ids and bytes of all messages. */
static void take_view(const struct scratch *s, struct text *out)
{
	const struct pv_location l = box_location(s, "box");
	struct text one = { .s = NULL };
	char id[PV_UIDL_SIZE];

	out->len = 0;
	text_add(out, "", 0);
	struct pv_maildrop *m = box_open(&l);
	for (size_t i = 0; i < pv_maildrop_count(m); i++) {
		must(pv_maildrop_uidl(m, i, id, NULL), NULL);
		text_add(out, id, strlen(id));
		box_fetch(m, i, PV_ALL_LINES, &one);
		text_add(out, one.s, one.len);
	}
	pv_maildrop_close(m);
	(void)__real_unlinkat(s->fd, ".box.index", 0);
	text_free(&one);
}

static void random_mailboxes_stay_the_same_to_readers(void **state)
{
	static const char *const pieces[] = { FROM,   "From x", ">From x\n", "\n", "\n\n",
					      "\r\n", "A: b\n", "x",	     "\0" };
	const struct scratch *s = *state;
	struct text found = { .s = NULL }, before = { .s = NULL }, after = { .s = NULL };
	uint64_t random = 5;
	char box[2048];
	unsigned mended = 0;

	for (int i = 0; i < 600; i++) {
		size_t len = 0;
		for (uint32_t k = next_random(&random) % 30; k > 0; k--) {
			const char *p = pieces[next_random(&random) % (sizeof pieces / sizeof *pieces)];
			size_t n = *p == '\0' ? 1 : strlen(p);
			memcpy(box + len, p, n);
			len += n;
		}
		set_box(s, box, len);
		take_view(s, &before);
		struct pv_verified r = repair(s, false, &found);
		/* Quoting a doubtful line joins two messages; all else leaves each as it was. */
		take_view(s, &after);
		bool same = after.len == before.len && memcmp(after.s, before.s, after.len) == 0;
		if (strstr(found.s, "doubtful") == NULL && !same)
			fail_msg("%s: before %s, after %s", found.s, before.s, after.s);
		if (r.old[0] != '\0') {
			assert_true(scratch_holds(s, r.old, box, len));
			assert_int_equal(unlinkat(s->fd, r.old, 0), 0);
			mended++;
		}
		(void)repair(s, false, &found);
	}
	assert_true(mended > 100);
	text_free(&found);
	text_free(&before);
	text_free(&after);
}

/* --- a delivery that was cut off --- */

static void leave_half_a_message(const struct scratch *s)
{
	struct pv_store_options o = usual_options();
	struct pv_stored r;
	uint32_t open = 1;

	remove_box(s);
	o.maildir = false;
	put_file(s, "box", MESSAGE);
	assert_int_equal(deliver_as(s, &o, 1, true, &r, NULL), PV_OK);
	int fd = __real_openat(s->fd, ".box.journal", O_WRONLY | O_CLOEXEC, 0);
	assert_int_equal(__real_pwrite(fd, &open, sizeof open, 8), sizeof open);
	(void)__real_close(fd);
	fd = __real_openat(s->fd, "box", O_WRONLY | O_CLOEXEC, 0);
	assert_int_equal(__real_ftruncate(fd, (off_t)strlen(MESSAGE) + 20), 0);
	(void)__real_close(fd);
}

static void half_a_message(void **state)
{
	const struct scratch *s = *state;
	struct text found = { .s = NULL };

	leave_half_a_message(s);
	struct pv_verified r = verify(s, &found);
	assert_string_equal(found.s, "46+20:torn");
	assert_int_equal(r.messages, 1);
	assert_int_equal(r.bytes, strlen(MESSAGE) + 20);
	r = repair(s, false, &found);
	assert_string_equal(found.s, "46+20:torn");
	assert_true(scratch_holds(s, "box", MESSAGE, strlen(MESSAGE)));
	assert_string_equal(r.old, "");
	(void)verify(s, &found);
	assert_string_equal(found.s, "");
	text_free(&found);
}

/* --- a Maildir --- */

static void a_maildir(void **state)
{
	const struct scratch *s = *state;
	const struct timespec old[2] = { { .tv_sec = 1000000000 }, { .tv_sec = 1000000000 } };
	struct text found = { .s = NULL };

	remove_box(s);
	make_maildir(s);
	put_file(s, "box/new/1.a.h", "A: b\n");
	put_file(s, "box/cur/2.a.h:2,S", "A: b\n");
	struct pv_verified r = verify(s, &found);
	assert_string_equal(found.s, "");
	assert_true(r.maildir && r.messages == 2 && r.bytes == 10);
	put_file(s, "box/cur/1.a.h:2,S", "A: b\n");
	r = verify(s, &found);
	assert_string_equal(found.s, "new/1.a.h:twice");
	assert_int_equal(r.messages, 2);
	assert_int_equal(unlinkat(s->fd, "box/cur/1.a.h:2,S", 0), 0);
	put_file(s, "box/tmp/young", "A: b\n");
	put_file(s, "box/tmp/old", "A: b\n");
	assert_int_equal(utimensat(s->fd, "box/tmp/old", old, 0), 0);
	for (int k = 0; k < 2; k++) {
		struct timespec half_old[2] = { { .tv_sec = time(NULL) }, { .tv_sec = time(NULL) } };
		half_old[k].tv_sec = 1000000000;
		assert_int_equal(utimensat(s->fd, "box/tmp/young", half_old, 0), 0);
		(void)verify(s, &found);
		assert_string_equal(found.s, "tmp/old:left");
	}
	(void)verify(s, &found);
	assert_string_equal(found.s, "tmp/old:left");
	assert_true(is_there(s, "box/tmp/old"));
	(void)repair(s, false, &found);
	assert_false(is_there(s, "box/tmp/old"));
	assert_true(is_there(s, "box/tmp/young"));
	assert_int_equal(__real_mkdirat(s->fd, "box/new/folder", 0700), 0);
	(void)verify(s, &found);
	assert_string_equal(found.s, "new/folder:stray");
	assert_int_equal(unlinkat(s->fd, "box/new/folder", AT_REMOVEDIR), 0);
	assert_int_equal(symlinkat("/nonexistent", s->fd, "box/cur/link"), 0);
	(void)verify(s, &found);
	assert_string_equal(found.s, "cur/link:stray");
	assert_int_equal(unlinkat(s->fd, "box/cur/link", 0), 0);
	put_file(s, "box/new/.hidden", "");
	(void)verify(s, &found);
	assert_string_equal(found.s, "new/.hidden:stray");
	assert_int_equal(unlinkat(s->fd, "box/new/.hidden", 0), 0);
	if (geteuid() == 0) {
		assert_int_equal(fchownat(s->fd, "box/new/1.a.h", 1, 1, 0), 0);
		r = verify(s, &found);
		assert_string_equal(found.s, "new/1.a.h:owner");
		assert_int_equal(r.messages, 1);
	}
	(void)each_file(s, "tmp", remove_one, NULL);
	assert_int_equal(unlinkat(s->fd, "box/tmp", AT_REMOVEDIR), 0);
	(void)verify(s, &found);
	assert_non_null(strstr(found.s, "tmp:no-folder"));
	(void)repair(s, false, &found);
	assert_true(is_there(s, "box/tmp"));
	text_free(&found);
}

static void what_is_not_there(void **state)
{
	const struct scratch *s = *state;
	struct text found = { .s = NULL };
	struct pv_error e = { .text = "" };
	struct pv_verified r;

	remove_box(s);
	for (int how = 0; how < 2; how++) {
		assert_int_equal(run(s, how == 1, false, &found, &r, &e), PV_OK);
		assert_false(r.exists || is_there(s, "box"));
	}
	assert_int_equal(symlinkat("/nonexistent", s->fd, "box"), 0);
	for (int how = 0; how < 2; how++)
		assert_int_equal(run(s, how == 1, false, &found, &r, &e), PV_TEMPORARY);
	assert_int_equal(unlinkat(s->fd, "box", 0), 0);
	text_free(&found);
}

/* --- faults and kills --- */

static const char *const calls[] = { "openat",	"close",  "pread",     "pwrite",   "fsync",	   "fstat",
				     "fstatat", "fchmod", "renameat2", "unlinkat", "reallocarray", "malloc" };

/* A row that needs every kind of mending but that of NULs. */
#define BROKEN "A: b\n\nbody\nFrom x\n\nFrom here on\nall is well"
#define MENDED                                                                                               \
	"From MAILER-DAEMON Sun Sep  9 01:46:40 2001\nA: b\n\nbody\n>From x\n\n>From here on\nall is "       \
	"well\n\n"

static void finish(const struct scratch *s, const char *what, unsigned nth)
{
	static const char *const left[] = { ".box.repairing", "box.lock" };
	struct text found = { .s = NULL };

	if (!scratch_holds(s, "box", BROKEN, strlen(BROKEN)) &&
	    !scratch_holds(s, "box", MENDED, strlen(MENDED)))
		fail_msg("%s number %u: neither the old mailbox nor the mended one", what, nth);
	struct pv_verified r = repair(s, false, &found);
	assert_true(scratch_holds(s, "box", MENDED, strlen(MENDED)));
	if (r.old[0] != '\0') {
		assert_true(scratch_holds(s, r.old, BROKEN, strlen(BROKEN)));
		assert_int_equal(__real_unlinkat(s->fd, r.old, 0), 0);
	} else {
		fail_msg("%s number %u: the old mailbox is gone", what, nth);
	}
	for (size_t i = 0; i < sizeof left / sizeof *left; i++)
		if (is_there(s, left[i]))
			fail_msg("%s number %u: %s is left", what, nth, left[i]);
	text_free(&found);
}

static bool run_with_fault(const struct scratch *s, const char *call, unsigned nth, int err)
{
	struct text found = { .s = NULL };
	struct pv_error e = { .text = "" };
	struct pv_verified r;

	text_add(&found, "", 0); /* before a call of realloc() may fail */
	set_box(s, BROKEN, strlen(BROKEN));
	unsigned before = open_descriptors();
	fault.call = call, fault.nth = nth, fault.seen = 0, fault.err = err;
	enum pv_class class = run(s, true, false, &found, &r, &e);
	bool met = fault.seen >= nth;
	fault.call = NULL;
	if (open_descriptors() != before)
		fail_msg("%s number %u: a descriptor stays open", call, nth);
	if (class == PV_OK && met && strcmp(call, "fsync") == 0)
		fail_msg("%s number %u: it says that all is well", call, nth);
	if (class != PV_OK && (e.class != class || e.text[0] == '\0'))
		fail_msg("%s number %u: class %d `%s`", call, nth, (int)class, e.text);
	if (class == PV_OK && !scratch_holds(s, "box", MENDED, strlen(MENDED)))
		fail_msg("%s number %u: it says that it mended", call, nth);
	finish(s, call, nth);
	text_free(&found);
	return met;
}

static void every_fault(void **state)
{
	static const int errors[] = { EIO, ENOSPC, SHORT };
	unsigned faults = 0;

	for (size_t i = 0; i < sizeof calls / sizeof *calls; i++)
		for (size_t k = 0; k < sizeof errors / sizeof *errors; k++) {
			if (errors[k] == SHORT && strncmp(calls[i], "p", 1) != 0)
				continue;
			unsigned nth = 1;
			while (run_with_fault(*state, calls[i], nth, errors[k]))
				assert_true(++nth < 200);
			faults += nth - 1;
		}
	assert_true(faults > 80);
}

static void every_kill(void **state)
{
	const struct scratch *s = *state;
	unsigned kills = 0;
	int status;

	for (unsigned nth = 1;; nth++, kills++) {
		set_box(s, BROKEN, strlen(BROKEN));
		(void)fflush(NULL);
		pid_t pid = fork();
		if (pid == 0) {
			struct text found = { .s = NULL };
			struct pv_verified r;
			kill_at.nth = nth;
			kill_at.seen = 0;
			_exit(run(s, true, false, &found, &r, NULL) == PV_OK ? 0 : 1);
		}
		assert_int_equal(waitpid(pid, &status, 0), pid);
		assert_true(WIFEXITED(status));
		finish(s, "killed at call", nth);
		if (WEXITSTATUS(status) != KILLED)
			break;
	}
	assert_true(kills >= 15);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(each_finding_and_its_mending, scratch_make, scratch_remove),
		cmocka_unit_test_setup_teardown(nuls, scratch_make, scratch_remove),
		cmocka_unit_test_setup_teardown(what_takes_its_place, scratch_make, scratch_remove),
		cmocka_unit_test_setup_teardown(across_blocks, scratch_make, scratch_remove),
		cmocka_unit_test_setup_teardown(random_mailboxes_stay_the_same_to_readers, scratch_make,
						scratch_remove),
		cmocka_unit_test_setup_teardown(half_a_message, scratch_make, scratch_remove),
		cmocka_unit_test_setup_teardown(a_maildir, scratch_make, scratch_remove),
		cmocka_unit_test_setup_teardown(what_is_not_there, scratch_make, scratch_remove),
		cmocka_unit_test_setup_teardown(every_fault, scratch_make, scratch_remove),
		cmocka_unit_test_setup_teardown(every_kill, scratch_make, scratch_remove),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
