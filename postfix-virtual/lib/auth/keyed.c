#include "auth/keyed.h"

#include "base/clock.h"
#include "base/random.h"
#include "store/state.h"

#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <unistd.h>

enum { LOCK_MS = 1000 };

static const char magic[8] = { 'p', 'v', 'k', 'e', 'y', 'e', 'd', '1' };

struct head {
	char magic[8];
	uint64_t size; /* of the whole file */
	unsigned char key[PV_SUM_KEY];
	uint64_t sum; /* of what stands before it */
	char rest[24];
};
_Static_assert(sizeof(struct head) == PV_KEYED_HEAD, "the head has its size");

static uint64_t sum_of(const struct head *h)
{
	struct pv_sum s;

	pv_sum_start(&s);
	pv_sum_add(&s, h, offsetof(struct head, sum));
	return pv_sum_finish(&s);
}

/* Is the file whole? Then its key goes to k. */
static bool read_head(off_t size, struct pv_keyed *k)
{
	struct stat st;
	struct head h;

	if (fstat(k->fd, &st) != 0 || st.st_size != size || pread(k->fd, &h, sizeof h, 0) != sizeof h ||
	    memcmp(h.magic, magic, sizeof magic) != 0 || h.size != (uint64_t)size || h.sum != sum_of(&h))
		return false;
	memcpy(k->key, h.key, sizeof k->key);
	return true;
}

/* The head comes last: a file whose maker was killed is not whole, and is made anew by the next. */
static enum pv_class write_anew(const char *name, off_t size, struct pv_keyed *k, struct pv_error *e)
{
	struct head h = { .size = (uint64_t)size };

	memcpy(h.magic, magic, sizeof magic);
	enum pv_class c = pv_random_bytes(h.key, sizeof h.key, e);
	if (c != PV_OK)
		return c;
	h.sum = sum_of(&h);
	if (ftruncate(k->fd, 0) != 0 || ftruncate(k->fd, size) != 0 ||
	    pv_write_all_at(k->fd, &h, sizeof h, 0) != 0)
		return pv_fail_errno(e, PV_TEMPORARY, "4.3.0", errno, "write %s", name);
	memcpy(k->key, h.key, sizeof k->key);
	return PV_OK;
}

/* Make it anew, unless somebody else has done so while we waited. */
static enum pv_class mend(const char *name, off_t size, struct pv_keyed *k, struct pv_error *e)
{
	int err = pv_keyed_lock(k->fd, F_WRLCK, 0, PV_KEYED_HEAD, LOCK_MS);

	if (err != 0)
		return pv_fail_errno(e, PV_TEMPORARY, "4.3.0", err, "lock %s", name);
	enum pv_class c = read_head(size, k) ? PV_OK : write_anew(name, size, k, e);
	(void)pv_keyed_lock(k->fd, F_UNLCK, 0, PV_KEYED_HEAD, 0);
	return c;
}

static enum pv_class open_in(int dirfd, const char *name, off_t size, struct pv_keyed *k, struct pv_error *e)
{
	struct stat st;
	enum pv_class c = PV_OK;

	k->fd = openat(dirfd, name, O_RDWR | O_CREAT | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY | O_CLOEXEC, 0600);
	if (k->fd < 0)
		return pv_fail_errno(e, PV_TEMPORARY, "4.3.0", errno, "open %s", name);
	if (read_head(size, k))
		return PV_OK;
	if (fstat(k->fd, &st) != 0)
		c = pv_fail_errno(e, PV_TEMPORARY, "4.3.0", errno, "stat %s", name);
	else if (!S_ISREG(st.st_mode))
		c = pv_fail(e, PV_TEMPORARY, "4.3.5", "%s is not a regular file: remove it", name);
	else
		c = mend(name, size, k, e);
	if (c != PV_OK) {
		(void)close(k->fd);
		k->fd = -1;
	}
	return c;
}

enum pv_class pv_keyed_open(const struct pv_store *s, const char *name, off_t size, struct pv_keyed *k,
			    struct pv_error *e)
{
	int dirfd;

	*k = (struct pv_keyed){ .fd = -1 };
	enum pv_class c = pv_state_open(s->conf.run_directory, NULL, 0700, &dirfd, e);
	if (c != PV_OK)
		return c;
	c = open_in(dirfd, name, PV_KEYED_HEAD + size, k, e);
	(void)close(dirfd);
	if (c != PV_OK && e != NULL)
		(void)pv_error_prefix(e, "%s", s->conf.run_directory);
	return c;
}

int pv_keyed_lock(int fd, short type, off_t at, off_t len, unsigned deadline_ms)
{
	struct flock lock = { .l_type = type, .l_whence = SEEK_SET, .l_start = at, .l_len = len };
	struct pv_backoff wait = pv_backoff_start(deadline_ms);

	while (fcntl(fd, F_OFD_SETLK, &lock) != 0) {
		if (errno == EINTR)
			continue;
		if (errno != EAGAIN && errno != EACCES)
			return errno;
		if (!pv_backoff_wait(&wait))
			return EAGAIN;
	}
	return 0;
}

static void set(struct pv_client *c, unsigned char kind, const void *bytes, unsigned len)
{
	c->bytes[0] = kind;
	memcpy(c->bytes + 1, bytes, len);
	c->len = 1 + len;
}

void pv_client_of(const struct sockaddr *address, struct pv_client *c)
{
	struct sockaddr_in four;
	struct sockaddr_in6 six;

	*c = (struct pv_client){ .len = 0 };
	if (address == NULL)
		return;
	if (address->sa_family == AF_INET) {
		memcpy(&four, address, sizeof four);
		set(c, 4, &four.sin_addr, 4);
	} else if (address->sa_family == AF_INET6) {
		memcpy(&six, address, sizeof six);
		if (IN6_IS_ADDR_V4MAPPED(&six.sin6_addr))
			set(c, 4, six.sin6_addr.s6_addr + 12, 4);
		else
			set(c, 6, &six.sin6_addr, 8);
	}
}
