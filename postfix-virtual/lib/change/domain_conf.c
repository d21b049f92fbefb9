#include "change/domain_conf.h"

#include "base/table.h"
#include "change/ask.h"
#include "change/conf_check.h"
#include "change/conf_read.h"
#include "change/conf_words.h"
#include "change/follow.h"
#include "change/full_names.h"
#include "change/programs.h"

/* Settings that say where mail goes: then all of that must be right. */
static bool leads_on(const char *lines)
{
	static const char *const names[] = { "fallback", "extra_aliases", "unknown_to", "forward_outside",
					     "match_full_name" };
	char value[PV_MARK_SETTINGS_MAX + 1];

	for (size_t i = 0; i < sizeof names / sizeof *names; i++)
		if (pv_conf_words_get(lines, names[i], value, sizeof value) != NULL)
			return true;
	return false;
}

/* Judge what it names: a program or, where it is known that it may lie there, a file. */
static enum pv_class refuse_fallback(const struct pv_work *w, char kind, struct pv_error *e)
{
	char value[PV_MARK_SETTINGS_MAX + 1];
	const char *fallback = pv_conf_words_get(w->mark.settings, "fallback", value, sizeof value);

	if (fallback == NULL || *fallback != kind)
		return PV_OK;
	return kind == '|' ? pv_program_refuse(w, "fallback", fallback + 1, strlen(fallback + 1), e)
			   : pv_file_refuse(w, "fallback", fallback, e);
}

static enum pv_class refuse_full_names(const struct pv_work *w, struct pv_error *e)
{
	char value[PV_MARK_SETTINGS_MAX + 1];
	bool on = false;
	struct pv_users users;

	if (pv_conf_words_get(w->mark.settings, "match_full_name", value, sizeof value) == NULL ||
	    !pv_parse_bool(value, &on) || !on)
		return PV_OK;
	enum pv_class c = pv_users_read(&w->folder, &w->account, &users, e);
	if (c == PV_OK)
		c = pv_full_names_refuse(&users, &w->domain, e);
	pv_users_free(&users);
	return c;
}

/* Its entries are read for no name but their own, so one that is wrong would be found by the mail. */
static enum pv_class refuse_extra_aliases(struct pv_work *w, struct pv_error *e)
{
	char value[PV_MARK_SETTINGS_MAX + 1];
	const char *files = pv_conf_words_get(w->mark.settings, "extra_aliases", value, sizeof value);

	return files != NULL && *files != '\0' ? pv_ask_extra_aliases(w, e) : PV_OK;
}

static enum pv_class follow(struct pv_work *w, bool *same_r, struct pv_error *e)
{
	struct pv_followed r = { .same = false };
	struct pv_error why;

	enum pv_class c = pv_follow(w, PV_NOBODY, &r, &why);
	*same_r = r.same;
	if (c == PV_PERMANENT && !r.is_wrong && !leads_on(w->mark.settings)) {
		pv_buf_addf(&w->c->notes, "%s\n", why.text);
		return PV_OK;
	}
	if (c != PV_OK)
		*e = why;
	return c;
}

/* What cannot be read cannot be changed: said here and once, and not as a doubt that is no reason against the
 * change. */
static enum pv_class refuse_unreadable(const struct pv_work *w, struct pv_error *e)
{
	struct pv_conf_texts t;

	enum pv_class c = pv_conf_read(w->c->store, &w->folder, &w->account, NULL, &t, e);
	pv_conf_texts_free(&t);
	return c;
}

enum pv_class pv_domain_conf_refuse(struct pv_work *w, const struct pv_registry_entry *entry, bool *same_r,
				    struct pv_error *e)
{
	enum pv_class c = PV_OK;

	if (entry->standard)
		return pv_fail(e, PV_PERMANENT, "5.3.5",
			       "%s is a standard domain of Postfix's, without mailboxes: domain.conf says "
			       "nothing of it",
			       w->domain.s);
	c = pv_conf_refuse(w, entry, w->mark.settings, e);
	if (c == PV_OK)
		c = refuse_unreadable(w, e);
	if (c == PV_OK)
		c = refuse_fallback(w, '|', e);
	if (c == PV_OK)
		c = refuse_full_names(w, e);
	if (c == PV_OK)
		c = follow(w, same_r, e);
	if (c == PV_OK && !*same_r)
		c = refuse_extra_aliases(w, e);
	return c == PV_OK ? refuse_fallback(w, '/', e) : c;
}
