#include "change/change.h"

#include "address/extension.h"
#include "base/table.h"
#include "change/work.h"
#include "maps/postfix.h"
#include "store/conf.h"

#include <limits.h>

enum { POSTCONF_SECONDS = 30 };

/* The value of a setting without the word d; empty where d does not stand there as a word. */
static void without_word(char *value, const struct pv_domain *d, struct pv_buf *out)
{
	bool found = false;
	char *word;

	for (char *p = value; *p != '\0'; p++)
		if (*p == ',')
			*p = ' ';
	while ((word = pv_word(&value)) != NULL) {
		if (strcasecmp(word, d->s) == 0) {
			found = true;
			continue;
		}
		pv_buf_adds(out, out->len > 0 ? ", " : "");
		pv_buf_adds(out, word);
	}
	if (!found)
		pv_buf_reset(out);
}

static enum pv_class refuse_setting(const char *dir, const struct pv_domain *d, const char *setting,
				    struct pv_error *e)
{
	const char *argv[] = { PV_POSTCONF, "-c", dir, "-h", setting, NULL };
	struct pv_buf value = PV_BUF_INIT(65536), rest = PV_BUF_INIT(65536);

	enum pv_class c = pv_postfix_ask(argv, NULL, POSTCONF_SECONDS, &value, e);
	if (c == PV_OK) {
		without_word(value.s, d, &rest);
		if (rest.len > 0)
			c = pv_fail(
				e, PV_PERMANENT, "5.1.2",
				"%s stands in Postfix's %s; take it out first: postconf -c %s -e '%s = %s'",
				d->s, setting, dir, setting, rest.s);
		else
			c = pv_fail(e, PV_PERMANENT, "5.1.2",
				    "%s stands in Postfix's %s; take it out first: postconf -c %s -h %s "
				    "shows where",
				    d->s, setting, dir, setting);
	}
	pv_buf_free(&value);
	pv_buf_free(&rest);
	return c;
}

/* A domain that Postfix takes for another class as well is delivered there, whatever our maps say. */
enum pv_class pv_refuse_postfix(const struct pv_store *s, const struct pv_domain *d, struct pv_error *e)
{
	struct pv_postfix_domains taken;
	char dir[PATH_MAX];

	enum pv_class c = pv_postfix_domains_find(s, &d, 1, &taken, e);
	if (c != PV_OK)
		return c;
	const struct pv_postfix_domain *at = pv_postfix_domains_get(&taken, d);
	if (at != NULL && pv_conf_instance(&s->conf, at->instance, dir, sizeof dir))
		c = refuse_setting(dir, d, at->setting, e);
	pv_postfix_domains_free(&taken);
	return c;
}

enum pv_class pv_domain_refuse_name(const struct pv_change *c, const struct pv_domain *d, struct pv_error *e)
{
	struct pv_registry_entry entry;
	bool found;

	if (d->len > PV_EXTENSION_MAX - 3)
		return pv_fail(
			e, PV_PERMANENT, "5.1.2",
			"%s is too long: with a user's name in front it would not fit into a file's name",
			d->s);
	enum pv_class r = pv_registry_find(c->store, d, &entry, &found, e);
	if (r == PV_OK && entry.is_alias)
		r = pv_fail(e, PV_PERMANENT, "5.1.2",
			    "%s is an alias of %s: postfix-virtual domain delete %s first", d->s,
			    entry.alias_of.s, d->s);
	return r == PV_OK ? pv_refuse_postfix(c->store, d, e) : r;
}

/* The domain whose users get the mail of a name that is none: that of its nearest parent. */
static bool find_parent(const struct pv_store *s, const struct pv_domain *d, struct pv_domain *parent_r)
{
	struct pv_domain up;
	struct pv_folder f;

	if (!pv_domain_parent(d, &up) || pv_folder_behind(s, &up, &f, NULL) != PV_OK)
		return false;
	bool found = f.fd >= 0;
	*parent_r = f.domain;
	pv_folder_close(&f);
	return found;
}

/* Whatever is wrong with the parent is no reason against its child. */
void pv_domain_note_parent(struct pv_work *w, const struct pv_domain *target)
{
	const struct pv_store *s = w->c->store;
	struct pv_registry_entry entry;
	struct pv_domain parent;
	bool found;

	if (!find_parent(s, &w->domain, &parent) || (target != NULL && pv_domain_equal(&parent, target)))
		return;
	if (pv_registry_find(s, &parent, &entry, &found, NULL) == PV_OK && entry.sub_domains)
		pv_buf_addf(&w->c->notes,
			    "%s has sub_domains=yes: mail for %s and for names below it does not go to its "
			    "users any more\n",
			    parent.s, w->domain.s);
}

/* It is there. Is it what was asked for? */
static enum pv_class compare_with(struct pv_work *w, const struct pv_domain_add *o, struct pv_error *e)
{
	struct pv_registry_entry entry;
	bool found;

	if (o->account != NULL && (!w->has_account || strcmp(w->account.name, o->account) != 0))
		return pv_fail(e, PV_PERMANENT, "5.1.2", "%s is there already and belongs to %s, not to %s",
			       w->domain.s, w->has_account ? w->account.name : "an account that is gone",
			       o->account);
	enum pv_class c = pv_registry_find(w->c->store, &w->domain, &entry, &found, e);
	if (c == PV_OK && o->sub_domains && !entry.sub_domains)
		return pv_fail(e, PV_PERMANENT, "5.1.2",
			       "%s is there already, without sub-domains: postfix-virtual domain set %s "
			       "sub_domains=yes",
			       w->domain.s, w->domain.s);
	if (c == PV_OK && o->standard && !entry.standard)
		return pv_fail(
			e, PV_PERMANENT, "5.1.2",
			"%s is there already, without postfix=yes: postfix-virtual domain set %s postfix=yes",
			w->domain.s, w->domain.s);
	w->c->already = true;
	return c;
}

static enum pv_class make_account(struct pv_work *w, const char *name, uid_t first_uid, struct pv_error *e)
{
	if (first_uid == 0)
		first_uid = (uid_t)strtoul(w->c->store->conf.first_uid, NULL, 10);
	if (!w->c->dry)
		return pv_account_create(name, first_uid, &w->account, e);
	if (!pv_account_name_is_good(name))
		return pv_fail(e, PV_PERMANENT, "5.3.5", "`%.40s` is no name for an account", name);
	pv_buf_addf(&w->c->notes, "account %s would be made, with the home /home/%s\n", name, name);
	w->account = (struct pv_account){ .uid = 65534, .gid = 65534 };
	(void)snprintf(w->account.name, sizeof w->account.name, "%s", name);
	return PV_OK;
}

static enum pv_class choose_account(struct pv_work *w, const struct pv_domain_add *o, struct pv_error *e)
{
	char derived[PV_ACCOUNT_MAX + 1];
	bool found;

	pv_account_derive(&w->domain, derived);
	const char *name = o->account != NULL ? o->account : derived;
	enum pv_class c = pv_account_by_name(name, &w->account, &found, e);
	if (c == PV_OK && !found && !o->create_account)
		c = pv_fail(e, PV_PERMANENT, "5.3.5",
			    "there is no account %s: name one that is there with --account, or add "
			    "--create-account",
			    name);
	else if (c == PV_OK && !found)
		c = make_account(w, name, o->first_uid, e);
	w->has_account = c == PV_OK;
	if (c == PV_OK && o->account != NULL)
		(void)snprintf(w->mark.account, sizeof w->mark.account, "%s", name);
	return c;
}

static enum pv_class add(struct pv_work *w, const struct pv_domain_add *o, struct pv_error *e)
{
	char what[PV_DOMAIN_MAX + PV_ACCOUNT_MAX + 64];

	enum pv_class c = pv_domain_refuse_name(w->c, &w->domain, e);
	if (c == PV_OK)
		c = choose_account(w, o, e);
	if (c != PV_OK)
		return c;
	w->mark.kind = PV_MARK_DOMAIN_ADD;
	w->mark.sub_domains = o->sub_domains;
	pv_domain_note_parent(w, NULL);
	(void)snprintf(w->mark.words, sizeof w->mark.words, "%s", o->standard ? "postfix=yes" : "");
	(void)snprintf(what, sizeof what, "%s account=%s%s%s", w->domain.s, w->account.name,
		       o->sub_domains ? " sub_domains=yes" : "", o->standard ? " postfix=yes" : "");
	return pv_work_carry_out(w, what, e);
}

enum pv_class pv_domain_add(struct pv_change *c, const struct pv_domain *d, const struct pv_domain_add *o,
			    struct pv_error *e)
{
	struct pv_work w;

	enum pv_class r = pv_work_begin(&w, c, d, false, e);
	if (r == PV_OK)
		r = w.folder.fd >= 0 ? compare_with(&w, o, e) : add(&w, o, e);
	pv_work_end(&w);
	return r;
}

/* Mail for an alias would have nowhere to go. */
static enum pv_class refuse_aliases(const struct pv_work *w, struct pv_error *e)
{
	struct pv_domain alias;
	bool found;

	enum pv_class c = pv_alias_of(w->c->store, &w->domain, &alias, &found, e);
	if (c == PV_OK && found)
		c = pv_fail(e, PV_PERMANENT, "5.1.2",
			    "%s is an alias of %s: postfix-virtual domain delete %s first", alias.s,
			    w->domain.s, alias.s);
	return c;
}

/* Its folder is gone or never was: is it an alias? */
static enum pv_class delete_alias(struct pv_work *w, struct pv_error *e)
{
	struct pv_registry_entry entry;
	bool found;

	enum pv_class c = pv_registry_find(w->c->store, &w->domain, &entry, &found, e);
	if (c != PV_OK)
		return c;
	if (!entry.is_alias)
		return pv_fail(e, PV_PERMANENT, "5.1.2", "%s is no domain here", w->domain.s);
	return pv_alias_remove(w, &entry.alias_of, e);
}

static enum pv_class delete_domain(struct pv_work *w, struct pv_error *e)
{
	enum pv_class c = refuse_aliases(w, e);

	w->mark.kind = PV_MARK_DOMAIN_DELETE;
	return c == PV_OK ? pv_work_carry_out(w, w->domain.s, e) : c;
}

enum pv_class pv_domain_delete(struct pv_change *c, const struct pv_domain *d, struct pv_error *e)
{
	struct pv_work w;

	enum pv_class r = pv_work_begin(&w, c, d, true, e);
	if (r == PV_OK)
		r = w.folder.fd >= 0 ? delete_domain(&w, e) : delete_alias(&w, e);
	pv_work_end(&w);
	return r;
}
