#include "check/dns.h"

#include "base/clock.h"
#include "base/error.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netdb.h>
#include <string.h>

enum { SECONDS = 5, TRIES = 2, MESSAGE_MAX = 65535 };

bool pv_dns_open(struct pv_dns *d, const struct sockaddr_in *server)
{
	memset(d, 0, sizeof *d);
	d->open = res_ninit(&d->state) == 0;
	if (!d->open)
		return false;
	d->state.retrans = SECONDS;
	d->state.retry = TRIES;
	if (server != NULL && server->sin_port != 0) {
		d->state.nscount = 1;
		d->state.nsaddr_list[0] = *server;
	}
	return true;
}

void pv_dns_close(struct pv_dns *d)
{
	if (d->open)
		res_nclose(&d->state);
	d->open = false;
}

void pv_dns_free(struct pv_dns_answer *a)
{
	free(a->list);
	a->list = NULL;
	a->count = a->total = 0;
}

/* A name at `at` of the message, in writing. */
static bool take_name(const ns_msg *m, const unsigned char *at, char *to, size_t size)
{
	char name[PV_DNS_NAME];

	if (ns_name_uncompress(ns_msg_base(*m), ns_msg_end(*m), at, name, sizeof name) < 0)
		return false;
	(void)snprintf(to, size, "%s", strcmp(name, ".") == 0 ? "" : name);
	return true;
}

/* Strings of up to 255 bytes, which are meant to be read as one. */
static bool take_text(const unsigned char *data, size_t len, char *to, size_t size)
{
	size_t used = 0;

	for (size_t at = 0; at < len;) {
		size_t n = data[at++];
		if (n > len - at)
			return false;
		size_t fits = n < size - 1 - used ? n : size - 1 - used;
		memcpy(to + used, data + at, fits);
		used += fits;
		at += n;
	}
	to[used] = '\0';
	/* A NUL inside ends nothing. */
	pv_printable(to, used);
	return true;
}

static bool take_record(const ns_msg *m, const ns_rr *rr, ns_type type, struct pv_dns_record *r)
{
	const unsigned char *data = ns_rr_rdata(*rr);
	size_t len = ns_rr_rdlen(*rr);

	r->preference = 0;
	if (type == ns_t_a)
		return len == 4 && inet_ntop(AF_INET, data, r->text, sizeof r->text) != NULL;
	if (type == ns_t_aaaa)
		return len == 16 && inet_ntop(AF_INET6, data, r->text, sizeof r->text) != NULL;
	if (type == ns_t_txt)
		return take_text(data, len, r->text, sizeof r->text);
	if (type == ns_t_mx && len >= 3) {
		r->preference = ns_get16(data);
		return take_name(m, data + 2, r->text, sizeof r->text);
	}
	return type == ns_t_ptr && take_name(m, data, r->text, sizeof r->text);
}

static enum pv_dns_state state_of(int rcode)
{
	return rcode == ns_r_noerror	? PV_DNS_NOTHING
	       : rcode == ns_r_nxdomain ? PV_DNS_NO_NAME
					: PV_DNS_FAILED;
}

void pv_dns_parse(const unsigned char *message, size_t len, ns_type type, struct pv_dns_answer *a)
{
	ns_msg m;
	ns_rr rr;

	*a = (struct pv_dns_answer){ .state = PV_DNS_FAILED };
	if (len > MESSAGE_MAX || ns_initparse(message, (int)len, &m) != 0 || ns_msg_getflag(m, ns_f_qr) != 1)
		return;
	a->state = state_of((int)ns_msg_getflag(m, ns_f_rcode));
	if (a->state != PV_DNS_NOTHING)
		return;
	for (int i = 0; i < ns_msg_count(m, ns_s_an); i++) {
		if (ns_parserr(&m, ns_s_an, i, &rr) != 0) {
			a->state = PV_DNS_FAILED;
			return;
		}
		a->by_cname = a->by_cname || ns_rr_type(rr) == ns_t_cname;
		if (ns_rr_type(rr) != type || ns_rr_class(rr) != ns_c_in)
			continue;
		a->total++;
		if (a->list == NULL)
			a->list = calloc(PV_DNS_RECORDS, sizeof *a->list);
		if (a->list != NULL && a->count < PV_DNS_RECORDS &&
		    take_record(&m, &rr, type, &a->list[a->count]))
			a->count++;
	}
	/* Records, but none that can be read. */
	if (a->total > 0)
		a->state = a->count > 0 ? PV_DNS_FOUND : PV_DNS_FAILED;
}

void pv_dns_ask(struct pv_dns *d, const char *name, ns_type type, struct pv_dns_answer *a)
{
	unsigned char *message = malloc(MESSAGE_MAX);
	int64_t begun = pv_now_ms();

	*a = (struct pv_dns_answer){ .state = PV_DNS_FAILED };
	if (message == NULL)
		return;
	errno = 0;
	int n = res_nquery(&d->state, name, ns_c_in, (int)type, message, MESSAGE_MAX);
	if (n >= 0)
		pv_dns_parse(message, n < MESSAGE_MAX ? (size_t)n : MESSAGE_MAX, type, a);
	else if (d->state.res_h_errno == HOST_NOT_FOUND)
		a->state = PV_DNS_NO_NAME;
	else if (d->state.res_h_errno == NO_DATA)
		a->state = PV_DNS_NOTHING;
	else if (errno == ECONNREFUSED || pv_now_ms() - begun >= (SECONDS - 1) * 1000)
		a->state = PV_DNS_SILENT;
	free(message);
}

bool pv_dns_reverse_name(const char *address, char *name, size_t size)
{
	unsigned char b[16];
	char nibbles[65];

	if (inet_pton(AF_INET, address, b) == 1) {
		(void)snprintf(name, size, "%u.%u.%u.%u.in-addr.arpa", b[3], b[2], b[1], b[0]);
		return true;
	}
	if (inet_pton(AF_INET6, address, b) != 1)
		return false;
	for (size_t i = 0; i < 16; i++)
		(void)snprintf(nibbles + 4 * i, 5, "%x.%x.", b[15 - i] & 15u, (unsigned)b[15 - i] >> 4);
	(void)snprintf(name, size, "%sip6.arpa", nibbles);
	return true;
}
