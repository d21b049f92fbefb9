/* log_test.c: a log line is one line whatever is in it, and nothing is ever waited for. */
#include "scratch.h"

#include "base/log.h"

#include <sys/socket.h>
#include <sys/un.h>

static char path[64];

/* A log that listens in the scratch folder. The path is short enough through /proc. */
static int listen_there(const struct scratch *s)
{
	struct sockaddr_un to = { .sun_family = AF_UNIX };
	int fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);

	assert_true(fd >= 0);
	(void)snprintf(path, sizeof path, "/proc/self/fd/%d/log", s->fd);
	memcpy(to.sun_path, path, sizeof path);
	assert_int_equal(bind(fd, (struct sockaddr *)&to, sizeof to), 0);
	return fd;
}

/* The next line without its `<priority>t[pid]: `; fails where there is none. */
static const char *next_line(int fd, int priority)
{
	static char line[5000];
	char want[100];

	ssize_t n = recv(fd, line, sizeof line - 1, 0);
	assert_true(n > 0);
	line[n] = '\0';
	assert_int_equal(strlen(line), n);
	(void)snprintf(want, sizeof want, "<%d>t[%ld]: ", priority, (long)getpid());
	assert_memory_equal(line, want, strlen(want));
	return line + strlen(want);
}

static void a_line_has_priority_name_and_process(void **state)
{
	int fd = listen_there(*state);

	pv_log_open("t", path);
	pv_log(PV_LOG_INFO, "to=<%s>", "abc@kvt.dk");
	assert_string_equal(next_line(fd, 22), "to=<abc@kvt.dk>");
	pv_log(PV_LOG_ERROR, "x");
	assert_string_equal(next_line(fd, 19), "x");
	pv_log(PV_LOG_WARNING, "y");
	assert_string_equal(next_line(fd, 20), "y");
	(void)close(fd);
}

static void every_byte_stays_on_its_line(void **state)
{
	int fd = listen_there(*state);

	pv_log_open("t", path);
	for (int byte = 1; byte < 256; byte++) {
		char want[] = "a?b";
		if (byte >= 0x20 && byte <= 0x7e)
			want[1] = (char)byte;
		pv_log(PV_LOG_INFO, "a%cb", byte);
		assert_string_equal(next_line(fd, 22), want);
	}
	pv_log(PV_LOG_INFO, "%s", "x\n<3>kernel: y\r\nz");
	assert_string_equal(next_line(fd, 22), "x?<3>kernel: y??z");
	assert_int_equal(recv(fd, path, 1, 0), -1);
	(void)close(fd);
}

static void long_lines_are_cut(void **state)
{
	static char word[100000];
	int fd = listen_there(*state);

	pv_log_open("t", path);
	for (size_t len = 900; len < sizeof word; len = len * 11 / 10) {
		memset(word, 'x', len);
		word[len] = '\0';
		pv_log(PV_LOG_INFO, "%s", word);
		size_t got = strlen(next_line(fd, 22));
		assert_true(got <= len && got <= 1100 && (len > 1000 ? got >= 1000 : got == len));
	}
	(void)close(fd);
}

/* Nobody reads: after some lines the socket is full. A log that waits would hang here (see alarm). */
static void a_full_log_is_not_waited_for(void **state)
{
	int fd = listen_there(*state);
	unsigned before = open_descriptors();

	pv_log_open("t", path);
	for (int i = 0; i < 3000; i++)
		pv_log(PV_LOG_INFO, "line %d", i);
	assert_int_equal(open_descriptors(), before);
	assert_string_equal(next_line(fd, 22), "line 0");
	(void)close(fd);
}

static void where_nobody_listens_lines_are_dropped(void **state)
{
	char far[300];
	unsigned before = open_descriptors();

	(void)state;
	pv_log(PV_LOG_INFO, "before pv_log_open()");
	assert_int_equal(open_descriptors(), before);
	pv_log_open("t", "/nonexistent/log");
	pv_log(PV_LOG_INFO, "x");
	/* The socket is kept, and is the only one. */
	before = open_descriptors();
	pv_log_open("t", "/");
	pv_log(PV_LOG_INFO, "x");
	pv_log_open("t", "");
	pv_log(PV_LOG_INFO, "x");
	memset(far, 'x', sizeof far - 1);
	far[sizeof far - 1] = '\0';
	pv_log_open("t", far);
	pv_log(PV_LOG_INFO, "x");
	pv_log_open("t", NULL);
	pv_log(PV_LOG_INFO, "x");
	assert_int_equal(open_descriptors(), before);
}

/* What is to be reported is often the errno of the call before the log line. */
static void errno_stays(void **state)
{
	(void)state;
	pv_log_open("t", "/nonexistent/log");
	errno = EDQUOT;
	pv_log(PV_LOG_INFO, "x");
	assert_int_equal(errno, EDQUOT);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(where_nobody_listens_lines_are_dropped),
		cmocka_unit_test(errno_stays),
		cmocka_unit_test_setup_teardown(a_line_has_priority_name_and_process, scratch_make,
						scratch_remove),
		cmocka_unit_test_setup_teardown(every_byte_stays_on_its_line, scratch_make, scratch_remove),
		cmocka_unit_test_setup_teardown(long_lines_are_cut, scratch_make, scratch_remove),
		cmocka_unit_test_setup_teardown(a_full_log_is_not_waited_for, scratch_make, scratch_remove),
	};
	(void)alarm(60);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
