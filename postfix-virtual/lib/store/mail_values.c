/* The parsers of the values of domain.conf and users/<user>. */
#include "store/mail_settings.h"

#include "base/table.h"
#include "store/alias_file.h"
#include "store/command_line.h"
#include "store/size.h"

#include <limits.h>

enum { VALUE_MAX = 64 * 1024 };

static enum pv_class fail(struct pv_error *e, const char *mend)
{
	return pv_fail(e, PV_PERMANENT, "5.3.5", "%s", mend);
}

enum pv_class pv_mail_set_switch(char *value, void *to, struct pv_error *e)
{
	return pv_parse_bool(value, to) ? PV_OK : fail(e, "write yes or no");
}

static enum pv_class check_command(const char *command, struct pv_error *e)
{
	static const struct pv_command_tokens tokens = { "", "", "" };
	struct pv_command_line line;

	enum pv_class c = pv_command_line_parse(command, strlen(command), &tokens, &line, e);
	if (c == PV_OK)
		pv_command_line_free(&line);
	return c;
}

enum pv_class pv_mail_set_command(char *value, void *to, struct pv_error *e)
{
	*(const char **)to = value;
	return *value == '\0' ? PV_OK : check_command(value, e);
}

enum pv_class pv_mail_set_quota(char *value, void *to, struct pv_error *e)
{
	unsigned long long bytes = 0;

	if (*value != '\0' && !pv_quota_parse(value, &bytes))
		return fail(e, "write a size like 50M, 500k or 5000000, or NOQUOTA");
	*(uint64_t *)to = bytes;
	return PV_OK;
}

enum pv_class pv_mail_set_count(char *value, void *to, struct pv_error *e)
{
	unsigned long n = 0;

	if (*value != '\0' && !pv_parse_number(value, strlen(value), 1000000000, &n))
		return fail(e, "write a number of messages; 0 is any number");
	*(uint64_t *)to = n;
	return PV_OK;
}

static enum pv_class set_number(const char *value, unsigned long least, unsigned long most, void *to,
				const char *mend, struct pv_error *e)
{
	unsigned long n;

	if (!pv_parse_number(value, strlen(value), most, &n) || n < least)
		return fail(e, mend);
	*(unsigned *)to = (unsigned)n;
	return PV_OK;
}

enum pv_class pv_mail_set_percent(char *value, void *to, struct pv_error *e)
{
	return set_number(value, 0, 100, to, "write a number of percent, 0 to 100", e);
}

enum pv_class pv_mail_set_days(char *value, void *to, struct pv_error *e)
{
	return set_number(value, 0, 365, to, "write a number of days, 0 to 365", e);
}

enum pv_class pv_mail_set_interval(char *value, void *to, struct pv_error *e)
{
	return set_number(value, 1, 365, to, "write a number of days, 1 to 365", e);
}

enum pv_class pv_mail_set_format(char *value, void *to, struct pv_error *e)
{
	enum pv_mailbox_format *format = to;

	if (strcasecmp(value, "mbox") == 0)
		*format = PV_FORMAT_MBOX;
	else if (strcasecmp(value, "maildir") == 0)
		*format = PV_FORMAT_MAILDIR;
	else
		return fail(e, "write mbox or maildir");
	return PV_OK;
}

enum pv_class pv_mail_set_over_quota(char *value, void *to, struct pv_error *e)
{
	bool refuse = strcmp(value, "refuse") == 0;

	if (!refuse && strcmp(value, "defer") != 0)
		return fail(e, "write defer or refuse");
	*(bool *)to = refuse;
	return PV_OK;
}

enum pv_class pv_mail_set_unknown_to(char *value, void *to, struct pv_error *e)
{
	enum pv_unknown_to *unknown_to = to;

	if (*value == '\0')
		*unknown_to = PV_UNKNOWN_HOST;
	else if (strcmp(value, "refuse") == 0)
		*unknown_to = PV_UNKNOWN_REFUSE;
	else if (strcmp(value, "postmaster") == 0)
		*unknown_to = PV_UNKNOWN_POSTMASTER;
	else
		return fail(e, "write refuse or postmaster");
	return PV_OK;
}

enum pv_class pv_mail_set_language(char *value, void *to, struct pv_error *e)
{
	if (*value != '\0' && strcmp(value, "en") != 0 && strcmp(value, "da") != 0)
		return fail(e, "write en or da");
	memcpy(to, value, strlen(value) + 1);
	return PV_OK;
}

enum pv_class pv_mail_set_day(char *value, void *to, struct pv_error *e)
{
	struct pv_day *d = to;

	*d = (struct pv_day){ .year = 0 };
	if (*value != '\0' && !pv_day_parse(value, strlen(value), d))
		return fail(e, "write a day like 2026-12-24");
	return PV_OK;
}

/* An absolute path without `..`, `.` and empty parts; without hidden ones too, if that is asked. */
static bool is_path(const char *s, size_t len, bool hidden)
{
	for (size_t i = 0; i < len; i++) {
		if ((unsigned char)s[i] < 0x20 || s[i] == 0x7f)
			return false;
		if (s[i] != '/')
			continue;
		bool last = i + 1 == len;
		if ((last && i == 0) || (!last && s[i + 1] == '/'))
			return false;
		if (!last && s[i + 1] == '.' &&
		    (!hidden || i + 2 == len || s[i + 2] == '/' ||
		     (s[i + 2] == '.' && (i + 3 == len || s[i + 3] == '/'))))
			return false;
	}
	return len > 0 && s[0] == '/';
}

/* A user's or alias's name, or an address: as one target of an alias. */
static bool is_fallback_target(const char *value)
{
	struct pv_buf out = PV_BUF_INIT(VALUE_MAX);
	const char *list = value, *end = value + strlen(value);
	struct pv_target t;
	enum pv_class c;

	bool good = pv_target_next(&list, end, &out, &t, &c, NULL) && c == PV_OK && list == end &&
		    (t.kind == PV_TARGET_NAME || t.kind == PV_TARGET_ADDRESS) && t.len == strlen(value) &&
		    memcmp(t.text, value, t.len) == 0 && strchr(value, '/') == NULL;
	pv_buf_free(&out);
	return good;
}

enum pv_class pv_mail_set_fallback(char *value, void *to, struct pv_error *e)
{
	struct pv_domain d;

	*(const char **)to = value;
	if (value[0] == '\0')
		return PV_OK;
	if (value[0] == '|')
		return check_command(value + 1, e);
	if (value[0] == '/')
		return is_path(value, strlen(value), false)
			       ? PV_OK
			       : fail(e, "write the whole path of a mailbox, without `..` and hidden parts");
	if (value[0] == '@' ? pv_domain_parse(value + 1, strlen(value + 1), &d, NULL) == PV_OK
			    : is_fallback_target(value))
		return PV_OK;
	return fail(
		e, "write the name of a user or an alias, user@domain, @domain, |/path/of/program arguments, "
		   "/path/of/mailbox, or delete");
}

enum pv_class pv_mail_set_forward(char *value, void *to, struct pv_error *e)
{
	struct pv_buf out = PV_BUF_INIT(VALUE_MAX);
	const char *list = value, *end = value + strlen(value);
	struct pv_target t;
	enum pv_class c = PV_OK;

	*(const char **)to = value;
	while (c == PV_OK && pv_target_next(&list, end, &out, &t, &c, e))
		if (c == PV_OK && t.kind != PV_TARGET_ADDRESS)
			c = pv_fail(e, PV_PERMANENT, "5.3.5",
				    "`%.60s` is not user@domain: write addresses with commas between",
				    t.text);
	/* A target that is none defers mail; here it is a wrong value. */
	if (c == PV_TEMPORARY && !out.failed) {
		c = PV_PERMANENT;
		if (e != NULL)
			e->class = c;
	}
	pv_buf_free(&out);
	return c;
}

/* A file of the domain's folder that is something else. */
static bool is_taken(const char *name)
{
	static const char *const taken[] = { "aliases", "apop", "domain.conf", "passwd", "virtual" };

	for (size_t i = 0; i < sizeof taken / sizeof *taken; i++)
		if (strcmp(taken[i], name) == 0)
			return true;
	return false;
}

static bool is_alias_file(const char *name)
{
	static const char allowed[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789._-";
	size_t len = strlen(name);

	if (name[0] == '/')
		return len < PATH_MAX && is_path(name, len, true) && name[len - 1] != '/';
	return len <= 64 && name[0] != '.' && name[0] != '-' && strspn(name, allowed) == len &&
	       !is_taken(name);
}

enum pv_class pv_mail_set_alias_files(char *value, void *to, struct pv_error *e)
{
	const char **names = to;
	size_t count = 0;
	char *word;

	names[0] = names[1] = "";
	for (char *p = value; *p != '\0'; p++)
		if (*p == ',')
			*p = ' ';
	while ((word = pv_word(&value)) != NULL) {
		if (count == 2 || !is_alias_file(word))
			return fail(e, "write two names of files in the domain's folder at most, or absolute "
				       "paths, with a comma between");
		names[count++] = word;
	}
	return PV_OK;
}
