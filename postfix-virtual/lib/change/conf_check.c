#include "change/conf_check.h"

#include "change/conf_words.h"
#include "change/programs.h"
#include "store/mail_conf.h"
#include "store/size.h"

/* What the lines say of name, as text; NULL where it is not there, or goes. */
static const char *get(const char *lines, const char *name, char value[PV_MARK_SETTINGS_MAX + 1])
{
	const char *said = pv_conf_words_get(lines, name, value, PV_MARK_SETTINGS_MAX + 1);

	return said != NULL && *said != '\0' ? said : NULL;
}

static enum pv_class refuse_programs(const struct pv_work *w, const struct pv_registry_entry *entry,
				     const char *lines, struct pv_error *e)
{
	static const char *const names[] = { "filter", "deliver_with", "after_storing" };
	char memory[PV_MARK_SETTINGS_MAX + 1];
	enum pv_class c = PV_OK;

	for (size_t i = 0; c == PV_OK && i < sizeof names / sizeof *names; i++) {
		const char *command = get(lines, names[i], memory);
		if (command == NULL)
			continue;
		if (!entry->commands)
			return pv_fail(
				e, PV_PERMANENT, "5.3.5",
				"%s: commands=no in %s/domains forbids the domain %s to start programs",
				names[i], w->c->store->dir, entry->domain.s);
		c = pv_program_refuse(w, names[i], command, strlen(command), e);
	}
	return c;
}

static enum pv_class refuse_quota(const struct pv_work *w, const struct pv_registry_entry *entry,
				  const char *lines, struct pv_error *e)
{
	char memory[PV_MARK_SETTINGS_MAX + 1];
	const char *value = get(lines, "quota", memory);
	struct pv_buf most = PV_BUF_INIT(64);
	unsigned long long bytes;

	if (value == NULL || entry->max_quota == 0 || !pv_quota_parse(value, &bytes) ||
	    (bytes != 0 && bytes <= entry->max_quota))
		return PV_OK;
	pv_quota_format(entry->max_quota, &most);
	(void)pv_fail(
		e, PV_PERMANENT, "5.2.2",
		"quota=%.60s is more than max_quota=%s, which stands in %s/domains: root can raise that with "
		"postfix-virtual domain set %s max_quota=SIZE",
		value, most.s, w->c->store->dir, entry->domain.s);
	pv_buf_free(&most);
	return PV_PERMANENT;
}

/* A day that is over by a slip of the pen would lock the user out at once. */
static enum pv_class refuse_past(const char *lines, struct pv_error *e)
{
	char memory[PV_MARK_SETTINGS_MAX + 1];
	const char *value = get(lines, "expires", memory);
	const struct pv_day today = pv_day_today();
	struct pv_day day;

	if (value == NULL || !pv_day_parse(value, strlen(value), &day) || pv_day_compare(&day, &today) >= 0)
		return PV_OK;
	return pv_fail(e, PV_PERMANENT, "5.3.5", "expires=%.40s is over: write a day that comes, or today",
		       value);
}

enum pv_class pv_conf_refuse(const struct pv_work *w, const struct pv_registry_entry *entry,
			     const char *lines, struct pv_error *e)
{
	enum pv_class c = refuse_programs(w, entry, lines, e);

	if (c == PV_OK)
		c = refuse_quota(w, entry, lines, e);
	return c == PV_OK ? refuse_past(lines, e) : c;
}

enum pv_class pv_conf_refuse_days(const char *lines, const struct pv_user_conf *u, struct pv_error *e)
{
	char memory[PV_MARK_SETTINGS_MAX + 1];
	const struct pv_day *from = &u->vacation_start, *to = &u->vacation_end;

	/* Not the fault of a change of something else. */
	if (get(lines, "vacation_start", memory) == NULL && get(lines, "vacation_end", memory) == NULL)
		return PV_OK;
	if (!pv_day_is_set(from) || !pv_day_is_set(to) || pv_day_compare(from, to) <= 0)
		return PV_OK;
	return pv_fail(e, PV_PERMANENT, "5.3.5",
		       "vacation_end=%04u-%02u-%02u is before vacation_start=%04u-%02u-%02u", to->year,
		       to->month, to->day, from->year, from->month, from->day);
}
