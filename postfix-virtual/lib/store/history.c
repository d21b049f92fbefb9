#include "store/history.h"

#include "base/file.h"

#include <errno.h>
#include <fcntl.h>
#include <unistd.h>

enum { LINE_MAX_BYTES = 2048, STAMP = sizeof "2026-11-20T10:56:12Z" - 1 };

#define FILE_MAX_BYTES ((size_t)256 << 20)

static void make_word(char *s)
{
	pv_printable(s, strlen(s));
	for (; *s != '\0'; s++)
		if (*s == ' ')
			*s = '_';
}

void pv_history_format(time_t when, const char *who, const char *where, const char *what, char *out,
		       size_t size)
{
	char by[128], from[128], stamp[32];
	struct tm utc;

	(void)snprintf(by, sizeof by, "%s", *who != '\0' ? who : "?");
	(void)snprintf(from, sizeof from, "%s", *where != '\0' ? where : "?");
	make_word(by);
	make_word(from);
	if (gmtime_r(&when, &utc) == NULL || strftime(stamp, sizeof stamp, "%Y-%m-%dT%H:%M:%SZ", &utc) == 0)
		(void)snprintf(stamp, sizeof stamp, "?");
	(void)snprintf(out, size, "%s %s %s %s", stamp, by, from, what);
	pv_printable(out, strlen(out));
}

/* Read up to LINE_MAX_BYTES at the end of fd. Returns their number, or -1. */
static ssize_t read_tail(int fd, off_t size, char *tail)
{
	off_t from = size > LINE_MAX_BYTES ? size - LINE_MAX_BYTES : 0;

	return pread(fd, tail, (size_t)(size - from), from);
}

/* Is `line` the last one of tail? */
static bool ends_with_line(const char *tail, size_t len, const char *line)
{
	size_t n = strlen(line);

	if (len < n + 1 || tail[len - 1] != '\n' || memcmp(tail + len - 1 - n, line, n) != 0)
		return false;
	return len == n + 1 || tail[len - n - 2] == '\n';
}

static enum pv_class append(int fd, const char *name, const char *line, bool again, struct pv_error *e)
{
	char tail[LINE_MAX_BYTES], whole[LINE_MAX_BYTES + 2];
	struct stat st;

	if (fstat(fd, &st) != 0)
		return pv_fail_errno(e, PV_TEMPORARY, "4.3.0", errno, "stat history/%s", name);
	ssize_t n = read_tail(fd, st.st_size, tail);
	if (n < 0)
		return pv_fail_errno(e, PV_TEMPORARY, "4.3.0", errno, "read history/%s", name);
	if (again && ends_with_line(tail, (size_t)n, line))
		return PV_OK;
	bool torn = n > 0 && tail[n - 1] != '\n';
	int len = snprintf(whole, sizeof whole, "%s%s\n", torn ? "\n" : "", line);
	if (len < 0 || (size_t)len >= sizeof whole)
		return pv_fail(e, PV_BUG, "4.3.0", "a line of history/%s is too long", name);
	if (pv_write_all(fd, whole, (size_t)len) == 0 && fsync(fd) == 0)
		return PV_OK;
	int err = errno;
	if (ftruncate(fd, st.st_size) != 0) {
		/* A torn line stays; the next one begins on a line of its own. */
	}
	return pv_fail_errno(e, PV_TEMPORARY, "4.3.0", err, "write history/%s", name);
}

enum pv_class pv_history_add(int dirfd, const struct pv_domain *d, gid_t group, const char *line, bool again,
			     struct pv_error *e)
{
	const int flags = O_RDWR | O_APPEND | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC;
	struct stat st;

	int fd = openat(dirfd, d->s, flags);
	bool is_new = fd < 0 && errno == ENOENT;
	if (is_new)
		fd = openat(dirfd, d->s, flags | O_CREAT, 0600);
	if (fd < 0)
		return pv_fail_errno(e, PV_TEMPORARY, "4.3.0", errno, "open history/%s", d->s);
	enum pv_class c = PV_OK;
	/* Also where it was made by who was killed next. */
	if (fstat(fd, &st) != 0 ||
	    ((st.st_mode & 07777) != 0640 && (fchown(fd, (uid_t)-1, group) != 0 || fchmod(fd, 0640) != 0)))
		c = pv_fail_errno(e, PV_TEMPORARY, "4.3.0", errno, "set owner and mode of history/%s", d->s);
	if (c == PV_OK)
		c = append(fd, d->s, line, again, e);
	if (close(fd) != 0 && c == PV_OK)
		c = pv_fail_errno(e, PV_TEMPORARY, "4.3.0", errno, "close history/%s", d->s);
	if (c == PV_OK && is_new && pv_dir_sync(dirfd) != 0)
		c = pv_fail_errno(e, PV_TEMPORARY, "4.3.0", errno, "sync the folder of history/%s", d->s);
	return c;
}

/* Does the line begin with a date, and with one of before `since`? (Both are written so that text sorts.) */
static bool is_dated(const char *line, size_t len)
{
	static const char form[] = "dddd-dd-ddTdd:dd:ddZ";

	for (size_t i = 0; i < STAMP; i++)
		if (len < STAMP || (form[i] == 'd' ? line[i] < '0' || line[i] > '9' : line[i] != form[i]))
			return false;
	return true;
}

/* How many bytes at the front are lines of before `since`. What bears no date goes with the line before. */
static size_t old_part(const struct pv_buf *text, const char *since, size_t *lines_r)
{
	size_t at = 0;

	*lines_r = 0;
	while (at < text->len) {
		const char *line = text->s + at;
		size_t len = strcspn(line, "\n");
		if (is_dated(line, len) ? strncmp(line, since, STAMP) >= 0 : *lines_r == 0)
			return at;
		at += len + (line[len] == '\n');
		++*lines_r;
	}
	return at;
}

static enum pv_class replace(int dirfd, const struct pv_domain *d, const struct pv_buf *text, size_t from,
			     struct pv_error *e)
{
	struct stat st;

	if (from == text->len)
		return pv_file_remove(dirfd, d->s, e);
	if (fstatat(dirfd, d->s, &st, AT_SYMLINK_NOFOLLOW) != 0)
		return pv_fail_errno(e, PV_TEMPORARY, "4.3.0", errno, "stat history/%s", d->s);
	return pv_file_replace(dirfd, d->s, text->s + from, text->len - from, 0640, (uid_t)-1, st.st_gid, e);
}

enum pv_class pv_history_trim(int dirfd, const struct pv_domain *d, time_t since, bool dry, size_t *dropped_r,
			      struct pv_error *e)
{
	const struct pv_trust trust = { .uid = geteuid(), .where = "history" };
	struct pv_buf text = PV_BUF_INIT(FILE_MAX_BYTES);
	char stamp[32];
	struct tm utc;
	bool found;

	*dropped_r = 0;
	if (gmtime_r(&since, &utc) == NULL ||
	    strftime(stamp, sizeof stamp, "%Y-%m-%dT%H:%M:%SZ", &utc) != STAMP)
		return pv_fail(e, PV_BUG, "4.3.0", "a date that cannot be written");
	enum pv_class c = pv_file_load(dirfd, d->s, &trust, &text, &found, e);
	if (c == PV_OK && found) {
		size_t from = old_part(&text, stamp, dropped_r);
		if (from > 0 && !dry)
			c = replace(dirfd, d, &text, from, e);
	}
	if (c != PV_OK)
		*dropped_r = 0;
	pv_buf_free(&text);
	return c;
}
