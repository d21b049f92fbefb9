#include "auth/session.h"

#include "auth/keyed.h"
#include "base/clock.h"
#include "base/table.h"
#include "store/state.h"
#include "store/trash.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <unistd.h>

/*
 * Locks are on bytes far behind the end of the file, which stays small: below PLACES one for each user, above
 * it a row for each address.
 */
static const off_t PLACES = (off_t)1 << 62;
enum { ROW_BITS = 17 }; /* a row has as many places as pop3_sessions_per_address may say, and more */

enum { DAY = 86400 };

static enum pv_class open_file(const struct pv_store *s, struct pv_sum *sum, int *fd_r, struct pv_error *e)
{
	struct pv_keyed k;

	*fd_r = -1;
	enum pv_class c = pv_keyed_open(s, "sessions", 0, &k, e);
	if (c != PV_OK)
		return c;
	pv_sum_start_keyed(sum, k.key);
	*fd_r = k.fd;
	return PV_OK;
}

/* Try for one of `count` bytes from `at` on; whose none is free closes the file. */
static enum pv_class take_one(int *fd, off_t at, unsigned long count, bool *free_r, struct pv_error *e)
{
	int err = EAGAIN;

	for (unsigned long i = 0; i < count && err == EAGAIN; i++)
		err = pv_keyed_lock(*fd, F_WRLCK, at + (off_t)i, 1, 0);
	*free_r = err == 0;
	if (err == 0)
		return PV_OK;
	(void)close(*fd);
	*fd = -1;
	return err == EAGAIN ? PV_OK : pv_fail_errno(e, PV_TEMPORARY, "4.3.0", err, "lock a session");
}

enum pv_class pv_session_take(const struct pv_store *s, const struct pv_address *a, int *fd_r, bool *free_r,
			      struct pv_error *e)
{
	struct pv_sum sum;

	*free_r = false;
	enum pv_class c = open_file(s, &sum, fd_r, e);
	if (c != PV_OK)
		return c;
	pv_sum_add(&sum, a->user.s, a->user.len);
	pv_sum_add(&sum, "@", 1);
	pv_sum_add(&sum, a->domain.s, a->domain.len);
	off_t at = (off_t)(pv_sum_finish(&sum) % (uint64_t)(PLACES - PV_KEYED_HEAD)) + PV_KEYED_HEAD;
	return take_one(fd_r, at, 1, free_r, e);
}

enum pv_class pv_session_place(const struct pv_store *s, const struct sockaddr *client, int *fd_r,
			       bool *free_r, struct pv_error *e)
{
	const char *text = s->conf.pop3_sessions_per_address;
	unsigned long count = 1;
	struct pv_client address;
	struct pv_sum sum;

	*free_r = false;
	enum pv_class c = open_file(s, &sum, fd_r, e);
	if (c != PV_OK)
		return c;
	pv_client_of(client, &address);
	pv_sum_add(&sum, address.bytes, address.len);
	/* It was checked when virtual.conf was read. */
	(void)pv_parse_number(text, strlen(text), (1UL << ROW_BITS) - 1, &count);
	uint64_t row = pv_sum_finish(&sum) >> (64 - (62 - ROW_BITS));
	return take_one(fd_r, PLACES + (off_t)(row << ROW_BITS), count, free_r, e);
}

static enum pv_class open_seen(const struct pv_store *s, const struct pv_domain *d, int *fd_r,
			       struct pv_error *e)
{
	char where[PATH_MAX];
	int seen;

	*fd_r = -1;
	enum pv_class c = pv_state_open(s->conf.state_directory, "seen", 0700, &seen, e);
	if (c != PV_OK)
		return c;
	(void)snprintf(where, sizeof where, "%s/seen", s->conf.state_directory);
	c = pv_state_open_in(seen, where, d->s, 0700, fd_r, e);
	(void)close(seen);
	return c;
}

/* Give the file the time of now, and make it where it is missing. */
static enum pv_class stamp(int dirfd, const struct pv_address *a, bool exists, struct pv_error *e)
{
	if (exists && utimensat(dirfd, a->user.s, NULL, AT_SYMLINK_NOFOLLOW) == 0)
		return PV_OK;
	int fd = openat(dirfd, a->user.s, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);
	/* Somebody else of the same name logged in at the same moment. */
	if (fd < 0 && errno == EEXIST && !exists)
		return PV_OK;
	if (fd < 0)
		return pv_fail_errno(e, PV_TEMPORARY, "4.3.0", errno, "note the login of %s@%s", a->user.s,
				     a->domain.s);
	(void)close(fd);
	return PV_OK;
}

static unsigned long delay_of(const struct pv_store *s)
{
	unsigned long seconds = 0;

	(void)pv_parse_number(s->conf.login_delay, strlen(s->conf.login_delay), ULONG_MAX / 2, &seconds);
	return seconds;
}

enum pv_class pv_session_seen(const struct pv_store *s, const struct pv_address *a, bool *early_r,
			      struct pv_error *e)
{
	unsigned long delay = delay_of(s);
	time_t now = time(NULL);
	struct stat st;
	int dirfd;

	*early_r = false;
	enum pv_class c = open_seen(s, &a->domain, &dirfd, e);
	if (c != PV_OK)
		return c;
	bool exists = fstatat(dirfd, a->user.s, &st, AT_SYMLINK_NOFOLLOW) == 0;
	/* A time to come is one of before the clock was set: as a number without sign it is long ago. */
	*early_r = exists && (unsigned long)(now - st.st_mtime) < delay;
	/* A login that is refused is none, or who asks too often would never get in. */
	if (!*early_r && (!exists || delay > 0 || st.st_mtime / DAY != now / DAY))
		c = stamp(dirfd, a, exists, e);
	(void)close(dirfd);
	return c;
}

enum pv_class pv_session_forget(const struct pv_store *s, const struct pv_domain *d, const struct pv_user *u,
				const struct pv_user *to, bool *done_r, struct pv_error *e)
{
	char where[PATH_MAX];
	int r = 0;

	*done_r = false;
	(void)snprintf(where, sizeof where, "%s/seen%s%s", s->conf.state_directory, u != NULL ? "/" : "",
		       u != NULL ? d->s : "");
	int dirfd = open(where, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	if (dirfd < 0)
		return errno == ENOENT ? PV_OK
				       : pv_fail_errno(e, PV_TEMPORARY, "4.3.0", errno, "open %s", where);
	enum pv_class c = PV_OK;
	*done_r = faccessat(dirfd, u != NULL ? u->s : d->s, F_OK, AT_SYMLINK_NOFOLLOW) == 0;
	if (u == NULL && *done_r)
		c = pv_tree_remove(dirfd, where, d->s, e);
	else if (to != NULL)
		r = renameat(dirfd, u->s, dirfd, to->s);
	else if (u != NULL)
		r = unlinkat(dirfd, u->s, 0);
	if (r != 0 && errno != ENOENT)
		c = pv_fail_errno(e, PV_TEMPORARY, "4.3.0", errno, "change %s/%s", where, u->s);
	(void)close(dirfd);
	return c;
}

enum pv_class pv_session_last(const struct pv_store *s, const struct pv_address *a, time_t *when_r,
			      struct pv_error *e)
{
	char path[PATH_MAX];
	struct stat st;

	*when_r = 0;
	(void)snprintf(path, sizeof path, "%s/seen/%s/%s", s->conf.state_directory, a->domain.s, a->user.s);
	if (fstatat(AT_FDCWD, path, &st, AT_SYMLINK_NOFOLLOW) == 0)
		*when_r = st.st_mtime;
	else if (errno != ENOENT)
		return pv_fail_errno(e, PV_TEMPORARY, "4.3.0", errno, "stat %s", path);
	return PV_OK;
}
