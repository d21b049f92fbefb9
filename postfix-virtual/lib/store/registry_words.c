#include "store/registry_words.h"

#include "base/table.h"
#include "store/size.h"

#include <stddef.h>

void pv_registry_default(const struct pv_domain *d, struct pv_registry_entry *r)
{
	*r = (struct pv_registry_entry){ .domain = *d, .commands = true };
}

static bool set_account(struct pv_registry_entry *r, const char *value)
{
	static const char allowed[] = "abcdefghijklmnopqrstuvwxyz0123456789_.-";
	size_t len = strlen(value);

	if (len == 0 || len > PV_ACCOUNT_MAX || strspn(value, allowed) != len || value[0] == '-')
		return false;
	memcpy(r->account, value, len + 1);
	return true;
}

static bool set_alias_of(struct pv_registry_entry *r, const char *value)
{
	r->is_alias = true;
	return pv_domain_parse(value, strlen(value), &r->alias_of, NULL) == PV_OK;
}

static bool set_sub_domains(struct pv_registry_entry *r, const char *value)
{
	return pv_parse_bool(value, &r->sub_domains);
}

static bool set_commands(struct pv_registry_entry *r, const char *value)
{
	return pv_parse_bool(value, &r->commands);
}

static bool set_max_users(struct pv_registry_entry *r, const char *value)
{
	return pv_parse_number(value, strlen(value), 1000000000, &r->max_users);
}

static bool set_max_quota(struct pv_registry_entry *r, const char *value)
{
	return pv_quota_parse(value, &r->max_quota);
}

static const struct {
	const char *name;
	unsigned bit;
} owns[] = { { "postmaster", PV_OWN_POSTMASTER },
	     { "abuse", PV_OWN_ABUSE },
	     { "webmaster", PV_OWN_WEBMASTER } };

enum { OWNS = sizeof owns / sizeof *owns };

static bool set_own(struct pv_registry_entry *r, const char *value)
{
	while (*value != '\0') {
		size_t len = strcspn(value, ","), i = 0;
		while (i < OWNS &&
		       !(strlen(owns[i].name) == len && strncasecmp(owns[i].name, value, len) == 0))
			i++;
		if (i == OWNS)
			return false;
		r->own |= owns[i].bit;
		value += len + (value[len] == ',');
	}
	return r->own != 0;
}

/* `transport` or `transport:nexthop`, as it will stand in a table: nothing that has to be quoted. */
static bool set_sender_transport(struct pv_registry_entry *r, const char *value)
{
	static const char allowed[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_-"
				      ":.[]/";
	const size_t name_chars = sizeof allowed - sizeof ":.[]/";
	size_t len = strlen(value), name = 0;

	while (value[name] != '\0' && memchr(allowed, value[name], name_chars) != NULL)
		name++;
	if (name == 0 || value[0] == '-' || len > PV_TRANSPORT_MAX || strspn(value, allowed) != len ||
	    (value[name] != '\0' && value[name] != ':'))
		return false;
	memcpy(r->sender_transport, value, len + 1);
	return true;
}

static bool set_standard(struct pv_registry_entry *r, const char *value)
{
	return pv_parse_bool(value, &r->standard);
}

/* at, size: of the word's field, which is as in an empty entry where nothing is said. */
#define FIELD(name) offsetof(struct pv_registry_entry, name), sizeof((struct pv_registry_entry *)NULL)->name

static const struct {
	const char *name;
	bool (*set)(struct pv_registry_entry *r, const char *value);
	size_t at, size;
	const char *mend;
} words[] = {
	{ "account", set_account, FIELD(account), "write the name of an account" },
	{ "alias_of", set_alias_of, FIELD(is_alias), "write the domain that it stands for" },
	{ "sub_domains", set_sub_domains, FIELD(sub_domains), "write yes or no" },
	{ "max_users", set_max_users, FIELD(max_users), "write a number" },
	{ "max_quota", set_max_quota, FIELD(max_quota), "write a size like 500M" },
	{ "commands", set_commands, FIELD(commands), "write yes or no" },
	{ "own", set_own, FIELD(own), "write postmaster, abuse, webmaster, with commas between" },
	{ "sender_transport", set_sender_transport, FIELD(sender_transport),
	  "write a service of master.cf, like smtp or smtp:[192.0.2.1]" },
	{ "postfix", set_standard, FIELD(standard), "write yes or no" },
};

enum { WORDS = sizeof words / sizeof *words };

int pv_registry_word(const char *name)
{
	for (int i = 0; i < WORDS; i++)
		if (strcmp(words[i].name, name) == 0)
			return i;
	return -1;
}

const char *pv_registry_take(struct pv_registry_entry *r, int word, const char *value)
{
	return words[word].set(r, value) ? NULL : words[word].mend;
}

enum pv_class pv_registry_set(struct pv_registry_entry *r, const char *name, const char *value,
			      struct pv_error *e)
{
	struct pv_registry_entry next = *r, empty;
	struct pv_buf known = PV_BUF_INIT(PV_ERROR_TEXT);

	int word = pv_registry_word(name);
	for (size_t i = 0; i < WORDS; i++)
		if (words[i].set != set_alias_of) /* is no setting of a domain that has a folder */
			pv_buf_addf(&known, "%s%s", i > 0 ? ", " : "", words[i].name);
	if (word < 0)
		(void)pv_fail(e, PV_PERMANENT, "5.3.5", "there is no setting `%.60s`; possible are: %s", name,
			      known.s);
	pv_buf_free(&known);
	if (word < 0)
		return PV_PERMANENT;
	pv_registry_default(&r->domain, &empty);
	memcpy((char *)&next + words[word].at, (char *)&empty + words[word].at, words[word].size);
	if (*value != '\0' && !words[word].set(&next, value))
		return pv_fail(e, PV_PERMANENT, "5.3.5", "%s=%.60s: %s", name, value, words[word].mend);
	*r = next;
	return PV_OK;
}

static void format_words(const struct pv_registry_entry *r, struct pv_buf *out)
{
	if (r->account[0] != '\0')
		pv_buf_addf(out, " account=%s", r->account);
	if (r->sub_domains)
		pv_buf_adds(out, " sub_domains=yes");
	if (r->max_users != 0)
		pv_buf_addf(out, " max_users=%lu", r->max_users);
	if (r->max_quota != 0) {
		pv_buf_adds(out, " max_quota=");
		pv_quota_format(r->max_quota, out);
	}
	if (!r->commands)
		pv_buf_adds(out, " commands=no");
	const char *before = " own=";
	for (size_t i = 0; i < OWNS; i++) {
		if ((r->own & owns[i].bit) != 0) {
			pv_buf_addf(out, "%s%s", before, owns[i].name);
			before = ",";
		}
	}
	if (r->sender_transport[0] != '\0')
		pv_buf_addf(out, " sender_transport=%s", r->sender_transport);
	if (r->standard)
		pv_buf_adds(out, " postfix=yes");
}

void pv_registry_format(const struct pv_registry_entry *r, struct pv_buf *out)
{
	size_t start = out->len;

	pv_buf_adds(out, r->domain.s);
	size_t bare = out->len;
	if (r->is_alias)
		pv_buf_addf(out, " alias_of=%s", r->alias_of.s);
	else
		format_words(r, out);
	if (out->len == bare)
		pv_buf_truncate(out, start);
}

void pv_registry_format_own(const struct pv_registry_entry *r, unsigned own, struct pv_buf *out)
{
	struct pv_registry_entry only;

	pv_registry_default(&r->domain, &only);
	only.own = r->own | own;
	pv_registry_format(&only, out);
}
