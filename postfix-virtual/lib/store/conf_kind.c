#include "store/conf_kind.h"

#include "address/address.h"
#include "base/table.h"
#include "store/conf.h"

#include <arpa/inet.h>

enum { PATH_LEN = 1024 }; /* bytes of a path in virtual.conf */

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

static const char *number_fault(enum pv_conf_kind kind, const char *value)
{
	switch ((int)kind) {
	case PV_CONF_DAYS:
		return is_in(value, 1, 100000) ? NULL : "write a number of days";
	case PV_CONF_NUMBER:
		return is_in(value, 1, 100000) ? NULL : "write a number, 1 or more";
	case PV_CONF_SECONDS:
		return is_in(value, 0, 86400) ? NULL : "write a number of seconds";
	case PV_CONF_UID:
		return is_in(value, 0, PV_UID_MAX) ? NULL : "write a uid, or 0";
	case PV_CONF_SHORT_TIME:
		return is_in(value, 1, 400) ? NULL : "write a number of seconds, 1 to 400";
	default:
		return is_in(value, 600, 86400)
			       ? NULL
			       : "write a number of seconds, 600 or more (RFC 1939, section 3)";
	}
}

const char *pv_conf_fault(enum pv_conf_kind kind, const char *value)
{
	static const char not_absolute[] = "write an absolute path of letters, digits and `._-+@%=~`, "
					   "without `..`";
	bool on;

	switch (kind) {
	case PV_CONF_FOLDER:
		return value[0] == '/' && is_path(value) ? NULL : not_absolute;
	case PV_CONF_FOLDER_OR_NONE:
		return value[0] == '\0' || (value[0] == '/' && is_path(value)) ? NULL : not_absolute;
	case PV_CONF_INSTANCES:
		return is_list_of_paths(value)
			       ? NULL
			       : "write the absolute path of each instance's folder, with commas between, "
				 "each once, 16 at most";
	case PV_CONF_BELOW_HOME:
		if (value[0] == '\0' || (value[0] != '/' && value[0] != '~' && is_path(value)))
			return NULL;
		return "write a path below a home, like Mail/mailbox, without `..`";
	case PV_CONF_MAP_TYPE:
		return strcmp(value, "lmdb") == 0 ? NULL : "only lmdb is known";
	case PV_CONF_DOMAIN:
		return value[0] == '\0' || is_domain(value) ? NULL
							    : "write a domain like example.org, or nothing";
	case PV_CONF_GROUP:
		return is_group(value) ? NULL : "write the name of a group, or nothing";
	case PV_CONF_HOST:
		return is_host(value) ? NULL : "write a host's name";
	case PV_CONF_DELIMITERS:
		return are_delimiters(value) ? NULL : "write + or what Postfix's recipient_delimiter says";
	case PV_CONF_SWITCH:
		return pv_parse_bool(value, &on) ? NULL : "write yes or no";
	case PV_CONF_LANGUAGE:
		return is_one_of(value, "en da") ? NULL : "write en or da";
	case PV_CONF_LOGINS:
		return is_one_of(value, "errors all") ? NULL : "write errors or all";
	case PV_CONF_TLS:
		return is_one_of(value, "no optional required") ? NULL : "write no, optional or required";
	case PV_CONF_UNKNOWN:
		return is_one_of(value, "refuse postmaster") ? NULL : "write refuse or postmaster";
	case PV_CONF_DAYS:
	case PV_CONF_NUMBER:
	case PV_CONF_SECONDS:
	case PV_CONF_UID:
	case PV_CONF_SHORT_TIME:
	case PV_CONF_IDLE:
		return number_fault(kind, value);
	case PV_CONF_LISTEN:
		return are_places(value) ? NULL
					 : "write addresses and ports like 192.0.2.1:110, [2001:db8::1]:110";
	case PV_CONF_SERVERS:
		return are_servers(value)
			       ? NULL
			       : "write addresses and domains like 192.0.2.1=kvt.dk, 2001:db8::1=kvt.org";
	}
	return "no such kind of setting";
}
