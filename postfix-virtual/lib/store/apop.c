#include "store/apop.h"

#include "base/table.h"

#include <unistd.h>

enum { FILE_MAX = 16 << 20 };

struct row {
	struct pv_user user;
	const char *secret;
};

static bool is_secret(const char *s)
{
	size_t len = 0;

	while (s[len] > 0x20 && s[len] <= 0x7e)
		len++;
	return s[len] == '\0' && len > 0 && len < PV_PASSWORD_RANDOM_SIZE;
}

/* Cut an entry in two. */
static enum pv_class parse(const struct pv_lines *it, const struct pv_line *l, struct row *r,
			   struct pv_error *e)
{
	char *colon = strchr(l->text, ':');

	/* The line itself is not shown: it holds a secret. */
	if (colon == NULL || pv_user_parse(l->text, (size_t)(colon - l->text), &r->user, NULL) != PV_OK)
		return pv_line_fail(it, l, e, "it does not begin with a user's name and a colon");
	if (!is_secret(colon + 1))
		return pv_line_fail(it, l, e, "the secret of %s is not 1 to %d printable characters",
				    r->user.s, PV_PASSWORD_RANDOM_SIZE - 1);
	r->secret = colon + 1;
	return PV_OK;
}

/* The entry of u; r->secret is NULL where there is none. */
static enum pv_class find(struct pv_buf *text, const char *file, const struct pv_user *u, struct row *found,
			  struct pv_error *e)
{
	struct pv_lines it;
	struct pv_line l;
	struct row r;
	enum pv_class c;

	found->secret = NULL;
	pv_lines_start(&it, file, text, false);
	while ((c = pv_lines_next(&it, &l, e)) == PV_OK && l.text != NULL) {
		if ((c = parse(&it, &l, &r, e)) != PV_OK)
			return c;
		if (!pv_user_equal(&r.user, u))
			continue;
		if (found->secret != NULL)
			return pv_line_fail(&it, &l, e, "%s stands here twice: remove one", u->s);
		*found = r;
	}
	return c;
}

/* A secret that others may read is none. */
static enum pv_class load(const struct pv_folder *f, const char *file, struct pv_buf *text,
			  struct pv_error *e)
{
	struct stat st;
	int fd;

	enum pv_class c = pv_file_open(f->fd, "apop", &f->trust, &fd, &st, e);
	if (c != PV_OK || fd < 0)
		return c;
	if ((st.st_mode & (S_IRGRP | S_IROTH)) != 0)
		c = pv_fail(e, PV_TEMPORARY, "4.3.5",
			    "%s has mode %04o, must not be readable by group or others: chmod 0600 it", file,
			    (unsigned)(st.st_mode & 07777));
	else if (st.st_size <= FILE_MAX && pv_buf_reserve(text, (size_t)st.st_size + 1) == NULL)
		c = pv_buf_check(text, file, e);
	if (c == PV_OK)
		c = pv_file_read(fd, file, text, e);
	(void)close(fd);
	return c;
}

enum pv_class pv_apop_find(const struct pv_folder *f, const struct pv_user *u,
			   char secret_r[PV_PASSWORD_RANDOM_SIZE], struct pv_error *e)
{
	struct pv_buf text = PV_BUF_INIT(FILE_MAX);
	char file[sizeof f->path + sizeof "/apop"];
	struct row r = { .secret = NULL };

	secret_r[0] = '\0';
	(void)snprintf(file, sizeof file, "%s/apop", f->path);
	enum pv_class c = load(f, file, &text, e);
	if (c == PV_OK)
		c = find(&text, file, u, &r, e);
	if (c == PV_OK && r.secret != NULL)
		(void)snprintf(secret_r, PV_PASSWORD_RANDOM_SIZE, "%s", r.secret);
	pv_buf_free_zero(&text);
	return c;
}

static int compare(const void *a, const void *b)
{
	const struct row *x = a, *y = b;

	return strcmp(x->user.s, y->user.s);
}

/* All entries of text, sorted, with room for one more. */
static enum pv_class take_all(struct pv_buf *text, const char *file, struct row **rows_r, size_t *count_r,
			      struct pv_error *e)
{
	struct pv_lines it;
	struct pv_line l;
	size_t lines = 2, count = 0;
	enum pv_class c;

	for (size_t i = 0; i < text->len; i++)
		lines += text->s[i] == '\n';
	struct row *rows = calloc(lines, sizeof *rows);
	if (rows == NULL)
		return pv_fail(e, PV_TEMPORARY, "4.3.0", "no memory for %s", file);
	*rows_r = rows;
	pv_lines_start(&it, file, text, false);
	while ((c = pv_lines_next(&it, &l, e)) == PV_OK && l.text != NULL)
		if ((c = parse(&it, &l, &rows[count++], e)) != PV_OK)
			return c;
	if (count > 1)
		qsort(rows, count, sizeof *rows, compare);
	for (size_t i = 1; c == PV_OK && i < count; i++)
		if (pv_user_equal(&rows[i - 1].user, &rows[i].user))
			c = pv_fail(e, PV_TEMPORARY, "4.3.5",
				    "%s: user %s stands there twice: remove one line", file, rows[i].user.s);
	*count_r = count;
	return c;
}

/* Blank lines and comments, as they are. */
static void add_head(const char *text, size_t len, struct pv_buf *out)
{
	for (const char *end = text + len; text < end;) {
		const char *newline = memchr(text, '\n', (size_t)(end - text));
		size_t whole = newline != NULL ? (size_t)(newline - text) + 1 : (size_t)(end - text);
		size_t blank = strspn(text, " \t\r");
		if (text[blank] == '#' || text[blank] == '\n')
			pv_buf_add(out, text, whole);
		text += whole;
	}
}

enum pv_class pv_apop_change(const char *text, size_t len, const char *file, const struct pv_user *u,
			     const char *secret, bool *found_r, struct pv_buf *out, struct pv_error *e)
{
	struct pv_buf copy = PV_BUF_INIT(FILE_MAX);
	struct row *rows = NULL;
	size_t count = 0, kept = 0;

	*found_r = false;
	if (secret != NULL && !is_secret(secret))
		return pv_fail(e, PV_PERMANENT, "5.7.0", "a secret for APOP has 1 to %d printable characters",
			       PV_PASSWORD_RANDOM_SIZE - 1);
	if (len > 0 && text[len - 1] != '\n')
		return pv_fail(
			e, PV_TEMPORARY, "4.3.5",
			"%s: no newline at the end: the file may be cut short; look at it, then add one",
			file);
	(void)pv_buf_reserve(&copy, len + 1);
	pv_buf_add(&copy, text, len);
	enum pv_class c = pv_buf_check(&copy, file, e);
	if (c == PV_OK)
		c = take_all(&copy, file, &rows, &count, e);
	if (c == PV_OK) {
		for (size_t i = 0; i < count; i++)
			if (!pv_user_equal(&rows[i].user, u))
				rows[kept++] = rows[i];
		*found_r = kept < count;
		if (secret != NULL)
			rows[kept++] = (struct row){ .user = *u, .secret = secret };
		qsort(rows, kept, sizeof *rows, compare);
		(void)pv_buf_reserve(out, len + PV_USER_MAX + PV_PASSWORD_RANDOM_SIZE + 2);
		add_head(text, len, out);
		for (size_t i = 0; i < kept; i++)
			pv_buf_addf(out, "%s:%s\n", rows[i].user.s, rows[i].secret);
		c = pv_buf_check(out, file, e);
	}
	free(rows);
	pv_buf_free_zero(&copy);
	return c;
}
