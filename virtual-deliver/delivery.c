#include "delivery.h"

#include "base/beneath.h"
#include "base/clock.h"
#include "base/file.h"
#include "sender.h"

#include <errno.h>
#include <fcntl.h>
#include <pwd.h>
#include <sys/stat.h>
#include <unistd.h>

enum { SPARE_MS = 10 * 1000, SECONDS_MIN = 5 };

const char *delivery_home(struct delivery *d)
{
	const char *home = getenv("HOME");
	struct stat st;

	if (d->home_known)
		return d->home;
	d->home_known = true;
	if (home != NULL && home[0] == '/' && stat(home, &st) == 0 && st.st_uid == d->uid) {
		d->home = home;
	} else {
		const struct passwd *pw = getpwuid(d->uid);
		d->home = pw != NULL ? pw->pw_dir : NULL;
	}
	return d->home;
}

const char *delivery_home_for(void *ctx)
{
	return delivery_home(ctx);
}

unsigned delivery_seconds(const struct delivery *d, unsigned want, unsigned reserve)
{
	int64_t left = (DEADLINE_MS - SPARE_MS - (pv_now_us() - d->begun_us) / 1000) / 1000 - reserve;

	int64_t limit = strtol(d->store.conf.command_time_limit, NULL, 10);

	if (left < SECONDS_MIN)
		return 0;
	if (want > 0 && want < limit)
		limit = want;
	return (unsigned)(left < limit ? left : limit);
}

enum pv_class delivery_last_look(void *ctx, struct pv_error *e)
{
	const struct delivery *d = ctx;

	if (!sender_is_gone(d->parent, d->header.quote.last != '\n'))
		return PV_OK;
	return pv_fail(e, PV_TEMPORARY, "4.3.0",
		       "the program that sent the message is gone: it may not be whole");
}

static enum pv_class check_folder(int fd, const char *path, uid_t uid, struct pv_error *e)
{
	struct stat st;

	if (fstat(fd, &st) != 0)
		return pv_fail_errno(e, PV_TEMPORARY, "4.3.0", errno, "stat folder %s", path);
	if (st.st_uid != uid || (st.st_mode & (S_IWGRP | S_IWOTH)) != 0)
		return pv_fail(
			e, PV_TEMPORARY, "4.3.5",
			"folder %s must belong to uid %lu and be writable by nobody else: chown and chmod it",
			path, (unsigned long)uid);
	return PV_OK;
}

int delivery_files_folder(const struct delivery *d, char *path, size_t size, struct pv_error *e)
{
	const char *spool = d->store.conf.spool_directory, *domain = d->route.folder.domain.s;
	char own[4096];
	bool spool_missing;

	if (path == NULL) {
		path = own;
		size = sizeof own;
	}
	(void)snprintf(path, size, "%s/%s/.files", spool, domain);
	int dirfd = pv_open_folder_in(spool, domain, &spool_missing);
	if (dirfd < 0) {
		(void)pv_fail_errno(e, PV_TEMPORARY, "4.3.5", errno, "open folder %s/%s", spool, domain);
		return -1;
	}
	int fd = -1;
	if (check_folder(dirfd, path, d->uid, e) == PV_OK) {
		bool made = mkdirat(dirfd, ".files", 0700) == 0;
		bool there = (made && pv_dir_sync(dirfd) == 0) || (!made && errno == EEXIST);
		fd = there ? pv_open_beneath(dirfd, ".files", O_RDONLY | O_DIRECTORY, 0) : -1;
		if (fd < 0)
			(void)pv_fail_errno(e, PV_TEMPORARY,
					    errno == ENOSPC || errno == EDQUOT ? "4.3.1" : "4.3.5", errno,
					    "open folder %s", path);
	}
	(void)close(dirfd);
	if (fd >= 0 && check_folder(fd, path, d->uid, e) != PV_OK) {
		(void)close(fd);
		fd = -1;
	}
	return fd;
}
