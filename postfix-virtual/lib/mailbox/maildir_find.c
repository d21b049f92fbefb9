#include "mailbox/maildir_name.h"
#include "mailbox/maildir_parts.h"

#include <errno.h>
#include <fcntl.h>
#include <unistd.h>

enum { UNTOUCHED_S = 36 * 3600 };

int pv_maildir_each(int dirfd, const char *name,
		    int (*use)(void *ctx, int folder, const struct dirent *entry), void *ctx)
{
	const struct dirent *entry;
	int r = 0, err;

	int fd = openat(dirfd, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	DIR *d = fd >= 0 ? fdopendir(fd) : NULL;
	if (d == NULL) {
		err = errno;
		if (fd >= 0)
			(void)close(fd);
		errno = err;
		return -1;
	}
	do {
		errno = 0;
		entry = readdir(d);
		bool may_be = entry != NULL && (entry->d_type == DT_REG || entry->d_type == DT_UNKNOWN) &&
			      entry->d_name[0] != '.';
		if (may_be)
			r = use(ctx, fd, entry);
		err = errno;
	} while (entry != NULL && r == 0);
	(void)closedir(d);
	errno = err;
	return entry == NULL && err != 0 ? -1 : r;
}

struct wanted {
	const char *base;
	size_t len;
	const unsigned char *id;
};

static int is_wanted(void *ctx, int folder, const struct dirent *entry)
{
	const struct wanted *w = ctx;

	(void)folder;
	if (w->base == NULL)
		return pv_maildir_name_has(entry->d_name, w->id);
	return pv_maildir_name_base(entry->d_name) == w->len && memcmp(entry->d_name, w->base, w->len) == 0;
}

/* new/ first: what moves to cur/ meanwhile is not missed. */
static int find(const struct pv_maildir_box *b, struct wanted *w)
{
	int r = pv_maildir_each(b->top, "new", is_wanted, w);

	return r == 0 ? pv_maildir_each(b->top, "cur", is_wanted, w) : r;
}

int pv_maildir_has_name(const struct pv_maildir_box *b, const char *name)
{
	struct wanted w = { .base = name, .len = pv_maildir_name_base(name) };
	struct stat st;

	if (fstatat(b->new, name, &st, AT_SYMLINK_NOFOLLOW) == 0)
		return 1;
	return errno == ENOENT ? find(b, &w) : -1;
}

int pv_maildir_has_id(const struct pv_maildir_box *b, const unsigned char id[PV_ID_BYTES])
{
	struct wanted w = { .id = id };

	return find(b, &w);
}

struct cleaning {
	uid_t uid;
	int64_t before; /* s */
};

static int remove_old(void *ctx, int folder, const struct dirent *entry)
{
	const struct cleaning *c = ctx;
	struct stat st;

	if (fstatat(folder, entry->d_name, &st, AT_SYMLINK_NOFOLLOW) == 0 && S_ISREG(st.st_mode) &&
	    st.st_uid == c->uid && st.st_mtim.tv_sec < c->before && st.st_atim.tv_sec < c->before)
		(void)unlinkat(folder, entry->d_name, 0);
	return 0;
}

void pv_maildir_clean(const struct pv_maildir_box *b)
{
	struct cleaning c = { .uid = b->uid };
	struct timespec now;

	(void)clock_gettime(CLOCK_REALTIME_COARSE, &now);
	c.before = (int64_t)now.tv_sec - UNTOUCHED_S;
	(void)pv_maildir_each(b->top, "tmp", remove_old, &c);
}
