/*
 * store_large_test.c: a user is found in passwd whatever its size and order, and with few reads where it is
 * sorted; the answer is always that of reading line by line.
 */
#include "store_faults.h"

#include "store/passwd.h"

#define LINE(name) name ":x:60001:100:n:.:\n"

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
			const char *name =
				one.len > 0 || count == 0 ? one.s : list[next_random(&seed) % count];
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

int main(void)
{
	const struct CMUnitTest tests[] = {
#define T(f) cmocka_unit_test_setup_teardown(f, scratch_make, scratch_remove)
		T(a_user_of_100000_takes_few_reads),
		T(that_there_is_none_of_100000_takes_the_whole_file),
		T(a_file_that_defies_the_search_is_read_once),
		T(a_double_of_100000_is_seen),
		T(a_user_inside_a_long_line_is_none),
		T(random_files),
	};

	return cmocka_run_group_tests_name("store_large", tests, NULL, NULL);
}
