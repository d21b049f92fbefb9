#include "mailbox/maildir_state.h"

#include "base/clock.h"
#include "base/file.h"
#include "base/hash.h"

#include <errno.h>
#include <fcntl.h>
#include <unistd.h>

/* On the disk, in the byte order of the machine: another one's magic does not match. */
struct record {
	uint64_t magic;
	uint32_t step; /* enum pv_maildir_step; not in the checksum */
	uint32_t flags;
	int64_t begun, doubt;
	uint64_t bytes, messages;
	int64_t times[2];
	unsigned char id[PV_ID_BYTES];
	char name[NAME_MAX + 1];
	uint64_t sum; /* over all before it, with step = 0 */
};

#define MAGIC 0x317269646d767001u /* .pvmdir1 */
enum { HAS_ID = 1, COUNTED = 2 };

static bool make_name(const char *mailbox, char out[NAME_MAX + 1])
{
	int n = snprintf(out, NAME_MAX + 1, ".%s.maildir", mailbox);

	errno = ENAMETOOLONG;
	return n > 0 && n <= NAME_MAX;
}

static uint64_t record_sum(const struct record *r)
{
	struct record copy = *r;
	struct pv_sum sum;

	copy.step = 0;
	pv_sum_start(&sum);
	pv_sum_add(&sum, &copy, offsetof(struct record, sum));
	return pv_sum_finish(&sum);
}

/* Is the open file still the one of that name? Whoever removes a mailbox removes this too. */
static bool is_at_path(const struct pv_location *l, const char *name, int fd)
{
	struct stat mine, there;

	if (fstat(fd, &mine) != 0 || fstatat(l->dirfd, name, &there, AT_SYMLINK_NOFOLLOW) != 0)
		return false;
	/* What umask took away would keep the next delivery out. */
	if ((mine.st_mode & 0600) != 0600)
		(void)fchmod(fd, 0600);
	return mine.st_ino == there.st_ino && mine.st_dev == there.st_dev;
}

static enum pv_class fail_lock(const struct pv_location *l, struct pv_error *e)
{
	bool full = errno == ENOSPC || errno == EDQUOT;

	return pv_fail_errno(e, PV_TEMPORARY, full ? "4.3.1" : "4.3.0", errno, "lock Maildir %s", l->path);
}

enum pv_class pv_maildir_lock(const struct pv_location *l, unsigned deadline_ms, int *fd_r,
			      struct pv_error *e)
{
	const int flags = O_RDWR | O_CREAT | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY | O_CLOEXEC;
	struct flock whole = { .l_type = F_WRLCK, .l_whence = SEEK_SET };
	struct pv_backoff wait = pv_backoff_start(deadline_ms);
	char name[NAME_MAX + 1];

	*fd_r = -1;
	if (!make_name(l->name, name))
		return fail_lock(l, e);
	for (;;) {
		int fd = openat(l->dirfd, name, flags, 0600);
		if (fd < 0)
			return fail_lock(l, e);
		bool locked = fcntl(fd, F_OFD_SETLK, &whole) == 0;
		int err = errno;
		if (locked && is_at_path(l, name, fd)) {
			*fd_r = fd;
			return PV_OK;
		}
		(void)close(fd);
		errno = err;
		if (!locked && err != EAGAIN && err != EACCES && err != EINTR)
			return fail_lock(l, e);
		if (!pv_backoff_wait(&wait))
			return pv_fail(e, PV_TEMPORARY, "4.2.0",
				       "Maildir %s is locked by another program for more than %u ms", l->path,
				       deadline_ms);
	}
}

static bool is_whole(const struct record *r)
{
	return r->magic == MAGIC && r->sum == record_sum(r) && r->step <= PV_MAILDIR_LINKED &&
	       memchr(r->name, '\0', sizeof r->name) != NULL && strchr(r->name, '/') == NULL;
}

int pv_maildir_state_read(int fd, struct pv_maildir_state *s)
{
	struct record r;

	*s = (struct pv_maildir_state){ .begun = 0 };
	ssize_t n = pv_read_all_at(fd, &r, sizeof r, 0);
	if (n < 0 && errno != EISDIR && errno != ESPIPE)
		return -1;
	if (n != (ssize_t)sizeof r || !is_whole(&r))
		return 0;
	*s = (struct pv_maildir_state){ .begun = r.begun,
					.doubt = r.doubt,
					.counted = (r.flags & COUNTED) != 0,
					.usage = { .bytes = r.bytes, .messages = r.messages },
					.times = { r.times[0], r.times[1] },
					.step = (enum pv_maildir_step)r.step,
					.has_id = (r.flags & HAS_ID) != 0 };
	memcpy(s->id, r.id, sizeof s->id);
	memcpy(s->name, r.name, sizeof s->name);
	return 0;
}

void pv_maildir_state_look(int dirfd, const char *name, struct pv_maildir_state *s)
{
	char side[NAME_MAX + 1];

	*s = (struct pv_maildir_state){ .begun = 0 };
	int fd = make_name(name, side)
			 ? openat(dirfd, side, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY | O_CLOEXEC)
			 : -1;
	if (fd < 0)
		return;
	(void)pv_maildir_state_read(fd, s);
	(void)close(fd);
}

int pv_maildir_state_write(int fd, const struct pv_maildir_state *s)
{
	struct record r = { .magic = MAGIC,
			    .step = s->step,
			    .flags = (s->has_id ? HAS_ID : 0u) | (s->counted ? COUNTED : 0u),
			    .begun = s->begun,
			    .doubt = s->doubt,
			    .bytes = s->usage.bytes,
			    .messages = s->usage.messages,
			    .times = { s->times[0], s->times[1] } };

	if (s->has_id)
		memcpy(r.id, s->id, sizeof r.id);
	(void)snprintf(r.name, sizeof r.name, "%s", s->name);
	r.sum = record_sum(&r);
	ssize_t n = pwrite(fd, &r, sizeof r, 0);
	if (n >= 0 && n != (ssize_t)sizeof r)
		errno = ENOSPC;
	return n == (ssize_t)sizeof r ? 0 : -1;
}

int pv_maildir_state_step(int fd, enum pv_maildir_step step)
{
	const uint32_t x = step;

	return pwrite(fd, &x, sizeof x, offsetof(struct record, step)) == (ssize_t)sizeof x ? 0 : -1;
}

int64_t pv_maildir_time(const struct stat *st)
{
	return (int64_t)st->st_mtim.tv_sec * 1000000000 + (int64_t)st->st_mtim.tv_nsec;
}
