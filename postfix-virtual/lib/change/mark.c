#include "change/mark.h"

#include "base/base64.h"
#include "base/file.h"
#include "base/table.h"

#include <unistd.h>

enum { FILE_MAX = 192 * 1024 };

static const char *const words[PV_MARK_KINDS] = {
	[PV_MARK_DOMAIN_ADD] = "domain add",
	[PV_MARK_DOMAIN_DELETE] = "domain delete",
	[PV_MARK_ADOPT] = "adopt",
	[PV_MARK_USER_HASH_ALL] = "user password --hash-all",
	[PV_MARK_USER_ADD] = "user add",
	[PV_MARK_USER_PASSWORD] = "user password",
	[PV_MARK_USER_APOP] = "user apop",
	[PV_MARK_USER_RENAME] = "user rename",
	[PV_MARK_USER_DISABLE] = "user disable",
	[PV_MARK_USER_ENABLE] = "user enable",
	[PV_MARK_USER_DELETE] = "user delete",
	[PV_MARK_DOMAIN_SET] = "domain set",
	[PV_MARK_DOMAIN_ALIAS] = "domain alias",
	[PV_MARK_DOMAIN_UNALIAS] = "domain delete alias",
	[PV_MARK_HOST_SET] = "host-addresses set",
	[PV_MARK_HOST_DELETE] = "host-addresses delete",
	[PV_MARK_USER_SET] = "user set",
	[PV_MARK_ALIAS_ADD] = "alias add",
	[PV_MARK_ALIAS_SET] = "alias set",
	[PV_MARK_ALIAS_DELETE] = "alias delete",
	[PV_MARK_MAILBOX_CONVERT] = "mailbox convert",
	[PV_MARK_MAILBOX_REPAIR] = "mailbox repair",
	[PV_MARK_RESPONDER_SET] = "responder set",
	[PV_MARK_RESPONDER_DELETE] = "responder delete",
	[PV_MARK_VACATION_ON] = "vacation on",
	[PV_MARK_VACATION_OFF] = "vacation off",
	[PV_MARK_VACATION_SET] = "vacation set",
};

const char *pv_mark_words(enum pv_mark_kind kind)
{
	return words[kind];
}

bool pv_mark_is_roots(enum pv_mark_kind kind)
{
	return kind == PV_MARK_DOMAIN_ALIAS || kind == PV_MARK_DOMAIN_UNALIAS || kind == PV_MARK_HOST_SET ||
	       kind == PV_MARK_HOST_DELETE;
}

static void put(struct pv_buf *b, const char *name, const char *value)
{
	if (*value != '\0')
		pv_buf_addf(b, "%s = %s\n", name, value);
}

/* One line for each: a value may hold anything but a newline. */
static void put_settings(struct pv_buf *b, const char *settings)
{
	while (*settings != '\0') {
		size_t n = strcspn(settings, "\n");
		pv_buf_addf(b, "set = %.*s\n", (int)n, settings);
		settings += n + (settings[n] == '\n');
	}
}

static void put_alias(struct pv_buf *b, const struct pv_mark_alias *a)
{
	put(b, "alias", a->name);
	put(b, "file", a->file);
	put(b, "targets", a->targets);
	put(b, "comment", a->comment);
	put(b, "expires", a->expires);
}

/* It may hold anything. */
static void put_body(struct pv_buf *b, const struct pv_mark *m)
{
	if (m->text == NULL)
		return;
	pv_buf_adds(b, "text = ");
	pv_base64_add(b, m->text, m->text_len);
	pv_buf_addc(b, '\n');
}

enum pv_class pv_mark_write(int dirfd, const struct pv_mark *m, struct pv_error *e)
{
	struct pv_buf b = PV_BUF_INIT(FILE_MAX);

	put(&b, "change", words[m->kind]);
	put(&b, "user", m->user.s);
	put(&b, "to", m->to.s);
	put(&b, "account", m->account);
	put(&b, "sub_domains", m->sub_domains ? "yes" : "");
	put(&b, "unclear", m->unclear ? "yes" : "");
	put(&b, "aliases", m->aliases ? "yes" : "");
	put(&b, "line", m->line);
	put(&b, "hash", m->hash);
	put(&b, "words", m->words);
	put_settings(&b, m->settings);
	put_alias(&b, &m->alias);
	put_body(&b, m);
	put(&b, "no_key", m->no_key ? "yes" : "");
	put(&b, "event", m->event);
	put(&b, "history", m->history);
	pv_buf_addf(&b, "uid = %lu\nwhen = %lld\n", (unsigned long)m->uid, (long long)m->when);
	enum pv_class c = pv_buf_check(&b, "the mark of a change", e);
	if (c == PV_OK)
		c = pv_file_replace(dirfd, m->domain.s, b.s, b.len, 0600, (uid_t)-1, (gid_t)-1, e);
	if (c != PV_OK)
		(void)pv_error_prefix(e, "mark the change of %s as begun", m->domain.s);
	pv_buf_free_zero(&b);
	return c;
}

static bool take_kind(const char *value, enum pv_mark_kind *kind_r)
{
	for (size_t i = 0; i < PV_MARK_KINDS; i++) {
		if (strcmp(words[i], value) == 0) {
			*kind_r = (enum pv_mark_kind)i;
			return true;
		}
	}
	return false;
}

static bool take_text(const char *value, char *to, size_t size)
{
	return (size_t)snprintf(to, size, "%s", value) < size;
}

/* It becomes the name of a file. */
static bool take_event(const char *value, char *to, size_t size)
{
	return strspn(value, "0123456789-") == strlen(value) && take_text(value, to, size);
}

static bool take_body(struct pv_mark *m, const char *value)
{
	struct pv_buf b = PV_BUF_INIT(FILE_MAX);

	bool good = m->text == NULL && pv_base64_decode(value, strlen(value), &b) && !b.failed;
	if (good && (m->text = malloc(b.len + 1)) != NULL) {
		memcpy(m->text, b.s, b.len + 1);
		m->text_len = b.len;
	}
	pv_buf_free(&b);
	return good && m->text != NULL;
}

static bool take_number(const char *value, unsigned long *to)
{
	return pv_parse_number(value, strlen(value), (unsigned long)-1 >> 1, to);
}

static bool take_setting(const char *value, char *to, size_t size)
{
	size_t len = strlen(to);

	return take_text(value, to + len, size - len) &&
	       take_text("\n", to + len + strlen(value), size - len - strlen(value));
}

/* It is opened in the account's folder. */
static bool take_file(const char *value, char *to, size_t size)
{
	return strchr(value, '/') == NULL && *value != '.' && take_text(value, to, size);
}

/* The values that are texts, and where they go. */
static bool take_named(struct pv_mark *m, const char *name, const char *value, bool *taken_r)
{
	const struct {
		const char *name;
		bool (*take)(const char *value, char *to, size_t size);
		char *to;
		size_t size;
	} texts[] = {
		{ "account", take_text, m->account, sizeof m->account },
		{ "line", take_text, m->line, sizeof m->line },
		{ "hash", take_text, m->hash, sizeof m->hash },
		{ "words", take_text, m->words, sizeof m->words },
		{ "set", take_setting, m->settings, sizeof m->settings },
		{ "alias", take_text, m->alias.name, sizeof m->alias.name },
		{ "file", take_file, m->alias.file, sizeof m->alias.file },
		{ "targets", take_text, m->alias.targets, sizeof m->alias.targets },
		{ "comment", take_text, m->alias.comment, sizeof m->alias.comment },
		{ "expires", take_text, m->alias.expires, sizeof m->alias.expires },
		{ "event", take_event, m->event, sizeof m->event },
		{ "history", take_text, m->history, sizeof m->history },
	};

	for (size_t i = 0; i < sizeof texts / sizeof *texts; i++) {
		*taken_r = strcmp(name, texts[i].name) == 0;
		if (*taken_r)
			return texts[i].take(value, texts[i].to, texts[i].size);
	}
	return false;
}

static bool take_switch(struct pv_mark *m, const char *name, const char *value, bool *taken_r)
{
	bool *to = strcmp(name, "sub_domains") == 0 ? &m->sub_domains
		   : strcmp(name, "unclear") == 0   ? &m->unclear
		   : strcmp(name, "aliases") == 0   ? &m->aliases
		   : strcmp(name, "no_key") == 0    ? &m->no_key
						    : NULL;

	*taken_r = to != NULL;
	return to != NULL && pv_parse_bool(value, to);
}

/* One `name = value`. Returns false where the value is not what we would have written. */
static bool take(struct pv_mark *m, const char *name, const char *value)
{
	unsigned long number;
	bool taken;

	bool good = take_named(m, name, value, &taken);
	if (!taken)
		good = take_switch(m, name, value, &taken);
	if (taken)
		return good;
	if (strcmp(name, "change") == 0)
		return take_kind(value, &m->kind);
	if (strcmp(name, "user") == 0)
		return pv_user_parse(value, strlen(value), &m->user, NULL) == PV_OK;
	if (strcmp(name, "to") == 0)
		return pv_user_parse(value, strlen(value), &m->to, NULL) == PV_OK;
	if (strcmp(name, "text") == 0)
		return take_body(m, value);
	if (!take_number(value, &number))
		return false;
	if (strcmp(name, "uid") == 0)
		m->uid = (uid_t)number;
	else if (strcmp(name, "when") == 0)
		m->when = (time_t)number;
	else
		return false;
	return true;
}

static enum pv_class parse(struct pv_buf *text, const char *file, struct pv_mark *m, struct pv_error *e)
{
	struct pv_lines it;
	struct pv_line l;
	char *name, *value;
	enum pv_class c;

	pv_lines_start(&it, file, text, false);
	while ((c = pv_lines_next(&it, &l, e)) == PV_OK && l.text != NULL) {
		if ((c = pv_line_setting(&it, &l, &name, &value, e)) != PV_OK)
			return c;
		if (!take(m, name, value))
			return pv_line_fail(&it, &l, e,
					    "`%s` has a value that we never write: remove the file", name);
	}
	if (c == PV_OK &&
	    ((m->uid == 0 && !pv_mark_is_roots(m->kind)) || m->when == 0 || *m->history == '\0'))
		c = pv_fail(e, PV_TEMPORARY, "4.3.5", "%s is not whole: remove the file", file);
	return c;
}

enum pv_class pv_mark_read(int dirfd, const struct pv_domain *d, struct pv_mark *m, bool *found_r,
			   struct pv_error *e)
{
	const struct pv_trust trust = { .uid = geteuid(), .where = "pending" };
	struct pv_buf text = PV_BUF_INIT(FILE_MAX);
	char file[PV_DOMAIN_MAX + sizeof "pending/"];

	*m = (struct pv_mark){ .domain = *d };
	(void)snprintf(file, sizeof file, "pending/%s", d->s);
	enum pv_class c = pv_file_load(dirfd, d->s, &trust, &text, found_r, e);
	if (c == PV_OK && *found_r)
		c = parse(&text, file, m, e);
	pv_buf_free_zero(&text);
	return c;
}

void pv_mark_free(struct pv_mark *m)
{
	free(m->text);
	explicit_bzero(m, sizeof *m);
}

enum pv_class pv_mark_clear(int dirfd, const struct pv_domain *d, struct pv_error *e)
{
	return pv_file_remove(dirfd, d->s, e);
}
