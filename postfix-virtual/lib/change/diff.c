#include "change/diff.h"

#include "base/file.h"
#include "maps/postfix.h"

#include <errno.h>
#include <limits.h>
#include <sys/mman.h>
#include <unistd.h>

#define DIFF "/usr/bin/diff"

enum { DIFF_SECONDS = 60 };

/* A text that diff can open by a path and nobody else ever sees. */
static int make_file(const char *text, size_t len)
{
	int fd = memfd_create("postfix-virtual", MFD_CLOEXEC);

	if (fd >= 0 && len > 0 && pv_write_all(fd, text, len) != 0) {
		int err = errno;
		(void)close(fd);
		errno = err;
		return -1;
	}
	return fd;
}

static void silence(char *s, size_t len)
{
	for (size_t i = 0; i < len; i++)
		if (((unsigned char)s[i] < 0x20 && s[i] != '\n' && s[i] != '\t') || s[i] == 0x7f)
			s[i] = '?';
}

static enum pv_class run(const char *path, bool has_old, int old, bool has_new, int new, struct pv_buf *out,
			 struct pv_error *e)
{
	char old_fd[64], new_fd[64];
	const char *argv[] = { DIFF,
			       "-u",
			       "--text",
			       "--label",
			       has_old ? path : "/dev/null",
			       "--label",
			       has_new ? path : "/dev/null",
			       "--",
			       old_fd,
			       new_fd,
			       NULL };
	struct pv_buf words = PV_BUF_INIT(4096);
	size_t before = out->len;
	int status = 0;

	(void)snprintf(old_fd, sizeof old_fd, "/proc/%ld/fd/%d", (long)getpid(), old);
	(void)snprintf(new_fd, sizeof new_fd, "/proc/%ld/fd/%d", (long)getpid(), new);
	enum pv_class c = pv_postfix_run(argv, NULL, DIFF_SECONDS, out, &words, &status, e);
	if (c == PV_OK && (status > 1 || words.len > 0))
		c = pv_fail(e, PV_TEMPORARY, "4.3.0", "%s failed: %s", DIFF, words.s);
	silence(out->s + before, out->len - before);
	pv_buf_free(&words);
	return c;
}

enum pv_class pv_diff(const char *path, const char *old, size_t old_len, const char *new, size_t new_len,
		      struct pv_buf *out, struct pv_error *e)
{
	enum pv_class c;

	int old_file = make_file(old, old != NULL ? old_len : 0);
	int new_file = old_file >= 0 ? make_file(new, new != NULL ? new_len : 0) : -1;
	if (new_file < 0)
		c = pv_fail_errno(e, PV_TEMPORARY, "4.3.0", errno, "make a file in memory for a diff");
	else
		c = run(path, old != NULL, old_file, new != NULL, new_file, out, e);
	if (old_file >= 0)
		(void)close(old_file);
	if (new_file >= 0)
		(void)close(new_file);
	return c;
}
