#include "store/mail_settings.h"

static const struct pv_mail_setting settings[] = {
	{ "after_storing", true, true, "",
	  "A program with its arguments that is started when a message was stored." },
	{ "change_password", true, true, "yes", "Let users change their own password." },
	{ "deliver_with", true, true, "",
	  "A program with its arguments that stores a user's mail in our place." },
	{ "domain_quota", true, false, "NOQUOTA",
	  "How much all mailboxes of the domain may hold; 0 or NOQUOTA: no limit." },
	{ "expires", false, true, "",
	  "The user's last day: afterwards no mail is taken and no login possible." },
	{ "extra_aliases", true, false, "",
	  "Two more files of aliases at most, searched behind aliases: names in the folder, or paths." },
	{ "fallback", true, false, "",
	  "Who gets mail for unknown names: a user or alias, user@domain, @domain, |command, /file or "
	  "delete; "
	  "empty: it is refused." },
	{ "filter", true, true, "",
	  "A program with its arguments that reads each message and writes the one that is stored." },
	{ "forward", false, true, "", "Addresses with commas between, to which the user's mail is sent on." },
	{ "forward_outside", true, false, "yes", "Let forwards lead to domains that are not on this host." },
	{ "keep_copy", false, true, "yes", "Store a message that is sent on, too." },
	{ "language", true, true, "", "What is said to users and about them: en or da; empty: as the host." },
	{ "mailbox_format", true, true, "mbox", "What a new mailbox is: mbox or maildir." },
	{ "match_full_name", true, false, "no", "Take joe.who@ for the user whose name is Joe Who." },
	{ "message_size", true, true, "NOQUOTA", "How large a message may be; 0 or NOQUOTA: of any size." },
	{ "over_quota", true, true, "defer",
	  "What happens to a message that does not fit: defer (the sender's host tries again) or refuse." },
	{ "over_quota_days", true, true, "0",
	  "For how many days such a message is deferred before it is refused; 0: as long as it is tried." },
	{ "quota", true, true, "NOQUOTA",
	  "How much a user's mailbox may hold: 50M, 500k; 0 or NOQUOTA: no limit." },
	{ "quota_messages", true, true, "0", "How many messages a user's mailbox may hold; 0: any number." },
	{ "quota_warning", true, true, "90",
	  "From how many percent of the quota on the user is warned, once a week; 0: never." },
	{ "receive", true, true, "yes", "Take mail." },
	{ "retrieve", true, true, "yes", "Let mail be fetched: no means no login." },
	{ "unknown_to", true, false, "",
	  "Mail for unknown names: refuse, or postmaster, who gets it where there is no fallback; empty: as "
	  "the "
	  "host." },
	{ "vacation_end", false, true, "",
	  "The last day of the user's vacation, as 2026-12-24; empty: none." },
	{ "vacation_interval", true, true, "7", "The days after which the same sender is answered again." },
	{ "vacation_start", false, true, "",
	  "The first day of the user's vacation, as 2026-12-24; empty: none." },
	{ "vacation_to_all", true, true, "no",
	  "Answer also messages that name no address of the user's in To or Cc." },
	{ NULL, false, false, NULL, NULL },
};

#define DOMAIN(field) offsetof(struct pv_domain_conf, field), PV_NO_PLACE
#define USER(field) PV_NO_PLACE, offsetof(struct pv_user_conf, field)
#define BOTH(field) offsetof(struct pv_domain_conf, field), offsetof(struct pv_user_conf, field)

/* [i] of settings[] and of this is the same setting. */
const struct pv_mail_place pv_mail_places[] = {
	{ pv_mail_set_command, BOTH(mail.after_storing) },
	{ pv_mail_set_switch, BOTH(change_password) },
	{ pv_mail_set_command, BOTH(mail.deliver_with) },
	{ pv_mail_set_quota, DOMAIN(domain_quota) },
	{ pv_mail_set_day, USER(expires) },
	{ pv_mail_set_alias_files, DOMAIN(extra_aliases) },
	{ pv_mail_set_fallback, DOMAIN(fallback) },
	{ pv_mail_set_command, BOTH(mail.filter) },
	{ pv_mail_set_forward, USER(forward) },
	{ pv_mail_set_switch, DOMAIN(forward_outside) },
	{ pv_mail_set_switch, USER(keep_copy) },
	{ pv_mail_set_language, BOTH(mail.language) },
	{ pv_mail_set_format, BOTH(mail.mailbox_format) },
	{ pv_mail_set_switch, DOMAIN(match_full_name) },
	{ pv_mail_set_quota, BOTH(mail.message_size) },
	{ pv_mail_set_over_quota, BOTH(mail.over_quota_refuse) },
	{ pv_mail_set_days, BOTH(mail.over_quota_days) },
	{ pv_mail_set_quota, BOTH(mail.quota) },
	{ pv_mail_set_count, BOTH(mail.quota_messages) },
	{ pv_mail_set_percent, BOTH(mail.quota_warning) },
	{ pv_mail_set_switch, BOTH(receive) },
	{ pv_mail_set_switch, BOTH(retrieve) },
	{ pv_mail_set_unknown_to, DOMAIN(unknown_to) },
	{ pv_mail_set_day, USER(vacation_end) },
	{ pv_mail_set_interval, BOTH(mail.vacation_interval) },
	{ pv_mail_set_day, USER(vacation_start) },
	{ pv_mail_set_switch, BOTH(mail.vacation_to_all) },
};

enum { COUNT = sizeof pv_mail_places / sizeof *pv_mail_places };
_Static_assert(sizeof settings / sizeof *settings == COUNT + 1, "a row in each table");
_Static_assert(COUNT <= PV_MAIL_SETTINGS_MAX, "a place for each");
const size_t pv_mail_place_count = COUNT;

const struct pv_mail_setting *pv_mail_settings(void)
{
	return settings;
}

size_t pv_mail_setting_find(const char *name, bool of_user)
{
	size_t i = 0;

	while (i < COUNT && (!(of_user ? settings[i].of_user : settings[i].of_domain) ||
			     strcmp(settings[i].name, name) != 0))
		i++;
	return i;
}

static void name_all(bool of_user, struct pv_buf *out)
{
	for (size_t i = 0; i < COUNT; i++)
		if (of_user ? settings[i].of_user : settings[i].of_domain)
			pv_buf_addf(out, "%s%s", out->len > 0 ? ", " : "", settings[i].name);
}

/* What a line of a file cannot hold, or would not give back. */
static bool fits_on_a_line(const char *value)
{
	size_t len = strlen(value);

	for (size_t i = 0; i < len; i++)
		if (((unsigned char)value[i] < 0x20 && value[i] != '\t') || value[i] == 0x7f)
			return false;
	return len == 0 ||
	       (value[0] != ' ' && value[0] != '\t' && value[len - 1] != ' ' && value[len - 1] != '\t');
}

enum pv_class pv_mail_setting_check(const char *name, const char *value, bool of_user, struct pv_error *e)
{
	struct pv_buf known = PV_BUF_INIT(PV_ERROR_TEXT);
	struct pv_domain_conf domain;
	struct pv_user_conf user;
	struct pv_error why;

	size_t i = pv_mail_setting_find(name, of_user);
	if (i == COUNT) {
		name_all(of_user, &known);
		(void)pv_fail(e, PV_PERMANENT, "5.3.5", "there is no setting `%.60s`; possible are: %s", name,
			      known.s);
		pv_buf_free(&known);
		return PV_PERMANENT;
	}
	if (!fits_on_a_line(value))
		return pv_fail(e, PV_PERMANENT, "5.3.5",
			       "%s=%.60s: write it without control characters and without blanks around",
			       name, value);
	char *copy = strdup(value);
	if (copy == NULL)
		return pv_fail(e, PV_TEMPORARY, "4.3.0", "no memory for a setting");
	pv_domain_conf_defaults(&domain);
	pv_user_conf_defaults(NULL, &user);
	void *to = of_user ? (char *)&user + pv_mail_places[i].in_user
			   : (char *)&domain + pv_mail_places[i].in_domain;
	enum pv_class c = pv_mail_places[i].set(copy, to, &why);
	free(copy);
	return c == PV_OK ? PV_OK : pv_fail(e, c, why.status, "%s=%.60s: %s", name, value, why.text);
}
