#include "store/passwd_reader.h"

#include <unistd.h>

enum {
	PROBE = 4096,	  /* bytes of a look into a large file */
	NEAR = 4 * PROBE, /* how far the line may be behind where the search ended */
};

/*
 * In s[0..len), which begins somewhere in a line: the first name at the front of a later one. Returns false
 * where there is none; then *at_r is where the last line that begins there does, or 0.
 */
static bool first_key(const char *s, size_t len, size_t *at_r, size_t *key_r)
{
	const char *end = s + len, *newline = memchr(s, '\n', len);

	*at_r = 0;
	while (newline != NULL) {
		const char *line = newline + 1;
		newline = memchr(line, '\n', (size_t)(end - line));
		size_t n = (size_t)((newline != NULL ? newline : end) - line);
		*at_r = (size_t)(line - s);
		*key_r = pv_passwd_line_key(line, n);
		if (!pv_passwd_line_is_blank(line, n) && (newline != NULL || *key_r < n))
			return true;
	}
	return false;
}

/*
 * Find the beginning of a line that stands, in a sorted file, before u's and near it. Comments count as
 * smaller than any name, because ours stand at the top; where that is wrong, and in a file that is not
 * sorted, the place is a wrong one.
 */
static enum pv_class narrow(struct pv_passwd_reader *r, const struct pv_user *u, off_t *low_r,
			    struct pv_error *e)
{
	off_t low = 0, high = r->st.st_size;
	size_t at, key;

	while (high - low > PROBE) {
		off_t middle = low + (high - low) / 2;
		pv_passwd_reader_start(r, middle, PROBE);
		enum pv_class c = pv_passwd_reader_fill(r, e);
		if (c != PV_OK)
			return c;
		bool has_key = first_key(r->buf, r->end, &at, &key);
		if (at == 0)
			break;
		if (!has_key || pv_passwd_line_compare(r->buf + at, key, u) < 0)
			low = middle + (off_t)at;
		else
			high = middle;
	}
	*low_r = low;
	return PV_OK;
}

/* Look u up in the lines from `low` on. Whatever is doubtful counts as not found: find_anywhere() then says
 * what it is, and in which line. */
static enum pv_class find_near(struct pv_passwd_reader *r, off_t low, const struct pv_user *u,
			       struct pv_passwd_entry *p, bool *found_r, struct pv_error *e)
{
	struct pv_passwd_text l;
	enum pv_class c;

	pv_passwd_reader_start(r, low, 2 * PROBE);
	while ((c = pv_passwd_reader_next(r, &l, e)) == PV_OK && l.s != NULL && r->next - low <= NEAR) {
		if (pv_passwd_line_is_blank(l.s, l.len))
			continue;
		int order = pv_passwd_line_compare(l.s, pv_passwd_line_key(l.s, l.len), u);
		if (order > 0)
			break;
		if (order < 0)
			continue;
		bool good = l.whole && pv_passwd_parse(l.s, l.len, r->folder->uid, p, NULL) == PV_OK;
		if (!good || *found_r) {
			*found_r = false;
			break;
		}
		p->at = pv_passwd_reader_at(r, &l);
		*found_r = true;
	}
	return c;
}

/* What reading a whole file has shown. */
struct survey {
	unsigned found_no; /* u's line, or 0 */
	unsigned bad_no;   /* the first other line that cannot be parsed, or 0 */
	struct pv_error bad;
	bool cut; /* the last line has no newline */
};

static enum pv_class fail_at(const struct pv_passwd_reader *r, unsigned no, const char *why,
			     struct pv_error *e)
{
	return pv_fail(e, PV_TEMPORARY, "4.3.5", "%s/passwd, line %u: %s", r->folder->path, no, why);
}

static const char cut_short[] = "it does not end in a newline, so it may have been cut short: check it";

static enum pv_class survey_line(const struct pv_passwd_reader *r, const struct pv_passwd_text *l,
				 const struct pv_user *u, struct pv_passwd_entry *p, struct survey *s,
				 struct pv_error *e)
{
	uid_t account = r->folder->uid;

	s->cut = !l->whole;
	if (pv_passwd_line_is_blank(l->s, l->len))
		return PV_OK;
	if (pv_passwd_line_compare(l->s, pv_passwd_line_key(l->s, l->len), u) != 0) {
		/* A user who was found is believed, whatever the other lines are. */
		if (s->found_no == 0 && s->bad_no == 0 &&
		    pv_passwd_line_check(l->s, l->len, account, &s->bad) != PV_OK)
			s->bad_no = r->no;
		return PV_OK;
	}
	if (s->found_no != 0)
		return pv_fail(e, PV_TEMPORARY, "4.3.5",
			       "%s/passwd, line %u: %s stands in line %u already: remove one",
			       r->folder->path, r->no, u->s, s->found_no);
	if (!l->whole)
		return fail_at(r, r->no, cut_short, e);
	if (pv_passwd_parse(l->s, l->len, account, p, &s->bad) != PV_OK)
		return fail_at(r, r->no, s->bad.text, e);
	p->at = pv_passwd_reader_at(r, l);
	s->found_no = r->no;
	return PV_OK;
}

static enum pv_class find_anywhere(struct pv_passwd_reader *r, const struct pv_user *u,
				   struct pv_passwd_entry *p, bool *found_r, struct pv_error *e)
{
	struct survey s = { .found_no = 0 };
	struct pv_passwd_text l;
	enum pv_class c;

	pv_passwd_reader_start(r, 0, PV_PASSWD_SMALL);
	while ((c = pv_passwd_reader_next(r, &l, e)) == PV_OK && l.s != NULL)
		if ((c = survey_line(r, &l, u, p, &s, e)) != PV_OK)
			return c;
	if (c != PV_OK)
		return c;
	*found_r = s.found_no != 0;
	if (*found_r)
		return PV_OK;
	if (s.bad_no != 0)
		return fail_at(r, s.bad_no, s.bad.text, e);
	if (s.cut)
		return fail_at(r, r->no, cut_short, e);
	return pv_passwd_reader_check(r, e);
}

enum pv_class pv_passwd_find(const struct pv_folder *f, const struct pv_user *u, struct pv_passwd_entry *p,
			     bool *found_r, struct pv_error *e)
{
	struct pv_passwd_reader r;
	off_t low;

	*found_r = false;
	enum pv_class c = pv_passwd_reader_open(&r, f, e);
	if (c != PV_OK)
		return c;
	if (r.st.st_size > PV_PASSWD_SMALL) {
		c = narrow(&r, u, &low, e);
		if (c == PV_OK)
			c = find_near(&r, low, u, p, found_r, e);
	}
	if (c == PV_OK && !*found_r)
		c = find_anywhere(&r, u, p, found_r, e);
	(void)close(r.fd);
	return c;
}

size_t pv_passwd_home_len(const char *home, size_t len)
{
	while (len > 0 && (home[len - 1] == '/' || home[len - 1] == ' ' || home[len - 1] == '\t'))
		len--;
	return len;
}

/* The sixth field of a line, or NULL where there is none. */
static const char *find_home(const char *line, size_t len, size_t *len_r)
{
	const char *end = line + len;

	for (unsigned colons = 0; colons < 5; colons++) {
		line = memchr(line, ':', (size_t)(end - line));
		if (line == NULL)
			return NULL;
		line++;
	}
	*len_r = pv_passwd_home_len(line, pv_passwd_line_key(line, (size_t)(end - line)));
	return line;
}

enum pv_class pv_passwd_home_is_shared(const struct pv_folder *f, const struct pv_passwd_entry *p,
				       bool *shared_r, struct pv_error *e)
{
	size_t len, own_len = pv_passwd_home_len(p->home, strlen(p->home));
	struct pv_passwd_reader r;
	struct pv_passwd_text l;

	*shared_r = false;
	enum pv_class c = pv_passwd_reader_open(&r, f, e);
	if (c != PV_OK)
		return c;
	pv_passwd_reader_start(&r, 0, PV_PASSWD_SMALL);
	while (!*shared_r && (c = pv_passwd_reader_next(&r, &l, e)) == PV_OK && l.s != NULL) {
		const char *home = find_home(l.s, l.len, &len);
		if (home == NULL || len != own_len || memcmp(home, p->home, len) != 0 ||
		    pv_passwd_line_is_blank(l.s, l.len))
			continue;
		*shared_r = pv_passwd_line_compare(l.s, pv_passwd_line_key(l.s, l.len), &p->user) != 0;
	}
	(void)close(r.fd);
	return c;
}
