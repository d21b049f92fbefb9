/*
 * The scan of an mbox: what is a message, how large it is, what of it is sent. A table of odd mailboxes, and
 * random ones, read in blocks of every size, against a model written as simply as can be.
 */
#include "maildrop_world.h"

#include "mailbox/maildrop_scan.h"

#include <time.h>

/* messages: what a client is sent of each, one after the other, with `|` between. */
struct row {
	const char *name, *mbox, *messages;
};

#define F "From a@b Fri Nov 20 09:00:00 2026\n"
#define FC "From a@b Fri Nov 20 09:00:00 2026\r\n"
#define H "Subject: s\n\n"
#define W "Subject: s\r\n\r\n"

static const struct row rows[] = {
	{ "an empty file", "", "" },
	{ "an empty line", "\n", "" },
	{ "empty lines of both kinds", "\n\r\n\n\r\n", "" },
	{ "one message", F H "body\n\n", W "body\r\n|" },
	{ "two", F H "a\n\n" F H "b\n\n", W "a\r\n|" W "b\r\n|" },
	{ "empty lines before the first", "\n\r\n\n" F H "a\n\n", W "a\r\n|" },
	{ "no empty line at the end", F H "a\n", W "a\r\n|" },
	{ "no newline at the end", F H "a", W "a\r\n|" },
	{ "a CR at the end", F H "a\r", W "a\r\n|" },
	{ "two CRs at the end", F H "a\r\r", W "a\r\r\n|" },
	{ "two empty lines at the end", F H "a\n\n\n", W "a\r\n\r\n|" },
	{ "empty lines in the body", F H "a\n\n\nb\n\n", W "a\r\n\r\n\r\nb\r\n|" },
	{ "a From_ line alone", F, "|" },
	{ "a From_ line without its end", "From a@b", "|" },
	{ "a From_ line and an empty line", F "\n", "|" },
	{ "a From_ line and two", F "\n\n", "\r\n|" },
	{ "From_ lines alone, behind empty lines", F "\n" F "\n" F, "|||" },
	{ "From_ lines alone, without", F F F,
	  "From a@b Fri Nov 20 09:00:00 2026\r\nFrom a@b Fri Nov 20 09:00:00 2026\r\n|" },
	{ "a header only", F "Subject: s\n\n", "Subject: s\r\n|" },
	{ "a header and its empty line", F H "\n", W "|" },
	{ "a body only", F "\nbody\n\n", "\r\nbody\r\n|" },
	{ "nothing behind `From `", "From \nA: b\n\n", "A: b\r\n|" },
	{ "`From` at the end", F H "a\n\nFrom", W "a\r\n\r\nFrom\r\n|" },
	{ "`From ` at the end", F H "a\n\nFrom ", W "a\r\n||" },
	{ "`From` and a newline", F H "a\n\nFrom\nb\n", W "a\r\n\r\nFrom\r\nb\r\n|" },
	{ "`From:` behind an empty line", F H "a\n\nFrom: b\n", W "a\r\n\r\nFrom: b\r\n|" },
	{ "`FROM `", F H "a\n\nFROM b\n", W "a\r\n\r\nFROM b\r\n|" },
	{ "`From\\t`", F H "a\n\nFrom\tb\n", W "a\r\n\r\nFrom\tb\r\n|" },
	{ "` From `", F H "a\n\n From b\n", W "a\r\n\r\n From b\r\n|" },
	{ "`From ` behind a line", F H "a\nFrom b\n", W "a\r\nFrom b\r\n|" },
	{ "`From ` behind a blank", F H "a\n \nFrom b\n", W "a\r\n \r\nFrom b\r\n|" },
	{ "`From ` behind a lone CR", F H "a\n\rFrom b\n", W "a\r\n\rFrom b\r\n|" },
	{ "`From ` behind two CRs and a newline", F H "a\n\r\r\nFrom b\n", W "a\r\n\r\r\nFrom b\r\n|" },
	{ "`From ` in a line", F H "a\n\nx From b\n", W "a\r\n\r\nx From b\r\n|" },
	{ "one quoted", F H ">From b\n\n", W "From b\r\n|" },
	{ "quoted twice", F H ">>From b\n\n", W ">From b\r\n|" },
	{ "quoted behind an empty line", F H "a\n\n>From b\n", W "a\r\n\r\nFrom b\r\n|" },
	{ "quoted and nothing else", F H ">From \n", W "From \r\n|" },
	{ "quoted, no newline", F H ">From ", W "From \r\n|" },
	{ "`>From` without the blank", F H ">From\n>From:\n", W ">From\r\n>From:\r\n|" },
	{ "`> From `", F H "> From b\n", W "> From b\r\n|" },
	{ "`>` alone", F H ">\n>>\n>", W ">\r\n>>\r\n>\r\n|" },
	{ "quoted in the header", F ">From b\nA: b\n\nc\n", "From b\r\nA: b\r\n\r\nc\r\n|" },
	{ "a quoted line first", ">From b\nA: b\n", "From b\r\nA: b\r\n|" },
	{ "other bytes first", "hello\n\n" F H "a\n", "hello\r\n|" W "a\r\n|" },
	{ "other bytes first, without an empty line", "hello\n" F H "a\n",
	  "hello\r\nFrom a@b Fri Nov 20 09:00:00 2026\r\n" W "a\r\n|" },
	{ "a header first", "A: b\n\nc\n\n" F H "a\n", "A: b\r\n\r\nc\r\n|" W "a\r\n|" },
	{ "one byte", "x", "x\r\n|" },
	{ "a CR", "\r", "\r\n|" },
	{ "a CR behind empty lines", "\n\r\n\rx", "\rx\r\n|" },
	{ "CRLF", FC "A: b\r\n\r\nc\r\n\r\n" FC "A: b\r\n\r\nd\r\n\r\n",
	  "A: b\r\n\r\nc\r\n|A: b\r\n\r\nd\r\n|" },
	{ "CRLF and quoted", FC "\r\n>From b\r\n\r\n", "\r\nFrom b\r\n|" },
	{ "CRLF behind LF", F H "a\r\n\r\n" F H "b\n\r\n" F, W "a\r\n|" W "b\r\n||" },
	{ "LF behind CRLF", F H "a\r\n\n" F, W "a\r\n||" },
	{ "CRs in lines", F H "a\rb\r\rc\n\r\rd\n", W "a\rb\r\rc\r\n\r\rd\r\n|" },
	{ "lines that begin with dots", F H ".\n..\n...a\n", W ".\r\n..\r\n...a\r\n|" },
	{ "Status lines", F "Status: RO\nA: b\n\nStatus: O\n\n", "Status: RO\r\nA: b\r\n\r\nStatus: O\r\n|" },
	{ "S and F and > at line starts", F "Sub: s\nSt: t\nFrom: f\nFr: x\n\nS\nSt\nF\nFr\n>\n>F\n",
	  "Sub: s\r\nSt: t\r\nFrom: f\r\nFr: x\r\n\r\nS\r\nSt\r\nF\r\nFr\r\n>\r\n>F\r\n|" },
	{ "torn in a header", F H "a\n\n" F "Subj", W "a\r\n|Subj\r\n|" },
	{ "torn in an empty line", F H "a\n\n" FC "Subject: s\r\n\r", W "a\r\n|Subject: s\r\n\r\n|" },
};

/* Compare what a scan says with the model, and what is sent. */
static void check(const struct scratch *s, const char *mbox, size_t len, size_t block, const char *name)
{
	static struct model want;
	struct pv_records r = { .v = NULL };
	struct pv_error e = { .text = "" };

	model_parse(mbox, len, &want);
	int fd = openat(s->fd, "box", O_RDONLY | O_CLOEXEC);
	must(pv_scan_mbox(fd, 0, len, block, &r, &e), &e);
	(void)close(fd);
	if (r.n != want.n)
		fail_msg("%s, blocks of %zu: %zu messages, not %zu", name, block, r.n, want.n);
	for (size_t i = 0; i < want.n; i++)
		if (r.v[i].offset != want.v[i].from || r.v[i].octets != want.v[i].wire.len ||
		    r.v[i].lines != want.v[i].lines)
			fail_msg("%s, blocks of %zu, message %zu: at %lu, %lu octets, %lu lines; not at %zu, "
				 "%zu, %lu",
				 name, block, i, (uint64_t)r.v[i].offset, (uint64_t)r.v[i].octets,
				 r.v[i].lines, want.v[i].from, want.v[i].wire.len, want.v[i].lines);
	for (size_t i = 0; i < want.n; i++)
		if (((r.v[i].flags & PV_RECORD_SEEN) != 0) != want.v[i].seen)
			fail_msg("%s, blocks of %zu, message %zu: seen is %d", name, block, i,
				 !want.v[i].seen);
	pv_records_free(&r);
	model_free(&want);
}

static void check_sent(const struct scratch *s, const char *mbox, size_t len, const char *name)
{
	const struct pv_location l = box_location(s, "box");
	static struct model want;
	struct text got = { .s = NULL };

	struct pv_maildrop *m = box_open(&l);
	model_parse(mbox, len, &want);
	assert_int_equal(pv_maildrop_count(m), want.n);
	for (size_t i = 0; i < want.n; i++) {
		box_fetch(m, i, PV_ALL_LINES, &got);
		if (got.len != want.v[i].wire.len ||
		    (got.len > 0 && memcmp(got.s, want.v[i].wire.s, got.len) != 0))
			fail_msg("%s, message %zu: sent are %zu octets `%.200s`", name, i, got.len, got.s);
	}
	pv_maildrop_close(m);
	text_free(&got);
	model_free(&want);
}

static void rows_are_read_as_they_should_be(void **state)
{
	const struct scratch *s = *state;
	static struct model model;

	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
		const struct row *r = &rows[i];
		struct text all = { .s = NULL };
		size_t len = strlen(r->mbox);
		scratch_write(s, "box", r->mbox, len);
		/* The model itself, first. */
		model_parse(r->mbox, len, &model);
		text_add(&all, "", 0);
		for (size_t k = 0; k < model.n; k++) {
			text_add(&all, model.v[k].wire.s, model.v[k].wire.len);
			text_add(&all, "|", 1);
		}
		if (strcmp(all.s, r->messages) != 0)
			fail_msg("%s: the model sends `%s`", r->name, all.s);
		text_free(&all);
		model_free(&model);
		for (size_t block = 1; block <= len + 1; block++)
			check(s, r->mbox, len, block, r->name);
		check(s, r->mbox, len, PV_SCAN_BLOCK, r->name);
		check_sent(s, r->mbox, len, r->name);
	}
}

/* Lines in which something may go wrong. */
static const char *const lines[] = { "\n",
				     "\r\n",
				     "\n",
				     "\n",
				     "From a b\n",
				     "From a b\r\n",
				     ">From x\n",
				     ">>From",
				     ">>>From ",
				     "Status: R\n",
				     "Sub\n",
				     "F\n",
				     "From",
				     "\r",
				     ".\n",
				     "..\r\n",
				     "text text text text text text text text text text\n",
				     "text\r\n",
				     "\rx\n",
				     ">",
				     ">\n",
				     "x" };
enum { LINES = sizeof lines / sizeof *lines };

static void random_mailboxes(void **state)
{
	const struct scratch *s = *state;
	uint64_t random = 1;

	for (unsigned round = 0; round < 3000; round++) {
		struct text t = { .s = NULL };
		text_add(&t, "", 0);
		for (unsigned n = next_random(&random) % 60; n > 0; n--) {
			const char *line = lines[next_random(&random) % LINES];
			text_add(&t, line, strlen(line));
			if (next_random(&random) % 50 == 0)
				text_add(&t, "\0", 1);
		}
		char name[32];
		(void)snprintf(name, sizeof name, "random %u", round);
		scratch_write(s, "box", t.s, t.len);
		check(s, t.s, t.len, 1 + next_random(&random) % 100, name);
		check(s, t.s, t.len, PV_SCAN_BLOCK, name);
		if (round % 10 == 0)
			check_sent(s, t.s, t.len, name);
		text_free(&t);
	}
}

/* What may be cut by the end of a block, at each place around one. */
static void block_edges(void **state)
{
	static const char *const things[] = { "\n\nFrom a b\nA: b\n\n",
					      "\r\n\r\nFrom a\r\n",
					      "\n>From x\n",
					      "\n>>>>>>From x\n",
					      "\r\n.\r\n",
					      "\n.\n",
					      "\n\nFrom",
					      "\nStatus: RO\n" };
	const struct scratch *s = *state;

	for (size_t i = 0; i < sizeof things / sizeof *things; i++) {
		size_t thing = strlen(things[i]);
		for (size_t shift = 0; shift <= thing + 4; shift++) {
			struct text t = { .s = NULL };
			text_add(&t, F H, sizeof(F H) - 1);
			while (t.len + thing + 2 < PV_SCAN_BLOCK)
				text_add(&t, "0123456789abcdef0123456789abcdef0123456789abcdef\n",
					 next_random(&(uint64_t){ t.len }) % 40 + 2 == 0 ? 0 : 49);
			while (t.len < PV_SCAN_BLOCK + 2 - shift)
				text_add(&t, "x", 1);
			t.len = PV_SCAN_BLOCK + 2 - shift;
			text_add(&t, things[i], thing);
			text_add(&t, "tail\n", 5);
			scratch_write(s, "box", t.s, t.len);
			check(s, t.s, t.len, PV_SCAN_BLOCK, things[i]);
			check_sent(s, t.s, t.len, things[i]);
			text_free(&t);
		}
	}
}

/* Lines that are longer than a block: of text, of `>` that end in `From `, of CRs. */
static void long_lines(void **state)
{
	const struct scratch *s = *state;
	static const struct {
		char byte;
		const char *end;
	} kinds[] = { { 'x', "\n" },  { '>', "From x\n" }, { '>', "Fro\n" }, { '>', "" },
		      { '\r', "\n" }, { '\r', "x" },	   { '\0', "\n" },   { '.', "\n" } };

	for (size_t i = 0; i < sizeof kinds / sizeof *kinds; i++)
		for (size_t more = 0; more < 4; more++) {
			struct text t = { .s = NULL };
			text_add(&t, F H, sizeof(F H) - 1);
			for (size_t n = 2 * PV_SCAN_BLOCK - t.len - 2 + more; n > 0; n--)
				text_add(&t, &kinds[i].byte, 1);
			text_add(&t, kinds[i].end, strlen(kinds[i].end));
			scratch_write(s, "box", t.s, t.len);
			check(s, t.s, t.len, PV_SCAN_BLOCK, "a long line");
			check(s, t.s, t.len, 4096, "a long line");
			check_sent(s, t.s, t.len, "a long line");
			text_free(&t);
		}
}

/* A header of nothing but Status lines, and no end, is not looked at again for each of them. */
static void many_status_lines(void **state)
{
	const struct scratch *s = *state;
	struct text t = { .s = NULL };

	text_add(&t, F, sizeof(F) - 1);
	while (t.len < 4 * PV_SCAN_BLOCK)
		text_add(&t, "Status: O\n", 10);
	text_add(&t, "Status: R\n", 10);
	scratch_write(s, "box", t.s, t.len);
	clock_t began = clock();
	check(s, t.s, t.len, PV_SCAN_BLOCK, "many Status lines");
	assert_true((double)(clock() - began) / CLOCKS_PER_SEC < 1.0);
	text_free(&t);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(rows_are_read_as_they_should_be, scratch_make,
						scratch_remove),
		cmocka_unit_test_setup_teardown(random_mailboxes, scratch_make, scratch_remove),
		cmocka_unit_test_setup_teardown(block_edges, scratch_make, scratch_remove),
		cmocka_unit_test_setup_teardown(long_lines, scratch_make, scratch_remove),
		cmocka_unit_test_setup_teardown(many_status_lines, scratch_make, scratch_remove),
	};

	return cmocka_run_group_tests_name("maildrop_scan", tests, NULL, NULL);
}
