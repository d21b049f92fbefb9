/*
 * floor.c: the least that an mbox delivery can be, to measure a delivery agent against.
 *
 *     floor MAILBOX < message
 *
 * Reads all of stdin, takes an fcntl lock, appends with `>From ` quoting and an empty line in one
 * writev, syncs. No user lookup, no dotlock, no journal, no repair, no log: not for real mail.
 */
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/uio.h>
#include <unistd.h>

enum { TEMPORARY = 75, FIRST = 64 * 1024 };

struct message {
	char *s;
	size_t len, cap;
};

static bool read_all(struct message *m)
{
	ssize_t n;

	do {
		if (m->len == m->cap) {
			m->cap = m->cap ? m->cap * 2 : FIRST;
			m->s = realloc(m->s, m->cap);
			if (!m->s)
				return false;
		}
		n = read(STDIN_FILENO, m->s + m->len, m->cap - m->len);
		if (n > 0)
			m->len += (size_t)n;
	} while (n > 0 || (n < 0 && errno == EINTR));
	return n == 0;
}

/* writev() all of v, which is used up on the way. */
static bool put_all(int fd, struct iovec *v, int count)
{
	while (count > 0) {
		ssize_t n = writev(fd, v, count < IOV_MAX ? count : IOV_MAX);

		if (n < 0)
			return false;
		while (count > 0 && (size_t)n >= v->iov_len) {
			n -= (ssize_t)v->iov_len;
			v++;
			count--;
		}
		if (count > 0) {
			v->iov_base = (char *)v->iov_base + n;
			v->iov_len -= (size_t)n;
		}
	}
	return true;
}

/* Does the line at p need one `>` more (mboxrd)? */
static bool is_from_line(const char *p, const char *end)
{
	while (p < end && *p == '>')
		p++;
	return end - p >= 5 && memcmp(p, "From ", 5) == 0;
}

/* The message in pieces, a `>` in front of each line that needs one. The first line is the From_ line. */
static struct iovec *quote(struct message *m, int *count_r)
{
	static char gt[] = ">", tail[] = "\n\n";
	char *end = m->s + m->len, *from = m->s, *p = m->s;
	size_t cap = 64, count = 0;
	struct iovec *v = malloc(cap * sizeof *v);

	while (v && (p = memchr(p, '\n', (size_t)(end - p))) && ++p < end) {
		if (!is_from_line(p, end))
			continue;
		if (count + 4 > cap) {
			struct iovec *more = realloc(v, (cap *= 2) * sizeof *v);

			if (!more)
				return NULL;
			v = more;
		}
		v[count++] = (struct iovec){ from, (size_t)(p - from) };
		v[count++] = (struct iovec){ gt, 1 };
		from = p;
	}
	if (!v)
		return NULL;
	v[count++] = (struct iovec){ from, (size_t)(end - from) };
	v[count++] = (struct iovec){ tail, m->len && end[-1] == '\n' ? 1 : 2 };
	*count_r = (int)count;
	return v;
}

static bool append(const char *path, struct iovec *v, int count)
{
	struct flock whole = { .l_type = F_WRLCK, .l_whence = SEEK_SET };
	struct stat st;
	int fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);

	if (fd < 0 || fcntl(fd, F_SETLKW, &whole) < 0 || fstat(fd, &st) < 0 || !S_ISREG(st.st_mode))
		return false;
	if (lseek(fd, 0, SEEK_END) < 0)
		return false;
	if (!put_all(fd, v, count)) {
		if (ftruncate(fd, st.st_size) < 0)
			return false;
		return false;
	}
	return fsync(fd) == 0 && close(fd) == 0;
}

int main(int argc, char **argv)
{
	struct message m = { 0 };
	struct iovec *v;
	int count;

	umask(077);
	if (argc != 2 || !read_all(&m) || !(v = quote(&m, &count)))
		return TEMPORARY;
	return append(argv[1], v, count) ? 0 : TEMPORARY;
}
