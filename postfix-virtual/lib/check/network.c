/* All domains, by up to 16 children at once that are nobody: what comes back is anybody's bytes. */
#include "check/network.h"

#include "base/child.h"
#include "base/file.h"
#include "change/words.h"
#include "store/conf.h"
#include "store/folder.h"

#include <arpa/inet.h>
#include <errno.h>
#include <ifaddrs.h>
#include <pwd.h>
#include <stdint.h>
#include <unistd.h>

enum { WORKERS = 16, OWN_MAX = 1024, SILENT_MAX = 3, NOBODY = 65534 };

static const struct pv_child_limits limits = { .seconds = 3600, .cpu_seconds = 600 };

/* What is asked, in this order; `id` is that of the findings. */
static const struct {
	const char *id;
	void (*ask)(struct pv_net *n);
} questions[] = {
	{ "mx", pv_net_mx },	 { "reverse", pv_net_reverse }, { "spf", pv_net_spf },
	{ "dkim", pv_net_dkim }, { "dmarc", pv_net_dmarc },	{ "smtp", pv_net_smtp },
	{ "pop3", pv_net_pop3 },
};

static const char *const ids[] = { "dns", "mx", "reverse", "spf", "dkim", "dmarc", "smtp", "pop3", NULL };

bool pv_net_ask(struct pv_net *n, const char *name, ns_type type, const char *what, struct pv_dns_answer *a)
{
	*a = (struct pv_dns_answer){ .state = PV_DNS_SILENT };
	if (n->stop)
		return false;
	pv_dns_ask(&n->dns, name, type, a);
	if (a->state == PV_DNS_SILENT) {
		n->stop = true;
		pv_say(n->out, PV_UNKNOWN, "dns", n->domain,
		       "the name server does not answer when asked for the %s of %s: see /etc/resolv.conf",
		       what, name);
	} else if (a->state == PV_DNS_FAILED && !n->failed) {
		n->failed = true;
		pv_say(n->out, PV_UNKNOWN, "dns", n->domain,
		       "the name server cannot tell the %s of %s (SERVFAIL, a refusal or an answer without "
		       "sense): "
		       "look at the name servers of that zone",
		       what, name);
	}
	return a->state != PV_DNS_SILENT && a->state != PV_DNS_FAILED;
}

bool pv_net_is_own(const struct pv_net *n, const char *address)
{
	for (size_t i = 0; i < n->own_count; i++)
		if (strcmp(n->own[i], address) == 0)
			return true;
	return false;
}

static int compare_domains(const void *a, const void *b)
{
	return strcmp(((const struct pv_domain *)a)->s, ((const struct pv_domain *)b)->s);
}

bool pv_net_is_domain(const struct pv_net *n, const char *name)
{
	struct pv_domain d;

	return pv_domain_parse(name, strlen(name), &d, NULL) == PV_OK && n->domain_count > 0 &&
	       bsearch(&d, n->domains, n->domain_count, sizeof d, compare_domains) != NULL;
}

/* Add an address in the one form in which it is compared. What is none is no address of ours. */
static void add_own(struct pv_net *n, const char *s)
{
	unsigned char b[16];
	int family = strchr(s, ':') != NULL ? AF_INET6 : AF_INET;

	if (n->own_count < OWN_MAX && inet_pton(family, s, b) == 1 &&
	    inet_ntop(family, b, n->own[n->own_count], PV_NET_ADDRESS) != NULL)
		n->own_count++;
}

static void add_list(struct pv_net *n, const char *list)
{
	char word[PV_NET_ADDRESS];
	const char *p;
	size_t len;

	while (pv_words_next(&list, &p, &len)) {
		/* Postfix writes IPv6 addresses in brackets. */
		bool brackets = len > 2 && p[0] == '[' && p[len - 1] == ']';
		(void)snprintf(word, sizeof word, "%.*s", (int)(brackets ? len - 2 : len),
			       brackets ? p + 1 : p);
		add_own(n, word);
	}
}

static void add_interfaces(struct pv_net *n)
{
	struct ifaddrs *all, *i;
	char text[PV_NET_ADDRESS];

	if (getifaddrs(&all) != 0)
		return;
	for (i = all; i != NULL; i = i->ifa_next) {
		const struct sockaddr *a = i->ifa_addr;
		const void *at = NULL;
		if (a != NULL && a->sa_family == AF_INET)
			at = &((const struct sockaddr_in *)(const void *)a)->sin_addr;
		else if (a != NULL && a->sa_family == AF_INET6)
			at = &((const struct sockaddr_in6 *)(const void *)a)->sin6_addr;
		if (at != NULL && inet_ntop(a->sa_family, at, text, sizeof text) != NULL &&
		    strncmp(text, "127.", 4) != 0 && strcmp(text, "::1") != 0)
			add_own(n, text);
	}
	freeifaddrs(all);
}

/* The addresses by which this host is reached, also from behind a NAT. */
static enum pv_class find_own(struct pv_checkup *u, struct pv_net *n, struct pv_error *e)
{
	static const char *const settings[] = { "inet_interfaces", "proxy_interfaces" };
	enum pv_class c = PV_OK;
	char dir[PATH_MAX];

	if (u->options->addresses != NULL) {
		add_list(n, u->options->addresses);
		return n->own_count > 0 ? PV_OK
					: pv_fail(e, PV_PERMANENT, NULL, "--addresses names no address");
	}
	add_interfaces(n);
	for (size_t i = 0; c == PV_OK && pv_conf_instance(&u->store->conf, i, dir, sizeof dir); i++)
		for (size_t s = 0; c == PV_OK && s < 2; s++) {
			struct pv_buf value = PV_BUF_INIT(65536);
			c = pv_setting_value(dir, settings[s], &value, e);
			add_list(n, value.s);
			pv_buf_free(&value);
		}
	return c;
}

static enum pv_class find_hostname(struct pv_checkup *u, struct pv_net *n, struct pv_error *e)
{
	struct pv_buf value = PV_BUF_INIT(65536);
	char dir[PATH_MAX];

	if (!pv_conf_instance(&u->store->conf, 0, dir, sizeof dir))
		return PV_OK;
	enum pv_class c = pv_setting_value(dir, "myhostname", &value, e);
	(void)snprintf(n->myhostname, sizeof n->myhostname, "%s", value.s);
	pv_buf_free(&value);
	return c;
}

/* Every domain of this host, those that are not asked about too. */
static enum pv_class find_domains(struct pv_checkup *u, struct pv_domain **list_r, size_t *count_r,
				  struct pv_error *e)
{
	enum pv_class c = pv_folder_list(u->store, list_r, count_r, e);

	if (c != PV_OK)
		return c;
	struct pv_domain *list = reallocarray(*list_r, *count_r + u->registry.count + 1, sizeof *list);
	if (list == NULL)
		return pv_fail(e, PV_TEMPORARY, NULL, "no memory for the domains");
	for (size_t i = 0; i < u->registry.count; i++)
		if (u->registry.entries[i].is_alias)
			list[(*count_r)++] = u->registry.entries[i].domain;
	qsort(list, *count_r, sizeof *list, compare_domains);
	*list_r = list;
	return PV_OK;
}

/* The share of one child. */
struct worker {
	struct pv_net *net;
	const struct pv_checkup *checkup;
	size_t number, workers;
};

static void ask_all(struct pv_net *n, const struct pv_domain *d)
{
	n->domain = d->s;
	n->stop = n->silent >= SILENT_MAX;
	n->failed = n->gone = false;
	n->road_count = 0;
	if (n->stop)
		pv_say(n->out, PV_UNKNOWN, "dns", d->s,
		       "the name server does not answer: see /etc/resolv.conf");
	for (size_t i = 0; !n->gone && i < sizeof questions / sizeof *questions; i++)
		questions[i].ask(n);
	n->silent = n->stop ? n->silent + 1 : 0;
}

static enum pv_class work(void *ctx, int out_fd, struct pv_error *e)
{
	struct worker *w = ctx;
	struct pv_net *n = w->net;
	struct pv_buf out = PV_BUF_INIT(PV_SAYINGS_MAX);
	enum pv_class c = PV_OK;

	n->out = &out;
	n->greetings = calloc(PV_CACHE_MAX, sizeof *n->greetings);
	if (n->greetings == NULL || !pv_dns_open(&n->dns, &n->options->resolver))
		return pv_fail(e, PV_TEMPORARY, NULL, "the resolver cannot be set up");
	for (size_t i = w->number; c == PV_OK && i < w->checkup->count; i += w->workers) {
		ask_all(n, &w->checkup->subjects[i].domain);
		c = pv_buf_check(&out, "what was found", e);
		if (c == PV_OK && pv_write_all(out_fd, out.s, out.len) != 0)
			c = pv_fail(e, PV_TEMPORARY, NULL, "write to a pipe");
		pv_buf_reset(&out);
	}
	pv_dns_close(&n->dns);
	free(n->greetings);
	pv_buf_free(&out);
	return c;
}

static bool any_runs(const struct pv_child *children, size_t count)
{
	for (size_t i = 0; i < count; i++)
		if (children[i].runs)
			return true;
	return false;
}

static enum pv_class run_workers(struct pv_checkup *u, struct pv_net *n, struct pv_error *e)
{
	size_t count = u->count < WORKERS ? u->count : WORKERS;
	struct worker workers[WORKERS];
	struct pv_child children[WORKERS] = { { .runs = false } };
	struct pv_buf outs[WORKERS];
	uid_t uid = geteuid() == 0 ? NOBODY : geteuid();
	gid_t gid = geteuid() == 0 ? NOBODY : getegid();
	enum pv_class c = PV_OK;

	for (size_t i = 0; i < count; i++) {
		outs[i] = (struct pv_buf)PV_BUF_INIT(PV_SAYINGS_MAX * 16);
		workers[i] = (struct worker){ .net = n, .checkup = u, .number = i, .workers = count };
		if (c == PV_OK)
			c = pv_child_start(uid, gid, &limits, work, &workers[i], &outs[i], &children[i], e);
	}
	while (any_runs(children, count)) {
		size_t done = pv_child_wait(children, count, INT64_MAX);
		if (done < count && children[done].class != PV_OK)
			pv_found(u, PV_UNKNOWN, "network", "%s", children[done].error.text);
	}
	for (size_t i = 0; i < count; i++) {
		pv_sayings_take(u, &outs[i], ids);
		pv_buf_free(&outs[i]);
	}
	return c;
}

enum pv_class pv_check_network(struct pv_checkup *u, struct pv_error *e)
{
	struct pv_net n = { .options = u->options };
	struct pv_domain *domains = NULL;

	n.own = calloc(OWN_MAX, sizeof *n.own);
	enum pv_class c = n.own != NULL ? PV_OK : pv_fail(e, PV_TEMPORARY, NULL, "no memory for addresses");
	if (c == PV_OK)
		c = find_own(u, &n, e);
	if (c == PV_OK)
		c = find_hostname(u, &n, e);
	if (c == PV_OK)
		c = find_domains(u, &domains, &n.domain_count, e);
	if (c == PV_OK)
		c = pv_dkim_keys("/etc/opendkim.conf", &n.keys, &n.key_count, e);
	n.domains = domains;
	if (c == PV_OK && u->count > 0)
		c = run_workers(u, &n, e);
	free(domains);
	free(n.keys);
	free(n.own);
	return c;
}
