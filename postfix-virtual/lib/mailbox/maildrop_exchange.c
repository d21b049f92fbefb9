#include "mailbox/maildrop_exchange.h"

#include "base/file.h"

#include <errno.h>
#include <fcntl.h>
#include <unistd.h>

static enum pv_class fail_exchange(const struct pv_location *where, struct pv_error *e)
{
	if (errno != EINVAL && errno != ENOSYS)
		return pv_fail_errno(e, PV_TEMPORARY, "4.3.0", errno, "put a new mailbox in the place of %s",
				     where->path);
	return pv_fail(
		e, PV_PERMANENT, "4.3.5",
		"the file system of %s cannot let two names change places: work on a copy of it elsewhere",
		where->path);
}

static int exchange(const struct pv_location *where, const char *name)
{
	return renameat2(where->dirfd, name, where->dirfd, where->name, RENAME_EXCHANGE);
}

enum pv_class pv_exchange(const struct pv_location *where, const char *name, const struct stat *was,
			  char old[NAME_MAX + 1], struct pv_error *e)
{
	struct stat st;

	if (exchange(where, name) != 0)
		return fail_exchange(where, e);
	bool same = fstatat(where->dirfd, name, &st, AT_SYMLINK_NOFOLLOW) == 0 && st.st_ino == was->st_ino &&
		    st.st_dev == was->st_dev && (S_ISDIR(st.st_mode) || st.st_size == was->st_size);
	if (!same && exchange(where, name) != 0) {
		(void)snprintf(old, NAME_MAX + 1, "%s", name);
		return pv_fail_errno(
			e, PV_TEMPORARY, "4.2.0", errno,
			"mailbox %s was changed by another program, and is now %.*s/%s: put it back",
			where->path, (int)(where->name - where->path - 1), where->path, name);
	}
	if (!same)
		return pv_fail(
			e, PV_TEMPORARY, "4.2.0",
			"mailbox %s was changed by another program in spite of our locks: it is as it was",
			where->path);
	(void)snprintf(old, NAME_MAX + 1, "%s", name);
	return pv_dir_sync(where->dirfd) == 0
		       ? PV_OK
		       : pv_fail_errno(e, PV_TEMPORARY, "4.3.0", errno, "sync the folder of %s", where->path);
}
