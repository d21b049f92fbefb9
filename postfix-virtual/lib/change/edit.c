#include "change/edit.h"

#include "base/file.h"
#include "maps/diff.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdarg.h>
#include <stdint.h>

enum { NOTE = 1, FILE_DIFF = 2 };

/* What stands in front of a record's bytes: path or sentence, then old, then new. */
struct head {
	uint32_t kind;
	uint32_t has_old, has_new;
	uint64_t text_len, old_len, new_len;
};

static void add_record(struct pv_edit *ed, uint32_t kind, const char *text, const struct pv_buf *old,
		       const struct pv_buf *new)
{
	const struct head h = { .kind = kind,
				.has_old = old != NULL,
				.has_new = new != NULL,
				.text_len = strlen(text),
				.old_len = old != NULL ? old->len : 0,
				.new_len = new != NULL ? new->len : 0 };

	pv_buf_add(&ed->records, &h, sizeof h);
	pv_buf_adds(&ed->records, text);
	if (old != NULL)
		pv_buf_add(&ed->records, old->s, old->len);
	if (new != NULL)
		pv_buf_add(&ed->records, new->s, new->len);
}

void pv_edit_note(struct pv_edit *ed, const char *fmt, ...)
{
	char text[PV_ERROR_TEXT];
	va_list ap;

	va_start(ap, fmt);
	(void)vsnprintf(text, sizeof text, fmt, ap);
	va_end(ap);
	add_record(ed, NOTE, text, NULL, NULL);
}

void pv_edit_done(struct pv_edit *ed)
{
	++*ed->steps;
}

static ino_t inode_of(int dirfd, const char *name)
{
	struct stat st;

	return fstatat(dirfd, name, &st, AT_SYMLINK_NOFOLLOW) == 0 ? st.st_ino : 0;
}

enum pv_class pv_edit_file(struct pv_edit *ed, int dirfd, const char *where, const char *name,
			   const struct pv_buf *old, const struct pv_buf *new, mode_t mode, uid_t uid,
			   gid_t gid, struct pv_error *e)
{
	char path[PATH_MAX];

	if (old == NULL && new == NULL)
		return PV_OK;
	if (old != NULL && new != NULL && old->len == new->len &&memcmp(old->s, new->s, old->len) == 0)
		return PV_OK;
	if (ed->dry) {
		(void)snprintf(path, sizeof path, "%s/%s", where, name);
		add_record(ed, FILE_DIFF, path, old, new);
		return pv_buf_check(&ed->records, "what a dry run has to tell", e);
	}
	ino_t before = inode_of(dirfd, name);
	enum pv_class c = new != NULL ? pv_file_replace(dirfd, name, new->s, new->len, mode, uid, gid, e)
				      : pv_file_remove(dirfd, name, e);
	/* A folder that cannot be synced: the new file stands there all the same. */
	if (c == PV_OK || inode_of(dirfd, name) != before)
		pv_edit_done(ed);
	if (c != PV_OK)
		(void)pv_error_prefix(e, "%s/%s", where, name);
	return c;
}

/* Cut len bytes from the front of *p. Returns NULL where there are not so many. */
static const char *cut(const char **p, const char *end, uint64_t len)
{
	const char *start = *p;

	if (len > (uint64_t)(end - start))
		return NULL;
	*p += len;
	return start;
}

/* What speaks to a terminal is made silent: the file may be anybody's work. */
static void silence(char *s, size_t len)
{
	for (size_t i = 0; i < len; i++)
		if (((unsigned char)s[i] < 0x20 && s[i] != '\n' && s[i] != '\t') || s[i] == 0x7f)
			s[i] = '?';
}

static enum pv_class add_diff(const char *path, bool has_old, const char *old, size_t old_len,
			      const char *new, size_t new_len, struct pv_buf *diff, struct pv_error *e)
{
	struct pv_buf a = PV_BUF_INIT(PV_EDIT_RECORDS_MAX), b = PV_BUF_INIT(PV_EDIT_RECORDS_MAX);

	pv_buf_add(&a, old, old_len);
	pv_buf_add(&b, new, new_len);
	silence(a.s, a.len);
	silence(b.s, b.len);
	enum pv_class c = pv_buf_check(&a, path, e);
	if (c == PV_OK)
		c = pv_buf_check(&b, path, e);
	if (c == PV_OK) {
		pv_diff(diff, path, has_old ? a.s : NULL, b.s);
		c = pv_buf_check(diff, "the diff", e);
	}
	pv_buf_free_zero(&a);
	pv_buf_free_zero(&b);
	return c;
}

static enum pv_class read_record(const char **p, const char *end, struct pv_buf *notes, struct pv_buf *diff,
				 struct pv_error *e)
{
	struct head h;
	char text[PATH_MAX];

	const char *raw = cut(p, end, sizeof h);
	if (raw == NULL)
		return pv_fail(e, PV_TEMPORARY, "4.3.0", "a child's report is cut short");
	memcpy(&h, raw, sizeof h);
	const char *words = cut(p, end, h.text_len);
	const char *old = words != NULL ? cut(p, end, h.old_len) : NULL;
	const char *new = old != NULL ? cut(p, end, h.new_len) : NULL;
	if (new == NULL || h.text_len >= sizeof text)
		return pv_fail(e, PV_TEMPORARY, "4.3.0", "a child's report is cut short");
	memcpy(text, words, h.text_len);
	text[h.text_len] = '\0';
	pv_printable(text, h.text_len);
	if (h.kind == FILE_DIFF)
		return add_diff(text, h.has_old != 0, old, h.old_len, new, h.new_len, diff, e);
	pv_buf_addf(notes, "%s\n", text);
	return PV_OK;
}

enum pv_class pv_edit_read(const char *records, size_t len, struct pv_buf *notes, struct pv_buf *diff,
			   struct pv_error *e)
{
	const char *end = records + len;
	enum pv_class c = PV_OK;

	while (c == PV_OK && records < end)
		c = read_record(&records, end, notes, diff, e);
	return c == PV_OK ? pv_buf_check(notes, "the notes of a change", e) : c;
}
