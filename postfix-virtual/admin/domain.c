#include "admin.h"

#include "address/idn.h"
#include "base/table.h"
#include "change/account.h"
#include "change/read.h"
#include "settings.h"
#include "store/folder.h"
#include "store/registry.h"

#include <unistd.h>

static enum pv_class domain_object(const struct admin *a, struct pv_domain *d, struct pv_error *e)
{
	return pv_idn_domain(a->objects[0], d, e);
}

/* On a terminal a domain needs no more than its name: an account that is missing is offered. */
static enum pv_class offer_account(struct admin *a, const struct pv_domain *d, struct pv_domain_add *o,
				   struct pv_error *e)
{
	char name[PV_ACCOUNT_MAX + 1], question[PV_DOMAIN_MAX + 160];
	struct pv_account account;
	struct pv_folder f;
	bool found = false;

	if (o->account != NULL || o->create_account || a->dry || isatty(STDIN_FILENO) == 0)
		return PV_OK;
	enum pv_class c = pv_folder_open(&a->store, d, &f, e);
	bool is_there = c == PV_OK && f.fd >= 0;
	if (c == PV_OK)
		pv_folder_close(&f);
	pv_account_derive(d, name);
	if (c == PV_OK && !is_there)
		c = pv_account_by_name(name, &account, &found, e);
	if (c != PV_OK || is_there || found)
		return c;
	(void)snprintf(question, sizeof question,
		       "There is no account %s to own %s. Make it (a system account, without login)?", name,
		       d->s);
	c = confirm(a, question, e);
	o->create_account = c == PV_OK;
	return c;
}

/* --first-uid N */
static enum pv_class take_first_uid(const struct admin *a, uid_t *uid_r, struct pv_error *e)
{
	const char *word = a->options[OPT_FIRST_UID];
	unsigned long n = 0;

	if (word != NULL && (!pv_parse_number(word, strlen(word), PV_UID_MAX, &n) || n == 0))
		return pv_fail(e, PV_PERMANENT, NULL, "--first-uid %.40s: write a uid, 1 to %d", word,
			       PV_UID_MAX);
	*uid_r = (uid_t)n;
	return PV_OK;
}

enum pv_class domain_add(struct admin *a, struct pv_error *e)
{
	struct pv_domain_add o = { .account = a->options[OPT_ACCOUNT],
				   .create_account = a->options[OPT_CREATE_ACCOUNT] != NULL,
				   .sub_domains = a->options[OPT_SUB_DOMAINS] != NULL,
				   .standard = a->options[OPT_POSTFIX] != NULL };
	struct pv_domain d;

	enum pv_class c = domain_object(a, &d, e);
	if (c == PV_OK)
		c = take_first_uid(a, &o.first_uid, e);
	if (c == PV_OK)
		c = offer_account(a, &d, &o, e);
	if (c == PV_OK)
		c = pv_domain_add(&a->change, &d, &o, e);
	if (c == PV_OK)
		say_done(a, a->change.already ? "domain %s is already there" : "domain %s added", d.s);
	return c;
}

enum pv_class domain_delete(struct admin *a, struct pv_error *e)
{
	char question[PV_DOMAIN_MAX + 128];
	struct pv_domain d;

	enum pv_class c = domain_object(a, &d, e);
	if (c != PV_OK)
		return c;
	(void)snprintf(question, sizeof question, "Delete domain %s with all its users and their mail?", d.s);
	c = confirm(a, question, e);
	if (c == PV_OK)
		c = pv_domain_delete(&a->change, &d, e);
	if (c == PV_OK)
		say_done(a, "domain %s deleted", d.s);
	return c;
}

enum pv_class domain_set(struct admin *a, struct pv_error *e)
{
	struct pv_domain d;

	enum pv_class c = need_settings(a, e);
	if (c == PV_OK)
		c = domain_object(a, &d, e);
	if (c == PV_OK)
		c = pv_domain_set(&a->change, &d, a->objects + 1, (size_t)a->object_count - 1, e);
	if (c == PV_OK)
		say_done(a, a->change.already ? "domain %s is so already" : "domain %s changed", d.s);
	return c;
}

enum pv_class domain_alias(struct admin *a, struct pv_error *e)
{
	struct pv_domain d, target;

	enum pv_class c = domain_object(a, &d, e);
	if (c == PV_OK)
		c = pv_idn_domain(a->objects[1], &target, e);
	if (c == PV_OK)
		c = pv_domain_alias(&a->change, &d, &target, e);
	if (c == PV_OK)
		say_done(a, a->change.already ? "%s is an alias of %s already" : "%s is an alias of %s now",
			 d.s, target.s);
	return c;
}

/* The account's name, or its number where it has none. */
static void account_text(uid_t uid, char *out, size_t size)
{
	struct pv_account account;
	bool found;

	if (pv_account_by_uid(uid, &account, &found, NULL) == PV_OK && found)
		(void)snprintf(out, size, "%s", account.name);
	else
		(void)snprintf(out, size, "%lu", (unsigned long)uid);
}

static json_t *describe(const struct admin *a, const struct pv_domain *d, const struct pv_registry *r)
{
	char account[PV_ERROR_TEXT];
	json_t *o = json_object();
	struct pv_folder f;
	struct pv_error e;

	put_text(o, "domain", d->s);
	const struct pv_registry_entry *entry = pv_registry_get(r, d);
	if (entry != NULL && entry->is_alias) {
		put_text(o, "account", "-");
		put_text(o, "alias_of", entry->alias_of.s);
		return o;
	}
	if (pv_folder_open(&a->store, d, &f, &e) != PV_OK)
		(void)snprintf(account, sizeof account, "%s", e.text);
	else
		account_text(f.uid, account, sizeof account);
	pv_folder_close(&f);
	put_text(o, "account", account);
	if (entry != NULL && entry->standard)
		put_text(o, "kind", "postfix");
	return o;
}

enum pv_class domain_list(struct admin *a, struct pv_error *e)
{
	struct pv_domain *list = NULL;
	struct pv_registry r;
	size_t count = 0;

	enum pv_class c = pv_registry_load(&a->store, &r, e);
	if (c != PV_OK)
		return c;
	c = pv_folder_list(&a->store, &list, &count, e);
	a->result = json_array();
	/* Two sorted lists: the folders, and those that are aliases only. */
	for (size_t i = 0, j = 0; c == PV_OK && (i < count || j < r.count);) {
		if (j < r.count && !r.entries[j].is_alias) {
			j++;
			continue;
		}
		int order = i == count ? 1 : j == r.count ? -1 : strcmp(list[i].s, r.entries[j].domain.s);
		const struct pv_domain *d = order <= 0 ? &list[i] : &r.entries[j].domain;
		(void)json_array_append_new(a->result, describe(a, d, &r));
		i += order <= 0;
		j += order >= 0;
	}
	free(list);
	pv_registry_free(&r);
	return c;
}

/* The names that lead to d, with blanks between. */
static enum pv_class put_aliases(struct admin *a, const struct pv_domain *d, struct pv_error *e)
{
	struct pv_buf names = PV_BUF_INIT((size_t)1 << 20);
	struct pv_registry r;

	enum pv_class c = pv_registry_load(&a->store, &r, e);
	for (size_t i = 0; c == PV_OK && i < r.count; i++)
		if (r.entries[i].is_alias && pv_domain_equal(&r.entries[i].alias_of, d))
			pv_buf_addf(&names, "%s%s", names.len > 0 ? " " : "", r.entries[i].domain.s);
	if (names.len > 0)
		put_text(a->result, "aliases", names.s);
	pv_registry_free(&r);
	pv_buf_free(&names);
	return c;
}

static void put_registry(json_t *o, const struct pv_registry_entry *entry)
{
	char own[64];

	put_bool(o, "sub_domains", entry->sub_domains);
	put_bool(o, "commands", entry->commands);
	(void)snprintf(own, sizeof own, "%s%s%s", (entry->own & PV_OWN_POSTMASTER) != 0 ? "postmaster " : "",
		       (entry->own & PV_OWN_ABUSE) != 0 ? "abuse " : "",
		       (entry->own & PV_OWN_WEBMASTER) != 0 ? "webmaster " : "");
	if (*own != '\0')
		own[strlen(own) - 1] = '\0';
	put_text(o, "own", own);
	if (entry->standard)
		put_bool(o, "postfix", true);
	if (entry->sender_transport[0] != '\0')
		put_text(o, "sender_transport", entry->sender_transport);
	if (entry->max_users != 0)
		put_number(o, "max_users", entry->max_users);
	if (entry->max_quota != 0)
		put_number(o, "max_quota", entry->max_quota);
}

static enum pv_class show_folder(struct admin *a, const struct pv_domain *d,
				 const struct pv_registry_entry *entry, struct pv_error *e)
{
	struct pv_users users;
	struct place p;

	enum pv_class c = open_place(a, d, &p, e);
	if (c != PV_OK) {
		close_place(&p);
		return c;
	}
	put_text(a->result, "settings", p.folder.path);
	put_text(a->result, "account", p.account.name);
	put_text(a->result, "home", p.account.home);
	c = pv_users_read(&p.folder, &p.account, &users, e);
	if (c == PV_OK)
		put_number(a->result, "users", users.count);
	pv_users_free(&users);
	if (c == PV_OK) {
		put_registry(a->result, entry);
		c = put_settings(a, &p, NULL, e);
	}
	close_place(&p);
	return c;
}

enum pv_class domain_show(struct admin *a, struct pv_error *e)
{
	struct pv_registry_entry entry;
	struct pv_domain d;
	bool found;

	enum pv_class c = domain_object(a, &d, e);
	if (c == PV_OK)
		c = pv_registry_find(&a->store, &d, &entry, &found, e);
	if (c != PV_OK)
		return c;
	a->result = json_object();
	put_text(a->result, "domain", d.s);
	if (entry.is_alias) {
		put_text(a->result, "alias_of", entry.alias_of.s);
		return PV_OK;
	}
	c = show_folder(a, &d, &entry, e);
	return c == PV_OK ? put_aliases(a, &d, e) : c;
}
