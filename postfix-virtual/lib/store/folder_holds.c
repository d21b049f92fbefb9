#include "store/folder.h"

#include <dirent.h>

enum {
	LISTING_MAX = 4096, /* bytes: of a domain's folder, which holds a few files, more than enough */
	REST_SECONDS = 1,   /* some file systems keep no more of a time than its whole seconds */
};

static bool is_same(const struct timespec *a, const struct timespec *b)
{
	return a->tv_sec == b->tv_sec && a->tv_nsec == b->tv_nsec;
}

/* Is its last change so old that the next one gets another time? */
static bool has_rested(const struct pv_folder *f)
{
	struct timespec now;

	return clock_gettime(CLOCK_REALTIME_COARSE, &now) == 0 &&
	       f->changed.tv_sec + REST_SECONDS < now.tv_sec;
}

static unsigned find_names(const char *listing, size_t len, const char *const *names, size_t count)
{
	const struct dirent64 *entry;
	unsigned holds = 0;

	for (size_t at = 0; at < len; at += entry->d_reclen) {
		entry = (const void *)(listing + at);
		for (size_t i = 0; i < count; i++)
			if (strcmp(entry->d_name, names[i]) == 0)
				holds |= 1U << i;
	}
	return holds;
}

bool pv_folder_holds(const struct pv_folder *f, const char *const *names, size_t count, unsigned *holds_r)
{
	_Alignas(struct dirent64) char listing[LISTING_MAX], more[LISTING_MAX];
	struct stat st;

	if (!has_rested(f))
		return false;
	ssize_t len = getdents64(f->fd, listing, sizeof listing);
	if (len <= 0 || getdents64(f->fd, more, sizeof more) != 0)
		return false;
	if (fstat(f->fd, &st) != 0 || !is_same(&st.st_ctim, &f->changed))
		return false;
	*holds_r = find_names(listing, (size_t)len, names, count);
	return true;
}
