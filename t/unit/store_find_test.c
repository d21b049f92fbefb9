/*
 * store_find_test.c: a user is found in passwd, whatever its size and order; that there is none is
 * said only of a file that is whole.
 */
#include "store_faults.h"

#include "base/buffer.h"
#include "store/passwd.h"

#include <sys/sysmacros.h>

#define LINE(name) name ":x:60001:100:n:.:\n"

/* kvt.dk of ACCOUNT in the scratch folder. */
static void open_kvt(const struct scratch *s, struct pv_folder *f)
{
	struct pv_domain d = domain("kvt.dk");
	struct pv_store store;

	put_folder(s, "kvt.dk", ACCOUNT, 0700);
	assert_int_equal(pv_store_open(s->path, &store, NULL), PV_OK);
	assert_int_equal(pv_folder_open(&store, &d, f, NULL), PV_OK);
	pv_store_close(&store);
}

static void put_passwd(const struct scratch *s, const struct pv_buf *text)
{
	(void)unlinkat(s->fd, "kvt.dk/passwd", 0);
	scratch_write(s, "kvt.dk/passwd", text->s, text->len);
	assert_int_equal(fchownat(s->fd, "kvt.dk/passwd", ACCOUNT, ACCOUNT, 0), 0);
}

static void what_a_file_says_of_abc(void **state)
{
	static const struct {
		const char *text;
		const char *why; /* NULL: it is known whether there is an abc */
		bool found;
	} table[] = {
		{ LINE("abc"), NULL, true },
		{ LINE("ABC"), NULL, true },
		{ LINE("abd") LINE("abc") LINE("abb"), NULL, true },
		{ "# users\n\n" LINE("abb") "  \t\n  # x\n" LINE("abc") "\n\n", NULL, true },
		{ "bad line\n" LINE("abc") "bad line\n", NULL, true },
		{ "abb:x:60002:100:n:.:\n" LINE("abc"), NULL, true },
		{ LINE("abc") "abd:x:60001:100:n:.:", NULL, true },
		{ "\n", NULL, false },
		{ "# nobody yet\n", NULL, false },
		{ LINE("ab") LINE("abcd") LINE("abd"), NULL, false },
		{ LINE("abc.d") LINE("xabc"), NULL, false },
		{ LINE("x") "#" LINE("abc"), NULL, false },
		{ "", "passwd is empty: put the users back", false },
		{ "abc:x:60001:100:n:.:", "line 1: it does not end in a newline", false },
		{ LINE("abb") "abd:x:60001:100:n:.:", "line 2: it does not end in a newline", false },
		{ LINE("abb") "# the end", "line 2: it does not end in a newline", false },
		{ LINE("abb") "ab", "line 2: it has fewer than seven fields", false },
		{ LINE("abc") LINE("abb") LINE("abc"), "line 3: abc stands in line 1 already", false },
		{ LINE("abc") LINE("Abc"), "line 2: abc stands in line 1 already", false },
		{ LINE("abb") "abc:x:60001:100:n:.\n", "line 2: it has fewer than seven fields", false },
		{ "abc\n", "line 1: it has fewer than seven fields", false },
		{ "abc:x:60002:100:n:.:\n", "line 1: its uid is 60002", false },
		{ "abc:x:60001:100:n:.:\r\n", "line 1: the line ends in a carriage return", false },
		{ LINE("abb") "\n" LINE(" abc"), "line 3: ` abc` cannot be a user's name", false },
		{ LINE("abb") "abd:x:60002:100:n:.:\n", "line 2: its uid is 60002", false },
		{ LINE("abb") LINE("a/c"), "line 2: `a/c` cannot be a user's name", false },
		{ "x\n" LINE("abb") "y\n", "line 1: it has fewer", false },
	};
	const struct scratch *s = *state;
	const struct pv_user u = user("abc");
	struct pv_passwd_entry p;
	struct pv_folder f;
	struct pv_error e;
	bool found;

	open_kvt(s, &f);
	for (size_t i = 0; i < sizeof table / sizeof *table; i++) {
		put(s, "kvt.dk/passwd", table[i].text, ACCOUNT, 0600);
		unsigned before = open_descriptors();
		enum pv_class c = pv_passwd_find(&f, &u, &p, &found, &e);
		assert_int_equal(open_descriptors(), before);
		if (table[i].why != NULL) {
			if (c == PV_OK)
				fail_msg("believed: `%s`", table[i].text);
			assert_deferred(c, &e, path_of(s, "kvt.dk/passwd"), table[i].why);
			assert_string_equal(e.status, "4.3.5");
			assert_false(found);
			continue;
		}
		if (c != PV_OK)
			fail_msg("`%s`: %s", table[i].text, e.text);
		if (found != table[i].found)
			fail_msg("`%s`: found %d", table[i].text, found);
		if (found) {
			assert_string_equal(p.user.s, "abc");
			assert_string_equal(p.home, ".");
		}
	}
	pv_folder_close(&f);
}

static void a_nul_is_never_absence(void **state)
{
	static const char text[] = "abb:x:60001:100:n:.:\0\n";
	const struct scratch *s = *state;
	const struct pv_user u = user("abc");
	struct pv_buf b = PV_BUF_INIT(100);
	struct pv_passwd_entry p;
	struct pv_folder f;
	struct pv_error e;
	bool found;

	open_kvt(s, &f);
	pv_buf_add(&b, text, sizeof text - 1);
	put_passwd(s, &b);
	assert_deferred(pv_passwd_find(&f, &u, &p, &found, &e), &e, "line 1: a control character");
	pv_buf_free(&b);
	pv_folder_close(&f);
}

/* A file as it came from 2002: mode 700, a symlink of the account, its own order, an old password. */
static void a_file_of_2002(void **state)
{
	const struct scratch *s = *state;
	const struct pv_user kvt = user("kvt");
	struct pv_passwd_entry p;
	struct pv_folder f;
	struct pv_error e;
	bool found;

	open_kvt(s, &f);
	put(s, "kvt.dk/passwd.old",
	    "# our "
	    "users\n\nkvt:secret:60001:100:kvtname:/home/kvt_dk/:\nabc:AbCdEfGhIjKlM:60001:100:abcname:.:\n",
	    ACCOUNT, 0700);
	put_symlink(s, "kvt.dk/passwd", "passwd.old", ACCOUNT);
	assert_int_equal(pv_passwd_find(&f, &kvt, &p, &found, &e), PV_OK);
	assert_true(found);
	assert_string_equal(p.hash, "secret");
	assert_string_equal(p.home, "/home/kvt_dk/");
	assert_int_equal(p.gid, 100);
	pv_folder_close(&f);
}

static void whose_file_is_believed(void **state)
{
	const struct scratch *s = *state;
	const struct pv_user u = user("abc");
	struct pv_passwd_entry p;
	struct pv_folder f;
	struct pv_error e;
	bool found;
	int n = 0;

	open_kvt(s, &f);
#define FIND() (n++, pv_passwd_find(&f, &u, &p, &found, &e))
	assert_deferred(FIND(), &e, "kvt.dk/passwd is missing: put it back");
	put(s, "kvt.dk/passwd", LINE("abc"), 0, 0644);
	assert_int_equal(FIND(), PV_OK);
	put(s, "kvt.dk/passwd", LINE("abc"), STRANGER, 0600);
	assert_deferred(FIND(), &e, "passwd belongs to uid 60002");
	put(s, "kvt.dk/passwd", LINE("abc"), ACCOUNT, 0620);
	assert_deferred(FIND(), &e, "passwd has mode 0620");
	put(s, "kvt.dk/passwd", LINE("abc"), ACCOUNT, 0602);
	assert_deferred(FIND(), &e, "passwd has mode 0602");
	put(s, "kvt.dk/other", LINE("abc"), ACCOUNT, 0600);
	put_symlink(s, "kvt.dk/passwd", "other", STRANGER);
	assert_deferred(FIND(), &e, "symlink", "belongs to uid 60002");
	put(s, "kvt.dk/other", LINE("abc"), STRANGER, 0600);
	put_symlink(s, "kvt.dk/passwd", "other", ACCOUNT);
	assert_deferred(FIND(), &e, "belongs to uid 60002");
	put_symlink(s, "kvt.dk/passwd", "nothing", ACCOUNT);
	assert_deferred(FIND(), &e, "passwd");
	assert_int_equal(unlinkat(s->fd, "kvt.dk/passwd", 0), 0);
	assert_int_equal(mkfifoat(s->fd, "kvt.dk/passwd", 0600), 0);
	assert_deferred(FIND(), &e, "passwd is not a regular file");
	assert_int_equal(unlinkat(s->fd, "kvt.dk/passwd", 0), 0);
	assert_int_equal(mknodat(s->fd, "kvt.dk/passwd", S_IFCHR | 0600, makedev(1, 3)), 0);
	assert_deferred(FIND(), &e, "passwd");
	assert_int_equal(unlinkat(s->fd, "kvt.dk/passwd", 0), 0);
	put_folder(s, "kvt.dk/passwd", ACCOUNT, 0700);
	assert_deferred(FIND(), &e, "passwd is not a regular file");
	assert_int_equal(n, 11);
	pv_folder_close(&f);
}

static void a_small_file_is_read_at_once(void **state)
{
	const struct scratch *s = *state;
	const struct pv_user names[] = { user("abc"), user("nobody") };
	struct pv_passwd_entry p;
	struct pv_folder f;
	bool found;

	open_kvt(s, &f);
	put(s, "kvt.dk/passwd", LINE("abb") LINE("abc"), ACCOUNT, 0600);
	for (unsigned i = 0; i < 2; i++) {
		memset(&calls, 0, sizeof calls);
		assert_int_equal(pv_passwd_find(&f, &names[i], &p, &found, NULL), PV_OK);
		assert_int_equal(found, i == 0);
		assert_int_equal(calls.openat, 1);
		assert_int_equal(calls.fstat, 1 + i); /* a miss asks whether the file changed meanwhile */
		assert_int_equal(calls.pread, 1);
		assert_int_equal(calls.close, 1);
		assert_int_equal(calls.open + calls.read, 0);
	}
	pv_folder_close(&f);
}

enum { MANY = 100000, MANY_LINE = 129 /* bytes of each line */ };

/* 100,000 users as `user add` writes them. */
static void make_many(const struct scratch *s)
{
	struct pv_buf b = PV_BUF_INIT(32 * 1024 * 1024);

	pv_buf_adds(&b, "# user:hash:uid:gid:name:home:\n");
	for (unsigned i = 0; i < MANY; i++)
		pv_buf_addf(&b, "u%05u:$y$j9T$%075u:60001:100:User number %05u of them:.:\n", i, i, i);
	put_passwd(s, &b);
	pv_buf_free(&b);
}

static void a_user_of_100000_takes_few_reads(void **state)
{
	static const unsigned which[] = { 0, 1, 29, 30, 31, MANY / 3, MANY / 2, MANY - 2, MANY - 1 };
	const struct scratch *s = *state;
	struct pv_passwd_entry p;
	struct pv_folder f;
	char name[32];
	bool found;

	open_kvt(s, &f);
	make_many(s);
	for (size_t i = 0; i < sizeof which / sizeof *which; i++) {
		(void)snprintf(name, sizeof name, "u%05u", which[i]);
		struct pv_user u = user(name);
		memset(&calls, 0, sizeof calls);
		assert_int_equal(pv_passwd_find(&f, &u, &p, &found, NULL), PV_OK);
		assert_true(found);
		assert_string_equal(p.user.s, name);
		assert_int_equal(strtoul(p.name + strlen("User number "), NULL, 10), which[i]);
		assert_in_range(calls.pread, 2, 14);
		assert_int_equal(calls.openat + calls.fstat + calls.close, 3);
	}
	pv_folder_close(&f);
}

static void that_there_is_none_of_100000_takes_the_whole_file(void **state)
{
	static const char *const names[] = { "a", "u", "u00000x", "u50000.x", "u99999_", "zzz" };
	const struct scratch *s = *state;
	struct pv_passwd_entry p;
	struct pv_folder f;
	struct pv_error e;
	bool found;

	open_kvt(s, &f);
	make_many(s);
	for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
		struct pv_user u = user(names[i]);
		memset(&calls, 0, sizeof calls);
		assert_int_equal(pv_passwd_find(&f, &u, &p, &found, NULL), PV_OK);
		assert_false(found);
		assert_true(calls.pread > 100);
	}
	/* One bad line anywhere: no more misses, but hits. */
	struct stat st;
	assert_int_equal(fstatat(s->fd, "kvt.dk/passwd", &st, 0), 0);
	int fd = openat(s->fd, "kvt.dk/passwd", O_WRONLY | O_CLOEXEC);
	assert_int_equal(pwrite(fd, "!", 1, st.st_size - 3 * MANY_LINE), 1);
	assert_int_equal(close(fd), 0);
	struct pv_user nobody = user("nobody"), last = user("u99999");
	assert_deferred(pv_passwd_find(&f, &nobody, &p, &found, &e), &e, "line 99999: ");
	assert_int_equal(pv_passwd_find(&f, &last, &p, &found, NULL), PV_OK);
	assert_true(found);
	pv_folder_close(&f);
}

/* The search leads astray, and must give up before it has read the file twice. */
static void a_file_that_defies_the_search_is_read_once(void **state)
{
	enum { LINES = 1000 };
	static const unsigned which[] = { 0, 10, 100, 500, 900, 999 };
	const struct scratch *s = *state;
	struct pv_buf b = PV_BUF_INIT(32 * 1024 * 1024);
	struct pv_passwd_entry p;
	struct pv_folder f;
	char name[32];
	bool found;

	open_kvt(s, &f);
	for (unsigned kind = 0; kind < 3; kind++) {
		/* backwards; in no order; among comments in which no line begins for long */
		pv_buf_reset(&b);
		for (unsigned i = 0; i < LINES; i++) {
			if (kind == 2)
				pv_buf_addf(&b, "# %09000u\n", i);
			pv_buf_addf(&b, "u%03u:x:60001:100:%0100u:.:\n",
				    kind == 0 ? LINES - 1 - i : i * 619 % LINES, i);
		}
		put_passwd(s, &b);
		for (size_t i = 0; i < sizeof which / sizeof *which; i++) {
			(void)snprintf(name, sizeof name, "u%03u", which[i]);
			struct pv_user u = user(name);
			memset(&calls, 0, sizeof calls);
			assert_int_equal(pv_passwd_find(&f, &u, &p, &found, NULL), PV_OK);
			assert_true(found);
			assert_in_range(calls.pread, 1, b.len / (32 * 1024) + 20);
		}
	}
	pv_buf_free(&b);
	pv_folder_close(&f);
}

static void a_double_of_100000_is_seen(void **state)
{
	const struct scratch *s = *state;
	const struct pv_user u = user("u31337");
	struct pv_buf b = PV_BUF_INIT(32 * 1024 * 1024);
	struct pv_passwd_entry p;
	struct pv_folder f;
	struct pv_error e;
	bool found;

	open_kvt(s, &f);
	for (unsigned i = 0; i < MANY; i++)
		for (unsigned k = 0; k < 1 + (i == 31337); k++)
			pv_buf_addf(&b, "u%05u:x:60001:100:%u:.:\n", i, k);
	put_passwd(s, &b);
	assert_deferred(pv_passwd_find(&f, &u, &p, &found, &e), &e,
			"line 31339: u31337 stands in line 31338");
	assert_false(found);
	pv_buf_free(&b);
	pv_folder_close(&f);
}

/* What stands far back in a line without an end is no user, wherever the reading is interrupted. */
static void a_user_inside_a_long_line_is_none(void **state)
{
	static const size_t lengths[] = { 4080,	 4096,	4097,  32767, 32768, 32769,
					  36863, 36864, 36865, 65536, 69632, 200000 };
	const struct scratch *s = *state;
	const struct pv_user u = user("abc");
	struct pv_buf b = PV_BUF_INIT(300000);
	struct pv_passwd_entry p;
	struct pv_folder f;
	struct pv_error e;
	bool found;

	open_kvt(s, &f);
	for (size_t i = 0; i < sizeof lengths / sizeof *lengths; i++) {
		pv_buf_reset(&b);
		memset(pv_buf_reserve(&b, lengths[i]), 'x', lengths[i]);
		pv_buf_grew(&b, lengths[i]);
		pv_buf_adds(&b, LINE("abc"));
		put_passwd(s, &b);
		assert_deferred(pv_passwd_find(&f, &u, &p, &found, &e), &e,
				"line 1: it is longer than 4095 bytes");
		/* The line behind it is one again. */
		pv_buf_adds(&b, LINE("abc"));
		put_passwd(s, &b);
		assert_int_equal(pv_passwd_find(&f, &u, &p, &found, &e), PV_OK);
		assert_true(found);
	}
	pv_buf_free(&b);
	pv_folder_close(&f);
}

/* --- the same answer as from reading the file line by line --- */

struct reference {
	bool doubtful;	/* the answer must be PV_TEMPORARY */
	bool ambiguous; /* twice, in a large file: PV_TEMPORARY, or one of them */
	bool found;
};

static bool is_space(const char *line, size_t len)
{
	size_t n = 0;

	while (n < len && strchr(" \t\r", line[n]) != NULL)
		n++;
	return n == len || line[n] == '#';
}

static struct reference ask_reference(const struct pv_buf *text, const struct pv_user *u)
{
	struct reference r = { .doubtful = text->len == 0 };
	unsigned good = 0, bad = 0, others_bad = 0;

	for (size_t at = 0; at < text->len;) {
		struct pv_passwd_entry p;
		const char *newline = memchr(text->s + at, '\n', text->len - at);
		size_t len = newline != NULL ? (size_t)(newline - text->s) - at : text->len - at;
		const char *line = text->s + at;
		at += len + 1;
		if (is_space(line, len)) {
			others_bad += newline == NULL;
			continue;
		}
		const char *colon = memchr(line, ':', len);
		size_t key = colon != NULL ? (size_t)(colon - line) : len;
		bool is_good = newline != NULL && pv_passwd_parse(line, len, ACCOUNT, &p, NULL) == PV_OK;
		if (key == u->len && strncasecmp(line, u->s, key) == 0) {
			good += is_good;
			bad += !is_good;
		} else {
			others_bad += !is_good;
		}
	}
	r.found = good > 0;
	r.ambiguous = text->len > 32 * 1024 && good + bad > 1 && good > 0;
	r.doubtful |= bad + good > 1 || bad == 1 || (good == 0 && others_bad > 0);
	return r;
}

static void add_random_name(struct pv_buf *b, uint64_t *seed)
{
	static const char letters[] = "ab_0-.";

	pv_buf_addc(b, letters[next_random(seed) % 4]);
	for (unsigned n = next_random(seed) % 6; n > 0; n--)
		pv_buf_addc(b, letters[next_random(seed) % 5]);
}

static void add_random_line(struct pv_buf *b, const char *name, uint64_t *seed, bool wrong)
{
	unsigned kind = next_random(seed) % 100;
	unsigned filler = kind == 0 ? 3900 + next_random(seed) % 400 : next_random(seed) % 120;

	if (wrong && kind < 5)
		pv_buf_adds(b, (const char *const[]){ "#c\n", "\n", " \t\n", "nonsense\n", "a:b:c\n" }[kind]);
	pv_buf_addf(b, "%s:x:%u:100:%0*u:.:%s\n", name, wrong && kind == 50 ? STRANGER : ACCOUNT, (int)filler,
		    1U, wrong && kind == 51 ? "\r" : "");
}

static int compare_names(const void *a, const void *b)
{
	const char *const *x = a, *const *y = b;

	return strcmp(*x, *y);
}

enum { NAMES = 600 };

/* A random file of up to 600 lines, sorted or not. */
static void make_random(struct pv_buf *text, struct pv_buf *names, char *list[NAMES], unsigned *count_r,
			uint64_t *seed)
{
	unsigned count = next_random(seed) % 3 == 0 ? next_random(seed) % 20 : next_random(seed) % NAMES;
	bool sorted = next_random(seed) % 3 != 0, wrong = next_random(seed) % 2 == 0;

	pv_buf_reset(text);
	pv_buf_reset(names);
	(void)pv_buf_reserve(names, NAMES * 8);
	for (unsigned i = 0; i < count; i++) {
		list[i] = names->s + names->len;
		add_random_name(names, seed);
		pv_buf_addc(names, '\0');
	}
	if (sorted)
		qsort(list, count, sizeof *list, compare_names);
	for (unsigned i = 0; i < count; i++)
		if (!sorted || i == 0 || strcmp(list[i - 1], list[i]) != 0 || next_random(seed) % 50 == 0)
			add_random_line(text, list[i], seed, wrong);
	if (wrong && text->len > 0 && next_random(seed) % 4 == 0)
		pv_buf_truncate(text, text->len - 1);
	*count_r = count;
}

static void compare_one(const struct pv_folder *f, const struct pv_buf *text, const struct pv_user *u)
{
	struct reference r = ask_reference(text, u);
	struct pv_passwd_entry p;
	struct pv_error e;
	bool found;

	enum pv_class c = pv_passwd_find(f, u, &p, &found, &e);
	if (c != PV_OK)
		assert_deferred(c, &e, "passwd");
	if (r.ambiguous && c == PV_OK && found)
		return;
	if ((c == PV_OK) == r.doubtful || (c == PV_OK && found != r.found))
		fail_msg("%s in %zu bytes: class %d found %d `%s`, reference: doubtful %d found %d\n%.3000s",
			 u->s, text->len, (int)c, found, c == PV_OK ? "" : e.text, r.doubtful, r.found,
			 text->s);
	if (c == PV_OK && found)
		assert_true(pv_user_equal(&p.user, u));
}

static void random_files(void **state)
{
	enum { FILES = 300, QUESTIONS = 20 };
	const struct scratch *s = *state;
	struct pv_buf text = PV_BUF_INIT(8 * 1024 * 1024), names = PV_BUF_INIT(65536), one = PV_BUF_INIT(100);
	struct pv_folder f;
	char *list[NAMES];
	unsigned count, asked = 0;
	uint64_t seed = 20260711;

	open_kvt(s, &f);
	for (unsigned i = 0; i < FILES; i++) {
		make_random(&text, &names, list, &count, &seed);
		put_passwd(s, &text);
		/* Now and then a disk that gives a little at a time. */
		longest_read = i % 5 == 0 ? 1 + next_random(&seed) % 3000 : 0;
		for (unsigned k = 0; k < QUESTIONS; k++) {
			struct pv_user u;
			pv_buf_reset(&one);
			if (k % 2 == 0 || count == 0)
				add_random_name(&one, &seed);
			const char *name = one.len > 0 ? one.s : list[next_random(&seed) % count];
			if (pv_user_parse(name, strlen(name), &u, NULL) != PV_OK)
				continue;
			compare_one(&f, &text, &u);
			asked++;
		}
	}
	longest_read = 0;
	assert_true(asked > FILES * QUESTIONS / 2);
	pv_buf_free(&text);
	pv_buf_free(&names);
	pv_buf_free(&one);
	pv_folder_close(&f);
}

/* --- what changes meanwhile --- */

static const struct scratch *meanwhile;

static void append_meanwhile(unsigned n)
{
	if (n != 1)
		return;
	int fd = openat(meanwhile->fd, "kvt.dk/passwd", O_WRONLY | O_APPEND | O_CLOEXEC);
	assert_int_equal(write(fd, LINE("abc"), 21), 21);
	assert_int_equal(close(fd), 0);
}

static void replace_meanwhile(unsigned n)
{
	if (n == 1)
		put(meanwhile, "kvt.dk/passwd", LINE("abb") LINE("abc"), ACCOUNT, 0600);
}

static void cut_meanwhile(unsigned n)
{
	if (n == 1)
		assert_int_equal(truncate(path_of(meanwhile, "kvt.dk/passwd"), 0), 0);
}

static void a_file_that_changes_is_no_proof_of_absence(void **state)
{
	static const struct {
		void (*change)(unsigned n);
		const char *why;
	} table[] = {
		{ append_meanwhile, "changed while it was read" },
		{ replace_meanwhile, "changed while it was read" },
		{ cut_meanwhile, "became shorter while it was read" },
	};
	const struct pv_user u = user("abc");
	struct pv_passwd_entry p;
	struct pv_folder f;
	struct pv_error e;
	bool found;

	meanwhile = *state;
	open_kvt(meanwhile, &f);
	for (size_t i = 0; i < sizeof table / sizeof *table; i++) {
		put(meanwhile, "kvt.dk/passwd", LINE("abb"), ACCOUNT, 0600);
		memset(&calls, 0, sizeof calls);
		before_pread = table[i].change;
		enum pv_class c = pv_passwd_find(&f, &u, &p, &found, &e);
		before_pread = NULL;
		assert_deferred(c, &e, table[i].why);
	}
	pv_folder_close(&f);
}

/* --- homes --- */

static void who_shares_a_home(void **state)
{
#define HOME(name, home) name ":x:60001:100:n:" home ":\n"
	static const struct {
		const char *text;
		bool shared;
	} table[] = {
		{ HOME("abc", "/h/abc"), false },
		{ HOME("abc", "/h/abc") HOME("abd", "/h/abd"), false },
		{ HOME("abb", "/h/abc") HOME("abc", "/h/abc"), true },
		{ HOME("abc", "/h/abc/") HOME("abd", "/h/abc"), true },
		{ HOME("abc", "/h/abc") HOME("abd", "/h/abc// "), true },
		{ HOME("abc", "/h/abc") HOME("abd", "/h/abc/x"), false },
		{ HOME("abc", "/h/abc") HOME("abd", "/h/ab"), false },
		{ HOME("abc", "/h/abc") "#" HOME("abd", "/h/abc"), false },
		/* A bad line shares as well as a good one. */
		{ HOME("abc", "/h/abc") "abd:x:0:0:n:/h/abc", true },
		{ HOME("abc", "/h/abc") "a b:x:0:0:n:/h/abc:x:y:z\n", true },
		{ HOME("abc", "/h/abc") "nonsense\n/h/abc\n", false },
	};
	const struct scratch *s = *state;
	const struct pv_user u = user("abc");
	struct pv_passwd_entry p;
	struct pv_folder f;
	struct pv_error e;
	bool found, shared;

	open_kvt(s, &f);
	for (size_t i = 0; i < sizeof table / sizeof *table; i++) {
		put(s, "kvt.dk/passwd", table[i].text, ACCOUNT, 0600);
		assert_int_equal(pv_passwd_find(&f, &u, &p, &found, &e), PV_OK);
		assert_int_equal(pv_passwd_home_is_shared(&f, &p, &shared, &e), PV_OK);
		if (shared != table[i].shared)
			fail_msg("`%s`", table[i].text);
	}
	put(s, "kvt.dk/passwd", "", ACCOUNT, 0600);
	assert_deferred(pv_passwd_home_is_shared(&f, &p, &shared, &e), &e, "empty");
	pv_folder_close(&f);
}

/* --- faults --- */

struct question {
	struct pv_folder folder;
	struct pv_user user;
	bool found;
};

static enum pv_class find_once(void *ctx, bool *right_r, struct pv_error *e)
{
	const struct question *q = ctx;
	struct pv_passwd_entry p;
	bool found, shared = true;

	enum pv_class c = pv_passwd_find(&q->folder, &q->user, &p, &found, e);
	if (c == PV_OK && found)
		c = pv_passwd_home_is_shared(&q->folder, &p, &shared, e);
	*right_r = c == PV_OK && found == q->found && (!found || !shared);
	return c;
}

static void every_failing_call_is_temporary(void **state)
{
	const struct scratch *s = *state;
	struct pv_buf b = PV_BUF_INIT(1024 * 1024);
	struct question q;

	open_kvt(s, &q.folder);
	q.user = user("u0800");
	for (unsigned i = 0; i < 1500; i++)
		pv_buf_addf(&b, "u%04u:x:60001:100:%050u:/h/%u:\n", i, i, i);
	put_passwd(s, &b);
	q.found = true;
	assert_true(with_every_fault(find_once, &q) > 50);
	q.user = user("nobody");
	q.found = false;
	assert_true(with_every_fault(find_once, &q) > 50);
	put(s, "kvt.dk/old", LINE("abc"), ACCOUNT, 0600);
	put_symlink(s, "kvt.dk/passwd", "old", ACCOUNT);
	assert_true(with_every_fault(find_once, &q) > 25);
	pv_buf_free(&b);
	pv_folder_close(&q.folder);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
#define T(f) cmocka_unit_test_setup_teardown(f, scratch_make, scratch_remove)
		T(what_a_file_says_of_abc),
		T(a_nul_is_never_absence),
		T(a_file_of_2002),
		T(whose_file_is_believed),
		T(a_small_file_is_read_at_once),
		T(a_user_of_100000_takes_few_reads),
		T(that_there_is_none_of_100000_takes_the_whole_file),
		T(a_file_that_defies_the_search_is_read_once),
		T(a_double_of_100000_is_seen),
		T(a_user_inside_a_long_line_is_none),
		T(random_files),
		T(a_file_that_changes_is_no_proof_of_absence),
		T(who_shares_a_home),
		T(every_failing_call_is_temporary),
	};

	return cmocka_run_group_tests_name("store_find", tests, NULL, NULL);
}
