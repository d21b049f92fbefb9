#include "mailbox/content.h"

#include "base/file.h"

#include <errno.h>
#include <fcntl.h>
#include <unistd.h>

void pv_content_start(struct pv_content *c, int dirfd)
{
	c->memory = (struct pv_buf)PV_BUF_INIT(PV_CONTENT_MEMORY);
	c->dirfd = dirfd;
	c->fd = -1;
	c->size = 0;
	pv_sum_start(&c->sum);
}

void pv_content_free(struct pv_content *c)
{
	if (c->fd >= 0)
		(void)close(c->fd);
	c->fd = -1;
	pv_buf_free(&c->memory);
}

/* An unnamed file in the mailbox's folder. NFS has none: a Maildir may lie there, and needs no more than the
 * bytes (a journal needs a file of its own file system, and says so). */
static int open_temporary(int dirfd)
{
	const int flags = O_RDWR | O_TMPFILE | O_CLOEXEC;

	int fd = dirfd >= 0 ? openat(dirfd, ".", flags, 0600) : -1;
	if (fd >= 0 || (dirfd >= 0 && errno != EOPNOTSUPP && errno != EISDIR))
		return fd;
	return openat(AT_FDCWD, "/var/tmp", flags, 0600);
}

/* Move what is in memory to the temporary file, which is made when it is first needed. */
static enum pv_class spill(struct pv_content *c, struct pv_error *e)
{
	if (c->fd < 0) {
		c->fd = open_temporary(c->dirfd);
		if (c->fd < 0)
			return pv_fail_errno(e, PV_TEMPORARY, "4.3.0", errno,
					     "make a temporary file for a large message %s",
					     c->dirfd >= 0 ? "in the mailbox's folder" : "in /var/tmp");
	}
	pv_sum_add(&c->sum, c->memory.s, c->memory.len);
	if (pv_write_all(c->fd, c->memory.s, c->memory.len) != 0)
		return pv_fail_errno(e, PV_TEMPORARY, errno == ENOSPC || errno == EDQUOT ? "4.3.1" : "4.3.0",
				     errno, "write the temporary file of a large message");
	pv_buf_reset(&c->memory);
	return PV_OK;
}

enum pv_class pv_content_add(struct pv_content *c, const void *data, size_t len, struct pv_error *e)
{
	const char *p = data;
	enum pv_class r;

	while (len > 0) {
		size_t limit = c->fd < 0 ? PV_CONTENT_MEMORY : 256 * 1024;
		if (c->memory.len >= limit && (r = spill(c, e)) != PV_OK)
			return r;
		if (c->fd >= 0)
			limit = 256 * 1024;
		size_t room = limit - c->memory.len, take = len < room ? len : room;
		pv_buf_add(&c->memory, p, take);
		if (c->memory.failed)
			return pv_buf_check(&c->memory, "a message", e);
		c->size += take;
		p += take;
		len -= take;
	}
	return PV_OK;
}

enum pv_class pv_content_finish(struct pv_content *c, struct pv_error *e)
{
	if (c->fd >= 0)
		return spill(c, e);
	pv_sum_add(&c->sum, c->memory.s, c->memory.len);
	return PV_OK;
}

ssize_t pv_content_read(const struct pv_content *c, void *to, size_t len, uint64_t offset)
{
	if (c->fd >= 0)
		return pread(c->fd, to, len, (off_t)offset);
	if (offset >= c->memory.len)
		return 0;
	size_t left = c->memory.len - (size_t)offset;
	if (len > left)
		len = left;
	memcpy(to, c->memory.s + offset, len);
	return (ssize_t)len;
}
