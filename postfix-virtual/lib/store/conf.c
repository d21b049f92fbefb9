#include "store/conf.h"

#include "base/table.h"
#include "store/conf_kind.h"

enum {
	TEXT_MAX = 64 * 1024, /* bytes of virtual.conf */
};

/* [i] of items[] and of places[] is the same setting. */
static const struct pv_conf_item items[] = {
	{ "apop", "no", "Take APOP from users who have a second secret for it." },
	{ "command_time_limit", "300", "The seconds that a program of a domain may take in a delivery." },
	{ "default_domain", "", "The domain of a user who logs in without one." },
	{ "delivery_program", PV_BINDIR "/virtual-deliver", "What the .forward files of users start." },
	{ "dovecot_group", "dovecot", "Who reads the files for Dovecot; empty: none are written." },
	{ "fcntl_only", "no", "Append to a mailbox also where no NAME.lock can be made beside it." },
	{ "first_uid", "0", "Where --create-account begins to look for a free uid; 0: as useradd does." },
	{ "history_days", "400", "How long a line of the history is kept." },
	{ "language", "en", "The language of what is said to users: en or da." },
	{ "log_socket", "/dev/log", "Where log lines go." },
	{ "login_delay", "0", "The seconds that a user has to wait between two logins." },
	{ "login_log", "errors", "Which logins are logged: errors or all." },
	{ "mail_directory", "/var/mail",
	  "Old mailboxes of users, where they are the account's; may be empty." },
	{ "mail_spool_home", "Mail/mailbox", "A user's mailbox below his home; empty: none is looked for." },
	{ "map_directory", "/etc/virtual/maps", "The generated tables of Postfix." },
	{ "map_type", "lmdb", "The kind of these tables." },
	{ "myhostname", "", "The name of this host in Postfix's Received lines; empty: found out." },
	{ "plain_text_passwords", "no", "Take a password that stands unencrypted in passwd for one." },
	{ "pop3_certificate", "", "The certificate chain of the POP3 server, PEM; empty: no TLS." },
	{ "pop3_domains", "", "Which domain is meant at which address of the server: ADDRESS=DOMAIN, ..." },
	{ "pop3_key", "", "The private key of pop3_certificate, PEM." },
	{ "pop3_listen", "0.0.0.0:110,[::]:110", "Where the POP3 server listens." },
	{ "pop3_sessions", "200", "How many POP3 sessions there may be at once." },
	{ "pop3_sessions_per_address", "20", "How many of them from one address, or IPv6 /64." },
	{ "pop3_timeout", "600", "The seconds after which an idle session ends; 600 at least." },
	{ "pop3_tls", "optional", "STLS: no, optional (where there is a certificate) or required." },
	{ "pop3s_listen", "", "Where the POP3 server listens for TLS from the first byte." },
	{ "postfix_config_directory", "/etc/postfix",
	  "Where Postfix's main.cf is; several instances have one each." },
	{ "recipient_delimiter", "+", "What may stand between a user and a tag, as in Postfix's main.cf." },
	{ "rehash_passwords", "no", "Store a password anew at a login when its hash is a weak one." },
	{ "run_directory", "/run/virtual", "Locks, counters and sessions." },
	{ "sendmail_program", "/usr/sbin/sendmail", "What a delivery starts to send a message." },
	{ "spool_directory", "/var/spool/virtual", "The mailboxes: DOMAIN/USER in it." },
	{ "state_directory", "/var/lib/virtual", "The history, and marks of unfinished changes." },
	{ "system_users", "yes", "Let the POP3 server serve the host's own users too." },
	{ "unknown_to", "refuse", "What happens to mail for unknown names: refuse or postmaster." },
	{ "write_status", "no", "Let the POP3 server write Status lines into what was fetched." },
	{ NULL, NULL, NULL },
};

static const struct place {
	enum pv_conf_kind kind;
	size_t offset;
} places[] = {
	{ PV_CONF_SWITCH, offsetof(struct pv_conf, apop) },
	{ PV_CONF_SHORT_TIME, offsetof(struct pv_conf, command_time_limit) },
	{ PV_CONF_DOMAIN, offsetof(struct pv_conf, default_domain) },
	{ PV_CONF_FOLDER, offsetof(struct pv_conf, delivery_program) },
	{ PV_CONF_GROUP, offsetof(struct pv_conf, dovecot_group) },
	{ PV_CONF_SWITCH, offsetof(struct pv_conf, fcntl_only) },
	{ PV_CONF_UID, offsetof(struct pv_conf, first_uid) },
	{ PV_CONF_DAYS, offsetof(struct pv_conf, history_days) },
	{ PV_CONF_LANGUAGE, offsetof(struct pv_conf, language) },
	{ PV_CONF_FOLDER, offsetof(struct pv_conf, log_socket) },
	{ PV_CONF_SECONDS, offsetof(struct pv_conf, login_delay) },
	{ PV_CONF_LOGINS, offsetof(struct pv_conf, login_log) },
	{ PV_CONF_FOLDER_OR_NONE, offsetof(struct pv_conf, mail_directory) },
	{ PV_CONF_BELOW_HOME, offsetof(struct pv_conf, mail_spool_home) },
	{ PV_CONF_FOLDER, offsetof(struct pv_conf, map_directory) },
	{ PV_CONF_MAP_TYPE, offsetof(struct pv_conf, map_type) },
	{ PV_CONF_HOST, offsetof(struct pv_conf, myhostname) },
	{ PV_CONF_SWITCH, offsetof(struct pv_conf, plain_text_passwords) },
	{ PV_CONF_FOLDER_OR_NONE, offsetof(struct pv_conf, pop3_certificate) },
	{ PV_CONF_SERVERS, offsetof(struct pv_conf, pop3_domains) },
	{ PV_CONF_FOLDER_OR_NONE, offsetof(struct pv_conf, pop3_key) },
	{ PV_CONF_LISTEN, offsetof(struct pv_conf, pop3_listen) },
	{ PV_CONF_NUMBER, offsetof(struct pv_conf, pop3_sessions) },
	{ PV_CONF_NUMBER, offsetof(struct pv_conf, pop3_sessions_per_address) },
	{ PV_CONF_IDLE, offsetof(struct pv_conf, pop3_timeout) },
	{ PV_CONF_TLS, offsetof(struct pv_conf, pop3_tls) },
	{ PV_CONF_LISTEN, offsetof(struct pv_conf, pop3s_listen) },
	{ PV_CONF_INSTANCES, offsetof(struct pv_conf, postfix_config_directory) },
	{ PV_CONF_DELIMITERS, offsetof(struct pv_conf, recipient_delimiter) },
	{ PV_CONF_SWITCH, offsetof(struct pv_conf, rehash_passwords) },
	{ PV_CONF_FOLDER, offsetof(struct pv_conf, run_directory) },
	{ PV_CONF_FOLDER, offsetof(struct pv_conf, sendmail_program) },
	{ PV_CONF_FOLDER, offsetof(struct pv_conf, spool_directory) },
	{ PV_CONF_FOLDER, offsetof(struct pv_conf, state_directory) },
	{ PV_CONF_SWITCH, offsetof(struct pv_conf, system_users) },
	{ PV_CONF_UNKNOWN, offsetof(struct pv_conf, unknown_to) },
	{ PV_CONF_SWITCH, offsetof(struct pv_conf, write_status) },
};

enum { COUNT = sizeof places / sizeof *places };
_Static_assert(sizeof items / sizeof *items == COUNT + 1, "a row in each table");

const struct pv_conf_item *pv_conf_items(void)
{
	return items;
}

static size_t find(const char *name)
{
	size_t i = 0;

	while (i < COUNT && strcmp(items[i].name, name) != 0)
		i++;
	return i;
}

const char *pv_conf_value(const struct pv_conf *c, const char *name)
{
	size_t i = find(name);

	if (i == COUNT)
		return NULL;
	const char *at = (const char *)c + places[i].offset;
	if (places[i].kind == PV_CONF_SWITCH)
		return *(const bool *)at ? "yes" : "no";
	return *(const char *const *)at;
}

/* Put a value, which was checked, in its place. */
static void store(struct pv_conf *c, size_t i, const char *value)
{
	char *at = (char *)c + places[i].offset;

	if (places[i].kind == PV_CONF_SWITCH)
		(void)pv_parse_bool(value, (bool *)at);
	else
		*(const char **)at = value;
}

void pv_conf_defaults(struct pv_conf *c)
{
	*c = (struct pv_conf){ .text = PV_BUF_INIT(TEXT_MAX) };
	for (size_t i = 0; i < COUNT; i++)
		store(c, i, items[i].default_value);
}

static enum pv_class parse_entry(struct pv_conf *c, const struct pv_lines *it, struct pv_line *l,
				 unsigned seen[COUNT], struct pv_error *e)
{
	char *name, *value;

	enum pv_class class = pv_line_setting(it, l, &name, &value, e);
	if (class != PV_OK)
		return class;
	size_t i = find(name);
	if (i == COUNT)
		return pv_line_fail(
			it, l, e,
			"there is no setting %.60s: remove the line (`postfix-virtual config` lists "
			"all)",
			name);
	if (seen[i] != 0)
		return pv_line_fail(it, l, e, "%s stands in line %u already: remove one", name, seen[i]);
	seen[i] = l->no;
	const char *why = pv_conf_fault(places[i].kind, value);
	if (why != NULL)
		return pv_line_fail(it, l, e, "%s = %.60s: %s", name, value, why);
	store(c, i, value);
	return PV_OK;
}

enum pv_class pv_conf_parse(struct pv_conf *c, const char *file, struct pv_error *e)
{
	unsigned seen[COUNT] = { 0 };
	struct pv_lines it;
	struct pv_line l;
	enum pv_class class;

	pv_lines_start(&it, file, &c->text, true);
	while ((class = pv_lines_next(&it, &l, e)) == PV_OK && l.text != NULL)
		if ((class = parse_entry(c, &it, &l, seen, e)) != PV_OK)
			break;
	return class;
}

bool pv_conf_word(struct pv_conf_word *w)
{
	w->s = w->next + strspn(w->next, ", \t");
	w->len = strcspn(w->s, ", \t");
	w->next = w->s + w->len;
	return w->len > 0;
}

size_t pv_conf_instances(const struct pv_conf *c)
{
	struct pv_conf_word w = { .next = c->postfix_config_directory };
	size_t count = 0;

	while (pv_conf_word(&w))
		count++;
	return count;
}

bool pv_conf_instance(const struct pv_conf *c, size_t i, char *dir, size_t size)
{
	struct pv_conf_word w = { .next = c->postfix_config_directory };

	while (pv_conf_word(&w) && w.len < size)
		if (i-- == 0) {
			memcpy(dir, w.s, w.len);
			dir[w.len] = '\0';
			return true;
		}
	return false;
}
