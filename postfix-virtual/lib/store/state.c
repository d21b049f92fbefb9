#include "store/state.h"

#include "base/file.h"

#include <errno.h>
#include <fcntl.h>
#include <unistd.h>

enum pv_class pv_state_open_in(int dirfd, const char *where, const char *name, mode_t mode, int *fd_r,
			       struct pv_error *e)
{
	const struct pv_trust trust = { .uid = geteuid(), .where = where };

	bool made = mkdirat(dirfd, name, mode) == 0;
	if (!made && errno != EEXIST)
		return pv_fail_errno(e, PV_TEMPORARY, "4.3.5", errno, "make the folder %s%s%s", where,
				     *where != '\0' ? "/" : "", name);
	enum pv_class c = pv_dir_open(dirfd, name, &trust, fd_r, NULL, e);
	if (c == PV_OK && *fd_r < 0)
		c = pv_fail(e, PV_TEMPORARY, "4.3.5", "the folder %s/%s vanished", where, name);
	/* What umask took away. */
	if (c == PV_OK && made && fchmodat(*fd_r, ".", mode, 0) != 0) {
		c = pv_fail_errno(e, PV_TEMPORARY, "4.3.5", errno, "set the mode of %s/%s", where, name);
		(void)close(*fd_r);
		*fd_r = -1;
	}
	return c;
}

enum pv_class pv_state_open(const char *path, const char *below, mode_t mode, int *fd_r, struct pv_error *e)
{
	int outer;

	*fd_r = -1;
	/* The outer one is closed to all but root, whatever lies below. */
	enum pv_class c = pv_state_open_in(AT_FDCWD, "", path, below != NULL ? 0700 : mode, &outer, e);
	if (c != PV_OK || below == NULL) {
		*fd_r = c == PV_OK ? outer : -1;
		return c;
	}
	c = pv_state_open_in(outer, path, below, mode, fd_r, e);
	(void)close(outer);
	return c;
}
