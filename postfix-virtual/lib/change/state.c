#include "change/state.h"

#include "base/file.h"

#include <errno.h>
#include <fcntl.h>
#include <unistd.h>

/* Whoever held it before may have removed the file meanwhile: then it is nobody's lock. */
static enum pv_class lock_in(int dirfd, const char *name, unsigned deadline_ms, int *fd_r, struct pv_error *e)
{
	struct stat st;

	for (;;) {
		enum pv_class c = pv_lock_file(dirfd, name, deadline_ms, fd_r, e);
		if (c != PV_OK)
			return c;
		if (fstat(*fd_r, &st) != 0)
			c = pv_fail_errno(e, PV_TEMPORARY, "4.3.0", errno, "stat the lock %s", name);
		else if (st.st_nlink > 0)
			return PV_OK;
		(void)close(*fd_r);
		*fd_r = -1;
		if (c != PV_OK)
			return c;
	}
}

static enum pv_class take_lock(const struct pv_store *s, const char *name, unsigned deadline_ms, int *fd_r,
			       struct pv_error *e)
{
	int dirfd;

	*fd_r = -1;
	enum pv_class c = pv_state_open(s->conf.run_directory, NULL, 0700, &dirfd, e);
	if (c != PV_OK)
		return c;
	c = lock_in(dirfd, name, deadline_ms, fd_r, e);
	(void)close(dirfd);
	return c;
}

enum pv_class pv_state_lock_domain(const struct pv_store *s, const struct pv_domain *d, unsigned deadline_ms,
				   int *fd_r, struct pv_error *e)
{
	char name[PV_DOMAIN_MAX + sizeof ".lock"];

	(void)snprintf(name, sizeof name, "%s.lock", d->s);
	return take_lock(s, name, deadline_ms, fd_r, e);
}

void pv_state_drop_lock(const struct pv_store *s, const struct pv_domain *d)
{
	char name[PV_DOMAIN_MAX + sizeof ".lock"];
	int dirfd;

	(void)snprintf(name, sizeof name, "%s.lock", d->s);
	if (pv_state_open(s->conf.run_directory, NULL, 0700, &dirfd, NULL) != PV_OK)
		return;
	(void)unlinkat(dirfd, name, 0);
	(void)close(dirfd);
}

enum pv_class pv_state_lock_host(const struct pv_store *s, int *fd_r, struct pv_error *e)
{
	return take_lock(s, "host.lock", PV_LOCK_DEADLINE_MS, fd_r, e);
}

enum pv_class pv_state_lock_nightly(const struct pv_store *s, int *fd_r, struct pv_error *e)
{
	return take_lock(s, "nightly.lock", 0, fd_r, e);
}
