/* SPF (RFC 7208), DKIM (RFC 6376), DMARC (RFC 7489): what others will think of mail under the domain. */
#include "check/network.h"

#include <arpa/inet.h>

/* The records that begin with `version`, alone or before one of `ends`. *first_r: the first of them. */
static size_t count_version(const struct pv_dns_answer *a, const char *version, const char *ends,
			    const char **first_r)
{
	size_t len = strlen(version), found = 0;

	*first_r = NULL;
	for (size_t i = 0; i < a->count; i++) {
		const char *s = a->list[i].text;
		if (strncasecmp(s, version, len) != 0 || (s[len] != '\0' && strchr(ends, s[len]) == NULL))
			continue;
		if (found++ == 0)
			*first_r = s;
	}
	return found;
}

/* Is address in `net`, as ip4: and ip6: write it? */
static bool is_in(const char *address, const char *net, int family)
{
	char base[PV_NET_ADDRESS];
	unsigned char a[16], b[16];
	const char *slash = strchr(net, '/');
	unsigned long bits = family == AF_INET ? 32 : 128;

	(void)snprintf(base, sizeof base, "%.*s", (int)(slash != NULL ? slash - net : (long)strlen(net)),
		       net);
	if (slash != NULL && strtoul(slash + 1, NULL, 10) < bits)
		bits = strtoul(slash + 1, NULL, 10);
	if (inet_pton(family, address, a) != 1 || inet_pton(family, base, b) != 1)
		return false;
	if (memcmp(a, b, bits / 8) != 0)
		return false;
	return bits % 8 == 0 || ((a[bits / 8] ^ b[bits / 8]) >> (8 - bits % 8)) == 0;
}

/* What an SPF record says of the addresses by which mail comes here, as far as it says so itself. */
struct spf {
	bool passes_all, names_us, cannot_tell;
};

static void read_term(const struct pv_net *n, const char *term, struct spf *s)
{
	bool passes = *term == '+' || strchr("-~?", *term) == NULL;
	const char *word = term + (strchr("+-~?", *term) != NULL);

	if (strcasecmp(word, "all") == 0)
		s->passes_all = passes;
	else if (strncasecmp(word, "ip4:", 4) == 0 || strncasecmp(word, "ip6:", 4) == 0)
		for (size_t i = 0; passes && i < n->road_count; i++)
			s->names_us = s->names_us || is_in(n->roads[i].address, word + 4,
							   word[2] == '4' ? AF_INET : AF_INET6);
	else if (strcasecmp(word, "mx") == 0)
		s->names_us = s->names_us || (passes && n->road_count > 0);
	else if (strncasecmp(word, "exp=", 4) != 0)
		s->cannot_tell = true; /* include, redirect, a, exists ...: others' records */
}

static void judge_spf(struct pv_net *n, const char *record)
{
	char copy[PV_DNS_TEXT], *rest = copy, *term;
	struct spf s = { .passes_all = false };

	(void)snprintf(copy, sizeof copy, "%s", record + 6);
	while ((term = strsep(&rest, " ")) != NULL)
		if (*term != '\0')
			read_term(n, term, &s);
	if (s.passes_all)
		pv_say(n->out, PV_WARNING, "spf", n->domain,
		       "its SPF record `%.200s` lets everybody send under its name: end it with -all",
		       record);
	else if (!s.names_us && !s.cannot_tell && n->road_count > 0)
		pv_say(n->out, PV_WARNING, "spf", n->domain,
		       "its SPF record `%.200s` does not name this host, so mail from here may be refused: "
		       "add `mx`",
		       record);
}

void pv_net_spf(struct pv_net *n)
{
	struct pv_dns_answer a;
	const char *record;

	if (!pv_net_ask(n, n->domain, ns_t_txt, "TXT", &a))
		return;
	size_t found = count_version(&a, "v=spf1", " ", &record);
	if (found == 0 && a.total > a.count)
		pv_say(n->out, PV_UNKNOWN, "spf", n->domain,
		       "it has %zu TXT records, more than are looked at", a.total);
	else if (found == 0 && a.state != PV_DNS_NO_NAME)
		pv_say(n->out, PV_WARNING, "spf", n->domain,
		       "it has no SPF record: add `%s. TXT \"v=spf1 mx -all\"` to its zone", n->domain);
	else if (found > 1)
		pv_say(n->out, PV_WARNING, "spf", n->domain,
		       "it has %zu SPF records, of which others take none (RFC 7208): make them one", found);
	else if (found == 1)
		judge_spf(n, record);
	pv_dns_free(&a);
}

/* By which selector is mail of the domain signed? NULL: nobody says. */
static const char *find_selector(const struct pv_net *n)
{
	if (n->options->selector != NULL)
		return n->options->selector;
	for (size_t i = 0; i < n->key_count; i++)
		if (strcasecmp(n->keys[i].domain, n->domain) == 0)
			return n->keys[i].selector;
	return NULL;
}

/* A key that is not empty: an empty one says that it was taken back. */
static bool has_key(const char *record)
{
	const char *p = strstr(record, "p=");

	while (p != NULL && p != record && p[-1] != ';' && p[-1] != ' ')
		p = strstr(p + 1, "p=");
	return p != NULL && p[2] != '\0' && p[2] != ';' && p[2] != ' ';
}

void pv_net_dkim(struct pv_net *n)
{
	const char *selector = find_selector(n);
	char name[PV_DOMAIN_MAX + 160];
	struct pv_dns_answer a;
	bool found = false;

	if (n->stop)
		return;
	if (selector == NULL) {
		pv_say(n->out, PV_NOTE, "dkim", n->domain,
		       "no DKIM selector is known: --selector names one, as opendkim's KeyTable does");
		return;
	}
	(void)snprintf(name, sizeof name, "%.128s._domainkey.%s", selector, n->domain);
	if (!pv_net_ask(n, name, ns_t_txt, "TXT", &a))
		return;
	for (size_t i = 0; i < a.count; i++)
		found = found || has_key(a.list[i].text);
	if (!found)
		pv_say(n->out, PV_WARNING, "dkim", n->domain,
		       "there is no DKIM key at %s, so what is signed with that selector is not believed: "
		       "add the TXT record "
		       "that opendkim-genkey wrote",
		       name);
	pv_dns_free(&a);
}

/* The value of a tag of a DMARC record, `p` say, cut out of it. */
static bool find_tag(const char *record, const char *tag, char *value, size_t size)
{
	char copy[PV_DNS_TEXT], *rest = copy, *part;
	size_t len = strlen(tag);

	(void)snprintf(copy, sizeof copy, "%s", record);
	while ((part = strsep(&rest, ";")) != NULL) {
		part += strspn(part, " ");
		const char *v = part + len;
		if (strncasecmp(part, tag, len) != 0 || *(v += strspn(v, " ")) != '=')
			continue;
		v += 1 + strspn(v + 1, " ");
		(void)snprintf(value, size, "%.*s", (int)strcspn(v, " "), v);
		return true;
	}
	return false;
}

static void judge_dmarc(struct pv_net *n, const char *name, const char *record)
{
	char policy[32];

	if (!find_tag(record, "p", policy, sizeof policy) ||
	    (strcasecmp(policy, "none") != 0 && strcasecmp(policy, "quarantine") != 0 &&
	     strcasecmp(policy, "reject") != 0))
		pv_say(n->out, PV_WARNING, "dmarc", n->domain,
		       "the DMARC record at %s, `%.200s`, has no `p=none`, `p=quarantine` or `p=reject`: "
		       "mend it",
		       name, record);
}

/* Its own record, or that of a parent: which of them is the organisation's is not for us to say. */
void pv_net_dmarc(struct pv_net *n)
{
	struct pv_domain at;
	char name[PV_DOMAIN_MAX + 16];
	struct pv_dns_answer a;
	const char *record;

	if (pv_domain_parse(n->domain, strlen(n->domain), &at, NULL) != PV_OK)
		return;
	do {
		(void)snprintf(name, sizeof name, "_dmarc.%s", at.s);
		if (!pv_net_ask(n, name, ns_t_txt, "TXT", &a))
			return;
		size_t found = count_version(&a, "v=DMARC1", " ;", &record);
		if (found > 1)
			pv_say(n->out, PV_WARNING, "dmarc", n->domain,
			       "there are %zu DMARC records at %s, of which others take none: keep one",
			       found, name);
		else if (found == 1)
			judge_dmarc(n, name, record);
		pv_dns_free(&a);
		if (found > 0)
			return;
	} while (pv_domain_parent(&at, &at));
	pv_say(n->out, PV_WARNING, "dmarc", n->domain,
	       "it has no DMARC record: add `_dmarc.%s. TXT \"v=DMARC1; p=none\"` to its zone", n->domain);
}
