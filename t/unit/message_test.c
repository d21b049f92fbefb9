/*
 * message_test.c: a message as it is stored, and as programs read it.
 */
#include "scratch.h"

#include "../../virtual-deliver/message.h"
#include "mailbox/mboxrd.h"

static const char top[] =
	"From s@x Fri Nov 20 10:00:00 2026\nReturn-Path: <s@x>\nX-Original-To: a@b\nDelivered-To: a@b\n";
static const char from_here[] = "From here\n>From there\n";

/* A message with a text of `lines` times those two. Returns what it is without quotes. */
static char *compose(struct message *m, int dirfd, size_t lines)
{
	struct pv_mboxrd quote = PV_MBOXRD_INIT;
	size_t n = sizeof from_here - 1;
	char *text = malloc(sizeof top + lines * n);
	struct pv_error e;

	assert_non_null(text);
	memcpy(text, top, sizeof top);
	message_start(m, dirfd);
	m->return_path_at = (size_t)(strstr(top, "Return-Path") - top);
	m->delivered_to_at = (size_t)(strstr(top, "Delivered-To") - top);
	assert_int_equal(pv_content_add(&m->content, top, sizeof top - 1, &e), PV_OK);
	for (size_t i = 0; i < lines; i++) {
		memcpy(text + sizeof top - 1 + i * n, from_here, n + 1);
		assert_int_equal(pv_mboxrd_add(&quote, &m->content, from_here, n, &e), PV_OK);
	}
	assert_int_equal(pv_mboxrd_finish(&quote, &m->content, &e), PV_OK);
	assert_int_equal(pv_content_finish(&m->content, &e), PV_OK);
	return text;
}

static void assert_reads(struct message *m, enum message_part part, const char *want)
{
	size_t len = strlen(want), got = 0;
	char *found = malloc(len + 1);
	struct pv_error e = { .text = "" };
	ssize_t n;
	int fd;

	assert_non_null(found);
	if (message_open(m, part, &fd, &e) != PV_OK)
		fail_msg("%s", e.text);
	while ((n = read(fd, found + got, len + 1 - got)) > 0)
		got += (size_t)n;
	assert_int_equal(got, len);
	assert_memory_equal(found, want, len);
	assert_int_equal(write(fd, "x", 1), -1); /* it is not the program's to change */
	(void)close(fd);
	free(found);
}

static void programs_read_it_from_where_they_need_it(void **state)
{
	const struct scratch *s = *state;
	static const size_t sizes[] = { 1, 100, 70000 }; /* the last one does not stay in memory */
	unsigned open_before = open_descriptors();

	for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++) {
		struct message m;
		char *text = compose(&m, s->fd, sizes[i]);
		assert_int_equal(m.content.fd >= 0, sizes[i] == 70000);
		for (int twice = 0; twice < 2; twice++) {
			assert_reads(&m, MESSAGE_ALL, text);
			assert_reads(&m, MESSAGE_FROM_RETURN_PATH, text + m.return_path_at);
			assert_reads(&m, MESSAGE_FROM_DELIVERED_TO, text + m.delivered_to_at);
		}
		message_free(&m);
		free(text);
	}
	assert_int_equal(open_descriptors(), open_before);
	assert_int_equal(scratch_count(s->path), 0);
}

/* Two that read it at a time do not move each other on. */
static void each_reader_stands_where_it_stands(void **state)
{
	const struct scratch *s = *state;
	struct message m;
	struct pv_error e;
	int fds[2];
	char c[2];

	char *text = compose(&m, s->fd, 1);
	assert_int_equal(message_open(&m, MESSAGE_ALL, &fds[0], &e), PV_OK);
	assert_int_equal(message_open(&m, MESSAGE_FROM_RETURN_PATH, &fds[1], &e), PV_OK);
	assert_int_equal(read(fds[0], &c[0], 1), 1);
	assert_int_equal(read(fds[1], &c[1], 1), 1);
	assert_int_equal(c[0], 'F');
	assert_int_equal(c[1], 'R');
	(void)close(fds[0]);
	(void)close(fds[1]);
	message_free(&m);
	free(text);
}

/* What the journal of a mailbox links can be linked once, and in its own folder. */
static void a_large_one_is_copied_for_each_mailbox_but_the_first(void **state)
{
	const struct scratch *s = *state;
	struct pv_location here = { .dirfd = s->fd },
			   elsewhere = { .dirfd = open("/var/tmp", O_PATH | O_CLOEXEC) },
			   shared = { .dirfd = s->fd, .shared = true };
	const struct {
		const struct pv_location *where;
		bool copied;
	} rows[] = { { &elsewhere, true },
		     { &shared, false },
		     { &here, false },
		     { &here, true },
		     { &elsewhere, true } };
	const struct pv_content *content;
	struct pv_content copy;
	struct message m;
	struct pv_error e;

	char *text = compose(&m, s->fd, 70000);
	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
		char a[512], b[512];
		assert_int_equal(message_content_for(&m, rows[i].where, &copy, &content, &e), PV_OK);
		assert_int_equal(content == &copy, rows[i].copied);
		assert_int_equal(content->size, m.content.size);
		assert_int_equal(pv_sum_finish(&content->sum), pv_sum_finish(&m.content.sum));
		assert_int_equal(pv_content_read(content, a, sizeof a, content->size - 512), sizeof a);
		assert_int_equal(pv_content_read(&m.content, b, sizeof b, content->size - 512), sizeof b);
		assert_memory_equal(a, b, sizeof a);
		pv_content_free(&copy);
	}
	message_free(&m);
	free(text);
	text = compose(&m, s->fd, 1);
	for (int i = 0; i < 3; i++) {
		assert_int_equal(message_content_for(&m, &here, &copy, &content, &e), PV_OK);
		assert_ptr_equal(content, &m.content);
		pv_content_free(&copy);
	}
	message_free(&m);
	free(text);
	(void)close(elsewhere.dirfd);
}

static void a_text_becomes_a_file(void **state)
{
	char found[16];
	struct pv_error e;
	int fd;

	(void)state;
	assert_int_equal(message_file_of("Subject: x\n", 11, &fd, &e), PV_OK);
	assert_int_equal(read(fd, found, sizeof found), 11);
	assert_memory_equal(found, "Subject: x\n", 11);
	(void)close(fd);
}

#define TEST(t) cmocka_unit_test_setup_teardown(t, scratch_make, scratch_remove)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(programs_read_it_from_where_they_need_it),
		TEST(each_reader_stands_where_it_stands),
		TEST(a_large_one_is_copied_for_each_mailbox_but_the_first),
		TEST(a_text_becomes_a_file),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
