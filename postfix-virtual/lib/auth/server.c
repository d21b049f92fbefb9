/* Which domain the address of the server means. */
#include "auth/server.h"

#include "base/table.h"
#include "store/conf.h"
#include "store/folder.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <unistd.h>

enum { HOSTS_MAX = 16 << 20 };

/* IPv4 as it looks when it is mapped into IPv6, so that both ways to write it are equal. */
static bool parse_address(const char *text, size_t len, struct in6_addr *a)
{
	char copy[INET6_ADDRSTRLEN];

	if (len >= sizeof copy)
		return false;
	memcpy(copy, text, len);
	copy[len] = '\0';
	memset(a, 0, sizeof *a);
	if (strchr(copy, ':') != NULL)
		return inet_pton(AF_INET6, copy, a) == 1;
	a->s6_addr[10] = a->s6_addr[11] = 0xff;
	return inet_pton(AF_INET, copy, a->s6_addr + 12) == 1;
}

static bool is_address(const char *text, size_t len, const struct in6_addr *wanted)
{
	struct in6_addr a;

	return parse_address(text, len, &a) && memcmp(&a, wanted, sizeof a) == 0;
}

/* The domain of ours behind a name, which may be none. */
static enum pv_class look(const struct pv_store *s, const char *name, size_t len, struct pv_domain *d,
			  bool *found_r, struct pv_error *e)
{
	struct pv_domain named;
	struct pv_folder f;

	if (pv_domain_parse(name, len, &named, NULL) != PV_OK)
		return PV_OK;
	enum pv_class c = pv_folder_behind(s, &named, &f, e);
	if (c != PV_OK)
		return c;
	*found_r = f.fd >= 0;
	if (*found_r)
		*d = f.domain;
	pv_folder_close(&f);
	return PV_OK;
}

/* What pop3_domains says of the address. *says_r: something. */
static enum pv_class ask_conf(const struct pv_store *s, const struct in6_addr *a, struct pv_domain *d,
			      bool *says_r, bool *found_r, struct pv_error *e)
{
	struct pv_conf_word w = { .next = s->conf.pop3_domains };

	*says_r = false;
	while (pv_conf_word(&w)) {
		const char *equal = memchr(w.s, '=', w.len);
		if (equal == NULL || !is_address(w.s, (size_t)(equal - w.s), a))
			continue;
		*says_r = true;
		return look(s, equal + 1, w.len - (size_t)(equal - w.s) - 1, d, found_r, e);
	}
	return PV_OK;
}

/* The names on a line for the address, the first first. */
static enum pv_class ask_line(const struct pv_store *s, char *text, const struct in6_addr *a,
			      struct pv_domain *d, bool *found_r, struct pv_error *e)
{
	enum pv_class c = PV_OK;

	text[strcspn(text, "#")] = '\0';
	const char *word = pv_word(&text);
	if (word == NULL || !is_address(word, strlen(word), a))
		return PV_OK;
	while (c == PV_OK && !*found_r && (word = pv_word(&text)) != NULL)
		c = look(s, word, strlen(word), d, found_r, e);
	return c;
}

/* The host's own file: read as the resolver reads it, whoever may write it. */
static enum pv_class load_hosts(const char *file, struct pv_buf *text, struct pv_error *e)
{
	int fd = open(file, O_RDONLY | O_NONBLOCK | O_NOCTTY | O_CLOEXEC);

	if (fd < 0 && errno == ENOENT)
		return PV_OK;
	if (fd < 0)
		return pv_fail_errno(e, PV_TEMPORARY, "4.3.5", errno, "open %s", file);
	enum pv_class c = pv_file_read(fd, file, text, e);
	(void)close(fd);
	return c;
}

static enum pv_class ask_hosts(const struct pv_store *s, const char *file, const struct in6_addr *a,
			       struct pv_domain *d, bool *found_r, struct pv_error *e)
{
	struct pv_buf text = PV_BUF_INIT(HOSTS_MAX);
	struct pv_lines it;
	struct pv_line l;

	enum pv_class c = load_hosts(file, &text, e);
	pv_lines_start(&it, file, &text, false);
	while (c == PV_OK && !*found_r && (c = pv_lines_next(&it, &l, e)) == PV_OK && l.text != NULL)
		c = ask_line(s, l.text, a, d, found_r, e);
	pv_buf_free(&text);
	return c;
}

enum pv_class pv_login_server_domain_in(const struct pv_store *s, const char *hosts_file, const char *address,
					struct pv_domain *d, bool *found_r, struct pv_error *e)
{
	struct in6_addr a;
	bool says;

	*found_r = false;
	if (!parse_address(address, strlen(address), &a))
		return PV_OK;
	enum pv_class c = ask_conf(s, &a, d, &says, found_r, e);
	return c == PV_OK && !says ? ask_hosts(s, hosts_file, &a, d, found_r, e) : c;
}

enum pv_class pv_login_server_domain(const struct pv_store *s, const char *address, struct pv_domain *d,
				     bool *found_r, struct pv_error *e)
{
	return pv_login_server_domain_in(s, "/etc/hosts", address, d, found_r, e);
}
