/* An mbox of a Maildir. */
#include "mailbox/maildrop_convert_parts.h"

#include "base/file.h"
#include "mailbox/from_line.h"
#include "mailbox/maildrop_digest.h"
#include "mailbox/maildrop_flags.h"
#include "mailbox/maildrop_maildir.h"
#include "mailbox/mboxrd.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <unistd.h>

struct building {
	const struct pv_maildir_box *box;
	struct pv_maildir_listing list;
	struct pv_digest *digests; /* of the messages, as they are in the Maildir */
	size_t n;		   /* of them */
	int fd;			   /* the new mbox */
	uint64_t size;
	char *memory; /* PV_SCAN_BLOCK bytes */
};

static enum pv_class fail_io(const struct building *b, const char *what, struct pv_error *e)
{
	bool full = errno == ENOSPC || errno == EDQUOT || errno == EFBIG;

	return pv_fail_errno(e, PV_TEMPORARY, full ? "4.3.1" : "4.3.0", errno, "%s an mbox of %s", what,
			     b->box->where->path);
}

static enum pv_class fail_changed(const struct building *b, struct pv_error *e)
{
	return pv_fail(
		e, PV_TEMPORARY, "4.2.0",
		"Maildir %s was changed by another program while it was read: nothing was changed by us",
		b->box->where->path);
}

/* How long is the header that begins there, its empty line aside? All, where that does not come. */
static size_t header_length(const char *s, size_t len)
{
	for (const char *p = s; p < s + len;) {
		size_t left = (size_t)(s + len - p);
		if (*p == '\n' || (left >= 2 && *p == '\r' && p[1] == '\n'))
			return (size_t)(p - s);
		const char *newline = memchr(p, '\n', left);
		if (newline == NULL)
			break;
		p = newline + 1;
	}
	return len;
}

/* A message that is being copied. */
struct copying {
	int fd;
	struct stat st;
	unsigned flags;
	struct pv_content *to;
	struct pv_mboxrd quote;
};

static enum pv_class copy_top(struct building *b, struct copying *m, size_t *taken_r, struct pv_error *e)
{
	struct pv_buf top = PV_BUF_INIT(PV_SCAN_BLOCK + 4096);
	const char *sender = "";

	ssize_t n = pv_read_all_at(m->fd, b->memory, PV_SCAN_BLOCK, 0);
	if (n < 0)
		return fail_io(b, "read a message for", e);
	size_t header = header_length(b->memory, (size_t)n),
	       len = pv_from_line_sender(b->memory, header, &sender);
	pv_from_line_add(&top, sender, len, m->st.st_mtim.tv_sec);
	enum pv_class c = pv_buf_check(&top, "a From_ line", e);
	if (c == PV_OK)
		c = pv_content_add(m->to, top.s, top.len, e);
	pv_buf_reset(&top);
	/* Flags of one whose header is longer than all that is read of it stay what they are. */
	bool whole = header < PV_SCAN_BLOCK;
	pv_flags_put(&top, b->memory, header, whole ? m->flags : pv_flags_of_header(b->memory, header));
	*taken_r = header;
	if (c == PV_OK)
		c = pv_buf_check(&top, "a header", e);
	if (c == PV_OK)
		c = pv_mboxrd_add(&m->quote, m->to, top.s, top.len, e);
	pv_buf_free(&top);
	return c;
}

static enum pv_class compose(struct building *b, struct copying *m, struct pv_error *e)
{
	size_t at = 0;

	enum pv_class c = copy_top(b, m, &at, e);
	while (c == PV_OK && (off_t)at < m->st.st_size) {
		ssize_t n = pv_read_all_at(m->fd, b->memory, PV_SCAN_BLOCK, (off_t)at);
		if (n <= 0)
			return n < 0 ? fail_io(b, "read a message for", e) : fail_changed(b, e);
		c = pv_mboxrd_add(&m->quote, m->to, b->memory, (size_t)n, e);
		at += (size_t)n;
	}
	if (c == PV_OK)
		c = pv_mboxrd_finish(&m->quote, m->to, e);
	return c == PV_OK ? pv_content_finish(m->to, e) : c;
}

static enum pv_class append(struct building *b, const struct pv_content *c, struct pv_error *e)
{
	for (uint64_t at = 0; at < c->size;) {
		ssize_t n = pv_content_read(c, b->memory, PV_SCAN_BLOCK, at);
		if (n < 0 && errno == EINTR)
			continue;
		if (n == 0)
			errno = EIO;
		if (n <= 0 || pv_write_all_at(b->fd, b->memory, (size_t)n, (off_t)(b->size + at)) != 0)
			return fail_io(b, "write", e);
		at += (uint64_t)n;
	}
	b->size += c->size;
	return PV_OK;
}

static enum pv_class copy_open(struct building *b, struct copying *m, struct pv_error *e)
{
	struct pv_record r = { .offset = 0 };
	struct pv_content content;

	pv_content_start(&content, b->box->where->dirfd);
	m->to = &content;
	m->quote = (struct pv_mboxrd)PV_MBOXRD_INIT;
	enum pv_class c = compose(b, m, e);
	if (c == PV_OK)
		c = append(b, &content, e);
	pv_content_free(&content);
	if (c == PV_OK)
		c = pv_scan_message(m->fd, (uint64_t)m->st.st_size, &r, e);
	if (c == PV_OK)
		c = pv_digest_message(m->fd, &r, (uint64_t)m->st.st_size, &b->digests[b->n], NULL, b->memory,
				      NULL, e);
	b->n += c == PV_OK;
	return c;
}

/* *is_r: it is a message. */
static enum pv_class copy_entry(struct building *b, const struct pv_maildir_entry *x, bool *is_r,
				struct pv_error *e)
{
	char path[NAME_MAX + 8];
	struct copying m = { .flags = pv_flags_of_name(x->name, x->in_new) };

	(void)snprintf(path, sizeof path, "%s/%s", x->in_new ? "new" : "cur", x->name);
	m.fd = openat(b->box->top, path, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY | O_CLOEXEC);
	*is_r = m.fd >= 0;
	if (m.fd < 0)
		return errno == ENOENT			  ? fail_changed(b, e)
		       : errno == ELOOP || errno == ENXIO ? PV_OK
							  : fail_io(b, "open a message for", e);
	enum pv_class c = PV_OK;
	if (fstat(m.fd, &m.st) != 0)
		c = fail_io(b, "stat a message for", e);
	*is_r = c == PV_OK && S_ISREG(m.st.st_mode) && m.st.st_uid == b->box->uid;
	if (*is_r)
		c = copy_open(b, &m, e);
	(void)close(m.fd);
	return c;
}

/* Are the messages of the new mbox those of the Maildir, in their order? */
static enum pv_class compare(struct building *b, struct pv_error *e)
{
	struct pv_records list = { .v = NULL };
	struct pv_digest d;

	enum pv_class c = pv_scan_mbox(b->fd, 0, b->size, PV_SCAN_BLOCK, &list, e);
	bool same = c == PV_OK && list.n == b->n;
	for (size_t i = 0; same && c == PV_OK && i < list.n; i++) {
		uint64_t end = i + 1 < list.n ? list.v[i + 1].offset : b->size;
		c = pv_digest_message(b->fd, &list.v[i], end, &d, NULL, b->memory, NULL, e);
		same = memcmp(d.hash, b->digests[i].hash, sizeof d.hash) == 0;
	}
	pv_records_free(&list);
	if (c == PV_OK && !same)
		return pv_fail(e, PV_TEMPORARY, "4.3.0",
			       "the copy of Maildir %s as an mbox is not the same: nothing was changed",
			       b->box->where->path);
	return c;
}

/* Folders of its own, as Maildir++ has them. */
static enum pv_class check_folders(const struct pv_maildir_box *box, struct pv_error *e)
{
	const struct dirent *entry;
	char found[NAME_MAX + 1] = "";

	int fd = openat(box->top, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	DIR *d = fd >= 0 ? fdopendir(fd) : NULL;
	if (d == NULL) {
		enum pv_class c =
			pv_fail_errno(e, PV_TEMPORARY, "4.3.0", errno, "list Maildir %s", box->where->path);
		if (fd >= 0)
			(void)close(fd);
		return c;
	}
	while (found[0] == '\0' && (entry = readdir(d)) != NULL) {
		struct stat st;
		if (entry->d_name[0] == '.' && strcmp(entry->d_name, ".") != 0 &&
		    strcmp(entry->d_name, "..") != 0 &&
		    fstatat(fd, entry->d_name, &st, AT_SYMLINK_NOFOLLOW) == 0 && S_ISDIR(st.st_mode))
			(void)snprintf(found, sizeof found, "%s", entry->d_name);
	}
	(void)closedir(d);
	if (found[0] == '\0')
		return PV_OK;
	return pv_fail(e, PV_PERMANENT, "4.3.5",
		       "Maildir %s has folders of its own (%s), which an mbox cannot hold: move them away",
		       box->where->path, found);
}

static enum pv_class list_messages(struct building *b, struct pv_error *e)
{
	const int flags = O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC;
	int folders[2] = { openat(b->box->top, "cur", flags), openat(b->box->top, "new", flags) };
	enum pv_class c = PV_OK;

	if (folders[0] < 0 || folders[1] < 0 || pv_maildir_list(folders, &b->list) != 0)
		c = fail_io(b, "list messages for", e);
	for (int k = 0; k < 2; k++)
		if (folders[k] >= 0)
			(void)close(folders[k]);
	if (c != PV_OK)
		return c;
	b->digests = calloc(b->list.n + 1, sizeof *b->digests);
	b->memory = malloc(PV_SCAN_BLOCK);
	if (b->digests == NULL || b->memory == NULL)
		return pv_fail(e, PV_TEMPORARY, "4.3.0", "convert %s: out of memory", b->box->where->path);
	return PV_OK;
}

static enum pv_class copy_all(struct building *b, struct pv_converted *r, struct pv_error *e)
{
	enum pv_class c = list_messages(b, e);

	for (size_t i = 0; c == PV_OK && i < b->list.n; i++) {
		bool is = false;
		c = copy_entry(b, &b->list.v[i], &is, e);
		r->left += c == PV_OK && !is;
	}
	if (c == PV_OK)
		c = compare(b, e);
	return c;
}

/* Was anything added, moved or removed since the Maildir was opened? */
static enum pv_class check_times(const struct building *b, struct pv_error *e)
{
	static const char *const folders[] = { "new", "cur" };
	struct stat st;

	for (size_t i = 0; i < 2; i++) {
		if (fstatat(b->box->top, folders[i], &st, AT_SYMLINK_NOFOLLOW) != 0)
			return fail_io(b, "look into the folders for", e);
		if (pv_maildir_time(&st) != b->box->times[i])
			return fail_changed(b, e);
	}
	return PV_OK;
}

enum pv_class pv_build_mbox(const struct pv_maildir_box *box, const char *temp, struct pv_converted *r,
			    struct pv_error *e)
{
	struct building b = { .box = box, .fd = -1 };

	enum pv_class c = check_folders(box, e);
	if (c != PV_OK)
		return c;
	b.fd = openat(box->where->dirfd, temp, O_RDWR | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);
	if (b.fd < 0 || fchmod(b.fd, 0600) != 0)
		c = fail_io(&b, "make", e);
	if (c == PV_OK)
		c = copy_all(&b, r, e);
	if (c == PV_OK && fsync(b.fd) != 0)
		c = fail_io(&b, "sync", e);
	if (c == PV_OK)
		c = check_times(&b, e);
	if (b.fd >= 0 && close(b.fd) != 0 && c == PV_OK)
		c = fail_io(&b, "close", e);
	r->messages = b.n;
	pv_maildir_list_free(&b.list);
	free(b.digests);
	free(b.memory);
	return c;
}
