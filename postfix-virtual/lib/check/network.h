/*
 * network.h: what is asked of the world about a domain, by a child that is nobody.
 */
#ifndef PV_CHECK_NETWORK_H
#define PV_CHECK_NETWORK_H

#include "check/dns.h"
#include "check/sayings.h"

#define PV_NET_ADDRESS 64 /* bytes of an address in writing */

/* An address of this host by which the world finds a domain, and the name under which it does. */
struct pv_road {
	char address[PV_NET_ADDRESS];
	char host[PV_DNS_NAME];
};

enum { PV_ROADS_MAX = 16, PV_CACHE_MAX = 64 };

/* What a server says first, by address and port; asked once for all domains. */
struct pv_greeting {
	char address[PV_NET_ADDRESS];
	unsigned port;
	bool reached;
	char first[256], second[256]; /* its greeting, and what it answers to EHLO */
	char why[128];		      /* not reached: why */
};

struct pv_net {
	const struct pv_checkup_options *options;
	const struct pv_domain *domains; /* all of this host's, sorted */
	size_t domain_count;
	char (*own)[PV_NET_ADDRESS]; /* addresses of this host */
	size_t own_count;
	char myhostname[256];
	struct pv_dkim_key *keys; /* of opendkim */
	size_t key_count;

	/* Of one child. */
	struct pv_buf *out;
	struct pv_dns dns;
	unsigned silent; /* how many domains in a row got no answer */
	struct pv_greeting *greetings;
	size_t greeting_count;

	/* Of one domain. */
	const char *domain;
	bool stop;   /* the name server does not answer: ask no more */
	bool failed; /* it could not tell something, which was said */
	bool gone;   /* there is no such domain: the rest is no question */
	struct pv_road roads[PV_ROADS_MAX];
	size_t road_count;
};

/* A selector under which opendkim signs for a domain. */
struct pv_dkim_key {
	char domain[256], selector[128];
};

/* Ask the name server. Returns whether it could tell; otherwise that is said, once for a domain. */
bool pv_net_ask(struct pv_net *n, const char *name, ns_type type, const char *what, struct pv_dns_answer *a);
bool pv_net_is_own(const struct pv_net *n, const char *address);
bool pv_net_is_domain(const struct pv_net *n, const char *name);

/* mx.c: does mail for the domain come here? Fills in roads. */
void pv_net_mx(struct pv_net *n);
/* reverse.c: do the addresses lead back to the names? */
void pv_net_reverse(struct pv_net *n);
/* policy.c: SPF, DKIM, DMARC */
void pv_net_spf(struct pv_net *n);
void pv_net_dkim(struct pv_net *n);
void pv_net_dmarc(struct pv_net *n);
/* greeting.c: who answers there? */
void pv_net_smtp(struct pv_net *n);
void pv_net_pop3(struct pv_net *n);

/* dkim.c: the keys that the configuration of opendkim at `path` names. free(*list_r). */
enum pv_class pv_dkim_keys(const char *path, struct pv_dkim_key **list_r, size_t *count_r,
			   struct pv_error *e);

#endif
