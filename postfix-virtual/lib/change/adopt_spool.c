/* The mailboxes of a domain that is taken over stay as they are; one into which nothing could be delivered is
 * named. */
#include "change/adopt_inside.h"

#include "base/child.h"
#include "base/file.h"
#include "mailbox/lock.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>

enum { REPORT_MAX = 1 << 20 };

static const struct pv_child_limits limits = { .seconds = 30, .cpu_seconds = 10 };

struct request {
	char path[PATH_MAX];
	uid_t uid;
};

static enum pv_class list_spool(void *ctx, int out_fd, struct pv_error *e)
{
	const struct request *r = ctx;
	struct pv_buf out = PV_BUF_INIT(REPORT_MAX);
	struct dirent *entry;
	struct pv_user u;
	struct stat st;
	size_t faults = 0;

	DIR *dir = opendir(r->path);
	if (dir == NULL)
		return errno == ENOENT ? PV_OK
				       : pv_fail_errno(e, PV_TEMPORARY, "4.3.5", errno, "read %s", r->path);
	while ((entry = readdir(dir)) != NULL) {
		const char *name = entry->d_name;
		if (pv_user_parse(name, strlen(name), &u, NULL) != PV_OK || strcmp(u.s, name) != 0 ||
		    fstatat(dirfd(dir), name, &st, AT_SYMLINK_NOFOLLOW) != 0)
			continue;
		/* A folder is no mbox of 2002's. */
		const char *fault = S_ISDIR(st.st_mode) ? NULL : pv_mailbox_fault(&st, r->uid, false);
		if (fault != NULL && faults++ < PV_ADOPT_NAMED)
			pv_buf_addf(&out, "mailbox %s/%s %s; until then its mail waits\n", r->path, name,
				    fault);
	}
	(void)closedir(dir);
	if (faults > PV_ADOPT_NAMED)
		pv_buf_addf(&out, "%zu more mailboxes in %s are like these; until then their mail waits\n",
			    faults - PV_ADOPT_NAMED, r->path);
	enum pv_class c = pv_buf_check(&out, r->path, e);
	if (c == PV_OK && pv_write_all(out_fd, out.s, out.len) != 0)
		c = pv_fail_errno(e, PV_TEMPORARY, "4.3.0", errno, "write to a pipe");
	pv_buf_free(&out);
	return c;
}

enum pv_class pv_adopt_look_at_mail(const struct pv_adopting *a, struct pv_buf *notes, struct pv_error *e)
{
	struct request r = { .uid = a->w.account.uid };
	struct stat st;

	(void)snprintf(r.path, sizeof r.path, "%s/%s", a->w.c->store->conf.spool_directory, a->w.domain.s);
	/* In a dry run a folder of root's is still closed to the account; no account put anything there. */
	if (lstat(r.path, &st) != 0 || st.st_uid != r.uid)
		return PV_OK;
	return pv_child_run(r.uid, a->w.account.gid, &limits, list_spool, &r, notes, e);
}
