#include "maps/reload.h"

#include "base/clock.h"
#include "base/file.h"
#include "maps/postfix.h"
#include "maps/regexp.h"
#include "store/conf.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <limits.h>
#include <stdio.h>
#include <time.h>
#include <unistd.h>

#define POSTFIX "/usr/sbin/postfix"
#define NAME "reload"
#define LOCK_NAME "reload.lock"

enum { EVERY_MS = 10000, LOCK_MS = EVERY_MS + 20000, SECONDS = 60, RECORD_MAX = 256 };

/* What Postfix has read, and when it was told to. */
struct record {
	bool found;
	uintmax_t inode, mtime_ns, size; /* of virtual_regexp; all 0: there was none */
	int64_t at_ms;			 /* on the monotonic clock; 0: never by us since the boot */
};

static enum pv_class open_run(const struct pv_store *s, int *fd_r, struct pv_error *e)
{
	const struct pv_trust trust = { geteuid(), "" };

	return pv_dir_open(AT_FDCWD, s->conf.run_directory, &trust, fd_r, NULL, e);
}

/* Which virtual_regexp is there now? It is always replaced, never written over. */
static enum pv_class look(const struct pv_store *s, struct record *now, struct pv_error *e)
{
	char path[PATH_MAX];
	struct stat st;

	*now = (struct record){ .found = true };
	(void)snprintf(path, sizeof path, "%s/" PV_REGEXP_NAME, s->conf.map_directory);
	if (lstat(path, &st) == 0) {
		now->inode = st.st_ino;
		now->mtime_ns = (uintmax_t)st.st_mtim.tv_sec * 1000000000U + (uintmax_t)st.st_mtim.tv_nsec;
		now->size = (uintmax_t)st.st_size;
	} else if (errno != ENOENT) {
		return pv_fail_errno(e, PV_TEMPORARY, "4.3.0", errno, "stat %s", path);
	}
	return PV_OK;
}

static bool same(const struct record *a, const struct record *b)
{
	return a->inode == b->inode && a->mtime_ns == b->mtime_ns && a->size == b->size;
}

/* Four numbers with a blank between, and a newline. */
static bool parse_record(const char *text, struct record *r)
{
	uintmax_t v[4];
	char *end;

	for (size_t i = 0; i < 4; i++) {
		if (*text < '0' || *text > '9')
			return false;
		errno = 0;
		v[i] = strtoumax(text, &end, 10);
		if (errno != 0 || *end != (i < 3 ? ' ' : '\n'))
			return false;
		text = end + 1;
	}
	if (v[3] > INT64_MAX)
		return false;
	*r = (struct record){
		.found = true, .inode = v[0], .mtime_ns = v[1], .size = v[2], .at_ms = (int64_t)v[3]
	};
	return true;
}

/* A record that cannot be read is none that says what Postfix has read: a reload is due. */
static enum pv_class read_record(const struct pv_store *s, int dirfd, struct record *r, struct pv_error *e)
{
	const struct pv_trust trust = { geteuid(), s->conf.run_directory };
	struct pv_buf text = PV_BUF_INIT(RECORD_MAX);

	*r = (struct record){ .found = false };
	enum pv_class c = pv_file_load(dirfd, NAME, &trust, &text, &r->found, e);
	if (c == PV_OK && r->found && !parse_record(text.s, r))
		*r = (struct record){ .found = true, .inode = UINTMAX_MAX };
	pv_buf_free(&text);
	return c;
}

static enum pv_class write_record(int dirfd, const struct record *r, struct pv_error *e)
{
	char text[RECORD_MAX];

	int n = snprintf(text, sizeof text, "%ju %ju %ju %" PRId64 "\n", r->inode, r->mtime_ns, r->size,
			 r->at_ms);
	return pv_file_replace(dirfd, NAME, text, (size_t)n, 0600, (uid_t)-1, (gid_t)-1, e);
}

enum pv_class pv_reload_mark(const struct pv_store *s, struct pv_error *e)
{
	struct record before, known;
	int dirfd;

	enum pv_class c = open_run(s, &dirfd, e);
	if (c != PV_OK)
		return c;
	if (dirfd < 0)
		return pv_fail(e, PV_TEMPORARY, "4.3.0", "%s is gone", s->conf.run_directory);
	c = read_record(s, dirfd, &known, e);
	if (c == PV_OK && !known.found) {
		c = look(s, &before, e);
		if (c == PV_OK)
			c = write_record(dirfd, &before, e);
	}
	(void)close(dirfd);
	return c;
}

enum pv_class pv_reload_instance(const char *dir, bool *running_r, struct pv_error *e)
{
	const char *const status_argv[] = { POSTFIX, "-c", dir, "status", NULL };
	const char *const reload_argv[] = { POSTFIX, "-c", dir, "reload", NULL };
	struct pv_buf words = PV_BUF_INIT(65536);
	int status = 0;

	*running_r = false;
	if (!pv_postfix_has(POSTFIX))
		return PV_OK;
	enum pv_class c = pv_postfix_run(status_argv, NULL, SECONDS, NULL, &words, &status, e);
	*running_r = c == PV_OK && status == 0;
	if (*running_r) {
		pv_buf_reset(&words);
		c = pv_postfix_run(reload_argv, NULL, SECONDS, NULL, &words, &status, e);
		if (c == PV_OK && status != 0)
			c = pv_fail(e, PV_TEMPORARY, "4.3.5", POSTFIX " -c %s reload exits %d: %.300s", dir,
				    status, words.s);
	}
	pv_buf_free(&words);
	return c;
}

/* All are tried; the first error counts. */
static enum pv_class reload_all(const struct pv_store *s, unsigned *running_r, struct pv_error *e)
{
	enum pv_class c = PV_OK;
	char dir[PATH_MAX];

	*running_r = 0;
	for (size_t i = 0; pv_conf_instance(&s->conf, i, dir, sizeof dir); i++) {
		struct pv_error why;
		bool running;
		enum pv_class one = pv_reload_instance(dir, &running, &why);
		*running_r += running;
		if (c == PV_OK && one != PV_OK) {
			c = one;
			*e = why;
		}
	}
	return c;
}

static enum pv_class reload_and_record(const struct pv_store *s, int dirfd, unsigned *running_r,
				       struct pv_error *e)
{
	struct record now;

	/* Looked at first: what is replaced after this makes another one due. */
	enum pv_class c = look(s, &now, e);
	if (c == PV_OK)
		c = reload_all(s, running_r, e);
	/* Nobody has to wait for the sake of a Postfix that does not run. */
	now.at_ms = *running_r > 0 ? pv_now_ms() : 0;
	return c == PV_OK ? write_record(dirfd, &now, e) : c;
}

enum pv_class pv_reload_now(const struct pv_store *s, unsigned *running_r, struct pv_error *e)
{
	int dirfd, lock = -1;

	*running_r = 0;
	enum pv_class c = open_run(s, &dirfd, e);
	if (c != PV_OK || dirfd < 0)
		return c == PV_OK ? reload_all(s, running_r, e) : c;
	c = pv_lock_file(dirfd, LOCK_NAME, LOCK_MS, &lock, e);
	if (c == PV_OK)
		c = reload_and_record(s, dirfd, running_r, e);
	if (lock >= 0)
		(void)close(lock);
	(void)close(dirfd);
	return c;
}

static enum pv_class is_due(const struct pv_store *s, int dirfd, struct record *known, bool *due_r,
			    struct pv_error *e)
{
	struct record now;

	enum pv_class c = read_record(s, dirfd, known, e);
	if (c == PV_OK)
		c = look(s, &now, e);
	*due_r = c == PV_OK && known->found && !same(known, &now);
	return c;
}

/* How long until the next may be? A time that is to come is one of before a boot. */
static int64_t rest_ms(const struct record *known)
{
	int64_t since = pv_now_ms() - known->at_ms;

	return known->at_ms > 0 && since >= 0 && since < EVERY_MS ? EVERY_MS - since : 0;
}

static void sleep_until(int64_t ms)
{
	for (int64_t left; (left = ms - pv_now_ms()) > 0;) {
		struct timespec t = { .tv_sec = left / 1000, .tv_nsec = left % 1000 * 1000000 };
		(void)nanosleep(&t, NULL);
	}
}

/* Whoever holds the lock does it for all who wait for it: what they replaced is there already. */
static enum pv_class take_turn(int dirfd, void (*waits)(unsigned seconds), bool *said, int *lock,
			       struct pv_error *e)
{
	if (pv_lock_file(dirfd, LOCK_NAME, 0, lock, NULL) == PV_OK)
		return PV_OK;
	if (waits != NULL)
		waits(EVERY_MS / 1000);
	*said = true;
	return pv_lock_file(dirfd, LOCK_NAME, LOCK_MS, lock, e);
}

static enum pv_class reload_in_turn(const struct pv_store *s, int dirfd, void (*waits)(unsigned seconds),
				    bool *reloaded_r, struct pv_error *e)
{
	unsigned running = 0;
	struct record known;
	bool due, said = false;
	int lock = -1;

	enum pv_class c = take_turn(dirfd, waits, &said, &lock, e);
	if (c == PV_OK)
		c = is_due(s, dirfd, &known, &due, e);
	if (c == PV_OK && !due) {
		*reloaded_r = true;
	} else if (c == PV_OK) {
		int64_t rest = rest_ms(&known);
		if (rest > 0 && waits != NULL && !said)
			waits((unsigned)((rest + 999) / 1000));
		sleep_until(pv_now_ms() + rest);
		c = reload_and_record(s, dirfd, &running, e);
		*reloaded_r = c == PV_OK && running > 0;
	}
	if (lock >= 0)
		(void)close(lock);
	return c;
}

enum pv_class pv_reload_if_due(const struct pv_store *s, void (*waits)(unsigned seconds), bool *reloaded_r,
			       struct pv_error *e)
{
	struct record known;
	bool due = false;
	int dirfd;

	*reloaded_r = false;
	enum pv_class c = open_run(s, &dirfd, e);
	if (c != PV_OK || dirfd < 0)
		return c;
	c = is_due(s, dirfd, &known, &due, e);
	if (c == PV_OK && due)
		c = reload_in_turn(s, dirfd, waits, reloaded_r, e);
	(void)close(dirfd);
	return c != PV_OK ? pv_error_prefix(e, "Postfix was not reloaded, and the next command tries again")
			  : PV_OK;
}
