#include "message.h"

#include "base/file.h"
#include "mailbox/plain.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/mman.h>
#include <unistd.h>

void message_start(struct message *m, int dirfd)
{
	*m = (struct message){ .plain_fd = -1 };
	pv_content_start(&m->content, dirfd);
}

void message_free(struct message *m)
{
	pv_content_free(&m->content);
	if (m->plain_fd >= 0)
		(void)close(m->plain_fd);
	m->plain_fd = -1;
}

static enum pv_class fail_file(struct pv_error *e, const char *what)
{
	bool full = errno == ENOSPC || errno == EDQUOT || errno == EFBIG;

	return pv_fail_errno(e, PV_TEMPORARY, full ? "4.3.1" : "4.3.0", errno, "%s for a program", what);
}

static enum pv_class make_file(int dirfd, bool in_memory, int *fd_r, struct pv_error *e)
{
	if (in_memory)
		*fd_r = memfd_create("message", MFD_CLOEXEC);
	else
		*fd_r = openat(dirfd >= 0 ? dirfd : AT_FDCWD, dirfd >= 0 ? "." : "/var/tmp",
			       O_RDWR | O_TMPFILE | O_CLOEXEC, 0600);
	return *fd_r >= 0 ? PV_OK : fail_file(e, "make a file of the message");
}

enum pv_class message_file_of(const char *text, size_t len, int *fd_r, struct pv_error *e)
{
	enum pv_class c = make_file(-1, true, fd_r, e);

	if (c != PV_OK)
		return c;
	if (pv_write_all_at(*fd_r, text, len, 0) == 0)
		return PV_OK;
	c = fail_file(e, "write a file of the message");
	(void)close(*fd_r);
	*fd_r = -1;
	return c;
}

static enum pv_class make_plain(struct message *m, struct pv_error *e)
{
	struct pv_plain plain;

	enum pv_class c = make_file(m->content.dirfd, m->content.fd < 0, &m->plain_fd, e);
	if (c != PV_OK)
		return c;
	/* With the From_ line, which is not quoted either; without the empty line at the end. */
	if (pv_plain_start_at(&plain, &m->content, 0, m->content.size - 1) == 0 &&
	    pv_plain_write(&plain, m->plain_fd) == 0)
		return PV_OK;
	c = fail_file(e, "write a file of the message");
	(void)close(m->plain_fd);
	m->plain_fd = -1;
	return c;
}

/* A program that is left over from before may still hold the file: each gets a position of its own. */
static int open_again(int fd)
{
	char proc[40];

	(void)snprintf(proc, sizeof proc, "/proc/self/fd/%d", fd);
	int own = open(proc, O_RDONLY | O_CLOEXEC);
	return own >= 0 ? own : fcntl(fd, F_DUPFD_CLOEXEC, 0);
}

enum pv_class message_open(struct message *m, enum message_part part, int *fd_r, struct pv_error *e)
{
	const size_t at[] = { [MESSAGE_ALL] = 0,
			      [MESSAGE_FROM_RETURN_PATH] = m->return_path_at,
			      [MESSAGE_FROM_DELIVERED_TO] = m->delivered_to_at };
	enum pv_class c;

	*fd_r = -1;
	if (m->plain_fd < 0 && (c = make_plain(m, e)) != PV_OK)
		return c;
	*fd_r = open_again(m->plain_fd);
	if (*fd_r >= 0 && lseek(*fd_r, (off_t)at[part], SEEK_SET) >= 0)
		return PV_OK;
	c = fail_file(e, "open a file of the message");
	if (*fd_r >= 0)
		(void)close(*fd_r);
	*fd_r = -1;
	return c;
}

static enum pv_class copy_content(const struct pv_content *from, struct pv_content *to, struct pv_error *e)
{
	char chunk[65536];
	uint64_t at = 0;
	ssize_t n;

	while ((n = pv_content_read(from, chunk, sizeof chunk, at)) != 0) {
		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return pv_fail_errno(e, PV_TEMPORARY, "4.3.0", errno,
					     "read the temporary file of a large message");
		enum pv_class c = pv_content_add(to, chunk, (size_t)n, e);
		if (c != PV_OK)
			return c;
		at += (uint64_t)n;
	}
	return pv_content_finish(to, e);
}

enum pv_class message_content_for(struct message *m, const struct pv_location *where, struct pv_content *copy,
				  const struct pv_content **c_r, struct pv_error *e)
{
	pv_content_start(copy, where->shared ? -1 : where->dirfd);
	*c_r = &m->content;
	/* In a shared folder no journal is kept, and in memory nothing is to be linked. */
	if (m->content.fd < 0 || where->shared)
		return PV_OK;
	if (!m->spent && m->content.dirfd == where->dirfd) {
		m->spent = true;
		return PV_OK;
	}
	*c_r = copy;
	return copy_content(&m->content, copy, e);
}
