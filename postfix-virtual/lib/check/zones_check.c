/* The zones that a name server here serves, against the domains: which of them take no mail here? */
#include "address/idn.h"
#include "base/file.h"
#include "check/checkup.h"
#include "check/zones.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <sys/stat.h>
#include <unistd.h>

#define FILE_MAX ((size_t)64 << 20)

enum { FILES_MAX = 256 };

struct comparison {
	struct pv_checkup *u;
	const char *path; /* of the file that is read now */
	size_t zones;

	/* Those that were read: one that two views include, or that includes itself, is read once. */
	struct {
		dev_t dev;
		ino_t ino;
	} files[FILES_MAX];
	size_t count;
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
			 p->path, line, d.s);
}

static enum pv_class take_file(struct comparison *p, struct pv_error *e);

/* One beside the file that includes it, where it is named without a folder. */
static void take_include(void *ctx, const char *name)
{
	struct comparison *p = ctx;
	const char *from = p->path, *slash = strrchr(from, '/');
	struct pv_error why = { .class = PV_OK };
	char path[PATH_MAX];

	int len = *name != '/' && slash != NULL ? (int)(slash + 1 - from) : 0;
	if (snprintf(path, sizeof path, "%.*s%s", len, from, name) >= (int)sizeof path)
		return;
	p->path = path;
	if (take_file(p, &why) != PV_OK)
		pv_found(p->u, PV_UNKNOWN, from, "it includes what cannot be read: %s", why.text);
	p->path = from;
}

static bool is_new(struct comparison *p, int fd)
{
	struct stat st;

	if (p->count == FILES_MAX || fstat(fd, &st) != 0)
		return false;
	for (size_t i = 0; i < p->count; i++)
		if (p->files[i].dev == st.st_dev && p->files[i].ino == st.st_ino)
			return false;
	p->files[p->count].dev = st.st_dev;
	p->files[p->count++].ino = st.st_ino;
	return true;
}

static enum pv_class take_file(struct comparison *p, struct pv_error *e)
{
	struct pv_buf text = PV_BUF_INIT(FILE_MAX);
	const char *path = p->path;

	int fd = open(path, O_RDONLY | O_NONBLOCK | O_NOCTTY | O_CLOEXEC);
	if (fd < 0)
		return pv_fail_errno(e, PV_TEMPORARY, NULL, errno, "open the list of zones %s", path);
	enum pv_class c = is_new(p, fd) ? pv_file_read(fd, path, &text, e) : PV_OK;
	(void)close(fd);
	if (c == PV_OK && memchr(text.s, '\0', text.len) != NULL)
		c = pv_fail(e, PV_TEMPORARY, NULL, "%s is no text", path);
	if (c == PV_OK && text.len > 0)
		pv_zones_each(text.s, take_zone, take_include, p);
	pv_buf_free(&text);
	return c;
}

enum pv_class pv_check_zones(struct pv_checkup *u, struct pv_error *e)
{
	struct comparison p = { .u = u, .path = u->options->zones };

	if (p.path == NULL)
		return PV_OK;
	enum pv_class c = take_file(&p, e);
	if (c == PV_OK && p.zones == 0)
		pv_found(u, PV_UNKNOWN, p.path,
			 "it names no zone: a name a line, or named.conf, or named.boot");
	return c;
}
