/* store_alias_sift_test.c: a large file of aliases that is looked through in pieces answers as one that is
 * held. */
#include "scratch.h"

#include "store/alias_file.h"

#include <fcntl.h>
#include <sys/mman.h>

static uint32_t state;

static unsigned any(unsigned below)
{
	state = state * 1664525u + 1013904223u;
	return (state >> 8) % below;
}

static void put_filler(struct pv_buf *b, unsigned i)
{
	static const char *const forms[] = {
		"name%u: a, b\n",
		"Name%u : c\r\n",
		"# a comment %u\n",
		"\"quoted %u\": d\n",
		"name%u: e,\n  f,\n\tg\n",
		"name%u: h, \\\nname1: i\n",
		"#: words of %u\nnamed: j\n",
		"\n",
		"/^pattern%u$/: k\n",
		"plain%u: l, m, n, o, p, q, r, s, t, u, v, w, x, y, z\n",
	};
	const char *form = forms[any(sizeof forms / sizeof *forms)];

	if (strstr(form, "%u") != NULL) {
		size_t n = (size_t)(strstr(form, "%u") - form);
		pv_buf_add(b, form, n);
		pv_buf_addf(b, "%u", i);
		pv_buf_adds(b, form + n + 2);
	} else {
		pv_buf_adds(b, form);
	}
}

/* What is looked for, in the ways in which it may be written, and be wrong. */
static const char *const wanted[] = {
	"wanted: x\n",
	"#: expires=2030-01-02 of the wanted\n#: and more\nWANTED: x, y,\n\n# between\n  z\n",
	"\"wanted\": x\n",
	"#: expires=never\nwanted: x\n",
	"wanted\n",
	"wanted:\n",
	"other: \\\nwanted: x\n",
	"# wanted: x\n",
	"wanted : \"|/bin/x y\"\n",
	"w\"anted\": x\n",
	"  wanted: x\n",
	"",
};

/* A file of at least `size` bytes that has one of wanted[] at about each of places[0..count). */
static void make_text(struct pv_buf *b, size_t size, const size_t *places, const unsigned *which,
		      size_t count)
{
	size_t next = 0;

	pv_buf_reset(b);
	for (unsigned i = 0; b->len < size; i++) {
		if (next < count && b->len >= places[next])
			pv_buf_adds(b, wanted[which[next++]]);
		put_filler(b, i);
	}
	while (next < count)
		pv_buf_adds(b, wanted[which[next++]]);
	assert_false(b->failed);
}

static int file_of(const struct pv_buf *b)
{
	int fd = memfd_create("aliases", MFD_CLOEXEC);

	assert_true(fd >= 0);
	assert_int_equal(pv_write_all_at(fd, b->s, b->len, 0), 0);
	return fd;
}

static const char *answer(struct pv_alias_file *f, const char *name, char *to, size_t size)
{
	struct pv_alias_entry n;
	struct pv_error e;
	bool found;

	enum pv_class c = pv_alias_find(f, name, strlen(name), &n, &found, &e);
	if (c != PV_OK)
		(void)snprintf(to, size, "%d %s %s", (int)c, e.status, e.text);
	else if (!found)
		(void)snprintf(to, size, "none");
	else
		(void)snprintf(to, size, "%.*s|%.*s|%.*s|%u-%u-%u|%u", (int)n.name_len, n.name,
			       (int)n.targets_len, n.targets, (int)n.comment_len, n.comment, n.expires.year,
			       n.expires.month, n.expires.day, n.line);
	return to;
}

/* The same names of both, more often than it is looked through; and what was said once stays so. */
static void both_answer_alike(const struct pv_buf *text)
{
	static const char *const names[] = { "wanted", "name77", "quoted 5", "absent",
					     "named",  "name1",	 "plain9",   "wanted" };
	struct pv_buf copy = PV_BUF_INIT(PV_ALIAS_FILE_MAX);
	struct pv_alias_file held, large;
	char a[2000], b[2000];

	pv_buf_add(&copy, text->s, text->len);
	pv_alias_file_start(&held, "F", &copy);
	pv_alias_file_start_large(&large, "F", file_of(text), (off_t)text->len);
	const size_t first = any(8);
	for (size_t i = 0; i < 8; i++) {
		const char *name = names[(first + i) % 8];
		assert_string_equal(answer(&large, name, a, sizeof a), answer(&held, name, b, sizeof b));
	}
	struct pv_error x, y;
	enum pv_class c = pv_alias_file_check_names(&held, &x);
	assert_int_equal(pv_alias_file_check_names(&large, &y), c);
	if (c != PV_OK)
		assert_string_equal(x.text, y.text);
	pv_alias_file_free(&held);
	pv_alias_file_free(&large);
	pv_buf_free(&copy);
}

static void pieces_answer_as_the_whole(void **unused)
{
	struct pv_buf text = PV_BUF_INIT(PV_ALIAS_FILE_MAX);

	(void)unused;
	for (state = 1; state < 400u * 4096u;) {
		uint32_t seed = state;
		size_t size = 1 + any(150000), places[2] = { any(160000), 0 };
		const unsigned which[2] = { any(12), any(12) }, count = any(3);
		places[1] = places[0] + any(40000);
		make_text(&text, size, places, which, count);
		if (any(10) == 0)
			text.len -= any(40) < text.len ? any(40) : 0;
		if (any(20) == 0)
			text.s[any((unsigned)text.len)] = '\0';
		both_answer_alike(&text);
		state = seed + 4096;
	}
	pv_buf_free(&text);
}

/* The border of two windows at each byte around an entry and its comments. */
static void no_entry_is_lost_at_a_border(void **unused)
{
	static const char entry[] = "#: expires=2030-01-02 words\n#: more\nwanted: x,\n  y\n";
	struct pv_buf text = PV_BUF_INIT(PV_ALIAS_FILE_MAX);

	(void)unused;
	for (size_t before = 32768 - 300; before < 32768 + 300; before++) {
		pv_buf_reset(&text);
		while (text.len + 40 < before)
			pv_buf_addf(&text, "name%zu: a\n", text.len);
		while (text.len + 1 < before)
			pv_buf_addc(&text, '#');
		pv_buf_adds(&text, "\n");
		pv_buf_adds(&text, entry);
		for (unsigned i = 0; i < 4000; i++)
			pv_buf_addf(&text, "name%u: a\n", i);
		both_answer_alike(&text);
	}
	pv_buf_free(&text);
}

/* An entry that is larger than what is looked at, in front of it, behind it and itself. */
static void large_entries_are_no_obstacle(void **unused)
{
	struct pv_buf text = PV_BUF_INIT(PV_ALIAS_FILE_MAX);

	(void)unused;
	for (int where = 0; where < 3; where++) {
		pv_buf_reset(&text);
		for (int part = 0; part < 3; part++) {
			pv_buf_adds(&text, part == 1 ? "wanted: a" : "many: a");
			for (unsigned i = 0; part == where && i < 20000; i++)
				pv_buf_addf(&text, ",\n  member%u", i);
			pv_buf_adds(&text, "\n");
		}
		both_answer_alike(&text);
	}
	pv_buf_free(&text);
}

static void what_cannot_be_read_is_temporary(void **unused)
{
	struct pv_alias_file f;
	struct pv_alias_entry entry;
	struct pv_error e;
	bool found;

	(void)unused;
	int fd = open("/proc/self/mem", O_RDONLY | O_CLOEXEC); /* nothing lies at 0 */
	assert_true(fd >= 0);
	pv_alias_file_start_large(&f, "F", fd, 100000);
	assert_int_equal(pv_alias_find(&f, "abc", 3, &entry, &found, &e), PV_TEMPORARY);
	assert_string_equal(e.text, "read F: Input/output error");
	assert_false(found);
	assert_int_equal(pv_alias_file_check_names(&f, &e), PV_TEMPORARY);
	pv_alias_file_free(&f);
}

/* Half of a file that is written anew must not pass for all of it. */
static void what_became_shorter_is_temporary(void **unused)
{
	struct pv_buf text = PV_BUF_INIT(PV_ALIAS_FILE_MAX);
	struct pv_alias_entry entry;
	struct pv_alias_file f;
	struct pv_error e;
	bool found;

	(void)unused;
	for (unsigned i = 0; i < 20000; i++)
		pv_buf_addf(&text, "name%u: a\n", i);
	for (size_t keep = 0; keep < text.len; keep += text.len / 7)
		for (int by_names = 0; by_names < 2; by_names++) {
			int fd = file_of(&text);
			pv_alias_file_start_large(&f, "F", fd, (off_t)text.len);
			assert_int_equal(ftruncate(fd, (off_t)keep), 0);
			if (by_names)
				assert_int_equal(pv_alias_file_check_names(&f, &e), PV_TEMPORARY);
			else
				assert_int_equal(pv_alias_find(&f, "absent", 6, &entry, &found, &e),
						 PV_TEMPORARY);
			assert_string_equal(e.text, "F became shorter while it was read");
			pv_alias_file_free(&f);
		}
	pv_buf_free(&text);
}

static void what_is_too_large_is_temporary(void **unused)
{
	struct pv_alias_entry entry;
	struct pv_alias_file f;
	struct pv_error e;
	bool found;

	(void)unused;
	int fd = memfd_create("aliases", MFD_CLOEXEC);
	assert_true(fd >= 0);
	for (off_t at = 0; at <= (off_t)PV_ALIAS_FILE_MAX; at += 9)
		assert_int_equal(pwrite(fd, "abc: def\n", 9, at), 9);
	pv_alias_file_start_large(&f, "F", fd, lseek(fd, 0, SEEK_END));
	assert_int_equal(lseek(fd, 0, SEEK_SET), 0);
	assert_int_equal(pv_alias_find(&f, "absent", 6, &entry, &found, &e), PV_TEMPORARY);
	assert_non_null(strstr(e.text, "F is larger than"));
	pv_alias_file_free(&f);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(pieces_answer_as_the_whole),
		cmocka_unit_test(no_entry_is_lost_at_a_border),
		cmocka_unit_test(large_entries_are_no_obstacle),
		cmocka_unit_test(what_cannot_be_read_is_temporary),
		cmocka_unit_test(what_became_shorter_is_temporary),
		cmocka_unit_test(what_is_too_large_is_temporary),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
