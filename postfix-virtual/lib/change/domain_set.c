#include "change/change.h"

#include "base/table.h"
#include "change/conf_check.h"
#include "change/conf_words.h"
#include "change/domain_conf.h"
#include "change/doubts.h"
#include "change/read.h"
#include "change/settings.h"
#include "change/work.h"
#include "maps/postfix.h"
#include "store/conf.h"
#include "store/mail_conf.h"
#include "store/size.h"

#include <limits.h>

enum { POSTCONF_SECONDS = 30 };

/* `domains` before the change and after it. */
struct view {
	struct pv_work *w;
	struct pv_registry_entry before, after;
};

/* A word of domain.conf? All others are `domains`', whose table says what is none. */
static bool is_conf(const char *word)
{
	return pv_conf_has(PV_CONF_OF_DOMAIN, word, strcspn(word, "="));
}

static bool same_name(const char *a, const char *b)
{
	size_t n = strcspn(a, "=");

	return n == strcspn(b, "=") && strncmp(a, b, n) == 0;
}

/* There is no such word in either file. */
static enum pv_class refuse_word(const char *word, struct pv_error *e)
{
	struct pv_registry_entry any = { .commands = true };
	struct pv_buf known = PV_BUF_INIT(PV_ERROR_TEXT);
	char *name = strndup(word, strcspn(word, "="));
	struct pv_error why = { .text = "" };

	enum pv_class c = name != NULL ? pv_registry_set(&any, name, "", &why) : PV_OK;
	free(name);
	if (c == PV_OK)
		return PV_OK;
	for (const struct pv_mail_setting *s = pv_mail_settings(); s->name != NULL; s++)
		if (s->of_domain)
			pv_buf_addf(&known, ", %s", s->name);
	(void)pv_fail(e, PV_PERMANENT, "5.3.5", "%s%s", why.text, known.s);
	pv_buf_free(&known);
	return PV_PERMANENT;
}

/* The words of `domains` as one text. None has a blank in it, since no value may. */
static enum pv_class join(char *const words[], size_t count, char *out, size_t size, struct pv_error *e)
{
	size_t len = 0;

	for (size_t i = 0; i < count; i++) {
		if (is_conf(words[i]))
			continue;
		for (size_t j = 0; j < i; j++)
			if (same_name(words[i], words[j]))
				return pv_fail(e, PV_PERMANENT, "5.3.5", "%.*s is given twice: name it once",
					       (int)strcspn(words[i], "=") % 60, words[i]);
		if (strpbrk(words[i], " \t\r\n\v\f") != NULL)
			return pv_fail(e, PV_PERMANENT, "5.3.5",
				       "`%.60s` has a blank in it: write NAME=VALUE", words[i]);
		if (strchr(words[i], '=') != NULL && refuse_word(words[i], e) != PV_OK)
			return PV_PERMANENT;
		size_t n = (size_t)snprintf(out + len, size - len, "%s%s", len > 0 ? " " : "", words[i]);
		if (n >= size - len)
			return pv_fail(e, PV_PERMANENT, "5.3.5", "too many settings at once");
		len += n;
	}
	return PV_OK;
}

/* The others, as lines. */
static enum pv_class take_conf(struct pv_work *w, char *const words[], size_t count, struct pv_error *e)
{
	enum pv_class c = PV_OK;

	for (size_t i = 0; c == PV_OK && i < count; i++)
		if (is_conf(words[i]))
			c = pv_conf_words_add(w->mark.settings, sizeof w->mark.settings, PV_CONF_OF_DOMAIN,
					      words[i], e);
	return c;
}

static enum pv_class refuse_account(const struct view *v, struct pv_error *e)
{
	const char *name = v->after.account;
	const struct pv_folder *f = &v->w->folder;
	struct pv_account account;
	bool found;

	if (*name == '\0' || strcmp(name, v->before.account) == 0)
		return PV_OK;
	enum pv_class c = pv_account_by_name(name, &account, &found, e);
	if (c == PV_OK && !found)
		return pv_fail(e, PV_PERMANENT, "5.3.5", "there is no account %s: the folder %s is %s's",
			       name, f->path, v->w->account.name);
	if (c == PV_OK && account.uid != f->uid)
		return pv_fail(
			e, PV_PERMANENT, "5.3.5",
			"account=%s: the folder %s is %s's; chown it, its files, the spool folder and the "
			"mailboxes first",
			name, f->path, v->w->account.name);
	return c;
}

/* Does a user have more than he may? */
static enum pv_class refuse_quotas(const struct view *v, const struct pv_users *users, struct pv_error *e)
{
	char memory[64] = "";
	struct pv_buf quota = PV_BUF_ON(memory, sizeof memory - 1);

	for (size_t i = 0; i < users->count; i++) {
		if (users->list[i].conf.mail.quota <= v->after.max_quota)
			continue;
		pv_quota_format(users->list[i].conf.mail.quota, &quota);
		return pv_fail(e, PV_PERMANENT, "5.2.2",
			       "%s@%s has quota=%s: max_quota can be no less than that, or give him less "
			       "first, with "
			       "postfix-virtual user set",
			       users->list[i].user.s, v->w->domain.s, quota.s);
	}
	return PV_OK;
}

/* What depends on which users there are. */
static enum pv_class refuse_users(const struct view *v, struct pv_error *e)
{
	unsigned long max = v->after.max_users;
	struct pv_users users;

	bool fewer = max != 0 && max != v->before.max_users;
	bool other_kind = v->after.standard && !v->before.standard;
	bool less = v->after.max_quota != 0 && v->after.max_quota != v->before.max_quota;
	if (!fewer && !other_kind && !less)
		return PV_OK;
	enum pv_class c = pv_users_read(&v->w->folder, &v->w->account, &users, e);
	if (c == PV_OK && less)
		c = refuse_quotas(v, &users, e);
	if (c == PV_OK && fewer && users.count > max)
		c = pv_fail(e, PV_PERMANENT, "5.2.2",
			    "%s has %zu users: max_users can be no less than that, or delete some first",
			    v->w->domain.s, users.count);
	else if (c == PV_OK && other_kind && users.count > 0)
		c = pv_fail(
			e, PV_PERMANENT, "5.3.5",
			"%s has %zu users with mailboxes, which postfix=yes would cut off: delete them first",
			v->w->domain.s, users.count);
	pv_users_free(&users);
	return c;
}

/* Does master.cf, as postconf -M writes it, have the service `name` for Postfix's own use? */
static bool has_service(char *master, const char *name)
{
	char *line;

	while ((line = strsep(&master, "\n")) != NULL) {
		const char *service = pv_word(&line), *type = service != NULL ? pv_word(&line) : NULL;
		if (type != NULL && strcmp(service, name) == 0 && strcmp(type, "unix") == 0)
			return true;
	}
	return false;
}

/* A service that is not there would hold up all mail of the domain. */
static enum pv_class refuse_transport(const struct view *v, struct pv_error *e)
{
	const char *transport = v->after.sender_transport;
	char service[PV_TRANSPORT_MAX + 1], dir[PATH_MAX];
	const char *argv[] = { PV_POSTCONF, "-c", dir, "-M", NULL };
	struct pv_buf master = PV_BUF_INIT((size_t)1 << 20);

	if (*transport == '\0' || strcmp(transport, v->before.sender_transport) == 0 ||
	    !pv_postfix_has(PV_POSTCONF) || !pv_conf_instance(&v->w->c->store->conf, 0, dir, sizeof dir))
		return PV_OK;
	(void)snprintf(service, sizeof service, "%.*s", (int)strcspn(transport, ":"), transport);
	enum pv_class c = pv_postfix_ask(argv, NULL, POSTCONF_SECONDS, &master, e);
	if (c == PV_OK && !has_service(master.s, service))
		c = pv_fail(
			e, PV_PERMANENT, "5.3.5",
			"sender_transport=%s: %s/master.cf has no service `%s`; postconf -c %s -M lists all",
			transport, dir, service, dir);
	pv_buf_free(&master);
	return c;
}

static enum pv_class check(const struct view *v, struct pv_error *e)
{
	enum pv_class c = refuse_account(v, e);

	if (c == PV_OK)
		c = refuse_users(v, e);
	return c == PV_OK ? refuse_transport(v, e) : c;
}

static bool is_same(const struct view *v)
{
	struct pv_buf a = PV_BUF_INIT(8192), b = PV_BUF_INIT(8192);

	pv_registry_format(&v->before, &a);
	pv_registry_format(&v->after, &b);
	bool same = strcmp(a.s, b.s) == 0;
	pv_buf_free(&a);
	pv_buf_free(&b);
	return same;
}

static enum pv_class prepare(struct view *v, struct pv_error *e)
{
	struct pv_work *w = v->w;
	bool found;

	enum pv_class c = pv_registry_find(w->c->store, &w->domain, &v->before, &found, e);
	if (c != PV_OK)
		return c;
	if (v->before.is_alias)
		return pv_fail(e, PV_PERMANENT, "5.1.2",
			       "%s is an alias of %s, whose settings it has: set them there", w->domain.s,
			       v->before.alias_of.s);
	if ((c = pv_work_need_domain(w, e)) != PV_OK)
		return c;
	if (pv_settings_have(w->mark.words, "alias_of"))
		return pv_fail(e, PV_PERMANENT, "5.3.5",
			       "alias_of stands alone: postfix-virtual domain alias makes an alias");
	v->after = v->before;
	return pv_settings_apply(&v->after, w->mark.words, e);
}

/* What the administrator should know of a change that is right. */
static void advise(const struct view *v)
{
	struct pv_buf *notes = &v->w->c->notes;

	if (*v->after.sender_transport != '\0' && *v->before.sender_transport == '\0')
		pv_buf_addf(
			notes,
			"where no domain had a sender_transport yet, postfix-virtual setup tells Postfix of "
			"the table\n");
	if ((v->before.own & ~v->after.own) != 0)
		pv_buf_addf(notes,
			    "what own= gave to %s is the host's from now on, users of that name or not\n",
			    v->w->domain.s);
}

static enum pv_class carry_out(struct pv_work *w, struct pv_error *e)
{
	struct pv_buf what = PV_BUF_INIT(PV_MARK_HISTORY_MAX * 8);

	pv_buf_adds(&what, w->domain.s);
	if (*w->mark.words != '\0')
		pv_buf_addf(&what, " %s", w->mark.words);
	pv_conf_words_show(w->mark.settings, &what);
	enum pv_class c = pv_work_carry_out(w, what.s, e);
	pv_buf_free(&what);
	return c;
}

/* Does it forbid what lines that are there already may say? */
static bool forbids(const struct view *v)
{
	char value[PV_MARK_SETTINGS_MAX + 1];
	bool outside = true;

	if (pv_conf_words_get(v->w->mark.settings, "forward_outside", value, sizeof value) != NULL &&
	    !pv_parse_bool(value, &outside))
		outside = true;
	return !outside || (v->before.commands && !v->after.commands);
}

/* What is forbidden now is not taken out: it defers, and that should not be found out by the mail. */
static enum pv_class carry_out_telling(struct view *v, struct pv_error *e)
{
	struct pv_maps_report before;

	enum pv_class c = pv_doubts_find(v->w, &before, e);
	if (c == PV_OK)
		c = carry_out(v->w, e);
	if (c == PV_OK && !v->w->c->dry)
		pv_doubts_note_new(v->w, &before);
	pv_maps_report_free(&before);
	return c;
}

static enum pv_class set(struct pv_work *w, char *const words[], size_t count, struct pv_error *e)
{
	struct view v = { .w = w };
	bool same = true;

	enum pv_class c = join(words, count, w->mark.words, sizeof w->mark.words, e);
	if (c == PV_OK)
		c = take_conf(w, words, count, e);
	if (c == PV_OK)
		c = prepare(&v, e);
	w->mark.kind = PV_MARK_DOMAIN_SET;
	if (c == PV_OK)
		c = check(&v, e);
	if (c == PV_OK && *w->mark.settings != '\0')
		c = pv_domain_conf_refuse(w, &v.after, &same, e);
	w->c->already = c == PV_OK && same && is_same(&v);
	if (c != PV_OK || w->c->already)
		return c;
	advise(&v);
	return forbids(&v) ? carry_out_telling(&v, e) : carry_out(w, e);
}

enum pv_class pv_domain_set(struct pv_change *c, const struct pv_domain *d, char *const words[], size_t count,
			    struct pv_error *e)
{
	struct pv_work w;

	enum pv_class r = pv_work_begin(&w, c, d, false, e);
	if (r == PV_OK)
		r = set(&w, words, count, e);
	pv_work_end(&w);
	return r;
}
