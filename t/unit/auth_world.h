/*
 * auth_world.h: what the tests of tries and sessions share: a store whose folders of root's are in the
 * scratch folder, clients' addresses, and a clock that they set.
 */
#ifndef PV_TEST_AUTH_WORLD_H
#define PV_TEST_AUTH_WORLD_H

#include "scratch.h"

#include "base/clock.h"
#include "store/store.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <signal.h>
#include <sys/socket.h>
#include <sys/wait.h>

static struct pv_store store;

static inline void open_world(const struct scratch *s, const char *more)
{
	char conf[2000];
	struct pv_error e;

	int n = snprintf(conf, sizeof conf, "run_directory = %s/run\nstate_directory = %s/state\n%s", s->path,
			 s->path, more);
	scratch_write(s, "virtual.conf", conf, (size_t)n);
	if (pv_store_open(s->path, &store, &e) != PV_OK)
		fail_msg("%s", e.text);
}

/* An address as the kernel gives it. Not to be used beside a second one of the same kind: see `which`. */
static inline const struct sockaddr *client(const char *text)
{
	static struct sockaddr_storage a[8];
	static unsigned which;
	struct sockaddr_storage *to = &a[which++ % 8];
	struct sockaddr_in *four = (struct sockaddr_in *)to;
	struct sockaddr_in6 *six = (struct sockaddr_in6 *)to;

	if (text == NULL)
		return NULL;
	memset(to, 0, sizeof *to);
	if (inet_pton(AF_INET, text, &four->sin_addr) == 1)
		four->sin_family = AF_INET;
	else if (inet_pton(AF_INET6, text, &six->sin6_addr) == 1)
		six->sin6_family = AF_INET6;
	else
		to->ss_family = AF_UNIX;
	return (const struct sockaddr *)to;
}

/* Run fn(ctx) in a child; its exit status must be 0. */
static inline void in_child(void (*fn)(void *ctx), void *ctx)
{
	int status;
	pid_t pid = fork();

	assert_true(pid >= 0);
	if (pid == 0) {
		fn(ctx);
		_exit(0);
	}
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_int_equal(status, 0);
}

#endif
