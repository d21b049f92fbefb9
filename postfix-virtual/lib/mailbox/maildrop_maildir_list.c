#include "mailbox/maildrop_maildir.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <unistd.h>

void pv_maildir_list_free(struct pv_maildir_listing *l)
{
	for (size_t i = 0; i < l->n; i++)
		free(l->v[i].name);
	free(l->v);
	*l = (struct pv_maildir_listing){ .v = NULL };
}

/* The digits at the start, without zeros in front. */
static size_t time_digits(const struct pv_maildir_entry *x, const char **digits_r)
{
	size_t zeros = strspn(x->name, "0");

	*digits_r = x->name + zeros;
	return strspn(*digits_r, "0123456789");
}

int pv_maildir_compare(const struct pv_maildir_entry *a, const struct pv_maildir_entry *b)
{
	const char *x, *y;
	size_t len_x = time_digits(a, &x), len_y = time_digits(b, &y);

	if (len_x != len_y)
		return len_x < len_y ? -1 : 1;
	int order = memcmp(x, y, len_x);
	if (order == 0)
		order = memcmp(a->name, b->name, a->base < b->base ? a->base : b->base);
	if (order == 0 && a->base != b->base)
		order = a->base < b->base ? -1 : 1;
	return order;
}

/* A message that was moved while we read is in both folders: the one in cur/ comes first, and stays. */
static int compare(const void *a, const void *b)
{
	const struct pv_maildir_entry *x = a, *y = b;
	int order = pv_maildir_compare(x, y);

	return order != 0 ? order : (int)x->in_new - (int)y->in_new;
}

static int add_entry(struct pv_maildir_listing *l, const struct dirent *d, bool in_new)
{
	if (l->n == l->room) {
		size_t room = l->room == 0 ? 64 : l->room * 2;
		struct pv_maildir_entry *v = reallocarray(l->v, room, sizeof *v);
		if (v == NULL)
			return -1;
		l->v = v;
		l->room = room;
	}
	struct pv_maildir_entry *x = &l->v[l->n];
	*x = (struct pv_maildir_entry){ .name = strdup(d->d_name), .inode = d->d_ino, .in_new = in_new };
	if (x->name == NULL)
		return -1;
	x->base = (unsigned)strcspn(x->name, ":");
	l->n++;
	return 0;
}

static int list_folder(int folder, bool in_new, struct pv_maildir_listing *l)
{
	const struct dirent *entry;
	int r = 0;

	int fd = openat(folder, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	DIR *d = fd >= 0 ? fdopendir(fd) : NULL;
	if (d == NULL) {
		int err = errno;
		if (fd >= 0)
			(void)close(fd);
		errno = err;
		return -1;
	}
	errno = 0;
	while (r == 0 && (entry = readdir(d)) != NULL) {
		bool may_be = entry->d_type == DT_REG || entry->d_type == DT_UNKNOWN;
		if (may_be && entry->d_name[0] != '.')
			r = add_entry(l, entry, in_new);
	}
	int err = errno;
	(void)closedir(d);
	errno = err;
	return r == 0 && err == 0 ? 0 : -1;
}

static void drop_doubles(struct pv_maildir_listing *l)
{
	size_t kept = 0;

	for (size_t i = 0; i < l->n; i++) {
		if (kept > 0 && pv_maildir_compare(&l->v[kept - 1], &l->v[i]) == 0)
			free(l->v[i].name);
		else
			l->v[kept++] = l->v[i];
	}
	l->n = kept;
}

int pv_maildir_list(const int folders[2], struct pv_maildir_listing *l)
{
	*l = (struct pv_maildir_listing){ .v = NULL };
	/* new/ first: what moves to cur/ meanwhile is seen twice, and not missed. */
	for (int k = 1; k >= 0; k--)
		if (folders[k] >= 0 && list_folder(folders[k], k == 1, l) != 0) {
			int err = errno;
			pv_maildir_list_free(l);
			errno = err;
			return -1;
		}
	if (l->n > 0)
		qsort(l->v, l->n, sizeof *l->v, compare);
	drop_doubles(l);
	return 0;
}
