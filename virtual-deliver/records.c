#include "records.h"

#include "base/clock.h"
#include "base/file.h"
#include "base/hash.h"

#include <errno.h>
#include <fcntl.h>
#include <unistd.h>

static const char name[] = "actions", file[] = ".actions.done";

enum {
	BUCKET_BYTES = PV_DONE_BUCKET * sizeof(struct pv_done_entry),
	REFRESH_SECONDS = 3600, /* a message is tried for days, an entry is sure to live four hours */
	CHANGE_MS = 10 * 1000,	/* for a lock that is held while one entry is written */
};

/* Bytes that no file reaches to. */
#define MESSAGE_LOCKS ((off_t)1 << 61)

void records_none(struct records *r)
{
	r->dirfd = r->fd = -1;
}

void records_close(struct records *r)
{
	if (r->fd >= 0)
		(void)close(r->fd);
	if (r->dirfd >= 0)
		(void)close(r->dirfd);
	records_none(r);
}

static enum pv_class fail(struct pv_error *e, const struct records *r, const char *what)
{
	bool full = errno == ENOSPC || errno == EDQUOT || errno == EFBIG;

	return pv_fail_errno(e, PV_TEMPORARY, full ? "4.3.1" : "4.3.0", errno, "%s %s.done", what, r->path);
}

/* Lock (or unlock) a range. false: it could not be had in that time, or errno. */
static bool lock_range(int fd, int type, off_t start, unsigned deadline_ms)
{
	struct flock l = { .l_type = (short)type, .l_whence = SEEK_SET, .l_start = start, .l_len = 1 };
	struct pv_backoff wait = pv_backoff_start(deadline_ms);

	while (fcntl(fd, F_OFD_SETLK, &l) != 0) {
		if (errno != EAGAIN && errno != EACCES && errno != EINTR)
			return false;
		if (!pv_backoff_wait(&wait)) {
			errno = EAGAIN;
			return false;
		}
	}
	return true;
}

/* Its first bucket is there from the start: what is done must not fail to be noted for want of room. */
static bool make_room(int fd, int dirfd)
{
	static const char zeros[BUCKET_BYTES];
	struct stat st;

	if (fstat(fd, &st) != 0)
		return false;
	if (st.st_size >= (off_t)sizeof zeros)
		return true;
	ssize_t n = pwrite(fd, zeros, sizeof zeros - (size_t)st.st_size, st.st_size);
	if (n >= 0 && (size_t)n < sizeof zeros - (size_t)st.st_size)
		errno = ENOSPC;
	return n == (ssize_t)(sizeof zeros - (size_t)st.st_size) && fsync(fd) == 0 && pv_dir_sync(dirfd) == 0;
}

static enum pv_class begin(struct records *r, unsigned deadline_ms, struct pv_error *e)
{
	uint64_t number;

	r->fd = openat(r->dirfd, file, O_RDWR | O_CREAT | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC, 0600);
	if (r->fd < 0)
		return fail(e, r, "open");
	memcpy(&number, r->message, sizeof number);
	if (!lock_range(r->fd, F_WRLCK, MESSAGE_LOCKS + (off_t)(number >> 4), deadline_ms)) {
		if (errno == EAGAIN)
			return pv_fail(e, PV_TEMPORARY, "4.3.0",
				       "an earlier try to deliver this message is still at work");
		return fail(e, r, "lock");
	}
	if (!lock_range(r->fd, F_WRLCK, 0, CHANGE_MS))
		return fail(e, r, "lock");
	bool ok = make_room(r->fd, r->dirfd);
	enum pv_class c = ok ? PV_OK : fail(e, r, "make");
	(void)lock_range(r->fd, F_UNLCK, 0, 0);
	return c;
}

enum pv_class records_open(struct records *r, int dirfd, const char *path,
			   const unsigned char message[PV_ID_BYTES], unsigned deadline_ms, struct pv_error *e)
{
	records_none(r);
	r->dirfd = dirfd;
	(void)snprintf(r->path, sizeof r->path, "%s/.%s", path, name);
	memcpy(r->message, message, PV_ID_BYTES);
	r->where = (struct pv_location){ .dirfd = dirfd, .path = r->path, .name = name };
	enum pv_class c = begin(r, deadline_ms, e);
	if (c != PV_OK)
		records_close(r);
	return c;
}

static void make_id(const struct records *r, char kind, const char *key, size_t len,
		    unsigned char id[PV_ID_BYTES])
{
	struct pv_sha256 sum;

	pv_sha256_start(&sum);
	pv_sha256_add(&sum, r->message, sizeof r->message);
	pv_sha256_add(&sum, &kind, 1);
	pv_sha256_add(&sum, key, len);
	pv_sha256_finish(&sum, id);
}

/* Note id, where it is not noted yet or not since an hour. Returns whether it is noted now. */
static bool note(struct records *r, const unsigned char id[PV_ID_BYTES], bool found, int64_t when,
		 struct pv_done *done)
{
	int64_t now = pv_done_now();

	if (found && when > now - (int64_t)REFRESH_SECONDS * PV_DONE_UNITS)
		return true;
	return pv_done_add(done, id, now) && fdatasync(r->fd) == 0;
}

bool records_add(struct records *r, char kind, const char *key, size_t len)
{
	unsigned char id[PV_ID_BYTES];
	struct pv_done done;
	int64_t when = 0;

	if (r->fd < 0)
		return false;
	make_id(r, kind, key, len, id);
	if (!lock_range(r->fd, F_WRLCK, 0, CHANGE_MS))
		return false;
	bool found = pv_done_find(&r->where, id, &when, &done);
	bool noted = note(r, id, found, when, &done);
	int err = errno;
	pv_done_close(&done);
	(void)lock_range(r->fd, F_UNLCK, 0, 0);
	errno = err;
	return noted;
}

enum pv_class records_look(struct records *r, char kind, const char *key, size_t len, bool *done_r,
			   struct pv_error *e)
{
	unsigned char id[PV_ID_BYTES];
	struct pv_done done;
	int64_t when = 0;

	*done_r = false;
	if (r->fd < 0)
		return PV_OK;
	make_id(r, kind, key, len, id);
	if (!lock_range(r->fd, F_WRLCK, 0, CHANGE_MS))
		return fail(e, r, "lock");
	*done_r = pv_done_find(&r->where, id, &when, &done);
	enum pv_class c = done.fd >= 0 ? PV_OK : fail(e, r, "read");
	if (*done_r)
		(void)note(r, id, true, when, &done);
	pv_done_close(&done);
	(void)lock_range(r->fd, F_UNLCK, 0, 0);
	return c;
}
