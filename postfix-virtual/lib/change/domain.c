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
static enum pv_class refuse_postfix(const struct pv_store *s, const struct pv_domain *d, struct pv_error *e)
{
	struct pv_postfix_domains taken;
	char dir[PATH_MAX];

	enum pv_class c = pv_postfix_domains_find(s, d, 1, &taken, e);
	if (c != PV_OK)
		return c;
	const struct pv_postfix_domain *at = pv_postfix_domains_get(&taken, d);
	if (at != NULL && pv_conf_instance(&s->conf, at->instance, dir, sizeof dir))
		c = refuse_setting(dir, d, at->setting, e);
	pv_postfix_domains_free(&taken);
	return c;
}

static enum pv_class refuse_name(const struct pv_change *c, const struct pv_domain *d, struct pv_error *e)
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
			    "%s is an alias of %s: take its line out of %s/domains first", d->s,
			    entry.alias_of.s, c->store->dir);
	return r == PV_OK ? refuse_postfix(c->store, d, e) : r;
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
			       "%s is there already, without sub-domains: write `%s sub_domains=yes` into "
			       "%s/domains",
			       w->domain.s, w->domain.s, w->c->store->dir);
	w->c->already = true;
	return c;
}

static enum pv_class make_account(struct pv_work *w, const char *name, struct pv_error *e)
{
	if (!w->c->dry)
		return pv_account_create(name, &w->account, e);
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
		c = make_account(w, name, e);
	w->has_account = c == PV_OK;
	if (c == PV_OK && o->account != NULL)
		(void)snprintf(w->mark.account, sizeof w->mark.account, "%s", name);
	return c;
}

static enum pv_class add(struct pv_work *w, const struct pv_domain_add *o, struct pv_error *e)
{
	char what[PV_DOMAIN_MAX + PV_ACCOUNT_MAX + 64];

	enum pv_class c = refuse_name(w->c, &w->domain, e);
	if (c == PV_OK)
		c = choose_account(w, o, e);
	if (c != PV_OK)
		return c;
	w->mark.kind = PV_MARK_DOMAIN_ADD;
	w->mark.sub_domains = o->sub_domains;
	(void)snprintf(what, sizeof what, "%s account=%s%s", w->domain.s, w->account.name,
		       o->sub_domains ? " sub_domains=yes" : "");
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
	struct pv_registry r;

	enum pv_class c = pv_registry_load(w->c->store, &r, e);
	if (c != PV_OK)
		return c;
	for (size_t i = 0; c == PV_OK && i < r.count; i++)
		if (r.entries[i].is_alias && pv_domain_equal(&r.entries[i].alias_of, &w->domain))
			c = pv_fail(e, PV_PERMANENT, "5.1.2",
				    "%s is an alias of %s: take its line out of %s/domains first",
				    r.entries[i].domain.s, w->domain.s, w->c->store->dir);
	pv_registry_free(&r);
	return c;
}

enum pv_class pv_domain_delete(struct pv_change *c, const struct pv_domain *d, struct pv_error *e)
{
	struct pv_work w;

	enum pv_class r = pv_work_begin(&w, c, d, true, e);
	if (r == PV_OK && w.folder.fd < 0)
		r = pv_fail(e, PV_PERMANENT, "5.1.2", "%s is no domain here", d->s);
	if (r == PV_OK)
		r = refuse_aliases(&w, e);
	if (r == PV_OK) {
		w.mark.kind = PV_MARK_DOMAIN_DELETE;
		r = pv_work_carry_out(&w, d->s, e);
	}
	pv_work_end(&w);
	return r;
}
