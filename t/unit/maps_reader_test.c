/*
 * maps_reader_test.c: a domain's files come from a child that is the account, and whatever
 * the account puts there or does to the child is its own trouble. Run as root.
 */
#include "scratch.h"

#include "maps/reader_send.h"
#include "maps/readers.h"
#include "store/store.h"

#include <signal.h>
#include <sys/wait.h>

enum { ACCOUNT = 60001, STRANGER = 60002 };

/* What the child does to itself, where it opens a file of this name. */
static struct {
	const char *name;
	int signal;
} act;

enum pv_class __real_pv_file_open(int dirfd, const char *name, const struct pv_trust *t, int *fd_r,
				  struct stat *st_r, struct pv_error *e);
enum pv_class __wrap_pv_file_open(int dirfd, const char *name, const struct pv_trust *t, int *fd_r,
				  struct stat *st_r, struct pv_error *e);
enum pv_class __wrap_pv_file_open(int dirfd, const char *name, const struct pv_trust *t, int *fd_r,
				  struct stat *st_r, struct pv_error *e)
{
	if (act.name != NULL && strstr(t->where, act.name) != NULL && geteuid() != 0)
		(void)raise(act.signal);
	return __real_pv_file_open(dirfd, name, t, fd_r, st_r, e);
}

static struct pv_store store;
static struct pv_domain domains[2];
static const struct pv_domain *const list[2] = { &domains[0], &domains[1] };
static char folder[2][PATH_MAX];

static char *in(int domain, const char *name)
{
	static char path[PATH_MAX + 64];

	(void)snprintf(path, sizeof path, "%s/%s", folder[domain], name);
	return path;
}

static void put(int domain, const char *name, const char *text)
{
	int fd = open(in(domain, name), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);

	assert_true(fd >= 0);
	assert_int_equal(write(fd, text, strlen(text)), strlen(text));
	assert_int_equal(fchown(fd, ACCOUNT, ACCOUNT), 0);
	(void)close(fd);
}

static void put_folder(const char *path)
{
	assert_int_equal(mkdir(path, 0700), 0);
	assert_int_equal(chown(path, ACCOUNT, ACCOUNT), 0);
}

static int make(void **state)
{
	if (scratch_make(state) != 0)
		return -1;
	struct scratch *s = *state;
	struct pv_error e;
	act.name = NULL;
	assert_int_equal(chmod(s->path, 0755), 0);
	assert_int_equal(pv_store_open(s->path, &store, &e), PV_OK);
	for (int i = 0; i < 2; i++) {
		const char *name = i == 0 ? "a.dk" : "b.dk";
		assert_int_equal(pv_domain_parse(name, 4, &domains[i], &e), PV_OK);
		(void)snprintf(folder[i], sizeof folder[i], "%.500s/%s", s->path, name);
		put_folder(folder[i]);
		put(i, "passwd", i == 0 ? "first\n" : "second\n");
	}
	return 0;
}

static int unmake(void **state)
{
	pv_store_close(&store);
	return scratch_remove(state);
}

/* What came of each domain. */
static struct {
	bool ok;
	struct pv_error error;
	size_t passwd, aliases; /* bytes; SIZE_MAX: no such file */
	char text[512]; /* passwd|domain.conf|aliases|the users' files, each cut off; then what else came */
	char doubts[1024];
} got[2];

static void add_slice(char *to, size_t size, const struct pv_slice *s)
{
	size_t n = strlen(to);

	if (s->s == NULL)
		(void)snprintf(to + n, size - n, "-|");
	else
		(void)snprintf(to + n, size - n, "%.*s|", s->len > 50 ? 50 : (int)s->len, s->s);
}

static enum pv_class take(void *ctx, size_t account, size_t domain, const struct pv_domain_files *f,
			  struct pv_error *e)
{
	struct pv_slice text;
	struct pv_user u;
	size_t at = 0;

	(void)ctx, (void)e;
	assert_int_equal(account, 0);
	assert_in_range(domain, 0, 1);
	got[domain].ok = f->ok;
	if (!f->ok)
		pv_files_error(f, &got[domain].error);
	got[domain].passwd = f->passwd.s == NULL ? SIZE_MAX : f->passwd.len;
	got[domain].aliases = f->aliases[0].s == NULL ? SIZE_MAX : f->aliases[0].len;
	char *to = got[domain].text;
	*to = '\0';
	add_slice(to, sizeof got->text, &f->passwd);
	add_slice(to, sizeof got->text, &f->conf);
	add_slice(to, sizeof got->text, &f->aliases[0]);
	while (pv_files_next_user(f, &at, &u, &text)) {
		size_t n = strlen(to);
		(void)snprintf(to + n, sizeof got->text - n, "%s=", u.s);
		add_slice(to, sizeof got->text, &text);
	}
	for (size_t i = 0; i < 5; i++) {
		const struct pv_slice *more[] = { &f->aliases[1], &f->aliases[2], &f->responders,
						  &f->texts[0], &f->texts[1] };
		if (more[i]->s != NULL) {
			size_t n = strlen(to);
			(void)snprintf(to + n, sizeof got->text - n, "%zu:", i);
			add_slice(to, sizeof got->text, more[i]);
		}
	}
	got[domain].doubts[0] = '\0';
	for (size_t i = 0; i < f->doubt_count; i++) {
		size_t n = strlen(got[domain].doubts);
		(void)snprintf(got[domain].doubts + n, sizeof got->doubts - n, "%.*s|", (int)f->doubts[i].len,
			       f->doubts[i].s);
	}
	return PV_OK;
}

static void read_both(void)
{
	struct pv_readers_account account = { .ids = { ACCOUNT, ACCOUNT }, .domains = list, .count = 2 };
	unsigned open_before = open_descriptors();
	struct pv_error e;

	memset(got, 0, sizeof got);
	assert_int_equal(pv_readers_run(&store, PV_READER_KEYS, &account, 1, take, NULL, &e), PV_OK);
	assert_int_equal(open_descriptors(), open_before);
	assert_int_equal(waitpid(-1, NULL, WNOHANG), -1);
}

/* Fresh folders, and those that have rested, of which a listing tells what is to be opened. */
static void every_file_of_every_domain_arrives_whole(void **state)
{
	const struct timespec pause = { 2, 100000000 };
	(void)state;
	put(1, "domain.conf", "fallback = x\n");
	put(1, "aliases", "# none yet\n");
	put_folder(in(1, "users"));
	put(1, "users/abc", "receive = no\n");
	put(1, "users/empty", "");
	put(1, "users/abc.new", "not a user's");
	put(1, "users/Upper", "not as we write it");
	for (int i = 0; i < 2; i++) {
		static const char one[] = "second\n|fallback = x\n|# none yet\n|abc=receive = no\n|empty=|";
		static const char other[] = "second\n|fallback = x\n|# none yet\n|empty=|abc=receive = no\n|";
		read_both();
		assert_true(got[0].ok && got[1].ok);
		assert_string_equal(got[0].text, "first\n|-|-|");
		if (strcmp(got[1].text, one) != 0)
			assert_string_equal(got[1].text, other);
		assert_int_equal(i == 0 ? nanosleep(&pause, NULL) : 0, 0);
	}
}

/* The spool of b.dk, with .files in it. */
static void put_spool(void)
{
	static char spool[PATH_MAX];

	(void)snprintf(spool, sizeof spool, "%.500s/spool", store.dir);
	assert_int_equal(mkdir(spool, 0755), 0);
	store.conf.spool_directory = spool;
	(void)snprintf(folder[0], sizeof folder[0], "%.600s/b.dk", spool);
	put_folder(folder[0]);
	put_folder(in(0, ".files"));
}

static void files_that_others_name_arrive_too(void **state)
{
	(void)state;
	put_spool();
	put(1, "domain.conf", "extra_aliases = more, all\nlanguage = da\n");
	put(1, "more", "more");
	put(1, "all", "all");
	put_folder(in(1, "messages"));
	put(1, "messages/no-mail.da", "not %u");
	put(1, "messages/expired.en", "in another language");
	put(0, ".files/joe.auto", "x");
	put(0, ".files/joe.auto.db", "x");
	put(0, ".files/Upper.auto", "x");
	put(0, ".files/.auto", "x");
	put(0, ".files/a+b.auto", "x");
	read_both();
	assert_true(got[1].ok);
	assert_string_equal(got[1].text, "second\n|extra_aliases = more, all\nlanguage = da\n|-|0:more|1:all|"
					 "2:joe|3:not %u|");
	assert_string_equal(got[1].doubts, "");
}

static void what_is_named_and_cannot_be_read_is_a_doubt(void **state)
{
	static const struct {
		const char *conf, *doubt;
	} rows[] = {
		{ "extra_aliases = nothing\n", "there is no file nothing" },
		{ "extra_aliases = foreign\n", "foreign" },
		{ "extra_aliases = folder\n", "folder" },
		{ "extra_aliases = /etc/shadow\n", "/etc/shadow" },
	};
	(void)state;
	put_spool();
	put(1, "aliases", "good");
	put(1, "foreign", "x");
	assert_int_equal(chown(in(1, "foreign"), STRANGER, STRANGER), 0);
	put_folder(in(1, "folder"));
	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
		put(1, "domain.conf", rows[i].conf);
		read_both();
		if (!got[1].ok || strstr(got[1].doubts, rows[i].doubt) == NULL ||
		    strstr(got[1].text, "|good|") == NULL)
			fail_msg("%s: %s %s", rows[i].conf, got[1].doubts, got[1].text);
	}
	put(1, "domain.conf", "");
	assert_int_equal(chmod(in(0, ".files"), 0777), 0);
	read_both();
	assert_true(got[1].ok);
	assert_non_null(strstr(got[1].doubts, ".files"));
}

/* The link count of the folder around it tells nothing of either. */
static void files_that_are_no_folder_are_a_doubt(void **state)
{
	(void)state;
	put_spool();
	assert_int_equal(rmdir(in(0, ".files")), 0);
	read_both();
	assert_string_equal(got[1].doubts, "");
	assert_int_equal(symlink("elsewhere", in(0, ".files")), 0);
	read_both();
	assert_true(got[1].ok);
	assert_non_null(strstr(got[1].doubts, "b.dk/.files"));
	assert_int_equal(unlink(in(0, ".files")), 0);
	put(0, ".files", "joe\n");
	read_both();
	assert_true(got[1].ok);
	assert_non_null(strstr(got[1].doubts, "b.dk/.files"));
}

static void hashes_stay_with_the_child(void **state)
{
	(void)state;
	put(0, "passwd", "# a comment: of ours\nabc:$y$j9T$secret:601:100:n:.:\nkvt::601:100:n:.:\n");
	read_both();
	assert_true(got[0].ok);
	assert_null(strstr(got[0].text, "secret"));
	assert_non_null(strstr(got[0].text, "# a comment: of ours\nabc:*:601:100:n"));
}

static void link_secret(void)
{
	assert_int_equal(symlink("/etc/shadow", in(0, "passwd")), 0);
}

static void link_foreign(void)
{
	link_secret();
	assert_int_equal(lchown(in(0, "passwd"), STRANGER, STRANGER), 0);
}

static void link_own_secret(void)
{
	link_secret();
	assert_int_equal(lchown(in(0, "passwd"), ACCOUNT, ACCOUNT), 0);
}

static void make_fifo(void)
{
	assert_int_equal(mkfifo(in(0, "passwd"), 0600), 0);
	assert_int_equal(chown(in(0, "passwd"), ACCOUNT, ACCOUNT), 0);
}

static void make_device(void)
{
	assert_int_equal(mknod(in(0, "passwd"), S_IFCHR | 0666, 0x105), 0);
}

static void make_huge(void)
{
	put(0, "passwd", "");
	assert_int_equal(truncate(in(0, "passwd"), 50LL << 30), 0);
}

static void make_foreign(void)
{
	put(0, "passwd", "x\n");
	assert_int_equal(chown(in(0, "passwd"), STRANGER, STRANGER), 0);
	assert_int_equal(chmod(in(0, "passwd"), 0644), 0);
}

static void make_closed(void)
{
	make_foreign();
	assert_int_equal(chmod(in(0, "passwd"), 0600), 0);
}

static void make_writable(void)
{
	put(0, "passwd", "x\n");
	assert_int_equal(chmod(in(0, "passwd"), 0622), 0);
}

static void make_folder(void)
{
	put_folder(in(0, "passwd"));
}

static void make_nothing(void)
{
}

static void a_bad_passwd_is_reported_and_the_next_domain_is_read_all_the_same(void **state)
{
	static const struct {
		const char *name;
		void (*make)(void);
		const char *word; /* of the sentence */
	} rows[] = {
		{ "missing", make_nothing, "missing" },
		{ "somebody's symlink to /etc/shadow", link_foreign, "symlink" },
		{ "own symlink to /etc/shadow", link_own_secret, "passwd" },
		{ "FIFO", make_fifo, "regular file" },
		{ "device", make_device, "passwd" },
		{ "50 GB", make_huge, "larger" },
		{ "another's", make_foreign, "belongs" },
		{ "another's, closed", make_closed, "Permission" },
		{ "writable by others", make_writable, "writable" },
		{ "folder", make_folder, "regular file" },
	};

	(void)state;
	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
		(void)remove(in(0, "passwd"));
		rows[i].make();
		read_both();
		if (got[0].ok || strstr(got[0].error.text, rows[i].word) == NULL)
			fail_msg("%s: ok %d, %s", rows[i].name, got[0].ok, got[0].error.text);
		if (!got[1].ok)
			fail_msg("%s: the other domain: %s", rows[i].name, got[1].error.text);
	}
}

/* An account's aliases obey the rules of its passwd. */
static void bad_aliases_are_reported(void **state)
{
	(void)state;
	assert_int_equal(mkfifo(in(0, "aliases"), 0600), 0);
	assert_int_equal(chown(in(0, "aliases"), ACCOUNT, ACCOUNT), 0);
	put(1, "aliases", "");
	assert_int_equal(truncate(in(1, "aliases"), (off_t)PV_READER_ALIASES_MAX + 1), 0);
	read_both();
	/* All else is read. */
	assert_true(got[0].ok && got[1].ok);
	assert_non_null(strstr(got[0].doubts, "aliases is not a regular file"));
	assert_non_null(strstr(got[1].doubts, "aliases is larger than 8388608 bytes"));
	assert_int_equal(remove(in(0, "aliases")), 0);
	assert_int_equal(truncate(in(1, "aliases"), (off_t)PV_READER_ALIASES_MAX), 0);
	read_both();
	assert_true(got[0].ok && got[1].ok);
	assert_int_equal(got[1].aliases, PV_READER_ALIASES_MAX);
}

static void a_folder_that_changed_its_owner_is_not_read(void **state)
{
	(void)state;
	assert_int_equal(chown(folder[0], STRANGER, STRANGER), 0);
	assert_int_equal(chmod(folder[0], 0755), 0);
	read_both();
	assert_false(got[0].ok);
	assert_true(got[1].ok);
}

static void bad_users_files_are_reported(void **state)
{
	(void)state;
	put_folder(in(0, "users"));
	assert_int_equal(mkfifo(in(0, "users/abc"), 0600), 0);
	assert_int_equal(symlink("/tmp", in(1, "users")), 0);
	read_both();
	assert_false(got[0].ok);
	assert_non_null(strstr(got[0].error.text, "users/abc"));
	assert_false(got[1].ok);
	assert_non_null(strstr(got[1].error.text, "users"));
}

static void a_killed_child_loses_only_what_it_had_not_sent(void **state)
{
	(void)state;
	act.name = "b.dk";
	act.signal = SIGKILL;
	read_both();
	assert_true(got[0].ok);
	assert_false(got[1].ok);
	assert_non_null(strstr(got[1].error.text, "signal 9"));
}

/* Takes the 8 s of the limit. */
static void a_stopped_child_is_given_up_in_time(void **state)
{
	struct timespec from, to;
	(void)state;
	act.name = "b.dk";
	act.signal = SIGSTOP;
	assert_int_equal(clock_gettime(CLOCK_MONOTONIC, &from), 0);
	read_both();
	assert_int_equal(clock_gettime(CLOCK_MONOTONIC, &to), 0);
	assert_in_range(to.tv_sec - from.tv_sec, PV_READERS_SECONDS - 1, PV_READERS_SECONDS + 5);
	assert_true(got[0].ok);
	assert_false(got[1].ok);
}

/* --- what a child might send if it were not ours any more --- */

static void add_frame(struct pv_buf *b, char type, unsigned domain, const void *data, size_t len)
{
	struct pv_frame_head head = { .len = (uint32_t)len, .domain = domain, .type = type };

	pv_buf_add(b, &head, sizeof head);
	pv_buf_add(b, data, len);
}

/* Whether the last one did. */
static bool keeps_rules;

static struct pv_files parse(struct pv_buf *b, size_t count)
{
	struct pv_files f = { .bytes = *b };

	keeps_rules = pv_files_parse(&f, count);
	return f;
}

static void frames_against_the_rules_are_not_believed(void **state)
{
	static const struct {
		const char *name;
		const char *script; /* type and domain of each frame */
		size_t done;
		bool keeps_rules, ok; /* ok: the first one, if it is done */
	} rows[] = {
		{ "as they should be", "P0Z0P1Z1", 2, true, true },
		{ "with settings and users", "P0C0U0U0Z0P1Z1", 2, true, true },
		{ "with aliases", "P0C0A0Z0", 1, true, true },
		{ "an error beside a passwd", "P0E0Z0", 1, true, false },
		{ "an error alone, and a good one", "E0Z0P1Z1", 2, true, false },
		{ "no end", "P0", 0, true, false },
		{ "no end of the second", "P0Z0P1", 1, true, true },
		{ "no passwd", "C0Z0", 0, false, false },
		{ "passwd twice", "P0P0Z0", 0, false, false },
		{ "settings twice", "P0C0C0Z0", 0, false, false },
		{ "aliases twice", "P0A0A0Z0", 0, false, false },
		{ "another domain's passwd first", "P1Z1P0Z0", 0, false, false },
		{ "in another domain's place", "P1Z0", 0, false, false },
		{ "a domain that was not asked for", "P9Z9", 0, false, false },
		{ "one more than was asked for", "P0Z0P1Z1P2Z2", 2, false, true },
		{ "an unknown type", "P0?0Z0", 0, false, false },
		{ "users in two pieces", "U0P0U0Z0", 0, false, false },
		{ "nothing", "", 0, true, false },
	};

	(void)state;
	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
		struct pv_buf b = PV_BUF_INIT(4096);
		for (const char *p = rows[i].script; *p != '\0'; p += 2)
			add_frame(&b, p[0], (unsigned)(p[1] - '0'), "abc\0x\n", 6);
		struct pv_files f = parse(&b, 2);
		struct pv_domain_files d = { .ok = false };
		if (f.done > 0)
			pv_files_next(&f, &d);
		if (f.done != rows[i].done || keeps_rules != rows[i].keeps_rules || d.ok != rows[i].ok)
			fail_msg("%s: %zu, %d, %d", rows[i].name, f.done, keeps_rules, d.ok);
		if (f.done > 0 && !d.ok)
			assert_non_null(d.why.s);
		pv_files_free(&f);
	}
}

static void a_frame_that_lies_about_its_length_is_not_believed(void **state)
{
	static const uint32_t lengths[] = { 5, 6, 1000, 0x7fffffff, 0xffffffff };

	(void)state;
	for (size_t i = 0; i < sizeof lengths / sizeof *lengths; i++) {
		struct pv_buf b = PV_BUF_INIT(4096);
		struct pv_frame_head head = { .len = lengths[i], .domain = 0, .type = PV_FRAME_PASSWD };
		pv_buf_add(&b, &head, sizeof head);
		pv_buf_add(&b, "abc\n", 4);
		struct pv_files f = parse(&b, 1);
		assert_true(f.done == 0 && !keeps_rules);
		pv_files_free(&f);
	}
}

static void random_bytes_are_never_more_than_an_error(void **state)
{
	uint64_t seed = 4;

	(void)state;
	for (int i = 0; i < 20000; i++) {
		struct pv_buf b = PV_BUF_INIT(4096);
		size_t at = 0;
		struct pv_domain_files d;
		struct pv_user u;
		struct pv_slice text;
		for (unsigned n = next_random(&seed) % 5; n > 0; n--) {
			static const char types[] = "PCAUEZ?";
			char data[40];
			for (size_t j = 0; j < sizeof data; j++)
				data[j] = (char)next_random(&seed);
			add_frame(&b, types[next_random(&seed) % 7], next_random(&seed) % 3, data,
				  next_random(&seed) % sizeof data);
		}
		if (b.len > 0 && next_random(&seed) % 2 == 0)
			b.s[next_random(&seed) % b.len] = (char)next_random(&seed);
		pv_buf_truncate(&b, b.len - b.len * (next_random(&seed) % 3) / 5);
		struct pv_files f = parse(&b, 2);
		assert_in_range(f.done, 0, 2);
		for (size_t left = f.done; left > 0; left--, at = 0) {
			pv_files_next(&f, &d);
			while (pv_files_next_user(&d, &at, &u, &text))
				assert_true(text.s + text.len <= f.bytes.s + f.bytes.len);
		}
		pv_files_free(&f);
	}
}

static void a_sentence_of_the_child_is_made_presentable(void **state)
{
	struct pv_buf b = PV_BUF_INIT(8192);
	struct pv_domain_files d;
	struct pv_error e;
	char words[2000];

	(void)state;
	memset(words, 'x', sizeof words);
	memcpy(words, "a\n\033[2Jb\x80", 9);
	add_frame(&b, PV_FRAME_ERROR, 0, words, sizeof words);
	add_frame(&b, PV_FRAME_END, 0, "", 0);
	struct pv_files f = parse(&b, 1);
	assert_int_equal(f.done, 1);
	pv_files_next(&f, &d);
	assert_false(d.ok);
	pv_files_error(&d, &e);
	assert_int_equal(e.class, PV_TEMPORARY);
	assert_int_equal(strncmp(e.text, "a??[2Jb?", 8), 0);
	assert_true(strlen(e.text) < PV_ERROR_TEXT);
	pv_files_free(&f);
}

#define READER_TEST(name) cmocka_unit_test_setup_teardown(name, make, unmake)

int main(void)
{
	const struct CMUnitTest tests[] = {
		READER_TEST(every_file_of_every_domain_arrives_whole),
		READER_TEST(files_that_others_name_arrive_too),
		READER_TEST(what_is_named_and_cannot_be_read_is_a_doubt),
		READER_TEST(files_that_are_no_folder_are_a_doubt),
		READER_TEST(hashes_stay_with_the_child),
		READER_TEST(a_bad_passwd_is_reported_and_the_next_domain_is_read_all_the_same),
		READER_TEST(bad_aliases_are_reported),
		READER_TEST(a_folder_that_changed_its_owner_is_not_read),
		READER_TEST(bad_users_files_are_reported),
		READER_TEST(a_killed_child_loses_only_what_it_had_not_sent),
		READER_TEST(a_stopped_child_is_given_up_in_time),
		cmocka_unit_test(frames_against_the_rules_are_not_believed),
		cmocka_unit_test(a_frame_that_lies_about_its_length_is_not_believed),
		cmocka_unit_test(random_bytes_are_never_more_than_an_error),
		cmocka_unit_test(a_sentence_of_the_child_is_made_presentable),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
