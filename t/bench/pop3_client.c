/*
 * pop3_client.c: a POP3 client that costs little and measures what it waits for.
 *
 *     pop3_client rate PORT USER,USER... PASSWORD SESSIONS
 *         login, STAT and QUIT, SESSIONS times in all, by a process for each user; each waits for every
 * answer. pop3_client session PORT USER PASSWORD STEP... one session; a STEP is stat, list, uidl, retr-all
 * (pipelined), retr-each:N (the first N, one by one), dele-all, dele-half (every other; pipelined), quit, or
 * hold: prints `hold` and waits for a line on standard input.
 *
 * To 127.0.0.1. Prints one JSON object; ms is a step's own time, at_ms the time since before connect(). A
 * refused command counts as an error and does not end the session; exit status 1 if the connection ends
 * before its time.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define BUFFER (512 * 1024)

struct reader { /* of answers, however they are cut into packets */
	char buf[BUFFER];
	size_t len;
	bool in_lines, line_start; /* behind the first line of an answer of many lines */
	unsigned long answers, errors;
	char refusal[100];		 /* the last one */
	unsigned long long bytes, count; /* count: the first number of the last answer */
};

struct session {
	int fd;
	const char *user, *password;
	uint64_t begin;
	struct reader r;
};

static _Noreturn void fail(const char *what)
{
	fprintf(stderr, "pop3_client: %s: %s\n", what, errno ? strerror(errno) : "the connection ended");
	exit(1);
}

static uint64_t now_ns(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (uint64_t)t.tv_sec * 1000000000U + (uint64_t)t.tv_nsec;
}

static double ms_since(uint64_t begin)
{
	return (double)(now_ns() - begin) / 1e6;
}

/* Where the line of the final dot ends in p, which is in the lines of an answer; NULL: not here, and *keep
 * bytes at the end may be its beginning. */
static const char *final_dot(const char *p, size_t len, bool line_start, size_t *keep)
{
	const char *end = p + len, *at = p, *dot;

	*keep = 0;
	while ((dot = memchr(at, '.', (size_t)(end - at))) != NULL) {
		at = dot + 1;
		if (dot == p ? !line_start : dot[-1] != '\n')
			continue;
		if (end - dot < 3) {
			*keep = (size_t)(end - dot);
			return NULL;
		}
		if (dot[1] == '\r' && dot[2] == '\n')
			return dot + 3;
	}
	return NULL;
}

/* Take the first line of an answer; false: it is not here yet. */
static bool take_status(struct reader *r, const char **p, const char *end, bool many)
{
	const char *nl = memchr(*p, '\n', (size_t)(end - *p));

	if (!nl)
		return false;
	if (**p == '+') {
		r->count = strtoull(*p + 3, NULL, 10);
		r->in_lines = r->line_start = many;
	} else {
		r->errors++;
		snprintf(r->refusal, sizeof r->refusal, "%.*s", (int)(nl - *p), *p);
	}
	r->answers += !r->in_lines;
	*p = nl + 1;
	return true;
}

/* Take what is in the buffer as answers. */
static void digest(struct reader *r, bool many)
{
	const char *p = r->buf, *end = r->buf + r->len, *stop;
	size_t keep;

	while (p < end) {
		if (!r->in_lines) {
			if (!take_status(r, &p, end, many))
				break;
			continue;
		}
		stop = final_dot(p, (size_t)(end - p), r->line_start, &keep);
		if (!stop) {
			stop = end - keep;
			r->line_start = stop > p ? stop[-1] == '\n' : r->line_start;
			p = stop;
			break;
		}
		r->in_lines = false;
		r->answers++;
		p = stop;
	}
	r->len = (size_t)(end - p);
	memmove(r->buf, p, r->len);
}

/* Send text and wait for n answers, of many lines each or not. */
static void talk(struct session *s, const char *text, size_t len, unsigned long n, bool many)
{
	struct reader *r = &s->r;

	r->answers = 0;
	r->bytes = 0;
	while (r->answers < n) {
		struct pollfd p = { s->fd, (short)(len ? POLLIN | POLLOUT : POLLIN), 0 };
		ssize_t got;

		if (len && poll(&p, 1, -1) < 0)
			fail("poll");
		if (len && (p.revents & POLLOUT)) {
			got = send(s->fd, text, len, MSG_DONTWAIT | MSG_NOSIGNAL);
			if (got < 0 && errno != EAGAIN)
				fail("send");
			text += got > 0 ? got : 0;
			len -= got > 0 ? (size_t)got : 0;
		}
		if (len && !(p.revents & POLLIN))
			continue;
		errno = 0;
		got = read(s->fd, r->buf + r->len, sizeof r->buf - r->len);
		if (got <= 0)
			fail(s->user);
		r->bytes += (uint64_t)got;
		r->len += (size_t)got;
		digest(r, many);
	}
}

static void say(struct session *s, const char *command, bool many)
{
	char line[600];
	int len = snprintf(line, sizeof line, "%s\r\n", command);

	talk(s, line, (size_t)len, 1, many);
}

static void dial(struct session *s, int port)
{
	struct sockaddr_in a = { .sin_family = AF_INET, .sin_port = htons((uint16_t)port) };
	int one = 1;

	a.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	s->begin = now_ns();
	s->r.len = 0;
	s->r.errors = 0;
	s->r.in_lines = false;
	s->fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	if (s->fd < 0 || connect(s->fd, (struct sockaddr *)&a, sizeof a) != 0)
		fail("connect");
	setsockopt(s->fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
	talk(s, "", 0, 1, false);
}

static void login(struct session *s)
{
	char line[600];

	snprintf(line, sizeof line, "USER %s", s->user);
	say(s, line, false);
	snprintf(line, sizeof line, "PASS %s", s->password);
	say(s, line, false);
	if (s->r.errors) {
		fprintf(stderr, "pop3_client: login: %s\n", s->r.refusal);
		exit(1);
	}
}

/* `command` with each number from first to last by step, all in one piece. */
static void pipeline(struct session *s, const char *command, unsigned long last, unsigned step, bool many)
{
	size_t room = (strlen(command) + 24) * (last + 1), len = 0;
	char *text = malloc(room);
	unsigned long n = 0;

	if (!text)
		fail("malloc");
	for (unsigned long i = 1; i <= last; i += step, n++)
		len += (size_t)snprintf(text + len, room - len, "%s %lu\r\n", command, i);
	talk(s, text, len, n, many);
	free(text);
}

static unsigned long long one_by_one(struct session *s, unsigned long n)
{
	unsigned long long bytes = 0;
	char line[64];

	for (unsigned long i = 1; i <= n; i++) {
		snprintf(line, sizeof line, "RETR %lu", i);
		say(s, line, true);
		bytes += s->r.bytes;
	}
	return bytes;
}

static void hold(const struct session *s)
{
	struct sockaddr_in me = { 0 };
	socklen_t size = sizeof me;
	char line[16];

	getsockname(s->fd, (struct sockaddr *)&me, &size);
	fprintf(stderr, "hold %u\n", ntohs(me.sin_port));
	if (!fgets(line, sizeof line, stdin))
		exit(1);
}

/* Returns the bytes that came. */
static unsigned long long step(struct session *s, const char *name, unsigned long messages)
{
	unsigned long each = strncmp(name, "retr-each:", 10) == 0 ? strtoul(name + 10, NULL, 10) : 0;

	if (each)
		return one_by_one(s, each);
	if (strcmp(name, "stat") == 0)
		say(s, "STAT", false);
	else if (strcmp(name, "list") == 0)
		say(s, "LIST", true);
	else if (strcmp(name, "uidl") == 0)
		say(s, "UIDL", true);
	else if (strcmp(name, "retr-all") == 0)
		pipeline(s, "RETR", messages, 1, true);
	else if (strcmp(name, "dele-all") == 0)
		pipeline(s, "DELE", messages, 1, false);
	else if (strcmp(name, "dele-half") == 0)
		pipeline(s, "DELE", messages, 2, false);
	else if (strcmp(name, "quit") == 0)
		say(s, "QUIT", false);
	else if (strcmp(name, "hold") == 0)
		hold(s);
	else
		exit(2);
	return s->r.bytes;
}

static void session(struct session *s, int port, char **steps)
{
	struct sockaddr_in me = { 0 };
	socklen_t size = sizeof me;
	unsigned long messages = 0;

	dial(s, port);
	getsockname(s->fd, (struct sockaddr *)&me, &size);
	printf("{\"port\": %u, \"greeting\": {\"at_ms\": %.4f}", ntohs(me.sin_port), ms_since(s->begin));
	login(s);
	printf(", \"login\": {\"at_ms\": %.4f}", ms_since(s->begin));
	for (; *steps; steps++) {
		uint64_t begin = now_ns();
		unsigned long long bytes = step(s, *steps, messages);
		double ms = ms_since(begin);

		if (strcmp(*steps, "stat") == 0)
			messages = (unsigned long)s->r.count;
		printf(", \"%s\": {\"ms\": %.4f, \"at_ms\": %.4f, \"bytes\": %llu}", *steps, ms,
		       ms_since(s->begin), bytes);
	}
	printf(", \"messages\": %lu, \"errors\": %lu}\n", messages, s->r.errors);
	close(s->fd);
}

static void some_sessions(struct session *s, int port, unsigned long n)
{
	while (n-- > 0) {
		dial(s, port);
		login(s);
		say(s, "STAT", false);
		say(s, "QUIT", false);
		if (s->r.errors) {
			fprintf(stderr, "pop3_client: %s\n", s->r.refusal);
			exit(1);
		}
		close(s->fd);
	}
}

/* users: names with commas between; is cut up. */
static void rate(struct session *s, int port, char *users, unsigned long sessions)
{
	unsigned long failed = 0, clients = 1, n = 0;
	uint64_t begin = now_ns();
	int status;

	for (const char *p = users; *p; p++)
		clients += *p == ',';
	while ((s->user = strsep(&users, ",")) != NULL) {
		pid_t pid = fork();

		if (pid < 0)
			fail("fork");
		if (pid == 0) {
			some_sessions(s, port, sessions / clients + (n < sessions % clients));
			exit(0);
		}
		n++;
	}
	while (wait(&status) > 0)
		failed += !WIFEXITED(status) || WEXITSTATUS(status) != 0;
	printf("{\"sessions\": %lu, \"s\": %.6f, \"failed\": %lu}\n", sessions, ms_since(begin) / 1e3,
	       failed);
}

int main(int argc, char **argv)
{
	static struct session s;
	int port = argc > 2 ? (int)strtoul(argv[2], NULL, 10) : 0;

	if (argc >= 6) {
		s.user = argv[3];
		s.password = argv[4];
	}
	if (argc == 6 && strcmp(argv[1], "rate") == 0) {
		rate(&s, port, argv[3], strtoul(argv[5], NULL, 10));
	} else if (argc >= 6 && strcmp(argv[1], "session") == 0) {
		session(&s, port, argv + 5);
	} else {
		fputs("usage: pop3_client rate|session PORT USER PASSWORD ...\n", stderr);
		return 2;
	}
	return fflush(stdout) != 0;
}
