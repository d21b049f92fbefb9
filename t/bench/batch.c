/*
 * batch.c: start a delivery agent N times, K at once, a message on its stdin each time, and say what
 * that cost.
 *
 *     batch -n N [-k K] [-m M] [-u UID] -d FOLDER MESSAGE AGENT [ARGUMENT...]
 *
 * In the arguments `%m` becomes the number of the run modulo M (default 1). MESSAGE holds the mark
 * `@COUNTER@` in some places; there each run finds a number of its own in it, since an agent may know
 * a message that it has seen. FOLDER takes K copies of the message. One line of JSON comes out;
 * cpu_us is the mean of user + system time of one run by wait4(), exec included, fork not.
 *
 * Static and small: what fork copies, and what counts as the child's peak RSS before exec, is this.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

static const char mark[] = "@COUNTER@";
enum {
	MARK = sizeof mark - 1,
	SLOTS_MAX = 64,
	MARKS_MAX = 8,
	ARGS_MAX = 8192,
	MARKED_MAX = 8,
	ARG_SIZE = 4096
};

struct slot {
	pid_t pid; /* 0: free */
	int fd;
	char path[ARG_SIZE];
};

static struct {
	unsigned long runs, at_once, modulo, uid;
	const char *folder, *message;
	char **agent;
	off_t marks[MARKS_MAX];
	unsigned mark_count;
	struct slot slots[SLOTS_MAX];
} job = { .at_once = 1, .modulo = 1 };

static struct {
	unsigned long failed;
	double cpu_us;
	long rss_kib;
} total;

static void die(const char *what)
{
	perror(what);
	exit(1);
}

static unsigned long number(const char *s, unsigned long max)
{
	char *end;
	unsigned long n = strtoul(s, &end, 10);

	if (!*s || *end || n > max) {
		fprintf(stderr, "batch: not a number up to %lu: %s\n", max, s);
		exit(2);
	}
	return n;
}

static void parse(int argc, char **argv)
{
	int c;

	while ((c = getopt(argc, argv, "+n:k:m:u:d:")) != -1) {
		if (c == 'n')
			job.runs = number(optarg, 1000000);
		else if (c == 'k')
			job.at_once = number(optarg, SLOTS_MAX);
		else if (c == 'm')
			job.modulo = number(optarg, 1000000);
		else if (c == 'u')
			job.uid = number(optarg, 0x7fffffff);
		else if (c == 'd')
			job.folder = optarg;
		else
			exit(2);
	}
	if (!job.runs || !job.at_once || !job.modulo || !job.folder || argc - optind < 2 ||
	    argc - optind > ARGS_MAX) {
		fprintf(stderr,
			"usage: batch -n N [-k K] [-m M] [-u UID] -d FOLDER MESSAGE AGENT [ARGUMENT...]\n");
		exit(2);
	}
	job.message = argv[optind];
	job.agent = argv + optind + 1;
}

/* Copy the message to a slot; the marks are looked for in its first 8 KiB. */
static void fill_slot(struct slot *s, unsigned long no)
{
	static char block[8192];
	bool first = true;
	ssize_t n;
	int in = open(job.message, O_RDONLY | O_CLOEXEC);

	snprintf(s->path, sizeof s->path, "%s/message.%lu", job.folder, no);
	s->fd = open(s->path, O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);
	if (in < 0 || s->fd < 0)
		die(s->path);
	job.mark_count = 0;
	while ((n = read(in, block, sizeof block)) > 0) {
		for (ssize_t i = 0; first && i + MARK <= n; i++)
			if (memcmp(block + i, mark, MARK) == 0 && job.mark_count < MARKS_MAX)
				job.marks[job.mark_count++] = i;
		first = false;
		if (write(s->fd, block, (size_t)n) != n)
			die(s->path);
	}
	close(in);
}

static char **arguments(unsigned long run)
{
	static char *args[ARGS_MAX + 1], text[MARKED_MAX][ARG_SIZE];
	size_t i, marked = 0;

	for (i = 0; job.agent[i]; i++) {
		const char *at = strstr(job.agent[i], "%m");

		args[i] = job.agent[i];
		if (!at || marked == MARKED_MAX)
			continue;
		snprintf(text[marked], ARG_SIZE, "%.*s%lu%s", (int)(at - job.agent[i]), job.agent[i],
			 run % job.modulo, at + 2);
		args[i] = text[marked++];
	}
	args[i] = NULL;
	return args;
}

static void start(struct slot *s, unsigned long run)
{
	char **args = arguments(run);
	char counter[MARK + 1];

	/* 9 characters as the mark, and never the same in two calls of this program. */
	snprintf(counter, sizeof counter, "%04lX%05lX", (unsigned long)getpid() & 0xffff, run & 0xfffff);
	for (unsigned i = 0; i < job.mark_count; i++)
		if (pwrite(s->fd, counter, MARK, job.marks[i]) != MARK)
			die(s->path);
	s->pid = fork();
	if (s->pid < 0)
		die("fork");
	if (s->pid > 0)
		return;
	close(STDIN_FILENO);
	if (open(s->path, O_RDONLY) != STDIN_FILENO)
		_exit(126);
	if (job.uid && (setgid((gid_t)job.uid) < 0 || setuid((uid_t)job.uid) < 0))
		_exit(126);
	execv(args[0], args);
	_exit(127);
}

static void finish(void)
{
	struct rusage r;
	int status;
	pid_t pid = wait4(-1, &status, 0, &r);

	if (pid < 0)
		die("wait4");
	for (unsigned long i = 0; i < job.at_once; i++)
		if (job.slots[i].pid == pid)
			job.slots[i].pid = 0;
	if (!WIFEXITED(status) || WEXITSTATUS(status) != 0) {
		if (!total.failed++)
			fprintf(stderr, "batch: %s: status %#x\n", job.agent[0], (unsigned)status);
	}
	total.cpu_us += (double)(r.ru_utime.tv_sec + r.ru_stime.tv_sec) * 1e6 +
			(double)(r.ru_utime.tv_usec + r.ru_stime.tv_usec);
	if (r.ru_maxrss > total.rss_kib)
		total.rss_kib = r.ru_maxrss;
}

static struct slot *free_slot(void)
{
	for (;;) {
		for (unsigned long i = 0; i < job.at_once; i++)
			if (!job.slots[i].pid)
				return &job.slots[i];
		finish();
	}
}

static double now(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

int main(int argc, char **argv)
{
	double begin, wall;

	parse(argc, argv);
	for (unsigned long i = 0; i < job.at_once; i++)
		fill_slot(&job.slots[i], i);
	begin = now();
	for (unsigned long run = 0; run < job.runs; run++)
		start(free_slot(), run);
	for (unsigned long i = 0; i < job.at_once; i++)
		while (job.slots[i].pid)
			finish();
	wall = now() - begin;
	for (unsigned long i = 0; i < job.at_once; i++)
		unlink(job.slots[i].path);
	printf("{\"runs\": %lu, \"failed\": %lu, \"wall_s\": %.6f, \"cpu_us\": %.1f, \"rss_kib\": %ld}\n",
	       job.runs, total.failed, wall, total.cpu_us / (double)job.runs, total.rss_kib);
	return fflush(stdout) == 0 && !ferror(stdout) ? 0 : 1;
}
