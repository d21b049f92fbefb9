/*
 * The journal: it comes back as it was written, is never believed when it is not whole, and tells of each
 * mailbox what its bytes prove.
 */
#include "scratch.h"

#include "mailbox/done.h"
#include "mailbox/journal.h"

#include <sys/stat.h>

static struct pv_location location(const struct scratch *s)
{
	static char path[600];

	(void)snprintf(path, sizeof path, "%s/abc", s->path);
	return (struct pv_location){ .dirfd = s->fd, .path = path, .name = strrchr(path, '/') + 1 };
}

static void make_content(struct pv_content *c, const struct scratch *s, const char *text, size_t len)
{
	pv_content_start(c, s->fd);
	assert_int_equal(pv_content_add(c, text, len, NULL), PV_OK);
	assert_int_equal(pv_content_finish(c, NULL), PV_OK);
}

static struct pv_journal make_journal(const struct pv_content *c, uint64_t start, uint32_t lead)
{
	struct pv_journal j = { .start = start,
				.length = c->size + lead,
				.anchor = 4711,
				.begun = 1234567,
				.doubt = 4567,
				.lead = lead,
				.spooled = c->fd >= 0,
				.has_id = true };

	memset(j.id, 0xa5, sizeof j.id);
	return j;
}

static bool same_journal(const struct pv_journal *a, const struct pv_journal *b)
{
	return a->start == b->start && a->length == b->length && a->anchor == b->anchor &&
	       a->begun == b->begun && a->doubt == b->doubt && a->lead == b->lead && a->has_id == b->has_id &&
	       memcmp(a->id, b->id, sizeof a->id) == 0;
}

static bool same_content(const struct pv_content *a, const struct pv_content *b)
{
	static char x[65536], y[65536];
	uint64_t at = 0;
	ssize_t n;

	while ((n = pv_content_read(a, x, sizeof x, at)) > 0) {
		if (pv_content_read(b, y, (size_t)n, at) != n || memcmp(x, y, (size_t)n) != 0)
			return false;
		at += (uint64_t)n;
	}
	return n == 0 && at == a->size && a->size == b->size;
}

static void round_trips(void **state)
{
	static const size_t sizes[] = {
		0, 1, 100, 4096, PV_CONTENT_MEMORY, PV_CONTENT_MEMORY + 1, 3 * 1024 * 1024
	};
	const struct scratch *s = *state;
	const struct pv_location l = location(s);
	static char text[3 * 1024 * 1024];
	struct pv_content c, back;
	struct pv_journal j, k;
	bool open;

	for (size_t i = 0; i < sizeof text; i++)
		text[i] = (char)(i * 31 + i / 4093);
	for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++)
		for (uint32_t lead = 0; lead <= 2; lead++) {
			unsigned before = open_descriptors();
			make_content(&c, s, text, sizes[i]);
			j = make_journal(&c, 1000 * i, lead);
			int fd = pv_journal_open(&l);
			assert_true(fd >= 0);
			assert_int_equal(pv_journal_begin(fd, &l, &j, &c, NULL), PV_OK);
			assert_int_equal(pv_journal_load(fd, &l, &k, &back, &open, NULL), PV_OK);
			assert_true(open && same_journal(&j, &k) && same_content(&c, &back));
			assert_int_equal(k.spooled, sizes[i] > PV_CONTENT_MEMORY);
			pv_content_free(&back);
			/* Closed, it is not open any more. */
			pv_journal_end(fd, &l, k.spooled);
			assert_int_equal(pv_journal_load(fd, &l, &k, &back, &open, NULL), PV_OK);
			assert_false(open);
			assert_true(k.begun == j.begun && k.doubt == j.doubt);
			(void)close(fd);
			pv_content_free(&c);
			assert_int_equal(open_descriptors(), before);
			assert_int_equal(scratch_count(s->path), 1); /* .abc.spooled is gone */
		}
}

static size_t journal_bytes(const struct scratch *s, char *to, size_t size)
{
	int fd = openat(s->fd, ".abc.journal", O_RDONLY | O_CLOEXEC);
	ssize_t n = read(fd, to, size);

	(void)close(fd);
	assert_true(n > 0);
	return (size_t)n;
}

/* Is the journal with these bytes open? If it is, it must be what was written. */
static bool believed(const struct scratch *s, const char *bytes, size_t len, const struct pv_journal *want,
		     const struct pv_content *content)
{
	const struct pv_location l = location(s);
	struct pv_content back;
	struct pv_journal j;
	bool open;

	scratch_write(s, ".abc.journal", bytes, len);
	int fd = pv_journal_open(&l);
	assert_int_equal(pv_journal_load(fd, &l, &j, &back, &open, NULL), PV_OK);
	if (open) {
		assert_true(same_journal(&j, want) && same_content(content, &back));
		pv_content_free(&back);
	}
	(void)close(fd);
	return open;
}

/* Every bit flipped, every length, every 512 bytes lost. */
static void never_believed_wrongly(void **state)
{
	static const char text[] = "From s@x Fri Nov 20 09:56:12 2026\nSubject: x\n\nbody\n\n";
	const struct scratch *s = *state;
	const struct pv_location l = location(s);
	static char bytes[8192], other[8192];
	struct pv_content c;
	unsigned opened = 0;

	make_content(&c, s, text, sizeof text - 1);
	const struct pv_journal j = make_journal(&c, 100, 1);
	int fd = pv_journal_open(&l);
	assert_int_equal(pv_journal_begin(fd, &l, &j, &c, NULL), PV_OK);
	(void)close(fd);
	size_t len = journal_bytes(s, bytes, sizeof bytes);
	assert_true(believed(s, bytes, len, &j, &c));
	for (size_t at = 0; at < len; at++)
		for (int bit = 0; bit < 8; bit++) {
			memcpy(other, bytes, len);
			other[at] ^= (char)(1 << bit);
			opened += believed(s, other, len, &j, &c);
		}
	assert_int_equal(opened, 0);
	for (size_t cut = 0; cut < len; cut++)
		assert_false(believed(s, bytes, cut, &j, &c));
	/* Behind its end an older, longer one may still stand. */
	memcpy(other, bytes, len);
	memset(other + len, 'x', 1000);
	assert_true(believed(s, other, len + 1000, &j, &c));
	/* One message's record over another's content. */
	memcpy(other, bytes, len);
	memcpy(other + len - 10, "other text", 10);
	assert_false(believed(s, other, len, &j, &c));
	memset(other, 0, len);
	assert_false(believed(s, other, len, &j, &c));
	pv_content_free(&c);
}

/* A content in a file that is missing, another, or cut. */
static void spooled_contents(void **state)
{
	const struct scratch *s = *state;
	const struct pv_location l = location(s);
	static char text[PV_CONTENT_MEMORY + 5000];
	struct pv_content c, back;
	struct pv_journal k;
	bool open;

	memset(text, 'x', sizeof text);
	for (int kind = 0; kind < 6; kind++) {
		make_content(&c, s, text, sizeof text); /* one file can be linked once */
		const struct pv_journal j = make_journal(&c, 100, 0);
		int fd = pv_journal_open(&l);
		assert_int_equal(pv_journal_begin(fd, &l, &j, &c, NULL), PV_OK);
		struct stat st;
		assert_int_equal(fstatat(s->fd, ".abc.spooled", &st, 0), 0);
		assert_int_equal(st.st_size, sizeof text);
		assert_int_equal(unlinkat(s->fd, ".abc.spooled", 0), 0);
		if (kind == 1)
			scratch_write(s, ".abc.spooled", text, sizeof text - 1);
		if (kind == 2) {
			text[1000000] = 'y';
			scratch_write(s, ".abc.spooled", text, sizeof text);
			text[1000000] = 'x';
		}
		if (kind == 3)
			assert_int_equal(symlinkat("/etc/passwd", s->fd, ".abc.spooled"), 0);
		if (kind == 4)
			assert_int_equal(mkfifoat(s->fd, ".abc.spooled", 0600), 0);
		if (kind == 5)
			scratch_write(s, ".abc.spooled", text, sizeof text); /* the right one */
		unsigned before = open_descriptors();
		assert_int_equal(pv_journal_load(fd, &l, &k, &back, &open, NULL), PV_OK);
		assert_int_equal(open, kind == 5);
		if (open) {
			assert_true(same_content(&c, &back));
			pv_content_free(&back);
		}
		assert_int_equal(open_descriptors(), before);
		pv_journal_end(fd, &l, true);
		(void)close(fd);
		pv_content_free(&c);
		assert_int_equal(scratch_count(s->path), 1);
	}
}

/* What the mailbox's bytes prove. In `now`: O the old mailbox, R what the delivery writes. */
static void verdicts(void **state)
{
	static const char text[] = "From b\n\nnew\n\n";
	const struct scratch *s = *state;
	struct pv_content c;

	make_content(&c, s, text, sizeof text - 1);
	static const struct row {
		const char *sentence;
		uint32_t lead;
		const char *before, *now; /* the mailbox before, and the one that is judged */
		enum pv_verdict verdict;
	} rows[] = {
		{ "nothing written", 0, "From a\n\nold\n\n", "From a\n\nold\n\n", PV_VERDICT_UNTOUCHED },
		{ "nothing written to an empty one", 0, "", "", PV_VERDICT_UNTOUCHED },
		{ "all written", 0, "From a\n\nold\n\n", "From a\n\nold\n\nFrom b\n\nnew\n\n",
		  PV_VERDICT_STORED },
		{ "all written to an empty one", 0, "", "From b\n\nnew\n\n", PV_VERDICT_STORED },
		{ "all written, behind newlines", 2, "From a\n\nold", "From a\n\nold\n\nFrom b\n\nnew\n\n",
		  PV_VERDICT_STORED },
		{ "all written, and another message behind", 0, "From a\n\nold\n\n",
		  "From a\n\nold\n\nFrom b\n\nnew\n\nFrom c\n\n\n", PV_VERDICT_STORED },
		{ "one byte written", 0, "From a\n\nold\n\n", "From a\n\nold\n\nF", PV_VERDICT_TORN },
		{ "all but one byte written", 0, "From a\n\nold\n\n", "From a\n\nold\n\nFrom b\n\nnew\n",
		  PV_VERDICT_TORN },
		{ "half of the newlines", 2, "From a\n\nold", "From a\n\nold\n", PV_VERDICT_TORN },
		{ "all of the newlines", 2, "From a\n\nold", "From a\n\nold\n\n", PV_VERDICT_TORN },
		{ "another message", 0, "From a\n\nold\n\n", "From a\n\nold\n\nFrom c\n\nother\n\n",
		  PV_VERDICT_FOREIGN },
		{ "another message, shorter", 0, "From a\n\nold\n\n", "From a\n\nold\n\nFrom c",
		  PV_VERDICT_FOREIGN },
		{ "half of ours, and another message", 0, "From a\n\nold\n\n",
		  "From a\n\nold\n\nFrom b\n\nFrom c\n\n\n", PV_VERDICT_FOREIGN },
		{ "half of ours, and one other byte", 0, "From a\n\nold\n\n", "From a\n\nold\n\nFrom b\n\nx",
		  PV_VERDICT_FOREIGN },
		{ "another old message", 0, "From a\n\nold\n\n", "From a\n\nOld\n\nFrom b\n",
		  PV_VERDICT_NOTHING },
		{ "shorter than before", 0, "From a\n\nold\n\n", "From a\n\nold\n", PV_VERDICT_NOTHING },
		{ "emptied", 0, "From a\n\nold\n\n", "", PV_VERDICT_NOTHING },
		{ "emptied, then ours", 0, "From a\n\nold\n\n", "From b\n\nnew\n\n", PV_VERDICT_NOTHING },
	};
	for (const struct row *r = rows; r < rows + sizeof rows / sizeof *rows; r++) {
		enum pv_verdict verdict;
		uint64_t anchor;
		char tail[2];
		size_t len = strlen(r->now);
		scratch_write(s, "abc", r->before, strlen(r->before));
		int fd = openat(s->fd, "abc", O_RDONLY | O_CLOEXEC);
		assert_int_equal(pv_journal_anchor(fd, strlen(r->before), &anchor, tail), 0);
		(void)close(fd);
		struct pv_journal j = make_journal(&c, strlen(r->before), r->lead);
		j.anchor = anchor;
		scratch_write(s, "abc", r->now, len);
		fd = openat(s->fd, "abc", O_RDONLY | O_CLOEXEC);
		assert_int_equal(pv_journal_judge(fd, len, &j, &c, &verdict, NULL), PV_OK);
		(void)close(fd);
		if (verdict != r->verdict)
			fail_msg("%s: verdict %d, not %d", r->sentence, (int)verdict, (int)r->verdict);
	}
	pv_content_free(&c);
}

/* At every length that the write may have had, with a mailbox larger than what the anchor covers. */
static void torn_anywhere(void **state)
{
	enum { OLD = 10000, NEW = 40000 };
	const struct scratch *s = *state;
	static char box[OLD + NEW + 1];
	struct pv_content c;
	uint64_t anchor;
	char tail[2];

	for (size_t i = 0; i < sizeof box; i++)
		box[i] = (char)(i * 13 + i / 257);
	make_content(&c, s, box + OLD, NEW);
	scratch_write(s, "abc", box, sizeof box);
	int fd = openat(s->fd, "abc", O_RDWR | O_CLOEXEC);
	assert_int_equal(pv_journal_anchor(fd, OLD, &anchor, tail), 0);
	assert_true(tail[0] == box[OLD - 2] && tail[1] == box[OLD - 1]);
	struct pv_journal j = make_journal(&c, OLD, 0);
	j.anchor = anchor;
	for (size_t n = 0; n <= NEW; n += n < 100 || n > NEW - 100 ? 1 : 211) {
		enum pv_verdict verdict, want = n == 0	  ? PV_VERDICT_UNTOUCHED
						: n < NEW ? PV_VERDICT_TORN
							  : PV_VERDICT_STORED;
		assert_int_equal(pv_journal_judge(fd, OLD + n, &j, &c, &verdict, NULL), PV_OK);
		assert_int_equal(verdict, want);
		if (n == 0)
			continue;
		/* One byte that is not ours: nothing is cut. */
		char was = box[OLD + n - 1], is = (char)(was ^ 1);
		assert_int_equal(pwrite(fd, &is, 1, (off_t)(OLD + n - 1)), 1);
		assert_int_equal(pv_journal_judge(fd, OLD + n, &j, &c, &verdict, NULL), PV_OK);
		assert_int_equal(verdict, PV_VERDICT_FOREIGN);
		assert_int_equal(pwrite(fd, &was, 1, (off_t)(OLD + n - 1)), 1);
	}
	/* One byte of the 4,096 before. */
	for (size_t at = OLD - PV_JOURNAL_ANCHOR; at < OLD; at += 97) {
		enum pv_verdict verdict;
		char is = (char)(box[at] ^ 4);
		assert_int_equal(pwrite(fd, &is, 1, (off_t)at), 1);
		assert_int_equal(pv_journal_judge(fd, OLD + 10, &j, &c, &verdict, NULL), PV_OK);
		assert_int_equal(verdict, PV_VERDICT_NOTHING);
		assert_int_equal(pwrite(fd, &box[at], 1, (off_t)at), 1);
	}
	(void)close(fd);
	pv_content_free(&c);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(round_trips, scratch_make, scratch_remove),
		cmocka_unit_test_setup_teardown(never_believed_wrongly, scratch_make, scratch_remove),
		cmocka_unit_test_setup_teardown(spooled_contents, scratch_make, scratch_remove),
		cmocka_unit_test_setup_teardown(verdicts, scratch_make, scratch_remove),
		cmocka_unit_test_setup_teardown(torn_anywhere, scratch_make, scratch_remove),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
