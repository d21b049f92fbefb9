#include "check/network.h"

/* Does the name lead to the address? */
static bool leads_to(struct pv_net *n, const char *name, const char *address, bool *known_r)
{
	bool is_v6 = strchr(address, ':') != NULL, found = false;
	struct pv_dns_answer a;

	*known_r = pv_net_ask(n, name, is_v6 ? ns_t_aaaa : ns_t_a, is_v6 ? "AAAA" : "A", &a);
	for (size_t i = 0; i < a.count; i++)
		found = found || strcmp(a.list[i].text, address) == 0;
	pv_dns_free(&a);
	return found;
}

/* The name of the reverse that is the host's: under which mail comes, or Postfix greets. NULL: none. */
static const char *find_name(const struct pv_net *n, const struct pv_dns_answer *a, const char *host)
{
	for (size_t i = 0; i < a->count; i++)
		if (strcasecmp(a->list[i].text, host) == 0 || strcasecmp(a->list[i].text, n->myhostname) == 0)
			return a->list[i].text;
	return NULL;
}

static void judge(struct pv_net *n, const struct pv_road *r, const struct pv_dns_answer *a)
{
	bool known;

	for (size_t i = 0; i < a->count; i++)
		if (pv_net_is_domain(n, a->list[i].text)) {
			pv_say(n->out, PV_CRITICAL, "reverse", r->address,
			       "its reverse is %s, which is a mail domain and no host: other programs then "
			       "take the two for "
			       "one and write mail of the domain as the host's: make the reverse %s",
			       a->list[i].text,
			       strcasecmp(a->list[i].text, r->host) == 0 ? n->myhostname : r->host);
			return;
		}
	const char *name = find_name(n, a, r->host);
	if (name == NULL)
		pv_say(n->out, PV_WARNING, "reverse", r->address,
		       "its reverse is %s, and neither %s, the MX, nor %s, Postfix's myhostname: mend the "
		       "PTR record, or "
		       "write a line in /etc/hosts",
		       a->list[0].text, r->host, n->myhostname);
	else if (!leads_to(n, name, r->address, &known) && known)
		pv_say(n->out, PV_WARNING, "reverse", r->address,
		       "its reverse is %s, which does not lead back to it: mend the A or AAAA record of %s",
		       name, name);
}

/* As seed and RFC 1912 want it: each address has a name, and that name the address. */
void pv_net_reverse(struct pv_net *n)
{
	struct pv_dns_answer a;
	char name[80];

	for (size_t i = 0; i < n->road_count; i++) {
		const struct pv_road *r = &n->roads[i];
		if (!pv_dns_reverse_name(r->address, name, sizeof name) ||
		    !pv_net_ask(n, name, ns_t_ptr, "PTR", &a))
			continue;
		if (a.count == 0)
			pv_say(n->out, PV_WARNING, "reverse", r->address,
			       "it has no reverse (PTR), so many refuse mail from it: make it %s",
			       n->myhostname);
		else
			judge(n, r, &a);
		pv_dns_free(&a);
	}
}
