#include "check/network.h"

enum { HOSTS_MAX = 8 };

static void add_road(struct pv_net *n, const char *address, const char *host)
{
	for (size_t i = 0; i < n->road_count; i++)
		if (strcmp(n->roads[i].address, address) == 0)
			return;
	if (n->road_count == PV_ROADS_MAX)
		return;
	struct pv_road *r = &n->roads[n->road_count++];
	(void)snprintf(r->address, sizeof r->address, "%.63s", address);
	(void)snprintf(r->host, sizeof r->host, "%.1025s", host);
}

/* Where a host's name leads. */
struct target {
	size_t here, elsewhere; /* addresses */
	char foreign[PV_NET_ADDRESS];
	bool by_cname, unknown;
};

static void look_up(struct pv_net *n, const char *host, struct target *t)
{
	static const struct {
		ns_type type;
		const char *what;
	} kinds[] = { { ns_t_a, "A" }, { ns_t_aaaa, "AAAA" } };
	struct pv_dns_answer a;

	*t = (struct target){ .here = 0 };
	for (size_t k = 0; k < 2; k++) {
		t->unknown = !pv_net_ask(n, host, kinds[k].type, kinds[k].what, &a) || t->unknown;
		t->by_cname = t->by_cname || a.by_cname;
		for (size_t i = 0; i < a.count; i++) {
			if (pv_net_is_own(n, a.list[i].text)) {
				t->here++;
				add_road(n, a.list[i].text, host);
			} else if (t->elsewhere++ == 0) {
				(void)snprintf(t->foreign, sizeof t->foreign, "%.60s", a.list[i].text);
			}
		}
		pv_dns_free(&a);
	}
}

static bool is_address(const char *host)
{
	return *host != '\0' && strspn(host, "0123456789.") == strlen(host);
}

/* Without an MX mail goes to the address of the domain itself (RFC 5321, section 5.1). */
static void judge_without(struct pv_net *n)
{
	struct target t;

	look_up(n, n->domain, &t);
	if (t.unknown)
		return;
	if (t.here > 0)
		pv_say(n->out, PV_WARNING, "mx", n->domain,
		       "it has no MX, so mail comes by its address record alone: add `%s. MX 10 %s.` to its "
		       "zone",
		       n->domain, n->myhostname);
	else
		pv_say(n->out, PV_CRITICAL, "mx", n->domain,
		       "it has no MX%s, so no mail comes here: add `%s. MX 10 %s.` to its zone",
		       t.elsewhere > 0 ? ", and its address is another host's" : "", n->domain,
		       n->myhostname);
}

static void judge_host(struct pv_net *n, const struct pv_dns_record *mx, const struct target *t, bool is_only)
{
	const char *host = mx->text;

	if (is_address(host))
		pv_say(n->out, PV_CRITICAL, "mx", n->domain,
		       "its MX names the address %s; it must name a host: give that address a name", host);
	else if (t->here + t->elsewhere == 0 && !t->unknown)
		pv_say(n->out, is_only ? PV_CRITICAL : PV_WARNING, "mx", n->domain,
		       "its MX %s has no address%s: add an A or AAAA record", host,
		       t->by_cname ? " (a CNAME that leads nowhere)" : "");
	else if (t->by_cname)
		pv_say(n->out, PV_WARNING, "mx", n->domain,
		       "its MX %s is a CNAME, which many refuse (RFC 2181): name the host itself", host);
	if (t->here > 0 && t->elsewhere > 0)
		pv_say(n->out, PV_WARNING, "mx", n->domain,
		       "its MX %s leads here, but also to %s, which is no address of this host: mend its A "
		       "or AAAA record, "
		       "or name all of this host's in proxy_interfaces",
		       host, t->foreign);
}

static int compare(const void *a, const void *b)
{
	const struct pv_dns_record *x = a, *y = b;

	if (x->preference != y->preference)
		return x->preference < y->preference ? -1 : 1;
	return strcmp(x->text, y->text);
}

static void judge_hosts(struct pv_net *n, struct pv_dns_answer *mx)
{
	size_t count = mx->count < HOSTS_MAX ? mx->count : HOSTS_MAX;
	bool some_here = false, first_here = false, elsewhere = false, unknown = false;
	struct target t;

	qsort(mx->list, mx->count, sizeof *mx->list, compare);
	for (size_t i = 0; i < count && !n->stop; i++) {
		t = (struct target){ .here = 0 };
		if (!is_address(mx->list[i].text))
			look_up(n, mx->list[i].text, &t);
		judge_host(n, &mx->list[i], &t, mx->count == 1);
		unknown = unknown || t.unknown;
		elsewhere = elsewhere || t.elsewhere > 0;
		some_here = some_here || t.here > 0;
		first_here = first_here || (t.here > 0 && mx->list[i].preference == mx->list[0].preference);
	}
	if (!some_here && elsewhere && !unknown && !n->stop && mx->total <= HOSTS_MAX)
		pv_say(n->out, PV_CRITICAL, "mx", n->domain,
		       "its MX %s does not lead to this host, so its mail goes elsewhere: mend the MX, or "
		       "name this host's "
		       "outside address in proxy_interfaces",
		       mx->list[0].text);
	else if (some_here && !first_here && !unknown)
		pv_say(n->out, PV_WARNING, "mx", n->domain,
		       "its mail goes to %s first, which is not this host: if that is no filter of yours, "
		       "mend the MX",
		       mx->list[0].text);
}

void pv_net_mx(struct pv_net *n)
{
	struct pv_dns_answer mx;

	bool known = pv_net_ask(n, n->domain, ns_t_mx, "MX", &mx);
	n->gone = known && mx.state == PV_DNS_NO_NAME;
	if (n->gone)
		pv_say(n->out, PV_CRITICAL, "mx", n->domain,
		       "the name server knows no such domain: register it, or postfix-virtual domain delete "
		       "%s",
		       n->domain);
	else if (known && mx.state == PV_DNS_NOTHING)
		judge_without(n);
	else if (known && mx.count == 1 && mx.list[0].text[0] == '\0')
		pv_say(n->out, PV_CRITICAL, "mx", n->domain,
		       "its MX is `.`, by which it says that it takes no mail (RFC 7505): write `%s. MX 10 "
		       "%s.` instead",
		       n->domain, n->myhostname);
	else if (known)
		judge_hosts(n, &mx);
	pv_dns_free(&mx);
}
