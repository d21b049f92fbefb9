#include "maps/alias_key.h"

#include "maps/fold_case.h"

#include <unistr.h>

enum { FOLDED_MAX = 4 * PV_LOCAL_MAX, SHOWN_MAX = 4096 };

static bool is_delimiter(char c, const char *delimiters)
{
	return c == PV_DELIMITER || strchr(delimiters, c) != NULL;
}

/* Other tags stand in the name of no .forward file as they are, and local(8) drops some of them. */
static bool is_plain_tag(const char *s)
{
	size_t len = strspn(s, "abcdefghijklmnopqrstuvwxyz0123456789._+=#~-");

	return len > 0 && s[len] == '\0' && s[len - 1] != '.' && strstr(s, "..") == NULL;
}

static bool read_tagged(const char *name, const char *delimiters, struct pv_alias_key *k)
{
	size_t at = 0;

	while (name[at] != '\0' && !is_delimiter(name[at], delimiters))
		at++;
	if (at == 0 || name[at] == '\0' || !is_plain_tag(name + at + 1) ||
	    pv_user_parse(name, at, &k->user, NULL) != PV_OK)
		return false;
	k->kind = PV_ALIAS_TAGGED;
	k->tag = name + at;
	return true;
}

/* What an address without quotes holds (RFC 5321, section 4.1.2; RFC 6531, section 3.3). */
static bool is_atom_byte(char c)
{
	return (unsigned char)c >= 0x80 || (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') ||
	       (c != '\0' && strchr("!#$%&'*+-/=?^_`{|}~", c) != NULL);
}

/* Why no address of other hosts can have it, or NULL. */
static const char *find_fault(const char *name)
{
	if (name[0] == '\0' || strlen(name) > PV_LOCAL_MAX)
		return "an address has 1 to 64 bytes in front of the `@`";
	for (const char *p = name; *p != '\0'; p++)
		if (*p != '.' && !is_atom_byte(*p))
			return "it holds a character that stands in addresses in quotes only: write another "
			       "name";
	if (strpbrk(name, "!%") != NULL)
		return "Postfix takes a `!` or `%` for the way to another host";
	if (name[0] == '.' || name[strlen(name) - 1] == '.' || strstr(name, "..") != NULL)
		return "a dot may stand between other characters only";
	if (name[0] == '-')
		return "Postfix refuses addresses that begin with a `-`";
	if (name[0] == '#')
		return "a key that begins with a `#` is a comment in the text of a table";
	return NULL;
}

/* Complaints are ASCII. */
static void show(const char *utf8, struct pv_buf *out)
{
	const uint8_t *s = (const uint8_t *)utf8, *end = s + strlen(utf8);
	ucs4_t c;

	while (s < end) {
		int n = u8_mbtouc(&c, s, (size_t)(end - s));
		pv_buf_addf(out, c < 0x80 ? "%c" : "\\u%04x", (int)c);
		s += n > 0 ? n : 1;
	}
}

/* smtpd asks for the folded address: another key would never be found. */
static enum pv_class check_folded(const char *name, struct pv_error *e)
{
	struct pv_buf folded = PV_BUF_INIT(FOLDED_MAX), shown = PV_BUF_INIT(SHOWN_MAX);
	enum pv_class c = PV_OK;

	if (!pv_fold_case(name, strlen(name), &folded)) {
		c = pv_fail(e, PV_PERMANENT, "5.1.3", "`%s` is not UTF-8: write it anew", name);
	} else if (folded.failed || strcmp(folded.s, name) != 0) {
		show(name, &shown);
		pv_buf_adds(&shown, "` is looked up in other letters: write `");
		show(folded.s, &shown);
		c = pv_fail(e, PV_PERMANENT, "5.1.3", "`%.500s`", shown.s);
	}
	pv_buf_free(&folded);
	pv_buf_free(&shown);
	return c;
}

enum pv_class pv_alias_key_read(const char *name, const char *delimiters, struct pv_alias_key *k,
				struct pv_error *e)
{
	*k = (struct pv_alias_key){ .kind = PV_ALIAS_PLAIN, .tag = "" };
	if (pv_user_parse(name, strlen(name), &k->user, NULL) == PV_OK)
		return PV_OK;
	k->user.len = 0;
	k->why = find_fault(name);
	if (k->why != NULL) {
		k->kind = PV_ALIAS_INNER;
		return PV_OK;
	}
	if (read_tagged(name, delimiters, k))
		return PV_OK;
	k->kind = PV_ALIAS_RICH;
	return check_folded(name, e);
}
