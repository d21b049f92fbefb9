#include "store/conf.h"

#include "address/address.h"
#include "base/table.h"

#include <arpa/inet.h>

enum {
	TEXT_MAX = 64 * 1024, /* bytes of virtual.conf */
	PATH_LEN = 1024,      /* bytes of a path in it */
};

enum kind {
	FOLDER, /* an absolute path */
	FOLDER_OR_NONE,
	INSTANCES,  /* absolute paths, each once */
	BELOW_HOME, /* a relative path, or nothing */
	MAP_TYPE,
	DOMAIN, /* a domain, or nothing */
	GROUP,	/* a group's name, or nothing */
	HOST,	/* a host's name, or nothing */
	DELIMITERS,
	DAYS, /* a number */
	SWITCH,
	LANGUAGE,
	LOGINS, /* which logins are logged */
	TLS,
	UNKNOWN,    /* refuse or postmaster */
	NUMBER,	    /* of sessions, 1 or more */
	SECONDS,    /* 0 or more */
	UID,	    /* 0: none */
	SHORT_TIME, /* seconds, as many as a delivery can give away */
	IDLE,	    /* seconds, as many as RFC 1939 wants or more */
	LISTEN,	    /* ADDRESS:PORT, a list, or nothing */
	SERVERS,    /* ADDRESS=DOMAIN, a list, or nothing */
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
	enum kind kind;
	size_t offset;
} places[] = {
	{ SWITCH, offsetof(struct pv_conf, apop) },
	{ SHORT_TIME, offsetof(struct pv_conf, command_time_limit) },
	{ DOMAIN, offsetof(struct pv_conf, default_domain) },
	{ FOLDER, offsetof(struct pv_conf, delivery_program) },
	{ GROUP, offsetof(struct pv_conf, dovecot_group) },
	{ SWITCH, offsetof(struct pv_conf, fcntl_only) },
	{ UID, offsetof(struct pv_conf, first_uid) },
	{ DAYS, offsetof(struct pv_conf, history_days) },
	{ LANGUAGE, offsetof(struct pv_conf, language) },
	{ FOLDER, offsetof(struct pv_conf, log_socket) },
	{ SECONDS, offsetof(struct pv_conf, login_delay) },
	{ LOGINS, offsetof(struct pv_conf, login_log) },
	{ FOLDER_OR_NONE, offsetof(struct pv_conf, mail_directory) },
	{ BELOW_HOME, offsetof(struct pv_conf, mail_spool_home) },
	{ FOLDER, offsetof(struct pv_conf, map_directory) },
	{ MAP_TYPE, offsetof(struct pv_conf, map_type) },
	{ HOST, offsetof(struct pv_conf, myhostname) },
	{ SWITCH, offsetof(struct pv_conf, plain_text_passwords) },
	{ FOLDER_OR_NONE, offsetof(struct pv_conf, pop3_certificate) },
	{ SERVERS, offsetof(struct pv_conf, pop3_domains) },
	{ FOLDER_OR_NONE, offsetof(struct pv_conf, pop3_key) },
	{ LISTEN, offsetof(struct pv_conf, pop3_listen) },
	{ NUMBER, offsetof(struct pv_conf, pop3_sessions) },
	{ NUMBER, offsetof(struct pv_conf, pop3_sessions_per_address) },
	{ IDLE, offsetof(struct pv_conf, pop3_timeout) },
	{ TLS, offsetof(struct pv_conf, pop3_tls) },
	{ LISTEN, offsetof(struct pv_conf, pop3s_listen) },
	{ INSTANCES, offsetof(struct pv_conf, postfix_config_directory) },
	{ DELIMITERS, offsetof(struct pv_conf, recipient_delimiter) },
	{ SWITCH, offsetof(struct pv_conf, rehash_passwords) },
	{ FOLDER, offsetof(struct pv_conf, run_directory) },
	{ FOLDER, offsetof(struct pv_conf, sendmail_program) },
	{ FOLDER, offsetof(struct pv_conf, spool_directory) },
	{ FOLDER, offsetof(struct pv_conf, state_directory) },
	{ SWITCH, offsetof(struct pv_conf, system_users) },
	{ UNKNOWN, offsetof(struct pv_conf, unknown_to) },
	{ SWITCH, offsetof(struct pv_conf, write_status) },
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
	if (places[i].kind == SWITCH)
		return *(const bool *)at ? "yes" : "no";
	return *(const char *const *)at;
}

/* Put a value, which was checked, in its place. */
static void store(struct pv_conf *c, size_t i, const char *value)
{
	char *at = (char *)c + places[i].offset;

	if (places[i].kind == SWITCH)
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

/* Paths stand in Postfix's files and on command lines of ours, so they have no byte that needs quoting. */
static bool is_path(const char *s)
{
	static const char allowed[] =
		"abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789/._-+@%=~";
	size_t len = strlen(s);

	if (len == 0 || len > PATH_LEN || strspn(s, allowed) != len)
		return false;
	for (const char *p = s; p != NULL && *p != '\0'; p = strchr(p, '/')) {
		p += *p == '/';
		if (p[0] == '.' && p[1] == '.' && (p[2] == '/' || p[2] == '\0'))
			return false;
	}
	return true;
}

/* A list of instances: one path at least, none twice. */
static bool is_list_of_paths(const char *s)
{
	const struct pv_conf c = { .postfix_config_directory = s };
	char dir[PATH_LEN + 2], other[PATH_LEN + 2];
	size_t count = 0;

	for (; pv_conf_instance(&c, count, dir, sizeof dir); count++) {
		if (dir[0] != '/' || !is_path(dir) || count >= PV_INSTANCES_MAX)
			return false;
		for (size_t i = 0; i < count; i++)
			if (pv_conf_instance(&c, i, other, sizeof other) && strcmp(dir, other) == 0)
				return false;
	}
	/* It ends behind the last, or at one that is too long. */
	return count > 0 && pv_conf_instances(&c) == count;
}

static bool is_host(const char *s)
{
	size_t len = strlen(s);

	return len <= PV_DOMAIN_MAX &&
	       strspn(s, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789.-_") == len;
}

/* Letters and digits would cut names in two, an `@` or a blank the address. */
static bool are_delimiters(const char *s)
{
	static const char allowed[] = "+-_.=#%!$&*^~/|?'`{}";

	return *s != '\0' && strspn(s, allowed) == strlen(s);
}

/* Is s one of `words`, which have a blank between them? */
static bool is_one_of(const char *s, const char *words)
{
	size_t len = strlen(s);

	for (const char *w = words; w != NULL; w = strchr(w, ' ')) {
		w += *w == ' ';
		if (len > 0 && strncmp(w, s, len) == 0 && (w[len] == ' ' || w[len] == '\0'))
			return true;
	}
	return false;
}

/* 192.0.2.1:110 or [2001:db8::1]:110 */
bool pv_conf_is_place(const char *s, size_t len)
{
	char address[INET6_ADDRSTRLEN];
	struct in6_addr binary;
	unsigned long port;

	bool six = s[0] == '[';
	const char *end = memchr(s, six ? ']' : ':', len);
	const char *from = s + six;
	if (end == NULL || (size_t)(end - from) >= sizeof address)
		return false;
	memcpy(address, from, (size_t)(end - from));
	address[end - from] = '\0';
	if (inet_pton(six ? AF_INET6 : AF_INET, address, &binary) != 1)
		return false;
	const char *colon = end + six;
	size_t left = len - (size_t)(colon - s);
	return left > 1 && *colon == ':' && pv_parse_number(colon + 1, left - 1, 65535, &port) && port > 0;
}

static bool are_places(const char *s)
{
	struct pv_conf_word w = { .next = s };

	while (pv_conf_word(&w))
		if (!pv_conf_is_place(w.s, w.len))
			return false;
	return true;
}

static bool are_servers(const char *s)
{
	struct pv_conf_word w = { .next = s };
	char address[INET6_ADDRSTRLEN];
	struct in6_addr binary;
	struct pv_domain d;

	while (pv_conf_word(&w)) {
		const char *equal = memchr(w.s, '=', w.len);
		size_t len = equal != NULL ? (size_t)(equal - w.s) : w.len;
		if (equal == NULL || len >= sizeof address)
			return false;
		memcpy(address, w.s, len);
		address[len] = '\0';
		if (inet_pton(strchr(address, ':') != NULL ? AF_INET6 : AF_INET, address, &binary) != 1 ||
		    pv_domain_parse(equal + 1, w.len - len - 1, &d, NULL) != PV_OK)
			return false;
	}
	return true;
}

static bool is_domain(const char *s)
{
	struct pv_domain d;

	return pv_domain_parse(s, strlen(s), &d, NULL) == PV_OK;
}

static bool is_group(const char *s)
{
	size_t len = strlen(s);

	return len <= 32 && strspn(s, "abcdefghijklmnopqrstuvwxyz0123456789_-") == len;
}

static bool is_in(const char *s, unsigned long least, unsigned long most)
{
	unsigned long n;

	return pv_parse_number(s, strlen(s), most, &n) && n >= least;
}

/* What is wrong with `value` and what to write instead, or NULL. */
static const char *number_fault(enum kind kind, const char *value)
{
	switch ((int)kind) {
	case DAYS:
		return is_in(value, 1, 100000) ? NULL : "write a number of days";
	case NUMBER:
		return is_in(value, 1, 100000) ? NULL : "write a number, 1 or more";
	case SECONDS:
		return is_in(value, 0, 86400) ? NULL : "write a number of seconds";
	case UID:
		return is_in(value, 0, PV_UID_MAX) ? NULL : "write a uid, or 0";
	case SHORT_TIME:
		return is_in(value, 1, 400) ? NULL : "write a number of seconds, 1 to 400";
	default:
		return is_in(value, 600, 86400)
			       ? NULL
			       : "write a number of seconds, 600 or more (RFC 1939, section 3)";
	}
}

static const char *fault(enum kind kind, const char *value)
{
	static const char not_absolute[] = "write an absolute path of letters, digits and `._-+@%=~`, "
					   "without `..`";
	bool on;

	switch (kind) {
	case FOLDER:
		return value[0] == '/' && is_path(value) ? NULL : not_absolute;
	case FOLDER_OR_NONE:
		return value[0] == '\0' || (value[0] == '/' && is_path(value)) ? NULL : not_absolute;
	case INSTANCES:
		return is_list_of_paths(value)
			       ? NULL
			       : "write the absolute path of each instance's folder, with commas between, "
				 "each once, 16 at most";
	case BELOW_HOME:
		if (value[0] == '\0' || (value[0] != '/' && value[0] != '~' && is_path(value)))
			return NULL;
		return "write a path below a home, like Mail/mailbox, without `..`";
	case MAP_TYPE:
		return strcmp(value, "lmdb") == 0 ? NULL : "only lmdb is known";
	case DOMAIN:
		return value[0] == '\0' || is_domain(value) ? NULL
							    : "write a domain like example.org, or nothing";
	case GROUP:
		return is_group(value) ? NULL : "write the name of a group, or nothing";
	case HOST:
		return is_host(value) ? NULL : "write a host's name";
	case DELIMITERS:
		return are_delimiters(value) ? NULL : "write + or what Postfix's recipient_delimiter says";
	case SWITCH:
		return pv_parse_bool(value, &on) ? NULL : "write yes or no";
	case LANGUAGE:
		return is_one_of(value, "en da") ? NULL : "write en or da";
	case LOGINS:
		return is_one_of(value, "errors all") ? NULL : "write errors or all";
	case TLS:
		return is_one_of(value, "no optional required") ? NULL : "write no, optional or required";
	case UNKNOWN:
		return is_one_of(value, "refuse postmaster") ? NULL : "write refuse or postmaster";
	case DAYS:
	case NUMBER:
	case SECONDS:
	case UID:
	case SHORT_TIME:
	case IDLE:
		return number_fault(kind, value);
	case LISTEN:
		return are_places(value) ? NULL
					 : "write addresses and ports like 192.0.2.1:110, [2001:db8::1]:110";
	case SERVERS:
		return are_servers(value)
			       ? NULL
			       : "write addresses and domains like 192.0.2.1=kvt.dk, 2001:db8::1=kvt.org";
	}
	return "no such kind of setting";
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
	const char *why = fault(places[i].kind, value);
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
