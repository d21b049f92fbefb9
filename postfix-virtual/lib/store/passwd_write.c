#include "store/passwd_write.h"

/* A user's line in the text: the name apart, the rest from its first colon on. */
struct row {
	struct pv_user user;
	const char *rest;
	size_t rest_len;
};

struct file {
	const char *name;
	uid_t account;
	struct row *rows;
	size_t count, room;
	struct pv_buf head; /* comments and blank lines */
};

static int compare(const void *a, const void *b)
{
	const struct row *x = a, *y = b;

	return strcmp(x->user.s, y->user.s);
}

static enum pv_class add_row(struct file *f, const struct pv_user *u, const char *rest, size_t rest_len,
			     struct pv_error *e)
{
	if (f->count == f->room) {
		size_t room = f->room == 0 ? 64 : 2 * f->room;
		struct row *rows = reallocarray(f->rows, room, sizeof *rows);
		if (rows == NULL)
			return pv_fail(e, PV_TEMPORARY, "4.3.0", "no memory for %s", f->name);
		f->rows = rows;
		f->room = room;
	}
	f->rows[f->count++] = (struct row){ .user = *u, .rest = rest, .rest_len = rest_len };
	return PV_OK;
}

static bool is_comment(const char *line, size_t len)
{
	while (len > 0 && (*line == ' ' || *line == '\t' || *line == '\r')) {
		line++;
		len--;
	}
	return len == 0 || *line == '#';
}

static enum pv_class take_line(struct file *f, const char *line, size_t len, unsigned no, struct pv_error *e)
{
	struct pv_passwd_entry p;

	if (is_comment(line, len)) {
		pv_buf_add(&f->head, line, len);
		pv_buf_addc(&f->head, '\n');
		return PV_OK;
	}
	enum pv_class c = pv_passwd_parse(line, len, f->account, &p, e);
	if (c != PV_OK) {
		(void)pv_error_prefix(e, "%s, line %u", f->name, no);
		return c;
	}
	const char *colon = memchr(line, ':', len);
	return add_row(f, &p.user, colon, len - (size_t)(colon - line), e);
}

static enum pv_class take_all(struct file *f, const char *text, size_t len, struct pv_error *e)
{
	const char *end = text + len;
	enum pv_class c = PV_OK;

	for (unsigned no = 1; c == PV_OK && text < end; no++) {
		const char *newline = memchr(text, '\n', (size_t)(end - text));
		if (newline == NULL)
			return pv_fail(
				e, PV_TEMPORARY, "4.3.5",
				"%s, line %u: no newline at the end: the file may be cut short; look at it, "
				"then add one",
				f->name, no);
		c = take_line(f, text, (size_t)(newline - text), no, e);
		text = newline + 1;
	}
	return c;
}

static enum pv_class refuse_twice(struct file *f, struct pv_error *e)
{
	for (size_t i = 1; i < f->count; i++)
		if (pv_user_equal(&f->rows[i - 1].user, &f->rows[i].user))
			return pv_fail(e, PV_TEMPORARY, "4.3.5",
				       "%s: user %s stands there twice: remove one line", f->name,
				       f->rows[i].user.s);
	return PV_OK;
}

static void sort_rows(struct file *f)
{
	if (f->count > 1)
		qsort(f->rows, f->count, sizeof *f->rows, compare);
}

static struct row *find(const struct file *f, const struct pv_user *u)
{
	struct row key = { .user = *u };

	return f->count == 0 ? NULL : bsearch(&key, f->rows, f->count, sizeof key, compare);
}

static enum pv_class insert(struct file *f, const struct pv_passwd_edit *edit, struct pv_error *e)
{
	const char *colon = strchr(edit->insert, ':');

	if (colon == NULL)
		return pv_fail(e, PV_BUG, "4.3.0", "insert a line without a colon into %s", f->name);
	enum pv_class c = add_row(f, edit->user, colon, strlen(colon), e);
	sort_rows(f);
	return c;
}

static enum pv_class rename_row(struct file *f, struct row *row, const struct pv_user *to, struct pv_error *e)
{
	if (find(f, to) != NULL)
		return pv_fail(e, PV_PERMANENT, "5.1.3", "%s: user %s is there already", f->name, to->s);
	row->user = *to;
	sort_rows(f);
	return PV_OK;
}

static enum pv_class edit_rows(struct file *f, const struct pv_passwd_edit *edit, bool *found_r,
			       struct pv_error *e)
{
	struct row *row = find(f, edit->user);

	*found_r = row != NULL;
	if (row == NULL)
		return edit->insert != NULL ? insert(f, edit, e) : PV_OK;
	if (edit->remove) {
		size_t behind = f->count - (size_t)(row - f->rows) - 1;
		memmove(row, row + 1, behind * sizeof *row);
		f->count--;
		return PV_OK;
	}
	return edit->rename != NULL ? rename_row(f, row, edit->rename, e) : PV_OK;
}

/* The row with another hash: `:HASH:uid...` */
static void put_rest(const struct row *row, const char *hash, struct pv_buf *out)
{
	const char *behind = memchr(row->rest + 1, ':', row->rest_len - 1);

	if (hash == NULL || behind == NULL) {
		pv_buf_add(out, row->rest, row->rest_len);
		return;
	}
	pv_buf_addc(out, ':');
	pv_buf_adds(out, hash);
	pv_buf_add(out, behind, row->rest_len - (size_t)(behind - row->rest));
}

static void put_file(const struct file *f, const struct pv_passwd_edit *edit, struct pv_buf *out)
{
	const struct pv_user *target = edit->rename != NULL ? edit->rename : edit->user;

	pv_buf_add(out, f->head.s, f->head.len);
	for (size_t i = 0; i < f->count; i++) {
		bool is_target = edit->hash != NULL && pv_user_equal(&f->rows[i].user, target);
		pv_buf_adds(out, f->rows[i].user.s);
		put_rest(&f->rows[i], is_target ? edit->hash : NULL, out);
		pv_buf_addc(out, '\n');
	}
}

enum pv_class pv_passwd_change(const char *text, size_t len, const char *file, uid_t account,
			       const struct pv_passwd_edit *edit, bool *found_r, struct pv_buf *out,
			       struct pv_error *e)
{
	struct file f = { .name = file, .account = account, .head = PV_BUF_INIT(PV_PASSWD_FILE_MAX) };

	enum pv_class c = take_all(&f, text, len, e);
	sort_rows(&f);
	if (c == PV_OK)
		c = refuse_twice(&f, e);
	if (c == PV_OK)
		c = edit_rows(&f, edit, found_r, e);
	if (c == PV_OK && f.head.len == 0 && f.count == 0)
		pv_buf_adds(&f.head,
			    PV_PASSWD_HEAD); /* the last user is gone: an empty file would defer mail */
	if (c == PV_OK)
		c = pv_buf_check(&f.head, file, e);
	if (c == PV_OK) {
		put_file(&f, edit, out);
		c = pv_buf_check(out, file, e);
	}
	pv_buf_free(&f.head);
	free(f.rows);
	return c;
}

static enum pv_class check_field(const char *what, const char *s, struct pv_error *e)
{
	for (const char *p = s; *p != '\0'; p++)
		if (*p == ':' || (unsigned char)*p < 0x20 || *p == 0x7f)
			return pv_fail(e, PV_PERMANENT, "5.3.5",
				       "the %s `%.60s` holds a colon or a control character: leave it out",
				       what, s);
	return PV_OK;
}

static enum pv_class check_home(const char *home, struct pv_error *e)
{
	enum pv_class c = check_field("home", home, e);

	if (c != PV_OK || strcmp(home, ".") == 0)
		return c;
	for (const char *p = home; (p = strstr(p, "/..")) != NULL; p += 3)
		if (p[3] == '/' || p[3] == '\0')
			return pv_fail(e, PV_PERMANENT, "5.3.5", "the home %s holds `..`: write it without",
				       home);
	if (home[0] != '/')
		return pv_fail(e, PV_PERMANENT, "5.3.5",
			       "the home `%.60s` is neither `.` nor an absolute path: write it from / on",
			       home);
	return PV_OK;
}

enum pv_class pv_passwd_line(const struct pv_user *u, const char *hash, uid_t uid, gid_t gid,
			     const char *name, const char *home, struct pv_buf *out, struct pv_error *e)
{
	size_t before = out->len;

	enum pv_class c = check_field("name", name, e);
	if (c == PV_OK)
		c = check_field("hash", hash, e);
	if (c == PV_OK)
		c = check_home(home, e);
	if (c != PV_OK)
		return c;
	pv_buf_addf(out, "%s:%s:%lu:%lu:%s:%s:", u->s, hash, (unsigned long)uid, (unsigned long)gid, name,
		    home);
	if (out->len - before >= PV_PASSWD_LINE_MAX)
		return pv_fail(e, PV_PERMANENT, "5.3.5", "the line for %s would be longer than %d bytes",
			       u->s, PV_PASSWD_LINE_MAX - 1);
	return pv_buf_check(out, "a line of passwd", e);
}
