#include "change/passwd_place.h"

#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <sys/stat.h>
#include <unistd.h>

/* Cut a link's target into folder and name. Returns false where there is no name, or it is too long. */
static bool split(const char *target, const char *where, struct pv_passwd_place *p)
{
	const char *slash = strrchr(target, '/');
	const char *name = slash != NULL ? slash + 1 : target;
	int len = slash == target ? 1 : slash != NULL ? (int)(slash - target) : 0;
	int n = *target == '/' ? snprintf(p->where, sizeof p->where, "%.*s", len, target)
			       : snprintf(p->where, sizeof p->where, "%s%s%.*s", where, len > 0 ? "/" : "",
					  len, target);

	return n >= 0 && (size_t)n < sizeof p->where && *name != '\0' && strcmp(name, ".") != 0 &&
	       strcmp(name, "..") != 0 &&
	       (size_t)snprintf(p->name, sizeof p->name, "%s", name) < sizeof p->name;
}

static enum pv_class follow(int folder, const char *where, const char *target, struct pv_passwd_place *p,
			    struct pv_error *e)
{
	struct stat st;

	if (!split(target, where, p))
		return pv_fail(e, PV_TEMPORARY, "4.3.5",
			       "%s/passwd is a symlink that leads to no file: mend it", where);
	const char *dir = *target != '/' && strchr(target, '/') == NULL ? "." : p->where;
	p->fd = openat(folder, dir, O_PATH | O_DIRECTORY | O_CLOEXEC);
	if (p->fd < 0)
		return pv_fail_errno(e, PV_TEMPORARY, "4.3.5", errno, "open %s, where %s/passwd leads",
				     p->where, where);
	if (fstatat(p->fd, p->name, &st, AT_SYMLINK_NOFOLLOW) == 0 && S_ISLNK(st.st_mode)) {
		(void)close(p->fd);
		return pv_fail(
			e, PV_TEMPORARY, "4.3.5",
			"%s/passwd is a symlink to a second one, %s/%s: let it lead to the file itself",
			where, p->where, p->name);
	}
	return PV_OK;
}

enum pv_class pv_passwd_place_open(int folder, const char *where, struct pv_passwd_place *p,
				   struct pv_error *e)
{
	char target[PATH_MAX];
	enum pv_class c = PV_OK;

	ssize_t n = readlinkat(folder, "passwd", target, sizeof target - 1);
	if (n >= 0) {
		target[n] = '\0';
		c = follow(folder, where, target, p, e);
	} else {
		(void)snprintf(p->where, sizeof p->where, "%s", where);
		(void)snprintf(p->name, sizeof p->name, "passwd");
		p->fd = fcntl(folder, F_DUPFD_CLOEXEC, 3);
		if (p->fd < 0)
			c = pv_fail_errno(e, PV_TEMPORARY, "4.3.0", errno, "open %s again", where);
	}
	if (c == PV_OK)
		(void)snprintf(p->path, sizeof p->path, "%s/%s", p->where, p->name);
	return c;
}

void pv_passwd_place_close(struct pv_passwd_place *p)
{
	(void)close(p->fd);
}
