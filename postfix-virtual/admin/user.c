#include "admin.h"

#include "address/idn.h"
#include "auth/session.h"
#include "base/table.h"
#include "change/read.h"
#include "maps/dovecot.h"
#include "settings.h"
#include "store/password.h"

#include <unistd.h>

enum { MOST_DAYS = 36500 };

static enum pv_class address_object(const struct admin *a, struct pv_address *address, struct pv_error *e)
{
	return pv_idn_address(a->objects[0], address, e);
}

/* A password that we made is shown once, here. */
static void say_secret(struct admin *a, const char *name, const char *random)
{
	if (*random == '\0' || a->dry)
		return;
	put_text(a->result, name, random);
	pv_buf_addf(&a->text, "%s: %s\n", name, random);
}

enum pv_class user_add(struct admin *a, struct pv_error *e)
{
	char hash[PV_PASSWORD_HASH_SIZE], random[PV_PASSWORD_RANDOM_SIZE];
	struct pv_user_add o = { .name = a->options[OPT_NAME] != NULL ? a->options[OPT_NAME] : "",
				 .home = a->options[OPT_HOME],
				 .hash = hash };
	struct pv_address address;

	enum pv_class c = address_object(a, &address, e);
	if (c == PV_OK)
		c = take_hash(a, hash, random, e);
	if (c == PV_OK)
		c = pv_user_add(&a->change, &address, &o, e);
	if (c == PV_OK) {
		say_done(a, "user %s@%s added", address.user.s, address.domain.s);
		say_secret(a, "password", random);
	}
	explicit_bzero(random, sizeof random);
	return c;
}

/* `12 hashed, 3 are hashes, 1 locked ...` */
static void say_counts(struct admin *a, const struct pv_domain *d, const struct pv_password_counts *n)
{
	static const struct {
		enum pv_password_kind kind;
		const char *name, *words;
	} rows[] = {
		{ PV_PASSWORD_HASHED, "were_hashes", "were hashes" },
		{ PV_PASSWORD_LOCKED, "locked", "locked" },
		{ PV_PASSWORD_EMPTY, "empty", "empty" },
		{ PV_PASSWORD_UNCLEAR, "unclear",
		  "may be hashes and stay as they are: add --plain if none is" },
	};
	struct pv_buf text = PV_BUF_INIT(512);

	pv_buf_addf(&text, "passwords of %s: %zu %s", d->s, n->hashed, a->dry ? "would be hashed" : "hashed");
	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
		size_t count = n->of[rows[i].kind];
		if (rows[i].kind == PV_PASSWORD_UNCLEAR && a->options[OPT_PLAIN] != NULL)
			count = 0;
		if (count > 0)
			pv_buf_addf(&text, ", %zu %s", count, rows[i].words);
	}
	say_done(a, "%s", text.s);
	put_number(a->result, "hashed", n->hashed);
	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++)
		put_number(a->result, rows[i].name, n->of[rows[i].kind]);
	if (a->dry && !a->change.already)
		pv_buf_addf(&a->text, "# %s\n", text.s);
	pv_buf_free(&text);
}

static enum pv_class hash_all(struct admin *a, struct pv_error *e)
{
	struct pv_password_counts n;
	struct pv_domain d;

	if (a->options[OPT_PASSWORD_STDIN] != NULL || a->options[OPT_RANDOM] != NULL ||
	    a->options[OPT_HASH] != NULL)
		return usage_error(
			a, e, "--hash-all takes the passwords that are there: no other option but --plain");
	enum pv_class c = pv_idn_domain(a->objects[0], &d, e);
	if (c == PV_OK)
		c = pv_users_hash_all(&a->change, &d, a->options[OPT_PLAIN] != NULL, &n, e);
	if (c == PV_OK)
		say_counts(a, &d, &n);
	return c;
}

enum pv_class user_password(struct admin *a, struct pv_error *e)
{
	char hash[PV_PASSWORD_HASH_SIZE], random[PV_PASSWORD_RANDOM_SIZE];
	struct pv_address address;

	if (a->options[OPT_HASH_ALL] != NULL)
		return hash_all(a, e);
	if (a->options[OPT_PLAIN] != NULL)
		return usage_error(a, e, "--plain goes with --hash-all");
	enum pv_class c = address_object(a, &address, e);
	if (c == PV_OK)
		c = take_hash(a, hash, random, e);
	if (c == PV_OK)
		c = pv_user_password(&a->change, &address, hash, e);
	if (c == PV_OK) {
		say_done(a, "password of %s@%s changed", address.user.s, address.domain.s);
		say_secret(a, "password", random);
	}
	explicit_bzero(random, sizeof random);
	return c;
}

/* The new name: `user`, or `user@` the same domain. */
static enum pv_class new_name(const struct admin *a, const struct pv_address *from, struct pv_user *to,
			      struct pv_error *e)
{
	const char *text = a->objects[1];
	struct pv_address whole;

	if (strchr(text, '@') == NULL)
		return pv_user_parse(text, strlen(text), to, e);
	enum pv_class c = pv_idn_address(text, &whole, e);
	if (c == PV_OK && !pv_domain_equal(&whole.domain, &from->domain))
		c = pv_fail(e, PV_PERMANENT, NULL, "a user can be renamed within its domain only, %s",
			    from->domain.s);
	if (c == PV_OK)
		*to = whole.user;
	return c;
}

enum pv_class user_rename(struct admin *a, struct pv_error *e)
{
	struct pv_address address;
	struct pv_user to;

	enum pv_class c = address_object(a, &address, e);
	if (c == PV_OK)
		c = new_name(a, &address, &to, e);
	if (c == PV_OK)
		c = pv_user_rename(&a->change, &address, &to, a->options[OPT_ALIASES] != NULL, e);
	if (c == PV_OK)
		say_done(a, "user %s@%s is now %s@%s", address.user.s, address.domain.s, to.s,
			 address.domain.s);
	return c;
}

enum pv_class user_apop(struct admin *a, struct pv_error *e)
{
	bool off = a->options[OPT_OFF] != NULL;
	char random[PV_PASSWORD_RANDOM_SIZE] = "";
	struct pv_address address;

	if (off == (a->options[OPT_RANDOM] != NULL))
		return usage_error(a, e, "one of --random and --off");
	enum pv_class c = address_object(a, &address, e);
	if (c == PV_OK && !off)
		c = pv_password_random(random, e);
	if (c == PV_OK)
		c = pv_user_apop(&a->change, &address, off ? NULL : random, e);
	if (c == PV_OK && !off && !a->store.conf.apop)
		pv_buf_adds(&a->change.notes, "apop = no in virtual.conf: no APOP is taken yet\n");
	if (c == PV_OK && a->change.already)
		say_done(a, "%s@%s has no secret for APOP", address.user.s, address.domain.s);
	else if (c == PV_OK)
		say_done(a, "secret for APOP of %s@%s %s", address.user.s, address.domain.s,
			 off ? "removed" : "changed");
	if (c == PV_OK)
		say_secret(a, "secret", random);
	explicit_bzero(random, sizeof random);
	return c;
}

static enum pv_class enable(struct admin *a, bool on, struct pv_error *e)
{
	const char *word = on ? "enabled" : "disabled";
	struct pv_address address;

	enum pv_class c = address_object(a, &address, e);
	if (c == PV_OK)
		c = pv_user_enable(&a->change, &address, on, e);
	if (c == PV_OK && a->change.already)
		say_done(a, "user %s@%s is already %s", address.user.s, address.domain.s, word);
	else if (c == PV_OK)
		say_done(a, "user %s@%s %s", address.user.s, address.domain.s, word);
	return c;
}

enum pv_class user_disable(struct admin *a, struct pv_error *e)
{
	return enable(a, false, e);
}

enum pv_class user_enable(struct admin *a, struct pv_error *e)
{
	return enable(a, true, e);
}

enum pv_class user_delete(struct admin *a, struct pv_error *e)
{
	char question[PV_USER_MAX + PV_DOMAIN_MAX + 64];
	struct pv_address address;

	enum pv_class c = address_object(a, &address, e);
	if (c != PV_OK)
		return c;
	(void)snprintf(question, sizeof question, "Delete user %s@%s and the mail?", address.user.s,
		       address.domain.s);
	c = confirm(a, question, e);
	if (c == PV_OK)
		c = pv_user_delete(&a->change, &address, e);
	if (c == PV_OK)
		say_done(a, "user %s@%s deleted", address.user.s, address.domain.s);
	return c;
}

struct domain_view {
	struct place place;
	struct pv_users users;
};

static void close_view(struct domain_view *v)
{
	pv_users_free(&v->users);
	close_place(&v->place);
}

static enum pv_class open_view(const struct admin *a, const struct pv_domain *d, struct domain_view *v,
			       struct pv_error *e)
{
	v->users = (struct pv_users){ .text = PV_BUF_INIT(0) };
	enum pv_class c = open_place(a, d, &v->place, e);
	return c == PV_OK ? pv_users_read(&v->place.folder, &v->place.account, &v->users, e) : c;
}

/* Who is listed, and how. */
struct listing {
	unsigned long unused_days; /* 0: all users */
	bool with_last;
	time_t now;
};

static enum pv_class take_listing(struct admin *a, struct listing *l, struct pv_error *e)
{
	const char *days = a->options[OPT_UNUSED];

	*l = (struct listing){ .with_last = a->options[OPT_LAST] != NULL || days != NULL || a->json,
			       .now = time(NULL) };
	if (days != NULL &&
	    (!pv_parse_number(days, strlen(days), MOST_DAYS, &l->unused_days) || l->unused_days == 0))
		return usage_error(a, e, "--unused `%.40s`: write a number of days, 1 to %d", days,
				   MOST_DAYS);
	return PV_OK;
}

static void put_last(json_t *o, time_t last)
{
	char day[32];
	struct tm utc;

	if (last != 0 && gmtime_r(&last, &utc) != NULL && strftime(day, sizeof day, "%Y-%m-%d", &utc) > 0)
		put_text(o, "last_login", day);
	else
		(void)json_object_set_new(o, "last_login", json_null());
}

static enum pv_class list_user(struct admin *a, const struct listing *l, const struct pv_domain *d,
			       const struct pv_user_info *u, struct pv_error *e)
{
	const struct pv_address who = { .user = u->user, .domain = *d };
	char address[PV_USER_MAX + PV_DOMAIN_MAX + 2];
	time_t last = 0;

	enum pv_class c = l->with_last ? pv_session_last(&a->store, &who, &last, e) : PV_OK;
	if (c != PV_OK || (l->unused_days > 0 && last > l->now - (time_t)l->unused_days * 86400))
		return c;
	json_t *o = json_object();
	(void)snprintf(address, sizeof address, "%s@%s", u->user.s, d->s);
	put_text(o, "address", address);
	put_text(o, "name", u->name);
	put_text(o, "state", u->conf.receive && u->conf.retrieve ? "enabled" : "disabled");
	if (l->with_last)
		put_last(o, last);
	(void)json_array_append_new(a->result, o);
	return PV_OK;
}

/* Who reads his mail by IMAP alone was never seen. */
static void warn_of_imap(struct admin *a)
{
	char path[4096];

	(void)snprintf(path, sizeof path, "%s/" PV_DOVECOT_FOLDER, a->store.conf.map_directory);
	if (access(path, F_OK) == 0)
		pv_buf_adds(&a->change.notes,
			    "logins by Dovecot are not counted: ask it before you delete somebody\n");
}

enum pv_class user_list(struct admin *a, struct pv_error *e)
{
	struct domain_view v;
	struct listing l;
	struct pv_domain d;

	enum pv_class c = take_listing(a, &l, e);
	if (c == PV_OK)
		c = pv_idn_domain(a->objects[0], &d, e);
	if (c != PV_OK)
		return c;
	c = open_view(a, &d, &v, e);
	a->result = json_array();
	for (size_t i = 0; c == PV_OK && i < v.users.count; i++)
		c = list_user(a, &l, &d, &v.users.list[i], e);
	if (c == PV_OK && l.unused_days > 0)
		warn_of_imap(a);
	close_view(&v);
	return c;
}

static void describe(struct admin *a, const struct pv_domain *d, const struct pv_user_info *u,
		     const struct pv_mailbox_info *m)
{
	char address[PV_USER_MAX + PV_DOMAIN_MAX + 2];

	(void)snprintf(address, sizeof address, "%s@%s", u->user.s, d->s);
	put_text(a->result, "address", address);
	put_text(a->result, "name", u->name);
	put_text(a->result, "home", u->home);
	put_bool(a->result, "receive", u->conf.receive);
	put_bool(a->result, "retrieve", u->conf.retrieve);
	put_text(a->result, "password", pv_password_is_hash(u->hash) ? "hash" : password_words(u->hash));
	put_text(a->result, "mailbox", m->path);
	put_number(a->result, "bytes", m->exists ? m->bytes : 0);
}

enum pv_class user_show(struct admin *a, struct pv_error *e)
{
	const struct pv_user_info *u;
	struct pv_mailbox_info m;
	struct pv_address address;
	struct domain_view v;

	enum pv_class c = address_object(a, &address, e);
	if (c != PV_OK)
		return c;
	c = open_view(a, &address.domain, &v, e);
	if (c == PV_OK)
		c = need_user(&v.users, &address.user, &address.domain, &u, e);
	if (c == PV_OK)
		c = pv_mailbox_look(&a->store, &v.place.folder, &v.place.account, u, false, &m, e);
	a->result = json_object();
	if (c == PV_OK) {
		describe(a, &address.domain, u, &m);
		c = put_settings(a, &v.place, &u->user, e);
	}
	close_view(&v);
	return c;
}
