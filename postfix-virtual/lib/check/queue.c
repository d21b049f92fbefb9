/* Mail for our domains that has waited for over a day, as showq(8), which mailq(1) asks, tells it. */
#include "check/checkup.h"

#include "address/extension.h"
#include "base/clock.h"
#include "store/conf.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

enum { SECONDS = 20, OLD_SECONDS = 24 * 60 * 60 };
#define QUEUE_MAX ((size_t)256 << 20)

/* What was counted of one domain. */
struct waiting {
	size_t messages;
	time_t oldest;
	char reason[300];
};

/* Connect to showq(8) in the queue folder. Postqueue(1) itself asks no instance that main.cf of the main one
 * does not name. */
static int connect_queue(const char *queue)
{
	struct sockaddr_un a = { .sun_family = AF_UNIX };

	int dir = open(queue, O_PATH | O_DIRECTORY | O_CLOEXEC);
	if (dir < 0)
		return -1;
	/* The queue's path may be too long for a socket's address. */
	(void)snprintf(a.sun_path, sizeof a.sun_path, "/proc/self/fd/%d/public/showq", dir);
	int s = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (s >= 0 && connect(s, (const struct sockaddr *)&a, sizeof a) != 0) {
		int err = errno;
		(void)close(s);
		s = -1;
		errno = err;
	}
	(void)close(dir);
	return s;
}

static enum pv_class read_all(int s, struct pv_buf *out, struct pv_error *e)
{
	int64_t deadline = pv_now_ms() + SECONDS * 1000;

	for (;;) {
		struct pollfd p = { .fd = s, .events = POLLIN };
		int64_t left = deadline - pv_now_ms();
		char *to = pv_buf_reserve(out, 65536);
		if (to == NULL)
			return pv_buf_check(out, "the queue's list", e);
		if (left <= 0 || poll(&p, 1, (int)left) == 0)
			return pv_fail(e, PV_TEMPORARY, NULL, "the mail queue did not answer within %d s",
				       SECONDS);
		ssize_t n = read(s, to, 65536);
		if (n < 0 && (errno == EAGAIN || errno == EINTR))
			continue;
		if (n < 0)
			return pv_fail_errno(e, PV_TEMPORARY, NULL, errno, "read the mail queue");
		if (n == 0)
			return PV_OK;
		pv_buf_grew(out, (size_t)n);
	}
}

/* The domain of ours that a recipient in the queue is for: `x@kvt.dk`, `kvt_dk+x--kvt.dk@virtual.invalid`. */
static const struct pv_subject *find_subject(const struct pv_checkup *u, const char *recipient)
{
	struct pv_extension_reading r;
	const struct pv_subject *s = NULL;
	const char *at = strrchr(recipient, '@'), *plus = strchr(recipient, '+');
	struct pv_domain d;
	size_t from = 0;

	if (at == NULL)
		return NULL;
	if (pv_domain_parse(at + 1, strlen(at + 1), &d, NULL) == PV_OK)
		s = pv_subject_find(u, &d);
	if (s != NULL || plus == NULL || plus > at)
		return s;
	while (s == NULL && pv_extension_next(plus + 1, (size_t)(at - plus - 1), &from, &r))
		s = pv_subject_find(u, &r.domain);
	return s;
}

/* One attribute `name` NUL `value` NUL of showq's; an empty name ends a message. Returns false at the end. */
static bool next_attribute(const char **p, const char *end, const char **name_r, const char **value_r)
{
	const char *nul = *p < end ? memchr(*p, '\0', (size_t)(end - *p)) : NULL;

	if (nul == NULL)
		return false;
	*name_r = *p;
	*p = nul + 1;
	if (**name_r == '\0')
		return true;
	nul = *p < end ? memchr(*p, '\0', (size_t)(end - *p)) : NULL;
	if (nul == NULL)
		return false;
	*value_r = *p;
	*p = nul + 1;
	return true;
}

static void count_message(struct waiting *w, time_t arrived, const char *reason)
{
	w->messages++;
	if (w->messages > 1 && arrived >= w->oldest)
		return;
	w->oldest = arrived;
	(void)snprintf(w->reason, sizeof w->reason, "%s", reason);
}

static void count_all(const struct pv_checkup *u, const struct pv_buf *list, struct waiting *waiting)
{
	const char *p = list->s, *end = list->s + list->len, *name, *value = "";
	const struct pv_subject *s = NULL;
	time_t now = time(NULL), arrived = now;
	bool is_deferred = false;

	while (next_attribute(&p, end, &name, &value)) {
		if (*name == '\0')
			is_deferred = false;
		else if (strcmp(name, "queue_name") == 0)
			is_deferred = strcmp(value, "deferred") == 0;
		else if (strcmp(name, "time") == 0)
			arrived = (time_t)strtoll(value, NULL, 10);
		else if (strcmp(name, "recipient") == 0)
			s = find_subject(u, value);
		else if (strcmp(name, "reason") == 0 && is_deferred && s != NULL &&
			 now - arrived > OLD_SECONDS)
			count_message(&waiting[s - u->subjects], arrived, value);
	}
}

static enum pv_class check_instance(struct pv_checkup *u, const char *dir, struct waiting *waiting,
				    struct pv_error *e)
{
	struct pv_buf queue = PV_BUF_INIT(65536), list = PV_BUF_INIT(QUEUE_MAX);

	enum pv_class c = pv_setting_value(dir, "queue_directory", &queue, e);
	int s = c == PV_OK ? connect_queue(queue.s) : -1;
	/* A Postfix that does not run is told of already. */
	if (s >= 0) {
		c = read_all(s, &list, e);
		(void)close(s);
	} else if (c == PV_OK && errno != ECONNREFUSED && errno != ENOENT) {
		c = pv_fail_errno(e, PV_TEMPORARY, NULL, errno, "ask for the mail queue in %s", queue.s);
	}
	if (c == PV_OK)
		count_all(u, &list, waiting);
	pv_buf_free(&queue);
	pv_buf_free(&list);
	return c;
}

enum pv_class pv_check_queue(struct pv_checkup *u, struct pv_error *e)
{
	struct waiting *waiting = calloc(u->count + 1, sizeof *waiting);
	enum pv_class c = PV_OK;
	char dir[PATH_MAX];

	if (waiting == NULL)
		return pv_fail(e, PV_TEMPORARY, NULL, "no memory for %zu domains", u->count);
	for (size_t i = 0; c == PV_OK && pv_conf_instance(&u->store->conf, i, dir, sizeof dir); i++)
		c = check_instance(u, dir, waiting, e);
	for (size_t i = 0; c == PV_OK && i < u->count; i++)
		if (waiting[i].messages > 0)
			pv_found(u, PV_WARNING, u->subjects[i].domain.s,
				 "%zu of its recipients have waited in the queue for over a day (%s): mend "
				 "that, then "
				 "postqueue -f",
				 waiting[i].messages, waiting[i].reason);
	free(waiting);
	return c;
}
