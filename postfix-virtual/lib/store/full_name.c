#include "store/full_name.h"

#include "store/passwd_reader.h"

#include <unistd.h>

/* What may stand in a local part without quotes (RFC 5322, section 3.2.3; RFC 6532, section 3.2). */
static bool is_atom_byte(char c)
{
	return (unsigned char)c >= 0x80 || (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') ||
	       (c != '\0' && strchr("!#$%&'*+-/=?^_`{|}~", c) != NULL);
}

size_t pv_full_name_fold(const char *name, char out[PV_FULL_NAME_SIZE])
{
	bool dot = false;
	size_t len = 0;

	out[0] = '\0';
	for (; *name != '\0' && *name != ','; name++) {
		char c = *name >= 'A' && *name <= 'Z' ? (char)(*name + ('a' - 'A')) : *name;
		if (c == ' ' || c == '\t' || c == '.') {
			dot = len > 0;
			continue;
		}
		if (!is_atom_byte(c) || len + dot + 1 >= PV_FULL_NAME_SIZE) {
			out[0] = '\0';
			return 0;
		}
		if (dot)
			out[len++] = '.';
		dot = false;
		out[len++] = c;
		out[len] = '\0';
	}
	return len;
}

struct search {
	const char *name;
	size_t len;
	struct pv_user first; /* whom it found; len 0: nobody yet */
	unsigned bad_no;      /* the first line that cannot be parsed, or 0 */
	struct pv_error bad;
	struct pv_passwd_entry *entry; /* of the one who was found */
};

/* Does p's full name make the name that is looked for? */
static bool has_name(const struct search *s, const struct pv_passwd_entry *p)
{
	char folded[PV_FULL_NAME_SIZE];

	size_t len = pv_full_name_fold(p->name, folded);
	return len == s->len && strncasecmp(folded, s->name, len) == 0;
}

static enum pv_class search_line(const struct pv_passwd_reader *r, const struct pv_passwd_text *l,
				 struct search *s, struct pv_error *e)
{
	struct pv_passwd_entry p;

	if (pv_passwd_line_is_blank(l->s, l->len))
		return PV_OK;
	if (!l->whole || pv_passwd_parse(l->s, l->len, r->folder->uid, &p, &s->bad) != PV_OK) {
		if (s->bad_no == 0)
			s->bad_no = r->no;
		if (!l->whole)
			(void)pv_fail(&s->bad, PV_TEMPORARY, "4.3.5", "it does not end in a newline");
		return PV_OK;
	}
	if (!has_name(s, &p))
		return PV_OK;
	if (s->first.len != 0)
		return pv_fail(e, PV_TEMPORARY, "4.3.5",
			       "%s/passwd, line %u: %s has the full name of %s, so that %.*s@ means both: "
			       "change one, or make an alias",
			       r->folder->path, r->no, p.user.s, s->first.s, (int)s->len, s->name);
	s->first = p.user;
	enum pv_class c = pv_passwd_parse(l->s, l->len, r->folder->uid, s->entry, e);
	s->entry->at = pv_passwd_reader_at(r, l);
	return c;
}

enum pv_class pv_full_name_find(const struct pv_folder *f, const char *name, size_t len,
				struct pv_passwd_entry *p, bool *found_r, struct pv_error *e)
{
	struct search s = { .name = name, .len = len, .entry = p };
	struct pv_passwd_reader r;
	struct pv_passwd_text l;

	*found_r = false;
	if (len == 0 || len >= PV_FULL_NAME_SIZE)
		return PV_OK;
	enum pv_class c = pv_passwd_reader_open(&r, f, e);
	if (c != PV_OK)
		return c;
	pv_passwd_reader_start(&r, 0, PV_PASSWD_SMALL);
	while ((c = pv_passwd_reader_next(&r, &l, e)) == PV_OK && l.s != NULL)
		if ((c = search_line(&r, &l, &s, e)) != PV_OK)
			break;
	*found_r = c == PV_OK && s.first.len != 0;
	if (c == PV_OK && !*found_r && s.bad_no != 0)
		c = pv_fail(e, PV_TEMPORARY, "4.3.5", "%s/passwd, line %u: %s", f->path, s.bad_no,
			    s.bad.text);
	if (c == PV_OK && !*found_r)
		c = pv_passwd_reader_check(&r, e);
	(void)close(r.fd);
	return c;
}
