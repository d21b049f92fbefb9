#include "store/passwd_reader.h"

#include <errno.h>
#include <unistd.h>

enum pv_class pv_passwd_reader_open(struct pv_passwd_reader *r, const struct pv_folder *f, struct pv_error *e)
{
	enum pv_class c = pv_file_open(f->fd, "passwd", &f->trust, &r->fd, &r->st, e);

	if (c != PV_OK)
		return c;
	if (r->fd < 0)
		return pv_fail(e, PV_TEMPORARY, "4.3.5",
			       "%s/passwd is missing: put it back, or `postfix-virtual user add` makes one",
			       f->path);
	r->folder = f;
	if (r->st.st_size != 0)
		return PV_OK;
	(void)close(r->fd);
	return pv_fail(e, PV_TEMPORARY, "4.3.5",
		       "%s/passwd is empty: put the users back, or a line with `#` where there are none",
		       f->path);
}

void pv_passwd_reader_start(struct pv_passwd_reader *r, off_t at, size_t chunk)
{
	r->next = at;
	r->chunk = chunk;
	r->start = r->end = 0;
	r->no = 0;
	r->skip = false;
}

enum pv_class pv_passwd_reader_fill(struct pv_passwd_reader *r, struct pv_error *e)
{
	size_t kept = r->end - r->start;
	size_t want = r->chunk < PV_PASSWD_SEEN - kept ? r->chunk : PV_PASSWD_SEEN - kept;
	off_t left = r->st.st_size - r->next;
	ssize_t n;

	if (left < (off_t)want)
		want = (size_t)left;
	memmove(r->buf, r->buf + r->start, kept);
	do
		n = pread(r->fd, r->buf + kept, want, r->next);
	while (n < 0 && errno == EINTR);
	if (n < 0)
		return pv_fail_errno(e, pv_errno_class(errno), "4.3.0", errno, "read %s/passwd",
				     r->folder->path);
	if (n == 0)
		return pv_fail(e, PV_TEMPORARY, "4.3.0", "%s/passwd became shorter while it was read",
			       r->folder->path);
	r->start = 0;
	r->end = kept + (size_t)n;
	r->next += n;
	return PV_OK;
}

/* Hand out buf[start..start + len). */
static void hand_out(struct pv_passwd_reader *r, struct pv_passwd_text *l, size_t len, bool whole)
{
	*l = (struct pv_passwd_text){ .s = r->buf + r->start, .len = len, .whole = whole };
	r->start += len + whole;
	r->no++;
}

/* Take a line out of the window. Returns false where no whole one is in it. */
static bool take(struct pv_passwd_reader *r, struct pv_passwd_text *l)
{
	size_t have = r->end - r->start;
	const char *newline = memchr(r->buf + r->start, '\n', have);

	if (r->skip) {
		r->start += newline != NULL ? (size_t)(newline + 1 - r->buf) - r->start : have;
		r->skip = newline == NULL;
		return newline != NULL && take(r, l);
	}
	if (newline != NULL) {
		hand_out(r, l, (size_t)(newline - r->buf) - r->start, true);
	} else if (have > 0 && r->next == r->st.st_size) {
		hand_out(r, l, have, false);
	} else if (have >= PV_PASSWD_LINE_MAX) {
		hand_out(r, l, have, false);
		l->whole = r->skip = true;
	} else {
		return false;
	}
	return true;
}

enum pv_class pv_passwd_reader_next(struct pv_passwd_reader *r, struct pv_passwd_text *l, struct pv_error *e)
{
	while (!take(r, l)) {
		if (r->next == r->st.st_size) {
			l->s = NULL;
			return PV_OK;
		}
		enum pv_class c = pv_passwd_reader_fill(r, e);
		if (c != PV_OK)
			return c;
	}
	return PV_OK;
}

off_t pv_passwd_reader_at(const struct pv_passwd_reader *r, const struct pv_passwd_text *l)
{
	return r->next - (off_t)(r->end - (size_t)(l->s - r->buf));
}

enum pv_class pv_passwd_reader_check(const struct pv_passwd_reader *r, struct pv_error *e)
{
	const struct stat *a = &r->st;
	struct stat b;

	if (fstat(r->fd, &b) != 0)
		return pv_fail_errno(e, pv_errno_class(errno), "4.3.0", errno, "stat %s/passwd",
				     r->folder->path);
	if (a->st_size != b.st_size || a->st_mtim.tv_sec != b.st_mtim.tv_sec ||
	    a->st_mtim.tv_nsec != b.st_mtim.tv_nsec || a->st_ctim.tv_sec != b.st_ctim.tv_sec ||
	    a->st_ctim.tv_nsec != b.st_ctim.tv_nsec)
		return pv_fail(e, PV_TEMPORARY, "4.3.0", "%s/passwd changed while it was read",
			       r->folder->path);
	return PV_OK;
}
