/* A change and Postfix's tables. */
#include "change/work.h"

#include "address/extension.h"
#include "change/conf_words.h"
#include "change/settings.h"
#include "maps/map.h"

bool pv_work_is_hosts(const struct pv_work *w)
{
	return pv_domain_equal(&w->mark.domain, &pv_domain_host);
}

/* A user who is gone for the maps may be so by name (`first`), or be there again under another. */
static const struct pv_user *user_of_keys(const struct pv_mark *m, bool first)
{
	return !first && m->to.len > 0 ? &m->to : &m->user;
}

static bool wants_key(const struct pv_mark *m, bool first)
{
	return !first && !m->no_key && m->kind != PV_MARK_USER_DISABLE && m->kind != PV_MARK_USER_DELETE &&
	       m->kind != PV_MARK_DOMAIN_DELETE && m->kind != PV_MARK_DOMAIN_UNALIAS;
}

bool pv_work_wants_maps(const struct pv_mark *m)
{
	static const char *const settings[] = { "receive", "retrieve", "expires", "forward", "keep_copy" };
	char value[64];

	for (size_t i = 0; m->kind == PV_MARK_USER_SET && i < sizeof settings / sizeof *settings; i++)
		if (pv_conf_words_get(m->settings, settings[i], value, sizeof value) != NULL)
			return true;
	return m->kind != PV_MARK_USER_SET;
}

/* Something is wrong with the domain. Where the tables say all the same what this change wants of them, it is
 * worth a note; else the change is not done yet. */
static enum pv_class weigh_complaint(struct pv_work *w, bool first, const struct pv_error *complaint,
				     struct pv_error *e)
{
	const struct pv_mark *m = &w->mark;
	char key[PV_USER_MAX + 1 + PV_DOMAIN_MAX + 1];
	bool has;

	if (m->user.len > 0)
		(void)snprintf(key, sizeof key, "%s@%s", user_of_keys(m, first)->s, m->domain.s);
	else
		(void)snprintf(key, sizeof key, "%s", m->domain.s);
	enum pv_class c =
		pv_map_has(w->c->store, m->user.len > 0 ? PV_MAP_ADDRESSES : PV_MAP_DOMAINS, key, &has, e);
	/* Where others get all that is unknown, who takes no mail has a key beside his refusal. */
	if (c == PV_OK && has && m->user.len > 0 && !wants_key(m, first)) {
		bool refused = false;
		c = pv_map_has(w->c->store, PV_MAP_REFUSED, key, &refused, e);
		has = !refused;
	}
	if (c != PV_OK)
		return c;
	if (has == wants_key(m, first) || w->c->dry) {
		/* Aliases that follow a user lead nowhere until they do; what is left then the last run
		 * tells. */
		if (!first || !m->aliases)
			pv_buf_addf(&w->c->notes, "%s\n", complaint->text);
		return PV_OK;
	}
	*e = *complaint;
	e->class = PV_TEMPORARY;
	return PV_TEMPORARY;
}

/* Is it one that is done only when an expression is in force? */
static bool wants_expressions(const struct pv_mark *m)
{
	return m->sub_domains || m->kind == PV_MARK_DOMAIN_ALIAS || m->alias.name[0] == '/' ||
	       (m->kind == PV_MARK_DOMAIN_SET && pv_settings_have(m->words, "sub_domains"));
}

/* What is wrong with the domain; an alias has no files but those of the domain that it leads to. */
static const struct pv_error *find_complaint(const struct pv_mark *m, const struct pv_maps_report *report)
{
	struct pv_registry_entry entry = { .is_alias = false };
	const struct pv_error *complaint = pv_maps_complaint_about(report, &m->domain);

	if (complaint == NULL && m->kind == PV_MARK_DOMAIN_ALIAS &&
	    pv_settings_apply(&entry, m->words, NULL) == PV_OK && entry.is_alias)
		complaint = pv_maps_complaint_about(report, &entry.alias_of);
	return complaint;
}

static enum pv_class take_report(struct pv_work *w, bool first, const struct pv_maps_report *report,
				 struct pv_error *e)
{
	const struct pv_error *complaint = find_complaint(&w->mark, report);

	for (size_t i = 0; i < report->complaint_count; i++)
		if (report->complaints[i].domain.len == 0 || pv_work_is_hosts(w))
			pv_buf_addf(&w->c->notes, "%s\n", report->complaints[i].error.text);
	if (w->c->dry)
		pv_buf_add(&w->c->diff, report->diff.s, report->diff.len);
	if (report->unproved && wants_expressions(&w->mark) && !w->c->dry)
		return pv_fail(e, PV_TEMPORARY, "4.3.5",
			       "%s: the expressions for sub-domains could not be proved now, so those of "
			       "before stay in force",
			       w->domain.s);
	return complaint != NULL ? weigh_complaint(w, first, complaint, e) : PV_OK;
}

enum pv_class pv_work_update_maps(struct pv_work *w, bool first, struct pv_error *e)
{
	const struct pv_mark *m = &w->mark;
	const struct pv_address user = { .user = m->user, .domain = m->domain };
	const struct pv_user users[] = { m->user, m->to };
	struct pv_maps_options o = { .dry_run = w->c->dry, .only_users = users };
	struct pv_maps_report report;
	size_t count = pv_work_is_hosts(w) ? 0 : 1;

	/* It is meant, and stands in the history, how many addresses so ever a domain refuses from now on. */
	o.force = *m->settings != '\0' || m->kind == PV_MARK_ALIAS_DELETE ||
		  m->kind == PV_MARK_RESPONDER_DELETE;
	if (m->user.len > 0)
		o.only_user_count = m->to.len > 0 ? 2 : 1;
	if (first && m->user.len > 0) {
		o.without_users = &user;
		o.without_user_count = 1;
	} else if (first) {
		o.without_domains = &m->domain;
		o.without_domain_count = 1;
	}
	enum pv_class c = pv_maps_update(w->c->store, count > 0 ? &m->domain : NULL, count, &o, &report, e);
	/* What was written there must be finished, whatever failed behind it. */
	if (report.touched)
		w->shared->steps++;
	if (c == PV_OK)
		c = take_report(w, first, &report, e);
	pv_maps_report_free(&report);
	return c;
}

enum pv_class pv_work_update_logins(struct pv_work *w, struct pv_error *e)
{
	struct pv_maps_report report;

	enum pv_class c = pv_maps_update_logins(w->c->store, &w->mark.domain, &report, e);
	if (report.touched)
		w->shared->steps++;
	for (size_t i = 0; c == PV_OK && i < report.complaint_count; i++)
		pv_buf_addf(&w->c->notes, "%s\n", report.complaints[i].error.text);
	pv_maps_report_free(&report);
	return c;
}

/* In a dry run nothing is there yet from which the maps could be made: a comment must do. */
void pv_work_tell_keys(struct pv_work *w)
{
	const struct pv_mark *m = &w->mark;
	char extension[PV_EXTENSION_SIZE];
	const struct pv_user *u = user_of_keys(m, false);

	/* What these make of the tables is more than a line. */
	bool all = pv_work_is_hosts(w) || m->kind == PV_MARK_DOMAIN_SET || m->kind == PV_MARK_USER_SET ||
		   m->alias.name[0] != '\0';

	if (all && pv_work_wants_maps(m))
		pv_buf_addf(&w->c->notes, "the tables in %s would be brought up to date\n",
			    w->c->store->conf.map_directory);
	if (!wants_key(m, false) || all)
		return;
	if (m->user.len == 0)
		pv_buf_addf(&w->c->notes, "%s/virtual_domains gets the line: %s %s\n",
			    w->c->store->conf.map_directory, m->domain.s, w->account.name);
	else if (pv_extension_format(u, &m->domain, extension, NULL) == PV_OK)
		pv_buf_addf(&w->c->notes, "%s/virtual gets the line: %s@%s %s%c%s@virtual.invalid\n",
			    w->c->store->conf.map_directory, u->s, m->domain.s, w->account.name, PV_DELIMITER,
			    extension);
}
