/* The zones that a name server here serves, against the domains: which of them take no mail here? */
#include "address/idn.h"
#include "base/file.h"
#include "check/checkup.h"
#include "check/zones.h"

#include <errno.h>
#include <fcntl.h>
#include <unistd.h>

#define FILE_MAX ((size_t)64 << 20)

struct comparison {
	struct pv_checkup *u;
	size_t zones;
};

static void take_zone(void *ctx, const char *name, unsigned line)
{
	struct comparison *p = ctx;
	struct pv_domain d;

	/* Reverse zones, the root and localhost are nobody's mail domain. */
	if (pv_idn_domain(name, &d, NULL) != PV_OK || (d.len >= 5 && strcmp(d.s + d.len - 5, ".arpa") == 0))
		return;
	p->zones++;
	if (pv_subject_find(p->u, &d) == NULL)
		pv_found(p->u, PV_WARNING, d.s,
			 "%s, line %u: it is a zone here, and is not configured for mail: postfix-virtual "
			 "domain add %s",
			 p->u->options->zones, line, d.s);
}

enum pv_class pv_check_zones(struct pv_checkup *u, struct pv_error *e)
{
	const char *path = u->options->zones;
	struct comparison p = { .u = u };
	struct pv_buf text = PV_BUF_INIT(FILE_MAX);

	if (path == NULL)
		return PV_OK;
	int fd = open(path, O_RDONLY | O_NONBLOCK | O_NOCTTY | O_CLOEXEC);
	if (fd < 0)
		return pv_fail_errno(e, PV_TEMPORARY, NULL, errno, "open the list of zones %s", path);
	enum pv_class c = pv_file_read(fd, path, &text, e);
	(void)close(fd);
	if (c == PV_OK && memchr(text.s, '\0', text.len) != NULL)
		c = pv_fail(e, PV_TEMPORARY, NULL, "%s is no text", path);
	if (c == PV_OK && text.len > 0)
		pv_zones_each(text.s, take_zone, &p);
	if (c == PV_OK && p.zones == 0)
		pv_found(u, PV_UNKNOWN, path,
			 "it names no zone: a name a line, or named.conf, or named.boot");
	pv_buf_free(&text);
	return c;
}
