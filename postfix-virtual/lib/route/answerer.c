#include "route/answerer.h"

#include "store/registry.h"

#include <unistd.h>

enum { OWN_MAX = 64 };

/* Addresses that mean him. */
struct own {
	const char *list[OWN_MAX];
	size_t count;
	struct pv_buf text;
};

/* --- his files --- */

static enum pv_class identify(const struct pv_folder *f, struct pv_answerer *w, struct pv_error *e)
{
	const char *name = w->action->text;

	if (w->vacation)
		w->who = w->action->of->user;
	else if (pv_user_parse(name, strlen(name), &w->who, e) != PV_OK)
		return pv_fail(e, PV_BUG, "4.3.0", "`%.80s` is no responder's name", name);
	(void)snprintf(w->address, sizeof w->address, "%s@%s", w->who.s, f->domain.s);
	return PV_OK;
}

static enum pv_class open_files(const struct pv_store *s, const struct pv_folder *f, struct pv_answerer *w,
				struct pv_error *e)
{
	const char *path = w->action->text, *slash = strrchr(path, '/');
	char dir[PATH_MAX], name[NAME_MAX + 1];

	if (w->vacation && slash == NULL)
		return pv_fail(e, PV_BUG, "4.3.0", "`%.80s` is no path", path);
	if (w->vacation) {
		(void)snprintf(dir, sizeof dir, "%.*s", (int)(slash - path), path);
		(void)snprintf(name, sizeof name, "%s", slash + 1);
	} else {
		(void)snprintf(dir, sizeof dir, "%s/%s/" PV_ANSWER_FOLDER, s->conf.spool_directory,
			       f->domain.s);
		(void)snprintf(name, sizeof name, "%s" PV_ANSWER_RESPONDER, w->who.s);
	}
	return pv_answer_files_open(dir, name, f->uid, &w->files, e);
}

enum pv_class pv_answerer_open(const struct pv_store *s, const struct pv_folder *f, const struct pv_action *a,
			       struct pv_answerer *w, struct pv_error *e)
{
	w->action = a;
	w->vacation = a->kind == PV_ACTION_VACATION;
	w->files.dirfd = -1;
	w->off = true;
	enum pv_class c = identify(f, w, e);
	if (c == PV_OK)
		c = open_files(s, f, w, e);
	if (c != PV_OK || w->files.dirfd < 0)
		return c;
	w->off = w->vacation && faccessat(w->files.dirfd, w->files.index, F_OK, 0) != 0;
	return PV_OK;
}

void pv_answerer_close(struct pv_answerer *w)
{
	pv_answer_files_close(&w->files);
}

/* --- whether he answers --- */

/* who@domain in the text. */
static void add_own(struct own *o, const struct pv_user *who, const char *domain, size_t at[OWN_MAX])
{
	if (o->count == OWN_MAX - 1)
		return;
	at[o->count++] = o->text.len;
	pv_buf_addf(&o->text, "%s@%s", who->s, domain);
	pv_buf_addc(&o->text, '\0');
}

/* His address in the domain and in its aliases, and the one that the message came to, which may be an alias
 * that leads to him. */
static enum pv_class list_own(const struct pv_store *s, const struct pv_domain *d, const struct pv_user *who,
			      const char *recipient, struct own *o, struct pv_error *e)
{
	struct pv_registry aliases;
	size_t at[OWN_MAX] = { 0 };

	enum pv_class c = pv_registry_load_about(s, d, &aliases, e);
	if (c != PV_OK)
		return c;
	add_own(o, who, d->s, at);
	for (size_t i = 0; i < aliases.count; i++)
		if (aliases.entries[i].is_alias && pv_domain_equal(&aliases.entries[i].alias_of, d))
			add_own(o, who, aliases.entries[i].domain.s, at);
	pv_registry_free(&aliases);
	if ((c = pv_buf_check(&o->text, "addresses", e)) != PV_OK)
		return c;
	for (size_t i = 0; i < o->count; i++)
		o->list[i] = o->text.s + at[i];
	o->list[o->count++] = recipient;
	return PV_OK;
}

enum pv_class pv_answerer_judge(const struct pv_store *s, const struct pv_folder *f,
				const struct pv_domain_conf *conf, const struct pv_answerer *w,
				const char *recipient, const struct pv_reply_facts *facts, const char **why_r,
				struct pv_error *e)
{
	const struct pv_user_conf *user = w->action->of != NULL ? &w->action->of->conf : NULL;
	struct own own = { .text = PV_BUF_INIT(OWN_MAX * (PV_USER_MAX + PV_DOMAIN_MAX + 2)) };
	const struct pv_day today = pv_day_today();

	*why_r = w->vacation && user != NULL ? pv_vacation_pause(user, &today) : NULL;
	if (*why_r != NULL)
		return PV_OK;
	enum pv_class c = list_own(s, &f->domain, &w->who, recipient, &own, e);
	if (c == PV_OK)
		*why_r = pv_reply_refusal(facts, own.list, own.count,
					  user != NULL ? user->mail.vacation_to_all
						       : conf->mail.vacation_to_all);
	pv_buf_free(&own.text);
	return c;
}

const char *pv_answerer_lately(const struct pv_answerer *w)
{
	return w->vacation ? "the sender was answered lately (vacation_interval)"
			   : "the sender was answered often enough today";
}

struct pv_answered pv_answerer_index(const struct pv_answerer *w)
{
	return (struct pv_answered){ .dirfd = w->files.dirfd,
				     .name = w->files.index,
				     .trust = &w->files.trust,
				     .make = !w->vacation };
}

struct pv_answered_rule pv_answerer_rule(const struct pv_answerer *w)
{
	const struct pv_user_conf *user = w->action->of != NULL ? &w->action->of->conf : NULL;

	return pv_answer_rule(w->vacation, user != NULL ? user->mail.vacation_interval : 0);
}
