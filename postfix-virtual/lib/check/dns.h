/*
 * dns.h: questions to the name server, by libresolv: UDP, and TCP where an answer is cut; 5 s, two tries.
 */
#ifndef PV_CHECK_DNS_H
#define PV_CHECK_DNS_H

#include <arpa/nameser.h>
#include <netinet/in.h>
#include <resolv.h>
#include <stdbool.h>
#include <stddef.h>

#define PV_DNS_NAME 1026  /* bytes of a name in writing (NS_MAXDNAME), the NUL included */
#define PV_DNS_TEXT 2048  /* bytes that are kept of a TXT record, the NUL included */
#define PV_DNS_RECORDS 32 /* that are kept of an answer */

enum pv_dns_state {
	PV_DNS_FOUND,	/* there are records of the type */
	PV_DNS_NOTHING, /* the name is there, but has none */
	PV_DNS_NO_NAME,
	PV_DNS_FAILED, /* the server said that it cannot tell, or said something that makes no sense */
	PV_DNS_SILENT, /* it did not answer */
};

struct pv_dns_record {
	unsigned preference;	/* of an MX */
	char text[PV_DNS_TEXT]; /* MX, PTR: a name without the last dot (the root is ""); A, AAAA: an address;
				   TXT */
};

struct pv_dns_answer {
	enum pv_dns_state state;
	bool by_cname; /* the name that was asked for is an alias */
	struct pv_dns_record *list;
	size_t count, total; /* kept, and there */
};

struct pv_dns {
	struct __res_state state;
	bool open;
};

/* server: NULL or with sin_port 0: as resolv.conf(5) says. */
bool pv_dns_open(struct pv_dns *d, const struct sockaddr_in *server);
void pv_dns_close(struct pv_dns *d);

/* Ask for the records of a type (ns_t_a, ns_t_aaaa, ns_t_mx, ns_t_ptr, ns_t_txt). *a is to be freed. */
void pv_dns_ask(struct pv_dns *d, const char *name, ns_type type, struct pv_dns_answer *a);
void pv_dns_free(struct pv_dns_answer *a);

/* The name under which the reverse of an address (in writing) is asked for. Returns false: it is none. */
bool pv_dns_reverse_name(const char *address, char *name, size_t size);

/* The parser alone: message[0..len) as it came. Records of other types are passed over. */
void pv_dns_parse(const unsigned char *message, size_t len, ns_type type, struct pv_dns_answer *a);

#endif
